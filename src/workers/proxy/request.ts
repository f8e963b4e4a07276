// The life of a request, in order. Each step's body lives elsewhere; every failure ends in reply.ts, everything ends in
// finish.ts.
//
//   onRequestHead → admit → route → pick → acquire → send head → relay body      (client to upstream)
//   onResponseHead → send head → relay body → complete                           (upstream to client)
import { Head, HeadFlag, Method, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { ClusterStat, HttpStat, VirtualHostStat } from '../../telemetry/schema.js';
import { NEEDS_TEXT, NO_VIRTUAL_HOST, PROTO_HTTPS, PROTO_SET, SCHEME_HTTPS } from '../codecs.js';
import type { Downstream, DownstreamEvents } from '../connection/downstream-side.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Picker } from '../balancing/picker.js';
import { speaks } from '../../protocols/protocols.js';
import type { Engine } from '../engine.js';
import type { RouteTableRuntime } from '../routing/route-table.js';
import type { HashPolicies } from '../routing/hash-policies.js';
import { firstHeader } from '../routing/regex.js';
import type { ClusterChoice, RouteRuntime } from '../routing/route.js';
import { ACQUIRED, OVERFLOW, UpstreamPool, WAITING } from '../upstream/pool.js';
import { Clusters } from '../upstream/cluster.js';
import type { Upstream, UpstreamEvents } from '../upstream/upstream-side.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { admit, isDropped } from './admission.js';
import { headerLinesBytes } from './format-texts.js';
import { admitUpgrade } from './upgrade.js';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL, BODY_UNTIL_END, OUT_SAME } from './body.js';
import { noteSelected, readAsked } from './asked.js';
import { encodeRequest, TOO_LONG } from './edits.js';
import { pickerFor } from './destination.js';
import { ANSWERED, SUSPENDED } from '../filters/filter.js';
import { Failures } from './failure.js';
import { Filtering } from './filtering.js';
import { Finish } from './finish.js';
import { isGrpcHead } from './grpc-reply.js';
import { Hedging } from './hedging.js';
import { markTimeoutRetry, replaceAttempts, replaceHost } from './late-values.js';
import { Retries } from './retries.js';
import { forwardedAddress } from './remote-address.js';
import { Replies } from './reply.js';
import { RequestBodies } from './request-body.js';
import { Transforming } from './transforming.js';
import { Shadows } from './shadows.js';
import { Responses } from './response.js';
import { keepsHead, StreamPool } from './stream.js';
import { serverNameOf } from './server-name.js';
import type { Stream } from './stream.js';
import { Timeouts } from './timeouts.js';

export class Proxy implements DownstreamEvents, UpstreamEvents {
  readonly streams: StreamPool;
  readonly clusters: Clusters;
  readonly upstreams: UpstreamPool;
  readonly finish: Finish;
  readonly replies: Replies;
  readonly failures: Failures;
  readonly retries: Retries;
  readonly shadows: Shadows;
  readonly hedging: Hedging;
  readonly filtering: Filtering;
  readonly requests: RequestBodies;
  readonly transforming: Transforming;
  private readonly responses: Responses;
  readonly timeouts: Timeouts;

  constructor(readonly engine: Engine) {
    this.streams = new StreamPool(engine, this);
    this.clusters = new Clusters(engine);
    this.upstreams = new UpstreamPool(engine);
    this.finish = new Finish(engine, this);
    this.replies = new Replies(engine, this);
    this.failures = new Failures(engine, this);
    this.retries = new Retries(engine, this);
    this.shadows = new Shadows(engine, this);
    this.hedging = new Hedging(engine, this);
    this.filtering = new Filtering(engine, this);
    this.requests = new RequestBodies(engine, this);
    this.responses = new Responses(engine, this);
    this.transforming = new Transforming(engine, this, this.responses);
    this.timeouts = new Timeouts(engine, this);
  }

  onRequestHead(connection: Downstream, bodyAt: number, end: number, headBytes: number): number {
    const { engine } = this;
    const stream = this.begin(connection, headBytes);
    if (stream === null) {
      this.replies.refuseConnection(connection, 503, detail('overload'), ResponseFlag.OM);
      return end;
    }
    if (engine.overload.active && this.shed(stream)) return this.afterReply(connection, bodyAt, end);
    if (!admit(engine, this, stream))
      return stream.downstream === null ? this.afterReply(connection, bodyAt, end) : end;
    const { hcm } = stream;
    engine.count(hcm!.scope, HttpStat.rq_total);
    const table = hcm!.routeTable();
    const index = table === null ? NO_VIRTUAL_HOST : this.match(table, connection.addresses.tls);
    return this.enterRoute(stream, table, index, connection, bodyAt,
      end);
  }

