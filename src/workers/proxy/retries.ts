// Sending a request again: decided when a response's head or a failure arrives and nothing has been sent to the client.
// A retry waits for its back-off on the stream's own deadline, then begins in request.ts dispatch like any attempt.
//
//   answer or failure → asks for a retry? → retries left? → breaker free? → detached, waits → dispatch
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { Head, Header } from '../../core/generated/layouts.js';
import { ResponseFlag } from '../../core/response-flags.js';
import { ClusterStat, VirtualHostStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import { BODY_NONE, OUT_SAME } from './body.js';
import type { Proxy } from './request.js';
import { asksForGrpc, RetryOn, statusAsks } from '../routing/retry-conditions.js';
import type { Stream } from './stream.js';

/** How an attempt failed without an answer. */
export const FAILED_CONNECT = 0;
export const FAILED_RESET = 1;
export const FAILED_PER_TRY = 2;

const BACK_OFF_BASE_MS = 25;
const NO_CODES: readonly number[] = [];

export class Retries {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /**
   * Notes what the route asks for. The request's head is in hand. Its own x-envoy-retry-on and the like count only from
   * internal clients, and every client is external.
   */
  begin(stream: Stream): void {
    const conditions = stream.route!.retry;
    if (conditions !== null) {
      stream.retryOn = conditions.admits(this.engine.requestRecord) ? conditions.retryOn : 0;
      stream.retriesLeft = conditions.policy.retries;
      stream.perTryMs = conditions.policy.perTryTimeoutMs;
      stream.hostSelectionAttempts = conditions.policy.hostSelectionAttempts;
    }
    if (stream.retryOn !== 0 && stream.request.kind !== BODY_NONE) {
      stream.requestLength = stream.request.remaining;
      stream.kept.begin(stream.downstream!.listener.bufferBytes);
    }
  }

  /** Does the answer's head make the request go out again? The head is in engine.responseRecord. */
  afterResponse(stream: Stream, status: number): boolean {
    const { engine } = this;
    const asks = this.responseAsks(stream, status);
    if (!asks && stream.retried)
      this.count(stream, ClusterStat.upstream_rq_retry_success, VirtualHostStat.upstream_rq_retry_success);
    if (!asks || !this.mayRetry(stream)) { this.accept(stream); return false; }
    Atomics.add(engine.i32, stream.endpoint!.state + EndpointState.requestsError, 1);
    this.retry(stream);
    return true;
  }

  /** The answer is the client's: what was kept for another attempt is free, and so is its place among the retries. */
  private accept(stream: Stream): void {
    this.leave(stream);
    stream.retryOn = 0;
    if (stream.kept.length > 0) stream.kept.release(this.engine);
  }

  /** Does a failure before any answer make the request go out again? */
  afterFailure(stream: Stream, failure: number): boolean {
    const { retryOn } = stream;
    const asks = (retryOn & (RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError)) !== 0
      || (failure === FAILED_CONNECT && (retryOn & RetryOn.connectFailure) !== 0)
      || ((retryOn & RetryOn.resetBeforeRequest) !== 0 && !stream.requestHeadSent);
    if (!asks || !this.mayRetry(stream)) return false;
    this.retry(stream);
    return true;
  }

  /** The back-off is over. */
  due(stream: Stream): void {
    stream.retryAtMs = Infinity;
    this.count(stream, ClusterStat.upstream_rq_retry, VirtualHostStat.upstream_rq_retry);
    this.proxy.dispatch(stream);
  }

  /** Sends again what was kept of the body, behind the head that was just sent. */
  replay(stream: Stream): void {
    const { engine } = this;
    const { request, kept } = stream;
    if (!stream.retried || kept.length === 0) return;
    const { kind, forwardTrailers } = request;
    request.begin(engine, kind, stream.requestLength, OUT_SAME);
    request.forwardTrailers = forwardTrailers;
    for (let i = 0; i < kept.length; i++) {
      const { buffer, at, end } = kept.pieces[i]!;
      for (let from = at; from < end && !request.complete;) {
        const taken = request.relay(engine, buffer, from, end, stream.upstream!.socket);
        if (taken <= from) { this.proxy.failures.exhausted(stream); return; }
        from = taken;
      }
    }
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

  private responseAsks(stream: Stream, status: number): boolean {
    const { retryOn } = stream;
    const { engine } = this;
    const known = (engine.responseRecord >> 1) + Head.known * 2;
    const u16 = engine.u16;
    if (u16[known + Header['x-envoy-ratelimited']] !== 0) return (retryOn & RetryOn.rateLimited) !== 0;
    const grpc = asksForGrpc(retryOn) ? Number(recordHeader(engine, engine.responseRecord, 'grpc-status') ?? -1) : -1;
    const conditions = stream.route!.retry;
    const codes = conditions?.policy.retriableStatusCodes ?? NO_CODES;
    if (statusAsks(retryOn, status, grpc, codes)) return true;
    if ((retryOn & RetryOn.headers) === 0) return false;
    return conditions?.hasRetriableHeader(engine.responseRecord) === true;
  }

  /** Takes a retry if one is left and the breaker allows it; notes why not. */
  private mayRetry(stream: Stream): boolean {
    const cluster = stream.cluster!;
    this.leave(stream);
    if (stream.retriesLeft === 0) {
      this.count(stream, ClusterStat.upstream_rq_retry_limit_exceeded,
        VirtualHostStat.upstream_rq_retry_limit_exceeded);
      stream.flags |= ResponseFlag.URX;
      return false;
    }
    stream.retriesLeft--;
    if (stream.kept.overflowed) {
      cluster.count(ClusterStat.retry_or_shadow_abandoned);
      return false;
    }
    const { default: normal, high } = cluster.config.circuitBreakers;
    const { maxRetries } = stream.breaker === 0 ? normal : high;
    if (!cluster.tryTake(ClusterState.retries + stream.breaker, maxRetries)) {
      this.count(stream, ClusterStat.upstream_rq_retry_overflow, VirtualHostStat.upstream_rq_retry_overflow);
      stream.flags |= ResponseFlag.UO;
      return false;
    }
    stream.retryTaken = true;
    return true;
  }

  private retry(stream: Stream): void {
    const { engine } = this;
    const cluster = stream.cluster!;
    cluster.count(ClusterStat.upstream_rq_retry_backoff_exponential);
    this.proxy.failures.detach(stream);
    if (stream.route!.retry?.policy.avoidPreviousHosts === true && stream.lastEndpoint !== null)
      stream.tried.push(stream.lastEndpoint);
    stream.retried = true;
    stream.requestHeadSent = false;
    stream.perTryDeadlineMs = Infinity;
    stream.connectErrno = 0;
    stream.retryAtMs = engine.nowMs + this.backOffMs(stream);
    stream.downstream!.deadlineMoved();
  }

  /** Fully jittered, doubling: between 0 and base * (2^n - 1), at most the longest interval. */
  private backOffMs(stream: Stream): number {
    const policy = stream.route!.retry?.policy;
    const base = policy?.backOffBaseMs ?? BACK_OFF_BASE_MS;
    const longest = policy?.backOffMaxMs ?? base * 10;
    const ceiling = Math.min(longest, base * (2 ** Math.min(30, ++stream.retryCount) - 1));
    return Math.floor((this.engine.codecs.nextRandom(this.engine.randomState) >>> 0) / 4294967296 * ceiling);
  }
}
