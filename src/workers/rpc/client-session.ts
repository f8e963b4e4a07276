// An endpoint's RPC connection: requests of many clients share it, each under a number of ours.
import { Head, RpcFrame, RpcKind, RpcRefusal } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { RESET_LOCAL, RESET_PROTOCOL } from '../../core/reset-reasons.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { IdTable } from '../memory/id-table.js';
import type { Borrower } from '../upstream/borrower.js';
import type { UpstreamConnection } from '../upstream/connection.js';
import type { UpstreamPool } from '../upstream/pool.js';
import type { SharedSession } from '../upstream/shared-session.js';
import type { RpcClientSessions } from './client-sessions.js';
import { RpcClientStream } from './client-stream.js';
import type { RpcRoom } from './room.js';
import { RPC_OPEN, RpcSession } from './session.js';
import type { RpcStream } from './stream.js';

export class RpcClientSession extends RpcSession implements SharedSession {
  readonly settled = true;
  connection!: UpstreamConnection;
  draining = false;
  private requests = 0;
  private lent = 0;
  private endsUsed = false;
  /** Whose long request has the connection to itself: its client may stop in the middle, and others would wait. */
  private alone: RpcClientStream | null = null;
  private aloneSent = false;
  /** Those who wait may have streams again when the turn is over. */
  private roomAgain = false;
  /** The endpoint takes no new calls, and is believed until then; Infinity: it has not said so. */
  private readOnlyUntilMs = Infinity;
  /** When the call whose client does not read its answer is ended. */
  private heldUpAtMs = Infinity;
  /** It is done, and ends when all has left, at the latest then. */
  private sentByMs = Infinity;
  private patienceMs: number = limits.rpcHeldUpMs;
  private patientAgainMs = 0;
  private idleAtMs = Infinity;
  private lifeAtMs = Infinity;
  /** Numbers of requests that were given up: until their answers come, nobody else may have them. */
  private readonly late = new IdTable<true>();
  private readonly timer: number;
  private readonly free: RpcClientStream[] = [];

  constructor(engine: Engine, room: RpcRoom, private readonly pool: UpstreamPool,
      private readonly sessions: RpcClientSessions) {
    super(engine, room);
    this.timer = engine.timers.add(this);
  }

  /** On the connected socket of `connection`. False: there is no room. */
  open(connection: UpstreamConnection): boolean {
    const { engine } = this;
    const { config } = connection.endpoint.cluster;
    const { rpc } = config;
    // The cluster may have become another one's while it connected.
    if (rpc === null || !this.start(connection.socket, connection.protocol!, rpc.maxFrameBytes)) return false;
    this.connection = connection;
    this.draining = this.endsUsed = false;
    this.alone = null;
    this.roomAgain = false;
    this.heldUpAtMs = this.readOnlyUntilMs = this.sentByMs = Infinity;
    this.patientAgainMs = 0;
    this.requests = this.lent = 0;
    for (const id of this.late.ids()) this.late.delete(id);
    const { maxDurationMs } = config.connections;
    this.lifeAtMs = maxDurationMs > 0 ? engine.nowMs + maxDurationMs : Infinity;
    engine.reactor.setOwner(connection.socket, this);
    this.heartbeat.begin(rpc.heartbeat, engine.nowMs);
    this.becameIdle();
    engine.reactor.startReceive(connection.socket);
    return true;
  }

  get hasRoom(): boolean {
    return this.state === RPC_OPEN && !this.draining && !this.isEnding && !this.isStopped && !this.unsent.backedUp
      && this.alone === null && this.lent < this.connection.endpoint.cluster.config.rpc!.maxConcurrentRequests;
  }
  get isUsed(): boolean { return this.lent > 0; }
  /** Its endpoint does not take what it was sent: another connection would not help. */
  get isBackedUp(): boolean {
    return this.unsent.backedUp && !this.draining && this.alone === null
      && this.lent < this.connection.endpoint.cluster.config.rpc!.maxConcurrentRequests;
  }
  mayCarry({ protocol, alone }: Borrower): boolean {
    return protocol === this.protocol && (!alone || this.lent === 0);
  }

