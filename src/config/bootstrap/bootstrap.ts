// The bootstrap as plain values: what a process is given at start beside its resources. xds/bootstrap.ts reads it from
// files.
import type { DnsResolver } from '../dns.js';
import type { OverloadConfig } from '../overload.js';
import type { RpcCodec } from '../rpc.js';
import type { RuntimeEntries } from '../runtime.js';
import type { StatsConfig } from '../stats.js';
import type { AdminConfig, Endpoint } from '../types.js';

/** A file that holds a DiscoveryResponse, and the directory whose moves announce a new version of it. */
export interface FileSource { path: string; watchedDirectory: string | null }

/** A layer of the runtime; later ones lie over earlier ones. */
export type RuntimeLayer = { name: string } & (
  | { kind: 'static'; entries: RuntimeEntries }
  /** Files below `root`/`subdirectory`, one a key; the link `root` is swapped to change them. */
  | { kind: 'disk'; root: string; subdirectory: string; appendServiceCluster: boolean }
  | { kind: 'admin' });

export interface Bootstrap {
  node: { id: string; cluster: string; locality: Endpoint['locality'] };
  /** The cluster that this process is one of, for zone-aware routing; '' = unknown. */
  localCluster: string;
  admin: AdminConfig;
  runtimeLayers: RuntimeLayer[];
  overload: OverloadConfig | null;
  stats: StatsConfig;
  /** What resolves names for clusters that do not say; null = the system. */
  dnsResolver: DnsResolver | null;
  /** Where ejections by outlier detection are logged; '' = nowhere. */
  outlierLog: string;
  /** Codecs that listeners and clusters name as protocols. */
  rpcCodecs: RpcCodec[];
  /** Subscriptions to listeners and clusters; null where the bootstrap has none. */
  lds: FileSource | null;
  cds: FileSource | null;
  /** proto3 JSON of the bootstrap without its static resources, for the config dump. */
  wireJson: string;
  /** What was accepted though it has no effect, one line each, for the log. */
  warnings: string[];
}
