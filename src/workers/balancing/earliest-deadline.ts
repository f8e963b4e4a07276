// Weighted picking by earliest deadline first, as Envoy does: an endpoint of weight w comes round every 1/w. A binary
// heap in typed arrays; equal deadlines go in order of insertion, so equal weights give a plain rotation. With `byLoad`
// the weight shrinks with the endpoint's requests in progress (Envoy's least request with unequal weights: weight /
// (active + 1)).
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker } from './picker.js';

export class EarliestDeadline implements Picker {
  private readonly deadlines: Float64Array;
  private readonly orders: Float64Array;
  private readonly heap: Int32Array;
  private order = 0;

  constructor(engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean,
      private readonly byLoad: boolean) {
    const count = endpoints.length;
    this.deadlines = new Float64Array(count);
    this.orders = new Float64Array(count);
    this.heap = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      this.heap[i] = i;
      // A random first turn within its period keeps workers from starting on the same endpoint.
      this.deadlines[i] = (1 + (engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296) / endpoints[i].weight;
      this.orders[i] = this.order++;
    }
    for (let i = (count >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  pick(): Endpoint {
    const index = this.heap[0];
    const endpoint = this.endpoints[index];
    const weight = this.byLoad ? endpoint.weight / (endpoint.activeRequests() + 1) : endpoint.weight;
    this.deadlines[index] += 1 / weight;
    this.orders[index] = this.order++;
    this.sink(0);
    return endpoint;
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
