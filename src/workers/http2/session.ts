// One HTTP/2 connection, either side: reads frames, keeps the state that streams share, and says what the connection
// says. Requests are the business of the subclasses (server-session.ts, client-session.ts).
//
//   frames in → connection frames are answered here, the others go to their streams
//   streams → DATA within both windows, in turn → frames out → one send a turn
//
//   open → (GOAWAY said or heard) draining → closed;   open → error: GOAWAY, lingering → closed
import { H2Error, H2Frame, H2FrameRecordBytes, H2Settings, H2SettingsRecordBytes,
  H2Type } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { RESET_LOCAL, RESET_PROTOCOL } from '../../core/reset-reasons.js';
import type { Http2Options } from '../../config/http2.js';
import { Held } from '../connection/held.js';
import type { Engine } from '../engine.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { FLOOD_NONE, Floods } from './floods.js';
import { FramesOut } from './frames-out.js';
import { HeaderBlock } from './header-block.js';
import { DataIn } from './data-in.js';
import { Sending } from './sending.js';
import { SESSION_CLOSED, SESSION_LINGERING, SESSION_OPEN } from './session-state.js';
import { IdTable } from '../memory/id-table.js';
import { StarvedStreams } from './starved-streams.js';
import type { FramedStream } from './stream.js';
import { FLAG_ACK, FLAG_END_HEADERS, FLAG_END_STREAM,
  SETTING_ENABLE_CONNECT_PROTOCOL, SETTING_ENABLE_PUSH, SETTING_HEADER_TABLE_SIZE, SETTING_INITIAL_WINDOW_SIZE,
  SETTING_MAX_CONCURRENT_STREAMS, SETTING_MAX_HEADER_LIST_SIZE, WINDOW_DEFAULT,
  WINDOW_MAX } from './wire.js';

const ECONNABORTED = 103;
const ECONNRESET = 104;
/** Of our encoder's table: what every peer has unless it says otherwise. */
const HEADER_TABLE_BYTES = 4096;

/** Counters of http2.*, as indexes; the subclasses say where. */
export type Http2Stat = 'rxReset' | 'txReset' | 'rxMessagingError' | 'headerOverflow' | 'trailers'
  | 'txFlushTimeout' | 'tooManyHeaderFrames' | 'keepaliveTimeout' | 'streamsActive' | 'goawaySent' | 'flood';

export abstract class Session implements SocketOwner {
  options!: Http2Options;
  socket = -1;
  state = SESSION_CLOSED;
  readonly out: FramesOut;
  readonly streams = new IdTable<FramedStream>();
  readonly floods = new Floods();
  /** The newest stream that the peer has opened. */
  protected lastPeerStream = 0;
  /** What the peer says of itself. */
  peerFrameBytes = 16_384;
  peerStreamWindow = WINDOW_DEFAULT;
  peerStreamsMax: number = limits.http2StreamsAssumed;
  peerConnects = false;
  /** Its first SETTINGS have come. */
  settled = false;
  readonly sending: Sending;
  receiveWindow = WINDOW_DEFAULT;
  private taken = 0;
  /** Tables of the header codec; 0 = none. */
  protected decoding = 0;
  protected encoding = 0;
  private decodingBytes = 0;
  private encodingBytes = 0;
  private readonly data: DataIn;
  private readonly held: Held;
  private readonly block: HeaderBlock;
  readonly frame: number;
  private readonly settings: number;
  /** Streams that we have reset lately: what their peers had sent before they knew is no error. */
  private readonly resetLately = new Int32Array(limits.http2ResetsRemembered);
  private resetsAt = 0;
  private peerEnded = false;
  peerLeft = false;                                      // it is the peer who ended the connection
  private readonly starved = new StarvedStreams(this);

  constructor(readonly engine: Engine) {
    this.sending = new Sending(this);
    this.data = new DataIn(this);
    this.out = new FramesOut(engine, () => { this.turnOver(); });
    this.held = new Held(engine);
    this.block = new HeaderBlock(engine);
    this.frame = engine.heap.allocate(H2FrameRecordBytes);
    this.settings = engine.heap.allocate(H2SettingsRecordBytes);
  }

