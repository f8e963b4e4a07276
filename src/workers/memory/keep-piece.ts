// What becomes of a received piece that cannot be sent on at once: the buffer it lies in is kept, or its bytes are
// copied into one that they fill better. A trickle would else hold a receive buffer for each of its drops.
import { limits } from '../../core/limits.js';
import { LARGE } from './buffers.js';
import type { BufferClass, BufferPool } from './buffers.js';

/** Bytes are copied where they are less than this part of their buffer. */
const KEPT_PART = 4;
const KEPT_PART_UNDER_PRESSURE = 2;

/** How much of a piece is kept as one: all of it, unless it has to be copied and large buffers are not to be had. */
export const keptAtOnce = (pool: BufferPool, buffer: number, length: number): number =>
  pool.isSpent(buffer) ? Math.min(length, limits.bufferSmallBytes) : length;

/**
 * Returns the buffer that now holds [offset, offset + length), with a reference for the caller: `buffer` itself, or
 * another, where they lie at its beginning. -1: there is none to spare.
 */
export function keepPiece(pool: BufferPool, bytes: Uint8Array, buffer: number, offset: number, length: number): number {
  const part = pool.pressure < 2 ? KEPT_PART : KEPT_PART_UNDER_PRESSURE;
  if (length * part > pool.bytesOf(buffer) && !pool.isSpent(buffer)) { pool.retain(buffer); return buffer; }
  const smallest = pool.classFor(length);
  for (let size: number = smallest; size >= 0 && size <= LARGE; size++) {
    const copy = pool.acquireToKeep(size as BufferClass);
    if (copy < 0) continue;
    bytes.copyWithin(pool.offsetOf(copy), offset, offset + length);
    return copy;
  }
  return -1;
}
