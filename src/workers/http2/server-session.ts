// A client's HTTP/2 connection: opens a stream for each request, and has the connection's deadlines, drain and end.
import { H2Error, H2Head, H2HeadFlag, H2Scope, Rejection } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { HttpStat, histogramCell } from '../../telemetry/schema.js';
import { H2_ALLOW_EXTENDED_CONNECT } from '../codecs-http2.js';
import { ConnectionAddresses } from '../connection/addresses.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { DownstreamEvents } from '../connection/downstream-side.js';
import type { DownstreamConnection } from '../connection/downstream.js';
import { countSecure } from '../connection/register.js';
import type { ConnectionRegister, ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { ChainEnd } from '../listener/chains.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { NetworkFilters } from '../listener/network-filters.js';
import { FLOOD_NONE, FLOOD_RESETS } from './floods.js';
import { Keepalive } from './keepalive.js';
import { ServerStream } from './server-stream.js';
import { Session } from './session.js';
import { SESSION_CLOSED, SESSION_LINGERING, SESSION_OPEN } from './session-state.js';
import type { Http2Stat } from './session.js';
import type { FramedStream } from './stream.js';
import { PREFACE, STREAM_ID_MAX } from './wire.js';

const STATS: Readonly<Record<Http2Stat, number>> = {
  rxReset: HttpStat['http2.rx_reset'], txReset: HttpStat['http2.tx_reset'],
  txFlushTimeout: HttpStat['http2.tx_flush_timeout'],
  rxMessagingError: HttpStat['http2.rx_messaging_error'], headerOverflow: HttpStat['http2.header_overflow'],
  trailers: HttpStat['http2.trailers'], tooManyHeaderFrames: HttpStat['http2.too_many_header_frames'],
  keepaliveTimeout: HttpStat['http2.keepalive_timeout'], streamsActive: HttpStat['http2.streams_active'],
  goawaySent: HttpStat['http2.goaway_sent'],
  flood: HttpStat['http2.inbound_empty_frames_flood'] };
const FLOODS = [0, HttpStat['http2.inbound_empty_frames_flood'], HttpStat['http2.inbound_priority_frames_flood'],
  HttpStat['http2.inbound_window_update_frames_flood'], HttpStat['http2.outbound_control_flood'],
  HttpStat.downstream_rq_too_many_premature_resets, HttpStat['http2.outbound_flood']];

export class ServerSession extends Session implements ListenerConnection {
  listener!: ListenerRuntime;
  hcm!: HcmRuntime;
  id = 0;
  nextOfListener: ListenerConnection | null = null;
  previousOfListener: ListenerConnection | null = null;
  filters: NetworkFilters | null = null;
  filterMask = 0;
  openedMs = 0;
  readonly logged = null;
  bytesReceived = 0;
  bytesSent = 0;
  addresses: ConnectionAddresses;
  readonly rateLimits = new Map<object, number[]>();
  private requests = 0;
  private decodeOptions = 0;
  private prefaceAt = 0;
  /** GOAWAY was said with the last stream that we take, or first with none. */
  private draining = false;
  private lastTaken = STREAM_ID_MAX;
  private finalAtMs = Infinity;
  private idleAtMs = Infinity;
  private lifeAtMs = Infinity;
  private lingerAtMs = Infinity;
  private readonly keepalive: Keepalive;
  private readonly timer: number;
  private readonly free: ServerStream[] = [];

  constructor(engine: Engine, private readonly events: DownstreamEvents, private readonly factory: ServerSessions,
      private readonly head: number, private readonly text: number) {
    super(engine);
    this.addresses = new ConnectionAddresses(engine);
    this.timer = engine.timers.add(this);
    this.keepalive = new Keepalive(engine, this.out);
  }

  get chainName(): string { return this.hcm.chainName; }
  get chainEnd(): ChainEnd { return this.hcm.config; }

  /** On a connected socket that is the reactor's. False: there is no room. */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, id: number, known: number,
      facts: ConnectionFacts | null): boolean {
    const { engine } = this;
    const socket = known < 0 ? engine.reactor.add(fd, this) : known;
    if (socket < 0) return false;
    this.addresses.reset(fd);
    if (facts !== null) this.addresses.learn(facts);
    if (listener.logs.length > 0) this.addresses.note();
    return this.serve(socket, listener, hcm, id);
  }

  /** As open, of a connection that has begun; its addresses are in place. */
  serve(socket: number, listener: ListenerRuntime, hcm: HcmRuntime, id: number): boolean {
    const { engine } = this;
    const { config } = hcm;
    if (!this.start(socket, config.http2)) return false;
    this.listener = listener;
    this.hcm = hcm;
    this.id = id;
    this.openedMs = engine.nowMs;
    this.bytesReceived = this.bytesSent = this.requests = this.prefaceAt = 0;
    this.decodeOptions = config.http2.allowConnect ? H2_ALLOW_EXTENDED_CONNECT : 0;
    engine.i32[(this.head >> 2) + H2Head.random] = engine.randomState;
    this.draining = false;
    this.lastTaken = STREAM_ID_MAX;
    this.finalAtMs = this.lingerAtMs = Infinity;
    this.lifeAtMs = config.maxConnectionDurationMs > 0 ? engine.nowMs + config.maxConnectionDurationMs : Infinity;
    if (this.rateLimits.size > 0) this.rateLimits.clear();
    engine.reactor.setOwner(socket, this);
    this.keepalive.begin(config.http2.keepalive);
    this.sayHello(config.maxRequestHeadersBytes, true);
    this.becameIdle();
    engine.reactor.startReceive(socket);
    if (listener.removed) this.drain(false, 0);
    return true;
  }

  protected override take(buffer: number, offset: number, length: number): void {
    const { u8 } = this.engine;
    let at = offset;
    const end = offset + length;
    for (; this.prefaceAt < PREFACE.length && at < end; at++, this.prefaceAt++) {
      if (u8[at] === PREFACE.charCodeAt(this.prefaceAt)) continue;
      this.connectionError(H2Error.protocol);
      return;
    }
    if (at < end) super.take(buffer, at, end - at);
  }

  protected received(bytes: number): void {
    this.engine.f64[this.hcm.scope + HttpStat.downstream_cx_rx_bytes_total] += bytes;
    this.bytesReceived += bytes;
    this.keepalive.heard();
  }

  protected isPeers(id: number): boolean { return (id & 1) === 1; }

  protected onHeaders(id: number, at: number, bytes: number, endsStream: boolean): boolean {
    const stream = this.streams.get(id);
    if (stream !== null) return this.trailers(stream, id, at, bytes, endsStream);
    if (!this.isPeers(id) || id === 0) { this.connectionError(H2Error.protocol); return false; }
    if (id <= this.lastPeerStream) {
      if (!this.wasResetLately(id)) { this.connectionError(H2Error.streamClosed); return false; }
      return this.decodeForTheTable(at, bytes);
    }
    this.lastPeerStream = id;
    if (this.draining && id > this.lastTaken) return this.decodeForTheTable(at, bytes);
    if (this.streamCount >= this.options.maxConcurrentStreams) {
      if (!this.decodeForTheTable(at, bytes)) return false;
      this.sendReset(id, H2Error.refusedStream);
      return this.state === SESSION_OPEN;
    }
    return this.request(id, at, bytes, endsStream);
  }

  private request(id: number, at: number, bytes: number, endsStream: boolean): boolean {
    const { engine, hcm } = this;
    const { codecs, i32, requestRecord } = engine;
    const words = this.head >> 2;
    const textBytes = codecs.h2DecodeRequest(this.decoding, at, at + bytes, this.text, limits.bufferLargeBytes - 64,
      this.head, hcm.config.maxRequestHeadersBytes, hcm.config.maxHeadersCount, this.decodeOptions);
    if (textBytes === 0 && i32[words + H2Head.scope] === H2Scope.connection) {
      this.connectionError(i32[words + H2Head.code]);
      return false;
    }
    this.floods.streamOpened();
    this.requests++;
    const stream = this.free.pop() ?? new ServerStream(engine, this, this.events);
    if (!stream.open(id, this.requests)) {
      this.free.push(stream);
      this.sendReset(id, H2Error.refusedStream);
      return this.state === SESSION_OPEN;
    }
    this.streams.set(id, stream);
    this.idleAtMs = Infinity;
    this.count('streamsActive');
    stream.remoteEnded = endsStream;
    if (textBytes === 0) {
      this.malformed(stream, i32[words + H2Head.code], words);
      return this.state === SESSION_OPEN;
    }
    const used = codecs.h1DecodeRequest(this.text, this.text + textBytes, requestRecord, hcm.decodeOptions,
      limits.bufferLargeBytes, hcm.config.maxHeadersCount);
    if (used <= 0) {
      this.malformed(stream, H2Error.protocol, words);
      return this.state === SESSION_OPEN;
    }
    if (!this.measure(stream, endsStream)) return this.state === SESSION_OPEN;
    try {
      this.events.onRequestHead(stream, this.text + textBytes, this.text + textBytes, textBytes);
      if (stream.streamId === id) stream.deadlineMoved();
    } catch (error) {
      this.failedRequest(error);
      if (stream.streamId === id) this.streamError(id, H2Error.internal);
    }
    engine.recordOwner = 0;
    return this.state === SESSION_OPEN;
  }

  /** content-length must be what comes (RFC 9113 8.1.1). False: the stream has ended. */
  private measure(stream: ServerStream, endsStream: boolean): boolean {
    const { i32 } = this.engine;
    const words = this.head >> 2;
    if ((i32[words + H2Head.flags] & H2HeadFlag.hasContentLength) === 0) return true;
    const length = i32[words + H2Head.contentLengthHigh] * 4294967296 + (i32[words + H2Head.contentLengthLow] >>> 0);
    stream.bodyLeft = length;
    if (!endsStream || length === 0) return true;
    this.count('rxMessagingError');
    this.streamError(stream.streamId, H2Error.protocol);
    return false;
  }

  /** A request that is none: too large heads get an answer, others end the connection or the stream alone. */
  private malformed(stream: ServerStream, code: number, words: number): void {
    const { engine } = this;
    if ((engine.i32[words + H2Head.flags] & (H2HeadFlag.tooLarge | H2HeadFlag.tooMany)) !== 0) {
      this.count('headerOverflow');
      this.events.onRequestRejected(stream, Rejection.headTooLarge);
      return;
    }
    this.count('rxMessagingError');
    if (this.options.streamErrorOnInvalidMessage) { this.streamError(stream.streamId, code); return; }
    this.connectionError(code);
  }

  private trailers(stream: FramedStream, id: number, at: number, bytes: number, endsStream: boolean): boolean {
    if (stream.remoteEnded) {
      if (!this.decodeForTheTable(at, bytes)) return false;
      return this.streamError(id, H2Error.streamClosed);
    }
    const { codecs, i32 } = this.engine;
    const words = this.head >> 2;
    const lines = codecs.h2DecodeTrailers(this.decoding, at, at + bytes, this.text, limits.bufferLargeBytes - 64,
      this.head, limits.trailerBytesMax, this.hcm.config.maxHeadersCount, 0);
    if ((lines === 0 && i32[words + H2Head.code] !== H2Error.none) || !endsStream) {
      if (i32[words + H2Head.scope] === H2Scope.connection) {
        this.connectionError(i32[words + H2Head.code]);
        return false;
      }
      this.count('rxMessagingError');
      return this.streamError(id, H2Error.protocol);
    }
    if (stream.bodyLeft > 0) { this.count('rxMessagingError'); return this.streamError(id, H2Error.protocol); }
    this.count('trailers');
    stream.receiveEnd(this.text, lines);
    return this.state === SESSION_OPEN;
  }

  /** A block that nobody wants changes the table all the same. */
  private decodeForTheTable(at: number, bytes: number): boolean {
    const { codecs, i32 } = this.engine;
    const words = this.head >> 2;
    codecs.h2DecodeRequest(this.decoding, at, at + bytes, this.text, limits.bufferLargeBytes - 64, this.head,
      this.hcm.config.maxRequestHeadersBytes, this.hcm.config.maxHeadersCount, this.decodeOptions);
    if (i32[words + H2Head.scope] !== H2Scope.connection) return true;
    this.connectionError(i32[words + H2Head.code]);
    return false;
  }

  /** Writes a response head. False: no buffer is free. */
  sendHead(id: number, at: number, bytes: number): boolean {
    const { codecs, scratchRecord } = this.engine;
    const room = this.out.reserve(codecs.h2BlockBytesMax(bytes, this.peerFrameBytes));
    if (room < 0) return false;
    const end = codecs.h2EncodeResponse(this.encoding, at, at + bytes, scratchRecord, limits.headersCountMax, room, id,
      0, this.peerFrameBytes);
    if (end === 0) return false;
    this.out.commit(end, id);
    const pending = this.engine.reactor.pendingSendBytes(this.socket);
    const flood = this.floods.wroteHead(this.out.handedBytes, pending, this.options);
    if (flood !== FLOOD_NONE) this.flooded(flood);
    return true;
  }

  protected onSettings(): void { /* nothing of it concerns a server's own doing */ }
  protected onPong(): void { this.keepalive.answered(); }
  protected onGoAway(): void { this.drain(true, 0); }

  protected override mayReset(stream: FramedStream): boolean {
    if (!(stream as ServerStream).isEarly || this.floods.resetEarly() === FLOOD_NONE) return true;
    this.flooded(FLOOD_RESETS);
    return false;
  }

  override flooded(kind: number): void {
    this.engine.count(this.hcm.scope, FLOODS[kind]!);
    this.connectionError(H2Error.enhanceYourCalm);
  }

  override connectionError(error: number): void {
    if (this.state === SESSION_OPEN && error !== H2Error.internal)
      this.engine.count(this.hcm.scope, HttpStat.downstream_cx_protocol_error);
    super.connectionError(error);
  }

  count(stat: Http2Stat): void { this.engine.count(this.hcm.scope, STATS[stat]); }

  failedRequest(error: unknown): void {
    this.engine.count(this.hcm.scope, HttpStat.weft_internal_error);
    this.engine.report(error);
  }

  recycled(stream: ServerStream): void {
    if (this.free.length < limits.http2StreamsKept) this.free.push(stream); else stream.release();
  }

  protected onForgotten(_id: number, _stream: FramedStream): void {
    this.engine.f64[this.hcm.scope + HttpStat['http2.streams_active']] -= 1;
    this.floods.requestClosed();
    if (this.streamCount > 0 || this.state !== SESSION_OPEN) return;
    if (this.draining && this.lastTaken !== STREAM_ID_MAX) { this.closeDrained(); return; }
    this.becameIdle();
  }

  // Deadlines, drain, end.

  private becameIdle(): void {
    const { idleTimeoutMs } = this.hcm.config;
    if (idleTimeoutMs > 0) this.idleAtMs = this.engine.nowMs + idleTimeoutMs;
    else this.idleAtMs = Infinity;
    this.deadlineMoved();
  }

  private deadlineMoved(): void {
    const next = Math.min(this.idleAtMs, this.lifeAtMs, this.finalAtMs, this.lingerAtMs, this.keepalive.dueMs);
    if (next < Infinity) this.engine.timers.arm(this.timer, next); else this.engine.timers.disarm(this.timer);
  }

  deadlineChanged(): void { if (this.state === SESSION_OPEN && this.streamCount === 0) this.becameIdle(); }

  onTimer(nowMs: number): void {
    try { this.timerFired(nowMs); } catch (error) { this.failed(error); }
  }

  private timerFired(nowMs: number): void {
    const { engine, hcm } = this;
    if (this.state === SESSION_CLOSED) return;
    if (this.state === SESSION_LINGERING) {
      if (nowMs < this.lingerAtMs) { this.deadlineMoved(); return; }
      engine.count(hcm.scope, HttpStat.downstream_cx_delayed_close_timeout);
      this.end(0, false);
      return;
    }
    if (nowMs >= this.lifeAtMs) {
      this.lifeAtMs = Infinity;
      engine.count(hcm.scope, HttpStat.downstream_cx_max_duration_reached);
      this.drain(false, 0);
    }
    if (nowMs >= this.finalAtMs) this.finalGoAway();
    if (this.state === SESSION_OPEN && nowMs >= this.idleAtMs) {
      engine.count(hcm.scope, HttpStat.downstream_cx_idle_timeout);
      this.sayGoAway(this.lastPeerStream, H2Error.none);
      this.linger();
      return;
    }
    if (this.state === SESSION_OPEN && !this.keepalive.timer(nowMs, this.streamCount)) {
      this.count('keepaliveTimeout');
      this.end(110, true);
      return;
    }
    if (this.state === SESSION_OPEN) this.deadlineMoved();
  }

  /** Says that the connection goes, and a moment later which streams it still takes (RFC 9113 6.8). */
  drain(closeIdle: boolean, _graceMs: number): void {
    if (this.state !== SESSION_OPEN) return;
    if (closeIdle && this.streamCount === 0) {
      this.sayGoAway(this.lastPeerStream, H2Error.none);
      this.closeDrained();
      return;
    }
    if (this.draining) return;
    this.draining = true;
    this.count('goawaySent');
    this.sayGoAway(STREAM_ID_MAX, H2Error.none);
    this.finalAtMs = this.engine.nowMs + this.hcm.config.drainTimeoutMs;
    this.deadlineMoved();
  }

  private finalGoAway(): void {
    this.finalAtMs = Infinity;
    this.lastTaken = this.lastPeerStream;
    this.sayGoAway(this.lastPeerStream, H2Error.none);
    if (this.streamCount === 0) this.closeDrained();
  }

  private closeDrained(): void {
    this.engine.count(this.hcm.scope, HttpStat.downstream_cx_drain_close);
    this.linger();
  }

  protected lingerFor(): void {
    const { delayedCloseTimeoutMs } = this.hcm.config;
    this.lingerAtMs = this.engine.nowMs + (delayedCloseTimeoutMs > 0 ? delayedCloseTimeoutMs : 1000);
    this.idleAtMs = this.lifeAtMs = this.finalAtMs = Infinity;
    this.keepalive.end();
    this.engine.timers.arm(this.timer, this.lingerAtMs);
  }

  protected override onEnding(): void {
    const { engine, hcm: { scope } } = this;
    engine.count(scope, HttpStat.downstream_cx_destroy_active_rq);
    engine.count(scope, this.peerLeft ? HttpStat.downstream_cx_destroy_remote_active_rq
      : HttpStat.downstream_cx_destroy_local_active_rq);
  }

  protected onClosed(): void {
    const { engine } = this;
    engine.timers.disarm(this.timer);
    this.keepalive.end();
    engine.observe(this.hcm.connectionLengthCell, engine.nowMs - this.openedMs);
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.openedMs);
    this.factory.closed(this);
  }
}

