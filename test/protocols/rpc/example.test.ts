// The example protocol: what a codec's test has to show at least.
import t from 'tap';
import { example } from '../../../src/protocols/example.js';
import { exampleFrame } from '../../support/example-protocol.js';
import { codecBuilds } from '../../support/wasm.js';
import { RpcCodec } from './codec.js';

const frame = (kind: number, status: number, id: number, service: string, method: string, body: string): Buffer =>
  exampleFrame({ kind, status, id, service, method, body });
const call = frame(1, 0, 7, 'shop', 'buy', 'body');

for (const build of codecBuilds) {
  const codec = new RpcCodec(build, example);

  t.test(`${build}: requests and responses, there and back`, async (t) => {
    const got = codec.decode(call);
    t.match(got, { result: 25, kindName: 'request', bodyBytes: 4, idLow: 7 });
    t.equal(got.text, 'POST /shop/buy HTTP/1.1\r\nhost: shop\r\nx-service: shop\r\nx-method: buy\r\n'
      + 'weft-frame: 0100\r\ncontent-length: 4\r\n\r\n');
    for (const kind of [1, 2]) {
      const bytes = frame(kind, 0, 7, 'shop', 'buy', 'body');
      const out = codec.encode('request', codec.decode(bytes).text, { idLow: 7 });
      t.same(out.bytes, bytes.subarray(0, 25));
      t.match(out, { bodyBytes: 4, kindName: kind === 1 ? 'request' : 'oneway' });
    }
    for (const [status, http] of [[0, 200], [1, 400], [2, 404], [3, 500], [4, 503], [5, 504], [9, 500]]) {
      const bytes = frame(0, status, 7, '', '', 'ok'), view = codec.decode(bytes);
      t.equal(view.text, `HTTP/1.1 ${http} \r\nweft-frame: 00${status.toString(16).padStart(2, '0')}\r\n`
        + 'content-length: 2\r\n\r\n');
      t.same(codec.encode('response', view.text, { idLow: 7 }).bytes, bytes.subarray(0, 18));
    }
  });

  t.test(`${build}: a route sends a call to another method`, async (t) => {
    const text = codec.decode(call).text.replace('x-method: buy', 'x-method: sell');
    t.same(codec.encode('request', text, { idLow: 7 }).bytes, frame(1, 0, 7, 'shop', 'sell', 'body').subarray(0, 26));
  });

  t.test(`${build}: frames that end by themselves`, async (t) => {
    for (const [kind, kindName] of [[3, 'heartbeat'], [4, 'heartbeatReply'], [5, 'goAway']] as const)
      t.match(codec.decode(frame(kind, 0, 7, '', '', '')), { result: 18, kindName, idLow: 7 });
    t.same(codec.control('encodeHeartbeat', { idLow: 7 }), frame(3, 0, 7, '', '', ''));
    t.same(codec.control('encodeHeartbeatReply', { idLow: 7 }), frame(4, 0, 7, '', '', ''));
    t.same(codec.control('encodeGoAway', { idLow: 7 }), frame(5, 0, 7, '', '', ''));
  });

  t.test(`${build}: replies of ours`, async (t) => {
    const status = (text: string, facts: object): number => codec.encode('response', text, facts).bytes[5]!;
    t.equal(status('HTTP/1.1 503 x\r\n\r\n', { status: -1 }), 4);
    t.equal(status('HTTP/1.1 418 x\r\n\r\n', { status: -1 }), 3);
    t.equal(status('HTTP/1.1 503 x\r\n\r\n', { status: 2 }), 2);
    t.match(codec.encode('response', 'HTTP/1.1 503 x\r\n\r\n', {}), { bodyBytes: 0, flagNames: ['local'] });
  });

  t.test(`${build}: what is refused`, async (t) => {
    t.match(codec.decode(Buffer.from('WXP2')), { result: 0, refusal: 'badMagic' });
    t.match(codec.decode(frame(6, 0, 7, '', '', '')), { result: 0, refusal: 'badType' });
    t.match(codec.decode(frame(0, 0, 7, 'a', '', '')), { result: 0, refusal: 'badLength' });
    t.match(codec.decode(frame(3, 0, 7, '', '', 'a')), { result: 0, refusal: 'badLength' });
    const delimited = { result: 0, flagNames: ['delimited'], headBytes: 25, bodyBytes: 4, idLow: 7 };
    t.match(codec.decode(call, { frameBytesMax: 28 }), { ...delimited, refusal: 'frameTooLarge' });
    t.match(codec.decode(call, { textMax: 100 }), { ...delimited, refusal: 'headTooLarge' });
    t.match(codec.encode('request', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', {}), { refusal: 'notOfProtocol' });
    t.match(codec.encode('request', codec.decode(call).text, {}, 24), { result: 0, refusal: 'headTooLarge' });
  });

  t.test(`${build}: cut at every byte, altered in every byte`, async (t) => {
    for (let n = 0; n < 25; n++) {
      const got = codec.decode(call.subarray(0, n));
      t.ok(got.result === -1 && got.needed > n && got.needed <= 25, `${n} bytes`);
    }
    for (let at = 0; at < call.length; at++) {
      for (let value = 0; value < 256; value++) {
        const odd = Buffer.from(call);
        odd[at] = value;
        const got = codec.decode(odd);
        if (got.result === 0 && got.refusal === 'none') return t.fail(`byte ${at} = ${value}: no reason`);
        if (got.result > 0 && got.textBytes > 0) codec.encode('request', got.text, {});
      }
    }
    return undefined;
  });
}

t.test('the first bytes tell', async (t) => {
  const told = (text: string): number => example.recognise(Buffer.from(text), 0, text.length);
  t.same(['', 'W', 'WXP', 'WXP1', 'WXP1a', 'X', 'WXP2'].map(told), [-1, -1, -1, 1, 1, 0, 0]);
});
