// Endpoints that workers find by themselves (ORIGINAL_DST): one table for the process, so that all workers count an
// address in the same EndpointState, and main can show it. Workers claim and free entries without a lock:
//
//   free → writing → used → writing → free        word `state`: generation | claiming worker + 1 | phase
//
// Each worker that has the endpoint sets its bit in `holders`. A worker sets its bit first and then looks at the phase
// again; who frees moves the phase first and then looks at the bits again. So one of the two sees the other. An entry
// that is used and held by nobody is one that a worker may free. Two workers that add an address at once settle on the
// entry that comes first.
import { limits } from './limits.js';
import { DISCOVERED_BYTES, EndpointState } from './memory-map.js';
import type { MemoryMap } from './memory-map.js';

/** Int32 words of an entry. The key: cluster slot, and the sockaddr as the kernel has it, 28 bytes, zero-filled. */
export const Discovered = { state: 0, cluster: 1, address: 2, addressWords: 7, holders: 10, holderWords: 4 } as const;

const PHASES = 3;
const FREE = 0;
const WRITING = 1;
const USED = 2;
const CLAIMER_SHIFT = 2;
const CLAIMER_MASK = 255;
const GENERATION_SHIFT = 10;
const WORDS = DISCOVERED_BYTES >> 2;
const MASK = limits.discoveredEndpointsMax - 1;
/** State index of the first discovered endpoint. */
export const FIRST_DISCOVERED_STATE = limits.endpointStatesMax - limits.discoveredEndpointsMax;

export class DiscoveredEndpoints {
  private readonly table: number;

  constructor(private readonly words: Int32Array, private readonly map: MemoryMap, private readonly worker: number) {
    this.table = map.discovered >> 2;
  }

  /** The process-wide state of a cluster's endpoint, held until `release`; -1 = the table has no place for it. */
  hold(cluster: number, sockaddr: number): number {
    const key = sockaddr >> 2;
    const first = this.hash(cluster, key);
    for (;;) {
      const known = this.find(cluster, key, first);
      if (known >= 0) {
        if (this.keep(known, cluster, key)) return FIRST_DISCOVERED_STATE + known;
        continue;                                     // freed under us: it is not found again
      }
      const claimed = this.claim(cluster, key, first);
      if (claimed < 0) return -1;
      const winner = this.find(cluster, key, first);
      if (winner === claimed || winner < 0) return FIRST_DISCOVERED_STATE + claimed;
      if (this.keep(winner, cluster, key)) {
        this.release(FIRST_DISCOVERED_STATE + claimed);
        return FIRST_DISCOVERED_STATE + winner;
      }
      this.release(FIRST_DISCOVERED_STATE + claimed);
    }
  }

  /** Gives back what `hold` gave. */
  release(state: number): void {
    const index = state - FIRST_DISCOVERED_STATE;
    Atomics.and(this.words, this.at(index) + Discovered.holders + (this.worker >> 5), ~(1 << (this.worker & 31)));
    this.freeIfUnheld(index);
  }

  /** The worker has died: its holds end, and what it was about to write is free again. Main calls this. */
  releaseAll(): void {
    const { words } = this;
    for (let index = 0; index < limits.discoveredEndpointsMax; index++) {
      const at = this.at(index);
      const bit = 1 << (this.worker & 31);
      const before = Atomics.and(words, at + Discovered.holders + (this.worker >> 5), ~bit);
      if ((before & bit) !== 0) this.freeIfUnheld(index);
      const state = Atomics.load(words, at);
      const mine = (state & PHASES) === WRITING && ((state >> CLAIMER_SHIFT) & CLAIMER_MASK) === this.worker + 1;
      if (mine) Atomics.store(words, at, (((state >>> GENERATION_SHIFT) + 1) << GENERATION_SHIFT) | FREE);
    }
  }

  private find(cluster: number, key: number, first: number): number {
    for (let probe = 0; probe < limits.discoveredProbesMax; probe++) {
      const index = (first + probe) & MASK;
      const at = this.at(index);
      if ((Atomics.load(this.words, at) & PHASES) === USED && this.matches(at, cluster, key)) return index;
    }
    return -1;
  }

