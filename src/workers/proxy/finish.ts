// How a stream ends: what it held is given back, it is counted and logged, and its connections go on or end.
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { ClusterStat, HISTOGRAM_VALUE_MAX, HttpStat } from '../../telemetry/schema.js';
import { httpStatusOfGrpc } from '../../core/grpc-status.js';
import { ResponseFlag } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import { BODY_TUNNEL } from './body.js';
import { AccessLogWriter } from './access-log.js';
import type { LogType } from './log-filter.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { Upstream } from '../upstream/upstream-side.js';

/** Cell of upstream_rq_<code>, or -1 for codes that are counted by class only. */
const codeCells = new Int16Array(600).fill(-1);
for (const [name, index] of Object.entries(ClusterStat)) {
  const code = /^upstream_rq_(\d{3})$/.exec(name);
  if (code !== null) codeCells[Number(code[1])] = index;
}

/** Counts an answer that a request to `cluster` got. */
export function countStatus(cluster: ClusterRuntime, status: number): void {
  cluster.count(ClusterStat.upstream_rq_completed);
  const family = (status / 100) | 0;
  if (family >= 1 && family <= 5) cluster.count(ClusterStat.upstream_rq_1xx + family - 1);
  const cell = status < 600 ? codeCells[status] : -1;
  if (cell >= 0) cluster.count(cell);
}

export class Finish {
  readonly log: AccessLogWriter;

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {
    this.log = new AccessLogWriter(engine);
  }

  /** Takes one of the cluster's requests (max_requests). False when the breaker is open. */
  takeRequest(stream: Stream, max: number): boolean {
    if (!stream.cluster!.tryTake(ClusterState.requests + stream.breaker, max)) return false;
    stream.requestTaken = true;
    return true;
  }

  /** The attempt at an endpoint is over: counts go down, a queue place is given up. The connection is not touched. */
  leaveEndpoint(stream: Stream): void {
    const { endpoint } = stream;
    if (stream.requestTaken) {
      stream.cluster!.giveBack(ClusterState.requests + stream.breaker);
      stream.requestTaken = false;
    }
    if (endpoint === null) return;
    if (stream.pending) {
      this.proxy.upstreams.cancel(stream, endpoint);
      stream.cluster!.count(ClusterStat.upstream_rq_cancelled);
    }
    endpoint.request(-1);
    stream.endpoint = null;
    stream.lastEndpoint = endpoint;
    if (stream.hcm!.notesAttempts) (stream.attempted ??= []).push(endpoint);
  }

  releaseHead(stream: Stream): void {
    if (stream.headBuffer < 0) return;
    this.engine.pool.release(stream.headBuffer);
    stream.headBuffer = -1;
    stream.replayable = false;
  }

  /**
   * The last byte of the response was handed to the kernel. `clean`: nothing followed it on the upstream connection.
   */
  responseComplete(stream: Stream, clean: boolean): void {
    const { engine } = this;
    const upstream = stream.upstream!;
    const requestDone = stream.request.complete;
    const reusable = clean && upstream.unread === 0 && requestDone && stream.upstreamReusable
      && !this.overused(stream.cluster!, upstream)
      && engine.reactor.pendingSendBytes(upstream.socket) === 0;
    const { endpoint } = stream;
    if (requestDone) upstream.answered();
    if (!clean || upstream.unread > 0) stream.cluster!.count(ClusterStat.upstream_cx_protocol_error);
    this.countUpstream(stream);
    if (stream.hcm!.notesUpstream)
      stream.upstreamLocal = engine.outside.localAddress(engine.reactor.fdOf(upstream.socket));
    this.leaveEndpoint(stream);
    if (stream.bulkResponse && reusable) engine.reactor.setBulk(upstream.socket, false);
    stream.upstream = null;
    if (!requestDone) engine.count(stream.hcm!.scope, HttpStat.downstream_rq_response_before_rq_complete);
    if (reusable && !endpoint!.removed) upstream.giveBack(); else upstream.close();
    this.complete(stream, requestDone);
  }

  /** An answer is not the client's: its connection serves another request if the answer has `ended` with its head. */
  leaveUpstream(stream: Stream, ended: boolean): void {
    const { endpoint } = stream;
    const upstream = stream.upstream!;
    const reusable = ended && stream.upstreamReusable && stream.request.complete && upstream.unread === 0
      && !this.overused(stream.cluster!, upstream) && this.engine.reactor.pendingSendBytes(upstream.socket) === 0;
    if (ended && stream.request.complete) upstream.answered();
    this.leaveEndpoint(stream);
    stream.upstream = null;
    if (reusable && !endpoint!.removed) upstream.giveBack(); else upstream.close();
  }

  /** Has the connection served as many requests as it may? */
  overused(cluster: ClusterRuntime, upstream: Upstream): boolean {
    const { requestsPerConnectionMax } = cluster.traits;
    // One that carries many requests counts them itself.
    if (upstream.framed || requestsPerConnectionMax === 0 || upstream.requests < requestsPerConnectionMax)
      return false;
    cluster.count(ClusterStat.upstream_cx_max_requests);
    return true;
  }

  /** An upgrade was accepted: from here both directions are raw. */
  upgraded(stream: Stream): void {
    const { engine } = this;
    engine.f64[stream.hcm!.scope + HttpStat.downstream_cx_upgrades_active] += 1;
    stream.request.kind = stream.response.kind;
    stream.request.complete = false;
    const downstream = stream.downstream!;
    downstream.outOfStep();
    downstream.becomeTunnel();
    if (stream.hcm!.config.accessLogOptions.onTunnelEstablished)
      this.writeLogs(stream, 'DownstreamTunnelSuccessfullyEstablished');
    // The client's FIN may have come while the upgrade was on its way.
    if (downstream.ended && downstream.stream === stream && !stream.request.complete)
      this.proxy.failures.downstreamEnded(stream, 0);
  }

