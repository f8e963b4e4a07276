// Requests that are sent to another cluster as well (request_mirror_policies). A mirror goes its own way: its own
// connection, its own counts, an answer that is read and thrown away. What the client's request does never waits for
// it: a mirror that does not take its bytes in time is given up.
//
//   begin: a copy of the request's head → pick → acquire → head, then the body as it comes → answer skipped → gone
import { ChunkedRecordBytes, Head, HeadFlag, RequestEdits, RequestEditsFlag,
  RequestEditsRecordBytes } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { BufferClass } from '../memory/buffers.js';
import { speaks } from '../../protocols/protocols.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { Mirror } from '../routing/mirrors.js';
import { ACQUIRED, WAITING } from '../upstream/pool.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { UpstreamEvents } from '../upstream/upstream-side.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_END, OUT_SAME, RELAY_ERROR, isOpenEnded } from './body.js';
import { pickerFor } from './destination.js';
import { applyMutations } from './edits.js';
import { countStatus } from './finish.js';
import type { Proxy } from './request.js';
import { sentHead } from './request-id.js';
import { serverNameOf } from './server-name.js';
import { Shadow } from './shadow.js';
import type { Stream } from './stream.js';

const SUFFIX = '-shadow';
/** x-envoy-internal, x-forwarded-for and its address, the suffix. */
const ADDED_BYTES = 256;
const EDITS_WORDS = RequestEditsRecordBytes >> 2;

export class Shadows implements UpstreamEvents {
  private readonly free: Shadow[] = [];
  /** In progress. */
  active = 0;

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** Sends the encoded request of `stream` to every mirror of its route whose share it belongs to. */
  begin(stream: Stream): void {
    const mirrors = stream.route!.mirrors!;
    for (let i = 0; i < mirrors.length; i++) {
      const mirror = mirrors[i];
      const cluster = mirror.takes(this.engine) ? this.clusterOf(stream, mirror) : null;
      if (cluster !== null && !(speaks(cluster.traits.rpc, stream.protocol) && this.mirror(stream, mirror, cluster)))
        stream.cluster!.count(ClusterStat.retry_or_shadow_abandoned);
    }
  }

  /** The stream relayed [at, end) of its body. Its mirrors get the same. */
  relay(stream: Stream, buffer: number, at: number, end: number): void {
    let full = 0;
    for (let shadow = stream.shadows; shadow !== null; shadow = shadow.next) {
      shadow.full = !this.take(shadow, buffer, at, end);
      if (shadow.full) full++;
    }
    if (full > 0) this.giveUp(stream);
  }

  /** Gives up the mirrors that are full. The end of one may end another that waits for a connection. */
  private giveUp(stream: Stream): void {
    for (let shadow = stream.shadows; shadow !== null;) {
      if (!shadow.full) { shadow = shadow.next; continue; }
      stream.cluster!.count(ClusterStat.retry_or_shadow_abandoned);
      this.cancel(shadow);
      shadow = stream.shadows;
    }
  }

  /** The whole request has come: the stream's mirrors go on without it. */
  requestReceived(stream: Stream): void {
    for (let shadow = stream.shadows, next = shadow; shadow !== null; shadow = next) {
      next = shadow.next;
      shadow.next = shadow.stream = null;
      // A body without length has no more of it than the stream's.
      if (shadow.request.kind === BODY_UNTIL_END) this.endRequest(shadow);
      shadow.awaitAnswer();
    }
    stream.shadows = null;
  }

  /** The stream is over before its request has come: so are its mirrors. */
  leave(stream: Stream): void {
    while (stream.shadows !== null) this.cancel(stream.shadows);
  }

  private clusterOf(stream: Stream, mirror: Mirror): ClusterRuntime | null {
    const { engine } = this;
    if (mirror.clusterHeader === null) return this.proxy.clusters.get(mirror.slot);
    const record = sentHead(engine, stream);
    const name = record === 0 ? null : recordHeader(engine, record, mirror.clusterHeader);
    const slot = name === null || name === '' ? -1 : engine.snapshot.clusterSlot(name);
    return slot < 0 ? null : this.proxy.clusters.get(slot);
  }

