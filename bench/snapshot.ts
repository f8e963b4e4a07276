// What a change of configuration costs main: encode one resource, write its blob, publish a root; and what an unchanged
// resource that is sent again costs (a control plane resends everything when it reconnects).
import { memoryMap } from '../src/core/memory-map.js';
import { SnapshotPublisher } from '../src/config/snapshot/publisher.js';
import { usualConnections } from '../src/config/upstream-connections.js';
import type { SnapshotChange } from '../src/config/snapshot/changes.js';
import type { ClusterConfig, Endpoint, EndpointAssignment, HeaderMutations, RouteConfig } from '../src/config/types.js';
import { bench } from './bench.js';
import { usualHttp } from '../src/config/http2.js';

const MEMORY_MIB = 512;
const ENDPOINTS = 5;
const none: HeaderMutations = { add: [], remove: [] };
const name = (index: number): string => `outbound|8080||service-${index}.mesh.local`;

function cluster(index: number, connectTimeoutMs = 1000): ClusterConfig {
  const thresholds = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3,
    retryBudget: null,
      trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 };
  return {
    name: name(index), altStatName: name(index), perEndpointStats: false, metadata: null, type: 'eds',
      originalDestination: null,
    edsServiceName: '', loadAssignment: null,
    lbPolicy: 'leastRequest', leastRequestChoiceCount: 2,
    balancing: { healthyPanicPercent: 50, localityWeighted: false, closeOnChange: false,
    zoneAware: { routingPercent: 100, minClusterSize: 6, failTrafficOnPanic: false }, hashing: null, slowStart: null,
    activeRequestBias: null, fullScan: false, peakEwma: null, clientWeights: null,
    subsets: null, overrideHost: null }, connectTimeoutMs,
    perConnectionBufferBytes: 1 << 20,
    circuitBreakers: { default: thresholds, high: thresholds }, idleTimeoutMs: 3_600_000, maxRequestsPerConnection: 0,
    maxResponseHeadersBytes: 61_440, maxResponseHeadersCount: 100, preserveCase: false, properCaseWords: false,
    enableTrailers: false, sendFullyQualifiedUrl: false,
    http: usualHttp, rpc: null,
    dns: { refreshRateMs: 5000, family: 'auto', respectTtl: false, failureRefreshBaseMs: 5000,
      failureRefreshMaxMs: 5000, jitterMs: 0, waitAtStart: true, resolver: null },
    connections: usualConnections, tls: null, transportSocketMatches: null,
    healthCheck: null, health: { closeConnectionsOnFailure: false, ignoreHealthOnRemoval: false,
      ignoreNewUntilChecked: false }, outlierDetection: null,
  };
}

function endpoint(index: number, replica: number, weight: number): Endpoint {
  return { address: { kind: 'ip', host: `10.${index >> 8}.${index & 255}.${replica}`, port: 8080, ipv4Compat: false },
    hostname: '',
    weight, priority: 0, health: 'healthy', locality: { region: 'r', zone: 'z', subZone: '' }, localityWeight: 0,
    metadata: null,
    healthCheck: null, logicalName: '', additionalAddresses: [] };
}

function assignment(index: number, weight = 1): EndpointAssignment {
  return { clusterName: name(index), policy: { overprovisioningPercent: 140,
    weightedPriorityHealth: false, dropped: 0 },
    endpoints: Array.from({ length: ENDPOINTS }, (_, replica) => endpoint(index, replica + 1, weight)) };
}

