// The health flags of endpoints in shared memory, as main changes them. Whatever changes makes every worker's picker of
// the cluster follow.
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import type { MemoryMap } from '../../core/memory-map.js';

export class HealthFlags {
  constructor(private readonly words: Int32Array, private readonly map: MemoryMap) {}

  of(state: number): number { return Atomics.load(this.words, this.at(state)); }
  has(state: number, flag: number): boolean { return (this.of(state) & flag) !== 0; }

  /** Sets some flags and clears others. True when something changed; pickers of the cluster's slot then follow. */
  change(slot: number, state: number, set: number, clear = 0): boolean {
    for (;;) {
      const old = this.of(state);
      const next = (old & ~clear) | set;
      if (next === old) return false;
      if (Atomics.compareExchange(this.words, this.at(state), old, next) !== old) continue;
      if (slot >= 0) Atomics.add(this.words, this.clusterAt(slot) + ClusterState.healthVersion, 1);
      return true;
    }
  }

  /** Any other word of an endpoint's state. */
  word(state: number, field: number): number { return Atomics.load(this.words, this.at(state, field)); }
  /** Sets it and returns what it was. */
  exchange(state: number, field: number, value: number): number {
    return Atomics.exchange(this.words, this.at(state, field), value);
  }

  private at(state: number, field: number = EndpointState.healthFlags): number {
    return ((this.map.endpointStates + state * EndpointState.bytes) >> 2) + field;
  }
  private clusterAt(slot: number): number { return (this.map.clusterStates + slot * ClusterState.bytes) >> 2; }
}
