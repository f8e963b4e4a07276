// Does the peer of an RPC connection read? What it does not take waits in the driver: too many bytes, or too many
// turns' worth, since each may have a buffer of its own. The shorter buffers are in the worker, the sooner.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import type { FramesOut } from '../http2/frames-out.js';

/** What TLS may add, besides an eighth, to what it is handed in a turn. */
const RECORDS_BYTES = 1024;

export type UnsentVerdict = 'none' | 'backedUp' | 'tooMuch';

export class Unsent {
  /** The peer has not read for a while. Ends when it has taken all. */
  backedUp = false;
  private handedBefore = 0;
  private turns = 0;
  private controls = 0;
  private seenBytes = 0;

  constructor(private readonly engine: Engine, private readonly out: FramesOut, private readonly bytesMax: number) {}

  begin(): void {
    this.backedUp = false;
    this.handedBefore = this.turns = this.controls = 0;
  }

  /** A turn is over. 'backedUp' is said once. */
  look(socket: number): UnsentVerdict {
    const { reactor, pool: { pressure } } = this.engine;
    const { handedBytes } = this.out;
    const pending = reactor.pendingSendBytes(socket);
    const handed = handedBytes - this.handedBefore;
    const old = pending - handed - (handed >> 3) - RECORDS_BYTES;       // not handed over in this very turn
    this.handedBefore = handedBytes;
    if (pending > this.bytesMax >> pressure) return 'tooMuch';
    if (old <= 0) this.turns = 0; else this.turns++;
    if (this.backedUp || (this.turns <= limits.sendPiecesHighWatermark >> 2 * pressure
      && old <= limits.sendHighWatermarkBytes >> 2 * pressure)) return 'none';
    this.backedUp = true;
    reactor.notifyDrained(socket);
    return 'backedUp';
  }

  /** All was taken. True: it had been backed up. */
  drained(): boolean {
    const { backedUp } = this;
    this.backedUp = false;
    this.turns = this.controls = 0;
    return backedUp;
  }

  /** Has the peer taken anything since this was asked last? */
  moves(socket: number): boolean {
    const before = this.seenBytes;
    this.seenBytes = this.engine.reactor.pendingSendBytes(socket);
    return this.seenBytes < before;
  }

  /** One more frame of ours for a peer that may not read. False: it is one too many. */
  takesControl(): boolean { return !this.backedUp || ++this.controls <= limits.rpcControlsMax; }
}
