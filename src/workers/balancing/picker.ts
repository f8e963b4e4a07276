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
import { availabilityOf, Level, loadsOf } from './levels.js';
import type { HealthSet } from './levels.js';
import { ReportedWeights } from './load-reports.js';
import { byLocality } from './localities.js';
import { OverrideHostPicker } from './override-host.js';
import { PeakEwmaPicker } from './peak-ewma.js';
import { ByPriority } from './priorities.js';
import type { TriedPriorities } from './priorities.js';
import { SubsetPicker } from './subsets.js';
import { ByZone, planZones } from './zones.js';
import type { ZonePlan, Zones } from './zones.js';
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
  /** Where its attempts went, if the route wants others next. */
  readonly triedPriorities: TriedPriorities | null;
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

const policyDefault: AssignmentPolicy = { overprovisioningPercent: 140, weightedPriorityHealth: false,
  dropped: 0 };

/** Counts for the cluster. */
type Count = (stat: number) => void;
type Priorities = readonly (readonly Endpoint[])[];

/** A picker over endpoints by priority; null where each request brings its own endpoint. */
export function createPicker(engine: Engine, config: ClusterConfig, priorities: Priorities,
  policy: AssignmentPolicy | null, zones: Zones | null = null, count: Count = () => undefined): Picker | null {
  if (config.lbPolicy === 'clusterProvided') return null;
  const rules = policy ?? policyDefault;
  const picker = overSubsets({ engine, config, rules, zones, count }, priorities);
  return config.balancing.overrideHost === null ? picker : new OverrideHostPicker(priorities, picker);
}

interface Making { engine: Engine; config: ClusterConfig; rules: AssignmentPolicy; zones: Zones | null; count: Count }

function overSubsets(making: Making, priorities: Priorities): Picker {
  const { config } = making;
  const { subsets, localityWeighted } = config.balancing;
  if (subsets === null) return overPriorities(making, priorities, null);
  const inner = { ...config, balancing: { ...config.balancing,
    localityWeighted: localityWeighted && subsets.localityWeightAware } };
  const whole = subsets.scaleLocalityWeight ? priorities.map((endpoints) => new Level(endpoints)) : null;
  return new SubsetPicker(config, priorities, (part) => overPriorities({ ...making, config: inner }, part, whole));
}

function overPriorities(making: Making, priorities: Priorities, scaledBy: readonly Level[] | null): Picker {
  const { engine, config, rules } = making;
  const levels = (priorities.length === 0 ? [[]] : priorities)
    .map((endpoints, index) => new Level(endpoints, scaledBy === null ? null : scaledBy[index]));
  const panicPercent = panicPercentOf(engine, config);
  const availability = availabilityOf(levels, rules);
  const loads = loadsOf(levels, rules, panicPercent, availability);
  if (config.balancing.hashing !== null) return new ByHash(engine, config, levels, loads);
  const zonePlan = making.zones === null || config.balancing.localityWeighted ? null
    : planZones(levels[0], making.zones, minClusterSizeOf(engine, config), panicPercent, making.count);
  const over = (priority: number, degraded: boolean): Picker => loads.panic[priority]
    ? inPanic(making, levels[priority])
    : overLevel(making, levels[priority], degraded ? ofDegraded : ofHealthy, priority === 0 ? zonePlan : null);
  // One priority, and all of its load on one kind of endpoint: nothing is left to choose.
  if (levels.length === 1 && (loads.healthy[0] === 100 || loads.degraded[0] === 100))
    return over(0, loads.degraded[0] === 100);
  return new ByPriority(engine, loads, availability, over);
}

/** Envoy's runtime may change the threshold; it counts from the next change of the endpoints on, as there. */
const panicPercentOf = (engine: Engine, { balancing }: ClusterConfig): number => Math.min(100, engine.runtime.number({
  runtimeKey: 'upstream.healthy_panic_threshold', defaultValue: balancing.healthyPanicPercent }).value);

const minClusterSizeOf = (engine: Engine, { balancing }: ClusterConfig): number => engine.runtime.number({
  runtimeKey: 'upstream.zone_routing.min_cluster_size', defaultValue: balancing.zoneAware.minClusterSize }).value;

const ofHealthy = (set: HealthSet): readonly Endpoint[] => set.healthy;
const ofDegraded = (set: HealthSet): readonly Endpoint[] => set.degraded;

const inPanic = ({ engine, config }: Making, level: Level): Picker => config.balancing.zoneAware.failTrafficOnPanic
  ? new Nobody(true) : overEndpoints(engine, config, level.all, true);

function overLevel({ engine, config, rules, count }: Making, level: Level,
  members: (set: HealthSet) => readonly Endpoint[], zonePlan: ZonePlan | null): Picker {
  const { localityWeighted, zoneAware } = config.balancing;
  const over = (endpoints: readonly Endpoint[]) => overEndpoints(engine, config, endpoints, false);
  if (zonePlan !== null) {
    return new ByZone(engine, zonePlan, zonePlan.localities.map((locality) => over(members(locality))),
      over(members(level)), zoneAware, count);
  }
  const local = localityWeighted ? byLocality(engine, level, members, rules, over) : null;
  return local ?? over(members(level));
}

function overEndpoints(engine: Engine, config: ClusterConfig, endpoints: readonly Endpoint[], panic: boolean): Picker {
  if (endpoints.length === 0) return new Nobody(panic);
  if (endpoints.length === 1) return new Single(endpoints[0], panic);
  if (config.lbPolicy === 'random') return new Random(engine, endpoints, panic);
  const { balancing } = config;
  if (balancing.peakEwma !== null) return new PeakEwmaPicker(engine, endpoints, panic, balancing.peakEwma);
  if (balancing.clientWeights !== null) return new ReportedWeights(engine, endpoints, panic, balancing.clientWeights);
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
