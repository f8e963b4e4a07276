// Weighted picking by earliest deadline first, as Envoy does: what has the weight w comes round every 1/w. A binary
// heap in typed arrays; equal deadlines go in order of insertion, so equal weights give a plain rotation.
import type { NumberCell } from '../../config/runtime-cells.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker } from './picker.js';

/** The order in which things with weights have their turns. */
export class Deadlines {
  private readonly deadlines: Float64Array;
  private readonly orders: Float64Array;
  private readonly heap: Int32Array;
  private order = 0;

  constructor(engine: Engine, weights: readonly number[]) {
    const count = weights.length;
    this.deadlines = new Float64Array(count);
    this.orders = new Float64Array(count);
    this.heap = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      this.heap[i] = i;
      // A random first turn within its period keeps workers from starting on the same one.
      this.deadlines[i] = (1 + (engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296) / weights[i];
      this.orders[i] = this.order++;
    }
    for (let i = (count >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  /** Index of the one whose turn it is; `took` follows. */
  first(): number { return this.heap[0]; }

  /** The first one had its turn; it comes round again by this weight. */
  took(weight: number): void {
    const index = this.heap[0];
    this.deadlines[index] += 1 / weight;
    this.orders[index] = this.order++;
    this.sink(0);
  }

  private before(a: number, b: number): boolean {
    const difference = this.deadlines[a] - this.deadlines[b];
    return difference < 0 || (difference === 0 && this.orders[a] < this.orders[b]);
  }

  private sink(at: number): void {
    const { heap } = this;
    const moved = heap[at];
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], moved)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  }
}

/** What makes the weight of an endpoint differ from the one in its configuration; null where nothing does. */
export interface WeightRules {
  /** Exponent of the requests in progress that the weight is divided by (least request); null: they do not count. */
  bias: NumberCell | null;
  slowStart: { windowMs: number; aggression: NumberCell; minimum: number } | null;
}

/** Endpoints by their weights, as these are at the time of each turn. */
export class EarliestDeadline implements Picker {
  private readonly turns: Deadlines;

  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean,
      private readonly rules: WeightRules | null) {
    this.turns = new Deadlines(engine, endpoints.map((endpoint) => this.weightOf(endpoint)));
  }

  pick(): Endpoint {
    const endpoint = this.endpoints[this.turns.first()];
    this.turns.took(this.rules === null ? endpoint.weight : this.weightOf(endpoint));
    return endpoint;
  }

  private weightOf(endpoint: Endpoint): number {
    const { rules } = this;
    let { weight } = endpoint;
    if (rules === null) return weight;
    if (rules.bias !== null) {
      const bias = rules.bias.value;
      weight = bias === 1 ? weight / (endpoint.activeRequests() + 1)
        : weight / (endpoint.activeRequests() + 1) ** bias;
    }
    return rules.slowStart === null || endpoint.healthySinceMs === 0 ? weight
      : weight * startedPart(rules.slowStart, this.engine.nowMs - endpoint.healthySinceMs);
  }
}

/** The part of its weight that an endpoint has so long after it became healthy. */
function startedPart(rules: NonNullable<WeightRules['slowStart']>, sinceMs: number): number {
  const { windowMs, aggression, minimum } = rules;
  if (sinceMs >= windowMs) return 1;
  const time = Math.max(1, sinceMs) / windowMs;
  const exponent = aggression.value;
  return Math.max(minimum, exponent === 1 || exponent <= 0 ? time : time ** (1 / exponent));
}
