// envoy.filters.http.dynamic_forward_proxy and the DNS cache that it shares with its cluster.
import type { DnsCacheConfig as PlainCache, DynamicForwardProxyFilter } from '../../../config/http-filters.js';
import { limits } from '../../../core/limits.js';
import type { DnsCacheConfig, Dynamic_forward_proxyFilterConfig,
  PerRouteConfig } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';
import { millisecondsOf, numberOf } from '../fields.js';

const families = ['auto', 'v4Only', 'v6Only', 'v4Preferred', 'all'] as const;
const REFRESH_MS = 60_000, TTL_MS = 300_000, QUERY_TIMEOUT_MS = 5000, HOSTS = 1024;

/** `path`: of the message that holds dns_cache_config. */
export function readDnsCache(message: DnsCacheConfig | undefined, path: string, report: Report): PlainCache | null {
  const at = fieldPath(path, 'dns_cache_config');
  if (message === undefined) {
    report.fail(at, 'required');
    return null;
  }
  const refreshMs = millisecondsOf(message.dnsRefreshRate, REFRESH_MS, fieldPath(at, 'dns_refresh_rate'), report);
  const failure = message.dnsFailureRefreshRate;
  const maxHosts = numberOf(message.maxHosts, HOSTS);
  if (maxHosts > limits.forwardProxyHostsMax)
    report.fail(fieldPath(at, 'max_hosts'), `must be at most ${limits.forwardProxyHostsMax}`);
  const failureRefreshMs = failure === undefined ? refreshMs
    : millisecondsOf(failure.baseInterval, refreshMs, `${at}.dns_failure_refresh_rate.base_interval`, report);
  return { name: message.name ?? '', family: families[message.dnsLookupFamily ?? 0] ?? 'auto', refreshMs, maxHosts,
    failureRefreshMs, failureRefreshMaxMs: millisecondsOf(failure?.maxInterval, failureRefreshMs * 10,
      `${at}.dns_failure_refresh_rate.max_interval`, report),
    hostTtlMs: millisecondsOf(message.hostTtl, TTL_MS, fieldPath(at, 'host_ttl'), report),
    queryTimeoutMs: millisecondsOf(message.dnsQueryTimeout, QUERY_TIMEOUT_MS, fieldPath(at, 'dns_query_timeout'),
      report) };
}

export const readForwardProxy = (message: Dynamic_forward_proxyFilterConfig, path: string,
  report: Report): DynamicForwardProxyFilter =>
  ({ kind: 'dynamicForwardProxy', cache: readDnsCache(message.dnsCacheConfig, path, report), hostRewriteLiteral: null,
    hostRewriteHeader: null });

export const readForwardProxyOfRoute = (message: PerRouteConfig): DynamicForwardProxyFilter =>
  ({ kind: 'dynamicForwardProxy', cache: null, hostRewriteLiteral: message.hostRewriteLiteral || null,
    hostRewriteHeader: message.hostRewriteHeader?.toLowerCase() || null });
