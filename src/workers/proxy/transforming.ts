// Takes bodies through a stream's transform: framing off, pieces through, framing on. The request becomes one without
// length; of a response that is held, head and body are written when all of it is known.
import { STATUS_CODES } from 'node:http';
import { Head, HeaderLine } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { ClusterStat, HttpStat } from '../../telemetry/schema.js';
import { LARGE } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Engine } from '../engine.js';
import { BODY_LENGTH, BODY_NONE, BODY_UNTIL_END, Body, OUT_BARE, OUT_CHUNKED, OUT_SAME } from './body.js';
import type { Proxy } from './request.js';
import { unstart } from './response.js';
import type { Responses } from './response.js';
import type { Stream } from './stream.js';
import { HOLD, PASS, STREAM } from './transform.js';
import type { Refusal, ResponseHead, Transform } from './transform.js';

export class Transforming {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy, private readonly responses: Responses) {}

  /** The request's content goes through the transform from here on; its head is still to be encoded. */
  beginRequest(stream: Stream): void {
    const { engine } = this;
    const { request } = stream;
    const source = stream.requestSource = new Body();
    source.chunked = request.chunked;                  // a body without length needs none
    source.begin(engine, request.kind, request.remaining, OUT_BARE);
    source.forwardTrailers = false;
    request.begin(engine, BODY_UNTIL_END, 0, OUT_SAME);
  }

  /** Bytes of the request's body. Returns how far they were taken. */
  onRequestBytes(stream: Stream, at: number, end: number): number {
    const { engine, proxy } = this;
    const source = stream.requestSource!;
    if (stream.upstream === null || !stream.requestHeadSent || source.complete) return at;
    const room = engine.pathScratch, most = engine.pathScratchBytes - 256;
    while (at < end && !source.complete) {
      const taken = source.copyInto(engine, at, Math.min(end, at + most), room);
      if (taken < 0) {
        stream.request.rejection = source.rejection;
        proxy.replies.badRequestBody(stream);
        return end;
      }
      const piece = source.written === 0 ? NOTHING
        : stream.transform!.requestBytes(engine.u8.subarray(room, room + source.written));
      if (!this.forward(stream, piece)) return end;
      stream.request.bytes = source.bytes;             // it tells what the client sent
      if (taken === at) break;
      at = taken;
    }
    if (source.complete) this.endRequest(stream);
    else if (stream.request.backedUp(engine, stream.upstream.socket, proxy.highWatermark(stream))) {
      stream.downstream!.pause();
      engine.reactor.notifyDrained(stream.upstream.socket);
      stream.cluster!.count(ClusterStat.upstream_flow_control_backed_up_total);
    }
    return at;
  }

  /** The request of a framed protocol ends here. False: not yet. */
  onRequestEnd(stream: Stream): boolean {
    if (stream.requestSource!.complete) return true;
    if (stream.upstream === null || !stream.requestHeadSent) return false;
    stream.requestSource!.complete = true;
    this.endRequest(stream);
    return true;
  }

  private endRequest(stream: Stream): void {
    if (!this.forward(stream, stream.transform!.requestEnd())) return;
    stream.request.bytes = stream.requestSource!.bytes;
    stream.request.complete = true;
    this.proxy.requests.sayEnd(stream, 0, 0);
    if (stream.downstream !== null) this.proxy.requests.received(stream);
  }

  /** Sends what the transform gave to the upstream. False: the stream has ended. */
  private forward(stream: Stream, bytes: Uint8Array | null): boolean {
    const { engine, proxy } = this;
    if (bytes === null) { this.refuse(stream, stream.transform!.refusal); return false; }
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      const buffer = engine.pool.acquire(LARGE);
      if (buffer < 0) { proxy.failures.exhausted(stream); return false; }
      const at = engine.pool.offsetOf(buffer), to = Math.min(bytes.length, from + PIECE_BYTES);
      engine.u8.set(bytes.subarray(from, to), at);
      const end = at + to - from;
      const taken = stream.request.relay(engine, buffer, at, end, stream.upstream!.socket);
      if (taken >= 0) {
        stream.cluster!.gauge(ClusterStat.upstream_cx_tx_bytes_total, to - from);
        if (stream.countsMessages) stream.messages!.requestBytes(at, end);
        if (stream.keepsBody) proxy.retries.keep(stream, at, end);
        if (stream.shadows !== null) proxy.shadows.relay(stream, buffer, at, end);
      }
      engine.pool.release(buffer);
      if (taken < 0) { proxy.failures.exhausted(stream); return false; }
    }
    return true;
  }

  /** The response's head is in engine.responseRecord. Returns how far the bytes were taken; -1: it goes as it came. */
  onHead(stream: Stream, status: number, flags: number, ended: boolean, bodyAt: number, end: number): number {
    const { engine, responses } = this;
    const transform = stream.transform!;
    const verdict = transform.responseHead({ status, lines: linesOf(engine, engine.responseRecord) }, ended);
    if (verdict === PASS) return -1;
    stream.transformsResponse = true;
    stream.upstreamStatus = status;
    stream.responseHeld = verdict === HOLD;
    const upstream = stream.upstream!;
    responses.beginBody(stream, status, flags, engine.responseRecord >> 2);
    const { response } = stream;
    response.forwardTrailers = upstream.framed || stream.cluster!.traits.enableTrailers;
    if (ended) response.complete = true;
    if (verdict === STREAM && !this.release(stream)) return end;
    if (ended) { this.onEnd(stream, 0, 0, bodyAt === end); return end; }
    return bodyAt === end ? end : this.onBytes(stream, bodyAt, end);
  }

  /** The head goes, and the body behind it as it comes. False: the stream has ended. */
  private release(stream: Stream): boolean {
    const { response } = stream;
    const { framed } = stream.downstream!;
    stream.responseHeld = false;
    response.out = framed || stream.version10 ? OUT_BARE : OUT_CHUNKED;
    if (response.out === OUT_BARE && !framed) stream.downstream!.outOfStep();
    return this.writeHead(stream, stream.transform!.head, true);
  }

  onBytes(stream: Stream, at: number, end: number): number {
    const { engine, proxy } = this;
    const { response } = stream;
    const transform = stream.transform!;
    stream.lastActivityMs = engine.nowMs;
    if (response.complete) { stream.upstream!.close(); return end; }        // more than the response: out of step
    const room = engine.pathScratch, most = engine.pathScratchBytes - 256;
    while (at < end && !response.complete) {
      const { out, bytes } = response;
      response.out = OUT_BARE;
      const taken = response.copyInto(engine, at, Math.min(end, at + most), room);
      response.out = out;
      response.bytes = bytes;                          // it tells what the client gets
      if (taken < 0) { proxy.failures.badResponse(stream, response.rejection); return end; }
      if (stream.countsMessages) stream.messages!.responseBytes(room, room + response.written);
      const piece = response.written === 0 ? NOTHING
        : transform.responseBytes(engine.u8.subarray(room, room + response.written));
      if (piece === null) { this.refuse(stream, transform.refusal); return end; }
      if (stream.responseHeld && transform.ready && !this.release(stream)) return end;
      if (!stream.responseHeld && !this.send(stream, piece)) return end;
      if (taken === at) break;
      at = taken;
    }
    if (response.complete) { this.onEnd(stream, engine.text, response.trailersBytes, at === end); return end; }
    const { socket } = stream.downstream!;
    if (response.backedUp(engine, socket, proxy.highWatermark(stream))) {
      stream.upstream!.pause();
      engine.reactor.notifyDrained(socket);
      stream.cluster!.count(ClusterStat.upstream_flow_control_paused_reading_total);
    }
    return at;
  }

  /** The response is over. */
  onEnd(stream: Stream, trailersAt: number, trailersBytes: number, clean = true): void {
    const { engine } = this;
    const transform = stream.transform!;
    stream.response.complete = true;
    const last = transform.responseEnd(engine.readText(trailersAt, trailersBytes));
    if (last === null) { this.refuse(stream, transform.refusal); return; }
    const downstream = stream.downstream!;
    if (stream.responseHeld && transform.ready && !this.release(stream)) return;
    const trailers = downstream.framed || stream.hcm!.config.enableTrailers ? transform.trailers : '';
    if (stream.responseHeld) { this.sendHeld(stream, transform, last, downstream.framed ? trailers : '',
      clean); return; }
    if (!this.send(stream, last)) return;
    const bytes = engine.writeText(engine.text, trailers);
    if (stream.response.out === OUT_CHUNKED && !stream.isHead) {
      if (!stream.response.sendLastChunk(engine, downstream.socket, engine.text, bytes)) {
        this.proxy.finish.abort(stream, true);
        return;
      }
    } else if (downstream.framed && bytes > 0) downstream.sendTrailers(engine.text, bytes);
    this.proxy.finish.responseComplete(stream, clean);
  }

  /** Head and body of a response that was held. */
  private sendHeld(stream: Stream, transform: Transform, body: Uint8Array, trailers: string, clean: boolean): void {
    const { engine } = this;
    const { response } = stream;
    const { status } = transform.head;
    const bare = stream.isHead || status === 204 || status === 304;
    const follows = !bare && (body.length > 0 || trailers !== '');
    response.begin(engine, bare ? BODY_NONE : BODY_LENGTH, body.length, OUT_SAME);
    response.complete = false;
    if (!this.writeHead(stream, transform.head, follows)) return;
    response.out = OUT_BARE;
    if (!bare && !this.send(stream, body)) return;
    response.complete = true;
    if (trailers !== '') stream.downstream!.sendTrailers(engine.text, engine.writeText(engine.text, trailers));
    this.proxy.finish.responseComplete(stream, clean);
  }

  /** Writes the head as the transform left it. False: the stream has ended. */
  private writeHead(stream: Stream, { status, lines }: ResponseHead, follows: boolean): boolean {
    const { engine } = this;
    const text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${lines}\r\n`;
    const size = engine.pool.classFor(text.length + 64);
    const buffer = size < 0 ? -1 : engine.pool.acquire(size as BufferClass);
    if (buffer < 0) {
      unstart(stream);
      this.proxy.failures.exhausted(stream);
      return false;
    }
    const at = engine.pool.offsetOf(buffer);
    engine.writeText(at, text);
    const used = engine.codecs.h1DecodeResponse(at, at + text.length, engine.responseRecord, 0,
      limits.bufferLargeBytes, limits.headersCountMax);
    stream.status = status;
    const written = used > 0 && this.responses.writeHead(stream, follows);
    engine.pool.release(buffer);
    if (used > 0) return written;
    unstart(stream);
    this.proxy.failures.badResponse(stream, 0);
    return false;
  }

  /** Sends body bytes to the client. False: the stream has ended. */
  private send(stream: Stream, bytes: Uint8Array): boolean {
    const { engine } = this;
    const { response } = stream;
    const downstream = stream.downstream!;
    if (stream.isHead) return true;
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      const to = Math.min(bytes.length, from + PIECE_BYTES);
      const buffer = engine.pool.acquire(LARGE);
      if (buffer < 0) { this.proxy.failures.exhausted(stream); return false; }
      const start = engine.pool.offsetOf(buffer);
      let at = start;
      if (response.out === OUT_CHUNKED) at += engine.writeText(at, `${(to - from).toString(16)}\r\n`);
      engine.u8.set(bytes.subarray(from, to), at);
      at += to - from;
      if (response.out === OUT_CHUNKED) at += engine.writeText(at, '\r\n');
      engine.reactor.send(downstream.socket, buffer, start, at - start, false);
      engine.pool.release(buffer);
      response.bytes += to - from;
      engine.f64[stream.hcm!.scope + HttpStat.downstream_cx_tx_bytes_total] += at - start;
    }
    return true;
  }

  /** A response breaks off, or comes too late. False: nothing can take its place any more. */
  replaceCut(stream: Stream, status: number, body: string): boolean {
    const { proxy } = this;
    if (!stream.responseHeld || stream.transform?.answersCut !== true) return false;
    proxy.finish.countUpstream(stream);
    stream.uncharged = true;
    stream.transformsResponse = stream.responseHeld = false;
    unstart(stream);
    proxy.failures.detach(stream);
    proxy.replies.send(stream, status, 0, stream.details, body);
    return true;
  }

  /** An answer of ours in place of what cannot be changed; where the client has begun to get one, it is cut short. */
  private refuse(stream: Stream, { status, body, details }: Refusal): void {
    const { proxy } = this;
    const begun = stream.responseStarted && !stream.responseHeld;
    if (stream.responseStarted && stream.transformsResponse) {
      // What the endpoint has answered counts as it was.
      proxy.finish.countUpstream(stream);
      stream.uncharged = true;
    }
    stream.transformsResponse = stream.responseHeld = false;
    if (begun) {
      stream.flags |= ResponseFlag.LR;
      stream.details = detail(details);
      stream.response.complete = false;
      proxy.finish.abort(stream, true);
      return;
    }
    unstart(stream);
    proxy.failures.detach(stream);
    proxy.replies.send(stream, status, 0, detail(details), body);
  }
}

const NOTHING = new Uint8Array(0);
/** Of body bytes that are copied into one buffer, with room for a chunk's framing. */
const PIECE_BYTES = limits.bufferLargeBytes - 64;

/** They tell of the connection that the head came by. */
const ofConnection = new Set(['transfer-encoding', 'connection', 'keep-alive', 'proxy-connection']);

/** Header lines of a decoded head, as text. */
function linesOf(engine: Engine, record: number): string {
  const { i32 } = engine;
  const words = record >> 2;
  let lines = '';
  for (let i = 0; i < i32[words + Head.headerCount]; i++) {
    const line = words + Head.headers + i * 4;
    const name = engine.readText(i32[line + HeaderLine.nameAt], i32[line + HeaderLine.nameBytes_meta] & 0xffff)
      .toLowerCase();
    if (!ofConnection.has(name)) lines += `${name}: ${engine.readText(i32[line + HeaderLine.valueAt],
      i32[line + HeaderLine.valueBytes])}\r\n`;
  }
  return lines;
}
