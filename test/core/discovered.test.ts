// The table of endpoints that workers discover: one state for an address whoever asks, freed with its last holder, full
// and dead workers answered. Several workers at once are threads that hold and release at random.
import t from 'tap';
import { Worker } from 'node:worker_threads';
import { DiscoveredEndpoints, FIRST_DISCOVERED_STATE, discoveredOf } from
  '../../src/core/discovered.js';
import { limits } from '../../src/core/limits.js';
import { EndpointState, memoryMap } from '../../src/core/memory-map.js';

const MIB = 160;
const WORKERS = 3;
const map = memoryMap(MIB, WORKERS);

function table() {
  const memory = new WebAssembly.Memory({ initial: MIB * 16, maximum: MIB * 16, shared: true });
  const words = new Int32Array(memory.buffer);
  const keys = map.snapshot;
  const key = (n: number) => {
    words.fill(0, keys >> 2, (keys >> 2) + 7);
    words[keys >> 2] = 2 | (80 << 24);
    words[(keys >> 2) + 1] = n;
    return keys;
  };
  const workers = Array.from({ length: WORKERS }, (_, worker) => new DiscoveredEndpoints(words, map, worker));
  const count = (cluster: number) => [...discoveredOf(words, map, cluster)].length;
  return { memory, words, key, workers, count };
}

t.test('workers share the state of an address; clusters do not', async (t) => {
  const { key, workers: [a, b], count, words } = table();
  const state = a.hold(1, key(7));
  t.ok(state >= FIRST_DISCOVERED_STATE && state < limits.endpointStatesMax);
  t.equal(b.hold(1, key(7)), state);
  t.not(a.hold(2, key(7)), state);
  t.not(a.hold(1, key(8)), state);
  t.equal(count(1), 2);
  t.equal(words[[...discoveredOf(words, map, 2)][0].sockaddr / 4 + 1], 7);
});

t.test('the last holder frees it, and the next one finds clean counts', async (t) => {
  const { key, workers: [a, b], count, words } = table();
  const state = a.hold(1, key(7));
  b.hold(1, key(7));
  words[((map.endpointStates + state * EndpointState.bytes) >> 2) + EndpointState.requestsTotal] = 5;
  a.release(state);
  t.equal(count(1), 1);
  b.release(state);
  t.equal(count(1), 0);
  t.equal(a.hold(1, key(7)), state);
  t.equal(words[((map.endpointStates + state * EndpointState.bytes) >> 2) + EndpointState.requestsTotal], 0);
});

t.test('a full table refuses, and serves again when something is freed', async (t) => {
  const { key, workers: [a] } = table();
  const held: number[] = [];
  let refused = -1;
  for (let n = 1; n <= limits.discoveredEndpointsMax * 2; n++) {
    const state = a.hold(1, key(n));
    if (state < 0) refused = n; else held.push(state);
  }
  t.ok(held.length > limits.discoveredEndpointsMax * 0.9, `${held.length} fitted`);
  t.equal(new Set(held).size, held.length);
  t.ok(refused > 0);
  t.equal(a.hold(1, key(refused)), -1);
  for (const state of held) a.release(state);
  t.ok(a.hold(1, key(refused)) > 0);
});

t.test('what a dead worker held is free, and what others hold with it is not', async (t) => {
  const { key, workers: [a, b], count } = table();
  const shared = a.hold(1, key(1));
  b.hold(1, key(1));
  const alone = a.hold(1, key(2));
  a.releaseAll();
  t.equal(b.hold(1, key(1)), shared);
  t.equal(count(1), 1);
  t.equal(b.hold(1, key(2)), alone, 'its place is taken again');
});

t.test('threads that hold and release at once leave nothing behind', async (t) => {
  const { memory, count } = table();
  const program = `
    const { workerData, parentPort } = require('node:worker_threads');
    Promise.all([import(workerData.discovered), import(workerData.maps)]).then(([of, { memoryMap }]) => {
      const { memory, worker } = workerData;
      const words = new Int32Array(memory.buffer);
      const map = memoryMap(${MIB}, ${WORKERS});
      const mine = new of.DiscoveredEndpoints(words, map, worker);
      const key = map.snapshot + 64 * (worker + 1);
      const counts = map.snapshot / 4 + 4096;
      let wrong = 0;
      for (let turn = 0; turn < 20000; turn++) {
        const n = 1 + (turn * 7 + worker) % 5;
        words[key / 4] = 2; words[key / 4 + 1] = n;
        const state = mine.hold(3, key);
        const seen = Atomics.load(words, map.discovered / 4 + (state - ${FIRST_DISCOVERED_STATE}) * 16 + 3);
        if (state < 0 || seen !== n) wrong++;
        mine.release(state);
      }
      parentPort.postMessage(wrong);
    });`;
  const discovered = new URL('../../src/core/discovered.js', import.meta.url).href;
  const maps = new URL('../../src/core/memory-map.js', import.meta.url).href;
  const run = (worker: number) => new Promise<number>((resolve, reject) => new Worker(program, {
     eval: true, workerData: { memory, worker, discovered, maps } })
    .on('message', resolve).on('error', reject));
  const wrong = await Promise.all([0, 1, 2].map(run));
  t.same(wrong, [0, 0, 0]);
  t.equal(count(3), 0);
});
