// Priorities, panic and localities: Envoy's percentages for each state of health, and picks that follow them.
import t from 'tap';
import type { AssignmentPolicy, Balancing } from '../../../src/config/types.js';
import { HealthFlag } from '../../../src/core/memory-map.js';
import { Level, loadsOf } from '../../../src/workers/balancing/levels.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, endpoint, endpoints, inLocality, request, setFlags, world } from './endpoints.js';

type Health = 'healthy' | 'degraded' | 'unhealthy';
/** A priority of so many healthy, degraded and unhealthy endpoints. */
function level(healthy: number, degraded = 0, unhealthy = 0): Level {
  const some = (count: number, health: Health): Endpoint[] => Array.from({ length: count }, () => endpoint({ health }));
  return new Level([...some(healthy, 'healthy'), ...some(degraded, 'degraded'), ...some(unhealthy, 'unhealthy')]);
}
const loads = (levels: Level[], panicPercent = 50, change: Partial<AssignmentPolicy> = {}) =>
  loadsOf(levels, { ...policy, ...change }, panicPercent);
const pickerOf = (levels: Endpoint[][], change: Partial<Balancing> = {}) =>
  createPicker(world.engine, cluster('c', { balancing: { ...balancing, ...change } }), levels, policy)!;

t.test('load spills over to the next priority as the first one fails', async (t) => {
  t.same(loads([level(5), level(5)]).healthy, [100, 0]);
  t.same(loads([level(4, 0, 1), level(5)]).healthy, [100, 0], '80 % times 1.4 is enough');
  t.same(loads([level(3, 0, 2), level(5)]).healthy, [84, 16]);
  t.same(loads([level(1, 0, 4), level(5)]).healthy, [28, 72]);
  t.same(loads([level(0, 0, 5), level(5)]).healthy, [0, 100]);
  t.same(loads([level(0), level(0), level(2)]).healthy, [0, 0, 100], 'priorities that nobody has');
  t.same(loads([level(1, 0, 4), level(2, 0, 3), level(3, 0, 2)]).healthy, [28, 56, 16]);
  t.same(loads([level(3, 0, 2), level(5)], 50, { overprovisioningPercent: 100 }).healthy, [60, 40]);
});

t.test('what is short of 100 is scaled up, and the rest of rounding goes to the first', async (t) => {
  const result = loads([level(1, 0, 9), level(2, 0, 8), level(1, 0, 9)], 0, { overprovisioningPercent: 100 });
  t.same(result.healthy, [25, 50, 25]);
  const documented = loads([level(1, 2, 7), level(2, 1, 7), level(1, 0, 9)], 0, { overprovisioningPercent: 100 });
  t.same(documented, { healthy: [16, 28, 14], degraded: [28, 14, 0], panic: [false, false, false] });
});

t.test('degraded ones take what the healthy ones of all priorities cannot', async (t) => {
  t.same(loads([level(1, 4), level(0)]), { healthy: [28, 0], degraded: [72, 0], panic: [false, false] });
  t.same(loads([level(1, 4), level(5)]), { healthy: [28, 72], degraded: [0, 0], panic: [false, false] });
  t.same(loads([level(0, 3)]), { healthy: [0], degraded: [100], panic: [false] });
});

t.test('panic', async (t) => {
  t.same(loads([level(1, 0, 4)]), { healthy: [100], degraded: [0], panic: [true] });
  t.same(loads([level(1, 0, 4), level(5)]).panic, [false, false], 'the second priority has room for all');
  t.same(loads([level(1, 0, 4), level(1, 0, 4)]), { healthy: [50, 50], degraded: [0, 0], panic: [true, true] });
  t.same(loads([level(0, 0, 4), level(0, 0, 2)]).healthy, [67, 33], 'by the number of endpoints');
  t.same(loads([level(0, 0, 4), level(2, 0, 2)]), { healthy: [0, 100], degraded: [0, 0], panic: [true, false] });
  t.same(loads([level(1, 0, 4)], 20).panic, [false]);
  t.same(loads([level(1, 0, 4)], 21).panic, [true]);
  t.same(loads([level(0, 0, 4)], 0), { healthy: [100], degraded: [0], panic: [false] });
  t.same(loads([level(0)]), { healthy: [100], degraded: [0], panic: [true] }, 'nobody at all');
});

