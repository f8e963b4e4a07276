// Listening sockets of the io_uring driver: one multishot accept each, suspended (never spun on) when the process or
// the system is out of descriptors. A connection that the kernel accepted before a pause or the end took effect is
// still handed over: dropping it would lose a client.
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../os/constants.js';
import { AcceptSuspension, suspendsAccepting } from './accept-suspension.js';
import type { SuspendableListener } from './accept-suspension.js';
import type { AcceptOwner } from './reactor.js';
import type { UringRing } from './uring-ring.js';

const OP_ACCEPT = 13;
const ACCEPT_MULTISHOT = 1;
const CQE_MORE = 2;

interface Listening extends SuspendableListener {
  fd: number;
  owner: AcceptOwner;
  ended: boolean;
  armed: boolean;
}

export class UringAccept {
  private readonly listening: (Listening | null)[] = [];
  private readonly suspension = new AcceptSuspension(this.listening, (id, entry) => this.arm(id, entry));

  /** `kind` and `ignored` = low halves of user data for an accept (id is added) and for what nobody looks at. */
  constructor(private readonly ring: UringRing, private readonly kind: number, private readonly ignored: number,
    private readonly onFdOwned: (fd: number) => void) {}

  listen(fd: number, owner: AcceptOwner): number {
    let id = this.listening.indexOf(null);
    if (id < 0) id = this.listening.length;
    const entry = { fd, owner, paused: false, ended: false, armed: false, retryAtMs: 0 };
    this.listening[id] = entry;
    this.arm(id, entry);
    return id;
  }

  unlisten(id: number): void {
    const entry = this.listening[id];
    if (entry == null || entry.ended) return;
    entry.ended = true;
    this.suspension.forget(entry);
    if (entry.armed) this.cancel(id);
    else this.listening[id] = null;
  }

  pause(id: number): void {
    const entry = this.listening[id];
    if (entry == null || entry.paused) return;
    entry.paused = true;
    if (entry.armed) this.cancel(id);
  }

  resume(id: number): void {
    const entry = this.listening[id];
    if (entry == null || !entry.paused) return;
    entry.paused = false;
    // Still armed = its cancellation is under way: the last completion arms it again.
    if (!entry.armed && entry.retryAtMs === 0) this.arm(id, entry);
  }

  onCompletion(id: number, result: number, flags: number): void {
    const entry = this.listening[id];
    if (entry == null) return;
    if ((flags & CQE_MORE) === 0) {
      entry.armed = false;
      if (entry.ended) this.listening[id] = null;
      else if (result < 0 && suspendsAccepting(-result)) this.suspension.suspend(entry);
      else if (!entry.paused) this.arm(id, entry);
    }
    if (result >= 0) {
      this.onFdOwned(result);
      entry.owner.onAccepted(result);
    } else if (entry.retryAtMs !== 0) entry.owner.onAcceptFailed(-result);
  }

  /** The wait shortened to the next retry of a suspended socket. */
  wait(timeoutMs: number): number { return this.suspension.wait(timeoutMs); }
  /** Arms suspended sockets whose time has come. */
  retry(): void { this.suspension.retry(); }

  private arm(id: number, entry: Listening): void {
    entry.armed = true;
    this.ring.push(OP_ACCEPT | (ACCEPT_MULTISHOT << 16), entry.fd, 0, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC,
      this.kind | id, 0, 0);
  }

  private cancel(id: number): void {
    this.ring.pushCancel(this.kind | id, 0, this.ignored);
  }
}
