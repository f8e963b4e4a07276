// Bytes of one connection that wait: an incomplete head, or what cannot be forwarded yet. Owns at most one pool buffer.
//
//   buffer: [ ... consumed | at ........ at + bytes | room ]
//
// Invariant: buffer === -1 exactly when bytes === 0. Grows by moving to the next class; what does not fit the largest
// is left to the caller, who consumes first.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import type { BufferClass } from '../memory/buffers.js';

export class Held {
  buffer = -1;
  at = 0;
  bytes = 0;

  constructor(private readonly engine: Engine) {}

  /** Keeps a copy of [at, at + bytes). False when no buffer is free or it is too large. Nothing may be held yet. */
  keep(at: number, bytes: number): boolean {
    const { pool, codecs } = this.engine;
    if (bytes === 0) return true;
    const size = pool.classFor(bytes + 16);
    const buffer = size < 0 ? -1 : this.acquire(size as BufferClass);
    if (buffer < 0) return false;
    this.buffer = buffer;
    this.at = pool.offsetOf(buffer);
    this.bytes = bytes;
    codecs.copyBytes(this.at, at, bytes);
    return true;
  }

  /**
   * Adds bytes after those that are held. Returns how many fitted (0 = not one more fits the largest buffer), or -1
   * when no buffer is free.
   */
  append(at: number, bytes: number): number {
    const { pool, codecs } = this.engine;
    const start = pool.offsetOf(this.buffer);
    // A buffer that is still being sent from may not be written before `at`, but beyond the held bytes it may.
    if (this.at + this.bytes + bytes + 16 <= start + pool.bytesOf(this.buffer)) {
      codecs.copyBytes(this.at + this.bytes, at, bytes);
      this.bytes += bytes;
      return bytes;
    }
    bytes = Math.min(bytes, limits.bufferLargeBytes - 16 - this.bytes);
    if (bytes <= 0) return 0;
    const larger = this.acquire(pool.classFor(this.bytes + bytes + 16) as BufferClass);
    if (larger < 0) return -1;
    const to = pool.offsetOf(larger);
    codecs.copyBytes(to, this.at, this.bytes);
    codecs.copyBytes(to + this.bytes, at, bytes);
    pool.release(this.buffer);
    this.buffer = larger;
    this.at = to;
    this.bytes += bytes;
    return bytes;
  }

  consume(bytes: number): void {
    this.at += bytes;
    this.bytes -= bytes;
    if (this.bytes <= 0) this.drop();
  }

  drop(): void {
    if (this.buffer >= 0) this.engine.pool.release(this.buffer);
    this.buffer = -1;
    this.at = this.bytes = 0;
  }

  private acquire(size: BufferClass): number {
    for (let wanted: number = size; wanted < 3; wanted++) {
      const buffer = this.engine.pool.acquire(wanted as BufferClass);
      if (buffer >= 0) return buffer;
    }
    return -1;
  }
}
