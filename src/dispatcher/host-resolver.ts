// DNS caches of the dynamic forward proxy: workers ask for hosts that requests name; each is resolved once, asked again
// when its time is over and somebody still wants it, and forgotten when nobody did for host_ttl.
import type { DnsCacheConfig } from '../config/http-filters.js';
import type { Answer } from '../config/questions.js';
import { errorText } from '../core/errors.js';
import { resolveHost } from './resolve.js';
import type { Resolve } from './resolve.js';

interface Host { address: string; failures: number; reason: string; untilMs: number; usedMs: number; asking:
  Promise<void> | null }
interface Cache { config: DnsCacheConfig; hosts: Map<string, Host>; counts: Counts }
interface Counts {
  dns_query_attempt: number; dns_query_success: number; dns_query_failure: number; dns_query_timeout: number;
  host_added: number; host_removed: number; host_address_changed: number; host_overflow: number;
}

const fresh = (): Counts => ({ dns_query_attempt: 0, dns_query_success: 0, dns_query_failure: 0, dns_query_timeout: 0,
  host_added: 0, host_removed: 0, host_address_changed: 0, host_overflow: 0 });

export class HostResolver {
  private readonly caches = new Map<string, Cache>();

  constructor(private readonly resolve: Resolve = resolveHost, private readonly nowMs = () => performance.now()) {}

  async answer(config: DnsCacheConfig, name: string): Promise<Answer> {
    const cache = this.caches.get(config.name) ?? { config, hosts: new Map<string, Host>(), counts: fresh() };
    this.caches.set(config.name, cache);
    this.forgetUnused(cache);
    let host = cache.hosts.get(name);
    if (host === undefined) {
      if (cache.hosts.size >= config.maxHosts) {
        cache.counts.host_overflow++;
        return { kind: 'resolved', address: '', reason: 'the cache is full', ttlMs: 1000 };
      }
      host = { address: '', failures: 0, reason: '', untilMs: 0, usedMs: 0, asking: null };
      cache.hosts.set(name, host);
      cache.counts.host_added++;
    }
    host.usedMs = this.nowMs();
    if (host.untilMs <= host.usedMs) await (host.asking ??= this.ask(cache, name, host));
    return { kind: 'resolved', address: host.address, reason: host.reason,
      ttlMs: Math.max(1, host.untilMs - this.nowMs()) };
  }

  *statistics(): Iterable<{ name: string; value: number; type: 'counter' | 'gauge' }> {
    for (const { config, hosts, counts } of this.caches.values()) {
      const prefix = `dns_cache.${config.name}.`;
      for (const [name, value] of Object.entries(counts) as [string, number][])
        yield { name: prefix + name, value, type: 'counter' };
      yield { name: `${prefix}num_hosts`, value: hosts.size, type: 'gauge' };
    }
  }

  /** A failure keeps the last good address. */
  private async ask({ config, counts }: Cache, name: string, host: Host): Promise<void> {
    counts.dns_query_attempt++;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        counts.dns_query_timeout++;
        reject(new Error('no answer in time'));
      }, config.queryTimeoutMs);
    });
    try {
      const { addresses, ttlMs } = await Promise.race([this.resolve(name, config.family, false, null), late]);
      const address = addresses[0] ?? '';
      if (address === '') throw new Error('no address of the family');
      counts.dns_query_success++;
      if (host.address !== '' && host.address !== address) counts.host_address_changed++;
      host.address = address;
      host.reason = '';
      host.failures = 0;
      host.untilMs = this.nowMs() + (ttlMs > 0 ? ttlMs : config.refreshMs);
    } catch (error) {
      counts.dns_query_failure++;
      host.reason = errorText(error);
      host.untilMs = this.nowMs() + Math.min(config.failureRefreshMaxMs,
        config.failureRefreshMs * 2 ** Math.min(20, host.failures++));
    } finally {
      clearTimeout(timer);
      host.asking = null;
    }
  }

  private forgetUnused({ config, hosts, counts }: Cache): void {
    const before = this.nowMs() - config.hostTtlMs;
    for (const [name, { usedMs, asking }] of hosts) {
      if (usedMs >= before || asking !== null) continue;
      hosts.delete(name);
      counts.host_removed++;
    }
  }
}
