// Buffers and arena pieces: nothing is lent twice, what is given back is lent again, and an empty pool says so.
import t from 'tap';
import { limits } from '../../../src/core/limits.js';
import { ArenaHeap } from '../../../src/workers/memory/arena-heap.js';
import { BufferPool, LARGE, MEDIUM, SMALL } from '../../../src/workers/memory/buffers.js';
import { keepPiece, keptAtOnce } from '../../../src/workers/memory/keep-piece.js';
import type { BufferClass } from '../../../src/workers/memory/buffers.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';

const MiB = 1024 * 1024;

t.test('buffers of all classes lie apart and inside the arena', (t) => {
  const pool = new BufferPool(1000, 4 * MiB);
  const spans: [number, number][] = [];
  for (const size of [SMALL, MEDIUM, LARGE] as const) {
    for (let id = pool.acquireReserved(size); id >= 0; id = pool.acquireReserved(size))
      spans.push([pool.offsetOf(id), pool.offsetOf(id) + pool.bytesOf(id)]);
  }
  t.equal(spans.length, pool.capacity);
  spans.sort(([a], [b]) => a - b);
  t.ok(spans.every(([start], index) => index === 0 || spans[index - 1]![1] <= start));
  t.ok(spans[0]![0] >= 1000 && spans.at(-1)![1] <= 1000 + 4 * MiB);
  t.equal(pool.acquireReserved(SMALL), -1, 'an empty class says so');
  t.end();
});

t.test('a buffer is free when its last reference goes, and giving it back twice is found', (t) => {
  const pool = new BufferPool(0, 4 * MiB);
  const free = pool.freeOf(MEDIUM);
  const id = pool.acquire(MEDIUM);
  pool.retain(id);
  pool.release(id);
  t.equal(pool.freeOf(MEDIUM), free - 1);
  pool.release(id);
  t.equal(pool.freeOf(MEDIUM), free);
  t.throws(() => {
    pool.release(id);
  }, /released twice/);
  t.end();
});

t.test('what waits leaves buffers to requests, and these to what moves bytes', async (t) => {
  const pool = new BufferPool(0, 16 * MiB);
  const count = pool.countOf(MEDIUM);
  const taken = (acquire: () => number): number => {
    let times = 0;
    while (acquire() >= 0) times++;
    return times;
  };
  const seen = new Set<number>();
  const waiting = taken(() => { seen.add(pool.pressure); return pool.acquireToKeep(MEDIUM); });
  t.equal(waiting, count - (count >> 2));
  t.same([...seen], [0, 1, 2, 3], 'and those who queue hear of it before');
  t.equal(waiting + taken(() => pool.acquire(MEDIUM)), count - (count >> 4));
  t.equal(taken(() => pool.acquireReserved(MEDIUM)), count >> 4);
});

t.test('of a piece that has to be kept no more room is taken than it needs', async (t) => {
  const pool = new BufferPool(0, 16 * MiB);
  const bytes = new Uint8Array(17 * MiB);
  const received = pool.acquire(LARGE);
  const at = pool.offsetOf(received);
  bytes.fill(7, at, at + limits.bufferLargeBytes);
  t.equal(keepPiece(pool, bytes, received, at, 40_000), received);
  t.equal(pool.referencesOf(received), 2);
  const copy = keepPiece(pool, bytes, received, at + 100, 1000);
  t.equal(pool.classOf(copy), SMALL);
  t.ok(bytes.subarray(pool.offsetOf(copy), pool.offsetOf(copy) + 1000).every((byte) => byte === 7));
  while (pool.acquireToKeep(LARGE) >= 0) { /* until the class is spent */ }
  t.equal(keptAtOnce(pool, received, 40_000), limits.bufferSmallBytes, 'then it is copied, a part at a time');
  while (pool.acquireToKeep(SMALL) >= 0) { /* likewise */ }
  while (pool.acquireToKeep(MEDIUM) >= 0) { /* likewise */ }
  t.equal(keepPiece(pool, bytes, received, at, 1000), -1);
});

t.test('classFor takes the smallest that fits', (t) => {
  const pool = new BufferPool(0, 4 * MiB);
  t.same(
    [
      1,
      limits.bufferSmallBytes,
      limits.bufferSmallBytes + 1,
      limits.bufferMediumBytes + 1,
      limits.bufferLargeBytes,
      limits.bufferLargeBytes + 1,
    ].map((bytes) => pool.classFor(bytes)),
    [SMALL, SMALL, MEDIUM, LARGE, LARGE, -1] as (BufferClass | -1)[],
  );
  t.end();
});

t.test('arena pieces never overlap, and a steady load does not grow', (t) => {
  const heap = new ArenaHeap(100, 100 + MiB);
  const dice = new SimNetwork(3);
  const live = new Map<number, number>();
  let overlaps = 0;
  for (let n = 0; n < 20_000; n++) {
    if (live.size > 100 || (live.size > 0 && dice.chance(0.45))) {
      const [at, bytes] = [...live][dice.integer(0, live.size - 1)]!;
      heap.release(at, bytes);
      live.delete(at);
      continue;
    }
    const bytes = dice.integer(0, 3000);
    const at = heap.allocate(bytes);
    if (at < 0) {
      t.fail('the arena is full');
      break;
    }
    for (const [other, size] of n % 50 === 0 ? live : []) if (at < other + size && other < at + bytes) overlaps++;
    live.set(at, bytes);
  }
  t.equal(overlaps, 0);
  for (const [at, bytes] of live) heap.release(at, bytes);
  t.equal(heap.liveBytes, 0);
  t.equal(heap.allocate(1 << 20), -1, 'more than the largest class');
  t.end();
});

t.test('a heap that is full goes on in buffers that the pool can spare', async (t) => {
  const pool = new BufferPool(MiB, 16 * MiB);
  const heap = new ArenaHeap(0, 8192, () => pool.spareLarge());
  const large = pool.countOf(LARGE), offsets = new Set<number>();
  for (let at = heap.allocate(8000); at >= 0; at = heap.allocate(8000)) offsets.add(at);
  t.equal(offsets.size, 1 + (large - pool.freeOf(LARGE)) * (limits.bufferLargeBytes / 8192));
  t.equal(pool.freeOf(LARGE), Math.floor(large * 3 / 4), 'three quarters stay');
  t.ok([...offsets].every((at) => at === 0 || (at >= MiB && at + 8192 <= 17 * MiB)));
  for (const at of offsets) heap.release(at, 8000);
  t.ok(offsets.has(heap.allocate(8192)));
});
