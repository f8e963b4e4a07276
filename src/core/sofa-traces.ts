// SOFA traces that have come in lately, and how many calls each has made since: so that a call that goes out is a child
// of the one that came in, whichever workers the two meet. A table in shared memory, without locks:
//
//   { made ids i32, unused i32 } then limits.sofaTracesMax entries { tag i32, children i32 }
//
// An entry's place and tag are of the hash of its ids; the newest of a place stays. What is lost by that, or by a race,
// is a number: the call goes out with the id that it has.
import { limits } from './limits.js';

export const SOFA_TRACES_BYTES = 8 + limits.sofaTracesMax * 8;
const MASK = limits.sofaTracesMax - 1;
const MADE_FIRST = 1000, MADE_KINDS = 8001;

export class SofaTraces {
  /** `at`: of the table, in words of `words`. */
  constructor(private readonly words: Int32Array, private readonly at: number) {}

  /** 1000 to 9000: tells ids of one millisecond apart. */
  nextNumber(): number {
    return MADE_FIRST + (Atomics.add(this.words, this.at, 1) >>> 0) % MADE_KINDS;
  }

  /** A call with the ids of this hash has come in. */
  begin(low: number, high: number): void {
    const entry = this.entry(low);
    if (Atomics.load(this.words, entry) === (high | 1)) return;
    Atomics.store(this.words, entry + 1, 0);
    Atomics.store(this.words, entry, high | 1);
  }

  /** Number of the next call that it makes; 0: it is not known here. */
  nextChild(low: number, high: number): number {
    const entry = this.entry(low);
    if (Atomics.load(this.words, entry) !== (high | 1)) return 0;
    return Atomics.add(this.words, entry + 1, 1) + 1;
  }

  private entry(low: number): number { return this.at + 2 + (low & MASK) * 2; }
}
