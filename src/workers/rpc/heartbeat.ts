// Heartbeats that we send on one RPC connection: one when nothing came for so long, and an end when too many in a row
// were not answered.
import type { RpcHeartbeat } from '../../config/rpc.js';

export class Heartbeat {
  /** When the next thing is due; Infinity: nothing. */
  dueMs = Infinity;
  private options: RpcHeartbeat | null = null;
  private awaited = false;
  private failures = 0;

  begin(options: RpcHeartbeat | null, nowMs: number): void {
    this.options = options;
    this.awaited = false;
    this.failures = 0;
    this.dueMs = Infinity;
    this.heard(nowMs);
  }
  end(): void { this.dueMs = Infinity; }

  /** Something has come: the peer lives. */
  heard(nowMs: number): void {
    const { options } = this;
    if (options === null) return;
    this.awaited = false;
    this.failures = 0;
    this.dueMs = nowMs + options.intervalMs;
  }

  /** 'send': one is to be sent now; 'over': the peer does not answer. */
  due(nowMs: number): 'send' | 'over' | 'wait' {
    const { options } = this;
    if (options === null || nowMs < this.dueMs) return 'wait';
    if (this.awaited && ++this.failures >= options.failuresMax) return 'over';
    this.awaited = true;
    this.dueMs = nowMs + options.timeoutMs;
    return 'send';
  }
}
