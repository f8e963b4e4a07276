// Plain configuration values: what xds/resources/* produces from wire messages and everything else consumes.
// Immutable once built, JSON-serialisable (they travel into the snapshot heap as JSON), every field always present.
// Absent features are null or an empty array, never undefined. Names follow Envoy's v3 API.
import type { Http2Options } from './http2.js';
import type { AccessLog, AccessLogFilter, AccessLogFormat, AccessLogOptions } from './access-log.js';
import type { NetworkFilter } from './network-filters.js';
import type { ListenSocketOptions } from './socket-options.js';
import type { TcpProxy } from './tcp-proxy.js';
import type { DnsOptions } from './dns.js';
import type { CidrRange, FilterChainMatch } from './filter-chains.js';
import type { ClusterHttp } from './http2.js';
import type { RpcListenerOptions, RpcUpstreamOptions } from './rpc.js';
import type { EndpointHealthCheck, HealthCheck, HealthOptions, OutlierDetection } from './health.js';
import type { ListenerFilters } from './listener-filters.js';
import type { FilterOverride, HttpFilter, RateLimit } from './http-filters.js';
import type { DownstreamTls, TransportMatch, TransportSocketMatch, UpstreamTls } from './tls.js';
import type { UpstreamConnections } from './upstream-connections.js';
import type { RuntimeFraction, RuntimeNumber } from './runtime.js';
import type { Address, FilterMetadata, HeaderMatcher, HeaderMutations, MetadataMatch, QueryParameterMatcher,
  Substitution } from './values.js';

export type * from './access-log.js';
export type * from './values.js';

export interface RouteMatch {
  /** 'regex' matches the whole path without its query; a URI template has become one. */
  path: { kind: 'prefix' | 'path' | 'pathSeparatedPrefix' | 'regex'; value: string } | { kind: 'connect' };
  caseSensitive: boolean;
  headers: HeaderMatcher[];
  queryParameters: QueryParameterMatcher[];
  runtimeFraction: RuntimeFraction | null;
  certificate: CertificateMatch | null;
}
/** Must the client have presented a certificate, and must it have been found good? null: either will do. */
export interface CertificateMatch { presented: boolean | null; validated: boolean | null }

/** envoy.config.route.v3.RouteAction.HashPolicy */
export type HashPolicy = { terminal: boolean } & (
  | { kind: 'header'; name: string; rewrite: Substitution | null }
  | { kind: 'cookie'; name: string; ttlSeconds: number | null; path: string; attributes: string }
  | { kind: 'sourceIp' }
  | { kind: 'queryParameter'; name: string });

/** envoy.config.route.v3.RetryPolicy */
export interface RetryPolicy {
  retryOn: string;                    // comma-separated conditions, as in x-envoy-retry-on
  retries: number;                    // default 1
  perTryTimeoutMs: number;            // 0 = none
  perTryIdleTimeoutMs: number;        // 0 = none
  backOffBaseMs: number | null;       // null: 25
  backOffMaxMs: number | null;        // null: ten times the base
  /** Response headers that say how long to wait; none: rate_limited_retry_back_off is not set. */
  resetHeaders: { name: string; format: 'seconds' | 'unixTimestamp' }[];
  resetMaxMs: number;                 // a longer wait than this is not believed; default 300000
  retriableStatusCodes: number[];
  retriableHeaders: HeaderMatcher[];
  retriableRequestHeaders: HeaderMatcher[];
  avoidPreviousHosts: boolean;        // retry_host_predicate previous_hosts
  avoidCanaries: boolean;             // omit_canary_hosts
  avoidMetadata: MetadataMatch[];     // omit_host_metadata
  prioritiesEvery: number;            // retry_priority previous_priorities: its update_frequency; 0 = all may be tried
  hostSelectionAttempts: number;      // picks before a host that was tried is taken again
}

