// One request and its response, as plain state: no behaviour, no allocation after the pool has grown. Lives in
// `StreamPool`.
//
//   begin → routed → [pending: waits for a connection] → sending → response head → body → finished
//
// A stream owns at most one head buffer (the encoded request, kept for a safe retry and for the log) and is in at most
// one route table.
import { ChunkedRecordBytes } from '../../core/generated/layouts.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { Origin } from '../connection/register.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Downstream } from '../connection/downstream-side.js';
import type { Engine } from '../engine.js';
import type { FilterChain } from '../filters/chain.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { RouteRuntime, ClusterChoice } from '../routing/route.js';
import type { VirtualCluster } from '../routing/route-counts.js';
import type { RouteTableRuntime } from '../routing/route-table.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Borrower } from '../upstream/borrower.js';
import type { Upstream, UpstreamEvents } from '../upstream/upstream-side.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { ServerName } from '../upstream/server-names.js';
import type { PickRequest } from '../balancing/picker.js';
import type { TriedPriorities } from '../balancing/priorities.js';
import type { RetryHosts } from '../routing/retry-conditions.js';
import type { Criteria } from '../../config/metadata-match.js';
import { BODY_UNTIL_END, Body, OUT_SAME } from './body.js';
import type { Hedge } from './hedging.js';
import type { GrpcMessages } from './grpc-messages.js';
import { NO_STATUS } from './grpc-reply.js';
import { KeptBody } from './kept-body.js';
import type { Shadow } from './shadow.js';
import type { Transform } from './transform.js';
import type { Throttle } from './throttle.js';

const NO_STEPS: string[] = [];
const NO_NUMBERS: readonly number[] = [];

export class Stream implements PickRequest, Borrower {
  events!: UpstreamEvents;
  downstream: Downstream | null = null;
  upstream: Upstream | null = null;
  /** The connection whose bytes go through as they are; null: this is a request. */
  session: Origin | null = null;
  hcm: HcmRuntime | null = null;
  /** Entered when the route was found, left when the stream ends. */
  table: RouteTableRuntime | null = null;
  route: RouteRuntime | null = null;
  choice: ClusterChoice | null = null;
  cluster: ClusterRuntime | null = null;
  endpoint: Endpoint | null = null;
  /** The endpoint of the attempt that is over, for logs and counts. */
  lastEndpoint: Endpoint | null = null;
  /** Local end of the upstream connection that was used, noted when a log asks for it. */
  upstreamLocal: SocketAddress | null = null;
  /** Likewise what its TLS told of itself. */
  upstreamTls: TlsFacts | null = null;
  /** Of the upstream connection that was used, noted when a log asks for it; 0 = none. */
  upstreamConnectionId = 0;
  connectStartMs = 0;
  connectEndMs = 0;
  /** Endpoints of attempts that are over, kept when a log asks for them. */
  attempted: Endpoint[] | null = null;
  /** Which of the cluster's breaker counts it uses: 0 default, ClusterState.highOffset for routes of high priority. */
  breaker = 0;
  /** Where the request is counted among those of its virtual host; found when its cluster was. */
  virtualCluster: VirtualCluster | null = null;
  /** Counted against the cluster's max_requests. */
  requestTaken = false;
  pendingNext: Borrower | null = null;
  pendingPrevious: Borrower | null = null;
  pending = false;
  shares = false;
  alone = false;

  id = 0;
  method = 0;
  version10 = false;
  /** The RPC protocol that its messages are of; null: HTTP. */
  protocol: RpcProtocol | null = null;
  /** It came by a protocol with frames: HTTP/2. */
  framed = false;
  /** The client speaks gRPC: answers of ours are gRPC's. */
  grpc = false;
  /** What the upstream said of the call; NO_STATUS: nothing yet. */
  grpcStatus = NO_STATUS;
  /** What grpc_stats counts of the call; kept for the calls to come. */
  messages: GrpcMessages | null = null;
  countsMessages = false;
  /** :scheme is https. */
  https = false;
  isHead = false;
  isConnect = false;
  isUpgrade = false;
  /** It may leave HTTP, whatever the upstream says. */
  asksUpgrade = false;
  expectContinue = false;
  /** The driver was told that a long body is on its way. */
  bulkRequest = false;
  bulkResponse = false;
  readonly request = new Body();
  readonly response = new Body();

