// envoy.filters.http.grpc_stats: counts calls, their messages and statuses, for each cluster or each method of it.
import type { GrpcStatsFilter as Config } from '../../config/http-filters.js';
import { Head } from '../../core/generated/layouts.js';
import { grpcStatusOfHttp } from '../../core/grpc-status.js';
import { sameBytes } from '../../core/same-bytes.js';
import type { Engine } from '../engine.js';
import { GrpcMessages } from '../proxy/grpc-messages.js';
import { headGrpcStatus, isGrpcHead, NO_STATUS } from '../proxy/grpc-reply.js';
import type { Stream } from '../proxy/stream.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';
import { GrpcScopes } from './grpc-scopes.js';
import type { GrpcScope } from './grpc-scopes.js';

const QUESTION_MARK = 63, SLASH = 47;

export class GrpcStatsFilter implements HttpFilter {
  private readonly scopes: GrpcScopes;
  /** Paths of the methods that are counted apart; null: all, or none. */
  private readonly paths: readonly Uint8Array[] | null;

  constructor(private readonly engine: Engine, private readonly config: Config) {
    this.scopes = GrpcScopes.of(engine);
    this.paths = config.methods === 'all' || config.methods.length === 0 ? null
      : config.methods.map((path) => Uint8Array.from(path, (letter) => letter.charCodeAt(0)));
  }

  onRequest(stream: Stream, actions: Actions): number {
    if (!isGrpcHead(this.engine, this.engine.requestRecord)) return CONTINUE;
    const cluster = actions.clusterOf(stream);
    const messages = stream.messages ??= new GrpcMessages(this.engine);
    messages.begin(cluster === null ? null : this.scopeFor(cluster), this.config.emitFilterState);
    stream.countsMessages = true;
    return CONTINUE;
  }

  private scopeFor({ slot, config }: ClusterRuntime): GrpcScope | null {
    const { scopes, paths, config: { methods, replaceDots } } = this;
    const { i32, u8, requestRecord } = this.engine;
    // As Envoy: two names behind slashes, and slashes behind them count for nothing. Else it calls no method.
    const at = i32[(requestRecord >> 2) + Head.pathAt]!;
    const most = at + i32[(requestRecord >> 2) + Head.pathBytes]!;
    let end = at, slash = -1;
    while (end < most && u8[end] !== QUESTION_MARK) end++;
    while (end > at && u8[end - 1] === SLASH) end--;
    for (let p = at + 1; p < end; p++) {
      if (u8[p] !== SLASH) continue;
      if (slash >= 0 || p === at + 1) return null;
      slash = p;
    }
    if (slash < 0) return null;
    if (methods.length === 0) return scopes.ofCluster(slot);
    if (paths !== null && !isAmong(paths, u8, at, end)) return scopes.ofCluster(slot);
    return scopes.ofMethod(config.altStatName, at, end - at, replaceDots && methods === 'all')
      ?? scopes.ofCluster(slot);
  }

  onResponse(stream: Stream, record: number, lines: string): void {
    if (!stream.countsMessages) return;
    const messages = stream.messages!;
    if (record === 0) {
      const said = /(?:^|\n)grpc-status: *(\d+)/.exec(lines);
      messages.status(said === null ? grpcStatusOfHttp(stream.status) : Number(said[1]));
      return;
    }
    messages.answers = isGrpcHead(this.engine, record);
    const status = headGrpcStatus(this.engine, record);
    if (status !== NO_STATUS) messages.status(status);
  }

  onEnd(stream: Stream): void {
    if (this.config.upstreamStats && stream.countsMessages && stream.response.complete && stream.upstreamSentMs > 0)
      stream.messages!.upstreamTook(this.engine.nowMs - Math.max(stream.upstreamSentMs, stream.requestEndMs));
  }

  release(): void { /* nothing in the arena */ }
}

function isAmong(paths: readonly Uint8Array[], u8: Uint8Array, at: number, end: number): boolean {
  for (const path of paths) if (sameBytes(u8, at, end, path)) return true;
  return false;
}