  /** A header block of a stream has come whole: [at, at + bytes). False: the connection is over. */
  protected abstract onHeaders(id: number, at: number, bytes: number, endsStream: boolean): boolean;
  /** The peer goes: streams of ours above `last` were not looked at. */
  protected abstract onGoAway(last: number, error: number): void;
  protected abstract onClosed(): void;
  /** The connection has one stream less. */
  protected abstract onForgotten(id: number, stream: FramedStream): void;
  abstract count(stat: Http2Stat): void;
  protected abstract onSettings(): void;
  /** A PING that we sent was answered. */
  protected abstract onPong(): void;
  protected abstract received(bytes: number): void;
  /** Are streams with even numbers, or with odd ones, the peer's? */
  protected abstract isPeers(id: number): boolean;

  get fd(): number { return this.engine.reactor.fdOf(this.socket); }
  get streamCount(): number { return this.streams.size; }

  /** Begins on a connected socket. False: there is no room for its tables. */
  protected start(socket: number, options: Http2Options): boolean {
    const { engine } = this;
    this.options = options;
    if (this.frame < 0 || this.settings < 0 || !this.takeTables(options)) return false;
    this.socket = socket;
    this.state = SESSION_OPEN;
    this.lastPeerStream = 0;
    this.peerFrameBytes = 16_384;
    this.peerStreamWindow = this.receiveWindow = WINDOW_DEFAULT;
    this.sending.begin();
    this.peerStreamsMax = limits.http2StreamsAssumed;
    this.peerConnects = this.settled = this.peerEnded = this.peerLeft = false;
    this.taken = 0;
    this.data.begin();
    this.resetLately.fill(0);
    this.floods.begin();
    engine.codecs.h2ResetSettings(this.settings);
    this.out.begin(socket);
    return true;
  }

  private takeTables(options: Http2Options): boolean {
    const { codecs, heap } = this.engine;
    this.decodingBytes = codecs.hpackTableBytes(options.headerTableBytes, 0);
    this.encodingBytes = codecs.hpackTableBytes(HEADER_TABLE_BYTES, 1);
    this.decoding = heap.allocate(this.decodingBytes);
    this.encoding = heap.allocate(this.encodingBytes);
    if (this.decoding < 0 || this.encoding < 0) { this.giveTables(); return false; }
    codecs.hpackReset(this.decoding, options.headerTableBytes, 0);
    codecs.hpackReset(this.encoding, HEADER_TABLE_BYTES, 1);
    return true;
  }

  private giveTables(): void {
    const { heap } = this.engine;
    if (this.decoding > 0) heap.release(this.decoding, this.decodingBytes);
    if (this.encoding > 0) heap.release(this.encoding, this.encodingBytes);
    this.decoding = this.encoding = 0;
  }

  /** Our SETTINGS, and the connection's window where it is larger than the one that all begin with. */
  protected sayHello(listBytesMax: number, isServer: boolean): void {
    const { options } = this;
    const pairs: [number, number][] = [[SETTING_INITIAL_WINDOW_SIZE, options.streamWindowBytes],
      [SETTING_MAX_HEADER_LIST_SIZE, listBytesMax]];
    if (options.headerTableBytes !== 4096) pairs.push([SETTING_HEADER_TABLE_SIZE, options.headerTableBytes]);
    if (isServer) pairs.push([SETTING_MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams]);
    else pairs.push([SETTING_ENABLE_PUSH, 0]);
    if (isServer && options.allowConnect) pairs.push([SETTING_ENABLE_CONNECT_PROTOCOL, 1]);
    this.out.settings(pairs, false);
    const more = options.connectionWindowBytes - WINDOW_DEFAULT;
    if (more > 0) {
      this.receiveWindow += more;
      this.out.words(H2Type.windowUpdate, 0, 1, more);
    }
  }

  // Bytes in.

