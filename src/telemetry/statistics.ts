// Every statistic of the process, seen from main: cells that workers count in, numbers that main counts itself, and
// numbers that other parts compute when asked. Owns which name has which scope; a scope is summed over workers when
// it is read, and no name of a scope is ever stored, so a cluster that nobody uses costs nothing.
//
// A worker that is replaced keeps its region, so counters never go back; its gauges are cleared, as its connections
// are gone.
import { limits } from '../core/limits.js';
import { workerStats } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import {
  HISTOGRAM_BUCKETS,
  histogramCell,
  isGauge,
  scopeBytes,
  scopeCounters,
  scopeHistograms,
  WorkerStat,
} from './schema.js';
import type { NetworkScopeKind } from '../config/listener-filters.js';
import type { FilterKind, ScopeKind } from './schema.js';
import { allocateScope, clusterScopeIfUsed, DISCARD_SCOPE, OVERFLOW_SCOPE, reserveFixedScopes, wantCluster,
  WORKER_SCOPE } from './scopes.js';
import type { SlotKind } from './scopes.js';
import { allStats } from '../config/stats.js';
import type { StatsConfig, StatsTag } from '../config/stats.js';
import { StatsNames } from './stats-names.js';

/** A number that main owns. */
export class Counter {
  value = 0;
  add(count = 1): void {
    this.value += count;
  }
}
export class Gauge {
  value = 0;
  /** Envoy's `usedonly` shows a gauge once it was set, whatever its value. */
  used = false;
  set(value: number): void {
    this.value = value;
    this.used = true;
  }
  add(change: number): void {
    this.set(this.value + change);
  }
}

/**
 * A statistic that somebody computes at the moment of reading. `used` defaults to: gauges and texts always, counters
 * over 0.
 */
export interface ComputedStatistic {
  name: string;
  value: number | string;
  type: 'counter' | 'gauge' | 'text';
  used?: boolean;
}
export type StatisticSource = () => Iterable<ComputedStatistic>;

/** A scope with its name: `listener.<statName>.`, `http.<statPrefix>.`, `cluster.<altStatName>.` and so on. */
export interface NamedScope {
  kind: ScopeKind;
  prefix: string;
  offset: number;
}

/** Kinds of scopes that main allocates by name. */
type OwnedKind = Exclude<ScopeKind, 'worker' | SlotKind>;
function prefixOf(kind: OwnedKind, name: string): string {
  if (kind === 'rateLimit') return `${name}.http_local_rate_limit.`;
  if (kind === 'fault' || kind === 'cors' || kind === 'csrf') return `http.${name}.${kind}.`;
  if (kind === 'grpcMethod') return `cluster.${name}.`;
  if (kind === 'listenerTls') return `listener.${name}.`;
  return name === '' ? `${kind}.` : `${kind}.${name}.`;
}
const slotKinds = ['cluster', 'clusterTls', 'clusterGrpc'] as const;
interface Owned {
  kind: OwnedKind;
  name: string;
  offset: number;
}

/** Buckets of one histogram, summed over workers. */
export interface HistogramCells {
  counts: Float64Array;
  total: number;
  sum: number;
}

export class Statistics {
  readonly counters = new Map<string, Counter>();
  readonly gauges = new Map<string, Gauge>();
  names = new StatsNames(allStats.matcher);
  tags: readonly StatsTag[] = [];
  readonly #sources: StatisticSource[] = [];
  readonly #words: Int32Array;
  readonly #cells: Float64Array;
  readonly #map: MemoryMap;
  readonly #firstCell: number[] = [];
  readonly #owned = new Map<string, Owned>();
  readonly #free: { readonly [K in OwnedKind]?: number[] } = { listener: [], http: [], listenerTls: [] };

