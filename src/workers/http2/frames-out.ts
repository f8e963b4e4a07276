// What a connection says: frames of a loop's turn lie one behind the other in a buffer and leave in one send. Small
// data is copied between them; larger data is sent from where it lies, behind its frame's header.
import { H2Type } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { LARGE, MEDIUM } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Flusher } from '../reactor/channel.js';
import type { Engine } from '../engine.js';
import { FLAG_ACK, FLAG_END_STREAM, FRAME_HEADER_BYTES } from './wire.js';

/** Copies write up to 15 bytes past their end. */
const SLACK = 32;

export class FramesOut implements Flusher {
  /** The socket or channel below; -1 = closed. */
  socket = -1;
  private buffer = -1;
  private start = 0;
  private at = 0;
  private end = 0;
  private asked = false;
  /** Where the flags of the last frame are, and whose it is, while it is still here. */
  private lastFlagsAt = 0;
  private lastStream = 0;
  /** No buffer was free: something that had to be said was not, and the connection is of no use. */
  failed = false;
  /** All bytes that the socket was given. */
  handedBytes = 0;

  constructor(private readonly engine: Engine, private readonly onFlush: () => void) {}

  begin(socket: number): void {
    this.socket = socket;
    this.failed = false;
    this.handedBytes = this.lastStream = 0;
  }

  /** Drops what was not sent. */
  drop(): void {
    if (this.buffer >= 0) this.engine.pool.release(this.buffer);
    this.buffer = this.socket = -1;
  }

  /** Room for a frame of at most so many bytes, header included: where it begins, or -1. Ended by `commit`. */
  reserve(bytes: number): number {
    if (this.buffer >= 0 && this.at + bytes + SLACK <= this.end) return this.at;
    if (this.buffer >= 0) this.sendBuffer(true);
    const { pool } = this.engine;
    if (bytes + SLACK > limits.bufferLargeBytes) return -1;
    const size: BufferClass = bytes + SLACK > limits.bufferMediumBytes ? LARGE : MEDIUM;
    let buffer = pool.acquireReserved(size);
    if (buffer < 0 && size === MEDIUM) buffer = pool.acquireReserved(LARGE);
    if (buffer < 0) { this.failed = true; this.ask(); return -1; }
    this.buffer = buffer;
    this.start = this.at = pool.offsetOf(buffer);
    this.end = this.start + pool.bytesOf(buffer);
    return this.at;
  }

  /** The frame that was begun by `reserve` ends at `to`. `stream` 0: of the connection. */
  commit(to: number, stream: number): void {
    this.lastFlagsAt = this.at + 4;
    this.lastStream = stream;
    this.at = to;
    this.ask();
  }

