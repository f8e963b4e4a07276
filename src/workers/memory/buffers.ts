// Reference-counted buffers of one worker, carved once from its arena into three classes.
// A buffer id is a small integer; its bytes are [offsetOf(id), offsetOf(id) + bytesOf(id)). A reference count of 0
// means free. Invariant: free count + live count = capacity, per class. LIFO free lists keep the working set small and
// warm.
//
// What waits for peers that do not read could take them all, and then nothing would move any more. So who wants a
// buffer says what for: to keep bytes that wait (acquireToKeep: it leaves a quarter of the class), for a request's own
// sake (acquire: a sixteenth), or to move bytes and be free again (acquireReserved: none). And `pressure` tells those
// who queue to queue less, and the drivers to receive less at a time.
import { limits } from '../../core/limits.js';

export const SMALL = 0;
export const MEDIUM = 1;
export const LARGE = 2;
export type BufferClass = 0 | 1 | 2;

const CLASS_BYTES = [limits.bufferSmallBytes, limits.bufferMediumBytes, limits.bufferLargeBytes];
const CLASS_SHARE = [0.2, 0.35, 0.45];

export class BufferPool {
  readonly capacity: number;
  private readonly offsets: Int32Array;
  private readonly classes: Uint8Array;
  private readonly references: Int32Array;
  private readonly free: Int32Array[] = [];
  private readonly freeCount = [0, 0, 0];
  /** Of each class, how many are left to requests, and how many of them to what moves bytes. */
  private readonly forRequests = [0, 0, 0];
  private readonly forMoving = [0, 0, 0];
  private readonly classFirst = [0, 0, 0];

  constructor(arena: number, arenaBytes: number) {
    const counts = CLASS_BYTES.map((bytes, index) => Math.floor((arenaBytes * CLASS_SHARE[index]!) / bytes));
    this.capacity = counts[0]! + counts[1]! + counts[2]!;
    this.offsets = new Int32Array(this.capacity);
    this.classes = new Uint8Array(this.capacity);
    this.references = new Int32Array(this.capacity);
    let id = 0;
    let at = Math.ceil(arena / 4096) * 4096;
    for (let size = 0; size < 3; size++) {
      const count = counts[size]!;
      const list = new Int32Array(count);
      this.classFirst[size] = id;
      for (let n = 0; n < count; n++, id++, at += CLASS_BYTES[size]!) {
        this.offsets[id] = at;
        this.classes[id] = size;
        list[count - 1 - n] = id;
      }
      this.free.push(list);
      this.freeCount[size] = count;
      this.forRequests[size] = count >> 2;
      this.forMoving[size] = count >> 4;
    }
    if (at > arena + arenaBytes) throw new Error('buffer pool does not fit its arena');
  }

  /** A buffer with one reference, or -1 when the class has no more to spare (the caller suspends or sheds). */
  acquire(size: BufferClass): number {
    return this.freeCount[size] > this.forMoving[size] ? this.acquireReserved(size) : -1;
  }

  /** As acquire, for bytes that wait. */
  acquireToKeep(size: BufferClass): number {
    return this.freeCount[size] > this.forRequests[size] ? this.acquireReserved(size) : -1;
  }

  /** As acquire, for what moves bytes and keeps none: -1 when the class is empty. */
  acquireReserved(size: BufferClass): number {
    const left = this.freeCount[size];
    if (left === 0) return -1;
    this.freeCount[size] = left - 1;
    const id = this.free[size][left - 1];
    this.references[id] = 1;
    return id;
  }

  /** Offset of a large buffer that is never given back, or -1: three quarters of them have to stay free here. */
  spareLarge(): number {
    const { [LARGE]: free } = this.freeCount;
    return free! * 4 > this.countOf(LARGE) * 3 ? this.offsetOf(this.acquireReserved(LARGE)) : -1;
  }

  retain(id: number): void { this.references[id]++; }

  release(id: number): void {
    const left = --this.references[id];
    if (left > 0) return;
    if (left < 0) throw new Error(`buffer ${id} released twice`);
    const size = this.classes[id];
    this.free[size][this.freeCount[size]++] = id;
  }

  /** How short buffers are: 0 plenty is free, 1, 2, 3 bytes that wait have nearly taken what they may of some class. */
  get pressure(): number {
    return Math.max(this.pressureOn(SMALL), this.pressureOn(MEDIUM), this.pressureOn(LARGE));
  }

  private pressureOn(size: BufferClass): number {
    const sixteenths = this.freeCount[size] * 16, count = this.free[size].length;
    return sixteenths >= 8 * count ? 0 : sixteenths >= 6 * count ? 1 : sixteenths >= 5 * count ? 2 : 3;
  }

  /** None of its class may be kept any more. */
  isSpent(id: number): boolean {
    const size = this.classes[id];
    return this.freeCount[size] <= this.forRequests[size];
  }

  referencesOf(id: number): number { return this.references[id]; }
  offsetOf(id: number): number { return this.offsets[id]; }
  bytesOf(id: number): number { return CLASS_BYTES[this.classes[id]]; }
  bytesOfClass(size: BufferClass): number { return CLASS_BYTES[size]; }
  classOf(id: number): BufferClass { return this.classes[id] as BufferClass; }
  freeOf(size: BufferClass): number { return this.freeCount[size]; }
  countOf(size: BufferClass): number { return this.free[size].length; }
  /** Smallest class that holds `bytes`, or -1. */
  classFor(bytes: number): BufferClass | -1 {
    return bytes <= limits.bufferSmallBytes ? SMALL : bytes <= limits.bufferMediumBytes ? MEDIUM
      : bytes <= limits.bufferLargeBytes ? LARGE : -1;
  }
}
