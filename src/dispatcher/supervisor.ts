// Starts the engine workers, watches them, replaces those that die, and ends them all. Owns their threads, message
// ports and wake eventfds. A worker that dies costs its own connections and nothing else: its descriptors are closed,
// its listening sockets stay open (connections wait in their backlog) and go to its successor, and the death is
// counted.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort, ResourceLimits } from 'node:worker_threads';
import { errorText } from '../core/errors.js';
import { randomSeed } from '../core/ids.js';
import { limits } from '../core/limits.js';
import type { Log } from '../core/log.js';
import { Control } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../os/constants.js';
import { SystemCallError } from '../os/errno.js';
import { addressOf, errno, eventfd, write } from '../os/libc.js';
import type { FromWorker, RpcCodecModule, ToWorker, WorkerStart } from '../workers/messages.js';
import { ControlBlocks, Stop, WorkerState } from './control-block.js';
import { FdOwners } from './fd-owners.js';
import { TicketKeys } from './ticket-keys.js';

export interface SupervisorOptions {
  memory: WebAssembly.Memory;
  map: MemoryMap;
  memoryMiB: number;
  codecs: WebAssembly.Module;
  io: 'uring' | 'epoll';
  workerUrl: URL;
  resourceLimits: ResourceLimits;
  log: Log;
  /** Version of the newest root: a starting worker is taken to use it from the moment it is started. */
  rootVersion(): number;
  onMessage(worker: number, message: FromWorker): void;
  /** After a worker died and its descriptors were closed, before its successor starts. */
  onDied(worker: number): void;
  /** A worker (also a successor) is in its loop: give it its listening sockets. */
  onReady(worker: number): void;
  /** Nothing can be saved any more; `line` is the last word. */
  onFatal(line: string): void;
}

interface Running { worker: Worker; port: MessagePort; ready: boolean; beat: number; beatMs: number; stalled: boolean }

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MS_MAX = 2000;
const STALL_MS = 5000;
const WATCH_INTERVAL_MS = 1000;
const END_WAIT_MS = 400;
/** A thread that is ended while it loads a native library takes the process with it, by SIGABRT. */
const LOADED_WAIT_MS = 10_000;

export class Supervisor {
  readonly control: ControlBlocks;
  readonly fds: FdOwners;
  /** Counted for /stats. */
  readonly counts = { deaths: 0, restarts: 0, stalls: 0 };
  private readonly running: (Running | null)[];
  private readonly wakeFds: number[] = [];
  /** For TLS tickets that every worker takes. */
  private readonly ticketKeys = new TicketKeys((keys) => this.postAll({ kind: 'ticketKeys', keys }));
  private rpcCodecs: readonly RpcCodecModule[] = [];
  private readonly one = new Uint8Array(new BigUint64Array([1n]).buffer);
  private readonly oneAddress = addressOf(this.one);
  private readonly deathTimesMs: number[] = [];
  private watch: NodeJS.Timeout | null = null;
  private ending = false;

  constructor(private readonly options: SupervisorOptions) {
    this.control = new ControlBlocks(options.memory, options.map);
    this.fds = new FdOwners(options.memory, options.map);
    this.running = new Array<Running | null>(options.map.workers).fill(null);
  }

  get workers(): number { return this.running.length; }

  /** Starts every worker. Returns at once; `onReady` follows from each. */
  start(): void {
    this.ticketKeys.start();
    for (let worker = 0; worker < this.workers; worker++) {
      const fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (fd < 0) throw new SystemCallError('eventfd', errno());
      this.wakeFds.push(fd);
      this.startWorker(worker);
    }
    this.watch = setInterval(() => this.lookForStalls(), WATCH_INTERVAL_MS);
    this.watch.unref();
  }

  isReady(worker: number): boolean { return this.running[worker]?.ready === true; }

  post(worker: number, message: ToWorker): void {
    const running = this.running[worker];
    if (running === null || running === undefined) return;
    running.port.postMessage(message);
    this.wakeNow(worker);
  }

  postAll(message: ToWorker): void {
    for (let worker = 0; worker < this.workers; worker++) this.post(worker, message);
  }

  /** Users' codecs, for every worker that there is or will be. */
  setRpcCodecs(codecs: readonly RpcCodecModule[]): void {
    this.rpcCodecs = codecs;
    this.postAll({ kind: 'rpcCodecs', codecs });
  }

  /** Wakes a worker if it is in its poll; one that is not looks at its mailbox before it sleeps again. */
  wake(worker: number): void {
    if (this.control.get(worker, Control.sleeping) !== 0) this.wakeNow(worker);
  }

  wakeAll(): void { for (let worker = 0; worker < this.workers; worker++) this.wake(worker); }

  /**
   * The oldest root version that any living worker uses; `newest` when there is none. 0 while one has yet to adopt
   * its first.
   */
  oldestRootInUse(newest: number): number {
    let oldest = newest;
    for (let worker = 0; worker < this.workers; worker++) {
      if (this.running[worker] === null) continue;
      oldest = Math.min(oldest, this.control.get(worker, Control.oldestRootVersion));
    }
    return oldest;
  }

