// Runs the HTTP/1 codec as a test sees it: bytes in, plain values out. Input lies flush against the very end of the
// memory, so that a read beyond it traps; records lie between guard bytes, so that a write outside them is noticed.
import {
  Chunked,
  Head,
  HeadFlag,
  HeadRecordBytes,
  Header,
  HeaderLine,
  HeaderLineFlag,
  Method,
  Mutation,
  MutationRecordBytes,
  RequestEdits,
  ResponseEdits,
  knownHeaders,
  rejectionNames,
} from '../../../src/core/generated/layouts.js';
import type { Codecs } from '../../../src/workers/codecs.js';
import { codecModule, type CodecBuild } from '../../support/wasm.js';
import type { PathOptions } from './reference-path.js';

export interface DecodeLimits {
  bytesMax: number;
  countMax: number;
  lowerCase: boolean;
}
export const usualLimits: DecodeLimits = { bytesMax: 60 * 1024, countMax: 100, lowerCase: true };

/** A decoded head, in the terms that the reference decoder also speaks. */
export interface HeadView {
  line: string; // method and target, or status and reason
  authority: string;
  path: string;
  pathOnlyBytes: number;
  headers: [name: string, value: string][];
  flags: string[]; // names of HeadFlag, sorted
  length: number; // Content-Length, or -1
  bytes: number;
}
export type HeadResult = { kind: 'head'; head: HeadView } | { kind: 'incomplete' } | { kind: 'rejected'; code: string };

export interface ChunkedStep {
  result: number;
  consumed: number;
  dataBytes: number;
  output: Buffer;
  code: string;
}
export const mode = { rechunk: 0, strip: 1, scan: 2, trailers: 4 } as const;

const PAGES = 64;
const MEMORY_END = PAGES * 65536;
const GUARD = 0xa7;
const GUARD_BYTES = 64;
// Everything below a megabyte is left to the module's statics.
const RECORD = 0x100000 + GUARD_BYTES;
const EDITS = 0x110000;
const MUTATIONS = 0x111000;
const STRINGS = 0x118000;
const CHUNKED_STATE = 0x120000 + GUARD_BYTES;
const SCRATCH = 0x121000;
const OUTPUT = 0x140000;
const OUTPUT_END = 0x240000;
/**
 * Copies run in steps of 16 bytes: encoders and the writing chunk modes may read this far beyond their source
 * (assembly/lib/copy.ts).
 */
export const COPY_SLACK_BYTES = 15;

export interface Edits {
  flags?: string[];
  [field: string]: string | number | string[] | EditedMutation[] | undefined;
  mutations?: EditedMutation[];
}
export interface EditedMutation {
  action: 'append' | 'addIfAbsent' | 'overwrite' | 'overwriteIfExists' | 'remove';
  name: string;
  value?: string;
  keepEmpty?: boolean;
}
const actions = ['append', 'addIfAbsent', 'overwrite', 'overwriteIfExists', 'remove'];

export class Codec {
  private readonly bytes: Uint8Array;
  private readonly words: Uint32Array;
  private readonly exports: Codecs;

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

  /** `slack` bytes of memory follow the input: none, unless the head is to be encoded afterwards. */
  decodeRequest(input: Uint8Array, limits = usualLimits, slack = 0): HeadResult {
    return this.decode('h1DecodeRequest', input, limits, slack);
  }
  decodeResponse(input: Uint8Array, limits = usualLimits, slack = 0): HeadResult {
    return this.decode('h1DecodeResponse', input, limits, slack);
  }

  /** The decoder's verdict alone: bytes of the head, -1 or 0. Cheap enough to ask for every prefix. */
  verdict(kind: 'request' | 'response', input: Uint8Array, limits = usualLimits): number {
    const at = this.place(input, 0);
    const decode = kind === 'request' ? this.exports.h1DecodeRequest : this.exports.h1DecodeResponse;
    return decode(at, MEMORY_END, RECORD, limits.lowerCase ? 1 : 0, limits.bytesMax, limits.countMax);
  }

  rejection(): string {
    return rejectionNames[this.words[RECORD / 4 + Head.code]];
  }

