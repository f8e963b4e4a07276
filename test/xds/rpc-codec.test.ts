// What is made of a user's module: it does what it did, stops when it has done enough, and has as much memory as it
// may.
import t from 'tap';
import { instantiateRpcCodec, rpcCodecRoomBytes } from '../../src/core/rpc-codec.js';
import type { RpcCodecInstance } from '../../src/core/rpc-codec.js';
import { prepareCodec } from '../../src/xds/rpc-codec/prepare.js';
import { codecFile, compiled, small } from '../support/rpc-codec.js';

const PAGE = 65536;
function prepared(bytes: Uint8Array, memoryBytes = 16 * PAGE, callMs = 1): RpcCodecInstance {
  const result = prepareCodec(codecFile(bytes), memoryBytes, callMs);
  if ('reason' in result) throw new Error(result.reason);
  return instantiateRpcCodec(new WebAssembly.Module(result.bytes));
}
const reasonOf = (bytes: Uint8Array, memoryBytes = 16 * PAGE): string => {
  const file = codecFile(bytes);
  const result = prepareCodec(file, memoryBytes, 1);
  return 'reason' in result ? result.reason.replace(file, 'F') : '';
};
const decoding = (body: string, more = ''): RpcCodecInstance => prepared(small({ decode: body }, more));
const decode = ({ call }: RpcCodecInstance, argument = 0): number | string => {
  try { return call.decode!(argument, 0, 0, 0, 0, 0, 0); } catch (error) { return (error as Error).message; }
};

t.test('a program works as it did', async (t) => {
  // Loops in loops, switches, recursion, maps, sorting, strings, collections of garbage, numbers of every kind.
  const program = `
    function fibonacci(n: i32): i32 { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
    export function work(seed: i32): f64 {
      const counts = new Map<string, i32>(), list: f64[] = [];
      let total: f64 = 0;
      for (let i = 0; i < 40; i++) {
        for (let j = 0; j < 5; j++) {
          seed = seed * 1664525 + 1013904223;
          const name = "n" + (seed >>> 28).toString();
          counts.set(name, counts.has(name) ? counts.get(name) + 1 : 1);
          if (j == 3 && i % 7 == 0) continue;
          switch (seed >>> 30) {
            case 0: total += 1; break;
            case 1: total += Math.sqrt(<f64>i); break;
            default: total -= .5;
          }
          list.push(<f64>seed / 3 + Math.sin(<f64>j));
        }
      }
      list.sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
      const names = counts.keys().sort();
      for (let i = 0; i < names.length; i++) total += <f64>counts.get(names[i]) * <f64>i + <f64>names[i].length;
      const bytes = new Uint8Array(1000).fill(3);
      bytes.copyWithin(10, 500);
      for (let i = 0; i < list.length; i++) total = total * .5 + list[i] + <f64>bytes[i % 1000];
      return total + <f64>fibonacci(12) + <f64>(<u64>seed % 1000003);
    }
    const encoded = new StaticArray<f64>(1);
    export const weft_rpc_abi_1 = 1;
    export function room(bytes: i32): usize { return heap.alloc(bytes); }
    export function decode(seed: i32, end: i32, record: i32, text: i32, m: i32, f: i32, o: i32): i32 {
      return <i32>(reinterpret<i64>(work(seed)) % 1000000007);
    }
    export function encodeRequest(a: i32, b: i32, c: i32, d: i32, e: i32): i32 { return 0; }
    export function encodeResponse(a: i32, b: i32, c: i32, d: i32, e: i32): i32 { return 0; }
    export function encodeHeartbeat(a: i32, b: i32): i32 { return 0; }
    export function encodeHeartbeatReply(a: i32, b: i32): i32 { return 0; }
    export function encodeGoAway(a: i32, b: i32): i32 { return 0; }`;
  const bytes = await compiled(program);
  const plain = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort: () => undefined } })
    .exports as unknown as { decode: (...numbers: number[]) => number };
  const bounded = prepared(bytes, 256 * PAGE, 1000);
  const seeds = [1, 7, 99, -5];
  t.same(seeds.map((seed) => decode(bounded, seed)), seeds.map((seed) => plain.decode(seed, 0, 0, 0, 0, 0, 0)));
  t.notOk(bounded.overran());
});

