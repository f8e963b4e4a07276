// What the two tables that choose by a request's hash have in common, and numbers of 64 bits as two words: JavaScript
// has no integers that wide which cost nothing.
import type { Endpoint } from '../upstream/endpoint.js';

/** An endpoint with its part of the whole: the parts of a table are 1 together. */
export interface Share { endpoint: Endpoint; share: number }

export interface HashTable {
  /** The endpoint for a hash; `attempt` counts the picks of one attempt of a request (retry host predicates). */
  choose(high: number, low: number, attempt: number): Endpoint;
}

/** Remainder of the unsigned number; divisors below 2^21 keep every step exact. */
export function remainder(high: number, low: number, divisor: number): number {
  return ((high >>> 0) % divisor * (4294967296 % divisor) + (low >>> 0) % divisor) % divisor;
}

/** Text that an endpoint's places are made of: what its metadata says, else its name or its address. */
export function hashKey(endpoint: Endpoint, byName: boolean): string {
  const key = endpoint.metadata?.hash_key;
  return typeof key === 'string' && key !== '' ? key : byName ? endpoint.hostname : endpoint.text;
}
