// The endpoints of one priority, divided by health and by locality, and how much load each priority gets: Envoy's
// percentages, step by step, because a mesh that is half moved to Weft must spread its load in one way.
//
//   availability of a priority = min(100, overprovisioning * healthy / all)   degraded ones likewise
//   load = availability, in order of priority, until 100 is reached; scaled up where all of them do not reach 100
import type { AssignmentPolicy } from '../../config/types.js';
import type { Endpoint } from '../upstream/endpoint.js';

/** An endpoint's health: EXCLUDED (draining, not checked yet) is not even counted among those that there are. */
export const HEALTHY = 0, DEGRADED = 1, UNHEALTHY = 2, EXCLUDED = 3;

/** Endpoints by their health. `excluded` ones are in `all`, but are not counted when shares are. */
export class HealthSet {
  readonly all: Endpoint[] = [];
  readonly healthy: Endpoint[] = [];
  readonly degraded: Endpoint[] = [];
  excluded = 0;
  private excludedWeight = 0;

  add(endpoint: Endpoint, health: number): void {
    this.all.push(endpoint);
    if (health === HEALTHY) this.healthy.push(endpoint);
    else if (health === DEGRADED) this.degraded.push(endpoint);
    else if (health === EXCLUDED) { this.excluded++; this.excludedWeight += endpoint.weight; }
  }

  /** Share of these endpoints among those that count, in per cent times the overprovisioning, at most 100. */
  availability(endpoints: readonly Endpoint[], policy: AssignmentPolicy): number {
    const { weightedPriorityHealth: weighted, overprovisioningPercent } = policy;
    const all = weighted ? weightOf(this.all) - this.excludedWeight : this.all.length - this.excluded;
    if (all === 0) return 0;
    return Math.min(100, Math.floor(overprovisioningPercent * (weighted ? weightOf(endpoints) : endpoints.length)
      / all));
  }

  isInPanic(panicPercent: number): boolean {
    const all = this.all.length - this.excluded;
    return (all === 0 ? 0 : 100 * (this.healthy.length + this.degraded.length) / all) < panicPercent;
  }
}

const weightOf = (endpoints: readonly Endpoint[]): number =>
  endpoints.reduce((total, endpoint) => total + endpoint.weight, 0);

export class Locality extends HealthSet {
  constructor(readonly name: string, public weight: number) { super(); }
}

/** One priority; localities in the order of their names. */
export class Level extends HealthSet {
  readonly localities: Locality[];

  /** `scaledBy`: of a subset, the priority that it is part of; its localities weigh by what is left of them. */
  constructor(endpoints: readonly Endpoint[], scaledBy: Level | null = null) {
    super();
    const byName = new Map<string, Locality>();
    for (const endpoint of endpoints) {
      const health = endpoint.health();
      endpoint.noteHealth(health);
      this.add(endpoint, health);
      const { locality: name, localityWeight } = endpoint;
      let locality = byName.get(name);
      if (locality === undefined) byName.set(name, locality = new Locality(name, localityWeight));
      locality.add(endpoint, health);
    }
    this.localities = [...byName.values()].sort((a, b) => a.name < b.name ? -1 : 1);
    for (const whole of scaledBy?.localities ?? []) {
      const part = byName.get(whole.name);
      if (part !== undefined) part.weight = Math.round(whole.weight * part.all.length / whole.all.length);
    }
  }
}

/** Per cent of all picks, by priority: all healthy and degraded ones together are 100. */
export interface Loads { healthy: number[]; degraded: number[]; panic: boolean[] }

/** Per cent of its own endpoints that a priority has, times the overprovisioning, at most 100. */
export interface Availability { healthy: number[]; degraded: number[] }

export const availabilityOf = (levels: readonly Level[], policy: AssignmentPolicy): Availability => ({
  healthy: levels.map((level) => level.availability(level.healthy, policy)),
  degraded: levels.map((level) => level.availability(level.degraded, policy)) });

/** Loads of the priorities that are not excluded; null where those have nobody. */
export function loadsWithout(availability: Availability, excluded: readonly boolean[]): Availability | null {
  const healthy = availability.healthy.map((share, i) => excluded[i] === true ? 0 : share);
  const degraded = availability.degraded.map((share, i) => excluded[i] === true ? 0 : share);
  const total = Math.min(100, sum(healthy) + sum(degraded));
  if (total === 0) return null;
  const loads: Availability = { healthy: healthy.map(() => 0), degraded: degraded.map(() => 0) };
  distribute(loads, healthy, degraded, total);
  return loads;
}

export function loadsOf(levels: readonly Level[], policy: AssignmentPolicy, panicPercent: number,
  { healthy, degraded } = availabilityOf(levels, policy)): Loads {
  const total = Math.min(100, sum(healthy) + sum(degraded));
  if (total === 0 && panicPercent === 0) return nowhere(levels);
  const panic = levels.map((level) => total < 100 && level.isInPanic(panicPercent));
  if (panic.every((inPanic) => inPanic)) return totalPanic(levels, panic);
  const loads: Loads = { healthy: levels.map(() => 0), degraded: levels.map(() => 0), panic };
  distribute(loads, healthy, degraded, total);
  return loads;
}

function distribute(loads: Availability, healthy: readonly number[], degraded: readonly number[], total: number): void {
  const left = spread(loads.degraded, degraded, spread(loads.healthy, healthy, 100, total), total);
  if (left === 0) return;
  // What rounding left over goes to the first priority that has anybody.
  const first = healthy.findIndex((share) => share > 0);
  if (first >= 0) loads.healthy[first] += left;
  else loads.degraded[degraded.findIndex((share) => share > 0)] += left;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Gives load to each in order; what is left is the result. */
function spread(loads: number[], availability: readonly number[], load: number, total: number): number {
  for (let i = 0; i < loads.length; i++) {
    loads[i] = Math.min(load, Math.floor(availability[i] * 100 / total));
    load -= loads[i];
  }
  return load;
}

/** Nobody is well, and panic is switched off: the first priority gets all picks, and has nobody for them. */
const nowhere = (levels: readonly Level[]): Loads => ({ healthy: levels.map((_, i) => i === 0 ? 100 : 0),
  degraded: levels.map(() => 0), panic: levels.map(() => false) });

/** Every priority is in panic: load by the number of endpoints, whatever their health. */
function totalPanic(levels: readonly Level[], panic: boolean[]): Loads {
  const count = sum(levels.map(({ all }) => all.length));
  if (count === 0) return { ...nowhere(levels), panic };
  const healthy = levels.map(({ all }) => Math.floor(100 * all.length / count));
  healthy[levels.findIndex(({ all }) => all.length > 0)] += 100 - sum(healthy);
  return { healthy, degraded: levels.map(() => 0), panic };
}
