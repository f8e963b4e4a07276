// The reactor over io_uring: one multishot receive per socket into lent pool buffers, one send under way per socket
// (the rest queued, so order holds), one io_uring_enter per turn.
//
// A turn: entries for what changed (receives to arm or cancel, queues to send) -> enter -> completions -> deferred
// callbacks. A slot, its fd and its buffers are reused only after every operation on it has completed: close() cancels
// what is under way, and the slot waits, closed to its owner, until the last completion.
// User data = kind and slot (low), generation (high).
import { limits } from '../../core/limits.js';
import * as libc from '../../os/libc.js';
import { EPOLLIN, SHUT_WR, SOL_SOCKET, SO_LINGER } from '../../os/constants.js';
import { EAGAIN, ECANCELED, EINTR, ENOBUFS, EPIPE } from '../../os/errno.js';
import { LARGE, MEDIUM } from '../memory/buffers.js';
import type { BufferPool } from '../memory/buffers.js';
import { IdQueue } from './id-queue.js';
import { writeMessage } from './message.js';
import { PieceQueue } from './piece-queue.js';
import type { AcceptOwner, Reactor, ReactorOptions, SocketOwner } from './reactor.js';
import {
  BULK, CONNECTING, DRAIN_WANTED, END_SEEN, NO_OWNER, OPEN, RECEIVE_ENDED, RECEIVING, SEND_DEAD, SEND_FAILED,
  SHUTDOWN_WANTED,
} from './socket-flags.js';
import { UringAccept } from './uring-accept.js';
import { ringEntries, UringBuffers } from './uring-buffers.js';
import {
  RECEIVE_ARMED, RECEIVE_CANCELLED, RECEIVE_BULK, SEND_UNDER_WAY, CONNECT_UNDER_WAY, UNDER_WAY, KIND, SLOT, RECEIVE,
  SEND, CONNECT, ACCEPT, WAKE, IGNORED, OP_POLL_ADD, OP_SENDMSG, OP_CONNECT, OP_CLOSE, OP_SEND, RECEIVE_MANY,
  RECEIVE_ONCE,
  SEND_FLAGS, CQE_BUFFER, CQE_MORE, AREA_BYTES, AREAS, BUFFERS_MAX, BULK_BUFFERS_MAX, OPTION, AREAS_AT, BUFFER_RING,
  BULK_RING, URING_SCRATCH_BYTES,
} from './uring-layout.js';
import { CQE_SKIP_SUCCESS, UringRing } from './uring-ring.js';

const GENERATION_MASK = 0x3fffffff;
const END_WAIT_MS = 1000;

export class UringReactor implements Reactor {
  readonly driver = 'uring';
  socketCount = 0;
  current = -1;
  private readonly pool: BufferPool;
  private readonly ring: UringRing;
  private readonly words: Int32Array;
  private readonly base: number;
  private readonly scratch: number;
  private readonly fds: Int32Array;
  private readonly generations: Int32Array;
  private readonly flags: Int32Array;
  private readonly errnos: Int32Array;          // of a deferred onSendFailed
  private readonly endErrnos: Int32Array;       // of an end that is delivered after kept bytes
  private readonly owners: SocketOwner[];
  private readonly free: Int32Array;
  private freeCount: number;
  private readonly queue: PieceQueue;
  private readonly kept: PieceQueue;            // arrived while receiving was stopped
  private readonly receiveChanges: IdQueue;     // receives to arm or to cancel before the next enter
  private readonly sendReady: IdQueue;
  private readonly deferred: IdQueue;
  private readonly accepting: UringAccept;
  private readonly buffers: UringBuffers;
  private bulkBuffers: UringBuffers | null = null;
  private areas = 0;                            // used since the last submission
  private starved = false;
  /** Lent slot or kept buffer whose callback is running: given back even if that throws. */
  private heldSlot = -1;
  private heldIn: UringBuffers;
  private heldBuffer = -1;
  private wakeFd = -1;
  private onWake: () => void = () => undefined;
  private readonly onTurn: () => void;

