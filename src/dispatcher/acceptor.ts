// Main's own accepting: for listeners that ask for exact balance, and for sockets that cannot be shared by SO_REUSEPORT
// (unix sockets, enable_reuse_port: false). Readiness comes from libuv's own epoll; accepts in batches until EAGAIN and
// deals each connection to the worker that has the fewest of that listener, by the ring in shared memory. Never
// waits for a worker: when no mailbox has room, accepting stops until one has, and the kernel's backlog queues.
import { limits } from '../core/limits.js';
import type { Log } from '../core/log.js';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../os/constants.js';
import { EAGAIN, ECONNABORTED, EINTR, errnoText } from '../os/errno.js';
import { accept4, close, errno } from '../os/libc.js';
import { watchReadable } from '../os/watch.js';
import type { Watch } from '../os/watch.js';

export interface DealTo {
  readonly workers: number;
  /** Connections of the listener that the worker has or will find in its mailbox; Infinity = do not deal to it. */
  load(worker: number, listenerSlot: number): number;
  /** False: its mailbox is full. */
  deal(worker: number, fd: number, listenerSlot: number): boolean;
}

interface Listening { fd: number; slot: number; watch: Watch; timer: NodeJS.Timeout | null }

const RETRY_FULL_MS = 5;
const RETRY_FAILED_MS = 100;

export class Acceptor {
  /** Counted for /stats. */
  readonly counts = { accepted: 0, failed: 0, suspended: 0 };
  private readonly byFd = new Map<number, Listening>();
  private lastFailureMs = -Infinity;
  private stopped = false;

  constructor(private readonly to: DealTo, private readonly log: Log) {}

  /** Overload: connections wait in the backlog until it is over. */
  setStopped(stopped: boolean): void {
    this.stopped = stopped;
    for (const { watch, timer } of this.byFd.values()) {
      if (stopped) watch.pause();
      else if (timer === null) watch.resume();
    }
  }

  /** `most`: connections taken at one event; 0 = as many as one may take. */
  add(fd: number, listenerSlot: number, most = 0): void {
    const batch = most === 0 ? limits.acceptBatchMax : Math.min(most, limits.acceptBatchMax);
    const listening: Listening = { fd, slot: listenerSlot, timer: null,
      watch: watchReadable(fd, () => this.acceptBatch(listening, batch)) };
    this.byFd.set(fd, listening);
    if (this.stopped) listening.watch.pause();
  }

  /** Accepts what is already in the backlog, then forgets the socket. Its opener closes it. */
  remove(fd: number): void {
    const listening = this.byFd.get(fd);
    if (listening === undefined) return;
    if (listening.timer === null) this.acceptBatch(listening, limits.dealtRingEntries);
    if (listening.timer !== null) clearTimeout(listening.timer);
    listening.watch.close();
    this.byFd.delete(fd);
  }

  end(): void {
    for (const { watch, timer } of this.byFd.values()) {
      if (timer !== null) clearTimeout(timer);
      watch.close();
    }
    this.byFd.clear();
  }

  private acceptBatch(listening: Listening, most: number): void {
    const { slot } = listening;
    for (let n = 0; n < most; n++) {
      const worker = this.leastLoaded(slot);
      if (worker < 0) {
        this.suspend(listening, RETRY_FULL_MS);
        return;
      }
      const fd = accept4(listening.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        const code = errno();
        if (code === EAGAIN) return;
        if (code === EINTR || code === ECONNABORTED) continue;
        this.failed(listening, code);
        return;
      }
      this.counts.accepted++;
      if (fd >= limits.fdMax || !this.to.deal(worker, fd, slot)) {
        this.counts.failed++;
        close(fd);
      }
    }
  }

  private leastLoaded(slot: number): number {
    let best = -1;
    let bestLoad = Infinity;
    for (let worker = 0; worker < this.to.workers; worker++) {
      const load = this.to.load(worker, slot);
      if (load < bestLoad) { best = worker; bestLoad = load; }
    }
    return best;
  }

  /**
   * EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would spin, since the connection stays at the head of the
   * backlog.
   */
  private failed(listening: Listening, code: number): void {
    this.counts.failed++;
    const now = performance.now();
    if (now - this.lastFailureMs > 10_000) {
      this.log.error(`accept failed: ${errnoText(code)}; accepting again every ${RETRY_FAILED_MS} ms`);
      this.lastFailureMs = now;
    }
    this.suspend(listening, RETRY_FAILED_MS);
  }

  private suspend(listening: Listening, retryMs: number): void {
    if (listening.timer !== null) return;
    this.counts.suspended++;
    listening.watch.pause();
    listening.timer = setTimeout(() => {
      listening.timer = null;
      if (!this.stopped) listening.watch.resume();
    }, retryMs);
  }
}