  constructor(memory: ArrayBufferLike, map: MemoryMap) {
    this.#words = new Int32Array(memory);
    this.#cells = new Float64Array(memory);
    this.#map = map;
    for (let worker = 0; worker < map.workers; worker++) this.#firstCell.push(workerStats(map, worker) >> 3);
    reserveFixedScopes(this.#words, map);
  }

  get workers(): number {
    return this.#map.workers;
  }

  /** Which statistics there are and what labels they get; before any configuration. */
  configure(config: StatsConfig): void {
    this.names = new StatsNames(config.matcher);
    this.tags = config.tags;
  }

  /** A cluster has got the slot. What nobody wants of it is counted where it costs no memory. */
  clusterBound(slot: number, statName: string): void {
    if (this.names.all) return;
    for (const kind of slotKinds)
      wantCluster(this.#words, this.#map, slot, this.names.admitsAny(kind, `cluster.${statName}.`), kind);
  }

  /** The counter of this name, made on first use. */
  counter(name: string): Counter {
    let counter = this.counters.get(name);
    if (counter === undefined) this.counters.set(name, (counter = new Counter()));
    return counter;
  }

  gauge(name: string): Gauge {
    let gauge = this.gauges.get(name);
    if (gauge === undefined) this.gauges.set(name, (gauge = new Gauge()));
    return gauge;
  }

  /** Adds statistics that are computed when they are read. */
  addSource(source: StatisticSource): void {
    this.#sources.push(source);
  }
  *computed(): Iterable<ComputedStatistic> {
    for (const source of this.#sources) yield* source();
  }

  /**
   * Scope of `listener.<statName>.`, allocated when first asked for; -1 = no room, the configuration must be
   * rejected.
   */
  listenerScope(statName: string): number {
    return this.#own('listener', statName);
  }
  /** Scope of `listener.<statName>.` for what a listener with TLS has besides. */
  listenerTlsScope(statName: string): number {
    return this.#own('listenerTls', statName);
  }
  /** Scope of `http.<statPrefix>.`. Connection managers with one prefix share it, as in Envoy. */
  httpScope(statPrefix: string): number {
    return this.#own('http', statPrefix);
  }

  /** Scope of `vhost.<name>.`, where the name goes on with `.vcluster.<name>` or `.route.<stat_prefix>`. */
  virtualHostScope(name: string): number {
    return this.#own('vhost', name);
  }

  /** Scope of `cluster.<name>.` of a gRPC method, where the name goes on with `.grpc.<service>.<method>`. */
  grpcMethodScope(name: string): number {
    return this.#own('grpcMethod', name);
  }

  /** Scope of `<kind>.<name>.` of a listener filter or network filter, or of `<kind>.` without a name. */
  networkScope(kind: NetworkScopeKind, name: string): number {
    return this.#own(kind, name);
  }

  /** Scope of an HTTP filter: by the stat_prefix of a rate limit, else by that of the connection manager. */
  filterScope(kind: FilterKind, name: string): number {
    return this.#own(kind, name);
  }

  /** The scope of a name that has one, else -1. */
  scopeOf(kind: 'listener' | 'http', name: string): number {
    return this.#owned.get(`${kind}\n${name}`)?.offset ?? -1;
  }

  /** The cluster's slot is about to get another name: whatever was counted there is forgotten. */
  clusterRecycled(slot: number, _name: string): void {
    for (const kind of slotKinds) {
      const offset = clusterScopeIfUsed(this.#words, this.#map, slot, kind);
      if (offset === DISCARD_SCOPE) wantCluster(this.#words, this.#map, slot, true, kind);
      else if (offset >= 0) this.#clear(offset, kind);
    }
  }

  /** Scope of a cluster slot that some worker has used, else -1. */
  clusterScope(slot: number, kind: SlotKind = 'cluster'): number {
    const offset = slot < 0 ? -1 : clusterScopeIfUsed(this.#words, this.#map, slot, kind);
    return offset === DISCARD_SCOPE ? -1 : offset;
  }

  /**
   * Listener and connection manager scopes, in no order, plus the workers' own and the overflow scope once it was
   * used.
   */
  *scopes(): Iterable<NamedScope> {
    for (const { kind, name, offset } of this.#owned.values())
      if (kind !== 'connection_share') yield { kind, prefix: prefixOf(kind, name), offset };
    yield { kind: 'worker', prefix: 'server.weft.', offset: WORKER_SCOPE };
    if (this.sum(WORKER_SCOPE, WorkerStat.stats_overflow) > 0) {
      yield { kind: 'cluster', prefix: 'cluster.weft_overflow.', offset: OVERFLOW_SCOPE };
    }
  }

  /**
   * Forgets listener and connection manager scopes whose names are not given and that count no connection any more.
   * Their room is used again. Call it some time after listeners were removed, when no living root mentions them.
   * Returns how many wait for their last connection.
   */
  release(listenerNames: ReadonlySet<string>, httpPrefixes: ReadonlySet<string>): number {
    let waiting = 0;
    for (const [key, owned] of this.#owned) {
      if (owned.kind !== 'listener' && owned.kind !== 'http') continue;
      const wanted = owned.kind === 'listener' ? listenerNames : httpPrefixes;
      if (wanted.has(owned.name)) continue;
      if (this.cell(owned.kind, owned.offset, 'downstream_cx_active') !== 0) {
        waiting++;
        continue;
      }
      this.#forget(key, owned);
      const tlsKey = `listenerTls\n${owned.name}`;
      const tls = owned.kind === 'listener' ? this.#owned.get(tlsKey) : undefined;
      if (tls !== undefined) this.#forget(tlsKey, tls);
    }
    return waiting;
  }

  #forget(key: string, owned: Owned): void {
    this.#owned.delete(key);
    const free = this.#free[owned.kind]!;
    if (free.length < limits.scopesFreeMax) free.push(owned.offset);
  }

  /** One cell summed over workers, by its index inside the scope. */
  sum(scope: number, index: number): number {
    let total = 0;
    const at = (scope >> 3) + index;
    for (const first of this.#firstCell) total += this.#cells[first + at];
    return total;
  }

  /** One worker's own part of a cell. */
  cellOfWorker(worker: number, kind: ScopeKind, scope: number, name: string): number {
    return this.#cells[
      this.#firstCell[worker] + (scope >> 3) + (scopeCounters[kind] as readonly string[]).indexOf(name)
    ];
  }

  /** A cell by name. */
  cell(kind: ScopeKind, scope: number, name: string): number {
    return this.sum(scope, (scopeCounters[kind] as readonly string[]).indexOf(name));
  }

  /** A counter of connection managers, summed over all of them. */
  sumOfManagers(name: string): number {
    let total = 0;
    for (const { kind, offset } of this.#owned.values()) if (kind === 'http') total += this.cell('http', offset, name);
    return total;
  }

  /** All counters and gauges of a scope in schema order, into `out`. */
  sumAll(kind: ScopeKind, scope: number, out: Float64Array): void {
    const count = scopeCounters[kind].length;
    out.fill(0, 0, count);
    for (const first of this.#firstCell) {
      const at = first + (scope >> 3);
      for (let i = 0; i < count; i++) out[i] += this.#cells[at + i];
    }
  }

  histogram(kind: ScopeKind, scope: number, index: number): HistogramCells {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    let total = 0;
    let sum = 0;
    for (const first of this.#firstCell) {
      const at = first + (scope >> 3) + histogramCell(kind, index);
      for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
        const count = this.#cells[at + i];
        counts[i] += count;
        total += count;
      }
      sum += this.#cells[at - 1];
    }
    return { counts, total, sum };
  }

  /** What a dead worker had of counts that all workers have together, by name; asked once, it has nothing any more. */
  *takeShares(worker: number): Iterable<[name: string, count: number]> {
    for (const { kind, name, offset } of this.#owned.values()) {
      if (kind !== 'connection_share') continue;
      const cell = this.#firstCell[worker] + (offset >> 3);
      const count = this.#cells[cell];
      this.#cells[cell] = 0;
      if (count > 0) yield [name, count];
    }
  }

  /** The worker died and its connections with it: its gauges go back to zero, its counters stay. */
  workerDied(worker: number): void {
    const first = this.#firstCell[worker];
    const overflow: NamedScope = { kind: 'cluster', prefix: '', offset: OVERFLOW_SCOPE };
    for (const { kind, offset } of [...this.scopes(), overflow, ...this.clusterScopes()]) {
      const names = scopeCounters[kind];
      for (let i = 0; i < names.length; i++) if (isGauge(names[i])) this.#cells[first + (offset >> 3) + i] = 0;
    }
  }

  /**
   * Sets every counter to zero; gauges and histograms stay, as in Envoy. A worker may be adding to a cell at that very
   * moment and put the old value back: the counts of a running proxy are reset nearly, not exactly.
   */
  resetCounters(): void {
    for (const counter of this.counters.values()) counter.value = 0;
    const scopes = [...this.scopes(), ...this.clusterScopes()];
    for (const { kind, offset } of scopes) {
      const names = scopeCounters[kind];
      for (const first of this.#firstCell) {
        for (let i = 0; i < names.length; i++) if (!isGauge(names[i])) this.#cells[first + (offset >> 3) + i] = 0;
      }
    }
  }

  /** Scopes of the cluster slots that are in use, without names: those belong to whoever binds slots. */
  *clusterScopes(): Iterable<NamedScope> {
    for (let slot = 0; slot < limits.clusterSlotsMax; slot++) {
      for (const kind of slotKinds) {
        const offset = clusterScopeIfUsed(this.#words, this.#map, slot, kind);
        if (offset >= 0) yield { kind, prefix: '', offset };
      }
    }
  }

  #own(kind: OwnedKind, name: string): number {
    const key = `${kind}\n${name}`;
    const known = this.#owned.get(key);
    if (known !== undefined) return known.offset;
    const reused = this.#free[kind]?.pop();
    const offset = reused ?? allocateScope(this.#words, this.#map, kind);
    if (offset < 0) return -1;
    if (reused !== undefined) this.#clear(offset, kind);
    this.#owned.set(key, { kind, name, offset });
    return offset;
  }

  #clear(offset: number, kind: ScopeKind): void {
    for (const first of this.#firstCell) {
      const at = first + (offset >> 3);
      this.#cells.fill(0, at, at + (scopeBytes(kind) >> 3));
    }
  }
}

export interface CellName {
  name: string;
  index: number;
  gauge: boolean;
  /** Cell of the counter that tells whether a gauge was ever touched, -1 = none. */
  total: number;
  /** Not shown before it was counted. */
  lazy: boolean;
}
const sorted = new Map<ScopeKind, readonly CellName[]>();
/** Names of a scope kind's counters and gauges in alphabetical order, with their cell indexes. Made once. */
export function sortedCounters(kind: ScopeKind): readonly CellName[] {
  let result = sorted.get(kind);
  if (result === undefined) {
    const names: readonly string[] = scopeCounters[kind];
    // No request counts as internal: what Envoy counts of external ones is what it counts of all, in the same cells.
    const coded = kind === 'cluster' ? names.filter((name) => /^upstream_rq_(\d(\d\d|xx)|completed)$/.test(name)) : [];
    result = [...new Set([...names, ...coded.map((name) => `external.${name}`)])]
      .map((name) => ({
        name,
        index: names.indexOf(name.replace('external.', '')),
        gauge: isGauge(name),
        // Envoy calls a gauge used once it was touched: so was it if what it follows was ever counted.
        total: names.indexOf(name.replace(/_active$/, '_total').replace(/_bytes_buffered$/, '_bytes_total')),
        // Envoy makes the counters of single status codes when the first response of the kind arrives.
        lazy:
          (kind === 'cluster' && /upstream_rq_\d(\d\d|xx)$|^(in|ex)ternal\./.test(name)) ||
          /^ssl\.(versions|ciphers|curves|sigalgs)\.|^ssl\.was_key/.test(name) ||
          kind === 'clusterGrpc' || kind === 'grpcMethod' ||
          (kind === 'vhost' && /upstream_rq_(\d(\d\d|xx)|completed)$/.test(name)),
      }))
      .filter(({ name }) => !processWide(kind, name))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    sorted.set(kind, result);
  }
  return result;
}

/** Envoy counts these once for the process (`http1.response_flood`), although workers count them in every scope. */
const processWide = (kind: ScopeKind, name: string): boolean => kind === 'http' && name.startsWith('http1.');
export const processWideNames: readonly string[] = scopeCounters.http.filter((name) => processWide('http', name));

export const histogramNames = (kind: ScopeKind): readonly string[] => scopeHistograms[kind];
