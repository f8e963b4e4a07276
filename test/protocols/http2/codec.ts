// Runs the HTTP/2 codec as a test sees it: bytes in, plain values out. Input lies flush against the very end of the
// memory, so that a read beyond it traps; records and tables lie between guard bytes, so that a write outside them is
// noticed.
import { H2Frame, H2FrameRecordBytes, H2Settings, H2SettingsRecordBytes } from '../../../src/core/generated/layouts.js';
import type { Codecs } from '../../../src/workers/codecs.js';
import { codecModule, type CodecBuild } from '../../support/wasm.js';

export type FrameView = Record<keyof typeof H2Frame, number> & { result: number; payload: Buffer };
export type SettingsView = Record<keyof typeof H2Settings, number>;

const PAGES = 64;
export const MEMORY_END = PAGES * 65536;
const GUARD = 0xa7;
const GUARD_BYTES = 64;
const RECORD = 0x100000 + GUARD_BYTES;
const SETTINGS = 0x101000 + GUARD_BYTES;

export class Http2Codec {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly exports: Codecs;

  constructor(readonly build: CodecBuild) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    const abort = (_message: number, _file: number, line: number) => {
      throw new Error(`${build}: assertion failed at line ${line}`);
    };
    this.exports = new WebAssembly.Instance(codecModule(build), { env: { memory, abort } })
      .exports as unknown as Codecs;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
  }

  frame(input: Uint8Array, maxPayload = 16384): FrameView {
    const at = this.place(input);
    this.guard(RECORD, H2FrameRecordBytes);
    const result = this.exports.h2DecodeFrame(at, MEMORY_END, RECORD, maxPayload);
    this.checkGuard(RECORD, H2FrameRecordBytes);
    const fields = this.record(H2Frame, RECORD);
    if (result > input.length) throw new Error(`consumed ${result} of ${input.length}`);
    const payload = result > 0 ? this.copyOf(fields.payloadAt, fields.payloadBytes) : Buffer.alloc(0);
    if (result > 0 && fields.payloadAt + fields.payloadBytes > at + result)
      throw new Error('payload outside the frame');
    return { ...fields, payloadAt: fields.payloadAt - at, result, payload };
  }

  resetSettings(): void {
    this.exports.h2ResetSettings(SETTINGS);
  }
  readSettings(payload: Uint8Array): number {
    this.guard(SETTINGS, H2SettingsRecordBytes);
    const code = this.exports.h2ReadSettings(this.place(payload), payload.length, SETTINGS);
    this.checkGuard(SETTINGS, H2SettingsRecordBytes);
    return code;
  }
  settings(): SettingsView {
    return this.record(H2Settings, SETTINGS);
  }

  record<Fields extends string>(layout: Readonly<Record<Fields, number>>, at: number): Record<Fields, number> {
    const entries = Object.entries<number>(layout).map(([name, word]) => [name, this.words[at / 4 + word]]);
    return Object.fromEntries(entries) as Record<Fields, number>;
  }
  place(input: Uint8Array): number {
    const at = MEMORY_END - input.length;
    this.bytes.set(input, at);
    return at;
  }
  copyOf(at: number, length: number): Buffer {
    return Buffer.from(this.bytes.slice(at, at + length));
  }
  guard(at: number, length: number): void {
    this.bytes.fill(GUARD, at - GUARD_BYTES, at);
    this.bytes.fill(GUARD, at + length, at + length + GUARD_BYTES);
  }
  checkGuard(at: number, length: number): void {
    for (let i = 1; i <= GUARD_BYTES; i++) {
      if (this.bytes[at - i] !== GUARD || this.bytes[at + length + i - 1] !== GUARD)
        throw new Error('wrote outside the record');
    }
  }
}

/** A frame in bytes. */
export function frameBytes(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId >>> 0, 5);
  return Buffer.concat([header, payload]);
}
