// One request on an RPC connection, either side: a channel whose sent bytes are the body of one frame, behind a head
// that the session encodes.
import { RpcFrame, RpcFrameFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { FramedStream } from '../http2/stream.js';
import type { BufferClass } from '../memory/buffers.js';
import type { RpcSession } from './session.js';

export abstract class RpcStream extends FramedStream {
  /** Of the frame that this stream sends, how much has not been given to the connection. */
  frameLeft = 0;
  /** Its head was encoded: a frame of so many bytes is promised. */
  begun = false;
  /** Of the body that the head promised, how much has not been sent. */
  private bodyOut = 0;
  private crc = -1;
  /** What follows the body, in a pool buffer of its own; -1: nothing. */
  private tail = -1;
  private tailBytes = 0;
  private checked = false;
  /** Nothing of it goes out: the peer waits for no answer. */
  muted = false;

  constructor(engine: Engine, readonly rpc: RpcSession) { super(engine, rpc); }

  protected beginRpc(id: number): boolean {
    if (!this.begin(id)) return false;
    this.frameLeft = this.bodyOut = 0;
    this.begun = this.checked = this.muted = false;
    return true;
  }

  /**
   * The frame's head was written up to `end` in the room; its facts are in the session's record: how much of the body
   * follows, what comes behind that, and whether a checksum goes on from that of the head.
   */
  protected promise(end: number): void {
    const { engine, rpc } = this;
    const { i32 } = engine;
    const { room } = rpc;
    const words = rpc.frame >> 2;
    const flags = i32[words + RpcFrame.flags];
    this.begun = true;
    this.bodyOut = (flags & RpcFrameFlag.local) !== 0 ? 0
      : i32[words + RpcFrame.bodyBytes] - i32[words + RpcFrame.cut];
    this.checked = (flags & RpcFrameFlag.crc) !== 0;
    this.crc = i32[words + RpcFrame.crc];
    const tailBytes = i32[words + RpcFrame.tailBytes];
    if (tailBytes > 0 && !this.keepTail(i32[words + RpcFrame.tailAt], tailBytes)) { rpc.exhausted(this); return; }
    this.frameLeft = end - room.at + this.bodyOut + tailBytes + (this.checked ? CHECKSUM_BYTES : 0);
    super.send(room.buffer, room.at, end - room.at);
    if (this.bodyOut === 0) this.sendRest();
  }

  private keepTail(at: number, bytes: number): boolean {
    const { pool, codecs } = this.engine;
    const size = pool.classFor(bytes + SLACK_BYTES);
    this.tail = size < 0 ? -1 : pool.acquire(size as BufferClass);
    if (this.tail < 0) return false;
    codecs.copyExact(pool.offsetOf(this.tail), at, bytes);
    this.tailBytes = bytes;
    return true;
  }
  protected dropTail(): void {
    if (this.tail >= 0) this.engine.pool.release(this.tail);
    this.tail = -1;
  }

  override send(buffer: number, offset: number, length: number): void {
    if (this.muted || !this.begun) return;
    const bytes = Math.min(length, this.bodyOut);          // what a filter added to it has no place
    if (bytes === 0) return;
    this.bodyOut -= bytes;
    if (this.checked) this.crc = this.engine.codecs.rpcCrc(this.crc, offset, bytes);
    super.send(buffer, offset, bytes);
    if (this.bodyOut === 0) this.sendRest();
  }

  /** All of the body that goes out is sent. */
  private sendRest(): void {
    if (this.tail >= 0) {
      const at = this.engine.pool.offsetOf(this.tail);
      if (this.checked) this.crc = this.engine.codecs.rpcCrc(this.crc, at, this.tailBytes);
      super.send(this.tail, at, this.tailBytes);
      this.dropTail();
    }
    if (this.checked) this.sendChecksum();
  }

  private sendChecksum(): void {
    const { engine, rpc } = this;
    const { at, buffer } = rpc.room;
    engine.u8[at] = this.crc >>> 24;
    engine.u8[at + 1] = this.crc >>> 16;
    engine.u8[at + 2] = this.crc >>> 8;
    engine.u8[at + 3] = this.crc;
    super.send(buffer, at, CHECKSUM_BYTES);
  }

  /** Less of the body was sent than the head has promised. */
  get isShort(): boolean { return this.begun && this.bodyOut > 0; }

  /** What waits below is its own only while much of its frame is to come: others wait for the end of a short one. */
  override pendingSendBytes(): number {
    return this.queuedBytes + (this.rpc.sending.writer === this && this.frameLeft > limits.bufferLargeBytes
      ? this.engine.reactor.pendingSendBytes(this.rpc.socket) : 0);
  }
  override notifyDrained(): void {
    if (this.queuedBytes > 0 || this.pendingSendBytes() === 0) { super.notifyDrained(); return; }
    this.drainWanted = true;
    this.engine.reactor.notifyDrained(this.rpc.socket);
  }
}

const CHECKSUM_BYTES = 4, SLACK_BYTES = 16;
