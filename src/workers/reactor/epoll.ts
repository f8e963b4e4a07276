// The reactor over epoll: edge-triggered, one epoll_ctl per socket in the usual case, receives into one shared large
// buffer that is replaced only when an owner keeps it, sends at once and queues only what the kernel refuses.
//
// A turn: epoll_wait -> events -> sockets that had more to read than their share -> deferred callbacks.
// Event data = slot id and its generation: an event for a slot that was closed (and perhaps reused) earlier in the same
// batch does not match and is dropped. Registration is put off until connect or startReceive says what to wait for;
// EPOLLOUT is added when a send first blocks and then stays: TCP raises its edge only after a refused send.
import * as libc from '../../os/libc.js';
import {
  EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD,
  EPOLL_DATA_OFFSET, EPOLL_EVENT_BYTES, MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL, SHUT_WR, SOL_SOCKET, SO_ERROR, SO_LINGER,
} from '../../os/constants.js';
import { EAGAIN, EINPROGRESS, EINTR, ENOBUFS, SystemCallError } from '../../os/errno.js';
import { limits } from '../../core/limits.js';
import { LARGE, MEDIUM, SMALL } from '../memory/buffers.js';
import type { BufferPool } from '../memory/buffers.js';
import { BufferAddresses } from './addresses.js';
import { EpollAccept } from './epoll-accept.js';
import { IdQueue } from './id-queue.js';
import type { AcceptOwner, Reactor, ReactorOptions, SocketOwner } from './reactor.js';
import { MESSAGE_BYTES, writeMessage } from './message.js';
import { PieceQueue } from './piece-queue.js';
import {
  CONNECTING, CONNECT_DONE, DRAIN_WANTED, END_SEEN, FLUSH_WANTED, NO_OWNER, OPEN, OUT_REGISTERED, READABLE,
  RECEIVE_ENDED, RECEIVING, REGISTERED, SEND_DEAD, SEND_FAILED, SHUTDOWN_WANTED,
} from './socket-flags.js';

const EVENT_WORDS = EPOLL_EVENT_BYTES >> 2;
const DATA_WORD = EPOLL_DATA_OFFSET >> 2;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
/** High half of event data for what is not a socket; generations stay below. */
const LISTEN_TAG = -1;
const WAKE_TAG = -2;
const GENERATION_MASK = 0x3fffffff;
/** A shared receive buffer with less room than this is given up once somebody keeps it. */
const RECEIVE_ROOM_BYTES_MIN = 32 * 1024;

/** Scratch layout: one epoll_event, socket option words, a message, then the event array. */
const OPTION = 64;
const MESSAGE = 128;
const EVENTS = MESSAGE + MESSAGE_BYTES;
export const EPOLL_SCRATCH_BYTES = EVENTS + limits.eventsPerPollMax * EPOLL_EVENT_BYTES;

export class EpollReactor implements Reactor {
  readonly driver = 'epoll';
  socketCount = 0;
  private readonly epoll: number;
  private readonly pool: BufferPool;
  private readonly words: Int32Array;
  private readonly addresses: BufferAddresses;
  private readonly base: number;
  private readonly scratch: number;
  private readonly fds: Int32Array;
  private readonly generations: Int32Array;
  private readonly flags: Int32Array;
  private readonly errnos: Int32Array;          // of a deferred onConnected or onSendFailed
  private readonly owners: SocketOwner[];
  private readonly free: Int32Array;
  private freeCount: number;
  private readonly queue: PieceQueue;
  private readonly ready: IdQueue;
  private readonly deferred: IdQueue;
  private readonly accepting: EpollAccept;
  private receiveBuffer = -1;
  private receiveUsed = 0;                      // bytes of it that somebody still holds
  private receiveUsedMax = 0;                   // beyond this the rest is not worth a receive
  private starved = false;                      // no receive buffer was free in this turn
  private eventNext = 0;                        // events of the batch not yet looked at: survive a callback that throws
  private eventsLeft = 0;
  current = -1;
  /** Boxed (see addresses.ts): address of the event array. */
  private readonly eventsAddress: (number | null)[];
  private onWake: () => void = () => undefined;
  private readonly onTurn: () => void;

