// Socket addresses as the kernel's bytes and as the text that Envoy prints. Bytes are written and read through a
// DataView of the caller's memory at an offset; a sockaddr never needs more than SOCKADDR_BYTES_MAX.
//
//   IPv4   family u16 | port u16 big-endian | address 4                                             16 bytes
//   IPv6   family u16 | port u16 big-endian | flow info u32 | address 16 | scope id u32             28 bytes
//   unix   family u16 | path, ended by NUL; abstract names begin with NUL (written '@') and have no end   <= 110 bytes
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AF_INET, AF_INET6, AF_UNIX } from './constants.js';

export const SOCKADDR_BYTES_MAX = 112;
/** Longest path of a unix socket: sun_path less its final NUL. */
export const UNIX_PATH_BYTES_MAX = 107;

/** `host` is a numeric IPv4 or IPv6 address; an IPv6 one may end in '%scope' (number or interface name). */
export interface IpSocketAddress { kind: 'ip'; host: string; port: number }
/** `path` beginning with '@' is an abstract name. */
export interface UnixSocketAddress { kind: 'pipe'; path: string }
export type SocketAddress = IpSocketAddress | UnixSocketAddress;

/** The family an address needs for socket(), or 0 if its host is not a numeric address. */
export function familyOf(address: SocketAddress): number {
  if (address.kind === 'pipe') return AF_UNIX;
  const version = isIP(address.host);
  return version === 4 ? AF_INET : version === 6 ? AF_INET6 : 0;
}

/**
 * Writes `address` at `at`; returns its length. Throws RangeError for what no kernel would take (checked by
 * configuration).
 */
export function encodeSockaddr(address: SocketAddress, view: DataView, at: number): number {
  for (let i = 0; i < SOCKADDR_BYTES_MAX; i += 4) view.setUint32(at + i, 0);
  if (address.kind === 'pipe') return encodeUnix(address.path, view, at);
  if (!(address.port >= 0 && address.port <= 65535)) throw new RangeError(`port ${address.port} is out of range`);
  const version = isIP(address.host);
  if (version === 0) throw new RangeError(`'${address.host}' is not a numeric IP address`);
  view.setUint16(at, version === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(at + 2, address.port, false);
  if (version === 4) {
    encodeIpv4(address.host, view, at + 4);
    return 16;
  }
  const percent = address.host.indexOf('%');
  const host = percent < 0 ? address.host : address.host.slice(0, percent);
  encodeIpv6(host, view, at + 8);
  if (percent >= 0) view.setUint32(at + 24, scopeId(address.host.slice(percent + 1)), true);
  return 28;
}

function encodeIpv4(host: string, view: DataView, at: number): void {
  const parts = host.split('.');
  for (let i = 0; i < 4; i++) view.setUint8(at + i, Number(parts[i]));
}

/** `host` passed isIP: at most one '::', groups of 1 to 4 hexadecimal digits, a dotted IPv4 tail allowed. */
function encodeIpv6(host: string, view: DataView, at: number): void {
  let text = host;
  const dotted = text.lastIndexOf(':') + 1;
  if (text.includes('.')) {
    const bytes = text.slice(dotted).split('.').map(Number);
    text = text.slice(0, dotted) + ((bytes[0]! << 8) | bytes[1]!).toString(16) + ':' +
      ((bytes[2]! << 8) | bytes[3]!).toString(16);
  }
  const halves = text.split('::');
  const head = halves[0] === '' ? [] : halves[0]!.split(':');
  const tail = halves.length < 2 || halves[1] === '' ? [] : halves[1]!.split(':');
  head.forEach((group, i) => view.setUint16(at + 2 * i, parseInt(group, 16), false));
  tail.forEach((group, i) => view.setUint16(at + 16 - 2 * (tail.length - i), parseInt(group, 16), false));
}

function scopeId(scope: string): number {
  if (/^\d+$/.test(scope)) return Number(scope);
  for (const entry of networkInterfaces()[scope] ?? []) {
    if (entry.family === 'IPv6' && entry.scopeid !== undefined && entry.scopeid !== 0) return entry.scopeid;
  }
  throw new RangeError(`no interface '${scope}' with an IPv6 scope`);
}

function encodeUnix(path: string, view: DataView, at: number): number {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length === 0) throw new RangeError('a unix socket path is empty');
  if (bytes.length > UNIX_PATH_BYTES_MAX) {
    throw new RangeError(`unix socket path '${path}' is longer than ${UNIX_PATH_BYTES_MAX} bytes`);
  }
  const abstract = bytes[0] === 0x40;
  view.setUint16(at, AF_UNIX, true);
  for (let i = abstract ? 1 : 0; i < bytes.length; i++) view.setUint8(at + 2 + i, bytes[i]!);
  return 2 + bytes.length + (abstract ? 0 : 1);
}

