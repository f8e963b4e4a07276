// Health checks over TCP: can it be connected to, and does it answer bytes with bytes?
import type { Socket } from 'node:net';
import type { Checker } from '../../config/health.js';
import { limits } from '../../core/limits.js';
import { Payload } from './payload.js';
import { SUCCEEDED, dial, failed } from './probe.js';
import type { OnResult, Probe, ProbeTarget } from './probe.js';

export class TcpProbe implements Probe {
  private socket: Socket | null = null;
  private cancel: (() => void) | null = null;
  private received: Buffer = Buffer.alloc(0);
  private readonly send: Buffer;
  private readonly receive: Payload;

  constructor(checker: Extract<Checker, { kind: 'tcp' }>, private readonly target: ProbeTarget,
    private readonly onResult: OnResult) {
    this.send = Buffer.from(checker.send, 'hex');
    this.receive = new Payload(checker.receive);
  }

  start(): void {
    this.received = Buffer.alloc(0);
    if (this.socket !== null) this.ask(this.socket); else this.open();
  }

  abort(): void {
    const { cancel } = this;
    this.socket = this.cancel = null;
    cancel?.();
  }
  end(): void { this.abort(); }

  private open(): void {
    this.cancel = dial(this.target, (socket) => {
      if (socket === null || this.receive.isEmpty) {
        this.abort();
        this.onResult(socket === null ? failed('NETWORK') : SUCCEEDED);
        return;
      }
      this.socket = socket;
      socket.on('data', (bytes) => { if (this.socket === socket) this.answered(bytes); });
      socket.on('end', () => this.closed(socket));
      socket.on('close', () => this.closed(socket));
      this.ask(socket);
    });
  }

  private ask(socket: Socket): void {
    if (this.send.length > 0) socket.write(this.send);
  }

  private answered(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    if (this.receive.isIn(this.received)) {
      this.received = Buffer.alloc(0);
      if (!this.target.reuseConnection) this.abort();
      this.onResult(SUCCEEDED);
    } else if (this.received.length > limits.healthAnswerBytesMax) {
      this.abort();
      this.onResult(failed('NETWORK'));
    }
  }

  /** Also between two checks: an endpoint that ends the connection is not well, as Envoy sees it. */
  private closed(socket: Socket): void {
    if (this.socket !== socket) return;
    this.abort();
    this.onResult(failed('NETWORK'));
  }
}
