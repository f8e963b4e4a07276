// Reference-counted buffers of one worker, carved once from its arena into three classes.
// A buffer id is a small integer; its bytes are [offsetOf(id), offsetOf(id) + bytesOf(id)). A reference count of 0
// means free. Invariant: free count + live count = capacity, per class. LIFO free lists keep the working set small and
// warm.
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
    }
    if (at > arena + arenaBytes) throw new Error('buffer pool does not fit its arena');
  }

  /** A buffer with one reference, or -1 when the class is empty (the caller suspends or sheds). */
  acquire(size: BufferClass): number {
    const left = this.freeCount[size];
    if (left === 0) return -1;
    this.freeCount[size] = left - 1;
    const id = this.free[size][left - 1];
    this.references[id] = 1;
    return id;
  }

  retain(id: number): void { this.references[id]++; }

  release(id: number): void {
    const left = --this.references[id];
    if (left > 0) return;
    if (left < 0) throw new Error(`buffer ${id} released twice`);
    const size = this.classes[id];
    this.free[size][this.freeCount[size]++] = id;
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