  /** The encoded request head (and small body): pool buffer or -1. */
  headBuffer = -1;
  headAt = 0;
  headBytes = 0;
  /** All bytes of the request lie in the head buffer, and the method is idempotent: it may be sent again. */
  replayable = false;
  /** No request head could be decoded: the log has nothing of it. */
  headless = false;
  requestHeadSent = false;
  /** The response head as sent, kept only for a log format that asks for response headers. */
  responseBuffer = -1;
  /** Its trailers, where a log asks for them (kept-trailers.ts); -1 = none. */
  trailersBuffer = -1;
  trailersBytes = 0;
  responseAt = 0;
  responseEnd = 0;
  attempts = 0;

  status = 0;
  responseStarted = false;
  interimResponses = 0;
  /** The upstream connection may serve another request after this response. */
  upstreamReusable = false;
  /** CONNECT ended here: bytes go to the endpoint as they are, on a connection of their own. */
  rawTunnel = false;
  flags = 0;
  details = 0;
  connectErrno = 0;
  /** Why there is no tunnel to the endpoint, of a session. */
  transportFailure = '';

  startMs = 0;
  startWallMs = 0;
  requestEndMs = 0;
  upstreamSentMs = 0;
  responseStartMs = 0;
  lastActivityMs = 0;
  routeDeadlineMs = Infinity;
  /** When the next line of a request in progress is due. */
  logDeadlineMs = Infinity;
  /** A health check that is answered for the endpoint; filters set it. */
  healthCheck = false;
  requestHeadBytes = 0;
  responseHeadBytes = 0;
  /** Of the request as it was sent upstream, and of the response as it was sent to the client. */
  forwardedHeadBytes = 0;
  /** Header lines of the received heads as Envoy measures them, noted when a log asks for them. */
  requestHeaderBytes = 0;
  responseHeaderBytes = 0;
  sentHeadBytes = 0;
  /** xxHash64 of what the route's hash policies name, as signed halves. */
  hasHash = false;
  hashHigh = 0;
  hashLow = 0;
  metadataMatch: Criteria | null = null;
  overrideHost: string | null = null;
  overrideAt = 0;
  hostSelectionAttempts = 1;
  pickAttempt = 0;
  triedPriorities: TriedPriorities | null = null;
  /** Conditions under which the request is sent again (routing/retry-conditions.ts); 0 = never. */
  retryOn = 0;
  retriesLeft = 0;
  /** Retries that were begun, and whether there was one. */
  retryCount = 0;
  retried = false;
  /** Counted against the cluster's max_retries. */
  retryTaken = false;
  /** When the back-off is over. */
  retryAtMs = Infinity;
  /** The back-off is as long as the answer asked. */
  waitsForReset = false;
  /** The attempt has deadlines of its own. */
  perTryTimed = false;
  perTryMs = 0;
  perTryDeadlineMs = Infinity;
  perTryIdleMs = 0;
  /** When the attempt began to be silent at the earliest; Infinity = there is none that counts. */
  perTryIdleFromMs = Infinity;
  /** The body is kept while it is relayed, for another attempt; `requestLength` where it says one. */
  keepsBody = false;
  readonly kept = new KeptBody();
  requestLength = 0;
  /** Redirects that are followed in the client's place: whether, how many were, and from where to where. */
  followsRedirects = false;
  redirects = 0;
  redirectSteps: string[] = NO_STEPS;
  /** The last attempt took too long; and what the head of the next says of it (include_is_timeout_retry_header). */
  timedOut = false;
  retryMark = '';
  /** The client is one whose x-envoy headers are believed; then what they ask for. */
  internal = false;
  retriableCodes: readonly number[] = NO_NUMBERS;
  retriableNames: readonly string[] = NO_STEPS;
  /** Of the route, or as an internal client asks. */
  timeoutMs = 0;
  /** How long the client lets the stream live (grpc-timeout, where the route takes its word); -1: it is not asked. */
  durationMs = -1;
  hedgesOnTimeout = false;
  timeoutStatus = 504;
  /** Attempts that go on beside its own, and whether its own is over and they decide. */
  hedges: Hedge | null = null;
  waitsForHedges = false;
  /** An answer of ours does not count as the cluster's: the connection manager gives it, not the router. */
  uncharged = false;
  /** Its mirrors, while the request is arriving. */
  shadows: Shadow | null = null;
  /** What it calls its server, where certificates go by that. */
  serverName: ServerName | null = null;
  /** Endpoints that were tried, where the route avoids them. */
  readonly tried: Endpoint[] = [];
  /** What else a retry avoids. */
  retryHosts: RetryHosts | null = null;
  /** The attempt that follows wants a connection that has not served yet. */
  wantsNewConnection = false;
  /** The filters that see it, and the one that goes on after a suspension. */
  filters: FilterChain | null = null;
  filterAt = 0;
  /** A filter waits: for a deadline, for the body, for an answer of main. */
  suspended = false;
  filterAtMs = Infinity;
  /** Where the request would have gone that a filter answered. */
  unusedCluster: ClusterRuntime | null = null;
  /** The head as filters left it, encoded: pool buffer or -1, and where it is. */
  rewrittenBuffer = -1;
  rewrittenAt = 0;
  rewrittenBytes = 0;
  /** Flags of the request's edits that are still to be applied to it. */
  rewrittenFlags = 0;
  /** The body is collected before the request goes on, at most so much of it; -1 = it is not. */
  collectBytesMax = -1;
  /** The body was collected: it is sent from `kept`. */
  collected = false;
  /** 'ip:port' that the host was resolved to (dynamic forward proxy). */
  resolvedAddress = '';
  /** Dynamic metadata, by namespace. */
  metadata: { [namespace: string]: unknown } | null = null;
  /** The origin may read the response (cors). */
  crossOrigin = false;
  /** A fault counts it as active. */
  faultActive = false;
  /** What a local rate limit that refused it adds to the answer. */
  limitedBy: CompiledMutations | null = null;
  /** The response's body gets no faster; null: as fast as it comes. */
  throttle: Throttle | null = null;
  /** What changes its bodies; null: nothing does. */
  transform: Transform | null = null;
  /** The request's body as it comes, where it goes through `transform`; `request` is what the upstream gets. */
  requestSource: Body | null = null;
  /** The response goes through `transform`; with `responseHeld` nothing of it goes before all of it is known. */
  transformsResponse = false;
  responseHeld = false;
  /** What the endpoint answered, where the client gets another status; 0 = the same. */
  upstreamStatus = 0;
  /** Header lines, with their ends, that the response gets. */
  addedResponseLines = '';

