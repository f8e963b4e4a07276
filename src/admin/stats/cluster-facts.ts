// Statistics of a cluster that nobody counts, because they follow from its endpoints, its circuit breakers and the
// process-wide words of shared memory: computed when they are read.
import type { AdminBackend } from '../backend.js';
import { retriesMax } from '../../config/retry-budget.js';
import type { CircuitBreakerThresholds, ClusterConfig } from '../../config/types.js';
import { ClusterState, EndpointState, HealthFlag } from '../../core/memory-map.js';
import type { MemoryMap } from '../../core/memory-map.js';
import type { ResourceRecord } from '../../xds/store.js';

const FAILED_FLAGS = HealthFlag.failedActive | HealthFlag.ejected | HealthFlag.readOnly;
const EXCLUDING_FLAGS = HealthFlag.pendingCheck | HealthFlag.excluded;

const breakers = [
  'cx_open',
  'cx_pool_open',
  'remaining_cx',
  'remaining_pending',
  'remaining_retries',
  'remaining_rq',
  'rq_open',
  'rq_pending_open',
  'rq_retry_open',
] as const;

/** Names below `cluster.<name>.` in alphabetical order; all are gauges. */
export const clusterFactNames: readonly string[] = [
  ...breakers.map((name) => `circuit_breakers.default.${name}`),
  ...breakers.map((name) => `circuit_breakers.high.${name}`),
  'max_host_weight',
  'membership_degraded',
  'membership_excluded',
  'membership_healthy',
  'membership_total',
];

/** Reads the process-wide words that workers share. */
export class SharedStates {
  readonly #words: Int32Array;
  readonly #numbers: Float32Array;
  readonly #map: MemoryMap;
  constructor(memory: ArrayBufferLike, map: MemoryMap) {
    this.#words = new Int32Array(memory);
    this.#numbers = new Float32Array(memory);
    this.#map = map;
  }
  cluster(slot: number, word: number): number {
    return slot < 0
      ? 0
      : Atomics.load(this.#words, ((this.#map.clusterStates + slot * ClusterState.bytes) >> 2) + word);
  }
  endpoint(state: number, word: number): number {
    return state < 0 ? 0 : Atomics.load(this.#words, this.#endpointAt(state) + word);
  }
  /** HealthFlag bits. */
  healthFlags(state: number): number {
    return this.endpoint(state, EndpointState.healthFlags);
  }
  /** Is the endpoint left out by a health check or by outlier detection? */
  isExcluded(state: number): boolean {
    return (this.healthFlags(state) & (FAILED_FLAGS | EXCLUDING_FLAGS)) !== 0;
  }
  /** What checks and outlier detection found out; null: nothing that counts. */
  foundHealth(state: number): 'excluded' | 'unhealthy' | 'degraded' | null {
    const flags = this.healthFlags(state);
    if ((flags & EXCLUDING_FLAGS) !== 0) return 'excluded';
    if ((flags & FAILED_FLAGS) !== 0) return 'unhealthy';
    return (flags & HealthFlag.degradedActive) !== 0 ? 'degraded' : null;
  }
  /** Moving average of its response times, null while nobody keeps one. */
  endpointLatencyMs(state: number): number | null {
    if (state < 0) return null;
    const value = this.#numbers[this.#endpointAt(state) + EndpointState.latency];
    return value > 0 ? value : null;
  }
  #endpointAt(state: number): number {
    return (this.#map.endpointStates + state * EndpointState.bytes) >> 2;
  }
}

export interface ClusterFacts {
  slot: number;
  /** It has statistics of TLS besides. */
  tls: boolean;
  /** In the order of clusterFactNames; NaN where the cluster does not have it. */
  values: Float64Array;
}

/** Packed configuration begins with the two names, so that they can be had without unpacking the rest. */
const PACKED_NAMES = /^\{"name":"(?:[^"\\]|\\.)*","altStatName":("(?:[^"\\]|\\.)*")/;

/** What a cluster is called in names of statistics. */
export function statNameOf(record: ResourceRecord<'cluster'>): string {
  const { name, configJson } = record;
  // Mostly it is the cluster's own; a name that JSON escapes takes the longer way.
  if (configJson.startsWith(`{"name":"${name}","altStatName":"${name}"`)) return name;
  const names = PACKED_NAMES.exec(configJson);
  return names === null ? record.config.altStatName : JSON.parse(names[1]) as string;
}

/** Facts of one cluster, values in the order of clusterFactNames. */
export function clusterFacts(backend: AdminBackend, states: SharedStates, config: ClusterConfig): ClusterFacts {
  const { name } = config;
  const slot = backend.clusterSlot(name);
  const values = new Float64Array(clusterFactNames.length);
  breakerValues(values, 0, config.circuitBreakers.default, (word) => states.cluster(slot, word));
  breakerValues(values, breakers.length, config.circuitBreakers.high, (word) =>
    states.cluster(slot, word + ClusterState.highOffset),
  );
  const at = breakers.length * 2;
  for (const endpoint of backend.endpoints(name)) {
    values[at] = Math.max(values[at], endpoint.weight);
    const found = states.foundHealth(endpoint.state);
    if (found === 'excluded' || endpoint.health === 'draining') values[at + 2]++;
    else if (found !== 'unhealthy') {
      const well = endpoint.health === 'healthy' || endpoint.health === 'unknown';
      if (well && found === null) values[at + 3]++;
      else if (well || endpoint.health === 'degraded') values[at + 1]++;
    }
    values[at + 4]++;
  }
  const tls = config.tls !== null || (config.transportSocketMatches ?? []).some((match) => match.tls !== null);
  return { slot, tls, values };
}

function breakerValues(
  out: Float64Array,
  at: number,
  most: CircuitBreakerThresholds,
  word: (index: number) => number,
): void {
  const limits = [most.maxConnections, most.maxPendingRequests, retriesMax(most, word(ClusterState.requests)),
    most.maxRequests];
  const taken = [ClusterState.connections, ClusterState.pending, ClusterState.retries, ClusterState.requests].map(word);
  // Envoy looks when something is taken: where nothing is, nothing is open
  const [connections, pending, retries, requests] = taken.map((count, i) => (count > 0 && count >= limits[i] ? 1 : 0));
  const left = taken.map((count, i) => (most.trackRemaining ? Math.max(0, limits[i] - count) : NaN));
  out.set([connections, 0, ...left, requests, pending, retries], at);
}
