// The process's states and how it ends. SIGTERM drains, a second one or SIGINT ends at once, SIGUSR1 reopens logs, SIGHUP is
// ignored. Draining asks clients to leave (Connection: close on the next response, idle connections closed by the workers)
// and ends as soon as the last connection is gone or --drain-time-s is over, whichever comes first.
//
//   preInitializing -> initializing -> live -> draining -> (exit)      as Envoy's /server_info and /ready name them
import type { Flags } from '../cli/flags.js';
import type { Log } from '../core/log.js';

export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

export interface Drainable {
  connections(): number;
  /** Tells the workers; `stopAccepting` closes listeners at once. */
  drain(graceMs: number, inboundOnly: boolean, stopAccepting: boolean): void;
  /** Leaves nothing that would keep process.exit waiting. */
  end(): Promise<void>;
  reopenLogs(): void;
}

const CHECK_INTERVAL_MS = 50;
/** What is accepted but not yet in a worker's count must be seen before "no connection" is believed. */
const QUIET_CHECKS = 3;

export class Lifecycle {
  state: ServerState = 'PRE_INITIALIZING';
  readonly startedMs = Date.now();
  private ending = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly flags: Pick<Flags, 'drainTimeMs' | 'drainStrategy'>, private readonly target: Drainable,
    private readonly log: Log, private readonly exit: (code: number) => void = (code) => process.exit(code)) {}

  /** Installs the signal handlers. */
  handleSignals(): void {
    process.on('SIGTERM', () => this.terminate());
    process.on('SIGINT', () => void this.stop(0, 'SIGINT'));
    process.on('SIGHUP', () => this.log.warn('SIGHUP is ignored: configuration files are watched'));
    process.on('SIGUSR1', () => this.target.reopenLogs());
  }

  /** The first call drains, the second ends at once. */
  terminate(): void {
    if (this.state === 'DRAINING' && this.timer !== null) {
      void this.stop(0, 'a second SIGTERM');
      return;
    }
    this.drain(false, true);
  }

  /** Starts draining; with `thenExit` the process ends afterwards. /drain_listeners comes here too, without it. */
  drain(inboundOnly: boolean, thenExit: boolean): void {
    const { drainTimeMs, drainStrategy } = this.flags;
    if (!inboundOnly) this.state = 'DRAINING';
    this.log.info(`draining${inboundOnly ? ' inbound listeners' : ''}, ${this.target.connections()} connections, ` +
      `at most ${drainTimeMs / 1000} s`);
    this.target.drain(drainTimeMs, inboundOnly, !thenExit || drainStrategy === 'immediate');
    if (!thenExit) return;
    const deadline = performance.now() + drainTimeMs;
    let quiet = 0;
    this.timer = setInterval(() => {
      quiet = this.target.connections() === 0 ? quiet + 1 : 0;
      if (quiet >= QUIET_CHECKS) void this.stop(0, 'drained');
      else if (performance.now() >= deadline) void this.stop(0, `${this.target.connections()} connections left after drain`);
    }, CHECK_INTERVAL_MS);
  }

  /** Ends the process. */
  async stop(code: number, reason: string): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.log.info(`exiting: ${reason}`);
    await this.target.end();
    this.exit(code);
  }
}