  headMayEnd(input: Uint8Array, from: number): boolean {
    const at = this.place(input, 0);
    return this.exports.h1HeadMayEnd(at + from, MEMORY_END) === 1;
  }

  private decode(
    entry: 'h1DecodeRequest' | 'h1DecodeResponse',
    input: Uint8Array,
    limits: DecodeLimits,
    slack: number,
  ): HeadResult {
    const recordBytes = HeadRecordBytes + limits.countMax * 16;
    const at = this.place(input, slack);
    this.guard(RECORD, recordBytes);
    const result = this.exports[entry](
      at,
      at + input.length,
      RECORD,
      limits.lowerCase ? 1 : 0,
      limits.bytesMax,
      limits.countMax,
    );
    this.checkGuard(RECORD, recordBytes);
    if (result === -1) return { kind: 'incomplete' };
    if (result === 0) return { kind: 'rejected', code: this.rejection() };
    if (result < 0 || result > input.length) throw new Error(`consumed ${result} of ${input.length} bytes`);
    return { kind: 'head', head: this.view(entry === 'h1DecodeRequest', at, result) };
  }

  private view(request: boolean, at: number, result: number): HeadView {
    const word = (index: number) => this.words[RECORD / 4 + index];
    const span = (start: number, length: number) => {
      if (length !== 0 && (start < at || start + length > at + result))
        throw new Error(`span ${start}+${length} outside the head`);
      return this.text(start, length);
    };
    const headers: [string, string][] = [];
    for (let i = 0; i < word(Head.headerCount); i++) {
      const line = Head.headers + i * 4;
      const meta = word(line + HeaderLine.nameBytes_meta);
      const name = span(word(line + HeaderLine.nameAt), meta & 0xffff);
      headers.push([name, span(word(line + HeaderLine.valueAt), word(line + HeaderLine.valueBytes))]);
      this.checkLine(name, (meta >>> 16) & 255, meta >>> 24);
    }
    this.checkKnown(headers);
    const flags = Object.entries(HeadFlag)
      .filter(([, bit]) => (word(Head.flags) & bit) !== 0)
      .map(([name]) => name)
      .sort();
    const method = span(word(Head.methodAt), request ? word(Head.methodBytes) : 0);
    if (request && knownMethod(method) !== word(Head.method))
      throw new Error(`method id ${word(Head.method)} for ${method}`);
    if (word(Head.bytes) !== result) throw new Error(`Head.bytes ${word(Head.bytes)}, consumed ${result}`);
    return {
      line: request
        ? `${method} ${span(word(Head.targetAt), word(Head.targetBytes))}`
        : `${word(Head.status)} ${span(word(Head.reasonAt), word(Head.reasonBytes))}`,
      authority: request ? span(word(Head.hostAt), word(Head.hostBytes)) : '',
      path: request ? span(word(Head.pathAt), word(Head.pathBytes)) : '',
      pathOnlyBytes: request ? word(Head.pathOnlyBytes) : 0,
      headers,
      flags,
      length: flags.includes('hasContentLength')
        ? word(Head.contentLengthLow) + word(Head.contentLengthHigh) * 2 ** 32
        : -1,
      bytes: result,
    };
  }

  private checkLine(name: string, id: number, flags: number): void {
    const expected = knownHeaders.indexOf(name.toLowerCase());
    if (id !== Math.max(0, expected)) throw new Error(`header id ${id} for ${name}`);
    if (((flags & HeaderLineFlag.underscore) !== 0) !== name.includes('_'))
      throw new Error(`underscore flag of ${name}`);
  }

  /** Head.known: 1 + index of the first line with that id. */
  private checkKnown(headers: [string, string][]): void {
    const table = new Uint16Array(this.words.buffer, RECORD + Head.known * 4, 80);
    for (let id = 1; id < knownHeaders.length; id++) {
      const first = headers.findIndex(([name]) => name.toLowerCase() === knownHeaders[id]) + 1;
      if (table[id] !== first) throw new Error(`known[${knownHeaders[id]}] is ${table[id]}, not ${first}`);
    }
  }

