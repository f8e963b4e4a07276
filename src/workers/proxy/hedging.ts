// Attempts that go on beside a newer one (hedge_policy.hedge_on_per_try_timeout). An attempt that takes too long is not
// given up: it is parked here with its connection, and the stream makes another. The first good answer is the
// client's; bad ones are dropped as long as another attempt is under way.
//
//   slow attempt → parked, retry begins → its answer: good → the stream's attempt again, all others end
//                                                   bad → dropped, or the client's where it is the last
import { limits } from '../../core/limits.js';
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { Head } from '../../core/generated/layouts.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Borrower } from '../upstream/borrower.js';
import type { Upstream, UpstreamEvents } from '../upstream/upstream-side.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { countStatus } from './finish.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

/** A parked attempt: its request is sent, its answer awaited. */
export class Hedge implements Borrower {
  upstream: Upstream | null = null;
  breaker = 0;
  readonly pending = false;
  readonly pendingNext: Borrower | null = null;
  readonly pendingPrevious: Borrower | null = null;
  readonly rawTunnel = false;
  shares = false;
  alone = false;
  readonly bodyBytes = 0;
  readonly isUpgrade = false;
  readonly openEnded = false;
  wantsNewConnection = false;
  connectErrno = 0;
  transportFailure = '';
  stream!: Stream;
  next: Hedge | null = null;
  endpoint: Endpoint | null = null;
  requestTaken = false;
  sentMs = 0;

  constructor(readonly events: UpstreamEvents) {}

  get origin() { return this.stream.origin; }
  get protocol(): RpcProtocol | null { return this.stream.protocol; }
  get framed(): boolean { return this.stream.framed; }
  get https(): boolean { return this.stream.https; }
}

export class Hedging implements UpstreamEvents {
  private readonly free: Hedge[] = [];

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** The stream's attempt is slow. It is parked if another one may begin beside it; else it just goes on. */
  softTimeout(stream: Stream): void {
    const { retries } = this.proxy;
    if (stream.retryOn === 0 || stream.upstream === null || this.parked(stream) >= limits.hedgesMax) return;
    if (!retries.mayRetry(stream)) return;
    this.park(stream);
    retries.backOff(stream, 0, true);
  }

  /** The stream's own attempt is over without an answer for the client. Do others go on? `status` counts for it. */
  outlives(stream: Stream, status: number): boolean {
    if (stream.hedges === null) return false;
    if (status > 0) countStatus(stream.cluster!, status);
    const endpoint = stream.endpoint ?? stream.lastEndpoint;
    if (endpoint !== null) Atomics.add(this.engine.i32, endpoint.state + EndpointState.requestsError, 1);
    stream.waitsForHedges = true;
    stream.perTryDeadlineMs = stream.perTryIdleFromMs = Infinity;
    return true;
  }

  /** The route's timeout is over for all of them. */
  countTimeouts(stream: Stream): void {
    for (let hedge = stream.hedges; hedge !== null; hedge = hedge.next) {
      stream.cluster!.count(ClusterStat.upstream_rq_timeout);
      countStatus(stream.cluster!, stream.timeoutStatus);
      Atomics.add(this.engine.i32, hedge.endpoint!.state + EndpointState.requestsTimeout, 1);
    }
  }

  /** Another attempt has the client's answer, or there is no client any more. */
  dropAll(stream: Stream): void {
    while (stream.hedges !== null) this.drop(stream.hedges);
  }

  onResponseHead(hedge: Hedge, buffer: number, bodyAt: number, end: number): number {
    const { stream } = hedge;
    const upstream = hedge.upstream!;
    const status = this.engine.i32[(this.engine.responseRecord >> 2) + Head.status];
    if (status < 200 && status !== 101) return bodyAt;
    if (stream.retryOn !== 0 && this.hasOthers(stream) && this.proxy.retries.responseAsks(stream, status)) {
      stream.cluster!.answered(hedge.endpoint!, status);
      Atomics.add(this.engine.i32, hedge.endpoint!.state + EndpointState.requestsError, 1);
      this.drop(hedge);
      return end;
    }
    this.promote(hedge);
    let at = this.proxy.onResponseHead(stream, buffer, bodyAt, end);
    // The connection had begun to hand over what it received while it was lent to the hedge.
    while (at < end && upstream.stream === stream) {
      const taken = this.proxy.onResponseBytes(stream, buffer, at, end);
      if (taken === at) break;
      at = taken;
    }
    return at;
  }

