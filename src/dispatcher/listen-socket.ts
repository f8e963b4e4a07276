// The dispatcher's listening sockets: bound all together before any of them listens. Failing is the operator's
// business: one line that names the address and the reason (os/socket.ts).
import type { Address } from '../config/types.js';
import { SystemCallError } from '../os/errno.js';
import { close, errno, listen } from '../os/libc.js';
import { formatAddress } from '../os/sockaddr.js';
import { applyOptions, listenDefaults, localAddress, openBound } from '../os/socket.js';
import type { SocketOptionValue } from '../os/socket.js';

/** Equal texts are the same socket. */
export function addressKey(address: Address): string {
  return address.kind === 'ip' ? `${formatAddress(address)}${address.ipv4Compat ? '+4' : ''}` : address.path;
}

/** What is asked of one address's sockets. */
export interface SocketRequest { transparent: boolean; freebind: boolean; options: readonly SocketOptionValue[] }

/** A bound socket that does not listen yet. Throws SystemCallError. */
export function bindSocket(address: Address, reusePort: boolean, request: SocketRequest): number {
  return openBound(address, { ...listenDefaults, ...request, reusePort: reusePort && address.kind === 'ip',
    ipv4Compat: address.kind === 'ip' && address.ipv4Compat, mode: address.kind === 'pipe' ? address.mode : 0 });
}

export function startListening(fd: number, backlog: number, address: Address, request: SocketRequest): void {
  const fail = (what: string): never => {
    throw new SystemCallError(`${what} ${formatAddress(address)}`, errno());
  };
  if (listen(fd, backlog) < 0) fail('cannot listen on');
  applyOptions(fd, request.options, 'listening', fail);
}

/**
 * Throws when another process holds the address. Sockets with SO_REUSEPORT would share it in silence, two proxies each
 * getting half of the connections; a bind without that option tells.
 */
export function probeAddress(address: Address, request: SocketRequest): void {
  if (address.kind === 'ip' && address.port !== 0) close(bindSocket(address, false, request));
}

/** The address that the socket really has (the port, where 0 was asked for). */
export function boundAddress(fd: number, asked: Address): Address {
  if (asked.kind === 'pipe') return asked;
  const bound = localAddress(fd);
  return bound !== null && bound.kind === 'ip' ? { ...asked, port: bound.port } : asked;
}
