// The health of endpoints, as far as main finds it out: active checks and outlier detection of the clusters that have
// some. Owns the flags of endpoints that are new, and endpoints that are kept although their configuration dropped
// them. Checks and detectors are loaded with the first cluster that needs them.
import type { EjectionType } from '../../config/health.js';
import { endpointKey } from '../../config/snapshot/encode.js';
import type { SecretContents } from '../../config/tls.js';
import type { ClusterConfig, Endpoint, EndpointAssignment } from '../../config/types.js';
import { HealthFlag } from '../../core/memory-map.js';
import type { MemoryMap } from '../../core/memory-map.js';
import type { ComputedStatistic, Statistics } from '../../telemetry/statistics.js';
import type { Warming } from '../warming.js';
import type { Checks, ChecksOptions } from './checks.js';
import type { WriteEvent } from './events.js';
import { HealthFlags } from './flags.js';
import type { Detector, DetectorOptions } from './outlier.js';

export interface EndpointHealthOptions {
  words: Int32Array;
  map: MemoryMap;
  statistics: Statistics;
  warming: Warming;
  clusterSlot(name: string): number;
  endpointState(key: string): number;
  writeEvent: WriteEvent;
  /** A number of the runtime, or null. */
  runtime(key: string): number | null;
  /** An endpoint has become unhealthy: its connections are not used any more. */
  onUnhealthy(slot: number, state: number, close: boolean): void;
  /** An endpoint that was kept for its health is not healthy any more. */
  onUnkept(cluster: string): void;
}

interface Watched {
  config: ClusterConfig; slot: number; endpoints: Map<number, Endpoint>;
  checks: Checks | null; detector: Detector | null;
}
interface Loaded {
  basisOf(config: ClusterConfig): string;
  Checks: new (options: ChecksOptions, before: Checks | null) => Checks;
  Detector: new (options: DetectorOptions, before: Detector | null) => Detector;
}

/** Is the health of the cluster's endpoints looked at? */
export const isWatched = ({ healthCheck, outlierDetection }: ClusterConfig): boolean =>
  healthCheck !== null || outlierDetection !== null;
const isSame = (a: object | null, b: object | null): boolean => JSON.stringify(a) === JSON.stringify(b);

const ACTIVE_FLAGS = HealthFlag.failedActive | HealthFlag.degradedActive | HealthFlag.pendingCheck
  | HealthFlag.excluded | HealthFlag.timedOut | HealthFlag.removing;

export class EndpointHealth {
  readonly flags: HealthFlags;
  private readonly watched = new Map<string, Watched>();
  private readonly bySlot = new Map<number, string>();
  private loaded: Loaded | null = null;
  /** Contents of the process's secrets; checks look at them whenever they connect. */
  private readonly secrets = new Map<string, SecretContents>();
  /** Where ejections are logged; '' = nowhere. */
  outlierLog = '';

  constructor(private readonly options: EndpointHealthOptions) {
    this.flags = new HealthFlags(options.words, options.map);
  }

  /** Null: it is gone. */
  secret(name: string, contents: SecretContents | null): void {
    if (contents === null) this.secrets.delete(name); else this.secrets.set(name, contents);
  }

  watches(cluster: string): boolean { return this.watched.has(cluster); }

  /**
   * A cluster or its endpoints have changed and are about to be published. `fresh`: the cluster did not exist, so its
   * endpoints have to prove themselves first.
   */
  update(name: string, config: ClusterConfig | null, assignment: EndpointAssignment | null, fresh: boolean): void {
    const old = this.watched.get(name);
    if (config === null || !isWatched(config)) { this.forget(name); return; }
    const slot = this.options.clusterSlot(name);
    const endpoints = this.statesOf(name, assignment);
    const unproven = HealthFlag.failedActive | (config.health.ignoreNewUntilChecked ? HealthFlag.pendingCheck : 0);
    for (const [state, endpoint] of config.healthCheck === null ? [] : endpoints) {
      const isNew = old === undefined ? fresh : !old.endpoints.has(state);
      if (isNew && endpoint.healthCheck?.disabled !== true) this.flags.change(slot, state, unproven, 0);
    }
    const watched: Watched = { config, slot, endpoints, checks: old?.checks ?? null, detector: old?.detector ?? null };
    this.watched.set(name, watched);
    this.bySlot.set(slot, name);
    this.options.warming.begin(`health ${name}`);
    if (this.loaded !== null) this.follow(name, watched, this.loaded);
    else void Promise.all([import('./checks.js'), import('./outlier.js')]).then(([checks, { Detector }]) => {
      this.loaded = { Checks: checks.Checks, basisOf: checks.basisOf, Detector };
      if (this.watched.get(name) === watched) this.follow(name, watched, this.loaded);
    });
  }

  /** The assignment with those endpoints that are gone from it and stay until their checks fail. */
  keep(name: string, config: ClusterConfig, assignment: EndpointAssignment): EndpointAssignment {
    const old = this.watched.get(name);
    if (old === undefined || config.healthCheck === null || config.health.ignoreHealthOnRemoval) return assignment;
    const given = new Set(assignment.endpoints.map((endpoint) => endpointKey(name, endpoint)));
    const kept: Endpoint[] = [];
    for (const [state, endpoint] of old.endpoints) {
      const isGiven = given.has(endpointKey(name, endpoint));
      const stays = !isGiven && !this.flags.has(state, HealthFlag.failedActive)
        && endpoint.healthCheck?.disabled !== true;
      this.flags.change(old.slot, state, stays ? HealthFlag.removing : 0, stays ? 0 : HealthFlag.removing);
      if (stays) kept.push(endpoint);
    }
    return kept.length === 0 ? assignment : { ...assignment, endpoints: [...assignment.endpoints, ...kept] };
  }

