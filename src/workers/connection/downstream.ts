// One HTTP/1.1 connection from a client: decodes request heads, keeps what cannot be taken yet, owns the connection's
// deadlines and its end. What a request means is decided by `DownstreamEvents` (workers/proxy/), never here.
//
//   head → body → waiting ─┐      tunnel (upgrade, CONNECT)
//    ↑_____________________┘      lingering: our last bytes were sent, what still arrives
//                                 is discarded until FIN or the delay is over
//
// Exactly one request is in progress at a time; pipelined bytes wait in `held`.
import { Head } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { HttpStat, histogramCell } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { ChainEnd } from '../listener/chains.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { NetworkFilters } from '../listener/network-filters.js';
import type { Stream } from '../proxy/stream.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { ConnectionAddresses } from './addresses.js';
import type { ConnectionFacts } from './addresses.js';
import type { DownstreamFactory } from './downstream-factory.js';
import type { Downstream, DownstreamEvents } from './downstream-side.js';
import { Held } from './held.js';
import type { ListenerConnection } from './register.js';

const ECONNABORTED = 103;
const HEAD = 0;
const BODY = 1;
const WAITING = 2;
const TUNNEL = 3;
const LINGERING = 4;
const CLOSED = 5;
/** It speaks HTTP/2: another takes the socket over. */
const LEAVING = 6;
/** No request of HTTP/1.1 begins so (RFC 9113 3.4). */
const PREFACE = 'PRI * HTTP/2';
const PREFACE_BYTES = PREFACE.length;

