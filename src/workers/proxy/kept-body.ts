// Bytes of a request body as they arrived, copied into pool buffers while they are relayed, so that the request may be
// sent again. Bounded: a longer body is not kept, and its request is not repeated.
import { MEDIUM } from '../memory/buffers.js';
import type { Engine } from '../engine.js';

interface Piece { buffer: number; at: number; end: number; room: number }

export class KeptBody {
  bytes = 0;
  /** More came than may be kept. */
  overflowed = false;
  readonly pieces: Piece[] = [];
  private count = 0;
  bytesMax = 0;

  begin(bytesMax: number): void {
    this.bytes = 0;
    this.overflowed = false;
    this.bytesMax = bytesMax;
  }

  /** Keeps [at, end). */
  add(engine: Engine, at: number, end: number): void {
    if (this.overflowed) return;
    if (this.bytes + end - at > this.bytesMax) { this.overflow(engine); return; }
    while (at < end) {
      let last = this.count > 0 ? this.pieces[this.count - 1]! : null;
      if (last === null || last.end === last.room) last = this.grow(engine);
      if (last === null) { this.overflow(engine); return; }
      const taken = Math.min(end - at, last.room - last.end);
      engine.codecs.copyExact(last.end, at, taken);
      last.end += taken;
      at += taken;
      this.bytes += taken;
    }
  }

  get length(): number { return this.count; }

  release(engine: Engine): void {
    for (let i = 0; i < this.count; i++) engine.pool.release(this.pieces[i]!.buffer);
    this.count = 0;
    this.bytes = 0;
  }

  private overflow(engine: Engine): void {
    this.overflowed = true;
    this.release(engine);
  }

  private grow(engine: Engine): Piece | null {
    const buffer = engine.pool.acquire(MEDIUM);
    if (buffer < 0) return null;
    const at = engine.pool.offsetOf(buffer);
    const room = at + engine.pool.bytesOf(buffer) - 16;
    if (this.count === this.pieces.length) this.pieces.push({ buffer, at, end: at, room });
    const piece = this.pieces[this.count++]!;
    piece.buffer = buffer;
    piece.at = piece.end = at;
    piece.room = room;
    return piece;
  }
}
