// Bolt's frames and their text: vectors that other programs made (sofa-bolt-node, zlib), frames cut at every byte and
// altered in every byte, edits, what cannot be a line, limits, and frames of our own.
import { crc32 } from 'node:zlib';
import t from 'tap';
import { bolt } from '../../../src/protocols/bolt.js';
import { codecBuilds } from '../../support/wasm.js';
import { RpcCodec } from './codec.js';
import { hex, u32 } from './dubbo-frames.js';

const CLASS = 'com.alipay.sofa.rpc.core.request.SofaRequest', ANSWER = 'com.alipay.sofa.rpc.core.response.SofaResponse';
const u16 = (value: number): Buffer => u32(value).subarray(2);
const text = (value: string): Buffer => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
/** The content of plus(1, 2), as sofa-bolt-node writes it. */
const content = hex(`4f bc ${Buffer.from(CLASS).toString('hex')} 95 0a6d6574686f644e616d65 0d6d6574686f6441726753696773`
  + '177461726765745365727669636555 6e697175654e616d65 0d7461726765744170704e616d65 0c7265717565737450726f7073 6f90'
  + '04706c7573 567400115b6a6176612e6c616e672e537472696e67 6e02 03696e74 03696e74 7a'
  + `1f${Buffer.from('com.alipay.test.TestService:1.0').toString('hex')} 00 4e 91 92`);

interface Shape { version?: 1 | 2; ver1?: number; switchByte?: number; id?: number; type?: number; status?: number;
  headers?: Buffer; className?: string; body?: Buffer }
function frame(shape: Shape): Buffer {
  const { version = 1, ver1 = 1, switchByte = 0, id = 1, type = 1, status = 0, headers = Buffer.alloc(0),
    className = type === 0 ? ANSWER : CLASS, body = content } = shape;
  const bytes = Buffer.concat([Buffer.from(version === 1 ? [1] : [2, ver1]), Buffer.from([type]),
    u16(type === 0 ? 2 : 1), Buffer.from([1]), u32(id), Buffer.from(version === 1 ? [1] : [1, switchByte]),
    type === 0 ? u16(status) : u32(3000), u16(className.length), u16(headers.length), u32(body.length),
    Buffer.from(className), headers, body]);
  return version === 2 && ver1 === 2 && (switchByte & 1) !== 0 ? Buffer.concat([bytes, u32(crc32(bytes))]) : bytes;
}
const pairs = (...list: (readonly [string, string])[]): Buffer =>
  Buffer.concat(list.flatMap(([name, value]) => [text(name), text(value)]));
const service = pairs(['service', 'com.alipay.test.TestService:1.0']);
const full = pairs(['sofa_head_target_service', 'com.x.Svc:1.0:uid'], ['sofa_head_method_name', 'plus'],
  ['service', 'com.x.Svc:1.0:uid'], ['rpc_trace_context.sofaTraceId', '0a01'], ['app', '']);