  constructor(private readonly options: ReactorOptions) {
    const { pool, memory, scratch, scratchBytes, socketsMax } = options;
    if (scratchBytes < URING_SCRATCH_BYTES) throw new Error('reactor scratch is too small');
    this.pool = pool;
    this.onTurn = options.onTurn ?? (() => undefined);
    this.ring = new UringRing(memory, scratch);
    options.onFdOwned(this.ring.fd);
    this.words = new Int32Array(memory.buffer);
    this.base = this.ring.base;
    this.scratch = scratch;
    this.fds = new Int32Array(socketsMax).fill(-1);
    this.generations = new Int32Array(socketsMax);
    this.flags = new Int32Array(socketsMax);
    this.errnos = new Int32Array(socketsMax);
    this.endErrnos = new Int32Array(socketsMax);
    this.owners = new Array<SocketOwner>(socketsMax).fill(NO_OWNER);
    this.free = new Int32Array(socketsMax);
    for (let n = 0; n < socketsMax; n++) this.free[n] = socketsMax - 1 - n;
    this.freeCount = socketsMax;
    this.queue = new PieceQueue(socketsMax, limits.sendNodesMax, limits.sendQueueEntriesMax, pool, memory);
    // Each piece is a buffer of its own.
    this.kept = new PieceQueue(socketsMax, pool.capacity, pool.capacity, pool, memory, true);
    this.receiveChanges = new IdQueue(socketsMax);
    this.sendReady = new IdQueue(socketsMax);
    this.deferred = new IdQueue(socketsMax);
    this.accepting = new UringAccept(this.ring, ACCEPT, IGNORED, options.onFdOwned);
    const entries = ringEntries(pool, MEDIUM, BUFFERS_MAX);
    this.buffers = new UringBuffers(memory, this.ring, scratch, this.base, scratch + BUFFER_RING, entries, 0, MEDIUM,
      limits.bufferMediumBytes, pool);
    this.heldIn = this.buffers;
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
    const area = this.area();
    for (let n = 0; n < length; n += 4) this.words[(area + n) >> 2] = this.words[(sockaddr + n) >> 2];
    this.flags[id] |= CONNECTING | CONNECT_UNDER_WAY;
    this.ring.push(OP_CONNECT, this.fds[id], length, this.base + area, 0, 0, CONNECT | id, this.generations[id], 0);
  }

  startReceive(id: number): void {
    const flags = this.flags[id];
    if ((flags & (OPEN | RECEIVING)) !== OPEN) return;
    this.flags[id] = flags | RECEIVING;
    if (this.kept.head[id] >= 0 || (flags & END_SEEN) !== 0) this.deferred.push(id);
    else this.receiveChanges.push(id);
  }

  /** The receive is cancelled before the next enter, unless startReceive comes first. */
  stopReceive(id: number): void {
    if ((this.flags[id] & RECEIVING) === 0) return;
    this.flags[id] &= ~RECEIVING;
    this.receiveChanges.push(id);
  }

  setBulk(id: number, bulk: boolean): void {
    const flags = this.flags[id];
    if ((flags & OPEN) === 0 || ((flags & BULK) !== 0) === bulk || (bulk && this.pool.pressure > 0)) return;
    this.flags[id] = bulk ? flags | BULK : flags & ~BULK;
    if ((flags & RECEIVING) !== 0) this.receiveChanges.push(id);
  }

