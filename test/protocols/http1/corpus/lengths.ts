// Content-Length: one canonical number or none (RFC 9112 6.2, 6.3).
import { passed, post, refused, type RequestCase, type Row } from './case.js';

const value = (name: string, text: string): Row => [name, `${post(`Content-Length: ${text}`)}hello`];
const RFC = 'RFC 9112 6.3; HTTP Garden: lengths that parsers read differently';

export const lengthCases: RequestCase[] = [
  ...refused(RFC, 'badContentLength', [
    value('plus', '+5'), value('minus', '-5'), value('minus zero', '-0'), value('plus zero', '+0'), value('hexadecimal', '0x5'), value('hexadecimal digits', 'a'),
    value('octal mark', '0o5'), value('binary mark', '0b101'), value('leading zero', '05'), value('leading zeros', '0000005'), value('double zero', '00'),
    value('inner space', '5 5'), value('inner tab', '5\t5'), value('list', '5,5'), value('list with space', '5, 5'), value('differing list', '5, 6'),
    value('list with empty element', '5,'), value('leading comma', ',5'), value('decimal point', '5.0'), value('exponent', '5e0'), value('underscore', '5_0'), value('quoted', '"5"'),
    value('single quoted', "'5'"), value('parameter', '5;x=1'), value('comment', '5 (five)'), value('trailing letter', '5x'), value('leading letter', 'x5'), value('empty', ''),
    value('white space only', ' \t '), value('not-breaking space', '5\xa0'), value('superscript', '\xb2'), value('full-width digit', '\xef\xbc\x95'), value('Arabic digit', '\xd9\xa5'),
    value('2^53', '9007199254740992'), value('2^63', '9223372036854775808'), value('2^64', '18446744073709551616'), value('2^64 + 5', '18446744073709551621'),
    value('2^32 written in hexadecimal length', '0x100000005'), value('forty digits', '9'.repeat(40)), value('a thousand zeros', `${'0'.repeat(1000)}5`), value('NaN', 'NaN'), value('Infinity', 'Infinity'),
    value('null', 'null'), value('true', 'true'), value('chunked', 'chunked'),
  ]),
  ...refused(RFC, 'badContentLength', [
    ['twice the same', `${post('Content-Length: 5', 'Content-Length: 5')}hello`],
    ['twice, different', `${post('Content-Length: 5', 'Content-Length: 0')}hello`],
    ['twice, different, zero first', `${post('Content-Length: 0', 'Content-Length: 5')}hello`],
    ['twice, another case', `${post('Content-Length: 5', 'content-length: 5')}hello`],
    ['twice with a field between', `${post('Content-Length: 5', 'X: y', 'CONTENT-LENGTH: 5')}hello`],
    ['twice, one empty', `${post('Content-Length: 5', 'Content-Length:')}hello`],
    ['three times', `${post('Content-Length: 5', 'Content-Length: 5', 'Content-Length: 5')}hello`],
  ]),
  ...refused('llhttp and others: control bytes inside lengths', 'badHeaderValue', [
    value('vertical tab', '\v5'), value('form feed', '5\f'), value('NUL', '5\0'), value('escape', '\x1b5'), value('delete', '5\x7f'), value('backspace', '55\b'),
  ]),
  ...refused('CVE-2022-32213 class: spaces around the colon', 'spaceBeforeColon', [
    ['space before the colon', `${post('Content-Length : 5')}hello`], ['tab before the colon', `${post('Content-Length\t: 5')}hello`],
  ]),
  ...passed('RFC 9112 6.2', [
    ['zero', post('Content-Length: 0'), 'POST /', ''], ['five', `${post('Content-Length: 5')}hello`, 'POST /', 'hello'],
    ['optional white space', `${post('Content-Length:\t 5 \t')}hello`, 'POST /', 'hello'], ['no space', `${post('Content-Length:5')}hello`, 'POST /', 'hello'],
    ['small letters', `${post('content-length: 5')}hello`, 'POST /', 'hello'], ['capitals', `${post('CONTENT-LENGTH: 5')}hello`, 'POST /', 'hello'],
    ['a name that only resembles it', `${post('Content-Lengths: 9', 'Content-Length: 5')}hello`, 'POST /', 'hello'],
    ['another name that resembles it', `${post('Content_Length: 9', 'Content-Length: 5')}hello`, 'POST /', 'hello'],
    ['a GET with a body', `GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello`, 'GET /', 'hello'],
    ['a DELETE with a body', `DELETE / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello`, 'DELETE /', 'hello'],
  ]),
];
