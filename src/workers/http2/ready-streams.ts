// Streams that have something to send, one frame's worth each in turn, so that none gets more of the connection than
// another.
import type { FramedStream } from './stream.js';

export class ReadyStreams {
  private first: FramedStream | null = null;
  private last: FramedStream | null = null;
  count = 0;

  get isEmpty(): boolean { return this.first === null; }

  add(stream: FramedStream): void {
    if (stream.ready) return;
    stream.ready = true;
    stream.nextReady = null;
    this.count++;
    if (this.last === null) this.first = stream; else this.last.nextReady = stream;
    this.last = stream;
  }

  /** The one whose turn it is, taken out; null: there is none. */
  take(): FramedStream | null {
    const stream = this.first;
    if (stream === null) return null;
    this.first = stream.nextReady;
    if (this.first === null) this.last = null;
    stream.nextReady = null;
    stream.ready = false;
    this.count--;
    return stream;
  }

  clear(): void { while (this.take() !== null) { /* all */ } }
}