  /** As commit, of HEADERS with CONTINUATION: END_STREAM is a flag of the first. */
  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.engine.reactor.flushLater(this);
  }

  /** Sets END_STREAM in the stream's last frame, if it is the last one written and has not left. */
  endLast(stream: number): boolean {
    if (this.buffer < 0 || this.lastStream !== stream) return false;
    this.engine.u8[this.lastFlagsAt] |= FLAG_END_STREAM;
    return true;
  }

  /** DATA of [offset, offset + length) in `buffer`. False: no buffer is free. */
  data(stream: number, buffer: number, offset: number, length: number, endStream: boolean): boolean {
    const copies = length <= limits.frameCopyBytesMax;
    const at = this.reserve(FRAME_HEADER_BYTES + (copies ? length : 0));
    if (at < 0) return false;
    this.header(at, length, H2Type.data, endStream ? FLAG_END_STREAM : 0, stream);
    if (copies) {
      if (length > 0) this.engine.codecs.copyBytes(at + FRAME_HEADER_BYTES, offset, length);
      this.commit(at + FRAME_HEADER_BYTES + length, stream);
      return true;
    }
    this.commit(at + FRAME_HEADER_BYTES, 0);
    this.sendBuffer(true);
    this.handedBytes += length;
    this.engine.reactor.send(this.socket, buffer, offset, length, false);
    return true;
  }

  /** Bytes as they are. False: no buffer is free. */
  bytes(buffer: number, offset: number, length: number): boolean {
    if (length > limits.frameCopyBytesMax) {
      if (this.buffer >= 0) this.sendBuffer(true);
      this.handedBytes += length;
      this.engine.reactor.send(this.socket, buffer, offset, length, false);
      return true;
    }
    const at = this.reserve(length);
    if (at < 0) return false;
    this.engine.codecs.copyBytes(at, offset, length);
    this.commit(at + length, 0);
    return true;
  }

  /** A frame whose payload is a number or two: RST_STREAM, WINDOW_UPDATE, GOAWAY without text. */
  words(type: number, stream: number, count: 1 | 2, first: number, second = 0): void {
    const at = this.reserve(FRAME_HEADER_BYTES + 8);
    if (at < 0) return;
    this.header(at, count * 4, type, 0, stream);
    this.word(at + FRAME_HEADER_BYTES, first);
    if (count === 2) this.word(at + FRAME_HEADER_BYTES + 4, second);
    this.commit(at + FRAME_HEADER_BYTES + count * 4, 0);
  }

  /** PING, or its answer, with the eight bytes at `payload`. */
  ping(payload: number, ack: boolean): void {
    const at = this.reserve(FRAME_HEADER_BYTES + 8);
    if (at < 0) return;
    this.header(at, 8, H2Type.ping, ack ? FLAG_ACK : 0, 0);
    this.engine.codecs.copyExact(at + FRAME_HEADER_BYTES, payload, 8);
    this.commit(at + FRAME_HEADER_BYTES + 8, 0);
  }

  /** SETTINGS as pairs of identifier and value; none with `ack`. */
  settings(pairs: readonly (readonly [id: number, value: number])[], ack: boolean): void {
    const at = this.reserve(FRAME_HEADER_BYTES + pairs.length * 6);
    if (at < 0) return;
    this.header(at, pairs.length * 6, H2Type.settings, ack ? FLAG_ACK : 0, 0);
    let p = at + FRAME_HEADER_BYTES;
    for (const [id, value] of pairs) {
      this.engine.u8[p] = id >> 8;
      this.engine.u8[p + 1] = id;
      this.word(p + 2, value);
      p += 6;
    }
    this.commit(p, 0);
  }

  /** Text as it is: the client's preface. */
  text(text: string): void {
    const at = this.reserve(text.length);
    if (at >= 0) this.commit(at + this.engine.writeText(at, text), 0);
  }

  header(at: number, length: number, type: number, flags: number, stream: number): void {
    const { u8 } = this.engine;
    u8[at] = length >> 16;
    u8[at + 1] = length >> 8;
    u8[at + 2] = length;
    u8[at + 3] = type;
    u8[at + 4] = flags;
    this.word(at + 5, stream);
  }

  private word(at: number, value: number): void {
    const { u8 } = this.engine;
    u8[at] = value >>> 24;
    u8[at + 1] = value >>> 16;
    u8[at + 2] = value >>> 8;
    u8[at + 3] = value;
  }

  /** The turn is over. */
  flush(): void {
    this.asked = false;
    if (this.socket < 0) return;
    if (this.buffer >= 0) this.sendBuffer(false);
    this.onFlush();
  }

  /** Sends what was gathered, now. */
  push(): void { if (this.buffer >= 0 && this.socket >= 0) this.sendBuffer(false); }

  private sendBuffer(more: boolean): void {
    const { engine } = this;
    if (this.at > this.start) {
      this.handedBytes += this.at - this.start;
      engine.reactor.send(this.socket, this.buffer, this.start, this.at - this.start, more);
    }
    engine.pool.release(this.buffer);
    this.buffer = -1;
    this.lastStream = 0;
  }
}
