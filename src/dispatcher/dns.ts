// STRICT_DNS and LOGICAL_DNS: turns the host names of a cluster into endpoints, again and again. Of STRICT_DNS every
// address of every name is an endpoint; of LOGICAL_DNS the one name is, and its first address is where new connections
// go. A name that cannot be resolved keeps its last good addresses and is asked again with back-off; so one broken name
// costs neither the cluster nor its other names. Runs on main; workers only ever see the resulting assignment.
import { isIP } from 'node:net';
import type { DnsResolver } from '../config/dns.js';
import type { ClusterConfig, Endpoint, EndpointAssignment } from '../config/types.js';
import { errorText } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Log } from '../core/log.js';
import type { ComputedStatistic } from '../telemetry/statistics.js';
import { resolveHost } from './resolve.js';
import type { Resolve } from './resolve.js';

const TTL_MS_MIN = 1000;

interface Name {
  host: string;
  endpoints: Endpoint[];
  addresses: string[];
  answered: boolean;              // once at least, well or badly
  failures: number;
  timer: NodeJS.Timeout | null;
}
interface Watched { cluster: ClusterConfig; names: Name[]; stopped: boolean; published: string }

export class DnsClusters {
  /** Counted for /stats (cluster.<name>.update_*). */
  readonly counts = new Map<string, { attempt: number; success: number; failure: number; no_rebuild: number }>();
  /** Of clusters that have no resolver of their own; null = the system's. */
  defaultResolver: DnsResolver | null = null;
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly publish: (cluster: string, assignment: EndpointAssignment) => void,
    private readonly log: Log,
    private readonly resolve: Resolve = resolveHost) {}

  /** Starts resolving a cluster's names, or goes on with what is known where a name was there before. */
  watch(cluster: ClusterConfig): void {
    const old = this.watched.get(cluster.name);
    if (old !== undefined) this.stop(old);
    const names = new Map<string, Name>();
    for (const endpoint of cluster.loadAssignment?.endpoints ?? []) {
      const host = endpoint.address.kind === 'ip' ? endpoint.address.host : '';
      const known = names.get(host);
      if (known !== undefined) { known.endpoints.push(endpoint); continue; }
      const before = old?.names.find((name) => name.host === host);
      const literal = host === '' || isIP(host) !== 0;
      names.set(host, { host, endpoints: [endpoint], addresses: literal ? [host] : before?.addresses ?? [],
        answered: literal || (before?.answered ?? false), failures: 0, timer: null });
    }
    const watched: Watched = { cluster, names: [...names.values()], stopped: false, published: '' };
    this.watched.set(cluster.name, watched);
    if (!this.counts.has(cluster.name)) this.counts.set(cluster.name, { attempt: 0, success: 0, failure: 0,
      no_rebuild: 0 });
    for (const name of watched.names) if (name.host !== '' && isIP(name.host) === 0) void this.ask(watched, name);
    this.update(watched);
  }

  unwatch(cluster: string): void {
    const watched = this.watched.get(cluster);
    if (watched === undefined) return;
    this.stop(watched);
    this.watched.delete(cluster);
    this.counts.delete(cluster);
  }

  *statistics(): Iterable<ComputedStatistic> {
    for (const [name, counts] of this.counts) {
      const prefix = `cluster.${this.watched.get(name)?.cluster.altStatName ?? name}.update_`;
      for (const [of, value] of Object.entries(counts)) yield { name: prefix + of, value, type: 'counter' };
    }
  }

  end(): void { for (const name of [...this.watched.keys()]) this.unwatch(name); }

  private stop(watched: Watched): void {
    watched.stopped = true;
    for (const name of watched.names) if (name.timer !== null) clearTimeout(name.timer);
  }

  private async ask(watched: Watched, name: Name): Promise<void> {
    const { dns: options } = watched.cluster;
    const counts = this.counts.get(watched.cluster.name)!;
    let waitMs: number;
    counts.attempt++;
    try {
      const { addresses, ttlMs } = await this.resolve(name.host, options.family, options.respectTtl,
        options.resolver ?? this.defaultResolver);
      if (watched.stopped) return;
      counts.success++;
      name.failures = 0;
      const found = [...new Set(addresses)];
      if (watched.cluster.type === 'strictDns') found.sort();
      if (found.join() === name.addresses.join()) counts.no_rebuild++;
      name.addresses = found;
      waitMs = options.respectTtl && ttlMs > 0 ? Math.max(TTL_MS_MIN, ttlMs) : options.refreshRateMs;
    } catch (error) {
      if (watched.stopped) return;
      counts.failure++;
      if (name.failures === 0) {
        this.log.warn(`cluster ${watched.cluster.name}: ${name.host} cannot be resolved (${errorText(error)}); ` +
          `${name.addresses.length} known addresses are kept`);
      }
      const most = Math.min(options.failureRefreshMaxMs, options.failureRefreshBaseMs * 2 ** name.failures++);
      waitMs = Math.max(1, most * (0.5 + Math.random() / 2));
    }
    name.answered = true;
    waitMs += Math.floor(Math.random() * options.jitterMs);
    name.timer = setTimeout(() => void this.ask(watched, name), waitMs);
    name.timer.unref();
    this.update(watched);
  }

  /**
   * Publishes once every name was answered, well or badly, so that a cluster does not start with part of its
   * endpoints.
   */
  private update(watched: Watched): void {
    if (!watched.names.every((name) => name.answered)) return;
    const endpoints: Endpoint[] = [];
    for (const name of watched.names) {
      for (const endpoint of name.endpoints) {
        if (watched.cluster.type === 'logicalDns') endpoints.push(...logical(endpoint, name.addresses,
          watched.cluster.dns.family === 'all'));
        else for (const host of name.addresses) endpoints.push(withHost(endpoint, host));
      }
    }
    const text = JSON.stringify(endpoints);
    if (text === watched.published) return;
    watched.published = text;
    this.publish(watched.cluster.name, { clusterName: watched.cluster.name, endpoints,
      policy: watched.cluster.loadAssignment!.policy });
  }
}

/** One endpoint, at the first address; with dns_lookup_family ALL the others are tried after it. */
function logical(endpoint: Endpoint, addresses: readonly string[], all: boolean): Endpoint[] {
  if (addresses.length === 0) return [];
  const [first, ...others] = addresses.slice(0, limits.endpointAddressesMax).map((host) => withHost(endpoint, host));
  return [{ ...first!, additionalAddresses: all ? others.map(({ address }) => address) : [] }];
}

function withHost(endpoint: Endpoint, host: string): Endpoint {
  if (endpoint.address.kind !== 'ip') return endpoint;
  const hostname = endpoint.hostname !== '' ? endpoint.hostname : endpoint.address.host;
  return { ...endpoint, hostname, address: { ...endpoint.address, host } };
}