  private mirror(stream: Stream, mirror: Mirror, cluster: ClusterRuntime): boolean {
    const { engine } = this;
    const shadow = this.active < limits.shadowsMax ? this.obtain(cluster) : null;
    if (shadow === null) return false;
    shadow.startMs = engine.nowMs;
    shadow.timeoutMs = stream.timeoutMs;
    shadow.protocol = stream.protocol;
    shadow.isHead = stream.isHead;
    shadow.kept.begin(stream.downstream!.listener.bufferBytes);
    const { kind, complete, remaining, forwardTrailers } = stream.request;
    shadow.request.begin(engine, kind, remaining, OUT_SAME);
    shadow.request.forwardTrailers = forwardTrailers;
    // A body that was collected before the request went on is sent from where it is kept.
    if (complete && stream.kept.length > 0) this.keepAll(stream, shadow);
    else if (complete) shadow.request.complete = true;
    cluster.gauge(ClusterStat.upstream_rq_active, 1);
    if (shadow.kept.overflowed || !this.encode(stream, shadow, mirror)) { this.give(shadow); return false; }
    if (complete) shadow.awaitAnswer();
    else {
      shadow.stream = stream;
      shadow.next = stream.shadows;
      stream.shadows = shadow;
    }
    const picker = pickerFor(engine, stream, cluster);
    const endpoint = picker === null ? null : picker.pick(shadow);
    if (endpoint === null) {
      cluster.count(ClusterStat.upstream_cx_none_healthy);
      this.failAtOnce(shadow);
      return true;
    }
    const thresholds = cluster.traits.normal;
    if (!cluster.tryTake(ClusterState.requests, thresholds.maxRequests)) {
      cluster.count(ClusterStat.upstream_rq_pending_overflow);
      this.failAtOnce(shadow);
      return true;
    }
    shadow.requestTaken = true;
    const lender = shadow.serverName === null ? endpoint : cluster.lenderFor(endpoint, shadow.serverName);
    if (lender === null) { this.failAtOnce(shadow); return true; }
    shadow.endpoint = lender;
    endpoint.request(1);
    const result = this.proxy.upstreams.acquire(shadow, lender, thresholds);
    if (result === ACQUIRED) this.onAcquired(shadow);
    else if (result !== WAITING) this.failAtOnce(shadow);
    return true;
  }

  private keepAll(stream: Stream, shadow: Shadow): void {
    const { kept } = stream;
    for (let i = 0; i < kept.length; i++) shadow.kept.add(this.engine, kept.pieces[i]!.at, kept.pieces[i]!.end);
  }

  /** The request as it was sent, for another host and with its mutations. False: no buffer is free. */
  private encode(stream: Stream, shadow: Shadow, mirror: Mirror): boolean {
    const { engine } = this;
    const { i32, pool, codecs } = engine;
    const record = sentHead(engine, stream);
    if (record === 0) return false;
    const words = record >> 2;
    const edits = engine.requestEdits >> 2;
    const headBytes = i32[words + Head.bytes];
    const inline = stream.headBytes - headBytes;
    let flags = stream.protocol !== null ? RequestEditsFlag.asSpelled
      : RequestEditsFlag.setInternal | RequestEditsFlag.appendXff
      | (stream.hcm!.requestFlags & RequestEditsFlag.absoluteUrl);
    if (isOpenEnded(stream.request.kind)) flags |= RequestEditsFlag.chunked;
    if ((i32[words + Head.flags] & HeadFlag.teTrailers) !== 0) flags |= RequestEditsFlag.teTrailers;
    flags |= shadow.cluster.traits.editFlags & RequestEditsFlag.properCase;
    i32.fill(0, edits, edits + EDITS_WORDS);
    i32[edits + RequestEdits.flags] = flags;
    i32[edits + RequestEdits.random] = engine.randomState;
    this.setHost(mirror, words, edits);
    const { addresses } = stream.downstream!;
    i32[edits + RequestEdits.clientBytes] = addresses.localIpBytes();
    i32[edits + RequestEdits.clientAt] = addresses.localIpAt;
    const more = applyMutations(engine, stream, mirror.mutations, record, edits + RequestEdits.mutationsAt);
    const size = pool.classFor(stream.headBytes + ADDED_BYTES + i32[words + Head.headerCount] + more
      + i32[edits + RequestEdits.hostBytes] * 2);
    const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
    if (out < 0) return false;
    const start = pool.offsetOf(out);
    const after = codecs.h1EncodeRequest(record, engine.requestEdits, start);
    const { cluster } = shadow;
    shadow.serverName = cluster.traits.serverNames === null ? null : serverNameOf(engine, cluster, record);
    if (inline > 0) codecs.copyExact(after, stream.headAt + headBytes, inline);
    shadow.headBuffer = out;
    shadow.headAt = start;
    shadow.headOnlyBytes = after - start;
    shadow.headBytes = after - start + inline;
    return true;
  }