  send(id: number, buffer: number, offset: number, length: number, _more: boolean): void {
    if ((this.flags[id] & (OPEN | SEND_DEAD)) !== OPEN || length === 0) return;
    if (!this.queue.push(id, buffer, offset, length)) {
      this.errnos[id] = ENOBUFS;
      this.flags[id] |= SEND_DEAD | SEND_FAILED;
      this.deferred.push(id);
      return;
    }
    if ((this.flags[id] & SEND_UNDER_WAY) === 0) this.sendReady.push(id);
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

  /**
   * What was sent in this turn gets its one try at the kernel's buffer first; then everything under way is cancelled.
   */
  close(id: number, reset: boolean): void {
    let flags = this.flags[id];
    if ((flags & OPEN) === 0) return;
    const fd = this.fds[id];
    if (reset) this.setLingerZero(fd);
    else if (this.queue.head[id] >= 0) this.startSend(id);
    flags = this.flags[id];
    const generation = this.generations[id];
    const receive = flags & (RECEIVE_ARMED | RECEIVE_CANCELLED);
    if (receive === RECEIVE_ARMED) this.ring.pushCancel(RECEIVE | id, generation, IGNORED);
    if ((flags & SEND_UNDER_WAY) !== 0) this.ring.pushCancel(SEND | id, generation, IGNORED);
    if ((flags & CONNECT_UNDER_WAY) !== 0) this.ring.pushCancel(CONNECT | id, generation, IGNORED);
    this.options.onFdClosed(fd);       // before the number is free: another thread may be given it at once
    this.ring.push(OP_CLOSE | (CQE_SKIP_SUCCESS << 8), fd, 0, 0, 0, 0, IGNORED, 0, 0);
    this.kept.clear(id);
    this.flags[id] = flags & (UNDER_WAY | RECEIVE_BULK);
    this.fds[id] = -1;
    this.owners[id] = NO_OWNER;
    this.socketCount--;
    this.freeIfDone(id);
  }

  listen(fd: number, owner: AcceptOwner): number { return this.accepting.listen(fd, owner); }
  unlisten(id: number): void { this.accepting.unlisten(id); }
  pauseAccept(id: number): void { this.accepting.pause(id); }
  resumeAccept(id: number): void { this.accepting.resume(id); }

  /** A multishot poll: every write to the eventfd completes once, and its counter is never read back. */
  setWake(eventFd: number, onWake: () => void): void {
    this.wakeFd = eventFd;
    this.onWake = onWake;
    this.ring.push(OP_POLL_ADD, eventFd, 0, 0, 1, EPOLLIN, WAKE, 0, 0);
  }

  poll(timeoutMs: number): void {
    if (this.heldSlot >= 0 || this.heldBuffer >= 0) this.releaseHeld();
    const ring = this.ring;
    this.accepting.retry();
    this.buffers.refill();
    this.bulkBuffers?.refill();
    this.starved = false;
    for (let n = this.receiveChanges.size; n > 0; n--) this.changeReceive(this.receiveChanges.shift());
    for (let n = this.sendReady.size; n > 0; n--) this.startSend(this.sendReady.shift());
    let wait = Math.min(timeoutMs, limits.pollWaitMsMax);
    if (this.deferred.size > 0 || ring.waiting() > 0) wait = 0;
    else if (this.starved) wait = Math.min(wait, limits.receiveRetryMs);
    ring.enter(this.accepting.wait(wait));
    this.onTurn();
    this.areas = 0;
    for (let n = ring.waiting(); n > 0 && ring.next(); n--) this.onCompletion();
    for (let n = this.deferred.size; n > 0; n--) this.runDeferred(this.deferred.shift());
  }

  /** Cancels everything and waits until the kernel has let go of the buffers. */
  end(): void {
    for (let id = 0; id < this.fds.length; id++) this.close(id, false);
    const deadline = performance.now() + END_WAIT_MS;
    for (;;) {
      let open = false;
      for (let id = 0; id < this.flags.length && !open; id++) open = (this.flags[id] & UNDER_WAY) !== 0;
      this.ring.enter(open ? 10 : 0);
      while (this.ring.next()) {
        if ((this.ring.userLow & KIND) <= CONNECT) this.onCompletion();
        else if ((this.ring.userLow & KIND) === ACCEPT && this.ring.result >= 0) libc.close(this.ring.result);
      }
      if (!open || performance.now() > deadline) break;
    }
    this.releaseHeld();
    this.options.onFdClosed(this.ring.fd);
    this.ring.close();
    this.buffers.end();
    this.bulkBuffers?.end();
  }

  private onCompletion(): void {
    const ring = this.ring;
    const low = ring.userLow;
    const id = low & SLOT;
    const { result, flags } = ring;
    switch (low & KIND) {
      case RECEIVE: this.onReceiveDone(id, result, flags); break;
      case SEND: this.onSendDone(id, result); break;
      case CONNECT: this.onConnectDone(id, result); break;
      case ACCEPT: this.accepting.onCompletion(id, result, flags); break;
      case WAKE:
        if ((flags & CQE_MORE) === 0) this.setWake(this.wakeFd, this.onWake);
        this.onWake();
        break;
      default: break;                  // a cancellation that found nothing to cancel
    }
  }

  private onReceiveDone(id: number, result: number, completion: number): void {
    this.current = id;
    const flags = this.flags[id];
    const buffers = (flags & RECEIVE_BULK) !== 0 ? this.bulkBuffers! : this.buffers;
    const last = (completion & CQE_MORE) === 0;
    if (last) this.flags[id] = flags & ~(RECEIVE_ARMED | RECEIVE_CANCELLED | RECEIVE_BULK);
    if ((completion & CQE_BUFFER) !== 0) {
      const slot = completion >>> 16;
      const buffer = buffers.take(slot);
      if ((flags & OPEN) === 0 || result <= 0) buffers.giveBack(slot);
      else if ((flags & RECEIVING) !== 0 && this.kept.head[id] < 0) {
        if (last) this.receiveChanges.push(id);
        this.heldSlot = slot;
        this.heldIn = buffers;
        this.owners[id].onReceived(buffer, this.pool.offsetOf(buffer), result);
        this.heldSlot = -1;
        buffers.giveBack(slot);
        return;
      } else {
        const kept = this.kept.push(id, buffer, this.pool.offsetOf(buffer), result);
        if (!kept) throw new Error('kept bytes exceed their bound');
        buffers.giveBack(slot);
      }
    }
    if ((flags & OPEN) === 0) {
      if (last) this.freeIfDone(id);
      return;
    }
    if (!last || result > 0) {
      if (last) this.receiveChanges.push(id);
      return;
    }
    const errno = -result;
    if (errno === ENOBUFS || errno === ECANCELED || errno === EINTR || errno === EAGAIN) {
      this.receiveChanges.push(id);
      return;
    }
    this.flags[id] |= END_SEEN;
    this.endErrnos[id] = errno;
    if ((flags & RECEIVING) !== 0 && this.kept.head[id] < 0) this.deliverEnd(id);
  }

  private deliverEnd(id: number): void {
    const errno = this.endErrnos[id];
    this.flags[id] = (this.flags[id] & ~END_SEEN) | RECEIVE_ENDED;
    if (errno !== 0) this.endBoth(id);
    this.owners[id].onReceiveEnd(errno);
  }

  private onSendDone(id: number, result: number): void {
    this.current = id;
    const flags = this.flags[id] & ~SEND_UNDER_WAY;
    this.flags[id] = flags;
    const queue = this.queue;
    if ((flags & OPEN) === 0) {
      this.freeIfDone(id);
      return;
    }
    if ((flags & SEND_DEAD) !== 0) {
      queue.clear(id);
      return;
    }
    if (result > 0) {
      queue.advance(id, result);
      if (queue.head[id] >= 0) {
        this.sendReady.push(id);
        return;
      }
      if ((flags & SHUTDOWN_WANTED) !== 0) this.shutdownNow(id);
      if ((flags & DRAIN_WANTED) !== 0) {
        this.flags[id] &= ~DRAIN_WANTED;
        this.owners[id].onSendDrained();
      }
      return;
    }
    if (result === -EAGAIN || result === -EINTR) {
      this.sendReady.push(id);
      return;
    }
    queue.clear(id);
    this.flags[id] = (flags & ~DRAIN_WANTED) | SEND_DEAD;
    this.owners[id].onSendFailed(result === 0 ? EPIPE : -result);
  }

  private onConnectDone(id: number, result: number): void {
    this.current = id;
    const flags = this.flags[id] & ~(CONNECT_UNDER_WAY | CONNECTING);
    this.flags[id] = flags;
    if ((flags & OPEN) === 0) {
      this.freeIfDone(id);
      return;
    }
    if (result < 0) this.endBoth(id);
    else {
      if (this.queue.head[id] >= 0) this.sendReady.push(id);
      else if ((flags & SHUTDOWN_WANTED) !== 0) this.shutdownNow(id);
      this.receiveChanges.push(id);
    }
    this.owners[id].onConnected(-result);
  }

  /** Arms, cancels, or leaves the receive of a slot as its flags ask. */
  private changeReceive(id: number): void {
    const flags = this.flags[id];
    if ((flags & OPEN) === 0) return;
    const bulk = (flags & BULK) !== 0;
    if ((flags & RECEIVE_ARMED) !== 0) {
      const fits = (flags & RECEIVING) !== 0 && ((flags & RECEIVE_BULK) !== 0) === bulk;
      if (fits || (flags & RECEIVE_CANCELLED) !== 0) return;
      this.flags[id] = flags | RECEIVE_CANCELLED;
      this.ring.pushCancel(RECEIVE | id, this.generations[id], IGNORED);
      return;
    }
    if ((flags & (RECEIVING | RECEIVE_ENDED | END_SEEN | CONNECTING)) !== RECEIVING || this.kept.head[id] >= 0) return;
    const buffers = bulk ? this.bulk() : this.buffers;
    if (buffers.lent === 0) {
      this.starved = true;
      this.receiveChanges.push(id);
      return;
    }
    this.flags[id] = flags | (bulk ? RECEIVE_ARMED | RECEIVE_BULK : RECEIVE_ARMED);
    // Short of buffers, a socket gets one at a time: of many, what comes before it is paused would have to be kept.
    const head = this.pool.pressure < 2 ? RECEIVE_MANY : RECEIVE_ONCE;
    this.ring.push(head, this.fds[id], 0, 0, 0, 0, RECEIVE | id, this.generations[id], buffers.group);
  }

  /** Hands the queue of a socket to the kernel: one piece by send, several by sendmsg. */
  private startSend(id: number): void {
    const queue = this.queue;
    const head = queue.head[id];
    if (head < 0 || (this.flags[id] & (OPEN | SEND_DEAD | CONNECTING | SEND_UNDER_WAY)) !== OPEN) return;
    this.flags[id] |= SEND_UNDER_WAY;
    const generation = this.generations[id];
    if (queue.next[head] < 0) {
      this.ring.push(OP_SEND, this.fds[id], 0, this.base + queue.offset[head], queue.length[head], SEND_FLAGS,
        SEND | id, generation, 0);
      return;
    }
    const area = this.area();
    writeMessage(this.words, this.base, area, queue, head, limits.sendMessageBytesMax);
    this.ring.push(OP_SENDMSG, this.fds[id], 0, this.base + area, 1, SEND_FLAGS, SEND | id, generation, 0);
  }

  private runDeferred(id: number): void {
    this.current = id;
    const generation = this.generations[id];
    if ((this.flags[id] & OPEN) === 0) return;
    if ((this.flags[id] & SEND_FAILED) !== 0) {
      this.flags[id] &= ~(SEND_FAILED | DRAIN_WANTED);
      if ((this.flags[id] & SEND_UNDER_WAY) === 0) this.queue.clear(id);
      this.owners[id].onSendFailed(this.errnos[id]);
      if (this.generations[id] !== generation || (this.flags[id] & OPEN) === 0) return;
    }
    if ((this.flags[id] & DRAIN_WANTED) !== 0 && this.queue.head[id] < 0) {
      this.flags[id] &= ~DRAIN_WANTED;
      this.owners[id].onSendDrained();
      if (this.generations[id] !== generation || (this.flags[id] & OPEN) === 0) return;
    }
    this.deliverKept(id, generation);
  }

  /** Bytes, then perhaps the end, that arrived while receiving was stopped. */
  private deliverKept(id: number, generation: number): void {
    const kept = this.kept;
    while ((this.flags[id] & RECEIVING) !== 0 && kept.head[id] >= 0) {
      const node = kept.head[id];
      const buffer = kept.buffer[node];
      const offset = kept.offset[node];
      const length = kept.length[node];
      this.pool.retain(buffer);
      kept.advance(id, length);
      this.heldBuffer = buffer;
      this.owners[id].onReceived(buffer, offset, length);
      this.heldBuffer = -1;
      this.pool.release(buffer);
      if (this.generations[id] !== generation || (this.flags[id] & OPEN) === 0) return;
    }
    if ((this.flags[id] & RECEIVING) === 0 || kept.head[id] >= 0) return;
    if ((this.flags[id] & END_SEEN) !== 0) this.deliverEnd(id);
    else this.receiveChanges.push(id);
  }

  private releaseHeld(): void {
    if (this.heldSlot >= 0) this.heldIn.giveBack(this.heldSlot);
    if (this.heldBuffer >= 0) this.pool.release(this.heldBuffer);
    this.heldSlot = -1;
    this.heldBuffer = -1;
  }

  private endBoth(id: number): void {
    this.flags[id] = (this.flags[id] & ~SEND_FAILED) | RECEIVE_ENDED | SEND_DEAD;
    if ((this.flags[id] & SEND_UNDER_WAY) === 0) this.queue.clear(id);
  }

  private freeIfDone(id: number): void {
    if ((this.flags[id] & UNDER_WAY) !== 0) return;
    this.queue.clear(id);
    this.flags[id] = 0;
    this.generations[id] = (this.generations[id] + 1) & GENERATION_MASK;
    this.free[this.freeCount++] = id;
  }

  private shutdownNow(id: number): void {
    this.flags[id] &= ~SHUTDOWN_WANTED;
    libc.shutdown(this.fds[id], SHUT_WR);
  }

  private setLingerZero(fd: number): void {
    const at = (this.scratch + OPTION) >> 2;
    this.words[at] = 1;
    this.words[at + 1] = 0;
    libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, this.base + this.scratch + OPTION, 8);
  }

  /** Offset of memory for one entry; it may be reused after the next submission. */
  private area(): number {
    if (this.areas === AREAS) {
      this.ring.submit();
      this.areas = 0;
    }
    return this.scratch + AREAS_AT + AREA_BYTES * this.areas++;
  }

  private bulk(): UringBuffers {
    if (this.bulkBuffers !== null) return this.bulkBuffers;
    const entries = ringEntries(this.pool, LARGE, BULK_BUFFERS_MAX);
    const at = this.scratch + BULK_RING;
    this.bulkBuffers = new UringBuffers(this.options.memory, this.ring, this.scratch, this.base, at, entries, 1, LARGE,
      limits.receiveBytesMax, this.pool);
    return this.bulkBuffers;
  }
}
