// Choosing by hash: the right place for each hash, parts by weight, few moves when an endpoint goes, bounds of load,
// tables at their limits.
import t from 'tap';
import { planRing } from '../../../src/config/hash-tables.js';
import type { Hashing } from '../../../src/config/types.js';
import { limits } from '../../../src/core/limits.js';
import { EndpointState } from '../../../src/core/memory-map.js';
import { remainder } from '../../../src/workers/balancing/hash-table.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Picker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { endpoint, endpoints, request, setFlags, world } from './endpoints.js';

const ring = (minimumSize = 1024, maximumSize = 8_388_608): Hashing['table'] =>
  ({ kind: 'ring', minimumSize, maximumSize, murmur: false });
const maglev: Hashing['table'] = { kind: 'maglev', size: 65_537 };
function pickerOf(table: Hashing['table'], levels: Endpoint[][], boundPercent = 0): Picker {
  const hashing = { table, byName: false, boundPercent, policies: [] };
  return createPicker(world.engine, cluster('c', { balancing: { ...balancing, hashing } }), levels, policy)!;
}
const spread = (n: number): [number, number] => [Math.imul(n, 0x9e3779b1), Math.imul(n ^ 0x5bd1, 0x85ebca6b)];
function pickFor(picker: Picker, n: number, attempt = 0): Endpoint {
  request.hasHash = true;
  [request.hashHigh, request.hashLow] = spread(n);
  request.pickAttempt = attempt;
  return picker.pick(request)!;
}
const both: [string, Hashing['table']][] = [['ring', ring(20_000)], ['Maglev', maglev]];

t.test('remainders of numbers of 64 bits', async (t) => {
  for (const [high, low] of [[0, 0], [-1, -1], [0, -1], [-1, 0], [123, -456], [0x7fffffff, 17]] as const) {
    const whole = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    for (const divisor of [1, 2, 100, 65_537, 1_048_573])
      t.equal(remainder(high, low, divisor), Number(whole % BigInt(divisor)), `${whole} by ${divisor}`);
  }
});

for (const [name, table] of both) {
  t.test(`${name}: the same hash goes to the same endpoint, and parts follow weights`, async (t) => {
    const list = endpoints(1, 2, 5);
    const picker = pickerOf(table, [list]), twin = pickerOf(table, [list]);
    t.equal(picker.byHash, true);
    const counts = [0, 0, 0];
    for (let n = 0; n < 16_000; n++) {
      const picked = pickFor(picker, n);
      if (pickFor(twin, n) !== picked) t.fail('two workers differ');
      counts[list.indexOf(picked)]++;
    }
    [2000, 4000, 10_000].forEach((wanted, i) =>
      t.ok(Math.abs(counts[i]! - wanted) < wanted * 0.15, `${counts[i]} of ${wanted}`));
  });

  t.test(`${name}: only what went to an endpoint that fails moves`, async (t) => {
    const list = endpoints(1, 1, 1, 1, 1);
    const before = pickerOf(table, [list]);
    setFlags(list[2]!, 1);
    const after = pickerOf(table, [list]);
    let moved = 0;
    for (let n = 0; n < 5000; n++) {
      const was = pickFor(before, n), is = pickFor(after, n);
      t.not(is, list[2]);
      if (was !== is && was !== list[2]) moved++;
    }
    t.ok(moved < 250, `${moved} of 5000 moved without need`);
    t.end();
  });

  t.test(`${name}: further picks of an attempt go elsewhere`, async (t) => {
    const list = endpoints(1, 1, 1);
    const picker = pickerOf(table, [list]);
    const found = new Set(Array.from({ length: 20 }, (_, attempt) => pickFor(picker, 5, attempt)));
    t.equal(found.size, 3);
  });

  t.test(`${name}: a full endpoint is passed over`, async (t) => {
    const list = endpoints(1, 1, 1, 1);
    const picker = pickerOf(table, [list], 100);
    const first = pickFor(picker, 77);
    first.add(EndpointState.activeRequests, 5);
    const second = pickFor(picker, 77);
    t.not(second, first);
    t.equal(pickFor(picker, 77), second, 'to the same one each time');
    for (const each of list) each.add(EndpointState.activeRequests, 50);
    second.add(EndpointState.activeRequests, -10);
    t.equal(pickFor(picker, 77), second, 'all are full: to the least full');
    for (const each of list) t.ok(each.activeRequests() > 1);
  });

  t.test(`${name}: without a hash anywhere; nobody`, async (t) => {
    request.hasHash = false;
    const list = endpoints(1, 1, 1);
    const picker = pickerOf(table, [list]);
    t.equal(new Set(Array.from({ length: 100 }, () => picker.pick(request))).size, 3);
    t.equal(pickerOf(table, []).pick(request), null);
    t.equal(pickerOf(table, [[endpoint({ health: 'degraded' })]]).pick(request), null, 'as in Envoy');
  });
}

t.test('the hash chooses the priority', async (t) => {
  const first = [endpoint(), endpoint({ health: 'unhealthy' })], second = endpoints(1);
  const picker = pickerOf(ring(), [first, second]);
  let inSecond = 0;
  for (let n = 0; n < 10_000; n++) if (pickFor(picker, n) === second[0]) inSecond++;
  t.ok(Math.abs(inSecond - 3000) < 300, `${inSecond} of 3000`);
});

t.test('rings at the limit', async (t) => {
  const most = planRing([0.5, 0.5], 8_388_608, 8_388_608);
  t.same(most, { size: limits.hashTableEntriesMax, counts: [limits.hashTableEntriesMax / 2,
    limits.hashTableEntriesMax / 2] });
  t.same(planRing([1e-9, 1 - 1e-9], 1024, 8_388_608).size, limits.hashTableEntriesMax, 'weights far apart');
  const picker = pickerOf(ring(limits.hashTableEntriesMax), [endpoints(1, 1)]);
  const before = process.cpuUsage();
  pickFor(picker, 1);
  const { user } = process.cpuUsage(before);      // not the time of others on the same machine
  t.ok(user < 5e6, `built in ${Math.round(user / 1000)} ms`);
});
