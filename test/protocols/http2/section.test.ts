// Field sections on every build: the rules of RFC 9113 8.
import t from 'tap';
import { H2Error, H2Scope } from '../../../src/core/generated/layouts.js';
import { codecBuilds } from '../../support/wasm.js';
import { blockOf } from './blocks.js';
import { Http2Codec, wideLimits, type SectionOptions } from './codec.js';

const get = [[':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/']] as const;
const head = 'GET / HTTP/1.1\r\nhost: a\r\n';
const without = (name: string) => get.filter(([other]) => other !== name);

interface Case { fields: (readonly [string, string])[]; text?: string; reason?: string; options?: SectionOptions }
const requests: Record<string, Case> = {
  'the least': { fields: [...get], text: `${head}\r\n` },
  'fields': { fields: [...get, ['x', 'y'], ['empty', ''], ['x', 'z']], text: `${head}x: y\r\nempty: \r\nx: z\r\n\r\n` },
  'pseudo-header fields in another order': { fields: [...get].reverse(), text: `${head}\r\n` },
  'host alone': { fields: [...without(':authority'), ['accept', '*/*'], ['host', 'b:80']],
    text: 'GET / HTTP/1.1\r\naccept: */*\r\nhost: b:80\r\n\r\n' },
  'host beside :authority': { fields: [...get, ['host', 'A'], ['x', 'y']], text: `${head}x: y\r\n\r\n` },
  'another host': { fields: [...get, ['host', 'b']], reason: 'hostDiffers' },
  'two hosts': { fields: [...get, ['host', 'a'], ['host', 'a']], reason: 'hostRepeated' },
  'no host': { fields: without(':authority'), reason: 'pseudoMissing' },
  'a bad host': { fields: [...without(':authority'), ['host', 'a/b']], reason: 'badAuthority' },
  'an empty :authority': { fields: [...without(':authority'), [':authority', '']], reason: 'badAuthority' },
  'userinfo': { fields: [...without(':authority'), [':authority', 'u@a']], reason: 'badAuthority' },
  'no :method': { fields: without(':method'), reason: 'pseudoMissing' },
  'no :scheme': { fields: without(':scheme'), reason: 'pseudoMissing' },
  'no :path': { fields: without(':path'), reason: 'pseudoMissing' },
  'an empty :path': { fields: [...without(':path'), [':path', '']], reason: 'badPath' },
  'a :path without slash': { fields: [...without(':path'), [':path', 'a']], reason: 'badPath' },
  'a :path with a space': { fields: [...without(':path'), [':path', '/a b']], reason: 'badPath' },
  'OPTIONS *': { fields: [[':method', 'OPTIONS'], [':scheme', 'http'], [':authority', 'a'], [':path', '*']],
    text: 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n' },
  'GET *': { fields: [...without(':path'), [':path', '*']], reason: 'badPath' },
  'an empty :method': { fields: [...without(':method'), [':method', '']], reason: 'badMethod' },
  'a :method that is no token': { fields: [...without(':method'), [':method', 'G T']], reason: 'badMethod' },
  'another :scheme': { fields: [...without(':scheme'), [':scheme', 'ftp']], reason: 'badScheme' },
  'a repeated pseudo-header field': { fields: [...get, [':path', '/']], reason: 'pseudoRepeated' },
  'an unknown pseudo-header field': { fields: [...get, [':foo', 'x']], reason: 'pseudoUnknown' },
  ':status': { fields: [...get, [':status', '200']], reason: 'pseudoUnknown' },
  'a pseudo-header field after others': { fields: [...without(':path'), ['x', 'y'], [':path', '/']],
    reason: 'pseudoMissing' },
  'a second one after others': { fields: [...get, ['x', 'y'], [':path', '/']], reason: 'pseudoAfterField' },
  'upper case': { fields: [...get, ['X', 'y']], reason: 'badName' },
  'an empty name': { fields: [...get, ['', 'y']], reason: 'badName' },
  'a name with a space': { fields: [...get, ['a b', 'y']], reason: 'badName' },
  'a name with a colon': { fields: [...get, ['a:', 'y']], reason: 'badName' },
  'LF in a value': { fields: [...get, ['x', 'a\nb']], reason: 'badValue' },
  'CR in a value': { fields: [...get, ['x', 'a\rb']], reason: 'badValue' },
  'NUL in a value': { fields: [...get, ['x', 'a\0b']], reason: 'badValue' },
  'LF in :path': { fields: [...without(':path'), [':path', '/\n']], reason: 'badValue' },
  'a space before a value': { fields: [...get, ['x', ' a']], reason: 'badValue' },
  'a tab after a value': { fields: [...get, ['x', 'a\t']], reason: 'badValue' },
  'spaces inside a value': { fields: [...get, ['x', 'a \t b']], text: `${head}x: a \t b\r\n\r\n` },
  'bytes above 127': { fields: [...get, ['x', '\xe4\xff']], text: `${head}x: \xe4\xff\r\n\r\n` },
  'connection': { fields: [...get, ['connection', 'close']], reason: 'connectionField' },
  'keep-alive': { fields: [...get, ['keep-alive', '1']], reason: 'connectionField' },
  'proxy-connection': { fields: [...get, ['proxy-connection', 'close']], reason: 'connectionField' },
  'transfer-encoding': { fields: [...get, ['transfer-encoding', 'chunked']], reason: 'connectionField' },
  'upgrade': { fields: [...get, ['upgrade', 'websocket']], reason: 'connectionField' },
  'te: trailers': { fields: [...get, ['te', 'trailers']], text: `${head}te: trailers\r\n\r\n` },
  'te: gzip': { fields: [...get, ['te', 'gzip']], reason: 'badTe' },
  'content-length': { fields: [...get, ['content-length', '12']], text: `${head}content-length: 12\r\n\r\n` },
  'content-length, not a number': { fields: [...get, ['content-length', '+1']], reason: 'badContentLength' },
  'content-length twice': { fields: [...get, ['content-length', '1'], ['content-length', '1']],
    reason: 'lengthRepeated' },
  'crumbs': { fields: [...get, ['cookie', 'a=1'], ['cookie', 'b=2'], ['cookie', 'c=3'], ['x', 'y']],
    text: `${head}cookie: a=1; b=2; c=3\r\nx: y\r\n\r\n` },
  'scattered crumbs': { fields: [...get, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2'], ['cookie', ''], ['z', ''],
    ['cookie', 'c=3']], text: `${head}x: y\r\nz: \r\ncookie: a=1; b=2; ; c=3\r\n\r\n` },
  'CONNECT': { fields: [[':method', 'CONNECT'], [':authority', 'a:1'], ['x', 'y']],
    text: 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nx: y\r\n\r\n' },
  'CONNECT with a long authority': { fields: [[':method', 'CONNECT'], [':authority', `${'a'.repeat(200)}:1`]],
    text: `CONNECT ${'a'.repeat(200)}:1 HTTP/1.1\r\nhost: ${'a'.repeat(200)}:1\r\n\r\n` },
  'a long path': { fields: [...without(':path'), [':path', `/${'p'.repeat(30000)}`], ['x', 'y']],
    text: `GET /${'p'.repeat(30000)} HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n` },
  'CONNECT with a path': { fields: [[':method', 'CONNECT'], [':authority', 'a:1'], [':path', '/']],
    reason: 'pseudoUnknown' },
  'CONNECT without authority': { fields: [[':method', 'CONNECT'], ['host', 'a:1']], reason: 'pseudoMissing' },
  'extended CONNECT': { fields: [[':method', 'CONNECT'], [':protocol', 'websocket'], ...without(':method'),
    ['sec-websocket-key', 'k'], ['sec-websocket-version', '13']], options: { allowExtendedConnect: true, random: true },
    text: `${head}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n` +
      'sec-websocket-version: 13\r\n\r\n' },
  'extended CONNECT of something else': { fields: [[':method', 'CONNECT'], [':protocol', 'connect-udp'],
    ...without(':method')], options: { allowExtendedConnect: true, random: true },
    text: `${head}connection: upgrade\r\nupgrade: connect-udp\r\n\r\n` },
  'extended CONNECT that is not allowed': { fields: [[':method', 'CONNECT'], [':protocol', 'websocket'],
    ...without(':method')], reason: 'pseudoUnknown' },
  'extended CONNECT, protocol not a token': { fields: [[':method', 'CONNECT'], [':protocol', 'a b'],
    ...without(':method')], options: { allowExtendedConnect: true }, reason: 'badProtocol' },
  ':protocol of a GET': { fields: [...get, [':protocol', 'websocket']], options: { allowExtendedConnect: true },
    reason: 'pseudoUnknown' },
};

const responses: Record<string, Case> = {
  'the least': { fields: [[':status', '200']], text: 'HTTP/1.1 200 \r\n\r\n' },
  'fields': { fields: [[':status', '404'], ['server', 'x'], ['set-cookie', 'a'], ['set-cookie', 'b']],
    text: 'HTTP/1.1 404 \r\nserver: x\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n' },
  'informational': { fields: [[':status', '103'], ['link', 'x']], text: 'HTTP/1.1 103 \r\nlink: x\r\n\r\n' },
  'a status of its own': { fields: [[':status', '999']], text: 'HTTP/1.1 999 \r\n\r\n' },
  'host is a field like others': { fields: [[':status', '200'], ['host', 'a']],
    text: 'HTTP/1.1 200 \r\nhost: a\r\n\r\n' },
  'no status': { fields: [], reason: 'pseudoMissing' },
  'no status, but fields': { fields: [['x', 'y']], reason: 'pseudoMissing' },
  'status twice': { fields: [[':status', '200'], [':status', '200']], reason: 'pseudoRepeated' },
  'status after fields': { fields: [[':status', '200'], ['x', 'y'], [':status', '200']], reason: 'pseudoAfterField' },
  'status of two digits': { fields: [[':status', '20']], reason: 'badStatus' },
  'status of four digits': { fields: [[':status', '2000']], reason: 'badStatus' },
  'status below 100': { fields: [[':status', '099']], reason: 'badStatus' },
  'status with a letter': { fields: [[':status', '20x']], reason: 'badStatus' },
  '101': { fields: [[':status', '101']], reason: 'badStatus' },
  ':path': { fields: [[':status', '200'], [':path', '/']], reason: 'pseudoUnknown' },
  'transfer-encoding': { fields: [[':status', '200'], ['transfer-encoding', 'chunked']], reason: 'connectionField' },
  'an upgrade': { fields: [[':status', '200'], ['x', 'y']], options: { upgraded: 'websocket' },
    text: 'HTTP/1.1 101 \r\nx: y\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n' },
  'an upgrade that is refused': { fields: [[':status', '403']], options: { upgraded: 'websocket' },
    text: 'HTTP/1.1 403 \r\n\r\n' },
};
const trailers: Record<string, Case> = {
  'none': { fields: [], text: '' },
  'lines': { fields: [['grpc-status', '0'], ['grpc-message', '']], text: 'grpc-status: 0\r\ngrpc-message: \r\n' },
  'what frames a message is left out': { fields: [['content-length', '5'], ['a', 'b'], ['host', 'x'], ['trailer', 'y'],
    ['te', 'trailers']], text: 'a: b\r\n' },
  'a pseudo-header field': { fields: [['a', 'b'], [':status', '200']], reason: 'pseudoUnknown' },
  'connection': { fields: [['connection', 'close']], reason: 'connectionField' },
  'upper case': { fields: [['A', 'b']], reason: 'badName' },
};

for (const build of codecBuilds) {
  const codec = new Http2Codec(build);

  for (const [kind, cases] of [['request', requests], ['response', responses], ['trailers', trailers]] as const)
  t.test(`${build}: ${kind} by the rules`, async (t) => {
    for (const [name, { fields, text, reason, options }] of Object.entries(cases)) {
      codec.resetTable(4096);
      const section = codec.section(kind, blockOf(fields), wideLimits, options);
      t.equal(section.reason, reason ?? 'none', name);
      t.equal(section.text, text ?? '', name);
      t.same([section.code, section.scope], reason === undefined ? [0, 0] : [H2Error.protocol, H2Scope.stream], name);
    }
  });

  t.test(`${build}: what the record says of a request`, async (t) => {
    codec.resetTable(4096);
    const section = codec.section('request', blockOf([...get, ['content-length', '9007199254740991'], ['a_b', 'c']]));
    t.same(section.flags, ['hasContentLength', 'underscore']);
    t.equal(section.length, Number.MAX_SAFE_INTEGER);
    t.equal(section.fieldCount, 6);
    t.equal(section.listBytes, 6 * 32 + 7 + 3 + 7 + 4 + 10 + 1 + 5 + 1 + 14 + 16 + 3 + 1);
    const secure = codec.section('request', blockOf([...without(':scheme'), [':scheme', 'HTTPS']]));
    t.same(secure.flags, ['https']);
    const socket = codec.section('request', blockOf([[':method', 'CONNECT'], [':protocol', 'WebSocket'],
      ...without(':method')]), wideLimits, { allowExtendedConnect: true, random: true });
    t.equal(socket.protocol, 'WebSocket');
    t.same(socket.flags, ['extendedConnect']);
    t.match(socket.text, /\r\nupgrade: WebSocket\r\nsec-websocket-key: [A-Za-z0-9+/]{21}[AQgw]==\r\n\r\n$/);
  });
}
