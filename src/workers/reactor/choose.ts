// Which driver runs, and building it. Main decides once at start (`--io`), workers build what main decided.
import * as libc from '../../os/libc.js';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../os/constants.js';
import { errnoName, SystemCallError } from '../../os/errno.js';
import { BufferPool } from '../memory/buffers.js';
import { EpollReactor, EPOLL_SCRATCH_BYTES } from './epoll.js';
import type { Reactor, ReactorOptions, SocketOwner } from './reactor.js';
import { UringReactor } from './uring.js';
import { URING_SCRATCH_BYTES } from './uring-layout.js';

/** Scratch that every driver can live in, whole pages. */
export const REACTOR_SCRATCH_BYTES = 4096 * Math.ceil(Math.max(EPOLL_SCRATCH_BYTES, URING_SCRATCH_BYTES) / 4096);

export type UringAvailability = { ok: true } | { ok: false; reason: string };
export type IoChoice = { driver: 'epoll' | 'uring'; reason: string };

export function createReactor(driver: 'epoll' | 'uring', options: ReactorOptions): Reactor {
  return driver === 'uring' ? new UringReactor(options) : new EpollReactor(options);
}

/** What `--io` means on this machine. Throws an Error with one line when io_uring was demanded and cannot be had. */
export function chooseDriver(io: 'auto' | 'uring' | 'epoll'): IoChoice {
  if (io === 'epoll') return { driver: 'epoll', reason: 'asked for' };
  const available = uringAvailable();
  if (available.ok) return { driver: 'uring', reason: io === 'uring' ? 'asked for' : 'available' };
  if (io === 'uring') throw new Error(`--io uring: ${available.reason}`);
  return { driver: 'epoll', reason: `io_uring is not available: ${available.reason}` };
}

/**
 * Tries all that the driver needs on a pair of sockets: rings in our memory, provided buffers, multishot receive, send.
 */
export function uringAvailable(): UringAvailability {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const pairAt = 4096 * 2;
  const scratch = 4096 * 4;
  const arena = scratch + REACTOR_SCRATCH_BYTES;
  const pool = new BufferPool(arena, memory.buffer.byteLength - arena);
  let reactor: UringReactor;
  try {
    reactor = new UringReactor({ pool, memory, scratch, scratchBytes: REACTOR_SCRATCH_BYTES, socketsMax: 4,
      onFdOwned: () => undefined, onFdClosed: () => undefined });
  } catch (error) {
    if (error instanceof SystemCallError) return { ok: false, reason: error.message };
    throw error;
  }
  const words = new Int32Array(memory.buffer);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (libc.socketpair(AF_UNIX, type, 0, libc.addressOf(memory) + pairAt) < 0) {
    const error = new SystemCallError('socketpair', libc.errno());
    reactor.end();
    return { ok: false, reason: error.message };
  }
  const probe = new ProbeOwner();
  const receiving = reactor.add(words[pairAt >> 2], probe);
  const sending = reactor.add(words[(pairAt >> 2) + 1], probe);
  reactor.startReceive(receiving);
  const buffer = pool.acquire(0);
  for (let n = 0; n < 2 && probe.failed === 0; n++) {
    reactor.send(sending, buffer, pool.offsetOf(buffer), 8, false);
    for (let turn = 0; turn < 20 && probe.received < 8 * (n + 1) && probe.failed === 0; turn++) reactor.poll(50);
  }
  reactor.end();
  pool.release(buffer);
  if (probe.received === 16) return { ok: true };
  const failure = probe.failed === 0 ? 'no completion' : errnoName(probe.failed);
  return { ok: false, reason: `a trial transfer failed (${failure})` };
}

class ProbeOwner implements SocketOwner {
  received = 0;
  failed = 0;
  onConnected(): void { /* a pair is born connected */ }
  onReceived(_buffer: number, _offset: number, length: number): void { this.received += length; }
  onReceiveEnd(errno: number): void { this.failed = errno; }
  onSendFailed(errno: number): void { this.failed = errno; }
  onSendDrained(): void { /* not asked for */ }
}
