// A request's stream of a client's HTTP/2 connection: what the proxy sees in the place of an HTTP/1.1 connection.
import { H2Error } from '../../core/generated/layouts.js';
import { RESET_PROTOCOL } from '../../core/reset-reasons.js';
import type { Engine } from '../engine.js';
import type { Downstream, DownstreamEvents } from '../connection/downstream-side.js';
import type { Stream } from '../proxy/stream.js';
import type { ServerSession } from './server-session.js';
import { FramedStream } from './stream.js';

export class ServerStream extends FramedStream implements Downstream {
  readonly framed = true;
  readonly protocol = null;
  stream: Stream | null = null;
  closeAfterResponse = false;
  closeAnnounced = false;
  readonly timeoutMs = 0;
  readonly clientCloses = false;
  requests = 0;
  openedMs = 0;
  private finished = false;
  private answered = false;
  /** What waited to be sent when that was looked at last. */
  private unflushed = 0;
  private readonly timer: number;

  constructor(engine: Engine, readonly connection: ServerSession, private readonly events: DownstreamEvents) {
    super(engine, connection);
    this.timer = engine.timers.add(this);
  }

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
  open(id: number, requests: number): boolean {
    if (!this.begin(id)) return false;
    this.requests = requests;
    this.closeAfterResponse = this.closeAnnounced = this.finished = this.answered = false;
    this.openedMs = this.engine.nowMs;
    return true;
  }

  sendHead(buffer: number, at: number, headBytes: number, bytes: number): void {
    if (this.localEnded || this.streamId === 0) return;
    this.answered = true;
    if (!this.connection.sendHead(this.streamId, at, headBytes)) { this.connection.exhausted(this); return; }
    if (bytes > headBytes && this.streamId !== 0) this.send(buffer, at + headBytes, bytes - headBytes);
  }
  sendTrailers(at: number, bytes: number): void { this.endWithTrailers(at, bytes); }
  outOfStep(): void { /* frames keep the connection in step */ }

  finishRequest(_keepAlive: boolean): void {
    this.stream = null;
    this.finished = true;
    this.engine.timers.disarm(this.timer);
    this.end();
    if (this.closeAfterResponse) this.connection.drain(false, 0);
    this.leave();
    if (this.streamId !== 0) this.awaitFlush();
  }

  /** The response is written, but its client has no window for it: it must make room in time, as for Envoy. */
  private awaitFlush(): void {
    const { streamIdleTimeoutMs } = this.hcm.config;
    this.unflushed = this.queuedBytes;
    if (streamIdleTimeoutMs > 0) this.engine.timers.arm(this.timer, this.engine.nowMs + streamIdleTimeoutMs);
  }
  private flushDue(): void {
    if (this.streamId === 0 || !this.finished) return;
    if (this.queuedBytes < this.unflushed) { this.awaitFlush(); return; }
    this.connection.count('txFlushTimeout');
    this.abandon(H2Error.cancel);
  }

  requestComplete(): void { /* its frames say it */ }
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
    if (stream === null) { this.flushDue(); return; }
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
  protected takeEnd(trailersAt: number, trailersBytes: number): boolean {
    if (this.stream === null) return true;
    try { return this.events.onRequestEnd(this.stream, trailersAt, trailersBytes); } catch (error) {
      this.failed(error);
      return true;
    }
  }
  protected gone(errno: number): void {
    const { stream } = this;
    if (stream !== null) this.events.onDownstreamEnd(stream, errno === 0 ? 104 : errno);
  }
  protected drained(): void { if (this.stream !== null) this.events.onDownstreamDrained(this.stream); }
  protected recycle(): void {
    this.engine.timers.disarm(this.timer);
    this.stream = null;
    this.connection.recycled(this);
  }

  /** What goes wrong with one request ends that request. */
  private failed(error: unknown): void {
    this.connection.failedRequest(error);
    this.connection.streamError(this.streamId, H2Error.internal);
    if (this.streamId !== 0) this.lost(RESET_PROTOCOL);
  }

  /** It began a moment ago, and had no answer. */
  get isEarly(): boolean { return !this.answered && this.engine.nowMs - this.openedMs < 1000; }

  release(): void { this.engine.timers.remove(this.timer); }
}
