// A client's connection to a chain that is TLS: from the accepted socket to the connection manager or TCP proxy behind
// it. The handshake counts for the listener; only who comes through is a connection of the chain.
import { limits } from '../../core/limits.js';
import { ListenerStat, TlsStat } from '../../telemetry/schema.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import type { Chain } from '../listener/chains.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { Inspection } from '../listener/inspection.js';
import { HELLO_FOUND, HELLO_MORE, ClientHello } from '../listener/client-hello.js';
import { Held } from '../connection/held.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { countFailure, countHandshake, countStaple } from './counts.js';
import { tlsOf, underTls } from './library.js';
import { TlsSession } from './session.js';
import type { HandshakeEvents } from './session.js';

export interface AcceptEvents {
  /** The chain's own connection begins on a channel. Null: there is no room. */
  onSecured(accept: TlsAccept, channel: number, protocol: string): SocketOwner | null;
  /** There will be no connection; its socket is still open. */
  onHandshakeFailed(accept: TlsAccept): void;
  onHandshakeEnded(accept: TlsAccept): void;
}

/** One handshake of a client. */
export class TlsAccept implements SocketOwner, HandshakeEvents, ConnectionFacts {
  listener!: ListenerRuntime;
  chain!: Chain;
  restored: SocketAddress | null = null;
  client: SocketAddress | null = null;
  serverName = '';
  ja3 = '';
  ja4 = '';
  tls: TlsFacts | null = null;
  fd = -1;
  /** Why there was no handshake, and why we ended it, as logs say it. */
  reason = '';
  details = '';
  openedMs = 0;
  private socket = -1;
  private session: TlsSession | null = null;
  private readonly held: Held;
  private readonly timer: number;
  private over = true;

  constructor(private readonly engine: Engine, private readonly events: AcceptEvents) {
    this.held = new Held(engine);
    this.timer = engine.timers.add(this);
  }

  /** Takes a socket over; `socket` < 0: the reactor does not have it yet. False: there is no room. */
  begin(fd: number, socket: number, listener: ListenerRuntime, chain: Chain, facts: Inspection): boolean {
    const { engine } = this;
    this.socket = socket < 0 ? engine.reactor.add(fd, this) : socket;
    if (this.socket < 0) return false;
    if (socket >= 0) engine.reactor.setOwner(socket, this);
    this.fd = fd;
    this.listener = listener;
    this.chain = chain;
    this.restored = facts.restored;
    this.client = facts.client;
    this.serverName = facts.serverName;
    this.ja3 = facts.ja3;
    this.ja4 = facts.ja4;
    this.tls = null;
    this.session = null;
    this.over = false;
    this.reason = this.details = '';
    this.openedMs = facts.openedMs;
    const timeoutMs = chain.handshakeTimeoutMs > 0 ? chain.handshakeTimeoutMs : limits.tlsHandshakeMs;
    engine.timers.arm(this.timer, engine.nowMs + timeoutMs);
    const { tls } = chain;
    if (!tls!.hasChoice || this.serverName !== '') return this.startSession();
    engine.reactor.startReceive(this.socket);
    return true;
  }

  private startSession(): boolean {
    const session = new TlsSession(this.engine, tlsOf(this.engine));
    if (!session.begin(this.socket, this.chain.tls!.choose(this.serverName), true, this)) return false;
    this.session = session;
    return true;
  }

  // Until it is known which certificate the client wants.
  onConnected(): void { /* accepted sockets are connected */ }
  onSendFailed(): void { /* nothing is sent */ }
  onSendDrained(): void { /* nothing is sent */ }
  onReceived(buffer: number, offset: number, length: number): void {
    if (this.session !== null) { this.session.onReceived(buffer, offset, length); return; }
    const { held, engine } = this;
    const fits = held.bytes === 0 ? held.keep(offset, length)
      : held.bytes + length <= limits.tlsHelloBytesMax && held.append(offset, length) === length;
    if (!fits) { this.close(); return; }
    const hello = new ClientHello();
    const found = hello.read(engine.u8, held.at, held.at + held.bytes);
    if (found === HELLO_MORE) return;
    if (found === HELLO_FOUND) this.serverName = hello.serverName;
    if (!this.startSession()) { this.close(); return; }
    this.session!.onReceived(held.buffer, held.at, held.bytes);
    held.drop();
  }
  onReceiveEnd(errno: number): void {
    if (this.session !== null) { this.session.onReceiveEnd(errno); return; }
    this.close(underTls(errno));
  }
  onTimer(): void {
    if (this.over) return;
    this.details = 'transport socket timeout was reached';
    this.engine.count(this.listener.scope, ListenerStat.downstream_cx_transport_socket_connect_timeout);
    const { session } = this;
    if (session === null) { this.close(); return; }
    this.fail('', session);
    session.abandon();
  }

  private close(reason = ''): void {
    const { socket } = this;
    this.fail(reason, null);
    this.engine.reactor.close(socket, false);
  }

  onSecured(session: TlsSession, protocol: string): void {
    const { engine, listener } = this;
    countHandshake(engine, listener.tlsScope, session);
    countStaple(engine, listener.tlsScope, session);
    if (this.serverName === '') this.serverName = session.serverName();
    const facts = new TlsFacts(session);
    if (listener.notesTls || this.chain.notesTls) facts.keep();
    session.onEnd = () => facts.detach();
    const { tlsScope } = listener;
    session.onFault = (reason) => {
      facts.fault = reason;
      engine.count(tlsScope, TlsStat['ssl.connection_error']);
    };
    this.tls = facts;
    const owner = this.events.onSecured(this, session.channel, protocol);
    if (owner === null) session.close(true); else session.setOwner(owner);
    this.leave();
  }

  onHandshakeFailed(session: TlsSession, reason: string): void {
    countFailure(this.engine, this.listener.tlsScope, session, reason);
    this.fail(reason, session);
  }

  /** The socket and the session are still there. */
  private fail(reason: string, session: TlsSession | null): void {
    if (this.over) return;
    this.reason = reason;
    if (session !== null) {
      countStaple(this.engine, this.listener.tlsScope, session);
      this.tls = new TlsFacts(session);
      if (this.serverName === '') this.serverName = session.serverName();
    }
    this.events.onHandshakeFailed(this);
    this.tls = null;
    this.leave();
  }

  private leave(): void {
    if (this.over) return;
    this.over = true;
    this.held.drop();
    this.engine.timers.disarm(this.timer);
    this.session = null;
    this.events.onHandshakeEnded(this);
  }
}
