// STRICT_DNS: turns the host names of a cluster into endpoints, again and again. Every address of every name is an
// endpoint. A name that cannot be resolved keeps its last good addresses and is asked again with back-off; so one
// broken name costs neither the cluster nor its other names. Runs on main; workers only ever see the resulting
// assignment.
import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { ClusterConfig, Endpoint, EndpointAssignment } from '../config/types.js';
import { errorText } from '../core/errors.js';
import type { Log } from '../core/log.js';

export interface Resolution { addresses: string[]; ttlMs: number }
type Family = ClusterConfig['dns']['family'];
/** Resolves one name; rejects when there is no answer. `ttlMs` is 0 when it is not known. */
export type Resolve = (host: string, family: Family, wantTtl: boolean) => Promise<Resolution>;

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
  readonly counts = new Map<string, { attempt: number; success: number; failure: number }>();
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
    if (!this.counts.has(cluster.name)) this.counts.set(cluster.name, { attempt: 0, success: 0, failure: 0 });
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
      const { addresses, ttlMs } = await this.resolve(name.host, options.family, options.respectTtl);
      if (watched.stopped) return;
      counts.success++;
      name.failures = 0;
      name.addresses = [...new Set(addresses)].sort();
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
        for (const host of name.addresses) endpoints.push(withHost(endpoint, host));
      }
    }
    const text = JSON.stringify(endpoints);
    if (text === watched.published) return;
    watched.published = text;
    this.publish(watched.cluster.name, { clusterName: watched.cluster.name, endpoints,
      policy: watched.cluster.loadAssignment!.policy });
  }
}

function withHost(endpoint: Endpoint, host: string): Endpoint {
  if (endpoint.address.kind !== 'ip') return endpoint;
  const hostname = endpoint.hostname !== '' ? endpoint.hostname : endpoint.address.host;
  return { ...endpoint, hostname, address: { ...endpoint.address, host } };
}

/**
 * The system's resolver (hosts file, search domains); DNS itself where a time to live is wanted and it has the name.
 */
export const resolveHost: Resolve = async (host, family, wantTtl) => {
  if (wantTtl) {
    const found = await resolveWithTtl(host, family).catch(() => null);
    if (found !== null) return found;
  }
  const all = await dns.lookup(host, { all: true, family: family === 'v4Only' ? 4 : family === 'v6Only' ? 6 : 0,
    verbatim: true });
  return { addresses: chooseFamily(all.map((entry) => entry.address), family), ttlMs: 0 };
};

async function resolveWithTtl(host: string, family: Family): Promise<Resolution | null> {
  const v4 = family === 'v6Only' ? [] : await dns.resolve4(host, { ttl: true }).catch(() => []);
  const v6 = family === 'v4Only' ? [] : await dns.resolve6(host, { ttl: true }).catch(() => []);
  const all = [...v6, ...v4];
  if (all.length === 0) return null;
  const chosen = new Set(chooseFamily(all.map((record) => record.address), family));
  return { addresses: [...chosen], ttlMs: Math.min(...all.filter((r) => chosen.has(r.address)).map((r) =>
    r.ttl)) * 1000 };
}

/** Envoy's dns_lookup_family: AUTO takes IPv6 if there is any, else IPv4; V4_PREFERRED the reverse; ALL takes both. */
export function chooseFamily(addresses: string[], family: Family): string[] {
  const v4 = addresses.filter((address) => isIP(address) === 4);
  const v6 = addresses.filter((address) => isIP(address) === 6);
  switch (family) {
    case 'v4Only': return v4;
    case 'v6Only': return v6;
    case 'auto': return v6.length > 0 ? v6 : v4;
    case 'v4Preferred': return v4.length > 0 ? v4 : v6;
    case 'all': return addresses;
  }
}
