// Load by the weights of localities (locality_weighted_lb_config): earliest deadline first over localities, then the
// cluster's balancer inside the one whose turn it is. A locality weighs less as its endpoints fail.
import type { AssignmentPolicy } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { Deadlines } from './earliest-deadline.js';
import type { HealthSet, Level, Locality } from './levels.js';
import type { Picker, PickRequest } from './picker.js';

type Members = (set: HealthSet) => readonly Endpoint[];

class ByLocality implements Picker {
  readonly panic = false;
  private readonly turns: Deadlines;
  constructor(engine: Engine, private readonly pickers: readonly Picker[],
    private readonly weights: readonly number[]) {
    this.turns = new Deadlines(engine, weights);
  }
  pick(request: PickRequest): Endpoint | null {
    const index = this.turns.first();
    this.turns.took(this.weights[index]);
    return this.pickers[index].pick(request);
  }
}

/** A picker over the localities that have members and a weight; null where there is none. */
export function byLocality(engine: Engine, level: Level, members: Members, policy: AssignmentPolicy,
  over: (endpoints: readonly Endpoint[]) => Picker): Picker | null {
  const weighted = level.localities.map((set) => ({ endpoints: members(set),
    weight: effectiveWeight(set, members(set).length, policy) })).filter(({ weight }) => weight > 0);
  if (weighted.length === 0) return null;
  if (weighted.length === 1) return over(weighted[0].endpoints);
  return new ByLocality(engine, weighted.map(({ endpoints }) => over(endpoints)), weighted.map(({ weight }) => weight));
}

function effectiveWeight(set: Locality, available: number, policy: AssignmentPolicy): number {
  const counted = set.all.length - set.excluded;
  if (counted === 0) return 0;
  return set.weight * Math.min(1, policy.overprovisioningPercent / 100 * available / counted);
}