export class DownstreamConnection implements SocketOwner, ListenerConnection, Downstream {
  readonly framed = false;
  readonly protocol = null;
  listener!: ListenerRuntime;
  hcm!: HcmRuntime;
  stream: Stream | null = null;
  socket = -1;
  id = 0;
  requests = 0;
  /** The response in progress, or the next one, is the last. */
  closeAfterResponse = false;
  /** A response said so: nothing more is read from this connection. */
  closeAnnounced = false;
  /** The client announced that its request is the last (Connection: close, HTTP/1.0). */
  clientCloses = false;
  /** The client has sent FIN. */
  ended = false;
  /** It is the client who ended the connection. */
  peerLeft = false;
  nextOfListener: ListenerConnection | null = null;
  previousOfListener: ListenerConnection | null = null;
  filters: NetworkFilters | null = null;
  filterMask = 0;
  openedMs = 0;
  readonly timeoutMs = 0;
  readonly logged = null;
  bytesReceived = 0;
  bytesSent = 0;
  addresses: ConnectionAddresses;
  /** Token buckets that each connection has of its own, by the filter that fills them (filters/local-rate-limit.ts). */
  readonly rateLimits = new Map<object, number[]>();
  private state = CLOSED;
  private processing = false;
  private receiving = false;
  private peerFull = false;
  private headDeadlineMs = Infinity;
  private idleDeadlineMs = Infinity;
  private idleSinceMs = 0;
  private lifeDeadlineMs = Infinity;
  private scanned = 0;
  /** What the client speaks is known: it is HTTP/1.1. */
  private known = false;
  /** Bytes that were still to be sent when the lingering timer was armed. */
  private lingerPending = 0;
  private readonly held: Held;
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly events: DownstreamEvents,
      private readonly factory: DownstreamFactory) {
    this.held = new Held(engine);
    this.addresses = new ConnectionAddresses(engine);
    this.timer = engine.timers.add(this);
  }

  /** `socket`: its id, if the reactor has the socket already; `facts`: what was found out before. */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, id: number, socket: number,
      facts: ConnectionFacts | null): boolean {
    const { engine } = this;
    this.socket = socket < 0 ? engine.reactor.add(fd, this) : socket;
    if (this.socket < 0) return false;
    if (socket >= 0) engine.reactor.setOwner(socket, this);
    this.listener = listener;
    this.hcm = hcm;
    this.id = id;
    this.state = HEAD;
    this.requests = this.scanned = 0;
    this.known = false;
    this.clientCloses = this.closeAnnounced = false;
    this.closeAfterResponse = listener.removed;
    this.peerFull = this.ended = this.peerLeft = this.processing = false;
    this.openedMs = engine.nowMs;
    this.bytesReceived = this.bytesSent = 0;
    this.addresses.reset(fd);
    if (facts !== null) this.addresses.learn(facts);
    if (listener.logs.length > 0) this.addresses.note();
    if (this.rateLimits.size > 0) this.rateLimits.clear();
    this.headDeadlineMs = Infinity;
    const { maxConnectionDurationMs } = this.hcm.config;
    this.lifeDeadlineMs = maxConnectionDurationMs > 0 ? engine.nowMs + maxConnectionDurationMs : Infinity;
    this.startIdle();
    this.receiving = true;
    engine.reactor.startReceive(this.socket);
    return true;
  }

  /**
   * No request follows the one in progress: it ends the connection, or the client has sent its FIN and nothing waits
   * any more.
   */
  get lastRequest(): boolean { return this.closeAfterResponse || (this.ended && this.held.bytes === 0); }

  /** The request in progress ends with what was just sent: next request, or the end of the connection. */
  finishRequest(keepAlive: boolean): void {
    this.stream = null;
    // A drain that began behind the head of this response was not announced: what the client has sent meanwhile is
    // still served.
    if (!keepAlive || this.closeAnnounced || (this.held.bytes === 0 && this.lastRequest)) {
      // The client said that it sends nothing more, and everything we said is in the kernel: a plain close sends FIN
      // and cannot turn into a reset. When the end is our decision its next request may be on its way.
      const done = keepAlive && (this.clientCloses || this.ended) && this.held.bytes === 0 && !this.processing
        && this.engine.reactor.pendingSendBytes(this.socket) === 0;
      if (done) this.close(false); else this.closeGracefully();
      return;
    }
    this.state = HEAD;
    this.peerFull = false;
    this.scanned = 0;
    this.startIdle();
    if (!this.processing && this.held.bytes > 0) this.offerHeld();
    this.settleReceiving();
  }

  get chainName(): string { return this.hcm.chainName; }
  get chainEnd(): ChainEnd { return this.hcm.config; }

  sendHead(buffer: number, at: number, _headBytes: number, bytes: number, more: boolean): void {
    this.engine.reactor.send(this.socket, buffer, at, bytes, more);
  }
  sendTrailers(): void { throw new Error('trailers of HTTP/1.1 are a part of its chunks'); }
  outOfStep(): void { this.closeAfterResponse = true; }

  /** The request's body is complete, its response is outstanding. */
  requestComplete(): void { if (this.state === BODY) this.state = WAITING; }

  becomeTunnel(): void {
    this.state = TUNNEL;
    this.offerSoon();
  }

  /** Bytes that wait may be taken now (an upstream connection is ready, or the peer has drained). */
  offerSoon(): void {
    this.peerFull = false;
    if (!this.processing) this.offerHeld();
    this.settleReceiving();
  }

  /** The peer has enough: no more bytes until `resume` or `offerSoon`. */
  pause(): void {
    this.peerFull = true;
    this.settleReceiving();
  }
  resume(): void {
    this.peerFull = false;
    this.settleReceiving();
  }

  /** Receives unless the peer has enough or too much waits already; decided when what was received has been offered. */
  private settleReceiving(): void {
    if (this.processing || this.socket < 0 || this.state >= LINGERING) return;
    const wanted = this.state === HEAD || (!this.peerFull && this.held.bytes < limits.pipelinedBytesMax);
    if (wanted === this.receiving) return;
    this.receiving = wanted;
    if (wanted) this.engine.reactor.startReceive(this.socket); else this.engine.reactor.stopReceive(this.socket);
    this.engine.count(this.hcm.scope, wanted ? HttpStat.downstream_flow_control_resumed_reading_total
      : HttpStat.downstream_flow_control_paused_reading_total);
  }

  /**
   * No new request after the one in progress. A connection without one closes at once, or with `closeIdle` false may
   * send one more for drain_timeout: its request may be on its way, and would be lost.
   */
  drain(closeIdle: boolean): void {
    const idle = this.state === HEAD && this.stream === null && this.held.bytes === 0;
    if (idle && closeIdle) { this.drained(); return; }
    this.closeAfterResponse = true;
    if (!idle) return;
    this.idleDeadlineMs = Math.min(this.idleDeadlineMs, this.engine.nowMs + this.hcm.config.drainTimeoutMs);
    this.deadlineMoved();
  }

  private drained(): void {
    this.engine.count(this.hcm.scope, HttpStat.downstream_cx_drain_close);
    this.closeGracefully();
  }

  /**
   * Sends what is queued, then FIN, then discards what arrives until the client's FIN or the delay is over: no reset
   * may destroy our last words.
   */
  closeGracefully(): void {
    if (this.state === LINGERING || this.state === CLOSED) return;
    this.stream = null;
    this.held.drop();
    if (this.ended && this.engine.reactor.pendingSendBytes(this.socket) === 0) { this.close(false); return; }
    this.state = LINGERING;
    this.engine.reactor.shutdownSend(this.socket);
    this.linger(this.engine.reactor.pendingSendBytes(this.socket));
    if (this.receiving) return;
    this.receiving = true;
    this.engine.reactor.startReceive(this.socket);
  }

  private linger(pending: number): void {
    const { delayedCloseTimeoutMs } = this.hcm.config;
    this.lingerPending = pending;
    this.engine.timers.arm(this.timer, this.engine.nowMs + (delayedCloseTimeoutMs > 0 ? delayedCloseTimeoutMs : 1000));
  }

  /** Closes now. With `reset` the client sees RST: a response that cannot be completed must not look complete. */
  close(reset: boolean): void {
    if (this.state === CLOSED) return;
    const { engine } = this;
    this.state = CLOSED;
    engine.reactor.close(this.socket, reset);
    this.socket = -1;
    this.stream = null;
    this.held.drop();
    engine.timers.disarm(this.timer);
    engine.observe(this.hcm.connectionLengthCell, engine.nowMs - this.openedMs);
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.openedMs);
    this.factory.closed(this, this.known);
  }

  /** The stream's deadlines changed. */
  deadlineMoved(): void { this.engine.timers.arm(this.timer, this.nextDeadline()); }

  private timerFired(nowMs: number): void {
    if (this.state === CLOSED) return;
    if (this.stream !== null) {
      if (this.lifeDeadlineMs <= nowMs) this.lifeOver();
      this.events.onDeadline(this.stream, nowMs);
    } else if (this.state === LINGERING) {
      const pending = this.engine.reactor.pendingSendBytes(this.socket);
      if (pending === 0 || pending === this.lingerPending) {
        this.engine.count(this.hcm.scope, HttpStat.downstream_cx_delayed_close_timeout);
        this.close(false);
        return;
      }
      // a slow reader that goes on reading gets all of it, as from Envoy
      this.linger(pending);
    } else if (this.headDeadlineMs <= nowMs) {
      this.headDeadlineMs = Infinity;
      this.events.onHeadTimeout(this);
    } else if (this.lifeDeadlineMs <= nowMs) {
      this.lifeOver();
    } else if (this.idleDeadlineMs <= nowMs) {
      if (this.closeAfterResponse) { this.drained(); return; }
      this.engine.count(this.hcm.scope, HttpStat.downstream_cx_idle_timeout);
      this.closeGracefully();
    }
    if (this.state < LINGERING) this.engine.timers.arm(this.timer, this.nextDeadline());
  }

  private lifeOver(): void {
    this.lifeDeadlineMs = Infinity;
    this.engine.count(this.hcm.scope, HttpStat.downstream_cx_max_duration_reached);
    this.drain(false);
  }

  private nextDeadline(): number {
    const own = Math.min(this.lifeDeadlineMs,
      this.stream === null ? Math.min(this.headDeadlineMs, this.idleDeadlineMs) : Infinity);
    return this.stream === null ? own : Math.min(own, this.events.deadlineOf(this.stream));
  }

  private startIdle(): void {
    this.idleSinceMs = this.engine.nowMs;
    this.setIdleDeadline();
    const next = this.nextDeadline();
    if (next !== Infinity) this.engine.timers.arm(this.timer, next);
  }

  private setIdleDeadline(): void {
    let { idleTimeoutMs } = this.hcm.config;
    if (this.engine.overload.active) idleTimeoutMs = this.engine.overload.connectionIdleMs(idleTimeoutMs);
    // Two stores: the result of ?: with a constant would be an allocation.
    if (idleTimeoutMs > 0) this.idleDeadlineMs = this.idleSinceMs + idleTimeoutMs;
    else this.idleDeadlineMs = Infinity;
  }

  /** Timeouts have become shorter or longer under the connection. */
  deadlineChanged(): void {
    if (this.state >= LINGERING) return;
    if (!this.closeAfterResponse) this.setIdleDeadline();
    this.deadlineMoved();
  }

  // Entries from the reactor and the timer: what goes wrong with one connection ends that connection and nothing else.
  onReceived(buffer: number, offset: number, length: number): void {
    try { this.received(offset, length, buffer); } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void { try { this.receiveEnd(errno); } catch (error) { this.failed(error); } }
  onSendFailed(errno: number): void { try { this.sendFailed(errno); } catch (error) { this.failed(error); } }
  onSendDrained(): void {
    if (this.stream === null) return;
    try { this.events.onDownstreamDrained(this.stream); } catch (error) { this.failed(error); }
  }
  onTimer(nowMs: number): void { try { this.timerFired(nowMs); } catch (error) { this.failed(error); } }
  onConnected(): void { /* accepted sockets are connected */ }

  private failed(error: unknown): void {
    this.processing = false;
    this.engine.count(this.hcm.scope, HttpStat.weft_internal_error);
    this.engine.report(error);
    try {
      if (this.stream !== null) this.events.onDownstreamEnd(this.stream, ECONNABORTED);
    } catch (again) { this.engine.report(again); }
    this.close(true);
  }

  private received(offset: number, length: number, buffer: number): void {
    this.engine.f64[this.hcm.scope + HttpStat.downstream_cx_rx_bytes_total] += length;
    this.bytesReceived += length;
    if (this.state === LINGERING) return;
    if (this.held.bytes > 0) {
      if (!this.appendHeld(offset, length)) return;
    } else {
      const end = offset + length;
      const taken = this.process(buffer, offset, end);
      if (this.state === LEAVING) { this.leave(buffer, taken, end); return; }
      if (taken < end && this.state < LINGERING && !this.held.keep(taken, end - taken)) { this.exhausted(); return; }
    }
    // What arrives behind a request in progress waits; a client that keeps pushing is told to stop by its own window.
    this.settleReceiving();
  }

  /**
   * Adds to what waits, in as many steps as the largest buffer asks for: a head that is complete makes room for what
   * follows it.
   */
  private appendHeld(offset: number, length: number): boolean {
    const { held } = this;
    while (length > 0) {
      const taken = held.bytes > 0 ? held.append(offset, length) : held.keep(offset, length) ? length : -1;
      if (taken <= 0) { this.exhausted(); return false; }
      offset += taken;
      length -= taken;
      this.offerHeld();
      if (this.state >= LINGERING) return false;
    }
    return true;
  }

  private exhausted(): void {
    this.engine.count(this.hcm.scope, HttpStat.weft_allocation_failed);
    if (this.stream !== null) this.events.onDownstreamEnd(this.stream, 105);
    else this.close(true);
  }

  private offerHeld(): void {
    const { held } = this;
    if (held.bytes === 0 || this.state >= LINGERING) return;
    const taken = this.process(held.buffer, held.at, held.at + held.bytes);
    if (this.state === LEAVING) { this.leave(held.buffer, held.at, held.at + held.bytes); return; }
    if (this.state >= LINGERING) return;
    if (held.bytes > 0) held.consume(taken - held.at);
    if (!this.ended) return;
    if (this.state === HEAD) this.closeGracefully();                    // half a head, and the rest never comes
    else if (held.bytes === 0 && this.stream !== null) this.events.onDownstreamEnd(this.stream, 0);
  }

  private process(buffer: number, at: number, end: number): number {
    this.processing = true;
    while (at < end) {
      const before = at;
      const { state } = this;
      if (state === HEAD) at = this.processHead(at, end);
      else if (state === BODY || state === TUNNEL) at = this.events.onRequestBytes(this.stream!, buffer, at, end);
      else if (state === WAITING || state === LEAVING) break;
      else { at = end; break; }
      if (at === before && this.state === state) break;
    }
    this.processing = false;
    this.engine.recordOwner = 0;
    return at;
  }

  /** The first bytes say what the client speaks. False: too few have come, or it is HTTP/2. */
  private speaksHttp1(at: number, end: number): boolean {
    const { u8 } = this.engine;
    if (this.hcm.config.codec === 'auto') {
      let same = 0;
      while (same < PREFACE_BYTES && at + same < end && u8[at + same] === PREFACE.charCodeAt(same)) same++;
      if (same === PREFACE_BYTES) { this.state = LEAVING; return false; }
      if (at + same === end) return false;
    }
    this.known = true;
    this.factory.known(this);
    return true;
  }

  private processHead(at: number, end: number): number {
    const { engine, hcm } = this;
    if (!this.known && !this.speaksHttp1(at, end)) return at;
    // A head that came in pieces is decoded again only when it may be complete, so that dripping bytes cost little.
    if (this.scanned > 0 && end - at < this.scanned * 2 && end - at <= hcm.config.maxRequestHeadersBytes
      && engine.codecs.h1HeadMayEnd(at + Math.max(0, this.scanned - 3), end) === 0) {
      return at;
    }
    const used = engine.codecs.h1DecodeRequest(at, end, engine.requestRecord, hcm.decodeOptions,
      hcm.config.maxRequestHeadersBytes, hcm.config.maxHeadersCount);
    if (used < 0) {
      if (this.scanned === 0 && hcm.config.requestHeadersTimeoutMs > 0) {
        this.headDeadlineMs = engine.nowMs + hcm.config.requestHeadersTimeoutMs;
        engine.timers.arm(this.timer, this.nextDeadline());
      }
      this.scanned = end - at;
      return at;
    }
    this.headDeadlineMs = Infinity;
    this.scanned = 0;
    if (used === 0) {
      this.events.onRequestRejected(this, engine.i32[(engine.requestRecord >> 2) + Head.code]);
      return end;
    }
    this.requests++;
    this.state = BODY;
    return this.events.onRequestHead(this, at + used, end, used);
  }

  /** The client speaks HTTP/2, and begins with [at, end): its connection goes on as another object. */
  private leave(buffer: number, at: number, end: number): void {
    const { engine, socket } = this;
    const successor = this.factory.becomesHttp2(this);
    if (successor === null) { this.close(true); return; }
    this.state = CLOSED;
    this.socket = -1;
    engine.timers.disarm(this.timer);
    engine.reactor.setOwner(socket, successor);
    successor.onReceived(buffer, at, end - at);
    this.held.drop();
    this.factory.replaced(this);
  }

  private receiveEnd(errno: number): void {
    this.ended = true;
    if (this.state === LINGERING) { this.close(false); return; }
    this.peerLeft = true;
    if (this.stream !== null) {
      // what came before the FIN has its turn first (offerHeld)
      if (errno === 0 && this.held.bytes > 0) return;
      this.events.onDownstreamEnd(this.stream, errno);
      return;
    }
    if (this.held.bytes > 0) this.engine.count(this.hcm.scope, HttpStat.downstream_cx_protocol_error);
    this.close(false);
  }

  private sendFailed(errno: number): void {
    this.peerLeft ||= this.state !== LINGERING;
    if (this.state === LINGERING || this.stream === null) { this.close(false); return; }
    this.events.onDownstreamEnd(this.stream, errno);
  }
}
