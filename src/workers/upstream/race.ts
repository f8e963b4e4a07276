// Connecting to an endpoint that has several addresses (RFC 8305, "happy eyeballs"): the next one is tried when one
// fails, or has not answered after a while; the first that connects is the connection's, the others are closed. The
// connection's own socket is the first runner.
import type { Engine } from '../engine.js';
import type { SocketOwner } from '../reactor/reactor.js';
import type { UpstreamConnection } from './connection.js';
import type { Target } from './endpoint.js';

const HEAD_START_MS = 300;

/** One further address that is being connected to. */
class Runner implements SocketOwner {
  socket = -1;
  constructor(private readonly race: Race) {}
  onConnected(errno: number): void { this.race.arrived(this, errno); }
  onReceived(): void { /* nothing is received before the connection owns the socket */ }
  onReceiveEnd(): void { /* as above */ }
  onSendFailed(): void { /* nothing is sent */ }
  onSendDrained(): void { /* as above */ }
}

export class Race {
  private readonly runners: Runner[] = [];
  private readonly timer: number;

  /** `next`: index of the target that is tried after the connection's own. */
  constructor(private readonly engine: Engine, private readonly connection: UpstreamConnection,
    private readonly targets: readonly Target[], private next: number) {
    this.timer = engine.timers.add(this);
    this.arm();
  }

  onTimer(): void { this.tryNext(); }

  /** The connection's own socket could not connect. False: nobody else is running, and nobody is left. */
  goesOn(): boolean { return this.runners.length > 0 || this.tryNext(); }

  arrived(runner: Runner, errno: number): void {
    const { reactor } = this.engine;
    this.runners.splice(this.runners.indexOf(runner), 1);
    if (errno === 0) {
      reactor.setOwner(runner.socket, this.connection);
      this.connection.wonBy(runner.socket);
      return;
    }
    reactor.close(runner.socket, false);
    if (!this.tryNext() && this.runners.length === 0 && this.connection.socket < 0) this.connection.lost(errno);
  }

  /** Nobody runs any more. */
  end(): void {
    this.engine.timers.remove(this.timer);
    for (const { socket } of this.runners.splice(0)) this.engine.reactor.close(socket, false);
  }

  private tryNext(): boolean {
    const { engine, targets } = this;
    const { socket: setup } = this.connection.endpoint.cluster.config.connections;
    while (this.next < targets.length) {
      const { address, sockaddr, bytes } = targets[this.next++];
      const fd = engine.outside.openSocket(address, setup);
      if (fd < 0) continue;
      const runner = new Runner(this);
      runner.socket = engine.reactor.add(fd, runner);
      if (runner.socket < 0) { engine.outside.closeSocket(fd); continue; }
      this.runners.push(runner);
      engine.reactor.connect(runner.socket, sockaddr, bytes);
      this.arm();
      return true;
    }
    return false;
  }

  private arm(): void {
    if (this.next < this.targets.length) this.engine.timers.arm(this.timer, this.engine.nowMs + HEAD_START_MS);
    else this.engine.timers.disarm(this.timer);
  }
}
