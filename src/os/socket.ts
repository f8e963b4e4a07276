// Sockets opened, configured and asked about outside the hot path: listeners, options, addresses. Everything that can
// fail for a reason the operator must read throws SystemCallError; what is merely an option returns whether the kernel
// took it.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import {
  AF_INET6, AF_UNIX, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_V6ONLY, IP_BIND_ADDRESS_NO_PORT, IP_FREEBIND,
  IP_TRANSPARENT, SOCK_CLOEXEC,
  SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE, SO_LINGER, SO_ORIGINAL_DST, SO_RCVBUF,
  SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY,
} from './constants.js';
import { EAGAIN, ECONNREFUSED, EINPROGRESS, EINTR, SystemCallError } from './errno.js';
import * as libc from './libc.js';
import { decodeSockaddr, encodeSockaddr, familyOf, formatAddress, SOCKADDR_BYTES_MAX } from './sockaddr.js';
import type { SocketAddress } from './sockaddr.js';

// Scratch of this thread: a sockaddr, then option words.
const scratch = new Uint8Array(256);
const view = new DataView(scratch.buffer);
const scratchAddress = libc.addressOf(scratch);
const OPTION = SOCKADDR_BYTES_MAX;

export interface ListenOptions {
  backlog: number;
  reusePort: boolean;
  /** An IPv6 wildcard also takes IPv4 (Envoy's ipv4_compat). */
  ipv4Compat: boolean;
  /** Permission bits of a unix socket's path; 0 leaves what umask gives. */
  mode: number;
  transparent: boolean;
  freebind: boolean;
  options: readonly SocketOptionValue[];
}

/** An option of any level; refused by the kernel, it is the operator's business. */
export interface SocketOptionValue { level: number; name: number; value: number | { base64: string };
  state: 'prebind' | 'bound' | 'listening' }

export const listenDefaults: ListenOptions = {
  backlog: 128, reusePort: false, ipv4Compat: false, mode: 0, transparent: false, freebind: false, options: [],
};

/** A listening, non-blocking socket. Throws SystemCallError that names the address. */
export function openListener(address: SocketAddress, options: Partial<ListenOptions> = {}): number {
  const wanted = { ...listenDefaults, ...options };
  const fd = openBound(address, wanted);
  if (libc.listen(fd, wanted.backlog) === 0) return fd;
  const error = new SystemCallError(`listen on ${formatAddress(address)}`, libc.errno());
  libc.close(fd);
  throw error;
}

/** As openListener, before listen(): bound so that another process or worker cannot take the address meanwhile. */
export function openBound(address: SocketAddress, wanted: ListenOptions): number {
  const name = formatAddress(address);
  const fd = newStreamSocket(address);
  const fail = (what: string): never => {
    const error = new SystemCallError(`${what} ${name}`, libc.errno());
    libc.close(fd);
    throw error;
  };
  if (address.kind === 'ip') {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    setNoDelay(fd);                    // accepted sockets inherit it: one system call less for each
    if (wanted.reusePort && !setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)) fail('SO_REUSEPORT for');
    if (familyOf(address) === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, wanted.ipv4Compat ? 0 : 1);
    if (wanted.freebind && !setOption(fd, IPPROTO_IP, IP_FREEBIND, 1)) fail('IP_FREEBIND for');
    if (wanted.transparent && !setOption(fd, IPPROTO_IP, IP_TRANSPARENT, 1)) fail('IP_TRANSPARENT for');
  } else {
    removeStaleUnixSocket(address);
  }
  applyOptions(fd, wanted.options, 'prebind', fail);
  const length = encodeSockaddr(address, view, 0);
  if (libc.bind(fd, scratchAddress, length) < 0) fail('cannot bind');
  applyOptions(fd, wanted.options, 'bound', fail);
  const hasPath = address.kind === 'pipe' && !address.path.startsWith('@');
  if (hasPath && wanted.mode !== 0) chmodSync(address.path, wanted.mode);
  return fd;
}

/** Sets the options of one state; `fail` is called, and throws, at the first that the kernel refuses. */
export function applyOptions(fd: number, options: readonly SocketOptionValue[], state: SocketOptionValue['state'],
  fail: (what: string) => never): void {
  for (const { level, name, value, state: when } of options) {
    if (when !== state) continue;
    if (typeof value === 'number' ? setOption(fd, level, name, value) : setOptionBytes(fd, level, name, value.base64))
      continue;
    fail(`socket option ${level}/${name} for`);
  }
}

function setOptionBytes(fd: number, level: number, name: number, base64: string): boolean {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return libc.setsockopt(fd, level, name, bytes.length === 0 ? scratchAddress : libc.addressOf(bytes),
    bytes.length) === 0;
}

/** Removes the path of a unix socket on which nobody listens any more; a live one stays and bind says EADDRINUSE. */
function removeStaleUnixSocket(address: { kind: 'pipe'; path: string }): void {
  if (address.path.startsWith('@')) return;
  try {
    if (!lstatSync(address.path).isSocket()) return;
  } catch { return; }                          // nothing there, or not ours to look at: bind will say so
  const probe = newStreamSocket(address);
  const length = encodeSockaddr(address, view, 0);
  const refused = libc.connect(probe, scratchAddress, length) < 0 && libc.errno() === ECONNREFUSED;
  libc.close(probe);
  if (refused) unlinkSync(address.path);
}

