// Who is picked how often: rotations exactly, weights within a few per cent, load where there is least of it,
// panic when health runs out.
import t from 'tap';
import type { ClusterConfig, Endpoint as EndpointConfig } from '../../../src/config/types.js';
import { EndpointState } from '../../../src/core/memory-map.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import { ClusterRuntime } from '../../../src/workers/upstream/cluster.js';
import { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { Stream } from '../../../src/workers/proxy/stream.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { World } from '../../sim/world.js';

const world = new World(3);
const request = new Stream();
const runtime = new ClusterRuntime(world.engine, 0);

function endpoints(weights: readonly number[], health: readonly EndpointConfig['health'][] = []): Endpoint[] {
  return weights.map((weight, index) => {
    const address = { kind: 'ip' as const, host: '10.0.0.1', port: index + 1, ipv4Compat: false };
    const endpoint = new Endpoint(world.engine, runtime, address, index);
    endpoint.update({
      address,
      hostname: '',
      weight,
      priority: 0,
      health: health[index] ?? 'healthy',
      localityWeight: 0,
      locality: null,
      metadata: null, logicalName: '', additionalAddresses: [],
      state: index,
    });
    return endpoint;
  });
}
function shares(list: readonly Endpoint[], config: Partial<ClusterConfig>, picks: number): number[] {
  const picker = createPicker(world.engine, cluster('c', config), [list], policy)!;
  const counts = list.map(() => 0);
  for (let n = 0; n < picks; n++) counts[list.indexOf(picker.pick(request)!)]!++;
  return counts;
}

t.test('round robin with equal weights is a rotation', (t) => {
  t.same(shares(endpoints([3, 3, 3]), { lbPolicy: 'roundRobin' }, 300), [100, 100, 100]);
  t.end();
});

t.test('weighted round robin follows the weights at once, not in runs', (t) => {
  const list = endpoints([1, 2, 5]);
  const counts = shares(list, { lbPolicy: 'roundRobin' }, 8000);
  [1000, 2000, 5000].forEach((wanted, index) => {
    t.ok(Math.abs(counts[index]! - wanted) <= 5, `${counts[index]} of ${wanted}`);
  });
  const picker = createPicker(world.engine, cluster('c', { lbPolicy: 'roundRobin' }), [endpoints([1, 1, 1, 5])],
    policy)!;
  let run = 0,
    longest = 0,
    last: Endpoint | null = null;
  for (let n = 0; n < 800; n++) {
    const picked = picker.pick(request)!;
    run = picked === last ? run + 1 : 1;
    last = picked;
    longest = Math.max(longest, run);
  }
  t.ok(longest <= 6, `${longest} in a row`);
  t.end();
});

t.test('random is even', (t) => {
  for (const count of shares(endpoints([1, 1, 1, 1]), { lbPolicy: 'random' }, 20_000))
    t.ok(Math.abs(count - 5000) < 300, String(count));
  t.end();
});

t.test('least request avoids the busy, by choices or by weight', (t) => {
  const list = endpoints([1, 1, 1]);
  list[0]!.add(EndpointState.activeRequests, 50);
  const counts = shares(list, { lbPolicy: 'leastRequest', leastRequestChoiceCount: 2 }, 9000);
  t.ok(Math.abs(counts[0]! - 1000) < 200, `${counts[0]}: only when both choices are it`);
  const weighted = endpoints([10, 1]);
  weighted[0]!.add(EndpointState.activeRequests, -50);
  t.ok(shares(weighted, { lbPolicy: 'leastRequest' }, 1100)[0]! > 900);
  t.end();
});


t.test('least request over all: the least, equals alike', (t) => {
  const list = endpoints([1, 1, 1, 1]);
  list[1]!.add(EndpointState.activeRequests, 2);
  const counts = shares(list, { lbPolicy: 'leastRequest', balancing: { ...balancing, fullScan: true } }, 6000);
  t.equal(counts[1], 0);
  for (const index of [0, 2, 3]) t.ok(Math.abs(counts[index]! - 2000) < 200, `${counts[index]} of 2000`);
  t.end();
});

t.test('active_request_bias: how much requests in progress weigh', (t) => {
  const list = endpoints([1, 2]);
  list[1]!.add(EndpointState.activeRequests, 3 - list[1]!.activeRequests());
  list[0]!.add(EndpointState.activeRequests, -list[0]!.activeRequests());
  const withBias = (defaultValue: number) => shares(list, { lbPolicy: 'leastRequest', balancing: { ...balancing,
    activeRequestBias: { runtimeKey: '', defaultValue } } }, 3300);
  for (const [bias, first] of [[0, 1100], [1, 2200], [2, 2933]] as const)
    t.ok(Math.abs(withBias(bias)[0]! - first) < 20, `bias ${bias}: ${withBias(bias)[0]} of ${first}`);
  t.end();
});

t.test('slow start: a part of the weight that grows, then all of it', (t) => {
  for (const lbPolicy of ['roundRobin', 'leastRequest'] as const) {
    const list = endpoints([1, 1]);
    const slow = (aggression: number) => ({ lbPolicy, balancing: { ...balancing, slowStart: { windowMs: 10_000,
      aggression: { runtimeKey: '', defaultValue: aggression }, minimumPercent: 10 } } });
    for (const one of list) one.add(EndpointState.activeRequests, -one.activeRequests());
    list[0]!.healthySinceMs = world.engine.nowMs - 20_000;
    for (const [sinceMs, aggression, part] of [[1, 1, 0.1], [5000, 1, 0.5], [2500, 2, 0.5], [10_000, 1, 1]] as const) {
      list[1]!.healthySinceMs = world.engine.nowMs - sinceMs;
      const counts = shares(list, slow(aggression), 3000);
      const wanted = 3000 * part / (1 + part);
      t.ok(Math.abs(counts[1]! - wanted) < 15, `${lbPolicy} after ${sinceMs}: ${counts[1]} of ${wanted}`);
    }
  }
  t.end();
});
