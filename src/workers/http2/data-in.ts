// DATA as it comes (RFC 9113 6.1): a frame's head says whose it is and is held against both windows; its bytes are
// handed out as they arrive, its padding is thrown away.
import { H2Error, H2Frame, H2Type } from '../../core/generated/layouts.js';
import { FLOOD_NONE } from './floods.js';
import type { Session } from './session.js';
import type { FramedStream } from './stream.js';
import { FLAG_END_STREAM } from './wire.js';

export class DataIn {
  /** Whose frame is being received; null: nobody wants its bytes. */
  private stream: FramedStream | null = null;
  private left = 0;
  private padding = 0;
  private ends = false;

  constructor(private readonly session: Session) {}

  begin(): void {
    this.stream = null;
    this.left = this.padding = 0;
  }

  /** A frame has not come to its end. */
  get isOpen(): boolean { return this.left > 0 || this.padding > 0; }

  /** Takes what [at, end) has of the frame; returns the position after it. */
  take(buffer: number, at: number, end: number): number {
    if (this.left > 0) {
      const bytes = Math.min(this.left, end - at);
      this.left -= bytes;
      if (this.stream !== null) this.stream.receive(buffer, at, at + bytes);
      at += bytes;
    } else {
      const bytes = Math.min(this.padding, end - at);
      this.padding -= bytes;
      at += bytes;
    }
    if (!this.isOpen) this.over();
    return at;
  }

  /** The stream is gone: what is still to come of its frame is thrown away. */
  forget(stream: FramedStream): void {
    if (this.stream !== stream) return;
    this.stream = null;
    this.session.giveBack(this.left);
  }

  /** The head of a frame is in hand, in the session's record. */
  frame(words: number): void {
    const { session } = this;
    const { i32 } = session.engine;
    const id = i32[words + H2Frame.streamId], length = i32[words + H2Frame.flowBytes];
    const padding = i32[words + H2Frame.padding];
    const bytes = i32[words + H2Frame.payloadBytes] + Math.max(0, i32[words + H2Frame.remaining] - padding);
    const ends = (i32[words + H2Frame.flags] & FLAG_END_STREAM) !== 0;
    if (!session.settled) { session.connectionError(H2Error.protocol); return; }
    session.receiveWindow -= length;
    if (session.receiveWindow < 0) { session.connectionError(H2Error.flowControl); return; }
    const flood = session.floods.received(H2Type.data, bytes, ends, session.options);
    if (flood !== FLOOD_NONE) { session.flooded(flood); return; }
    const stream = session.streams.get(id);
    if (!this.accepts(id, stream, length, bytes, ends)) return;
    this.stream = stream !== null && stream.streamId === id ? stream : null;
    session.giveBack(this.stream === null ? length : length - bytes);
    this.ends = ends;
    this.left = bytes;
    this.padding = padding;
    if (bytes === 0 && padding === 0) this.over();
  }

  /** False: the connection is over. A stream that may not have DATA is reset, and its bytes are thrown away. */
  private accepts(id: number, stream: FramedStream | null, length: number, bytes: number, ends: boolean): boolean {
    const { session } = this;
    if (stream === null) {
      if (session.isIdle(id)) { session.connectionError(H2Error.protocol); return false; }
      return session.wasResetLately(id) || session.streamError(id, H2Error.streamClosed);
    }
    if (stream.remoteEnded) return session.streamError(id, H2Error.streamClosed);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return session.streamError(id, H2Error.flowControl);
    if (stream.bodyLeft < 0) return true;
    stream.bodyLeft -= bytes;
    if (stream.bodyLeft < 0 || (ends && stream.bodyLeft > 0)) {
      session.count('rxMessagingError');
      return session.streamError(id, H2Error.protocol);
    }
    return true;
  }

  private over(): void {
    const { stream } = this;
    this.stream = null;
    if (stream !== null && this.ends) stream.receiveEnd(0, 0);
  }
}
