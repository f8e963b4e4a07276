// Takes the frames of one connection out of what comes. The start of one that has not come whole is kept until the rest
// does, so that every frame lies in one piece.
import { RECEIVE_AT, type Sockets } from '../load/sockets.js';
import type { RpcFrames } from './frames.js';

const FRAME_BYTES_MAX = 4096;

export class FrameReader {
  private readonly rest = Buffer.allocUnsafe(FRAME_BYTES_MAX);
  private kept = 0;

  constructor(private readonly sockets: Sockets, readonly fd: number, readonly frames: RpcFrames) {}

  /** Receives once; `each` gets where a frame begins, and its length. False: the peer has gone, or is out of step. */
  receive(each: (at: number, bytes: number) => void): boolean {
    const { sockets: { bytes }, rest, kept, frames } = this;
    rest.copy(bytes, RECEIVE_AT, 0, kept);
    const length = this.sockets.receive(this.fd, kept);
    if (length === -1) return true;
    if (length <= 0) return false;
    const end = RECEIVE_AT + kept + length;
    let at = RECEIVE_AT;
    for (;;) {
      const size = frames.frameBytes(bytes, at, end);
      if (size === 0 || size > FRAME_BYTES_MAX) return false;
      if (size < 0 || at + size > end) break;
      each(at, size);
      at += size;
    }
    this.kept = bytes.copy(rest, 0, at, end);
    return true;
  }
}