function routes(hosts: number, timeoutMs: number): RouteConfig {
  return {
    name: 'outbound', requestHeaders: none, responseHeaders: none, mostSpecificHeaderMutationsWins: false, filters: [],
    ignorePortInHostMatching: true,
    virtualHosts: Array.from({ length: hosts }, (_, index) => ({
      name: name(index), domains: [`service-${index}.mesh.local`], requireTls: 'none', virtualClusters: [],
      retryPolicy: null, keptBytesMax: null,
      includeRequestAttemptCount: false, includeAttemptCountInResponse: false, includeTimeoutRetry: false,
        filters: [], rateLimits: [],
        metadata: null,
      requestHeaders: none, responseHeaders: none,
      routes: [{
        name: 'default', metadata: null, statPrefix: '', filters: [], keptBytesMax: null, requestHeaders: none,
          responseHeaders: none,
        match: { path: { kind: 'prefix', value: '/' }, caseSensitive: true, headers: [], queryParameters: [],
          runtimeFraction: null, certificate: null },
        action: { kind: 'forward', totalWeight: 1, randomValueHeader: null, runtimeKeyPrefix: '', regexRewrite: null,
          hostRewriteHeader: null, hostRewritePathRegex: null, autoHostRewrite: false, hashPolicies: [],
            rateLimits: [], retryPolicy: null, internalRedirects: null, mirrors: [], hedgesOnTimeout: false,
            maxStreamDurationMs: null, grpcTimeouts: null,
            prefixRewrite: null, hostRewriteLiteral: null,
          appendXForwardedHost: false,
          timeoutMs, idleTimeoutMs: null, clusterNotFoundStatus: 503, priority: 'default', upgrades: [],
          clusters: [{ metadataMatch: null, cluster: name(index), clusterHeader: null,
            weight: 1, hostRewriteLiteral: null, filters: [],
            requestHeaders: none,
            responseHeaders: none }] },
      }],
    })),
  };
}

class Mesh {
  readonly publisher: SnapshotPublisher;
  constructor(readonly clusters: number) {
    const pages = MEMORY_MIB * 16;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.publisher = new SnapshotPublisher(memory, memoryMap(MEMORY_MIB, 1),
      { listenerScope: () => 64, httpScope: () => 64, listenerTlsScope: () => 64,
      networkScope: () => 64, virtualHostScope: () => 64,
        filterScope: () => 64,
        accessLogSink: () => 0, clusterBound: () => {}, clusterRecycled: () => {} });
    for (let index = 0; index < clusters; index++) {
      this.change({ kind: 'cluster', name: name(index), value: cluster(index) },
        { kind: 'assignment', name: name(index), value: assignment(index) });
    }
    this.publish();
  }
  change(...changes: SnapshotChange[]): void {
    const refused = this.publisher.apply(changes);
    if (refused.length > 0) throw new Error(`${refused[0].kind} ${refused[0].name}: ${refused[0].details}`);
  }
  publish(): number {
    if (!this.publisher.publish()) throw new Error('publish was put off');
    this.publisher.reclaim(this.publisher.rootVersion);
    return this.publisher.rootVersion;
  }
}

const endpointChange = (clusters: number) => bench({
  name: `publish one endpoint change among ${clusters} clusters`,
  setup: () => new Mesh(clusters),
  run: (mesh, iterations) => {
    for (let turn = 0; turn < iterations; turn++) {
      const index = turn % clusters;
      mesh.change({ kind: 'assignment', name: name(index), value: assignment(index, 2 + turn % 1000) });
      mesh.publish();
    }
    return mesh.publisher.rootVersion;
  },
});

const routeChange = (hosts: number) => bench({
  name: `publish a route configuration with ${hosts} virtual hosts`,
  setup: () => ({ mesh: new Mesh(hosts), values: [routes(hosts, 1000), routes(hosts, 2000)] }),
  run: ({ mesh, values }, iterations) => {
    for (let turn = 0; turn < iterations; turn++) {
      mesh.change({ kind: 'route', name: 'outbound', value: values[turn & 1] });
      mesh.publish();
    }
    return mesh.publisher.rootVersion;
  },
});

export const benches = [
  endpointChange(10),
  endpointChange(10_000),
  bench({
    name: 'take in an unchanged cluster again',
    setup: () => ({ mesh: new Mesh(1000), changes: Array.from({ length: 1000 }, (_, index): SnapshotChange =>
      ({ kind: 'cluster', name: name(index), value: cluster(index) })) }),
    run: ({ mesh, changes }, iterations) => {
      for (let turn = 0; turn < iterations; turn++) mesh.change(changes[turn % changes.length]);
      return mesh.publish();
    },
  }),
  routeChange(10),
  routeChange(1000),
];
