// The store: batches, equality, error states, readiness.
import t from 'tap';
import { ConfigStore, ResourceRecord } from '../../src/xds/store.js';

const record = (name: string, hash: string): ResourceRecord<'cluster'> =>
  new ResourceRecord('cluster', { name, hash, origin: 'dynamic', owner: null,
  configJson: JSON.stringify({ name, hash }), wireJson: '{}', versionInfo: hash, lastUpdatedMs: 1 });
const update = (name: string, hash: string | null) =>
  ({ kind: 'cluster' as const, name, record: hash === null ? null : record(name, hash) });

t.test('changes arrive as one batch, and only when something changed', async (t) => {
  const store = new ConfigStore();
  const batches: unknown[] = [];
  store.onChange((changes) =>
    batches.push(changes.map(({ name, record, previous }) => [name, previous?.hash ?? null, record?.hash ?? null])));
  store.apply([update('a', '1'), update('b', '1')]);
  store.apply([update('a', '1'), update('c', null)]);
  store.apply([update('a', '2'), update('b', null)]);
  t.same(batches, [[['a', null, '1'], ['b', null, '1']], [['a', '1', '2'], ['b', '1', null]]]);
  t.match(store.clusters.get('a')?.config, { name: 'a', hash: '2' });
});

t.test('an error state goes when a good version comes or the resource goes', async (t) => {
  const store = new ConfigStore();
  const state = { details: 'd', versionInfo: '2', lastUpdateAttemptMs: 1 };
  store.apply([update('a', '1')]);
  store.reject('cluster', 'a', state);
  t.same(store.errorState('cluster', 'a'), state);
  store.apply([update('a', '1')]);
  t.equal(store.errorState('cluster', 'a'), null);
  store.reject('cluster', 'a', state);
  store.apply([update('a', null)]);
  t.equal(store.errorState('cluster', 'a'), null);
});

t.test('ready when everything awaited has been answered', async (t) => {
  const store = new ConfigStore();
  let calls = 0;
  store.onReady(() => calls++);
  store.awaitInitial('x');
  store.awaitInitial('y');
  store.onReady(() => calls++);
  store.initialDone('x');
  t.same([store.ready, calls], [false, 1]);
  store.initialDone('y');
  t.same([store.ready, calls], [true, 2]);
});