  connections(): number {
    let total = 0;
    for (let worker = 0; worker < this.workers; worker++) {
      if (this.running[worker] !== null) total += this.control.get(worker, Control.connections)
        + this.control.mailed(worker);
    }
    return total;
  }

  /**
   * Tells every worker to leave its loop and waits for that, briefly: a thread in a poll would make process.exit
   * wait. One that has not begun its loop yet is waited for until it has.
   */
  async end(): Promise<void> {
    this.ending = true;
    this.ticketKeys.end();
    if (this.watch !== null) clearInterval(this.watch);
    const left: Promise<void>[] = [];
    let waitMs = END_WAIT_MS;
    for (let worker = 0; worker < this.workers; worker++) {
      const running = this.running[worker];
      this.control.set(worker, Control.stop, Stop.now);
      if (this.wakeFds[worker] !== undefined) this.wakeNow(worker);
      if (running === null || running === undefined) continue;
      if (!running.ready) waitMs = LOADED_WAIT_MS;
      left.push(new Promise((resolve) => running.worker.once('exit', () => resolve())));
    }
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([Promise.all(left), new Promise((resolve) => { timer = setTimeout(resolve, waitMs); })]);
    clearTimeout(timer);
  }

  /** Ends a worker's thread as a crash would: for fault injection. False when it is not running. */
  kill(worker: number): boolean {
    const running = this.running[worker];
    if (running === null || running === undefined) return false;
    void running.worker.terminate();
    return true;
  }

  private startWorker(worker: number): void {
    const { options } = this;
    this.control.resetForStart(worker, options.rootVersion());
    const channel = new MessageChannel();
    const data: WorkerStart = {
      worker, workers: this.workers, memory: options.memory, memoryMiB: options.memoryMiB, codecs: options.codecs,
      io: options.io, wakeFd: this.wakeFds[worker]!, port: channel.port2, seed: randomSeed(),
      ticketKeys: this.ticketKeys.keys, rpcCodecs: this.rpcCodecs,
      generation: this.control.get(worker, Control.generation),
    };
    const thread = new Worker(options.workerUrl, { workerData: data, transferList: [channel.port2],
      resourceLimits: options.resourceLimits, name: `weft:${worker}`, stdin: false, env: process.env });
    const running: Running = { worker: thread, port: channel.port1, ready: false, beat: 0, beatMs: performance.now(),
      stalled: false };
    this.running[worker] = running;
    channel.port1.on('message', (message: FromWorker) => {
      if (message.kind === 'ready' && !running.ready) {
        running.ready = true;
        options.onReady(worker);
      }
      options.onMessage(worker, message);
    });
    let reason = 'its thread ended';
    thread.on('error', (error) => { reason = error instanceof Error && error.stack ? error.stack : errorText(error); });
    thread.on('exit', (code) => {
      channel.port1.close();
      if (this.running[worker] === running) this.died(worker, `${reason} (exit code ${code})`);
    });
  }

  private died(worker: number, reason: string): void {
    this.running[worker] = null;
    this.control.set(worker, Control.state, WorkerState.ended);
    if (this.ending) return;
    const now = performance.now();
    this.counts.deaths++;
    this.deathTimesMs.push(now);
    while (now - this.deathTimesMs[0]! > 60_000) this.deathTimesMs.shift();
    const closed = this.fds.closeAllOf(worker, new Set(this.control.mailedFds(worker)));
    this.options.log.error(`worker ${worker} died, ${closed} of its descriptors were closed: ${reason}`);
    this.options.onDied(worker);
    const deaths = this.deathTimesMs.length;
    if (deaths >= limits.workerDeathsPerMinuteMax) {
      const last = reason.split('\n')[0];
      this.options.onFatal(`weft: ${deaths} worker deaths within a minute, giving up; the last one: ${last}`);
      return;
    }
    // The first wait also lets the kernel finish what the dead thread's rings had in flight into this worker's memory.
    const waitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS * 2 ** (deaths - 1));
    setTimeout(() => {
      if (this.ending) return;
      this.counts.restarts++;
      this.startWorker(worker);
    }, waitMs);
  }

  private lookForStalls(): void {
    const now = performance.now();
    this.running.forEach((running, worker) => {
      if (running === null || !running.ready) return;
      const beat = this.control.get(worker, Control.heartbeat);
      if (beat !== running.beat) {
        if (running.stalled) this.options.log.warn(`worker ${worker} moves again`);
        running.beat = beat;
        running.beatMs = now;
        running.stalled = false;
      } else if (!running.stalled && now - running.beatMs > STALL_MS) {
        running.stalled = true;
        this.counts.stalls++;
        this.options.log.error(`worker ${worker} has not turned its loop for ${Math.round(now - running.beatMs)} ms`);
      }
    });
  }

  private wakeNow(worker: number): void {
    write(this.wakeFds[worker]!, this.oneAddress, 8);
  }
}
