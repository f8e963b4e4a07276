// The allocator of the snapshot region. Main alone allocates and releases; workers only read what roots name.
// Segregated free lists over 64-byte granules with boundary tags, so that both neighbours of a released block merge at
// once. All bookkeeping lies in private arrays beside the region (one word per granule and kind, touched only where
// blocks are), never in the region itself: a stray write of a worker cannot derail it.
//
//   tags:  | n ....... n | -m ...... -m | k k |      first and last granule of a block hold its length; negative = free
import { assert } from '../../core/assert.js';

const GRANULE = 64;
/** Four lists per power of two: a block is at most a quarter longer than the smallest of its list. */
const LISTS = 4 * 32;

export interface HeapUsage { capacityBytes: number; usedBytes: number; peakBytes: number; blocks: number;
  largestFreeBytes: number }

export class SnapshotHeap {
  private readonly granules: number;
  private readonly tags: Int32Array;
  private readonly next: Int32Array;      // free block -> next free block of its list, granule index + 1; 0 = none
  private readonly previous: Int32Array;
  private readonly heads = new Int32Array(LISTS);
  private used = 0;
  private peak = 0;
  private blocks = 0;

  /**
   * The region [start, start + bytes) of the shared memory; `start` is 64-aligned and not 0, so 0 can mean "no room".
   */
  constructor(private readonly start: number, bytes: number) {
    assert(start > 0 && start % GRANULE === 0, 'snapshot heap start');
    this.granules = Math.floor(bytes / GRANULE);
    assert(this.granules > 0, 'snapshot heap size');
    this.tags = new Int32Array(this.granules);
    this.next = new Int32Array(this.granules);
    this.previous = new Int32Array(this.granules);
    this.insert(0, this.granules);
  }

  /** Offset of a block of at least `bytes`, 64-aligned, or 0 when there is no room: the caller rejects its change. */
  allocate(bytes: number): number {
    assert(bytes > 0, 'allocation size');
    const need = Math.ceil(bytes / GRANULE);
    const block = this.find(need);
    if (block < 0) return 0;
    const length = -this.tags[block];
    this.unlink(block, length);
    if (length > need) this.insert(block + need, length - need);
    this.tags[block] = need;
    this.tags[block + need - 1] = need;
    this.used += need;
    this.blocks++;
    if (this.used > this.peak) this.peak = this.used;
    return this.start + block * GRANULE;
  }

  /** Gives a block back. Its bytes may be overwritten at once: no living root may name it. */
  release(offset: number): void {
    let block = (offset - this.start) / GRANULE;
    let length = this.tags[block];
    assert(Number.isInteger(block) && length > 0, 'release of a block that is not allocated');
    this.used -= length;
    this.blocks--;
    this.tags[block] = 0;
    this.tags[block + length - 1] = 0;
    const after = block + length;
    if (after < this.granules && this.tags[after] < 0) {
      const more = -this.tags[after];
      this.unlink(after, more);
      length += more;
    }
    if (block > 0 && this.tags[block - 1] < 0) {
      const more = -this.tags[block - 1];
      block -= more;
      this.unlink(block, more);
      length += more;
    }
    this.insert(block, length);
  }

  usage(): HeapUsage {
    return { capacityBytes: this.granules * GRANULE, usedBytes: this.used * GRANULE, peakBytes: this.peak * GRANULE,
      blocks: this.blocks, largestFreeBytes: this.largestFree() * GRANULE };
  }

  /** Walks every block and checks tags, lists and totals; for tests. */
  check(): void {
    let used = 0, free = 0, blocks = 0, listed = 0;
    for (let at = 0; at < this.granules;) {
      const tag = this.tags[at];
      assert(tag !== 0 && this.tags[at + Math.abs(tag) - 1] === tag, 'boundary tags');
      if (tag > 0) { used += tag; blocks++; } else {
        free -= tag;
        assert(at - tag >= this.granules || this.tags[at - tag] > 0, 'two free neighbours');
      }
      at += Math.abs(tag);
    }
    for (let list = 0; list < LISTS; list++) {
      for (let at = this.heads[list]; at !== 0; at = this.next[at - 1]) listed -= this.tags[at - 1];
    }
    assert(used === this.used && blocks === this.blocks && used + free === this.granules && listed === free,
      'heap totals');
  }

  /** First fit in the block's own list (lists hold a range of sizes), then the first block of the first larger list. */
  private find(need: number): number {
    const own = listOf(need);
    for (let at = this.heads[own]; at !== 0; at = this.next[at - 1]) {
      if (-this.tags[at - 1] >= need) return at - 1;
    }
    for (let list = own + 1; list < LISTS; list++) {
      if (this.heads[list] !== 0) return this.heads[list] - 1;
    }
    return -1;
  }

  private insert(block: number, length: number): void {
    this.tags[block] = -length;
    this.tags[block + length - 1] = -length;
    const list = listOf(length);
    const head = this.heads[list];
    this.next[block] = head;
    this.previous[block] = 0;
    if (head !== 0) this.previous[head - 1] = block + 1;
    this.heads[list] = block + 1;
  }

  private unlink(block: number, length: number): void {
    const after = this.next[block];
    const before = this.previous[block];
    if (before !== 0) this.next[before - 1] = after;
    else this.heads[listOf(length)] = after;
    if (after !== 0) this.previous[after - 1] = before;
    this.tags[block] = 0;
    this.tags[block + length - 1] = 0;
  }

  private largestFree(): number {
    for (let list = LISTS - 1; list >= 0; list--) {
      let largest = 0;
      for (let at = this.heads[list]; at !== 0; at = this.next[at - 1]) largest = Math.max(largest, -this.tags[at - 1]);
      if (largest > 0) return largest;
    }
    return 0;
  }
}

/** Log-linear: the power of two and the two bits below it. Monotonic in the length. */
function listOf(length: number): number {
  const exponent = 31 - Math.clz32(length);
  return exponent < 2 ? length : exponent * 4 + ((length >>> (exponent - 2)) & 3);
}
