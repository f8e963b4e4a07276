// Listening sockets of the epoll driver: level-triggered, accepted in batches, suspended (never spun on) when the
// process or the system is out of descriptors.
import * as libc from '../../os/libc.js';
import {
  EPOLLIN, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_DATA_OFFSET, SOCK_CLOEXEC, SOCK_NONBLOCK,
} from '../../os/constants.js';
import { EAGAIN, EINTR, SystemCallError } from '../../os/errno.js';
import { limits } from '../../core/limits.js';
import { AcceptSuspension, suspendsAccepting } from './accept-suspension.js';
import type { SuspendableListener } from './accept-suspension.js';
import type { AcceptOwner } from './reactor.js';

interface Listening extends SuspendableListener {
  fd: number;
  owner: AcceptOwner;
  most: number;
}

export class EpollAccept {
  private readonly listening: (Listening | null)[] = [];
  private readonly suspension = new AcceptSuspension(this.listening,
    (id, entry) => this.control(EPOLL_CTL_MOD, entry.fd, EPOLLIN, id));

  /** `scratch` = offset of one epoll_event; `tag` = high half of the event data that marks listening sockets. */
  constructor(private readonly epoll: number, private readonly words: Int32Array, private readonly base: number,
    private readonly scratch: number, private readonly tag: number, private readonly onFdOwned: (fd: number) => void) {}

  listen(fd: number, owner: AcceptOwner, most: number): number {
    let id = this.listening.indexOf(null);
    if (id < 0) id = this.listening.length;
    this.control(EPOLL_CTL_ADD, fd, EPOLLIN, id);
    this.listening[id] = { fd, owner, paused: false, retryAtMs: 0,
      most: most === 0 ? limits.acceptBatchMax : Math.min(most, limits.acceptBatchMax) };
    return id;
  }

  unlisten(id: number): void {
    const entry = this.listening[id];
    if (entry == null) return;
    this.suspension.forget(entry);
    this.listening[id] = null;
    libc.epollCtl(this.epoll, EPOLL_CTL_DEL, entry.fd, 0);
  }

  pause(id: number): void {
    const entry = this.listening[id];
    if (entry == null || entry.paused) return;
    entry.paused = true;
    if (entry.retryAtMs === 0) this.control(EPOLL_CTL_MOD, entry.fd, 0, id);
  }

  resume(id: number): void {
    const entry = this.listening[id];
    if (entry == null || !entry.paused) return;
    entry.paused = false;
    if (entry.retryAtMs === 0) this.control(EPOLL_CTL_MOD, entry.fd, EPOLLIN, id);
  }

  /** Accepts what is there,
    up to the listener's share of an event; the rest is reported again by the level-triggered set. */
  onReadable(id: number): void {
    const entry = this.listening[id];
    if (entry == null) return;
    for (let n = 0; n < entry.most; n++) {
      if (entry.paused || this.listening[id] !== entry) return;
      const fd = libc.accept4(entry.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        this.onFdOwned(fd);
        entry.owner.onAccepted(fd);
        continue;
      }
      const errno = libc.errno();
      if (errno === EAGAIN) return;
      if (errno === EINTR) continue;
      if (!suspendsAccepting(errno)) continue;    // that one connection failed (ECONNABORTED, firewall): take the next
      this.control(EPOLL_CTL_MOD, entry.fd, 0, id);
      this.suspension.suspend(entry);
      entry.owner.onAcceptFailed(errno);
      return;
    }
  }

  /** The wait shortened to the next retry of a suspended socket. */
  wait(timeoutMs: number): number { return this.suspension.wait(timeoutMs); }
  /** Makes suspended sockets whose time has come part of the set again. */
  retry(): void { this.suspension.retry(); }

  private control(operation: number, fd: number, events: number, id: number): void {
    const at = this.scratch >> 2;
    this.words[at] = events;
    this.words[at + (EPOLL_DATA_OFFSET >> 2)] = id;
    this.words[at + (EPOLL_DATA_OFFSET >> 2) + 1] = this.tag;
    if (libc.epollCtl(this.epoll, operation, fd, this.base + this.scratch) < 0 && operation === EPOLL_CTL_ADD) {
      throw new SystemCallError('epoll_ctl of a listening socket', libc.errno());
    }
  }
}