  constructor(private readonly options: ReactorOptions) {
    const { pool, memory, scratch, scratchBytes, socketsMax } = options;
    if (scratchBytes < EPOLL_SCRATCH_BYTES) throw new Error('reactor scratch is too small');
    this.epoll = libc.epollCreate1(EPOLL_CLOEXEC);
    if (this.epoll < 0) throw new SystemCallError('epoll_create1', libc.errno());
    options.onFdOwned(this.epoll);
    this.pool = pool;
    this.onTurn = options.onTurn ?? (() => undefined);
    this.words = new Int32Array(memory.buffer);
    this.addresses = new BufferAddresses(memory, pool);
    this.base = this.addresses.base;
    this.scratch = scratch;
    this.eventsAddress = [this.base + scratch + EVENTS, null];
    this.fds = new Int32Array(socketsMax).fill(-1);
    this.generations = new Int32Array(socketsMax);
    this.flags = new Int32Array(socketsMax);
    this.errnos = new Int32Array(socketsMax);
    this.owners = new Array<SocketOwner>(socketsMax).fill(NO_OWNER);
    this.free = new Int32Array(socketsMax);
    for (let n = 0; n < socketsMax; n++) this.free[n] = socketsMax - 1 - n;
    this.freeCount = socketsMax;
    this.queue = new PieceQueue(socketsMax, limits.sendNodesMax, limits.sendQueueEntriesMax, pool, memory);
    this.ready = new IdQueue(socketsMax);
    this.deferred = new IdQueue(socketsMax);
    this.accepting = new EpollAccept(this.epoll, this.words, this.base, scratch, LISTEN_TAG, options.onFdOwned);
  }

  add(fd: number, owner: SocketOwner): number {
    if (this.freeCount === 0) return -1;
    const id = this.free[--this.freeCount];
    this.fds[id] = fd;
    this.flags[id] = OPEN;
    this.owners[id] = owner;
    this.socketCount++;
    this.options.onFdOwned(fd);
    return id;
  }

  setOwner(id: number, owner: SocketOwner): void { this.owners[id] = owner; }
  fdOf(id: number): number { return this.fds[id]; }

  connect(id: number, sockaddr: number, length: number): void {
    if (libc.connect(this.fds[id], this.base + sockaddr, length) === 0) {
      this.deferConnected(id, 0);
      return;
    }
    const errno = libc.errno();
    if (errno !== EINPROGRESS && errno !== EINTR) {
      this.deferConnected(id, errno);
      return;
    }
    this.flags[id] |= CONNECTING;
    this.register(id, true);
  }

  startReceive(id: number): void {
    const flags = this.flags[id];
    if ((flags & (OPEN | RECEIVING)) !== OPEN) return;
    this.flags[id] = flags | RECEIVING;
    if ((flags & REGISTERED) === 0) this.register(id, false);
    else if ((flags & READABLE) !== 0) this.ready.push(id);
  }

  stopReceive(id: number): void { this.flags[id] &= ~RECEIVING; }

  /** Receives are as large as the kernel's data anyway. */
  setBulk(_id: number, _bulk: boolean): void { /* nothing to change */ }

  send(id: number, buffer: number, offset: number, length: number, more: boolean): void {
    const flags = this.flags[id];
    if ((flags & (OPEN | SEND_DEAD)) !== OPEN || length === 0) return;
    const queue = this.queue;
    let sent = 0;
    if (queue.head[id] < 0 && !more && (flags & CONNECTING) === 0) {
      do sent = libc.send(this.fds[id], this.addresses.of(buffer, offset), length, SEND_FLAGS);
      while (sent < 0 && libc.errno() === EINTR);
      if (sent === length) return;
      if (sent < 0) {
        const errno = libc.errno();
        if (errno !== EAGAIN) { this.deferSendFailed(id, errno); return; }
        sent = 0;
      }
      if (queue.push(id, buffer, offset + sent, length - sent)) this.waitWritable(id);
      else this.deferSendFailed(id, ENOBUFS);
      return;
    }
    if (!queue.push(id, buffer, offset, length)) {
      this.deferSendFailed(id, ENOBUFS);
      return;
    }
    if ((flags & CONNECTING) !== 0) return;
    // The first piece with `more` starts gathering; the queue is then not blocked but waiting for its last piece.
    if (queue.count[id] === 1) this.flags[id] = flags | FLUSH_WANTED;
    if ((this.flags[id] & FLUSH_WANTED) === 0) return;
    const full = queue.bytes[id] >= limits.sendGatherBytesMax || queue.count[id] >= limits.sendVectorsMax;
    if (!more || full) this.flush(id, more);
    else this.deferred.push(id);       // sent at the end of this turn if the promised rest does not come
  }

