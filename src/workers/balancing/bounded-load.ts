// Consistent hashing with bounded loads (hash_balance_factor): an endpoint that has more requests in progress than its
// part of `percent` of the average is passed over; the others are tried in an order that follows from the hash.
// The order is Envoy's, so that two proxies pass over to the same endpoint: a shuffle by the Mersenne twister.
import type { Endpoint } from '../upstream/endpoint.js';
import type { HashTable, Share } from './hash-table.js';

export class BoundedLoad implements HashTable {
  private readonly order: Uint32Array;
  private readonly parts = new Map<Endpoint, number>();

  constructor(private readonly table: HashTable, private readonly shares: readonly Share[],
      private readonly percent: number) {
    this.order = new Uint32Array(shares.length);
    for (const { endpoint, share } of shares) this.parts.set(endpoint, share);
  }

  choose(high: number, low: number, attempt: number): Endpoint {
    const first = this.table.choose(high, low, attempt);
    const slots = Math.floor(((first.cluster.activeRequests() + 1) * this.percent + 99) / 100);
    let least = overload(first, this.parts.get(first)!, slots);
    return least <= 1 ? first : this.passOver(first, least, slots, low);
  }

  private passOver(first: Endpoint, least: number, slots: number, seed: number): Endpoint {
    const { order, shares } = this;
    for (let i = 0; i < order.length; i++) order[i] = i;
    twister.seed(seed);
    let best = first;
    for (let i = 0; i < order.length; i++) {
      const other = i + twister.below(order.length - i);
      const index = order[other];
      order[other] = order[i];
      order[i] = index;
      const { endpoint, share } = shares[index];
      if (endpoint === first) continue;
      const load = overload(endpoint, share, slots);
      if (load <= 1) return endpoint;
      if (load < least) { least = load; best = endpoint; }
    }
    return best;
  }
}

/** Requests in progress for each that the endpoint should have; at most 1 is fine. */
const overload = (endpoint: Endpoint, share: number, slots: number): number =>
  endpoint.activeRequests() / Math.max(Math.ceil(slots * share), 1);

/** MT19937 (Matsumoto and Nishimura), one for the worker: it is seeded anew for each use. */
class Twister {
  private readonly state = new Int32Array(624);
  private at = 0;

  seed(seed: number): void {
    const { state } = this;
    state[0] = seed;
    for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    this.at = 624;
  }

  /** A whole number below `bound`, all equally likely. */
  below(bound: number): number {
    const width = Math.floor(4294967296 / bound);
    for (;;) {
      const number = Math.floor(this.next() / width);
      if (number < bound) return number;
    }
  }

  private next(): number {
    if (this.at === 624) this.refill();
    let y = this.state[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private refill(): void {
    const { state } = this;
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ ((y & 1) === 0 ? 0 : 0x9908b0df);
    }
    this.at = 0;
  }
}
const twister = new Twister();
