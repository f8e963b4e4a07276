// What configuration values usually are, field by field: the defaults of Envoy's API, as xds/resources/* reads an empty
// message. Texts of configuration leave them out (form.ts). A field that gets another default here than there costs
// bytes, nothing else.
import { listOf, objectOf, optional, verbatim } from './form.js';
import type { Form } from './form.js';
import { usualHttp } from './http2.js';
import { usualConnections } from './upstream-connections.js';
import type { OutlierDetection } from './health.js';
import type { SecretContents } from './tls.js';
import type { AssignmentBlob, ClusterBlob } from './snapshot/layout.js';
import type { BoundAction, BoundCluster, RouteConfigJson, RouteJson, VirtualHostJson } from './snapshot/route-json.js';
import type { Address, CircuitBreakerThresholds, ClusterConfig, Endpoint, EndpointAssignment, ForwardAction,
  GrpcTimeouts, HeaderMutations, IpAddress, ListenerConfig, RetryPolicy, Route, RouteAction, RouteConfig, RouteMatch,
  VirtualHost, WeightedCluster } from './types.js';

const noHeaders: HeaderMutations = { add: [], remove: [] };

const address = objectOf<IpAddress>({ kind: 'ip', host: '', port: 80, ipv4Compat: false }) as unknown as Form<Address>;

const retryPolicy = objectOf<RetryPolicy>({
  retryOn: '', retries: 1, perTryTimeoutMs: 0, perTryIdleTimeoutMs: 0, backOffBaseMs: null, backOffMaxMs: null,
  resetHeaders: [], resetMaxMs: 300_000, retriableStatusCodes: [], retriableHeaders: [], retriableRequestHeaders: [],
  avoidPreviousHosts: false, avoidCanaries: false, avoidMetadata: [], prioritiesEvery: 0, hostSelectionAttempts: 1,
});

const weightedCluster = {
  cluster: '', clusterHeader: null, weight: 1, hostRewriteLiteral: null, metadataMatch: null,
  requestHeaders: noHeaders, responseHeaders: noHeaders, filters: [],
};

const forwardAction = {
  kind: 'forward' as const, totalWeight: 1, randomValueHeader: null, runtimeKeyPrefix: '', prefixRewrite: null,
  regexRewrite: null, hostRewriteLiteral: null, hostRewriteHeader: null, hostRewritePathRegex: null,
  autoHostRewrite: false, hashPolicies: [], rateLimits: [], retryPolicy: optional(retryPolicy),
  internalRedirects: null, hedgesOnTimeout: false, appendXForwardedHost: false, timeoutMs: 15_000,
  maxStreamDurationMs: null, grpcTimeouts: optional(objectOf<GrpcTimeouts>({ maxMs: null, offsetMs: 0,
    durationMaxMs: null, durationOffsetMs: 0, saysDuration: false })), idleTimeoutMs: null,
  clusterNotFoundStatus: 503 as const, priority: 'default' as const,
  upgrades: [],
};

const route = objectOf<Route>({
  name: '', statPrefix: '', keptBytesMax: null, metadata: null,
  match: objectOf<RouteMatch>({ caseSensitive: true, headers: [], queryParameters: [], runtimeFraction: null,
    certificate: null,
    path: objectOf<RouteMatch['path']>({ kind: 'prefix', value: '/' }) }),
  action: objectOf<ForwardAction>({ ...forwardAction, mirrors: [],
    clusters: listOf(objectOf<WeightedCluster>(weightedCluster)) }) as unknown as Form<RouteAction>,
  requestHeaders: noHeaders, responseHeaders: noHeaders, filters: [],
});

const virtualHost = objectOf<VirtualHost>({
  name: '', domains: [], routes: listOf(route), requireTls: 'none', virtualClusters: [],
  retryPolicy: optional(retryPolicy), keptBytesMax: null, includeRequestAttemptCount: false,
  includeAttemptCountInResponse: false, includeTimeoutRetry: false, metadata: null, requestHeaders: noHeaders,
  responseHeaders: noHeaders, filters: [], rateLimits: [],
});

export const routeConfigForm: Form<RouteConfig> = objectOf<RouteConfig>({
  name: '', virtualHosts: listOf(virtualHost), requestHeaders: noHeaders, responseHeaders: noHeaders, filters: [],
  mostSpecificHeaderMutationsWins: false, ignorePortInHostMatching: false,
});

const locality = { region: '', zone: '', subZone: '' };
const policy = { overprovisioningPercent: 140, weightedPriorityHealth: false, dropped: 0 };
const endpoint = {
  address, hostname: '', weight: 1, priority: 0, health: 'unknown' as const, localityWeight: 0, metadata: null,
  logicalName: '', additionalAddresses: [],
};

