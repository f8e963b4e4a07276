// The way back: decides how the response is framed for the client, writes its head, relays its body, and notices when
// both are done.
import { Head, HeadFlag, Header, Mutation, MutationRecordBytes, ResponseEdits, ResponseEditsFlag }
  from '../../core/generated/layouts.js';
import { httpStatusOfGrpc } from '../../core/grpc-status.js';
import { limits } from '../../core/limits.js';
import { detail } from '../../core/response-flags.js';
import { ClusterStat, HttpStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { SMALL } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';
import { BODY_CHUNKED, BODY_UNTIL_END, BODY_LENGTH, BODY_NONE, BODY_TUNNEL, Body, OUT_BARE, OUT_CHUNKED, OUT_SAME,
  RELAY_ERROR } from './body.js';
import { DateText } from './date-text.js';
import { applyLists } from './edits.js';
import { REMOVE } from '../routing/mutations.js';
import type { CompiledMutations } from '../routing/mutations.js';
import { headerLinesBytes } from './format-texts.js';
import type { Proxy } from './request.js';
import { findRequestId } from './request-id.js';
import { keepsHead } from './stream.js';
import { learn } from './learning.js';
import { keepTrailers } from './kept-trailers.js';
import { headGrpcStatus, NO_STATUS, trailersGrpcStatus } from './grpc-reply.js';
import type { Stream } from './stream.js';
import type { Throttle } from './throttle.js';

const VIA_UPSTREAM = detail('via_upstream');
const FIXED_ADDED_BYTES = 384;
const INTERIM_RESPONSES_MAX = 64;

/** The connection manager has the last word about Server: it overwrites a route's, or leaves it. `at`: the records. */
function settleServer(engine: Engine, lists: readonly CompiledMutations[], at: number, flags: number): number {
  let found = false;
  let first = at;
  for (let i = 0; i < lists.length; i++) {
    const { servers, count } = lists[i]!;
    for (const index of servers) {
      const state = ((first + index * MutationRecordBytes) >> 2) + Mutation.state;
      found ||= engine.i32[state] !== 0 && engine.i32[state - Mutation.state + Mutation.action] !== REMOVE;
      if ((flags & ResponseEditsFlag.serverOverwrite) !== 0) engine.i32[state] = 0;
    }
    first += count * MutationRecordBytes;
  }
  return found ? flags & ~ResponseEditsFlag.serverIfAbsent : flags;
}

export class Responses {
  readonly watermarkBytes = limits.sendHighWatermarkBytes;
  private readonly date: DateText;
  /** The buffer that heads are written into; replaced when the reactor still sends from it. */
  private out: number;
  private readonly lists: CompiledMutations[] = [];

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {
    this.date = new DateText(engine);
    this.out = engine.pool.acquire(SMALL);
  }

  /** Returns how far the bytes were taken. */
  onHead(stream: Stream, buffer: number, bodyAt: number, end: number): number {
    const { engine } = this;
    const words = engine.responseRecord >> 2;
    const status = engine.i32[words + Head.status];
    if (status < 200) {
      if (status !== 101 || !stream.isUpgrade) return this.onInterim(stream, status, bodyAt, end);
    } else if (stream.isUpgrade && !(stream.isConnect && status < 300)) {
      stream.isUpgrade = false;
      stream.downstream!.outOfStep();
    }
    const { learns, outliers, traits } = stream.cluster!;
    if (traits.checked) this.noteHealth(stream, words);
    if (stream.grpc) stream.grpcStatus = headGrpcStatus(engine, engine.responseRecord);
    if (outliers !== null) outliers.answered(stream.endpoint!, stream.grpcStatus === NO_STATUS ? status
      : httpStatusOfGrpc(stream.grpcStatus));
    const flags = engine.i32[words + Head.flags];
    stream.upstreamReusable = stream.upstream!.framed || ((flags & HeadFlag.version10) !== 0
      ? (flags & HeadFlag.connectionKeepAlive) !== 0 : (flags & HeadFlag.connectionClose) === 0);
    if (learns) learn(engine, stream);
    if (stream.repeats
      && this.proxy.retries.afterResponse(stream, status, bodyAt === end && endsWithHead(engine, stream, status,
        flags)))
      return end;
    stream.responseStarted = true;
    stream.responseStartMs = stream.lastActivityMs = engine.nowMs;
    stream.status = status;
    stream.details = VIA_UPSTREAM;
    stream.responseHeadBytes = engine.i32[words + Head.bytes];
    if (stream.hcm!.notesHeads) stream.responseHeaderBytes = headerLinesBytes(engine, engine.responseRecord);
    if (stream.headBuffer >= 0 && !keepsHead(stream)) this.proxy.finish.releaseHead(stream);
    if (stream.transform !== null) {
      const ended = endsWithHead(engine, stream, status, flags) || (stream.upstream!.framed
        && stream.upstream!.responseEnded);
      const taken = this.proxy.transforming.onHead(stream, status, flags, ended, bodyAt, end);
      if (taken >= 0) return taken;
    }
    this.beginBody(stream, status, flags, words);
    return this.sendHead(stream, buffer, bodyAt, end);
  }

  /** Does the endpoint take itself out of service? All workers leave it out from now on; main counts a failed check. */
  private noteHealth(stream: Stream, words: number): void {
    const { engine } = this;
    const known = engine.u16[(words + Head.known) * 2 + Header['x-envoy-immediate-health-check-fail']];
    if (known === 0 || stream.endpoint === null) return;
    stream.endpoint.exclude();
    engine.post({ kind: 'healthFailed', cluster: stream.cluster!.slot, state: stream.endpoint.stateIndex });
  }

  /** How long the body is (RFC 9112 6.3) and how it must be framed for this client. */
  beginBody(stream: Stream, status: number, flags: number, words: number): void {
    const { engine } = this;
    const { response } = stream;
    const upstream = stream.upstream!, downstream = stream.downstream!;
    const bare = stream.version10 || downstream.framed;
    const length = engine.i32[words + Head.contentLengthHigh] * 4294967296
      + (engine.i32[words + Head.contentLengthLow] >>> 0);
    if (stream.isUpgrade) {
      response.begin(engine, BODY_TUNNEL, 0, OUT_SAME);
      response.complete = false;
    } else if (stream.isHead || status === 204 || status === 304) response.begin(engine, BODY_NONE, 0, OUT_SAME);
    else if (upstream.framed) this.beginFramed(stream, flags);
    else if ((flags & HeadFlag.chunked) !== 0)
      response.begin(engine, BODY_CHUNKED, 0, bare ? OUT_BARE : OUT_SAME);
    else if ((flags & HeadFlag.hasContentLength) !== 0) response.begin(engine, BODY_LENGTH, length, OUT_SAME);
    else {
      response.begin(engine, BODY_UNTIL_END, 0, bare ? OUT_BARE : OUT_CHUNKED);
      response.complete = false;
    }
    response.forwardTrailers = (upstream.framed || stream.cluster!.traits.enableTrailers)
      && (downstream.framed || stream.hcm!.config.enableTrailers);
    if (response.out === OUT_BARE) downstream.outOfStep();
  }

  /** Of a protocol that says where its messages end; trailers may follow a body of any length. */
  private beginFramed(stream: Stream, flags: number): void {
    const { response } = stream;
    const measured = (flags & HeadFlag.hasContentLength) !== 0 || stream.downstream!.framed;
    if (stream.upstream!.responseEnded) { response.begin(this.engine, BODY_LENGTH, 0, OUT_SAME); return; }
    response.begin(this.engine, BODY_UNTIL_END, 0, measured ? OUT_SAME : stream.version10 ? OUT_BARE : OUT_CHUNKED);
    response.complete = false;
  }

  /** Writes a head that has no body with it. `follows`: more comes at once. False: the stream has ended. */
  writeHead(stream: Stream, follows: boolean): boolean {
    const { engine } = this;
    const downstream = stream.downstream!;
    const edits = engine.responseEdits >> 2;
    const words = engine.responseRecord >> 2;
    const more = this.fillEdits(stream, edits);
    if (!stream.request.complete && stream.responseHeld) downstream.outOfStep();
    engine.i32[edits + ResponseEdits.flags] |= this.connectionFlags(stream);
    const out = this.outFor(engine.i32[words + Head.bytes] + FIXED_ADDED_BYTES + engine.i32[words + Head.headerCount]
      + more);
    if (out < 0) {
      unstart(stream);
      this.proxy.failures.exhausted(stream);
      return false;
    }
    const start = engine.pool.offsetOf(out);
    const end = engine.codecs.h1EncodeResponse(engine.responseRecord, engine.responseEdits, start);
    stream.sentHeadBytes = end - start;
    downstream.sendHead(out, start, end - start, end - start, follows);
    engine.f64[stream.hcm!.scope + HttpStat.downstream_cx_tx_bytes_total] += end - start;
    if (stream.hcm!.keepsResponseHead) this.keepHead(stream, out, start, end);
    this.giveOut(out);
    return true;
  }

  private sendHead(stream: Stream, buffer: number, bodyAt: number, end: number): number {
    const { engine } = this;
    const { codecs, i32, pool } = engine;
    const downstream = stream.downstream!;
    const edits = engine.responseEdits >> 2;
    const more = this.fillEdits(stream, edits);
    const { response } = stream;
    // What a response of this length still needs from the client decides about the connection before the head is
    // written.
    const available = end - bodyAt;
    const inline = response.kind !== BODY_NONE && response.kind !== BODY_TUNNEL && available > 0
      && available <= limits.bodyCopyBytesMax && stream.throttle === null;
    if (!stream.request.complete && response.kind === BODY_LENGTH && response.remaining <= available) {
      downstream.outOfStep();
    }
    i32[edits + ResponseEdits.flags] |= this.connectionFlags(stream);
    // Each line may gain the space after its colon.
    const most = stream.responseHeadBytes + FIXED_ADDED_BYTES + i32[(engine.responseRecord >> 2) + Head.headerCount]
      + more + (inline ? Body.roomFor(available) : 0);
    const out = this.outFor(most);
    if (out < 0) {
      unstart(stream);
      this.proxy.failures.exhausted(stream);
      return end;
    }
    const start = pool.offsetOf(out);
    let after = codecs.h1EncodeResponse(engine.responseRecord, engine.responseEdits, start);
    const headEnd = after;
    stream.sentHeadBytes = after - start;
    let at = bodyAt;
    if (inline) {
      at = response.copyInto(engine, bodyAt, end, after);
      if (stream.countsMessages && at > bodyAt && response.kind !== BODY_CHUNKED)
        stream.messages!.responseBytes(bodyAt, at);
      if (at < 0) {
        this.giveOut(out);
        unstart(stream);
        this.proxy.failures.badResponse(stream, response.rejection);
        return end;
      }
      after += response.written;
    }
    // More of it has come, or comes with the frames behind this one.
    const follows = !response.complete && ((!inline && available > 0) || stream.upstream!.framed);
    downstream.sendHead(out, start, headEnd - start, after - start, follows);
    engine.f64[stream.hcm!.scope + HttpStat.downstream_cx_tx_bytes_total] += after - start;
    if (stream.hcm!.keepsResponseHead) this.keepHead(stream, out, start, headEnd);
    this.giveOut(out);
    if (stream.isUpgrade) { this.proxy.finish.upgraded(stream); return at; }
    if (!inline && !response.complete && available > 0) return this.onBytes(stream, buffer, at, end);
    return this.after(stream, at, end);
  }

  onBytes(stream: Stream, buffer: number, at: number, end: number): number {
    const { engine } = this;
    const { response } = stream;
    const downstream = stream.downstream!;
    stream.lastActivityMs = engine.nowMs;
    if (stream.transformsResponse) return this.proxy.transforming.onBytes(stream, at, end);
    if (response.complete) { stream.upstream!.close(); return end; }        // more than the response: out of step
    const until = stream.throttle === null ? end : this.throttled(stream, stream.throttle, at, end);
    const taken = response.relay(engine, buffer, at, until, downstream.socket);
    if (taken < 0) {
      if (taken === RELAY_ERROR) this.proxy.failures.badResponse(stream, response.rejection);
      else this.proxy.failures.exhausted(stream);
      return end;
    }
    engine.f64[stream.hcm!.scope + HttpStat.downstream_cx_tx_bytes_total] += taken - at;
    if (stream.countsMessages && response.kind !== BODY_CHUNKED) stream.messages!.responseBytes(at, taken);
    if (!stream.bulkResponse && response.bytes + response.remaining >= limits.bulkBodyBytes && !response.complete) {
      stream.bulkResponse = true;
      engine.reactor.setBulk(stream.upstream!.socket, true);
    }
    if (!response.complete && response.backedUp(engine, downstream.socket, this.proxy.highWatermark(stream))) {
      stream.upstream!.pause();
      engine.reactor.notifyDrained(downstream.socket);
      stream.cluster!.count(ClusterStat.upstream_flow_control_paused_reading_total);
    }
    return this.after(stream, taken, end);
  }

  /** The response of a framed protocol is over. */
  onEnd(stream: Stream, trailersAt: number, trailersBytes: number): void {
    const { response } = stream;
    if (trailersBytes > 0 && (stream.grpc || stream.countsMessages)) this.noteStatus(stream, trailersAt, trailersBytes);
    if (stream.transformsResponse) { this.proxy.transforming.onEnd(stream, trailersAt, trailersBytes); return; }
    const downstream = stream.downstream!;
    if (response.kind === BODY_TUNNEL) { this.proxy.failures.upstreamEnded(stream, 0); return; }
    response.complete = true;
    if (trailersBytes > 0 && stream.hcm!.keepsTrailers) keepTrailers(this.engine, stream, trailersAt, trailersBytes);
    const bytes = response.forwardTrailers ? trailersBytes : 0;
    if (response.out === OUT_CHUNKED) {
      if (!response.sendLastChunk(this.engine, downstream.socket, trailersAt, bytes)) {
        this.proxy.finish.abort(stream, true);
        return;
      }
    } else if (downstream.framed && bytes > 0) downstream.sendTrailers(trailersAt, bytes);
    this.proxy.finish.responseComplete(stream, true);
  }

  private noteStatus(stream: Stream, trailersAt: number, trailersBytes: number): void {
    const status = trailersGrpcStatus(this.engine, trailersAt, trailersBytes);
    if (status === NO_STATUS) return;
    stream.grpcStatus = status;
    if (stream.countsMessages) stream.messages!.status(status);
  }

  /** How far the bytes may go now; the rest waits with the upstream connection. */
  private throttled(stream: Stream, throttle: Throttle, at: number, end: number): number {
    const { nowMs } = this.engine;
    const until = at + throttle.take(end - at, nowMs);
    if (until < end) {
      stream.upstream!.pause();
      stream.filterAtMs = nowMs + throttle.waitMs;
      stream.downstream!.deadlineMoved();
    }
    return until;
  }

  /** Ends the stream when its response is complete. Bytes beyond it make the upstream connection unusable. */
  private after(stream: Stream, at: number, end: number): number {
    if (!stream.response.complete) return at;
    const clean = at === end;
    const { trailersBytes } = stream.response;
    if (trailersBytes > 0 && stream.downstream!.framed)
      stream.downstream!.sendTrailers(this.engine.text, trailersBytes);
    this.proxy.finish.responseComplete(stream, clean);
    return end;
  }

  /** 1xx: 100 and 103 and the like pass to HTTP/1.1 clients; 100 only if the client's own expectation is forwarded. */
  private onInterim(stream: Stream, status: number, bodyAt: number, end: number): number {
    const { engine } = this;
    if (status === 101 || ++stream.interimResponses > INTERIM_RESPONSES_MAX) {
      this.proxy.failures.badResponse(stream, 0);
      return end;
    }
    if (stream.version10 || (status === 100 && !stream.expectContinue)) return bodyAt;
    const edits = engine.responseEdits >> 2;
    engine.i32.fill(0, edits, edits + 16);
    const out = this.outFor(engine.i32[(engine.responseRecord >> 2) + Head.bytes]
      + engine.i32[(engine.responseRecord >> 2) + Head.headerCount] + 64);
    if (out < 0) return bodyAt;
    const start = engine.pool.offsetOf(out);
    const after = engine.codecs.h1EncodeResponse(engine.responseRecord, engine.responseEdits, start);
    stream.downstream!.sendHead(out, start, after - start, after - start, false);
    engine.count(stream.hcm!.scope, HttpStat.downstream_rq_1xx);
    this.giveOut(out);
    return bodyAt;
  }

  private fillEdits(stream: Stream, edits: number): number {
    const { engine } = this;
    const { i32 } = engine;
    const hcm = stream.hcm!;
    // As Envoy: how long the upstream took is told of requests that have ended.
    let flags = stream.asksUpgrade || !stream.request.complete ? hcm.responseFlags & ~ResponseEditsFlag.serviceTime
      : hcm.responseFlags;
    const { kind, out } = stream.response;
    if (out === OUT_CHUNKED || (kind === BODY_CHUNKED && out === OUT_SAME)) flags |= ResponseEditsFlag.chunked;
    else if (kind === BODY_CHUNKED || out === OUT_BARE) flags |= ResponseEditsFlag.dropLength;
    else if (kind === BODY_LENGTH && stream.upstream!.responseEnded && !stream.downstream!.framed
      && (i32[(engine.responseRecord >> 2) + Head.flags] & HeadFlag.hasContentLength) === 0)
      flags |= ResponseEditsFlag.lengthZero;
    // Nothing follows a HEAD, but Envoy tells how it would be framed.
    else if (stream.isHead && (i32[(engine.responseRecord >> 2) + Head.flags] & HeadFlag.chunked) !== 0)
      flags |= ResponseEditsFlag.chunked;
    if (stream.downstream!.framed) flags |= ResponseEditsFlag.keepMarks;
    if (stream.protocol !== null) flags |= ResponseEditsFlag.asSpelled;
    if (stream.isUpgrade && !stream.isConnect) flags |= ResponseEditsFlag.upgrade;
    if (stream.isConnect && stream.isUpgrade) flags |= ResponseEditsFlag.dropLength;
    if (hcm.config.alwaysSetRequestIdInResponse && findRequestId(engine, stream, edits + ResponseEdits.requestIdAt)) {
      flags |= ResponseEditsFlag.requestId;
    }
    i32[edits + ResponseEdits.flags] = flags;
    i32[edits + ResponseEdits.serverAt] = hcm.serverName.at;
    i32[edits + ResponseEdits.serverBytes] = hcm.serverName.bytes;
    i32[edits + ResponseEdits.dateAt] = this.date.at();
    i32[edits + ResponseEdits.dateBytes] = this.date.bytes;
    i32[edits + ResponseEdits.viaAt] = hcm.via === null ? 0 : hcm.via.at;
    i32[edits + ResponseEdits.viaBytes] = hcm.via === null ? 0 : hcm.via.bytes;
    i32[edits + ResponseEdits.serviceTimeMs] = Math.max(0, Math.round(engine.nowMs - stream.upstreamSentMs));
    const added = stream.addedResponseLines;
    i32[edits + ResponseEdits.addedBytes] = added === '' ? 0 : engine.writeText(engine.rewriteScratch, added);
    i32[edits + ResponseEdits.addedAt] = engine.rewriteScratch;
    const { responseMutations } = stream.choice!;
    const { lists } = this;
    if (lists.length > 0) lists.length = 0;
    if (responseMutations !== null) lists.push(responseMutations);
    if (stream.filters !== null) {
      // What the route changes, then what the filters do, the last one first.
      stream.filters.onResponse(stream, engine.responseRecord, '');
      stream.filters.responseMutations(stream, lists);
    }
    const more = applyLists(engine, stream, lists, engine.responseRecord, edits + ResponseEdits.mutationsAt);
    if (lists.length > 0)
      i32[edits + ResponseEdits.flags] = settleServer(engine, lists, i32[edits + ResponseEdits.mutationsAt],
        i32[edits + ResponseEdits.flags]);
    return more + added.length + hcm.serverName.bytes + (hcm.via === null ? 0 : hcm.via.bytes);
  }

  private connectionFlags(stream: Stream): number {
    const downstream = stream.downstream!;
    const { drain } = this.engine;
    if (drain.active && drain.closes(downstream.listener.inbound)) downstream.closeAfterResponse = true;
    if (downstream.framed) return 0;
    if (downstream.lastRequest) {
      downstream.closeAnnounced = true;
      return ResponseEditsFlag.connectionClose;
    }
    return stream.version10 ? ResponseEditsFlag.connectionKeepAlive : 0;
  }

  /** A buffer for a head: the standing small one if it fits and is free, else one of the right class. -1 = none. */
  private outFor(bytes: number): number {
    const { pool } = this.engine;
    const size = pool.classFor(bytes);
    if (size !== SMALL) return size < 0 ? -1 : pool.acquire(size as BufferClass);
    if (this.out >= 0 && pool.referencesOf(this.out) === 1) return this.out;
    if (this.out >= 0) pool.release(this.out);
    this.out = pool.acquire(SMALL);
    return this.out;
  }
  private giveOut(out: number): void { if (out !== this.out) this.engine.pool.release(out); }

  private keepHead(stream: Stream, out: number, start: number, headEnd: number): void {
    this.engine.pool.retain(out);
    stream.responseBuffer = out;
    stream.responseAt = start;
    stream.responseEnd = headEnd;
  }
}

/** Has the response no body? */
function endsWithHead(engine: Engine, stream: Stream, status: number, flags: number): boolean {
  if (stream.isHead || status === 204 || status === 304) return true;
  const words = engine.responseRecord >> 2;
  return (flags & (HeadFlag.chunked | HeadFlag.hasContentLength)) === HeadFlag.hasContentLength
    && engine.i32[words + Head.contentLengthLow] === 0 && engine.i32[words + Head.contentLengthHigh] === 0;
}

/** Nothing of the response has been sent yet: an answer of ours may take its place. */
export function unstart(stream: Stream): void {
  stream.responseStarted = false;
  stream.response.clear();
}
