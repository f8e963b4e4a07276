// Text of a configuration file into a tree: JSON by JSON.parse, everything else as YAML. Says where in the text a path
// lies, which costs a second parse and is therefore only done when there is an error to report.
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Json, Report } from '../wire/message.js';

export interface ParsedText {
  tree: Json;
  yaml: boolean;
  /** Line of the deepest part of a path that the text has, or null where that is not known. */
  lineOf(path: string): number | null;
}

let yamlLibrary: typeof Yaml | null = null;
/** Loaded on first use: a JSON configuration starts without it. */
function yaml(): typeof Yaml {
  yamlLibrary ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  return yamlLibrary;
}

/** The tree, or null with the reason in the report. */
export function parseText(text: string, isJson: boolean, report: Report): ParsedText | null {
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  return isJson ? parseJson(body, report) : parseYaml(body, report);
}

/** By the file's name as Envoy, and by its first character where the name says nothing. */
export function looksLikeJson(file: string, text: string): boolean {
  if (/\.json$/i.test(file)) return true;
  return !/\.ya?ml$/i.test(file) && /^\ufeff?\s*\{/.test(text);
}

function parseJson(text: string, report: Report): ParsedText | null {
  let tree: Json;
  try {
    tree = JSON.parse(text) as Json;
  } catch (error) {
    const message = (error as Error).message.replace(/ \(line \d+ column \d+\)$/, '').replace(/, "[^]*$/, '');
    const position = /position (\d+)/.exec(message);
    const line = position === null ? '' : ` (line ${text.slice(0, Number(position[1])).split('\n').length})`;
    report.fail('', `not valid JSON: ${message}${line}`);
    return null;
  }
  reportDuplicateKeys(text, report);
  const lineOf = (path: string): number | null => text.length > limits.compileInlineBytesMax ? null
    : yamlLines(text)(path);
  return { tree, yaml: false, lineOf };
}

/**
 * Integers that begin with a zero are octal, as they are for Envoy's YAML reader; `mode: 0600` is the one place it
 * matters.
 */
const leadingZeroOctal = {
  tag: 'tag:yaml.org,2002:int', default: true as const, test: /^0[0-7]+$/,
    resolve: (text: string): number => parseInt(text, 8),
};

function parseDocument(text: string, lines: Yaml.LineCounter): Yaml.Document.Parsed {
  return yaml().parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true,
    customTags: (tags) => [leadingZeroOctal as Yaml.ScalarTag, ...tags] });
}

function parseYaml(text: string, report: Report): ParsedText | null {
  const lines = new (yaml().LineCounter)();
  const document = parseDocument(text, lines);
  for (const error of document.errors) {
    report.fail('', `not valid YAML: ${error.message} (line ${lines.linePos(error.pos[0]).line})`);
  }
  if (document.errors.length > 0) return null;
  try {
    const tree = document.toJS({ maxAliasCount: limits.configYamlAliasesMax }) as Json;
    return { tree: tree ?? {}, yaml: true, lineOf: (path) => lineIn(document, lines, path) };
  } catch (error) {
    report.fail('', `not valid YAML: ${(error as Error).message}`);
    return null;
  }
}

/** Lines of a JSON text, which YAML's parser reads as well. */
function yamlLines(text: string): (path: string) => number | null {
  const lines = new (yaml().LineCounter)();
  const document = parseDocument(text, lines);
  return (path) => lineIn(document, lines, path);
}

const camelCase = (name: string): string => name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());

function lineIn(document: Yaml.Document, lines: Yaml.LineCounter, path: string): number | null {
  let node: unknown = document.contents;
  let offset: number | null = null;
  for (const match of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)) {
    const step = match[1] !== undefined ? Number(match[1]) : match[2] !== undefined ? JSON.parse(match[2]) as string
      : match[3];
    const { isMap, isSeq, isAlias, isScalar } = yaml();
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key)
        && (key.value === step || key.value === camelCase(String(step))));
      if (pair === undefined) break;
      offset = (pair.key as Yaml.Scalar).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step];
      offset = (node as Yaml.Node | null)?.range?.[0] ?? offset;
    } else {
      break;
    }
  }
  return offset === null ? null : lines.linePos(offset).line;
}

const LINEAR_KEYS_MAX = 16;   // objects are small: a scan of a few strings is cheaper than a set

/** JSON.parse keeps the last of two equal keys in silence. The text is known to be valid. */
function reportDuplicateKeys(text: string, report: Report): void {
  const keys: (string[] | null)[] = [];       // by depth; null for a list
  const sets: (Set<string> | null)[] = [];
  const places: (string | number)[] = [];     // the key or index at each depth
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: keys.push([]); sets.push(null); places.push(''); expectKey = true; break;       // {
      case 0x5b: keys.push(null); sets.push(null); places.push(0); expectKey = false; break;     // [
      case 0x7d: case 0x5d: keys.pop(); sets.pop(); places.pop(); expectKey = false; break;      // } ]
      case 0x2c: {                                                                               // ,
        const depth = keys.length - 1;
        expectKey = keys[depth] !== null;
        if (!expectKey) places[depth] = (places[depth] as number) + 1;
        break;
      }
      case 0x22: {                                                                               // "
        const start = i + 1;
        i = endOfString(text, start);
        if (!expectKey) break;
        expectKey = false;
        const depth = keys.length - 1;
        const raw = text.slice(start, i);
        const key = raw.includes('\\') ? JSON.parse(`"${raw}"`) as string : raw;
        places[depth] = key;
        if (isDuplicate(keys[depth] as string[], sets, depth, key)) {
          const path = places.reduce<string>((at, step) => typeof step === 'number' ? `${at}[${step}]`
            : fieldPath(at, step), '');
          report.fail(path, 'the key stands twice in the same object');
        }
        break;
      }
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (isEscaped(text, start, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, start: number, end: number): boolean {
  let backslashes = 0;
  while (end - 1 - backslashes >= start && text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

function isDuplicate(keys: string[], sets: (Set<string> | null)[], depth: number, key: string): boolean {
  const set = sets[depth];
  if (set !== null) return set.size === set.add(key).size;
  if (keys.includes(key)) return true;
  keys.push(key);
  if (keys.length > LINEAR_KEYS_MAX) sets[depth] = new Set(keys);
  return false;
}
