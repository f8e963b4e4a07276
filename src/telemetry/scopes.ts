// Allocation of statistics scopes: where in every worker's statistics region a listener, connection manager or
// cluster counts. A scope is an offset that is the same in every region, so one bump pointer in shared memory serves
// main and all workers. Two scopes are fixed: the worker's own at 0, and one that takes the counts of clusters for
// which no room was left. Pure functions over the shared memory seen as Int32Array; nothing here is ever freed (main
// reuses through statistics.ts).
import { ClusterState, Shared } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { scopeBytes } from './schema.js';
import type { ScopeKind } from './schema.js';

/** The scope of the worker itself. */
export const WORKER_SCOPE = 0;
/**
 * Counts of clusters that found the region full; large enough for any kind. A worker that falls back here counts
 * stats_overflow.
 */
export const OVERFLOW_SCOPE = scopeBytes('worker');
const LARGEST = Math.max(scopeBytes('listener'), scopeBytes('http'), scopeBytes('cluster'));
/** Counts of clusters whose statistics nobody wants (stats_matcher). */
export const DISCARD_SCOPE = OVERFLOW_SCOPE + LARGEST;
const FIRST_FREE = DISCARD_SCOPE + LARGEST;

/** Reserves the fixed scopes. Main calls this once, before any worker starts. */
export function reserveFixedScopes(words: Int32Array, map: MemoryMap): void {
  if (FIRST_FREE > map.statsBytes) throw new Error(`statistics need at least ${FIRST_FREE} bytes per worker`);
  Atomics.store(words, nextIndex(map), FIRST_FREE);
}

/**
 * Takes a new scope. Returns its offset from the start of each worker's statistics region, or -1 when the regions are
 * full: main then rejects the configuration, a worker counts in OVERFLOW_SCOPE.
 */
export function allocateScope(words: Int32Array, map: MemoryMap, kind: ScopeKind): number {
  const bytes = scopeBytes(kind);
  const next = nextIndex(map);
  for (;;) {
    const offset = Atomics.load(words, next);
    if (offset + bytes > map.statsBytes) return -1;
    if (Atomics.compareExchange(words, next, offset, offset + bytes) === offset) return offset;
  }
}

/** Scopes that a cluster slot has once somebody uses it, and where the map has their offsets. */
export type SlotKind = 'cluster' | 'clusterTls' | 'clusterGrpc';
const entryOf = (map: MemoryMap, kind: SlotKind, slot: number): number =>
  kind === 'cluster' ? (map.clusterScopes >> 2) + slot
    : ((map.clusterStates + slot * ClusterState.bytes) >> 2)
      + (kind === 'clusterTls' ? ClusterState.tlsScope : ClusterState.grpcScope);

/** The scope of a cluster slot if anybody has used the cluster yet, else -1. */
export function clusterScopeIfUsed(words: Int32Array, map: MemoryMap, slot: number, kind: SlotKind = 'cluster'):
  number {
  return Atomics.load(words, entryOf(map, kind, slot)) - 1;
}

/**
 * The scope of a cluster slot, allocated on first use by whichever worker comes first. OVERFLOW_SCOPE when there is
 * no room.
 */
export function clusterScope(words: Int32Array, map: MemoryMap, slot: number, kind: SlotKind = 'cluster'): number {
  const entry = entryOf(map, kind, slot);
  const known = Atomics.load(words, entry);
  if (known !== 0) return known - 1;
  const offset = allocateScope(words, map, kind);
  if (offset < 0) return OVERFLOW_SCOPE;
  const winner = Atomics.compareExchange(words, entry, 0, offset + 1);
  if (winner === 0) return offset;
  // Another worker was first. Give the room back if nobody allocated since; otherwise it stays unused, and untouched
  // pages cost nothing.
  Atomics.compareExchange(words, nextIndex(map), offset + scopeBytes(kind), offset);
  return winner - 1;
}

/** What a cluster slot counts is wanted, or it is thrown away; decided by main before a worker sees the cluster. */
export function wantCluster(words: Int32Array, map: MemoryMap, slot: number, wanted: boolean,
  kind: SlotKind = 'cluster'): void {
  const entry = entryOf(map, kind, slot);
  if (wanted) Atomics.compareExchange(words, entry, DISCARD_SCOPE + 1, 0);
  else Atomics.compareExchange(words, entry, 0, DISCARD_SCOPE + 1);
}

function nextIndex(map: MemoryMap): number { return (map.control >> 2) + Shared.statsNext; }
