// What the publisher takes in and gives back: one resource put in or out, and why one was refused.
import type { SecretContents } from '../tls.js';
import type { ClusterConfig, EndpointAssignment, ListenerConfig, RouteConfig } from '../types.js';

interface ValueByKind { listener: ListenerConfig; route: RouteConfig; cluster: ClusterConfig;
  assignment: EndpointAssignment; secret: SecretContents }
export type SnapshotKind = keyof ValueByKind;
/**
 * `value` null = removed. Assignments are keyed by the cluster's name; their hosts are addresses, not names to
 * resolve.
 */
export type SnapshotChange = { [K in SnapshotKind]: { kind: K; name: string;
  value: ValueByKind[K] | null } }[SnapshotKind];
export interface Refusal { kind: SnapshotKind; name: string; details: string }
