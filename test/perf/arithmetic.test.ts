// The arithmetic behind the tables of perf/: quantiles, paired ratios, and the order of the rounds.
import t from 'tap';
import { median, pairedRatios, quantile, rotation, spread } from '../../perf/arithmetic.js';

t.test('quantiles interpolate between neighbours', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.equal(quantile([10, 20], 0.25), 12.5);
  t.same(spread([5, 1, 3]), { median: 3, low: 1, high: 5, samples: 3 });
});

t.test('no values give no number', async (t) => {
  t.ok(Number.isNaN(median([])));
});

t.test('ratios pair the same round of the same start, and drift cancels', async (t) => {
  // The machine gets slower from round to round; the ratio stays.
  const baseline = [10, 20, 40].map((value, round) => ({ start: 0, round, value }));
  const faster = [{ start: 0, round: 2, value: 20 }, { start: 0, round: 0, value: 5 },
    { start: 0, round: 1, value: 10 }];
  t.same(pairedRatios(faster, baseline), [0.5, 0.5, 0.5]);
});

t.test('a round that one of the two lacks is left out', async (t) => {
  const baseline = [{ start: 0, round: 0, value: 10 }, { start: 1, round: 0, value: 0 }];
  const values = [{ start: 0, round: 0, value: 8 }, { start: 0, round: 1, value: 9 }, { start: 1, round: 0, value: 9 }];
  t.same(pairedRatios(values, baseline), [0.8]);
});

t.test('the rotation lets every peer begin, and turns round', async (t) => {
  t.same([0, 1, 2].map((round) => rotation(3, round)[0]), [0, 1, 2]);
  t.same(rotation(3, 1), [1, 2, 0]);
  t.same(rotation(3, 4), [0, 2, 1]);
  t.same(rotation(0, 7), []);
});
