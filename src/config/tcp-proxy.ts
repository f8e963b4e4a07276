// envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy as a plain value.
import type { AccessLog } from './access-log.js';
import type { HeaderMutation, MetadataMatch } from './values.js';

export interface TcpProxy {
  statPrefix: string;
  clusters: { cluster: string; weight: number; metadataMatch: MetadataMatch | null }[];   // one for a plain `cluster`
  totalWeight: number;
  /** Balancers that hash get the client's address. */
  sourceIpHash: boolean;
  idleTimeoutMs: number;              // default 3600000; 0 = none
  maxDurationMs: number;              // 0 = none
  maxConnectAttempts: number;         // default 1
  accessLogs: AccessLog[];
  accessLogFlushMs: number;           // 0 = at the end only
  logsConnected: boolean;
  /** Bytes go through a tunnel that a proxy behind us opens for CONNECT; null: to the endpoint itself. */
  tunnel: { hostname: string; headers: HeaderMutation[] } | null;
}
