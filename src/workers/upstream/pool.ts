// Lending connections of an endpoint to streams: whole (HTTP/1.1, one stream per connection at a time), or one stream
// of a connection that is shared by many (HTTP/2).
//
//   acquire: an idle connection → at once; else wait in the endpoint's queue, and open a connection if more streams
//   wait than connections are coming and the breakers allow it. A connection that is ready, or becomes free, takes the
//   first waiting stream. A connect failure fails every stream that waits for this endpoint (they would wait for the
//   same failure), as Envoy does.
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { limits } from '../../core/limits.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { CircuitBreakerThresholds } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { ClientSessions } from '../http2/client-sessions.js';
import { RpcClientSessions } from '../rpc/client-sessions.js';
import { LOCAL_FAILURE } from './borrower.js';
import type { Borrower } from './borrower.js';
import { UpstreamConnection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import type { SharedSession } from './shared-session.js';

export const ACQUIRED = 0;
export const WAITING = 1;
export const OVERFLOW = 2;
const EXHAUSTED = 3;

export class UpstreamPool {
  private readonly free: UpstreamConnection[] = [];
  /** Connections that belong to one client, by the client's connection. */
  private readonly owners = new Map<number, UpstreamConnection[]>();
  private readonly sessions: ClientSessions;
  private readonly rpc: RpcClientSessions;

  constructor(private readonly engine: Engine) {
    this.sessions = new ClientSessions(engine, this);
    this.rpc = new RpcClientSessions(engine, this);
  }

  /** Lends a connection to `stream` (ACQUIRED: stream.upstream is set), queues it (WAITING), or refuses. */
  acquire(stream: Borrower, endpoint: Endpoint, thresholds: CircuitBreakerThresholds): number {
    stream.shares = shares(stream, endpoint);
    stream.alone = stream.protocol !== null && stream.bodyBytes > limits.rpcGatheredBytesMax;
    if (stream.shares) {
      if (this.lendStream(stream, endpoint)) return ACQUIRED;
      return this.queue(stream, endpoint, thresholds);
    }
    let idle = endpoint.owned === null ? endpoint.idle : endpoint.owned.get(ownerOf(stream)) ?? null;
    // The attempt follows a connection that had died unseen; the others may have died with it. One of them makes room
    // for a new one.
    if (stream.wantsNewConnection) {
      stream.wantsNewConnection = false;
      if (idle !== null) { idle.closeIdle(); idle = null; }
    }
    if (idle !== null && !stream.rawTunnel) {
      idle.leaveIdle();
      this.lend(idle, stream);
      if (endpoint.cluster.preconnects) this.preconnect(endpoint, thresholds, stream);
      return ACQUIRED;
    }
    return this.queue(stream, endpoint, thresholds);
  }

  /** Makes the stream wait for a connection, and opens one if those that are coming are too few. */
  private queue(stream: Borrower, endpoint: Endpoint, thresholds: CircuitBreakerThresholds): number {
    const { cluster } = endpoint;
    if (!cluster.tryTake(ClusterState.pending + stream.breaker, thresholds.maxPendingRequests)) {
      cluster.count(ClusterStat.upstream_rq_pending_overflow);
      return OVERFLOW;
    }
    cluster.count(ClusterStat.upstream_rq_pending_total);
    cluster.gauge(ClusterStat.upstream_rq_pending_active, 1);
    endpoint.pushPending(stream);
    if (wantsMore(endpoint, stream) && !this.open(endpoint, thresholds, stream)) {
      if (stream.alone) {                                // it may have none of its own: with others, then
        this.cancel(stream, endpoint);
        stream.alone = false;
        return this.lendStream(stream, endpoint) ? ACQUIRED : this.queue(stream, endpoint, thresholds);
      }
      if (endpoint.connections === 0 || endpoint.owned !== null) {
        this.cancel(stream, endpoint);
        stream.connectErrno = LOCAL_FAILURE;
        return EXHAUSTED;
      }
    }
    if (cluster.preconnects) this.preconnect(endpoint, thresholds, stream);
    return WAITING;
  }

  /** One stream of a shared connection that has room. False: none has. */
  private lendStream(stream: Borrower, endpoint: Endpoint): boolean {
    const { sessions } = endpoint;
    stream.wantsNewConnection = false;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i]!;
      if (session.hasRoom && session.mayCarry(stream)
        && (endpoint.owned === null || session.connection.owner === ownerOf(stream))) return session.lend(stream);
    }
    return false;
  }

  /** An endpoint's protocol is known, or another one than before (ALPN). */
  speaks(endpoint: Endpoint, http2: boolean): void {
    if (endpoint.speaksHttp2 === http2) return;
    endpoint.speaksHttp2 = http2;
    for (let stream = endpoint.pendingFirst; stream !== null; stream = stream.pendingNext) stream.shares = http2;
    endpoint.shared.of(null).pending = http2 ? endpoint.pendingCount : 0;
    for (let stream = endpoint.pendingFirst; stream !== null && wantsMore(endpoint, stream);
      stream = stream.pendingNext) {
      if (!this.open(endpoint, endpoint.cluster.traits.normal, stream)) return;
    }
  }

  /** A connection that many share is connected. Null: there is no room for what HTTP/2 needs. */
  share(connection: UpstreamConnection): SharedSession | null {
    const { endpoint } = connection;
    const session = connection.protocol === null ? this.sessions.open(connection) : this.rpc.open(connection);
    if (session === null) return null;
    endpoint.sessions.push(session);
    this.hasRoom(session);
    if (connection.id < endpoint.usableFromId || (endpoint.removed && !session.isUsed)) session.drain();
    return session;
  }

  /** Gives streams of the connection to those who wait. */
  hasRoom(session: SharedSession): void {
    const { endpoint } = session.connection;
    const awaited = endpoint.shared.of(session.connection.protocol);
    while (awaited.pending > 0 && session.hasRoom) {
      const waiting = this.nextFor(session.connection, session);
      if (waiting === null) return;
      this.cancel(waiting, endpoint);
      if (!session.lend(waiting)) { waiting.connectErrno = LOCAL_FAILURE; waiting.events.onConnectFailed(waiting); }
      else waiting.events.onAcquired(waiting);
    }
  }

  /** The connection takes no further stream: those who wait may need another one. */
  leaves(session: SharedSession): void {
    const { endpoint } = session.connection;
    const index = endpoint.sessions.indexOf(session);
    if (index < 0) return;
    endpoint.sessions.splice(index, 1);
    this.replace(session.connection);
  }

  /** Opens connections that may be wanted soon: more than one for each request in progress or waiting. */
  private preconnect(endpoint: Endpoint, thresholds: CircuitBreakerThresholds, stream: Borrower): void {
    const { preconnectRatio } = endpoint.cluster.config.connections;
    if (endpoint.owned !== null || stream.shares) return; // nobody else could use them, or one is enough for many
    for (let opened = 0; opened < limits.preconnectsMax; opened++) {
      const active = endpoint.connections - endpoint.connecting - endpoint.idleCount;
      if ((endpoint.pendingCount + active) * preconnectRatio <= endpoint.connections) return;
      if (!this.open(endpoint, thresholds, stream)) return;
    }
  }

  /** Takes a stream out of the queue it waits in. */
  cancel(stream: Borrower, endpoint: Endpoint): void {
    endpoint.removePending(stream);
    endpoint.cluster.giveBack(ClusterState.pending + stream.breaker);
    endpoint.cluster.gauge(ClusterStat.upstream_rq_pending_active, -1);
  }

  /** The connection may serve another stream: the next in the queue, or it waits idle. */
  release(connection: UpstreamConnection): void {
    const { endpoint } = connection;
    const waiting = this.nextFor(connection);
    if ((endpoint.removed && waiting === null) || connection.id < endpoint.usableFromId || connection.isOver()) {
      connection.close();
      return;
    }
    if (waiting === null) { connection.becomeIdle(); return; }
    this.cancel(waiting, endpoint);
    this.lend(connection, waiting);
    waiting.events.onAcquired(waiting);
  }

  /**
   * The first waiting stream that this connection can serve: a raw tunnel wants a connection that nobody has spoken
   * HTTP on; where many share one, what is spoken on it decides.
   */
  private nextFor(connection: UpstreamConnection, session: SharedSession | null = null): Borrower | null {
    const own = connection.endpoint.owned !== null;
    let stream = connection.endpoint.pendingFirst;
    while (stream !== null && ((stream.rawTunnel && connection.requests > 0) || stream.shares !== connection.shares
      || (stream.shares && stream.protocol !== connection.protocol) || (session !== null && !session.mayCarry(stream))
      || (own && ownerOf(stream) !== connection.owner))) stream = stream.pendingNext;
    return stream;
  }

  /** A connection is closed: those who wait may need another one. */
  closed(connection: UpstreamConnection): void {
    const { endpoint } = connection;
    if (connection.owner !== 0) this.disown(connection);
    this.replace(connection);
    this.free.push(connection);
    endpoint.cluster.retire(endpoint);
  }

  /** Another connection for those who wait, where this one does not serve them any more. */
  private replace(connection: UpstreamConnection): void {
    const { endpoint } = connection;
    const waiting = endpoint.owned === null && endpoint.shared.pending === 0 ? endpoint.pendingFirst
      : this.nextFor(connection);
    if (waiting === null || !wantsMore(endpoint, waiting)) return;
    if (!this.open(endpoint, endpoint.cluster.traits.normal, waiting) && endpoint.connections === 0)
      this.failAll(connection);
  }

  /**
   * Fails every stream that waits for the connection's endpoint (where clients have connections of their own: of its
   * client); one that comes back meanwhile waits for another connection.
   */
  failAll(connection: UpstreamConnection): void {
    const { endpoint } = connection;
    for (let left = endpoint.pendingCount; left > 0; left--) {
      const stream = endpoint.owned === null ? endpoint.pendingFirst : this.nextFor(connection);
      if (stream === null) return;
      this.cancel(stream, endpoint);
      stream.events.onConnectFailed(stream);
    }
  }

  private lend(connection: UpstreamConnection, stream: Borrower): void {
    connection.stream = stream;
    stream.upstream = connection;
  }

  /** A client's connection is closed: those of its own here are not needed any more. */
  ownerClosed(owner: number): void {
    const connections = this.owners.get(owner);
    if (connections === undefined) return;
    this.owners.delete(owner);
    for (const connection of connections) connection.ownerClosed();
  }

  /** Notes who owns a connection, so that it goes with its owner. */
  private own(connection: UpstreamConnection, stream: Borrower): void {
    connection.owner = ownerOf(stream);
    if (connection.owner === 0) return;
    const others = this.owners.get(connection.owner);
    if (others === undefined) this.owners.set(connection.owner, [connection]); else others.push(connection);
  }

  private disown(connection: UpstreamConnection): void {
    const others = this.owners.get(connection.owner);
    if (others === undefined) return;
    if (others.length === 1) this.owners.delete(connection.owner);
    else others.splice(others.indexOf(connection), 1);
  }

  /** Opens a connection if the breaker allows: an endpoint, or a client, without any may always have one. */
  private open(endpoint: Endpoint, thresholds: CircuitBreakerThresholds, stream: Borrower): boolean {
    const { cluster } = endpoint;
    const full = endpoint.openConnections() >= thresholds.maxConnectionsPerEndpoint;
    if (full || !cluster.tryTake(ClusterState.connections, thresholds.maxConnections)) {
      cluster.count(ClusterStat.upstream_cx_overflow);
      if (endpoint.connections > 0 && endpoint.owned === null) return false;
      cluster.take(ClusterState.connections);
    }
    const { socket, proxyProtocol } = cluster.config.connections;
    let target = 0;
    let fd = this.engine.outside.openSocket(endpoint.targets?.[0].address ?? endpoint.address, socket);
    while (fd < 0 && endpoint.targets !== null && ++target < endpoint.targets.length)
      fd = this.engine.outside.openSocket(endpoint.targets[target].address, socket);
    if (fd === -2) {
      cluster.count(ClusterStat.bind_errors);
      cluster.count(ClusterStat.upstream_cx_total);
    }
    if (fd < 0) return this.refuse(endpoint);
    const connection = this.free.pop() ?? new UpstreamConnection(this.engine, this);
    connection.owner = 0;
    if (endpoint.owned !== null) {
      this.own(connection, stream);
      if (proxyProtocol !== null) connection.tellsClient(stream.origin);
    }
    if (!connection.open(fd, endpoint, target, stream)) {
      if (connection.owner !== 0) this.disown(connection);
      this.free.push(connection);
      this.engine.outside.closeSocket(fd);
      return this.refuse(endpoint);
    }
    if (!stream.rawTunnel && stream.protocol === null)
      cluster.count(stream.shares ? ClusterStat.upstream_cx_http2_total : ClusterStat.upstream_cx_http1_total);
    return true;
  }

  private refuse(endpoint: Endpoint): boolean {
    endpoint.cluster.giveBack(ClusterState.connections);
    endpoint.cluster.count(ClusterStat.upstream_cx_connect_fail);
    endpoint.add(EndpointState.connectFailures, 1);
    return false;
  }
}

