// Main's view of the workers' control blocks and mailboxes in shared memory (core/memory-map.ts). Every word has one
// writer; the comments there name it. Loads and stores are atomic: they order the plain data that they announce.
import { limits } from '../core/limits.js';
import { Control, Shared, workerControl, workerMailbox } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';

export const WorkerState = { starting: 0, running: 1, draining: 2, ended: 3 } as const;
/** Values of Control.stop. */
export const Stop = { no: 0, now: 1, drain: 2 } as const;
/** Values of Shared.drainState. */
export const DrainState = { serving: 0, all: 1, inboundOnly: 2 } as const;

export class ControlBlocks {
  private readonly words: Int32Array;

  constructor(memory: WebAssembly.Memory, private readonly map: MemoryMap) {
    this.words = new Int32Array(memory.buffer);
  }

  get(worker: number, field: number): number { return Atomics.load(this.words, this.at(worker) + field); }
  set(worker: number, field: number, value: number): void { Atomics.store(this.words, this.at(worker) + field, value); }
  setDrainState(value: number): void { Atomics.store(this.words, (this.map.control >> 2) + Shared.drainState, value); }
  get drainState(): number { return Atomics.load(this.words, (this.map.control >> 2) + Shared.drainState); }

  /** What a successor must find: nothing of its predecessor but the undelivered mail and the log ring's counters. */
  resetForStart(worker: number, rootVersion: number): void {
    for (const field of [Control.state, Control.connections, Control.sleeping, Control.stop, Control.heartbeat]) {
      this.set(worker, field, 0);
    }
    this.set(worker, Control.oldestRootVersion, rootVersion);
    this.set(worker, Control.generation, this.get(worker, Control.generation) + 1);
  }

  /** Connections dealt and not yet taken. */
  mailed(worker: number): number {
    return (this.get(worker, Control.dealtTail) - this.get(worker, Control.dealtHead)) | 0;
  }

  isFull(worker: number): boolean { return this.mailed(worker) >= limits.dealtRingEntries; }

  /** Puts an accepted connection into a worker's mailbox. False: full. */
  deal(worker: number, fd: number, listenerSlot: number): boolean {
    if (this.isFull(worker)) return false;
    const tail = this.get(worker, Control.dealtTail);
    const entry = (workerMailbox(this.map, worker) >> 2) + (tail & (limits.dealtRingEntries - 1)) * 2;
    this.words[entry] = fd;
    this.words[entry + 1] = listenerSlot;
    this.set(worker, Control.dealtTail, (tail + 1) | 0);
    return true;
  }

  /** Descriptors that lie in a worker's mailbox. */
  mailedFds(worker: number): number[] {
    const head = this.get(worker, Control.dealtHead);
    const fds: number[] = [];
    for (let n = 0; n < this.mailed(worker); n++) {
      const slot = ((head + n) & (limits.dealtRingEntries - 1)) * 2;
      fds.push(this.words[(workerMailbox(this.map, worker) >> 2) + slot]!);
    }
    return fds;
  }

  private at(worker: number): number { return workerControl(this.map, worker) >> 2; }
}
