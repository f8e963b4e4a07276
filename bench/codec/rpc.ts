// The codecs of RPC protocols on small calls as they come: frames to canonical text, text to frames. A request is a
// service, a method, six pairs and a kilobyte of arguments.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../../src/core/limits.js';
import { RpcFrame } from '../../src/core/generated/layouts.js';
import { bolt } from '../../src/protocols/bolt.js';
import { dubbo } from '../../src/protocols/dubbo.js';
import type { RpcProtocol } from '../../src/protocols/protocol.js';
import { RPC_ALL_PAIRS, type RpcCalls } from '../../src/workers/codecs-rpc.js';
import type { Engine } from '../../src/workers/engine.js';
import { UserCodec } from '../../src/workers/rpc/user-codec.js';
import { prepareCodec } from '../../src/xds/rpc-codec/prepare.js';
import { bench } from '../bench.js';
import { benchEngine, scratchOf } from '../engine.js';

const FRAME_BYTES_MAX = 1 << 26;
const TEXT_MAX = 1 << 16, ROOM = 1 << 16;
const ARGUMENT_BYTES = 1024;
const PARCEL_CALL_MS = 10;
// Places behind the scratch's beginning, where the frame lies.
const TEXT_AT = 1 << 20, OUTPUT_AT = 2 << 20, RECORD_AT = 3 << 20;

const SERVICE = 'com.example.orders.OrderService', METHOD = 'placeOrder';
const trace = [['rpc_trace_context.sofaTraceId', '0ba616a11535985491878148229106'],
  ['rpc_trace_context.sofaRpcId', '0.1'], ['app', 'orders']] as const;

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u16 = (value: number): Buffer => u32(value).subarray(2);

function boltRequest(crc: boolean): Buffer {
  const text = (value: string): Buffer => Buffer.concat([u32(value.length), Buffer.from(value)]);
  const className = 'com.alipay.sofa.rpc.core.request.SofaRequest';
  const headers = Buffer.concat([['service', `${SERVICE}:1.0`], ['sofa_head_target_service', `${SERVICE}:1.0`],
    ['sofa_head_method_name', METHOD], ...trace].flatMap((pair) => pair.map(text)));
  return Buffer.concat([Buffer.from(crc ? [2, 2] : [1]), Buffer.from([1, 0, 1, 1]), u32(1),
    Buffer.from(crc ? [1, 1] : [1]), u32(3000), u16(className.length), u16(headers.length), u32(ARGUMENT_BYTES),
    Buffer.from(className), headers, Buffer.alloc(ARGUMENT_BYTES, 'a'), Buffer.alloc(crc ? 4 : 0)]);
}

function dubboRequest(json: boolean): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value), n = bytes.length;
    const short = n < 48 ? [0x49 + n] : [0x79, 0x38 + (n >> 8), n & 255];
    if (json) return Buffer.concat([Buffer.from(short), bytes]);
    return Buffer.concat([n < 32 ? Buffer.from([n]) : n < 1024 ? Buffer.from([0x30 | n >> 8, n & 255])
      : Buffer.from([0x53, n >> 8, n & 255]), bytes]);
  };
  const item = (bytes: Buffer): Buffer => json ? Buffer.concat([u32(bytes.length), bytes]) : bytes;
  const pairs = [['path', SERVICE], ['interface', SERVICE], ['version', '1.0.0'], ['group', 'g1'], ['timeout', '3000'],
    ['remote.application', 'orders']].flatMap((pair) => pair.map(text));
  const map = Buffer.concat([Buffer.from([json ? 0xa6 : 0x48]), ...pairs, Buffer.from([json ? 0xa5 : 0x5a])]);
  const body = Buffer.concat([...['2.0.2', SERVICE, '1.0.0', METHOD, 'Ljava/lang/String;', 'a'.repeat(ARGUMENT_BYTES)]
    .map(text), map].map(item));
  return Buffer.concat([Buffer.from([0xda, 0xbb, json ? 0xd7 : 0xc2, 0]), Buffer.alloc(7), Buffer.from([1]),
    u32(body.length), body]);
}

interface State { engine: Engine; calls: RpcCalls; at: number; end: number; textEnd: number }