  onConnected(): void { /* it is */ }
  onReceived(buffer: number, offset: number, length: number): void {
    try { this.take(buffer, offset, length); } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void { try { this.receiveEnd(errno); } catch (error) { this.failed(error); } }
  onSendFailed(errno: number): void {
    try { this.end(errno, false); } catch (error) { this.failed(error); }
  }
  onSendDrained(): void {
    try {
      this.sending.drained();
    } catch (error) { this.failed(error); }
  }

  protected failed(error: unknown): void {
    this.engine.report(error);
    try { this.end(ECONNABORTED, true); } catch (again) { this.engine.report(again); }
  }

  protected take(buffer: number, offset: number, length: number): void {
    this.received(length);
    if (this.state !== SESSION_OPEN) return;
    const { held } = this;
    if (held.bytes === 0) {
      const end = offset + length;
      const taken = this.process(buffer, offset, end);
      if (taken < end && this.state === SESSION_OPEN && !held.keep(taken, end - taken)) this.end(ECONNABORTED, true);
      return;
    }
    for (let left = length; left > 0;) {
      const added = held.bytes > 0 ? held.append(offset, left) : held.keep(offset, left) ? left : -1;
      if (added <= 0) { this.end(ECONNABORTED, true); return; }
      offset += added;
      left -= added;
      const { buffer: own, at } = held;
      const taken = this.process(own, at, at + held.bytes);
      if (this.state !== SESSION_OPEN) return;
      held.consume(taken - at);
    }
  }

  private process(buffer: number, at: number, end: number): number {
    while (at < end && this.state === SESSION_OPEN) {
      if (this.data.isOpen) { at = this.data.take(buffer, at, end); continue; }
      const next = this.processFrame(at, end);
      if (next === at) break;
      at = next;
    }
    return at;
  }

  /** One frame, or the head of DATA. Returns the position after it; `at`: it has not come whole. */
  private processFrame(at: number, end: number): number {
    const { codecs, i32 } = this.engine;
    const used = codecs.h2DecodeFrame(at, end, this.frame, limits.http2FrameBytesMax);
    if (used < 0) return at;
    const words = this.frame >> 2;
    if (used === 0) { this.connectionError(i32[words + H2Frame.code]); return end; }
    const id = i32[words + H2Frame.streamId], error = i32[words + H2Frame.code];
    if (i32[words + H2Frame.type] === H2Type.data && this.block.stream === 0) this.data.frame(words);
    else if (error === H2Error.none || i32[words + H2Frame.type] === H2Type.headers) this.handle(words);
    if (error !== H2Error.none && this.state === SESSION_OPEN) this.streamError(id, error);
    if (this.state !== SESSION_OPEN) return end;
    // What is in hand of a DATA frame is offered by `process`, which knows its buffer.
    return i32[words + H2Frame.type] === H2Type.data ? i32[words + H2Frame.payloadAt] : at + used;
  }

  private handle(words: number): void {
    const { i32 } = this.engine;
    const type = i32[words + H2Frame.type], flags = i32[words + H2Frame.flags], id = i32[words + H2Frame.streamId];
    const at = i32[words + H2Frame.payloadAt], bytes = i32[words + H2Frame.payloadBytes];
    const { block } = this;
    if (block.stream !== 0 && (type !== H2Type.continuation || id !== block.stream)) {
      this.connectionError(H2Error.protocol);
      return;
    }
    if (!this.settled && type !== H2Type.settings) { this.connectionError(H2Error.protocol); return; }
    const flood = this.floods.received(type, bytes, (flags & FLAG_END_STREAM) !== 0, this.options);
    if (flood !== FLOOD_NONE) { this.flooded(flood); return; }
    switch (type) {
      case H2Type.headers: this.headers(id, flags, at, bytes); return;
      case H2Type.continuation: this.continuation(flags, at, bytes); return;
      case H2Type.settings: this.takeSettings(flags, at, bytes); return;
      case H2Type.ping: this.takePing(flags, at); return;
      case H2Type.windowUpdate: this.takeWindow(id, i32[words + H2Frame.value]); return;
      case H2Type.rstStream: this.takeReset(id, i32[words + H2Frame.value]); return;
      case H2Type.goaway: this.onGoAway(i32[words + H2Frame.lastStreamId], i32[words + H2Frame.value]); return;
      case H2Type.pushPromise: this.connectionError(H2Error.protocol); return;
      case H2Type.priority:
      default: return;                                   // RFC 9113 5.3.2, 5.5: nothing depends on them
    }
  }

  private headers(id: number, flags: number, at: number, bytes: number): void {
    const endsStream = (flags & FLAG_END_STREAM) !== 0;
    if ((flags & FLAG_END_HEADERS) !== 0) { this.onHeaders(id, at, bytes, endsStream); return; }
    if (!this.block.begin(id, endsStream, at, bytes)) this.connectionError(H2Error.internal);
  }

  private continuation(flags: number, at: number, bytes: number): void {
    const { block } = this;
    if (block.stream === 0) { this.connectionError(H2Error.protocol); return; }
    if (!block.append(at, bytes)) {
      this.count('tooManyHeaderFrames');
      this.connectionError(H2Error.enhanceYourCalm);
      return;
    }
    if ((flags & FLAG_END_HEADERS) === 0) return;
    const { stream, endsStream } = block;
    this.onHeaders(stream, block.at, block.bytes, endsStream);
    block.drop();
  }

  private takeSettings(flags: number, at: number, bytes: number): void {
    const { codecs, i32 } = this.engine;
    if ((flags & FLAG_ACK) !== 0) {
      if (!this.settled) this.connectionError(H2Error.protocol);
      else codecs.hpackResize(this.decoding, this.options.headerTableBytes);
      return;
    }
    const words = this.settings >> 2;
    const tableBytes = i32[words + H2Settings.headerTableBytes];
    i32[words + H2Settings.headerTableLeast] = WINDOW_MAX;
    const error = codecs.h2ReadSettings(at, bytes, this.settings);
    if (error !== 0) { this.connectionError(error); return; }
    this.settled = true;
    const window = i32[words + H2Settings.initialWindowBytes];
    const change = window - this.peerStreamWindow;
    this.peerStreamWindow = window;
    this.peerFrameBytes = Math.min(i32[words + H2Settings.maxFrameBytes], limits.http2SentFrameBytesMax);
    this.peerStreamsMax = i32[words + H2Settings.maxConcurrentStreams];
    this.peerConnects = i32[words + H2Settings.enableConnect] === 1;
    if (i32[words + H2Settings.headerTableBytes] !== tableBytes) {
      codecs.hpackResize(this.encoding, i32[words + H2Settings.headerTableLeast]);
      codecs.hpackResize(this.encoding, i32[words + H2Settings.headerTableBytes]);
    }
    this.out.settings([], true);
    if (!this.mayAnswer()) return;
    if (change !== 0 && !this.moveWindows(change)) return;
    this.onSettings();
    if (change > 0) this.sending.pump();
  }

  /** The peer's initial window is another: so is that of every stream (RFC 9113 6.9.2). */
  private moveWindows(change: number): boolean {
    for (const stream of this.streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > WINDOW_MAX) { this.connectionError(H2Error.flowControl); return false; }
      if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.sending.add(stream);
    }
    return true;
  }

