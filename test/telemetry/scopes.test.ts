import t from 'tap';
import { memoryMap } from '../../src/core/memory-map.js';
import { scopeBytes } from '../../src/telemetry/schema.js';
import { allocateScope, clusterScope, clusterScopeIfUsed, DISCARD_SCOPE, OVERFLOW_SCOPE, reserveFixedScopes,
  wantCluster,
  WORKER_SCOPE }
  from '../../src/telemetry/scopes.js';

function fresh(statsBytes?: number) {
  const map = { ...memoryMap(128, 2) };
  if (statsBytes !== undefined) map.statsBytes = statsBytes;
  const words = new Int32Array(new SharedArrayBuffer(map.snapshot));
  reserveFixedScopes(words, map);
  return { map, words };
}

t.test('scopes follow each other, 64-aligned, after the two fixed ones', async t => {
  const { map, words } = fresh();
  const first = allocateScope(words, map, 'listener');
  const second = allocateScope(words, map, 'http');
  t.equal(WORKER_SCOPE, 0);
  t.ok(first >= OVERFLOW_SCOPE + scopeBytes('cluster'));
  t.ok(first >= OVERFLOW_SCOPE + scopeBytes('http'));
  t.equal(first % 64, 0);
  t.equal(second, first + scopeBytes('listener'));
});

t.test('a full region answers -1 and keeps answering', async t => {
  const { map, words } = fresh(OVERFLOW_SCOPE + 2 * Math.max(scopeBytes('cluster'), scopeBytes('http')));
  while (allocateScope(words, map, 'cluster') >= 0);
  t.equal(allocateScope(words, map, 'cluster'), -1);
  t.equal(allocateScope(words, map, 'cluster'), -1);
});

t.test('a cluster gets its scope on first use, and keeps it', async t => {
  const { map, words } = fresh();
  t.equal(clusterScopeIfUsed(words, map, 7), -1);
  const scope = clusterScope(words, map, 7);
  t.equal(clusterScope(words, map, 7), scope);
  t.equal(clusterScopeIfUsed(words, map, 7), scope);
  t.not(clusterScope(words, map, 8), scope);
});

t.test('a cluster that finds no room counts in the overflow scope and may succeed later', async t => {
  const { map, words } = fresh();
  const room = map.statsBytes;
  map.statsBytes = 0;
  t.equal(clusterScope(words, map, 1), OVERFLOW_SCOPE);
  t.equal(clusterScopeIfUsed(words, map, 1), -1);
  map.statsBytes = room;
  t.not(clusterScope(words, map, 1), OVERFLOW_SCOPE);
});

t.test('a region too small for the fixed scopes is refused at start', async t => {
  t.throws(() => fresh(64), /statistics need/);
});

t.test('clusters of which nothing is wanted share one scope, until the slot has another name', async (t) => {
  const { map, words } = fresh(DISCARD_SCOPE + 4 * scopeBytes('cluster'));
  wantCluster(words, map, 1, false);
  wantCluster(words, map, 2, false);
  t.same([clusterScope(words, map, 1), clusterScope(words, map, 2)], [DISCARD_SCOPE, DISCARD_SCOPE]);
  const wanted = clusterScope(words, map, 3);
  t.ok(wanted > DISCARD_SCOPE);
  wantCluster(words, map, 3, false);
  t.equal(clusterScope(words, map, 3), wanted, 'what counts already goes on');
  wantCluster(words, map, 1, true);
  t.ok(clusterScope(words, map, 1) > DISCARD_SCOPE);
});
