// Bytes of one stream that have come and that nobody takes yet, copied into pool buffers in the order of their coming.
// The stream's window bounds them.
import { MEDIUM, SMALL } from '../memory/buffers.js';
import type { Engine } from '../engine.js';

interface Piece { buffer: number; at: number; end: number; room: number }

export class Waiting {
  bytes = 0;
  private readonly pieces: Piece[] = [];
  private first = 0;
  private count = 0;

  constructor(private readonly engine: Engine) {}

  /** Keeps [at, end). False: no buffer is free, and nothing more was kept. */
  add(at: number, end: number): boolean {
    const { codecs } = this.engine;
    while (at < end) {
      let last = this.count > this.first ? this.pieces[this.count - 1]! : null;
      if (last === null || last.end === last.room) last = this.grow(end - at);
      if (last === null) return false;
      const taken = Math.min(end - at, last.room - last.end);
      codecs.copyExact(last.end, at, taken);
      last.end += taken;
      at += taken;
      this.bytes += taken;
    }
    return true;
  }

  /** The first bytes: buffer and place. Only where there are some. */
  get buffer(): number { return this.pieces[this.first]!.buffer; }
  get at(): number { return this.pieces[this.first]!.at; }
  get end(): number { return this.pieces[this.first]!.end; }

  /** The first bytes up to `to` were taken. */
  take(to: number): void {
    const piece = this.pieces[this.first]!;
    this.bytes -= to - piece.at;
    piece.at = to;
    if (to < piece.end) return;
    this.engine.pool.release(piece.buffer);
    this.first++;
    if (this.first === this.count) this.first = this.count = 0;
  }

  drop(): void {
    for (let i = this.first; i < this.count; i++) this.engine.pool.release(this.pieces[i]!.buffer);
    this.first = this.count = this.bytes = 0;
  }

  private grow(wanted: number): Piece | null {
    const { pool } = this.engine;
    let buffer = pool.acquire(wanted > pool.bytesOfClass(SMALL) - 16 ? MEDIUM : SMALL);
    if (buffer < 0) buffer = pool.acquire(MEDIUM);
    if (buffer < 0) return null;
    const at = pool.offsetOf(buffer);
    if (this.count === this.pieces.length) this.pieces.push({ buffer, at, end: at, room: at });
    const piece = this.pieces[this.count++]!;
    piece.buffer = buffer;
    piece.at = piece.end = at;
    piece.room = at + pool.bytesOf(buffer) - 16;
    return piece;
  }
}
