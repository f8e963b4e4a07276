// Subsets: who is in which, memberships at their limit, how metadata becomes criteria. test/differential has the
// fallbacks, beside Envoy's.
import t from 'tap';
import { Criteria, matchOf, valueText } from '../../../src/config/metadata-match.js';
import type { Subsets } from '../../../src/config/types.js';
import { limits } from '../../../src/core/limits.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, endpoint, request, world } from './endpoints.js';

const selector = (...keys: string[]): Subsets['selectors'][number] => ({ keys, singleHost: false, fallback: 'undefined',
  fallbackKeys: [] });
const rules: Subsets = { fallback: 'none', defaultSubset: matchOf({}), selectors: [selector('v')],
  localityWeightAware: false, scaleLocalityWeight: false, panicModeAny: false, listAsAny: false, fallbackList: false,
  allowRedundantKeys: false };
const pickerOf = (list: Endpoint[], change: Partial<Subsets> = {}) => createPicker(world.engine, cluster('c', {
  balancing: { ...balancing, subsets: { ...rules, ...change } } }), [list], policy)!;
const ask = (fields: Record<string, unknown>): void => { request.metadataMatch = new Criteria(matchOf(fields)); };

t.test('canonical values', async (t) => {
  t.equal(valueText({ b: [1, { d: null, c: 'x' }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}');
  t.same(matchOf({ z: 1, a: '1' }), { keys: ['a', 'z'], values: ['"1"', '1'] });
  const criteria = new Criteria(matchOf({ a: 1, b: 2, c: 3 }));
  t.same(criteria.only(['a', 'c'])!.match, matchOf({ a: 1, c: 3 }));
  t.equal(criteria.only(['a', 'd']), null);
  t.equal(criteria.only(['a', 'c']), criteria.only(['a', 'c']), 'cut once');
  t.equal(criteria.fallbacks, null);
  t.same(new Criteria(matchOf({ a: 1, fallback_list: [{ b: 2 }, { a: 3 }] })).fallbacks!.map(({ match }) => match),
    [matchOf({ a: 1, b: 2 }), matchOf({ a: 3 })]);
});

t.test('a subset has a balancer of its own', async (t) => {
  const list = [1, 1, 2, 1].map((v) => endpoint({ metadata: { v } }));
  const picker = pickerOf(list);
  ask({ v: 1 });
  t.same(counts(picker, list, 300), [100, 100, 0, 100]);
  ask({ v: 2 });
  t.same(counts(picker, list, 10), [0, 0, 10, 0]);
  ask({ v: 3 });
  t.same(counts(picker, list, 10), [0, 0, 0, 0]);
});

t.test('memberships at the limit: further endpoints are in no subset', async (t) => {
  const values = Array.from({ length: limits.subsetMembershipsMax }, (_, i) => i);
  const first = endpoint({ metadata: { v: values } }), second = endpoint({ metadata: { v: 7 } });
  const picker = pickerOf([first, second], { listAsAny: true });
  ask({ v: limits.subsetMembershipsMax - 1 });
  t.equal(picker.pick(request), first);
  ask({ v: 7 });
  t.same(counts(picker, [first, second], 10), [10, 0]);
});
