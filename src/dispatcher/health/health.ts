// The health of endpoints, as far as main finds it out: active checks of the clusters that have some. Owns the flags
// of endpoints that are new, and endpoints that are kept although their configuration dropped them. The checks
// themselves are loaded with the first cluster that needs them.
import { endpointKey } from '../../config/snapshot/encode.js';
import type { ClusterConfig, Endpoint, EndpointAssignment } from '../../config/types.js';
import { HealthFlag } from '../../core/memory-map.js';
import type { MemoryMap } from '../../core/memory-map.js';
import type { ComputedStatistic, Statistics } from '../../telemetry/statistics.js';
import type { Warming } from '../warming.js';
import type { Checks, ChecksOptions } from './checks.js';
import type { WriteEvent } from './events.js';
import { HealthFlags } from './flags.js';

export interface EndpointHealthOptions {
  words: Int32Array;
  map: MemoryMap;
  statistics: Statistics;
  warming: Warming;
  clusterSlot(name: string): number;
  endpointState(key: string): number;
  writeEvent: WriteEvent;
  /** An endpoint has become unhealthy: its connections are not used any more. */
  onUnhealthy(slot: number, state: number, close: boolean): void;
  /** An endpoint that was kept for its health is not healthy any more. */
  onUnkept(cluster: string): void;
}

interface Watched { config: ClusterConfig; slot: number; endpoints: Map<number, Endpoint>; checks: Checks | null }
type ChecksClass = new (options: ChecksOptions, before: Checks | null) => Checks;

const ACTIVE_FLAGS = HealthFlag.failedActive | HealthFlag.degradedActive | HealthFlag.pendingCheck
  | HealthFlag.excluded | HealthFlag.timedOut | HealthFlag.removing;

export class EndpointHealth {
  readonly flags: HealthFlags;
  private readonly watched = new Map<string, Watched>();
  private readonly bySlot = new Map<number, string>();
  private loaded: ChecksClass | null = null;

  constructor(private readonly options: EndpointHealthOptions) {
    this.flags = new HealthFlags(options.words, options.map);
  }

  watches(cluster: string): boolean { return this.watched.has(cluster); }

  /**
   * A cluster or its endpoints have changed and are about to be published. `fresh`: the cluster did not exist, so its
   * endpoints have to prove themselves first.
   */
  update(name: string, config: ClusterConfig | null, assignment: EndpointAssignment | null, fresh: boolean): void {
    const old = this.watched.get(name);
    if (config === null || config.healthCheck === null) { this.forget(name); return; }
    const slot = this.options.clusterSlot(name);
    const endpoints = this.statesOf(name, assignment);
    const unproven = HealthFlag.failedActive | (config.health.ignoreNewUntilChecked ? HealthFlag.pendingCheck : 0);
    for (const [state, endpoint] of endpoints) {
      const isNew = old === undefined ? fresh : !old.endpoints.has(state);
      if (isNew && endpoint.healthCheck?.disabled !== true) this.flags.change(slot, state, unproven, 0);
    }
    const watched: Watched = { config, slot, endpoints, checks: old?.checks ?? null };
    this.watched.set(name, watched);
    this.bySlot.set(slot, name);
    this.options.warming.begin(`health ${name}`);
    if (this.loaded !== null) this.check(name, watched, this.loaded);
    else void import('./checks.js').then(({ Checks }) => {
      this.loaded = Checks;
      if (this.watched.get(name) === watched) this.check(name, watched, Checks);
    });
  }

  /** The assignment with those endpoints that are gone from it and stay until their checks fail. */
  keep(name: string, config: ClusterConfig, assignment: EndpointAssignment): EndpointAssignment {
    const old = this.watched.get(name);
    if (old === undefined || config.healthCheck === null || config.health.ignoreHealthOnRemoval) return assignment;
    const given = new Set(assignment.endpoints.map(({ address }) => endpointKey(name, address)));
    const kept: Endpoint[] = [];
    for (const [state, endpoint] of old.endpoints) {
      const isGiven = given.has(endpointKey(name, endpoint.address));
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

  *statistics(): Iterable<ComputedStatistic> {
    for (const { config, checks } of this.watched.values()) {
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

  private check(name: string, watched: Watched, ChecksOf: ChecksClass): void {
    const { config, slot, endpoints } = watched;
    const old = watched.checks;
    const same = old !== null && JSON.stringify(old.config) === JSON.stringify(config.healthCheck);
    if (!same) {
      old?.end();
      watched.checks = new ChecksOf({ cluster: config, slot, flags: this.flags, writeEvent: this.options.writeEvent,
        hasTraffic: () => this.hasTraffic(slot),
        onChecked: (session, _ok, unhealthy) => this.checked(name, session.state, unhealthy) }, old);
    }
    watched.checks!.take(endpoints);
    if (watched.checks!.complete) this.options.warming.end(`health ${name}`);
  }

  private checked(name: string, state: number, unhealthy: boolean): void {
    const watched = this.watched.get(name);
    if (watched?.checks === undefined || watched.checks === null) return;
    if (unhealthy) {
      this.options.onUnhealthy(watched.slot, state, watched.config.health.closeConnectionsOnFailure);
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
    for (const state of old.endpoints.keys()) this.flags.change(old.slot, state, 0, ACTIVE_FLAGS);
    this.watched.delete(name);
    if (this.bySlot.get(old.slot) === name) this.bySlot.delete(old.slot);
    this.options.warming.end(`health ${name}`);
  }

  private statesOf(name: string, assignment: EndpointAssignment | null): Map<number, Endpoint> {
    const result = new Map<number, Endpoint>();
    for (const endpoint of assignment?.endpoints ?? []) {
      const state = this.options.endpointState(endpointKey(name, endpoint.address));
      if (state >= 0) result.set(state, endpoint);
    }
    return result;
  }
}
