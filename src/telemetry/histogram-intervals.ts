// The interval half of Envoy's histograms: what was recorded during the newest whole flush interval. Costs nothing
// until somebody reads histograms; from then on main takes differences every interval, and stops when nobody has read
// for a while. A scope whose counters did not move since the last flush is not looked at, so the work follows the
// traffic, not the mesh.
import { limits } from '../core/limits.js';
import { scopeHistograms, scopeCounters } from './schema.js';
import type { ScopeKind } from './schema.js';
import { sortedCounters } from './statistics.js';
import type { NamedScope, Statistics } from './statistics.js';

export interface Interval {
  counts: Float64Array;
  total: number;
}
interface Tracked {
  kind: ScopeKind;
  checksum: number;
  flush: number;
  previous: Float64Array[];
  interval: Interval[] | null;
}

const FLUSH_INTERVAL_MS = 5000;
const IDLE_FLUSHES_MAX = 60;

export class HistogramIntervals {
  readonly #statistics: Statistics;
  readonly #scopes: () => Iterable<NamedScope>;
  readonly #tracked = new Map<number, Tracked>();
  readonly #sums = new Float64Array(Math.max(...Object.values(scopeCounters).map((names) => names.length)));
  #timer: NodeJS.Timeout | null = null;
  #flushes = 0;
  #unread = 0;

  /** `scopes` lists every scope that has histograms. */
  constructor(statistics: Statistics, scopes: () => Iterable<NamedScope>) {
    this.#statistics = statistics;
    this.#scopes = scopes;
  }

  /** Says that somebody reads. The first interval is complete FLUSH_INTERVAL_MS later. */
  touch(): void {
    this.#unread = 0;
    if (this.#timer !== null) return;
    this.flush();
    this.#timer = setInterval(() => this.flush(), FLUSH_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#tracked.clear();
    this.#flushes = 0;
  }

  /** What was recorded in the newest whole interval; null while unknown. */
  interval(offset: number, index: number): Interval | null {
    const tracked = this.#tracked.get(offset);
    return tracked?.interval?.[index] ?? null;
  }

  flush(): void {
    if (++this.#unread > IDLE_FLUSHES_MAX) {
      this.stop();
      return;
    }
    this.#flushes++;
    for (const { kind, offset } of this.#scopes()) {
      if (scopeHistograms[kind].length === 0) continue;
      const tracked = this.#tracked.get(offset);
      if (tracked === undefined && this.#tracked.size >= limits.histogramScopesTrackedMax) continue;
      this.#flushScope(kind, offset, tracked);
    }
    for (const [offset, tracked] of this.#tracked) if (tracked.flush !== this.#flushes) this.#tracked.delete(offset);
  }

  #flushScope(kind: ScopeKind, offset: number, known: Tracked | undefined): void {
    this.#statistics.sumAll(kind, offset, this.#sums);
    let checksum = 0;
    // Counters only grow, so an unchanged sum means that none moved.
    for (const { index, gauge } of sortedCounters(kind)) if (!gauge) checksum += this.#sums[index];
    if (known !== undefined && known.kind === kind && known.checksum === checksum) {
      known.interval = known.previous.map(() => EMPTY);
      known.flush = this.#flushes;
      return;
    }
    const now = scopeHistograms[kind].map((_, index) => this.#statistics.histogram(kind, offset, index).counts);
    // A scope that appears later began with nothing, so its first counts are an interval; at the first flush nothing
    // is known.
    const fresh = known === undefined || known.kind !== kind;
    const interval =
      fresh && this.#flushes === 1
        ? null
        : now.map((counts, index) => difference(counts, fresh ? null : known.previous[index]));
    this.#tracked.set(offset, { kind, checksum, flush: this.#flushes, previous: now, interval });
  }
}

const EMPTY: Interval = { counts: new Float64Array(0), total: 0 };

function difference(now: Float64Array, before: Float64Array | null): Interval {
  const counts = new Float64Array(now.length);
  let total = 0;
  for (let i = 0; i < now.length; i++) {
    counts[i] = Math.max(0, now[i] - (before === null ? 0 : before[i]));
    total += counts[i];
  }
  return { counts, total };
}
