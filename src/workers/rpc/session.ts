// One connection of an RPC protocol, either side: finds frames in what comes, hands heads as canonical text and bodies
// as they arrive to streams, and answers heartbeats. A long frame is never gathered: its body goes on piece by piece.
//
//   bytes in → codec (start of a frame → text) → stream;   stream → RpcSending (one frame at a time) → one send a turn
import { RpcFrame, RpcFrameFlag, RpcFrameRecordBytes, RpcKind, RpcRefusal } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import { RPC_ALL_PAIRS } from '../codecs-rpc.js';
import type { RpcCalls } from '../codecs-rpc.js';
import { Held } from '../connection/held.js';
import type { Engine } from '../engine.js';
import { FramesOut } from '../http2/frames-out.js';
import type { FramedStream, StreamCarrier } from '../http2/stream.js';
import { IdTable } from '../memory/id-table.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { Heartbeat } from './heartbeat.js';
import type { RpcRoom } from './room.js';
import { RpcSending } from './sending.js';
import type { RpcStream } from './stream.js';
import { Unsent } from './unsent.js';
import { WaitingControls } from './waiting-controls.js';

export const RPC_CLOSED = 0, RPC_OPEN = 1;
const EPIPE = 32, ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105, ETIMEDOUT = 110;
const CHECKSUM_BYTES = 4;
const UNLIMITED = 0x7fffffff, ID_MAX = 0x7fffffff;
/** A heartbeat, or any other frame that is ours alone. */
const CONTROL_BYTES = 64;

export abstract class RpcSession implements SocketOwner, StreamCarrier {
  socket = -1;
  state = RPC_CLOSED;
  readonly peerStreamWindow = UNLIMITED;
  readonly peerFrameBytes = limits.bufferLargeBytes;
  readonly options = { streamWindowBytes: UNLIMITED };
  readonly streams = new IdTable<RpcStream>();
  readonly out: FramesOut;
  readonly sending: RpcSending;
  protected readonly unsent: Unsent;
  private readonly controls: WaitingControls;
  protected calls!: RpcCalls;
  protocol!: RpcProtocol;
  protected frameBytesMax = 0;
  readonly frame: number;
  /** Whose body comes, as what stream, and what of the frame is still to come; null: nobody wants it. */
  private current: RpcStream | null = null;
  private currentId = 0;
  private bodyLeft = 0;
  /** Of the checksum behind it, where that has not been verified. */
  private tailBytes = 0;
  private crc = 0;
  /** Frames that were understood, or refused. */
  protected framesSeen = 0;
  /** So many bytes of a frame have to be there before it is worth another look. */
  private needed = 0;
  protected readonly heartbeat = new Heartbeat();
  private nextId = 1;
  private readonly held: Held;
  /** Bytes of bodies that have come and nobody took yet. */
  private untaken = 0;
  private stopped = false;
  private peerEnded = false;
  private offering = false;

  /** `unsentBytesMax`: a peer that leaves more than that unread loses its connection. */
  constructor(readonly engine: Engine, readonly room: RpcRoom, unsentBytesMax = UNLIMITED) {
    this.out = new FramesOut(engine, () => { this.turnOver(); });
    this.sending = new RpcSending(engine, this.out);
    this.controls = new WaitingControls(engine, this.out);
    this.unsent = new Unsent(engine, this.out, unsentBytesMax);
    this.held = new Held(engine);
    this.frame = engine.heap.allocate(RpcFrameRecordBytes);
  }

  get fd(): number { return this.engine.reactor.fdOf(this.socket); }

  /** The text of a frame's start lies in the room's text; its facts are in the record. Bodies in hand: [at, end). */
  protected abstract onFrame(kind: number, textBytes: number, buffer: number, at: number,
    end: number): RpcStream | null;
  /** Another kind of frame, whole. */
  protected abstract onControl(kind: number): void;
  /** A frame was refused whose end is known: its sender is told, if it is one that is answered. */
  protected abstract onRefused(kind: number): void;
  protected abstract countRefused(refusal: number): void;
  /** A body has come to its end with another checksum than it said. */
  protected abstract onBadChecksum(stream: RpcStream): void;
  protected abstract onClosed(): void;
  protected abstract received(bytes: number): void;
  abstract gone(stream: RpcStream): void;

