// What an engine asks the outside for besides its reactor: the time, and sockets to connect with. A parameter, so that
// the simulation can put virtual time and pretended sockets in its place.
import { close } from '../os/libc.js';
import { bindSource, localAddress, newStreamSocket, originalDestination, peerAddress, setKeepAlive,
  setNoDelay } from '../os/socket.js';
import type { SocketSetup } from '../config/upstream-connections.js';
import { familyOf } from '../os/sockaddr.js';
import type { SocketAddress } from '../os/sockaddr.js';

export interface Outside {
  monotonicMs(): number;
  wallMs(): number;
  /**
   * A new non-blocking stream socket for the address's family, without Nagle's delay, set up as is asked for; -1 when
   * there is none (EMFILE and the like), -2 when it cannot be bound.
   */
  openSocket(address: SocketAddress, setup: SocketSetup | null): number;
  /** Closes a socket that the reactor never got. */
  closeSocket(fd: number): void;
  localAddress(fd: number): SocketAddress | null;
  peerAddress(fd: number): SocketAddress | null;
  /** Where the client wanted to go before the kernel redirected it here; null if it did not. */
  originalDestination(fd: number): SocketAddress | null;
}

/** performance.now() counts from the thread's start; token buckets need one clock for all threads: the process's. */
const STARTED_MS = process.uptime() * 1000 - performance.now();

export const kernel: Outside = {
  monotonicMs: () => STARTED_MS + performance.now(),
  wallMs: () => Date.now(),
  openSocket: (address, setup) => {
    let fd: number;
    // Running out of file descriptors is an answer here, not an exception: the request is refused, its counts go back.
    try { fd = newStreamSocket(address); } catch { return -1; }
    if (address.kind !== 'ip') return fd;
    setNoDelay(fd);
    if (setup === null) return fd;
    const { keepAlive, sources } = setup;
    if (keepAlive !== null) setKeepAlive(fd, keepAlive.idleSeconds, keepAlive.intervalSeconds, keepAlive.probes);
    if (sources.length === 0) return fd;
    const family = familyOf(address);
    const source = sources.find((one) => one.address === null || familyOf(one.address) === family) ?? sources[0];
    if (bindSource(fd, source.address, source.freebind, source.options)) return fd;
    close(fd);
    return -2;
  },
  closeSocket: (fd) => { close(fd); },
  localAddress,
  peerAddress,
  originalDestination,
};
