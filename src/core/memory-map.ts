// Where everything lies in the one shared WebAssembly memory. Pure arithmetic over (memoryBytes, workers): main and
// every worker compute the same map. All offsets are bytes, 64-aligned; regions are in ascending order:
//
//   statics | control | mailboxes | fd owners | cluster states | endpoint states | discovered | SOFA traces |
//   token buckets | snapshot heap |
//   per worker: [ log ring | statistics | arena ]
import { limits } from './limits.js';
import { SOFA_TRACES_BYTES } from './sofa-traces.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Per-worker control block: 256 bytes of Int32 words. Written by the side named. */
export const Control = {
  bytes: 256,
  oldestRootVersion: 0,   // worker: oldest snapshot root version it still uses; 0 = none yet
  heartbeat: 1,           // worker: loop turns, wraps
  state: 2,               // worker: 0 starting, 1 running, 2 draining, 3 ended
  connections: 3,         // worker: open downstream connections
  dealtHead: 4,           // worker: entries taken from its mailbox (wraps, compare for equality and distance)
  dealtTail: 5,           // main: entries put
  sleeping: 6,            // worker: 1 while it is inside the poll; main writes the eventfd only then
  logHead: 7,             // sink: bytes taken from the log ring (Uint32, wraps)
  logTail: 8,             // worker: bytes put
  logDropped: 9,          // worker: lines dropped
  stop: 10,               // main: 1 = leave the loop at once, 2 = drain
  generation: 11,         // main: incremented whenever the worker is replaced
  limitedConnections: 12, // worker: open connections that the process-wide limit concerns
} as const;

/** Process-wide control block at `control`: Int32 words. */
export const Shared = {
  bytes: 256,
  rootOffset: 0,          // main: offset of the newest snapshot root (0 = none)
  rootVersion: 1,         // main
  statsNext: 2,           // all: bump allocator of statistics scopes, bytes from the start of each worker's region
  drainState: 3,          // main: 0 serving, 1 draining all, 2 draining inbound only
  limitedConnections: 4,  // all, atomics: sum of the workers' limitedConnections
  healthChecksFail: 5,    // main: 1 = health checks of this proxy are to fail; workers look once a turn
} as const;

export interface MemoryMap {
  bytes: number; workers: number;
  control: number;               // Shared, then workers * Control
  mailboxes: number;             // workers * dealtRingEntries * 8 bytes: {fd i32, listener slot i32}
  fdOwners: number;              // Int16 per fd: worker index + 1, 0 = main or nobody
  clusterScopes: number;         // Int32 per cluster slot: statistics scope offset + 1, 0 = not yet allocated
  clusterStates: number;         // 64 bytes per cluster slot, atomics: see ClusterState
  endpointStates: number;        // 64 bytes per endpoint state index, atomics: see EndpointState
  discovered: number;            // 64 bytes per endpoint that workers find by themselves: see core/discovered.ts
  sofaTraces: number;            // see core/sofa-traces.ts
  tokenBuckets: number; tokenBucketsBytes: number;
  snapshot: number; snapshotBytes: number;
  perWorker: number; perWorkerBytes: number;
  statsBytes: number; arenaBytes: number;
}

/** Int32 words of a cluster's process-wide state (circuit breakers; index 8.. the same for priority high). */
export const ClusterState = { bytes: 64, connections: 0, pending: 1, requests: 2, retries: 3,
  healthVersion: 4,       // incremented by whoever changes the health flags of an endpoint; pickers follow it
  tlsScope: 5,            // as in clusterScopes, of the TLS statistics; stays when the slot gets another name
  grpcScope: 6,           // likewise, of what grpc_stats counts
  highOffset: 8 } as const;
/** Int32 words of an endpoint's process-wide state. */
export const EndpointState = {
  bytes: 64, activeRequests: 0, activeConnections: 1, requestsTotal: 2, requestsSuccess: 3, requestsError: 4,
  connectionsTotal: 5, connectFailures: 6, requestsTimeout: 7,
  healthFlags: 8,         // HealthFlag
  consecutive5xx: 9, consecutiveGatewayFailures: 10, consecutiveLocalFailures: 11,
  latency: 12,            // float32: decaying average of response times, milliseconds (peak EWMA), or
                          // the reported weight (client-side weighted round robin); 0 = none yet
  latencySeen: 13,        // when it was last written: lower 32 bits of wall-clock milliseconds
  intervalRequests: 14, intervalSuccesses: 15,
} as const;
/** Bits of an endpoint's health flags: what was found out about it, beside what its configuration says. */
export const HealthFlag = { failedActive: 1, ejected: 2, degradedActive: 4, pendingCheck: 8,
  excluded: 16,           // x-envoy-immediate-health-check-fail; with failedActive
  timedOut: 32,           // the last failed check was a timeout; with failedActive
  removing: 64,           // no longer in the configuration, kept while its checks succeed
  readOnly: 128,          // it said that it takes no new calls (Dubbo), on a connection that is still open
} as const;