  /**
   * The request goes the way of the route `index`; one without a route is answered behind the filters. Returns as
   * onRequestHead.
   */
  enterRoute(stream: Stream, table: RouteTableRuntime | null, index: number, connection: Downstream,
      bodyAt: number, end: number): number {
    const hcm = stream.hcm!;
    if (index >= 0 && !this.takeRoute(stream, table!, index)) return this.afterReply(connection, bodyAt, end);
    if (hcm.config.accessLogOptions.onNewRequest) this.finish.writeLogs(stream, 'DownstreamStart');
    if (hcm.filters !== null) {
      stream.choice = stream.route === null || stream.route.forward === null ? null : this.choose(stream.route);
      const verdict = this.filtering.begin(stream);
      if (verdict === ANSWERED) return this.afterReply(connection, bodyAt, end);
      if (verdict === SUSPENDED) return bodyAt;
    }
    return this.serve(stream, connection, bodyAt, end);
  }

  /** False: the request was answered. */
  private takeRoute(stream: Stream, table: RouteTableRuntime, index: number): boolean {
    const route = table.route(index);
    if (route === null) {
      this.replies.send(stream, 503, ResponseFlag.OM, detail('overload'), 'out of memory for routes');
      return false;
    }
    stream.route = route;
    stream.table = table;
    table.enter();
    return true;
  }

  /** A filter has made another request of it: it goes the way that this one finds. False: it was answered. */
  reroute(stream: Stream): boolean {
    const table = stream.table ?? stream.hcm!.routeTable();
    const index = table === null ? NO_VIRTUAL_HOST : this.match(table, stream.downstream!.addresses.tls);
    stream.route = stream.choice = null;
    if (index < 0) return true;
    if (stream.table !== null) { stream.table.leave(); stream.table = null; }
    if (!this.takeRoute(stream, table!, index)) return false;
    if (stream.route!.forward !== null) stream.choice = this.choose(stream.route!);
    return true;
  }

  /** What a router does: the head has passed the filters. Also where a suspended request goes on. */
  serve(stream: Stream, connection: Downstream, bodyAt: number, end: number): number {
    const { route } = stream;
    if (route === null) {
      this.engine.count(stream.hcm!.scope, HttpStat.no_route);
      this.replies.send(stream, 404, ResponseFlag.NR, detail('route_not_found'), '');
      return this.afterReply(connection, bodyAt, end);
    }
    if (route.requireTls !== 'none' && !(stream.internal && route.requireTls === 'external')
      && !this.replies.cameByTls(stream)) {
      this.replies.toHttps(stream);
      return this.afterReply(connection, bodyAt, end);
    }
    if (route.forward === null) {
      this.replies.byRoute(stream, route);
      return this.afterReply(connection, bodyAt, end);
    }
    return this.forward(stream, route, connection, bodyAt, end);
  }

  /** Overload: the connection's last response, or no service at all. True when the request was answered. */
  private shed(stream: Stream): boolean {
    const { engine } = this;
    const downstream = stream.downstream!;
    if (engine.overload.endsKeepAlive() && !downstream.closeAfterResponse) {
      downstream.closeAfterResponse = true;
      engine.count(stream.hcm!.scope, HttpStat.downstream_cx_overload_disable_keepalive);
    }
    if (!engine.overload.rejectsRequest()) return false;
    engine.count(stream.hcm!.scope, HttpStat.downstream_rq_overload_close);
    this.replies.send(stream, 503, 0, detail('overload'), 'envoy overloaded');
    return true;
  }

