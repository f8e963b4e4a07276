// Random choices from a seed (xorshift32), so that a soak can be repeated with the same sequence of choices.
export class Random {
  private state: number;

  constructor(seed: number) { this.state = (seed | 0) === 0 ? 1 : seed | 0; }

  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) / 2 ** 32;
  }

  /** A whole number in [low, high]. */
  whole(low: number, high: number): number { return low + Math.floor(this.next() * (high - low + 1)); }
  pick<T>(from: readonly T[]): T { return from[this.whole(0, from.length - 1)]; }
  /** Eight letters and digits: what a body is made of. */
  mark(): string { return (this.next().toString(36).slice(2) + 'xxxxxxxx').slice(0, 8); }
  bytes(count: number): Buffer { return Buffer.from(Array.from({ length: count }, () => this.whole(0, 255))); }
}
