// Bytes of one stream that wait, in either direction, in the order of their coming: in pool buffers that they fill,
// since a connection may have a great many streams that stand still. The stream's window, or the watermark of whoever
// sends, bounds them.
import { LARGE, MEDIUM, SMALL } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';
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

  /** As add, of what lies in `buffer`: kept where it is, if it takes nearly all of that. */
  addFrom(buffer: number, at: number, end: number): boolean {
    const { pool } = this.engine;
    if ((end - at) * 8 < pool.bytesOf(buffer) * 7 || pool.isSpent(buffer)) return this.add(at, end);
    pool.retain(buffer);
    this.push(buffer, at, end, end);
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
    let buffer = pool.acquireToKeep(wanted > pool.bytesOfClass(SMALL) - 16 ? MEDIUM : SMALL);
    for (let size: number = SMALL; buffer < 0 && size <= LARGE; size++)
      buffer = pool.acquireToKeep(size as BufferClass);
    if (buffer < 0) return null;
    const at = pool.offsetOf(buffer);
    return this.push(buffer, at, at, at + pool.bytesOf(buffer) - 16);
  }

  private push(buffer: number, at: number, end: number, room: number): Piece {
    if (this.count === this.pieces.length) this.pieces.push({ buffer, at, end, room });
    const piece = this.pieces[this.count++]!;
    piece.buffer = buffer;
    piece.at = at;
    piece.end = end;
    piece.room = room;
    this.bytes += end - at;
    return piece;
  }
}
