// What goes wrong between picking an endpoint and the last byte of a response, and what the client gets for it. One
// decision each: repeat the request where that is safe, answer in the upstream's place, or cut the response short so
// that it cannot look complete.
import { ClusterStat, HttpStat } from '../../telemetry/schema.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { limits } from '../../core/limits.js';
import { RESET_BY_PEER, RESET_LOCAL, RESET_PROTOCOL, RESET_REFUSED } from '../../core/reset-reasons.js';
import type { Engine } from '../engine.js';
import { BODY_TUNNEL, BODY_UNTIL_END } from './body.js';
import type { Proxy } from './request.js';
import { FAILED_CONNECT, FAILED_PROTOCOL, FAILED_REFUSED, FAILED_RESET } from './retries.js';
import { LOCAL_FAILURE } from '../upstream/borrower.js';
import type { Stream } from './stream.js';

const PREFIX = 'upstream connect error or disconnect/reset before headers. ';
const ETIMEDOUT = 110;
const TIMED_OUT = { text: 'connection timeout', detail: detail(
  'upstream_reset_before_response_started{connection_timeout}') };
const REMOTE = { text: 'remote connection failure', detail: detail(
  'upstream_reset_before_response_started{remote_connection_failure}') };
const LOCAL = { text: 'local connection failure', detail: detail(
  'upstream_reset_before_response_started{local_connection_failure}') };
interface Reset { flag: number; text: string; before: number; after: number }
const RESETS: Readonly<Record<number, Reset>> = {
  [RESET_BY_PEER]: { flag: ResponseFlag.UR, text: 'remote reset',
    before: detail('upstream_reset_before_response_started{remote_reset}'),
    after: detail('upstream_reset_after_response_started{remote_reset}') },
  [RESET_REFUSED]: { flag: ResponseFlag.UR, text: 'remote refused stream reset',
    before: detail('upstream_reset_before_response_started{remote_refused_stream_reset}'),
    after: detail('upstream_reset_after_response_started{remote_refused_stream_reset}') },
  [RESET_PROTOCOL]: { flag: ResponseFlag.UPE, text: 'protocol error',
    before: detail('upstream_reset_before_response_started{protocol_error}'),
    after: detail('upstream_reset_after_response_started{protocol_error}') },
  [RESET_LOCAL]: { flag: ResponseFlag.LR, text: 'local reset',
    before: detail('upstream_reset_before_response_started{local_reset}'),
    after: detail('upstream_reset_after_response_started{local_reset}') },
};
const latest = (stream: Stream): string => stream.retried ? 'retried and the latest ' : '';

export class Failures {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** No connection could be made. */
  connect(stream: Stream): void {
    stream.cluster!.count(ClusterStat.upstream_rq_pending_failure_eject);
    this.noteFailure(stream);
    if (stream.retryOn !== 0 && this.proxy.retries.afterFailure(stream, FAILED_CONNECT)) return;
    const { connectErrno } = stream;
    const reason = connectErrno === ETIMEDOUT ? TIMED_OUT : connectErrno === LOCAL_FAILURE ? LOCAL : REMOTE;
    this.proxy.replies.send(stream, 503, ResponseFlag.UF, reason.detail,
      `${PREFIX}${latest(stream)}reset reason: ${reason.text}`);
  }

  /** The upstream connection ended (errno 0 = FIN) while the stream used it. */
  upstreamEnded(stream: Stream, errno: number): void {
    const { response } = stream;
    const upstream = stream.upstream!;
    if (errno < 0) { this.reset(stream, errno); return; }
    if (stream.responseStarted) {
      if (response.kind === BODY_TUNNEL) { this.tunnelEnded(stream, errno); return; }
      if (response.kind === BODY_UNTIL_END && errno === 0 && !upstream.framed) {
        stream.upstreamReusable = false;
        this.proxy.onResponseEnd(stream, 0, 0);
        return;
      }
    }
    // As Envoy: what ends within a response is not HTTP.
    if (upstream.cutShort) { this.badResponse(stream, 0); return; }
    if (stream.responseStarted) {
      this.noteFailure(stream);
      stream.flags |= ResponseFlag.UC;
      stream.details = detail('upstream_reset_after_response_started{connection_termination}');
      this.noteCut(stream);
      this.leave(stream);
      this.cut(stream);
      return;
    }
    const diedUnseen = !upstream.framed && upstream.requests > 1 && !upstream.hasBegun;
    const stale = diedUnseen && stream.replayable && stream.interimResponses === 0
      && stream.attempts <= limits.staleRetriesMax;
    if (!stale) this.noteFailure(stream);
    this.detach(stream);
    stream.wantsNewConnection = diedUnseen;
    if (stale) {
      stream.cluster!.count(ClusterStat.upstream_rq_retry);
      stream.requestHeadSent = false;
      this.proxy.dispatch(stream);
      return;
    }
    if (stream.retryOn !== 0 && this.proxy.retries.afterFailure(stream, FAILED_RESET)) return;
    this.proxy.replies.send(stream, 503, ResponseFlag.UC,
      detail('upstream_reset_before_response_started{connection_termination}'),
      `${PREFIX}${latest(stream)}reset reason: connection termination`);
  }

