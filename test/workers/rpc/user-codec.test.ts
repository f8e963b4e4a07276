// A user's codec that answers at random, often nearly right: whatever it says, what the engine sees is whole, and
// nothing beside the places that the engine has named is written.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { RpcFrame, RpcFrameFlag, RpcFrameRecordBytes, RpcKind } from '../../../src/core/generated/layouts.js';
import { memoryMap } from '../../../src/core/memory-map.js';
import { instantiateCodecs } from '../../../src/workers/codecs.js';
import { Engine } from '../../../src/workers/engine.js';
import { UserCodec } from '../../../src/workers/rpc/user-codec.js';
import { WorkerStat } from '../../../src/telemetry/schema.js';
import { prepareCodec } from '../../../src/xds/rpc-codec/prepare.js';
import { repositoryRoot } from '../../support/root.js';
import { codecFile, compiled } from '../../support/rpc-codec.js';

const noise = `
  export const weft_rpc_abi_1: i32 = 1;
  export function room(bytes: u32): usize { return heap.alloc(bytes); }
  let state: u32 = 1;
  function begin(seed: u32): void {
    state = seed * 2654435761 | 1;
    for (let i = 0; i < 4; i++) next(2);
  }
  function next(below: u32): u32 {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
  }
  function odd(near: u32): u32 {
    const which = next(16);
    return which < 9 ? near : which == 9 ? near + 1 : which == 10 ? near - 1 : which == 11 ? 0 : which == 12 ? next(16)
      : which == 13 ? 0xffffffff : which == 14 ? 0x7fffffff : next(0xffffffff);
  }
  function write(to: usize, text: string): u32 {
    for (let i = 0; i < text.length; i++) store<u8>(to + i, <u8>text.charCodeAt(i));
    if (next(3) == 0) store<u8>(to + next(text.length), <u8>next(256));
    return text.length;
  }
  function fill(record: usize, kind: u32, body: u32, text: u32): void {
    if (next(40) == 0) for (let i = 0; i < 16; i++) store<u32>(record + i * 4, odd(i));
    store<u32>(record, odd(next(12)));
    store<u32>(record, odd(kind), 4);
    store<u32>(record, odd(20), 8);
    store<u32>(record, odd(body), 12);
    store<u32>(record, next(4) == 0 ? odd(4) : 0, 36);
    store<u32>(record, odd(text), 40);
  }
  export function decode(at: i32, end: i32, record: i32, text: i32, max: i32, frame: i32, options: i32): i32 {
    begin(load<u32>(at));
    if (next(500) == 0) unreachable();
    if (next(500) == 0) while (true) store<u8>(record, 0);
    const response = next(2) == 0;
    const n = response ? write(text, "HTTP/1.1 200 \\r\\nweft-frame: 01\\r\\ncontent-length: 7\\r\\n\\r\\n")
      : write(text, "POST /a/b HTTP/1.1\\r\\nhost: a\\r\\ntenant: c\\r\\ncontent-length: 7\\r\\n\\r\\n");
    fill(record, response ? 3 : 1, 7, n);
    store<u32>(record, odd(end - at + 1), 44);
    const which = next(4);
    return which == 0 ? -1 : which == 1 ? 0 : odd(end - at);
  }
  function encode(seed: u32, record: i32, dst: i32, max: i32, kind: u32): i32 {
    begin(seed);
    if (next(500) == 0) unreachable();
    const n = write(dst, "a frame's head and its tail");
    fill(record, kind, 7, 0);
    if (next(3) == 0) {
      store<u32>(record, odd(3), 52);
      store<u32>(record, odd(dst + n - 4), 56);
      store<u32>(record, odd(4), 60);
    }
    return next(8) == 0 ? odd(dst + max) : odd(dst + n - 4);
  }
  export function encodeRequest(a: i32, b: i32, c: i32, d: i32, e: i32): i32 {
    return encode(load<u32>(a), c, d, e, 1);
  }
  export function encodeResponse(a: i32, b: i32, c: i32, d: i32, e: i32): i32 {
    return encode(load<u32>(a), c, d, e, 3);
  }
  export function encodeHeartbeat(a: i32, b: i32): i32 { return encode(load<u32>(a, 16), a, b, 64, 4); }
  export function encodeHeartbeatReply(a: i32, b: i32): i32 { return encode(load<u32>(a, 16), a, b, 64, 5); }
  export function encodeGoAway(a: i32, b: i32): i32 { return encode(load<u32>(a, 16), a, b, 64, 6); }
  export function recognise(a: i32, b: i32): i32 { return <i32>odd(1); }
  export function statusOf(a: i32, b: i32): i32 { return <i32>odd(b); }`;

const MEMORY_MIB = 256, ROUNDS = 20_000;
const TEXT_MAX = 200, DST_MAX = 100, FRAME_BYTES_MAX = 1000, GUARD = 0xa7, SEED_BYTES = 4;
const prepared = prepareCodec(codecFile(await compiled(noise)), 1 << 20, 1);
if ('reason' in prepared) throw new Error(prepared.reason);
const pages = MEMORY_MIB * 16;
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
const codecs = new WebAssembly.Module(readFileSync(join(repositoryRoot, 'dist/wasm/codecs.wasm')));
const engine = new Engine(memory, memoryMap(MEMORY_MIB, 1), 0, instantiateCodecs(codecs, memory));
const codec = new UserCodec(engine, { name: 'noise', module: new WebAssembly.Module(prepared.bytes) });
const calls = codec.calls();
const { u8, i32 } = engine;
const scratch = engine.map.snapshot;
const RECORD = scratch + 64, word = (name: keyof typeof RpcFrame): number => i32[(RECORD >> 2) + RpcFrame[name]]!;
const stat = (name: 'rpc_codec_mistakes' | 'rpc_codec_traps' | 'rpc_codec_overruns'): number =>
  engine.f64[engine.statsBase + WorkerStat[name]]!;

