// route.v3.RouteConfiguration into a RouteConfig, with Envoy's rules on domains.
import type { Route as PlainRoute, RouteConfig, RouteMatch as PlainMatch, VirtualCluster as PlainVirtualCluster,
  VirtualHost as PlainVirtualHost } from '../../config/types.js';
import { always } from '../../config/runtime.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Route, RouteConfiguration, RouteMatch, VirtualCluster, VirtualHost } from '../wire/generated/messages.js';
import { boolOf, numberOf, readMetadata } from './fields.js';
import { readFilterOverrides } from './filters/http-filters.js';
import { readRateLimits } from './filters/local-rate-limit.js';
import { readHeaderMutations } from './header-mutations.js';
import { readHeaderMatcher, readQueryParameterMatcher } from './matchers.js';
import { readAction } from './route-action.js';
import type { ClusterReference, RouteContext } from './route-context.js';
import { readRuntimeFraction } from './runtime.js';
import { readMirrorPolicies } from './mirror-policy.js';
import { readRetryPolicy } from './retry-policy.js';
import { readPath } from './route-path.js';

/**
 * The route configuration under the name it will be found by. With `references`, the clusters that it names are added
 * there.
 */
export function readRouteConfiguration(message: RouteConfiguration, name: string, path: string, report: Report,
  references: ClusterReference[] | null): RouteConfig {
  const context: RouteContext = { report, references, hedgePolicy: undefined,
    mirrors: readMirrorPolicies(message.requestMirrorPolicies, path, report, references),
    directResponseBodyBytesMax: numberOf(message.maxDirectResponseBodySizeBytes,
      limits.directResponseBodyBytesDefault) };
  const hosts = message.virtualHosts ?? [];
  const domains = new Map<string, string>();
  return {
    name,
    virtualHosts: hosts.map((host, index) => readVirtualHost(host, fieldPath(path, `virtual_hosts[${index}]`), context,
      domains)),
    ...readHeaderMutations(message, path, report),
    filters: readFilterOverrides(message.typedPerFilterConfig, path, report),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins ?? false,
    ignorePortInHostMatching: message.ignorePortInHostMatching ?? false,
  };
}

const requireTls = ['none', 'external', 'all'] as const;

function readVirtualHost(host: VirtualHost, path: string, context: RouteContext, seen: Map<string,
  string>): PlainVirtualHost {
  const domains = (host.domains ?? []).map((domain) => domain.toLowerCase());
  domains.forEach((domain, index) => checkDomain(domain, `${path}.domains[${index}]`, context.report, seen));
  const mirrors = readMirrorPolicies(host.requestMirrorPolicies, path, context.report, context.references);
  const inner = { ...context, hedgePolicy: host.hedgePolicy, ...(mirrors.length > 0 ? { mirrors } : {}) };
  return {
    name: host.name ?? '',
    domains,
    routes: (host.routes ?? []).map((route, index) => readRoute(route, `${path}.routes[${index}]`, inner)),
    virtualClusters: readVirtualClusters(host.virtualClusters ?? [], path, context.report),
    requireTls: requireTls[host.requireTls ?? 0] ?? 'none',
    retryPolicy: readRetryPolicy(host.retryPolicy, fieldPath(path, 'retry_policy'), context.report),
    keptBytesMax: host.perRequestBufferLimitBytes?.value ?? null,
    includeRequestAttemptCount: host.includeRequestAttemptCount ?? false,
    includeAttemptCountInResponse: host.includeAttemptCountInResponse ?? false,
    includeTimeoutRetry: host.includeIsTimeoutRetryHeader ?? false,
    metadata: readMetadata(host.metadata),
    filters: readFilterOverrides(host.typedPerFilterConfig, path, context.report),
    rateLimits: readRateLimits(host.rateLimits, path, context.report),
    ...readHeaderMutations(host, path, context.report),
  };
}