  // Encoding works on the record of the last decode.

  /** Returns false when Connection names a header that no client may strip. */
  dropNominated(): boolean {
    return this.exports.h1DropNominated(RECORD) === 1;
  }

  encode(kind: 'request' | 'response', edits: Edits): Buffer {
    const list = edits.mutations ?? [];
    this.writeMutations(list);
    this.writeEdits(kind, edits, list.length);
    this.exports.h1ApplyMutations(RECORD, MUTATIONS, list.length);
    this.bytes.fill(GUARD, OUTPUT, OUTPUT + 0x20000);
    const end =
      kind === 'request'
        ? this.exports.h1EncodeRequest(RECORD, EDITS, OUTPUT)
        : this.exports.h1EncodeResponse(RECORD, EDITS, OUTPUT);
    return Buffer.from(this.bytes.slice(OUTPUT, end));
  }

  private writeMutations(list: readonly EditedMutation[]): void {
    let strings = STRINGS + 0x4000;
    const put = (value: string) => {
      const at = strings;
      this.bytes.set(Buffer.from(value, 'latin1'), at);
      strings += value.length;
      return at;
    };
    let expected = 0;
    list.forEach((mutation, index) => {
      const at = (MUTATIONS + index * MutationRecordBytes) / 4;
      const name = put(mutation.name),
        value = put(mutation.value ?? '');
      this.words.set(
        [
          actions.indexOf(mutation.action),
          Math.max(0, knownHeaders.indexOf(mutation.name)),
          name,
          mutation.name.length,
          value,
          mutation.value?.length ?? 0,
          0,
          mutation.keepEmpty ? 1 : 0,
        ],
        at + Mutation.action,
      );
      expected += mutation.name.length + (mutation.value?.length ?? 0) + 4;
    });
    const bytes = this.exports.h1MutationBytes(MUTATIONS, list.length);
    if (bytes !== expected) throw new Error(`h1MutationBytes says ${bytes}, not ${expected}`);
  }

  /** Edits by field name; a text field `host` sets hostAt and hostBytes. `drop` holds names of known headers. */
  private writeEdits(kind: 'request' | 'response', edits: Edits, mutations: number): void {
    const layout: Record<string, number> = kind === 'request' ? RequestEdits : ResponseEdits;
    const base = EDITS / 4;
    this.words.fill(0, base, base + 40);
    let strings = STRINGS;
    let drop = 0n;
    for (const [field, value] of Object.entries(edits)) {
      if (field === 'flags' || field === 'mutations') continue;
      if (field === 'drop') {
        for (const name of value as string[]) drop |= 1n << BigInt(Header[name as keyof typeof Header]);
        continue;
      }
      if (typeof value === 'number') {
        this.words[base + index(layout, field)] = value;
        continue;
      }
      const bytes = Buffer.from(value as string, 'latin1');
      this.bytes.set(bytes, strings);
      this.words[base + index(layout, `${field}At`)] = strings;
      this.words[base + index(layout, `${field}Bytes`)] = bytes.length;
      strings += bytes.length;
    }
    const flagTable: Record<string, number> = kind === 'request' ? requestFlags : responseFlags;
    for (const flag of edits.flags ?? []) this.words[base + layout.flags] |= index(flagTable, flag);
    this.words[base + layout.dropLow] = Number(drop & 0xffffffffn);
    this.words[base + layout.dropHigh] = Number(drop >> 32n);
    this.words[base + layout.mutationsAt] = MUTATIONS;
    this.words[base + layout.mutationCount] = mutations;
    if (kind === 'request') {
      this.words.set([1, 2, 3, 4], (STRINGS + 0x3000) / 4);
      this.words[base + RequestEdits.random] = STRINGS + 0x3000;
    }
  }

  chunkedReset(): void {
    this.exports.h1ChunkedReset(CHUNKED_STATE);
  }