/** A non-blocking, close-on-exec stream socket of the address's family. */
export function newStreamSocket(address: SocketAddress): number {
  const family = familyOf(address);
  const fd = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError(`socket for ${formatAddress(address)}`, libc.errno());
  return fd;
}

/** Accepts until nothing waits or `most` were taken. Returns 0, or the errno that stopped it (EMFILE and the like). */
export function acceptBatch(fd: number, most: number, onAccepted: (fd: number) => void): number {
  for (let n = 0; n < most; n++) {
    const accepted = libc.accept4(fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) { onAccepted(accepted); continue; }
    const errno = libc.errno();
    if (errno === EAGAIN) return 0;
    if (errno !== EINTR && !isConnectionError(errno)) return errno;
  }
  return 0;
}

/**
 * accept4 also reports what befell the one connection (ECONNABORTED, EPROTO, network errors): the next is unaffected.
 */
function isConnectionError(errno: number): boolean {
  return errno === 103 || errno === 71 || errno === 1 || (errno >= 92 && errno <= 95) || errno === 64 ||
    (errno >= 100 && errno <= 102) || (errno >= 110 && errno <= 113);
}

/** Sets an integer option; false if the kernel refuses (read libc.errno() at once for the reason). */
export function setOption(fd: number, level: number, name: number, value: number): boolean {
  view.setInt32(OPTION, value, true);
  return libc.setsockopt(fd, level, name, scratchAddress + OPTION, 4) === 0;
}

/** An integer option, or -1. */
export function getOption(fd: number, level: number, name: number): number {
  view.setInt32(OPTION, 0, true);
  view.setUint32(OPTION + 4, 4, true);
  const result = libc.getsockopt(fd, level, name, scratchAddress + OPTION, scratchAddress + OPTION + 4);
  return result < 0 ? -1 : view.getInt32(OPTION, true);
}

export const setNoDelay = (fd: number) => setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
export const setReceiveBufferBytes = (fd: number, bytes: number) => setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
export const setSendBufferBytes = (fd: number, bytes: number) => setOption(fd, SOL_SOCKET, SO_SNDBUF, bytes);

/** TCP keepalive; a value of 0 keeps the system's. */
export function setKeepAlive(fd: number, idleSeconds: number, intervalSeconds: number, probes: number): boolean {
  return setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
    (idleSeconds === 0 || setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds)) &&
    (intervalSeconds === 0 || setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, intervalSeconds)) &&
    (probes === 0 || setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, probes));
}

/** Binds a socket that is to connect; a port of 0 is chosen at connect. False if the kernel refuses anything of it. */
export function bindSource(fd: number, address: SocketAddress | null, freebind: boolean,
  options: readonly SocketOptionValue[]): boolean {
  let refused = false;
  const fail = (): never => { refused = true; throw new Error('refused'); };
  try {
    if (freebind && !setOption(fd, IPPROTO_IP, IP_FREEBIND, 1)) return false;
    if (address?.kind === 'ip' && address.port === 0) setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    applyOptions(fd, options, 'prebind', fail);
    if (address !== null && libc.bind(fd, scratchAddress, encodeSockaddr(address, view, 0)) !== 0) return false;
    applyOptions(fd, options, 'bound', fail);
  } catch (error) {
    if (!refused) throw error;
    return false;
  }
  return true;
}

/** With 0 seconds close() sends RST. */
export function setLinger(fd: number, seconds: number): boolean {
  view.setInt32(OPTION, 1, true);
  view.setInt32(OPTION + 4, seconds, true);
  return libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, scratchAddress + OPTION, 8) === 0;
}

/** Starts connecting. 0 = connected, EINPROGRESS = under way, else the errno. */
export function connectTo(fd: number, address: SocketAddress): number {
  const length = encodeSockaddr(address, view, 0);
  if (libc.connect(fd, scratchAddress, length) === 0) return 0;
  const errno = libc.errno();
  return errno === EINTR ? EINPROGRESS : errno;
}

/** The address this end is bound to, or null if it cannot be told. */
export const localAddress = (fd: number) => addressBy(libc.getsockname, fd);
/** The peer's address; null once the peer has reset the connection. A unix peer is usually nameless: path ''. */
export const peerAddress = (fd: number) => addressBy(libc.getpeername, fd);

/** Where the client wanted to go before iptables REDIRECT sent it here; null if nothing redirected it. */
export function originalDestination(fd: number): SocketAddress | null {
  const local = localAddress(fd);
  if (local === null || local.kind !== 'ip') return null;
  view.setUint32(OPTION, SOCKADDR_BYTES_MAX, true);
  const level = local.host.includes(':') && !local.host.startsWith('::ffff:') ? IPPROTO_IPV6 : IPPROTO_IP;
  if (libc.getsockopt(fd, level, SO_ORIGINAL_DST, scratchAddress, scratchAddress + OPTION) < 0) return null;
  return decodeSockaddr(view, 0, view.getUint32(OPTION, true));
}

function addressBy(call: (fd: number, address: number, length: number) => number, fd: number): SocketAddress | null {
  view.setUint32(OPTION, SOCKADDR_BYTES_MAX, true);
  if (call(fd, scratchAddress, scratchAddress + OPTION) < 0) return null;
  const length = view.getUint32(OPTION, true);
  if (length === 2 && view.getUint16(0, true) === AF_UNIX) return { kind: 'pipe', path: '' };
  return decodeSockaddr(view, 0, length);
}