  /** Takes a stream slot and notes what the head says about the body. */
  private begin(connection: Downstream, headBytes: number): Stream | null {
    const { engine } = this;
    const stream = this.streams.take();
    if (stream === null) return null;
    const { hcm } = connection;
    const words = engine.requestRecord >> 2;
    const { i32, f64 } = engine;
    const flags = i32[words + Head.flags];
    connection.stream = stream;
    engine.recordOwner = stream.id;
    stream.downstream = connection;
    stream.framed = connection.framed;
    stream.protocol = connection.protocol;
    stream.hcm = hcm;
    stream.startMs = stream.lastActivityMs = engine.nowMs;
    stream.startWallMs = engine.wallMs;
    stream.requestHeadBytes = headBytes;
    if (hcm.notesHeads) stream.requestHeaderBytes = headerLinesBytes(engine, engine.requestRecord);
    stream.method = i32[words + Head.method];
    stream.isHead = stream.method === Method.HEAD;
    stream.isConnect = stream.method === Method.CONNECT;
    stream.version10 = (flags & HeadFlag.version10) !== 0;
    stream.grpc = isGrpcHead(engine, engine.requestRecord);
    stream.expectContinue = (flags & HeadFlag.expectContinue) !== 0;
    const length = i32[words + Head.contentLengthHigh] * 4294967296 + (i32[words + Head.contentLengthLow] >>> 0);
    const follows = connection.framed && !connection.ended && (flags & HeadFlag.hasContentLength) === 0;
    const kind = (flags & HeadFlag.chunked) !== 0 ? BODY_CHUNKED : length > 0 ? BODY_LENGTH
      : follows ? BODY_UNTIL_END : BODY_NONE;
    stream.request.begin(engine, kind, length, OUT_SAME);
    stream.request.forwardTrailers = connection.framed || hcm.config.enableTrailers;
    f64[hcm.scope + HttpStat.downstream_rq_total] += 1;
    if (connection.protocol === null) {
      f64[hcm.scope + (connection.framed ? HttpStat.downstream_rq_http2_total
        : HttpStat.downstream_rq_http1_total)] += 1;
    }
    f64[hcm.scope + HttpStat.downstream_rq_active] += 1;
    if ((flags & HeadFlag.connectionClose) !== 0
        || (stream.version10 && (flags & HeadFlag.connectionKeepAlive) === 0)) {
      connection.closeAfterResponse = connection.clientCloses = true;
    }
    const { maxRequestsPerConnection } = hcm.config;
    if (maxRequestsPerConnection > 0 && connection.requests >= maxRequestsPerConnection) {
      connection.closeAfterResponse = true;
      engine.count(hcm.scope, HttpStat.downstream_cx_max_requests_reached);
    }
    return stream;
  }

  /** Index of the matching route, or a negative result. */
  match(table: RouteTableRuntime, tls: TlsFacts | null): number {
    const { engine } = this;
    const edits = engine.requestEdits >> 2;
    const flags = engine.i32[edits + RequestEdits.flags];
    const https = ((flags & RequestEditsFlag.schemeHttps) === 0 ? 0 : SCHEME_HTTPS)
      | ((flags & RequestEditsFlag.https) === 0 ? 0 : PROTO_HTTPS)
      | ((flags & RequestEditsFlag.setProto) === 0 ? 0 : PROTO_SET);
    const path = engine.i32[edits + RequestEdits.pathAt], bytes = engine.i32[edits + RequestEdits.pathBytes];
    const pathOnly = engine.i32[edits + RequestEdits.spare];
    let from = 0;
    for (;;) {
      const found = engine.codecs.routeMatch(table.table, engine.requestRecord,
        bytes === 0 ? 0 : path, bytes, pathOnly, https, from);
      if (found < 0 || (found & NEEDS_TEXT) === 0) return found;
      const index = found & ~NEEDS_TEXT;
      const words = engine.requestRecord >> 2;
      const pathAt = bytes === 0 ? engine.i32[words + Head.pathAt] : path;
      const pathBytes = bytes === 0 ? engine.i32[words + Head.pathBytes] : bytes;
      const pathOnlyBytes = bytes === 0 ? engine.i32[words + Head.pathOnlyBytes] : pathOnly;
      if (table.route(index)?.holds(engine, pathAt, pathBytes, pathOnlyBytes, tls) !== false) return index;
      from = index + 1;
    }
  }