  get bodyBytes(): number { return this.request.bytes + this.request.remaining; }
  get openEnded(): boolean { return this.request.kind === BODY_UNTIL_END; }
  /** The connection that it came by. */
  get origin(): Origin | null { return this.session ?? this.downstream; }
  /** An answer may make the request go out again. */
  get repeats(): boolean { return this.retryOn !== 0 || this.followsRedirects; }
  /** A retry's host predicates: no endpoint is avoided without them. */
  avoids(endpoint: Endpoint): boolean {
    return this.tried.includes(endpoint) || (this.retryHosts !== null && this.retryHosts.refuses(endpoint.metadata));
  }

  /** A redirect is followed: client and body stay, all else is as of a new request. */
  beginAgain(engine: Engine, headBytes: number): void {
    const { downstream, hcm, version10, expectContinue, internal, redirects, redirectSteps, requestLength,
      requestHeaderBytes,
      request: { kind, forwardTrailers } } = this;
    this.clear();
    this.downstream = downstream;
    this.hcm = hcm;
    this.version10 = version10;
    this.expectContinue = expectContinue;
    this.internal = internal;
    this.redirects = redirects + 1;
    this.redirectSteps = redirectSteps;
    this.requestHeaderBytes = requestHeaderBytes;
    this.requestHeadBytes = headBytes;
    this.requestLength = requestLength;
    this.startMs = this.lastActivityMs = engine.nowMs;
    this.startWallMs = engine.wallMs;
    this.request.begin(engine, kind, requestLength, OUT_SAME);
    this.request.forwardTrailers = forwardTrailers;
    // The body, which was kept, is sent again when there is a connection.
    this.request.complete = true;
    this.collected = this.kept.length > 0;
  }

