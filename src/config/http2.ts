// How HTTP/2 is spoken on a connection, either side: envoy.config.core.v3.Http2ProtocolOptions.

/** PINGs that tell whether the peer is there (connection_keepalive). */
export interface Http2Keepalive {
  intervalMs: number;                 // 0 = never
  timeoutMs: number;                  // no answer by then: the connection is closed
  jitterPercent: number;              // default 15
}

export interface Http2Options {
  headerTableBytes: number;           // hpack_table_size, default 4096: what the peer may use of ours
  maxConcurrentStreams: number;       // of the peer's streams that we take; of ours, the most that we open
  streamWindowBytes: number;          // initial_stream_window_size
  connectionWindowBytes: number;      // initial_connection_window_size
  allowConnect: boolean;              // extended CONNECT (RFC 8441)
  /** What may wait to be sent before the connection is ended for a flood: frames, and those of them without data. */
  outboundFramesMax: number;          // default 10000
  outboundControlFramesMax: number;   // default 1000
  emptyFramesMax: number;             // max_consecutive_inbound_frames_with_empty_payload, default 1
  priorityFramesPerStreamMax: number;            // default 100
  windowUpdatesPerDataFrameMax: number;          // default 10
  /** A malformed message ends its stream alone. */
  streamErrorOnInvalidMessage: boolean;
  keepalive: Http2Keepalive | null;
}

/** Envoy's defaults but for the windows, which are what our buffers can hold. */
export const usualHttp2: Http2Options = { headerTableBytes: 4096, maxConcurrentStreams: 1024,
  streamWindowBytes: 256 * 1024, connectionWindowBytes: 1024 * 1024, allowConnect: false, outboundFramesMax: 10_000,
  outboundControlFramesMax: 1000, emptyFramesMax: 1, priorityFramesPerStreamMax: 100, windowUpdatesPerDataFrameMax: 10,
  streamErrorOnInvalidMessage: false, keepalive: null };

/** What a cluster's endpoints are spoken to in. */
export interface ClusterHttp {
  /** 'auto': what ALPN says; 'downstream': what the client speaks. */
  protocol: 'http1' | 'http2' | 'auto' | 'downstream';
  http2: Http2Options;
  serverNames: ServerNameOptions | null;
}

/** What TLS to endpoints takes of a request (envoy.config.core.v3.UpstreamHttpProtocolOptions). */
export interface ServerNameOptions {
  sni: boolean;                       // auto_sni: its host is the server name, unless that is an address
  san: boolean;                       // auto_san_validation: the certificate must be for its host
  header: string;                     // override_auto_sni_header: where it has a value that is the name; '' = none
}

/** HTTP/1.1, and names as the TLS context says. */
export const usualHttp: ClusterHttp = { protocol: 'http1', http2: usualHttp2, serverNames: null };
