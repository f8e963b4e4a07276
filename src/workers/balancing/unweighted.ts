// Pickers over endpoints of equal weight: one, in turn, by chance, or by the fewest requests in progress.
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker } from './picker.js';

/** Uniform integer below `bound`: the high half of a 32-by-32 product, biased by less than bound / 2^32. */
export function below(engine: Engine, bound: number): number {
  return Math.floor((engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296 * bound);
}

/** Where there is nobody to pick, or nobody may be. */
export class Nobody implements Picker {
  constructor(readonly panic: boolean) {}
  pick(): null { return null; }
}

export class Single implements Picker {
  constructor(private readonly endpoint: Endpoint, readonly panic: boolean) {}
  pick(): Endpoint { return this.endpoint; }
}

export class RoundRobin implements Picker {
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

export class Random implements Picker {
  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[],
    readonly panic: boolean) {}
  pick(): Endpoint { return this.endpoints[below(this.engine, this.endpoints.length)]; }
}

/** Of `choices` random endpoints, the one with the fewest requests in progress (power of two choices). */
export class LeastRequest implements Picker {
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

/** The one with the fewest requests in progress; among equals one by chance. */
export class FullScan implements Picker {
  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[],
    readonly panic: boolean) {}
  pick(): Endpoint {
    let best = this.endpoints[0];
    let fewest = best.activeRequests();
    let equals = 1;
    for (let i = 1; i < this.endpoints.length; i++) {
      const active = this.endpoints[i].activeRequests();
      if (active > fewest) continue;
      equals = active < fewest ? 1 : equals + 1;
      if (active === fewest && below(this.engine, equals) !== 0) continue;
      best = this.endpoints[i];
      fewest = active;
    }
    return best;
  }
}
