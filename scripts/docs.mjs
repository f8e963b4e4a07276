// Writes the tables of docs/configuration.md, everything below its heading "Messages": every field of every message
// that Weft knows, from the descriptor, with the notes of fields.txt. Usage, after a build: node scripts/docs.mjs
// [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFields } from './fields.mjs';

const home = join(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(home, 'docs/configuration.md');
const HEADING = '## Messages\n';

function statusOf(field, enums) {
  if (field.status !== 'only') return field.status ?? 'read';
  const nameOf = (value) => Object.entries(enums[field.ref]).find(([, number]) => number === value)[0];
  const values = field.only.map((value) => field.kind === 'enum' ? nameOf(value) : value);
  return `only ${values.map((value) => typeof value === 'object' ? 'empty' : `\`${String(value)}\``).join(', ')}`;
}

function tableOf(name, message, listed, enums) {
  const lines = [`### ${name}`, ''];
  const accepted = message.fields.filter(({ status }) => status !== 'refused');
  const refused = message.fields.filter(({ status }) => status === 'refused').map((field) => `\`${field.name}\``);
  if (accepted.length > 0) {
    lines.push('| field | status | default, notes |', '|---|---|---|');
    for (const field of accepted)
      lines.push(`| ${field.name} | ${statusOf(field, enums)} | ${listed.get(field.name).note} |`);
    lines.push('');
  }
  if (accepted.length === 0) lines.push('Has no field that is accepted.', '');
  if (refused.length > 0) lines.push(`Refused: ${refused.join(', ')}.`, '');
  return lines;
}

const { messages } = readFields(readFileSync(join(home, 'src/xds/wire/fields.txt'), 'utf8'));
const descriptor = JSON.parse(readFileSync(join(home, 'dist/generated/wire.json'), 'utf8'));
const text = readFileSync(page, 'utf8');
const head = text.slice(0, text.indexOf(HEADING) + HEADING.length);
const tables = Object.entries(descriptor.messages)
  .flatMap(([name, message]) => tableOf(name, message, messages.get(name), descriptor.enums));
const written = `${head}\n${tables.join('\n').trimEnd()}\n`;
if (written !== text && process.argv.includes('--check')) {
  console.error('docs/configuration.md is not what fields.txt says: run `npm run docs`');
  process.exit(1);
}
if (written !== text) writeFileSync(page, written);
