// Frames of ours alone (heartbeats, refusals, go-away) that wait for the end of the frame that is being written.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import type { FramesOut } from '../http2/frames-out.js';

export class WaitingControls {
  private readonly frames: Uint8Array[] = [];

  constructor(private readonly engine: Engine, private readonly out: FramesOut) {}

  get isEmpty(): boolean { return this.frames.length === 0; }

  /** False: too many wait already. */
  keep(at: number, end: number): boolean {
    if (this.frames.length >= limits.rpcControlsMax) return false;
    if (end > at) this.frames.push(this.engine.u8.slice(at, end));
    return true;
  }

  send(): void {
    for (const bytes of this.frames) {
      const at = this.out.reserve(bytes.length);
      if (at < 0) return;
      this.engine.u8.set(bytes, at);
      this.out.commit(at + bytes.length, 0);
    }
    this.frames.length = 0;
  }

  clear(): void { this.frames.length = 0; }
}
