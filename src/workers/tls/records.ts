// Where the TLS records of one direction end: five bytes of header, the last two say how many follow. A session asks
// OpenSSL for no more than has come whole, for each question costs a call.
import type { Engine } from '../engine.js';

const HEADER_BYTES = 5;

export class Records {
  /** Bytes still to come of the record in hand, and how much of its header has come. */
  private left = 0;
  private headerHave = 0;
  private bodyBytes = 0;

  constructor(private readonly engine: Engine) {}

  begin(): void { this.left = this.headerHave = 0; }

  /** The last one has begun and not ended. */
  get isWithin(): boolean { return this.left > 0 || this.headerHave > 0; }

  /** How many records end in these bytes, which follow those of before. */
  count(at: number, length: number): number {
    const { u8 } = this.engine;
    const end = at + length;
    let records = 0;
    while (at < end) {
      if (this.left > 0) {
        const bytes = Math.min(this.left, end - at);
        this.left -= bytes;
        at += bytes;
        if (this.left === 0) records++;
        continue;
      }
      if (this.headerHave === 3) this.bodyBytes = u8[at] << 8;
      else if (this.headerHave === 4) this.left = this.bodyBytes | u8[at];
      this.headerHave++;
      at++;
      if (this.headerHave < HEADER_BYTES) continue;
      this.headerHave = 0;
      if (this.left === 0) records++;
    }
    return records;
  }
}
