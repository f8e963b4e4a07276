// The snapshot heap's contents: blobs and roots (docs/architecture.md, "Snapshot"). Written by main only, read by all.
//
// Blob: immutable bytes at a 64-aligned offset.
//   +0  u32 kind (BlobKind)   +4  u32 bytes, header included   +8  u32 hash of the contents   +12 u32 slot
//   +16 contents: the configuration value as JSON in UTF-8 (listener, cluster, assignment, secret), of clusters and
//       assignments without what is usual (config/form.ts); a route configuration is the binary table of
//       config/snapshot/route-table.ts. A secret's bytes are zeroed before they are freed.
//
// Root: immutable directory at a 64-aligned offset. Slots are small integers that main binds to names for as long as a
// living root or configuration mentions the name, so routes refer to clusters by slot, and a cluster may come and go
// under them.
//   +0  u32 magic   +4  u32 version   +8  u32 listener slots L   +12 u32 route slots R   +16 u32 cluster slots C
//   +20 u32 bytes   +24 u32 secret slots S
//   +32 u32 listenerBlob[L], u32 routeBlob[R], u32 clusterBlob[C], u32 assignmentBlob[C], u32 secretBlob[S];
//       0 = nothing bound
//
// Publishing: main writes blobs and root, then Atomics.store(rootOffset), Atomics.store(rootVersion). A worker adopts
// the newest root at a loop turn and has then left all older ones: Control.oldestRootVersion tells main what may be
// freed. Requests hold what was compiled from a root, never the root.
import type { FilterOverride } from '../http-filters.js';
export const BlobKind = { listener: 1, route: 2, cluster: 3, assignment: 4, secret: 5 } as const;
export const BLOB_HEADER_BYTES = 16;
export const ROOT_MAGIC = 0x57465431;   // 'WFT1'
export const RootField = { magic: 0, version: 4, listenerSlots: 8, routeSlots: 12, clusterSlots: 16, bytes: 20,
  secretSlots: 24, tables: 32 } as const;

export const listenerEntry = (slot: number): number => RootField.tables + slot * 4;
export const routeEntry = (listenerSlots: number, slot: number): number =>
  RootField.tables + (listenerSlots + slot) * 4;
export const clusterEntry = (listenerSlots: number, routeSlots: number, slot: number): number =>
  RootField.tables + (listenerSlots + routeSlots + slot) * 4;
export const assignmentEntry =
  (listenerSlots: number, routeSlots: number, clusterSlots: number, slot: number): number =>
    RootField.tables + (listenerSlots + routeSlots + clusterSlots + slot) * 4;
export const secretEntry =
  (listenerSlots: number, routeSlots: number, clusterSlots: number, slot: number): number =>
    RootField.tables + (listenerSlots + routeSlots + 2 * clusterSlots + slot) * 4;

/** A listener blob's contents begin with this, then its addresses as text, parted by spaces, then a quote. */
export const LISTENER_AT = '{"at":"';
/** Contents of a listener blob: the configuration plus what main bound to it. */
export interface ListenerBlob {
  at: string;
  config: import('../types.js').ListenerConfig;
  scope: number;                 // statistics scope offset of listener.<statName>.
  tlsScope: number;              // of listener.<statName>.ssl., where a chain is TLS; else 0, the worker's
  filterScopes: number[];        // statistics of each listener filter
  connectionLogs: number[];      // sink of each of the listener's own access logs
  /** By filter chain, the default one last; access logs by sink id, filters as in the chain without its router. */
  chains: ChainBinding[];
}
/**
 * A filter of a chain, or what a route says about one, with what main binds to it: statistics of its own (-1 = none)
 * and the token buckets that it fills, by number, the default one (-1 = none) before those of its descriptors.
 */
export interface BoundFilter extends FilterOverride { scope: number; buckets: number[] }
/**
 * What main bound to a filter chain: a connection manager's route slot, or those of its scopes in their order; or the
 * cluster slots of a TCP proxy.
 */
/** `digest`: of all that the chain is; equal ones are the same chain. */
export interface ChainBinding { digest: string; routeSlot: number; scopeSlots: number[]; httpScope: number;
  tcpScope: number; clusterSlots: number[]; accessLogs: number[]; tcpAccessLogs: number[]; filters: BoundFilter[];
  networkFilters: NetworkBinding[];
  /** Where the chain's secrets are; null: it is not TLS. Statistics are the listener's (ListenerBlob.tlsScope). */
  secrets: import('../tls.js').TlsSlots | null }
/** Statistics of a network filter, its token bucket or count of connections, and each worker's share of the count. */
export interface NetworkBinding { scope: number; bucket: number; share: number }
/** Contents of a cluster blob. The statistics scope is allocated on first use (MemoryMap.clusterScopes). */
export interface ClusterBlob {
  config: import('../types.js').ClusterConfig;
  /** Absent from a cluster without TLS, of which a mesh has thousands. `matches`: as config.transportSocketMatches. */
  secrets?: { own: import('../tls.js').TlsSlots | null; matches: (import('../tls.js').TlsSlots | null)[] };
}
/** Contents of an assignment blob: endpoints with resolved addresses and their process-wide state index. */
export interface AssignmentBlob {
  endpoints: { address: import('../types.js').Address; hostname: string; weight: number; priority: number;
    health: import('../types.js').Endpoint['health']; localityWeight: number;
    /** Null: all parts are empty. */
    locality: import('../types.js').Endpoint['locality'] | null;
    metadata: import('../types.js').Endpoint['metadata']; state: number;
    logicalName: string; additionalAddresses: import('../types.js').Address[];
    transportMatch?: import('../tls.js').TransportMatch }[];
  policy: import('../types.js').AssignmentPolicy;
}