export const assignmentForm: Form<EndpointAssignment> = objectOf<EndpointAssignment>({
  clusterName: '', policy, endpoints: listOf(objectOf<Endpoint>({ ...endpoint, locality, healthCheck: null })),
});

const thresholds: CircuitBreakerThresholds = {
  maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3, retryBudget: null,
  trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1,
};

const outlierDetection = objectOf<OutlierDetection>({
  intervalMs: 10_000, baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjectionJitterMs: 0, maxEjectionPercent: 10,
  alwaysEjectOne: false, splitLocalErrors: false, unejectByCheck: true, consecutive5xx: 5,
  consecutiveGatewayFailures: 5, consecutiveLocalFailures: 5, successRateHosts: 5, successRateRequests: 100,
  successRateStdev: 1900, failurePercent: 85, failurePercentHosts: 5, failurePercentRequests: 50,
  enforcing: { consecutive5xx: 100, consecutiveGateway: 0, consecutiveLocal: 100, successRate: 100,
    localSuccessRate: 100, failurePercent: 0, localFailurePercent: 0 },
});

export const clusterForm: Form<ClusterConfig> = objectOf<ClusterConfig>({
  name: '', altStatName: '', metadata: null, perEndpointStats: false, type: 'static', originalDestination: null,
  edsServiceName: '', loadAssignment: optional(assignmentForm), lbPolicy: 'roundRobin', leastRequestChoiceCount: 2,
  balancing: { healthyPanicPercent: 50, localityWeighted: false, hashing: null, closeOnChange: false,
    zoneAware: { routingPercent: 100, minClusterSize: 6, failTrafficOnPanic: false }, slowStart: null,
    activeRequestBias: null, fullScan: false, peakEwma: null, clientWeights: null, subsets: null, overrideHost: null },
  connectTimeoutMs: 5000, perConnectionBufferBytes: 1 << 20,
  circuitBreakers: { default: thresholds, high: thresholds },
  idleTimeoutMs: 3_600_000, maxRequestsPerConnection: 0, maxResponseHeadersBytes: 60 * 1024,
  maxResponseHeadersCount: 100, preserveCase: false, properCaseWords: false, enableTrailers: false,
  sendFullyQualifiedUrl: false, http: usualHttp, rpc: null, connections: usualConnections,
  tls: null, transportSocketMatches: null,
  dns: { refreshRateMs: 5000, family: 'auto', jitterMs: 0, respectTtl: false, failureRefreshBaseMs: 5000,
    failureRefreshMaxMs: 5000, waitAtStart: true, resolver: null },
  healthCheck: null,
  health: { closeConnectionsOnFailure: false, ignoreHealthOnRemoval: false, ignoreNewUntilChecked: false },
  outlierDetection: optional(outlierDetection),
});

/** There are few of them, and most of each is its own. */
export const listenerForm: Form<ListenerConfig> = verbatim();
export const secretForm: Form<SecretContents> = verbatim();

export const clusterBlobForm: Form<ClusterBlob> = objectOf<ClusterBlob>({ config: clusterForm });
export const assignmentBlobForm: Form<AssignmentBlob> = objectOf<AssignmentBlob>({ policy,
  endpoints: listOf(objectOf<AssignmentBlob['endpoints'][number]>({ ...endpoint, locality: null, state: 0 })) });

export const routeConfigJsonForm: Form<RouteConfigJson> = objectOf<RouteConfigJson>({
  filters: [], requestHeaders: noHeaders, responseHeaders: noHeaders, mostSpecificWins: false,
});
export const virtualHostJsonForm: Form<VirtualHostJson> = objectOf<VirtualHostJson>({
  name: '', virtualClusters: [], requireTls: 'none', retryPolicy: optional(retryPolicy), keptBytesMax: null,
  includeRequestAttemptCount: false, includeAttemptCountInResponse: false, includeTimeoutRetry: false, metadata: null,
  filters: [], rateLimits: [], requestHeaders: noHeaders, responseHeaders: noHeaders,
});
export const routeJsonForm: Form<RouteJson> = objectOf<RouteJson>({
  name: '', metadata: null, filters: [], requestHeaders: noHeaders, responseHeaders: noHeaders, matchedBytes: 1,
  runtimeFraction: null, regex: [], scope: -1, keptBytesMax: null,
  action: objectOf<Extract<BoundAction, { kind: 'forward' }>>({ ...forwardAction, mirrors: [],
    clusters: listOf(objectOf<BoundCluster>({ ...weightedCluster, slot: -1 })) }) as unknown as Form<BoundAction>,
});