  private takePing(flags: number, at: number): void {
    if ((flags & FLAG_ACK) !== 0) { this.onPong(); return; }
    this.out.ping(at, true);
    this.mayAnswer();
  }

  private takeWindow(id: number, increment: number): void {
    if (id === 0) {
      if (!this.sending.grow(increment)) this.connectionError(H2Error.flowControl);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === null) {
      if (this.isIdle(id)) this.connectionError(H2Error.protocol);
      return;
    }
    if (stream.sendWindow + increment > WINDOW_MAX) { this.streamError(id, H2Error.flowControl); return; }
    stream.sendWindow += increment;
    if (stream.queuedBytes > 0) { this.sending.add(stream); this.sending.pump(); }
  }

  private takeReset(id: number, error: number): void {
    if (this.isIdle(id)) { this.connectionError(H2Error.protocol); return; }
    this.count('rxReset');
    const stream = this.streams.get(id);
    if (stream === null) return;
    if (!this.mayReset(stream)) return;
    stream.resetByPeer(error);
  }

  /** False: the peer resets too many, or makes us. */
  protected mayReset(_stream: FramedStream): boolean { return true; }

  isIdle(id: number): boolean {
    return this.isPeers(id) ? id > this.lastPeerStream : id >= this.nextOwnStream;
  }
  /** Number of the stream that we open next. */
  protected nextOwnStream = 0;

  /** Bytes of the connection's window are free again. */
  giveBack(bytes: number): void {
    if (this.state !== SESSION_OPEN || bytes === 0) return;
    this.taken += bytes;
    if (this.taken * 2 < this.options.connectionWindowBytes) return;
    this.receiveWindow += this.taken;
    this.out.words(H2Type.windowUpdate, 0, 1, this.taken);
    this.taken = 0;
  }

  sendWindowUpdate(id: number, bytes: number): void { this.out.words(H2Type.windowUpdate, id, 1, bytes); }

  // Bytes out.

  sendEnd(id: number): void {
    if (this.state === SESSION_OPEN && !this.out.endLast(id)) this.out.data(id, -1, 0, 0, true);
  }

  sendReset(id: number, error: number): void {
    if (this.state !== SESSION_OPEN) return;
    this.count('txReset');
    this.resetLately[this.resetsAt] = id;
    this.resetsAt = (this.resetsAt + 1) % this.resetLately.length;
    this.out.words(H2Type.rstStream, id, 1, error);
    this.mayAnswer();
  }

  wasResetLately(id: number): boolean { return this.resetLately.includes(id); }

