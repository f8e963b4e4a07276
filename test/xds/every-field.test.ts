// Every field of every message of a resource, set one at a time: refused by its path, inert for a reason that the list
// gives, or read, and then it makes a difference. Nothing is silent. The fields come from Envoy's own protos.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { messageNames, messageType } from '../../src/xds/wire/descriptor.js';
import { repositoryRoot as home } from '../support/root.js';
import { rootType } from './every-field/judge.js';
import type { Root } from './every-field/judge.js';
import { unreached } from './every-field/table.js';
import { Walk, type Verdict } from './every-field/walk.js';

const load = async (file: string): Promise<any> => import(pathToFileURL(join(home, 'scripts', file)).href);
const { loadProtos } = await load('protos.mjs');
const { readFields } = await load('fields.mjs');
const listed = readFields(readFileSync(join(home, 'src/xds/wire/fields.txt'), 'utf8')) as {
  messages: Map<string, Map<string, { status: string; note: string; add: object | null }>>; any: string[];
};

t.test('the descriptor has every field that the protos have', async (t) => {
  const protos = await loadProtos(messageNames());
  const missing: string[] = [];
  for (const name of messageNames()) {
    const known = new Set(messageType(name).fields.map((field) => field.name));
    for (const field of protos.lookupType(name).fieldsArray as { name: string }[])
      if (!known.has(field.name)) missing.push(`${name}.${field.name}`);
  }
  t.same(missing, []);
});

t.test('every field works, is inert for a reason, or is refused by its path', async (t) => {
  const notes = new Map<string, string>();
  for (const [message, fields] of listed.messages)
    for (const [field, { note }] of fields) notes.set(`${message}.${field}`, note);
  const walk = new Walk({ anyTypes: listed.any, notes });
  for (const root of ['listener', 'route', 'cluster', 'assignment', 'secret', 'bootstrap'] as Root[])
    walk.run(root, rootType(root));
  const { faults, verdicts, anyTypes, reached, judged } = walk.findings;
  t.same(faults, [], 'nothing is silent');
  const refusedAny = [...anyTypes].filter(([, found]) => found !== 'accepted')
    .map(([type, found]) => `${type}: ${(found as string[]).join(' | ')}`);
  t.same(refusedAny, [], 'each type in an Any is accepted somewhere, with its smallest sample');
  const used = new Set([...listed.any, ...messageNames().flatMap((name) => messageType(name).fields
    .filter(({ kind, status }) => kind === 'message' && status === undefined).map(({ ref }) => ref!))]);
  t.same([...used].filter((name) => !reached.has(name) && !unreached.test(name)), [],
    'each message stands somewhere in a resource: name the place in every-field/table.ts');
  const dead = [...listed.messages].flatMap(([message, fields]) => [...fields].filter(([field, { status }]) => {
    const found = verdicts.get(`${message}.${field}`);
    return status === 'read' && found !== undefined && !found.has('works') && !found.has('holds');
  }).map(([field]) => `${message}.${field}`));
  t.same(dead, [], 'each field that is listed as read works somewhere');
  const count = (verdict: Verdict): number => [...verdicts.values()].filter((found) => found.has(verdict)).length;
  t.comment(`${verdicts.size} fields of ${reached.size} messages, ${judged} resources compiled: `
    + `${count('works')} work, ${count('holds')} hold others, ${count('inert')} are inert, `
    + `${count('refused')} refused`);
});

/** A source file's declarations of interfaces and types, and what remains of it. */
function splitDeclarations(text: string): { declared: string; rest: string } {
  const plain = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
  let declared = '', rest = '', at = 0;
  for (const { index } of plain.matchAll(/^(?:export )?(?:interface|type) \w+/gm)) {
    if (index < at) continue;
    rest += plain.slice(at, index);
    const isInterface = /^(?:export )?interface/.test(plain.slice(index, index + 20));
    let depth = 0, end = index;
    for (; end < plain.length; end++) {
      const letter = plain[end];
      if (letter === '{' || letter === '(') depth++;
      if (letter === '}' || letter === ')') depth--;
      if (depth === 0 && (letter === ';' || (letter === '}' && isInterface))) break;
    }
    declared += plain.slice(index, end + 1);
    at = end + 1;
  }
  return { declared, rest: rest + plain.slice(at) };
}

t.test('every property of the plain configuration is looked at by the code that runs it', async (t) => {
  const source = (folder: string): string[] => readdirSync(join(home, folder), { withFileTypes: true })
    .flatMap((entry) => entry.isDirectory() ? source(join(folder, entry.name)) : [join(folder, entry.name)])
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/xds'));
  const properties = new Set<string>(), words = new Set<string>();
  // Until it is served nobody looks at it.
  const early = /TLS_SERVED = false/.test(readFileSync(join(home, 'src/server.ts'), 'utf8'));
  for (const file of source('src').filter((name) => !early || name !== 'src/config/tls.ts')) {
    const text = readFileSync(join(home, file), 'utf8');
    const { declared, rest } = /^src\/config\/[^/]+$/.test(file) ? splitDeclarations(text)
      : { declared: '', rest: text };
    for (const [, name] of declared.matchAll(/[{;,\s](\w+)\??:\s/g)) properties.add(name!);
    for (const word of rest.match(/\w+/g) ?? []) words.add(word);
  }
  t.ok(properties.size > 300, `${properties.size} were found`);
  t.same([...properties].filter((name) => !words.has(name) && !(early && /^transportSocket/.test(name))), []);
});
