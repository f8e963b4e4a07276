// Which connections of a worker are asked to leave, and how fast. Main says so; a response in hand asks here whether it
// shall be its connection's last. Gradual, as Envoy's: the share of responses that close grows with the time that
// has passed, so that clients do not all come back at once.
import { Shared } from '../core/memory-map.js';
import type { Engine } from './engine.js';

export type DrainMode = 'gradual' | 'immediate';

export class Drain {
  /** Nothing drains: one comparison for every response. */
  active = false;
  /** Health checks of this proxy are to fail: whoever still comes is sent away after a request. */
  healthChecksFail = false;
  private begun = false;
  private readonly all = new Span();
  private readonly inbound = new Span();

  constructor(private readonly engine: Engine) {}

  begin(inboundOnly: boolean, mode: DrainMode, graceMs: number): void {
    this.active = this.begun = true;
    (inboundOnly ? this.inbound : this.all).begin(this.engine.nowMs, mode, graceMs);
  }

  /** Once a turn. */
  lookAtHealthChecks(): void {
    const fail = Atomics.load(this.engine.i32, (this.engine.map.control >> 2) + Shared.healthChecksFail) === 1;
    if (fail === this.healthChecksFail) return;
    this.healthChecksFail = fail;
    this.active = fail || this.begun;
  }

  /** Is a response of a connection of such a listener to be its last? */
  closes(inbound: boolean): boolean {
    return this.healthChecksFail || this.all.closes(this.engine) || (inbound && this.inbound.closes(this.engine));
  }
}

/** One drain: not begun, gradual, or immediate. */
class Span {
  private mode: DrainMode | 'none' = 'none';
  private startMs = 0;
  private graceMs = 0;

  begin(nowMs: number, mode: DrainMode, graceMs: number): void {
    if (this.mode === 'none') this.startMs = nowMs;
    this.mode = mode;
    this.graceMs = graceMs;
  }

  closes(engine: Engine): boolean {
    if (this.mode !== 'gradual') return this.mode === 'immediate';
    const random = (engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296;
    return engine.nowMs - this.startMs > random * this.graceMs;
  }
}
