// Network filters that stand before the one that ends a filter chain, as plain values.
import type { TokenBucket } from './http-filters.js';
import type { RuntimeFlag } from './runtime.js';

export type NetworkFilter = { statPrefix: string; enabled: RuntimeFlag } & (
  | { kind: 'connectionLimit'; maxConnections: number; delayMs: number }
  /** Chains with one share key and the same bucket take from one bucket; '' = each has its own. */
  | { kind: 'localRateLimit'; bucket: TokenBucket; shareKey: string });
