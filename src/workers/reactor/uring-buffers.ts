// Buffers lent to the kernel for receiving: one ring of pool buffers per class. The kernel takes them in order and
// names the one it filled; a buffer that nobody kept goes straight back, one that an owner keeps is replaced from the
// pool.
//
// Each lent buffer carries one pool reference (ours). Invariant: lent + empty = entries, where `empty` are ring slots
// for which the pool had no buffer; they are filled again as soon as it has one.
import { SMALL } from '../memory/buffers.js';
import type { BufferClass, BufferPool } from '../memory/buffers.js';
import type { UringRing } from './uring-ring.js';

/** At a time, by the pool's pressure: the kernel fills them whether or not anybody wants the bytes. */
const LENT_MAX = [Infinity, 64, 32, 16];
const LENT_MIN = 8;

/** How many buffers of a class the kernel may have at a time: a power of two, and a small part of all. */
export const ringEntries = (pool: BufferPool, size: BufferClass, most: number): number =>
  1 << Math.floor(Math.log2(Math.max(1, Math.min(most, pool.countOf(size) >> 3))));

export class UringBuffers {
  /** Buffers the kernel can still take. */
  lent = 0;
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;
  private readonly bufferOfSlot: Int32Array;
  private readonly empty: Int32Array;
  private emptyCount = 0;
  private tail = 0;

  constructor(memory: WebAssembly.Memory, ring: UringRing, ringScratch: number, private readonly base: number,
    private readonly at: number, private readonly entries: number, readonly group: number,
    private readonly size: BufferClass, private readonly bytes: number, private readonly pool: BufferPool) {
    this.words = new Int32Array(memory.buffer);
    this.halves = new Uint16Array(memory.buffer);
    this.bufferOfSlot = new Int32Array(entries).fill(-1);
    this.empty = new Int32Array(entries);
    this.words.fill(0, at >> 2, (at + entries * 16) >> 2);
    ring.registerBuffers(new DataView(memory.buffer), ringScratch, at, entries, group);
    for (let slot = entries - 1; slot >= 0; slot--) this.empty[this.emptyCount++] = slot;
    this.refill();
  }

  /** The buffer behind slot `slot`, which the kernel has just filled. Afterwards `giveBack` must follow. */
  take(slot: number): number {
    this.lent--;
    return this.bufferOfSlot[slot];
  }

  /** The owner has seen the bytes: lend the same buffer again, or another if it was kept. */
  giveBack(slot: number): void {
    const { pool } = this;
    let buffer = this.bufferOfSlot[slot];
    const { pressure } = pool;
    if (pool.referencesOf(buffer) > 1 || this.lent >= LENT_MAX[pressure]
      || pool.classOf(buffer) !== this.wantedAt(pressure)) {
      pool.release(buffer);
      buffer = this.next();
      this.bufferOfSlot[slot] = buffer;
    }
    if (buffer < 0) this.empty[this.emptyCount++] = slot; else this.lend(slot, buffer);
  }

  /** Short of buffers, what is kept of each socket's next bytes must be little. */
  private wantedAt(pressure: number): BufferClass { return pressure < 2 ? this.size : SMALL; }

  /** Another buffer for the kernel; -1: it has enough, or there is none. */
  private next(): number {
    const { lent, pool } = this;
    const { pressure } = pool;
    if (lent >= LENT_MAX[pressure]) return -1;
    const wanted = this.wantedAt(pressure);
    // A few are always there, or nobody would hear that others may send again.
    return lent < LENT_MIN ? pool.acquireReserved(wanted) : pool.acquireToKeep(wanted);
  }

  /** Lends buffers for empty slots while the pool has some; then shows the kernel the new tail. Before every enter. */
  refill(): void {
    while (this.emptyCount > 0) {
      const buffer = this.next();
      if (buffer < 0) break;
      const slot = this.empty[--this.emptyCount];
      this.bufferOfSlot[slot] = buffer;
      this.lend(slot, buffer);
    }
    this.halves[(this.at + 14) >> 1] = this.tail;
  }

  /** Gives all buffers back to the pool; only when the kernel no longer has the ring. */
  end(): void {
    for (let slot = 0; slot < this.entries; slot++) {
      if (this.bufferOfSlot[slot] >= 0) this.pool.release(this.bufferOfSlot[slot]);
      this.bufferOfSlot[slot] = -1;
    }
  }

  private lend(slot: number, buffer: number): void {
    const at = (this.at + (this.tail & (this.entries - 1)) * 16) >> 2;
    const address = this.base + this.pool.offsetOf(buffer);
    this.words[at] = address | 0;
    this.words[at + 1] = address * (1 / 4294967296);
    this.words[at + 2] = Math.min(this.bytes, this.pool.bytesOf(buffer));
    this.halves[(at << 1) + 6] = slot;           // the last half word of entry 0 is the ring's tail: never written here
    this.tail = (this.tail + 1) & 0xffff;
    this.lent++;
  }
}
