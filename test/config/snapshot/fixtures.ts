// Small configuration values for tests of what is made of them.
import { usualHttp, usualHttp2 } from '../../../src/config/http2.js';
import { usualConnections } from '../../../src/config/upstream-connections.js';
import type { AssignmentPolicy, Balancing, ClusterConfig, Endpoint, EndpointAssignment, FilterChain,
  HttpConnectionManager, ListenerConfig, RouteConfig } from '../../../src/config/types.js';

const thresholds = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3,
  retryBudget: null,
      trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 };
const none = { add: [], remove: [] };
/** Envoy's defaults. */
export const policy: AssignmentPolicy = { overprovisioningPercent: 140, weightedPriorityHealth: false, dropped: 0 };
export const balancing: Balancing = { healthyPanicPercent: 50, localityWeighted: false, closeOnChange: false,
    zoneAware: { routingPercent: 100, minClusterSize: 6, failTrafficOnPanic: false }, hashing: null, slowStart: null,
    activeRequestBias: null, fullScan: false, peakEwma: null, clientWeights: null,
    subsets: null, overrideHost: null };

export function endpoint(host: string, port: number): Endpoint {
  return { address: { kind: 'ip', host, port, ipv4Compat: false }, hostname: '', weight: 1, priority: 0,
    health: 'unknown',
    locality: { region: '', zone: '', subZone: '' }, localityWeight: 0, metadata: null, healthCheck: null,
    logicalName: '', additionalAddresses: [] };
}

export const assignment = (clusterName: string, ...ports: number[]): EndpointAssignment =>
  ({ clusterName, endpoints: ports.map((port) => endpoint('127.0.0.1', port)), policy });

export function cluster(name: string, change: Partial<ClusterConfig> = {}): ClusterConfig {
  return { name, altStatName: name, perEndpointStats: false, type: 'static', originalDestination: null,
    edsServiceName: '', loadAssignment: null,
    metadata: null, lbPolicy: 'roundRobin',
    leastRequestChoiceCount: 2, balancing, connectTimeoutMs: 5000, perConnectionBufferBytes: 1 << 20,
    circuitBreakers: { default: thresholds, high: thresholds }, idleTimeoutMs: 3_600_000, maxRequestsPerConnection: 0,
    maxResponseHeadersBytes: 60 * 1024, maxResponseHeadersCount: 100, preserveCase: false, properCaseWords: false,
    enableTrailers: false, sendFullyQualifiedUrl: false,
    http: usualHttp, rpc: null,
    dns: { refreshRateMs: 5000, family: 'auto', respectTtl: false, failureRefreshBaseMs: 1000,
      failureRefreshMaxMs: 5000, jitterMs: 0, waitAtStart: true, resolver: null },
    connections: usualConnections, tls: null, transportSocketMatches: null,
    healthCheck: null, health: { closeConnectionsOnFailure: false, ignoreHealthOnRemoval: false,
      ignoreNewUntilChecked: false }, outlierDetection: null, ...change };
}

