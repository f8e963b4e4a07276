// Request lines, targets and authorities (RFC 9112 3, RFC 9110 4.2, 7.2).
import { get, head, passed, refused, refusedByProxy, type RequestCase, type Row } from './case.js';

const line = (name: string, text: string): Row => [name, `${text}\r\nHost: a.example\r\n\r\n`];
const host = (name: string, text: string): Row => [name, `GET / HTTP/1.1\r\nHost: ${text}\r\n\r\n`];

export const requestLineCases: RequestCase[] = [
  ...refused('RFC 9110 9.1: a method is a token', 'badMethod', [
    line('no method', ' / HTTP/1.1'), line('space in front', ' GET / HTTP/1.1'), line('tab in front', '\tGET / HTTP/1.1'), line('tab behind', 'GET\t/ HTTP/1.1'), line('vertical tab behind', 'GET\v/ HTTP/1.1'),
    line('colon', 'GET: / HTTP/1.1'), line('quoted', '"GET" / HTTP/1.1'), line('slash', 'G/T / HTTP/1.1'), line('high byte', 'G\xcbT / HTTP/1.1'), line('NUL', 'GET\0 / HTTP/1.1'), line('brackets', '<GET> / HTTP/1.1'),
    line('only a method', 'GET'), line('33 letters', `${'M'.repeat(33)} / HTTP/1.1`), line('a thousand letters', `${'M'.repeat(1000)} / HTTP/1.1`), line('comma', 'GET,POST / HTTP/1.1'), line('at', '@ / HTTP/1.1'),
    ['LF in front', `\n${get()}`], ['CR in front', `\r${get()}`], ['five empty lines', `${'\r\n'.repeat(5)}${get()}`], ['a TLS ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'], ['zeros', '\0\0\0\0\0\0\0\0'],
    ['an SSH banner: a token, then no space', 'SSH-2.0-OpenSSH_9.6\r\n'], ['SOCKS5', '\x05\x01\x00'], ['a PROXY header of version 2', '\r\n\r\n\0\r\nQUIT\n'],
  ]),
  ...refused('RFC 9112 3.2: the target', 'badTarget', [
    line('none', 'GET  HTTP/1.1'), line('HTTP/0.9', 'GET /'), line('relative', 'GET index.html HTTP/1.1'), line('dot', 'GET ./x HTTP/1.1'), line('query only', 'GET ?x HTTP/1.1'),
    line('fragment only', 'GET #x HTTP/1.1'), line('asterisk with GET', 'GET * HTTP/1.1'), line('asterisk with POST', 'POST * HTTP/1.1'), line('asterisk and more', 'OPTIONS */ HTTP/1.1'), line('OPTIONS without slash', 'OPTIONS x HTTP/1.1'),
    line('tab behind', 'GET /\tHTTP/1.1'), line('tab inside', 'GET /a\tb HTTP/1.1'), line('NUL inside', 'GET /a\0b HTTP/1.1'), line('control byte', 'GET /\x01 HTTP/1.1'), line('delete', 'GET /\x7f HTTP/1.1'), line('UTF-8', 'GET /\xc3\xa4 HTTP/1.1'),
    line('high byte', 'GET /\xff HTTP/1.1'), line('not-breaking space', 'GET /\xa0HTTP/1.1'), line('Unicode line separator', 'GET /\xe2\x80\xa8 HTTP/1.1'), line('bare CR inside', 'GET /a\rb HTTP/1.1'), line('backslash first', 'GET \\x HTTP/1.1'),
    line('another scheme', 'GET ftp://a.example/ HTTP/1.1'), line('file', 'GET file:///etc/passwd HTTP/1.1'), line('scheme without slashes', 'GET http:a.example/ HTTP/1.1'), line('one slash', 'GET http:/a.example/ HTTP/1.1'), line('authority with GET', 'GET a.example:80 HTTP/1.1'),
    line('query behind the authority', 'GET http://a.example?x HTTP/1.1'), line('fragment behind the authority', 'GET http://a.example#x HTTP/1.1'), line('httpx', 'GET httpx://a.example/ HTTP/1.1'), line('javascript', 'GET javascript:alert(1) HTTP/1.1'), line('no authority', 'GET http:// HTTP/1.1'),
    line('CONNECT without port', 'CONNECT a.example HTTP/1.1'), line('CONNECT with empty port', 'CONNECT a.example: HTTP/1.1'), line('CONNECT with a path', 'CONNECT a.example:443/ HTTP/1.1'), line('CONNECT with a slash', 'CONNECT / HTTP/1.1'), line('CONNECT with a scheme', 'CONNECT http://a.example:443 HTTP/1.1'),
    line('CONNECT with user information', 'CONNECT u@a.example:443 HTTP/1.1'), line('CONNECT with a port over 65535', 'CONNECT a.example:65536 HTTP/1.1'), line('CONNECT with a port of letters', 'CONNECT a.example:https HTTP/1.1'), line('CONNECT with a port only', 'CONNECT :443 HTTP/1.1'), line('CONNECT *', 'CONNECT * HTTP/1.1'),
  ]),
  ...refused('RFC 9112 2.3: the version', 'badVersion', [
    line('small letters', 'GET / http/1.1'), line('HTTP/0.9 with space', 'GET / '), line('mixed', 'GET / Http/1.1'), line('no slash', 'GET / HTTP1.1'), line('two spaces', 'GET /  HTTP/1.1'), line('a word between', 'GET / x HTTP/1.1'), line('two targets', 'GET / / HTTP/1.1'), line('two digits', 'GET / HTTP/11.1'),
    line('no minor version', 'GET / HTTP/1 \r\n'), line('letters', 'GET / HTTP/x.y'), line('plus', 'GET / HTTP/+1.1'), line('comma', 'GET / HTTP/1,1'), line('space inside', 'GET / HTTP/ 1.1'), line('another protocol', 'GET / RTSP/1.0'), line('ICAP', 'GET / ICAP/1.0'), line('negative', 'GET / HTTP/-1.1'),
    line('full-width digit', 'GET / HTTP/\xef\xbc\x91.1'), line('a path with a space', 'GET /a b HTTP/1.1'), line('HTTPS', 'GET / HTTPS/1.1'), line('version twice, slash', 'GET / HTTP//1.1'),
  ]),
  ...refused('RFC 9110 15.6.6', 'unsupportedVersion', [
    line('1.2', 'GET / HTTP/1.2'), line('1.9', 'GET / HTTP/1.9'), line('0.9', 'GET / HTTP/0.9'), line('0.0', 'GET / HTTP/0.0'), line('2.0', 'GET / HTTP/2.0'), line('3.0', 'GET / HTTP/3.0'), line('9.9', 'GET / HTTP/9.9'), ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ]),
  ...refused('bytes behind the version', 'badLineEnding', [
    line('space', 'GET / HTTP/1.1 '), line('tab', 'GET / HTTP/1.1\t'), line('a third digit', 'GET / HTTP/1.10'), line('a word', 'GET / HTTP/1.1 x'), line('the version twice', 'GET / HTTP/1.1 HTTP/1.1'), line('CR', 'GET / HTTP/1.1\r'), line('NUL', 'GET / HTTP/1.1\0'), line('dot', 'GET / HTTP/1.1.1'),
  ]),
  ...refused('RFC 9112 3.2, RFC 9110 7.2: Host', 'badHost', [
    host('path', 'a.example/x'), host('user information', 'u@a.example'), host('user information with password', 'u:p@a.example'), host('query', 'a.example?x'), host('fragment', 'a.example#x'), host('backslash', 'a\\b'), host('space', 'a b'), host('tab', 'a\tb'),
    host('scheme', 'http://a.example'), host('port of letters', 'a.example:x'), host('negative port', 'a.example:-1'), host('port over 65535', 'a.example:65536'), host('six digits', 'a.example:000080'), host('two ports', 'a.example:80:80'), host('port only', ':80'), host('bracket open', '[::1'), host('bracket closed', '::1]'),
    host('empty brackets', '[]'), host('brackets with letters', '[xyz]'), host('behind the brackets', '[::1]x'), host('IPv6 without brackets', '::1'), host('UTF-8', 'b\xc3\xbccher.example'), host('high byte', 'a\xff'), host('angle brackets', '<a>'), host('quoted', '"a"'), host('pipe', 'a|b'), host('caret', 'a^b'), host('backtick', 'a`b'), host('braces', '{a}'),
    host('ideographic full stop', 'a\xe3\x80\x82example'),
    line('absolute form with user information', 'GET http://u@a.example/ HTTP/1.1'), line('absolute form without host', 'GET http:///x HTTP/1.1'), line('absolute form with bad port', 'GET http://a.example:x/ HTTP/1.1'), line('absolute form, port over 65535', 'GET http://a.example:99999/ HTTP/1.1'),
    line('absolute form with a backslash', 'GET http://a\\b/ HTTP/1.1'), line('absolute form with only a port', 'GET http://:80/ HTTP/1.1'),
  ]),
  ...refused('RFC 9112 3.2', 'repeatedHost', [
    ['the same twice', head('GET /', 'Host: a.example', 'Host: a.example')], ['different', head('GET /', 'Host: a.example', 'Host: b.example')], ['another case', head('GET /', 'Host: a.example', 'HOST: b.example')], ['second empty', head('GET /', 'Host: a.example', 'Host:')], ['first empty', head('GET /', 'Host:', 'Host: a.example')],
    ['in absolute form', head('GET http://a.example/', 'Host: a.example', 'Host: b.example')], ['in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a.example\r\nHost: b.example\r\n\r\n'],
  ]),
  ...refused('RFC 9112 3.2', 'missingHost', [
    ['none', head('GET /')], ['none, other fields', head('GET /', 'X: y')], ['only X-Forwarded-Host', head('GET /', 'X-Forwarded-Host: a.example')], ['absolute form without Host', head('GET http://a.example/')], ['CONNECT without Host', head('CONNECT a.example:443')], ['a name that resembles it', head('GET /', 'Hosts: a.example')],
  ]),
  ...refusedByProxy('RFC 9110 7.2; Envoy: missing_host_header', 400, [['an empty Host', head('GET /', 'Host:')], ['a Host of white space', head('GET /', 'Host: \t ')]]),
  ...refusedByProxy('accept_http_10 is off', 426, [['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a.example\r\n\r\n'], ['HTTP/1.0 with keep-alive', 'GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n'], ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n']]),
  ...refusedByProxy('CVE-2021-32779: a fragment hides the path from access rules', 400, [line('a fragment', 'GET /public#/../admin HTTP/1.1'), line('a fragment behind the query', 'GET /?x#y HTTP/1.1'), line('a fragment in absolute form', 'GET http://a.example/x#y HTTP/1.1')]),
  ...passed('RFC 9112 3', [
    ['a path', head('GET /a/b;c=d?e=f&g', 'Host: a.example'), 'GET /a/b;c=d?e=f&g', ''], ['an unknown method', head('M-SEARCH /', 'Host: a.example'), 'M-SEARCH /', ''], ['a method in small letters', head('get /', 'Host: a.example'), 'get /', ''], ['a method of 32 letters', head(`${'M'.repeat(32)} /`, 'Host: a.example'), `${'M'.repeat(32)} /`, ''],
    ['absolute form', head('GET http://b.example/x', 'Host: a.example'), 'GET /x', ''], ['absolute form, empty path', head('GET http://b.example', 'Host: a.example'), 'GET /', ''], ['absolute form, capitals', head('GET HTTP://b.example/x', 'Host: a.example'), 'GET /x', ''], ['absolute form with port', head('GET http://b.example:8080/x', 'Host: a.example'), 'GET /x', ''],
    ['asterisk form', head('OPTIONS *', 'Host: a.example'), 'OPTIONS *', ''], ['OPTIONS of a path', head('OPTIONS /', 'Host: a.example'), 'OPTIONS /', ''], ['two slashes', head('GET //x', 'Host: a.example'), 'GET //x', ''], ['characters RFC 3986 does not list', head('GET /{a}|"b"^`<c>', 'Host: a.example'), 'GET /{a}|"b"^`<c>', ''], ['an absolute URI in the query', head('GET /?http://x/', 'Host: a.example'), 'GET /?http://x/', ''],
    ['a target of 8000 letters', head(`GET /${'a'.repeat(8000)}`, 'Host: a.example'), `GET /${'a'.repeat(8000)}`, ''], ['Host with port', head('GET /', 'Host: a.example:8080'), 'GET /', ''], ['Host in brackets', head('GET /', 'Host: [2001:db8::1]:8080'), 'GET /', ''], ['Host with an empty port', head('GET /', 'Host: a.example:'), 'GET /', ''], ['Host with a comma: a reg-name may hold one', head('GET /', 'Host: a,b'), 'GET /', ''],
    ['Host with a trailing dot', head('GET /', 'Host: a.example.'), 'GET /', ''], ['Host in capitals', head('GET /', 'Host: A.EXAMPLE'), 'GET /', ''], ['Host with an underscore', head('GET /', 'Host: a_b'), 'GET /', ''],
  ]),
];