for (const build of codecBuilds) {
  const codec = new RpcCodec(build, bolt);

  t.test(`${build}: a request of sofa-bolt-node, the method from its content`, async (t) => {
    const bytes = frame({ headers: service });
    t.equal(bytes.subarray(0, 22).toString('hex'), '01010001010000000101' + '00000bb8002c002e000000c6');
    const got = codec.decode(bytes);
    t.match(got, { result: 22 + 44 + 46, kindName: 'request', bodyBytes: 198, idLow: 1, timeoutMs: 3000, flags: 0 });
    t.equal(got.text, 'POST /com.alipay.test.TestService/plus HTTP/1.1\r\nhost: com.alipay.test.TestService\r\n'
      + 'x-service: com.alipay.test.TestService\r\nx-method: plus\r\nx-version: 1.0\r\n'
      + `x-class: ${CLASS}\r\nweft-frame: ${bytes.subarray(0, 22).toString('hex')}\r\n`
      + 'service: com.alipay.test.TestService:1.0\r\ncontent-length: 198\r\n\r\n');
  });

  t.test(`${build}: heartbeats of sofa-bolt-node, with CRC and without`, async (t) => {
    t.match(codec.decode(hex('0101000001000000010100000bb80000000000000000')), { result: 22, kindName: 'heartbeat' });
    t.match(codec.decode(hex('0100000001000000010100000000000000000000')), { result: 20, kindName: 'heartbeatReply' });
    const two = hex('02020100000100000001010100000bb80000000000000000a5984b37');
    t.match(codec.decode(two), { result: 28, kindName: 'heartbeat', idLow: 1 });
    t.match(codec.decode(hex('02020000000100000001010100000000000000000000 62a6f874')), { result: 26 });
    two[27] ^= 1;
    t.match(codec.decode(two), { result: 0, refusal: 'badChecksum' });
    t.match(codec.decode(hex('01010064 01 00000005 01 00000000 0000 0000 00000000')), { kindName: 'goAway' });
  });

  t.test(`${build}: what is not changed goes out as it came, but for its id`, async (t) => {
    for (const shape of [{ headers: full }, { headers: service }, { headers: full, version: 2, id: 7 },
      { headers: full, version: 2, ver1: 2, switchByte: 1 }, { type: 2, headers: full },
      { headers: Buffer.concat([full, pairs(['Odd name', ' v '], ['content-length', '7'], ['x-service', 'y'],
        ['weft-pair', 'z'], ['zeile', 'a\nb'], ['größe', 'ü'], ['', 'empty']), u32(-1), text('nameless'), text('null'),
      u32(-1)]) }] as Shape[]) {
      const bytes = frame(shape), got = codec.decode(bytes);
      t.ok(got.result > 0, got.refusal);
      const out = codec.encode('request', got.text, { idLow: 0x01020304 });
      const wanted = Buffer.from(bytes.subarray(0, got.result));
      wanted.writeUInt32BE(0x01020304, shape.version === 2 ? 6 : 5);
      t.equal(out.bytes.toString('hex'), wanted.toString('hex'));
      t.match(out, { bodyBytes: content.length, kindName: shape.type === 2 ? 'oneway' : 'request' });
      if (shape.ver1 === 2) t.equal(out.crc, crc32(wanted));
    }
  });

  t.test(`${build}: responses: statuses, application errors, the id of the request`, async (t) => {
    const bytes = frame({ type: 0, status: 0, headers: pairs(['sofa_head_response_error', 'true']), body: hex('90') });
    const got = codec.decode(bytes);
    t.match(got, { kindName: 'response', flagNames: ['applicationError'], status: 0, bodyBytes: 1 });
    t.match(got.text, /^HTTP\/1.1 200 \r\nx-class: /);
    const out = codec.encode('response', got.text, { idLow: 9, origin: 1 | 1 << 16 });
    const wanted = Buffer.from(bytes.subarray(0, -1));
    wanted.writeUInt32BE(9, 5);
    t.equal(out.bytes.toString('hex'), wanted.toString('hex'));
    for (const [status, http] of [[0, 200], [1, 500], [2, 500], [4, 503], [6, 404], [7, 504], [9, 400], [18, 400]])
      t.equal(Number(/ (\d+) /.exec(codec.decode(frame({ type: 0, status })).text)![1]), http);
  });

  t.test(`${build}: lines that a route added become pairs, those of HTTP do not`, async (t) => {
    const got = codec.decode(frame({ headers: full }));
    const edited = got.text.replace('app: \r\n', 'app: me\r\nx-forwarded-for: 1.1.1.1\r\nx-envoy-attempt-count: 1\r\n'
      + 'X-Added: yes\r\ntraceparent: 00\r\n');
    const { bytes, bodyBytes } = codec.encode('request', edited, { idLow: 1 });
    const again = codec.decode(Buffer.concat([bytes, content]));
    t.equal(bodyBytes, content.length);
    t.match(again.text, /\r\napp: me\r\nX-Added: yes\r\ntraceparent: 00\r\ncontent-length/);
  });

  t.test(`${build}: pairs of every length are lines unless a character of theirs cannot be`, async (t) => {
    // With nothing behind the map, and with more than a vector of bytes that no name or value may have.
    for (const body of [Buffer.alloc(0), Buffer.alloc(32)]) {
      for (let bytes = 1; bytes <= 40; bytes++) {
        for (let odd = -1; odd < bytes; odd++) {
          const good = 'v'.repeat(bytes), bad = odd < 0 ? good : `${'v'.repeat(odd)}\x01${'v'.repeat(bytes - 1 - odd)}`;
          for (const pair of [['sofa_head_method_name', bad], [bad, good]] as const) {
            const headers = pairs(['service', 'a.S:1.0'], ['sofa_head_method_name', 'm'], pair);
            const whole = frame({ headers, body });
            const got = codec.decode(whole);
            if (got.text.includes('weft-pair: ') !== odd >= 0) return t.fail(`${bytes} bytes, ${odd}: ${got.text}`);
            const back = codec.encode('request', got.text, { idLow: 1 }).bytes;
            if (!back.equals(whole.subarray(0, got.result))) return t.fail(`${bytes} bytes, ${odd}: ${back}`);
          }
        }
      }
    }
    return t.pass();
  });

  t.test(`${build}: every beginning of a frame waits for what it needs`, async (t) => {
    for (const bytes of [frame({ headers: service }), frame({ headers: full, version: 2 }), frame({ type: 0 })]) {
      const whole = codec.decode(bytes);
      for (let n = 0; n < bytes.length; n++) {
        const got = codec.decode(bytes.subarray(0, n));
        if (got.result > 0) { t.equal(got.text, whole.text); break; }
        if (got.result !== -1 || got.needed <= n || got.needed > bytes.length)
          return t.fail(`${n} bytes: ${got.result}, ${got.refusal}, ${got.needed} needed`);
      }
    }
    return t.pass();
  });

  t.test(`${build}: any byte altered is taken, waited for, or refused`, async (t) => {
    for (const bytes of [frame({ headers: full }), frame({ headers: service, version: 2 }), frame({ type: 0 })]) {
      for (let at = 0; at < Math.min(bytes.length, 400); at++) {
        for (const value of [0, 1, 0x7f, 0x80, 0xff, bytes[at]! ^ 4]) {
          const odd = Buffer.from(bytes);
          odd[at] = value;
          const got = codec.decode(odd);
          if (got.result > 0) codec.encode('request', got.text, { idLow: 1 });
          else if (got.result === 0 && got.refusal === 'none') return t.fail(`byte ${at} = ${value}: no reason`);
        }
      }
    }
    return t.pass();
  });

  t.test(`${build}: limits`, async (t) => {
    const large = pairs(['service', 'a.S:1.0'], ['sofa_head_method_name', 'm'], ['k', 'v'.repeat(32_000)]);
    const got = codec.decode(frame({ headers: large }));
    t.ok(got.result > 0);
    const grown = got.text.replace('\r\ncontent-length', `\r\nx-more: ${'w'.repeat(800)}\r\ncontent-length`);
    t.match(codec.encode('request', grown, {}), { result: 0, refusal: 'headTooLarge' });
    t.match(codec.encode('request', got.text, {}, 1000), { result: 0, refusal: 'headTooLarge' });
    t.match(codec.decode(frame({ headers: large }), { textMax: 20_000 }),
      { result: 0, refusal: 'headTooLarge', flagNames: ['delimited'] });
    t.match(codec.decode(frame({ headers: full }), { frameBytesMax: 300 }), { result: 0, refusal: 'frameTooLarge' });
    const cut = Buffer.concat([full, u32(9)]);
    t.match(codec.decode(frame({ headers: cut })), { result: 0, refusal: 'badPairs', flagNames: ['delimited'],
      headBytes: 22 + 44 + cut.length, bodyBytes: content.length });
    t.match(codec.encode('request', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', {}), { refusal: 'notOfProtocol' });
  });

  t.test(`${build}: frames of ours`, async (t) => {
    const v1 = 1 | 1 << 16, v2 = 2 | 2 << 8 | 11 << 16;
    const failed = (status: number, origin: number): string => codec.encode('response',
      'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\n', { idLow: 1, status, origin })
      .bytes.toString('hex');
    t.equal(failed(6, v1), '0100000201000000010100060000000000000000');
    t.equal(failed(7, v1), '0100000201000000010100070000000000000000');
    t.equal(failed(-1, v1), '0100000201000000010100040000000000000000');
    t.equal(failed(12, v2), '020200000201000000010b0000040000000000000000');
    t.match(codec.encode('response', 'HTTP/1.1 503 x\r\ncontent-length: 3\r\n\r\n', { status: 6, origin: v1 }),
      { bodyBytes: 0, flagNames: ['local'] });
    t.equal(codec.control('encodeHeartbeat', { idLow: 5 }).toString('hex'),
      '0101000001000000050' + '1ffffffff0000000000000000');
    t.equal(codec.control('encodeHeartbeatReply', { idLow: 1, origin: v1 }).toString('hex'),
      '0100000001000000010100000000000000000000');
    t.equal(codec.control('encodeGoAway', { idLow: 5, origin: v1 }).toString('hex'),
      '01010064010000000501000000000000000000000000');
  });

  t.test(`${build}: CRC-32 is zlib's`, async (t) => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('123456789'), content]) t.equal(codec.crc(bytes), crc32(bytes));
  });
}

t.test('the first bytes tell', async (t) => {
  const told = (bytes: number[]): number => bolt.recognise(Uint8Array.from(bytes), 0, bytes.length);
  t.same([[], [1], [1, 1, 0], [2, 2, 1, 0], [2, 1, 0], [2, 3], [1, 3], [1, 1, 1], [0x47], [0xda]].map(told),
    [-1, -1, 1, 1, -1, 0, 0, 0, 0, 0]);
});