/** examples/codecs/parcel.ts, as a user's codec. */
function parcel(engine: Engine): RpcProtocol {
  const file = join(mkdtempSync(join(tmpdir(), 'weft-bench-')), 'parcel.wasm');
  execFileSync(process.execPath, ['node_modules/assemblyscript/bin/asc.js', 'examples/codecs/parcel.ts', '-o', file,
    '--config', 'none', '--runtime', 'stub', '-O3']);
  const result = prepareCodec(file, limits.rpcCodecMemoryBytesDefault, PARCEL_CALL_MS);
  if ('reason' in result) throw new Error(result.reason);
  return new UserCodec(engine, { name: 'parcel', module: new WebAssembly.Module(result.bytes) });
}

function parcelRequest(): Buffer {
  const header = Buffer.alloc(16), tenant = 'red';
  header.writeUInt32LE(header.length + SERVICE.length + METHOD.length + tenant.length + ARGUMENT_BYTES);
  header[4] = 1;
  header.writeUInt16LE(SERVICE.length, 6);
  header.writeUInt16LE(METHOD.length, 8);
  header.writeUInt16LE(tenant.length, 10);
  return Buffer.concat([header, Buffer.from(SERVICE + METHOD + tenant), Buffer.alloc(ARGUMENT_BYTES, 'a')]);
}

type Spoken = RpcProtocol | ((engine: Engine) => RpcProtocol);

function prepared(spoken: Spoken, bytes: Buffer, options: number): State {
  const engine = benchEngine(), at = scratchOf(engine);
  const protocol = typeof spoken === 'function' ? spoken(engine) : spoken;
  engine.u8.set(bytes, at);
  const state = { engine, calls: protocol.calls(engine.codecs), at, end: at + bytes.length, textEnd: 0 };
  if (decode(state, options) <= 0) throw new Error('the frame is refused');
  state.textEnd = at + TEXT_AT + engine.i32[(at + RECORD_AT >> 2) + RpcFrame.textBytes]!;
  if (encode(state) === 0) throw new Error('the text is refused');
  return state;
}
const decode = ({ calls, at, end }: State, options: number): number =>
  calls.decode(at, end, at + RECORD_AT, at + TEXT_AT, TEXT_MAX, FRAME_BYTES_MAX, options);
const encode = ({ calls, at, textEnd }: State): number =>
  calls.encodeRequest(at + TEXT_AT, textEnd, at + RECORD_AT, at + OUTPUT_AT, ROOM);

const both = (name: string, protocol: Spoken, bytes: Buffer, options: number) => [
  bench({
    name: `decode ${name}`, bytes: bytes.length,
    setup: () => prepared(protocol, bytes, options),
    run: (state, iterations) => {
      let sum = 0;
      for (let turn = 0; turn < iterations; turn++) sum += decode(state, options);
      return sum;
    },
  }),
  bench({
    name: `encode ${name}`, bytes: bytes.length,
    setup: () => prepared(protocol, bytes, options),
    run: (state, iterations) => {
      let sum = 0;
      for (let turn = 0; turn < iterations; turn++) sum += encode(state);
      return sum;
    },
  }),
];

export const benches = [
  ...both('Bolt v1', bolt, boltRequest(false), 0),
  ...both('Bolt v2 with CRC', bolt, boltRequest(true), 0),
  ...both('Dubbo, hessian2', dubbo, dubboRequest(false), 0),
  ...both('Dubbo, hessian2, attachments', dubbo, dubboRequest(false), RPC_ALL_PAIRS),
  ...both('Dubbo, fastjson2', dubbo, dubboRequest(true), 0),
  ...both('Dubbo, fastjson2, attachments', dubbo, dubboRequest(true), RPC_ALL_PAIRS),
  ...both("Parcel, a user's codec", parcel, parcelRequest(), 0),
  bench({
    name: 'CRC-32 of a kilobyte', bytes: ARGUMENT_BYTES,
    setup: () => prepared(bolt, boltRequest(false), 0),
    run: ({ engine, at }, iterations) => {
      let sum = 0;
      for (let turn = 0; turn < iterations; turn++) sum += engine.codecs.rpcCrc(0, at, ARGUMENT_BYTES);
      return sum;
    },
  }),
];
