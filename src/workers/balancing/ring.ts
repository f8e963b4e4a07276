// A ring of hashes (Ketama), the same as Envoy's: each endpoint has places at the hashes of "<address>_<number>", a
// request goes to the first place at or after its own hash.
import { planRing } from '../../config/hash-tables.js';
import type { RingHash } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { hashKey } from './hash-table.js';
import type { HashTable, Share } from './hash-table.js';

/** Hashes computed in one call: as many as the engine's scratch for texts holds. */
const BATCH = 4096;

export class Ring implements HashTable {
  /** Places in ascending order of their hashes, those as two unsigned words. */
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  private readonly owners: Uint32Array;
  private readonly endpoints: readonly Endpoint[];

  constructor(engine: Engine, shares: readonly Share[], config: RingHash, byName: boolean) {
    this.endpoints = shares.map(({ endpoint }) => endpoint);
    const { counts } = planRing(shares.map(({ share }) => share), config.minimumSize, config.maximumSize);
    const size = counts.reduce((sum, count) => sum + count, 0);
    const high = new Uint32Array(size), low = new Uint32Array(size), owners = new Uint32Array(size);
    let at = 0;
    shares.forEach(({ endpoint }, owner) => {
      const bytes = engine.writeText(engine.rewriteScratch, `${hashKey(endpoint, byName)}_`);
      for (let first = 0; first < counts[owner]; first += BATCH) {
        const count = Math.min(BATCH, counts[owner] - first);
        engine.codecs.hashNumbered(engine.rewriteScratch, bytes, first, count, config.murmur ? 1 : 0, engine.text);
        for (let i = 0; i < count; i++, at++) {
          low[at] = engine.i32[(engine.text >> 2) + 2 * i];
          high[at] = engine.i32[(engine.text >> 2) + 2 * i + 1];
          owners[at] = owner;
        }
      }
    });
    const order = sorted(high, low);
    this.high = high.map((_, i) => high[order[i]]);
    this.low = low.map((_, i) => low[order[i]]);
    this.owners = owners.map((_, i) => owners[order[i]]);
  }

  choose(high: number, low: number, attempt: number): Endpoint {
    const unsignedHigh = high >>> 0, unsignedLow = low >>> 0;
    const size = this.owners.length;
    let from = 0;
    let to = size;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const place = this.high[middle];
      if (place < unsignedHigh || (place === unsignedHigh && this.low[middle] < unsignedLow)) from = middle + 1;
      else to = middle;
    }
    return this.endpoints[this.owners[(from + attempt) % size]];
  }
}

/** Indexes in ascending order of the hashes: a radix sort by eight bits, for a ring may have a million places. */
function sorted(high: Uint32Array, low: Uint32Array): Uint32Array {
  let order = new Uint32Array(high.length).map((_, i) => i);
  let next = new Uint32Array(high.length);
  const starts = new Uint32Array(257);
  for (let shift = 0; shift < 64; shift += 8) {
    const words = shift < 32 ? low : high;
    starts.fill(0);
    for (const index of order) starts[((words[index] >>> (shift & 31)) & 255) + 1]++;
    for (let i = 1; i < 256; i++) starts[i] += starts[i - 1];
    for (const index of order) next[starts[(words[index] >>> (shift & 31)) & 255]++] = index;
    [order, next] = [next, order];
  }
  return order;
}
