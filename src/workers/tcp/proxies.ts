// The TCP proxies of one worker: makes and reuses their sessions, finds each an endpoint, and hears what becomes of the
// connection that the pool lends it. A tunnel (CONNECT) is opened on that connection before the session begins.
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { Head } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { ResponseFlag } from '../../core/response-flags.js';
import { ClusterStat, TcpStat } from '../../telemetry/schema.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { ConnectionRegister, ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { ListenerRuntime } from '../listener/listener.js';
import { LARGE } from '../memory/buffers.js';
import type { LogType } from '../proxy/log-filter.js';
import type { CompiledLog } from '../proxy/log-format.js';
import type { Proxy } from '../proxy/request.js';
import { StreamPool } from '../proxy/stream.js';
import type { Stream } from '../proxy/stream.js';
import type { Borrower } from '../upstream/borrower.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { UpstreamEvents } from '../upstream/upstream-side.js';
import { ACQUIRED, OVERFLOW, WAITING } from '../upstream/pool.js';
import { TcpSession } from './session.js';
import type { TcpRuntime } from './runtime.js';

export class TcpProxies implements UpstreamEvents {
  private readonly free: TcpSession[] = [];
  private readonly streams: StreamPool;

  constructor(private readonly engine: Engine, private readonly proxy: Proxy,
      private readonly register: ConnectionRegister) {
    this.streams = new StreamPool(engine, this);
  }

  /** Null when there is no room for another session; the fd is still the caller's. */
  open(fd: number, listener: ListenerRuntime, runtime: TcpRuntime, socket: number,
      facts: ConnectionFacts | null, before: ListenerConnection | null = null): TcpSession | null {
    const { engine, register } = this;
    const stream = this.streams.take();
    if (stream === null) return null;
    const session = this.free.pop() ?? new TcpSession(engine, this);
    if (!session.open(fd, listener, runtime, stream, before?.id ?? register.takeId(), socket, facts)) {
      this.streams.give(stream);
      this.free.push(session);
      return null;
    }
    register.add(session, before);
    engine.count(runtime.scope, TcpStat.downstream_cx_total);
    this.connect(session);
    return session;
  }

  /** Nothing of the session is in use any more. */
  closed(session: TcpSession): void {
    const { stream } = session;
    this.register.remove(session);
    this.streams.give(stream);
    this.free.push(session);
  }

  write(stream: Stream, log: CompiledLog, logType: LogType): void { this.proxy.finish.log.write(stream, log, logType); }

  private connect(session: TcpSession): void {
    const { engine } = this;
    const { stream, runtime } = session;
    const { slot, criteria } = runtime.choose(engine);
    const cluster = this.proxy.clusters.get(slot);
    stream.metadataMatch = criteria;
    if (cluster === null) {
      engine.count(runtime.scope, TcpStat.downstream_cx_no_route);
      this.refuse(session, ResponseFlag.NC);
      return;
    }
    stream.cluster = cluster;
    const thresholds = cluster.traits.normal;
    if (cluster.taken(ClusterState.connections) >= thresholds.maxConnections) {
      cluster.count(ClusterStat.upstream_cx_overflow);
      this.refuse(session, ResponseFlag.UO);
      return;
    }
    if (session.attempts >= runtime.config.maxConnectAttempts) {
      cluster.count(ClusterStat.upstream_cx_connect_attempts_exceeded);
      this.refuse(session, ResponseFlag.URX);
      return;
    }
    const endpoint = this.pick(session, cluster);
    if (endpoint === null) {
      cluster.count(ClusterStat.upstream_cx_none_healthy);
      this.refuse(session, ResponseFlag.UH);
      return;
    }
    session.attempts++;
    stream.attempts++;
    stream.endpoint = endpoint;
    endpoint.request(1);
    const result = this.proxy.upstreams.acquire(stream, endpoint, thresholds);
    if (result === ACQUIRED || result === WAITING) return;
    this.leave(stream);
    if (result === OVERFLOW) stream.lastEndpoint = null; else stream.flags |= ResponseFlag.UF;
    this.connect(session);
  }

  private pick({ stream, runtime, addresses }: TcpSession, cluster: ClusterRuntime) {
    const { destinations } = cluster;
    if (destinations !== null) {
      return addresses.restoredText === '' ? null : destinations.at(addresses.restoredText)?.pick(stream) ?? null;
    }
    const hash = cluster.hashPolicies === null ? runtime.hash : cluster.connectionHash;
    if (hash !== null && cluster.picker?.byHash === true) hash.evaluate(this.engine, stream, addresses, 0, 0);
    return cluster.picker?.pick(stream) ?? null;
  }

  /** No endpoint: the client's connection ends at once. */
  private refuse(session: TcpSession, flag: number): void {
    session.stream.flags |= flag;
    session.close();
  }

