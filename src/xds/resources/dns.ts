// What a cluster, or the bootstrap, says about resolving names.
import { isIP } from 'node:net';
import type { DnsOptions, DnsResolver } from '../../config/dns.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Address, CaresDnsResolverConfig, Cluster, DnsResolverOptions, TypedExtensionConfig }
  from '../wire/generated/messages.js';
import { readAddress } from './address.js';
import { boolOf, millisecondsOf } from './fields.js';

const DNS_REFRESH_MS_DEFAULT = 5000;
const families = ['auto', 'v4Only', 'v6Only', 'v4Preferred', 'all'] as const;
const resolvers = 'envoy.extensions.network.dns_resolver.';
const systemResolver: DnsResolver = { servers: [], serversOnlyAsFallback: false, searchDomains: true,
  filterUnroutable: false, timeoutMs: null, tries: null };

export function readDns(message: Cluster, path: string, report: Report): DnsOptions {
  const refreshRateMs = millisecondsOf(message.dnsRefreshRate, DNS_REFRESH_MS_DEFAULT,
    fieldPath(path, 'dns_refresh_rate'), report);
  const failure = message.dnsFailureRefreshRate;
  const at = fieldPath(path, 'dns_failure_refresh_rate');
  const failureRefreshBaseMs = millisecondsOf(failure?.baseInterval, refreshRateMs, fieldPath(at, 'base_interval'),
    report);
  const longest = failure === undefined ? refreshRateMs : failureRefreshBaseMs * 10;
  const failureRefreshMaxMs = millisecondsOf(failure?.maxInterval, longest, fieldPath(at, 'max_interval'), report);
  if (failureRefreshMaxMs < failureRefreshBaseMs) {
    report.fail(fieldPath(at, 'max_interval'), 'must be at least base_interval');
  }
  return { refreshRateMs, family: families[message.dnsLookupFamily ?? 0] ?? 'auto',
    jitterMs: millisecondsOf(message.dnsJitter, 0, fieldPath(path, 'dns_jitter'), report),
    respectTtl: message.respectDnsTtl ?? false, failureRefreshBaseMs, failureRefreshMaxMs,
    waitAtStart: boolOf(message.waitForWarmOnInit, true), resolver: readClusterResolver(message, path, report) };
}

/** The typed resolver, or one of the two deprecated forms. */
function readClusterResolver(message: Cluster, path: string, report: Report): DnsResolver | null {
  if (message.typedDnsResolverConfig !== undefined) {
    return readTypedResolver(message.typedDnsResolverConfig, fieldPath(path, 'typed_dns_resolver_config'), report);
  }
  const old = message.dnsResolutionConfig;
  if (old !== undefined) {
    const at = fieldPath(path, 'dns_resolution_config');
    return { ...systemResolver, servers: readServers(old.resolvers, fieldPath(at, 'resolvers'), report),
      searchDomains: searches(old.dnsResolverOptions) };
  }
  const servers = readServers(message.dnsResolvers, fieldPath(path, 'dns_resolvers'), report);
  return servers.length === 0 ? null : { ...systemResolver, servers };
}

export function readTypedResolver(config: TypedExtensionConfig, path: string, report: Report): DnsResolver | null {
  const any = config.typedConfig;
  const at = fieldPath(path, 'typed_config');
  switch (any?.type) {
    case `${resolvers}getaddrinfo.v3.GetAddrInfoDnsResolverConfig`: return systemResolver;
    case `${resolvers}cares.v3.CaresDnsResolverConfig`:
      return readCares(any.value as CaresDnsResolverConfig, at, report);
    default:
      report.fail(at, any === undefined ? 'required' : `not implemented: resolver ${any.type}`);
      return null;
  }
}

function readCares(message: CaresDnsResolverConfig, path: string, report: Report): DnsResolver {
  const seconds = message.queryTimeoutSeconds?.value;
  return { servers: readServers(message.resolvers, fieldPath(path, 'resolvers'), report),
    serversOnlyAsFallback: message.useResolversAsFallback ?? false,
    searchDomains: searches(message.dnsResolverOptions), filterUnroutable: message.filterUnroutableFamilies ?? false,
    timeoutMs: seconds === undefined ? null : Number(seconds) * 1000,
    tries: message.queryTries?.value ?? null };
}

const searches = (options: DnsResolverOptions | undefined): boolean => options?.noDefaultSearchDomain !== true;

function readServers(addresses: Address[] | undefined, path: string, report: Report): string[] {
  return (addresses ?? []).flatMap((address, index) => {
    const at = `${path}[${index}]`;
    const found = readAddress(address, 'connect', at, report);
    if (found?.kind === 'pipe') report.fail(fieldPath(at, 'pipe'), 'not implemented: a name server at a path');
    if (found?.kind !== 'ip') return [];
    return [isIP(found.host) === 6 ? `[${found.host}]:${found.port}` : `${found.host}:${found.port}`];
  });
}
