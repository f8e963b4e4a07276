// The compact descriptor that scripts/generate-wire.mjs wrote, with its lookup tables built when a message is first
// met. Both the JSON reader and the protobuf codec walk it, so that a message means the same whichever way it came.
import { readFileSync } from 'node:fs';

export type ScalarKind =
  'string' | 'bytes' | 'bool' | 'float' | 'double' | 'int32' | 'uint32' | 'sint32' | 'fixed32' | 'sfixed32'
  | 'int64' | 'uint64' | 'sint64' | 'fixed64' | 'sfixed64';
export type FieldKind =
  ScalarKind | 'enum' | 'message' | 'wrapper' | 'any' | 'duration' | 'timestamp' | 'struct' | 'value' | 'list'
  | 'opaque';

/** protoc-gen-validate's rules, flattened; durations in milliseconds. */
export interface Rules {
  required?: boolean; defined_only?: boolean; const?: unknown; in?: unknown[];
  gt?: number; gte?: number; lt?: number; lte?: number;
  min_len?: number; max_len?: number; min_bytes?: number; max_bytes?: number; pattern?: string;
  well_known_regex?: 'HTTP_HEADER_NAME' | 'HTTP_HEADER_VALUE'; strict?: boolean;
  min_items?: number; max_items?: number; items?: Rules;
}

export interface Field {
  name: string;
  json: string;
  id: number;
  kind: FieldKind;
  ref?: string;             // message or enum name; scalar kind inside a wrapper
  repeated?: boolean;
  map?: ScalarKind;         // kind of the keys
  oneof?: string;
  optional?: boolean;       // proto3 optional: presence is kept
  status?: 'inert' | 'refused' | 'only';   // absent: read
  only?: unknown[];
  rules?: Rules;
}

interface RawMessage { fields: Field[]; required?: string[] }
interface RawDescriptor {
  messages: { [name: string]: RawMessage };
  enums: { [name: string]: { [value: string]: number } };
  any: string[];
}

export interface MessageType {
  name: string;
  fields: Field[];
  /** By proto name and by JSON name. */
  byName: Map<string, Field>;
  /** Oneofs that must be set, with their members. */
  required: { name: string; fields: Field[] }[];
}
export interface EnumType { name: string; numbers: Map<string, number>; names: Map<number, string> }

let raw: RawDescriptor | null = null;
const messageTypes = new Map<string, MessageType>();
const enumTypes = new Map<string, EnumType>();
let anyTypes: Set<string> | null = null;

function descriptor(): RawDescriptor {
  raw ??= JSON.parse(readFileSync(new URL('../../../generated/wire.json', import.meta.url), 'utf8')) as RawDescriptor;
  return raw;
}

/** Names of all described messages, for the protobuf codec and the documentation test. */
export const messageNames = (): string[] => Object.keys(descriptor().messages);

export function messageType(name: string): MessageType {
  let type = messageTypes.get(name);
  if (type === undefined) {
    const { fields, required } = descriptor().messages[name];
    const byName = new Map<string, Field>();
    for (const field of fields) {
      byName.set(field.name, field);
      byName.set(field.json, field);
    }
    type = { name, fields, byName, required: (required ?? []).map((oneof) =>
      ({ name: oneof, fields: fields.filter((field) => field.oneof === oneof) })) };
    messageTypes.set(name, type);
  }
  return type;
}

export function enumType(name: string): EnumType {
  let type = enumTypes.get(name);
  if (type === undefined) {
    const numbers = new Map(Object.entries(descriptor().enums[name]));
    type = { name, numbers, names: new Map([...numbers].map(([text, number]) => [number, text])) };
    enumTypes.set(name, type);
  }
  return type;
}

/** Whether Weft reads messages of this type inside an Any. */
export function knownInAny(name: string): boolean {
  anyTypes ??= new Set(descriptor().any);
  return anyTypes.has(name);
}

/** Value that an unset field without presence has. */
export function defaultOf(kind: FieldKind): unknown {
  switch (kind) {
    case 'string': return '';
    case 'bool': return false;
    case 'bytes': case 'message': case 'wrapper': case 'any': case 'opaque': case 'struct': return undefined;
    case 'duration': case 'timestamp': return undefined;
    default: return 0;
  }
}

/** Whether a scalar field keeps a default value that was set. */
export const hasPresence = (field: Field): boolean => field.oneof !== undefined || field.optional === true;
