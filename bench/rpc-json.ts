// rpc_json_transcoder in process: JSON to the body of a call, and an answer to JSON, in both protocols.
import type { RpcJsonCall } from '../src/config/http-filters.js';
import { RpcArguments } from '../src/transcode/rpc/arguments.js';
import { BoltAnswering } from '../src/transcode/rpc/bolt-answering.js';
import { BoltCall } from '../src/transcode/rpc/bolt-call.js';
import { DubboAnswering } from '../src/transcode/rpc/dubbo-answering.js';
import { DubboCall } from '../src/transcode/rpc/dubbo-call.js';
import { javaType } from '../src/transcode/rpc/java-types.js';
import { readJson } from '../src/transcode/rpc/json.js';
import { bench } from './bench.js';

const DEPTH_MAX = 100;
const json = Buffer.from(JSON.stringify({ customer: 'Vladimir N.', count: 3, order: { items: [17, 18, 190_000_000_000],
  note: 'The Real Life of Sebastian Knight', price: 12.5, gift: false, from: null } }));
const call = (protocol: 'bolt' | 'dubbo'): RpcJsonCall => ({ protocol, service: 'com.example.Orders', method: 'create',
  version: '1.0', group: '', application: '', generic: false, timeoutMs: 0, pathTemplate: '', attachments: [],
  forwardedHeaders: [], arguments: [['java.lang.String', 'customer'], ['int', 'count'], ['java.util.Map', 'order']]
    .map(([type, name]) => ({ type: type!, source: 'member', name: name!, place: name! })) });

const sides = [['Bolt', new BoltCall(call('bolt')), new BoltAnswering(DEPTH_MAX),
  '0100000201000000010100000000000000000000'],
  ['Dubbo', new DubboCall(call('dubbo')), new DubboAnswering(DEPTH_MAX), '02140000000000']] as const;

export const benches = sides.flatMap(([name, out, back, frame]) => {
  const line = (wanted: string): string | null => wanted === 'weft-frame' ? frame : null;
  const { body } = back.value(javaType('java.util.Map'), readJson(json, DEPTH_MAX), line);
  const args = new RpcArguments(call('dubbo'));
  return [bench({
    name: `a request of ${json.length} bytes of JSON to ${name}`,
    bytes: json.length,
    setup: () => null,
    run: (_, iterations) => {
      let bytes = 0;
      for (let turn = 0; turn < iterations; turn++) bytes += out.body(args.values(new Map(), json, DEPTH_MAX)).length;
      return bytes;
    },
  }), bench({
    name: `an answer of ${body.length} bytes of ${name} to JSON`,
    bytes: body.length,
    setup: () => null,
    run: (_, iterations) => {
      let bytes = 0;
      for (let turn = 0; turn < iterations; turn++)
        bytes += out.answer({ status: 200, line, body }, { depthMax: DEPTH_MAX, charactersMax: 1 << 20 }).json.length;
      return bytes;
    },
  })];
});