  pendingSendBytes(id: number): number { return this.queue.bytes[id]; }

  notifyDrained(id: number): void {
    if ((this.flags[id] & OPEN) === 0) return;
    this.flags[id] |= DRAIN_WANTED;
    if (this.queue.head[id] < 0) this.deferred.push(id);
  }

  shutdownSend(id: number): void {
    const flags = this.flags[id];
    if ((flags & (OPEN | SEND_DEAD)) !== OPEN) return;
    if (this.queue.head[id] >= 0 || (flags & CONNECTING) !== 0) this.flags[id] = flags | SHUTDOWN_WANTED;
    else libc.shutdown(this.fds[id], SHUT_WR);
  }

  close(id: number, reset: boolean): void {
    if ((this.flags[id] & OPEN) === 0) return;
    const fd = this.fds[id];
    if (reset) {
      const at = (this.scratch + OPTION) >> 2;
      this.words[at] = 1;
      this.words[at + 1] = 0;
      libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, this.base + this.scratch + OPTION, 8);
    } else if ((this.flags[id] & FLUSH_WANTED) !== 0) {
      this.flush(id, false);                  // pieces that were only held back for gathering count as sent
    }
    this.queue.clear(id);
    this.flags[id] = 0;
    this.fds[id] = -1;
    this.owners[id] = NO_OWNER;
    this.generations[id] = (this.generations[id] + 1) & GENERATION_MASK;
    this.free[this.freeCount++] = id;
    this.socketCount--;
    this.options.onFdClosed(fd);       // before the number is free: another thread may be given it at once
    libc.close(fd);
  }

  listen(fd: number, owner: AcceptOwner, most = 0): number { return this.accepting.listen(fd, owner, most); }
  unlisten(id: number): void { this.accepting.unlisten(id); }
  pauseAccept(id: number): void { this.accepting.pause(id); }
  resumeAccept(id: number): void { this.accepting.resume(id); }

  /** Edge-triggered: every write to the eventfd is an edge, so its counter is never read back. */
  setWake(eventFd: number, onWake: () => void): void {
    this.onWake = onWake;
    this.control(EPOLL_CTL_ADD, eventFd, EPOLLIN | EPOLLET, 0, WAKE_TAG);
  }

  poll(timeoutMs: number): void {
    if (this.eventsLeft === 0) this.wait(timeoutMs);
    this.onTurn();
    const words = this.words;
    while (this.eventsLeft > 0) {
      const at = this.eventNext;
      this.eventNext = at + EVENT_WORDS;
      this.eventsLeft--;
      const id = words[at + DATA_WORD];
      const generation = words[at + DATA_WORD + 1];
      if (generation >= 0) {
        if (this.generations[id] === generation) this.onEvents(id, words[at]);
      } else if (generation === LISTEN_TAG) this.accepting.onReadable(id);
      else this.onWake();
    }
    for (let n = this.ready.size; n > 0; n--) {
      const id = this.ready.shift();
      if ((this.flags[id] & (READABLE | RECEIVING | RECEIVE_ENDED)) === (READABLE | RECEIVING)) this.receive(id);
    }
    this.accepting.retry();
    for (let n = this.deferred.size; n > 0; n--) this.runDeferred(this.deferred.shift());
  }

  /** Leaves the gathered events in [eventNext, ...), eventsLeft of them. */
  private wait(timeoutMs: number): void {
    let wait = Math.min(timeoutMs, limits.pollWaitMsMax);
    if (this.deferred.size > 0 || (this.ready.size > 0 && !this.starved)) wait = 0;
    else if (this.starved) wait = Math.min(wait, limits.receiveRetryMs);
    wait = this.accepting.wait(wait);
    this.starved = false;
    const count = libc.epollWait(this.epoll, this.eventsAddress[0] as number, limits.eventsPerPollMax, wait);
    if (count < 0) {
      const errno = libc.errno();
      if (errno !== EINTR) throw new SystemCallError('epoll_wait', errno);
      return;
    }
    this.eventNext = (this.scratch + EVENTS) >> 2;
    this.eventsLeft = count;
  }

  end(): void {
    for (let id = 0; id < this.fds.length; id++) this.close(id, false);
    if (this.receiveBuffer >= 0) this.pool.release(this.receiveBuffer);
    this.receiveBuffer = -1;
    this.options.onFdClosed(this.epoll);
    libc.close(this.epoll);
  }

  private onEvents(id: number, events: number): void {
    this.current = id;
    const generation = this.generations[id];
    if ((this.flags[id] & CONNECTING) !== 0) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) === 0) return;
      this.finishConnect(id);
      if (this.generations[id] !== generation) return;
    }
    let flags = this.flags[id];
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) !== 0) {
      flags |= (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) !== 0 ? READABLE | END_SEEN : READABLE;
      this.flags[id] = flags;
      if ((flags & (RECEIVING | RECEIVE_ENDED)) === RECEIVING) {
        this.receive(id);
        if (this.generations[id] !== generation) return;
      }
    }
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) !== 0 && this.queue.head[id] >= 0) this.flush(id, false);
  }

  private finishConnect(id: number): void {
    const option = this.scratch + OPTION;
    this.words[option >> 2] = 0;
    this.words[(option >> 2) + 1] = 4;
    const failed = libc.getsockopt(this.fds[id], SOL_SOCKET, SO_ERROR, this.base + option, this.base + option + 4) < 0;
    const errno = failed ? libc.errno() : this.words[option >> 2];
    this.flags[id] &= ~CONNECTING;
    if (errno === 0 && this.queue.head[id] >= 0) this.flush(id, false);
    if (errno !== 0) this.endBoth(id);
    else if ((this.flags[id] & SHUTDOWN_WANTED) !== 0 && this.queue.head[id] < 0) this.shutdownNow(id);
    this.owners[id].onConnected(errno);
  }

  /** Receives until drained, paused, closed, or its share of this turn is used. */
  private receive(id: number): void {
    this.current = id;
    const generation = this.generations[id];
    const pool = this.pool;
    for (let n = 0; n < limits.receivesPerPollMax; n++) {
      let buffer = this.receiveBuffer;
      if (buffer < 0 || this.receiveUsed > this.receiveUsedMax) buffer = this.takeReceiveBuffer();
      if (buffer < 0) break;
      const offset = pool.offsetOf(buffer) + this.receiveUsed;
      const most = pool.pressure < 2 && !pool.isSpent(buffer) ? limits.receiveBytesMax
        : limits.receiveBytesUnderPressure;
      const asked = Math.min(most, pool.bytesOf(buffer) - this.receiveUsed);
      const received = libc.recv(this.fds[id], this.addresses.of(buffer, offset), asked, MSG_DONTWAIT);
      if (received <= 0) {
        if (received < 0) {
          const errno = libc.errno();
          if (errno === EINTR) continue;
          if (errno === EAGAIN) { this.flags[id] &= ~READABLE; return; }
          this.endBoth(id);
          this.owners[id].onReceiveEnd(errno);
        } else {
          this.flags[id] |= RECEIVE_ENDED;
          this.owners[id].onReceiveEnd(0);
        }
        return;
      }
      // Fewer bytes than asked for: nothing is left, and what comes later is a new edge. Not so once the end was seen.
      if (received < asked && (this.flags[id] & END_SEEN) === 0) this.flags[id] &= ~READABLE;
      // Reuse the whole buffer if nobody keeps it, else its rest. Counted before the call, in case that throws.
      this.receiveUsed += (received + 63) & ~63;
      this.owners[id].onReceived(buffer, offset, received);
      if (pool.referencesOf(buffer) === 1) this.receiveUsed = 0;
      if (this.generations[id] !== generation) return;
      if ((this.flags[id] & (READABLE | RECEIVING)) !== (READABLE | RECEIVING)) return;
    }
    this.ready.push(id);
  }

  /** Lets go of the shared receive buffer, if any, and takes another, large if possible; -1 when the pool is empty. */
  private takeReceiveBuffer(): number {
    const pool = this.pool;
    if (this.receiveBuffer >= 0) pool.release(this.receiveBuffer);
    let buffer = pool.acquireToKeep(LARGE);
    if (buffer < 0) buffer = pool.acquireToKeep(MEDIUM);
    if (buffer < 0) buffer = pool.acquireReserved(MEDIUM);
    if (buffer < 0) buffer = pool.acquireReserved(SMALL);
    this.receiveBuffer = buffer;
    this.receiveUsed = 0;
    if (buffer < 0) this.starved = true;
    else this.receiveUsedMax = Math.max(0, pool.bytesOf(buffer) - RECEIVE_ROOM_BYTES_MIN);
    return buffer;
  }

  /** Sends the queue, several pieces a call, until it is empty or the kernel is full. `more` = more follows at once. */
  private flush(id: number, more: boolean): void {
    const queue = this.queue;
    this.flags[id] &= ~FLUSH_WANTED;
    while (queue.head[id] >= 0) {
      const head = queue.head[id];
      let sent: number;
      if (queue.next[head] < 0) {
        const flags = more ? SEND_FLAGS | MSG_MORE : SEND_FLAGS;
        sent = libc.send(this.fds[id], this.base + queue.offset[head], queue.length[head], flags);
      } else {
        sent = this.sendVector(id, head, more);
      }
      if (sent >= 0) {
        queue.advance(id, sent);
        continue;
      }
      const errno = libc.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN) this.waitWritable(id);
      else this.deferSendFailed(id, errno);
      return;
    }
    const flags = this.flags[id];
    if ((flags & SHUTDOWN_WANTED) !== 0) this.shutdownNow(id);
    if ((flags & DRAIN_WANTED) !== 0) this.deferred.push(id);
  }

  private sendVector(id: number, head: number, more: boolean): number {
    const at = this.scratch + MESSAGE;
    const rest = writeMessage(this.words, this.base, at, this.queue, head, Infinity);
    return libc.sendmsg(this.fds[id], this.base + at, more || rest >= 0 ? SEND_FLAGS | MSG_MORE : SEND_FLAGS);
  }

  private waitWritable(id: number): void {
    if ((this.flags[id] & OUT_REGISTERED) === 0) this.register(id, true);
  }

  private shutdownNow(id: number): void {
    this.flags[id] &= ~SHUTDOWN_WANTED;
    libc.shutdown(this.fds[id], SHUT_WR);
  }

  private endBoth(id: number): void {
    this.flags[id] = (this.flags[id] & ~(SEND_FAILED | FLUSH_WANTED)) | RECEIVE_ENDED | SEND_DEAD;
    this.queue.clear(id);
  }

  private deferConnected(id: number, errno: number): void {
    if (errno !== 0) this.endBoth(id);
    this.errnos[id] = errno;
    this.flags[id] |= CONNECT_DONE;
    this.deferred.push(id);
  }

  private deferSendFailed(id: number, errno: number): void {
    this.queue.clear(id);
    this.errnos[id] = errno;
    this.flags[id] = (this.flags[id] & ~FLUSH_WANTED) | SEND_DEAD | SEND_FAILED;
    this.deferred.push(id);
  }

  /**
   * Calls that were asked for outside a callback's place. A slot may owe several; each looks whether it is still open.
   */
  private runDeferred(id: number): void {
    this.current = id;
    const generation = this.generations[id];
    if ((this.flags[id] & FLUSH_WANTED) !== 0) this.flush(id, false);
    if ((this.flags[id] & CONNECT_DONE) !== 0) {
      const failed = (this.flags[id] & SEND_FAILED) !== 0;   // then the connection stood, and errnos is the sending's
      this.flags[id] &= ~CONNECT_DONE;
      this.owners[id].onConnected(failed ? 0 : this.errnos[id]);
      if (this.generations[id] !== generation) return;
    }
    if ((this.flags[id] & SEND_FAILED) !== 0) {
      this.flags[id] &= ~(SEND_FAILED | DRAIN_WANTED);
      this.owners[id].onSendFailed(this.errnos[id]);
      return;
    }
    if ((this.flags[id] & DRAIN_WANTED) !== 0 && this.queue.head[id] < 0) {
      this.flags[id] &= ~DRAIN_WANTED;
      this.owners[id].onSendDrained();
    }
  }

  /** Adds the socket to the set, or adds EPOLLOUT to what is waited for. */
  private register(id: number, out: boolean): void {
    const operation = (this.flags[id] & REGISTERED) !== 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    this.flags[id] |= out ? REGISTERED | OUT_REGISTERED : REGISTERED;
    const events = EPOLLIN | EPOLLRDHUP | EPOLLET | (out ? EPOLLOUT : 0);
    this.control(operation, this.fds[id], events, id, this.generations[id]);
  }

  private control(operation: number, fd: number, events: number, low: number, high: number): void {
    const at = this.scratch >> 2;
    this.words[at] = events;
    this.words[at + DATA_WORD] = low;
    this.words[at + DATA_WORD + 1] = high;
    if (libc.epollCtl(this.epoll, operation, fd, this.base + this.scratch) < 0) {
      throw new SystemCallError('epoll_ctl', libc.errno());
    }
  }
}
