// Messages as protobuf bytes, by protobufjs over the same descriptor that the JSON reader walks. Loaded only by who
// needs bytes (ADS): a configuration from files never pays for it. Decoded messages are the same plain objects that
// JSON gives.
import protobuf from 'protobufjs';
import { defaultOf, hasPresence, knownInAny, messageNames, messageType } from './descriptor.js';
import type { Field } from './descriptor.js';
import { JsonReader } from './json-reader.js';
import type { Any, Json, Message, Report } from './message.js';
import { durationOf } from './scalars.js';

const wellKnown: { [kind: string]: string } = { any: 'Any', duration: 'Duration', timestamp: 'Timestamp',
  struct: 'Struct',
  value: 'Value', list: 'ListValue' };
const wrapperNames: { [kind: string]: string } = { double: 'DoubleValue', float: 'FloatValue', int64: 'Int64Value',
  uint64: 'UInt64Value', int32: 'Int32Value', uint32: 'UInt32Value', bool: 'BoolValue', string: 'StringValue',
    bytes: 'BytesValue' };

let root: protobuf.Root | null = null;

type NamespaceJson = { nested: { [name: string]: NamespaceJson | object } };

/**
 * protobufjs' root of all described messages; what Weft does not read is a field of bytes, only to know that it is set.
 */
function rootOf(): protobuf.Root {
  if (root !== null) return root;
  const top: NamespaceJson = { nested: {} };
  for (const name of messageNames()) {
    const path = mangled(name).split('.');
    let space = top;
    for (const part of path.slice(0, -1)) space = (space.nested[part] ??= { nested: {} }) as NamespaceJson;
    const { fields } = messageType(name);
    space.nested[path.at(-1) as string] = {
      fields: Object.fromEntries(fields.map((field) => [field.json, protobufField(field)])) as object,
      // a oneof of one keeps the presence of a field; `proto3_optional` would too, but breaks toObject for bytes
      oneofs: Object.fromEntries(fields.filter(keepsPresence)
        .map(({ json }) => [`_${json}`, { oneof: [json] }])) as object,
    };
  }
  const google: NamespaceJson = { nested: {} };
  for (const name of ['any', 'duration', 'timestamp', 'struct', 'wrappers']) {
    const common = protobuf.common.get(`google/protobuf/${name}.proto`) as { nested: { google: NamespaceJson } };
    Object.assign(google.nested, (common.nested.google.nested.protobuf as NamespaceJson).nested);
  }
  top.nested.google = { nested: { protobuf: google } };
  root = protobuf.Root.fromJSON(top as protobuf.INamespace);
  root.resolveAll();
  return root;
}

/**
 * Messages inside messages would collide with types in protobufjs' namespaces, so nesting becomes a namespace with '_'.
 */
const mangled = (name: string): string => name.replace(/([A-Z]\w*)\./g, '$1_.');

const keepsPresence = (field: Field): boolean =>
  field.repeated !== true && field.map === undefined && (hasPresence(field) || field.kind === 'opaque');

function protobufField(field: Field): object {
  const { id } = field;
  const type = protobufType(field);
  if (field.map !== undefined) return { keyType: field.map, type, id };
  if (field.repeated === true) return { rule: 'repeated', type, id };
  return { type, id };
}

function protobufType(field: Field): string {
  if (field.kind === 'opaque') return 'bytes';
  if (field.kind === 'message') return `.${mangled(field.ref as string)}`;
  if (field.kind === 'enum') return 'int32';
  if (field.kind === 'wrapper') return `.google.protobuf.${wrapperNames[field.ref as string]}`;
  const known = wellKnown[field.kind];
  return known === undefined ? field.kind : `.google.protobuf.${known}`;
}

/** Bytes of a message. */
export function encodeMessage(typeName: string, message: object): Uint8Array {
  const type = rootOf().lookupType(mangled(typeName));
  return type.encode(type.fromObject(toProtobuf(typeName, message as Message))).finish();
}

/**
 * The message in these bytes, or null with the reason in the report. Fields unknown to the descriptor are skipped, as
 * protobuf does.
 */
export function decodeMessage(typeName: string, bytes: Uint8Array, path: string, report: Report): Message | null {
  const type = rootOf().lookupType(mangled(typeName));
  try {
    const plain = type.toObject(type.decode(bytes), { longs: String, arrays: false, objects: false, defaults: false });
    return fromProtobuf(typeName, plain, path, report);
  } catch (error) {
    report.fail(path, `not valid protobuf: ${(error as Error).message}`);
    return null;
  }
}

type Convert = (field: Field, value: unknown) => unknown;

