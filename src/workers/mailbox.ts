// What main sends to a worker: connections through a ring in shared memory, the rest as messages. Also the worker's way
// to say something.
import { receiveMessageOnPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { localityText } from '../config/locality.js';
import { errorText } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Control, workerMailbox } from '../core/memory-map.js';
import { WorkerStat } from '../telemetry/schema.js';
import { CpuProfile } from './cpu-profile.js';
import type { Engine } from './engine.js';
import type { Listeners } from './listener/listener.js';
import type { FromWorker, ToWorker } from './messages.js';
import type { Proxy } from './proxy/request.js';
import { startUserCodecs } from './rpc/user-codecs.js';

const REPORTS_PER_SECOND_MAX = 10;

export class Mailbox {
  /** The eventfd was written since `take` last ran. */
  woken = true;
  stopped = false;
  private readonly ring: number;
  private head: number;
  private readonly profile = new CpuProfile();
  private reportSecond = 0;
  private reports = 0;

  constructor(private readonly engine: Engine, private readonly port: MessagePort,
      private readonly listeners: Listeners, private readonly proxy: Proxy) {
    this.ring = workerMailbox(engine.map, engine.worker) >> 2;
    this.head = Atomics.load(engine.i32, engine.control + Control.dealtHead);
    engine.report = (error) => this.report(error);
    engine.asks.send = (id, question) => this.post({ kind: 'ask', id, question });
    engine.post = (message) => this.post(message);
  }

  /** Takes what has arrived. True when something was taken, so that the loop does not sleep on its consequences. */
  take(): boolean {
    const { i32, control } = this.engine;
    let taken = false;
    for (let n = 0; n < limits.acceptBatchMax && Atomics.load(i32, control + Control.dealtTail) !== this.head; n++) {
      const entry = this.ring + (this.head & (limits.dealtRingEntries - 1)) * 2;
      const fd = i32[entry], slot = i32[entry + 1];
      this.head = (this.head + 1) | 0;
      Atomics.store(i32, control + Control.dealtHead, this.head);
      this.engine.count(this.engine.statsBase, WorkerStat.connections_dealt);
      this.listeners.accepted(slot, fd);
      taken = true;
    }
    if (!this.woken) return taken;
    this.woken = false;
    for (let message = receiveMessageOnPort(this.port); message !== undefined;
        message = receiveMessageOnPort(this.port)) {
      this.handle(message.message as ToWorker);
      taken = true;
    }
    return taken;
  }

  private handle(message: ToWorker): void {
    switch (message.kind) {
      case 'listen': this.listeners.listen(message.listenerSlot, message.fd, message.acceptsPerEvent); break;
      case 'unlisten':
        this.listeners.unlisten(message.listenerSlot, message.fd);
        this.post({ kind: 'unlistened', listenerSlot: message.listenerSlot, fd: message.fd });
        break;
      case 'drain':
        this.engine.snapshot.adopt();          // the root that the message is about was published before it was sent
        if (message.listenerSlot < 0) this.engine.drain.begin(message.inboundOnly, message.mode, message.graceMs);
        if (message.mode === 'immediate')
          this.listeners.drain(message.listenerSlot, message.inboundOnly, message.closeIdle, message.graceMs);
        break;
      case 'cpuProfile': this.post({ kind: 'cpuProfile', id: message.id, ...this.profile.set(message.start) }); break;
      case 'describe': this.post({ kind: 'described', id: message.id, text: this.describe() }); break;
      case 'overload':
        this.engine.overload.set(message.state);
        this.listeners.overloadChanged();
        break;
      case 'node':
        this.engine.nodeCluster = message.cluster;
        this.engine.localCluster = message.localCluster;
        this.engine.locality = localityText(message.locality);
        break;
      case 'rpcCodecs': startUserCodecs(this.engine, message.codecs); break;
      case 'ticketKeys': this.engine.ticketKeys = message.keys; break;
      case 'runtime': this.engine.runtime.set(message.entries); break;
      case 'endpointFailed':
        this.proxy.clusters.endpointFailed(message.cluster, message.state, this.engine.nextConnectionId);
        if (message.close) this.listeners.endpointFailed(message.state);
        break;
      case 'answer': this.engine.asks.answered(message.id, message.answer); break;
      case 'stop': this.stopped = true; break;
    }
  }

  private describe(): string {
    const { pool, heap, reactor } = this.engine;
    const buffers = ([0, 1, 2] as const).map((size) =>
      `${pool.countOf(size) - pool.freeOf(size)}/${pool.countOf(size)}`).join(' ');
    return `driver ${reactor.driver} sockets ${reactor.socketCount} streams ${this.proxy.streams.active} `
      + `buffers ${buffers} heap ${heap.liveBytes}\n${this.proxy.clusters.describe()}`;
  }

  /** Tells main about an exception, at most REPORTS_PER_SECOND_MAX times a second; all are counted. */
  report(error: unknown): void {
    const { engine } = this;
    engine.count(engine.statsBase, WorkerStat.exceptions);
    const second = Math.floor(engine.nowMs / 1000);
    if (second !== this.reportSecond) { this.reportSecond = second; this.reports = 0; }
    if (++this.reports > REPORTS_PER_SECOND_MAX) return;
    const stack = error instanceof Error && error.stack !== undefined ? error.stack : errorText(error);
    this.post({ kind: 'log', level: 'error', text: stack, fields: { worker: engine.worker } });
  }

  private post(message: FromWorker): void { this.port.postMessage(message); }
}