  private forward(stream: Stream, route: RouteRuntime, connection: Downstream, bodyAt: number,
      end: number): number {
    const { engine } = this;
    if (stream.isUpgrade && !admitUpgrade(engine, this, stream, route)) return this.afterReply(connection, bodyAt, end);
    const choice = stream.hcm!.filters !== null ? stream.choice! : this.choose(route);
    stream.choice = choice;
    stream.metadataMatch = choice.metadataMatch;
    const slot = choice.clusterHeader === null ? choice.slot : this.slotByHeader(choice.clusterHeader);
    const cluster = slot < 0 ? null : this.clusters.get(slot);
    if (cluster === null) {
      engine.count(stream.hcm!.scope, HttpStat.no_cluster);
      this.replies.send(stream, route.forward!.clusterNotFoundStatus, ResponseFlag.NC, detail('cluster_not_found'), '');
      return this.afterReply(connection, bodyAt, end);
    }
    if (!speaks(cluster.traits.rpc, stream.protocol)) {
      this.replies.send(stream, 502, ResponseFlag.UPE, detail('protocol_mismatch'), '');
      return this.afterReply(connection, bodyAt, end);
    }
    stream.cluster = cluster;
    cluster.gauge(ClusterStat.upstream_rq_active, 1);
    if (route.counts !== null) route.counts.begin(engine, stream, this.pathAt(), this.pathBytes());
    if (cluster.dropped > 0 && isDropped(engine, this, stream, cluster))
      return this.afterReply(connection, bodyAt, end);
    this.retries.begin(stream);
    if (cluster.asksRequests) readAsked(engine, stream, cluster);
    const hashPolicies = cluster.hashPolicies ?? route.hashPolicies;
    if (hashPolicies !== null && cluster.picker?.byHash === true) this.hash(stream, hashPolicies);
    const at = encodeRequest(engine, stream, route, choice, bodyAt, end);
    if (at === TOO_LONG) {
      this.replies.send(stream, 500, 0, detail('rewrite_too_long'), '');
      return this.afterReply(connection, bodyAt, end);
    }
    if (at < 0) {
      this.replies.send(stream, 503, ResponseFlag.OM, detail('overload'), 'no buffer is free');
      return this.afterReply(connection, bodyAt, end);
    }
    if (cluster.traits.serverNames !== null)
      stream.serverName = serverNameOf(engine, cluster, engine.requestRecord);
    if (stream.keepsBody) this.retries.keepInline(stream);
    if (stream.request.complete) this.requests.received(stream);
    this.timeouts.start(stream);
    this.dispatch(stream);
    return stream.downstream === null ? this.afterReply(connection, at, end) : at;
  }