  private matches(at: number, cluster: number, key: number): boolean {
    const { words } = this;
    if (words[at + Discovered.cluster] !== cluster) return false;
    for (let word = 0; word < Discovered.addressWords; word++) {
      if (words[at + Discovered.address + word] !== words[key + word]) return false;
    }
    return true;
  }

  /** Sets this worker's bit. False when the entry was freed meanwhile, or is another one's by now. */
  private keep(index: number, cluster: number, key: number): boolean {
    const at = this.at(index);
    const bits = at + Discovered.holders + (this.worker >> 5);
    Atomics.or(this.words, bits, 1 << (this.worker & 31));
    if ((Atomics.load(this.words, at) & PHASES) === USED && this.matches(at, cluster, key)) return true;
    Atomics.and(this.words, bits, ~(1 << (this.worker & 31)));
    return false;
  }

  private claim(cluster: number, key: number, first: number): number {
    const { words } = this;
    for (let probe = 0; probe < limits.discoveredProbesMax; probe++) {
      const index = (first + probe) & MASK;
      const at = this.at(index);
      const state = Atomics.load(words, at);
      if ((state & PHASES) === USED) { if (!this.freeIfUnheld(index)) continue; }
      const free = Atomics.load(words, at);
      if ((free & PHASES) !== FREE) continue;
      const generation = free >>> GENERATION_SHIFT;
      const writing = (generation << GENERATION_SHIFT) | ((this.worker + 1) << CLAIMER_SHIFT) | WRITING;
      if (Atomics.compareExchange(words, at, free, writing) !== free) continue;
      words[at + Discovered.cluster] = cluster;
      for (let word = 0; word < Discovered.addressWords; word++) {
        words[at + Discovered.address + word] = words[key + word];
      }
      const counts = (this.map.endpointStates >> 2) + (FIRST_DISCOVERED_STATE + index) * (EndpointState.bytes >> 2);
      words.fill(0, counts, counts + (EndpointState.bytes >> 2));
      Atomics.or(words, at + Discovered.holders + (this.worker >> 5), 1 << (this.worker & 31));
      Atomics.store(words, at, (generation << GENERATION_SHIFT) | USED);
      return index;
    }
    return -1;
  }

  private freeIfUnheld(index: number): boolean {
    const { words } = this;
    const at = this.at(index);
    const used = Atomics.load(words, at);
    if ((used & PHASES) !== USED || this.isHeld(at)) return false;
    const generation = used >>> GENERATION_SHIFT;
    const writing = (generation << GENERATION_SHIFT) | ((this.worker + 1) << CLAIMER_SHIFT) | WRITING;
    if (Atomics.compareExchange(words, at, used, writing) !== used) return false;
    const held = this.isHeld(at);
    Atomics.store(words, at, held ? used : ((generation + 1) << GENERATION_SHIFT) | FREE);
    return !held;
  }

  private isHeld(at: number): boolean {
    for (let word = 0; word < Discovered.holderWords; word++) {
      if (Atomics.load(this.words, at + Discovered.holders + word) !== 0) return true;
    }
    return false;
  }

  private at(index: number): number { return this.table + index * WORDS; }

  private hash(cluster: number, key: number): number {
    let hash = cluster;
    for (let word = 0; word < Discovered.addressWords; word++) {
      hash = Math.imul(hash ^ this.words[key + word], 0x9e3779b1);
    }
    return (hash ^ (hash >>> 15)) & MASK;
  }
}

/** Main: the states of a cluster's discovered endpoints, with the byte offset of each sockaddr. */
export function* discoveredOf(words: Int32Array, map: MemoryMap, cluster: number):
  Generator<{ state: number; sockaddr: number }> {
  for (let index = 0; index < limits.discoveredEndpointsMax; index++) {
    const at = (map.discovered >> 2) + index * WORDS;
    if ((Atomics.load(words, at) & PHASES) !== USED || words[at + Discovered.cluster] !== cluster) continue;
    yield { state: FIRST_DISCOVERED_STATE + index, sockaddr: (at + Discovered.address) << 2 };
  }
}
