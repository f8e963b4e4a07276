// What overload asks of this worker: main measures and sends the state when it changes (dispatcher/overload.ts). Read
// by accepting, by requests, and by idle timeouts; while nothing is asked each pays one comparison.
import { calm, scaledMs } from '../config/overload.js';
import type { OverloadState } from '../config/overload.js';
import { Control, Shared } from '../core/memory-map.js';
import type { Engine } from './engine.js';

export class Overload {
  /** Anything but calm. */
  active = false;
  private state: OverloadState = calm;

  constructor(private readonly engine: Engine) {}

  set(state: OverloadState): void {
    this.state = state;
    this.active = state.stopRequests > 0 || state.disableKeepalive > 0 || state.rejectConnections > 0
      || state.stopConnections || state.timeouts > 0 || state.connectionsMax > 0;
  }

  get stopsAccepting(): boolean { return this.state.stopConnections; }
  /** Shall this connection be closed at once? */
  rejectsConnection(): boolean { return this.chosen(this.state.rejectConnections); }
  /** Does the process have as many connections as it may? */
  get isFull(): boolean {
    const { connectionsMax } = this.state;
    return connectionsMax > 0 && Atomics.load(this.engine.i32, this.shared) >= connectionsMax;
  }
  rejectsRequest(): boolean { return this.chosen(this.state.stopRequests); }
  endsKeepAlive(): boolean { return this.chosen(this.state.disableKeepalive); }
  connectionIdleMs(timeoutMs: number): number {
    return scaledMs(timeoutMs, this.state.connectionIdle, this.state.timeouts);
  }
  streamIdleMs(timeoutMs: number): number { return scaledMs(timeoutMs, this.state.streamIdle, this.state.timeouts); }

  /** Counts a connection that the limit concerns, for the process and as this worker's share. */
  connection(by: number): void {
    const { i32, control } = this.engine;
    i32[control + Control.limitedConnections] += by;
    Atomics.add(i32, this.shared, by);
  }

  private get shared(): number { return (this.engine.map.control >> 2) + Shared.limitedConnections; }

  /** True for the share `value` of calls. */
  private chosen(value: number): boolean {
    if (value === 0 || value >= 1) return value >= 1;
    return (this.engine.codecs.nextRandom(this.engine.randomState) >>> 0) / 4294967296 < value;
  }
}
