// Transfer-Encoding: `chunked`, alone, once, in HTTP/1.1, and never beside Content-Length (RFC 9112 6.1, 6.3).
import { chunkedPost, head, passed, post, refused, type RequestCase, type Row } from './case.js';

const BODY = '5\r\nhello\r\n0\r\n\r\n';
const value = (name: string, text: string): Row => [name, post(`Transfer-Encoding: ${text}`) + BODY];
const beside = (name: string, ...lines: string[]): Row => [name, post(...lines) + BODY];

export const transferEncodingCases: RequestCase[] = [
  ...refused('PortSwigger, HTTP desync attacks: TE.TE obfuscations', 'unsupportedTransferEncoding', [
    value('xchunked', 'xchunked'), value('chunkedx', 'chunkedx'), value('chunk', 'chunk'), value('identity', 'identity'), value('gzip', 'gzip'), value('empty', ''), value('cow', 'cow'),
    value('quoted', '"chunked"'), value('single quoted', "'chunked'"), value('prefixed by a dot', '.chunked'), value('in brackets', '[chunked]'), value('underscored', 'chunked_'), value('long s', 'chun\xc5\xbfed'),
    value('Kelvin sign', 'chun\xe2\x84\xaaed'), value('not-breaking space', '\xa0chunked'), value('two words', 'c hunked'), value('comma only', ','), value('semicolon', ';chunked'), value('parenthesis', '(chunked)'),
    value('value names a field', 'x: chunked'), value('gzip, deflate', 'gzip, deflate'), value('quoted in a list', 'gzip, "chunked"'), value('high byte in front', '\xffchunked'), value('equals', '=chunked'),
  ]),
  ...refused('RFC 9112 6.1: codings that Weft does not know, around chunked', 'unsupportedTransferEncoding', [
    value('chunked, identity', 'chunked, identity'), value('identity, chunked', 'identity, chunked'), value('gzip, chunked', 'gzip, chunked'), value('chunked, chunked', 'chunked, chunked'),
    value('trailing comma', 'chunked,'), value('leading comma', ', chunked'), value('two commas', 'gzip,, chunked'), value('parameter', 'chunked;q=1'), value('parameter with space', 'chunked ; x'),
    value('chunked, gzip', 'chunked, gzip'), value('chunked in capitals in a list', 'GZIP, CHUNKED'), value('space inside', 'chunked x'), value('comment behind', 'chunked (yes)'),
    value('high byte behind', 'chunked\xff'), value('equals behind', 'chunked=1'), value('quote behind', 'chunked"'),
  ]),
  ...refused('PortSwigger: white space and control bytes around chunked', 'badHeaderValue', [
    value('vertical tab', '\vchunked'), value('form feed', '\fchunked'), value('NUL behind', 'chunked\0'), value('NUL in front', '\0chunked'), value('backspace', '\bchunked'), value('unit separator', 'chunked\x1f'), value('delete', 'chunked\x7f'),
  ]),
  ...refused('CL.TE and TE.CL; RFC 9112 6.1 and 11.2', 'lengthConflict', [
    beside('CL before TE', 'Content-Length: 15', 'Transfer-Encoding: chunked'), beside('TE before CL', 'Transfer-Encoding: chunked', 'Content-Length: 15'),
    beside('CL zero before TE', 'Content-Length: 0', 'Transfer-Encoding: chunked'), beside('a field between', 'Content-Length: 15', 'X: y', 'transfer-encoding: chunked'),
    beside('CL of one digit: the classic', 'Content-Length: 4', 'Transfer-Encoding: chunked'), beside('with an obfuscated TE', 'Content-Length: 15', 'Transfer-Encoding: xchunked'),
    beside('with identity', 'Content-Length: 15', 'Transfer-Encoding: identity'), beside('CL behind TE, tab', 'Transfer-Encoding:\tchunked', 'Content-Length:\t15'),
  ]),
  ...refused('TE.TE', 'repeatedTransferEncoding', [
    beside('twice', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), beside('twice, second unknown', 'Transfer-Encoding: chunked', 'Transfer-Encoding: cow'),
    beside('twice, another case', 'Transfer-Encoding: chunked', 'transfer-encoding: identity'), beside('second empty', 'Transfer-Encoding: chunked', 'Transfer-Encoding:'),
  ]),
  ...refused('TE.TE, the unknown first', 'unsupportedTransferEncoding', [
    beside('cow, then chunked', 'Transfer-Encoding: cow', 'Transfer-Encoding: chunked'), beside('identity, then chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked'),
    beside('gzip, then chunked on the next line', 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'),
  ]),
  ...refused('RFC 9112 6.1: faulty framing in HTTP/1.0', 'transferEncodingInHttp10', [
    ['chunked in HTTP/1.0', `POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n${BODY}`],
    ['identity in HTTP/1.0', `POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: identity\r\n\r\n${BODY}`],
    ['beside a length in HTTP/1.0', `POST / HTTP/1.0\r\nHost: a.example\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n${BODY}`],
  ]),
  ...refused('space before the colon', 'spaceBeforeColon', [
    beside('space', 'Transfer-Encoding : chunked'), beside('tab', 'Transfer-Encoding\t: chunked'), beside('beside a length', 'Content-Length: 15', 'Transfer-Encoding : chunked'),
  ]),
  ...refused('obfuscated names', 'badHeaderName', [
    beside('vertical tab before the colon', 'Transfer-Encoding\v: chunked'), beside('NUL in the name', 'Transfer-Enc\0oding: chunked'), beside('not-breaking space in the name', 'Transfer-Encoding\xa0: chunked'),
    beside('high byte in front', '\xffTransfer-Encoding: chunked'), beside('quoted name', '"Transfer-Encoding": chunked'), beside('form feed in front', '\fTransfer-Encoding: chunked'),
  ]),
  ...refused('folded', 'obsoleteFold', [beside('name on a folded line', 'X: y', ' Transfer-Encoding: chunked')]),
  ...refused('folded: the first line is judged alone', 'unsupportedTransferEncoding', [
    beside('value on the next line, space', 'Transfer-Encoding:', ' chunked'), beside('value on the next line, tab', 'Transfer-Encoding:', '\tchunked'),
    beside('list folded', 'Transfer-Encoding: gzip,', ' chunked'),
  ]),
  ...passed('RFC 9112 7.1', [
    ['chunked', chunkedPost(BODY), 'POST /', 'hello'], ['capitals', post('Transfer-Encoding: CHUNKED') + BODY, 'POST /', 'hello'], ['mixed', post('tRANSFER-eNCODING: cHUNKED') + BODY, 'POST /', 'hello'],
    ['optional white space', post('Transfer-Encoding: \t chunked \t') + BODY, 'POST /', 'hello'], ['no space', post('Transfer-Encoding:chunked') + BODY, 'POST /', 'hello'],
    ['a name that resembles it', post('Transfer_Encoding: x', 'X-Transfer-Encoding: y', 'Transfer-Encoding: chunked') + BODY, 'POST /', 'hello'],
    ['a GET with a chunked body', head('GET /', 'Host: a.example', 'Transfer-Encoding: chunked') + BODY, 'GET /', 'hello'],
    ['TE is not Transfer-Encoding', post('TE: chunked', 'Content-Length: 5') + 'hello', 'POST /', 'hello'],
    ['Content-Encoding is not Transfer-Encoding', post('Content-Encoding: chunked', 'Content-Length: 5') + 'hello', 'POST /', 'hello'],
  ]),
];
