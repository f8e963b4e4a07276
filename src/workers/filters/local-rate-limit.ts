// envoy.filters.http.local_ratelimit: token buckets in shared memory, so that all workers together admit what one
// bucket allows. Requests whose descriptors have buckets take from those first, the slowest first, then from the
// default one.
import type { LocalRateLimitFilter as Config, TokenBucket } from '../../config/http-filters.js';
import type { FractionCell } from '../../config/runtime-cells.js';
import type { BoundFilter } from '../../config/snapshot/layout.js';
import { TOKEN_BUCKET_BYTES } from '../../core/memory-map.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { RateLimitStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { CompiledMutations } from '../routing/mutations.js';
import type { Stream } from '../proxy/stream.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';
import { RateLimitDescriptors, descriptorKey } from './rate-limit-descriptors.js';

/** One bucket: what fills it, and where it is: in shared memory, or (at -1) in each connection. */
interface Limit { at: number; index: number; intervalMs: number; burst: number }

export class LocalRateLimitFilter implements HttpFilter {
  private readonly scope: number;
  private readonly enabled: FractionCell;
  private readonly enforced: FractionCell;
  private readonly byDefault: Limit | null;
  /** Buckets by the text of their descriptor. */
  private readonly limits = new Map<string, Limit>();
  private readonly descriptors: RateLimitDescriptors | null;
  private readonly requestHeaders: CompiledMutations | null;
  private readonly responseHeaders: CompiledMutations | null;
  private readonly matched: Limit[] = [];

  constructor(private readonly engine: Engine, private readonly config: Config, bound: BoundFilter) {
    this.scope = engine.statsBase + (bound.scope >> 3);
    this.enabled = engine.runtime.fraction(config.enabled);
    this.enforced = engine.runtime.fraction(config.enforced);
    const limit = (bucket: TokenBucket, index: number): Limit => ({ index, burst: bucket.maxTokens,
      intervalMs: bucket.fillIntervalMs / bucket.tokensPerFill,
      at: config.perConnection ? -1 : engine.map.tokenBuckets + bound.buckets[index]! * TOKEN_BUCKET_BYTES });
    this.byDefault = config.bucket === null ? null : limit(config.bucket, 0);
    config.descriptors.forEach(({ entries, bucket }, index) =>
      this.limits.set(descriptorKey(entries), limit(bucket, index + 1)));
    this.descriptors = config.descriptors.length === 0 ? null : new RateLimitDescriptors(engine, config);
    const compile = (add: Config['responseHeaders']): CompiledMutations | null => {
      const compiled = CompiledMutations.compile(engine, [{ add, remove: [] }]);
      if (compiled === 'full') throw new Error('the arena has no room for the headers of a rate limit');
      return compiled;
    };
    this.requestHeaders = compile(config.requestHeadersWhenNotEnforced);
    this.responseHeaders = compile(config.responseHeaders);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, scope } = this;
    if (!this.enabled.holds(engine.codecs.nextRandom(engine.randomState))) return CONTINUE;
    engine.count(scope, RateLimitStat.enabled);
    if (this.admits(stream)) {
      engine.count(scope, RateLimitStat.ok);
      return CONTINUE;
    }
    engine.count(scope, RateLimitStat.rate_limited);
    if (!this.enforced.holds(engine.codecs.nextRandom(engine.randomState)))
      return this.requestHeaders === null || actions.mutate(stream, this.requestHeaders) ? CONTINUE : ANSWERED;
    engine.count(scope, RateLimitStat.enforced);
    stream.limitedBy = this.responseHeaders;
    return actions.reply(stream, this.config.status, ResponseFlag.RL, detail('local_rate_limited'),
      'local_rate_limited');
  }

  responseMutations(stream: Stream): CompiledMutations | null {
    return this.responseHeaders !== null && stream.limitedBy === this.responseHeaders ? this.responseHeaders : null;
  }

  release(): void {
    this.requestHeaders?.release();
    this.responseHeaders?.release();
  }

  private admits(stream: Stream): boolean {
    const { matched } = this;
    matched.length = 0;
    if (this.descriptors !== null) this.match(stream);
    for (const limit of matched) if (!this.take(stream, limit)) return false;
    const { byDefault } = this;
    if (byDefault === null || (matched.length > 0 && !this.config.alwaysConsumeDefault)) {
      if (this.config.rateLimitHeaders && matched.length > 0) this.tell(stream, matched[0]!);
      return true;
    }
    const took = this.take(stream, byDefault);
    if (took && this.config.rateLimitHeaders) this.tell(stream, matched[0] ?? byDefault);
    return took;
  }

  /** The buckets of the request's descriptors, slowest first. */
  private match(stream: Stream): void {
    for (const key of this.descriptors!.of(stream)) {
      const limit = this.limits.get(key);
      if (limit !== undefined && !this.matched.includes(limit)) this.matched.push(limit);
    }
    if (this.matched.length > 1) this.matched.sort((a, b) => b.intervalMs - a.intervalMs);
  }

  private take(stream: Stream, limit: Limit): boolean {
    const { engine } = this;
    const took = limit.at >= 0
      ? engine.codecs.tokenTake(limit.at, engine.nowMs, limit.intervalMs, limit.burst) === 1
      : this.takeOfConnection(stream, limit);
    if (!took && this.config.rateLimitHeaders) this.tell(stream, limit);
    return took;
  }

  /** As assembly/lib/token-bucket.ts, for buckets that only one connection has. */
  private takeOfConnection(stream: Stream, limit: Limit): boolean {
    const { nowMs } = this.engine;
    const times = this.times(stream);
    const next = Math.max(times[limit.index]!, nowMs - limit.intervalMs * limit.burst) + limit.intervalMs;
    if (next > nowMs + 1e-6) return false;
    times[limit.index] = next;
    return true;
  }

  private times(stream: Stream): number[] {
    const { rateLimits } = stream.downstream!;
    let times = rateLimits.get(this);
    if (times === undefined) rateLimits.set(this,
      times = new Array<number>(this.config.descriptors.length + 1).fill(-Infinity));
    return times;
  }

  /** x-ratelimit-* of the response (draft-ietf-httpapi-ratelimit-headers-03). */
  private tell(stream: Stream, limit: Limit): void {
    const { engine } = this;
    const left = limit.at >= 0
      ? engine.codecs.tokensLeft(limit.at, engine.nowMs, limit.intervalMs, limit.burst)
      : Math.min(limit.burst, Math.max(0, (engine.nowMs - this.times(stream)[limit.index]!) / limit.intervalMs));
    const resetMs = left >= 1 ? 0 : (1 - left) * limit.intervalMs;
    stream.addedResponseLines += `x-ratelimit-limit: ${limit.burst}\r\nx-ratelimit-remaining: ${Math.floor(left)}\r\n`
      + `x-ratelimit-reset: ${Math.ceil(resetMs / 1000)}\r\n`;
  }
}