/** envoy.config.route.v3.RouteAction.RequestMirrorPolicy */
export interface MirrorPolicy {
  /** '' where clusterHeader names the header that has it. */
  cluster: string; clusterHeader: string | null;
  fraction: RuntimeFraction | null;   // null: every request
  hostSuffix: boolean;                // '-shadow' is appended to the host, before its port
  hostRewrite: string | null;         // in place of the suffix
  headers: HeaderMutations[];         // in order
}

/** envoy.config.route.v3.InternalRedirectPolicy */
export interface InternalRedirectPolicy {
  most: number;                       // redirects of one request that are followed; default 1
  codes: number[];                    // of 301, 302, 303, 307, 308; default 302
  predicates: InternalRedirectPredicate[];
  allowCrossScheme: boolean;
  copyHeaders: string[];              // lower case: of the response, into the next request
}
export type InternalRedirectPredicate = { kind: 'previousRoutes' | 'safeCrossScheme' }
  | { kind: 'allowListedRoutes'; names: string[] };

export interface WeightedCluster {
  /** '' where clusterHeader names the header that has it. */
  cluster: string; clusterHeader: string | null; weight: number; hostRewriteLiteral: string | null;
  /** Of the route and the cluster, the cluster's values before the route's. */
  metadataMatch: MetadataMatch | null;
  requestHeaders: HeaderMutations; responseHeaders: HeaderMutations;
  filters: FilterOverride[];
}
export interface ForwardAction {
  kind: 'forward';
  clusters: WeightedCluster[];        // one entry for a plain `cluster`
  totalWeight: number;
  /** Header whose number chooses the cluster; null: by chance. */
  randomValueHeader: string | null;
  /** Weights may be changed by runtime keys: this, a dot, the cluster's name; '' = not. */
  runtimeKeyPrefix: string;
  prefixRewrite: string | null;
  regexRewrite: Substitution | null;
  hostRewriteLiteral: string | null;
  hostRewriteHeader: string | null;
  hostRewritePathRegex: Substitution | null;
  /** The host becomes the name of the endpoint that was picked. */
  autoHostRewrite: boolean;
  hashPolicies: HashPolicy[];
  rateLimits: RateLimit[];
  retryPolicy: RetryPolicy | null;    // null: the virtual host's
  internalRedirects: InternalRedirectPolicy | null;
  hedgesOnTimeout: boolean;           // hedge_policy.hedge_on_per_try_timeout, the route's or the virtual host's
  mirrors: MirrorPolicy[];            // the route's, else the virtual host's, else the route configuration's
  appendXForwardedHost: boolean;
  timeoutMs: number;                  // 0 = none; Envoy default 15000
  maxStreamDurationMs: number | null; // null: the connection manager's; 0 = none
  grpcTimeouts: GrpcTimeouts | null;  // null: grpc-timeout is passed on unread
  idleTimeoutMs: number | null;       // null = the connection manager's stream_idle_timeout
  clusterNotFoundStatus: 404 | 500 | 503;
  priority: 'default' | 'high';
  upgrades: { type: string; enabled: boolean; connect: boolean }[];  // route-level override of the HCM's list
}
/** What a route makes of grpc-timeout. A route has either the first two or the others: max_stream_duration wins. */
export interface GrpcTimeouts {
  maxMs: number | null;               // max_grpc_timeout: the header is the route's timeout, up to this; 0 = any
  offsetMs: number;                   // grpc_timeout_offset: what is taken off the header's time
  durationMaxMs: number | null;       // grpc_timeout_header_max: the header is the stream's longest life, up to this
  durationOffsetMs: number;           // grpc_timeout_header_offset
  saysDuration: boolean;              // the upstream is told of the stream's longest life
}
export interface RedirectAction {
  kind: 'redirect';
  status: 301 | 302 | 303 | 307 | 308;
  scheme: string | null; httpsRedirect: boolean; host: string | null; port: number | null;
  path: string | null; prefixRewrite: string | null; regexRewrite: Substitution | null; stripQuery: boolean;
}
export interface DirectResponseAction { kind: 'directResponse'; status: number; body: string }
export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction;

