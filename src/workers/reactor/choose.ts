// Which driver runs, and building it. Main decides once at start (`--io`), workers build what main decided.
import { EpollReactor, EPOLL_SCRATCH_BYTES } from './epoll.js';
import type { Reactor, ReactorOptions } from './reactor.js';

/** Scratch that every driver can live in. */
export const REACTOR_SCRATCH_BYTES = EPOLL_SCRATCH_BYTES;

export function createReactor(driver: 'epoll' | 'uring', options: ReactorOptions): Reactor {
  if (driver === 'uring') throw new Error('not yet');
  return new EpollReactor(options);
}
