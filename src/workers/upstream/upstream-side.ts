// The endpoint's side of a stream, whatever protocol carries it: an HTTP/1.1 connection that is lent to one stream at a
// time, or one stream of an HTTP/2 connection. Bytes of bodies go to `socket` through engine.reactor; heads, trailers
// and ends are said here.
import type { Borrower } from './borrower.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Endpoint } from './endpoint.js';

export interface Upstream {
  /** The protocol says by itself where messages end (HTTP/2): bodies are bare bytes, and nothing is said of framing. */
  readonly framed: boolean;
  readonly endpoint: Endpoint;
  stream: Borrower | null;
  /** A socket or a channel; -1 = closed. */
  readonly socket: number;
  /** Counts this worker's connections. */
  readonly id: number;
  /** What a TLS connection tells of itself; null: plain bytes. */
  readonly tls: TlsFacts | null;
  /** Requests that the connection has served, this one included once it was sent. */
  readonly requests: number;
  readonly openedMs: number;
  readonly connectedMs: number;
  /** It is the peer who ended the connection. */
  peerEnded: boolean;
  /** Bytes received and not yet looked at: a response that ends before them leaves a peer out of step. */
  readonly unread: number;
  /** Has a part of the response head arrived? */
  readonly hasBegun: boolean;
  /** Its peer ended it within a response head, or behind one, where only a whole message would be one. */
  readonly cutShort: boolean;
  /** The peer has said that nothing follows the head in hand. Of framed protocols only. */
  readonly responseEnded: boolean;
  /** A request is about to be written: the next bytes received are its response. */
  beginRequest(): void;
  /**
   * Sends the canonical head that lies in [at, at + headBytes) of `buffer`, and the rest of [at, at + bytes) behind it,
   * which is body. `more`: further bytes follow at once.
   */
  sendHead(buffer: number, at: number, headBytes: number, bytes: number, more: boolean): void;
  /** The request ends with what was just sent, and with trailers, as lines. Of framed protocols only. */
  endRequest(trailersAt: number, trailersBytes: number): void;
  /** The connection becomes a raw tunnel: every byte belongs to the stream. */
  beginTunnel(): void;
  /** The response is over, and with it the request. */
  answered(): void;
  /** Stops or continues taking bytes (back-pressure from the downstream side). */
  pause(): void;
  resume(): void;
  /** Request and response are over, and all is in order: it may serve another stream. */
  giveBack(): void;
  /**
   * Ends the exchange now; a connection that had no other goes with it, by RST where that is asked for. The stream is
   * the caller's business.
   */
  close(reset?: boolean): void;
}

export interface UpstreamEvents {
  /** `stream.upstream` is set and ready to be written to. */
  onAcquired(stream: Borrower): void;
  onConnectFailed(stream: Borrower): void;
  /**
   * A response head was decoded into engine.responseRecord; its body begins at `bodyAt`. Returns how far the bytes
   * were taken.
   */
  onResponseHead(stream: Borrower, buffer: number, bodyAt: number, end: number): number;
  /** Bytes of the response body. Returns how far they were taken; what is left is offered again after `resume`. */
  onResponseBytes(stream: Borrower, buffer: number, at: number, end: number): number;
  /**
   * The response of a framed protocol ends here, with trailers as lines, all of its bytes having been taken. Not called
   * where the head was all.
   */
  onResponseEnd(stream: Borrower, trailersAt: number, trailersBytes: number): void;
  onResponseRejected(stream: Borrower, rejection: number): void;
  /** The connection ended under the stream (errno 0 = FIN), or the stream alone (core/reset-reasons.ts). */
  onUpstreamEnd(stream: Borrower, errno: number): void;
  onUpstreamDrained(stream: Borrower): void;
  /** Sending to the upstream failed; a response may still arrive. */
  onUpstreamSendFailed(stream: Borrower): void;
}
