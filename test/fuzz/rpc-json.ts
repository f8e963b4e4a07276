// Fuzzes what stands between JSON and Hessian. A text is JSON here where JSON.parse takes it, and means the same; its
// value goes to Hessian and back unaltered, in both dialects, or is refused with a reason. Whatever Hessian's bytes:
// what is made of them is JSON that goes there and back again.
import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { CarryError } from '../../src/transcode/rpc/failure.js';
import { writeJson } from '../../src/transcode/rpc/hessian-of-json.js';
import { HessianReader } from '../../src/transcode/rpc/hessian-reader.js';
import type { HessianDialect } from '../../src/transcode/rpc/hessian-values.js';
import { HessianWriter } from '../../src/transcode/rpc/hessian-writer.js';
import { javaType } from '../../src/transcode/rpc/java-types.js';
import { JsonNumber, readJson } from '../../src/transcode/rpc/json.js';
import type { Json } from '../../src/transcode/rpc/json.js';
import { jsonOf } from '../../src/transcode/rpc/json-of-hessian.js';
import { hessianVectors } from '../transcode/rpc/hessian-vectors.js';
import type { Target } from './http1.js';
import { mutate, type Random } from './random.js';

const BYTES_MAX = 400, limits = { depthMax: 20, charactersMax: 1 << 16 };
const any = javaType('java.lang.Object')!;
const dialects: readonly HessianDialect[] = ['final', 'draft'];

/** Undefined: refused. Anything but a CarryError is a finding. */
function attempt<T>(make: () => T): T | undefined {
  try { return make(); } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    return undefined;
  }
}
function write(dialect: HessianDialect, json: Json): Buffer | undefined {
  const out = new HessianWriter(dialect);
  return attempt(() => { writeJson(out, any, json, 'it'); return out.done(); });
}
const textOf = (dialect: HessianDialect, bytes: Buffer): string | undefined => attempt(() => {
  const reader = new HessianReader(bytes, dialect, limits.depthMax);
  const text = jsonOf(reader.value(), limits, 'it');
  if (!reader.ended) throw new CarryError('more');
  return text;
});

/** As JSON.parse has it. */
const plain = (json: Json): unknown => json instanceof JsonNumber ? Number(json.text)
  : Array.isArray(json) ? json.map(plain) : json instanceof Map
    ? Object.fromEntries([...json].map(([name, value]) => [name, plain(value as Json)])) : json;

function checkJson(input: Buffer): void {
  let why = '', json: Json | undefined;
  try { json = readJson(input, limits.depthMax); } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    why = error.message;
  }
  let reference: { value: unknown } | null = null;
  try { reference = { value: JSON.parse(input.toString('utf8')) as unknown }; } catch { /* none */ }
  if (json === undefined) {
    if (reference !== null && isUtf8(input) && !/twice|deeper/.test(why)) throw new Error(`refused: ${why}`);
    return;
  }
  if (reference === null || !isDeepStrictEqual(plain(json), reference.value)) throw new Error('JSON.parse has another');
  for (const dialect of dialects) {
    const bytes = write(dialect, json);
    if (bytes !== undefined) checkRound(dialect, bytes, true);
  }
}

/** JSON of these bytes, as Hessian once more, is the same JSON; and the same bytes, where we wrote them. */
function checkRound(dialect: HessianDialect, bytes: Buffer, ours: boolean): void {
  const text = textOf(dialect, bytes);
  if (text === undefined) {
    if (ours) throw new Error('what was written is not read');
    return;
  }
  JSON.parse(text);
  const json = attempt(() => readJson(Buffer.from(text), limits.depthMax));
  const again = json === undefined ? undefined : write(dialect, json);
  if (again === undefined) throw new Error(`what was made is refused: ${text}`);
  if (ours ? !again.equals(bytes) : textOf(dialect, again) !== text) throw new Error(`there and back: ${text}`);
}

const texts = ['{"a":[1,-2.50,3e2,"x\\u00e9\\ud83d\\ude00",true,false,null],"b":{"c":{}}}',
  '[9007199254740993,0.1,-0,1E-7]',
  '"größe \u{1f600}"', '[[[[[]]]],{"a":{"a":1}}]', '-9223372036854775808'].map((text) => Buffer.from(text));
const jsonWords = ['"', '\\', '\\u', '\\ud83d', '{', '}', '[', ']', ',', ':', 'null', 'true', '0', '-', '.5', 'e9', ' ',
  '\t',
  '"a":', '9'.repeat(20)];
const vectors = (dialect: HessianDialect): Buffer[] =>
  Object.values(hessianVectors).map((vector) => Buffer.from(vector[dialect], 'hex'));
const hessianWords = ['C', 'O', 'o', 'M', 'H', 'V', 'v', 'z', 'Z', 'Q\x90', 'J\0', 'N', 'T', 'n\x02', 'u\x90',
  't\0\x01a', '\x01a',
  'S\0\x02', 'W', 'X\x91', 'y', 'q', '`', '\x90', '\xe0', 'L', 'D', '\x5b', '\x67'];

export function rpcJsonTargets(): Target[] {
  const made = (seeds: Buffer[], dictionary: readonly string[]) => (random: Random): Buffer =>
    mutate(random, random.pick(seeds), random.pick(seeds), dictionary, BYTES_MAX);
  return [{ name: 'json', seeds: texts, dictionary: jsonWords, mutate: made(texts, jsonWords), check: checkJson },
    ...dialects.map((dialect): Target => {
      const seeds = vectors(dialect);
      return { name: `hessian-${dialect}`, seeds, dictionary: hessianWords, mutate: made(seeds, hessianWords),
        check: (input) => { checkRound(dialect, input, false); } };
    })];
}
