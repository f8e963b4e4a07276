// The words that HTTP/1.1 puts behind a status and HTTP/2 does not have, for responses that go from one to the other.
import { STATUS_CODES } from 'node:http';
import { Head } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';

const STATUS_END = 600;

export class ReasonPhrases {
  private readonly at = new Int32Array(STATUS_END);
  private readonly bytes = new Int32Array(STATUS_END);

  /** Without room in the arena there are no words, which HTTP/1.1 allows. */
  constructor(private readonly engine: Engine) {
    for (const [status, text] of Object.entries(STATUS_CODES)) {
      const kept = engine.keepText(text!);
      if (kept === null) return;
      this.at[Number(status)] = kept.at;
      this.bytes[Number(status)] = kept.bytes;
    }
  }

  /** Gives the response in engine.responseRecord its words. */
  give(): void {
    const { engine } = this;
    const words = engine.responseRecord >> 2;
    const status = engine.i32[words + Head.status];
    if (status >= STATUS_END) return;
    engine.i32[words + Head.reasonAt] = this.at[status];
    engine.i32[words + Head.reasonBytes] = this.bytes[status];
  }
}
