// Outlier detection of one cluster: who is ejected, for how long, and who comes back. Workers count (workers/upstream/
// outliers.ts) and tell when a run of failures is long enough; rates are looked at here once an interval. The rules and
// the counters are Envoy's; `outlier_detection.*` keys of the runtime stand over the configuration.
import type { EjectionType, OutlierDetection } from '../../config/health.js';
import type { ClusterConfig, Endpoint } from '../../config/types.js';
import { EndpointState, HealthFlag } from '../../core/memory-map.js';
import { addressText } from './events.js';
import type { WriteEvent } from './events.js';
import type { HealthFlags } from './flags.js';
import { OutlierCounts, rules, wordOf } from './outlier-rules.js';

export interface DetectorOptions {
  cluster: ClusterConfig;
  slot: number;
  flags: HealthFlags;
  writeEvent: WriteEvent;
  eventLog: string;                     // '' = none
  /** A number of the runtime, or null. */
  runtime(key: string): number | null;
  onEjected(state: number): void;
}

interface Host {
  endpoint: Endpoint; ejections: number; backOff: number; jitterMs: number; ejectedMs: number; unejectedMs: number;
  /** Per cent in the last interval: of answers, and on the way; -1 = too few requests. */
  rates: [number, number];
}
interface Rates { average: number; threshold: number }
const NO_RATES: Rates = { average: -1, threshold: -1 };
const rateTypes = [['SUCCESS_RATE', 'FAILURE_PERCENTAGE'],
  ['SUCCESS_RATE_LOCAL_ORIGIN', 'FAILURE_PERCENTAGE_LOCAL_ORIGIN']] as const;

export class Detector {
  readonly config: OutlierDetection;
  readonly counts: OutlierCounts;
  /** Of answers, and of what happened on the way. */
  readonly rates: [Rates, Rates] = [NO_RATES, NO_RATES];
  active = 0;
  private readonly hosts = new Map<number, Host>();
  private timer: NodeJS.Timeout | null = null;

  /** Goes on with the hosts and counts of `before`. */
  constructor(private readonly options: DetectorOptions, before: Detector | null) {
    this.config = options.cluster.outlierDetection!;
    this.counts = before?.counts ?? new OutlierCounts();
    if (before !== null) {
      for (const [state, host] of before.hosts) this.hosts.set(state, host);
      this.active = before.active;
    }
    this.arm();
  }

  take(endpoints: ReadonlyMap<number, Endpoint>): void {
    for (const state of [...this.hosts.keys()]) if (!endpoints.has(state)) this.forget(state);
    for (const [state, endpoint] of endpoints) {
      const host = this.hosts.get(state);
      if (host !== undefined) host.endpoint = endpoint;
      else this.hosts.set(state, { endpoint, ejections: 0, backOff: 0, jitterMs: 0, ejectedMs: 0, unejectedMs: 0,
        rates: [-1, -1] });
    }
  }

  rateOf(state: number, local: 0 | 1): number { return this.hosts.get(state)?.rates[local] ?? -1; }

  /** A worker saw the end of a run of failures. */
  ranOut(state: number, type: EjectionType): void {
    const host = this.hosts.get(state);
    if (host === undefined || this.isEjected(state)) return;
    this.counts.detected(type);
    this.eject(state, host, type);
    if (type === 'CONSECUTIVE_5XX') this.counts.old.consecutive5xx++;
    this.options.flags.exchange(state, wordOf(type), 0);
  }

  /** An active check of the endpoint succeeded, and it is not failed by others. */
  checked(state: number): void {
    const host = this.hosts.get(state);
    if (host !== undefined && this.config.unejectByCheck && this.isEjected(state)) this.uneject(state, host);
  }

  /** Ends detection; nobody stays ejected. */
  end(): void {
    this.stop();
    for (const state of [...this.hosts.keys()]) this.forget(state);
  }
  /** Another detector goes on with the hosts. */
  stop(): void { if (this.timer !== null) clearTimeout(this.timer); }

