// Maglev's table, the same as Envoy's: a prime number of places, endpoints in order of their addresses take turns, each
// the next free place of its own permutation. A request goes to the place of its hash.
import { eachMaglevTurn } from '../../config/hash-tables.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { hashKey, remainder } from './hash-table.js';
import type { HashTable, Share } from './hash-table.js';

const FREE = -1;

export class Maglev implements HashTable {
  private readonly owners: Int32Array;
  private readonly endpoints: readonly Endpoint[];

  constructor(engine: Engine, shares: readonly Share[], size: number, byName: boolean) {
    const keyed = shares.map(({ endpoint, share }) => ({ endpoint, share, key: hashKey(endpoint, byName) }))
      .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
    this.endpoints = keyed.map(({ endpoint }) => endpoint);
    const places = new Int32Array(size).fill(FREE);
    const next = Int32Array.from(keyed, ({ key }) => hashModulo(engine, key, 0, size));
    const skips = Int32Array.from(keyed, ({ key }) => hashModulo(engine, key, 1, size - 1) + 1);
    eachMaglevTurn(keyed.map(({ share }) => share), size, (owner) => {
      const skip = skips[owner];
      let place = next[owner];
      while (places[place] !== FREE) {
        place += skip;
        if (place >= size) place -= size;     // a remainder takes several times as long, a million times
      }
      places[place] = owner;
      next[owner] = (place + skip) % size;
    });
    this.owners = places;
  }

  choose(high: number, low: number, attempt: number): Endpoint {
    // Further picks look up another hash, most bits of it changed: xor with 2^64 - attempt.
    const place = attempt === 0 ? remainder(high, low, this.owners.length)
      : remainder(~high, low ^ -attempt, this.owners.length);
    return this.endpoints[this.owners[place]];
  }
}

function hashModulo(engine: Engine, key: string, seed: number, divisor: number): number {
  const { i32, valueScratch: out } = engine;
  engine.codecs.hashSeeded(engine.rewriteScratch, engine.writeText(engine.rewriteScratch, key), seed, out);
  return remainder(i32[(out >> 2) + 1], i32[out >> 2], divisor);
}