export interface Route {
  name: string;
  match: RouteMatch;
  action: RouteAction;
  /** Requests of the route are counted apart under this name; '' = they are not. */
  statPrefix: string;
  /** Most bytes of a request's body that are kept for another attempt; null: the virtual host's. */
  keptBytesMax: number | null;
  metadata: FilterMetadata | null;
  requestHeaders: HeaderMutations;
  responseHeaders: HeaderMutations;
  filters: FilterOverride[];
}
/** What is counted apart from the rest of its virtual host; the last one, without headers, takes what is left. */
export interface VirtualCluster { name: string; headers: HeaderMatcher[] }
export interface VirtualHost {
  name: string;
  domains: string[];                  // lower case: 'a.b', '*.b', 'a.*', '*'
  routes: Route[];
  requireTls: 'none' | 'external' | 'all';
  virtualClusters: VirtualCluster[];
  retryPolicy: RetryPolicy | null;
  keptBytesMax: number | null;        // null: the listener's per_connection_buffer_limit_bytes
  includeRequestAttemptCount: boolean;
  includeAttemptCountInResponse: boolean;
  includeTimeoutRetry: boolean;       // include_is_timeout_retry_header
  metadata: FilterMetadata | null;
  requestHeaders: HeaderMutations;
  responseHeaders: HeaderMutations;
  filters: FilterOverride[];          // what typed_per_filter_config says
  rateLimits: RateLimit[];
}
export interface RouteConfig {
  name: string;
  virtualHosts: VirtualHost[];
  requestHeaders: HeaderMutations;
  responseHeaders: HeaderMutations;
  filters: FilterOverride[];
  mostSpecificHeaderMutationsWins: boolean;
  ignorePortInHostMatching: boolean;
}



/** envoy...LocalReplyConfig: what is done to answers that Weft makes itself. */
export interface LocalReplyMapper {
  filter: AccessLogFilter; status: number | null; body: string | null; format: ReplyFormat | null;
  headers: HeaderMutations;
}
export interface LocalReplyConfig { mappers: LocalReplyMapper[]; format: ReplyFormat | null }
/** A format and the content type that goes with it. */
export interface ReplyFormat { format: AccessLogFormat; contentType: string }

/** envoy...ScopedRoutes with its inline list: what of a header is a fragment of the key. */
export interface ScopeFragment {
  header: string;                     // lower case
  separator: string;                  // between elements; '' = the value is one
  index: number;
  element: { separator: string; key: string } | null;    // null: the element at the index
}
export interface ScopedRoutes { fragments: ScopeFragment[]; scopes: { key: string[]; routeConfigName: string }[] }

/** What becomes of x-forwarded-client-cert, and what it says of the client's certificate where it is set. */
export interface ForwardClientCert {
  mode: 'sanitize' | 'forwardOnly' | 'appendForward' | 'sanitizeSet' | 'alwaysForwardOnly';
  subject: boolean; cert: boolean; chain: boolean; dns: boolean; uri: boolean;
}

