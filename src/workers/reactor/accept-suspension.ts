// Listening sockets on which accepting is suspended because the process or the system is out of descriptors or memory:
// the connection stays in the backlog, and trying again at once would spin. Shared by the drivers, which own the
// sockets and say how one is armed again.
import { limits } from '../../core/limits.js';
import { EBADF, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK, EOPNOTSUPP } from '../../os/errno.js';

export interface SuspendableListener {
  paused: boolean;
  /** performance.now() at which accepting is tried again; 0 = not suspended. */
  retryAtMs: number;
}

/** Errors that leave the connection in the backlog. */
export function suspendsAccepting(errno: number): boolean {
  return errno === EMFILE || errno === ENFILE || errno === ENOBUFS || errno === ENOMEM ||
    errno === EBADF || errno === EINVAL || errno === ENOTSOCK || errno === EOPNOTSUPP;
}

export class AcceptSuspension<Entry extends SuspendableListener> {
  private suspended = 0;

  /** `arm` is called for an entry whose time has come and that is not paused. */
  constructor(private readonly listening: readonly (Entry | null)[],
    private readonly arm: (id: number, entry: Entry) => void) {}

  suspend(entry: Entry): void {
    entry.retryAtMs = performance.now() + limits.acceptRetryMs;
    this.suspended++;
  }

  /** The socket is not listened on any more. */
  forget(entry: Entry): void {
    if (entry.retryAtMs !== 0) this.suspended--;
    entry.retryAtMs = 0;
  }

  /** The wait shortened to the next retry of a suspended socket. */
  wait(timeoutMs: number): number {
    if (this.suspended === 0) return timeoutMs;
    const now = performance.now();
    let wait = timeoutMs;
    for (const entry of this.listening) {
      if (entry !== null && entry.retryAtMs !== 0) wait = Math.min(wait, Math.max(0, Math.ceil(entry.retryAtMs - now)));
    }
    return wait;
  }

  /** Arms suspended sockets whose time has come. */
  retry(): void {
    if (this.suspended === 0) return;
    const now = performance.now();
    for (let id = 0; id < this.listening.length; id++) {
      const entry = this.listening[id];
      if (entry == null || entry.retryAtMs === 0 || entry.retryAtMs > now) continue;
      this.forget(entry);
      if (!entry.paused) this.arm(id, entry);
    }
  }
}