  lend(borrower: Borrower): boolean {
    const stream = this.free.pop() ?? new RpcClientStream(this.engine, this);
    const id = this.takeId();
    if (!stream.lend(borrower, id, this.requests + 1)) { this.free.push(stream); return false; }
    this.streams.set(id, stream);
    this.requests++;
    if (borrower.alone) {
      this.alone = stream;
      this.aloneSent = false;
    }
    if (this.lent++ === 0) this.idleAtMs = Infinity;
    this.connection.requests = this.requests;
    borrower.upstream = stream;
    const { cluster } = this.connection.endpoint;
    const { requestsPerConnectionMax } = cluster.traits;
    if (requestsPerConnectionMax > 0 && this.requests >= requestsPerConnectionMax && !this.draining) {
      cluster.count(ClusterStat.upstream_cx_max_requests);
      this.drain();
    }
    return true;
  }

  protected override isTaken(id: number): boolean { return super.isTaken(id) || this.late.get(id) !== null; }

  encodeRequest(at: number, end: number, id: number): number {
    const { i32 } = this.engine;
    const words = this.frame >> 2;
    i32[words + RpcFrame.idLow] = id;
    i32[words + RpcFrame.idHigh] = 0;
    return this.calls.encodeRequest(at, end, this.frame, this.room.at, this.room.bytesMax);
  }

  protected onFrame(kind: number, textBytes: number, buffer: number, at: number, end: number): RpcStream | null {
    const { engine } = this;
    const { i32 } = engine;
    const id = this.idOf(kind);
    if (id === 0) return null;                            // it answers nothing that we have asked
    const stream = this.streams.get(id) as RpcClientStream | null;
    if (stream === null || stream.isAnswered) {
      this.late.delete(id);                               // of what we gave up
      return null;
    }
    const { traits } = this.connection.endpoint.cluster;
    const { text } = this.room;
    const fits = i32[(this.frame >> 2) + RpcFrame.headBytes] <= traits.responseHeadBytesMax;
    const used = !fits ? 0 : engine.codecs.h1DecodeResponse(text, text + textBytes, engine.responseRecord,
      traits.decodeOptions, limits.bufferLargeBytes, traits.responseHeadersMax);
    if (used <= 0 || i32[(engine.responseRecord >> 2) + Head.status] < 200) {
      this.countRefused(0);
      stream.refuse();
      return null;
    }
    this.tookWithHead(stream.answer(buffer, at, end) - at);
    return stream.streamId === id ? stream : null;
  }

  /** A request that nobody answers is over when it is sent. */
  answerOneway(stream: RpcClientStream): void {
    const { engine } = this;
    const { text } = this.room;
    const bytes = engine.writeText(text, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    const { traits } = this.connection.endpoint.cluster;
    const id = stream.streamId;
    engine.codecs.h1DecodeResponse(text, text + bytes, engine.responseRecord, traits.decodeOptions,
      limits.bufferLargeBytes, limits.headersCountMax);
    stream.answer(-1, text + bytes, text + bytes);
    if (stream.streamId === id) stream.receiveEnd(0, 0);
  }

  protected onControl(kind: number): void {
    if (kind === RpcKind.heartbeat) this.control(this.calls.encodeHeartbeatReply);
    else if (kind === RpcKind.goAway) {
      if (!this.draining) this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_close_notify);
      if (this.protocol.leavesAsWhole) this.becameReadOnly();
      this.drain();
    }
  }