  onResponseRejected(hedge: Hedge, rejection: number): void {
    const { stream } = hedge;
    if (this.hasOthers(stream)) {
      stream.cluster!.count(ClusterStat.upstream_cx_protocol_error);
      this.lose(hedge, 502);
    } else {
      this.promote(hedge);
      this.proxy.failures.badResponse(stream, rejection);
    }
  }

  onUpstreamEnd(hedge: Hedge, errno: number): void {
    const { stream } = hedge;
    if (hedge.upstream!.cutShort) this.onResponseRejected(hedge, 0);
    else if (this.hasOthers(stream)) {
      this.lose(hedge, 503);
    } else {
      this.promote(hedge);
      this.proxy.failures.upstreamEnded(stream, errno);
    }
  }

  // It was lent its connection when it was still the stream's, and no byte of a body comes before a head.
  onAcquired(): void { throw new Error('a parked attempt acquires nothing'); }
  onConnectFailed(): void { throw new Error('a parked attempt connects to nothing'); }
  onResponseEnd(): void { throw new Error('a parked attempt has no answer'); }
  onResponseBytes(): number { throw new Error('a parked attempt takes no body'); }
  onUpstreamDrained(): void { /* its request was complete when it was parked */ }
  onUpstreamSendFailed(): void { /* onUpstreamEnd follows */ }

  /** Is another attempt under way or to come? */
  private hasOthers(stream: Stream): boolean {
    return stream.endpoint !== null || stream.retryAtMs !== Infinity || stream.hedges!.next !== null;
  }

  private parked(stream: Stream): number {
    let count = 0;
    for (let hedge = stream.hedges; hedge !== null; hedge = hedge.next) count++;
    return count;
  }

  private park(stream: Stream): void {
    const hedge = this.free.pop() ?? new Hedge(this);
    const upstream = stream.upstream!;
    hedge.stream = stream;
    hedge.upstream = upstream;
    hedge.breaker = stream.breaker;
    hedge.requestTaken = stream.requestTaken;
    hedge.endpoint = stream.lastEndpoint = stream.endpoint;
    hedge.sentMs = stream.upstreamSentMs;
    hedge.next = stream.hedges;
    stream.hedges = hedge;
    upstream.stream = hedge;
    stream.upstream = stream.endpoint = null;
    stream.requestTaken = false;
  }

  /** The parked attempt is the stream's again, and its only one. */
  private promote(hedge: Hedge): void {
    const { proxy } = this;
    const { stream, endpoint, requestTaken, sentMs } = hedge;
    const upstream = hedge.upstream!;
    this.unlink(hedge);
    if (stream.endpoint !== null) proxy.failures.detach(stream);
    proxy.retries.leave(stream);
    stream.retryOn = 0;
    stream.retryAtMs = stream.perTryDeadlineMs = stream.perTryIdleFromMs = Infinity;
    stream.waitsForHedges = stream.replayable = false;
    stream.upstream = upstream;
    upstream.stream = stream;
    stream.endpoint = endpoint;
    stream.requestTaken = requestTaken;
    stream.requestHeadSent = true;
    stream.upstreamSentMs = sentMs;
    stream.upstreamConnectionId = upstream.id;
    stream.upstreamTls = upstream.tls;
    stream.connectStartMs = upstream.openedMs;
    stream.connectEndMs = upstream.connectedMs;
    // Last: closing a connection may fail whoever waits for its endpoint, and this stream waits no more.
    this.dropAll(stream);
  }

  /** It failed without an answer while others go on. */
  private lose(hedge: Hedge, status: number): void {
    countStatus(hedge.stream.cluster!, status);
    hedge.stream.cluster!.failed(hedge.endpoint!);
    Atomics.add(this.engine.i32, hedge.endpoint!.state + EndpointState.requestsError, 1);
    this.drop(hedge);
  }

  private drop(hedge: Hedge): void {
    const { stream, endpoint, requestTaken, breaker } = hedge;
    const upstream = hedge.upstream!;
    this.unlink(hedge);
    if (requestTaken) stream.cluster!.giveBack(ClusterState.requests + breaker);
    endpoint!.request(-1);
    upstream.close();
  }

  private unlink(hedge: Hedge): void {
    const { stream } = hedge;
    if (stream.hedges === hedge) stream.hedges = hedge.next;
    else {
      let before = stream.hedges!;
      while (before.next !== hedge) before = before.next!;
      before.next = hedge.next;
    }
    hedge.next = null;
    hedge.upstream = hedge.endpoint = null;
    this.free.push(hedge);
  }
}
