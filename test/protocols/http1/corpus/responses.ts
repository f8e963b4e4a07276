// What a broken or hostile upstream may send, and what the client gets of it (RFC 9112 4, 6; RFC 9110 15).
import type { ResponseCase } from './case.js';

const ok = (...lines: string[]): string => `HTTP/1.1 200 OK\r\n${lines.map((entry) => `${entry}\r\n`).join('')}\r\n`;
function bad(source: string, rows: readonly [name: string, bytes: string][]): ResponseCase[] {
  return rows.map(([name, bytes]) => ({
    name,
    source,
    method: 'GET',
    bytes,
    close: false,
    status: 502,
    body: '',
    cut: false,
  }));
}
function good(
  source: string,
  rows: readonly [name: string, bytes: string, body: string, close?: boolean, status?: number, method?: string][],
): ResponseCase[] {
  return rows.map(([name, bytes, body, close = false, status = 200, method = 'GET']) => ({
    name,
    source,
    method,
    bytes,
    close,
    status,
    body,
    cut: false,
  }));
}
/**
 * The head is good and has gone out when the body turns bad: the client's connection is cut without an end of the
 * body.
 */
function cut(
  source: string,
  rows: readonly [name: string, bytes: string, body: string, close?: boolean][],
): ResponseCase[] {
  return rows.map(([name, bytes, body, close = false]) => ({
    name,
    source,
    method: 'GET',
    bytes,
    close,
    status: 200,
    body,
    cut: true,
  }));
}

const chunked = (body: string): string => ok('Transfer-Encoding: chunked') + body;