/** The places of one round; all else has to stay as it is. */
function round(turn: number): { input: number; output: number } {
  u8.fill(GUARD, scratch, scratch + 4096);
  i32.fill(turn, RECORD >> 2, (RECORD + RpcFrameRecordBytes) >> 2);
  const input = scratch + 256 + (turn & 7);
  for (let i = 0; i < SEED_BYTES; i++) u8[input + i] = turn >> 8 * i;
  return { input, output: scratch + 2048 + (turn >> 3 & 7) };
}
function untouched(from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (u8[at] !== GUARD) return false;
  return true;
}
const isKept = (input: number, output: number, max: number): boolean => untouched(scratch, RECORD)
  && untouched(RECORD + RpcFrameRecordBytes, input) && untouched(input + SEED_BYTES, output)
  && untouched(output + max, scratch + 4096);

t.test('frames that it finds', async (t) => {
  let found = 0, refused = 0, waiting = 0;
  for (let turn = 0; turn < ROUNDS; turn++) {
    const { input, output } = round(turn), bytes = SEED_BYTES + turn % 50;
    engine.nowMs += 1;
    const taken = calls.decode(input, input + bytes, RECORD, output, TEXT_MAX, FRAME_BYTES_MAX, 1);
    if (!isKept(input, output, TEXT_MAX)) return t.fail(`turn ${turn}: something else was written`);
    const kind = word('kind'), body = word('bodyBytes');
    if (taken === -1) {
      waiting++;
      if (word('needed') <= bytes) return t.fail(`turn ${turn}: waits for ${word('needed')} of ${bytes}`);
    } else if (taken === 0) {
      refused++;
      const ended = (word('flags') & RpcFrameFlag.delimited) !== 0;
      if (word('code') <= 0 || word('code') > 11 || (ended && (word('headBytes') <= 0 || body < 0)))
        return t.fail(`turn ${turn}: refused as ${word('code')}`);
    } else if (taken < 0 || taken > bytes || kind < 1 || kind > 7) return t.fail(`turn ${turn}: ${taken} taken`);
    else if (kind <= RpcKind.response) {
      found++;
      const text = engine.readText(output, word('textBytes'));
      const isWhole = /^[^]*\r\ncontent-length:[ \t]*0*7[ \t]*\r\n\r\n$/i.test(text);
      if (body !== 7 || !isWhole || taken + body > FRAME_BYTES_MAX)
        return t.fail(`turn ${turn}: ${JSON.stringify(text)}`);
    }
  }
  t.ok(found > 500 && refused > 5000 && waiting > 1000, `${found} found, ${refused} refused, ${waiting} waiting`);
  for (const name of ['rpc_codec_mistakes', 'rpc_codec_traps', 'rpc_codec_overruns'] as const)
    t.ok(stat(name) > 10, `${stat(name)} ${name}`);
  return undefined;
});

t.test('heads and controls that it writes', async (t) => {
  let written = 0;
  for (let turn = 0; turn < ROUNDS; turn++) {
    const { input, output } = round(turn), request = turn % 2 === 0;
    engine.nowMs += 1;
    const end = request ? calls.encodeRequest(input, input + 60, RECORD, output, DST_MAX)
      : calls.encodeResponse(input, input + 60, RECORD, output, DST_MAX);
    if (!isKept(input, output, DST_MAX)) return t.fail(`turn ${turn}: something else was written`);
    if (end === 0) continue;
    written++;
    const tail = word('tailBytes'), cut = word('cut');
    const inside = tail === 0 || (tail > 0 && word('tailAt') >= end && word('tailAt') + tail <= output + DST_MAX);
    if (end <= output || end > output + DST_MAX || !inside || cut < 0 || cut > word('bodyBytes'))
      return t.fail(`turn ${turn}: ends at ${end - output}, tail of ${tail}`);
  }
  t.ok(written > 1000, `${written} written`);
  for (let turn = 0; turn < ROUNDS; turn++) {
    const { input, output } = round(turn);
    engine.nowMs += 1;
    const end = [calls.encodeHeartbeat, calls.encodeHeartbeatReply, calls.encodeGoAway][turn % 3]!(RECORD, output);
    if (!isKept(input, output, 64) || (end !== 0 && (end <= output || end > output + 64)))
      return t.fail(`turn ${turn}: ends at ${end - output}`);
  }
  return undefined;
});

t.test('what it recognises is yes, no or perhaps', async (t) => {
  for (let turn = 0; turn < 1000; turn++) {
    const count = turn % 40, said = codec.recognise(u8, scratch, scratch + count);
    if (said !== 1 && said !== 0 && (said !== -1 || count >= 24)) return t.fail(`${said} of ${count} bytes`);
  }
  return undefined;
});