/** One virtual host for every domain that forwards everything to `clusterName`. */
export function routes(name: string, clusterName: string): RouteConfig {
  return { name, requestHeaders: none, responseHeaders: none, mostSpecificHeaderMutationsWins: false, filters: [],
    ignorePortInHostMatching: false,
    virtualHosts: [{ name: 'all', domains: ['*'], requireTls: 'none', virtualClusters: [],
      retryPolicy: null, keptBytesMax: null,
      includeRequestAttemptCount: false, includeAttemptCountInResponse: false, includeTimeoutRetry: false,
        filters: [], rateLimits: [],
        metadata: null,
      requestHeaders: none, responseHeaders: none,
      routes: [{ name: '', metadata: null, statPrefix: '', filters: [], keptBytesMax: null, requestHeaders: none,
        responseHeaders: none,
        match: { path: { kind: 'prefix', value: '/' }, caseSensitive: true, headers: [], queryParameters: [],
          runtimeFraction: null, certificate: null },
        action: { kind: 'forward', totalWeight: 1, randomValueHeader: null, runtimeKeyPrefix: '', regexRewrite: null,
          hostRewriteHeader: null, hostRewritePathRegex: null, autoHostRewrite: false, hashPolicies: [],
            rateLimits: [], retryPolicy: null, internalRedirects: null, mirrors: [], hedgesOnTimeout: false,
            maxStreamDurationMs: null, grpcTimeouts: null,
            prefixRewrite: null, hostRewriteLiteral: null,
          appendXForwardedHost: false,
          timeoutMs: 15_000, idleTimeoutMs: null, clusterNotFoundStatus: 503, priority: 'default', upgrades: [],
          clusters: [{ metadataMatch: null, cluster: clusterName, clusterHeader: null,
            weight: 1, hostRewriteLiteral: null, filters: [],
            requestHeaders: none, responseHeaders: none }] },
      }] }] };
}

export function hcm(change: Partial<HttpConnectionManager> = {}): HttpConnectionManager {
  return { codec: 'auto', http2: usualHttp2, statPrefix: 'test', routeConfigName: 'routes', scopedRoutes: null,
    accessLogs: [], localReply: null,
    accessLogOptions: { flushIntervalMs: 0, onNewRequest: false, onTunnelEstablished: false },
    serverName: 'envoy',
    httpFilters: [{ name: 'router', typeUrl: '', disabled: false, config: { kind: 'router',
      suppressEnvoyHeaders: false } }],
    serverHeaderTransformation: 'overwrite', schemeOverwrite: null, via: null, forwardClientCert: { mode: 'sanitize',
      subject: false, cert: false, chain: false, dns: false,
      uri: false }, useRemoteAddress: false,
      skipXffAppend: false,
    xffNumTrustedHops: 0, internalAddresses: null, generateRequestId: true, preserveExternalRequestId: false,
      alwaysSetRequestIdInResponse: false,
    appendXForwardedPort: false, normalizePath: false,
      mergeSlashes: false,
    pathWithEscapedSlashes: 'keepUnchanged', stripPort: 'none', stripTrailingHostDot: false,
      headersWithUnderscores: 'allow',
    proxy100Continue: false, acceptHttp10: false, defaultHostForHttp10: '',
    preserveCase: false, properCaseWords: false, enableTrailers: false,
    maxRequestHeadersBytes: 60 * 1024, maxHeadersCount: 100, maxRequestsPerConnection: 0, idleTimeoutMs: 3_600_000,
    maxConnectionDurationMs: 0, maxStreamDurationMs: 0, requestHeadersTimeoutMs: 0, requestTimeoutMs: 0,
    streamIdleTimeoutMs: 300_000, drainTimeoutMs: 5000, delayedCloseTimeoutMs: 1000, upgrades: [], rpc: null,
    ...change };
}

/** A filter chain of one connection manager, for every connection. */
export const httpChain = (change: Partial<HttpConnectionManager> = {}): FilterChain =>
  ({ name: '', match: null, networkFilters: [], hcm: hcm(change), tcp: null,
    tls: null, transportSocketConnectTimeoutMs: 0 });

export function listener(name: string, port: number, change: Partial<ListenerConfig> = {}): ListenerConfig {
  return { name, addresses: [{ kind: 'ip', host: '127.0.0.1', port, ipv4Compat: false }], statName: name,
    filterChains: [httpChain()], defaultFilterChain: null, listenerFilters: null, connectionLogs: [],
    useOriginalDestination: false, bindToPort: true, acceptsPerEvent: 0,
    sockets: { transparent: false, freebind: false, options: [[]] },
    reusePort: true, exactBalance: false,
      backlog: 128,
    perConnectionBufferBytes: 1 << 20, trafficDirection: 'unspecified',
    ignoreGlobalConnectionLimit: false, metadata: null,
    ...change };
}
