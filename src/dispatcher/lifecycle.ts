// The process's states and how it ends. SIGTERM drains, a second one or SIGINT ends at once, SIGUSR1 reopens logs,
// SIGHUP is ignored. Draining asks clients to leave (Connection: close on the next response, idle connections closed by
// the workers) and ends as soon as the last connection is gone or --drain-time-s is over, whichever comes first.
//
//   preInitializing -> initializing -> live -> draining -> (exit)      as Envoy's /server_info and /ready name them
import type { Log } from '../core/log.js';

export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

export interface DrainRequest { inboundOnly: boolean; graceful: boolean; exit: boolean }

/** --drain-time-s, --drain-strategy, --parent-shutdown-time-s. */
export interface DrainOptions {
  drainTimeMs: number; drainStrategy: 'gradual' | 'immediate'; parentShutdownTimeMs: number
}

/** What the workers are told: workers/messages.ts has the meaning. `stopAccepting` closes listeners at once. */
export interface DrainMessage {
  graceMs: number; inboundOnly: boolean; stopAccepting: boolean; mode: 'gradual' | 'immediate'; closeIdle: boolean
}

export interface Drainable {
  connections(): number;
  drain(request: DrainMessage): void;
  /** Leaves nothing that would keep process.exit waiting. */
  end(): Promise<void>;
  reopenLogs(): void;
}

const CHECK_INTERVAL_MS = 50;
/** What is accepted but not yet in a worker's count must be seen before "no connection" is believed. */
const QUIET_CHECKS = 3;

export class Lifecycle {
  state: ServerState = 'PRE_INITIALIZING';
  healthChecksFail = false;
  readonly startedMs = Date.now();
  private ending = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly flags: DrainOptions, private readonly target: Drainable,
    private readonly log: Log, private readonly exit: (code: number) => void = (code) => process.exit(code)) {}

  /** Installs the signal handlers. */
  handleSignals(): void {
    process.on('SIGTERM', () => this.terminate());
    process.on('SIGINT', () => void this.stop(0, 'SIGINT'));
    process.on('SIGHUP', () => this.log.warn('SIGHUP is ignored: configuration files are watched'));
    process.on('SIGUSR1', () => this.target.reopenLogs());
  }

  /**
   * The state as the admin server tells it: failed health checks look like draining, so that nobody sends new
   * traffic.
   */
  get shownState(): ServerState { return this.state === 'LIVE' && this.healthChecksFail ? 'DRAINING' : this.state; }

  /** The first call drains and exits, the second ends at once. */
  terminate(): void {
    if (this.state === 'DRAINING') {
      void this.stop(0, 'a second SIGTERM');
      return;
    }
    this.drain({ inboundOnly: false, graceful: true, exit: true });
  }

  /**
   * Starts draining. Not graceful: listening sockets are closed at once. Graceful: when --drain-time-s is over, if at
   * all.
   */
  drain({ inboundOnly, graceful, exit }: DrainRequest): void {
    const { drainTimeMs, drainStrategy } = this.flags;
    if (exit) this.state = 'DRAINING';
    this.log.info(`draining${inboundOnly ? ' inbound listeners' : ''}, ${this.target.connections()} connections, ` +
      `at most ${drainTimeMs / 1000} s`);
    const immediate = drainStrategy === 'immediate';
    this.target.drain({ graceMs: drainTimeMs, inboundOnly, stopAccepting: !graceful || immediate,
      mode: exit || !graceful || immediate ? 'immediate' : 'gradual', closeIdle: immediate });
    if (this.timer !== null) clearInterval(this.timer);
    if (graceful) this.watch(inboundOnly, exit, drainTimeMs);
  }

  /** Another process serves on our sockets: what is open here ends by itself, and the process with it. */
  handOver(): void {
    this.state = 'DRAINING';
    const { drainTimeMs, drainStrategy } = this.flags;
    this.target.drain({ graceMs: drainTimeMs, inboundOnly: false, stopAccepting: true, mode: drainStrategy,
      closeIdle: false });
    if (this.timer !== null) clearInterval(this.timer);
    this.watch(false, true, this.flags.parentShutdownTimeMs, drainTimeMs);
  }

  private watch(inboundOnly: boolean, exit: boolean, mostMs: number, gradualMs = Infinity): void {
    const deadline = performance.now() + mostMs;
    let gradualEnd = performance.now() + gradualMs;
    let quiet = 0;
    this.timer = setInterval(() => {
      if (performance.now() >= gradualEnd) {
        gradualEnd = Infinity;
        this.endGradual(inboundOnly);
      }
      const connections = this.target.connections();
      quiet = connections === 0 ? quiet + 1 : 0;
      const over = performance.now() >= deadline;
      if (exit && quiet >= QUIET_CHECKS) void this.stop(0, 'drained');
      else if (exit && over) void this.stop(0, `${connections} connections were left when the drain time was over`);
      else if (over) this.endDrain(inboundOnly);
    }, CHECK_INTERVAL_MS);
    if (!exit) this.timer.unref();
  }

  /** A graceful drain that does not end the process ends with the listening sockets closed. */
  private endDrain(inboundOnly: boolean): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.endGradual(inboundOnly);
  }

  /** What a gradual drain has left is asked to leave now. */
  private endGradual(inboundOnly: boolean): void {
    this.target.drain({ graceMs: 0, inboundOnly, stopAccepting: true, mode: 'immediate', closeIdle: false });
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