/** Requests that none of them takes are counted as "other". */
function readVirtualClusters(clusters: VirtualCluster[], path: string, report: Report): PlainVirtualCluster[] {
  if (clusters.length === 0) return [];
  if (clusters.length > limits.virtualClustersMax)
    report.fail(fieldPath(path, 'virtual_clusters'), `more than ${limits.virtualClustersMax}`);
  return [...clusters.map(({ name, headers }, index): PlainVirtualCluster => {
    const at = `${path}.virtual_clusters[${index}]`;
    if ((headers ?? []).length === 0) report.fail(fieldPath(at, 'headers'), 'required');
    return { name: name ?? '', headers: (headers ?? []).map((matcher, i) =>
      readHeaderMatcher(matcher, `${at}.headers[${i}]`, report)) };
  }), { name: 'other', headers: [] }];
}

/**
 * A domain is exact, or has one star, as its first or its last character; each stands once in a route configuration.
 */
function checkDomain(domain: string, path: string, report: Report, seen: Map<string, string>): void {
  const star = domain.indexOf('*');
  if (star !== domain.lastIndexOf('*') || (star > 0 && star < domain.length - 1)) {
    report.fail(path, `"${domain}": a wildcard is only allowed at the start or at the end`);
  }
  const first = seen.get(domain);
  if (first === undefined) seen.set(domain, path);
  else if (domain === '*') report.fail(path, `only a single wildcard domain is permitted, the other one is ${first}`);
  else report.fail(path, `only unique domains are permitted, "${domain}" is also at ${first}`);
}

function readRoute(route: Route, path: string, context: RouteContext): PlainRoute {
  return {
    name: route.name ?? '',
    statPrefix: route.statPrefix ?? '',
    keptBytesMax: route.perRequestBufferLimitBytes?.value ?? null,
    match: readMatch(route.match ?? {}, fieldPath(path, 'match'), context.report),
    action: readAction(route, path, context),
    metadata: readMetadata(route.metadata),
    filters: readFilterOverrides(route.typedPerFilterConfig, path, context.report),
    ...readHeaderMutations(route, path, context.report),
  };
}

function readMatch(match: RouteMatch, path: string, report: Report): PlainMatch {
  return {
    path: readPath(match, path, report),
    caseSensitive: boolOf(match.caseSensitive, true),
    headers: [...(asksForMetadata(match.dynamicMetadata) ? [never] : []),
      ...(match.headers ?? []).map((matcher, index) =>
      readHeaderMatcher(matcher, `${path}.headers[${index}]`, report)),
        ...(match.grpc === undefined ? [] : [grpcOnly])],
    queryParameters: (match.queryParameters ?? []).map((matcher, index) =>
      readQueryParameterMatcher(matcher, `${path}.query_parameters[${index}]`, report)),
    runtimeFraction: match.runtimeFraction === undefined ? null : readRuntimeFraction(match.runtimeFraction, always),
    certificate: readCertificateMatch(match.tlsContext),
  };
}

function readCertificateMatch(message: RouteMatch['tlsContext']): PlainMatch['certificate'] {
  const { presented, validated } = message ?? {};
  return presented === undefined && validated === undefined ? null
    : { presented: presented === undefined ? null : boolOf(presented, false),
      validated: validated === undefined ? null : boolOf(validated, false) };
}
/** Routes are chosen before filters run: no request has metadata then, and what is not there matches nothing. */
const asksForMetadata = (matchers: RouteMatch['dynamicMetadata']): boolean =>
  (matchers ?? []).some(({ invert }) => !(invert ?? false));
const never: PlainMatch['headers'][number] = { name: ':method', invert: false, treatMissingAsEmpty: false,
  match: { kind: 'present', present: false } };

/** What Envoy calls a gRPC request. */
const grpcOnly: PlainMatch['headers'][number] = { name: 'content-type', invert: false, treatMissingAsEmpty: false,
  match: { kind: 'regex', value: 'application/grpc([+].*)?' } };