export interface HttpConnectionManager {
  codec: 'auto' | 'http1' | 'http2';  // what clients speak; auto: as ALPN or their first bytes say
  http2: Http2Options;
  statPrefix: string;
  routeConfigName: string;            // key of a RouteConfig: the RDS name, or '@inline/<listener>/<chain>'
  scopedRoutes: ScopedRoutes | null;  // in place of routeConfigName
  httpFilters: HttpFilter[];
  accessLogs: AccessLog[];
  accessLogOptions: AccessLogOptions;
  localReply: LocalReplyConfig | null;
  serverName: string;                 // default 'envoy'
  serverHeaderTransformation: 'overwrite' | 'appendIfAbsent' | 'passThrough';
  schemeOverwrite: 'http' | 'https' | null;
  via: string | null;
  forwardClientCert: ForwardClientCert;
  useRemoteAddress: boolean;
  skipXffAppend: boolean;
  xffNumTrustedHops: number;
  /** Whose x-envoy headers are believed; null: nobody's. */
  internalAddresses: { ranges: CidrRange[]; unixSockets: boolean } | null;
  generateRequestId: boolean;
  preserveExternalRequestId: boolean;
  alwaysSetRequestIdInResponse: boolean;
  appendXForwardedPort: boolean;
  normalizePath: boolean;
  mergeSlashes: boolean;
  pathWithEscapedSlashes: 'keepUnchanged' | 'reject' | 'unescapeAndRedirect' | 'unescapeAndForward';
  stripPort: 'none' | 'matching' | 'any';
  stripTrailingHostDot: boolean;
  headersWithUnderscores: 'allow' | 'rejectRequest' | 'dropHeader';
  proxy100Continue: boolean;
  acceptHttp10: boolean;
  defaultHostForHttp10: string;
  preserveCase: boolean;
  properCaseWords: boolean;
  enableTrailers: boolean;
  maxRequestHeadersBytes: number;     // default 60 KiB
  maxHeadersCount: number;            // default 100
  maxRequestsPerConnection: number;   // 0 = no limit
  idleTimeoutMs: number;              // default 3600000; 0 = none
  maxConnectionDurationMs: number;    // 0 = none
  maxStreamDurationMs: number;        // 0 = none
  requestHeadersTimeoutMs: number;    // 0 = none
  requestTimeoutMs: number;           // 0 = none
  streamIdleTimeoutMs: number;        // default 300000; 0 = none
  drainTimeoutMs: number;             // default 5000
  delayedCloseTimeoutMs: number;      // default 1000
  upgrades: { type: string; enabled: boolean }[];   // lower case: 'websocket', 'connect', ...
  rpc: RpcListenerOptions | null;     // null: clients speak HTTP
}

export interface FilterChain {
  name: string;
  /** null: every connection, which only one chain can have. */
  match: FilterChainMatch | null;
  /** Network filters before the one that ends the chain. */
  networkFilters: NetworkFilter[];
  /** What ends the chain: one of these two. Both: a proxy of RPC, and where unknown protocols go. */
  hcm: HttpConnectionManager | null;
  tcp: TcpProxy | null;
  tls: DownstreamTls | null;          // null: plain bytes
  transportSocketConnectTimeoutMs: number;   // a handshake must be done by then; 0 = none
}

export interface ListenerConfig {
  name: string;
  addresses: Address[];               // first is `address`, then `additional_addresses`
  statName: string;                   // stat_prefix, else address with ':' as '_' (Envoy: listener.0.0.0.0_10000.)
  filterChains: FilterChain[];
  defaultFilterChain: FilterChain | null;   // of connections that no chain matches; null: they are closed
  listenerFilters: ListenerFilters | null;
  connectionLogs: AccessLog[];        // access_log: a line for each connection
  /** Connections whose destination was restored go to the listener at that address. */
  useOriginalDestination: boolean;
  bindToPort: boolean;                // default true; false: reached by original destination only
  reusePort: boolean;                 // enable_reuse_port, default true
  exactBalance: boolean;              // connection_balance_config.exact_balance
  sockets: ListenSocketOptions;
  /** Connections taken at one readiness event; 0 = as many as one event may take. */
  acceptsPerEvent: number;
  backlog: number;                    // tcp_backlog_size, default 128 as Envoy's kernel somaxconn cap
  perConnectionBufferBytes: number;   // default 1 MiB
  trafficDirection: 'unspecified' | 'inbound' | 'outbound';
  ignoreGlobalConnectionLimit: boolean;
  metadata: FilterMetadata | null;
}

/** All chains of a listener, the default one last. */
export const chainsOf = (config: Pick<ListenerConfig, 'filterChains' | 'defaultFilterChain'>): FilterChain[] =>
  config.defaultFilterChain === null ? config.filterChains : [...config.filterChains, config.defaultFilterChain];

