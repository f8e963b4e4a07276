// What a peer may not do too often, with Envoy's limits: each frame is cheap to send and costs us work or memory. A
// connection that floods is ended with ENHANCE_YOUR_CALM.
import { H2Type } from '../../core/generated/layouts.js';
import type { Http2Options } from '../../config/http2.js';
import { limits } from '../../core/limits.js';

export const FLOOD_NONE = 0;
export const FLOOD_EMPTY = 1;
export const FLOOD_PRIORITY = 2;
export const FLOOD_WINDOW_UPDATE = 3;
export const FLOOD_CONTROL_OUT = 4;
export const FLOOD_RESETS = 5;
export const FLOOD_OUT = 6;

/**
 * Counts frames that may not have been sent yet, by two marks in the bytes of the connection: when all before the newer
 * mark has left, so have the frames that were written before the older one. A busy connection always has something
 * waiting, and is no flood.
 */
class Unsent {
  private before = 0;
  private since = 0;
  private mark = 0;

  begin(): void { this.before = this.since = this.mark = 0; }

  /** One more frame is written. Returns how many may wait, itself included. */
  add(handed: number, pending: number): number {
    if (handed - pending >= this.mark) {
      this.before = pending === 0 ? 0 : this.since;
      this.since = 0;
      this.mark = handed;
    }
    this.since++;
    return this.before + this.since;
  }
}

export class Floods {
  private empty = 0;
  private priorities = 0;
  private windowUpdates = 0;
  private opened = 0;
  private dataSent = 0;
  private readonly answers = new Unsent();
  private readonly heads = new Unsent();
  private closed = 0;
  private premature = 0;

  begin(): void {
    this.empty = this.priorities = this.windowUpdates = this.opened = this.dataSent = 0;
    this.answers.begin();
    this.heads.begin();
    this.closed = this.premature = 0;
  }

  streamOpened(): void { this.opened++; }
  sentData(): void { this.dataSent++; }

  /** A frame has come; `payload` counts without padding, `ends` where it ends the stream. Returns FLOOD_*. */
  received(type: number, payload: number, ends: boolean, options: Http2Options): number {
    if (payload === 0 && !ends && (type === H2Type.data || type === H2Type.headers
      || type === H2Type.continuation)) {
      if (++this.empty > options.emptyFramesMax) return FLOOD_EMPTY;
    } else if (type <= H2Type.headers || type === H2Type.continuation) this.empty = 0;
    if (type === H2Type.priority
      && ++this.priorities > options.priorityFramesPerStreamMax * (1 + this.opened)) return FLOOD_PRIORITY;
    if (type === H2Type.windowUpdate && ++this.windowUpdates
      > 5 + 2 * (this.opened + options.windowUpdatesPerDataFrameMax * this.dataSent)) return FLOOD_WINDOW_UPDATE;
    return FLOOD_NONE;
  }

  /** An answer to a PING, SETTINGS or a broken stream is written; of all `handed` bytes, `pending` wait to be sent. */
  answered(handed: number, pending: number, options: Http2Options): number {
    return this.answers.add(handed, pending) > options.outboundControlFramesMax ? FLOOD_CONTROL_OUT : FLOOD_NONE;
  }

  /** As answered, of response heads: no window holds them back. */
  wroteHead(handed: number, pending: number, options: Http2Options): number {
    return this.heads.add(handed, pending) > options.outboundFramesMax ? FLOOD_OUT : FLOOD_NONE;
  }

  /** A request of the peer is over, in whatever way. */
  requestClosed(): void { this.closed++; }

  /**
   * A request is about to be over because the peer reset it (CVE-2023-44487), or broke it so that we had to
   * (CVE-2025-8671), soon after it began. Where the next good ones could not make up for the bad, they are not awaited;
   * as Envoy.
   */
  resetEarly(): number {
    this.premature++;
    return this.premature * 2 >= Math.max(limits.prematureResetsFrom, this.closed + 1) ? FLOOD_RESETS : FLOOD_NONE;
  }
}