  private forget(state: number): void {
    if (this.isEjected(state)) {
      this.active--;
      this.options.flags.change(this.options.slot, state, 0, HealthFlag.ejected);
    }
    this.hosts.delete(state);
  }

  private arm(): void {
    this.timer = setTimeout(() => { this.sweep(performance.now()); this.arm(); },
      Math.max(1, this.value('interval_ms', this.config.intervalMs)));
    this.timer.unref();
  }

  /** Once an interval: who comes back, whose rate is too low, whose next ejection is shorter again. */
  private sweep(nowMs: number): void {
    const { flags } = this.options;
    const counts = new Map<number, readonly [requests: number, successes: number]>();
    for (const [state, host] of this.hosts) {
      if (this.isEjected(state) && this.ejectionMs(host) <= nowMs - host.ejectedMs) this.uneject(state, host);
      counts.set(state, [flags.exchange(state, EndpointState.intervalRequests, 0),
        flags.exchange(state, EndpointState.intervalSuccesses, 0)]);
      host.rates = [-1, -1];
    }
    for (const local of [0, 1] as const) this.judge(local, counts);
    const intervalMs = this.value('interval_ms', this.config.intervalMs);
    for (const [state, host] of this.hosts) {
      if (this.isEjected(state) || host.unejectedMs === 0 || nowMs - host.unejectedMs < intervalMs) continue;
      if (host.backOff > 0) host.backOff--;
    }
  }

  private judge(local: 0 | 1, counts: ReadonlyMap<number, readonly [number, number]>): void {
    this.rates[local] = NO_RATES;
    const rateHosts = this.value('success_rate_minimum_hosts', this.config.successRateHosts);
    const rateRequests = this.value('success_rate_request_volume', this.config.successRateRequests);
    const failureHosts = this.value('failure_percentage_minimum_hosts', this.config.failurePercentHosts);
    const failureRequests = this.value('failure_percentage_request_volume', this.config.failurePercentRequests);
    if (this.hosts.size < rateHosts && this.hosts.size < failureHosts) return;
    const ofRate: [number, Host][] = [], ofFailure: [number, Host][] = [];
    for (const [state, host] of this.hosts) {
      const [requests, successes] = counts.get(state)!.map((word) => local === 0 ? word & 0xffff : word >>> 16);
      if (this.isEjected(state) || requests === 0) continue;
      const rate = Math.min(100, successes! * 100 / requests!);
      if (requests! >= Math.min(rateRequests, failureRequests)) host.rates[local] = rate;
      if (requests! >= rateRequests) ofRate.push([state, host]);
      if (requests! >= failureRequests) ofFailure.push([state, host]);
    }
    if (ofRate.length > 0 && ofRate.length >= rateHosts) this.judgeRates(local, ofRate);
    if (ofFailure.length === 0 || ofFailure.length < failureHosts) return;
    const most = this.value('failure_percentage_threshold', this.config.failurePercent);
    for (const [state, host] of ofFailure)
      if (100 - host.rates[local] >= most) this.detectedRate(state, host, rateTypes[local][1]);
  }

  /** Too far below the average: so many standard deviations. */
  private judgeRates(local: 0 | 1, hosts: readonly [number, Host][]): void {
    const average = hosts.reduce((sum, [, host]) => sum + host.rates[local], 0) / hosts.length;
    const variance = hosts.reduce((sum, [, host]) => sum + (host.rates[local] - average) ** 2, 0) / hosts.length;
    const factor = this.value('success_rate_stdev_factor', this.config.successRateStdev) / 1000;
    const threshold = average - factor * Math.sqrt(variance);
    this.rates[local] = { average, threshold };
    for (const [state, host] of hosts) {
      if (host.rates[local] >= threshold) continue;
      this.counts.old.successRate++;
      this.detectedRate(state, host, rateTypes[local][0]);
    }
  }

