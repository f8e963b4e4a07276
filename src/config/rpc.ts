// RPC protocols as configuration has them: on connections of clients, on connections to endpoints, and the codecs that
// users bring.

/** Protocols that are built in. A codec of the bootstrap has another name. */
export const rpcProtocols = ['bolt', 'dubbo', 'example'] as const;

/** Heartbeats that we send. */
export interface RpcHeartbeat {
  intervalMs: number;                 // nothing came from the peer for so long: one is sent; default 15000
  timeoutMs: number;                  // default 1000
  failuresMax: number;                // so many unanswered ones in a row close the connection; default 3
}

/** weft.extensions.filters.network.rpc_proxy.v1.RpcProxy: what the HTTP connection manager has not. */
export interface RpcListenerOptions {
  /** 'auto': as the first bytes of each connection say; else one of `rpcProtocols`, or a codec's name. */
  protocol: string;
  /** Of 'auto': what has not decided by then is of an unknown protocol; 0 = is waited for. */
  detectionTimeoutMs: number;
  maxFrameBytes: number;              // default 64 MiB
  maxConcurrentRequests: number;      // of one connection; default 16384
  heartbeat: RpcHeartbeat | null;     // to clients; null: none. Theirs are answered in any case
  sendsBoltGoAway: boolean;           // on drain, as MOSN does it
}

/** weft.extensions.upstreams.rpc.v1.RpcProtocolOptions */
export interface RpcUpstreamOptions {
  /** 'downstream': what the client speaks; else one of `rpcProtocols`, or a codec's name. */
  protocol: string;
  maxFrameBytes: number;              // default 64 MiB
  maxConcurrentRequests: number;      // of one connection; default 16384; 1: connections are not shared
  heartbeat: RpcHeartbeat | null;     // null: none
}

/** weft.extensions.bootstrap.rpc_codecs.v1.RpcCodec */
export interface RpcCodec {
  name: string;
  module: string;                     // base64 of a WebAssembly module that was judged and is bounded
}