export const responseCases: ResponseCase[] = [
  ...bad('RFC 9112 4: the status line', [
    ['no version', '200 OK\r\n\r\n'],
    ['small letters', 'http/1.1 200 OK\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\nx: y\r\n\r\n'],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['HTTP/0.9', '<html>hello, this is long enough</html>'],
    ['ICY', 'ICY 200 OK\r\n\r\n'],
    ['two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['letters', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['negative', 'HTTP/1.1 -20 OK\r\n\r\n'],
    ['below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['zero', 'HTTP/1.1 000 OK\r\n\r\n'],
    ['two spaces', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['tab', 'HTTP/1.1\t200\tOK\r\n\r\n'],
    ['no space', 'HTTP/1.1200 OK\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['CR in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n'],
    ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an empty line in front', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['TLS', '\x15\x03\x01\x00\x02\x02\x46aaaaaaaaaaaa'],
    ['zeros', '\0'.repeat(20)],
    ['plus', 'HTTP/1.1 +20 OK\r\n\r\n'],
  ]),
  ...bad('RFC 9112 6.3: framing', [
    ['both lengths', ok('Content-Length: 5', 'Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n'],
    ['both, the other order', ok('Transfer-Encoding: chunked', 'Content-Length: 5') + '5\r\nhello\r\n0\r\n\r\n'],
    ['different lengths', `${ok('Content-Length: 5', 'Content-Length: 6')}hello`],
    ['the same twice', `${ok('Content-Length: 5', 'Content-Length: 5')}hello`],
    ['list', `${ok('Content-Length: 5, 5')}hello`],
    ['plus', `${ok('Content-Length: +5')}hello`],
    ['negative', `${ok('Content-Length: -1')}hello`],
    ['hexadecimal', `${ok('Content-Length: 0x5')}hello`],
    ['leading zero', `${ok('Content-Length: 05')}hello`],
    ['empty', `${ok('Content-Length:')}hello`],
    ['2^64 + 5', `${ok('Content-Length: 18446744073709551621')}hello`],
    ['gzip, chunked', ok('Transfer-Encoding: gzip, chunked') + '5\r\nhello\r\n0\r\n\r\n'],
    ['xchunked', ok('Transfer-Encoding: xchunked') + '5\r\nhello\r\n0\r\n\r\n'],
    ['chunked twice', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ]),
  ...bad('RFC 9112 5: fields', [
    ['space before the colon', ok('X : y', 'Content-Length: 0')],
    ['folded', ok('X: a', ' b', 'Content-Length: 0')],
    ['empty name', ok(': y', 'Content-Length: 0')],
    ['no colon', ok('Xy', 'Content-Length: 0')],
    ['NUL', ok('X: a\0', 'Content-Length: 0')],
    ['bare CR', ok('X: a\rb', 'Content-Length: 0')],
    ['bare LF', ok('X: a\nY: b', 'Content-Length: 0')],
    ['high byte in a name', ok('X\xff: y', 'Content-Length: 0')],
    ['101 fields', ok(...Array.from({ length: 101 }, (_, index) => `x${index}: y`))],
    ['61 KiB', ok(`X: ${'x'.repeat(61 * 1024)}`)],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70 * 1024)}`],
  ]),
  ...bad('RFC 9110 15.2, 15.3.5: responses that have no body', [
    ['101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  ]),
  ...cut('RFC 9112 7.1: chunks that turn bad', [
    ['size', chunked('2\r\nhe\r\nx\r\n'), 'he'],
    ['minus', chunked('2\r\nhe\r\n-1\r\n'), 'he'],
    ['0x', chunked('2\r\nhe\r\n0x3\r\nllo\r\n'), 'he'],
    ['end', chunked('2\r\nhex0\r\n'), 'he'],
    ['bare LF', chunked('2\r\nhe\n0\r\n\r\n'), 'he'],
    ['overflow', chunked('2\r\nhe\r\n10000000000000000\r\n'), 'he'],
    ['bare LF in an extension', chunked('2\r\nhe\r\n0;x\n\r\n'), 'he'],
    ['trailer', chunked('2\r\nhe\r\n0\r\nX : y\r\n\r\n'), 'he'],
    ['closed inside a chunk', chunked('5\r\nhe'), 'he', true],
    ['closed before the last chunk', chunked('2\r\nhe\r\n'), 'he', true],
    ['closed inside the trailers', chunked('2\r\nhe\r\n0\r\nX: '), 'he', true],
    ['closed before the length is full', `${ok('Content-Length: 5')}he`, 'he', true],
  ]),
  ...good('RFC 9112 6.3', [
    ['length', `${ok('Content-Length: 5')}hello`, 'hello'],
    ['chunks', chunked('2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\n\r\n'), 'hello'],
    ['until close', `${ok()}hello`, 'hello', true],
    ['until close, HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', 'hello', true],
    ['length, HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', true],
    ['nothing', ok('Content-Length: 0'), ''],
    ['no reason', 'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['an empty reason', 'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['a reason with obs-text', 'HTTP/1.1 200 \xe4\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', '', false, 204],
    ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '', false, 304],
    ['HEAD with a length', ok('Content-Length: 5'), '', false, 200, 'HEAD'],
    ['HEAD with chunks announced', ok('Transfer-Encoding: chunked'), '', false, 200, 'HEAD'],
    ['100 in front', `HTTP/1.1 100 Continue\r\n\r\n${ok('Content-Length: 5')}hello`, 'hello'],
    ['103 in front', `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${ok('Content-Length: 5')}hello`, 'hello'],
    ['several interim ones', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(5)}${ok('Content-Length: 5')}hello`, 'hello'],
    ['an unknown status', 'HTTP/1.1 299 Hm\r\nContent-Length: 5\r\n\r\nhello', 'hello', false, 299],
    ['999', 'HTTP/1.1 999 Hm\r\nContent-Length: 5\r\n\r\nhello', 'hello', false, 999],
    ['trailers', chunked('5\r\nhello\r\n0\r\nX: y\r\n\r\n'), 'hello'],
  ]),
  ...good(
    'response queue poisoning: what follows a complete response belongs to nobody',
    [
      ['a second response', `${ok('Content-Length: 5')}hello${ok('Content-Length: 4')}evil`, 'hello'],
      ['a second response behind chunks', chunked(`5\r\nhello\r\n0\r\n\r\n${ok('Content-Length: 4')}evil`), 'hello'],
      ['garbage', `${ok('Content-Length: 5')}hello\0\0`, 'hello'],
      ['a body to HEAD', `${ok('Content-Length: 5')}hello`, '', false, 200, 'HEAD'],
      [
        '204 with Transfer-Encoding',
        'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        '',
        false,
        204,
      ],
      ['a body of 204', 'HTTP/1.1 204 No Content\r\n\r\nhello', '', false, 204],
      ['a body of 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello', '', false, 304],
    ],
  ),
];
