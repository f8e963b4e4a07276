// A connection of a port with protocol AUTO, until its first bytes say what it speaks. It is the listener's connection
// like any; then another object has its socket and its place. What nobody knows goes to the chain's TCP proxy.
import { HttpStat, histogramCell } from '../../telemetry/schema.js';
import { RECOGNITION_BYTES_MAX, recognise } from '../../protocols/recognise.js';
import { ConnectionAddresses } from '../connection/addresses.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { Speaks } from '../connection/downstream-factory.js';
import { Held } from '../connection/held.js';
import type { ConnectionRegister, ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { SocketOwner } from '../reactor/reactor.js';
import type { Chain, ChainEnd } from './chains.js';
import type { HcmRuntime } from './hcm.js';
import type { ListenerRuntime } from './listener.js';
import type { NetworkFilters } from './network-filters.js';

export interface RecognitionEvents {
  /**
   * What the connection goes on as, in the register's place of `recognition`; null: there is no room. 'unknown' is of
   * chains that have a TCP proxy.
   */
  recognised(recognition: Recognition, found: Speaks | 'unknown'): (SocketOwner & ListenerConnection) | null;
  overflown(listener: ListenerRuntime): void;
}

export class Recognition implements SocketOwner, ListenerConnection {
  readonly id: number;
  readonly openedMs: number;
  readonly addresses: ConnectionAddresses;
  /** A copy: who found them out goes on to other connections. */
  readonly facts: ConnectionFacts;
  nextOfListener: ListenerConnection | null = null;
  previousOfListener: ListenerConnection | null = null;
  filters: NetworkFilters | null = null;
  filterMask = 0;
  readonly logged = null;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;
  readonly hcm: HcmRuntime;
  socket = -1;
  /** Who has the socket now. */
  private next: SocketOwner | null = null;
  private closed = false;
  private draining = false;
  private detectionAtMs = Infinity;
  private idleAtMs = Infinity;
  private readonly held: Held;
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly register: ConnectionRegister,
      private readonly events: RecognitionEvents, readonly listener: ListenerRuntime, readonly chain: Chain,
      readonly fd: number, facts: ConnectionFacts) {
    this.hcm = chain.hcm!;
    this.id = register.takeId();
    this.openedMs = engine.nowMs;
    const { restored, client, serverName, ja3, ja4, tls } = facts;
    this.facts = { restored, client, serverName, ja3, ja4, tls };
    this.addresses = new ConnectionAddresses(engine);
    this.addresses.reset(fd);
    this.addresses.learn(facts);
    if (listener.logs.length > 0) this.addresses.note();
    this.held = new Held(engine);
    this.timer = engine.timers.add(this);
  }

  get chainName(): string { return this.hcm.chainName; }
  get chainEnd(): ChainEnd { return this.hcm.config; }

  /** `known`: the socket's id where the reactor has it, or -1. False: there is no room; the socket is the caller's. */
  begin(known: number): boolean {
    const { engine } = this;
    this.socket = known < 0 ? engine.reactor.add(this.fd, this) : known;
    if (this.socket < 0) { engine.timers.remove(this.timer); return false; }
    if (known >= 0) engine.reactor.setOwner(known, this);
    this.register.add(this);
    const { detectionTimeoutMs } = this.hcm.config.rpc!;
    if (detectionTimeoutMs > 0) this.detectionAtMs = engine.nowMs + detectionTimeoutMs;
    this.deadlineChanged();
    engine.reactor.startReceive(this.socket);
    return true;
  }

  private received(buffer: number, offset: number, length: number): void {
    const { engine, held } = this;
    if (held.bytes === 0) {
      const found = recognise(engine.u8, offset, offset + length, engine.userProtocols);
      if (found !== 'more') this.goOn(found)?.onReceived(buffer, offset, length);
      else if (!held.keep(offset, length)) this.exhausted();
      return;
    }
    const more = Math.min(length, RECOGNITION_BYTES_MAX - held.bytes);
    if (held.append(offset, more) !== more) { this.exhausted(); return; }
    const found = recognise(engine.u8, held.at, held.at + held.bytes, engine.userProtocols);
    if (found === 'more') return;
    const next = this.goOn(found);
    if (length > more) next?.onReceived(buffer, offset + more, length - more);
  }

  /** The connection is another's now, who has heard what was held back. Null: it is closed. */
  private goOn(found: Speaks | 'unknown'): SocketOwner | null {
    const { engine, held } = this;
    if (found === 'unknown' && this.chain.tcp === null) {
      engine.count(this.hcm.scope, HttpStat.downstream_cx_protocol_error);
      this.close();
      return null;
    }
    const next = this.events.recognised(this, found);
    if (next === null) { this.exhausted(); return null; }
    this.next = next;
    engine.timers.remove(this.timer);
    if (this.draining) next.drain(false, 0);
    if (held.bytes > 0) next.onReceived(held.buffer, held.at, held.bytes);
    held.drop();
    return next;
  }

  private exhausted(): void {
    this.events.overflown(this.listener);
    this.close();
  }

  /** What was read and nobody had is lost, and the client learns it. */
  private close(): void {
    if (this.closed) return;
    this.closed = true;
    const { engine, hcm, held } = this;
    engine.reactor.close(this.socket, held.bytes > 0);
    held.drop();
    engine.timers.remove(this.timer);
    engine.count(hcm.scope, HttpStat.downstream_cx_total);
    engine.count(hcm.scope, HttpStat.downstream_cx_destroy);
    engine.observe(hcm.connectionLengthCell, engine.nowMs - this.openedMs);
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.openedMs);
    this.register.remove(this);
  }

  onReceived(buffer: number, offset: number, length: number): void {
    if (this.closed) return;
    if (this.next !== null) { this.next.onReceived(buffer, offset, length); return; }
    try { this.received(buffer, offset, length); } catch (error) { this.failed(error); }
  }

  /** A client that says no more will not be understood any better. */
  onReceiveEnd(errno: number): void {
    if (this.closed) return;
    if (this.next !== null) { this.next.onReceiveEnd(errno); return; }
    try {
      if (errno !== 0 || this.held.bytes === 0) this.close(); else this.goOn('unknown')?.onReceiveEnd(errno);
    } catch (error) { this.failed(error); }
  }
  onSendFailed(errno: number): void { this.next?.onSendFailed(errno); }
  onSendDrained(): void { this.next?.onSendDrained(); }
  onConnected(): void { /* accepted sockets are connected */ }

  onTimer(nowMs: number): void {
    if (this.next !== null) return;
    try {
      if (nowMs >= this.detectionAtMs) this.goOn('unknown');
      else if (nowMs >= this.idleAtMs) {
        this.engine.count(this.hcm.scope, this.draining ? HttpStat.downstream_cx_drain_close
          : HttpStat.downstream_cx_idle_timeout);
        this.close();
      } else this.arm();
    } catch (error) { this.failed(error); }
  }

  private arm(): void {
    const next = Math.min(this.detectionAtMs, this.idleAtMs);
    if (next < Infinity) this.engine.timers.arm(this.timer, next); else this.engine.timers.disarm(this.timer);
  }

  deadlineChanged(): void {
    const { engine, hcm: { config } } = this;
    const idleMs = engine.overload.active ? engine.overload.connectionIdleMs(config.idleTimeoutMs)
      : config.idleTimeoutMs;
    if (!this.draining) this.idleAtMs = idleMs > 0 ? this.openedMs + idleMs : Infinity;
    this.arm();
  }

  /** Its first request may be on its way. */
  drain(closeIdle: boolean): void {
    if (closeIdle && this.held.bytes === 0) { this.close(); return; }
    this.draining = true;
    this.idleAtMs = Math.min(this.idleAtMs, this.engine.nowMs + this.hcm.config.drainTimeoutMs);
    this.arm();
  }

  private failed(error: unknown): void {
    this.engine.count(this.hcm.scope, HttpStat.weft_internal_error);
    this.engine.report(error);
    if (this.next === null) this.close();
  }
}