  /** A response that is none: its request has failed. */
  protected onRefused(kind: number): void {
    const id = this.idOf(kind);
    const stream = id === 0 ? null : this.streams.get(id) as RpcClientStream | null;
    if (stream !== null) stream.refuse(); else if (id !== 0) this.late.delete(id);
  }
  /** The number, of ours, that the frame in the record answers; 0: it is no answer, or its number is none of ours. */
  private idOf(kind: number): number {
    const { i32 } = this.engine;
    const words = this.frame >> 2;
    if (kind !== RpcKind.response || i32[words + RpcFrame.idHigh] !== 0) return 0;
    return Math.max(0, i32[words + RpcFrame.idLow]);
  }
  protected onBadChecksum(stream: RpcStream): void {
    this.countRefused(RpcRefusal.badChecksum);
    stream.lost(RESET_PROTOCOL);
  }
  protected countRefused(_refusal: number): void {
    this.connection.endpoint.cluster.count(ClusterStat.upstream_cx_protocol_error);
  }

  protected received(bytes: number): void {
    this.connection.endpoint.cluster.gauge(ClusterStat.upstream_cx_rx_bytes_total, bytes);
    this.heartbeat.heard(this.engine.nowMs);
  }

  tellLater(stream: RpcClientStream): void { this.sessions.tellLater(stream); }

  override frameSent(stream: RpcStream): void {
    if (stream !== this.alone) return;
    this.aloneSent = true;
    this.engine.reactor.flushLater(this.out);
  }
  protected override onTurnOver(): void {
    if (this.alone !== null && this.aloneSent) {
      this.alone = null;
      this.roomAgain = true;
    }
    if (!this.roomAgain) return;
    this.roomAgain = false;
    this.pool.hasRoom(this);
  }
  private offersRoom(): void {
    this.roomAgain = true;
    this.engine.reactor.flushLater(this.out);
  }
  protected override onBackUpOver(): void { this.offersRoom(); }

  /** A client does not read its answer, and the other calls of the connection wait: not for ever. */
  protected override onStopped(): void {
    const { nowMs } = this.engine;
    if (nowMs >= this.patientAgainMs) this.patienceMs = limits.rpcHeldUpMs;
    this.heldUpAtMs = nowMs + this.patienceMs;
    this.deadlineMoved();
  }
  protected override onStopOver(): void {
    this.heldUpAtMs = Infinity;
    this.deadlineMoved();
    this.offersRoom();
  }
  /** Behind one such answer there may be others: each has half as long as the one before. */
  private heldUp(nowMs: number): void {
    if (this.lent === 1) { this.onStopped(); return; }
    this.patienceMs >>= 1;
    this.patientAgainMs = nowMs + 8 * limits.rpcHeldUpMs;
    while (this.isStopped && this.lent > 1) {
      let slowest: RpcStream | null = null;
      for (const stream of this.streams.all())
        if (stream.waiting.bytes > (slowest === null ? 0 : slowest.waiting.bytes)) slowest = stream;
      if (slowest === null) return;
      slowest.lost(RESET_LOCAL);
    }
    if (this.isStopped) this.heldUpAtMs = nowMs + limits.rpcHeldUpMs;
  }

  /** The endpoint sends nothing more: answers that have come whole are still taken, the others have failed. */
  protected override finishes(): boolean {
    const streams = this.streams.all();
    if (!streams.some(({ remoteEnded }) => remoteEnded)) return false;
    this.takesNoMore();
    for (const stream of streams) if (!stream.remoteEnded) stream.lost(0);
    return true;
  }

  gone(stream: RpcStream): void {
    const client = stream as RpcClientStream;
    if (client === this.alone) this.alone = null;
    // Sent, and not answered: its number is not another's until it is.
    if (!client.begun || client.isAnswered || client.oneway || this.state !== RPC_OPEN) return;
    this.late.set(this.goneId, true);
    if (this.late.size > limits.rpcLateAnswersMax) this.drain();
  }
  private goneId = 0;
  override forget(id: number, stream: RpcStream): void {
    this.goneId = id;
    super.forget(id, stream);
  }

