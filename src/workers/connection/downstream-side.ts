// The client's side of a stream, whatever protocol carries it: an HTTP/1.1 connection, which has one request at a time,
// or one stream of an HTTP/2 connection. Bytes of bodies go to `socket` through engine.reactor; heads, trailers and
// ends are said here.
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { Stream } from '../proxy/stream.js';
import type { Origin } from './register.js';

export interface Downstream extends Origin {
  /** The RPC protocol that the client speaks; null: HTTP. */
  readonly protocol: RpcProtocol | null;
  /** The protocol says by itself where messages end (HTTP/2): bodies are bare bytes, and nothing is said of framing. */
  readonly framed: boolean;
  /** What the request says of how long it may take, milliseconds; 0 = nothing. Of RPC protocols. */
  readonly timeoutMs: number;
  stream: Stream | null;
  readonly hcm: HcmRuntime;
  /** A socket or a channel; -1 = closed. */
  readonly socket: number;
  /** Requests that its connection has brought, this one included. */
  readonly requests: number;
  /** The response in progress, or the next one, is the last of the connection. */
  closeAfterResponse: boolean;
  /** A response said so: nothing more is read from this connection. */
  closeAnnounced: boolean;
  /** The client announced that its request is the last (Connection: close, HTTP/1.0). */
  clientCloses: boolean;
  /** The client sends nothing more: FIN, or the end of its stream. */
  readonly ended: boolean;
  /** No request follows the one in progress. */
  readonly lastRequest: boolean;
  /** Token buckets that each connection has of its own, by the filter that fills them (filters/local-rate-limit.ts). */
  readonly rateLimits: Map<object, number[]>;
  bytesSent: number;
  /**
   * Sends the canonical head that lies in [at, at + headBytes) of `buffer`, and the rest of [at, at + bytes) behind it,
   * which is body. An interim response is a head like any. `more`: further bytes follow at once.
   */
  sendHead(buffer: number, at: number, headBytes: number, bytes: number, more: boolean): void;
  /** Sends trailers, as lines, behind the body; the response ends with them. Of framed protocols only. */
  sendTrailers(at: number, bytes: number): void;
  /** What the client still sends might be misread: in a protocol without frames this response is the last. */
  outOfStep(): void;
  /** The response ends with what was just sent. With `keepAlive` false the request was not read to its end. */
  finishRequest(keepAlive: boolean): void;
  /** The request's body is complete, its response is outstanding. */
  requestComplete(): void;
  becomeTunnel(): void;
  /** Bytes that wait may be taken now. */
  offerSoon(): void;
  pause(): void;
  resume(): void;
  closeGracefully(): void;
  /** Ends it now. With `reset` a response that is not complete cannot look complete. */
  close(reset: boolean): void;
  /** The stream's deadlines changed. */
  deadlineMoved(): void;
}

export interface DownstreamEvents {
  /**
   * A request head was decoded into engine.requestRecord. Returns how far the bytes were taken (a small body may go
   * with the head).
   */
  onRequestHead(downstream: Downstream, bodyAt: number, end: number, headBytes: number): number;
  onRequestRejected(downstream: Downstream, rejection: number): void;
  /** Bytes of the request's body, or of a tunnel. Returns how far they were taken. */
  onRequestBytes(stream: Stream, buffer: number, at: number, end: number): number;
  /**
   * The request of a framed protocol ends here, with trailers as lines at [trailersAt, trailersAt + trailersBytes), all
   * of its bytes having been taken. False: not yet; it is said again after `offerSoon`.
   */
  onRequestEnd(stream: Stream, trailersAt: number, trailersBytes: number): boolean;
  /** All of the request is here, though its endpoint has not taken it yet: its time runs. */
  onRequestArrived(stream: Stream): void;
  /** The body that is arriving is not what its client sent: the request fails. */
  onRequestBroken(stream: Stream): void;
  /** The client will send nothing more (errno 0), or is gone, or gave up (core/reset-reasons.ts). */
  onDownstreamEnd(stream: Stream, errno: number): void;
  onDownstreamDrained(stream: Stream): void;
  onDeadline(stream: Stream, nowMs: number): void;
  /** The next deadline of the stream itself. */
  deadlineOf(stream: Stream): number;
  /** No complete head arrived in time. */
  onHeadTimeout(downstream: Downstream): void;
}
