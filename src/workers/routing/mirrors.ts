// Where a route's requests are sent as well, compiled: which share of them, to which cluster, with what host and
// headers.
import type { FractionCell } from '../../config/runtime-cells.js';
import type { BoundMirror } from '../../config/snapshot/route-json.js';
import type { Engine } from '../engine.js';
import { CompiledMutations } from './mutations.js';

export class Mirror {
  private constructor(readonly slot: number, readonly clusterHeader: string | null,
    private readonly fraction: FractionCell | null, readonly hostSuffix: boolean,
    readonly host: { at: number; bytes: number } | null, readonly mutations: CompiledMutations | null) {}

  /** Null when the arena has no room. */
  static compile(engine: Engine, policy: BoundMirror): Mirror | null {
    const host = policy.hostRewrite === null ? null : engine.keepText(policy.hostRewrite);
    const mutations = CompiledMutations.compile(engine, policy.headers);
    if (mutations === 'full' || (policy.hostRewrite !== null && host === null)) return null;
    const fraction = policy.fraction === null ? null : engine.runtime.fraction(policy.fraction);
    return new Mirror(policy.slot, policy.clusterHeader, fraction, policy.hostSuffix, host, mutations);
  }

  /** Is this request one of the share? */
  takes(engine: Engine): boolean {
    return this.fraction === null || this.fraction.holds(engine.codecs.nextRandom(engine.randomState));
  }

  release(engine: Engine): void {
    if (this.host !== null) engine.heap.release(this.host.at, this.host.bytes + 16);
    this.mutations?.release();
  }
}
