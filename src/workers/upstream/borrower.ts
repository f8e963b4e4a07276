// What uses a connection of an endpoint: the attempt that a stream is making, one that goes on beside it, a mirrored
// request. Plain fields, so that lending and waiting allocate nothing; `events` says who decides for it.
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { Origin } from '../connection/register.js';
import type { Upstream, UpstreamEvents } from './upstream-side.js';

export interface Borrower {
  events: UpstreamEvents;
  /** The client's connection that it came by; null: it came by none. */
  readonly origin: Origin | null;
  upstream: Upstream | null;
  /** Which of the cluster's breaker counts it uses: 0 default, ClusterState.highOffset for routes of high priority. */
  breaker: number;
  /** Links of the endpoint's queue of those that wait for a connection. */
  pending: boolean;
  pendingNext: Borrower | null;
  pendingPrevious: Borrower | null;
  /** Wants a connection of its own that nobody has spoken HTTP on. */
  rawTunnel: boolean;
  /** The attempt that follows wants a connection that has not served yet. */
  wantsNewConnection: boolean;
  /** Waits for one stream of a connection that carries many, or has one. */
  shares: boolean;
  /** The RPC protocol that its messages are of; null: HTTP, or bytes. */
  readonly protocol: RpcProtocol | null;
  /** Of those: one that nobody else has, until its request is sent. */
  alone: boolean;
  /** Of the whole request, where its length is known. */
  readonly bodyBytes: number;
  /** Its client speaks a protocol that carries many. */
  readonly framed: boolean;
  /** :scheme is https. */
  readonly https: boolean;
  /** It may leave HTTP. */
  readonly isUpgrade: boolean;
  /** Its request was opened for a body of any length, which may turn out to be empty. */
  readonly openEnded: boolean;
  connectErrno: number;
  /** What the handshake of the connection that it waited for failed with. */
  transportFailure: string;
}

/** `connectErrno` of a connection that could not be begun here: no socket, or an address of ours that is none. */
export const LOCAL_FAILURE = -1;