  /** One of several clusters: by the number in a header where the route asks for that, else by chance. */
  private choose(route: RouteRuntime): ClusterChoice {
    const { engine } = this;
    if (route.only !== null) return route.only;
    const header = route.forward!.randomValueHeader;
    const text = header === null ? null : firstHeader(engine, header);
    if (text !== null && /^\d{1,20}$/.test(text)) return route.chooseByNumber(BigInt(text));
    return route.choose((engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296);
  }

  slotByHeader(name: string): number {
    const cluster = firstHeader(this.engine, name);
    return cluster === null || cluster === '' ? -1 : this.engine.snapshot.clusterSlot(cluster);
  }

  private hash(stream: Stream, policies: HashPolicies): void {
    const { addresses } = stream.downstream!;
    const forwarded = forwardedAddress(this.engine, stream, this.engine.requestRecord);
    const ends = forwarded === '' ? addresses : { remoteIp: () => forwarded, remoteText: () => `${forwarded}:0`,
      localText: () => addresses.localText() };
    policies.evaluate(this.engine, stream, ends, this.pathAt(), this.pathBytes());
  }

  /** Path and query of the decoded request, normalised where that was asked for. */
  private pathAt(): number {
    const { i32, requestEdits, requestRecord } = this.engine;
    return i32[(requestEdits >> 2) + RequestEdits.pathBytes] > 0 ? i32[(requestEdits >> 2) + RequestEdits.pathAt]
      : i32[(requestRecord >> 2) + Head.pathAt];
  }
  private pathBytes(): number {
    const { i32, requestEdits, requestRecord } = this.engine;
    return i32[(requestEdits >> 2) + RequestEdits.pathBytes] || i32[(requestRecord >> 2) + Head.pathBytes];
  }

  /** Picks an endpoint and a connection for an encoded request. Also where a retry begins. */
  dispatch(stream: Stream): void {
    const cluster = stream.cluster!;
    const picker = cluster.destinations === null ? cluster.picker : pickerFor(this.engine, stream, cluster);
    const endpoint = picker === null ? null : stream.tried.length === 0 && stream.retryHosts === null
      ? picker.pick(stream) : this.pickAnother(stream, picker);
    if (picker !== null && picker.panic) cluster.count(ClusterStat.lb_healthy_panic);
    if (endpoint === null) {
      cluster.count(ClusterStat.upstream_cx_none_healthy);
      this.replies.send(stream, 503, ResponseFlag.UH, detail('no_healthy_upstream'), 'no healthy upstream');
      return;
    }
    if (cluster.asksRequests) noteSelected(stream, cluster, endpoint);
    const { traits } = cluster;
    const { urgent } = stream.route!;
    const thresholds = urgent ? traits.high : traits.normal;
    stream.breaker = urgent ? ClusterState.highOffset : 0;
    if (!this.finish.takeRequest(stream, thresholds.maxRequests)) {
      cluster.count(ClusterStat.upstream_rq_active_overflow);
      if (!this.hedging.outlives(stream, 503)) this.replies.overflow(stream);
      return;
    }
    stream.attempts++;
    const lender = stream.serverName === null ? endpoint : cluster.lenderFor(endpoint, stream.serverName);
    stream.endpoint = lender;
    if (lender === null) { this.failures.exhausted(stream); return; }
    endpoint.request(1);                                    // taken off where the stream leaves it
    if (stream.retried && !this.prepareRetry(stream)) return;
    if (stream.route!.autoHost && endpoint.hostname !== '' && !replaceHost(this.engine, stream, endpoint.hostname)) {
      this.failures.exhausted(stream);
      return;
    }
    const result = this.upstreams.acquire(stream, lender, thresholds);
    if (stream.route!.mirrors !== null && stream.attempts === 1 && !stream.isUpgrade) this.shadows.begin(stream);
    if (result === ACQUIRED) this.onAcquired(stream);
    else if (result === OVERFLOW) this.overflowed(stream);
    else if (result !== WAITING) this.onConnectFailed(stream);
  }

  private overflowed(stream: Stream): void {
    if (this.hedging.outlives(stream, 503)) this.finish.leaveEndpoint(stream);
    else this.replies.overflow(stream);
  }

  /** An endpoint that was not tried yet, if one is found in the picks that the route allows. */
  private pickAnother(stream: Stream, picker: Picker): Endpoint | null {
    stream.pickAttempt = 0;
    let endpoint = picker.pick(stream);
    while (++stream.pickAttempt <= stream.hostSelectionAttempts && endpoint !== null && stream.avoids(endpoint))
      endpoint = picker.pick(stream);
    return endpoint;
  }

  /** What a further attempt changes in the request. False: the stream has ended. */
  private prepareRetry(stream: Stream): boolean {
    const { engine } = this;
    const { added, grpcTimeouts, virtualHost } = stream.route!;
    if ((!virtualHost.includeRequestAttemptCount || replaceAttempts(engine, stream, stream.attempts))
      && ((added === null && !stream.internal && grpcTimeouts === null) || this.timeouts.restate(stream))
      && (!virtualHost.includeTimeoutRetry || markTimeoutRetry(engine, stream)))
      return true;
    this.failures.exhausted(stream);
    return false;
  }

  onAcquired(stream: Stream): void {
    const { engine } = this;
    const upstream = stream.upstream!;
    stream.upstreamSentMs = engine.nowMs;
    if (stream.hcm!.notesUpstream) noteUpstream(stream, upstream);
    stream.cluster!.count(ClusterStat.upstream_rq_total);
    if (stream.cluster!.outliers !== null) stream.cluster!.outliers.connected(stream.endpoint!);
    if (stream.route!.counts !== null) stream.route!.counts.count(engine, stream, VirtualHostStat.upstream_rq_total);
    if (stream.rawTunnel) { this.openTunnel(stream); return; }
    upstream.beginRequest();
    engine.i32[(stream.endpoint!.state) + EndpointState.requestsTotal]++;
    stream.requestHeadSent = true;
    stream.request.frameFor(upstream.framed);
    const { downstream } = stream;
    // The first bytes of a body are behind its head, in a frame of their own.
    const more = downstream !== null && downstream.framed && !stream.request.complete;
    upstream.sendHead(stream.headBuffer, stream.headAt, stream.forwardedHeadBytes, stream.headBytes, more);
    stream.cluster!.gauge(ClusterStat.upstream_cx_tx_bytes_total, stream.headBytes);
    // A connection that served before may be dying unseen; only then a complete request is kept for one safe
    // repetition.
    if (!keepsHead(stream) && !(stream.replayable && upstream.requests > 1)) this.finish.releaseHead(stream);
    if (stream.kept.length > 0) this.retries.replay(stream);
    if (stream.upstream !== upstream) return;
    if (stream.request.complete && !stream.isUpgrade) this.requests.sayEnd(stream, 0, 0);
    // An upgrade's request has no end: an attempt's deadlines never begin.
    if (stream.perTryTimed && stream.request.complete && !stream.isUpgrade) this.timeouts.attemptBegins(stream);
    if (downstream !== null && stream.downstream === downstream && !stream.request.complete) downstream.offerSoon();
  }

  /** CONNECT ends here (connect_config): the client gets 200 and then speaks to the endpoint itself. */
  private openTunnel(stream: Stream): void {
    stream.upstream!.beginTunnel();
    stream.requestHeadSent = stream.responseStarted = true;
    stream.responseStartMs = this.engine.nowMs;
    stream.status = 200;
    stream.details = detail('via_upstream');
    stream.response.begin(this.engine, BODY_TUNNEL, 0, OUT_SAME);
    stream.response.complete = false;
    this.replies.sendConnected(stream);
    this.finish.upgraded(stream);
  }

  onConnectFailed(stream: Stream): void { this.failures.connect(stream); }

  onRequestBytes(stream: Stream, buffer: number, at: number, end: number): number {
    return this.requests.onBytes(stream, buffer, at, end);
  }
  onRequestEnd(stream: Stream, trailersAt: number, trailersBytes: number): boolean {
    return this.requests.onEnd(stream, trailersAt, trailersBytes);
  }

  highWatermark(stream: Stream): number {
    return Math.min(this.responses.watermarkBytes, stream.downstream!.listener.bufferBytes);
  }

  onUpstreamDrained(stream: Stream): void {
    if (stream.request.complete) {
      if (stream.response.kind === BODY_TUNNEL && stream.response.complete) this.failures.endTunnel(stream);
      return;
    }
    stream.cluster!.count(ClusterStat.upstream_flow_control_drained_total);
    stream.downstream!.offerSoon();
  }
  onDownstreamDrained(stream: Stream): void { stream.upstream?.resume(); }

  onResponseHead(stream: Stream, buffer: number, bodyAt: number, end: number): number {
    return this.responses.onHead(stream, buffer, bodyAt, end);
  }
  onResponseBytes(stream: Stream, buffer: number, at: number, end: number): number {
    return this.responses.onBytes(stream, buffer, at, end);
  }
  onResponseEnd(stream: Stream, trailersAt: number, trailersBytes: number): void {
    this.responses.onEnd(stream, trailersAt, trailersBytes);
  }
  onResponseRejected(stream: Stream, rejection: number): void { this.failures.badResponse(stream, rejection); }
  onUpstreamEnd(stream: Stream, errno: number): void { this.failures.upstreamEnded(stream, errno); }
  onUpstreamSendFailed(stream: Stream): void { this.failures.sendFailed(stream); }
  onRequestRejected(connection: Downstream, code: number): void { this.replies.rejected(connection, code); }
  onRequestArrived(stream: Stream): void { this.timeouts.requestReceived(stream); }
  onRequestBroken(stream: Stream): void { this.replies.badRequestBody(stream); }
  onHeadTimeout(connection: Downstream): void { this.replies.headTimeout(connection); }
  onDownstreamEnd(stream: Stream, errno: number): void { this.failures.downstreamEnded(stream, errno); }
  onDeadline(stream: Stream, nowMs: number): void { this.timeouts.onDeadline(stream, nowMs); }
  deadlineOf(stream: Stream): number { return this.timeouts.deadlineOf(stream); }

  /**
   * Where decoding goes on after a reply of ours. The stream has ended; a request body that was not read makes the
   * connection end too, so what remains of the buffer is either the next pipelined request or discarded.
   */
  private afterReply(connection: Downstream, at: number, end: number): number {
    return connection.socket < 0 ? end : at;
  }
}

/** What a log may ask of the connection after it went back to the pool. */
function noteUpstream(stream: Stream, upstream: Upstream): void {
  stream.upstreamConnectionId = upstream.id;
  stream.upstreamTls = upstream.tls;
  upstream.tls?.keep();
  stream.connectStartMs = upstream.openedMs;
  stream.connectEndMs = upstream.connectedMs;
}
