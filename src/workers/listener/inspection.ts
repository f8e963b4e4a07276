// A connection between accept and its filter chain: listener filters look at its first bytes, in order, then the chain
// is chosen. A connection that no filter wants to hear from never comes into the reactor here. What was read and is no
// filter's own is handed on with the socket.
import { ListenerStat } from '../../telemetry/schema.js';
import type { ChainQuestion } from '../../config/filter-chains.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import { Held } from '../connection/held.js';
import type { Engine } from '../engine.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { INSPECT_CLOSE, INSPECT_WAIT } from './inspectors.js';
import type { Inspected } from './inspectors.js';
import type { ListenerRuntime } from './listener.js';

/** What becomes of a connection once its filters have finished. */
export interface InspectionEvents {
  /** The listener that the connection goes to, if its destination was restored and there is one. */
  listenerAt(inspection: Inspection): ListenerRuntime | null;
  /** Opens the connection where it belongs and returns who has it now; null: nobody took it. */
  settle(inspection: Inspection): SocketOwner | null;
  /** The listener's count has gone down. */
  released(listener: ListenerRuntime): void;
  /** A filter, or time, ended it. */
  lost(inspection: Inspection): void;
  /** No socket slot or buffer is free for it. */
  exhausted(inspection: Inspection): void;
  closeRaw(fd: number): void;
}

