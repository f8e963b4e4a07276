// How a cluster's connections are made and kept, where it says so.
import type { SocketOption } from './socket-options.js';
import type { IpAddress } from './values.js';

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
  /** Connections that are wanted for each request in progress or waiting (per_upstream_preconnect_ratio). */
  preconnectRatio: number;              // default 1
  happyEyeballs: HappyEyeballs;
}

/** In which order the addresses of an endpoint are tried: some of one family, then one of the other, and so on. */
export interface HappyEyeballs { firstFamily: 'asGiven' | 'v4' | 'v6'; firstCount: number }

export const usualConnections: UpstreamConnections = { socket: null, maxDurationMs: 0, proxyProtocol: null,
  perDownstream: false, preconnectRatio: 1, happyEyeballs: { firstFamily: 'asGiven', firstCount: 1 } };

/** Equal for equal options: what was opened under others is not used any more. */
export const connectionsKey = (options: UpstreamConnections): string => JSON.stringify(options);
