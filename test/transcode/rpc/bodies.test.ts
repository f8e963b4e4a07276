// Bodies of frames in all four directions: every cut of one is refused, every altered byte is a value or refused, and
// nothing but a CarryError is thrown.
import t from 'tap';
import { BoltAnswering } from '../../../src/transcode/rpc/bolt-answering.js';
import { BoltCall } from '../../../src/transcode/rpc/bolt-call.js';
import { DubboAnswering } from '../../../src/transcode/rpc/dubbo-answering.js';
import { DubboCall } from '../../../src/transcode/rpc/dubbo-call.js';
import { CarryError } from '../../../src/transcode/rpc/failure.js';
import { javaType } from '../../../src/transcode/rpc/java-types.js';
import { JsonNumber } from '../../../src/transcode/rpc/json.js';
import type { Json } from '../../../src/transcode/rpc/json.js';
import type { RpcJsonCall } from '../../../src/config/http-filters.js';

const call = (protocol: 'bolt' | 'dubbo', generic = false): RpcJsonCall => ({ protocol, service: 'a.B', method: 'm',
  version: '', group: '', application: 'app', generic, timeoutMs: 0, pathTemplate: '', attachments: [],
  forwardedHeaders: [], arguments: ['java.lang.String', 'long', 'java.util.Map'].map((type, index) =>
    ({ type, source: 'item', name: '', place: `argument ${index}` })) });
const values: readonly Json[] = ['größe', new JsonNumber('9007199254740993'), new Map<string, Json>([['a', [null, true,
  new JsonNumber('1.5')]]])];
const limits = { depthMax: 100, charactersMax: 100_000 };
const result = new Map<string, Json>([['a', [new JsonNumber('1'), 'x', null]]]);

/** Undefined: refused. */
function attempt<T>(read: () => T): T | undefined {
  try { return read(); } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    return undefined;
  }
}

const dubboLine = (name: string): string | null => name === 'weft-frame' ? 'c2000100000000' : null;
const dubboAnswer = (name: string): string | null => name === 'weft-frame' ? '02140000000000' : null;
const boltLine = (name: string): string | null => name === 'weft-frame'
  ? '0101000101000000010100000bb80000000000000000' : null;
const boltAnswer = (name: string): string | null => name === 'weft-frame'
  ? '0100000201000000010100000000000000000000' : null;
const dubbo = new DubboAnswering(100), bolt = new BoltAnswering(100);
const type = javaType('java.util.Map');

const bodies: readonly { name: string; body: Buffer; read: (body: Buffer) => unknown }[] = [
  ...[false, true].map((generic) => ({ name: `a call of Dubbo, generic ${generic}`,
    // Behind the arguments is what opens the attachments.
    body: new DubboCall(call('dubbo', generic)).body(values).subarray(0, -1),
    read: (body: Buffer) => dubbo.read(body, dubboLine) })),
  { name: 'a call of Bolt', body: new BoltCall(call('bolt')).body(values),
    read: (body) => bolt.read(body, boltLine) },
  { name: 'a result of Dubbo', body: Buffer.from(dubbo.value(type, result).body),
    read: (body) => new DubboCall(call('dubbo')).answer({ status: 200, line: dubboAnswer, body }, limits) },
  { name: 'an exception of Dubbo', body: Buffer.from(dubbo.exception('why').body),
    read: (body) => new DubboCall(call('dubbo')).answer({ status: 200, line: dubboAnswer, body }, limits) },
  { name: 'a result of Bolt', body: Buffer.from(bolt.value(type, result, boltLine).body),
    read: (body) => new BoltCall(call('bolt')).answer({ status: 200, line: boltAnswer, body }, limits) },
  { name: 'an exception of Bolt', body: Buffer.from(bolt.exception('why', boltLine).body),
    read: (body) => new BoltCall(call('bolt')).answer({ status: 200, line: boltAnswer, body }, limits) },
];

for (const { name, body, read } of bodies) {
  t.test(name, async (t) => {
    t.ok(attempt(() => read(body)) !== undefined, 'as it is');
    for (let at = 0; at < body.length; at++)
      if (attempt(() => read(body.subarray(0, at))) !== undefined) t.fail(`taken, cut at ${at}`);
    for (let at = 0; at < body.length; at++) {
      for (const by of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const altered = Buffer.from(body);
        altered[at] = altered[at]! ^ by;
        attempt(() => read(altered));
      }
    }
  });
}

t.test('what one side writes, the other reads', async (t) => {
  const json = (answer: { status: number; json: Uint8Array }): [number, string] =>
    [answer.status, Buffer.from(answer.json).toString()];
  const back = '{"a":[1,"x",null]}', thrown = '{"error":{"type":"java.lang.RuntimeException","message":"why"}}';
  for (const generic of [false, true]) {
    const one = new DubboCall(call('dubbo', generic));
    t.match(dubbo.read(one.body(values), dubboLine), { types: ['java.lang.String', 'long', 'java.util.Map'] });
    const answer = (body: Uint8Array) => json(one.answer({ status: 200, line: dubboAnswer, body }, limits));
    t.same(answer(dubbo.value(type, result).body), [200, back]);
    t.same(answer(dubbo.exception('why').body), [500, thrown]);
  }
  const one = new BoltCall(call('bolt'));
  t.match(bolt.read(one.body(values), boltLine), { types: ['java.lang.String', 'long', 'java.util.Map'] });
  const answer = (body: Uint8Array) => json(one.answer({ status: 200, line: boltAnswer, body }, limits));
  t.same(answer(bolt.value(type, result, boltLine).body), [200, back]);
  t.same(answer(bolt.exception('why', boltLine).body), [500, thrown]);
  t.same(answer(bolt.refusal(400, 'no', boltLine)!.body), [500,
    '{"error":{"type":"bolt.SOFA_RESPONSE_ERROR","message":"no"}}']);
});
