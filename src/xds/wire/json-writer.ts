// Messages as proto3 JSON text, the way Envoy's config dump prints them: the protos' own field names, "@type" first in
// an Any, enums by name, 64-bit integers as strings, unset fields absent. Fields come in the descriptor's order,
// whatever order the input had, so that equal messages give equal text: the text is what a resource's hash is made of.
import { enumType, messageType } from './descriptor.js';
import type { Field, ScalarKind } from './descriptor.js';
import type { Any, Duration, Message } from './message.js';

/** JSON of a message of this type; with `typeUrl`, as an Any holding it. */
export function writeMessage(typeName: string, message: object, typeUrl?: string): string {
  const start = typeUrl === undefined ? '{' : `{"@type":${JSON.stringify(typeUrl)}`;
  return writeFields(typeName, message as Message, start);
}

function writeFields(typeName: string, message: Message, start: string): string {
  let text = start;
  for (const field of messageType(typeName).fields) {
    const value = message[field.json];
    if (value === undefined || value === null) continue;
    text += `${text.length > 1 ? ',' : ''}"${field.name}":${writeField(field, value)}`;
  }
  return `${text}}`;
}

function writeField(field: Field, value: unknown): string {
  if (field.map !== undefined) {
    const entries = Object.entries(value as Message).sort(([a], [b]) => a < b ? -1 : 1);
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${writeValue(field, item)}`).join(',')}}`;
  }
  if (field.repeated === true) return `[${(value as unknown[]).map((item) => writeValue(field, item)).join(',')}]`;
  return writeValue(field, value);
}

function writeValue(field: Field, value: unknown): string {
  switch (field.kind) {
    case 'message': return writeFields(field.ref as string, value as Message, '{');
    case 'any': return writeAny(value as Any);
    case 'enum': {
      const name = enumType(field.ref as string).names.get(value as number);
      return name === undefined ? String(value) : `"${name}"`;
    }
    case 'wrapper': return writeScalar(field.ref as ScalarKind, (value as { value?: unknown }).value);
    case 'duration': return `"${durationText(value as Duration)}"`;
    case 'timestamp': return JSON.stringify(timestampText(value as Duration));
    case 'struct': case 'value': case 'list': case 'opaque':
      return value instanceof Uint8Array ? writeScalar('bytes', value) : JSON.stringify(value);
    default: return writeScalar(field.kind, value);
  }
}

function writeScalar(kind: ScalarKind, value: unknown): string {
  switch (kind) {
    case 'string': return JSON.stringify(value ?? '');
    case 'bool': return value === true ? 'true' : 'false';
    case 'bytes': return `"${Buffer.from((value as Uint8Array | undefined) ?? []).toString('base64')}"`;
    case 'int64': case 'uint64': case 'sint64': case 'fixed64': case 'sfixed64': return `"${String(value ?? 0)}"`;
    default: {
      const number = (value as number | undefined) ?? 0;
      return Number.isFinite(number) ? String(number) : `"${number}"`;
    }
  }
}

function writeAny(any: Any): string {
  const inner = any.value === undefined
    ? JSON.stringify(any.bytes === undefined ? any.json ?? {}
      : { '@type': any.typeUrl, value: Buffer.from(any.bytes).toString('base64') })
    : writeMessage(any.type, any.value, any.typedStruct === undefined ? any.typeUrl : undefined);
  if (any.typedStruct === undefined) return inner;
  return `{"@type":${JSON.stringify(any.typedStruct)},"type_url":${JSON.stringify(any.typeUrl)},"value":${inner}}`;
}

/** "1.500s": no digits, or three, six or nine of them, as protobuf prints. */
function durationText(duration: Duration): string {
  const seconds = BigInt(duration.seconds ?? 0);
  const nanos = duration.nanos ?? 0;
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  return `${sign}${seconds < 0n ? -seconds : seconds}${fraction(Math.abs(nanos))}s`;
}

function timestampText(time: Duration): string {
  const whole = new Date(Number(time.seconds ?? 0) * 1000).toISOString().slice(0, 19);
  return `${whole}${fraction(time.nanos ?? 0)}Z`;
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(000){1,2}$/, '')}`;
}
