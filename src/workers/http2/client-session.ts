// An endpoint's HTTP/2 connection: lends a stream to each request, as many at a time as the peer and the configuration
// allow, and has the connection's deadlines and end. What counts it for its endpoint is its UpstreamConnection.
import { H2Error, H2Head, H2HeadFlag, H2Scope, Head } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { RESET_REFUSED } from '../../core/reset-reasons.js';
import { ClusterStat } from '../../telemetry/schema.js';
import { H2_HTTPS, H2_UPGRADED } from '../codecs-http2.js';
import type { Engine } from '../engine.js';
import type { Borrower } from '../upstream/borrower.js';
import type { UpstreamConnection } from '../upstream/connection.js';
import type { UpstreamPool } from '../upstream/pool.js';
import type { ClientSessions } from './client-sessions.js';
import { ClientStream } from './client-stream.js';
import { Keepalive } from './keepalive.js';
import { SESSION_CLOSED, SESSION_LINGERING, SESSION_OPEN } from './session-state.js';
import { Session } from './session.js';
import type { Http2Stat } from './session.js';
import type { FramedStream } from './stream.js';
import { PREFACE, STREAM_ID_MAX } from './wire.js';

const ETIMEDOUT = 110;
const LINGER_MS = 1000;
const STATS: Readonly<Record<Http2Stat, number>> = {
  rxReset: ClusterStat['http2.rx_reset'], txReset: ClusterStat['http2.tx_reset'],
  txFlushTimeout: ClusterStat['http2.tx_flush_timeout'],
  rxMessagingError: ClusterStat['http2.rx_messaging_error'], headerOverflow: ClusterStat['http2.header_overflow'],
  trailers: ClusterStat['http2.trailers'], tooManyHeaderFrames: ClusterStat['http2.too_many_header_frames'],
  keepaliveTimeout: ClusterStat['http2.keepalive_timeout'], streamsActive: ClusterStat['http2.streams_active'],
  goawaySent: ClusterStat['http2.goaway_sent'], flood: ClusterStat['http2.outbound_flood'] };
const FLOODS = [0, ClusterStat['http2.inbound_empty_frames_flood'], ClusterStat['http2.inbound_priority_frames_flood'],
  ClusterStat['http2.inbound_window_update_frames_flood'], ClusterStat['http2.outbound_control_flood'], 0,
  ClusterStat['http2.outbound_flood']];

export class ClientSession extends Session {
  connection!: UpstreamConnection;
  /** Takes no further request: it goes when its last one is answered. */
  draining = false;
  private requests = 0;
  /** Streams that are lent, with a number or not yet. */
  private lent = 0;
  private endsUsed = false;
  private idleAtMs = Infinity;
  private lifeAtMs = Infinity;
  private lingerAtMs = Infinity;
  private readonly keepalive: Keepalive;
  private readonly timer: number;
  private readonly free: ClientStream[] = [];

  constructor(engine: Engine, private readonly pool: UpstreamPool, private readonly sessions: ClientSessions) {
    super(engine);
    this.keepalive = new Keepalive(engine, this.out);
    this.timer = engine.timers.add(this);
  }

  /** On the connected socket of `connection`. False: there is no room for its tables. */
  open(connection: UpstreamConnection): boolean {
    const { engine } = this;
    const { config } = connection.endpoint.cluster;
    const { http2 } = config.http;
    if (!this.start(connection.socket, http2)) return false;
    this.connection = connection;
    this.draining = this.endsUsed = false;
    this.requests = this.lent = 0;
    this.nextOwnStream = 1;
    this.lingerAtMs = Infinity;
    const { maxDurationMs } = config.connections;
    this.lifeAtMs = maxDurationMs > 0 ? engine.nowMs + maxDurationMs : Infinity;
    engine.reactor.setOwner(connection.socket, this);
    this.out.text(PREFACE);
    this.sayHello(config.maxResponseHeadersBytes, false);
    this.keepalive.begin(http2.keepalive);
    this.becameIdle();
    engine.reactor.startReceive(connection.socket);
    return true;
  }

