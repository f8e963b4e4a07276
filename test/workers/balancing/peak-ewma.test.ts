// Peak EWMA: what is learnt of response times, how it fades, and who is picked for it.
import t from 'tap';
import type { Test } from 'tap';
import { EndpointState } from '../../../src/core/memory-map.js';
import { Latencies } from '../../../src/workers/balancing/peak-ewma.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, endpoints, world } from './endpoints.js';

const { engine } = world;
const rules = { decayMs: 1000, penalty: 1_000_000 };
const latencies = new Latencies(engine, rules.decayMs);
const pickerOf = (list: Endpoint[]) => createPicker(engine, cluster('c', { lbPolicy: 'peakEwma',
  balancing: { ...balancing, peakEwma: rules } }), [list], policy)!;
const passes = (ms: number): void => { engine.wallMs += ms; };
const near = (t: Test, found: number, wanted: number): void => {
  t.ok(Math.abs(found - wanted) <= wanted * 0.001, `${found} is ${wanted}`);
};

t.test('a longer time counts at once, shorter ones by and by', async (t) => {
  const [one] = endpoints(1);
  t.equal(latencies.of(one!), 0);
  latencies.observe(one!, 5);
  near(t, latencies.of(one!), 5);
  latencies.observe(one!, 80);
  near(t, latencies.of(one!), 80);
  latencies.observe(one!, 10);
  near(t, latencies.of(one!), 80);
  passes(1000);
  latencies.observe(one!, 10);
  near(t, latencies.of(one!), 80 / Math.E + 10 * (1 - 1 / Math.E));
});

t.test('what nobody measures fades until it is forgotten', async (t) => {
  const [one] = endpoints(1);
  latencies.observe(one!, 100);
  passes(2000);
  near(t, latencies.of(one!), 100 / Math.E ** 2);
  passes(60_000);
  t.equal(latencies.of(one!), 0);
});

t.test('another worker with a clock behind', async (t) => {
  const [one] = endpoints(1);
  latencies.observe(one!, 7);
  passes(-50);
  near(t, latencies.of(one!), 7);
});

t.test('the slow one is asked only when it is compared with nobody faster', async (t) => {
  const list = endpoints(1, 1, 1, 1, 1);
  list.forEach((one, index) => latencies.observe(one, index === 2 ? 200 : 1));
  const found = counts(pickerOf(list), list, 5000);
  t.equal(found[2], 0);
  for (const index of [0, 1, 3, 4]) t.ok(Math.abs(found[index]! - 1250) < 200, `${found[index]} of 1250`);
});

t.test('requests in progress count, weights too', async (t) => {
  const list = endpoints(1, 1);
  for (const one of list) latencies.observe(one, 10);
  list[0]!.add(EndpointState.activeRequests, 4);
  t.same(counts(pickerOf(list), list, 100), [0, 100], '10 * 5 against 10 * 1');
  latencies.observe(list[1]!, 60);
  t.same(counts(pickerOf(list), list, 100), [100, 0], '10 * 5 against 60 * 1');
  const heavy = endpoints(1, 10);
  for (const one of heavy) latencies.observe(one, 10);
  heavy[1]!.add(EndpointState.activeRequests, 4);
  t.same(counts(pickerOf(heavy), heavy, 100), [0, 100], '10 / 1 against 50 / 10');
});

t.test('who fails quickly is not fast', async (t) => {
  const list = endpoints(1, 1);
  for (const one of list) latencies.observe(one, 5);
  latencies.failed(list[0]!);
  near(t, latencies.of(list[0]!), 50);
  t.same(counts(pickerOf(list), list, 50), [0, 50]);
  latencies.failed(list[0]!);
  near(t, latencies.of(list[0]!), 200);
  for (let time = 0; time < 20; time++) latencies.failed(list[0]!);
  near(t, latencies.of(list[0]!), 60_000);
  passes(12_000);
  latencies.observe(list[1]!, 5);
  t.same(counts(pickerOf(list), list, 50), [50, 0], 'twelve times the decay later it is tried again');
});

t.test('of the unknown those are avoided that were asked and did not answer', async (t) => {
  const list = endpoints(1, 1, 1);
  latencies.observe(list[0]!, 5000);
  list[1]!.add(EndpointState.activeRequests, 1);
  const found = counts(pickerOf(list), list, 900);
  t.equal(found[1], 0, 'asked, no answer yet');
  t.ok(found[2]! > 500, 'nobody has asked it');
});
