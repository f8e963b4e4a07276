// Which endpoint takes the next request. A picker is a view of a cluster's endpoints and of their health, built anew
// on any change of either; `pick` allocates nothing. Active requests are counted for the whole process
// (EndpointState), so least-request balances across workers.
//
//   priority (levels.ts) -> locality, where weights say so (localities.ts) -> endpoint, by the cluster's balancer
import type { Criteria } from '../../config/metadata-match.js';
import type { AssignmentPolicy, ClusterConfig } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { EarliestDeadline } from './earliest-deadline.js';
import { ByHash } from './hashing.js';
import { Level, loadsOf } from './levels.js';
import { byLocality } from './localities.js';
import { OverrideHostPicker } from './override-host.js';
import { PeakEwmaPicker } from './peak-ewma.js';
import { ByPriority } from './priorities.js';
import { SubsetPicker } from './subsets.js';
import { FullScan, LeastRequest, Nobody, Random, RoundRobin, Single } from './unweighted.js';

/** What a picker may ask of the request: implemented by Stream, and by whatever else needs an endpoint. */
export interface PickRequest {
  /** The 64-bit hash of the route's hash policies, as signed halves. */
  readonly hasHash: boolean; readonly hashHigh: number; readonly hashLow: number;
  /** What the endpoint's metadata must hold (subsets): the route's metadata_match, compiled. */
  readonly metadataMatch: Criteria | null;
  /** Tried before all others (override_host): addresses in order of preference, separated by commas. */
  readonly overrideHost: string | null;
  /** How much of that list is used up. */
  overrideAt: number;
  /** Times a picker may pick; more than 1 only where `avoids` may say yes. */
  readonly hostSelectionAttempts: number;
  /** Picks made for this attempt of the request before: only hashing, which has no chance of its own, looks. */
  readonly pickAttempt: number;
  /** Should another endpoint be picked if there is one (a retry's host predicates)? */
  avoids(endpoint: Endpoint): boolean;
}

export interface Picker {
  /** The last pick was made in Envoy's panic mode: too few healthy endpoints, so health was ignored. */
  readonly panic: boolean;
  /** The request's hash decides: hash policies are evaluated. */
  readonly byHash?: boolean;
  /** An endpoint, or null when none may take the request. */
  pick(request: PickRequest): Endpoint | null;
}

const policyDefault: AssignmentPolicy = { overprovisioningPercent: 140, weightedPriorityHealth: false };

type Priorities = readonly (readonly Endpoint[])[];

/** A picker over endpoints by priority; null where each request brings its own endpoint. */
export function createPicker(engine: Engine, config: ClusterConfig, priorities: Priorities,
  policy: AssignmentPolicy | null): Picker | null {
  if (config.lbPolicy === 'clusterProvided') return null;
  const rules = policy ?? policyDefault;
  const picker = overSubsets(engine, config, priorities, rules);
  return config.balancing.overrideHost === null ? picker : new OverrideHostPicker(priorities, picker);
}

function overSubsets(engine: Engine, config: ClusterConfig, priorities: Priorities, rules: AssignmentPolicy): Picker {
  const { subsets, localityWeighted } = config.balancing;
  if (subsets === null) return overPriorities(engine, config, priorities, rules, null);
  const inner = { ...config, balancing: { ...config.balancing,
    localityWeighted: localityWeighted && subsets.localityWeightAware } };
  const whole = subsets.scaleLocalityWeight ? priorities.map((endpoints) => new Level(endpoints)) : null;
  return new SubsetPicker(config, priorities, (part) => overPriorities(engine, inner, part, rules, whole));
}

function overPriorities(engine: Engine, config: ClusterConfig, priorities: Priorities, rules: AssignmentPolicy,
  scaledBy: readonly Level[] | null): Picker {
  const { healthyPanicPercent, localityWeighted, hashing } = config.balancing;
  const levels = (priorities.length === 0 ? [[]] : priorities)
    .map((endpoints, index) => new Level(endpoints, scaledBy === null ? null : scaledBy[index]));
  const loads = loadsOf(levels, rules, healthyPanicPercent);
  if (hashing !== null) return new ByHash(engine, config, levels, loads);
  const pickers: Picker[] = [];
  const shares: number[] = [];
  const over = (endpoints: readonly Endpoint[]) => overEndpoints(engine, config, endpoints, false);
  const add = (share: number, level: Level, inPanic: boolean, degraded: boolean): void => {
    if (share === 0) return;
    shares.push(share);
    if (inPanic) { pickers.push(overEndpoints(engine, config, level.all, true)); return; }
    const local = localityWeighted ? byLocality(engine, level, (set) => degraded ? set.degraded : set.healthy, rules,
      over) : null;
    pickers.push(local ?? over(degraded ? level.degraded : level.healthy));
  };
  levels.forEach((level, index) => add(loads.healthy[index], level, loads.panic[index], false));
  levels.forEach((level, index) => add(loads.degraded[index], level, loads.panic[index], true));
  return pickers.length === 1 ? pickers[0] : new ByPriority(engine, pickers, shares);
}

function overEndpoints(engine: Engine, config: ClusterConfig, endpoints: readonly Endpoint[], panic: boolean): Picker {
  if (endpoints.length === 0) return new Nobody(panic);
  if (endpoints.length === 1) return new Single(endpoints[0], panic);
  if (config.lbPolicy === 'random') return new Random(engine, endpoints, panic);
  const { balancing } = config;
  if (balancing.peakEwma !== null) return new PeakEwmaPicker(engine, endpoints, panic, balancing.peakEwma);
  const leastRequest = config.lbPolicy === 'leastRequest';
  const slowStart = balancing.slowStart !== null && isStarting(engine, endpoints, balancing.slowStart.windowMs)
    ? balancing.slowStart : null;
  if (slowStart !== null || endpoints.some((endpoint) => endpoint.weight !== endpoints[0].weight)) {
    const bias = leastRequest ? engine.runtime.number(balancing.activeRequestBias ?? biasDefault) : null;
    const rules = bias === null && slowStart === null ? null : { bias, slowStart: slowStart === null ? null
      : { windowMs: slowStart.windowMs, aggression: engine.runtime.number(slowStart.aggression),
        minimum: slowStart.minimumPercent / 100 } };
    return new EarliestDeadline(engine, endpoints, panic, rules);
  }
  if (!leastRequest) return new RoundRobin(engine, endpoints, panic);
  return balancing.fullScan ? new FullScan(engine, endpoints, panic)
    : new LeastRequest(engine, endpoints, panic, config.leastRequestChoiceCount);
}

const biasDefault = { runtimeKey: '', defaultValue: 1 };

const isStarting = (engine: Engine, endpoints: readonly Endpoint[], windowMs: number): boolean =>
  endpoints.some(({ healthySinceMs }) => healthySinceMs > 0 && engine.nowMs - healthySinceMs < windowMs);
