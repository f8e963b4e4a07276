// The harness's arithmetic: quantiles, and ratios paired round by round. Pure, so that a unit test can pin it down.
//
// Why paired: a shared machine drifts (frequency, neighbours), and the drift between two rounds is larger than the
// difference between two proxies. Two peers measured in the same round share most of the drift, so the ratio of a round
// is far steadier than the ratio of two averages; the median of those ratios is what the tables show.

/** Quantile `q` in [0, 1] of `values`, interpolated linearly between neighbours. NaN when there are none. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export interface Spread { median: number; low: number; high: number; samples: number }

/** Median with the lowest and highest value: with five to fifteen samples these say more than a standard deviation. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), low: quantile(values, 0), high: quantile(values, 1), samples: values.length };
}

/** A measured value of one peer in one round of one process start. */
export interface RoundValue { start: number; round: number; value: number }

/** `value / baseline` of every round that both peers have; rounds that only one of them has are left out. */
export function pairedRatios(values: readonly RoundValue[], baseline: readonly RoundValue[]): number[] {
  const byRound = new Map(baseline.map((entry) => [`${entry.start}/${entry.round}`, entry.value]));
  const ratios: number[] = [];
  for (const entry of values) {
    const other = byRound.get(`${entry.start}/${entry.round}`);
    if (other !== undefined && other > 0) ratios.push(entry.value / other);
  }
  return ratios;
}

/**
 * Order of `count` peers in a round: rotated, and reversed every other turn, so that no peer always follows the same
 * one.
 */
export function rotation(count: number, round: number): number[] {
  const order = Array.from({ length: count }, (_, index) => (index + round) % count);
  return Math.floor(round / count) % 2 === 0 ? order : order.reverse();
}
