// One HTTP/1.1 connection to an endpoint: connects, decodes response heads, hands bytes of bodies on, and says how it
// ended. What a response means for its stream is decided by `UpstreamEvents` (workers/proxy/), never here.
//
//   connecting → idle ⇄ busy(stream) → closed
//
// Bytes of an incomplete head are kept in `held` until more arrive; everything else is handed on from where the kernel
// put it.
import { ClusterState, EndpointState } from '../../core/memory-map.js';
import { Head } from '../../core/generated/layouts.js';
import { ClusterStat, TlsStat } from '../../telemetry/schema.js';
import { Held } from '../connection/held.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Origin } from '../connection/register.js';
import { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import type { Borrower } from './borrower.js';
import type { SocketOwner } from '../reactor/reactor.js';
import type { ClientContext } from '../tls/client-context.js';
import { countFailure, countHandshake } from '../tls/counts.js';
import { tlsOf } from '../tls/library.js';
import { TlsSession } from '../tls/session.js';
import type { HandshakeEvents } from '../tls/session.js';
import type { Endpoint } from './endpoint.js';
import type { UpstreamPool } from './pool.js';
import { writeProxyHeader } from './proxy-header.js';
import { Race } from './race.js';
import type { SharedSession } from './shared-session.js';
import type { Upstream } from './upstream-side.js';

const ECONNABORTED = 103;
const ENOBUFS = 105;
const ECONNREFUSED = 111;
const ETIMEDOUT = 110;

export class UpstreamConnection implements SocketOwner, Upstream, HandshakeEvents {
  readonly framed = false;
  readonly responseEnded = false;
  tls: TlsFacts | null = null;
  endpoint!: Endpoint;
  stream: Borrower | null = null;
  socket = -1;
  /** Requests served, the current one included once it was sent. */
  requests = 0;
  nextIdle: UpstreamConnection | null = null;
  previousIdle: UpstreamConnection | null = null;
  private idle = false;
  private connected = false;
  id = 0;                                                 // of this worker's connections; 0 = never opened
  openedMs = 0;
  connectedMs = 0;
  /** It carries many requests at a time, once it is connected. */
  shares = false;
  /** The RPC protocol that it is for; null: HTTP, or bytes. */
  protocol: RpcProtocol | null = null;
  /** What carries them, once it is connected; else null. */
  private session: SharedSession | null = null;
  /** The client's connection whose requests alone it serves; 0 = anybody's. */
  owner = 0;
  private ownerGone = false;
  /** When it has lived for max_connection_duration. */
  private overMs = Infinity;
  /** While other addresses of the endpoint may still connect. */
  private race: Race | null = null;
  /** The two ends that a PROXY header tells, where one is sent. */
  private source: SocketAddress | null = null;
  private destination: SocketAddress | null = null;
  private headDone = false;
  /** A request or a tunnel is under way. */
  private serving = false;
  /** Why the handshake failed. */
  private transportFailure = '';
  private receiving = false;
  private readonly held: Held;
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly pool: UpstreamPool) {
    this.held = new Held(engine);
    this.timer = engine.timers.add(this);
  }

  /**
   * Starts connecting, to the target of that index where the endpoint has several. False when the socket table is full;
   * the fd is then closed.
   */
  open(fd: number, endpoint: Endpoint, target: number, { shares, protocol }: Borrower): boolean {
    const { engine } = this;
    this.shares = shares;
    this.protocol = protocol;
    this.session = null;
    this.endpoint = endpoint;
    this.stream = null;
    this.requests = 0;
    this.connected = this.peerEnded = this.idle = this.headDone = this.serving = this.receiving = false;
    this.ownerGone = false;
    this.unread = 0;
    this.transportFailure = '';
    this.tls = null;
    this.overMs = Infinity;
    this.socket = engine.reactor.add(fd, this);
    if (this.socket < 0) return false;
    this.openedMs = engine.nowMs;
    this.connectedMs = 0;
    this.id = this.engine.nextConnectionId++;
    endpoint.connections++;
    this.countConnecting(1);
    const { cluster } = endpoint;
    cluster.count(ClusterStat.upstream_cx_total);
    cluster.gauge(ClusterStat.upstream_cx_active, 1);
    endpoint.connection(1);
    endpoint.add(EndpointState.connectionsTotal, 1);
    engine.timers.arm(this.timer, engine.nowMs + cluster.config.connectTimeoutMs);
    const { targets } = endpoint;
    if (targets === null) engine.reactor.connect(this.socket, endpoint.sockaddr, endpoint.sockaddrBytes);
    else {
      engine.reactor.connect(this.socket, targets[target].sockaddr, targets[target].bytes);
      if (target + 1 < targets.length) this.race = new Race(engine, this, targets, target + 1);
    }
    return true;
  }

  private countConnecting(by: number): void {
    this.endpoint.connecting += by;
    if (this.shares) this.endpoint.shared.of(this.protocol).connecting += by;
  }

  /** Another address of the endpoint connected first. */
  wonBy(socket: number): void {
    if (this.socket >= 0) this.engine.reactor.close(this.socket, false);
    this.socket = socket;
    this.onConnected(0);
  }
  /** No address of the endpoint could be connected to. */
  lost(errno: number): void {
    this.endRace();
    this.onConnected(errno);
  }
  private endRace(): void {
    if (this.race !== null) this.race.end();
    this.race = null;
  }

  /** A PROXY header tells about this client; null: about none. Before `open`. */
  tellsClient(origin: Origin | null): void {
    this.source = origin === null ? null : origin.addresses.remote;
    this.destination = origin === null ? null : origin.addresses.local;
  }

  /** Has it lived long enough, or is the client gone whose it is? */
  isOver(): boolean {
    if (this.ownerGone) return true;
    if (this.overMs > this.engine.nowMs) return false;
    this.endpoint.cluster.count(ClusterStat.upstream_cx_max_duration_reached);
    return true;
  }

  ownerClosed(): void {
    this.ownerGone = true;
    if (this.idle) this.closeIdle(); else if (this.session !== null) this.session.drain();
  }

  /** HTTP/2 has ended on it. */
  sessionClosed(used: boolean, peerEnded: boolean): void {
    this.session = null;
    this.serving = used;
    this.peerEnded = peerEnded;
    this.close();
  }

  /** A request is about to be written: the next bytes received are its response. */
  beginRequest(): void {
    this.requests++;
    this.headDone = false;
    this.serving = true;
  }

  sendHead(buffer: number, at: number, _headBytes: number, bytes: number, more: boolean): void {
    this.engine.reactor.send(this.socket, buffer, at, bytes, more);
  }
  endRequest(): void { throw new Error('HTTP/1.1 tells ends by its framing'); }
  giveBack(): void { this.pool.release(this); }

  /** The response is over, and with it the request. */
  answered(): void { this.serving = false; }

  /** The connection becomes a raw tunnel: every byte belongs to the stream. */
  beginTunnel(): void {
    this.requests++;
    this.headDone = this.serving = true;
  }

  /** It is the peer who ended the connection. */
  peerEnded = false;
  /** Bytes received and not yet looked at: a response that ends before them leaves a peer out of step. */
  unread = 0;
  /** Has a part of the response head arrived? */
  get hasBegun(): boolean { return this.held.bytes > 0; }
  /** Its peer ended it within a response head, or behind one. */
  get cutShort(): boolean { return this.peerEnded && (this.headDone || this.held.bytes > 0); }

  becomeIdle(): void {
    const { endpoint, engine } = this;
    this.stream = null;
    this.idle = true;
    this.previousIdle = null;
    this.nextIdle = endpoint.idle;
    if (endpoint.idle !== null) endpoint.idle.previousIdle = this;
    endpoint.idle = this;
    endpoint.idleCount++;
    if (endpoint.owned !== null) endpoint.owned.set(this.owner, this);
    const { idleTimeoutMs } = endpoint.cluster.traits;
    if (idleTimeoutMs > 0) engine.timers.arm(this.timer, Math.min(this.overMs, engine.nowMs + idleTimeoutMs));
    else if (this.overMs < Infinity) engine.timers.arm(this.timer, this.overMs);
    else engine.timers.disarm(this.timer);
  }

  leaveIdle(): void {
    if (this.previousIdle === null) this.endpoint.idle = this.nextIdle; else this.previousIdle.nextIdle = this.nextIdle;
    if (this.nextIdle !== null) this.nextIdle.previousIdle = this.previousIdle;
    this.nextIdle = this.previousIdle = null;
    this.idle = false;
    this.endpoint.idleCount--;
    const { owned } = this.endpoint;
    if (owned !== null && owned.get(this.owner) === this) owned.delete(this.owner);
    this.engine.timers.disarm(this.timer);
  }

  closeIdle(): void {
    this.leaveIdle();
    this.close();
  }

  /** Closes the socket and leaves the pool. The stream, if any, is the caller's business. */
  close(reset = false): void {
    if (this.socket < 0 && this.race === null) return;
    const { engine, endpoint } = this;
    const { cluster } = endpoint;
    if (this.idle) this.leaveIdle();
    if (this.race !== null) this.endRace();
    if (this.socket >= 0) engine.reactor.close(this.socket, reset);
    this.socket = -1;
    this.stream = null;
    this.held.drop();
    engine.timers.disarm(this.timer);
    endpoint.connections--;
    if (!this.connected) this.countConnecting(-1);
    endpoint.connection(-1);
    cluster.giveBack(ClusterState.connections);
    cluster.gauge(ClusterStat.upstream_cx_active, -1);
    cluster.count(ClusterStat.upstream_cx_destroy);
    cluster.count(this.peerEnded ? ClusterStat.upstream_cx_destroy_remote : ClusterStat.upstream_cx_destroy_local);
    if (this.serving) {
      cluster.count(ClusterStat.upstream_cx_destroy_with_active_rq);
      cluster.count(this.peerEnded ? ClusterStat.upstream_cx_destroy_remote_with_active_rq
        : ClusterStat.upstream_cx_destroy_local_with_active_rq);
    }
    engine.observe(cluster.lengthCell, engine.nowMs - this.openedMs);
    this.pool.closed(this);
  }

  /** Stops or continues taking bytes (back-pressure from the downstream side). */
  pause(): void {
    if (!this.receiving) return;
    this.receiving = false;
    this.engine.reactor.stopReceive(this.socket);
  }
  resume(): void {
    if (this.socket < 0 || this.receiving) return;
    this.receiving = true;
    this.engine.reactor.startReceive(this.socket);
    this.offerHeld();
  }

  // Entries from the reactor and the timer: what goes wrong with one connection ends that connection and its stream,
  // nothing else.
  onTimer(): void { try { this.timerFired(); } catch (error) { this.failed(error); } }
  onConnected(errno: number): void { try { this.connectedWith(errno); } catch (error) { this.failed(error); } }
  onReceived(buffer: number, offset: number, length: number): void {
    try { this.received(buffer, offset, length); } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void { try { this.receiveEnd(errno); } catch (error) { this.failed(error); } }
  onSendFailed(): void {
    try {
      if (this.stream !== null) this.stream.events.onUpstreamSendFailed(this.stream); else this.close();
    } catch (error) { this.failed(error); }
  }
  onSendDrained(): void {
    const { stream } = this;
    try { if (stream !== null) stream.events.onUpstreamDrained(stream); } catch (error) { this.failed(error); }
  }

  private failed(error: unknown): void {
    this.engine.report(error);
    const { stream } = this;
    try {
      if (stream !== null) stream.events.onUpstreamEnd(stream, ECONNABORTED);
    } catch (again) {
      this.engine.report(again);
    }
    this.close();
  }

  private timerFired(): void {
    if (!this.connected) {
      this.endpoint.cluster.count(ClusterStat.upstream_cx_connect_timeout);
      this.connectFailed(110);
    } else if (this.idle) {
      if (!this.isOver()) this.endpoint.cluster.count(ClusterStat.upstream_cx_idle_timeout);
      this.closeIdle();
    }
  }

  private connectedWith(errno: number): void {
    if (this.race !== null && errno !== 0) {
      this.engine.reactor.close(this.socket, false);
      this.socket = -1;
      if (this.race.goesOn()) return;
      this.endRace();
    }
    if (errno !== 0) { this.connectFailed(errno); return; }
    if (this.race !== null) this.endRace();
    const { proxyProtocol } = this.endpoint.cluster.config.connections;
    if (proxyProtocol !== null && !this.sendProxyHeader(proxyProtocol)) return;
    if (this.endpoint.tls === null) this.ready(); else this.secure(this.endpoint.tls);
  }

  /** Connected, and the handshake begins. */
  private secure(tls: ClientContext): void {
    const { engine, endpoint } = this;
    const { sni, autoHostSni, autoSniSanValidation } = tls.tls;
    const { serverNames } = endpoint.cluster.traits, asked = serverNames === null ? null : endpoint.serverName;
    const serverName = asked !== null && serverNames!.sni && !asked.isAddress ? asked.text
      : autoHostSni && endpoint.hostname !== '' ? endpoint.hostname : sni;
    const verified = asked !== null && serverNames!.san ? asked.text : autoSniSanValidation ? serverName : '';
    const context = tls.contextFor(verified);
    if (context === null) {
      engine.count(endpoint.cluster.transports!.scope, TlsStat.upstream_context_secrets_not_ready);
      this.transportFailure = 'TLS_error:Secret_is_not_supplied_by_SDS';
      this.connectFailed(ECONNREFUSED);
      return;
    }
    const session = new TlsSession(engine, tlsOf(engine));
    if (!session.begin(this.socket, context, false, this)) { this.connectFailed(ENOBUFS); return; }
    session.setOwner(this);
    session.onFault = () => engine.count(endpoint.cluster.transports!.scope, TlsStat['ssl.connection_error']);
    session.onEnd = () => {
      tls.keep(session, serverName, verified);
      this.tls?.detach();
    };
    this.socket = session.channel;
    tls.prepare(session, serverName, verified);
    session.speakFirst();
  }

  onSecured(session: TlsSession, protocol: string): void {
    countHandshake(this.engine, this.endpoint.cluster.transports!.scope, session);
    this.tls = new TlsFacts(session);
    if (this.endpoint.cluster.traits.protocol === 'auto') this.speaks(protocol === 'h2');
    this.ready();
  }

  /** ALPN has said which: those who wait, and those who come next, go by it. */
  private speaks(http2: boolean): void {
    const { endpoint } = this;
    if (this.shares !== http2) {
      endpoint.shared.of(null).connecting += http2 ? 1 : -1;
      this.shares = http2;
    }
    this.pool.speaks(endpoint, http2);
  }

  onHandshakeFailed(session: TlsSession, reason: string): void {
    countFailure(this.engine, this.endpoint.cluster.transports!.scope, session, reason);
    this.transportFailure = reason;
    this.connectFailed(0);                               // TCP was connected
  }

  /** Everything below HTTP is in place. */
  private ready(): void {
    const { engine, endpoint } = this;
    this.connected = true;
    this.connectedMs = engine.nowMs;
    this.countConnecting(-1);
    engine.timers.disarm(this.timer);
    engine.observe(endpoint.cluster.connectCell, engine.nowMs - this.openedMs);
    const { maxDurationMs } = endpoint.cluster.config.connections;
    if (maxDurationMs > 0) this.overMs = engine.nowMs + maxDurationMs;
    if (this.shares) {
      this.session = this.pool.share(this);
      if (this.session === null) this.connectFailed(ENOBUFS);
      return;
    }
    this.receiving = true;
    engine.reactor.startReceive(this.socket);
    this.pool.release(this);
  }

  /** False: there was no buffer, and the connection is given up. */
  private sendProxyHeader(version: 1 | 2): boolean {
    const { engine } = this;
    const buffer = engine.small();
    if (buffer < 0) { this.connectFailed(ENOBUFS); return false; }
    const at = engine.pool.offsetOf(buffer);
    const bytes = writeProxyHeader(engine, at, version, this.source, this.destination);
    engine.reactor.send(this.socket, buffer, at, bytes, false);
    engine.pool.release(buffer);
    return true;
  }

  private connectFailed(errno: number): void {
    const { endpoint } = this;
    endpoint.cluster.count(ClusterStat.upstream_cx_connect_fail);
    endpoint.add(EndpointState.connectFailures, 1);
    for (let stream = endpoint.pendingFirst; stream !== null; stream = stream.pendingNext) {
      stream.connectErrno = errno;
      stream.transportFailure = this.transportFailure;
    }
    this.peerEnded = errno !== ETIMEDOUT;
    this.pool.failAll(this);
    this.close();
  }

  private received(buffer: number, offset: number, length: number): void {
    const { stream } = this;
    this.endpoint.cluster.gauge(ClusterStat.upstream_cx_rx_bytes_total, length);
    if (stream === null) {
      // Nobody asked: a late answer or a peer out of step. The connection cannot be trusted any more.
      this.endpoint.cluster.count(ClusterStat.upstream_cx_protocol_error);
      if (this.idle) this.closeIdle(); else this.close();
      return;
    }
    if (this.held.bytes > 0) { this.appendHeld(stream, offset, length); return; }
    const end = offset + length;
    const taken = this.process(stream, buffer, offset, end);
    if (taken < end && this.stream !== null) this.hold(taken, end);
  }

  /** In steps: a complete head makes room in the largest buffer for what follows it. */
  private appendHeld(stream: Borrower, offset: number, length: number): void {
    const { held } = this;
    for (this.unread = length; this.unread > 0;) {
      const taken = held.bytes > 0 ? held.append(offset, this.unread)
        : held.keep(offset, this.unread) ? this.unread : -1;
      if (taken <= 0) { stream.events.onResponseRejected(stream, 0); break; }
      offset += taken;
      this.unread -= taken;
      this.offerHeld();
      if (this.stream !== stream) break;                    // over; with bytes unread the connection was not used again
    }
    this.unread = 0;
  }

  private hold(at: number, end: number): void {
    if (!this.held.keep(at, end - at)) this.stream!.events.onResponseRejected(this.stream!, 0);
  }

  private offerHeld(): void {
    const { stream, held } = this;
    if (stream === null || held.bytes === 0) return;
    const { buffer, at } = held;
    const taken = this.process(stream, buffer, at, at + held.bytes);
    // Also when the stream is over: what is held belongs to its response, never to the next one. A closed connection
    // has dropped it.
    if (held.buffer === buffer) held.consume(taken - at);
  }

  private process(stream: Borrower, buffer: number, at: number, end: number): number {
    while (at < end && this.stream === stream) {
      if (this.headDone) {
        const taken = stream.events.onResponseBytes(stream, buffer, at, end);
        if (taken === at) return at;
        at = taken;
        continue;
      }
      const { engine } = this;
      const { traits } = this.endpoint.cluster;
      const used = engine.codecs.h1DecodeResponse(at, end, engine.responseRecord,
        traits.decodeOptions, traits.responseHeadBytesMax, traits.responseHeadersMax);
      if (used < 0) return at;
      if (used === 0) {
        stream.events.onResponseRejected(stream, engine.i32[(engine.responseRecord >> 2) + Head.code]);
        return end;
      }
      const status = engine.i32[(engine.responseRecord >> 2) + Head.status];
      this.headDone = status >= 200 || status === 101;
      at = stream.events.onResponseHead(stream, buffer, at + used, end);
    }
    return at;
  }

  private receiveEnd(errno: number): void {
    const { stream } = this;
    this.peerEnded = true;
    if (stream === null) {
      if (this.idle) this.closeIdle(); else this.close();
      return;
    }
    stream.events.onUpstreamEnd(stream, errno);
  }
}
