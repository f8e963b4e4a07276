// Which worker owns which file descriptor, so that a dead worker's can be closed. Descriptors belong to the process: a
// thread that dies leaves them open, and its peers waiting. Workers record what they open and close; main records what
// it deals.
import { readdirSync } from 'node:fs';
import { limits } from '../core/limits.js';
import type { MemoryMap } from '../core/memory-map.js';
import { close } from '../os/libc.js';

export class FdOwners {
  private readonly owners: Int16Array;

  constructor(memory: WebAssembly.Memory, map: MemoryMap) {
    this.owners = new Int16Array(memory.buffer, map.fdOwners, limits.fdMax);
  }

  /** False when the descriptor is beyond the table: its caller closes it and counts that. */
  give(fd: number, worker: number): boolean {
    if (fd >= limits.fdMax) return false;
    this.owners[fd] = worker + 1;
    return true;
  }

  /**
   * Closes what a dead worker held, except what is still in its mailbox: its successor takes that. Returns how many.
   */
  closeAllOf(worker: number, except: ReadonlySet<number>): number {
    let closed = 0;
    for (const name of readdirSync('/proc/self/fd')) {
      const fd = Number(name);
      if (fd >= limits.fdMax || this.owners[fd] !== worker + 1 || except.has(fd)) continue;
      this.owners[fd] = 0;
      close(fd);
      closed++;
    }
    return closed;
  }

  /** Descriptors that a worker owns now; for tests and /memory. */
  countOf(worker: number): number {
    let count = 0;
    for (const name of readdirSync('/proc/self/fd')) if (this.owners[Number(name)] === worker + 1) count++;
    return count;
  }
}