  /** The host of the policy; else the request's, with the suffix before its port. */
  private setHost(mirror: Mirror, words: number, edits: number): void {
    const { engine } = this;
    const { i32, codecs } = engine;
    if (mirror.host !== null) {
      i32[edits + RequestEdits.hostAt] = mirror.host.at;
      i32[edits + RequestEdits.hostBytes] = mirror.host.bytes;
      return;
    }
    if (!mirror.hostSuffix) return;
    const host = i32[words + Head.hostAt], bytes = i32[words + Head.hostBytes];
    const bare = codecs.withoutPort(host, bytes);
    const at = engine.rewriteScratch;
    if (bytes + SUFFIX.length > limits.rewrittenBytesMax) return;
    codecs.copyExact(at, host, bare);
    engine.writeText(at + bare, SUFFIX);
    codecs.copyExact(at + bare + SUFFIX.length, host + bare, bytes - bare);
    i32[edits + RequestEdits.hostAt] = at;
    i32[edits + RequestEdits.hostBytes] = bytes + SUFFIX.length;
  }

  /** Gives [at, end) of the body to a mirror. False: it cannot take it. */
  private take(shadow: Shadow, buffer: number, at: number, end: number): boolean {
    const { engine } = this;
    if (!shadow.headSent) {
      shadow.kept.add(engine, at, end);
      return !shadow.kept.overflowed;
    }
    const { socket } = shadow.upstream!;
    if (shadow.request.relay(engine, buffer, at, end, socket) < 0) return false;
    if (shadow.request.complete && shadow.upstream!.framed) shadow.upstream!.endRequest(0, 0);
    return !shadow.request.backedUp(engine, socket, limits.sendHighWatermarkBytes);
  }

  onAcquired(shadow: Shadow): void {
    const { engine } = this;
    const { cluster, endpoint, kept } = shadow;
    const upstream = shadow.upstream!;
    cluster.count(ClusterStat.upstream_rq_total);
    cluster.reached(endpoint!);
    upstream.beginRequest();
    engine.i32[endpoint!.state + EndpointState.requestsTotal]++;
    shadow.headSent = true;
    const whole = shadow.request.complete;
    shadow.request.frameFor(upstream.framed);
    upstream.sendHead(shadow.headBuffer, shadow.headAt, shadow.headOnlyBytes, shadow.headBytes, false);
    cluster.gauge(ClusterStat.upstream_cx_tx_bytes_total, shadow.headBytes);
    this.releaseHead(shadow);
    for (let i = 0; i < kept.length; i++) {
      const { buffer, at, end } = kept.pieces[i]!;
      for (let from = at; from < end && !shadow.request.complete;) {
        const taken = shadow.request.relay(engine, buffer, from, end, upstream.socket);
        if (taken <= from) { upstream.close(); this.fail(shadow, 503); return; }
        from = taken;
      }
    }
    kept.release(engine);
    if (whole || shadow.request.complete) this.sayEnd(shadow);
  }

