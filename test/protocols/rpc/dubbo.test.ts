// Dubbo's frames and their text: vectors that other programs made (dubbo-remoting), both serializations, frames cut at
// every byte and altered in every byte, attachments as lines and back, and frames of our own.
import t from 'tap';
import { dubbo } from '../../../src/protocols/dubbo.js';
import { RPC_ALL_PAIRS } from '../../../src/workers/codecs-rpc.js';
import { codecBuilds } from '../../support/wasm.js';
import { RpcCodec, type FrameView } from './codec.js';
import {
  attachments, chunked, fastjsonCall, frame, hessianCall, hex, hmap, hs, item, jmap, js, SERVICE, u32,
} from './dubbo-frames.js';
import { fastjsonMaps, hessianMaps } from './dubbo-vectors.js';

const all = { options: RPC_ALL_PAIRS };
const lines = (list: readonly (readonly [string, string])[]): string =>
  list.map(([name, value]) => `${name}: ${value}\r\n`).join('');
const begin = (service: string, method: string, version = '0.0.0'): string =>
  `POST /${service}/${method} HTTP/1.1\r\nhost: ${service}\r\nx-service: ${service}\r\nx-method: ${method}\r\n`
  + (version === '' ? '' : `x-version: ${version}\r\n`);

/** The frame that the text of `bytes` becomes, whole. */
function again(codec: RpcCodec, bytes: Buffer, got: FrameView, text = got.text): Buffer {
  const kind = got.kindName === 'response' ? 'response' : 'request';
  const out = codec.encode(kind, text, { idLow: got.idLow, idHigh: got.idHigh, origin: got.origin });
  if (out.result === 0) throw new Error(out.refusal);
  const tail = codec.bytes.slice(out.tailAt, out.tailAt + out.tailBytes);
  return Buffer.concat([out.bytes, bytes.subarray(16, 16 + out.bodyBytes - out.cut), tail]);
}