  /** The stream is over for the client: log, count, give back, go on with the connection. */
  complete(stream: Stream, keepAlive: boolean): void {
    const downstream = stream.downstream!;
    this.end(stream);
    downstream.finishRequest(keepAlive);
  }

  /**
   * The stream is over and its downstream connection cannot be used: the response is cut short, or nobody is there to
   * read it.
   */
  abort(stream: Stream, reset: boolean): void {
    const { engine } = this;
    const downstream = stream.downstream!;
    if (stream.upstream !== null) {
      stream.upstream.close();
      stream.upstream = null;
    }
    if (stream.responseStarted && stream.cluster !== null) this.countUpstream(stream);
    this.leaveEndpoint(stream);
    if (stream.responseStarted && !stream.response.complete)
      engine.count(stream.hcm!.scope, HttpStat.downstream_rq_tx_reset);
    if (!downstream.framed && (stream.flags & ResponseFlag.DC) !== 0) {
      engine.count(stream.hcm!.scope, HttpStat.downstream_cx_destroy_active_rq);
      engine.count(stream.hcm!.scope, HttpStat.downstream_cx_destroy_remote_active_rq);
    }
    this.end(stream);
    downstream.close(reset);
  }

  /** A line in each access log whose filter admits it. */
  writeLogs(stream: Stream, logType: LogType): void {
    const { logs } = stream.hcm!;
    for (let i = 0; i < logs.length; i++) this.log.write(stream, logs[i], logType);
  }

  private end(stream: Stream): void {
    const { engine } = this;
    const { f64 } = engine;
    const hcm = stream.hcm!;
    const { scope } = hcm;
    f64[scope + HttpStat.downstream_rq_active] -= 1;
    if (stream.status > 0) {
      f64[scope + HttpStat.downstream_rq_completed] += 1;
      const family = (stream.status / 100) | 0;
      if (family >= 2 && family <= 5) f64[scope + HttpStat.downstream_rq_1xx + family - 1] += 1;
    }
    engine.observe(hcm.requestTimeCell, wholeMs(engine.nowMs - stream.startMs));
    if (stream.cluster !== null) stream.cluster.gauge(ClusterStat.upstream_rq_active, -1);
    if (stream.response.kind === BODY_TUNNEL && stream.responseStarted)
      f64[scope + HttpStat.downstream_cx_upgrades_active] -= 1;
    this.writeLogs(stream, 'DownstreamEnd');
    if (stream.retryTaken) this.proxy.retries.leave(stream);
    if (stream.shadows !== null) this.proxy.shadows.leave(stream);
    if (stream.hedges !== null) this.proxy.hedging.dropAll(stream);
    if (stream.filters !== null) stream.filters.onEnd(stream);
    if (stream.rewrittenBuffer >= 0) engine.pool.release(stream.rewrittenBuffer);
    if (stream.kept.length > 0) stream.kept.release(engine);
    if (stream.headBuffer >= 0) this.releaseHead(stream);
    if (stream.responseBuffer >= 0) engine.pool.release(stream.responseBuffer);
    if (stream.trailersBuffer >= 0) engine.pool.release(stream.trailersBuffer);
    if (stream.table !== null) stream.table.leave();
    if (stream.sentHeadBytes > 0) stream.downstream!.bytesSent += stream.sentHeadBytes + stream.response.bytes;
    stream.downstream!.stream = null;
    this.proxy.streams.give(stream);
  }

  /** Counts an upstream response by code and time, and the endpoint's result. */
  countUpstream(stream: Stream): void {
    const { engine } = this;
    const cluster = stream.cluster!;
    // The endpoint's own, whatever a filter makes of it.
    const status = stream.upstreamStatus || stream.status;
    countStatus(cluster, status);
    engine.observe(cluster.requestTimeCell, wholeMs(engine.nowMs - stream.startMs));
    if (stream.route!.counts !== null) stream.route!.counts.response(engine, stream, true);
    const endpoint = stream.endpoint ?? stream.lastEndpoint;
    if (endpoint !== null) {
      // As Envoy: a gRPC call has failed as well where its status stands for an HTTP status that has.
      const failed = status >= 500 || (stream.grpc && httpStatusOfGrpc(stream.grpcStatus) >= 500);
      const word = failed ? EndpointState.requestsError : EndpointState.requestsSuccess;
      Atomics.add(engine.i32, endpoint.state + word, 1);
    }
  }

  /** A reply of ours for a request that reached a cluster counts as the cluster's, as Envoy counts it. */
  countLocal(stream: Stream): void {
    countStatus(stream.cluster!, stream.status);
    if (stream.route!.counts !== null) stream.route!.counts.response(this.engine, stream, false);
    if ((stream.flags & (ResponseFlag.UF | ResponseFlag.UC | ResponseFlag.UT | ResponseFlag.UPE)) !== 0
        && stream.lastEndpoint !== null) {
      Atomics.add(this.engine.i32, stream.lastEndpoint.state + EndpointState.requestsError, 1);
    }
  }
}

/** A number with a fraction is an allocation where it is passed on. */
const wholeMs = (ms: number): number => Math.min(ms, HISTOGRAM_VALUE_MAX) | 0;
