// Time as a parameter. Production code takes a Clock where a test wants to move time by hand; the engine workers read the
// monotonic clock once per loop turn and do not come here.

export interface Clock {
  /** Monotonic milliseconds: differences only. */
  nowMs(): number;
  /** Wall clock, milliseconds since 1970. */
  wallMs(): number;
}

export const systemClock: Clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };

/** A clock that stands still until it is told to move. */
export class ManualClock implements Clock {
  constructor(private ms = 0) {}
  nowMs(): number { return this.ms; }
  wallMs(): number { return this.ms; }
  advance(ms: number): void { this.ms += ms; }
}
