// A msghdr and its iovecs over the first pieces of a queue: what one sendmsg takes.
import { limits } from '../../core/limits.js';
import type { PieceQueue } from './piece-queue.js';

/** Bytes that `writeMessage` needs: the msghdr (56, rounded up), then the iovecs. */
export const MESSAGE_BYTES = 64 + 16 * limits.sendVectorsMax;

/**
 * Writes the message at memory offset `at` for the pieces from `head` on, until sendVectorsMax pieces or at least
 * `bytesMax` bytes are in. Returns the first piece that is not in it, or -1.
 */
export function writeMessage(words: Int32Array, base: number, at: number, queue: PieceQueue, head: number,
  bytesMax: number): number {
  const header = at >> 2;
  let vector = (at + 64) >> 2;
  let count = 0;
  let bytes = 0;
  let node = head;
  for (; node >= 0 && count < limits.sendVectorsMax && bytes < bytesMax; node = queue.next[node]) {
    const address = base + queue.offset[node];
    words[vector] = address | 0;
    words[vector + 1] = address * (1 / 4294967296);
    words[vector + 2] = queue.length[node];
    words[vector + 3] = 0;
    bytes += queue.length[node];
    vector += 4;
    count++;
  }
  const vectors = base + at + 64;
  words.fill(0, header, header + 14);
  words[header + 4] = vectors | 0;
  words[header + 5] = vectors * (1 / 4294967296);
  words[header + 6] = count;
  return node;
}
