// Makes, counts and reuses the RPC connections of clients of one worker.
import type { RpcProtocol } from '../../protocols/protocol.js';
import { HttpStat } from '../../telemetry/schema.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { DownstreamEvents } from '../connection/downstream-side.js';
import { countSecure } from '../connection/register.js';
import type { ConnectionRegister, ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import { RpcRoom } from './room.js';
import { RpcServerSession } from './server-session.js';

export class RpcServerSessions {
  private readonly free: RpcServerSession[] = [];
  private readonly room: RpcRoom;

  constructor(private readonly engine: Engine, private readonly events: DownstreamEvents,
      private readonly register: ConnectionRegister) { this.room = new RpcRoom(engine); }

  /** Null: there is no room; the socket is still the caller's. */
  open(fd: number, listener: ListenerRuntime, hcm: HcmRuntime, socket: number, facts: ConnectionFacts | null,
      protocol: RpcProtocol, before: ListenerConnection | null): RpcServerSession | null {
    const { engine, register } = this;
    if (!this.room.have()) return null;
    const session = this.free.pop() ?? new RpcServerSession(engine, this.room, this.events, this);
    if (!session.open(fd, listener, hcm, before?.id ?? register.takeId(), socket, facts, protocol)) {
      this.free.push(session);
      return null;
    }
    register.add(session, before);
    engine.count(hcm.scope, HttpStat.downstream_cx_total);
    engine.f64[hcm.scope + HttpStat.downstream_cx_active] += 1;
    countSecure(engine, session, 1);
    return session;
  }

  closed(session: RpcServerSession): void {
    const { engine } = this;
    const { scope } = session.hcm;
    engine.f64[scope + HttpStat.downstream_cx_active] -= 1;
    engine.count(scope, HttpStat.downstream_cx_destroy);
    engine.count(scope, session.peerLeft ? HttpStat.downstream_cx_destroy_remote
      : HttpStat.downstream_cx_destroy_local);
    countSecure(engine, session, -1);
    this.free.push(session);
    this.register.remove(session);
  }
}