  protected start(socket: number, protocol: RpcProtocol, frameBytesMax: number): boolean {
    if (this.frame < 0) return false;
    this.socket = socket;
    this.state = RPC_OPEN;
    this.protocol = protocol;
    this.calls = protocol.calls(this.engine.codecs);
    this.frameBytesMax = frameBytesMax;
    this.current = null;
    this.currentId = this.bodyLeft = this.tailBytes = this.untaken = this.needed = 0;
    this.nextId = 1;
    this.stopped = this.peerEnded = this.offering = this.discards = false;
    this.unsent.begin();
    this.failure = 0;
    this.out.begin(socket);
    this.sending.begin();
    return true;
  }

  // Bytes in.

  onConnected(): void { /* it is */ }
  onReceived(buffer: number, offset: number, length: number): void {
    try {
      this.take(buffer, offset, length);
      if (this.state === RPC_OPEN) this.onTaken(this.bodyLeft === 0 && this.held.bytes > 0);
    } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void {
    try {
      this.peerEnded = true;
      if (errno !== 0 || !this.finishes()) this.end(errno, false);
    } catch (error) { this.failed(error); }
  }
  onSendFailed(errno: number): void {
    try {
      this.peerEnded ||= errno === ECONNRESET || errno === EPIPE;
      this.end(errno, false);
    } catch (error) { this.failed(error); }
  }
  onSendDrained(): void {
    try {
      if (this.unsent.drained()) this.onBackUpOver();
      this.onAllSent();
      const { writer } = this.sending;
      if (writer !== null) this.sending.tellSoon(writer);
    } catch (error) { this.failed(error); }
  }
  protected failed(error: unknown): void {
    this.engine.report(error);
    this.end(ECONNABORTED, true);
  }

  private take(buffer: number, offset: number, length: number): void {
    if (this.discards) return;
    this.received(length);
    const end = offset + length;
    if (this.held.bytes === 0) {
      const taken = this.process(buffer, offset, end);
      if (taken < end && this.state === RPC_OPEN && !this.held.keep(taken, end - taken)) this.end(ENOBUFS, true);
      return;
    }
    for (let at = offset; at < end && this.state === RPC_OPEN;) {
      const { held } = this;
      const added = held.bytes === 0 ? (held.keep(at, end - at) ? end - at : -1) : held.append(at, end - at);
      if (added <= 0) { this.end(ENOBUFS, true); return; }
      at += added;
      this.offerHeld();
    }
  }

  private offerHeld(): void {
    const { held } = this;
    if (held.bytes === 0 || this.offering) return;
    this.offering = true;
    const { buffer, at } = held;
    this.engine.pool.retain(buffer);
    const taken = this.process(buffer, at, at + held.bytes);
    this.engine.pool.release(buffer);
    this.offering = false;
    if (held.buffer === buffer) held.consume(taken - at);
  }

  /** Returns how far the bytes were taken. */
  private process(buffer: number, at: number, end: number): number {
    while (at < end && this.state === RPC_OPEN && !this.stopped && !this.discards) {
      const next = this.bodyLeft > 0 ? this.body(buffer, at, end) : this.decode(buffer, at, end);
      if (next === at) return at;
      at = next;
    }
    return this.state === RPC_OPEN && !this.discards ? at : end;
  }
  /** Nothing that comes is looked at any more. */
  protected discards = false;

  /** The start of a frame. Returns the position behind what was taken; `at`: more has to come. */
  private decode(buffer: number, at: number, end: number): number {
    const { engine, frame, room } = this;
    const { i32 } = engine;
    const words = frame >> 2;
    if (end - at < this.needed) return at;
    let taken = this.calls.decode(at, end, frame, room.text, room.textBytesMax, this.frameBytesMax, RPC_ALL_PAIRS);
    // What is too large to be looked at whole is looked at in front alone.
    if (taken < 0 && i32[words + RpcFrame.needed] > limits.rpcInspectedBytesMax)
      taken = this.calls.decode(at, end, frame, room.text, room.textBytesMax, this.frameBytesMax, 0);
    this.needed = taken < 0 ? i32[words + RpcFrame.needed] : 0;
    if (taken < 0) return at;
    const kind = i32[words + RpcFrame.kind];
    if (taken === 0) return this.refused(at, end, kind);
    at += taken;
    if (kind > RpcKind.response) {
      this.framesSeen++;
      this.onControl(kind);
      return at;
    }
    const bodyBytes = i32[words + RpcFrame.bodyBytes];
    const checked = (i32[words + RpcFrame.flags] & RpcFrameFlag.crc) !== 0;
    const tailBytes = checked ? CHECKSUM_BYTES : 0;
    const whole = end - at >= bodyBytes + tailBytes;
    // A frame that has begun keeps others waiting, and cannot be taken back: what is small begins when it is whole.
    const bytes = taken + bodyBytes + tailBytes;
    if (!whole && (bytes <= limits.rpcGatheredBytesMax || bodyBytes === 0)) {
      this.needed = bytes;
      return at - taken;
    }
    this.framesSeen++;
    this.crc = i32[words + RpcFrame.crc];
    if (whole && checked && !this.isSound(at, bodyBytes)) {
      this.countRefused(RpcRefusal.badChecksum);
      this.onRefused(kind);
      return at + bodyBytes + tailBytes;
    }
    const inHand = Math.min(whole || !checked ? bodyBytes : bodyBytes - 1, end - at);
    this.bodyLeft = bodyBytes;
    this.tailBytes = whole ? 0 : tailBytes;
    const stream = this.onFrame(kind, i32[words + RpcFrame.textBytes], buffer, at, at + inHand);
    if (this.state !== RPC_OPEN) return end;
    // What went with the head is off `bodyLeft` already (tookWithHead).
    const took = bodyBytes - this.bodyLeft;
    if (this.tailBytes > 0) this.crc = engine.codecs.rpcCrc(this.crc, at, took);
    at += took;
    this.current = stream;
    this.currentId = stream === null ? 0 : stream.streamId;
    if (!whole) return at;
    if (this.bodyLeft > 0) at = this.body(buffer, at, at + this.bodyLeft);
    else this.over();
    return at + tailBytes;
  }

  /** So much of the body in hand went with its head. */
  protected tookWithHead(bytes: number): void { this.bodyLeft -= bytes; }

  private isSound(at: number, bodyBytes: number): boolean {
    const { u8, codecs } = this.engine;
    const end = at + bodyBytes;
    const said = (u8[end] << 24 | u8[end + 1] << 16 | u8[end + 2] << 8 | u8[end + 3]) | 0;
    return (codecs.rpcCrc(this.crc, at, bodyBytes) | 0) === said;
  }

  private refused(at: number, end: number, kind: number): number {
    const { i32 } = this.engine;
    this.framesSeen++;
    const words = this.frame >> 2;
    this.countRefused(i32[words + RpcFrame.code]);
    if ((i32[words + RpcFrame.flags] & RpcFrameFlag.delimited) === 0) {
      this.onRefused(kind);
      this.endRefused();
      return at + 1;
    }
    this.current = null;
    this.currentId = this.tailBytes = 0;
    // What is still to come of its head nobody looks at, as of its body.
    const headBytes = i32[words + RpcFrame.headBytes], inHand = Math.min(headBytes, end - at);
    this.bodyLeft = headBytes - inHand + i32[words + RpcFrame.bodyBytes];
    this.onRefused(kind);                                 // its answer is written by way of the same record
    return at + inHand;
  }

  /** The connection is out of step: it ends, and whoever was refused may still read why. */
  protected endRefused(): void { this.end(0, false); }

  /** Hands on what is there of the body. Its last byte waits for the checksum: what is altered is never whole. */
  private body(buffer: number, at: number, end: number): number {
    const stream = this.of();
    const { bodyLeft, tailBytes } = this;
    let bytes = Math.min(bodyLeft, end - at);
    if (tailBytes > 0 && bytes === bodyLeft && end - at < bodyLeft + tailBytes) bytes--;
    if (bytes === 0) return at;
    const last = bytes === bodyLeft;
    const after = at + bytes + (last ? tailBytes : 0);
    this.bodyLeft -= bytes;
    if (stream === null) {
      if (last) this.over();
      return after;
    }
    if (last && tailBytes > 0 && !this.isSound(at, bytes)) {
      this.current = null;
      this.onBadChecksum(stream);
      return after;
    }
    if (tailBytes > 0) this.crc = this.engine.codecs.rpcCrc(this.crc, at, bytes);
    this.untaken += bytes;
    stream.receive(buffer, at, at + bytes);
    if (this.state === RPC_OPEN && this.untaken > limits.rpcUntakenBytesMax >> this.engine.pool.pressure) this.stop();
    if (last && this.state === RPC_OPEN) this.over();
    return after;
  }

  private of(): RpcStream | null {
    const { current } = this;
    return current !== null && current.streamId === this.currentId && this.currentId !== 0 ? current : null;
  }

  /** The frame has come to its end. */
  private over(): void {
    const stream = this.of();
    this.current = null;
    this.currentId = 0;
    if (stream !== null) stream.receiveEnd(0, 0);
  }

  /** Streams take less than comes: the peer waits. */
  private stop(): void {
    this.stopped = true;
    this.engine.reactor.stopReceive(this.socket);
    this.onStopped();
  }
  giveBack(bytes: number): void {
    this.untaken -= bytes;
    if (!this.stopped || this.untaken > limits.rpcUntakenBytesMax >> 1 || this.state !== RPC_OPEN) return;
    this.stopped = false;
    this.onStopOver();
    this.receiveAgain();
    this.offerHeld();
  }
  protected receiveAgain(): void {
    if (!this.stopped) this.engine.reactor.startReceive(this.socket);
  }
  protected get isStopped(): boolean { return this.stopped; }
  protected onStopped(): void { /* nothing */ }
  /** What came was looked at. `waits`: a frame has begun whose start, or whose end if it is short, is to come. */
  protected onTaken(_waits: boolean): void { /* nothing */ }
  protected onStopOver(): void { /* nothing */ }
  /** The peer has said that it sends nothing more. True: what it has said is still taken, then the session ends. */
  protected finishes(): boolean { return false; }

  // Bytes out.

  /** A frame of our own, whole: now, or behind the one that is being written. */
  protected control(encode: (frame: number, dst: number) => number): void {
    if (!this.unsent.takesControl()) { this.endSoon(ENOBUFS); return; }
    if (this.sending.writer !== null) { this.controlLater(encode); return; }
    const at = this.out.reserve(CONTROL_BYTES);
    if (at < 0) return;
    const end = encode(this.frame, at);
    if (end > at) this.out.commit(end, 0);
  }
  /** What is due of heartbeats is done. False: the peer does not answer, and the connection is over. */
  protected beat(nowMs: number): boolean {
    // In the middle of a frame none can be sent: the requests' own timeouts are what counts.
    if (this.sending.writer !== null) this.heartbeat.heard(nowMs);
    const due = this.heartbeat.due(nowMs);
    if (due === 'over') { this.end(ETIMEDOUT, false); return false; }
    if (due === 'send') this.sendOwn(this.calls.encodeHeartbeat);
    return this.state === RPC_OPEN;
  }
  protected sendGoAway(): void { this.sendOwn(this.calls.encodeGoAway); }

  /** A number that no request in progress has. */
  protected takeId(): number {
    while (this.isTaken(this.nextId)) this.nextId = this.nextId % ID_MAX + 1;
    const id = this.nextId;
    this.nextId = id % ID_MAX + 1;
    return id;
  }
  protected isTaken(id: number): boolean { return this.streams.get(id) !== null; }

  private sendOwn(encode: (frame: number, dst: number) => number): void {
    const { i32 } = this.engine;
    const words = this.frame >> 2;
    i32[words + RpcFrame.idLow] = this.takeId();
    i32[words + RpcFrame.idHigh] = i32[words + RpcFrame.origin] = 0;
    this.control(encode);
  }
  /** In the middle of a frame: its bytes are kept until that is over. */
  private controlLater(encode: (frame: number, dst: number) => number): void {
    const { text } = this.engine;
    if (!this.controls.keep(text, encode(this.frame, text))) this.end(ENOBUFS, true);
  }

  private turnOver(): void {
    try {
      if (this.failure !== 0 || this.out.failed) { this.end(this.failure || ENOBUFS, true); return; }
      if (this.sending.writer === null && !this.controls.isEmpty) this.controls.send();
      this.sending.turnOver();
      if (this.state === RPC_OPEN) this.lookAtUnsent();
      if (this.state === RPC_OPEN) this.onTurnOver();
    } catch (error) { this.failed(error); }
  }
  protected onTurnOver(): void { /* nothing */ }
  /** All of the stream's frame was given to the connection. */
  frameSent(_stream: RpcStream): void { /* nothing */ }
  private lookAtUnsent(): void {
    const verdict = this.unsent.look(this.socket);
    if (verdict === 'tooMuch') this.end(ENOBUFS, true); else if (verdict === 'backedUp') this.onBackedUp();
  }
  protected onBackedUp(): void { /* nothing */ }
  /** What waited has left, where somebody asked to be told (reactor.notifyDrained). */
  protected onAllSent(): void { /* nothing */ }
  protected onBackUpOver(): void { /* nothing */ }

  sendTrailers(): void { /* no RPC protocol has any */ }
  sendWindowUpdate(): void { /* nor windows */ }
  sendEnd(id: number): void {
    const stream = this.streams.get(id);
    if (stream !== null && stream.isShort) this.endSoon(ECONNABORTED);
  }
  sendReset(): void { /* frames have no such thing; forget() sees to what was begun */ }
  exhausted(stream: FramedStream): void {
    stream.starved = true;
    this.endSoon(ENOBUFS);
  }

  /** It cannot go on. Whoever is in the middle of something hears of it when the turn is over. */
  endSoon(errno: number): void {
    if (this.state !== RPC_OPEN || this.failure !== 0) return;
    this.failure = errno;
    this.sending.blocked = true;
    this.engine.reactor.flushLater(this.out);
  }
  private failure = 0;
  protected get isEnding(): boolean { return this.failure !== 0; }

  forget(id: number, stream: FramedStream): void {
    this.streams.delete(id);
    if (this.current === stream) this.current = null;
    const clean = this.sending.leaves(stream as RpcStream);
    this.gone(stream as RpcStream);
    if (!clean) this.endSoon(ECONNABORTED);
    else if (this.state === RPC_OPEN) this.sending.pump();
  }

  /** It is over, at once. */
  end(errno: number, reset: boolean): void {
    if (this.state === RPC_CLOSED) return;
    this.state = RPC_CLOSED;
    if (!reset) this.out.push();
    this.sending.end();
    for (const stream of this.streams.all()) stream.lost(errno);
    this.out.drop();
    this.held.drop();
    this.controls.clear();
    const { socket } = this;
    this.socket = -1;
    this.heartbeat.end();
    this.closeSocket(socket, reset);
    this.onClosed();
  }
  protected closeSocket(socket: number, reset: boolean): void { this.engine.reactor.close(socket, reset); }
  protected get hasPeerEnded(): boolean { return this.peerEnded; }
}
