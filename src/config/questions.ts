// Questions that a worker asks main while it goes on with other requests, and their answers. Plain values: they travel
// as messages.
import type { DnsCacheConfig } from './http-filters.js';

export type Question =
  /** Addresses of a host, from the DNS cache of that name. */
  | { kind: 'resolve'; cache: DnsCacheConfig; host: string }
  /** Where to count a gRPC method: `<cluster's alt_stat_name>.grpc.<service>.<method>`. */
  | { kind: 'grpcScope'; name: string };

export type Answer =
  /** `address` is '' where there is none, and `reason` says why. Good for `ttlMs`. */
  | { kind: 'resolved'; address: string; reason: string; ttlMs: number }
  /** Of the statistics region; -1: there is no room. */
  | { kind: 'grpcScope'; offset: number };
