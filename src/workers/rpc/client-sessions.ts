// Makes and reuses the RPC connections to endpoints of one worker.
import type { Engine } from '../engine.js';
import type { UpstreamConnection } from '../upstream/connection.js';
import type { UpstreamPool } from '../upstream/pool.js';
import { RpcClientSession } from './client-session.js';
import type { RpcClientStream } from './client-stream.js';
import { RpcRoom } from './room.js';

export class RpcClientSessions {
  private readonly free: RpcClientSession[] = [];
  private readonly room: RpcRoom;
  private readonly told: (RpcClientStream | null)[] = [];
  private toldCount = 0;

  constructor(private readonly engine: Engine, private readonly pool: UpstreamPool) { this.room = new RpcRoom(engine); }

  /** An RPC protocol on a connection that has just connected. Null: there is no room. */
  open(connection: UpstreamConnection): RpcClientSession | null {
    if (!this.room.have()) return null;
    const session = this.free.pop() ?? new RpcClientSession(this.engine, this.room, this.pool, this);
    if (session.open(connection)) return session;
    this.free.push(session);
    return null;
  }

  give(session: RpcClientSession): void { this.free.push(session); }

  /** The stream hears of it when the turn is over. */
  tellLater(stream: RpcClientStream): void {
    if (this.toldCount === 0) this.engine.reactor.flushLater(this);
    stream.awaitsTurn = true;
    this.told[this.toldCount++] = stream;
  }

  flush(): void {
    const count = this.toldCount;
    this.toldCount = 0;
    for (let i = 0; i < count; i++) {
      const stream = this.told[i]!;
      this.told[i] = null;
      try { stream.tell(); } catch (error) { this.engine.report(error); }
    }
  }
}
