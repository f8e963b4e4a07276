// Compiles the .proto files that @grpc/grpc-js-xds ships, pruned to the fields of src/xds/wire/fields.txt, into
//   dist/generated/wire.json           the descriptor that the JSON reader, the checks and the protobuf codec walk
//   src/xds/wire/generated/messages.ts one interface per message, for the code that turns messages into plain values
// A field that Weft does not implement keeps its name, number and shape only, so that setting it can be refused by
// name. Usage: node scripts/generate-wire.mjs [--if-needed]
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { readFields } from './fields.mjs';
import { loadProtos, ownProtoFiles } from './protos.mjs';

const home = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const fieldsFile = path.join(home, 'src/xds/wire/fields.txt');
const jsonFile = path.join(home, 'dist/generated/wire.json');
const typesFile = path.join(home, 'src/xds/wire/generated/messages.ts');

const scalars = new Set(['string', 'bytes', 'bool', 'float', 'double', 'int32', 'uint32', 'sint32', 'fixed32',
  'sfixed32',
  'int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const wrappers = { DoubleValue: 'double', FloatValue: 'float', Int64Value: 'int64', UInt64Value: 'uint64',
  Int32Value: 'int32',
  UInt32Value: 'uint32', BoolValue: 'bool', StringValue: 'string', BytesValue: 'bytes' };
const wellKnown = { Any: 'any', Duration: 'duration', Timestamp: 'timestamp', Struct: 'struct', Value: 'value',
  ListValue: 'list', Empty: 'opaque', FieldMask: 'opaque' };

const fullName = (type) => type.fullName.slice(1);
const jsonName = (name) => name.replace(/_(.)/g, (_match, letter) => letter.toUpperCase());

/** protoc-gen-validate's rules as flat data: {min_len, gte, ..., required, defined_only, items: {...}}. */
function rulesOf(options) {
  const rules = {};
  for (const option of options ?? []) {
    for (const [kind, value] of Object.entries(option['(validate.rules)'] ?? {})) {
      for (const [rule, limit] of Object.entries(value)) {
        if (rule === 'items') rules.items = rulesOf([{ '(validate.rules)': limit }]);
        else if (rule === 'keys' || rule === 'values' || rule === 'ignore_empty') continue;
        else if (kind === 'duration' && typeof limit === 'object') {
          rules[rule] = Number(limit.seconds ?? 0) * 1000 + Number(limit.nanos ?? 0) / 1e6;     // milliseconds
        } else rules[rule] = limit;
      }
    }
  }
  return Object.keys(rules).length > 0 ? rules : undefined;
}

/** Type of a field as [kind, reference]. Messages nobody reads are 'opaque'. */
function kindOf(typeName, resolved, opaque) {
  if (scalars.has(typeName)) return [typeName];
  if (resolved instanceof protobuf.Enum) return ['enum', fullName(resolved)];
  const name = resolved === null ? typeName : fullName(resolved);
  if (name.startsWith('google.protobuf.')) {
    const short = name.slice(16);
    if (wrappers[short] !== undefined) return ['wrapper', wrappers[short]];
    if (wellKnown[short] !== undefined) return [short === 'Any' && opaque ? 'opaque' : wellKnown[short]];
  }
  return opaque ? ['opaque'] : ['message', name];
}

function onlyValues(values, kind, reference, root) {
  if (kind !== 'enum') return values;
  return values.map((name) => {
    const value = root.lookupEnum(reference).values[name];
    if (value === undefined) throw new Error(`${reference} has no ${name}`);
    return value;
  });
}

function fieldEntry(field, listed, root) {
  const status = listed?.status ?? 'refused';
  const opaque = status === 'refused' || (listed.only !== null && JSON.stringify(listed.only) === '[{}]');
  const [kind, reference] = kindOf(field.type, field.resolvedType ?? null, opaque);
  const entry = { name: field.name, json: jsonName(field.name), id: field.id, kind };
  if (reference !== undefined) entry.ref = reference;
  if (field.map) entry.map = field.keyType;
  else if (field.repeated) entry.repeated = true;
  if (field.partOf && !field.proto3Optional && !field.partOf.isProto3Optional) entry.oneof = field.partOf.name;
  if (field.options?.proto3_optional) entry.optional = true;
  if (status !== 'read') entry.status = status;
  if (listed?.only) entry.only = onlyValues(listed.only, kind, reference, root);
  const rules = status === 'refused' ? undefined : rulesOf(field.parsedOptions);
  if (rules !== undefined) entry.rules = rules;
  return entry;
}

function addedEntry(name, listed) {
  const [kind, reference] = kindOf(listed.add.type, null, false);
  const rules = {};
  for (let i = 0; i < listed.add.rules.length; i += 2) rules[listed.add.rules[i]] = Number(listed.add.rules[i + 1]);
  const entry = { name, json: jsonName(name), id: listed.add.id, kind, ref: reference, rules };
  if (listed.add.repeated) entry.repeated = true;
  return entry;
}

function describe(root, { messages, any }) {
  const result = { messages: {}, enums: {}, any };
  for (const [name, fields] of messages) {
    const type = root.lookupType(name);
    const known = new Set(type.fieldsArray.map((field) => field.name));
    const entries = type.fieldsArray.map((field) => fieldEntry(field, fields.get(field.name), root));
    for (const [field, listed] of fields) {
      if (known.has(field)) continue;
      if (listed.add === null) throw new Error(`fields.txt: ${name} has no field ${field}`);
      entries.push(addedEntry(field, listed));
    }
    for (const entry of entries) {
      if (entry.kind === 'enum') result.enums[entry.ref] ??= root.lookupEnum(entry.ref).values;
      if (entry.kind === 'message' && !messages.has(entry.ref)) {
        const status = entry.status ?? 'read';
        throw new Error(`fields.txt: ${name}.${entry.name} is ${status} but ${entry.ref} is not listed`);
      }
    }
    const required = type.oneofsArray.filter((oneof) => oneof.options?.['(validate.required)'] === true)
      .map((oneof) => oneof.name);
    result.messages[name] = required.length > 0 ? { fields: entries, required } : { fields: entries };
  }
  return result;
}

/**
 * TypeScript names: the nested path, with the package's last words before it where two would be alike. A network filter
 * leaves the bare name to the HTTP filter of its kind.
 */
function typeNames(names) {
  const short = (name) => name.split('.').filter((part) => /^[A-Z]/.test(part)).join('');
  const result = new Map();
  for (const name of names) {
    const isNetwork = (one) => one.includes('.filters.network.');
    const twin = names.some((other) => other !== name && short(other) === short(name)
      && (isNetwork(name) || !isNetwork(other)));
    const words = name.split('.').filter((part) => /^[a-z]/.test(part) && !/^v\d/.test(part));
    const word = isNetwork(name) ? 'network' : words[0] === 'envoy' ? words.at(-1) : words[0];
    result.set(name, (twin ? word[0].toUpperCase() + word.slice(1) : '') + short(name));
  }
  if (new Set(result.values()).size !== result.size) throw new Error('two messages have the same TypeScript name');
  return result;
}

function typeOf(entry, names) {
  const number = 'number';
  const scalar = (kind) => kind === 'string' ? 'string' : kind === 'bool' ? 'boolean' : kind === 'bytes' ? 'Uint8Array'
    : kind.endsWith('64') ? 'number | string' : number;
  switch (entry.kind) {
    case 'message': return names.get(entry.ref);
    case 'enum': return number;
    case 'wrapper': return `Wrapper<${scalar(entry.ref)}>`;
    case 'any': return 'Any';
    case 'duration': case 'timestamp': return 'Duration';
    case 'struct': return '{ [key: string]: Json }';
    case 'value': return 'Json';
    case 'list': return 'Json[]';
    case 'opaque': return 'object';
    default: return scalar(entry.kind);
  }
}

function typescript(descriptor) {
  const names = typeNames(Object.keys(descriptor.messages));
  const lines = ['// Generated by scripts/generate-wire.mjs: the messages Weft reads. Only set fields are present.',
    "import type { Any, Duration, Json, Wrapper } from '../message.js';", ''];
  for (const [name, message] of Object.entries(descriptor.messages)) {
    lines.push(`/** ${name} */`, `export interface ${names.get(name)} {`);
    for (const entry of message.fields) {
      if (entry.status !== undefined) continue;
      const type = typeOf(entry, names);
      const whole = entry.map ? `{ [key: string]: ${type} }` : entry.repeated ? `(${type})[]` : type;
      lines.push(`  ${entry.json}?: ${whole};`);
    }
    lines.push('}', '');
  }
  return lines.join('\n');
}

function write(file, text) {
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

const newest = Math.max(...[fieldsFile, fileURLToPath(import.meta.url),
  require.resolve('@grpc/grpc-js-xds/package.json'), ...ownProtoFiles]
  .map((file) => fs.statSync(file).mtimeMs));
const stamp = path.join(home, 'dist/generated/wire.stamp');
const current = [jsonFile, typesFile, stamp].every((file) => fs.existsSync(file))
  && fs.statSync(stamp).mtimeMs > newest;
if (!process.argv.includes('--if-needed') || !current) {
  const fields = readFields(fs.readFileSync(fieldsFile, 'utf8'));
  const descriptor = describe(await loadProtos([...fields.messages.keys()]), fields);
  write(jsonFile, JSON.stringify(descriptor));
  write(typesFile, typescript(descriptor));
  fs.writeFileSync(stamp, '');
}