for (const build of codecBuilds) {
  const codec = new RpcCodec(build, dubbo);

  t.test(`${build}: a request of dubbo-remoting`, async (t) => {
    const bytes = Buffer.concat([hex(`dabb c2 00 0000000000000001 00000066 05322e352e33 3022${
      Buffer.from(SERVICE).toString('hex')} 05302e302e30 0873617948656c6c6f 124c6a6176612f6c616e672f537472696e673b
      05776f726c64 48 0567726f7570 026731 5a`)]);
    bytes.writeUInt32BE(bytes.length - 16, 12);
    const got = codec.decode(bytes);
    t.match(got, { result: 16, kindName: 'request', bodyBytes: bytes.length - 16, idLow: 1, idHigh: 0, origin: 0xc2,
      timeoutMs: 0, flags: 0 });
    t.equal(got.text, `${begin(SERVICE, 'sayHello')}weft-frame: c2000000000000\r\n`
      + `content-length: ${bytes.length - 16}\r\n\r\n`);
    t.equal(again(codec, bytes, got).toString('hex'), bytes.toString('hex'));
  });

  t.test(`${build}: attachments are lines where they are wanted, in both serializations`, async (t) => {
    for (const [bytes, cut, flags] of [[hessianCall(), hmap(...attachments).length - 1, 'c2'],
      [fastjsonCall(), jmap(...attachments).length, 'd7']] as const) {
      const got = codec.decode(bytes, all);
      t.match(got, { result: 16, timeoutMs: 1000, bodyBytes: bytes.length - 16 });
      t.equal(got.text, `${begin(SERVICE, 'sayHello')}${lines(attachments)}x-group: g1\r\n`
        + `weft-frame: ${flags}0001${cut.toString(16).padStart(8, '0')}\r\n`
        + `content-length: ${bytes.length - 16}\r\n\r\n`);
      t.equal(again(codec, bytes, got).toString('hex'), bytes.toString('hex'));
      t.match(codec.decode(bytes.subarray(0, 100), all), { result: -1, needed: bytes.length, kindName: 'request',
        headBytes: 16, bodyBytes: bytes.length - 16 });
    }
  });

  t.test(`${build}: what is not changed goes out as it came`, async (t) => {
    const odd = [['content-length', '7'], ['x-service', 'y'], ['Weft-pair', 'z'], ['größe', 'ü'], ['line', 'a\nb'],
      ['', 'empty name'], ['empty', ''], ['edge', ' v '], ['long', 'w'.repeat(700)], ['longer', 'w'.repeat(2000)],
      ['emoji', '\u{1f600}'], ['host', 'h'], ['Spelled', 'As It Is']] as const;
    const value = (bytes: string) => Buffer.concat([hs('k'), hex(bytes)]);
    const maps = [hmap(), hmap(...odd), hex('4e'), null, Buffer.concat([hex('4d'), hs('java.util.Hashtable'), hs('a'),
      hs('b'), hex('5a')]), Buffer.concat([hex('48'), value('91'), value('4e'), value('T'.replace('T', '54')),
      value('43 01 61 91 01 62 60 92'), value('60 93'), value('57 91 92 5a'), value('48 0161 5190 5a'), hex('4e0176'),
      hex('5a')])];
    for (const map of maps) {
      for (const flags of [0xc2, 0x82]) {
        const bytes = hessianCall({ map, flags, id: -3n }), got = codec.decode(bytes, all);
        if (!t.equal(got.result, 16, got.refusal)) continue;
        t.match(got, { idLow: 0xfffffffd, idHigh: 0xffffffff, kindName: flags === 0xc2 ? 'request' : 'oneway' });
        t.equal(again(codec, bytes, got).toString('hex'), bytes.toString('hex'));
      }
    }
    const json = (...parts: string[]) => item(Buffer.concat([hex('a6'), ...parts.map(hex), hex('a5')]));
    for (const map of [jmap(), jmap(...odd), item(hex('af')), null, json('4a6b 2f', '4a6b 3801', '4a6b 48000fffff',
      '4a6b af', '4a6b b1', '4a6b 95 4a61', '4a6b a6 4a61 01 a5', '4a6b 7c02 6100', '4a6b be0000000000000001',
      '4a6b a43001', 'af 4a76')]) {
      const bytes = fastjsonCall({ map }), got = codec.decode(bytes, all);
      if (map?.includes('a43001', 0, 'hex')) { t.match(got, { result: 0, refusal: 'badPairs' }); continue; }
      if (t.equal(got.result, 16, got.refusal))
        t.equal(again(codec, bytes, got).toString('hex'), bytes.toString('hex'));
    }
  });

  t.test(`${build}: lines that a route adds, changes or takes away are attachments`, async (t) => {
    for (const [bytes, wanted] of [[hessianCall(), hessianCall({ map: hmap(['path', SERVICE], ['group', 'g2'],
      ['traceparent', '00-1']) })], [fastjsonCall(), fastjsonCall({ map: jmap(['path', SERVICE], ['group', 'g2'],
      ['traceparent', '00-1']) })]] as const) {
      const got = codec.decode(bytes, all);
      const text = got.text.replace(lines(attachments), `path: ${SERVICE}\r\ngroup: g2\r\nx-forwarded-for: 1.1.1.1\r\n`
        + 'x-envoy-attempt-count: 1\r\ntraceparent: 00-1\r\n');
      t.equal(again(codec, bytes, got, text).toString('hex'), wanted.toString('hex'));
    }
    for (const map of [hex('4e'), null]) {
      const bytes = hessianCall({ map }), got = codec.decode(bytes, all);
      const text = got.text.replace('weft-frame', 'a: b\r\nweft-frame');
      t.equal(again(codec, bytes, got, text).toString('hex'), hessianCall({ map: hmap(['a', 'b']) }).toString('hex'));
    }
    const bytes = hessianCall(), plain = codec.decode(bytes);
    t.same(again(codec, bytes, plain, plain.text.replace('weft-frame', 'a: b\r\nweft-frame')), bytes);
  });

  t.test(`${build}: prefixes as they may come`, async (t) => {
    const target = (bytes: Buffer, options = all): string => codec.decode(bytes, options).text.split('weft-frame')[0]!;
    const none = { map: hmap() };
    t.equal(target(hessianCall({ ...none, version: hex('4e') })), begin(SERVICE, 'sayHello', ''));
    t.equal(target(hessianCall({ ...none, service: 'größer' })), begin('größer', 'sayHello').replaceAll(
      'größer', '-').replace('x-service: -', `x-service: ${Buffer.from('größer').toString('latin1')}`));
    t.equal(target(hessianCall({ ...none, service: 'a/b' })), begin('a/b', 'sayHello').replace('/a/b/', '/-/')
      .replace('host: a/b', 'host: -'));
    const generic = 'Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;';
    for (const method of ['$invoke', '$invokeAsync']) {
      t.equal(target(hessianCall({ ...none, method, descriptor: generic,
        values: [hs('hi'), hex('70 00'), hex('78')] })), begin(SERVICE, 'hi'));
      t.equal(target(fastjsonCall({ map: jmap(), method, descriptor: generic, values: [js('hi'), hex('94'),
        hex('94')] }), { options: 0 }), begin(SERVICE, 'hi'));
    }
    t.equal(target(hessianCall({ ...none, method: '$invoke', descriptor: 'I', values: [hex('90')] })),
      begin(SERVICE, '$invoke'));
    t.equal(target(hessianCall({ ...none, method: '$echo' })), begin(SERVICE, '$echo'));
    const pieces = frame(0xc2, 0, 1n, Buffer.concat([hs('2.0.2'), chunked(SERVICE, 5), hs('1'), chunked('sayHello', 1),
      hs(''), hex('48'), chunked('group', 2), chunked('g7', 1), hex('5a')]));
    t.equal(target(pieces), `${begin(SERVICE, 'sayHello', '1')}group: g7\r\nx-group: g7\r\n`);
    // Without attachments the map is what the last argument is.
    for (const [descriptor, values, good] of [['', [], true], ['I[JLa/b;[[Z', [hex('90'), hex('4e'), hex('4e'),
      hex('4e')], true], ['I', [], true], ['II', [], false], ['', [hex('90')], false], ['Lx', [hex('90')], false],
      ['Q', [hex('90')], false], ['[', [hex('4e')], false]] as [string, Buffer[], boolean][])
      t.equal(codec.decode(hessianCall({ ...none, descriptor, values }), all).result, good ? 16 : 0, descriptor);
  });

  t.test(`${build}: every kind of value is stepped over`, async (t) => {
    const values = ['00', '0161', '3000', '3400', '200', '2161', '3401ff', '41000161 2162', '42000161', '38ffff',
      '3fffff', '4400000000 00000000', '46', '54', '49ffffffff', '4a0000000000000000', '4b00000000',
      '4c0000000000000000',
      '4e', '48 90 91 5a', '4d 0161 90 91 5a', '4d 90 5a', '43 0161 90 60', '43 0161 92 0162 0163 60 90 91',
      '43 0161 90 43 0162 90 61', '43 0161 91 0162 4f90 90', '5190', '52000161 0162', '53000161', '55 0161 90 5a',
      '56 90 92 91 91', '57 5a', '58 92 90 90', '5900000000', '5b', '5c', '5d00', '5e0000', '5f00000000',
      '71 0161 90', '79 91', '7f 90919293949596', 'bf', 'c000', 'd00000', 'd8', 'f000', '0861c3a462e282ac63f09f988064',
      '02eda0bdedb880'].filter((value) => value.length % 2 === 0 || value.includes(' '));
    for (const value of values) {
      const bytes = hessianCall({ descriptor: 'La;', values: [hex(value)], map: hmap(['k', 'v']) });
      const got = codec.decode(bytes, all);
      t.match(got.text, /\r\nk: v\r\n/, value);
      for (let n = 0; n < hex(value).length; n++) {          // cut short, the value takes what follows it, or is none
        const cut = hessianCall({ descriptor: 'La;', values: [hex(value).subarray(0, n)], map: null });
        t.match(codec.decode(cut, all), { result: 0, refusal: 'badBody', flagNames: ['delimited'] }, `${value} ${n}`);
      }
    }
    const bad = ['40', '45', '47', '50', '5a', '60', '4f90', '43 0161 90 4e', '58 8f', '0180', '01ff', '01f09f9880',
      '4d 4e', '43 0161 8f 60'];
    for (const value of bad) {
      const bytes = hessianCall({ descriptor: 'La;', values: [hex(value)], map: hmap(['k', 'v']) });
      t.match(codec.decode(bytes, all), { result: 0, refusal: 'badBody', flagNames: ['delimited'] }, value);
    }
    const deep = (depth: number) => hessianCall({ descriptor: 'La;', values: [Buffer.concat([Buffer.alloc(depth, 0x79),
      hex('90')])] });
    t.equal(codec.decode(deep(150), all).result, 16);
    t.match(codec.decode(deep(50_000), all), { result: 0, refusal: 'badBody' });
    const many = (count: number) => hessianCall({ descriptor: 'La;', values: [Buffer.concat([hex('57'),
      ...Array.from({ length: count }, () => hex('43 00 90 60')), hex('5a')])] });
    t.equal(codec.decode(many(256), all).result, 16);
    t.match(codec.decode(many(257), all), { result: 0, refusal: 'badBody' });
  });

  t.test(`${build}: what Java writes into attachments goes round as it came`, async (t) => {
    const calls = [...fastjsonMaps.map((map) => fastjsonCall({ map: item(hex(map)) })),
      ...hessianMaps.map((map) => hessianCall({ map: hex(map) }))];
    for (const bytes of calls) {
      const got = codec.decode(bytes, all);
      t.match(got.text, /\r\nx-group: g1\r\n/, bytes.toString('hex'));
      if (got.result > 0) t.equal(again(codec, bytes, got).toString('hex'), bytes.toString('hex'));
    }
    for (const map of hessianMaps) t.equal(codec.decode(hessianCall({ values: [hex(map)] }), all).result, 16, map);
  });

  t.test(`${build}: text of fastjson2 is written as Java writes it: Latin-1 as if it were ASCII`, async (t) => {
    const bytes = fastjsonCall({ map: jmap(['a', 'b']) }), got = codec.decode(bytes, all);
    for (const [value, jsonb] of [['größe', '4e6772f6df65'], ['x', '4a78'], ['gr\u20acße', '7a086772e282acc39f65'],
      ['ü'.repeat(47), `78${'fc'.repeat(47)}`], ['ü'.repeat(48), `793830${'fc'.repeat(48)}`]] as const) {
      const text = got.text.replace('\r\na: b', `\r\na: ${Buffer.from(value).toString('latin1')}`);
      t.match(again(codec, bytes, got, text).toString('hex'), new RegExp(`a64a61${jsonb}a5$`), value);
    }
  });

  t.test(`${build}: responses`, async (t) => {
    const ok = hex('dabb0214 0000000000000001 00000004 91 026869');
    const got = codec.decode(ok);
    t.match(got, { result: 16, kindName: 'response', status: 20, bodyBytes: 4, flags: 0 });
    t.equal(got.text, 'HTTP/1.1 200 \r\nweft-frame: 02140000000000\r\ncontent-length: 4\r\n\r\n');
    t.same(again(codec, ok, got), ok);
    for (const [status, http] of [[25, 500], [30, 504], [31, 504], [35, 503], [40, 400], [50, 502], [60, 404],
      [70, 500],
      [80, 500], [90, 500], [100, 503], [7, 500]]) {
      const bytes = frame(2, status, 5n, hs('no route')), view = codec.decode(bytes);
      t.equal(Number(/ (\d+) /.exec(view.text)![1]), http);
      t.same(again(codec, bytes, view), bytes);
    }
    for (const [body, flagNames] of [[Buffer.concat([hex('93'), hs('failed'), hmap(['a', 'b'])]), ['applicationError']],
      [Buffer.concat([hex('94'), hs('v'), hmap(['a', 'b'])]), []], [Buffer.concat([hex('95'), hmap(['a', 'b'])]), []],
      [Buffer.concat([hex('90'), hs('failed')]), ['applicationError']], [hex('92'), []]] as [Buffer, string[]][]) {
      const bytes = frame(2, 20, 5n, body), view = codec.decode(bytes, all);
      t.match(view, { result: 16, flagNames });
      t.equal(view.text.includes('\r\na: b\r\n'), body.includes(hmap(['a', 'b'])));
      t.same(again(codec, bytes, view), bytes);
    }
    // As an int, and as a byte, which is how Java writes it.
    for (const said of [0, 1, 2, 3, 4, 5].flatMap((kind) => [[kind], [0xbd, kind]])) {
      const kind = said.at(-1)!;
      const value = kind % 3 === 2 ? [] : [item(js('v'))], map = kind < 3 ? [] : [jmap(['a', 'b'])];
      const bytes = frame(23, 20, 5n, Buffer.concat([item(Buffer.from(said)), ...value, ...map]));
      const view = codec.decode(bytes, all);
      t.match(view, { result: 16, flagNames: kind % 3 === 0 ? ['applicationError'] : [] });
      t.equal(view.text.includes('\r\na: b\r\n'), kind >= 3);
      t.same(again(codec, bytes, view), bytes);
    }
    for (const body of [hex('96'), hex('4e'), hs('x')])
      t.match(codec.decode(frame(2, 20, 5n, body)), { result: 0, refusal: 'badBody', flagNames: ['delimited'] });
    for (const body of ['0000000106', '00000002bd06', '000000020104', '00000003bd0404', '00000001bd', '00000000'])
      t.match(codec.decode(frame(23, 20, 5n, hex(body))), { result: 0, refusal: 'badBody' }, body);
    // Of Dubbo 3.2.19 for Java.
    const java = hex('dabb1714 5da38ee61b4f88e0 0000001d 00000002bd04 0000000100 0000000ea64e647562626f4e322e302e32a5');
    for (let n = 16; n < java.length; n++) t.equal(codec.decode(java.subarray(0, n), all).result, -1);
    t.match(codec.decode(java, all).text, /\r\ndubbo: 2.0.2\r\n/);
    t.match(codec.decode(frame(2, 20, 5n, hex('91')).subarray(0, 16)), { result: -1, needed: 17 });
    t.match(codec.decode(java.subarray(0, 17)), { result: -1, needed: 21 });
    t.match(codec.decode(frame(3, 20, 5n, hex('aced'))), { result: 16, kindName: 'response' });
  });

  t.test(`${build}: events`, async (t) => {
    for (const [bytes, kindName] of [['dabbe2000000000000000001 00000001 4e', 'heartbeat'],
      ['dabb2214000000000000000100000001 4e', 'heartbeatReply'], ['dabba20000000000000000020000000 2 0152', 'goAway'],
      ['dabba20000000000000000020000000 2 0157', 'goOn'], ['dabba20000000000000000020000000 2 0158', 'none'],
      ['dabbf7000000000000000001 00000005 00000001af', 'heartbeat'],
      ['dabbb7000000000000000001 00000006 000000024a52', 'goAway'], ['dabbe2000000000000000001 00000000', 'heartbeat'],
      ['dabbe3000000000000000001 00000005 aced000570', 'heartbeat']] as const) {
      const event = hex(bytes);
      t.match(codec.decode(Buffer.concat([event, hex('dabb')])), { result: event.length, kindName,
        textBytes: 0 }, bytes);
      for (let n = 0; n < event.length; n++) {
        const got = codec.decode(event.subarray(0, n));
        t.ok(got.result === -1 && got.needed > n && got.needed <= event.length, `${bytes}, ${n}`);
      }
    }
    t.match(codec.decode(frame(0xe2, 0, 1n, Buffer.alloc(16))), { result: 0, refusal: 'badLength', flags: 0 });
    t.equal(codec.control('encodeHeartbeat', { idLow: 1 }).toString('hex'), 'dabbe2000000000000000001000000014e');
    t.equal(codec.control('encodeHeartbeat', { idLow: 1, origin: 0xd7 }).toString('hex'),
      'dabbf70000000000000000010000000500000001af');
    t.equal(codec.control('encodeHeartbeatReply', { idLow: 1, idHigh: 2, origin: 0xe2 }).toString('hex'),
      'dabb22140000000200000001000000014e');
    t.equal(codec.control('encodeHeartbeatReply', { idLow: 1, origin: 0xf7 }).toString('hex'),
      'dabb371400000000000000010000000500000001af');
    t.equal(codec.control('encodeHeartbeatReply', { idLow: 1, origin: 0xa2 }).length, 0, 'one-way');
    t.equal(codec.control('encodeGoAway', { idLow: 2 }).toString('hex'), 'dabba20000000000000000020000000' + '20152');
    t.equal(codec.control('encodeGoAway', { idLow: 2, origin: 23 }).toString('hex'),
      'dabbb7000000000000000002000000060000000' + '24a52');
  });

  t.test(`${build}: what is refused`, async (t) => {
    for (const bytes of ['ls\r\n', 'status\r\n', 'GET / HTTP/1.1\r\n', '\xda\xba'])
      t.match(codec.decode(Buffer.from(bytes, 'latin1')), { result: 0, refusal: 'badMagic', flags: 0 });
    t.match(codec.decode(hex('dabbc2000000000000000001 80000000')), { result: 0, refusal: 'badLength', flags: 0 });
    const delimited = { result: 0, flagNames: ['delimited'], headBytes: 16, idLow: 1, kindName: 'request' };
    const bytes = hessianCall();
    t.match(codec.decode(bytes, { frameBytesMax: bytes.length }), { result: 16 });
    t.match(codec.decode(bytes, { frameBytesMax: bytes.length - 1 }), { ...delimited, refusal: 'frameTooLarge' });
    t.match(codec.decode(hessianCall({ map: hmap(['k', 'v'.repeat(5000)]) }), { ...all, textMax: 4096 }),
      { ...delimited, refusal: 'headTooLarge' });
    t.match(codec.decode(bytes, { textMax: 1000 }), { ...delimited, refusal: 'headTooLarge' });
    t.match(codec.decode(hessianCall({ map: hmap() }), { textMax: 4096 }), { result: 16 });
    const long = hessianCall({ service: 'a'.repeat(20_000) });
    t.match(codec.decode(long.subarray(0, 10_000)), { ...delimited, refusal: 'headTooLarge' });
    t.match(codec.decode(frame(0xc2, 0, 1n, hex('91'))), { ...delimited, refusal: 'badBody' });
    t.match(codec.decode(frame(0xc2, 0, 1n, hex(''))), { ...delimited, refusal: 'badBody' });
    for (const map of [hex('48 0161'), hex('48 91 91 5a'), hex('48 0161 0162'), hex('91'), hex('4e4e'), hex('485a4e')])
      t.match(codec.decode(hessianCall({ map }), all), { ...delimited, refusal: 'badPairs' }, map.toString('hex'));
    for (const map of [hex('00000001'), u32(0), item(hex('a6')), item(hex('a64a61')), item(hex('a5')),
      Buffer.concat([item(hex('a6a5')), hex('00')]), item(hex('92a6a5')), item(hex('a6 b1 4a61 a5')),
      item(hex('a6 4a61 a2 a5'))])
      t.match(codec.decode(fastjsonCall({ map }), all), { ...delimited, refusal: 'badPairs' }, map.toString('hex'));
    t.match(codec.decode(frame(0xc3, 0, 1n, hex('aced'))), { result: 16, text: 'POST /-/- HTTP/1.1\r\nhost: -\r\n'
      + 'weft-frame: c3000000000000\r\ncontent-length: 2\r\n\r\n' });
  });

  t.test(`${build}: every beginning of a frame waits for what it needs`, async (t) => {
    for (const [bytes, options] of [[hessianCall(), 0], [fastjsonCall(), 0], [hessianCall(), 1], [fastjsonCall(), 1],
      [frame(2, 20, 1n, hex('91026869')), 0]] as const) {
      const whole = codec.decode(bytes, { options });
      let taken = 0;
      for (let n = 0; n <= bytes.length; n++) {
        const got = codec.decode(bytes.subarray(0, n), { options });
        if (got.result > 0) { taken ||= n; t.equal(got.text, whole.text); continue; }
        if (got.result !== -1 || got.needed <= n || got.needed > bytes.length || taken !== 0)
          return t.fail(`${n} bytes: ${got.result}, ${got.refusal}, ${got.needed} needed`);
      }
      t.ok(taken > 16);
    }
    return undefined;
  });

  t.test(`${build}: any byte altered is taken, waited for, or refused`, async (t) => {
    for (const bytes of [hessianCall(), fastjsonCall(), frame(2, 20, 1n, Buffer.concat([hex('94'), hs('v'),
      hmap(['a', 'b'])]))]) {
      for (let at = 0; at < bytes.length; at++) {
        for (const value of [0, 1, 0x43, 0x52, 0x5a, 0x7f, 0x80, 0xa5, 0xff, bytes[at]! ^ 4]) {
          const odd = Buffer.from(bytes);
          odd[at] = value;
          for (const options of [0, 1]) {
            const got = codec.decode(odd, { options });
            if (got.result === 0 && got.refusal === 'none') return t.fail(`byte ${at} = ${value}: no reason`);
            if (got.result > 0 && got.textBytes > 0 && got.bodyBytes === odd.length - 16) again(codec, odd, got);
          }
        }
      }
    }
    return t.pass();
  });

  t.test(`${build}: replies of ours`, async (t) => {
    const reply = (text: string, facts: object) => {
      const got = codec.encode('response', text, facts);
      t.match(got, { bodyBytes: 0, flagNames: ['local'], cut: 0, tailBytes: 0 });
      return got.bytes.toString('hex');
    };
    const text = 'HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n', said = Buffer.from('404 Not Found');
    t.equal(reply(text, { idLow: 1, status: -1, origin: 0xc2 }), frame(2, 60, 1n, hs('404 Not Found')).toString('hex'));
    t.equal(reply(text, { idLow: 1, status: 80, origin: 0xd7 }),
      frame(23, 80, 1n, item(js('404 Not Found'))).toString('hex'));
    t.equal(reply(text, { idLow: 1, status: 31, origin: 0xc3 }), frame(2, 31, 1n, hs(said.toString())).toString('hex'));
    t.equal(reply('HTTP/1.1 200 OK\r\n\r\n', { idLow: 1, status: -1, origin: 0xc2 }), 'dabb0214000000000000000100000001'
      + '92');
    t.equal(reply('HTTP/1.1 200 OK\r\n\r\n', { idLow: 1, status: -1, origin: 0xd7 }), 'dabb1714000000000000000100000006'
      + '00000002bd02');
    for (const [http, status] of [[400, 40], [401, 80], [403, 80], [404, 60], [408, 31], [413, 40], [429, 100],
      [431, 40],
      [500, 80], [502, 50], [503, 35], [504, 31]]) {
      const bytes = Buffer.from(reply(`HTTP/1.1 ${http} X\r\n\r\n`, { idLow: 1, status: -1, origin: 0xc2 }), 'hex');
      t.equal(bytes[3], status);
    }
    t.match(codec.encode('response', 'HTTP/1.1 503 x\r\n\r\n', {}, 40), { result: 0, refusal: 'headTooLarge' });
    const cut = codec.encode('response', 'HTTP/1.1 503 Service Unavailable\r\n\r\n',
      { idLow: 1, status: -1, origin: 2 }, 42);
    t.same(cut.bytes, frame(2, 35, 1n, hs('503 Service Unav')));
    t.match(codec.encode('request', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', {}), { refusal: 'notOfProtocol' });
    const got = codec.decode(hessianCall({ map: hmap(['k', 'v'.repeat(900)]) }), all);
    t.match(codec.encode('request', got.text, {}, 900), { result: 0, refusal: 'headTooLarge' });
    const odd = codec.decode(hessianCall({ map: hmap(['odd name', 'v']) }), all).text;
    for (const pair of ['6f=7', 'zz=00', '6f', '6f=*', '6f=*zz'])
      t.match(codec.encode('request', odd.replace(/weft-pair: \S+/, `weft-pair: ${pair}`), {}), { result: 0 }, pair);
  });
}

t.test('the first bytes tell, and statuses say what failed', async (t) => {
  const told = (bytes: number[]): number => dubbo.recognise(Uint8Array.from(bytes), 0, bytes.length);
  t.same([[], [0xda], [0xda, 0xbb], [0xda, 0xbc], [1], [0x47]].map(told), [-1, -1, 1, 0, 0, 0]);
  t.equal(dubbo.statusOf(0, 200), -1);
  t.equal(dubbo.statusOf(0, 403), 80);
});
