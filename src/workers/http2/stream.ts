// One stream of an HTTP/2 connection, either side: a channel whose sent bytes become DATA within the peer's windows,
// and whose received bytes are offered, or wait, within ours.
//
//   idle → open → half closed (we have said the end, or the peer has) → closed
//
// What the bytes mean is decided by the subclasses: a request's stream (server-stream.ts) or an attempt's
// (client-stream.ts).
import { H2Error } from '../../core/generated/layouts.js';
import { RESET_BY_PEER, RESET_REFUSED } from '../../core/reset-reasons.js';
import type { Engine } from '../engine.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Channel } from '../reactor/channel.js';
import { Waiting } from './waiting.js';

/** What a stream needs of the connection that carries it. */
export interface StreamCarrier {
  readonly fd: number;
  /** Windows and the size of a piece; where the protocol has none, more than any stream needs. */
  readonly peerStreamWindow: number;
  readonly peerFrameBytes: number;
  readonly options: { readonly streamWindowBytes: number };
  readonly sending: {
    /** Sends of [offset, offset + length) what may be sent now; returns how much. */
    data(stream: FramedStream, buffer: number, offset: number, length: number): number;
    /** The stream has something that waits. */
    add(stream: FramedStream): void;
    tellSoon(stream: FramedStream): void;
  };
  sendTrailers(id: number, at: number, bytes: number): void;
  sendEnd(id: number): void;
  sendReset(id: number, error: number): void;
  sendWindowUpdate(id: number, bytes: number): void;
  /** Bytes that had come were taken. */
  giveBack(bytes: number): void;
  /** No buffer is free for what the stream has to keep. */
  exhausted(stream: FramedStream): void;
  forget(id: number, stream: FramedStream): void;
}

export abstract class FramedStream implements Channel {
  /** Of HTTP/2; 0 = it is none now. */
  streamId = 0;
  /** As a channel of engine.reactor; -1 = it is none now. */
  socket = -1;
  /** What we may still send; the peer may have made it negative. */
  sendWindow = 0;
  /** What the peer may still send. */
  receiveWindow = 0;
  /** Taken, and not yet given back to the peer. */
  private taken = 0;
  /** We have said the end, or say it behind what waits. */
  localEnded = false;
  /** The peer has said the end. */
  remoteEnded = false;
  /** The end was handed on. */
  private endTold = false;
  /** Nobody but the session has anything to do with it: it goes with its last bytes. */
  private left = false;
  private paused = false;
  private offering = false;
  protected drainWanted = false;
  /** What has come and nobody takes yet; what is sent and windows do not let through. */
  readonly waiting: Waiting;
  private readonly queue: Waiting;
  /** It is about to end: there was no room for what it has to keep. */
  starved = false;
  private endQueued = false;
  /** Trailers that we send behind what waits, and those that have come: pool buffers or -1. */
  private trailersOut = -1;
  private trailersOutBytes = 0;
  private trailersIn = -1;
  private trailersInBytes = 0;
  /** Among the streams of the connection that have something to send. */
  nextReady: FramedStream | null = null;
  ready = false;
  /** What a peer is told that may stop sending: nothing was wrong (RFC 9113 8.1). */
  protected readonly stopCode: number = H2Error.none;
  /** What content-length says is still to come; -1 = it says nothing. */
  bodyLeft = -1;

  constructor(protected readonly engine: Engine, readonly session: StreamCarrier) {
    this.waiting = new Waiting(engine);
    this.queue = new Waiting(engine);
  }

  /** Hands bytes on. Returns how far they were taken. */
  protected abstract take(buffer: number, at: number, end: number): number;
  /** Hands the end on, with trailers as lines. False: not yet. */
  protected abstract takeEnd(trailersAt: number, trailersBytes: number): boolean;
  /** The peer, or we, have reset it, or its connection is gone: errno or core/reset-reasons.ts. */
  protected abstract gone(errno: number): void;
  protected abstract drained(): void;
  /** It is back in the pool. */
  protected abstract recycle(): void;

  /** Begins as stream `id`. False: there are too many channels. */
  protected begin(id: number): boolean {
    this.socket = this.engine.reactor.addChannel(this);
    if (this.socket < 0) return false;
    this.streamId = id;
    this.sendWindow = this.session.peerStreamWindow;
    this.receiveWindow = this.session.options.streamWindowBytes;
    this.taken = 0;
    this.localEnded = this.remoteEnded = this.endTold = this.left = this.paused = this.drainWanted = false;
    this.endQueued = this.starved = false;
    this.bodyLeft = -1;
    return true;
  }

  get queuedBytes(): number { return this.queue.bytes; }

