// Line ends, folding, names and bytes of field lines (RFC 9112 2.2, 5; RFC 9110 5).
import { get, passed, refused, type RequestCase, type Row } from './case.js';

const raw = (name: string, bytes: string): Row => [name, bytes];
const START = 'GET / HTTP/1.1\r\nHost: a.example\r\n';

/** Every byte that no token holds, in the middle of a name. */
const nameBytes = Array.from({ length: 256 }, (_, code) => code).filter(
  (code) => !/[!#$%&'*+\-.^_`|~0-9A-Za-z:]/.test(String.fromCharCode(code)) && ![9, 10, 32].includes(code),
);
/** Every byte that no value holds. */
const valueBytes = Array.from({ length: 33 }, (_, index) => (index === 32 ? 127 : index)).filter(
  (code) => ![9, 10, 13].includes(code),
);
const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;

export const lineCases: RequestCase[] = [
  ...refused('bare LF: RFC 9112 2.2; CVE-2022-32214, CVE-2022-32215 class', 'badLineEnding', [
    raw('after the request line', 'GET / HTTP/1.1\nHost: a.example\r\n\r\n'),
    raw('after a field', 'GET / HTTP/1.1\r\nHost: a.example\n\r\n'),
    raw('as the empty line', `${START}\n`),
    raw('everywhere', 'GET / HTTP/1.1\nHost: a.example\n\n'),
    raw('inside a value', `${START}X: a\nY: b\r\n\r\n`),
    raw('inside a name', `${START}X\nY: b\r\n\r\n`),
    raw('two LF', `${START}X: a\n\nGET /evil HTTP/1.1\r\n\r\n`),
    raw('LF CR', `${START}X: a\n\r\n\r`),
    raw('hiding a Transfer-Encoding', `${START}X: y\nTransfer-Encoding: chunked\r\n\r\n`),
    raw('hiding a Content-Length', `${START}X: y\nContent-Length: 40\r\n\r\n`),
    raw('LF, then folded', `${START}X: y\n Transfer-Encoding: chunked\r\n\r\n`),
  ]),
  ...refused('bare CR: CVE-2022-35256 class', 'badLineEnding', [
    raw('after the request line', 'GET / HTTP/1.1\rHost: a.example\r\n\r\n'),
    raw('inside a value', `${START}X: a\rb\r\n\r\n`),
    raw('before CRLF', `${START}X: a\r\r\n\r\n`),
    raw('hiding a Transfer-Encoding', `${START}X: y\rTransfer-Encoding: chunked\r\n\r\n`),
    raw('as the empty line', `${START}\rX: y\r\n\r\n`),
    raw('CR CR LF as the empty line', `${START}\r\r\n`),
    raw('CR NUL LF', `${START}X: a\r\0\n\r\n`),
    raw('CR space LF', `${START}X: a\r \n\r\n`),
  ]),
  ...refused('RFC 9112 5.2: obs-fold', 'obsoleteFold', [
    raw('space', `${START}X: a\r\n b\r\n\r\n`),
    raw('tab', `${START}X: a\r\n\tb\r\n\r\n`),
    raw('many spaces', `${START}X: a\r\n    b\r\n\r\n`),
    raw('only white space', `${START}X: a\r\n \r\n\r\n`),
    raw('of the Host', 'GET / HTTP/1.1\r\nHost: a\r\n .example\r\n\r\n'),
    raw('before the first field', 'GET / HTTP/1.1\r\n Host: a.example\r\n\r\n'),
    raw('tab before the first field', 'GET / HTTP/1.1\r\n\tHost: a.example\r\n\r\n'),
    raw('hiding a length', `${START}X: a\r\n Content-Length: 40\r\n\r\n`),
    raw('empty line made of a space', `${START} \r\n`),
  ]),
  ...refused('RFC 9112 5.1: no white space between name and colon', 'spaceBeforeColon', [
    raw('space', `${START}X : y\r\n\r\n`),
    raw('tab', `${START}X\t: y\r\n\r\n`),
    raw('two spaces', `${START}X  : y\r\n\r\n`),
    raw('name of two words', `${START}X Y: z\r\n\r\n`),
    raw('space, no colon', `${START}X y\r\n\r\n`),
    raw('of the Host', 'GET / HTTP/1.1\r\nHost : a.example\r\n\r\n'),
    raw('request line as a field', `${START}GET /evil HTTP/1.1\r\n\r\n`),
  ]),
  ...refused('RFC 9110 5.1: a name is a token', 'badHeaderName', [
    raw('empty', `${START}: y\r\n\r\n`),
    raw('no colon', `${START}Xy\r\n\r\n`),
    raw('colon first, then a name', `${START}:X: y\r\n\r\n`),
    raw('colon alone', `${START}:\r\n\r\n`),
    raw('pseudo-header', `${START}:authority: b\r\n\r\n`),
    raw(':path', `${START}:path: /x\r\n\r\n`),
    ...nameBytes
      .filter((code) => code !== 13)
      .map((code) => raw(`byte ${hex(code)} in a name`, `${START}X${String.fromCharCode(code)}Y: z\r\n\r\n`)),
  ]),
  ...refused(
    'RFC 9110 5.5: bytes of a value',
    'badHeaderValue',
    valueBytes.map((code) => raw(`byte ${hex(code)} in a value`, `${START}X: a${String.fromCharCode(code)}b\r\n\r\n`)),
  ),
  ...refused('control bytes at the ends of a value', 'badHeaderValue', [
    raw('NUL first', `${START}X: \0a\r\n\r\n`),
    raw('NUL last', `${START}X: a\0\r\n\r\n`),
    raw('vertical tab first', `${START}X: \va\r\n\r\n`),
    raw('form feed last', `${START}X: a\f\r\n\r\n`),
    raw('NUL in the Host', 'GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n'),
  ]),
  ...passed('RFC 9110 5', [
    ['an empty value', get('X:'), 'GET /', ''],
    ['white space only', get('X: \t '), 'GET /', ''],
    ['obs-text', get('X: \x80\xff'), 'GET /', ''],
    ['UTF-8', get('X: \xe2\x82\xac'), 'GET /', ''],
    ['all token characters', get("!#$%&'*+-.^_`|~09azAZ: x"), 'GET /', ''],
    ['a colon in a value', get('X: a:b: c'), 'GET /', ''],
    ['a name of 1000 letters', get(`${'x'.repeat(1000)}: y`), 'GET /', ''],
    ['repeated fields', get('X: a', 'X: b', 'x: c'), 'GET /', ''],
    ['a tab inside a value', get('X: a\tb'), 'GET /', ''],
    ['one field, one letter', get('X:y'), 'GET /', ''],
    ['empty lines in front', `\r\n\r\n${get()}`, 'GET /', ''],
    ['__proto__', get('__proto__: x', 'constructor: y', 'hasOwnProperty: z'), 'GET /', ''],
  ]),
];
