import t from 'tap';
import { memoryMap } from '../../src/core/memory-map.js';
import { scopeBytes } from '../../src/telemetry/schema.js';
import { allocateScope, clusterScope, clusterScopeIfUsed, OVERFLOW_SCOPE, reserveFixedScopes, WORKER_SCOPE }
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