export interface CircuitBreakerThresholds {
  // Envoy: 1024,1024,1024,3
  maxConnections: number; maxPendingRequests: number; maxRequests: number; maxRetries: number;
  /** In place of maxRetries: a share of the requests in progress, and never less than a number. */
  retryBudget: { percent: number; minConcurrency: number } | null;
  trackRemaining: boolean;            // the remaining_* gauges are shown
  maxConnectionsPerEndpoint: number;  // per_host_thresholds; 2^32 - 1 = no limit
}
export interface Endpoint {
  address: Address;
  hostname: string;
  weight: number;                     // >= 1
  priority: number;
  health: 'unknown' | 'healthy' | 'unhealthy' | 'draining' | 'timeout' | 'degraded';
  locality: { region: string; zone: string; subZone: string };
  localityWeight: number;             // 0 = unset
  metadata: { readonly [key: string]: unknown } | null;   // of envoy.lb: what subsets and hash_key go by
  healthCheck: EndpointHealthCheck | null;
  /** Of a LOGICAL_DNS cluster: the name and port that stay whatever the address becomes; else ''. */
  logicalName: string;
  /** Tried after `address`, in turn. */
  additionalAddresses: Address[];
  /** Of envoy.transport_socket_match; absent, as of nearly all, where neither it nor its locality says anything. */
  transportMatch?: TransportMatch;
}
/** envoy.config.endpoint.v3.ClusterLoadAssignment.Policy */
export interface AssignmentPolicy {
  overprovisioningPercent: number;    // default 140
  weightedPriorityHealth: boolean;    // health of a priority counts weights, not endpoints
  dropped: number;                    // part of the requests that is refused at once, 0 to 1 (drop_overloads)
}
export interface EndpointAssignment { clusterName: string; endpoints: Endpoint[]; policy: AssignmentPolicy }

/** What balancers of every kind take from a cluster: common_lb_config and the fields of its balancer. */
export interface Balancing {
  healthyPanicPercent: number;        // default 50; 0 = never
  localityWeighted: boolean;          // weights of localities count (locality_weighted_lb_config)
  closeOnChange: boolean;             // close_connections_on_host_set_change: at any change of them, as Envoy does
  zoneAware: ZoneAware;               // where the process knows its local cluster
  hashing: Hashing | null;            // of the policies ringHash and maglev
  slowStart: SlowStart | null;        // of roundRobin and leastRequest
  activeRequestBias: RuntimeNumber | null;   // of leastRequest where weights differ; null: 1
  fullScan: boolean;                  // of leastRequest: all are looked at, not a few by chance
  peakEwma: PeakEwma | null;          // of the policy peakEwma
  clientWeights: ClientWeights | null;   // of the policy clientSideWeightedRoundRobin
  subsets: Subsets | null;            // the balancer works inside of each
  overrideHost: OverrideHost | null;  // requests name endpoints, before the balancer is asked
}
/** Where requests name endpoints, and where in dynamic metadata stands who was picked. */
export interface OverrideHost { sources: OverrideSource[]; selected: { namespace: string; path: string[] } | null }
/** A header, lower case, or else a text in dynamic metadata. */
export interface OverrideSource { header: string | null; namespace: string; path: string[] }
/** Weights that endpoints report. */
export interface ClientWeights {
  blackoutMs: number;                 // reports must have come for so long; default 10000
  expirationMs: number;               // default 180000
  updateMs: number;                   // default 1000, at least 100
  errorPenalty: number;               // of utilisation, for each error among the requests; default 1
  metrics: string[];                  // the greatest of these is the utilisation, if there is any
}
/** envoy.config.cluster.v3.Cluster.LbSubsetConfig */
export interface Subsets {
  fallback: 'none' | 'any' | 'default'; defaultSubset: MetadataMatch;
  selectors: SubsetSelector[];
  localityWeightAware: boolean; scaleLocalityWeight: boolean; panicModeAny: boolean; listAsAny: boolean;
  fallbackList: boolean;              // metadata_fallback_policy FALLBACK_LIST
  allowRedundantKeys: boolean;
}
export interface SubsetSelector {
  keys: string[];                     // in order
  singleHost: boolean;
  fallback: 'undefined' | 'none' | 'any' | 'default' | 'keys';
  fallbackKeys: string[];             // in order; of 'keys'
}
export interface PeakEwma {
  decayMs: number;                    // default 10000
  penalty: number;                    // cost of one that was asked and has not answered; default 1000000
}
/** New endpoints get a part of their weight that grows over the window: max(minimum, time ^ (1 / aggression)). */
export interface SlowStart { windowMs: number; aggression: RuntimeNumber; minimumPercent: number }
export interface ZoneAware {
  routingPercent: number;             // default 100
  minClusterSize: number;             // default 6
  failTrafficOnPanic: boolean;        // in panic nobody is picked; without a local cluster too
}
export interface RingHash { kind: 'ring'; minimumSize: number; maximumSize: number; murmur: boolean }
export interface Hashing {
  table: RingHash | { kind: 'maglev'; size: number };
  byName: boolean;                    // names of endpoints are hashed, not addresses
  boundPercent: number;               // most load beside the average (hash_balance_factor); 0 = any
  policies: HashPolicy[];             // what requests are hashed by, in place of the route's; none: by the route's
}

