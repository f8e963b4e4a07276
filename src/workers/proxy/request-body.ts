// The way up behind a request's head: relays its body, notices its end, and says it where the upstream's framing does
// not.
import { limits } from '../../core/limits.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { BODY_CHUNKED, BODY_TUNNEL, BODY_UNTIL_END, RELAY_ERROR } from './body.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

export class RequestBodies {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  onBytes(stream: Stream, buffer: number, at: number, end: number): number {
    const { engine, proxy } = this;
    const { upstream, request } = stream;
    stream.lastActivityMs = engine.nowMs;
    if (stream.collectBytesMax >= 0) return proxy.filtering.collect(stream, at, end);
    if (stream.requestSource !== null) return proxy.transforming.onRequestBytes(stream, at, end);
    if (upstream === null || !stream.requestHeadSent || (request.kind === BODY_TUNNEL && !stream.responseStarted)) {
      return at;                                                        // nowhere to put it yet
    }
    if (request.complete) return at;
    const taken = request.relay(engine, buffer, at, end, upstream.socket);
    if (taken < 0) {
      if (taken === RELAY_ERROR) proxy.replies.badRequestBody(stream);
      else proxy.failures.exhausted(stream);
      return end;
    }
    stream.cluster!.gauge(ClusterStat.upstream_cx_tx_bytes_total, taken - at);
    if (stream.countsMessages && request.kind !== BODY_CHUNKED) stream.messages!.requestBytes(at, taken);
    if (stream.keepsBody) proxy.retries.keep(stream, at, taken);
    if (stream.shadows !== null) proxy.shadows.relay(stream, buffer, at, taken);
    if (!stream.bulkRequest && request.bytes + request.remaining >= limits.bulkBodyBytes && !request.complete) {
      stream.bulkRequest = true;
      engine.reactor.setBulk(stream.downstream!.socket, true);
    }
    if (request.complete) {
      if (upstream.framed) upstream.endRequest(engine.text, request.trailersBytes);
      this.received(stream);
    } else if (request.backedUp(engine, upstream.socket, proxy.highWatermark(stream))) {
      stream.downstream!.pause();
      engine.reactor.notifyDrained(upstream.socket);
      stream.cluster!.count(ClusterStat.upstream_flow_control_backed_up_total);
    }
    return taken;
  }

  /** The request of a framed protocol ends here; see DownstreamEvents. */
  onEnd(stream: Stream, trailersAt: number, trailersBytes: number): boolean {
    const { proxy } = this;
    const { request } = stream;
    if (stream.response.kind === BODY_TUNNEL && stream.responseStarted) {
      proxy.failures.downstreamEnded(stream, 0);
      return true;
    }
    if (request.complete) return true;                    // its length said so before
    if (stream.collectBytesMax >= 0) { proxy.filtering.collected(stream); return true; }
    if (stream.requestSource !== null) return proxy.transforming.onRequestEnd(stream);
    if (request.kind === BODY_TUNNEL || stream.suspended) return false;   // there is no tunnel, or no way, yet
    if (trailersBytes > 0 && (stream.upstream === null || !stream.requestHeadSent)) return false;
    if (trailersBytes > 0 && stream.keepsBody) proxy.retries.giveUp(stream);
    request.complete = true;
    if (stream.upstream !== null && stream.requestHeadSent) this.sayEnd(stream, trailersAt, trailersBytes);
    if (stream.downstream !== null) this.received(stream);
    return true;
  }

  /** All of the request was handed on: its end is said where its framing has not said it. */
  sayEnd(stream: Stream, trailersAt: number, trailersBytes: number): void {
    const upstream = stream.upstream!;
    const { request } = stream;
    if (upstream.framed) upstream.endRequest(trailersAt, trailersBytes);
    else if (request.kind === BODY_UNTIL_END && !request.sendLastChunk(this.engine, upstream.socket, trailersAt,
      stream.cluster!.traits.enableTrailers ? trailersBytes : 0)) this.proxy.failures.exhausted(stream);
  }

  /** The whole request has arrived: from now the route's timeout runs. */
  received(stream: Stream): void {
    const { proxy } = this;
    stream.requestEndMs = this.engine.nowMs;
    if (stream.bulkRequest) this.engine.reactor.setBulk(stream.downstream!.socket, false);
    if (stream.shadows !== null) proxy.shadows.requestReceived(stream);
    stream.downstream!.requestComplete();
    proxy.timeouts.requestReceived(stream);
    if (stream.response.complete && stream.responseStarted) proxy.finish.complete(stream, true);
  }
}