  sendTrailers(id: number, at: number, bytes: number): void {
    const { codecs } = this.engine;
    const room = this.out.reserve(codecs.h2BlockBytesMax(bytes, this.peerFrameBytes));
    if (room < 0) { this.sendEnd(id); return; }
    this.out.commit(codecs.h2EncodeTrailers(this.encoding, at, at + bytes, room, id, this.peerFrameBytes), id);
  }

  /** False: answers pile up that the peer does not take. */
  private mayAnswer(): boolean {
    const pending = this.engine.reactor.pendingSendBytes(this.socket);
    const flood = this.floods.answered(this.out.handedBytes, pending, this.options);
    if (flood !== FLOOD_NONE) this.flooded(flood);
    return flood === FLOOD_NONE;
  }

  /** The loop's turn is over, and what was gathered has been sent. */
  private turnOver(): void {
    try {
      this.starved.turnOver();
      this.sending.turnOver();
      if (this.out.failed) this.end(ECONNABORTED, true);
      this.out.push();
      if (this.state === SESSION_OPEN) this.onTurnOver();
    } catch (error) { this.failed(error); }
  }
  protected onTurnOver(): void { /* nothing */ }

  // Errors and ends.

  /** Ends a stream for what its peer did. False: the connection is over instead. */
  streamError(id: number, error: number): boolean {
    const stream = this.streams.get(id);
    if (stream === null) {
      if (this.isIdle(id)) { this.connectionError(error); return false; }
      this.sendReset(id, error);
      return this.state === SESSION_OPEN;
    }
    if (!this.mayReset(stream)) return false;
    this.sendReset(id, error);
    stream.lost(error === H2Error.refusedStream ? RESET_LOCAL : RESET_PROTOCOL);
    return this.state === SESSION_OPEN;
  }

  /** No buffer is free for what a stream has to keep. */
  exhausted(stream: FramedStream): void { this.starved.add(stream); }

  flooded(_kind: number): void {
    this.count('flood');
    this.connectionError(H2Error.enhanceYourCalm);
  }

  /** Says GOAWAY and ends the connection; its streams are lost. */
  connectionError(error: number): void {
    if (this.state !== SESSION_OPEN) return;
    this.out.words(H2Type.goaway, 0, 2, this.lastPeerStream, error);
    this.out.push();
    this.state = SESSION_LINGERING;
    if (this.streamCount > 0) this.onEnding();
    this.loseStreams(RESET_PROTOCOL);
    this.held.drop();
    this.block.drop();
    this.linger();
  }

  sayGoAway(last: number, error: number): void {
    if (this.state === SESSION_OPEN) this.out.words(H2Type.goaway, 0, 2, last, error);
  }

  /** Sends what is left and our FIN, and waits a while for the peer's. */
  protected linger(): void {
    this.state = SESSION_LINGERING;
    this.out.push();
    if (this.peerEnded) { this.end(0, false); return; }
    this.engine.reactor.shutdownSend(this.socket);
    this.lingerFor();
  }
  /** Arms the timer that ends lingering. */
  protected abstract lingerFor(): void;

  private receiveEnd(errno: number): void {
    this.peerEnded = true;
    if (this.state === SESSION_LINGERING) { this.end(0, false); return; }
    this.peerLeft = true;
    this.end(errno === 0 ? 0 : ECONNRESET, false);
  }

  /** The connection is gone, or goes now. */
  protected end(errno: number, reset: boolean): void {
    if (this.state === SESSION_CLOSED) return;
    const { socket } = this;
    if (!reset && this.state === SESSION_OPEN) this.out.push();
    this.state = SESSION_CLOSED;
    this.out.drop();
    this.held.drop();
    this.block.drop();
    if (this.streamCount > 0) this.onEnding();
    this.loseStreams(errno);
    this.sending.end();
    this.giveTables();
    this.socket = -1;
    this.closeSocket(socket, reset);
    this.onClosed();
  }
  protected closeSocket(socket: number, reset: boolean): void { this.engine.reactor.close(socket, reset); }

  private loseStreams(errno: number): void { for (const stream of this.streams.all()) stream.lost(errno); }

  forget(id: number, stream: FramedStream): void {
    this.streams.delete(id);
    this.data.forget(stream);
    this.onForgotten(id, stream);
  }

  protected onEnding(): void { /* with streams: a server counts that */ }
  protected get hasPeerEnded(): boolean { return this.peerEnded; }
}