/** envoy.config.cluster.v3.Cluster.OriginalDstLbConfig, with the cluster's cleanup_interval. */
export interface OriginalDestination {
  /** Requests bring an address that a name was resolved to (dynamic forward proxy), not one of their own. */
  resolved: boolean;
  headerName: string | null;          // lower case; null = addresses in headers are not looked at
  portOverride: number | null;
  cleanupIntervalMs: number;          // default 5000
}

export interface ClusterConfig {
  /** Statistics of each endpoint are shown beside the cluster's. */
  perEndpointStats: boolean;
  name: string;
  altStatName: string;                // name used in statistics; equals name when unset
  metadata: FilterMetadata | null;
  type: 'static' | 'strictDns' | 'logicalDns' | 'eds' | 'originalDst';
  originalDestination: OriginalDestination | null;   // of type originalDst
  edsServiceName: string;             // '' = name
  loadAssignment: EndpointAssignment | null;   // static, and of DNS clusters (hosts are names there)
  lbPolicy: 'roundRobin' | 'leastRequest' | 'random' | 'ringHash' | 'maglev' | 'peakEwma'
    | 'clientSideWeightedRoundRobin'
    | 'clusterProvided';
  leastRequestChoiceCount: number;    // default 2
  balancing: Balancing;
  connectTimeoutMs: number;           // default 5000
  perConnectionBufferBytes: number;   // default 1 MiB
  circuitBreakers: { default: CircuitBreakerThresholds; high: CircuitBreakerThresholds };
  idleTimeoutMs: number;              // upstream keep-alive idle timeout; default 3600000; 0 = none
  maxRequestsPerConnection: number;   // 0 = no limit
  maxResponseHeadersBytes: number;    // default 60 KiB
  maxResponseHeadersCount: number;    // default 100
  preserveCase: boolean; properCaseWords: boolean; enableTrailers: boolean;
  sendFullyQualifiedUrl: boolean;
  http: ClusterHttp;
  rpc: RpcUpstreamOptions | null;     // null: endpoints speak HTTP
  dns: DnsOptions;
  connections: UpstreamConnections;
  tls: UpstreamTls | null;            // null: plain bytes
  transportSocketMatches: TransportSocketMatch[] | null;   // null: none; endpoints that match none take `tls`
  healthCheck: HealthCheck | null;
  health: HealthOptions;
  outlierDetection: OutlierDetection | null;
}

export interface AdminConfig { address: Address | null; accessLogs: AccessLog[] }
