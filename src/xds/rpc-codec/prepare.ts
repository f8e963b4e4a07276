// A user's codec as it is run: its file is judged (what it exports, what it asks for), bounded in time and memory
// (meter.ts), and tried once.
import { readFileSync, statSync } from 'node:fs';
import { errorText } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { RPC_CODEC_MARK, RPC_CODEC_WORK, instantiateRpcCodec, rpcCodecCalls, rpcCodecOptionalCalls }
  from '../../core/rpc-codec.js';
import { NotMetered } from './binary.js';
import { metered } from './meter.js';
import { FUNCTION, MEMORY, isInts, readSections } from './sections.js';
import type { Module } from './sections.js';

const PAGE_BYTES = 65536;
const SHARED_OR_WIDE = 6;
const kinds = ['function', 'table', 'memory', 'global', 'tag'];
const plural = (count: number): string => `${count} number${count === 1 ? '' : 's'}`;

/** The module, or why there is none. */
export type Prepared = { bytes: Uint8Array } | { reason: string };

/** `callMs`: that each call may take, about; `memoryBytes`: whole pages. */
export function prepareCodec(file: string, memoryBytes: number, callMs: number): Prepared {
  let original: Buffer;
  try {
    if (statSync(file).size > limits.rpcCodecBytesMax)
      return { reason: `${file} is larger than ${limits.rpcCodecBytesMax} bytes` };
    original = readFileSync(file);
  } catch (error) {
    return { reason: `cannot be read: ${errorText(error)}` };
  }
  try {
    new WebAssembly.Module(original);
  } catch (error) {
    return { reason: `${file} is no WebAssembly module: ${errorText(error)}` };
  }
  try {
    const sections = readSections(original);
    const reason = notCodec(sections, memoryBytes / PAGE_BYTES);
    if (reason !== null) return { reason: `${file} ${reason}` };
    const pages = Math.min(memoryBytes / PAGE_BYTES, sections.memories[0]!.maximum ?? Infinity);
    const bytes = metered(sections, { work: callMs * limits.rpcCodecWorkPerMs, pages, workName: RPC_CODEC_WORK,
      calls: [...Object.keys(rpcCodecCalls), ...Object.keys(rpcCodecOptionalCalls)] });
    instantiateRpcCodec(new WebAssembly.Module(bytes));
    return { bytes };
  } catch (error) {
    return { reason: error instanceof NotMetered ? `${file} has what a codec may not have: ${error.message}`
      : `${file} does not start: ${errorText(error)}` };
  }
}

function notCodec(module: Module, pages: number): string | null {
  for (const { module: from, name, kind, type } of module.imports) {
    const isAbort = from === 'env' && name === 'abort' && kind === FUNCTION;
    if (!isAbort) return `imports ${kinds[kind]} ${from}.${name}: a codec may import env.abort alone`;
    if (!isInts(module.types[type]!, 4, 0)) return `imports ${from}.${name} in another form than AssemblyScript's`;
  }
  if (!module.exports.some(({ name }) => name === RPC_CODEC_MARK))
    return `does not export ${RPC_CODEC_MARK}, which says what version of the interface it has`;
  return badCall(module, rpcCodecCalls, true) ?? badCall(module, rpcCodecOptionalCalls, false)
    ?? badMemory(module, pages);
}

function badCall(module: Module, calls: Readonly<Record<string, number>>, required: boolean): string | null {
  for (const [name, count] of Object.entries(calls)) {
    const found = module.exports.find((exported) => exported.name === name);
    if (found === undefined) {
      if (required) return `does not export ${name}`;
      continue;
    }
    const type = found.kind === FUNCTION ? module.types[module.functions[found.index]!]! : null;
    if (type === null || !isInts(type, count, 1))
      return `exports ${name}, but not as a function of ${plural(count)} (i32) that answers one`;
  }
  return null;
}

function badMemory({ memories, exports, tables }: Module, pages: number): string | null {
  if (!exports.some(({ name, kind }) => name === 'memory' && kind === MEMORY)) return 'does not export memory';
  if (memories.length !== 1) return `has ${memories.length} memories of its own`;
  const { flags, minimum } = memories[0]!;
  if ((flags & SHARED_OR_WIDE) !== 0) return 'has a memory that is shared, or of 64 bits';
  if (minimum > pages) return `begins with ${minimum} pages of memory, and max_memory_bytes allows ${pages}`;
  for (const table of tables) if (table.minimum > limits.rpcCodecTableMax)
    return `has a table of ${table.minimum} entries: at most ${limits.rpcCodecTableMax}`;
  return null;
}