  recycled(stream: RpcClientStream): void {
    this.lent--;
    if (this.free.length < limits.rpcUpstreamStreamsKept) this.free.push(stream);
    if (this.state !== RPC_OPEN) return;
    if (this.draining) { this.endIfDone(); return; }
    this.pool.hasRoom(this);
    if (this.lent === 0 && this.state === RPC_OPEN) this.becameIdle();
  }

  drain(): void {
    if (this.draining || this.state !== RPC_OPEN) return;
    this.takesNoMore();
    this.endIfDone();
  }
  private takesNoMore(): void {
    this.draining = true;
    this.idleAtMs = this.lifeAtMs = Infinity;
    this.pool.leaves(this);
  }
  /** An endpoint that is read-only ends by itself: until then its connection tells that it still is. */
  private endIfDone(): void {
    if (this.lent > 0 || this.readOnlyUntilMs !== Infinity) return;
    this.out.push();
    const { nowMs, reactor } = this.engine;
    if (reactor.pendingSendBytes(this.socket) === 0 || nowMs >= this.sentByMs) { this.end(0, false); return; }
    // Calls that nobody answers may still be on their way.
    if (this.sentByMs < Infinity) return;
    this.sentByMs = nowMs + limits.rpcLingerMs;
    reactor.notifyDrained(this.socket);
    this.deadlineMoved();
  }
  protected override onAllSent(): void { if (this.draining) this.endIfDone(); }

  /** One connection is enough to tell how long; further ones end with their last call. */
  private becameReadOnly(): void {
    if (this.connection.endpoint.isReadOnly) return;
    this.readOnlyUntilMs = this.engine.nowMs + limits.rpcReadOnlyMs;
    this.connection.endpoint.readOnly(true);
    this.deadlineMoved();
  }
  private leftReadOnly(): void {
    if (this.readOnlyUntilMs === Infinity) return;
    this.readOnlyUntilMs = Infinity;
    this.connection.endpoint.readOnly(false);
  }

  private becameIdle(): void {
    const { idleTimeoutMs } = this.connection.endpoint.cluster.traits;
    if (idleTimeoutMs > 0) this.idleAtMs = this.engine.nowMs + idleTimeoutMs;
    else this.idleAtMs = Infinity;
    this.deadlineMoved();
  }
  private deadlineMoved(): void {
    const next = Math.min(this.idleAtMs, this.lifeAtMs, this.heldUpAtMs, this.readOnlyUntilMs, this.sentByMs,
      this.heartbeat.dueMs);
    if (next < Infinity) this.engine.timers.arm(this.timer, next); else this.engine.timers.disarm(this.timer);
  }

  onTimer(nowMs: number): void {
    try {
      if (this.state !== RPC_OPEN) return;
      const { cluster } = this.connection.endpoint;
      if (nowMs >= this.lifeAtMs) {
        cluster.count(ClusterStat.upstream_cx_max_duration_reached);
        this.drain();
      } else if (nowMs >= this.idleAtMs) {
        cluster.count(ClusterStat.upstream_cx_idle_timeout);
        this.drain();
      }
      if (nowMs >= this.heldUpAtMs) this.heldUp(nowMs);
      if (nowMs >= this.sentByMs) this.endIfDone();
      if (nowMs >= this.readOnlyUntilMs) {
        this.leftReadOnly();
        this.endIfDone();
      }
      if (this.state === RPC_OPEN && this.beat(nowMs)) this.deadlineMoved();
    } catch (error) { this.failed(error); }
  }

  override end(errno: number, reset: boolean): void {
    this.endsUsed ||= this.lent > 0;
    super.end(errno, reset);
  }
  /** The socket is the connection's. */
  protected override closeSocket(): void { /* onClosed */ }
  protected onClosed(): void {
    this.engine.timers.disarm(this.timer);
    this.leftReadOnly();
    this.pool.leaves(this);
    const { connection } = this;
    if (this.lent === 0) this.sessions.give(this);
    connection.sessionClosed(this.endsUsed, this.hasPeerEnded);
  }
}
