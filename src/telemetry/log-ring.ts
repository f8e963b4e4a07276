// The access-log ring of one worker: how lines lie in shared memory, and the reader that main drains it with.
//
//   record, 8-aligned:  u32 text bytes | u32 sink id | text | padding to 8
//   u32 RING_WRAP instead of a length: nothing more before the ring's end, the next record lies at 0
//
// Control.logHead (main) and Control.logTail (worker) count bytes as Uint32 and wrap at 2^32, a multiple of the
// ring's size; a position is counter & (size - 1), and both count the bytes skipped at the end. Invariant: 0 <= tail
// - head <= size. The worker stores the text first and publishes the tail after it, atomically; without room it drops
// the line and counts it.
import { Control, workerControl, workerLogRing } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { limits } from '../core/limits.js';

export const RING_WRAP = 0xffffffff;
export const RECORD_HEADER_BYTES = 8;

/** Bytes of a record, header and padding included. */
export const recordBytes = (textBytes: number): number => (RECORD_HEADER_BYTES + textBytes + 7) & ~7;

/**
 * Bytes that a record takes from the ring when the tail is at this counter: its own, plus what remains before the end
 * if it does not fit there. The caller compares it with `ringFree`.
 */
export function ringCost(tail: number, textBytes: number): number {
  const toEnd = limits.logRingBytes - (tail & (limits.logRingBytes - 1));
  const bytes = recordBytes(textBytes);
  return bytes <= toEnd ? bytes : toEnd + bytes;
}
export const ringFree = (head: number, tail: number): number => limits.logRingBytes - ((tail - head) >>> 0);

/** Called for each line. `text` is a view of shared memory, valid during the call only. */
export type LineHandler = (sink: number, text: Uint8Array) => void;

/** Main's end of one worker's ring. */
export class LogRingReader {
  readonly #control: number;
  readonly #ring: number;
  readonly #words: Int32Array;
  readonly #unsigned: Uint32Array;
  readonly #bytes: Uint8Array;
  /** Times the ring held nonsense (a worker died in an unlikely place); what was in it was skipped. */
  corrupted = 0;

  constructor(memory: ArrayBufferLike, map: MemoryMap, worker: number) {
    this.#control = workerControl(map, worker) >> 2;
    this.#ring = workerLogRing(map, worker);
    this.#words = new Int32Array(memory);
    this.#unsigned = new Uint32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** Bytes waiting. */
  pending(): number {
    return (
      (Atomics.load(this.#words, this.#control + Control.logTail) -
        Atomics.load(this.#words, this.#control + Control.logHead)) >>>
      0
    );
  }

  /** Lines that the worker dropped since it started. */
  dropped(): number {
    return Atomics.load(this.#words, this.#control + Control.logDropped) >>> 0;
  }

  /**
   * Hands over what is in the ring, at most about `bytesMax` bytes of it, and frees the room. Returns the bytes
   * taken.
   */
  drain(handle: LineHandler, bytesMax: number = limits.logRingBytes): number {
    const tail = Atomics.load(this.#words, this.#control + Control.logTail) >>> 0;
    const start = Atomics.load(this.#words, this.#control + Control.logHead) >>> 0;
    const size = limits.logRingBytes;
    let head = start;
    let taken = 0;
    let left = (tail - head) >>> 0;
    while (left > 0 && taken < bytesMax) {
      const position = head & (size - 1);
      const at = this.#ring + position;
      const textBytes = this.#unsigned[at >> 2];
      const toEnd = size - position;
      const step = textBytes === RING_WRAP ? toEnd : recordBytes(textBytes);
      if (step > left || step > toEnd || (position & 7) !== 0 || (textBytes > size && textBytes !== RING_WRAP)) {
        this.corrupted++;
        head = tail;
        taken += left;
        break;
      }
      if (textBytes !== RING_WRAP) {
        handle(
          this.#unsigned[(at >> 2) + 1],
          this.#bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + textBytes),
        );
      }
      head = (head + step) >>> 0;
      taken += step;
      left -= step;
    }
    if (head !== start) Atomics.store(this.#words, this.#control + Control.logHead, head | 0);
    return taken;
  }
}

/** The worker's end in its plainest form: what the engine's writer must do. False = dropped and counted. */
export function writeRecord(
  memory: ArrayBufferLike,
  map: MemoryMap,
  worker: number,
  sink: number,
  text: Uint8Array,
): boolean {
  const words = new Int32Array(memory);
  const control = workerControl(map, worker) >> 2;
  const ring = workerLogRing(map, worker);
  const head = Atomics.load(words, control + Control.logHead) >>> 0;
  let tail = Atomics.load(words, control + Control.logTail) >>> 0;
  const cost = ringCost(tail, text.length);
  if (text.length > limits.logLineBytesMax || cost > ringFree(head, tail)) {
    Atomics.add(words, control + Control.logDropped, 1);
    return false;
  }
  const unsigned = new Uint32Array(memory);
  const bytes = recordBytes(text.length);
  if (cost > bytes) {
    unsigned[(ring + (tail & (limits.logRingBytes - 1))) >> 2] = RING_WRAP;
    tail = (tail + cost - bytes) >>> 0;
  }
  const at = ring + (tail & (limits.logRingBytes - 1));
  unsigned[at >> 2] = text.length;
  unsigned[(at >> 2) + 1] = sink;
  new Uint8Array(memory, at + RECORD_HEADER_BYTES, text.length).set(text);
  Atomics.store(words, control + Control.logTail, (tail + bytes) | 0);
  return true;
}
