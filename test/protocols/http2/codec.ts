// Runs the HTTP/2 codec as a test sees it: bytes in, plain values out. Input lies flush against the very end of the
// memory, so that a read beyond it traps; records and tables lie between guard bytes, so that a write outside them is
// noticed.
import {
  H2Frame, H2FrameRecordBytes, H2Head, H2HeadFlag, H2HeadRecordBytes, H2Settings, H2SettingsRecordBytes,
  http2RefusalNames,
} from '../../../src/core/generated/layouts.js';
import type { Codecs } from '../../../src/workers/codecs.js';
import { codecModule, type CodecBuild } from '../../support/wasm.js';

export type FrameView = Record<keyof typeof H2Frame, number> & { result: number; payload: Buffer };
export type SectionKind = 'request' | 'response' | 'trailers';
export interface SectionLimits { textMax: number; listBytesMax: number; countMax: number }
export const wideLimits: SectionLimits = { textMax: 0x10000, listBytesMax: 0x10000, countMax: 1000 };
export interface SectionOptions { allowExtendedConnect?: boolean; upgraded?: string; random?: boolean }
/** What a field section came to; text is '' when it is refused, `reason` says why. */
export interface SectionView {
  text: string;
  reason: string;
  code: number;
  scope: number;
  flags: string[];
  listBytes: number;
  fieldCount: number;
  length: number;
  status: number;
  protocol: string;
}
export interface EncodeOptions { streamId?: number; endStream?: boolean; https?: boolean; maxFrame?: number }
export type SettingsView = Record<keyof typeof H2Settings, number>;

const PAGES = 64;
export const MEMORY_END = PAGES * 65536;
const GUARD = 0xa7;
const GUARD_BYTES = 64;
const RECORD = 0x100000 + GUARD_BYTES;
const SETTINGS = 0x101000 + GUARD_BYTES;
const HEAD = 0x102000 + GUARD_BYTES;
const RANDOM = 0x103000;
const PROTOCOL = 0x104000;
/** The Head record of an encoder. */
const LINES = 0x108000;
/** Tables of decoders and encoders: two of each may live side by side. */
const TABLES = 0x120000;
const TABLE_STRIDE = 0x20000;
const TEXT = 0x200000 + GUARD_BYTES;
/** Copies run in steps of 16 bytes (assembly/lib/copy.ts). */
export const COPY_SLACK_BYTES = 15;

export class Http2Codec {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly exports: Codecs;
  private readonly tables: [capacity: number, encoder: number][] = [];

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

  /** An empty table; `which` 0 to 3 is where it lies. */
  resetTable(capacity: number, which = 0, encoder = 0): number {
    const at = TABLES + which * TABLE_STRIDE;
    this.guard(at, this.exports.hpackTableBytes(capacity, encoder));
    this.exports.hpackReset(at, capacity, encoder);
    this.tables[which] = [capacity, encoder];
    return at;
  }
  resizeTable(bytes: number, which = 0): void {
    this.exports.hpackResize(TABLES + which * TABLE_STRIDE, bytes);
  }

  /** Decodes a field section; the block has the slack of copies behind it, and not a byte more. */
  section(kind: SectionKind, block: Uint8Array, limits = wideLimits, options: SectionOptions = {},
      which = 0): SectionView {
    const table = TABLES + which * TABLE_STRIDE;
    const at = this.place(block, COPY_SLACK_BYTES);
    const head = HEAD / 4;
    this.guard(HEAD, H2HeadRecordBytes);
    this.bytes.fill(0, HEAD, HEAD + H2HeadRecordBytes);
    this.guard(TEXT, limits.textMax + COPY_SLACK_BYTES);
    this.words.set([1, 2, 3, 4], RANDOM / 4);
    if (options.random === true) this.words[head + H2Head.random] = RANDOM;
    if (options.upgraded !== undefined) {
      this.bytes.set(Buffer.from(options.upgraded), PROTOCOL);
      this.words[head + H2Head.protocolAt] = PROTOCOL;
      this.words[head + H2Head.protocolBytes] = options.upgraded.length;
    }
    const bits = (options.allowExtendedConnect === true ? 1 : 0) | (options.upgraded === undefined ? 0 : 2);
    const decode = { request: this.exports.h2DecodeRequest, response: this.exports.h2DecodeResponse,
      trailers: this.exports.h2DecodeTrailers }[kind];
    const result = decode(table, at, at + block.length, TEXT, limits.textMax, HEAD, limits.listBytesMax,
      limits.countMax, bits);
    this.checkGuard(HEAD, H2HeadRecordBytes);
    this.checkGuard(TEXT, limits.textMax + COPY_SLACK_BYTES);
    this.checkTable(which);
    if (result < 0 || result > limits.textMax) throw new Error(`${result} bytes of text`);
    return this.sectionView(kind, result);
  }

  private sectionView(kind: SectionKind, result: number): SectionView {
    const fields = this.record(H2Head, HEAD);
    if (fields.textBytes !== result) throw new Error('textBytes is not the result');
    const protocol = kind === 'request' ? this.copyOf(fields.protocolAt, fields.protocolBytes).toString('latin1') : '';
    const flags = Object.entries(H2HeadFlag).filter(([, bit]) => (fields.flags & bit) !== 0).map(([name]) => name);
    return { text: this.copyOf(TEXT, result).toString('latin1'), reason: http2RefusalNames[fields.reason],
      code: fields.code, scope: fields.scope, flags: flags.sort(), listBytes: fields.listBytes,
      fieldCount: fields.fieldCount, length: flags.includes('hasContentLength')
        ? fields.contentLengthLow + fields.contentLengthHigh * 2 ** 32 : -1, status: fields.status, protocol };
  }

  /**
   * Encodes canonical text into frames with the table `which`; null when it is refused. The text has the slack of
   * copies behind it.
   */
  encode(kind: SectionKind, canonical: string, options: EncodeOptions = {}, which = 2): Buffer | null {
    const table = TABLES + which * TABLE_STRIDE;
    const { streamId = 1, endStream = false, https = false, maxFrame = 16384 } = options;
    const input = Buffer.from(canonical, 'latin1');
    const at = this.place(input, COPY_SLACK_BYTES), end = at + input.length;
    const room = this.exports.h2BlockBytesMax(input.length, maxFrame);
    this.guard(TEXT, room);
    const flags = (endStream ? 1 : 0) | (https ? 2 : 0);
    const result = kind === 'trailers'
      ? this.exports.h2EncodeTrailers(table, at, end, TEXT, streamId, maxFrame)
      : this.exports[kind === 'request' ? 'h2EncodeRequest' : 'h2EncodeResponse'](table, at, end, LINES, 1000, TEXT,
        streamId, flags, maxFrame);
    this.checkGuard(TEXT, room);
    this.checkTable(which);
    if (result === 0) return null;
    if (result < TEXT || result > TEXT + room) throw new Error(`wrote ${result - TEXT} bytes, not at most ${room}`);
    return this.copyOf(TEXT, result - TEXT);
  }

  checkTable(which: number): void {
    const [capacity, encoder] = this.tables[which];
    this.checkGuard(TABLES + which * TABLE_STRIDE, this.exports.hpackTableBytes(capacity, encoder));
  }

  record<Fields extends string>(layout: Readonly<Record<Fields, number>>, at: number): Record<Fields, number> {
    const entries = Object.entries<number>(layout).map(([name, word]) => [name, this.words[at / 4 + word]]);
    return Object.fromEntries(entries) as Record<Fields, number>;
  }
  place(input: Uint8Array, slack = 0): number {
    const at = MEMORY_END - slack - input.length;
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