/** The client's connection that a borrower came by; 0 = none. */
const ownerOf = ({ origin }: Borrower): number => origin === null ? 0 : origin.id;

/** Does it want one stream of a shared connection? */
function shares(stream: Borrower, endpoint: Endpoint): boolean {
  const { protocol } = endpoint.cluster.traits;
  if (stream.protocol !== null) return true;
  return protocol !== 'http1' && !stream.rawTunnel
    && (protocol === 'http2' || (protocol === 'downstream' && stream.framed)
      || (protocol === 'auto' && endpoint.tls !== null && endpoint.speaksHttp2));
}

/** Has it a connection of this protocol whose server does not read? */
function isBackedUp(sessions: readonly SharedSession[], protocol: RpcProtocol | null): boolean {
  for (let i = 0; i < sessions.length; i++)
    if (sessions[i]!.isBackedUp && sessions[i]!.connection.protocol === protocol) return true;
  return false;
}

/** Are the connections that are coming too few for those who wait? */
function wantsMore(endpoint: Endpoint, { shares, protocol }: Borrower): boolean {
  const { connecting, pendingCount, shared, cluster, sessions } = endpoint;
  if (!shares) return connecting - shared.connecting < pendingCount - shared.pending;
  // Before a peer says how many streams it takes, it is thought to take the usual number.
  const { http, rpc } = cluster.config;
  const each = protocol !== null ? (rpc?.maxConcurrentRequests ?? 1)
    : Math.max(1, Math.min(http.http2.maxConcurrentStreams, limits.http2StreamsAssumed));
  const { connecting: coming, pending, alone } = shared.of(protocol);
  if (alone === 0 && isBackedUp(sessions, protocol)) return false;
  // Each that wants one for itself takes one of those that are coming.
  return (coming - alone) * each < pending - alone || coming < alone;
}
