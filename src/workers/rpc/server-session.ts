// A client's RPC connection: each request is a stream of its own, answered in whatever order answers come.
import { Head, Rejection, RpcFrame, RpcKind } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { HttpStat, histogramCell } from '../../telemetry/schema.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import { ConnectionAddresses } from '../connection/addresses.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { DownstreamEvents } from '../connection/downstream-side.js';
import type { ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { ChainEnd } from '../listener/chains.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { NetworkFilters } from '../listener/network-filters.js';
import type { RpcRoom } from './room.js';
import { RPC_OPEN, RpcSession } from './session.js';
import type { RpcServerSessions } from './server-sessions.js';
import { RpcServerStream } from './server-stream.js';
import type { RpcStream } from './stream.js';

const ECONNABORTED = 103;

export class RpcServerSession extends RpcSession implements ListenerConnection {
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
  private draining = false;
  private lingering = false;
  /** It is the client who ended the connection. */
  peerLeft = false;
  private idleAtMs = Infinity;
  private finalAtMs = Infinity;
  private lifeAtMs = Infinity;
  /** What waits for the client has to have moved by then, and so often. */
  private movesUntilMs = Infinity;
  private moveMs = 0;
  /** The frame that has begun has to be understood by then; and how many frames there had been before it. */
  private headAtMs = Infinity;
  private framesBefore = 0;
  private readonly timer: number;
  private readonly free: RpcServerStream[] = [];

  constructor(engine: Engine, override readonly room: RpcRoom, private readonly events: DownstreamEvents,
      private readonly factory: RpcServerSessions) {
    super(engine, room, limits.rpcUnsentBytesMax);
    this.addresses = new ConnectionAddresses(engine);
    this.timer = engine.timers.add(this);
  }

  get chainName(): string { return this.hcm.chainName; }
  get chainEnd(): ChainEnd { return this.hcm.config; }

  /** On a connected socket. False: there is no room. */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, id: number, known: number,
      facts: ConnectionFacts | null, protocol: RpcProtocol): boolean {
    const { engine } = this;
    const rpc = hcm.config.rpc!;
    const socket = known < 0 ? engine.reactor.add(fd, this) : known;
    if (socket < 0 || !this.start(socket, protocol, rpc.maxFrameBytes)) return false;
    this.addresses.reset(fd);
    if (facts !== null) this.addresses.learn(facts);
    if (listener.logs.length > 0) this.addresses.note();
    this.listener = listener;
    this.hcm = hcm;
    this.id = id;
    this.openedMs = engine.nowMs;
    this.bytesReceived = this.bytesSent = this.requests = 0;
    this.draining = this.lingering = this.peerLeft = false;
    this.finalAtMs = this.movesUntilMs = this.headAtMs = Infinity;
    const { maxConnectionDurationMs } = hcm.config;
    this.lifeAtMs = maxConnectionDurationMs > 0 ? engine.nowMs + maxConnectionDurationMs : Infinity;
    if (this.rateLimits.size > 0) this.rateLimits.clear();
    engine.reactor.setOwner(socket, this);
    this.heartbeat.begin(rpc.heartbeat, engine.nowMs);
    this.becameIdle();
    engine.reactor.startReceive(socket);
    if (listener.removed) this.drain(false, 0);
    return true;
  }

  protected onFrame(kind: number, textBytes: number, _buffer: number, at: number, end: number): RpcStream | null {
    const { engine, hcm } = this;
    const { codecs, i32, requestRecord } = engine;
    if (kind === RpcKind.response) { this.countRefused(0); this.end(0, true); return null; }
    const stream = this.begin(kind);
    if (stream === null) return null;
    const { text } = this.room;
    const fits = i32[(this.frame >> 2) + RpcFrame.headBytes] <= hcm.config.maxRequestHeadersBytes;
    const used = !fits ? 0 : codecs.h1DecodeRequest(text, text + textBytes, requestRecord, hcm.decodeOptions,
      limits.bufferLargeBytes, hcm.config.maxHeadersCount);
    if (used <= 0) {
      this.countRefused(0);
      this.events.onRequestRejected(stream, fits ? i32[(requestRecord >> 2) + Head.code] : Rejection.headTooLarge);
      return stream;
    }
    const id = stream.streamId;
    try {
      const taken = this.events.onRequestHead(stream, at, end, textBytes);
      this.tookWithHead(taken - at);
      if (stream.streamId === id) stream.deadlineMoved();
    } catch (error) {
      this.failedRequest(error);
      if (stream.streamId === id) stream.failed(error);
    }
    engine.recordOwner = 0;
    return stream.streamId === id ? stream : null;
  }

  /** A stream for the frame whose facts are in the record. Null: too many are in progress, and the client was told. */
  private begin(kind: number): RpcServerStream | null {
    const { i32 } = this.engine;
    const words = this.frame >> 2;
    const stream = this.free.pop() ?? new RpcServerStream(this.engine, this, this.events);
    // Numbers of ours: clients may use theirs again while an answer is outstanding.
    const full = this.streams.size >= this.hcm.config.rpc!.maxConcurrentRequests;
    if (full || !stream.open(this.takeId(), ++this.requests, kind === RpcKind.oneway)) {
      this.free.push(stream);
      this.engine.count(this.hcm.scope, HttpStat.downstream_rq_overload_close);
      if (kind === RpcKind.request) this.reply(this.protocol.statusOf(0, 503));
      return null;
    }
    stream.idLow = i32[words + RpcFrame.idLow];
    stream.idHigh = i32[words + RpcFrame.idHigh];
    stream.origin = i32[words + RpcFrame.origin];
    stream.timeoutMs = Math.max(0, i32[words + RpcFrame.timeoutMs]);
    this.streams.set(stream.streamId, stream);
    this.idleAtMs = Infinity;
    return stream;
  }

  /** Answers the frame whose facts are in the record by a status alone. */
  private reply(status: number): void {
    this.engine.i32[(this.frame >> 2) + RpcFrame.status] = status;
    this.control(this.encodeReply);
  }
  private readonly encodeReply = (frame: number, dst: number): number => {
    const text = this.engine.text + CONTROL_BYTES;          // what is encoded may lie in front of it
    const end = text + this.engine.writeText(text, 'HTTP/1.1 503 Service Unavailable\r\n\r\n');
    return this.calls.encodeResponse(text, end, frame, dst, CONTROL_BYTES);
  };

  protected override onTaken(waits: boolean): void {
    const { requestHeadersTimeoutMs } = this.hcm.config;
    if (requestHeadersTimeoutMs === 0) return;
    // While nothing is read the client is not to blame.
    const waitsForClient = waits && !this.unsent.backedUp && !this.isStopped && !this.discards;
    if (!waitsForClient || this.framesSeen !== this.framesBefore) this.headAtMs = Infinity;
    this.framesBefore = this.framesSeen;
    if (!waitsForClient || this.headAtMs < Infinity) return;
    this.headAtMs = this.engine.nowMs + requestHeadersTimeoutMs;
    this.deadlineMoved();
  }

  protected onControl(kind: number): void {
    if (kind === RpcKind.heartbeat) this.control(this.calls.encodeHeartbeatReply);
  }

  protected onRefused(kind: number): void {
    if (kind === RpcKind.request) this.reply(this.protocol.refusedStatus);
  }

  protected onBadChecksum(stream: RpcStream): void {
    const server = stream as RpcServerStream;
    if (server.stream !== null) this.events.onRequestBroken(server.stream);
  }

  protected countRefused(_refusal: number): void {
    this.engine.count(this.hcm.scope, HttpStat.downstream_cx_protocol_error);
  }
  countRefusedAnswer(): void { this.engine.count(this.hcm.scope, HttpStat.weft_internal_error); }
  streamFailed(): void { this.endSoon(ECONNABORTED); }

  encodeResponse(at: number, end: number): number {
    return this.calls.encodeResponse(at, end, this.frame, this.room.at, this.room.bytesMax);
  }
  statusOf(flags: number, httpStatus: number): number { return this.protocol.statusOf(flags, httpStatus); }

  failedRequest(error: unknown): void {
    this.engine.count(this.hcm.scope, HttpStat.weft_internal_error);
    this.engine.report(error);
  }

  protected received(bytes: number): void {
    this.engine.f64[this.hcm.scope + HttpStat.downstream_cx_rx_bytes_total] += bytes;
    this.bytesReceived += bytes;
    this.heartbeat.heard(this.engine.nowMs);
  }

  gone(_stream: RpcStream): void {
    if (this.streams.size > 0 || this.state !== RPC_OPEN) return;
    if (this.draining) { this.engine.reactor.flushLater(this.out); return; }
    this.becameIdle();
  }
  /** A client that does not read its answers is not read from either. */
  protected override onBackedUp(): void {
    this.engine.count(this.hcm.scope, HttpStat.downstream_flow_control_paused_reading_total);
    this.engine.reactor.stopReceive(this.socket);
    this.headAtMs = Infinity;
    const { streamIdleTimeoutMs } = this.hcm.config;
    if (streamIdleTimeoutMs > 0) this.mustMove(streamIdleTimeoutMs);
  }
  protected override onStopped(): void { this.headAtMs = Infinity; }
  protected override receiveAgain(): void { if (!this.unsent.backedUp) super.receiveAgain(); }
  protected override onBackUpOver(): void {
    this.engine.count(this.hcm.scope, HttpStat.downstream_flow_control_resumed_reading_total);
    this.receiveAgain();
    if (!this.lingering) this.movesUntilMs = Infinity;
  }
  protected override onTurnOver(): void {
    if (this.draining && this.streams.size === 0) this.linger();
  }

  /** What waits for the client has to move within so much time, and again, or the connection ends. */
  private mustMove(ms: number): void {
    this.unsent.moves(this.socket);
    this.moveMs = ms;
    this.movesUntilMs = this.engine.nowMs + ms;
    this.deadlineMoved();
  }
  /** All is answered: the client reads what is on its way to it, whatever it sends meanwhile, and then closes. */
  private linger(): void {
    if (this.lingering) return;
    this.lingering = this.discards = true;
    this.heartbeat.end();
    this.out.push();
    const { reactor } = this.engine;
    if (this.endsAfterPeer()) return;
    const { delayedCloseTimeoutMs } = this.hcm.config;
    reactor.shutdownSend(this.socket);
    reactor.startReceive(this.socket);
    this.mustMove(delayedCloseTimeoutMs > 0 ? delayedCloseTimeoutMs : limits.rpcLingerMs);
  }
  /** True: the client has closed it, and so is it here; else when all is sent. */
  private endsAfterPeer(): boolean {
    if (!this.hasPeerEnded) return false;
    if (this.engine.reactor.pendingSendBytes(this.socket) > 0) {
      this.engine.reactor.notifyDrained(this.socket);
      return false;
    }
    this.end(0, false);
    return true;
  }
  protected override onAllSent(): void { if (this.lingering) this.endsAfterPeer(); }

  /** Calls that came before what is out of step are still answered. */
  protected override endRefused(): void {
    this.draining = this.discards = true;
    if (this.streams.size === 0) this.engine.reactor.flushLater(this.out);
  }
  /** The client sends nothing more. Its calls are over, but for those that nobody answers and that are whole. */
  protected override finishes(): boolean {
    for (const stream of this.streams.all()) if (!stream.muted || !stream.remoteEnded) stream.lost(0);
    this.draining = true;
    if (this.lingering) { this.endsAfterPeer(); return true; }
    this.peerLeft = true;
    if (this.streams.size === 0) this.linger();
    return true;
  }

  recycled(stream: RpcServerStream): void {
    if (this.free.length < limits.rpcStreamsKept) this.free.push(stream); else stream.release();
  }

  // Deadlines, drain, end.

  private becameIdle(): void {
    const { idleTimeoutMs } = this.hcm.config;
    if (idleTimeoutMs > 0) this.idleAtMs = this.engine.nowMs + idleTimeoutMs;
    else this.idleAtMs = Infinity;
    this.deadlineMoved();
  }
  private deadlineMoved(): void {
    const next = Math.min(this.idleAtMs, this.finalAtMs, this.lifeAtMs, this.movesUntilMs, this.headAtMs,
      this.heartbeat.dueMs);
    if (next < Infinity) this.engine.timers.arm(this.timer, next); else this.engine.timers.disarm(this.timer);
  }
  deadlineChanged(): void { if (this.state === RPC_OPEN && this.streams.size === 0) this.becameIdle(); }

  onTimer(nowMs: number): void {
    try {
      const { scope } = this.hcm;
      if (this.state !== RPC_OPEN) return;
      if (nowMs >= this.lifeAtMs) {
        this.lifeAtMs = Infinity;
        this.engine.count(scope, HttpStat.downstream_cx_max_duration_reached);
        this.drain(false, 0);
      } else if (nowMs >= this.idleAtMs) {
        this.engine.count(scope, HttpStat.downstream_cx_idle_timeout);
        this.end(0, false);
      } else if (nowMs >= this.finalAtMs) this.end(0, true);
      else if (nowMs >= this.movesUntilMs) this.stalls();
      else if (nowMs >= this.headAtMs) {
        this.engine.count(scope, HttpStat.downstream_rq_header_timeout);
        this.endRefused();
        this.headAtMs = Infinity;
      }
      if (this.state === RPC_OPEN && this.beat(nowMs)) this.deadlineMoved();
    } catch (error) { this.failed(error); }
  }

  private stalls(): void {
    if (this.unsent.moves(this.socket)) { this.mustMove(this.moveMs); return; }
    this.engine.count(this.hcm.scope, this.lingering ? HttpStat.downstream_cx_delayed_close_timeout
      : HttpStat.downstream_cx_idle_timeout);
    this.end(0, true);
  }

  /** Takes what comes until its last answer; a client that knows of such a thing is told. */
  drain(_closeIdle: boolean, graceMs: number): void {
    if (this.state !== RPC_OPEN) return;
    if (graceMs > 0) this.finalAtMs = Math.min(this.finalAtMs, this.engine.nowMs + graceMs);
    if (!this.draining) {
      this.draining = true;
      if (this.protocol.tellsDrain || this.hcm.config.rpc!.sendsBoltGoAway) this.sendGoAway();
    }
    if (this.streams.size === 0) this.engine.reactor.flushLater(this.out);
    this.deadlineMoved();
  }

  protected onClosed(): void {
    const { engine } = this;
    this.peerLeft ||= this.hasPeerEnded && !this.lingering;
    engine.timers.disarm(this.timer);
    engine.observe(this.hcm.connectionLengthCell, engine.nowMs - this.openedMs);
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.openedMs);
    this.factory.closed(this);
  }
}

const CONTROL_BYTES = 64;