  /** A worker saw an answer by which an endpoint takes itself out of service. */
  failedPassively(slot: number, state: number): void {
    const name = this.bySlot.get(slot);
    const session = name === undefined ? null : this.watched.get(name)?.checks?.session(state) ?? null;
    if (session === null) return;
    this.flags.change(slot, state, HealthFlag.excluded, 0);
    session.passiveFailure();
  }

  /** A worker saw the last of a run of failures. */
  ranOut(slot: number, state: number, type: EjectionType): void {
    const name = this.bySlot.get(slot);
    if (name !== undefined) this.watched.get(name)?.detector?.ranOut(state, type);
  }

  /** Outlier detection of a cluster, for /clusters. */
  detector(cluster: string): Detector | null { return this.watched.get(cluster)?.detector ?? null; }

  *statistics(): Iterable<ComputedStatistic> {
    for (const { config, checks, detector } of this.watched.values()) {
      if (detector !== null) {
        const prefix = `cluster.${config.altStatName}.outlier_detection.`;
        yield { name: `${prefix}ejections_active`, value: detector.active, type: 'gauge' };
        for (const [name, value] of detector.counts.entries()) yield { name: prefix + name, value, type: 'counter' };
      }
      if (checks === null) continue;
      const { counts } = checks;
      const { healthy, degraded } = checks.gauges();
      const prefix = `cluster.${config.altStatName}.health_check.`;
      const counters = { attempt: counts.attempt, success: counts.success, failure: counts.failure,
        passive_failure: counts.passiveFailure, network_failure: counts.networkFailure,
        verify_cluster: counts.verifyCluster };
      for (const [name, value] of Object.entries(counters)) yield { name: prefix + name, value, type: 'counter' };
      yield { name: `${prefix}healthy`, value: healthy, type: 'gauge' };
      yield { name: `${prefix}degraded`, value: degraded, type: 'gauge' };
    }
  }

  end(): void { for (const name of [...this.watched.keys()]) this.forget(name); }

  private follow(name: string, watched: Watched, { Checks, Detector, basisOf }: Loaded): void {
    const { config, slot, endpoints } = watched;
    const { flags, options: { writeEvent } } = this;
    if ((watched.checks?.basis ?? '') !== basisOf(config)) {
      watched.checks?.end();
      watched.checks = config.healthCheck === null ? null : new Checks({ cluster: config, slot, flags, writeEvent,
        secretOf: (secret) => this.secrets.get(secret) ?? null,
        hasTraffic: () => this.hasTraffic(slot), runtime: (key) => this.options.runtime(key),
        onChecked: (session, ok, unhealthy) => this.checked(name, session.state, ok, unhealthy) }, watched.checks);
      if (watched.checks === null)
        for (const state of endpoints.keys()) flags.change(slot, state, 0, ACTIVE_FLAGS);
    }
    if (!isSame(watched.detector?.config ?? null, config.outlierDetection)) {
      if (config.outlierDetection === null) watched.detector?.end(); else watched.detector?.stop();
      watched.detector = config.outlierDetection === null ? null : new Detector({ cluster: config, slot, flags,
        writeEvent, eventLog: this.outlierLog, runtime: (key) => this.options.runtime(key),
        onEjected: (state) => this.unhealthy(watched.config, slot, state) }, watched.detector);
    }
    watched.detector?.take(endpoints);
    watched.checks?.take(endpoints);
    if (watched.checks === null || watched.checks.complete) this.options.warming.end(`health ${name}`);
  }

  private unhealthy(config: ClusterConfig, slot: number, state: number): void {
    this.options.onUnhealthy(slot, state, config.health.closeConnectionsOnFailure);
  }

  private checked(name: string, state: number, ok: boolean, unhealthy: boolean): void {
    const watched = this.watched.get(name);
    if (watched?.checks === undefined || watched.checks === null) return;
    if (ok && !this.flags.has(state, HealthFlag.failedActive)) watched.detector?.checked(state);
    if (unhealthy) {
      this.unhealthy(watched.config, watched.slot, state);
      if (this.flags.has(state, HealthFlag.removing)) this.options.onUnkept(name);
    }
    if (watched.checks.complete) this.options.warming.end(`health ${name}`);
  }

  private hasTraffic(slot: number): boolean {
    const { statistics } = this.options;
    const scope = statistics.clusterScope(slot);
    return scope >= 0 && statistics.cell('cluster', scope, 'upstream_cx_total') > 0;
  }

  private forget(name: string): void {
    const old = this.watched.get(name);
    if (old === undefined) return;
    old.checks?.end();
    old.detector?.end();
    for (const state of old.endpoints.keys()) this.flags.change(old.slot, state, 0, ACTIVE_FLAGS);
    this.watched.delete(name);
    if (this.bySlot.get(old.slot) === name) this.bySlot.delete(old.slot);
    this.options.warming.end(`health ${name}`);
  }

  private statesOf(name: string, assignment: EndpointAssignment | null): Map<number, Endpoint> {
    const result = new Map<number, Endpoint>();
    for (const endpoint of assignment?.endpoints ?? []) {
      const state = this.options.endpointState(endpointKey(name, endpoint));
      if (state >= 0) result.set(state, endpoint);
    }
    return result;
  }
}
