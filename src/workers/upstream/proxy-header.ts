// The header with which a connection begins that tells its endpoint who the client is: PROXY protocol, version 1 in
// text and version 2 in bytes (haproxy.org/download/2.9/doc/proxy-protocol.txt).
import { isIP } from 'node:net';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Engine } from '../engine.js';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

/** Writes it at `at`; returns its length. Without two ends of one family it says that there is nothing to tell. */
export function writeProxyHeader(engine: Engine, at: number, version: 1 | 2, source: SocketAddress | null,
  destination: SocketAddress | null): number {
  const family = source?.kind === 'ip' && destination?.kind === 'ip' && isIP(source.host) === isIP(destination.host)
    ? isIP(source.host) : 0;
  if (version === 1) {
    if (family === 0) return engine.writeText(at, 'PROXY UNKNOWN\r\n');
    const [from, to] = [source, destination] as { host: string; port: number }[];
    return engine.writeText(at, `PROXY TCP${family} ${from.host} ${to.host} ${from.port} ${to.port}\r\n`);
  }
  const { u8 } = engine;
  u8.set(SIGNATURE, at);
  u8[at + 12] = family === 0 ? LOCAL : PROXY;
  u8[at + 13] = family === 0 ? 0 : family === 4 ? TCP4 : TCP6;
  u8[at + 14] = 0;
  let end = at + 16;
  if (family !== 0) {
    const ends = [source, destination] as { host: string; port: number }[];
    for (const { host } of ends) {
      const bytes = family === 4 ? host.split('.').map(Number) : ipv6Bytes(host);
      u8.set(bytes, end);
      end += bytes.length;
    }
    for (const { port } of ends) {
      u8[end++] = port >> 8;
      u8[end++] = port & 255;
    }
  }
  u8[at + 15] = end - at - 16;
  return end - at;
}

/** The sixteen bytes of an IPv6 address in text. */
function ipv6Bytes(host: string): number[] {
  const [head, tail] = host.split('%')[0].split('::');
  const words = (text: string | undefined): number[] => text === undefined || text === '' ? []
    : text.split(':').flatMap((part) => part.includes('.') ? quad(part) : [parseInt(part, 16)]);
  const before = words(head), after = words(tail);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap((word) => [word >> 8, word & 255]);
}

function quad(text: string): number[] {
  const [a, b, c, d] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}
