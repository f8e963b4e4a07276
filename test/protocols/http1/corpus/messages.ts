// Several messages on one connection, limits, and fields that ask for more than a message: pipelining, desync
// classes, upgrades.
import { chunkedPost, get, head, passed, post, refused, refusedByProxy, statusOf, type RequestCase } from './case.js';

const EVIL = head('GET /evil', 'Host: a.example');
const after = (
  name: string,
  source: string,
  first: { bytes: string; line: string; body: string },
  rest: string,
  code: string,
): RequestCase => ({
  name,
  source,
  bytes: first.bytes + rest,
  status: code === '' ? 0 : statusOf(code),
  code,
  seen: [{ line: first.line, body: first.body }],
});
const first = { bytes: head('GET /first', 'Host: a.example'), line: 'GET /first', body: '' };
const withBody = {
  bytes: `${head('POST /first', 'Host: a.example', 'Content-Length: 5')}hello`,
  line: 'POST /first',
  body: 'hello',
};
const withChunks = {
  bytes: `${head('POST /first', 'Host: a.example', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
  line: 'POST /first',
  body: 'hello',
};
const several = (name: string, source: string, bytes: string, ...seen: [string, string][]): RequestCase => ({
  name,
  source,
  bytes,
  status: 0,
  code: '',
  seen: seen.map(([line, body]) => ({ line, body })),
});

export const pipelinedCases: RequestCase[] = [
  several(
    'two requests',
    'RFC 9112 9.3.2',
    first.bytes + head('GET /second', 'Host: a.example'),
    ['GET /first', ''],
    ['GET /second', ''],
  ),
  several(
    'five requests',
    'RFC 9112 9.3.2',
    [1, 2, 3, 4, 5].map((n) => head(`GET /${n}`, 'Host: a.example')).join(''),
    ...[1, 2, 3, 4, 5].map((n): [string, string] => [`GET /${n}`, '']),
  ),
  several(
    'a body, then a request',
    'RFC 9112 9.3.2',
    withBody.bytes + first.bytes,
    ['POST /first', 'hello'],
    ['GET /first', ''],
  ),
  several(
    'chunks, then a request',
    'RFC 9112 9.3.2',
    withChunks.bytes + first.bytes,
    ['POST /first', 'hello'],
    ['GET /first', ''],
  ),
  several(
    'trailers, then a request',
    'RFC 9112 9.3.2',
    `${chunkedPost('0\r\nX: y\r\n\r\n')}${first.bytes}`,
    ['POST /', ''],
    ['GET /first', ''],
  ),
  several(
    'CL.0: what follows a length of zero is a request of its own',
    'PortSwigger, Browser-powered desync: CL.0',
    `${post('Content-Length: 0')}${EVIL}`,
    ['POST /', ''],
    ['GET /evil', ''],
  ),
  several(
    '0.CL: a GET with a length swallows exactly that much',
    'PortSwigger, HTTP/1.1 must die: 0.CL',
    `${head('GET /', 'Host: a.example', `Content-Length: ${EVIL.length}`)}${EVIL}${first.bytes}`,
    ['GET /', EVIL],
    ['GET /first', ''],
  ),
  several(
    'a request inside a chunk stays a body',
    'TE.CL',
    `${chunkedPost(`${EVIL.length.toString(16)}\r\n${EVIL}\r\n0\r\n\r\n`)}${first.bytes}`,
    ['POST /', EVIL],
    ['GET /first', ''],
  ),
  several(
    'an empty line between',
    'RFC 9112 2.2',
    `${withBody.bytes}\r\n${first.bytes}`,
    ['POST /first', 'hello'],
    ['GET /first', ''],
  ),
  several('Connection: close ends the row', 'RFC 9112 9.6', `${get('Connection: close')}${EVIL}`, ['GET /', '']),
  after(
    'CL.TE behind a good request',
    'CL.TE',
    first,
    post('Content-Length: 6', 'Transfer-Encoding: chunked') + '0\r\n\r\nG',
    'lengthConflict',
  ),
  after(
    'TE.CL behind a good request',
    'TE.CL',
    first,
    `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}5c\r\nGPOST / HTTP/1.1\r\n`,
    'lengthConflict',
  ),
  after(
    'TE.TE behind a good request',
    'TE.TE',
    first,
    post('Transfer-Encoding: chunked', 'Transfer-encoding: cow'),
    'repeatedTransferEncoding',
  ),
  after('garbage behind a body', 'RFC 9112 9.3', withBody, 'X\0Y', 'badMethod'),
  after('garbage behind chunks', 'RFC 9112 9.3', withChunks, '\0', 'badMethod'),
  after('one byte too many', 'RFC 9112 6.3', withBody, `!${'\r\n'}`, 'badMethod'),
  after('a bad version behind a good request', 'RFC 9112 2.3', first, 'GET / HTTP/3.0\r\n', 'unsupportedVersion'),
  after(
    'two Hosts behind a good request',
    'RFC 9112 3.2',
    withChunks,
    head('GET /', 'Host: a', 'Host: b'),
    'repeatedHost',
  ),
  after('a response in place of a request', 'response splitting', first, 'HTTP/1.1 200 OK\r\n\r\n', 'badMethod'),
  after('a bare LF behind a body', 'RFC 9112 2.2', withBody, `\n${EVIL}`, 'badMethod'),
];

const big = (bytes: number): string => {
  const start = get().slice(0, -2);
  return `${start}X: ${'x'.repeat(bytes - start.length - 7)}\r\n\r\n`;
};
const many = (count: number): string => get(...Array.from({ length: count - 1 }, (_, index) => `x${index}: y`));

export const limitCases: RequestCase[] = [
  ...refused('max_request_headers_kb: 60 KiB', 'headTooLarge', [
    ['one byte over', big(60 * 1024 + 1)],
    ['ten kilobytes over', big(70 * 1024)],
    ['one field of 62,000 bytes without end', `${get().slice(0, -2)}X: ${'x'.repeat(62000)}`],
    ['a target of 62,000 bytes', head(`GET /${'a'.repeat(62000)}`, 'Host: a.example')],
    ['a name of 62,000 bytes', `${get().slice(0, -2)}${'x'.repeat(62000)}`],
    ['a target without end', `GET /${'a'.repeat(62000)}`],
  ]),
  ...refused('max_headers_count: 100', 'tooManyHeaders', [
    ['one over', many(101)],
    ['fifty over', many(150)],
    ['a thousand', many(1000)],
    ['without end', many(120).slice(0, -2)],
  ]),
  ...passed('at the limits', [
    ['60 KiB', big(60 * 1024), 'GET /', ''],
    ['a hundred fields', many(100), 'GET /', ''],
    ['30 KiB', big(30 * 1024), 'GET /', ''],
  ]),
];

export const connectionCases: RequestCase[] = [
  ...refusedByProxy('RFC 9110 7.6.1; CVE-2022-1388 class: nominating fields that a trusted hop added', 400, [
    ['X-Forwarded-For', get('Connection: X-Forwarded-For', 'X-Forwarded-For: 1.1.1.1')],
    ['X-Forwarded-Proto', get('Connection: close, X-Forwarded-Proto', 'X-Forwarded-Proto: https')],
    ['X-Forwarded-Host', get('Connection: X-Forwarded-Host', 'X-Forwarded-Host: b')],
    ['Host', get('Connection: Host')],
    ['Content-Length', `${post('Connection: Content-Length', 'Content-Length: 5')}hello`],
    ['Content-Length in another case', `${post('Connection: CONTENT-LENGTH', 'Content-Length: 5')}hello`],
    ['Via', get('Connection: via', 'Via: 1.1 x')],
    ['on a second line', get('Connection: keep-alive', 'Connection: x-forwarded-for', 'X-Forwarded-For: 1.1.1.1')],
  ]),
  ...passed('RFC 9110 7.6.1: nominated fields go, framing is restated', [
    ['a private field', get('Connection: X-Private', 'X-Private: 1'), 'GET /', ''],
    [
      'Transfer-Encoding',
      `${post('Connection: Transfer-Encoding', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      'POST /',
      'hello',
    ],
    ['nothing', get('Connection:'), 'GET /', ''],
    ['commas', get('Connection: ,,keep-alive,,'), 'GET /', ''],
    ['a token that nobody sent', get('Connection: X-None'), 'GET /', ''],
    ['keep-alive and close', get('Connection: keep-alive, close'), 'GET /', ''],
    ['Keep-Alive', get('Keep-Alive: timeout=5'), 'GET /', ''],
    ['Proxy-Connection', get('Proxy-Connection: keep-alive'), 'GET /', ''],
    ['TE', get('TE: trailers'), 'GET /', ''],
    ['TE with Connection', get('Connection: TE', 'TE: trailers, deflate'), 'GET /', ''],
    ['Expect another thing', `${post('Expect: 200-ok', 'Content-Length: 5')}hello`, 'POST /', 'hello'],
    ['X-HTTP-Method-Override', get('X-HTTP-Method-Override: DELETE'), 'GET /', ''],
    ['Trailer', get('Trailer: X'), 'GET /', ''],
  ]),
];

export const allMessageCases: RequestCase[] = [...pipelinedCases, ...limitCases, ...connectionCases];
