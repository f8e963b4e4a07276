// Process-wide counts after a worker died. Circuit breakers count connections and requests of all workers together;
// what the dead one had open must be taken off, or a cluster would stay near its limits for ever. What it had is still
// in its own statistics region: its gauges, which are cleared afterwards.
import { DiscoveredEndpoints } from '../core/discovered.js';
import { CONNECTIONS_WORD, ClusterState, Control, EndpointShare, EndpointState, HealthFlag, Shared, workerControl,
  TOKEN_BUCKET_BYTES, workerEndpointShares } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { limits } from '../core/limits.js';
import type { Statistics } from '../telemetry/statistics.js';

const counted = [
  [ClusterState.connections, 'upstream_cx_active'],
  [ClusterState.pending, 'upstream_rq_pending_active'],
  [ClusterState.requests, 'upstream_rq_active'],
] as const;

/** Takes the dead worker's share off. Call it before Statistics.workerDied clears the gauges. */
export function settleClusterCounts(words: Int32Array, map: MemoryMap, statistics: Statistics, worker: number,
  slots: number): void {
  for (let slot = 0; slot < slots; slot++) {
    const scope = statistics.clusterScope(slot);
    if (scope < 0) continue;
    const state = (map.clusterStates + slot * ClusterState.bytes) >> 2;
    for (const [word, gauge] of counted) {
      let left = Math.round(statistics.cellOfWorker(worker, 'cluster', scope, gauge));
      // The gauge does not tell priorities apart: default first, what remains from high. Never below zero.
      for (const at of [state + word, state + ClusterState.highOffset + word]) {
        const taken = Math.max(0, Math.min(left, Atomics.load(words, at)));
        if (taken > 0) Atomics.sub(words, at, taken);
        left -= taken;
      }
    }
  }
}

/** Takes the dead worker's requests and connections off the endpoints' counts, or least-request would shun them. */
export function settleEndpointCounts(words: Int32Array, map: MemoryMap, worker: number): void {
  new DiscoveredEndpoints(words, map, worker).releaseAll();
  const shares = workerEndpointShares(map, worker) >> 2;
  for (let state = 0; state < limits.endpointStatesMax; state++) {
    const at = (map.endpointStates + state * EndpointState.bytes) >> 2;
    // If it was the dead worker who had heard that, nobody would take it back.
    Atomics.and(words, at + EndpointState.healthFlags, ~HealthFlag.readOnly);
    const share = shares + ((state * EndpointShare.bytes) >> 2);
    const requests = words[share + EndpointShare.activeRequests]!;
    const connections = words[share + EndpointShare.activeConnections]!;
    if (requests === 0 && connections === 0) continue;
    Atomics.sub(words, at + EndpointState.activeRequests, requests);
    Atomics.sub(words, at + EndpointState.activeConnections, connections);
    words[share + EndpointShare.activeRequests] = words[share + EndpointShare.activeConnections] = 0;
  }
}

/** Takes the dead worker's connections off the process's limit. */
export function settleConnections(words: Int32Array, map: MemoryMap, worker: number): void {
  const share = (workerControl(map, worker) >> 2) + Control.limitedConnections;
  Atomics.sub(words, (map.control >> 2) + Shared.limitedConnections, words[share]!);
  words[share] = 0;
}

/** Takes the dead worker's connections off the limits of filter chains. */
export function settleLimits(words: Int32Array, map: MemoryMap, statistics: Statistics, worker: number,
  slotOf: (name: string) => number): void {
  for (const [name, count] of statistics.takeShares(worker)) {
    const slot = slotOf(name);
    if (slot >= 0) Atomics.sub(words, ((map.tokenBuckets + slot * TOKEN_BUCKET_BYTES) >> 2) + CONNECTIONS_WORD, count);
  }
}
