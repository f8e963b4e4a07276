// Zone-aware routing: how much stays in our locality, where the rest goes, and when zones do not matter.
import t from 'tap';
import type { Balancing } from '../../../src/config/types.js';
import { ClusterStat } from '../../../src/telemetry/schema.js';
import { Level } from '../../../src/workers/balancing/levels.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import { planZones } from '../../../src/workers/balancing/zones.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, inLocality, world } from './endpoints.js';

const HERE = 'r\0here\0';
/** So many healthy endpoints by zone, ours first. */
const zoned = (here: number, ...others: number[]): Endpoint[] => [here, ...others].flatMap((count, index) =>
  inLocality(index === 0 ? 'here' : `z${index}`, 0, ...Array.from({ length: count }, () => 'healthy' as const)));

let counted: number[] = [];
const plan = (upstreams: Endpoint[], proxies: Endpoint[], minClusterSize = 1) => {
  counted = [];
  return planZones(new Level(upstreams), { locality: HERE, level: new Level(proxies) }, minClusterSize, 50,
    (stat) => { if (stat !== ClusterStat.lb_recalculate_zone_structures) counted.push(stat); });
};

t.test('our part of the cluster is as large as our part of the proxies: all stays', async (t) => {
  t.equal(plan(zoned(2, 2), zoned(1, 1))!.here, 10_000);
  t.equal(plan(zoned(3, 1), zoned(1, 1))!.here, 10_000);
});

t.test('less: a part stays, the rest goes where there is more than is asked', async (t) => {
  const found = plan(zoned(1, 3), zoned(1, 1))!;
  t.equal(found.here, 5000);
  t.same(found.residual, [0, 2500]);
  const documented = plan(zoned(1, 2, 1), zoned(2, 2, 1))!;     // 25 50 25 against 40 40 20
  t.equal(documented.here, 6250);
  t.same(documented.residual, [0, 1000, 1500]);
  t.equal(plan(zoned(0, 2, 2), zoned(1, 1, 1))!.here, 0, 'nobody of the cluster is here');
});

t.test('zones do not matter', async (t) => {
  t.equal(plan(zoned(4), zoned(1, 1)), null, 'one zone of upstreams');
  t.equal(plan(zoned(2, 2), zoned(2)), null, 'one zone of proxies');
  t.same(counted, []);
  t.equal(plan(zoned(2, 2), zoned(2, 2), 6), null);
  t.same(counted, [ClusterStat.lb_zone_cluster_too_small]);
  t.equal(plan(zoned(2, 2), zoned(0, 2, 2)), null, 'no proxy is here: we are not in our own cluster');
  t.same(counted, [ClusterStat.lb_local_cluster_not_ok]);
  const sick = [...inLocality('here', 0, 'healthy', 'unhealthy', 'unhealthy'), ...inLocality('z', 0, 'unhealthy')];
  t.equal(plan(zoned(2, 2), sick), null, 'the proxies are in panic');
});

t.test('picks follow the plan', async (t) => {
  const list = zoned(1, 2, 1);
  const pickerOf = (change: Partial<Balancing>) => createPicker(world.engine, cluster('c', { balancing: { ...balancing,
    ...change } }), [list], policy, { locality: HERE, level: new Level(zoned(2, 2, 1)) }, () => undefined)!;
  const zoneAware = { ...balancing.zoneAware, minClusterSize: 1 };
  const found = counts(pickerOf({ zoneAware }), list, 40_000);
  [25_000, 5000, 5000, 5000].forEach((wanted, i) =>
    t.ok(Math.abs(found[i]! - wanted) < wanted * 0.08, `${found[i]} of ${wanted}`));
  t.same(counts(pickerOf({ zoneAware: { ...zoneAware, routingPercent: 0 } }), list, 400), [100, 100, 100, 100]);
  t.same(counts(pickerOf({}), list, 400), [100, 100, 100, 100], 'fewer than six endpoints');
  const half = counts(pickerOf({ zoneAware: { ...zoneAware, routingPercent: 50 } }), list, 40_000);
  t.ok(Math.abs(half[0]! - 17_500) < 700, `${half[0]} of 17500`);
});
