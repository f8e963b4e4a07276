// What a connection speaks, by its first bytes: 24 at most, and the longest magic first, for a shorter one may begin a
// longer one.
import { bolt } from './bolt.js';
import { dubbo } from './dubbo.js';
import { example } from './example.js';
import type { RpcProtocol } from './protocol.js';

export const RECOGNITION_BYTES_MAX = 24;

export type Recognised = RpcProtocol | 'http1' | 'http2' | 'more' | 'unknown';

/** RFC 9113 3.4. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** By the lengths of their magics. Bolt's is one byte, and looks at those behind it: users' codecs come before it. */
const inTurn: readonly RpcProtocol[] = [example, dubbo], last: readonly RpcProtocol[] = [bolt];
const SPACE = 32, SLASH = 47, ASTERISK = 42, CONNECT = 'CONNECT';

/** Looks at [at, end), the first bytes of a connection. `further`: protocols of users' codecs. */
export function recognise(bytes: Uint8Array, at: number, end: number, further: readonly RpcProtocol[]): Recognised {
  end = Math.min(end, at + RECOGNITION_BYTES_MAX);
  if (at === end) return 'more';
  const http2 = beginsWith(bytes, at, end, PREFACE);
  if (http2 !== 'no') return http2 === 'yes' ? 'http2' : 'more';
  return oneOf(inTurn, bytes, at, end) ?? oneOf(further, bytes, at, end) ?? oneOf(last, bytes, at, end)
    ?? requestLine(bytes, at, end);
}

function oneOf(protocols: readonly RpcProtocol[], bytes: Uint8Array, at: number, end: number):
  RpcProtocol | 'more' | null {
  for (const protocol of protocols) {
    const answer = protocol.recognise(bytes, at, end);
    if (answer !== 0) return answer > 0 ? protocol : 'more';
  }
  return null;
}

function beginsWith(bytes: Uint8Array, at: number, end: number, text: string): 'yes' | 'no' | 'more' {
  for (let i = 0; i < text.length; i++) {
    if (at + i === end) return 'more';
    if (bytes[at + i] !== text.charCodeAt(i)) return 'no';
  }
  return 'yes';
}

/**
 * A method in capitals, a space, and a target that is a path, `*` or a URL; of CONNECT any (RFC 9112 3). Other
 * protocols of lines (SMTP, Redis) do not begin so.
 */
function requestLine(bytes: Uint8Array, at: number, end: number): 'http1' | 'more' | 'unknown' {
  let target = at;
  while (target < end && isMethodByte(bytes[target])) target++;
  if (target < end && (bytes[target] !== SPACE || target === at)) return 'unknown';
  if (++target >= end) return end - at < RECOGNITION_BYTES_MAX ? 'more' : 'unknown';
  if (bytes[target] === SLASH || bytes[target] === ASTERISK) return 'http1';
  if (beginsWith(bytes, at, target - 1, CONNECT) === 'yes') return bytes[target] > SPACE ? 'http1' : 'unknown';
  for (const scheme of ['http://', 'https://']) {
    const begins = beginsWith(bytes, target, end, scheme);
    // As far as can be seen: a long method leaves no room for more.
    if (begins === 'yes' || (begins === 'more' && end - at === RECOGNITION_BYTES_MAX)) return 'http1';
    if (begins === 'more') return 'more';
  }
  return 'unknown';
}

/** Capitals, and the hyphen of WebDAV's methods. */
const isMethodByte = (byte: number): boolean => (byte >= 65 && byte <= 90) || byte === 45;
