// Writes text and numbers into memory without making strings for the common cases. `at` is where the next byte goes;
// what would pass `end` is cut.
import type { Engine } from '../engine.js';

export class TextWriter {
  at = 0;
  end = 0;
  constructor(private readonly engine: Engine) {}

  begin(at: number, end: number): void { this.at = at; this.end = end; }

  bytes(from: number, count: number): void {
    const room = Math.min(count, this.end - this.at);
    if (room <= 0) return;
    this.engine.codecs.copyBytes(this.at, from, room);
    this.at += room;
  }

  byte(value: number): void { if (this.at < this.end) this.engine.u8[this.at++] = value; }

  /** ASCII or Latin-1 text. */
  text(text: string): void {
    const { u8 } = this.engine;
    const count = Math.min(text.length, this.end - this.at);
    for (let i = 0; i < count; i++) u8[this.at + i] = text.charCodeAt(i);
    this.at += Math.max(0, count);
  }

  number(value: number): void {
    if (value < 0) { this.byte(45); value = -value; }
    if (value < 10) { this.byte(48 + value); return; }
    let digits = 1;
    for (let bound = 10; value >= bound && digits < 16; bound *= 10) digits++;
    if (this.at + digits > this.end) return;
    const { u8 } = this.engine;
    for (let i = this.at + digits - 1; i >= this.at; i--) {
      const rest = Math.floor(value / 10);
      u8[i] = 48 + (value - rest * 10);
      value = rest;
    }
    this.at += digits;
  }

  /** A number with leading zeros. */
  padded(value: number, digits: number): void {
    for (let scale = 10 ** (digits - 1); scale >= 1; scale = Math.floor(scale / 10))
      this.byte(48 + Math.floor(value / scale) % 10);
  }
}
