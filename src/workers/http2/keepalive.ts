// PINGs that tell whether the peer is still there (envoy.config.core.v3.KeepaliveSettings).
import type { Http2Keepalive } from '../../config/http2.js';
import type { Engine } from '../engine.js';
import type { FramesOut } from './frames-out.js';

export class Keepalive {
  /** When something is to be done; Infinity: nothing is. */
  dueMs = Infinity;
  private options: Http2Keepalive | null = null;
  private asked = false;
  private readonly payload: number;

  constructor(private readonly engine: Engine, private readonly out: FramesOut) {
    this.payload = engine.heap.allocate(16);
  }

  begin(options: Http2Keepalive | null): void {
    this.options = this.payload < 0 ? null : options;
    this.asked = false;
    this.next();
  }
  end(): void { this.options = null; this.dueMs = Infinity; }

  /** Anything that comes shows that the peer is there. */
  heard(): void { if (this.asked) this.answered(); }

  answered(): void {
    this.asked = false;
    this.next();
  }

  private next(): void {
    const { options, engine } = this;
    if (options === null || options.intervalMs === 0) { this.dueMs = Infinity; return; }
    const random = (engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296;
    this.dueMs = engine.nowMs + options.intervalMs * (1 + random * options.jitterPercent / 100);
  }

  /** False: the peer has not answered in time. */
  timer(nowMs: number, streams: number): boolean {
    const { options, engine } = this;
    if (options === null || nowMs < this.dueMs) return true;
    if (this.asked) return false;
    void streams;
    engine.i32[this.payload >> 2] = nowMs | 0;
    engine.i32[(this.payload >> 2) + 1] = engine.codecs.nextRandom(engine.randomState);
    this.out.ping(this.payload, false);
    this.asked = true;
    this.dueMs = nowMs + options.timeoutMs;
    return true;
  }
}
