// Plain configuration values of the HTTP filters, and of what routes say about them (typed_per_filter_config). The same
// rules as in types.ts: immutable, JSON, every field always present.
import type { RuntimeFraction, RuntimeNumber } from './runtime.js';
import type { HeaderMatcher, HeaderMutation, QueryParameterMatcher, StringMatcher, Substitution } from './values.js';

/** envoy.type.v3.TokenBucket */
export interface TokenBucket { maxTokens: number; tokensPerFill: number; fillIntervalMs: number }

export interface RouterFilter { kind: 'router'; suppressEnvoyHeaders: boolean }

/** envoy.extensions.filters.http.fault.v3.HTTPFault; null in `fixedMs` and its likes: what a request header says. */
export interface FaultFilter {
  kind: 'fault';
  delay: { fixedMs: RuntimeNumber | null; percentage: RuntimeFraction } | null;
  abort: { status: RuntimeNumber | null; grpcStatus: RuntimeNumber | null; byHeader: boolean;
    percentage: RuntimeFraction } | null;
  responseRateLimit: { kibPerSecond: number | null; percentage: RuntimeFraction } | null;
  upstreamCluster: string;            // '' = any
  headers: HeaderMatcher[];
  downstreamNodes: string[];
  maxActiveFaults: RuntimeNumber;
}

export interface CorsFilter { kind: 'cors'; policy: CorsPolicy | null }
/** envoy.extensions.filters.http.cors.v3.CorsPolicy */
export interface CorsPolicy {
  allowOrigins: StringMatcher[];
  allowMethods: string; allowHeaders: string; exposeHeaders: string; maxAge: string;
  allowCredentials: boolean | null; allowPrivateNetwork: boolean | null; forwardNotMatchingPreflights: boolean | null;
  enabled: RuntimeFraction; shadowEnabled: RuntimeFraction;
}

/** envoy.extensions.filters.http.csrf.v3.CsrfPolicy */
export interface CsrfFilter {
  kind: 'csrf'; enabled: RuntimeFraction; shadowEnabled: RuntimeFraction; additionalOrigins: StringMatcher[];
}

/** A removal, or a HeaderMutation, in the order given. */
export type FilterMutation = { remove: string } | { add: HeaderMutation };
export interface HeaderMutationFilter {
  kind: 'headerMutation'; request: FilterMutation[]; response: FilterMutation[]; mostSpecificWins: boolean;
}

/** envoy.config.route.v3.RateLimit.Action */
export type RateLimitAction =
  | { kind: 'sourceCluster' | 'destinationCluster' | 'remoteAddress' }
  | { kind: 'maskedRemoteAddress'; ipv4Bits: number; ipv6Bits: number }
  | { kind: 'requestHeaders'; header: string; key: string; skipIfAbsent: boolean }
  | { kind: 'genericKey'; key: string; value: string }
  | { kind: 'metadata'; ofRoute: boolean; key: string; path: string[]; whenMissing: string; skipIfAbsent: boolean }
  | { kind: 'headerValueMatch'; key: string; value: string; expect: boolean; headers: HeaderMatcher[] }
  | { kind: 'queryParameterValueMatch'; key: string; value: string; expect: boolean;
    parameters: QueryParameterMatcher[] };
export interface RateLimit { stage: number; disableKey: string; actions: RateLimitAction[] }

/** envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit */
export interface LocalRateLimitFilter {
  kind: 'localRateLimit';
  statPrefix: string;
  status: number;
  bucket: TokenBucket | null;
  enabled: RuntimeFraction;
  enforced: RuntimeFraction;
  requestHeadersWhenNotEnforced: HeaderMutation[];
  responseHeaders: HeaderMutation[];
  descriptors: { entries: { key: string; value: string }[]; bucket: TokenBucket }[];
  stage: number;
  perConnection: boolean;
  rateLimitHeaders: boolean;          // enable_x_ratelimit_headers
  alwaysConsumeDefault: boolean;
  virtualHostLimits: 'override' | 'include' | 'ignore';
}

/** envoy.extensions.filters.http.health_check.v3.HealthCheck */
export interface HealthCheckFilter {
  kind: 'healthCheck'; passThrough: boolean; cacheTimeMs: number; headers: HeaderMatcher[];
  clusterMinHealthyPercent: { cluster: string; percent: number }[];
}

/** envoy.extensions.filters.http.grpc_web.v3.GrpcWeb */
export interface GrpcWebFilter { kind: 'grpcWeb' }

export interface BufferFilter { kind: 'buffer'; maxRequestBytes: number; disabled: boolean }

export interface SetMetadataFilter {
  kind: 'setMetadata';
  entries: { namespace: string; allowOverwrite: boolean; value: { [key: string]: unknown } }[];
}

/** envoy.extensions.filters.http.header_to_metadata.v3.Config.KeyValuePair */
export interface MetadataPair {
  namespace: string; key: string; value: string; rewrite: Substitution | null; number: boolean; base64: boolean;
}
export interface HeaderToMetadataRule {
  header: string; cookie: string; onPresent: MetadataPair | null; onMissing: MetadataPair | null; remove: boolean;
}
export interface HeaderToMetadataFilter {
  kind: 'headerToMetadata'; requestRules: HeaderToMetadataRule[]; responseRules: HeaderToMetadataRule[];
}

/** envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig */
export interface DnsCacheConfig {
  name: string;
  family: 'auto' | 'v4Only' | 'v6Only' | 'v4Preferred' | 'all';
  refreshMs: number; failureRefreshMs: number; failureRefreshMaxMs: number;
  hostTtlMs: number; queryTimeoutMs: number; maxHosts: number;
}
/** Of a chain: the cache; of a route: what the host becomes. */
export interface DynamicForwardProxyFilter {
  kind: 'dynamicForwardProxy'; cache: DnsCacheConfig | null;
  hostRewriteLiteral: string | null; hostRewriteHeader: string | null;
}

/** envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder; no services: it does nothing. */
export interface GrpcJsonTranscoderFilter {
  kind: 'grpcJsonTranscoder';
  descriptor: string;                 // FileDescriptorSet, as base64
  services: string[];
  print: { addWhitespace: boolean; printPrimitives: boolean; enumsAsInts: boolean; preserveNames: boolean;
    newlineDelimited: boolean; sseDelimited: boolean };
  matchIncomingRequestRoute: boolean;
  autoMapping: boolean;
  ignoredQueryParameters: string[];
  ignoreUnknownQueryParameters: boolean;
  captureUnknownQueryParameters: boolean;
  convertGrpcStatus: boolean;
  urlUnescapeSpec: 'exceptReserved' | 'exceptSlash' | 'all';
  queryParamUnescapePlus: boolean;
  matchUnregisteredCustomVerb: boolean;
  caseInsensitiveEnumParsing: boolean;
  rejectUnknownMethod: boolean; rejectUnknownQueryParameters: boolean; rejectBindingBodyFieldCollisions: boolean;
  maxRequestBytes: number | null; maxResponseBytes: number | null;      // null: the listener's buffer
}

/** envoy.extensions.filters.http.grpc_http1_bridge.v3.Config */
export interface GrpcHttp1BridgeFilter { kind: 'grpcHttp1Bridge'; upgradesProtobuf: boolean; ignoresQuery: boolean }

/** envoy.extensions.filters.http.grpc_stats.v3.FilterConfig */
export interface GrpcStatsFilter {
  kind: 'grpcStats';
  methods: 'all' | string[];          // counted each for itself, as `/service/method`
  upstreamStats: boolean; emitFilterState: boolean;
  replaceDots: boolean;
}

/** Where an argument of a call comes from; 'item': from the list that the body is, at its own place. */
export type RpcJsonSource = 'item' | 'member' | 'body' | 'path' | 'query';
/** weft.extensions.filters.http.rpc_json_transcoder.v1.Argument */
export interface RpcJsonArgument {
  type: string;                       // of Java, one that transcode/rpc/java-types.ts has
  source: RpcJsonSource;
  name: string;                       // of the member, the variable, the parameter
  place: string;                      // as errors call it
}
/** weft.extensions.filters.http.rpc_json_transcoder.v1.Call */
export interface RpcJsonCall {
  protocol: 'bolt' | 'dubbo';
  service: string; method: string;
  version: string; group: string; application: string;      // '' = none
  generic: boolean;                   // Dubbo's $invoke
  timeoutMs: number;                  // what the endpoint is told; 0 = nothing
  pathTemplate: string;               // '' = none
  arguments: RpcJsonArgument[];
  attachments: { name: string; value: string }[];
  forwardedHeaders: string[];         // names in lower case
}
/** weft.extensions.filters.http.rpc_json_transcoder.v1.Request */
export interface RpcJsonRequest {
  method: string;
  path: string;                       // with `{name}` for arguments
  host: string;                       // '' = the service
  arguments: RpcJsonArgument[];
  result: string;                     // a Java type; '' = void
  forwardedAttachments: string[];     // names in lower case
}
/** weft.extensions.filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder; neither call nor request: it does nothing. */
export interface RpcJsonTranscoderFilter {
  kind: 'rpcJsonTranscoder'; call: RpcJsonCall | null; request: RpcJsonRequest | null;
  maxRequestBytes: number; maxResponseBytes: number;
}

/** weft.extensions.filters.http.sofa_trace.v1.SofaTrace */
export interface SofaTraceFilter { kind: 'sofaTrace' }

export type HttpFilterConfig = RouterFilter | FaultFilter | CorsFilter | CsrfFilter | HeaderMutationFilter
  | LocalRateLimitFilter | HealthCheckFilter | BufferFilter | SetMetadataFilter | HeaderToMetadataFilter |
    DynamicForwardProxyFilter | GrpcJsonTranscoderFilter | GrpcWebFilter | GrpcStatsFilter | GrpcHttp1BridgeFilter
    | RpcJsonTranscoderFilter | SofaTraceFilter;

/** One filter of a connection manager. `disabled`: it runs only on routes that turn it on. */
export interface HttpFilter { name: string; typeUrl: string; disabled: boolean; config: HttpFilterConfig }

/** What a level of a route configuration says about the filter of this name. */
export interface FilterOverride { name: string; disabled: boolean; config: HttpFilterConfig | null }
