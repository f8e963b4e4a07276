// Users' codecs for tests: examples/codecs/parcel.ts, compiled as its author would, and small ones of WebAssembly text
// that do one thing.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';
import { repositoryRoot } from './root.js';

const folder = mkdtempSync(join(tmpdir(), 'weft-codecs-'));
let files = 0;

/** A file with these bytes. */
export function codecFile(bytes: Uint8Array): string {
  const file = join(folder, `${files++}.wasm`);
  writeFileSync(file, bytes);
  return file;
}

/** Compiles AssemblyScript with nothing beside it. */
export async function compiled(source: string): Promise<Uint8Array> {
  let bytes: Uint8Array | null = null;
  const { error, stderr } = await asc.main(['codec.ts', '-o', 'codec.wasm', '--runtime', 'stub', '-O3'], {
    readFile: (name: string) => name === 'codec.ts' ? source : null,
    writeFile: (_name: string, contents: Uint8Array | string) => { bytes = contents as Uint8Array; },
    listFiles: () => [],
  });
  if (error !== null || bytes === null) throw new Error(`asc: ${String(error)}\n${stderr.toString()}`);
  return bytes;
}

export const parcelSource = (): string => readFileSync(join(repositoryRoot, 'examples/codecs/parcel.ts'), 'utf8');
export const parcel = async (): Promise<Uint8Array> => compiled(parcelSource());

/** A module of WebAssembly text. */
export function assembled(text: string): Uint8Array {
  const module = binaryen.parseText(`(module ${text})`);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** What a codec has at least. A body that is given stands in the place of "0"; null: that export is missing. */
const calls: Record<string, string> = { room: '(param i32)', decode: '(param i32 i32 i32 i32 i32 i32 i32)',
  encodeRequest: '(param i32 i32 i32 i32 i32)', encodeResponse: '(param i32 i32 i32 i32 i32)',
  encodeHeartbeat: '(param i32 i32)', encodeHeartbeatReply: '(param i32 i32)', encodeGoAway: '(param i32 i32)' };
const usual: Record<string, string | null> = { room: '(i32.const 1024)' };

export function small(bodies: Record<string, string | null> = {}, more = '', memory = '(memory (export "memory") 4)'):
  Uint8Array {
  const all = { ...usual, ...bodies };
  return assembled(`${more} ${memory} (global (export "weft_rpc_abi_1") i32 (i32.const 1))
    ${Object.entries(calls).map(([name, parameters]) => all[name] === null ? ''
      : `(func (export "${name}") ${parameters} (result i32) ${all[name] ?? '(i32.const 0)'})`).join('\n')}`);
}
