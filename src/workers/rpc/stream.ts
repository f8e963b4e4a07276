// One request on an RPC connection, either side: a channel whose sent bytes are the body of one frame, behind a head
// that the session encodes.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { FramedStream } from '../http2/stream.js';
import type { RpcSession } from './session.js';

export abstract class RpcStream extends FramedStream {
  /** Of the frame that this stream sends, how much has not been given to the connection. */
  frameLeft = 0;
  /** Its head was encoded: a frame of so many bytes is promised. */
  begun = false;
  /** Of the body that the head promised, how much has not been sent. */
  private bodyOut = 0;
  private crc = -1;
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

  /** The frame's head lies in [at, end) of `buffer`; `bodyBytes` follow, and a checksum that goes on from `crc`. */
  protected promise(buffer: number, at: number, end: number, bodyBytes: number, checked: boolean, crc: number): void {
    this.begun = true;
    this.bodyOut = bodyBytes;
    this.checked = checked;
    this.crc = crc;
    this.frameLeft = end - at + bodyBytes + (checked ? CHECKSUM_BYTES : 0);
    super.send(buffer, at, end - at);
    if (bodyBytes === 0 && checked) this.sendChecksum();
  }

  override send(buffer: number, offset: number, length: number): void {
    if (this.muted || !this.begun) return;
    const bytes = Math.min(length, this.bodyOut);          // what a filter added to it has no place
    if (bytes === 0) return;
    this.bodyOut -= bytes;
    if (this.checked) this.crc = this.engine.codecs.rpcCrc(this.crc, offset, bytes);
    super.send(buffer, offset, bytes);
    if (this.bodyOut === 0 && this.checked) this.sendChecksum();
  }

  private sendChecksum(): void {
    const { engine, rpc } = this;
    const at = rpc.scratchAt;
    engine.u8[at] = this.crc >>> 24;
    engine.u8[at + 1] = this.crc >>> 16;
    engine.u8[at + 2] = this.crc >>> 8;
    engine.u8[at + 3] = this.crc;
    super.send(rpc.scratchBuffer, at, CHECKSUM_BYTES);
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

const CHECKSUM_BYTES = 4;
