// One histogram in the shapes that /stats prints: quantiles, buckets, and every cell.
import {
  bucketBounds,
  bucketWidth,
  countsBelowBounds,
  quantiles,
  quantileValues,
} from '../../telemetry/quantiles.js';
import { HISTOGRAM_BUCKETS, histogramLowerBound } from '../../telemetry/schema.js';
import type { HistogramIntervals } from '../../telemetry/histogram-intervals.js';
import type { Statistics } from '../../telemetry/statistics.js';
import type { HistogramOfScope } from './rows.js';
import type { Buckets } from './request.js';

interface Counts {
  counts: ArrayLike<number>;
  total: number;
}
export interface HistogramView {
  cumulative: Counts;
  interval: Counts;
}
const NOTHING: Counts = { counts: new Float64Array(HISTOGRAM_BUCKETS), total: 0 };

/** The histogram as it is now, and its newest whole interval. */
export function viewHistogram(
  statistics: Statistics,
  intervals: HistogramIntervals,
  which: HistogramOfScope,
): HistogramView {
  const { group, index } = which;
  if (group.offset < 0) return { cumulative: NOTHING, interval: NOTHING };
  const interval = intervals.interval(group.offset, index);
  return {
    cumulative: statistics.histogram(group.kind, group.offset, index),
    interval: interval === null || interval.total === 0 ? NOTHING : interval,
  };
}

/** The text after `name:`, without line end. */
export function histogramText(view: HistogramView, buckets: Buckets): string {
  if (buckets === 'cumulative' || buckets === 'disjoint')
    return ` ${bucketPairs(view, buckets)
      .map(({ bound, interval, cumulative }) => `B${short(bound)}(${interval},${cumulative})`)
      .join(' ')}`;
  if (buckets === 'detailed') {
    const cells = `\n  totals=${cellsText(view.cumulative)}\n  intervals=${cellsText(view.interval)}`;
    return `${cells}\n  summary=${summaryText(view)}`;
  }
  return ` ${summaryText(view)}`;
}

function summaryText(view: HistogramView): string {
  if (view.cumulative.total === 0) return 'No recorded values';
  const cumulative = quantileValues(view.cumulative.counts, view.cumulative.total);
  const interval = quantileValues(view.interval.counts, view.interval.total);
  return quantiles
    .map((quantile, index) => `P${percent(quantile)}(${number(interval[index])},${number(cumulative[index])})`)
    .join(' ');
}

/** Percentages as Envoy prints them: 99.5, not 99.500001. */
export const percent = (quantile: number): number => Math.round(quantile * 1000) / 10;
const number = (value: number): string => (Number.isNaN(value) ? 'nan' : String(value));

function cellsText({ counts }: Counts): string {
  const cells: string[] = [];
  for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (counts[i] > 0) cells.push(`${histogramLowerBound(i)},${bucketWidth(i)}:${counts[i]}`);
  }
  return cells.join(', ');
}

export interface BucketPair {
  bound: number;
  interval: number;
  cumulative: number;
}

export function bucketPairs(view: HistogramView, mode: 'cumulative' | 'disjoint'): BucketPair[] {
  const cumulative = countsBelowBounds(view.cumulative.counts);
  const interval = countsBelowBounds(view.interval.counts);
  return bucketBounds.map((bound, i) =>
    mode === 'cumulative' || i === 0
      ? { bound, interval: interval[i], cumulative: cumulative[i] }
      : { bound, interval: interval[i] - interval[i - 1], cumulative: cumulative[i] - cumulative[i - 1] },
  );
}

export function histogramCellsJson({ counts }: Counts): { lower_bound: number; width: number; count: number }[] {
  const cells = [];
  for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (counts[i] > 0) cells.push({ lower_bound: histogramLowerBound(i), width: bucketWidth(i), count: counts[i] });
  }
  return cells;
}

/** Six significant digits, as C++ streams print: 600000, 1.8e+06. */
function short(bound: number): string {
  if (bound < 1e6) return String(bound);
  return bound.toExponential().replace(/e\+(\d)$/, 'e+0$1');
}
