// Room that all RPC connections of a worker share: one start of a frame is decoded, or encoded, at a time.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { LARGE } from '../memory/buffers.js';

const SLACK_BYTES = 64;

export class RpcRoom {
  /** Where the text of the frame in hand is written. */
  text = -1;
  readonly textBytesMax = limits.bufferLargeBytes - SLACK_BYTES;
  /** A pool buffer for the head of a frame that goes out, and where it begins. */
  buffer = -1;
  at = -1;
  readonly bytesMax = limits.bufferLargeBytes - SLACK_BYTES;

  constructor(private readonly engine: Engine) {}

  /** False: no buffer is free. */
  have(): boolean {
    const { pool } = this.engine;
    if (this.text < 0) {
      const buffer = pool.acquire(LARGE);
      if (buffer >= 0) this.text = pool.offsetOf(buffer);
    }
    if (this.text >= 0 && this.buffer < 0) {
      this.buffer = pool.acquire(LARGE);
      if (this.buffer >= 0) this.at = pool.offsetOf(this.buffer);
    }
    return this.text >= 0 && this.buffer >= 0;
  }

  /** The buffer for the next head: another one while the last is still being sent from. False: none is free. */
  fresh(): boolean {
    const { pool } = this.engine;
    if (pool.referencesOf(this.buffer) === 1) return true;
    const next = pool.acquire(LARGE);
    if (next < 0) return false;
    pool.release(this.buffer);
    this.buffer = next;
    this.at = pool.offsetOf(next);
    return true;
  }
}
