// Questions that a worker asks main while it goes on with other requests, and their answers. Plain values: they travel
// as messages.
import type { DnsCacheConfig } from './http-filters.js';

export type Question =
  /** Addresses of a host, from the DNS cache of that name. */
  | { kind: 'resolve'; cache: DnsCacheConfig; host: string };

export type Answer =
  /** `address` is '' where there is none, and `reason` says why. Good for `ttlMs`. */
  { kind: 'resolved'; address: string; reason: string; ttlMs: number };