export class Inspection implements SocketOwner, Inspected, ChainQuestion, ConnectionFacts {
  listener!: ListenerRuntime;
  fd = -1;
  openedMs = 0;
  /** Id in the reactor, or -1 while no filter has waited. */
  socket = -1;
  serverName = '';
  ja3 = '';
  ja4 = '';
  readonly tls = null;
  transportProtocol = '';
  applicationProtocols: readonly string[] = [];
  restored: SocketAddress | null = null;
  client: SocketAddress | null = null;
  /** It may go to the listener at its original destination, once. */
  private mayMove = false;
  /** The bytes that are looked at, and the filter that looks. */
  private at = 0;
  private end = 0;
  private index = 0;
  private armed = false;
  /** The client has sent its FIN. */
  private ended = false;
  private localAddress: SocketAddress | null = null;
  private peer: SocketAddress | null = null;
  private readonly held: Held;
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly events: InspectionEvents,
      private readonly free: Inspection[]) {
    this.held = new Held(engine);
    this.timer = engine.timers.add(this);
  }

  get local(): SocketAddress | null {
    return this.restored ?? (this.localAddress ??= this.engine.outside.localAddress(this.fd));
  }
  get directRemote(): SocketAddress | null { return this.peer ??= this.engine.outside.peerAddress(this.fd); }
  get remote(): SocketAddress | null { return this.client ?? this.directRemote; }
  restore(address: SocketAddress): void { this.restored = address; }
  cameFrom(address: SocketAddress): void { this.client = address; }

  begin(fd: number, listener: ListenerRuntime): void {
    this.fd = fd;
    this.openedMs = this.engine.nowMs;
    this.socket = -1;
    this.serverName = this.ja3 = this.ja4 = this.transportProtocol = '';
    this.applicationProtocols = [];
    this.restored = this.client = this.localAddress = this.peer = null;
    this.at = this.end = 0;
    this.ended = false;
    this.mayMove = listener.usesOriginalDestination;
    this.enter(listener);
    this.run(-1);
  }

  private enter(listener: ListenerRuntime): void {
    const { engine } = this;
    this.listener = listener;
    this.index = 0;
    listener.count++;
    if (listener.limited) engine.overload.connection(1);
    engine.f64[listener.scope + ListenerStat.downstream_pre_cx_active] += 1;
  }

  private leave(): void {
    const { engine, listener } = this;
    if (this.armed) { this.armed = false; engine.timers.disarm(this.timer); }
    listener.count--;
    if (listener.limited) engine.overload.connection(-1);
    engine.f64[listener.scope + ListenerStat.downstream_pre_cx_active] -= 1;
    this.events.released(listener);
  }

  /** Lets the filters look at [at, end), which lies in `buffer`; -1: nothing has come yet. */
  private run(buffer: number): void {
    const { inspectors } = this.listener;
    for (; this.index < inspectors.length; this.index++) {
      const inspector = inspectors[this.index];
      if (inspector.rests(this)) continue;
      const result = inspector.inspect(this, this.at, this.end);
      if (result === INSPECT_WAIT && this.ended && this.listener.continuesOnTimeout) break;
      if (result === INSPECT_WAIT) { this.wait(); return; }
      if (result === INSPECT_CLOSE) { this.close(); return; }
      this.at += result;
    }
    this.finish(buffer);
  }

  /** More bytes are wanted; what came so far is kept. */
  private wait(): void {
    const { engine, held, listener } = this;
    if (held.bytes > 0) held.consume(this.at - held.at);
    else if (!held.keep(this.at, this.end - this.at)) { this.exhausted(); return; }
    if (this.socket < 0) {
      this.socket = engine.reactor.add(this.fd, this);
      if (this.socket < 0) { this.exhausted(); return; }
      engine.reactor.startReceive(this.socket);
    }
    if (this.armed || listener.inspectionTimeoutMs === 0) return;
    this.armed = true;
    engine.timers.arm(this.timer, engine.nowMs + listener.inspectionTimeoutMs);
  }

  /** All filters have said what they know: the connection begins in its chain. */
  private finish(buffer: number): void {
    const next = this.mayMove && this.restored !== null ? this.events.listenerAt(this) : null;
    this.mayMove = false;
    if (next !== null) {
      this.leave();
      this.enter(next);
      this.run(buffer);
      return;
    }
    if (this.transportProtocol === '') this.transportProtocol = 'raw_buffer';
    const owner = this.events.settle(this);
    if (owner === null) { this.close(false); return; }
    const { at, end } = this;
    this.leave();
    if (end > at) owner.onReceived(buffer, at, end - at);
    if (this.ended) owner.onReceiveEnd(0);
    this.held.drop();
    this.free.push(this);
  }

  private exhausted(): void {
    this.events.exhausted(this);
    this.close();
  }

  private close(unsettled = true): void {
    if (unsettled) this.events.lost(this);
    this.leave();
    // What was read and nobody had is lost, and the client learns it.
    if (this.socket >= 0) this.engine.reactor.close(this.socket, this.end > this.at || this.held.bytes > 0);
    else this.events.closeRaw(this.fd);
    this.held.drop();
    this.free.push(this);
  }

  private received(buffer: number, offset: number, length: number): void {
    const { held } = this;
    if (held.bytes === 0) {
      this.at = offset;
      this.end = offset + length;
      this.run(buffer);
      return;
    }
    if (held.append(offset, length) !== length) { this.exhausted(); return; }
    this.at = held.at;
    this.end = held.at + held.bytes;
    this.run(held.buffer);
  }

  onTimer(): void {
    this.armed = false;
    this.engine.count(this.listener.scope, ListenerStat.downstream_pre_cx_timeout);
    if (this.listener.continuesOnTimeout) this.goOn(); else this.close();
  }

  /** Filters that wait for more have had their chance. */
  private goOn(): void {
    this.at = this.held.at;
    this.end = this.at + this.held.bytes;
    try { this.finish(this.held.buffer); } catch (error) { this.failed(error); }
  }

  onReceived(buffer: number, offset: number, length: number): void {
    try { this.received(buffer, offset, length); } catch (error) { this.failed(error); }
  }

  onReceiveEnd(errno: number): void {
    // What it said is all that filters will ever see.
    if (errno === 0 && this.held.bytes > 0
      && this.listener.continuesOnTimeout) { this.ended = true; this.goOn(); return; }
    this.engine.count(this.listener.scope, errno === 0 ? ListenerStat.downstream_listener_filter_remote_close
      : ListenerStat.downstream_listener_filter_error);
    this.close();
  }

  onConnected(): void { /* accepted sockets are connected */ }
  onSendFailed(): void { /* nothing is sent */ }
  onSendDrained(): void { /* nothing is sent */ }

  /** What goes wrong with one connection ends that connection. */
  private failed(error: unknown): void {
    this.engine.report(error);
    if (!this.free.includes(this)) this.close();
  }
}
