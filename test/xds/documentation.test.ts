// docs/configuration.md names exactly the fields that the code accepts, with the same status.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { enumType, messageNames, messageType } from '../../src/xds/wire/descriptor.js';
import type { Field } from '../../src/xds/wire/descriptor.js';

/** Message -> field -> status, as the tables say. */
function documented(): Map<string, Map<string, string>> {
  const result = new Map<string, Map<string, string>>();
  let fields = new Map<string, string>();
  for (const line of readFileSync('docs/configuration.md', 'utf8').split('\n')) {
    const heading = /^### (\S+)$/.exec(line);
    const row = /^\| (\w+) \| ([^|]+) \|/.exec(line);
    if (heading !== null) result.set(heading[1], fields = new Map<string, string>());
    else if (row !== null && row[1] !== 'field') fields.set(row[1], row[2].trim());
  }
  return result;
}

function statusOf(field: Field): string {
  if (field.status !== 'only') return field.status ?? 'read';
  const names = (field.only as unknown[]).map((value) => field.kind === 'enum'
    ? enumType(field.ref as string).names.get(value as number) : value);
  return `only ${names.map((name) => typeof name === 'object' ? 'empty' : `\`${String(name)}\``).join(', ')}`;
}

t.test('the tables are complete and true', async (t) => {
  const tables = documented();
  t.same([...tables.keys()].sort(), messageNames().sort());
  for (const name of messageNames()) {
    const accepted = messageType(name).fields.filter(({ status }) => status !== 'refused');
    const expected = Object.fromEntries(accepted.map((field) => [field.name, statusOf(field)]));
    t.same(Object.fromEntries(tables.get(name) ?? []), expected, name);
  }
});
