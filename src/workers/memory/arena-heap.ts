// Small long-lived pieces of a worker's arena: texts and edit lists of compiled configuration, the state block of each
// connection. Powers of two from 64 bytes to 64 KiB, one free list each, carved from a bump pointer; where that is at
// its end, from buffers that the pool can spare, which do not go back. Never on the path of a request.
import { limits } from '../../core/limits.js';

const SMALLEST_SHIFT = 6;
const CLASSES = 11;

export class ArenaHeap {
  private next: number;
  private readonly free: number[][] = Array.from({ length: CLASSES }, () => []);
  liveBytes = 0;

  /** `spare` gives the offset of a large buffer, or -1: there is none to spare. */
  constructor(start: number, private end: number, private readonly spare: () => number = () => -1) {
    this.next = Math.ceil(start / 64) * 64;
  }

  /** Offset of at least `bytes` bytes, or -1 when the arena is full. */
  allocate(bytes: number): number {
    const index = classOf(bytes);
    if (index >= CLASSES) return -1;
    const size = 1 << (index + SMALLEST_SHIFT);
    const reused = this.free[index].pop();
    if (reused !== undefined) { this.liveBytes += size; return reused; }
    if (this.next + size > this.end && !this.borrow()) return -1;
    if (this.next + size > this.end) return -1;
    const at = this.next;
    this.next += size;
    this.liveBytes += size;
    return at;
  }

  private borrow(): boolean {
    const at = this.spare();
    if (at < 0) return false;
    this.next = Math.ceil(at / 64) * 64;
    this.end = at + limits.bufferLargeBytes;
    return true;
  }

  /** Gives back what `allocate(bytes)` returned. */
  release(at: number, bytes: number): void {
    const index = classOf(bytes);
    this.liveBytes -= 1 << (index + SMALLEST_SHIFT);
    this.free[index].push(at);
  }
}

const classOf = (bytes: number): number => Math.max(0, 32 - Math.clz32(Math.max(1, bytes) - 1) - SMALLEST_SHIFT);