/** Makes, counts and reuses the HTTP/2 connections of one worker. */
export class ServerSessions {
  private readonly free: ServerSession[] = [];
  private head = -1;
  private text = -1;

  constructor(private readonly engine: Engine, private readonly events: DownstreamEvents,
      private readonly register: ConnectionRegister) {}

  /** Null: there is no room; the socket is still the caller's. */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, socket: number,
      facts: ConnectionFacts | null, before: ListenerConnection | null): ServerSession | null {
    const { engine, register } = this;
    const session = this.obtain();
    if (session === null) return null;
    if (!session.open(fd, listener, hcm, before?.id ?? register.takeId(), socket, facts)) {
      this.free.push(session);
      return null;
    }
    register.add(session, before);
    engine.count(hcm.scope, HttpStat.downstream_cx_total);
    engine.f64[hcm.scope + HttpStat.downstream_cx_active] += 1;
    countSecure(engine, session, 1);
    this.known(hcm);
    return session;
  }

  /** A connection that turned out to be HTTP/2, counted and registered, goes on here. Null: there is no room. */
  takeOver(connection: DownstreamConnection): ServerSession | null {
    const session = this.obtain();
    if (session === null) return null;
    const { addresses, openedMs } = connection;
    connection.addresses = session.addresses;
    session.addresses = addresses;
    if (!session.serve(connection.socket, connection.listener, connection.hcm, connection.id)) {
      session.addresses = connection.addresses;
      connection.addresses = addresses;
      this.free.push(session);
      return null;
    }
    session.openedMs = openedMs;
    this.register.replace(connection, session);
    this.known(connection.hcm);
    return session;
  }

  private obtain(): ServerSession | null {
    if (!this.haveRoom()) return null;
    return this.free.pop() ?? new ServerSession(this.engine, this.events, this, this.head, this.text);
  }

  private known({ scope }: HcmRuntime): void {
    this.engine.count(scope, HttpStat.downstream_cx_http2_total);
    this.engine.f64[scope + HttpStat.downstream_cx_http2_active] += 1;
  }

  /** One decoded head at a time: all connections of the worker share its room. */
  private haveRoom(): boolean {
    if (this.text >= 0) return true;
    this.head = this.engine.heap.allocate(256);
    const buffer = this.engine.pool.acquire(2);
    if (this.head < 0 || buffer < 0) return false;
    this.text = this.engine.pool.offsetOf(buffer);
    return true;
  }

  closed(session: ServerSession): void {
    const { hcm } = session;
    const { f64 } = this.engine;
    f64[hcm.scope + HttpStat.downstream_cx_active] -= 1;
    f64[hcm.scope + HttpStat.downstream_cx_http2_active] -= 1;
    this.engine.count(hcm.scope, HttpStat.downstream_cx_destroy);
    this.engine.count(hcm.scope, session.peerLeft ? HttpStat.downstream_cx_destroy_remote
      : HttpStat.downstream_cx_destroy_local);
    countSecure(this.engine, session, -1);
    this.free.push(session);
    this.register.remove(session);
  }
}