  /** The attempt at an endpoint is over. */
  private leave(stream: Stream): void {
    const { endpoint } = stream;
    if (endpoint === null) return;
    if (stream.pending) this.proxy.upstreams.cancel(stream, endpoint);
    endpoint.request(-1);
    stream.endpoint = null;
    stream.lastEndpoint = endpoint;
  }

  /** The session's endpoint has become unhealthy, and the cluster closes what is open to such ones. */
  endpointFailed(session: TcpSession, state: number): void {
    if (session.stream.endpoint?.stateIndex === state) session.close();
  }

  /**
   * Takes a session off its endpoint and closes the connection it used, with a reset or without; `ended`: that was the
   * endpoint's doing.
   */
  detach(stream: Stream, ended: boolean, reset = false): void {
    const { upstream, cluster } = stream;
    stream.upstream = null;
    this.leave(stream);
    if (upstream === null) return;
    cluster!.gauge(ClusterStat.upstream_rq_active, -1);
    upstream.peerEnded = ended;
    upstream.close(reset);
  }

  // What the pool and the connection say.

  onAcquired(borrower: Borrower): void {
    const stream = borrower as Stream;
    const { runtime } = sessionOf(stream);
    const upstream = stream.upstream!;
    const { cluster } = stream;
    cluster!.count(ClusterStat.upstream_rq_total);
    cluster!.gauge(ClusterStat.upstream_rq_active, 1);
    const { outliers, config } = cluster!;
    if (outliers !== null && config.outlierDetection!.splitLocalErrors) outliers.connected(stream.endpoint!);
    else if (outliers !== null) outliers.answered(stream.endpoint!, 200);
    stream.endpoint!.add(EndpointState.requestsTotal, 1);
    stream.upstreamConnectionId = upstream.id;
    stream.upstreamTls = upstream.tls;
    stream.connectStartMs = upstream.openedMs;
    stream.connectEndMs = upstream.connectedMs;
    if (runtime.notesUpstream) upstream.tls?.keep();
    if (runtime.notesUpstream)
      stream.upstreamLocal = this.engine.outside.localAddress(this.engine.reactor.fdOf(upstream.socket));
    if (runtime.tunnel !== null) { this.openTunnel(stream, runtime); return; }
    upstream.beginTunnel();
    sessionOf(stream).connected();
  }

  private openTunnel(stream: Stream, { tunnel }: TcpRuntime): void {
    const { engine } = this;
    const upstream = stream.upstream!;
    const buffer = engine.pool.acquire(LARGE);
    if (buffer < 0) { this.onConnectFailed(stream); return; }
    const at = engine.pool.offsetOf(buffer);
    const end = tunnel!.write(engine, stream, at, at + limits.bufferLargeBytes - 256);
    upstream.beginRequest();
    upstream.sendHead(buffer, at, end - at, end - at, false);
    engine.pool.release(buffer);
  }

  /** No connection, or no tunnel: the next attempt, if there is one left. */
  onConnectFailed(borrower: Borrower): void {
    const stream = borrower as Stream;
    stream.flags |= ResponseFlag.UF;
    if (stream.upstream === null) stream.cluster!.count(ClusterStat.upstream_rq_pending_failure_eject);
    const { outliers } = stream.cluster!;
    if (outliers !== null && stream.endpoint !== null) outliers.failed(stream.endpoint, stream.connectErrno === 110);
    this.detach(stream, stream.upstream?.peerEnded ?? false);
    this.connect(sessionOf(stream));
  }

  onResponseHead(borrower: Borrower, _buffer: number, bodyAt: number, end: number): number {
    const status = this.engine.i32[(this.engine.responseRecord >> 2) + Head.status];
    if (status < 200) return bodyAt;
    if (status < 300) { sessionOf(borrower as Stream).connected(); return bodyAt; }
    (borrower as Stream).transportFailure = `tunnel_response:${status}`;
    this.onConnectFailed(borrower);
    return end;
  }

  /** The endpoint says that it sends nothing more through the tunnel. */
  onResponseEnd(borrower: Borrower): void { this.onUpstreamEnd(borrower, 0); }

  onResponseBytes(borrower: Borrower, buffer: number, at: number, end: number): number {
    return sessionOf(borrower as Stream).toClient(buffer, at, end);
  }
  onResponseRejected(borrower: Borrower): void { this.onUpstreamEnd(borrower, -1); }

  onUpstreamEnd(borrower: Borrower, errno: number): void {
    const session = sessionOf(borrower as Stream);
    if (session.isConnecting) this.onConnectFailed(borrower); else session.endpointEnd(errno);
  }
  onUpstreamDrained(borrower: Borrower): void { sessionOf(borrower as Stream).endpointDrained(); }
  /** Its receiving side tells how it ended. */
  onUpstreamSendFailed(borrower: Borrower): void { sessionOf(borrower as Stream).endpointGone(); }
}

const sessionOf = (stream: Stream): TcpSession => stream.session as TcpSession;
