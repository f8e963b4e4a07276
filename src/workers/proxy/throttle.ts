// A response whose body gets no faster than a rate: a little at a time, so that the client sees it flow.
const SLICES_PER_SECOND = 16;

export class Throttle {
  private sent = 0;
  private readonly startMs: number;

  constructor(private readonly bytesPerSecond: number, nowMs: number) { this.startMs = nowMs; }

  /** Of so many bytes, those that may go now. */
  take(wanted: number, nowMs: number): number {
    const allowed = (nowMs - this.startMs) * this.bytesPerSecond / 1000 + this.bytesPerSecond / SLICES_PER_SECOND;
    const taken = Math.max(0, Math.min(wanted, Math.floor(allowed) - this.sent));
    this.sent += taken;
    return taken;
  }

  /** Until the next slice is full. */
  get waitMs(): number { return 1000 / SLICES_PER_SECOND; }
}
