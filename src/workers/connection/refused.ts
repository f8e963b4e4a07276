// A connection that a network filter refused: counted as one, never read, closed now or after the filter's delay.
import { histogramCell } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { SocketOwner } from '../reactor/reactor.js';
import { ConnectionAddresses } from './addresses.js';
import type { ConnectionRegister, ListenerConnection } from './register.js';

export class RefusedConnection implements ListenerConnection, SocketOwner {
  readonly addresses: ConnectionAddresses;
  readonly chainName = '';
  readonly chainEnd = null;
  nextOfListener: ListenerConnection | null = null;
  previousOfListener: ListenerConnection | null = null;
  filters = null;
  filterMask = 0;
  readonly id: number;
  private readonly timer: number;
  readonly openedMs: number;
  readonly logged = null;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;
  private open = true;

  /** `socket`: its id where the reactor has it, or -1. */
  constructor(private readonly engine: Engine, private readonly register: ConnectionRegister,
      readonly listener: ListenerRuntime, private readonly fd: number, private readonly socket: number,
      delayMs: number) {
    this.addresses = new ConnectionAddresses(engine);
    this.addresses.reset(fd);
    if (listener.logs.length > 0) this.addresses.note();
    this.id = register.takeId();
    this.openedMs = engine.nowMs;
    this.timer = engine.timers.add(this);
    register.add(this);
    if (socket >= 0) engine.reactor.setOwner(socket, this);
    if (delayMs > 0) engine.timers.arm(this.timer, engine.nowMs + delayMs); else this.close();
  }

  private close(): void {
    if (!this.open) return;
    this.open = false;
    const { engine } = this;
    engine.timers.remove(this.timer);
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.openedMs);
    if (this.socket >= 0) engine.reactor.close(this.socket, false); else engine.outside.closeSocket(this.fd);
    this.register.remove(this);
  }

  onTimer(): void { this.close(); }
  onReceiveEnd(): void { this.close(); }
  onReceived(): void { /* nobody reads it */ }
  onSendFailed(): void { /* nothing is sent */ }
  onSendDrained(): void { /* nothing is sent */ }
  onConnected(): void { /* accepted sockets are connected */ }
  drain(): void { /* it goes by itself */ }
  deadlineChanged(): void { /* it has none that overload knows */ }
}
