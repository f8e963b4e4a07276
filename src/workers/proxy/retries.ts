// Sending a request again: decided when a response's head or a failure arrives and nothing has been sent to the client.
// A retry waits for its back-off on the stream's own deadline, then begins in request.ts dispatch like any attempt.
//
//   answer or failure → asks for a retry? → retries left? → breaker free? → detached, waits → dispatch
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { retriesMax } from '../../config/retry-budget.js';
import { Head, Header } from '../../core/generated/layouts.js';
import { ResponseFlag } from '../../core/response-flags.js';
import { ClusterStat, VirtualHostStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import { BODY_NONE, BODY_UNTIL_END } from './body.js';
import { applyGrpcTimeout } from './grpc-timeout.js';
import { readRetryHeaders } from './internal-headers.js';
import { InternalRedirects } from './internal-redirects.js';
import type { Proxy } from './request.js';
import { asksForGrpc, RetryOn, statusAsks } from '../routing/retry-conditions.js';
import type { Stream } from './stream.js';

/** How an attempt failed without an answer. */
export const FAILED_CONNECT = 0;
export const FAILED_RESET = 1;
export const FAILED_PER_TRY = 2;
export const FAILED_PROTOCOL = 3;
/** The peer has not looked at it. */
export const FAILED_REFUSED = 4;

const BACK_OFF_BASE_MS = 25;
const NO_CODES: readonly number[] = [];
const WHOLE_NUMBER = /^ *\d{1,15} *$/;

export class Retries {
  private readonly redirects: InternalRedirects;
  /** The last answer asked for a retry and did not get it. */
  private refused = false;

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {
    this.redirects = new InternalRedirects(engine, proxy);
  }

  /**
   * Notes what the route asks for. The request's head is in hand. Its own x-envoy-retry-on and the like count only from
   * internal clients.
   */
  begin(stream: Stream): void {
    const conditions = stream.route!.retry;
    stream.timeoutMs = stream.downstream!.timeoutMs || stream.route!.timeoutMs;
    stream.hedgesOnTimeout = stream.route!.hedgesOnTimeout;
    stream.durationMs = -1;
    if (conditions !== null) {
      stream.retryOn = conditions.retryOn;
      stream.retriesLeft = conditions.policy.retries;
      stream.perTryMs = stream.route!.perTryMs;
      stream.perTryIdleMs = conditions.policy.perTryIdleTimeoutMs;
      stream.perTryTimed = stream.perTryMs > 0 || stream.perTryIdleMs > 0;
      stream.hostSelectionAttempts = conditions.policy.hostSelectionAttempts;
    }
    if (stream.route!.grpcTimeouts !== null) applyGrpcTimeout(this.engine, stream, stream.route!.grpcTimeouts);
    if (stream.internal) readRetryHeaders(this.engine, stream);
    if (conditions !== null && stream.retryOn !== 0
      && !conditions.admits(this.engine.requestRecord)) stream.retryOn = 0;
    stream.followsRedirects = stream.route!.followsRedirects;
    if (stream.repeats && stream.request.kind !== BODY_NONE && !stream.collected) {
      stream.keepsBody = true;
      stream.requestLength = stream.request.remaining;
      const { json, virtualHost } = stream.route!;
      stream.kept.begin(Math.min(stream.downstream!.listener.bufferBytes,
        json.keptBytesMax ?? virtualHost.keptBytesMax ?? Infinity));
    }
  }

  /** Keeps what was just relayed of the body. More than may be kept: the request is not repeated any more. */
  keep(stream: Stream, at: number, end: number): void {
    stream.kept.add(this.engine, at, end);
    if (stream.kept.overflowed) this.giveUp(stream);
  }

  /** As `keep`, for a body that lies behind its head and needs no keeping. */
  keepInline(stream: Stream): void {
    if (stream.request.bytes > stream.kept.bytesMax) this.giveUp(stream);
  }

  giveUp(stream: Stream): void {
    stream.cluster!.count(ClusterStat.retry_or_shadow_abandoned);
    stream.kept.overflowed = true;
    stream.keepsBody = false;
    this.leave(stream);
    stream.retryOn = 0;
    if (stream.kept.length > 0) stream.kept.release(this.engine);
  }

  /**
   * Does the answer's head make the request go out again? The head is in engine.responseRecord; `ended`: it has no
   * body.
   */
  afterResponse(stream: Stream, status: number, ended: boolean): boolean {
    if (stream.retryOn !== 0 && this.retriesAfter(stream, status, ended)) return true;
    if (stream.followsRedirects && this.redirects.follow(stream, status, ended)) return true;
    if (stream.hedges !== null && this.refused && this.proxy.hedging.outlives(stream, 0)) {
      this.proxy.finish.leaveUpstream(stream, ended);
      return true;
    }
    this.accept(stream);
    return false;
  }

  private retriesAfter(stream: Stream, status: number, ended: boolean): boolean {
    const { engine } = this;
    this.refused = false;
    const asks = this.responseAsks(stream, status);
    if (!asks && stream.retried)
      this.count(stream, ClusterStat.upstream_rq_retry_success, VirtualHostStat.upstream_rq_retry_success);
    if (!asks) return false;
    this.refused = !this.mayRetry(stream);
    if (this.refused) return false;
    Atomics.add(engine.i32, stream.endpoint!.state + EndpointState.requestsError, 1);
    const resetMs = this.resetMs(stream);
    this.proxy.finish.leaveUpstream(stream, ended);
    this.backOff(stream, resetMs);
    return true;
  }

  /** The answer is the client's: what was kept for another attempt is free, and so is its place among the retries. */
  private accept(stream: Stream): void {
    this.leave(stream);
    if (stream.hedges !== null) this.proxy.hedging.dropAll(stream);
    stream.retryOn = 0;
    stream.followsRedirects = stream.keepsBody = false;
    if (stream.kept.length > 0) stream.kept.release(this.engine);
  }

  /** Does a failure before any answer make the request go out again? */
  afterFailure(stream: Stream, failure: number): boolean {
    const { retryOn } = stream;
    const asks = (retryOn & (RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError)) !== 0
      || (failure === FAILED_CONNECT && (retryOn & RetryOn.connectFailure) !== 0)
      || (failure === FAILED_REFUSED && (retryOn & RetryOn.refusedStream) !== 0)
      || ((retryOn & RetryOn.resetBeforeRequest) !== 0 && !stream.requestHeadSent);
    if (asks && this.mayRetry(stream)) {
      this.backOff(stream, 0, failure === FAILED_PER_TRY);
      return true;
    }
    if (stream.hedges === null || !this.proxy.hedging.outlives(stream, failure === FAILED_PROTOCOL ? 502 : 503))
      return false;
    if (stream.endpoint !== null) this.proxy.failures.detach(stream);
    return true;
  }

  /** The back-off is over. */
  due(stream: Stream): void {
    stream.retryAtMs = Infinity;
    stream.cluster!.count(stream.waitsForReset ? ClusterStat.upstream_rq_retry_backoff_ratelimited
      : ClusterStat.upstream_rq_retry_backoff_exponential);
    this.count(stream, ClusterStat.upstream_rq_retry, VirtualHostStat.upstream_rq_retry);
    this.proxy.dispatch(stream);
  }

  /** Sends again what was kept of the body, behind the head that was just sent. */
  replay(stream: Stream): void {
    const { engine } = this;
    const { request, kept } = stream;
    const { kind, out, complete, forwardTrailers, bytes } = request;
    request.begin(engine, kind, stream.requestLength, out);
    request.forwardTrailers = forwardTrailers;
    for (let i = 0; i < kept.length; i++) {
      const { buffer, at, end } = kept.pieces[i]!;
      for (let from = at; from < end && !request.complete;) {
        const taken = request.relay(engine, buffer, from, end, stream.upstream!.socket);
        if (taken <= from) { this.proxy.failures.exhausted(stream); return; }
        from = taken;
      }
    }
    if (kind === BODY_UNTIL_END) request.complete = complete;
    if (stream.transform !== null) request.bytes = bytes;
  }

  /** The stream is over or its attempt was the last: its place among the cluster's retries is free. */
  leave(stream: Stream): void {
    if (!stream.retryTaken) return;
    stream.retryTaken = false;
    stream.cluster!.giveBack(ClusterState.retries + stream.breaker);
  }

  private count(stream: Stream, ofCluster: number, ofVirtualHost: number): void {
    stream.cluster!.count(ofCluster);
    stream.route!.counts?.count(this.engine, stream, ofVirtualHost);
  }

  responseAsks(stream: Stream, status: number): boolean {
    const { retryOn } = stream;
    const { engine } = this;
    const known = (engine.responseRecord >> 1) + Head.known * 2;
    const u16 = engine.u16;
    if (u16[known + Header['x-envoy-ratelimited']] !== 0) return (retryOn & RetryOn.rateLimited) !== 0;
    const grpc = asksForGrpc(retryOn) ? Number(recordHeader(engine, engine.responseRecord, 'grpc-status') ?? -1) : -1;
    const conditions = stream.route!.retry;
    const codes = conditions?.policy.retriableStatusCodes ?? NO_CODES;
    if (statusAsks(retryOn, status, grpc, codes)) return true;
    if ((retryOn & RetryOn.statusCodes) !== 0 && stream.retriableCodes.includes(status)) return true;
    if ((retryOn & RetryOn.headers) === 0) return false;
    if (stream.retriableNames.some((name) => recordHeader(engine, engine.responseRecord, name) !== null)) return true;
    return conditions?.hasRetriableHeader(engine.responseRecord) === true;
  }

  /** Takes a retry if one is left and the breaker allows it; notes why not. */
  mayRetry(stream: Stream): boolean {
    const cluster = stream.cluster!;
    this.leave(stream);
    if (stream.retriesLeft === 0) {
      this.count(stream, ClusterStat.upstream_rq_retry_limit_exceeded,
        VirtualHostStat.upstream_rq_retry_limit_exceeded);
      stream.flags |= ResponseFlag.URX;
      return false;
    }
    stream.retriesLeft--;
    const { normal, high } = cluster.traits;
    const most = retriesMax(stream.breaker === 0 ? normal : high,
      cluster.taken(ClusterState.requests + stream.breaker));
    if (!cluster.tryTake(ClusterState.retries + stream.breaker, most)) {
      this.count(stream, ClusterStat.upstream_rq_retry_overflow, VirtualHostStat.upstream_rq_retry_overflow);
      stream.flags |= ResponseFlag.UO;
      return false;
    }
    stream.retryTaken = true;
    return true;
  }

  /** `resetMs`: what the answer asked to wait at least; 0 = nothing. */
  backOff(stream: Stream, resetMs: number, timedOut = false): void {
    const { engine } = this;
    stream.timedOut = timedOut;
    if (stream.upstream !== null || stream.endpoint !== null) this.proxy.failures.detach(stream);
    this.noteAttempt(stream);
    stream.retried = true;
    stream.requestHeadSent = false;
    stream.perTryDeadlineMs = stream.perTryIdleFromMs = Infinity;
    stream.connectErrno = 0;
    stream.waitsForReset = resetMs > 0;
    stream.retryAtMs = engine.nowMs
      + (resetMs > 0 ? resetMs + this.random(resetMs >> 1) : this.backOffMs(stream));
    stream.downstream!.deadlineMoved();
  }

  /** What the policy wants of the next attempt's endpoint. */
  private noteAttempt(stream: Stream): void {
    const conditions = stream.route!.retry, { lastEndpoint } = stream;
    if (conditions === null) return;
    const { avoidPreviousHosts, prioritiesEvery } = conditions.policy;
    stream.retryHosts = conditions.hosts;
    if (lastEndpoint === null) return;
    if (avoidPreviousHosts) stream.tried.push(lastEndpoint.main);
    if (prioritiesEvery === 0) return;
    stream.triedPriorities ??= { every: prioritiesEvery, attempts: [], excluded: [], loads: null };
    stream.triedPriorities.attempts.push(lastEndpoint.priority);
  }

  /** Fully jittered, doubling: between 0 and base * (2^n - 1), at most the longest interval. */
  private backOffMs(stream: Stream): number {
    const policy = stream.route!.retry?.policy;
    const base = policy?.backOffBaseMs ?? BACK_OFF_BASE_MS;
    const longest = policy?.backOffMaxMs ?? base * 10;
    const ceiling = Math.min(longest, base * (2 ** Math.min(30, ++stream.retryCount) - 1));
    return this.random(ceiling);
  }

  private random(ceiling: number): number {
    return Math.floor((this.engine.codecs.nextRandom(this.engine.randomState) >>> 0) / 4294967296 * ceiling);
  }

  /** How long the answer's headers ask to wait (rate_limited_retry_back_off), or 0. */
  private resetMs(stream: Stream): number {
    const policy = stream.route!.retry?.policy;
    if (policy === undefined || policy.resetHeaders.length === 0) return 0;
    const { engine } = this;
    for (const { name, format } of policy.resetHeaders) {
      const [text] = (recordHeader(engine, engine.responseRecord, name) ?? '').split(',', 1);
      if (!WHOLE_NUMBER.test(text)) continue;
      const waitMs = format === 'seconds' ? Number(text) * 1000
        : (Number(text) - Math.floor(engine.wallMs / 1000)) * 1000;
      if (waitMs > 1 && waitMs <= policy.resetMaxMs) return waitMs;
    }
    return 0;
  }
}
