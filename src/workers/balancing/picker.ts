// Which endpoint takes the next request. A picker is an immutable view of a cluster's endpoints, replaced on any
// change; `pick` allocates nothing. Active requests are counted for the whole process (EndpointState), so least-request
// balances across workers.
import type { ClusterConfig } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { EarliestDeadline } from './earliest-deadline.js';

/** What a picker may ask of the request: implemented by Stream, and by whatever else needs an endpoint. */
export interface PickRequest {
  /** The 64-bit hash of the route's hash policies, as signed halves. */
  readonly hasHash: boolean; readonly hashHigh: number; readonly hashLow: number;
  /** What the endpoint's metadata must hold (subsets): the route's metadata_match, compiled. */
  readonly metadataMatch: MetadataMatch | null;
  /** Tried before all others (override_host): addresses in order of preference, separated by commas. */
  readonly overrideHost: string | null;
  /** Times a picker may pick; more than 1 only where `avoids` may say yes. */
  readonly hostSelectionAttempts: number;
  /** Should another endpoint be picked if there is one (a retry's host predicates)? */
  avoids(endpoint: Endpoint): boolean;
}
/** Keys in order of their names, each value as JSON text, so that equal values are equal texts. */
export interface MetadataMatch { readonly keys: readonly string[]; readonly values: readonly string[] }

export interface Picker {
  /** Envoy's panic mode: too few healthy endpoints, so health is ignored. */
  readonly panic: boolean;
  /** The request's hash decides: hash policies are evaluated. */
  readonly byHash?: boolean;
  /** An endpoint, or null when none may take the request. */
  pick(request: PickRequest): Endpoint | null;
}

const PANIC_PERCENT = 50;

/** A picker over one priority level, or null when it is empty. */
export function createPicker(engine: Engine, config: ClusterConfig, level: readonly Endpoint[]): Picker | null {
  const healthy = level.filter((endpoint) => endpoint.healthy);
  const panic = level.length > 0 && healthy.length * 100 < level.length * PANIC_PERCENT;
  const endpoints = panic ? level : healthy;
  if (endpoints.length === 0) return null;
  if (endpoints.length === 1) return new Single(endpoints[0], panic);
  const weighted = endpoints.some((endpoint) => endpoint.weight !== endpoints[0].weight);
  switch (config.lbPolicy) {
    case 'clusterProvided': return null;
    case 'random': return new Random(engine, endpoints, panic);
    case 'leastRequest': return weighted ? new EarliestDeadline(engine, endpoints, panic, true)
      : new LeastRequest(engine, endpoints, panic, config.leastRequestChoiceCount);
    case 'roundRobin': return weighted
      ? new EarliestDeadline(engine, endpoints, panic, false)
      : new RoundRobin(engine, endpoints, panic);
  }
}

/** Uniform integer below `bound`: the high half of a 32-by-32 product, biased by less than bound / 2^32. */
function below(engine: Engine, bound: number): number {
  return Math.floor((engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296 * bound);
}

class Single implements Picker {
  constructor(private readonly endpoint: Endpoint, readonly panic: boolean) {}
  pick(): Endpoint { return this.endpoint; }
}

class RoundRobin implements Picker {
  private next: number;
  constructor(engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean) {
    this.next = below(engine, endpoints.length);           // workers that start together do not march in step
  }
  pick(): Endpoint {
    const endpoint = this.endpoints[this.next];
    this.next = this.next + 1 === this.endpoints.length ? 0 : this.next + 1;
    return endpoint;
  }
}

class Random implements Picker {
  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[],
    readonly panic: boolean) {}
  pick(): Endpoint { return this.endpoints[below(this.engine, this.endpoints.length)]; }
}

/** Of `choices` random endpoints, the one with the fewest requests in progress (power of two choices). */
class LeastRequest implements Picker {
  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean,
    private readonly choices: number) {}
  pick(): Endpoint {
    let best = this.endpoints[below(this.engine, this.endpoints.length)];
    let fewest = best.activeRequests();
    for (let i = 1; i < this.choices; i++) {
      const other = this.endpoints[below(this.engine, this.endpoints.length)];
      const active = other.activeRequests();
      if (active < fewest) { best = other; fewest = active; }
    }
    return best;
  }
}
