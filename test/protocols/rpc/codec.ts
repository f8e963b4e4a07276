// Runs the codec of an RPC protocol as a test sees it: bytes in, plain values out. Input lies at the end of the memory
// but for the slack that copies need, so that a read beyond it traps; what is written lies between guard bytes.
import { RpcFrame, RpcFrameFlag, RpcFrameRecordBytes, RpcKind, rpcRefusalNames } from
  '../../../src/core/generated/layouts.js';
import type { RpcCalls } from '../../../src/workers/codecs-rpc.js';
import type { Codecs } from '../../../src/workers/codecs.js';
import type { RpcProtocol } from '../../../src/protocols/protocol.js';
import { codecModule, type CodecBuild } from '../../support/wasm.js';

export type FrameView = Record<keyof typeof RpcFrame, number> & { result: number; text: string; kindName: string;
  refusal: string; flagNames: string[] };

const PAGES = 32;
const MEMORY_END = PAGES * 65536;
const SLACK_BYTES = 15;
const GUARD = 0xa7, GUARD_BYTES = 64;
const RECORD = 0x100000 + GUARD_BYTES, TEXT = 0x110000 + GUARD_BYTES, OUT = 0x140000 + GUARD_BYTES, SOURCE = 0x160000;
const kindNames = Object.fromEntries(Object.entries(RpcKind).map(([name, kind]) => [kind, name]));

export class RpcCodec {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly exports: Codecs;
  readonly calls: RpcCalls;

  constructor(readonly build: CodecBuild, protocol: RpcProtocol) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    const abort = (_message: number, _file: number, line: number) => {
      throw new Error(`${build}: assertion failed at line ${line}`);
    };
    this.exports = new WebAssembly.Instance(codecModule(build), { env: { memory, abort } })
      .exports as unknown as Codecs;
    this.calls = protocol.calls(this.exports);
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
  }

  decode(input: Uint8Array, { textMax = 0x10000, frameBytesMax = 0x4000000, options = 0 } = {}): FrameView {
    const at = MEMORY_END - SLACK_BYTES - input.length;
    this.bytes.set(input, at);
    this.guard(RECORD, RpcFrameRecordBytes);
    this.guard(TEXT, textMax + SLACK_BYTES);
    const result = this.calls.decode(at, at + input.length, RECORD, TEXT, textMax, frameBytesMax, options);
    this.check(RECORD, RpcFrameRecordBytes);
    this.check(TEXT, textMax + SLACK_BYTES);
    return this.view(result);
  }

  /** The start of a frame for a text; empty: refused. */
  encode(kind: 'request' | 'response', text: string, facts: Partial<Record<keyof typeof RpcFrame, number>>,
    room = 0x10000): FrameView & { bytes: Buffer } {
    this.bytes.set(Buffer.from(text, 'latin1'), SOURCE);
    this.guard(RECORD, RpcFrameRecordBytes);
    this.words.fill(0, RECORD >> 2, (RECORD + RpcFrameRecordBytes) >> 2);
    for (const [name, value] of Object.entries(facts)) this.words[(RECORD >> 2) + RpcFrame[name as 'code']] = value;
    this.guard(OUT, room + SLACK_BYTES);
    const call = kind === 'request' ? this.calls.encodeRequest : this.calls.encodeResponse;
    const end = call(SOURCE, SOURCE + text.length, RECORD, OUT, room);
    this.check(OUT, room + SLACK_BYTES);
    if (end > OUT + room) throw new Error(`${end - OUT} bytes in a room of ${room}`);
    return { ...this.view(end), text: '', bytes: Buffer.from(this.bytes.slice(OUT, end === 0 ? OUT : end)) };
  }

  control(call: 'encodeHeartbeat' | 'encodeHeartbeatReply' | 'encodeGoAway',
    facts: Partial<Record<keyof typeof RpcFrame, number>>): Buffer {
    this.words.fill(0, RECORD >> 2, (RECORD + RpcFrameRecordBytes) >> 2);
    for (const [name, value] of Object.entries(facts)) this.words[(RECORD >> 2) + RpcFrame[name as 'code']] = value;
    const end = this.calls[call](RECORD, OUT);
    return Buffer.from(this.bytes.slice(OUT, end === 0 ? OUT : end));
  }

  /** Bytes of the HTTP/1.1 head that `text` begins with; 0: it is none. */
  head(response: boolean, text: string, linesMax: number): number {
    const end = MEMORY_END - SLACK_BYTES, at = end - text.length;
    this.bytes.set(Buffer.from(text, 'latin1'), at);
    const decode = response ? this.exports.h1DecodeResponse : this.exports.h1DecodeRequest;
    return decode(at, end, OUT, 0, text.length, linesMax);
  }

  /** 1: the text is as the engine wants it. */
  isCanonical(text: string, kind: number, bodyBytes: number): number {
    const end = MEMORY_END - SLACK_BYTES, at = end - text.length;
    this.bytes.set(Buffer.from(text, 'latin1'), at);
    return this.exports.rpcIsCanonical(at, end, kind, bodyBytes);
  }

  crc(bytes: Uint8Array): number {
    this.bytes.set(bytes, SOURCE);
    return this.exports.rpcCrc(0, SOURCE, bytes.length) >>> 0;
  }

  private view(result: number): FrameView {
    const facts = Object.fromEntries(Object.entries(RpcFrame).map(([name, word]) =>
      [name, this.words[(RECORD >> 2) + word]!])) as Record<keyof typeof RpcFrame, number>;
    return { ...facts, result, text: Buffer.from(this.bytes.slice(TEXT, TEXT + facts.textBytes)).toString('latin1'),
      kindName: kindNames[facts.kind] ?? '', refusal: rpcRefusalNames[facts.code] ?? '',
      flagNames: Object.entries(RpcFrameFlag).filter(([, bit]) => (facts.flags & bit) !== 0).map(([name]) => name) };
  }

  private guard(at: number, bytes: number): void {
    this.bytes.fill(GUARD, at - GUARD_BYTES, at + bytes + GUARD_BYTES);
  }
  private check(at: number, bytes: number): void {
    for (let i = 0; i < GUARD_BYTES; i++) {
      if (this.bytes[at - 1 - i] !== GUARD || this.bytes[at + bytes + i] !== GUARD)
        throw new Error(`${this.build}: wrote outside [${at}, ${at + bytes})`);
    }
  }
}
