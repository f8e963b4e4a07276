// Network filters of one chain that may refuse a connection before its chain begins. What they count is shared by all
// workers: open connections and token buckets lie in the region of token buckets.
import type { NetworkFilter } from '../../config/network-filters.js';
import type { FlagCell } from '../../config/runtime-cells.js';
import type { NetworkBinding } from '../../config/snapshot/layout.js';
import { CONNECTIONS_WORD, TOKEN_BUCKET_BYTES } from '../../core/memory-map.js';
import { ConnectionLimitStat, NetworkRateLimitStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';

const ADMITTED = -1;

/** Filters above the first 16 bits of a mask: counted as active, and refused. */
const REFUSED = 16;

class Compiled {
  readonly enabled: FlagCell;
  readonly scope: number;
  readonly bucket: number;
  /** This worker's part of the shared count. */
  readonly share: number;

  constructor(engine: Engine, readonly filter: NetworkFilter, binding: NetworkBinding) {
    this.enabled = engine.runtime.flag(filter.enabled);
    this.scope = engine.statsBase + (binding.scope >> 3);
    this.bucket = engine.map.tokenBuckets + binding.bucket * TOKEN_BUCKET_BYTES;
    this.share = engine.statsBase + (binding.share >> 3);
  }
}

export class NetworkFilters {
  /** Of the connection that was judged last: the filters that count it, for `release`. */
  mask = 0;
  private readonly filters: readonly Compiled[];

  constructor(private readonly engine: Engine, filters: readonly NetworkFilter[], bindings: readonly NetworkBinding[]) {
    this.filters = filters.map((filter, index) => new Compiled(engine, filter, bindings[index]));
  }

  /** A new connection: negative when it may go on, else the milliseconds after which it is closed. */
  judge(): number {
    this.mask = 0;
    for (let index = 0; index < this.filters.length; index++) {
      const compiled = this.filters[index];
      if (!compiled.enabled.value) continue;
      const delayMs = compiled.filter.kind === 'connectionLimit'
        ? this.limit(compiled, compiled.filter.maxConnections, compiled.filter.delayMs, index)
        : this.rate(compiled, compiled.filter.bucket);
      if (delayMs !== ADMITTED) return delayMs;
    }
    return ADMITTED;
  }

  private limit(compiled: Compiled, most: number, delayMs: number, index: number): number {
    const { engine } = this;
    engine.f64[compiled.scope + ConnectionLimitStat.active_connections] += 1;
    const word = (compiled.bucket >> 2) + CONNECTIONS_WORD;
    if (Atomics.add(engine.i32, word, 1) < most) {
      engine.f64[compiled.share] += 1;
      this.mask |= 1 << index;
      return ADMITTED;
    }
    Atomics.sub(engine.i32, word, 1);
    engine.count(compiled.scope, ConnectionLimitStat.limited_connections);
    this.mask |= 1 << (index + REFUSED);
    return delayMs;
  }

  private rate(compiled: Compiled, { maxTokens, tokensPerFill, fillIntervalMs }: { maxTokens: number;
    tokensPerFill: number; fillIntervalMs: number }): number {
    const { engine } = this;
    if (engine.codecs.tokenTake(compiled.bucket, engine.nowMs, fillIntervalMs / tokensPerFill, maxTokens) === 1)
      return ADMITTED;
    engine.count(compiled.scope, NetworkRateLimitStat.rate_limited);
    return 0;
  }

  /** A connection that was judged is gone. */
  release(mask: number): void {
    const { engine } = this;
    for (let index = 0; index < this.filters.length; index++) {
      const taken = ((mask >> index) & 1) !== 0;
      if (!taken && ((mask >> (index + REFUSED)) & 1) === 0) continue;
      const compiled = this.filters[index];
      engine.f64[compiled.scope + ConnectionLimitStat.active_connections] -= 1;
      if (!taken) continue;
      engine.f64[compiled.share] -= 1;
      Atomics.sub(engine.i32, (compiled.bucket >> 2) + CONNECTIONS_WORD, 1);
    }
  }
}