  // As a channel.
  fd(): number { return this.session.fd; }
  setOwner(): void { throw new Error('a stream of HTTP/2 has no other owner'); }
  startReceive(): void { this.offer(); }
  stopReceive(): void { this.pause(); }
  setBulk(): void { /* its bytes come with others' */ }
  pendingSendBytes(): number { return this.queuedBytes; }
  shutdownSend(): void { this.end(); }
  close(reset: boolean): void { this.abandon(reset ? H2Error.internal : H2Error.cancel); }

  notifyDrained(): void {
    this.drainWanted = true;
    if (this.queuedBytes === 0) this.session.sending.tellSoon(this);
  }

  send(buffer: number, offset: number, length: number): void {
    if (this.localEnded || this.starved || this.streamId === 0 || length === 0) return;
    const done = this.queuedBytes > 0 ? 0 : this.session.sending.data(this, buffer, offset, length);
    if (done === length) return;
    if (!this.queue.addFrom(buffer, offset + done, offset + length)) { this.session.exhausted(this); return; }
    this.session.sending.add(this);
  }

  /** Nothing follows what was sent. */
  end(): void {
    if (this.localEnded || this.streamId === 0) return;
    this.localEnded = true;
    if (this.queuedBytes > 0) this.endQueued = true; else this.sayEnd();
  }

  /** As `end`, with trailers. */
  endWithTrailers(at: number, bytes: number): void {
    if (bytes === 0) { this.end(); return; }
    if (this.localEnded || this.streamId === 0) return;
    this.localEnded = true;
    if (this.queuedBytes === 0) { this.session.sendTrailers(this.streamId, at, bytes); this.mayClose(); return; }
    const { pool, codecs } = this.engine;
    const size = pool.classFor(bytes + 16);
    const buffer = size < 0 ? -1 : pool.acquire(size as BufferClass);
    this.endQueued = true;
    if (buffer < 0) return;                              // the end comes without them
    codecs.copyExact(pool.offsetOf(buffer), at, bytes);
    this.trailersOut = buffer;
    this.trailersOutBytes = bytes;
  }

  /** Its turn: sends at most one frame's worth of what waits. True: it has more, and its window lets it. */
  sendReady(): boolean {
    const { buffer, at, end } = this.queue;
    const most = Math.min(end - at, this.session.peerFrameBytes);
    const done = this.session.sending.data(this, buffer, at, most);
    if (done > 0) this.queue.take(at + done);
    if (this.queuedBytes > 0) return this.sendWindow > 0;
    if (this.endQueued) this.sayQueuedEnd();
    else if (this.drainWanted) this.session.sending.tellSoon(this);
    return false;
  }

  /** The turn in which it was found drained is over. */
  tellDrained(): void {
    if (!this.drainWanted || this.queuedBytes > 0 || this.streamId === 0) return;
    this.drainWanted = false;
    this.drained();
  }

  private sayQueuedEnd(): void {
    this.endQueued = false;
    if (this.trailersOut < 0) { this.sayEnd(); return; }
    const { pool } = this.engine;
    this.session.sendTrailers(this.streamId, pool.offsetOf(this.trailersOut), this.trailersOutBytes);
    pool.release(this.trailersOut);
    this.trailersOut = -1;
    this.mayClose();
  }

  private sayEnd(): void {
    this.session.sendEnd(this.streamId);
    this.mayClose();
  }

  // What comes.

  /** DATA has come: [at, end) of `buffer`. */
  receive(buffer: number, at: number, end: number): void {
    const id = this.streamId;
    if (this.left) { this.credit(end - at); return; }
    let taken = at;
    if (this.waiting.bytes === 0 && !this.paused && !this.offering) {
      this.offering = true;
      taken = this.take(buffer, at, end);
      this.offering = false;
      if (this.streamId !== id) { this.session.giveBack(end - at); return; }
      this.credit(taken - at);
    }
    if (taken < end && !this.waiting.add(taken, end)) this.session.exhausted(this);
  }

  /** The peer has said the end; trailers, if any, lie as lines at `trailersAt`. */
  receiveEnd(trailersAt: number, trailersBytes: number): void {
    this.remoteEnded = true;
    if (this.left) { this.mayClose(); return; }
    const waits = this.waiting.bytes > 0 || this.offering;
    if (!waits && !this.paused && this.tellEnd(trailersAt, trailersBytes)) return;
    if (this.streamId === 0 || trailersBytes === 0) return;
    const { pool, codecs } = this.engine;
    const size = pool.classFor(trailersBytes + 16);
    const buffer = size < 0 ? -1 : pool.acquire(size as BufferClass);
    if (buffer < 0) { this.session.exhausted(this); return; }
    codecs.copyExact(pool.offsetOf(buffer), trailersAt, trailersBytes);
    this.trailersIn = buffer;
    this.trailersInBytes = trailersBytes;
  }