  /** The whole body was relayed, or will be when there is a connection. */
  private endRequest(shadow: Shadow): void {
    shadow.request.complete = true;
    if (shadow.headSent) this.sayEnd(shadow);
  }

  private sayEnd(shadow: Shadow): void {
    const upstream = shadow.upstream!;
    if (upstream.framed) upstream.endRequest(0, 0);
    else if (shadow.request.kind === BODY_UNTIL_END
      && !shadow.request.sendLastChunk(this.engine, upstream.socket, 0, 0)) {
      upstream.close();
      this.fail(shadow, 503);
    }
  }

  onConnectFailed(shadow: Shadow): void {
    shadow.cluster.count(ClusterStat.upstream_rq_pending_failure_eject);
    shadow.cluster.failed(shadow.endpoint!);
    this.fail(shadow, 503);
  }

  onResponseHead(shadow: Shadow, _buffer: number, bodyAt: number, end: number): number {
    const { engine } = this;
    const { i32 } = engine;
    const words = engine.responseRecord >> 2;
    const status = i32[words + Head.status], flags = i32[words + Head.flags];
    if (status < 200) {
      if (status !== 101) return bodyAt;
      this.onResponseRejected(shadow);
      return end;
    }
    shadow.status = status;
    shadow.cluster.answered(shadow.endpoint!, status);
    if (shadow.cluster.latencies !== null)
      shadow.cluster.latencies.observe(shadow.endpoint!, engine.nowMs - shadow.startMs);
    shadow.reusable = (flags & HeadFlag.version10) !== 0 ? (flags & HeadFlag.connectionKeepAlive) !== 0
      : (flags & HeadFlag.connectionClose) === 0;
    const length = i32[words + Head.contentLengthHigh] * 4294967296 + (i32[words + Head.contentLengthLow] >>> 0);
    const { response } = shadow;
    if (shadow.isHead || status === 204 || status === 304) response.begin(engine, BODY_NONE, 0, OUT_SAME);
    else if (shadow.upstream!.responseEnded) response.begin(engine, BODY_NONE, 0, OUT_SAME);
    else if (shadow.upstream!.framed) response.begin(engine, BODY_UNTIL_END, 0, OUT_SAME);
    else if ((flags & HeadFlag.chunked) !== 0) response.begin(engine, BODY_CHUNKED, 0, OUT_SAME);
    else if ((flags & HeadFlag.hasContentLength) !== 0) response.begin(engine, BODY_LENGTH, length, OUT_SAME);
    else response.begin(engine, BODY_UNTIL_END, 0, OUT_SAME);
    if (response.complete) return this.answered(shadow, bodyAt, end);
    return bodyAt;
  }

  onResponseBytes(shadow: Shadow, _buffer: number, at: number, end: number): number {
    const taken = shadow.response.skip(this.engine, at, end);
    if (taken < 0) {
      if (taken === RELAY_ERROR) this.onResponseRejected(shadow);
      else { shadow.upstream!.close(); this.fail(shadow, 503); }
      return end;
    }
    return shadow.response.complete ? this.answered(shadow, taken, end) : taken;
  }

  onResponseEnd(shadow: Shadow): void { this.answered(shadow, 0, 0); }

  onResponseRejected(shadow: Shadow): void {
    shadow.cluster.count(ClusterStat.upstream_cx_protocol_error);
    shadow.cluster.failed(shadow.endpoint!);
    shadow.upstream!.close();
    this.fail(shadow, 502);
  }

  onUpstreamEnd(shadow: Shadow, errno: number): void {
    const { cluster } = shadow;
    const whole = errno === 0 && !shadow.upstream!.framed && shadow.status > 0
      && shadow.response.kind === BODY_UNTIL_END;
    if (!whole && shadow.upstream!.cutShort) { this.onResponseRejected(shadow); return; }
    if (!whole) cluster.failed(shadow.endpoint!);
    shadow.upstream!.close();
    if (whole) { this.count(shadow, shadow.status); this.give(shadow); } else this.fail(shadow, 503);
  }

  /** What it sent before closing is still read. */
  onUpstreamSendFailed(): void { /* onUpstreamEnd follows */ }
  onUpstreamDrained(): void { /* nothing of it waits */ }

