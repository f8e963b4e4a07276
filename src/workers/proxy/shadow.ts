// One mirrored request, as plain state: what is still to be sent of it, and how far its answer, which nobody reads, is.
// Lives in `Shadows`, which decides what becomes of it. Its stream knows it only while the request is arriving.
//
//   begun → [waits for a connection] → sending → answer's head → answer's body → given back
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { Engine } from '../engine.js';
import type { PickRequest } from '../balancing/picker.js';
import type { Criteria } from '../../config/metadata-match.js';
import type { Borrower } from '../upstream/borrower.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { Upstream, UpstreamEvents } from '../upstream/upstream-side.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { ServerName } from '../upstream/server-names.js';
import { BODY_UNTIL_END, Body } from './body.js';
import { KeptBody } from './kept-body.js';
import type { Stream } from './stream.js';

export class Shadow implements Borrower, PickRequest {
  readonly origin = null;
  upstream: Upstream | null = null;
  readonly breaker = 0;
  pending = false;
  pendingNext: Borrower | null = null;
  pendingPrevious: Borrower | null = null;
  readonly rawTunnel = false;
  shares = false;
  protocol: RpcProtocol | null = null;
  alone = false;
  framed = false;
  https = false;
  readonly isUpgrade = false;
  get bodyBytes(): number { return this.request.bytes + this.request.remaining; }
  get openEnded(): boolean { return this.request.kind === BODY_UNTIL_END; }
  wantsNewConnection = false;
  connectErrno = 0;
  transportFailure = '';
  serverName: ServerName | null = null;

  readonly hasHash = false;
  readonly hashHigh = 0;
  readonly hashLow = 0;
  readonly metadataMatch: Criteria | null = null;
  readonly overrideHost: string | null = null;
  overrideAt = 0;
  readonly triedPriorities = null;
  readonly hostSelectionAttempts = 1;
  readonly pickAttempt = 0;

  /** While its request is arriving: whose it is, and the next mirror of the same. */
  stream: Stream | null = null;
  next: Shadow | null = null;
  cluster!: ClusterRuntime;
  endpoint: Endpoint | null = null;
  /** Counted against the cluster's max_requests. */
  requestTaken = false;
  headBuffer = -1;
  headAt = 0;
  /** Without what lies of its body behind it, and with it. */
  headOnlyBytes = 0;
  headBytes = 0;
  headSent = false;
  isHead = false;
  /** It did not take the last piece of its body. */
  full = false;
  status = 0;
  reusable = false;
  startMs = 0;
  timeoutMs = 0;
  readonly request = new Body();
  readonly response = new Body();
  /** What came of the body before there was a connection. */
  readonly kept = new KeptBody();
  private readonly timer: number;

  constructor(private readonly engine: Engine, readonly events: UpstreamEvents,
      private readonly onTimeout: (shadow: Shadow) => void) {
    this.timer = engine.timers.add(this);
  }

  avoids(): boolean { return false; }

  /** The whole request has come: the answer is awaited no longer than the route says. */
  awaitAnswer(): void {
    if (this.timeoutMs > 0) this.engine.timers.arm(this.timer, this.engine.nowMs + this.timeoutMs);
  }

  onTimer(): void {
    try { this.onTimeout(this); } catch (error) { this.engine.report(error); }
  }

  clear(): void {
    this.engine.timers.disarm(this.timer);
    this.upstream = this.endpoint = this.stream = this.next = null;
    this.requestTaken = this.headSent = this.isHead = this.full = this.reusable = this.wantsNewConnection = false;
    this.status = this.connectErrno = 0;
    this.request.clear();
    this.response.clear();
    this.kept.begin(0);
  }
}
