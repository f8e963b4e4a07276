// A request of a client's RPC connection: what the proxy sees in the place of an HTTP/1.1 connection.
import { RpcFrame } from '../../core/generated/layouts.js';
import { RESET_PROTOCOL } from '../../core/reset-reasons.js';
import type { Downstream, DownstreamEvents } from '../connection/downstream-side.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import type { RpcServerSession } from './server-session.js';
import { RpcStream } from './stream.js';

const ONE = 49;

export class RpcServerStream extends RpcStream implements Downstream {
  readonly framed = true;
  stream: Stream | null = null;
  closeAfterResponse = false;
  closeAnnounced = false;
  readonly clientCloses = false;
  requests = 0;
  /** What the client said, 0 = nothing: the route's own holds. */
  timeoutMs = 0;
  /** Of the client's frame: its number, and what a reply of ours needs. */
  idLow = 0;
  idHigh = 0;
  origin = 0;
  private readonly timer: number;

  constructor(engine: Engine, readonly connection: RpcServerSession, private readonly events: DownstreamEvents) {
    super(engine, connection);
    this.timer = engine.timers.add(this);
  }

  get protocol() { return this.connection.protocol; }
  get listener() { return this.connection.listener; }
  get hcm() { return this.connection.hcm; }
  get addresses() { return this.connection.addresses; }
  get id(): number { return this.connection.id; }
  get chainName(): string { return this.connection.chainName; }
  get rateLimits() { return this.connection.rateLimits; }
  get ended(): boolean { return this.remoteEnded; }
  get lastRequest(): boolean { return false; }
  get bytesSent(): number { return this.connection.bytesSent; }
  set bytesSent(bytes: number) { this.connection.bytesSent = bytes; }

  /** False: there are too many channels. */
  open(id: number, requests: number, isOneway: boolean): boolean {
    if (!this.beginRpc(id)) return false;
    this.requests = requests;
    this.muted = isOneway;
    this.closeAfterResponse = this.closeAnnounced = false;
    return true;
  }

  sendHead(buffer: number, at: number, headBytes: number, bytes: number): void {
    if (this.localEnded || this.streamId === 0 || this.muted || this.engine.u8[at + STATUS_AT] === ONE) return;
    if (!this.encode(at, headBytes)) return;
    if (bytes > headBytes && this.streamId !== 0) this.send(buffer, at + headBytes, bytes - headBytes);
  }

  private encode(at: number, headBytes: number, isError = false): boolean {
    const { engine, connection, stream } = this;
    const { i32 } = engine;
    const words = connection.frame >> 2;
    const { room } = connection;
    if (!room.fresh()) { connection.exhausted(this); return false; }
    i32[words + RpcFrame.idLow] = this.idLow;
    i32[words + RpcFrame.idHigh] = this.idHigh;
    i32[words + RpcFrame.origin] = this.origin;
    i32[words + RpcFrame.status] = stream === null ? -1 : connection.statusOf(stream.flags, stream.status);
    const end = connection.encodeResponse(at, at + headBytes);
    if (end === 0) { this.refuse(isError); return false; }
    this.promise(end);
    return true;
  }

  /** The answer does not fit the protocol: its client gets an error in its place, or its connection ends. */
  private refuse(isError: boolean): void {
    const { engine, connection } = this;
    const text = engine.text;
    if (isError) { connection.streamFailed(); return; }
    connection.countRefusedAnswer();
    this.encode(text, engine.writeText(text, 'HTTP/1.1 500 Internal Server Error\r\n\r\n'), true);
  }

  sendTrailers(): void { this.end(); }
  outOfStep(): void { /* frames keep the connection in step */ }

  finishRequest(_keepAlive: boolean): void {
    this.stream = null;
    this.engine.timers.disarm(this.timer);
    this.end();
    this.leave();
    if (this.closeAfterResponse) this.connection.drain(false, 0);
  }

  requestComplete(): void { /* its frame says it */ }
  becomeTunnel(): void { this.offer(); }
  offerSoon(): void { this.offer(); }
  resume(): void { this.offer(); }
  closeGracefully(): void {
    this.stream = null;
    this.end();
    this.leave();
  }
  override close(reset: boolean): void {
    this.stream = null;
    super.close(reset);
  }

  deadlineMoved(): void {
    if (this.stream !== null) this.engine.timers.arm(this.timer, this.events.deadlineOf(this.stream));
  }
  onTimer(nowMs: number): void {
    const { stream } = this;
    if (stream === null) return;
    try {
      this.events.onDeadline(stream, nowMs);
      if (this.stream === stream) this.deadlineMoved();
    } catch (error) { this.failed(error); }
  }

  protected take(buffer: number, at: number, end: number): number {
    const { stream } = this;
    if (stream === null) return end;
    try { return this.events.onRequestBytes(stream, buffer, at, end); } catch (error) {
      this.failed(error);
      return end;
    }
  }
  protected takeEnd(): boolean {
    if (this.stream === null) return true;
    try { return this.events.onRequestEnd(this.stream, 0, 0); } catch (error) {
      this.failed(error);
      return true;
    }
  }
  override receiveEnd(): void {
    super.receiveEnd(0, 0);
    const { stream } = this;
    if (stream !== null && !stream.request.complete) this.events.onRequestArrived(stream);
  }
  protected gone(errno: number): void {
    const { stream } = this;
    if (stream !== null) this.events.onDownstreamEnd(stream, errno === 0 ? ECONNRESET : errno);
  }
  protected drained(): void { if (this.stream !== null) this.events.onDownstreamDrained(this.stream); }
  protected recycle(): void {
    this.dropTail();
    this.engine.timers.disarm(this.timer);
    this.stream = null;
    this.connection.recycled(this);
  }

  /** What goes wrong with one request ends that request. */
  failed(error: unknown): void {
    this.connection.failedRequest(error);
    if (this.streamId !== 0) this.lost(RESET_PROTOCOL);
  }

  release(): void { this.engine.timers.remove(this.timer); }
}

/** Of the first digit in `HTTP/1.1 200`. */
const STATUS_AT = 9;
const ECONNRESET = 104;
