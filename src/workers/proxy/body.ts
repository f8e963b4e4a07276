// One direction of a message body: how it is framed where it comes from, how it is framed where it goes, and how far it
// is. `relay` moves bytes that lie in a pool buffer to a socket. Bytes that may go out as they came are sent from where
// they lie; bytes whose framing changes are rewritten once into another buffer.
import { Chunked } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { CHUNKED_RECHUNK, CHUNKED_SCAN, CHUNKED_STRIP, CHUNKED_TRAILERS } from '../codecs.js';
import type { Engine } from '../engine.js';
import { LARGE } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';

export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
/** Ends when its connection ends, or when its protocol says so. */
export const BODY_UNTIL_END = 3;
/** An upgraded connection or CONNECT: bytes pass as they are. */
export const BODY_TUNNEL = 4;

/** No length was said: in HTTP/1.1 the body is chunked. */
export const isOpenEnded = (kind: number): boolean => kind === BODY_CHUNKED || kind === BODY_UNTIL_END;

export const OUT_SAME = 0;
/** Chunked, whatever it was. */
export const OUT_CHUNKED = 1;
/** Bare bytes: the receiver takes the end of the connection for the end of the body. */
export const OUT_BARE = 2;

export const RELAY_ERROR = -1;
/** No buffer is free: try again when one is. */
export const RELAY_STARVED = -2;

export class Body {
  kind = BODY_NONE;
  out = OUT_SAME;
  remaining = 0;
  complete = true;
  forwardTrailers = false;
  /** Bytes of content seen so far, framing left out. */
  bytes = 0;
  /** Memory offset of the Chunked record. */
  chunked = 0;
  rejection = 0;
  /** Trailers of a chunked body that goes on without its chunks: so many bytes of lines at engine.text. */
  trailersBytes = 0;
  /** Pieces handed to a socket since its queue was last seen empty. */
  private queued = 0;

  clear(): void {
    this.kind = BODY_NONE;
    this.out = OUT_SAME;
    this.remaining = this.bytes = this.rejection = this.trailersBytes = 0;
    this.complete = true;
    this.forwardTrailers = false;
    this.queued = 0;
  }

  /** Prepares for a body of this kind. A length of zero is complete at once. */
  begin(engine: Engine, kind: number, length: number, out: number): void {
    this.kind = kind;
    this.out = out;
    this.remaining = length;
    this.bytes = this.trailersBytes = 0;
    this.complete = kind === BODY_NONE || (kind === BODY_LENGTH && length === 0);
    if (kind === BODY_CHUNKED) engine.codecs.h1ChunkedReset(this.chunked);
  }

  /** Where the body goes, the protocol says by itself where it ends, or it does not. */
  frameFor(framed: boolean): void {
    if (this.kind === BODY_CHUNKED) this.out = framed ? OUT_BARE : OUT_SAME;
    else if (this.kind === BODY_UNTIL_END) this.out = framed ? OUT_BARE : OUT_CHUNKED;
  }

  /** Sends the last chunk, with trailers as lines. False: no buffer is free. */
  sendLastChunk(engine: Engine, socket: number, trailersAt: number, trailersBytes: number): boolean {
    const size = engine.pool.classFor(trailersBytes + 32);
    const out = size < 0 ? -1 : engine.pool.acquire(size as BufferClass);
    if (out < 0) return false;
    const start = engine.pool.offsetOf(out);
    const lines = start + engine.writeText(start, '0\r\n');
    engine.codecs.copyExact(lines, trailersAt, trailersBytes);
    const end = lines + trailersBytes;
    engine.reactor.send(socket, out, start, end + engine.writeText(end, '\r\n') - start, false);
    engine.pool.release(out);
    return true;
  }

  /**
   * Moves what [at, end) of `buffer` holds of this body to `socket`. Returns the position after it (bytes beyond belong
   * to the next message), RELAY_ERROR (see `rejection`) or RELAY_STARVED (nothing was taken).
   */
  relay(engine: Engine, buffer: number, at: number, end: number, socket: number): number {
    if (at === end) return at;
    switch (this.kind) {
      case BODY_LENGTH: return this.relayLength(engine, buffer, at, end, socket);
      case BODY_CHUNKED: return this.relayChunked(engine, buffer, at, end, socket);
      default:
        this.bytes += end - at;
        if (this.out === OUT_CHUNKED) return this.relayAsChunk(engine, at, end, socket);
        engine.reactor.send(socket, buffer, at, end - at, false);
        return end;
    }
  }

  /**
   * Must the source pause? By bytes, and by pieces: each keeps a whole receive buffer, however little of it is left to
   * send, so that a trickle to a reader that has stopped would take them all. The less is free in the worker, the
   * sooner.
   */
  backedUp(engine: Engine, socket: number, bytesMax: number): boolean {
    const pending = engine.reactor.pendingSendBytes(socket);
    if (pending === 0) { this.queued = 0; return false; }
    const less = 2 * engine.pool.pressure;
    return ++this.queued > limits.sendPiecesHighWatermark >> less || pending > bytesMax >> less;
  }