  /** The stream's exchange was reset; its connection goes on for others. */
  private reset(stream: Stream, reason: number): void {
    const how = RESETS[reason] ?? RESETS[RESET_LOCAL]!;
    if (stream.responseStarted) {
      if (reason !== RESET_LOCAL) this.noteFailure(stream);
      stream.flags |= how.flag;
      stream.details = how.after;
      this.noteCut(stream);
      this.leave(stream);
      this.cut(stream);
      return;
    }
    // What the peer has not looked at is as if it had not been sent.
    const unseen = reason === RESET_REFUSED && stream.replayable && stream.headBuffer >= 0
      && stream.attempts <= limits.staleRetriesMax;
    if (!unseen) this.noteFailure(stream);
    this.detach(stream);
    if (unseen) {
      stream.cluster!.count(ClusterStat.upstream_rq_retry);
      stream.requestHeadSent = false;
      this.proxy.dispatch(stream);
      return;
    }
    if (stream.retryOn !== 0
      && this.proxy.retries.afterFailure(stream, reason === RESET_REFUSED ? FAILED_REFUSED : FAILED_RESET)) return;
    this.proxy.replies.send(stream, how.flag === ResponseFlag.UPE ? 502 : 503, how.flag, how.before,
      `${PREFIX}${latest(stream)}reset reason: ${how.text}`);
  }

  /**
   * The upstream does not take the request any more. It may have answered already, so the rest of the request is
   * dropped and the answer awaited.
   */
  sendFailed(stream: Stream): void {
    if (stream.response.kind === BODY_TUNNEL && stream.response.complete) {
      this.proxy.finish.abort(stream, true);
      return;
    }
    // What it sent before closing is still delivered; then onReceiveEnd decides. The client need not send more.
    stream.downstream!.pause();
  }

  /** The upstream sent what is not HTTP/1.1. */
  badResponse(stream: Stream, _rejection: number): void {
    stream.cluster!.count(ClusterStat.upstream_cx_protocol_error);
    this.noteFailure(stream);
    if (stream.responseStarted) {
      stream.flags |= ResponseFlag.UPE;
      stream.details = detail('upstream_reset_after_response_started{protocol_error}');
      this.noteCut(stream);
      this.cut(stream);
      return;
    }
    this.detach(stream);
    if (stream.retryOn !== 0 && this.proxy.retries.afterFailure(stream, FAILED_PROTOCOL)) return;
    this.proxy.replies.send(stream, 502, ResponseFlag.UPE,
      detail('upstream_reset_before_response_started{protocol_error}'),
      `${PREFIX}${latest(stream)}reset reason: protocol error`);
  }

  /** Memory ran out under the stream: shed it. */
  exhausted(stream: Stream): void {
    this.engine.count(stream.hcm!.scope, HttpStat.weft_allocation_failed);
    stream.flags |= ResponseFlag.OM;
    stream.details = detail('overload');
    if (stream.responseStarted) { this.proxy.finish.abort(stream, true); return; }
    this.detach(stream);
    this.proxy.replies.send(stream, 503, ResponseFlag.OM, detail('overload'), 'no buffer is free');
  }

  /**
   * The client sent FIN (errno 0) or is gone. A complete request is still answered after a FIN; anything else is
   * over.
   */
  downstreamEnded(stream: Stream, errno: number): void {
    const { engine } = this;
    const { upstream } = stream;
    if (errno === 0 && stream.response.kind === BODY_TUNNEL && stream.responseStarted) {
      stream.request.complete = true;
      if (!stream.response.complete) {
        stream.flags |= ResponseFlag.DC;
        stream.details = detail('downstream_remote_disconnect');
      }
      engine.reactor.shutdownSend(upstream!.socket);
      if (stream.response.complete) this.endTunnel(stream);
      return;
    }
    if (errno === 0 && stream.request.complete) return;
    const reset = errno === RESET_BY_PEER || errno === RESET_REFUSED;
    stream.flags |= reset ? ResponseFlag.DR : ResponseFlag.DC;
    stream.details = detail(reset ? 'http2.remote_reset' : 'downstream_remote_disconnect');
    engine.count(stream.hcm!.scope, HttpStat.downstream_rq_rx_reset);
    this.proxy.finish.abort(stream, false);
  }

  private cut(stream: Stream): void {
    if (!this.proxy.transforming.replaceCut(stream, 502, 'the endpoint broke off its answer'))
      this.proxy.finish.abort(stream, true);
  }

  /** A response is cut short: of a gRPC call that would have told its status at the end. */
  private noteCut(stream: Stream): void {
    if (stream.grpc && stream.status === 200)
      this.engine.count(stream.hcm!.scope, HttpStat.rq_reset_after_downstream_response_started);
  }

  /** Outlier detection hears that the endpoint failed the stream. */
  private noteFailure({ cluster, endpoint }: Stream): void {
    if (endpoint !== null) cluster!.failed(endpoint);
  }

  /** Takes the stream off its endpoint and closes the connection it used. */
  detach(stream: Stream): void {
    stream.perTryDeadlineMs = stream.perTryIdleFromMs = Infinity;
    const { upstream } = stream;
    this.proxy.finish.leaveEndpoint(stream);
    stream.upstream = null;
    if (upstream !== null) upstream.close();
  }

  /** The upstream connection has ended by itself. */
  private leave(stream: Stream): void {
    stream.upstream!.close();
    stream.upstream = null;
  }

  private tunnelEnded(stream: Stream, errno: number): void {
    const { engine } = this;
    if (errno !== 0) {
      this.leave(stream);
      this.proxy.finish.abort(stream, true);
      return;
    }
    stream.response.complete = true;
    if (stream.request.complete) this.endTunnel(stream);
    else engine.reactor.shutdownSend(stream.downstream!.socket);     // half-closed: what the client sends goes on
  }

  /** Both ends have sent their FIN. What is still on its way to either of them arrives before the connections go. */
  endTunnel(stream: Stream): void {
    const { engine } = this;
    const upstream = stream.upstream!;
    if (engine.reactor.pendingSendBytes(upstream.socket) > 0) { engine.reactor.notifyDrained(upstream.socket); return; }
    this.proxy.finish.countUpstream(stream);
    this.detach(stream);
    this.proxy.finish.complete(stream, false);
  }
}
