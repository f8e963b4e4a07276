// The deadlines of a stream, and what happens at each. They are plain fields compared when the connection's one timer
// fires; pushing one out while bytes flow is a store.
import { ClusterStat, HttpStat, VirtualHostStat } from '../../telemetry/schema.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import { EndpointState } from '../../core/memory-map.js';
import { BODY_TUNNEL } from './body.js';
import { toldMs } from './grpc-timeout.js';
import { replaceExpected, replaceGrpcTimeout } from './late-values.js';
import type { Proxy } from './request.js';
import { FAILED_PER_TRY } from './retries.js';
import type { Stream } from './stream.js';

export class Timeouts {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** The request was routed: its deadlines count from its head. */
  start(stream: Stream): void {
    const { flushIntervalMs } = stream.hcm!.config.accessLogOptions;
    if (flushIntervalMs > 0) stream.logDeadlineMs = this.engine.nowMs + flushIntervalMs;
    stream.downstream!.deadlineMoved();
  }

  /** The route's timeout counts from the end of the request, as Envoy's. */
  requestReceived(stream: Stream): void {
    const { route } = stream;
    if (route === null || stream.isUpgrade) return;
    if (stream.perTryTimed && stream.requestHeadSent) this.attemptBegins(stream);
    const { timeoutMs } = stream;
    if (timeoutMs === 0 || stream.routeDeadlineMs < Infinity) return;
    stream.routeDeadlineMs = this.engine.nowMs + timeoutMs;
    stream.downstream!.deadlineMoved();
  }

  /** The whole request is on its way on a connection: the attempt's own deadlines count from now. */
  attemptBegins(stream: Stream): void {
    const { nowMs } = this.engine;
    if (stream.perTryMs > 0) stream.perTryDeadlineMs = nowMs + stream.perTryMs;
    if (stream.perTryIdleMs > 0) stream.perTryIdleFromMs = nowMs;
    stream.downstream!.deadlineMoved();
  }

  /** Has the head of another attempt say how long that may take. False: no buffer is free. */
  restate(stream: Stream): boolean {
    const expectedMs = this.expectedMs(stream);
    // How long the stream may live was said once and for all.
    const grpcMs = stream.route!.grpcTimeouts?.saysDuration === true ? -1 : toldMs(stream, expectedMs);
    return replaceExpected(this.engine, stream, expectedMs)
      && (grpcMs < 0 || replaceGrpcTimeout(this.engine, stream, grpcMs));
  }

  /** What is left of the route's timeout counts too. */
  private expectedMs(stream: Stream): number {
    const { timeoutMs } = stream;
    const perTryMs = stream.hedgesOnTimeout ? 0 : stream.perTryMs;
    if (timeoutMs === 0 || !stream.request.complete) return perTryMs > 0 ? perTryMs : timeoutMs;
    const leftMs = Math.max(1, Math.round(stream.requestEndMs + timeoutMs - this.engine.nowMs));
    return perTryMs > 0 ? Math.min(perTryMs, leftMs) : leftMs;
  }

  deadlineOf(stream: Stream): number {
    const { config } = stream.hcm!;
    let at = Math.min(stream.routeDeadlineMs, stream.logDeadlineMs, stream.retryAtMs, stream.perTryDeadlineMs,
      stream.filterAtMs);
    if (stream.perTryIdleMs > 0) at = Math.min(at, perTryIdleAtMs(stream));
    const idleMs = idleTimeoutMs(this.engine, stream);
    if (idleMs > 0) at = Math.min(at, stream.lastActivityMs + idleMs);
    if (config.requestTimeoutMs > 0 && !stream.request.complete && stream.request.kind !== BODY_TUNNEL) {
      at = Math.min(at, stream.startMs + config.requestTimeoutMs);
    }
    return Math.min(at, lifeEndMs(stream));
  }