  private detectedRate(state: number, host: Host, type: EjectionType): void {
    this.counts.detected(type);
    if (!this.isEjected(state)) this.eject(state, host, type);
  }

  private eject(state: number, host: Host, type: EjectionType): void {
    const { config, counts, options } = this;
    const most = Math.min(100, this.value('max_ejection_percent', config.maxEjectionPercent));
    const allowed = 100 * (this.active + 1) / this.hosts.size <= most || (config.alwaysEjectOne && this.active === 0);
    if (!allowed) { counts.overflow++; return; }
    if (type === 'CONSECUTIVE_5XX' || type === 'SUCCESS_RATE') counts.old.total++;
    const { key, share } = rules[type];
    const enforced = Math.random() * 100 < this.value(key, config.enforcing[share]);
    if (enforced) {
      this.active++;
      counts.enforced(type);
      host.ejections++;
      host.ejectedMs = performance.now();
      host.jitterMs = Math.floor(Math.random() * (this.value('max_ejection_time_jitter_ms',
        config.maxEjectionJitterMs) + 1));
      const base = this.value('base_ejection_time_ms', config.baseEjectionMs);
      if (host.backOff * base < this.value('max_ejection_time_ms', config.maxEjectionMs) + base) host.backOff++;
      options.flags.change(options.slot, state, HealthFlag.ejected, 0);
      options.onEjected(state);
    }
    this.log(host, host.unejectedMs, type, { action: 'EJECT', num_ejections: host.ejections, enforced,
      ...this.details(host, type) });
  }

  private uneject(state: number, host: Host): void {
    const { flags, slot } = this.options;
    this.active--;
    for (const word of [EndpointState.consecutive5xx, EndpointState.consecutiveGatewayFailures,
      EndpointState.consecutiveLocalFailures]) flags.exchange(state, word, 0);
    flags.change(slot, state, 0, HealthFlag.ejected);
    host.unejectedMs = performance.now();
    this.log(host, host.ejectedMs, 'CONSECUTIVE_5XX', { action: 'UNEJECT', num_ejections: host.ejections,
      enforced: false });
  }

  private details(host: Host, type: EjectionType): object {
    const local = type.endsWith('LOCAL_ORIGIN') ? 1 : 0;
    const rate = Math.floor(host.rates[local]);
    if (type.startsWith('SUCCESS_RATE')) {
      const { average, threshold } = this.rates[local];
      return { eject_success_rate_event: { host_success_rate: rate, cluster_average_success_rate: Math.floor(average),
        cluster_success_rate_ejection_threshold: Math.max(0, Math.floor(threshold)) } };
    }
    if (type.startsWith('FAILURE_PERCENTAGE'))
      return { eject_failure_percentage_event: { host_success_rate: rate } };
    return { eject_consecutive_event: {} };
  }

  private log({ endpoint }: Host, lastMs: number, type: EjectionType, more: object): void {
    const { cluster, eventLog, writeEvent } = this.options;
    if (eventLog === '') return;
    const since = lastMs === 0 ? {}
      : { secs_since_last_action: String(Math.floor((performance.now() - lastMs) / 1000)) };
    writeEvent(eventLog, JSON.stringify({ type, timestamp: new Date().toISOString(), ...since,
      cluster_name: cluster.name, upstream_url: addressText(endpoint.address), ...more }));
  }

  private ejectionMs({ backOff, jitterMs }: Host): number {
    return Math.min(this.value('base_ejection_time_ms', this.config.baseEjectionMs) * backOff,
      this.value('max_ejection_time_ms', this.config.maxEjectionMs)) + jitterMs;
  }
  private isEjected(state: number): boolean { return this.options.flags.has(state, HealthFlag.ejected); }
  private value(key: string, configured: number): number {
    return this.options.runtime(`outlier_detection.${key}`) ?? configured;
  }
}
