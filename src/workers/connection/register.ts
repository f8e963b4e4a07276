// The connections of one worker, whatever protocol they speak: each hangs in the list of its listener, and is counted
// there, for the worker and for the process.
import { Control } from '../../core/memory-map.js';
import { HttpStat, ListenerStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { ChainEnd } from '../listener/chains.js';
import type { HcmRuntime } from '../listener/hcm.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { NetworkFilters } from '../listener/network-filters.js';
import type { Stream } from '../proxy/stream.js';
import type { ConnectionAddresses } from './addresses.js';

/** What logs and formats ask about the connection that something came by. */
export interface Origin {
  readonly listener: ListenerRuntime;
  readonly addresses: ConnectionAddresses;
  readonly id: number;
  readonly chainName: string;
}

export interface ListenerConnection extends Origin {
  nextOfListener: ListenerConnection | null;
  previousOfListener: ListenerConnection | null;
  /** Network filters that count it, and which of them; null = none. */
  filters: NetworkFilters | null;
  filterMask: number;
  /** What ends its filter chain, or null: none has it. */
  readonly chainEnd: ChainEnd | null;
  readonly openedMs: number;
  /** Of HTTP; zero before the first request. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** What logs say of it besides, or null. */
  readonly logged: Stream | null;
  /** Goes when it can; `closeIdle`: at once where nothing is in progress. After `graceMs` it must be gone. */
  drain(closeIdle: boolean, graceMs: number): void;
  /** Timeouts have become shorter or longer under it. */
  deadlineChanged(): void;
}

/** HTTP connections that came by TLS are counted among all, when they begin and when they are over. */
export function countSecure({ f64 }: Engine, { hcm: { scope }, addresses }: SecureConnection, by: 1 | -1): void {
  if (!addresses.secure) return;
  f64[scope + HttpStat.downstream_cx_ssl_active] += by;
  if (by > 0) f64[scope + HttpStat.downstream_cx_ssl_total] += 1;
}
interface SecureConnection { readonly hcm: HcmRuntime; readonly addresses: ConnectionAddresses }

export interface RegisterEvents {
  released(listener: ListenerRuntime): void;
  /** A connection is over; its listener still counts it. */
  ended(connection: ListenerConnection): void;
}

export class ConnectionRegister {
  private nextId = 1;
  private open = 0;
  private judges: NetworkFilters | null = null;

  constructor(private readonly engine: Engine, private readonly events: RegisterEvents) {}

  takeId(): number { return this.nextId++; }

  /** The next connection that is added was judged by these filters; null: by none, or there is no connection. */
  judgedBy(filters: NetworkFilters | null): void { this.judges = filters; }

  /** `before`: a connection of the register's that goes on as this one; null: there is none. */
  add(connection: ListenerConnection, before: ListenerConnection | null = null): void {
    if (before !== null) { this.replace(before, connection); return; }
    const { listener } = connection;
    connection.filters = this.judges;
    if (this.judges !== null) connection.filterMask = this.judges.mask;
    connection.previousOfListener = null;
    connection.nextOfListener = listener.connections;
    if (listener.connections !== null) listener.connections.previousOfListener = connection;
    listener.connections = connection;
    listener.count++;
    this.gauge(listener, 1);
    this.engine.count(listener.scope, ListenerStat.downstream_cx_total);
  }

  /** Something of the listener's goes on that is no connection yet: its configuration stays. */
  hold(listener: ListenerRuntime): void { listener.count++; }
  letGo(listener: ListenerRuntime): void {
    listener.count--;
    this.events.released(listener);
  }

  /** A connection goes on as another object, which takes its place. */
  replace(before: ListenerConnection, after: ListenerConnection): void {
    const { listener, nextOfListener: next, previousOfListener: previous } = before;
    after.filters = before.filters;
    after.filterMask = before.filterMask;
    after.nextOfListener = next;
    after.previousOfListener = previous;
    if (previous === null) listener.connections = after; else previous.nextOfListener = after;
    if (next !== null) next.previousOfListener = after;
    before.nextOfListener = before.previousOfListener = null;
  }

  remove(connection: ListenerConnection): void {
    const { listener } = connection;
    this.events.ended(connection);
    if (connection.previousOfListener === null) listener.connections = connection.nextOfListener;
    else connection.previousOfListener.nextOfListener = connection.nextOfListener;
    if (connection.nextOfListener !== null)
      connection.nextOfListener.previousOfListener = connection.previousOfListener;
    connection.nextOfListener = connection.previousOfListener = null;
    if (connection.filters !== null) connection.filters.release(connection.filterMask);
    listener.count--;
    this.gauge(listener, -1);
    this.engine.count(listener.scope, ListenerStat.downstream_cx_destroy);
    this.events.released(listener);
  }

  private gauge(listener: ListenerRuntime, by: number): void {
    const { engine } = this;
    if (listener.limited) engine.overload.connection(by);
    this.open += by;
    engine.f64[listener.scope + ListenerStat.downstream_cx_active] += by;
    Atomics.store(engine.i32, engine.control + Control.connections, this.open);
  }
}