t.test('what never ends is stopped, and the next call has all its time again', async (t) => {
  const endless: Record<string, [body: string, more?: string]> = {
    'a loop': ['(loop (br 0)) (i32.const 0)'],
    'a loop inside a loop that ends': ['(loop (loop (br_if 1 (i32.const 1))) (br 0)) (i32.const 0)'],
    'a loop with a long way round': [`(loop ${'(drop (i32.const 1))'.repeat(500)} (br 0)) (i32.const 0)`],
    'calls of itself': ['(call $f)', '(func $f (result i32) (i32.add (call $f) (call $f)))'],
    'calls of itself, last': ['(call $f)', '(func $f (result i32) (return_call $f))'],
    'filling memory': ['(loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 200000)) (br 0)) (i32.const 0)'],
    'asking for memory': ['(loop (drop (memory.grow (i32.const 1))) (br 0)) (i32.const 0)'],
  };
  for (const [name, [body, more]] of Object.entries(endless)) {
    const codec = decoding(`(if (i32.eqz (local.get 0)) (then (return (i32.const 42)))) ${body}`, more);
    const from = performance.now();
    t.match(decode(codec, 1), /unreachable|call stack/, name);
    t.ok(performance.now() - from < 2000, `${name}: ${performance.now() - from} ms`);
    t.equal(decode(codec), 42, name);
    t.notOk(codec.overran());
  }
  const codec = decoding('(loop (br 0)) (i32.const 0)');
  decode(codec);
  t.ok(codec.overran(), 'it is told apart from a module that stops itself');
  const stops = decoding('(unreachable)');
  decode(stops);
  t.notOk(stops.overran());
});

t.test('a module that never starts is refused', async (t) => {
  t.equal(reasonOf(small({}, '(func $s (loop (br 0))) (start $s)')), 'F does not start: unreachable');
  t.equal(reasonOf(small({ room: '(loop (br 0)) (i32.const 0)' })), 'F does not start: unreachable');
});

t.test('memory', async (t) => {
  const sizes = '(i32.add (memory.size) (i32.mul (i32.const 100) (memory.grow (local.get 0))))';
  const codec = decoding(sizes);
  t.equal(codec.memory.byteLength, 16 * PAGE, 'it is all there from the beginning');
  t.equal(decode(codec, 0), 404, 'though the module sees what it began with');
  t.equal(decode(codec, 2), 404);
  t.equal(decode(codec, 11), 6 - 100, 'more than there may be');
  t.equal(decode(codec, 10), 606);
  t.equal(decode(codec, 1), 16 - 100);
  t.equal(decode(decoding(sizes), -1), 4 - 100);
  const own = prepared(small({ decode: '(memory.grow (i32.const 3))' }, '', '(memory (export "memory") 4 6)'));
  t.equal(own.memory.byteLength, 6 * PAGE, "the module's own limit is the lower one");
  t.equal(decode(own), -1);
  t.match(reasonOf(small(), 3 * PAGE), /^F begins with 4 pages of memory, and max_memory_bytes allows 3$/);
});

t.test('modules that are no codecs', async (t) => {
  t.equal(reasonOf(small()), '');
  for (const name of ['room', 'decode', 'encodeRequest', 'encodeResponse', 'encodeHeartbeat', 'encodeHeartbeatReply',
    'encodeGoAway']) t.equal(reasonOf(small({ [name]: null })), `F does not export ${name}`);
  t.equal(reasonOf(small({ decode: null }, '(global (export "decode") i32 (i32.const 0))')),
    'F exports decode, but not as a function of 7 numbers (i32) that answers one');
  t.equal(reasonOf(small({}, '(func (export "recognise") (param i64 i32) (result i32) (i32.const 0))')),
    'F exports recognise, but not as a function of 2 numbers (i32) that answers one');
  t.equal(reasonOf(small({}, '', '(memory 4)')), 'F does not export memory');
  t.equal(reasonOf(small({}, '', '(memory (export "memory") 4 8 shared)')),
    'F has a memory that is shared, or of 64 bits');
  t.equal(reasonOf(small({}, '(import "env" "now" (func (result i32)))')),
    'F imports function env.now: a codec may import env.abort alone');
  t.equal(reasonOf(small({}, '(import "wasi_snapshot_preview1" "fd_write" (func))')),
    'F imports function wasi_snapshot_preview1.fd_write: a codec may import env.abort alone');
  t.equal(reasonOf(small({}, '(import "env" "abort" (func (param i32)))')),
    "F imports env.abort in another form than AssemblyScript's");
  t.equal(reasonOf(small({}, '', '(import "env" "memory" (memory 4))')),
    'F imports memory env.memory: a codec may import env.abort alone');
  t.equal(reasonOf(small({}, '(import "env" "g" (global i32))')),
    'F imports global env.g: a codec may import env.abort alone');
  t.equal(reasonOf(small({}, '(table 65537 funcref)')), 'F has a table of 65537 entries: at most 65536');
  t.match(reasonOf(small({ decode: '(table.grow (table.get (i32.const 0)) (i32.const 1))' }, '(table 1 funcref)')),
    /^F has what a codec may not have: instruction 0xfc 15$/);
  t.equal(reasonOf(small({ room: '(i32.const 0)' })),
    `F does not start: its room(${rpcCodecRoomBytes}) is 0, in a memory of 1048576 bytes`);
  t.equal(reasonOf(small({ room: '(i32.const 1000000)' })),
    `F does not start: its room(${rpcCodecRoomBytes}) is 1000000, in a memory of 1048576 bytes`);
  t.equal(reasonOf(small({}, '(import "env" "abort" (func $a (param i32 i32 i32 i32)))'
    + '(func $s (call $a (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))) (start $s)')),
    'F does not start: abort');
});