/** Applies `convert` to every single value of a message. */
function mapFields(typeName: string, message: Message, convert: Convert): Message {
  const result: Message = {};
  for (const field of messageType(typeName).fields) {
    const value = message[field.json];
    if (value === undefined || value === null) continue;
    if (field.map !== undefined) {
      result[field.json] = Object.fromEntries(Object.entries(value as Message)
        .map(([key, item]) => [key, convert(field, item)]));
    } else {
      result[field.json] = Array.isArray(value) && field.repeated === true
        ? value.map((item: unknown) => convert(field, item)) : convert(field, value);
    }
  }
  return result;
}

function toProtobuf(typeName: string, message: Message): Message {
  return mapFields(typeName, message, (field, value) => {
    switch (field.kind) {
      case 'message': return toProtobuf(field.ref as string, value as Message);
      case 'any': return anyToProtobuf(value as Any);
      case 'struct': return structOf(value as { [key: string]: Json });
      case 'value': return valueOf(value as Json);
      case 'list': return { values: (value as Json[]).map(valueOf) };
      case 'opaque': return new Uint8Array();
      default: return value;
    }
  });
}

function anyToProtobuf(any: Any): object {
  const value = any.value === undefined ? any.bytes ?? new Uint8Array() : encodeMessage(any.type, any.value);
  return { type_url: any.typeUrl, value };
}

const structOf = (value: { [key: string]: Json }): object =>
  ({ fields: Object.fromEntries(Object.entries(value).map(([key, item]) => [key, valueOf(item)])) });

function valueOf(value: Json): object {
  if (value === null) return { nullValue: 0 };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  return Array.isArray(value) ? { listValue: { values: value.map(valueOf) } } : { structValue: structOf(value) };
}

function fromProtobuf(typeName: string, message: Message, path: string, report: Report): Message {
  const result = mapFields(typeName, message, (field, value) => {
    switch (field.kind) {
      case 'message': return fromProtobuf(field.ref as string, value as Message, path, report);
      case 'any': return anyFromProtobuf(value as { type_url?: string; value?: Uint8Array }, path, report);
      case 'struct': return jsonOfStruct(value as StructObject);
      case 'value': return jsonOfValue(value as ValueObject);
      case 'list': return ((value as { values?: ValueObject[] }).values ?? []).map(jsonOfValue);
      case 'duration': case 'timestamp': {
        const { seconds, nanos } = value as { seconds?: string; nanos?: number };
        return durationOf(Number(seconds ?? 0), nanos ?? 0);
      }
      case 'wrapper': return wrapperOf(field, value as { value?: unknown });
      case 'opaque': return (value as Uint8Array).length === 0 ? {} : value;
      case 'bytes': return Uint8Array.from(value as Uint8Array);
      case 'string': case 'enum': return value;
      default: return exactNumber(value);
    }
  });
  for (const field of messageType(typeName).fields) {
    if (field.repeated === true || field.map !== undefined || hasPresence(field)) continue;
    if (result[field.json] === defaultOf(field.kind)) delete result[field.json];   // as JSON, defaults are absent
  }
  return result;
}

/** 64-bit integers arrive as text; those that a number holds become one. */
const exactNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value)
    : value;

function wrapperOf(field: Field, wrapper: { value?: unknown }): object {
  const value = field.ref === 'string' || field.ref === 'bytes' ? wrapper.value : exactNumber(wrapper.value);
  return value === undefined || value === defaultOf(field.ref as Field['kind']) ? {} : { value };
}

function anyFromProtobuf(any: { type_url?: string; value?: Uint8Array }, path: string, report: Report): Any {
  const typeUrl = any.type_url ?? '';
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const bytes = any.value ?? new Uint8Array();
  if (!knownInAny(type)) return { typeUrl, type, bytes };
  const value = decodeMessage(type, bytes, path, report) ?? {};
  if (!type.endsWith('.v3.TypedStruct') && type !== 'udpa.type.v1.TypedStruct') return { typeUrl, type, value };
  const tree = { '@type': typeUrl, type_url: value.typeUrl ?? '', value: value.value
    ?? {} } as unknown as { [key: string]: Json };
  return new JsonReader(report, false).readAny(tree, path) ?? { typeUrl, type, bytes };
}

interface StructObject { fields?: { [key: string]: ValueObject } }
interface ValueObject {
  nullValue?: number; boolValue?: boolean; numberValue?: number; stringValue?: string;
  structValue?: StructObject; listValue?: { values?: ValueObject[] };
}

const jsonOfStruct = (struct: StructObject): { [key: string]: Json } =>
  Object.fromEntries(Object.entries(struct.fields ?? {}).map(([key, value]) => [key, jsonOfValue(value)]));

function jsonOfValue(value: ValueObject): Json {
  if (value.structValue !== undefined) return jsonOfStruct(value.structValue);
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(jsonOfValue);
  return value.boolValue ?? value.numberValue ?? value.stringValue ?? null;
}
