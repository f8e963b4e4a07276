// What streams of an RPC connection send. A frame is contiguous: one stream at a time is the writer, from the first
// byte of its frame to the last; what others send waits with them, in turn.
import type { FramedStream } from '../http2/stream.js';
import { ReadyStreams } from '../http2/ready-streams.js';
import type { FramesOut } from '../http2/frames-out.js';
import type { Engine } from '../engine.js';
import type { RpcStream } from './stream.js';

export class RpcSending {
  /** Whose frame is being written; null: between two frames. */
  writer: RpcStream | null = null;
  private readonly ready = new ReadyStreams();
  private readonly soon: FramedStream[] = [];
  private soonCount = 0;
  private pumping = false;
  /** The connection is about to end: nothing more goes out. */
  blocked = false;

  constructor(private readonly engine: Engine, private readonly out: FramesOut) {}

  begin(): void {
    this.writer = null;
    this.blocked = false;
  }
  end(): void {
    this.ready.clear();
    this.soonCount = 0;
    this.writer = null;
  }

  add(stream: FramedStream): void { this.ready.add(stream); }

  data(stream: FramedStream, buffer: number, offset: number, length: number): number {
    const sender = stream as RpcStream;
    if (this.blocked) return 0;
    if (this.writer === null && (this.pumping || this.ready.isEmpty)) this.writer = sender;
    if (this.writer !== sender || !this.out.bytes(buffer, offset, length)) return 0;
    sender.frameLeft -= length;
    if (sender.frameLeft <= 0) {
      this.writer = null;
      sender.rpc.frameSent(sender);
      if (!this.pumping) this.pump();
    }
    return length;
  }

  /** The next frames, as far as they are there. */
  pump(): void {
    if (this.pumping || this.blocked) return;
    this.pumping = true;
    while (this.writer === null) {
      const stream = this.ready.take();
      if (stream === null) break;
      for (let before = 0; stream.streamId !== 0 && stream.queuedBytes !== before;) {
        before = stream.queuedBytes;
        if (before > 0) stream.sendReady();
      }
      // No buffer is free: the next turn tries again.
      if (stream.streamId !== 0 && stream.queuedBytes > 0) { this.ready.add(stream); break; }
    }
    this.pumping = false;
  }

  /** A stream is gone, whatever it had to send. False: in the middle of its frame. */
  leaves(stream: RpcStream): boolean {
    if (this.writer !== stream) return true;
    this.writer = null;
    return stream.frameLeft <= 0;
  }

  tellSoon(stream: FramedStream): void {
    this.soon[this.soonCount++] = stream;
    this.engine.reactor.flushLater(this.out);
  }

  turnOver(): void {
    const count = this.soonCount;
    this.soonCount = 0;
    for (let i = 0; i < count; i++) this.soon[i]!.tellDrained();
    if (this.writer !== null && this.writer.queuedBytes > 0) {
      this.pumping = true;                                // its last bytes are off its queue only afterwards
      this.writer.sendReady();
      this.pumping = false;
    }
    if (this.writer === null && !this.ready.isEmpty) this.pump();
  }
}
