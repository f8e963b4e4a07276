// The HTTP connections of one worker: which class a connection is, by what its client speaks, and counting them.
import type { RpcProtocol } from '../../protocols/protocol.js';
import { protocolNamed } from '../../protocols/protocols.js';
import { HttpStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { ServerSessions } from '../http2/server-session.js';
import { RpcServerSessions } from '../rpc/server-sessions.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { SocketOwner } from '../reactor/reactor.js';
import type { ConnectionFacts } from './addresses.js';
import { DownstreamConnection } from './downstream.js';
import type { DownstreamEvents } from './downstream-side.js';
import { countSecure } from './register.js';
import type { ConnectionRegister, ListenerConnection } from './register.js';

export type Speaks = RpcProtocol | 'http1' | 'http2';

/** What the configuration says; null: a user's codec that did not start. */
function spokenTo({ userProtocols }: Engine, { config: { rpc, codec } }: HcmRuntime): Speaks | null {
  return rpc !== null ? protocolNamed(rpc.protocol, userProtocols) : codec === 'http2' ? 'http2' : 'http1';
}

/** Makes, counts and reuses the HTTP connections of one worker. */
export class DownstreamFactory {
  private readonly free: DownstreamConnection[] = [];
  private readonly http2: ServerSessions;
  private readonly rpc: RpcServerSessions;

  constructor(private readonly engine: Engine, private readonly events: DownstreamEvents,
      private readonly register: ConnectionRegister) {
    this.http2 = new ServerSessions(engine, events, register);
    this.rpc = new RpcServerSessions(engine, events, register);
  }

  /**
   * `speaks`: what is known of what the client speaks; HTTP/1.1 may still turn out to be HTTP/2. `before`: what the
   * connection was so far. Null when the socket table is full, or the codec not there; the fd is still the caller's.
   */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, socket: number, facts: ConnectionFacts | null,
      speaks: Speaks | null = spokenTo(this.engine, hcm), before: ListenerConnection | null = null):
    (SocketOwner & ListenerConnection) | null {
    const { engine, register } = this;
    if (speaks === 'http2') return this.http2.open(fd, listener, hcm, socket, facts, before);
    if (speaks === null) return null;
    if (speaks !== 'http1') return this.rpc.open(fd, listener, hcm, socket, facts, speaks, before);
    const connection = this.free.pop() ?? new DownstreamConnection(engine, this.events, this);
    if (!connection.open(fd, listener, hcm, before?.id ?? register.takeId(), socket, facts)) {
      this.free.push(connection);
      return null;
    }
    register.add(connection, before);
    engine.f64[hcm.scope + HttpStat.downstream_cx_active] += 1;
    engine.count(hcm.scope, HttpStat.downstream_cx_total);
    countSecure(engine, connection, 1);
    return connection;
  }

  /** The connection's first bytes are HTTP/1.1. */
  known({ hcm }: DownstreamConnection): void {
    this.engine.count(hcm.scope, HttpStat.downstream_cx_http1_total);
    this.engine.f64[hcm.scope + HttpStat.downstream_cx_http1_active] += 1;
  }

  /** What the connection goes on as; null: there is no room. */
  becomesHttp2(connection: DownstreamConnection): SocketOwner | null { return this.http2.takeOver(connection); }

  /** Another has its socket, and its place in the register. */
  replaced(connection: DownstreamConnection): void { this.free.push(connection); }

  closed(connection: DownstreamConnection, known: boolean): void {
    const { hcm } = connection;
    const { f64 } = this.engine;
    f64[hcm.scope + HttpStat.downstream_cx_active] -= 1;
    if (known) f64[hcm.scope + HttpStat.downstream_cx_http1_active] -= 1;
    this.engine.count(hcm.scope, HttpStat.downstream_cx_destroy);
    this.engine.count(hcm.scope, connection.peerLeft ? HttpStat.downstream_cx_destroy_remote
      : HttpStat.downstream_cx_destroy_local);
    countSecure(this.engine, connection, -1);
    this.free.push(connection);
    this.register.remove(connection);
  }
}