  private tellEnd(trailersAt: number, trailersBytes: number): boolean {
    const id = this.streamId;
    this.endTold = true;
    if (this.takeEnd(trailersAt, trailersBytes)) {
      if (this.streamId === id) this.mayClose();
      return true;
    }
    if (this.streamId === id) this.endTold = false;
    return false;
  }

  pause(): void { this.paused = true; }

  /** Offers what waits, and the end behind it. */
  offer(): void {
    this.paused = false;
    if (this.offering || this.streamId === 0) return;
    const { waiting } = this;
    const id = this.streamId;
    while (waiting.bytes > 0 && !this.paused) {
      const { buffer, at, end } = waiting;
      this.engine.pool.retain(buffer);                   // it may be dropped meanwhile
      this.offering = true;
      const taken = this.take(buffer, at, end);
      this.offering = false;
      this.engine.pool.release(buffer);
      if (this.streamId !== id) return;
      if (waiting.bytes > 0) waiting.take(taken);
      this.credit(taken - at);
      if (taken < end) return;
    }
    if (!this.remoteEnded || this.endTold || this.paused) return;
    const { pool } = this.engine;
    const { trailersIn, trailersInBytes } = this;
    if (!this.tellEnd(trailersIn < 0 ? 0 : pool.offsetOf(trailersIn), trailersIn < 0 ? 0 : trailersInBytes)) return;
    if (trailersIn >= 0 && this.streamId === id) this.dropTrailersIn();
  }

  /** The peer may send so many bytes again. */
  private credit(bytes: number): void {
    if (bytes === 0) return;
    this.session.giveBack(bytes);
    if (this.remoteEnded) return;
    this.taken += bytes;
    if (this.taken * 2 < this.session.options.streamWindowBytes) return;
    this.receiveWindow += this.taken;
    this.session.sendWindowUpdate(this.streamId, this.taken);
    this.taken = 0;
  }

  // How it ends.

  /** Its user is done: it goes when our end is said. A peer that has not said its own is told to stop. */
  protected leave(): void {
    this.left = true;
    const waiting = this.waiting.bytes;
    this.waiting.drop();
    if (waiting > 0) this.session.giveBack(waiting);
    this.mayClose();
  }

  private mayClose(): void {
    if (!this.left || this.streamId === 0 || !this.localEnded || this.endQueued || this.queuedBytes > 0) return;
    // The peer still sends what nobody wants: it is told to stop, and that nothing was wrong (RFC 9113 8.1).
    if (!this.remoteEnded) this.session.sendReset(this.streamId, this.stopCode);
    this.forget();
  }

  /** Ends it now, by RST_STREAM. */
  abandon(error: number): void {
    if (this.streamId === 0) return;
    if (!this.localEnded || !this.remoteEnded || this.endQueued || this.queuedBytes > 0)
      this.session.sendReset(this.streamId, error);
    this.forget();
  }

  resetByPeer(error: number): void {
    this.lost(error === H2Error.refusedStream ? RESET_REFUSED : RESET_BY_PEER);
  }

  /** The peer has said all that it has to say, and takes nothing more: what it said is handed on as ever. */
  protected takesNoMore(): void {
    this.localEnded = true;
    this.endQueued = false;
    this.queue.drop();
    if (this.drainWanted) this.session.sending.tellSoon(this);
    this.mayClose();
  }

  /** RST_STREAM has come, a limit was reached, or the connection is gone. */
  lost(errno: number): void {
    const id = this.streamId;
    if (id === 0) return;
    const { left } = this;
    // While it is told, its user may close it: nothing more is said of it then.
    this.left = this.localEnded = this.remoteEnded = true;
    this.endQueued = false;
    this.queue.drop();
    if (!left) this.gone(errno);
    if (this.streamId === id) this.forget();              // else it is another request's already
  }

  private forget(): void {
    if (this.streamId === 0) return;
    const { engine, session } = this;
    this.queue.drop();
    this.endQueued = false;
    const waiting = this.waiting.bytes;
    this.waiting.drop();
    if (waiting > 0) session.giveBack(waiting);
    this.dropTrailersIn();
    if (this.trailersOut >= 0) engine.pool.release(this.trailersOut);
    this.trailersOut = -1;
    engine.reactor.removeChannel(this.socket);
    const id = this.streamId;
    this.streamId = 0;
    this.socket = -1;
    session.forget(id, this);
    this.recycle();
  }

  private dropTrailersIn(): void {
    if (this.trailersIn >= 0) this.engine.pool.release(this.trailersIn);
    this.trailersIn = -1;
  }
}