export const DISCOVERED_BYTES = 64;
/** A bucket's state is one word of 64 bits (assembly/lib/token-bucket.ts), on a cache line of its own. */
export const TOKEN_BUCKET_BYTES = 64;
/** Int32 word of a token bucket's room that counts connections, where it limits those and not tokens. */
export const CONNECTIONS_WORD = 8;

export const STATICS_BYTES = 1 * MiB;
const ARENA_BYTES_MIN = 6 * MiB;      // endpoint shares, records, and some buffers of each class

/** The map of a memory of this size. Throws, and says what would do, when it is too small for so many workers. */
export function memoryMap(memoryMiB: number, workers: number): MemoryMap {
  const map = layOut(memoryMiB, workers);
  if (map.arenaBytes >= ARENA_BYTES_MIN) return map;
  let least = memoryMiB + 1;
  while (least < limits.memoryMiBMax && layOut(least, workers).arenaBytes < ARENA_BYTES_MIN) least++;
  throw new Error(`--memory-mib ${memoryMiB} is too small for ${workers} workers: at least ${least} is needed`);
}

function layOut(memoryMiB: number, workers: number): MemoryMap {
  const bytes = memoryMiB * MiB;
  let at = STATICS_BYTES;
  const take = (size: number) => { const start = at; at += align(size, 64); return start; };
  const control = take(Shared.bytes + workers * Control.bytes);
  const mailboxes = take(workers * limits.dealtRingEntries * 8);
  const fdOwners = take(limits.fdMax * 2);
  const clusterScopes = take(limits.clusterSlotsMax * 4);
  const clusterStates = take(limits.clusterSlotsMax * ClusterState.bytes);
  const endpointStates = take(limits.endpointStatesMax * EndpointState.bytes);
  const discovered = take(limits.discoveredEndpointsMax * DISCOVERED_BYTES);
  const sofaTraces = take(SOFA_TRACES_BYTES);
  const tokenBucketsBytes = limits.tokenBucketsMax * TOKEN_BUCKET_BYTES;
  const tokenBuckets = take(tokenBucketsBytes);
  const remaining = bytes - at;
  const snapshotBytes = align(Math.floor(remaining * 0.4), 64 * KiB) - 64 * KiB;
  const snapshot = take(snapshotBytes);
  const perWorker = align(at, 64 * KiB);
  const perWorkerBytes = (Math.floor((bytes - perWorker) / workers / (64 * KiB))) * 64 * KiB;
  const statsBytes = align(Math.floor((perWorkerBytes - limits.logRingBytes) * 0.3), 64 * KiB) - 64 * KiB;
  const arenaBytes = perWorkerBytes - limits.logRingBytes - statsBytes;
  return { bytes, workers, control, mailboxes, fdOwners, clusterScopes, clusterStates, endpointStates,
    discovered, sofaTraces, tokenBuckets, tokenBucketsBytes,
    snapshot, snapshotBytes, perWorker, perWorkerBytes, statsBytes, arenaBytes };
}

export function defaultMemoryMiB(workers: number): number {
  return Math.min(limits.memoryMiBMax, limits.memoryFixedMiB + limits.memoryPerWorkerMiB * workers);
}

export const workerControl = (map: MemoryMap, worker: number) => map.control + Shared.bytes + worker * Control.bytes;
export const workerMailbox = (map: MemoryMap, worker: number) => map.mailboxes + worker * limits.dealtRingEntries * 8;
export const workerLogRing = (map: MemoryMap, worker: number) => map.perWorker + worker * map.perWorkerBytes;
export const workerStats = (map: MemoryMap, worker: number) => workerLogRing(map, worker) + limits.logRingBytes;
export const workerArena = (map: MemoryMap, worker: number) => workerStats(map, worker) + map.statsBytes;

/**
 * A worker's own share of each endpoint's counts, at the start of its arena: Int32 {active requests, active
 * connections} per state index. What a dead worker had open is taken off the process-wide counts by it.
 */
export const EndpointShare = { bytes: 8, activeRequests: 0, activeConnections: 1 } as const;
export const workerEndpointShares = (map: MemoryMap, worker: number) => align(workerArena(map, worker), 4096);
export const endpointSharesBytes = limits.endpointStatesMax * EndpointShare.bytes;

function align(value: number, to: number): number { return Math.ceil(value / to) * to; }