/** Reads the sockaddr of `length` bytes at `at`. Null for a family that is not IPv4, IPv6 or unix. */
export function decodeSockaddr(view: DataView, at: number, length: number): SocketAddress | null {
  if (length < 2) return null;
  const family = view.getUint16(at, true);
  if (family === AF_UNIX) return { kind: 'pipe', path: unixPath(view, at, length) };
  if (family === AF_INET && length >= 16) {
    return { kind: 'ip', host: formatIpv4(view, at + 4), port: view.getUint16(at + 2, false) };
  }
  if (family === AF_INET6 && length >= 28) {
    const scope = view.getUint32(at + 24, true);
    const host = formatIpv6(view, at + 8) + (scope === 0 ? '' : '%' + scope);
    return { kind: 'ip', host, port: view.getUint16(at + 2, false) };
  }
  return null;
}

function unixPath(view: DataView, at: number, length: number): string {
  const bytes: number[] = [];
  const abstract = length > 3 && view.getUint8(at + 2) === 0;
  for (let i = abstract ? 3 : 2; i < length; i++) {
    const byte = view.getUint8(at + i);
    if (byte === 0 && !abstract) break;
    bytes.push(byte);
  }
  return (abstract ? '@' : '') + new TextDecoder().decode(Uint8Array.from(bytes));
}

function formatIpv4(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}

/** RFC 5952 as inet_ntop prints it: longest run of zero groups (two or more) as '::', IPv4-mapped addresses dotted. */
function formatIpv6(view: DataView, at: number): string {
  if (isMappedIpv4(view, at)) return '::ffff:' + formatIpv4(view, at + 12);
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && view.getUint16(at + 2 * end, false) === 0) end++;
    if (end - start > bestLength) { bestStart = start; bestLength = end - start; }
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === bestStart) { text += '::'; i += bestLength - 1; continue; }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += view.getUint16(at + 2 * i, false).toString(16);
  }
  return text;
}

/** True for ::ffff:a.b.c.d, the 16 bytes at `at`: an IPv4 peer of a dual-stack socket. */
function isMappedIpv4(view: DataView, at: number): boolean {
  return view.getUint32(at) === 0 && view.getUint32(at + 4) === 0 && view.getUint32(at + 8) === 0xffff;
}

/** IPv4 peers of dual-stack sockets as plain IPv4 (as Envoy shows them); everything else unchanged. */
export function unmapped(address: SocketAddress): SocketAddress {
  if (address.kind !== 'ip' || !address.host.startsWith('::ffff:') || !address.host.includes('.')) return address;
  return { kind: 'ip', host: address.host.slice(7), port: address.port };
}

/** '10.0.0.1:80', '[::1]:80', '/path/socket', '@name': what Envoy prints in logs, statistics and /clusters. */
export function formatAddress(address: SocketAddress): string {
  if (address.kind === 'pipe') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The reverse of formatAddress for flags and tests; null if it is no such text. */
export function parseAddress(text: string): SocketAddress | null {
  if (text.startsWith('/') || text.startsWith('@')) return { kind: 'pipe', path: text };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  if (isIP(host) === 0 || (match[1] !== undefined) !== (isIP(host) === 6) || port > 65535) return null;
  return { kind: 'ip', host, port };
}