t.test('weighted_priority_health counts weights', async (t) => {
  const first = new Level([endpoint({ weight: 3 }), endpoint({ health: 'unhealthy', weight: 7 })]);
  t.same(loads([first, level(1)], 50, { weightedPriorityHealth: true }).healthy, [42, 58]);
  t.same(loads([first, level(1)]).healthy, [70, 30]);
});

t.test('those that drain do not count', async (t) => {
  const drains = new Level([endpoint(), endpoint({ health: 'draining' }), endpoint({ health: 'draining' })]);
  t.same(loads([drains, level(1)]), { healthy: [100, 0], degraded: [0, 0], panic: [false, false] });
});

t.test('those that wait for their first check do not count', async (t) => {
  const [first, second, third] = endpoints(1, 1, 1);
  setFlags(second!, HealthFlag.pendingCheck);
  t.same(loads([new Level([first!, second!]), new Level([third!])]).healthy, [100, 0]);
  setFlags(second!, HealthFlag.failedActive);
  t.same(loads([new Level([first!, second!]), new Level([third!])]).healthy, [70, 30]);
  setFlags(second!, HealthFlag.ejected);
  t.same(loads([new Level([first!, second!]), new Level([third!])]).healthy, [70, 30]);
  setFlags(second!, HealthFlag.degradedActive);
  t.same(loads([new Level([first!, second!]), new Level([])]), { healthy: [70, 0], degraded: [30, 0],
    panic: [false, false] });
});

t.test('picks follow the shares of priorities', async (t) => {
  const first = [...endpoints(1, 1, 1), endpoint({ health: 'unhealthy' }), endpoint({ health: 'timeout' })];
  const second = endpoints(1);
  const picker = pickerOf([first, second]);
  const found = counts(picker, [...first, ...second], 20_000);
  t.ok(Math.abs(found[5]! - 3200) < 300, `${found[5]} of 20000 go to the second priority`);
  t.same(found.slice(3, 5), [0, 0]);
  t.equal(picker.panic, false);
});

t.test('panic asks everybody; without it nobody answers', async (t) => {
  const list = [endpoint(), endpoint({ health: 'unhealthy' }), endpoint({ health: 'timeout' })];
  const picker = pickerOf([list]);
  t.same(counts(picker, list, 300), [100, 100, 100]);
  t.equal(picker.panic, true);
  const calm = pickerOf([list], { healthyPanicPercent: 30 });
  t.same(counts(calm, list, 300), [300, 0, 0]);
  const nobody = pickerOf([list.slice(1)], { healthyPanicPercent: 0 });
  t.equal(nobody.pick(request), null);
  t.equal(nobody.panic, false);
  t.equal(pickerOf([]).pick(request), null);
});

t.test('weights of localities', async (t) => {
  const a = inLocality('a', 1, 'healthy', 'healthy'), b = inLocality('b', 3, 'healthy');
  const c = inLocality('c', 0, 'healthy');
  const all = [...a, ...b, ...c];
  const found = counts(pickerOf([all], { localityWeighted: true }), all, 8000);
  [1000, 1000, 6000, 0].forEach((wanted, i) => t.ok(Math.abs(found[i]! - wanted) <= 10, `${found[i]} of ${wanted}`));
  t.same(counts(pickerOf([all]), all, 400), [100, 100, 100, 100], 'they count only where the cluster says so');
});

t.test('a locality weighs less as its endpoints fail', async (t) => {
  const a = inLocality('a', 1, 'healthy', 'unhealthy'), b = inLocality('b', 1, 'healthy', 'healthy');
  const found = counts(pickerOf([[...a, ...b]], { localityWeighted: true }), [...a, ...b], 17_000);
  t.ok(Math.abs(found[0]! - 7000) <= 20, `${found[0]} of 7000: 0.7 beside 1`);
  const gone = inLocality('a', 5, 'unhealthy');
  t.same(counts(pickerOf([[...gone, ...b]], { localityWeighted: true }), [...gone, ...b], 200), [0, 100, 100]);
  const weightless = inLocality('a', 0, 'healthy');
  t.same(counts(pickerOf([weightless], { localityWeighted: true }), weightless, 10), [10], 'no weights: all of them');
});