  onDeadline(stream: Stream, nowMs: number): void {
    const { config } = stream.hcm!;
    const { scope } = stream.hcm!;
    const idleMs = idleTimeoutMs(this.engine, stream);
    if (stream.logDeadlineMs <= nowMs) {
      stream.logDeadlineMs = nowMs + config.accessLogOptions.flushIntervalMs;
      this.proxy.finish.writeLogs(stream, 'DownstreamPeriodic');
    }
    if (lifeEndMs(stream) <= nowMs) {
      this.engine.count(scope, HttpStat.downstream_rq_max_duration_reached);
      stream.uncharged = true;
      this.expire(stream, stream.request.complete ? 504 : 408, 0, detail('max_duration_timeout'),
        'downstream duration timeout', stream.grpc ? DEADLINE_EXCEEDED : '');
    } else if (stream.routeDeadlineMs <= nowMs) {
      // Between two attempts nobody kept the client waiting but we.
      if (stream.endpoint !== null) stream.cluster!.count(ClusterStat.upstream_rq_timeout);
      if (stream.hedges !== null) this.proxy.hedging.countTimeouts(stream);
      stream.route!.counts?.count(this.engine, stream, VirtualHostStat.upstream_rq_timeout);
      this.noteSilence(stream);
      this.expireRoute(stream, detail('response_timeout'));
    } else if (stream.filterAtMs <= nowMs) {
      this.proxy.filtering.due(stream);
    } else if (stream.retryAtMs <= nowMs) {
      this.proxy.retries.due(stream);
    } else if (stream.perTryDeadlineMs <= nowMs) {
      this.perTryOver(stream, ClusterStat.upstream_rq_per_try_timeout, detail('upstream_per_try_timeout'));
    } else if (stream.perTryIdleMs > 0 && perTryIdleAtMs(stream) <= nowMs) {
      this.perTryOver(stream, ClusterStat.upstream_rq_per_try_idle_timeout, detail('upstream_per_try_idle_timeout'));
    } else if (config.requestTimeoutMs > 0 && !stream.request.complete && stream.request.kind !== BODY_TUNNEL
      && stream.startMs + config.requestTimeoutMs <= nowMs) {
      this.engine.count(scope, HttpStat.downstream_rq_timeout);
      stream.uncharged = true;
      this.expire(stream, 408, 0, detail('request_overall_timeout'), 'request timeout');
    } else if (idleMs > 0 && stream.lastActivityMs + idleMs <= nowMs) {
      this.engine.count(scope, HttpStat.downstream_rq_idle_timeout);
      // Envoy: 408 while the request is still arriving, 504 once it has been received.
      const status = stream.request.complete ? 504 : 408;
      stream.uncharged = true;
      this.expire(stream, status, ResponseFlag.SI, detail('stream_idle_timeout'), 'stream timeout');
    }
  }

  /** The attempt took too long, or was silent too long; a response that has begun only ends for the latter. */
  private perTryOver(stream: Stream, stat: number, details: number): void {
    const idle = stat === ClusterStat.upstream_rq_per_try_idle_timeout;
    stream.perTryDeadlineMs = Infinity;
    if (stream.responseStarted && !idle) return;
    stream.perTryIdleFromMs = Infinity;
    if (stream.hedgesOnTimeout && !stream.responseStarted) {
      this.noteSilence(stream);
      this.proxy.hedging.softTimeout(stream);
      return;
    }
    stream.cluster!.count(stat);
    this.noteSilence(stream);
    if (stream.endpoint !== null)
      Atomics.add(this.engine.i32, stream.endpoint.state + EndpointState.requestsTimeout, 1);
    if (stream.retryOn !== 0 && !stream.responseStarted && this.proxy.retries.afterFailure(stream, FAILED_PER_TRY))
      return;
    this.expireRoute(stream, details);
  }

  /** An endpoint that did not answer in time is expected to take at least as long, and may be an outlier. */
  private noteSilence({ cluster, endpoint, upstream, responseStarted, upstreamSentMs }: Stream): void {
    if (endpoint !== null && !responseStarted)
      cluster!.silent(endpoint, upstream === null ? -1 : this.engine.nowMs - upstreamSentMs);
  }

  /** As the router answers: 504, unless an internal client asked for another status. */
  private expireRoute(stream: Stream, details: number): void {
    const { timeoutStatus } = stream;
    this.expire(stream, timeoutStatus, ResponseFlag.UT, details,
      timeoutStatus === 504 ? 'upstream request timeout' : '');
  }

  private expire(stream: Stream, status: number, flag: number, details: number, body: string, headers = ''): void {
    if (!stream.responseStarted) {
      this.proxy.failures.detach(stream);
      this.proxy.replies.send(stream, status, flag, details, body, headers);
      return;
    }
    stream.flags |= flag;
    stream.details = details;
    if (!this.proxy.transforming.replaceCut(stream, status, body)) this.proxy.finish.abort(stream, true);
  }
}

/** Of a gRPC stream that lived its longest; a route's timeout is UNAVAILABLE, as 504 is. */
const DEADLINE_EXCEEDED = 'grpc-status: 4\r\n';

/** When the stream has lived its longest: by the client (grpc-timeout) where the route listens to it. */
function lifeEndMs(stream: Stream): number {
  if (stream.durationMs >= 0) return stream.startMs + stream.durationMs;
  const forward = stream.route === null ? null : stream.route.forward;
  const mostMs = forward?.maxStreamDurationMs ?? stream.hcm!.config.maxStreamDurationMs;
  return mostMs > 0 ? stream.startMs + mostMs : Infinity;
}

/** When the attempt will have been silent for too long. */
const perTryIdleAtMs = (stream: Stream): number =>
  Math.max(stream.perTryIdleFromMs, stream.lastActivityMs) + stream.perTryIdleMs;

function idleTimeoutMs(engine: Engine, stream: Stream): number {
  const ofRoute = stream.route === null ? null : stream.route.idleTimeoutMs;
  const timeoutMs = ofRoute ?? stream.hcm!.config.streamIdleTimeoutMs;
  return engine.overload.active ? engine.overload.streamIdleMs(timeoutMs) : timeoutMs;
}
