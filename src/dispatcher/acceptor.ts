// Main's own accepting: for listeners that ask for exact balance, and for sockets that cannot be shared by SO_REUSEPORT (unix
// sockets, enable_reuse_port: false). One epoll set, awaited on a libuv thread; accepts in batches until EAGAIN and deals each
// connection to the worker that has the fewest of that listener, by the ring in shared memory. Never waits for a worker:
// when no mailbox has room, accepting stops until one has, and the kernel's backlog queues.
import { limits } from '../core/limits.js';
import type { Log } from '../core/log.js';
import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLLIN, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_DATA_OFFSET, EPOLL_EVENT_BYTES,
  SOCK_CLOEXEC, SOCK_NONBLOCK } from '../os/constants.js';
import { EAGAIN, ECONNABORTED, EINTR, SystemCallError, errnoText } from '../os/errno.js';
import { accept4, addressOf, close, epollCreate1, epollCtl, epollWait, errno, eventfd, write } from '../os/libc.js';

export interface DealTo {
  readonly workers: number;
  /** Connections of the listener that the worker has or will find in its mailbox; Infinity = do not deal to it. */
  load(worker: number, listenerSlot: number): number;
  /** False: its mailbox is full. */
  deal(worker: number, fd: number, listenerSlot: number): boolean;
}

interface AsyncCall { async(...args: [...number[], (error: Error | null, result: number) => void]): void }

const WAIT_MS = 500;
const RETRY_FULL_MS = 5;
const RETRY_FAILED_MS = 100;

export class Acceptor {
  /** Counted for /stats. */
  readonly counts = { accepted: 0, failed: 0, suspended: 0 };
  private readonly slots = new Map<number, number>();      // listening fd -> listener slot
  private readonly suspended = new Set<number>();
  private readonly events = new Uint8Array(EPOLL_EVENT_BYTES * 64);
  private readonly view = new DataView(this.events.buffer);
  private readonly eventsAddress = addressOf(this.events);
  private readonly wakeWord = new Uint8Array(new BigUint64Array([1n]).buffer);
  private epoll = -1;
  private wakeFd = -1;
  private waiting = false;
  private ended = false;
  private lastFailureMs = -Infinity;

  constructor(private readonly to: DealTo, private readonly log: Log) {}

  add(fd: number, listenerSlot: number): void {
    this.start();
    this.slots.set(fd, listenerSlot);
    this.watch(fd, EPOLL_CTL_ADD);
    if (!this.waiting) this.wait();
  }

  /** Accepts what is already in the backlog, then forgets the socket. Its opener closes it. */
  remove(fd: number): void {
    if (!this.slots.has(fd)) return;
    if (!this.suspended.has(fd)) this.acceptBatch(fd, limits.dealtRingEntries);
    if (!this.suspended.delete(fd)) this.watch(fd, EPOLL_CTL_DEL);
    this.slots.delete(fd);
  }

  /** Ends the wait on the libuv thread: a thread that waits would make process.exit wait. */
  async end(): Promise<void> {
    this.ended = true;
    while (this.waiting) {
      write(this.wakeFd, addressOf(this.wakeWord), 8);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  private start(): void {
    if (this.epoll >= 0) return;
    this.epoll = epollCreate1(EPOLL_CLOEXEC);
    if (this.epoll < 0) throw new SystemCallError('epoll_create1', errno());
    this.wakeFd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    this.watch(this.wakeFd, EPOLL_CTL_ADD);
  }

  private watch(fd: number, operation: number): void {
    const event = new Uint8Array(EPOLL_EVENT_BYTES);
    const view = new DataView(event.buffer);
    view.setUint32(0, EPOLLIN, true);
    view.setUint32(EPOLL_DATA_OFFSET, fd, true);
    if (epollCtl(this.epoll, operation, fd, addressOf(event)) < 0) throw new SystemCallError('epoll_ctl', errno());
  }

  private wait(): void {
    if (this.ended || this.slots.size === 0) {
      this.waiting = false;
      return;
    }
    this.waiting = true;
    (epollWait as unknown as AsyncCall).async(this.epoll, this.eventsAddress, 64, WAIT_MS, (_error, ready) => {
      for (let n = 0; n < ready; n++) {
        const fd = this.view.getInt32(n * EPOLL_EVENT_BYTES + EPOLL_DATA_OFFSET, true);
        if (this.slots.has(fd)) this.acceptBatch(fd, limits.acceptBatchMax);
      }
      this.wait();
    });
  }

  private acceptBatch(listening: number, most: number): void {
    const slot = this.slots.get(listening)!;
    for (let n = 0; n < most; n++) {
      const worker = this.leastLoaded(slot);
      if (worker < 0) {
        this.suspend(listening, RETRY_FULL_MS);
        return;
      }
      const fd = accept4(listening, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
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

  /** EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would spin, since the connection stays at the head of the backlog. */
  private failed(listening: number, code: number): void {
    this.counts.failed++;
    const now = performance.now();
    if (now - this.lastFailureMs > 10_000) {
      this.log.error(`accept failed: ${errnoText(code)}; accepting again every ${RETRY_FAILED_MS} ms`);
      this.lastFailureMs = now;
    }
    this.suspend(listening, RETRY_FAILED_MS);
  }

  private suspend(listening: number, retryMs: number): void {
    if (this.suspended.has(listening) || this.ended) return;
    this.counts.suspended++;
    this.suspended.add(listening);
    this.watch(listening, EPOLL_CTL_DEL);
    setTimeout(() => {
      if (!this.suspended.delete(listening) || this.ended) return;
      this.watch(listening, EPOLL_CTL_ADD);
      // The pending wait notices the added socket by itself: epoll sets may change under a waiter.
    }, retryMs);
  }
}
