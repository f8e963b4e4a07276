// The kernel boundary of a worker: sockets that receive into pool buffers and send from them, with completions.
// Three drivers implement it (epoll, uring, sim) and pass one conformance test (test/workers/reactor/).
//
// Rules that every driver keeps:
//  - Callbacks run only inside poll(), never inside another reactor call, so owners need no re-entrancy guards.
//  - `onReceived(buffer, offset, length)`: the bytes lie at memory offset `offset`, inside pool buffer `buffer`. They
//    are valid during the call. An owner that needs them longer retains the buffer (pool.retain) and releases it
//    later.
//  - `send` takes its own reference on `buffer` until the bytes have left (or the socket is closed) and may complete
//    at once. Sends of a socket leave in order. The caller keeps, and gives back, its own reference.
//  - After `close(id)` no callback for that id follows, even if events for it were already gathered in this poll.
//  - A callback that throws ends poll at once; `current` is its socket, which the caller closes. Call poll again:
//    nothing that was gathered for other sockets is lost.
//  - EINTR is normal and invisible. ENOBUFS / no free buffer suspends receiving and resumes by itself.
import type { BufferPool } from '../memory/buffers.js';

export interface SocketOwner {
  /** The result of `connect`: 0 or a positive errno (ETIMEDOUT is the owner's timer's business). */
  onConnected(errno: number): void;
  onReceived(buffer: number, offset: number, length: number): void;
  /**
   * No byte follows: errno 0 is the peer's FIN (sending may go on), else ECONNRESET and the like (both ways dead).
   */
  onReceiveEnd(errno: number): void;
  /** Sending failed (EPIPE, ECONNRESET); what was queued is dropped. Bytes that already arrived are still delivered. */
  onSendFailed(errno: number): void;
  /** The send queue became empty after `pendingSendBytes` had been above zero when asked for by `notifyDrained`. */
  onSendDrained(): void;
}

export interface AcceptOwner {
  /** A connected, non-blocking, close-on-exec socket. */
  onAccepted(fd: number): void;
  /**
   * EMFILE, ENFILE, ENOBUFS, ENOMEM: accepting is suspended by the driver for 100 ms, then tried again; never spins.
   */
  onAcceptFailed(errno: number): void;
}

export interface Reactor {
  readonly driver: 'epoll' | 'uring' | 'sim';
  /** The socket whose callback runs or ran last. */
  readonly current: number;
  /** Number of sockets added and not yet closed. */
  readonly socketCount: number;

  /**
   * Adds a non-blocking stream socket; receiving is off until startReceive. Returns its id (>= 0), or -1 if the table
   * is full.
   */
  add(fd: number, owner: SocketOwner): number;
  /** Changes who is called (a detected protocol takes a connection over). */
  setOwner(id: number, owner: SocketOwner): void;
  fdOf(id: number): number;
  /** Starts connecting to the sockaddr at memory [sockaddr, sockaddr+length); it may be overwritten after return. */
  connect(id: number, sockaddr: number, length: number): void;
  startReceive(id: number): void;
  /** Suspends delivery. Bytes that the kernel already handed over are kept and delivered first after startReceive. */
  stopReceive(id: number): void;
  /** Hint: a large body follows; the driver may use larger receive buffers until told otherwise. */
  setBulk(id: number, bulk: boolean): void;
  /**
   * Queues [offset, offset+length) of pool buffer `buffer`. `more` = further bytes follow at once (MSG_MORE may be
   * used).
   */
  send(id: number, buffer: number, offset: number, length: number, more: boolean): void;
  /** Bytes accepted by send and not yet by the kernel. */
  pendingSendBytes(id: number): number;
  /**
   * Calls onSendDrained once, in a later poll, when nothing is pending (at the next poll if nothing is pending now).
   */
  notifyDrained(id: number): void;
  /** Half-closes after everything queued has left. */
  shutdownSend(id: number): void;
  /** Closes the fd now; queued bytes are dropped. With `reset`, SO_LINGER 0: the peer sees RST. */
  close(id: number, reset: boolean): void;

  /**
   * Adds a listening socket. Returns an accept id. `most`: connections taken at one event, 0 = as many as one may take;
   * a driver that is not asked takes them as they come.
   */
  listen(fd: number, owner: AcceptOwner, most?: number): number;
  /** Stops accepting for good; the fd stays open (its opener closes it). */
  unlisten(id: number): void;
  pauseAccept(id: number): void;
  resumeAccept(id: number): void;

  /** Calls `onWake` (inside poll) whenever the eventfd is written. */
  setWake(eventFd: number, onWake: () => void): void;

  /**
   * Submits what is queued, waits at most timeoutMs (0 = do not wait; <= limits.pollWaitMsMax) and runs completions.
   */
  poll(timeoutMs: number): void;
  /** Closes everything. */
  end(): void;
}

export interface ReactorOptions {
  pool: BufferPool;
  memory: WebAssembly.Memory;
  /** Scratch for rings, events and msghdrs: [scratch, scratch + scratchBytes) of the worker's arena, page-aligned. */
  scratch: number;
  scratchBytes: number;
  socketsMax: number;
  /** Called for every fd the reactor opens into or closes out of its hands: keeps the fd owner table. */
  onFdOwned(fd: number): void;
  onFdClosed(fd: number): void;
  /** Called after the kernel was asked and before completions run: the owner notes the time. */
  onTurn?: () => void;
}
