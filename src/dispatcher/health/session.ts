// The checks of one endpoint: when the next one is due, and when a run of results changes its health. The rules are
// Envoy's: the first result decides at once, then thresholds do; an answer that says "unhealthy" needs no threshold, a
// network failure does.
import type { HealthCheck } from '../../config/health.js';
import type { Endpoint } from '../../config/types.js';
import { HealthFlag } from '../../core/memory-map.js';
import type { HealthEvent } from './events.js';
import { failed } from './probe.js';
import type { Failure, Probe, ProbeResult } from './probe.js';

/** What a session needs of its cluster. */
export interface SessionOwner {
  readonly config: HealthCheck;
  readonly counts: HealthCounts;
  /** Has any worker opened a connection of the cluster? */
  hasTraffic(): boolean;
  /** A number of the runtime, or null. */
  runtime(key: string): number | null;
  flagsOf(state: number): number;
  change(state: number, set: number, clear: number): void;
  log(session: Session, event: HealthEvent): void;
  /** After each result; `unhealthy`: the endpoint has just become so. */
  checked(session: Session, ok: boolean, unhealthy: boolean): void;
}
/** cluster.<name>.health_check.* */
export class HealthCounts {
  attempt = 0; success = 0; failure = 0; passiveFailure = 0; networkFailure = 0; verifyCluster = 0;
}

type Transition = 'unchanged' | 'pending' | 'changed';

export class Session {
  first = true;
  private successes = 0;
  private failures = 0;
  private interval: NodeJS.Timeout | null = null;
  private timeout: NodeJS.Timeout | null = null;
  private ended = false;
  probe!: Probe;

  constructor(private readonly owner: SessionOwner, public endpoint: Endpoint, readonly state: number) {}

  /** Begins to check. */
  start(): void {
    const { initialJitterMs } = this.owner.config;
    if (initialJitterMs > 0) this.arm(jittered(this.owner.config, 0, initialJitterMs));
    else this.check();
  }

  end(): void {
    this.ended = true;
    this.disarm();
    this.probe.end();
  }

  /** The probe's answer. */
  result(result: ProbeResult): void {
    if (this.ended) return;
    this.disarm();
    const transition = result.ok ? this.succeeded(result.degraded) : this.fails(result);
    if (!this.ended) this.arm(this.intervalMs(result.ok, transition));
  }

  /** A worker saw x-envoy-immediate-health-check-fail in an answer. */
  passiveFailure(): void {
    if (!this.ended) this.fails(failed('PASSIVE'));
  }

  private check(): void {
    const { owner } = this;
    owner.counts.attempt++;
    this.timeout = setTimeout(() => {
      this.probe.abort();
      this.result(failed('NETWORK_TIMEOUT'));
    }, owner.config.timeoutMs);
    this.timeout.unref();
    try {
      this.probe.start();
    } catch {
      // what Node's client refuses to send; the others go on
      this.probe.abort();
      this.result(failed('NETWORK'));
    }
  }

  private succeeded(degraded: boolean): Transition {
    const { owner, state } = this;
    let transition: Transition = 'unchanged';
    this.failures = 0;
    const before = owner.flagsOf(state);
    let clear: number = HealthFlag.pendingCheck;
    let set = 0;
    if ((before & HealthFlag.failedActive) !== 0) {
      if (this.first || ++this.successes === owner.config.healthyThreshold) {
        clear |= HealthFlag.failedActive | HealthFlag.timedOut | HealthFlag.excluded;
        transition = 'changed';
        owner.log(this, { kind: 'add_healthy_event', first: this.first });
      } else transition = 'pending';
    }
    if (transition !== 'changed' && owner.config.alwaysLogSuccess)
      owner.log(this, { kind: 'successful_health_check_event' });
    if ((before & HealthFlag.pendingCheck) !== 0) transition = 'changed';
    if (degraded !== ((before & HealthFlag.degradedActive) !== 0)) {
      if (degraded) set |= HealthFlag.degradedActive; else clear |= HealthFlag.degradedActive;
      owner.log(this, { kind: degraded ? 'degraded_healthy_host' : 'no_longer_degraded_host' });
      if (transition === 'unchanged') transition = 'changed';
    }
    owner.change(state, set, clear);
    owner.counts.success++;
    this.first = false;
    owner.checked(this, true, false);
    return transition;
  }

  private fails(result: Failure): Transition {
    const { owner, state } = this;
    const { type, retriable, status } = result;
    const network = type === 'NETWORK' || type === 'NETWORK_TIMEOUT';
    let transition: Transition = 'unchanged';
    this.successes = 0;
    const before = owner.flagsOf(state);
    let set = result.excluded ? HealthFlag.excluded : 0;
    let clear: number = HealthFlag.pendingCheck;
    if ((before & HealthFlag.failedActive) === 0) {
      if ((!network && !retriable) || ++this.failures === owner.config.unhealthyThreshold) {
        set |= HealthFlag.failedActive;
        transition = 'changed';
        owner.log(this, { kind: 'eject_unhealthy_event', type, status });
      } else transition = 'pending';
    }
    const isFailed = ((before | set) & HealthFlag.failedActive) !== 0;
    if (type === 'NETWORK_TIMEOUT' && isFailed) set |= HealthFlag.timedOut; else clear |= HealthFlag.timedOut;
    const unhealthy = transition === 'changed';
    if ((before & HealthFlag.pendingCheck) !== 0) transition = 'changed';
    if (this.first || owner.config.alwaysLogFailures)
      owner.log(this, { kind: 'health_check_failure_event', type, first: this.first, status });
    owner.change(state, set, clear);
    owner.counts.failure++;
    if (network) owner.counts.networkFailure++;
    else if (type === 'PASSIVE') owner.counts.passiveFailure++;
    this.first = false;
    owner.checked(this, false, unhealthy);
    return transition;
  }

  private intervalMs(ok: boolean, transition: Transition): number {
    const { config } = this.owner;
    let base: number;
    if (!this.owner.hasTraffic())
      base = ok && transition !== 'pending' ? config.noTrafficHealthyIntervalMs : config.noTrafficIntervalMs;
    else if (ok) base = transition === 'pending' ? config.healthyEdgeIntervalMs : config.intervalMs;
    else base = transition === 'pending' ? config.unhealthyEdgeIntervalMs : config.unhealthyIntervalMs;
    return jittered(config, base, config.intervalJitterMs);
  }

  private arm(ms: number): void {
    const least = this.owner.runtime('health_check.min_interval') ?? 0;
    const most = this.owner.runtime('health_check.max_interval') ?? Infinity;
    this.interval = setTimeout(() => this.check(), Math.max(1, least, Math.min(ms, most)));
    this.interval.unref();
  }
  private disarm(): void {
    if (this.interval !== null) clearTimeout(this.interval);
    if (this.timeout !== null) clearTimeout(this.timeout);
    this.interval = this.timeout = null;
  }
}

function jittered(config: HealthCheck, base: number, jitterMs: number): number {
  const share = Math.floor(base * config.intervalJitterPercent / 100);
  return base + Math.floor(Math.random() * share) + Math.floor(Math.random() * jitterMs);
}
