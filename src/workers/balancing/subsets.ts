// Endpoints by their metadata (lb_subset_config): each selector's keys divide the endpoints that have all of them into
// subsets, one for each combination of values; a request whose route asks for exactly those keys gets the cluster's
// balancer over the subset with its values. What happens where there is none is Envoy's order of fallbacks.
import { holds, keysId, matchId, valuesOf } from '../../config/metadata-match.js';
import type { Criteria, Fields } from '../../config/metadata-match.js';
import type { ClusterConfig, SubsetSelector, Subsets } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker, PickRequest } from './picker.js';
import { Single } from './unweighted.js';

type Priorities = readonly (readonly Endpoint[])[];
/** Makes a picker over endpoints by priority. */
type Over = (priorities: Priorities) => Picker;

interface Subset { priorities: Endpoint[][]; single: boolean }
interface Fallback { policy: SubsetSelector['fallback']; keys: readonly string[] }

export class SubsetPicker implements Picker {
  readonly byHash: boolean;
  panic = false;
  private readonly rules: Subsets;
  private readonly index: SubsetIndex;
  private readonly pickers = new Map<Subset, Picker>();
  /** Null where there are no endpoints. */
  private cluster: ClusterRuntime | null = null;
  private any: Picker | null = null;
  private standard: Picker | null = null;

  constructor(config: ClusterConfig, private readonly priorities: Priorities, private readonly over: Over) {
    this.rules = config.balancing.subsets!;
    this.byHash = config.balancing.hashing !== null;
    this.index = SubsetIndex.of(priorities, this.rules);
    this.cluster = priorities.find((endpoints) => endpoints.length > 0)?.[0].cluster ?? null;
  }

  pick(request: PickRequest): Endpoint | null {
    this.panic = false;
    const criteria = request.metadataMatch;
    const list = criteria === null || !this.rules.fallbackList ? null : criteria.fallbacks;
    if (list === null) return this.pickBy(request, criteria);
    for (const one of list) {
      const endpoint = this.pickBy(request, one);
      if (endpoint !== null) return endpoint;
    }
    return null;
  }

  private pickBy(request: PickRequest, asked: Criteria | null): Endpoint | null {
    if (asked !== null) {
      const criteria = this.rules.allowRedundantKeys ? this.reduced(asked) : asked;
      const subset = this.index.subsets.get(criteria.id);
      if (subset !== undefined) {
        this.cluster!.count(ClusterStat.lb_subsets_selected);
        return this.from(this.pickerOf(subset), request);
      }
      const fallback = this.index.fallbacks.get(criteria.keysId);
      if (fallback !== undefined) return this.fallBack(request, criteria, fallback);
    }
    const { fallback, panicModeAny } = this.rules;
    if (fallback === 'none') return null;
    const endpoint = this.from(fallback === 'any' ? this.everybody() : this.standardSubset(), request);
    if (endpoint !== null) { endpoint.cluster.count(ClusterStat.lb_subsets_fallback); return endpoint; }
    const last = panicModeAny ? this.from(this.everybody(), request) : null;
    if (last !== null) last.cluster.count(ClusterStat.lb_subsets_fallback_panic);
    return last;
  }

  private fallBack(request: PickRequest, criteria: Criteria, { policy, keys }: Fallback): Endpoint | null {
    switch (policy) {
      case 'any': return this.from(this.everybody(), request);
      case 'default': return this.from(this.standardSubset(), request);
      case 'keys': return this.pickBy(request, criteria.only(keys));
      default: return null;
    }
  }

  private from(picker: Picker, request: PickRequest): Endpoint | null {
    const endpoint = picker.pick(request);
    if (picker.panic) this.panic = true;
    return endpoint;
  }

  /** The criteria of the first selector that they say everything about. */
  private reduced(criteria: Criteria): Criteria {
    for (const { keys } of this.rules.selectors) {
      const part = criteria.only(keys);
      if (part !== null) return part;
    }
    return criteria;
  }

  private pickerOf(subset: Subset): Picker {
    let picker = this.pickers.get(subset);
    if (picker === undefined) {
      picker = subset.single ? new Single(subset.priorities.find((endpoints) => endpoints.length > 0)![0], false)
        : this.over(subset.priorities);
      this.pickers.set(subset, picker);
    }
    return picker;
  }

  private everybody(): Picker { return this.any ??= this.over(this.priorities); }

  private standardSubset(): Picker {
    const { defaultSubset, listAsAny } = this.rules;
    return this.standard ??= this.over(this.priorities.map((endpoints) =>
      endpoints.filter(({ metadata }) => holds(metadata, defaultSubset, listAsAny))));
  }
}

/** Who is in which subset. Health plays no part in it: it lasts until the endpoints or the configuration change. */
class SubsetIndex {
  private static readonly known = new WeakMap<Priorities, SubsetIndex>();
  readonly subsets = new Map<string, Subset>();
  readonly fallbacks: ReadonlyMap<string, Fallback>;
  private memberships = 0;

  private constructor(private readonly priorities: Priorities, private readonly rules: Subsets) {
    this.fallbacks = fallbacksOf(rules.selectors);
    priorities.forEach((endpoints, priority) => {
      for (const endpoint of endpoints)
        for (const selector of rules.selectors) this.add(endpoint, priority, selector);
    });
  }

  static of(priorities: Priorities, rules: Subsets): SubsetIndex {
    let index = SubsetIndex.known.get(priorities);
    if (index === undefined || index.rules !== rules)
      SubsetIndex.known.set(priorities, index = new SubsetIndex(priorities, rules));
    return index;
  }

  private add(endpoint: Endpoint, priority: number, selector: SubsetSelector): void {
    for (const values of combinations(endpoint.metadata, selector.keys, this.rules.listAsAny)) {
      if (++this.memberships > limits.subsetMembershipsMax) return;
      const id = matchId({ keys: selector.keys, values });
      let subset = this.subsets.get(id);
      if (subset === undefined) {
        subset = { priorities: this.priorities.map(() => []), single: selector.singleHost };
        this.subsets.set(id, subset);
      }
      const members = subset.priorities[priority];
      if (members.at(-1) !== endpoint) members.push(endpoint);   // two selectors may have the same keys
    }
  }
}

/** Values of the keys, each combination where lists stand for their members; none where a key is missing. */
function combinations(metadata: Fields | null, keys: readonly string[], listAsAny: boolean): string[][] {
  let found: string[][] = keys.length === 0 ? [] : [[]];
  for (const key of keys) {
    const values = valuesOf(metadata, key, listAsAny);
    if (values.length * found.length > limits.subsetMembershipsMax) return [];
    found = found.flatMap((before) => values.map((value) => [...before, value]));
  }
  return found;
}

/** Fallbacks by selector. As in Envoy, a selector whose keys another one begins with, or has, does not set its own. */
function fallbacksOf(selectors: readonly SubsetSelector[]): ReadonlyMap<string, Fallback> {
  const result = new Map<string, Fallback>();
  const known = new Set<string>();
  for (const { keys, fallback, fallbackKeys } of selectors) {
    const name = keysId(keys);
    if (!known.has(name) && fallback !== 'undefined') result.set(name, { policy: fallback, keys: fallbackKeys });
    for (let length = 1; length <= keys.length; length++) known.add(keysId(keys.slice(0, length)));
  }
  return result;
}
