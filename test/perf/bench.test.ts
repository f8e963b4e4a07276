// The micro-benchmark runner: it sees time, and it sees allocation and its absence.
import t from 'tap';
import { bench } from '../../bench/bench.js';
import { measureBench } from '../../bench/measure.js';

const settings = { runs: 3, runMs: 5, warmMs: 60 };

t.test('an operation that allocates nothing is seen to', async (t) => {
  let toreDown = false;
  const result = await measureBench(bench({ name: 'add', setup: () => new Float64Array(64),
    teardown: () => { toreDown = true; },
    run: (cells, iterations) => { for (let i = 0; i < iterations; i++) cells[i & 63] += i; return cells; } }),
      settings);
  t.ok(result.nanoseconds > 0 && result.nanoseconds < 1000, `${result.nanoseconds} ns`);
  t.ok(result.bytesAllocated < 0.5, `${result.bytesAllocated} bytes`);
  t.ok(result.low <= result.nanoseconds && result.nanoseconds <= result.high);
  t.ok(toreDown);
});

t.test('an operation that allocates is seen to', async (t) => {
  const result = await measureBench(bench({ name: 'array', setup: () => ({ kept: [] as number[] }),
    run: (state, iterations) => { for (let i = 0; i < iterations; i++) state.kept = [i, i, i, i]; return state; } }),
      settings);
  t.ok(result.bytesAllocated >= 16 && result.bytesAllocated < 400, `${result.bytesAllocated} bytes`);
  t.ok(result.collections > 0);
});