  clear(): void {
    this.downstream = this.upstream = this.hcm = this.table = this.route = this.choice = this.cluster = this.endpoint =
      null;
    this.lastEndpoint = null;
    this.serverName = null;
    this.session = null;
    this.protocol = null;
    this.transportFailure = '';
    this.virtualCluster = null;
    this.upstreamLocal = this.upstreamTls = null;
    this.requestTaken = false;
    this.breaker = 0;
    this.asksUpgrade = this.https = this.grpc = false;
    this.durationMs = -1;
    this.grpcStatus = NO_STATUS;
    this.pending = this.framed = this.version10 = this.isHead = this.isConnect = this.isUpgrade = this.expectContinue =
      this.upstreamReusable = this.rawTunnel = false;
    this.request.clear();
    this.response.clear();
    this.headBuffer = this.responseBuffer = this.trailersBuffer = -1;
    this.bulkRequest = this.bulkResponse = false;
    this.headless = this.replayable = this.requestHeadSent = this.responseStarted = false;
    this.attempts = this.status = this.interimResponses = this.flags = this.details = this.connectErrno = 0;
    this.requestEndMs = this.upstreamSentMs = this.responseStartMs = 0;
    this.routeDeadlineMs = this.logDeadlineMs = Infinity;
    this.healthCheck = false;
    this.requestHeadBytes = this.responseHeadBytes = this.forwardedHeadBytes = this.sentHeadBytes = 0;
    this.requestHeaderBytes = this.responseHeaderBytes = 0;
    this.hasHash = false;
    this.retryOn = this.retriesLeft = this.retryCount = this.perTryMs = this.perTryIdleMs =
      this.requestLength = 0;
    this.retried = this.retryTaken = this.wantsNewConnection = this.perTryTimed = this.keepsBody =
      this.waitsForReset = false;
    this.retryAtMs = this.perTryDeadlineMs = this.perTryIdleFromMs = Infinity;
    this.kept.begin(0);
    if (this.tried.length > 0) this.tried.length = 0;       // V8 calls its runtime for it, every time
    this.followsRedirects = this.collected = false;
    this.shadows = this.hedges = null;
    this.waitsForHedges = this.uncharged = this.timedOut = false;
    this.retryMark = '';
    if (this.internal) this.clearInternal();
    this.redirects = 0;
    this.redirectSteps = NO_STEPS;
    this.hashHigh = this.hashLow = 0;
    this.metadata = this.metadataMatch = null;
    this.overrideHost = null;
    this.overrideAt = 0;
    this.hostSelectionAttempts = 1;
    this.pickAttempt = 0;
    this.triedPriorities = null;
    this.retryHosts = null;
    this.addedResponseLines = '';
    if (this.filters !== null) this.clearFilters();
    this.upstreamConnectionId = this.connectStartMs = this.connectEndMs = 0;
    this.attempted = null;
  }

  /** How long an attempt may take, unless the request's own time is over before. */
  limitAttempts(perTryMs: number): void {
    this.perTryMs = this.timeoutMs !== 0 && perTryMs >= this.timeoutMs ? 0 : perTryMs;
    this.perTryTimed = this.perTryMs > 0 || this.perTryIdleMs > 0;
  }

  private clearInternal(): void {
    this.internal = false;
    this.retriableCodes = NO_NUMBERS;
    this.retriableNames = NO_STEPS;
    this.timeoutStatus = 504;
  }

  private clearFilters(): void {
    this.filters = this.unusedCluster = this.limitedBy = this.throttle = null;
    this.transform = this.requestSource = null;
    this.transformsResponse = this.responseHeld = false;
    this.upstreamStatus = 0;
    this.filterAt = 0;
    this.suspended = this.collected = this.crossOrigin = this.faultActive = this.countsMessages = false;
    this.filterAtMs = Infinity;
    this.resolvedAddress = '';
    this.rewrittenBuffer = this.collectBytesMax = -1;
  }
}

/** Will the sent request head be asked for again: by a log line, or by a response header made of it? */
export const keepsHead = (stream: Stream): boolean => stream.hcm!.keepsRequestHead || stream.repeats
  || stream.crossOrigin || stream.filters?.keepsHead === true
  || stream.choice!.responseMutations?.needsRequestHead === true;

/** Streams of one worker, reused. */
export class StreamPool {
  private readonly free: Stream[] = [];
  private nextId = 1;
  /** Streams in use. */
  active = 0;

  constructor(private readonly engine: Engine, private readonly events: UpstreamEvents) {}

  /** A cleared stream, or null when the arena cannot hold another one's state. */
  take(): Stream | null {
    let stream = this.free.pop();
    if (stream === undefined) {
      const at = this.engine.heap.allocate(2 * ChunkedRecordBytes);
      if (at < 0) return null;
      stream = new Stream();
      stream.events = this.events;
      stream.request.chunked = at;
      stream.response.chunked = at + ChunkedRecordBytes;
    }
    stream.id = this.nextId++;
    this.active++;
    return stream;
  }

  give(stream: Stream): void {
    stream.clear();
    this.active--;
    this.free.push(stream);
  }
}