  /** One step over `input`. The writing modes get the copy slack after the input; SCAN reads flush against the end. */
  chunkedStep(input: Uint8Array, how: number, lineMax = 512, trailersMax = 8192): ChunkedStep {
    const slack = (how & 3) === mode.scan ? 0 : COPY_SLACK_BYTES;
    const at = this.place(input, slack);
    const room = input.length + 128;
    this.bytes.fill(
      GUARD,
      OUTPUT + room + COPY_SLACK_BYTES,
      Math.min(OUTPUT_END, OUTPUT + room + COPY_SLACK_BYTES + GUARD_BYTES),
    );
    this.guard(CHUNKED_STATE, 40);
    const result = this.exports.h1ChunkedStep(
      CHUNKED_STATE,
      at,
      at + input.length,
      OUTPUT,
      how,
      lineMax,
      trailersMax,
      SCRATCH,
    );
    this.checkGuard(CHUNKED_STATE, 40);
    const word = (field: number) => this.words[CHUNKED_STATE / 4 + field];
    if (result === 2) return { result, consumed: 0, dataBytes: 0, output: Buffer.alloc(0), code: '' };
    const produced = word(Chunked.produced),
      consumed = word(Chunked.consumed);
    if (consumed > input.length) throw new Error(`consumed ${consumed} of ${input.length}`);
    if (produced > room) throw new Error(`produced ${produced} from ${input.length}`);
    for (let i = 0; i < GUARD_BYTES; i++) {
      if (this.bytes[OUTPUT + room + COPY_SLACK_BYTES + i] !== GUARD)
        throw new Error('wrote beyond the room for the output');
    }
    return {
      result,
      consumed,
      dataBytes: result === 0 ? 0 : word(Chunked.dataBytes),
      output: Buffer.from(this.bytes.slice(OUTPUT, OUTPUT + produced)),
      code: result === 0 ? rejectionNames[word(Chunked.code)] : '',
    };
  }

  writeChunk(input: Uint8Array): Buffer {
    const at = this.place(input, 0);
    return Buffer.from(this.bytes.slice(OUTPUT, this.exports.h1WriteChunk(OUTPUT, at, input.length)));
  }

  /** Normalises a path; null when it is refused. The result must fit where the path fitted. */
  normalizePath(path: string, pathOnlyBytes: number, options: PathOptions): string | null {
    const at = this.place(Buffer.from(path, 'latin1'), 0);
    this.bytes.fill(GUARD, OUTPUT, OUTPUT + path.length + GUARD_BYTES);
    const bits = (options.normalize ? 1 : 0) | (options.merge ? 2 : 0) | (options.unescape ? 4 : 0);
    const bytes = this.exports.normalizePath(at, path.length, pathOnlyBytes, OUTPUT, bits);
    if (this.bytes[OUTPUT + path.length] !== GUARD) throw new Error(`normalising ${path} wrote beyond its length`);
    return bytes === 0 ? null : this.text(OUTPUT, bytes);
  }

  private place(input: Uint8Array, slack: number): number {
    if (input.length > MEMORY_END - OUTPUT_END) throw new Error('input too large for the test memory');
    const at = MEMORY_END - slack - input.length;
    this.bytes.set(input, at);
    return at;
  }
  private text(at: number, length: number): string {
    return Buffer.from(this.bytes.slice(at, at + length)).toString('latin1');
  }
  private guard(at: number, length: number): void {
    this.bytes.fill(GUARD, at - GUARD_BYTES, at);
    this.bytes.fill(GUARD, at + length, at + length + GUARD_BYTES);
  }
  private checkGuard(at: number, length: number): void {
    for (let i = 1; i <= GUARD_BYTES; i++) {
      if (this.bytes[at - i] !== GUARD || this.bytes[at + length + i - 1] !== GUARD)
        throw new Error('wrote outside the record');
    }
  }
}

import {
  RequestEditsFlag as requestFlags,
  ResponseEditsFlag as responseFlags,
} from '../../../src/core/generated/layouts.js';

function index(table: Record<string, number>, name: string): number {
  const value = table[name];
  if (value === undefined) throw new Error(`no field or flag ${name}`);
  return value;
}
function knownMethod(method: string): number {
  return (Method as Record<string, number>)[method] ?? Method.OTHER;
}
