// What streams send, within the peer's windows: at once where nobody else waits, else in turn, so that none gets more
// of the connection than another.
import { limits } from '../../core/limits.js';
import { ReadyStreams } from './ready-streams.js';
import { SESSION_OPEN } from './session-state.js';
import type { Session } from './session.js';
import type { FramedStream } from './stream.js';
import { WINDOW_DEFAULT, WINDOW_MAX } from './wire.js';

export class Sending {
  /** What the peer lets the connection send. */
  private window = WINDOW_DEFAULT;
  private readonly ready = new ReadyStreams();
  /** Streams that are to hear that nothing of theirs waits. */
  private readonly soon: FramedStream[] = [];
  private notified = false;

  constructor(private readonly session: Session) {}

  begin(): void {
    this.window = WINDOW_DEFAULT;
    this.notified = false;
  }
  end(): void {
    this.ready.clear();
    this.soon.length = 0;
  }

  add(stream: FramedStream): void { this.ready.add(stream); }

  /** The connection's window is larger. False: larger than windows may be. */
  grow(bytes: number): boolean {
    if (this.window + bytes > WINDOW_MAX) return false;
    this.window += bytes;
    this.pump();
    return true;
  }

  /** Nothing waits below any more. */
  drained(): void {
    this.notified = false;
    this.pump();
  }

  turnOver(): void {
    for (let i = 0; i < this.soon.length; i++) this.soon[i]!.tellDrained();
    this.soon.length = 0;
    if (this.session.state === SESSION_OPEN && !this.ready.isEmpty) this.pump();
  }

  /** Sends as much as both windows, and what waits below, allow. Returns how much. */
  data(stream: FramedStream, buffer: number, offset: number, length: number): number {
    const { session } = this;
    if (session.state !== SESSION_OPEN || (!this.ready.isEmpty && stream.queuedBytes === 0)) return 0;
    let sent = 0;
    while (sent < length) {
      const bytes = Math.min(length - sent, this.session.peerFrameBytes, this.window, stream.sendWindow);
      if (bytes <= 0 || this.isCongested()) break;
      if (!session.out.data(stream.streamId, buffer, offset + sent, bytes, false)) break;
      this.session.floods.sentData();
      this.window -= bytes;
      stream.sendWindow -= bytes;
      sent += bytes;
    }
    return sent;
  }

  /**
   * More waits below than a peer that reads would leave there. The more streams want to send, the more it may be: else
   * a connection of many would get no more of a turn of the loop than a connection of one.
   */
  private isCongested(): boolean {
    const { engine: { reactor, pool }, socket, peerFrameBytes } = this.session;
    const pending = reactor.pendingSendBytes(socket);
    const most = Math.min(limits.sendMessageBytesMax,
      limits.sendHighWatermarkBytes + this.ready.count * peerFrameBytes);
    if (pending === 0 || pending <= most >> 2 * pool.pressure) return false;
    if (!this.notified) {
      this.notified = true;
      reactor.notifyDrained(socket);
    }
    return true;
  }

  /** Lets streams that wait send, in turn. */
  pump(): void {
    for (let stalled = 0; this.session.state === SESSION_OPEN && this.window > 0 && !this.isCongested();) {
      const stream = this.ready.take();
      if (stream === null) return;
      if (stream.streamId === 0 || stream.queuedBytes === 0 || stream.sendWindow <= 0) continue;
      const before = stream.queuedBytes;
      if (stream.sendReady()) this.ready.add(stream);
      // No buffer is free: the next turn tries again.
      if (stream.queuedBytes === before && ++stalled > limits.http2StalledMax) { this.ready.add(stream); return; }
    }
  }

  tellSoon(stream: FramedStream): void {
    this.soon.push(stream);
    this.session.engine.reactor.flushLater(this.session.out);
  }
}
