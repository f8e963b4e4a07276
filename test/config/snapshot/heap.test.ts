// The snapshot heap: alignment, merging of neighbours, full and not full, and a seeded storm that checks every
// invariant.
import t from 'tap';
import { SnapshotHeap } from '../../../src/config/snapshot/heap.js';

const START = 64 * 10;

t.test('blocks are 64-aligned, inside the region and do not overlap', async (t) => {
  const heap = new SnapshotHeap(START, 64 * 100);
  const a = heap.allocate(1);
  const b = heap.allocate(65);
  const c = heap.allocate(64);
  t.equal(a, START);
  t.equal(b, START + 64);
  t.equal(c, START + 64 * 3);
  t.equal(heap.usage().usedBytes, 64 * 4);
  heap.check();
});

t.test('a full heap answers 0 and works again after a release', async (t) => {
  const heap = new SnapshotHeap(START, 64 * 4);
  const all = heap.allocate(64 * 4);
  t.equal(heap.allocate(1), 0);
  heap.release(all);
  t.equal(heap.allocate(64 * 4), all);
});

t.test('released neighbours merge in any order', async (t) => {
  for (const order of [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]]) {
    const heap = new SnapshotHeap(START, 64 * 3);
    const blocks = [heap.allocate(64), heap.allocate(64), heap.allocate(64)];
    for (const index of order) heap.release(blocks[index]!);
    heap.check();
    t.equal(heap.usage().largestFreeBytes, 64 * 3);
  }
});

t.test('releasing twice is an error of ours and is caught', async (t) => {
  const heap = new SnapshotHeap(START, 64 * 3);
  const block = heap.allocate(64);
  heap.release(block);
  t.throws(() => heap.release(block), /not allocated/);
});

t.test('a storm of allocations and releases keeps every invariant', async (t) => {
  let seed = 12345;
  const random = (below: number) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return (seed >>> 8) % below;
    };
  const heap = new SnapshotHeap(START, 64 * 2000);
  const live = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    if (random(2) === 0) {
      const bytes = 1 + random(random(10) === 0 ? 20_000 : 900);
      const block = heap.allocate(bytes);
      if (block !== 0) {
        if (live.has(block)) t.fail('a live block was handed out again');
        live.set(block, bytes);
      }
    } else if (live.size > 0) {
      const block = [...live.keys()][random(live.size)]!;
      live.delete(block);
      heap.release(block);
    }
    if (step % 500 === 0) heap.check();
  }
  const sorted = [...live].sort((a, b) => a[0] - b[0]);
  t.ok(sorted.every(([block, bytes], index) => index + 1 === sorted.length || block + bytes <= sorted[index + 1]![0]));
  for (const block of live.keys()) heap.release(block);
  heap.check();
  t.match(heap.usage(), { usedBytes: 0, blocks: 0, largestFreeBytes: 64 * 2000 });
});