  /**
   * Writes a short piece at `dst` instead of sending it. Returns the position in the input after it; `written` tells
   * the bytes.
   */
  written = 0;
  copyInto(engine: Engine, at: number, end: number, dst: number): number {
    if (this.kind === BODY_LENGTH) {
      const bytes = Math.min(end - at, this.remaining);
      engine.codecs.copyBytes(dst, at, bytes);
      this.take(bytes);
      this.written = bytes;
      return at + bytes;
    }
    if (this.kind === BODY_CHUNKED) {
      const mode = this.out === OUT_BARE ? CHUNKED_STRIP
        : CHUNKED_RECHUNK | (this.forwardTrailers ? CHUNKED_TRAILERS : 0);
      return this.step(engine, at, end, dst, mode);
    }
    const bytes = end - at;
    this.bytes += bytes;
    if (this.out === OUT_CHUNKED) { this.written = engine.codecs.h1WriteChunk(dst, at, bytes) - dst; return end; }
    engine.codecs.copyBytes(dst, at, bytes);
    this.written = bytes;
    return end;
  }

  /** Bytes that `copyInto` may write for this much input: chunked.ts adds 128 at most, copies overshoot by 15. */
  static roomFor(inputBytes: number): number { return inputBytes + 144; }

  /** As `relay`, to nowhere. */
  skip(engine: Engine, at: number, end: number): number {
    if (this.kind === BODY_LENGTH) {
      const bytes = Math.min(end - at, this.remaining);
      this.take(bytes);
      return at + bytes;
    }
    if (this.kind !== BODY_CHUNKED) { this.bytes += end - at; return end; }
    const out = engine.pool.acquireReserved(LARGE);
    if (out < 0) return RELAY_STARVED;
    const next = this.step(engine, at, end, engine.pool.offsetOf(out), CHUNKED_STRIP);
    engine.pool.release(out);
    return next;
  }

  private take(bytes: number): void {
    this.bytes += bytes;
    this.remaining -= bytes;
    if (this.remaining === 0) this.complete = true;
  }

  private relayLength(engine: Engine, buffer: number, at: number, end: number, socket: number): number {
    const bytes = Math.min(end - at, this.remaining);
    if (bytes > 0) engine.reactor.send(socket, buffer, at, bytes, false);
    this.take(bytes);
    return at + bytes;
  }

  private relayChunked(engine: Engine, buffer: number, at: number, end: number, socket: number): number {
    const scanned = this.out === OUT_BARE ? 0 : engine.codecs.h1ChunkedStep(this.chunked, at, end, 0, CHUNKED_SCAN,
      limits.chunkLineBytesMax, limits.trailerBytesMax, engine.scratchRecord);
    if (scanned === -1) {
      this.bytes += engine.i32[(this.chunked >> 2) + Chunked.dataBytes];
      engine.reactor.send(socket, buffer, at, end - at, false);       // canonical as it stands
      return end;
    }
    const out = engine.pool.acquireReserved(LARGE);
    if (out < 0) return RELAY_STARVED;
    const mode = this.out === OUT_BARE ? CHUNKED_STRIP
      : CHUNKED_RECHUNK | (this.forwardTrailers ? CHUNKED_TRAILERS : 0);
    const next = this.step(engine, at, end, engine.pool.offsetOf(out), mode);
    if (this.written > 0) engine.reactor.send(socket, out, engine.pool.offsetOf(out), this.written, false);
    engine.pool.release(out);
    return next;
  }

  private step(engine: Engine, at: number, end: number, dst: number, mode: number): number {
    const result = engine.codecs.h1ChunkedStep(this.chunked, at, end, dst, mode, limits.chunkLineBytesMax,
      limits.trailerBytesMax, engine.scratchRecord);
    const words = this.chunked >> 2;
    this.written = engine.i32[words + Chunked.produced];
    if (result === 0) {
      this.rejection = engine.i32[words + Chunked.code];
      return RELAY_ERROR;
    }
    this.bytes += engine.i32[words + Chunked.dataBytes];
    if (result === 1) {
      this.complete = true;
      if (mode === CHUNKED_STRIP && this.forwardTrailers)
        this.trailersBytes = engine.codecs.h1CopyTrailers(engine.scratchRecord, engine.text) - engine.text;
    }
    return at + engine.i32[words + Chunked.consumed];
  }

  private relayAsChunk(engine: Engine, at: number, end: number, socket: number): number {
    const out = engine.pool.acquireReserved(LARGE);
    if (out < 0) { this.bytes -= end - at; return RELAY_STARVED; }
    const start = engine.pool.offsetOf(out);
    const after = engine.codecs.h1WriteChunk(start, at, end - at);
    engine.reactor.send(socket, out, start, after - start, false);
    engine.pool.release(out);
    return end;
  }
}
