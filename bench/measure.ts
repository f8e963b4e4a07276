// Measures one bench: time per operation as the median of several runs, and what an operation allocates on the
// JavaScript heap.
//
// Allocation: after a forced collection the heap grows by what the operations allocate, as long as no collection
// happens in between. So the growth of a batch is read that is large against the reading's own noise (some hundred
// bytes) and small against the young generation. Values below about 0.05 bytes per operation are noise.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { quantile } from '../perf/arithmetic.js';
import type { AnyBench } from './bench.js';

export interface BenchSettings { runs: number; runMs: number; warmMs: number }
export interface BenchResult {
  name: string; nanoseconds: number; low: number; high: number; runs: number; iterations: number;
  bytesAllocated: number;           // per operation
  collections: number;              // during the timed runs
  operations: number;               // in all timed runs together
  bytes: number;
}

const ITERATIONS_MAX = 2 ** 30;
const ALLOCATION_BATCH_MAX = 100_000;
/** A sixteenth of a megabyte: the young generation begins with one. */
const GROWTH_WANTED = 65_536;

let kept: unknown = null;
/** The last result of a bench: reading it keeps the compiler from proving that nobody does. */
export const lastResult = (): unknown => kept;

export async function measureBench(bench: AnyBench, settings: BenchSettings): Promise<BenchResult> {
  const state = bench.setup();
  try {
    const iterations = warmUp(bench, state, settings);
    const collections = new CollectionCount();
    const times: number[] = [];
    for (let run = 0; run < settings.runs; run++) times.push(timed(bench, state, iterations) * 1e6 / iterations);
    const counted = await collections.end();
    return { name: bench.name, nanoseconds: quantile(times, 0.5), low: quantile(times, 0), high: quantile(times, 1),
      runs: settings.runs, iterations,
        bytesAllocated: allocated(bench, state, Math.min(iterations, ALLOCATION_BATCH_MAX)),
      collections: counted, operations: iterations * settings.runs, bytes: bench.bytes ?? 0 };
  } finally {
    bench.teardown?.(state);
  }
}

/** Milliseconds that `iterations` operations take. */
function timed(bench: AnyBench, state: never, iterations: number): number {
  const start = process.hrtime.bigint();
  kept = bench.run(state, iterations);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Runs until the code is compiled and returns how many operations fill one run. */
function warmUp(bench: AnyBench, state: never, settings: BenchSettings): number {
  const endMs = performance.now() + settings.warmMs;
  let iterations = 1;
  for (;;) {
    const tookMs = timed(bench, state, iterations);
    if (tookMs >= settings.runMs * 0.8 && performance.now() >= endMs) return iterations;
    const wanted = tookMs <= 0.001 ? iterations * 16 : Math.ceil(iterations * settings.runMs / tookMs);
    if (iterations >= ITERATIONS_MAX) return iterations;
    iterations = Math.min(ITERATIONS_MAX, Math.max(1, Math.min(wanted, iterations * 16)));
  }
}

/**
 * Bytes of JavaScript heap that one operation allocates: the median over batches that are too small for a collection.
 */
function allocated(bench: AnyBench, state: never, batchMax: number): number {
  const growthOf = (batch: number): number => {
    collect();
    const reading = heapGrowth(() => undefined);
    return heapGrowth(() => { kept = bench.run(state, batch); }) - Math.max(0, reading);
  };
  let batch = 1;
  while (batch < batchMax && growthOf(batch) < GROWTH_WANTED) batch = Math.min(batchMax, batch * 4);
  const growths = Array.from({ length: 7 }, () => growthOf(batch)).filter((growth) => growth >= 0);
  return Math.max(0, quantile(growths, 0.5)) / batch;
}

function heapGrowth(work: () => void): number {
  const before = process.memoryUsage().heapUsed;
  work();
  return process.memoryUsage().heapUsed - before;
}

/** A full collection; works whether or not node was started with --expose-gc. */
const collect: () => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Counts garbage collections of this isolate from its construction on. */
class CollectionCount {
  private count = 0;
  private readonly observer = new PerformanceObserver((list) => { this.count += list.getEntries().length; });

  constructor() { this.observer.observe({ entryTypes: ['gc'] }); }

  /** Entries arrive a turn or two later. */
  async end(): Promise<number> {
    await turn();
    await turn();
    this.count += this.observer.takeRecords().length;
    this.observer.disconnect();
    return this.count;
  }
}
