// Listening sockets: socket, options, bind, listen. Main opens all of them, for its own acceptor or for a worker.
// Failing is the operator's business: one line that names the address and the reason.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { Address } from '../config/types.js';
import { AF_INET6, AF_UNIX, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
  SO_REUSEADDR, SO_REUSEPORT } from '../os/constants.js';
import { SystemCallError } from '../os/errno.js';
import { addressOf, bind, close, errno, getsockname, listen, setsockopt, socket } from '../os/libc.js';
import { SOCKADDR_BYTES_MAX, decodeSockaddr, encodeSockaddr, familyOf, formatAddress } from '../os/sockaddr.js';

const scratch = new Uint8Array(SOCKADDR_BYTES_MAX + 16);
const view = new DataView(scratch.buffer);
const scratchAddress = addressOf(scratch);
const OPTION_AT = SOCKADDR_BYTES_MAX;

/** 'kind:host:port' or the path: equal texts are the same socket. */
export function addressKey(address: Address): string {
  return address.kind === 'ip' ? `${formatAddress(address)}${address.ipv4Compat ? '+4' : ''}` : address.path;
}

/** A bound socket that does not listen yet. Throws SystemCallError. */
export function bindSocket(address: Address, reusePort: boolean): number {
  const text = formatAddress(address);
  const family = familyOf(address);
  const fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError(`socket for ${text}`, errno());
  try {
    if (family !== AF_UNIX) setFlag(fd, SOL_SOCKET, SO_REUSEADDR, 1, text);
    if (family === AF_INET6) {
      setFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.kind === 'ip' && address.ipv4Compat ? 0 : 1, text);
    }
    if (reusePort && family !== AF_UNIX) setFlag(fd, SOL_SOCKET, SO_REUSEPORT, 1, text);
    if (address.kind === 'pipe') removeStale(address.path);
    const length = encodeSockaddr(address, view, 0);
    if (bind(fd, scratchAddress, length) < 0) throw new SystemCallError(`cannot bind ${text}`, errno());
    if (address.kind === 'pipe' && address.mode !== 0 && !address.path.startsWith('@')) chmodSync(address.path, address.mode);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

export function startListening(fd: number, backlog: number, address: Address): void {
  if (listen(fd, backlog) < 0) throw new SystemCallError(`cannot listen on ${formatAddress(address)}`, errno());
}

/**
 * Throws when another process holds the address. Sockets with SO_REUSEPORT would share it in silence, two proxies each
 * getting half of the connections; a bind without that option tells.
 */
export function probeAddress(address: Address): void {
  if (address.kind === 'ip' && address.port !== 0) close(bindSocket(address, false));
}

/** The address that the socket really has (the port, where 0 was asked for). */
export function boundAddress(fd: number, asked: Address): Address {
  if (asked.kind === 'pipe') return asked;
  view.setUint32(OPTION_AT, SOCKADDR_BYTES_MAX, true);
  if (getsockname(fd, scratchAddress, scratchAddress + OPTION_AT) < 0) throw new SystemCallError('getsockname', errno());
  const bound = decodeSockaddr(view, 0, view.getUint32(OPTION_AT, true));
  return bound !== null && bound.kind === 'ip' ? { ...asked, port: bound.port } : asked;
}

function setFlag(fd: number, level: number, name: number, value: number, text: string): void {
  view.setInt32(OPTION_AT, value, true);
  if (setsockopt(fd, level, name, scratchAddress + OPTION_AT, 4) < 0) {
    throw new SystemCallError(`setsockopt for ${text}`, errno());
  }
}

/** A socket file that an earlier process left behind; anything else at that path stays and makes bind fail. */
function removeStale(path: string): void {
  if (path.startsWith('@')) return;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && found.isSocket()) unlinkSync(path);
}
