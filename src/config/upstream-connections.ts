// How a cluster's connections are made and kept, where it says so.
import type { SocketOption } from './socket-options.js';
import type { IpAddress } from './types.js';

/** An address of ours that connections come from; null: any, but with these options. */
export interface SourceAddress { address: IpAddress | null; freebind: boolean; options: SocketOption[] }

/** What is asked of each socket before it connects; 0 leaves what the system does. */
export interface SocketSetup {
  keepAlive: { idleSeconds: number; intervalSeconds: number; probes: number } | null;
  /** The first of the endpoint's family, else the first; none: the kernel chooses. */
  sources: SourceAddress[];
}

export interface UpstreamConnections {
  socket: SocketSetup | null;
  maxDurationMs: number;                // max_connection_duration; 0 = none
  /** Connections begin with a PROXY header of this version that tells the client's address; each client has its own. */
  proxyProtocol: 1 | 2 | null;
  perDownstream: boolean;               // connection_pool_per_downstream_connection
}

export const usualConnections: UpstreamConnections = { socket: null, maxDurationMs: 0, proxyProtocol: null,
  perDownstream: false };
