// The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): who the client is and where it wanted to go,
// said by the proxy in front of us. Read where it lies; extensions of version 2 are checked and passed over.
import { isIP } from 'node:net';
import { limits } from '../../core/limits.js';
import { AF_INET, AF_INET6 } from '../../os/constants.js';
import { decodeSockaddr } from '../../os/sockaddr.js';
import type { SocketAddress } from '../../os/sockaddr.js';

const V1_BYTES_MAX = 108;
const V2_HEADER = 16;
const signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];
const v1Signature = [80, 82, 79, 88, 89];                 // 'PROXY'
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

export const PROXY_MORE = -1;
export const PROXY_BAD = -2;
/** The bytes are no PROXY header, of either version. */
export const PROXY_NONE = -3;

const view = new DataView(new ArrayBuffer(32));

function begins(u8: Uint8Array, at: number, end: number, with_: readonly number[]): boolean {
  const bytes = Math.min(with_.length, end - at);
  for (let i = 0; i < bytes; i++) if (u8[at + i] !== with_[i]) return false;
  return true;
}

export class ProxyHeader {
  /** Of the header that was found, or that the bytes looked like; 0 = neither. */
  version: 0 | 1 | 2 = 0;
  remote: SocketAddress | null = null;
  local: SocketAddress | null = null;

  /**
   * Bytes of the header, or PROXY_MORE, PROXY_BAD, PROXY_NONE. `mayMiss`: the bytes may be something else, and are
   * at the first that differs; then versions of `without` are not looked for.
   */
  read(u8: Uint8Array, at: number, end: number, mayMiss: boolean, without: readonly ('v1' | 'v2')[]): number {
    this.version = 0;
    this.remote = this.local = null;
    if (at === end) return PROXY_MORE;
    const two = begins(u8, at, end, signature) && !(mayMiss && without.includes('v2'));
    const one = begins(u8, at, end, v1Signature) && !(mayMiss && without.includes('v1'));
    if (!two && !one) return mayMiss || end - at >= V2_HEADER ? PROXY_NONE : this.shortLine(u8, at, end);
    if (two && end - at < V2_HEADER) return PROXY_MORE;
    this.version = two ? 2 : 1;
    return two ? this.readBinary(u8, at, end) : this.readText(u8, at, end);
  }

  /** As Envoy: a line that is too short for a header of version 2 is a bad one of version 1. */
  private shortLine(u8: Uint8Array, at: number, end: number): number {
    for (let i = at + 2; i < end; i++) {
      if (u8[i] !== 10 || u8[i - 1] !== 13) continue;
      this.version = 1;
      return PROXY_BAD;
    }
    return PROXY_MORE;
  }

  private readText(u8: Uint8Array, at: number, end: number): number {
    const last = Math.min(end, at + V1_BYTES_MAX);
    let line = at + 1;
    while (line < last && !(u8[line] === 10 && u8[line - 1] === 13)) line++;
    if (line === last) return end - at >= V1_BYTES_MAX ? PROXY_BAD : PROXY_MORE;
    let text = '';
    for (let i = at; i < line - 1; i++) text += String.fromCharCode(u8[i]);
    const parts = text.split(' ').filter((part) => part !== '');
    if (parts.length < 2 || parts[0] !== 'PROXY') return PROXY_BAD;
    const bytes = line + 1 - at;
    if (parts[1] === 'UNKNOWN') return bytes;
    const family = parts[1] === 'TCP4' ? 4 : parts[1] === 'TCP6' ? 6 : 0;
    if (family === 0 || parts.length !== 6) return PROXY_BAD;
    this.remote = textAddress(parts[2], parts[4], family);
    this.local = textAddress(parts[3], parts[5], family);
    return this.remote === null || this.local === null ? PROXY_BAD : bytes;
  }

  private readBinary(u8: Uint8Array, at: number, end: number): number {
    const command = u8[at + 12], family = u8[at + 13] >> 4, transport = u8[at + 13] & 15;
    const length = (u8[at + 14] << 8) | u8[at + 15];
    if (command >> 4 !== 2) return PROXY_BAD;
    const isLocal = (command & 15) === 0;
    const addresses = isLocal ? 0 : family === 1 ? TCP4_BYTES : family === 2 ? TCP6_BYTES : -1;
    if (addresses < 0 || length < addresses) return PROXY_BAD;
    if (!isLocal && ((command & 15) !== 1 || transport < 1 || transport > 2)) return PROXY_BAD;
    if (V2_HEADER + length > limits.proxyHeaderBytesMax) return PROXY_BAD;
    if (end - at < V2_HEADER + length) return PROXY_MORE;
    if (isLocal) return V2_HEADER + length;
    const ip = family === 1 ? 4 : 16;
    const from = at + V2_HEADER;
    this.remote = binaryAddress(u8, from, from + 2 * ip, ip);
    this.local = binaryAddress(u8, from + ip, from + 2 * ip + 2, ip);
    if (this.remote === null || this.local === null) return PROXY_BAD;
    return extensionsFit(u8, from + addresses, at + V2_HEADER + length) ? V2_HEADER + length : PROXY_BAD;
  }
}

function extensionsFit(u8: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    if (at + 3 > end) return false;
    at += 3 + ((u8[at + 1] << 8) | u8[at + 2]);
  }
  return at === end;
}

function textAddress(host: string, port: string, family: number): SocketAddress | null {
  if (isIP(host) !== family || host.includes('%') || !/^\d{1,5}$/.test(port) || Number(port) > 65535) return null;
  return unicast({ kind: 'ip', host, port: Number(port) });
}

function binaryAddress(u8: Uint8Array, ipAt: number, portAt: number, ipBytes: number): SocketAddress | null {
  for (let i = 0; i < 32; i += 4) view.setUint32(i, 0);
  view.setUint16(0, ipBytes === 4 ? AF_INET : AF_INET6, true);
  view.setUint8(2, u8[portAt]);
  view.setUint8(3, u8[portAt + 1]);
  const to = ipBytes === 4 ? 4 : 8;
  for (let i = 0; i < ipBytes; i++) view.setUint8(to + i, u8[ipAt + i]);
  return unicast(decodeSockaddr(view, 0, ipBytes === 4 ? 16 : 28));
}

/** Null for addresses that no TCP connection has. */
function unicast(address: SocketAddress | null): SocketAddress | null {
  if (address === null || address.kind !== 'ip') return null;
  const { host } = address;
  if (host === '0.0.0.0' || host === '255.255.255.255' || host === '::' || /^ff/i.test(host)) return null;
  const first = host.includes(':') ? 0 : Number(host.slice(0, host.indexOf('.')));
  return first >= 224 && first < 240 ? null : address;
}