  /** May another request have a stream of it? */
  get hasRoom(): boolean {
    return this.state === SESSION_OPEN && !this.draining
      && this.lent < Math.min(this.peerStreamsMax, this.options.maxConcurrentStreams);
  }
  /** What leaves HTTP waits until the server has said whether it takes that (RFC 8441 3). */
  /** Windows see to that, stream by stream. */
  readonly isBackedUp = false;
  mayCarry({ isUpgrade, protocol }: Borrower): boolean {
    return protocol === null && (this.settled || !isUpgrade);
  }
  get isUsed(): boolean { return this.lent > 0; }

  /** Lends a stream. False: there are too many channels. */
  lend(borrower: Borrower): boolean {
    const { engine } = this;
    const stream = this.free.pop() ?? new ClientStream(engine, this);
    if (!stream.lend(borrower, this.requests + 1)) { this.free.push(stream); return false; }
    this.requests++;
    if (this.lent++ === 0) this.idleAtMs = Infinity;
    this.connection.requests = this.requests;
    borrower.upstream = stream;
    const { requestsPerConnectionMax } = this.connection.endpoint.cluster.traits;
    if (requestsPerConnectionMax > 0 && this.requests >= requestsPerConnectionMax && !this.draining) {
      this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_max_requests);
      this.drain();
    } else if (this.nextOwnStream + 2 * this.lent > STREAM_ID_MAX - 2) this.drain();
    return true;
  }

  /** Writes a request head under the next number. False: the stream has ended, which it hears when the turn is over. */
  sendHead(stream: ClientStream, at: number, bytes: number, https: boolean): boolean {
    const { codecs, scratchRecord } = this.engine;
    const room = this.state !== SESSION_OPEN ? -1
      : this.out.reserve(codecs.h2BlockBytesMax(bytes, this.peerFrameBytes));
    const id = this.nextOwnStream;
    const end = room < 0 ? 0 : codecs.h2EncodeRequest(this.encoding, at, at + bytes, scratchRecord,
      limits.headersCountMax, room, id, https ? H2_HTTPS : 0, this.peerFrameBytes);
    if (end === 0) { this.sessions.loseSoon(stream); return false; }
    this.nextOwnStream = id + 2;
    stream.numbered(id);
    this.streams.set(id, stream);
    this.gauge(1);
    this.floods.streamOpened();
    // The end of a body that was to come is said by DATA, though it be empty: grpc-go waits for it for ever else.
    this.out.commit(end, stream.stream !== null && stream.stream.openEnded ? 0 : id);
    return true;
  }

  /** A stream that wants to leave HTTP does not begin: it hears of it when the turn is over. */
  refuses(stream: ClientStream): void { this.sessions.loseSoon(stream); }

  protected isPeers(id: number): boolean { return (id & 1) === 0; }

  protected onHeaders(id: number, at: number, bytes: number, endsStream: boolean): boolean {
    const stream = this.streams.get(id) as ClientStream | null;
    if (stream === null) {
      if (id === 0 || this.isPeers(id) || id >= this.nextOwnStream) {
        this.connectionError(H2Error.protocol);
        return false;
      }
      return this.decode(null, at, bytes) >= 0;           // a late answer to what we gave up
    }
    if (stream.remoteEnded) return this.decode(null, at, bytes) >= 0 && this.streamError(id, H2Error.streamClosed);
    return stream.headDone ? this.trailers(stream, id, at, bytes, endsStream)
      : this.response(stream, id, at, bytes, endsStream);
  }

  private response(stream: ClientStream, id: number, at: number, bytes: number, endsStream: boolean): boolean {
    const { engine } = this;
    let textBytes = this.decode(stream, at, bytes);
    if (textBytes < 0) return false;
    const words = this.sessions.head >> 2;
    const status = engine.i32[words + H2Head.status];
    if (textBytes === 0 || (status < 200 && status !== 101 && endsStream)) return this.malformed(id);
    const { traits } = this.connection.endpoint.cluster;
    const { text } = this.sessions;
    if (stream.accept !== '') textBytes = this.sessions.acceptWebSocket(textBytes, stream.accept);
    const used = engine.codecs.h1DecodeResponse(text, text + textBytes, engine.responseRecord, traits.decodeOptions,
      this.sessions.textBytesMax, limits.headersCountMax);
    if (used <= 0) return this.malformed(id);
    this.sessions.reasons!.give();
    const final = engine.i32[(engine.responseRecord >> 2) + Head.status];
    stream.headDone = final >= 200 || final === 101;
    if (stream.headDone && !endsStream && !stream.isHead && final !== 304) this.measure(stream, words);
    stream.remoteEnded = endsStream;
    const borrower = stream.stream;
    if (borrower === null) { if (endsStream) stream.receiveEnd(0, 0); return true; }
    try {
      borrower.events.onResponseHead(borrower, -1, text + textBytes, text + textBytes);
    } catch (error) { stream.failed(error); }
    // A tunnel that ends where it begins.
    if (endsStream && stream.streamId === id && stream.stream === borrower) stream.receiveEnd(0, 0);
    return this.state === SESSION_OPEN;
  }

  /** content-length must be what comes (RFC 9113 8.1.1). */
  private measure(stream: ClientStream, words: number): void {
    const { i32 } = this.engine;
    if ((i32[words + H2Head.flags] & H2HeadFlag.hasContentLength) === 0) return;
    stream.bodyLeft = i32[words + H2Head.contentLengthHigh] * 4294967296
      + (i32[words + H2Head.contentLengthLow] >>> 0);
  }

  private trailers(stream: ClientStream, id: number, at: number, bytes: number, endsStream: boolean): boolean {
    const { codecs, i32 } = this.engine;
    const { head, text } = this.sessions;
    const lines = codecs.h2DecodeTrailers(this.decoding, at, at + bytes, text, this.sessions.textBytesMax, head,
      limits.trailerBytesMax, limits.headersCountMax, 0);
    const words = head >> 2;
    if (i32[words + H2Head.scope] === H2Scope.connection) {
      this.connectionError(i32[words + H2Head.code]);
      return false;
    }
    if (!endsStream || i32[words + H2Head.code] !== H2Error.none || stream.bodyLeft > 0) return this.malformed(id);
    this.count('trailers');
    stream.receiveEnd(text, lines);
    return this.state === SESSION_OPEN;
  }

  /** The response's head as text. -1: the connection is over; 0: it is none, or nobody wants it. */
  private decode(stream: ClientStream | null, at: number, bytes: number): number {
    const { codecs, i32 } = this.engine;
    const { head, text } = this.sessions;
    const { config } = this.connection.endpoint.cluster;
    const words = head >> 2;
    const upgraded = stream !== null && stream.upgrade !== '';
    if (upgraded) this.sessions.tellUpgrade(stream.upgrade);
    const found = codecs.h2DecodeResponse(this.decoding, at, at + bytes, text, this.sessions.textBytesMax, head,
      config.maxResponseHeadersBytes, config.maxResponseHeadersCount, upgraded ? H2_UPGRADED : 0);
    if (found > 0) return stream === null ? 0 : found;
    if (i32[words + H2Head.scope] === H2Scope.connection) { this.connectionError(i32[words + H2Head.code]); return -1; }
    if (stream !== null && (i32[words + H2Head.flags] & (H2HeadFlag.tooLarge | H2HeadFlag.tooMany)) !== 0)
      this.count('headerOverflow');
    return 0;
  }

  /** What came of a stream is no response. False: the connection is over. */
  malformed(id: number): boolean {
    this.count('rxMessagingError');
    this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_protocol_error);
    return this.streamError(id, H2Error.protocol);
  }

  protected received(bytes: number): void {
    this.connection.endpoint.cluster.gauge(ClusterStat.upstream_cx_rx_bytes_total, bytes);
    this.keepalive.heard();
  }
  protected onPong(): void { this.keepalive.answered(); }
  protected onSettings(): void { this.pool.hasRoom(this); }
  count(stat: Http2Stat): void { this.connection.endpoint.cluster.count(STATS[stat]); }
  private gauge(by: number): void {
    this.connection.endpoint.cluster.gauge(ClusterStat['http2.streams_active'], by);
  }

  override flooded(kind: number): void {
    this.connection.endpoint.cluster.count(FLOODS[kind]!);
    this.connectionError(H2Error.enhanceYourCalm);
  }

  override connectionError(error: number): void {
    if (this.state === SESSION_OPEN && error !== H2Error.internal)
      this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_protocol_error);
    super.connectionError(error);
  }

  protected onGoAway(last: number): void {
    if (!this.draining) this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_close_notify);
    this.drain();
    for (const stream of this.streams.all()) if (stream.streamId > last) stream.lost(RESET_REFUSED);
  }

  /** No further request; it ends with the last one that it has. */
  drain(): void {
    if (this.draining || this.state !== SESSION_OPEN) return;
    this.draining = true;
    this.pool.leaves(this);
    if (this.lent === 0) this.finish();
  }

  protected onForgotten(id: number, _stream: FramedStream): void { if (id > 0) this.gauge(-1); }

  recycled(stream: ClientStream): void {
    this.lent--;
    if (this.free.length < limits.http2UpstreamStreamsKept) this.free.push(stream);
    if (this.state !== SESSION_OPEN) return;
    if (this.draining) { if (this.lent === 0) this.finish(); return; }
    this.pool.hasRoom(this);
    if (this.lent === 0 && this.state === SESSION_OPEN) this.becameIdle();
  }

  private becameIdle(): void {
    const { nowMs } = this.engine;
    const { idleTimeoutMs } = this.connection.endpoint.cluster.traits;
    if (idleTimeoutMs > 0) this.idleAtMs = nowMs + idleTimeoutMs;
    else this.idleAtMs = Infinity;
    this.deadlineMoved();
  }

  private deadlineMoved(): void {
    const next = Math.min(this.idleAtMs, this.lifeAtMs, this.lingerAtMs, this.keepalive.dueMs);
    if (next < Infinity) this.engine.timers.arm(this.timer, next); else this.engine.timers.disarm(this.timer);
  }

  onTimer(nowMs: number): void { try { this.timerFired(nowMs); } catch (error) { this.failed(error); } }

  private timerFired(nowMs: number): void {
    const { cluster } = this.connection.endpoint;
    if (this.state === SESSION_CLOSED) return;
    if (this.state === SESSION_LINGERING) {
      if (nowMs >= this.lingerAtMs) this.end(0, false); else this.deadlineMoved();
      return;
    }
    if (nowMs >= this.lifeAtMs) {
      this.lifeAtMs = Infinity;
      cluster.count(ClusterStat.upstream_cx_max_duration_reached);
      this.drain();
    } else if (nowMs >= this.idleAtMs) {
      cluster.count(ClusterStat.upstream_cx_idle_timeout);
      this.drain();
    }
    if (this.state !== SESSION_OPEN) return;
    if (!this.keepalive.timer(nowMs, this.lent)) {
      this.count('keepaliveTimeout');
      this.end(ETIMEDOUT, false);
      return;
    }
    this.deadlineMoved();
  }

  /** Nothing is in progress and nothing follows. */
  private finish(): void {
    this.sayGoAway(0, H2Error.none);
    this.end(0, false);
  }

  protected lingerFor(): void {
    this.pool.leaves(this);
    this.lingerAtMs = this.engine.nowMs + LINGER_MS;
    this.idleAtMs = this.lifeAtMs = Infinity;
    this.keepalive.end();
    this.engine.timers.arm(this.timer, this.lingerAtMs);
  }

  protected override end(errno: number, reset: boolean): void {
    this.endsUsed ||= this.lent > 0;
    super.end(errno, reset);
  }

  /** The socket is the connection's. */
  protected override closeSocket(): void { /* onClosed */ }

  protected onClosed(): void {
    this.engine.timers.disarm(this.timer);
    this.keepalive.end();
    this.pool.leaves(this);
    const { connection } = this;
    if (this.lent === 0) this.sessions.give(this);       // else streams without a number still know it
    connection.sessionClosed(this.endsUsed, this.hasPeerEnded);
  }
}

