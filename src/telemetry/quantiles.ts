// What people read from a histogram: quantiles, and counts below the bucket bounds that Envoy and Prometheus use.
// Pure arithmetic over the cells of telemetry/schema.ts.
import { HISTOGRAM_BUCKETS, HISTOGRAM_VALUE_MAX, histogramBucket, histogramLowerBound } from './schema.js';

/** Envoy's quantiles, in its order. */
export const quantiles = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1] as const;
/** Envoy's default bucket bounds, milliseconds. */
export const bucketBounds = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
] as const;

/**
 * Width of a bucket in which values are spread. Values are integers: below 32 a bucket holds exactly one, and Envoy
 * shows one-digit values within a tenth and two-digit values within one.
 */
export function bucketWidth(bucket: number): number {
  const lower = histogramLowerBound(bucket);
  if (lower === 0) return 0;
  if (lower < 10) return 0.1;
  return histogramLowerBound(bucket + 1) - lower;
}

/**
 * Values at the quantiles. The k-th of n values that share a bucket is taken to lie at k/(n+1) of its width, which is
 * how Envoy's histogram library interpolates. NaN for an empty histogram.
 */
export function quantileValues(
  counts: ArrayLike<number>,
  total: number,
  wanted: readonly number[] = quantiles,
): number[] {
  if (!(total > 0)) return wanted.map(() => NaN);
  const result: number[] = [];
  let bucket = 0;
  let below = 0;
  for (const quantile of wanted) {
    const rank = Math.min(total, Math.max(1, Math.ceil(quantile * total)));
    while (bucket < HISTOGRAM_BUCKETS - 1 && below + counts[bucket] < rank) below += counts[bucket++];
    const share = (rank - below) / (counts[bucket] + 1);
    result.push(histogramLowerBound(bucket) + bucketWidth(bucket) * Math.max(0, Math.min(1, share)));
  }
  return result;
}

const boundBuckets = bucketBounds.map((bound) =>
  bound > HISTOGRAM_VALUE_MAX ? HISTOGRAM_BUCKETS : histogramBucket(Math.floor(bound)),
);

/**
 * Values less than or equal to each of the bounds. A bound inside a bucket takes the part of the bucket that lies
 * below it, so the results grow and the last is at most the total.
 */
export function countsBelowBounds(counts: ArrayLike<number>): number[] {
  const result: number[] = [];
  let below = 0;
  let next = 0;
  for (let i = 0; i < bucketBounds.length; i++) {
    const last = boundBuckets[i];
    while (next < last) below += counts[next++];
    const within = last < HISTOGRAM_BUCKETS ? counts[last] * shareBelow(last, bucketBounds[i]) : 0;
    result.push(Math.round(below + within));
  }
  return result;
}

/** Part of a bucket's integer values that are at most `bound`. */
function shareBelow(bucket: number, bound: number): number {
  const lower = histogramLowerBound(bucket);
  const width = histogramLowerBound(bucket + 1) - lower;
  return Math.min(1, (Math.floor(bound) - lower + 1) / width);
}
