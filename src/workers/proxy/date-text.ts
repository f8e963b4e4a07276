// The Date header's value (RFC 9110 5.6.7), written into the arena at most once a second.
import type { Engine } from '../engine.js';

export class DateText {
  readonly bytes = 29;
  private readonly where: number;
  private second = -1;

  constructor(private readonly engine: Engine) {
    this.where = engine.heap.allocate(64);
    if (this.where < 0) throw new Error('the arena has no room for the date');
  }

  /** Memory offset of the current text. */
  at(): number {
    const second = Math.floor(this.engine.wallMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.engine.writeText(this.where, new Date(second * 1000).toUTCString());
    }
    return this.where;
  }
}
