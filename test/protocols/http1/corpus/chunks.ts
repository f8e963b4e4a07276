// Chunked request bodies (RFC 9112 7.1). The head has been forwarded when the fault is met: the upstream's request is cut short, never ended.
import { chunkedPost, head, passed, statusOf, type RequestCase } from './case.js';

const NEXT = head('GET /evil', 'Host: a.example');

function broken(source: string, code: string, rows: readonly [name: string, body: string][]): RequestCase[] {
  return rows.map(([name, body]) => ({ name, source, bytes: chunkedPost(body) + NEXT, status: statusOf(code), code, seen: [] }));
}
const whole = (name: string, body: string, data: string): [string, string, string, string] => [name, chunkedPost(body), 'POST /', data];

export const chunkCases: RequestCase[] = [
  ...broken('HTTP Garden and others: how size parsers differ', 'badChunkSize', [
    ['none', '\r\nhello\r\n0\r\n\r\n'], ['plus', '+5\r\nhello\r\n0\r\n\r\n'], ['minus', '-5\r\nhello\r\n0\r\n\r\n'], ['minus zero', '-0\r\n\r\n'], ['0x', '0x5\r\nhello\r\n0\r\n\r\n'], ['0X', '0X5\r\nhello\r\n0\r\n\r\n'], ['h behind', '5h\r\nhello\r\n0\r\n\r\n'], ['not hexadecimal', 'g\r\nhello\r\n0\r\n\r\n'],
    ['space in front', ' 5\r\nhello\r\n0\r\n\r\n'], ['tab in front', '\t5\r\nhello\r\n0\r\n\r\n'], ['space behind', '5 \r\nhello\r\n0\r\n\r\n'], ['tab behind', '5\t\r\nhello\r\n0\r\n\r\n'], ['space before the extension', '5 ;x\r\nhello\r\n0\r\n\r\n'], ['space inside', '0 5\r\nhello\r\n0\r\n\r\n'], ['underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
    ['point', '5.0\r\nhello\r\n0\r\n\r\n'], ['comma', '5,5\r\nhello\r\n0\r\n\r\n'], ['quoted', '"5"\r\nhello\r\n0\r\n\r\n'], ['semicolon first', ';x\r\nhello\r\n0\r\n\r\n'], ['NUL', '5\0\r\nhello\r\n0\r\n\r\n'], ['vertical tab', '5\v\r\nhello\r\n0\r\n\r\n'], ['high byte', '5\xff\r\nhello\r\n0\r\n\r\n'], ['full-width digit', '\xef\xbc\x95\r\nhello\r\n0\r\n\r\n'],
    ['2^53', '20000000000000\r\nhello'], ['2^63', '8000000000000000\r\nhello'], ['2^64', '10000000000000000\r\nhello'], ['2^64 + 5', '10000000000000005\r\nhello\r\n0\r\n\r\n'], ['2^128 + 5', '100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n'], ['sixteen f', 'ffffffffffffffff\r\nhello'],
    ['bare LF', '5\nhello\r\n0\r\n\r\n'], ['bare CR', '5\rhello\r\n0\r\n\r\n'], ['CR CR LF', '5\r\r\nhello\r\n0\r\n\r\n'], ['LF CR', '5\n\rhello\r\n0\r\n\r\n'], ['bare LF behind the last', '0\n\r\n'], ['bare CR behind the last', '0\r\r\n'], ['a header in place of a size', 'X: y\r\n\r\n'], ['a request in place of a size', 'GET / HTTP/1.1\r\n\r\n'],
  ]),
  ...broken('TERM.EXT and EXT.TERM (2025): line ends inside extensions', 'badChunkExtension', [
    ['bare LF', '5;x\nhello\r\n0\r\n\r\n'], ['bare LF in a quoted value', '5;x="\n"\r\nhello\r\n0\r\n\r\n'], ['bare LF behind the last chunk', '0;x\n\r\n'], ['NUL', '5;x\0\r\nhello\r\n0\r\n\r\n'], ['vertical tab', '5;\vx\r\nhello\r\n0\r\n\r\n'], ['delete', '5;\x7f\r\nhello\r\n0\r\n\r\n'], ['escape', '5;x=\x1b\r\nhello\r\n0\r\n\r\n'],
  ]),
  ...broken('CR inside an extension', 'badChunkSize', [['bare CR', '5;x\ry\r\nhello\r\n0\r\n\r\n'], ['CR CR LF', '5;x\r\r\nhello\r\n0\r\n\r\n'], ['CR in a quoted value', '5;x="a\rb"\r\nhello\r\n0\r\n\r\n']]),
  ...broken('CVE-2023-39326, CVE-2024-22019 class: extensions without end', 'chunkLineTooLong', [['one long extension', `5;${'x'.repeat(600)}\r\nhello\r\n0\r\n\r\n`], ['many zeros', `${'0'.repeat(600)}5\r\nhello\r\n0\r\n\r\n`], ['on the last chunk', `0;${'x'.repeat(600)}\r\n\r\n`], ['without line end', `5;${'x'.repeat(70000)}`]]),
  ...broken('RFC 9112 7.1: CRLF behind the data', 'badChunkEnd', [
    ['none', '5\r\nhello0\r\n\r\n'], ['bare LF', '5\r\nhello\n0\r\n\r\n'], ['bare CR', '5\r\nhello\r0\r\n\r\n'], ['two spaces', '5\r\nhello  0\r\n\r\n'], ['data too long', '5\r\nhello!\r\n0\r\n\r\n'], ['data too short', '6\r\nhello\r\n0\r\n\r\n'], ['LF CR', '5\r\nhello\n\r0\r\n\r\n'], ['any two bytes', '5\r\nhelloXX0\r\n\r\n'],
    ['an LF more', '5\r\nhello\r\n\n0\r\n\r\n'.replace('\r\n\n', '\n\n')],
  ]),
  ...broken('RFC 9110 6.5: trailers', 'badTrailer', [
    ['folded', '0\r\nX: a\r\n b\r\n\r\n'], ['space before the colon', '0\r\nX : a\r\n\r\n'], ['no colon', '0\r\nX\r\n\r\n'], ['bare LF', '0\r\nX: a\n\r\n'], ['bare LF at the end', '0\r\nX: a\r\n\n'], ['NUL', '0\r\nX: a\0\r\n\r\n'], ['empty name', '0\r\n: a\r\n\r\n'], ['a bad length', '0\r\nContent-Length: +5\r\n\r\n'], ['a coding', '0\r\nTransfer-Encoding: gzip\r\n\r\n'],
    ['both lengths', '0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'], ['two Hosts', '0\r\nHost: a\r\nHost: b\r\n\r\n'], ['CR inside', '0\r\nX: a\rb\r\n\r\n'], ['a request where trailers stand', '0\r\nGET /evil HTTP/1.1\r\n\r\n'], ['101 of them', `0\r\n${'a: b\r\n'.repeat(101)}\r\n`], ['CR only at the end', '0\r\n\rX'],
  ]),
  ...broken('trailers without end', 'trailersTooLarge', [['one long', `0\r\nX: ${'x'.repeat(9000)}\r\n\r\n`], ['many', `0\r\n${`X: ${'x'.repeat(500)}\r\n`.repeat(20)}\r\n`], ['no end', `0\r\nX: ${'x'.repeat(70000)}`]]),
  ...passed('RFC 9112 7.1: bodies', [
    whole('one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'), whole('empty', '0\r\n\r\n', ''), whole('two chunks', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'hello'), whole('capitals', 'A\r\n0123456789\r\n0\r\n\r\n', '0123456789'), whole('leading zeros', '00005\r\nhello\r\n0000\r\n\r\n', 'hello'),
    whole('an extension', '5;a\r\nhello\r\n0\r\n\r\n', 'hello'), whole('an extension with value', '5;a=b;c="d e"\r\nhello\r\n0;f\r\n\r\n', 'hello'), whole('an extension with white space', '5; a = b\r\nhello\r\n0\r\n\r\n', 'hello'), whole('obs-text in an extension', '5;a="\xff"\r\nhello\r\n0\r\n\r\n', 'hello'),
    whole('a trailer', '5\r\nhello\r\n0\r\nX: y\r\n\r\n', 'hello'), whole('a length as trailer', '5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n', 'hello'), whole('a coding as trailer', '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n', 'hello'), whole('a Host as trailer', '5\r\nhello\r\n0\r\nHost: evil\r\n\r\n', 'hello'),
    whole('data that looks like an end', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'), whole('a line of 512 bytes', `5;${'x'.repeat(509)}\r\nhello\r\n0\r\n\r\n`, 'hello'), whole('100 trailers', `0\r\n${'a:b\r\n'.repeat(100)}\r\n`, ''), whole('one byte each', `${[...'hello'].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`, 'hello'),
  ]),
];
