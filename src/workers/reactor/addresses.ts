// Absolute addresses of pool buffers, boxed once. A number above 2^31 that is computed for a call into libc costs a
// heap allocation each time; one that is read from an array of boxed values does not. The start of a buffer is by far
// the most
// frequent address, so steady traffic allocates nothing here.
import { addressOf } from '../../os/libc.js';
import type { BufferPool } from '../memory/buffers.js';

export class BufferAddresses {
  readonly base: number;
  /** Generic elements (the null keeps V8 from storing raw doubles, which would be boxed again at every read). */
  private readonly boxed: (number | null)[];

  constructor(memory: WebAssembly.Memory, private readonly pool: BufferPool) {
    this.base = addressOf(memory);
    this.boxed = new Array<number | null>(pool.capacity + 1).fill(null);
    for (let id = 0; id < pool.capacity; id++) this.boxed[id] = this.base + pool.offsetOf(id);
  }

  /** Address of memory offset `offset`, which lies inside `buffer`. */
  of(buffer: number, offset: number): number {
    return (offset === this.pool.offsetOf(buffer) ? this.boxed[buffer] : this.base + offset) as number;
  }
}