  private timedOut(shadow: Shadow): void {
    shadow.cluster.count(ClusterStat.upstream_rq_timeout);
    if (shadow.headSent && shadow.status === 0)
      shadow.cluster.silent(shadow.endpoint!, this.engine.nowMs - shadow.startMs);
    this.close(shadow);
    this.fail(shadow, 504);
  }

  /** The answer is over. Its connection serves another request if nothing followed it. */
  private answered(shadow: Shadow, at: number, end: number): number {
    const { upstream, endpoint } = shadow;
    const reusable = at === end && shadow.reusable && shadow.request.complete && upstream!.unread === 0
      && !endpoint!.removed && !this.proxy.finish.overused(shadow.cluster, upstream!)
      && this.engine.reactor.pendingSendBytes(upstream!.socket) === 0;
    if (shadow.request.complete) upstream!.answered();
    this.count(shadow, shadow.status);
    shadow.upstream = null;
    this.give(shadow);
    if (reusable) upstream!.giveBack(); else upstream!.close();
    return end;
  }

  private count(shadow: Shadow, status: number): void {
    const { engine } = this;
    const { cluster, endpoint } = shadow;
    countStatus(cluster, status);
    engine.observe(cluster.requestTimeCell, engine.nowMs - shadow.startMs);
    if (endpoint === null) return;
    const word = status >= 500 ? EndpointState.requestsError : EndpointState.requestsSuccess;
    Atomics.add(engine.i32, endpoint.state + word, 1);
  }

  /** It gets no answer: counted as if it had got `status`. */
  private fail(shadow: Shadow, status: number): void {
    this.count(shadow, shadow.status > 0 ? shadow.status : status);
    this.give(shadow);
  }

  private failAtOnce(shadow: Shadow): void {
    countStatus(shadow.cluster, 503);
    this.give(shadow);
  }

  private cancel(shadow: Shadow): void {
    this.close(shadow);
    this.give(shadow);
  }

  private close(shadow: Shadow): void {
    const { upstream } = shadow;
    shadow.upstream = null;
    if (upstream !== null) upstream.close();
  }

  private unlink(stream: Stream, shadow: Shadow): void {
    if (stream.shadows === shadow) stream.shadows = shadow.next;
    else {
      let before = stream.shadows;
      while (before !== null && before.next !== shadow) before = before.next;
      if (before !== null) before.next = shadow.next;
    }
    shadow.next = shadow.stream = null;
  }

  private releaseHead(shadow: Shadow): void {
    if (shadow.headBuffer < 0) return;
    this.engine.pool.release(shadow.headBuffer);
    shadow.headBuffer = -1;
  }

  private obtain(cluster: ClusterRuntime): Shadow | null {
    const { engine } = this;
    let shadow = this.free.pop();
    if (shadow === undefined) {
      const at = engine.heap.allocate(2 * ChunkedRecordBytes);
      if (at < 0) return null;
      shadow = new Shadow(engine, this, (late) => this.timedOut(late));
      shadow.request.chunked = at;
      shadow.response.chunked = at + ChunkedRecordBytes;
    }
    shadow.cluster = cluster;
    this.active++;
    return shadow;
  }

  private give(shadow: Shadow): void {
    const { engine } = this;
    const { cluster, endpoint, stream } = shadow;
    // It may be over before the whole request has come: what is still to come goes nowhere.
    if (stream !== null) this.unlink(stream, shadow);
    cluster.gauge(ClusterStat.upstream_rq_active, -1);
    if (shadow.pending) {
      this.proxy.upstreams.cancel(shadow, endpoint!);
      cluster.count(ClusterStat.upstream_rq_cancelled);
    }
    if (shadow.requestTaken) cluster.giveBack(ClusterState.requests);
    if (endpoint !== null) endpoint.request(-1);
    this.releaseHead(shadow);
    if (shadow.kept.length > 0) shadow.kept.release(engine);
    shadow.clear();
    this.active--;
    this.free.push(shadow);
  }
}
