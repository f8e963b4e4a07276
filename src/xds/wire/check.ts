// What may be set in a message, and within which bounds: refuses fields that Weft does not implement, values that it
// only accepts at Envoy's default, and everything that Envoy's own validation rules (protoc-gen-validate) refuse.
import { enumType, messageType } from './descriptor.js';
import type { Field, MessageType, Rules } from './descriptor.js';
import { fieldPath } from './message.js';
import type { Any, Duration, Message, Report } from './message.js';

const headerName = { true: /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/, false: /^[^\0\n\r]+$/ };
const headerValue = { true: /^[^\0-\x08\x0a-\x1f\x7f]*$/, false: /^[^\0\n\r]*$/ };

/** Reports all that is not acceptable in a message, at any depth. */
export function checkMessage(typeName: string, message: object, path: string, report: Report): void {
  const type = messageType(typeName);
  const fields = message as Message;
  for (const field of type.fields) {
    const value = fields[field.json];
    if (value === undefined || value === null) {
      if (field.rules !== undefined && field.status !== 'refused') checkAbsent(field, path, report);
      continue;
    }
    if (field.status === 'refused') report.fail(fieldPath(path, field.name), 'not implemented');
    else if (field.status === 'only' && !isAccepted(field, value)) report.fail(fieldPath(path, field.name),
      onlyReason(field));
    else if (field.map !== undefined || field.repeated === true) checkItems(field, value, fieldPath(path, field.name),
      report);
    else if (isNested(field)) checkNested(field, value, fieldPath(path, field.name), report);
    else {
      const reason = wrongValue(field, value, field.rules);
      if (reason !== null) report.fail(fieldPath(path, field.name), reason);
    }
  }
  for (const oneof of type.required) checkRequired(type, oneof, fields, path, report);
}

function checkRequired(type: MessageType, oneof: MessageType['required'][number], fields: Message, path: string,
  report: Report): void {
  if (oneof.fields.some((field) => fields[field.json] !== undefined && fields[field.json] !== null)) return;
  const usable = oneof.fields.filter((field) => field.status !== 'refused').map((field) => field.name);
  const reason = `${oneof.name} is required: set ${usable.length > 1 ? 'one of ' : ''}${usable.join(', ')}`;
  report.fail(path === '' ? type.name : path, reason);
}

/** A field that is not there has its default value, which the rules may not admit. */
function checkAbsent(field: Field, path: string, report: Report): void {
  const rules = field.rules as Rules;
  let required = false;
  if (field.repeated === true) required = (rules.min_items ?? 0) > 0;
  else if (field.oneof !== undefined) return;
  else if (field.kind === 'string') required = (rules.min_len ?? rules.min_bytes ?? 0) > 0;
  else required = rules.required === true || (isNumeric(field) && (rules.gte ?? 0) > 0);
  if (required) {
    report.fail(fieldPath(path, field.name), field.repeated === true ? `at least ${rules.min_items} required`
      : 'required');
  }
}

const isNumeric = (field: Field): boolean => /^(u?s?int|s?fixed|float|double)/.test(field.kind);

const isNested = (field: Field): boolean => field.kind === 'message' || field.kind === 'any';

function checkItems(field: Field, value: unknown, at: string, report: Report): void {
  const { rules } = field;
  const count = Array.isArray(value) ? value.length : Object.keys(value as object).length;
  if (rules?.min_items !== undefined && count < rules.min_items) {
    report.fail(at, `at least ${rules.min_items} required`);
  }
  if (rules?.max_items !== undefined && count > rules.max_items) report.fail(at, `at most ${rules.max_items} allowed`);
  if (rules?.items === undefined && !isNested(field) && field.kind !== 'enum') return;
  const check = (item: unknown, where: string): void => {
    if (isNested(field)) {
      checkNested(field, item, where, report);
      return;
    }
    const reason = wrongValue(field, item, rules?.items);
    if (reason !== null) report.fail(where, reason);
  };
  if (Array.isArray(value)) value.forEach((item, index) => check(item, `${at}[${index}]`));
  else for (const [key, item] of Object.entries(value as Message)) check(item, `${at}[${JSON.stringify(key)}]`);
}

function checkNested(field: Field, value: unknown, at: string, report: Report): void {
  if (field.kind === 'message') {
    checkMessage(field.ref as string, value as object, at, report);
    return;
  }
  const any = value as Any;
  if (any.value !== undefined) {
    checkMessage(any.type, any.value, any.typedStruct === undefined ? at : fieldPath(at, 'value'), report);
  }
}

/** Why a single value is not acceptable, or null. */
function wrongValue(field: Field, value: unknown, rules: Rules | undefined): string | null {
  if (field.kind === 'enum') {
    const type = enumType(field.ref as string);
    return type.names.has(value as number) ? null
      : `unknown value ${value}, expected one of ${[...type.numbers.keys()].join(', ')}`;
  }
  if (rules === undefined) return null;
  switch (field.kind) {
    case 'duration': return wrongNumber(durationMs(value as Duration), rules, 's');
    case 'wrapper': {
      const inner = innerValue(field, value);
      return typeof inner === 'string' ? wrongText(inner, rules) : typeof inner === 'boolean' ? null
        : wrongNumber(Number(inner), rules, '');
    }
    case 'string': return wrongText(value as string, rules);
    case 'bytes': return wrongBytes(value as Uint8Array, rules);
    case 'bool': return rules.const !== undefined && value !== rules.const ? `must be ${rules.const}` : null;
    default: return isNumeric(field) ? wrongNumber(Number(value), rules, '') : null;
  }
}

/** What a wrapper holds; an empty one holds its kind's default. */
const innerValue = (field: Field, wrapper: unknown): unknown =>
  (wrapper as { value?: unknown }).value ?? (field.ref === 'bool' ? false : field.ref === 'string' ? '' : 0);

function wrongNumber(value: number, rules: Rules, unit: string): string | null {
  const scale = unit === 's' ? 1000 : 1;
  const name = (limit: number): string => `${limit / scale}${unit}`;
  if (rules.gt !== undefined && !(value > rules.gt)) return `must be greater than ${name(rules.gt)}`;
  if (rules.gte !== undefined && !(value >= rules.gte)) return `must be at least ${name(rules.gte)}`;
  if (rules.lt !== undefined && !(value < rules.lt)) return `must be less than ${name(rules.lt)}`;
  if (rules.lte !== undefined && !(value <= rules.lte)) return `must be at most ${name(rules.lte)}`;
  return null;
}

function wrongText(value: string, rules: Rules): string | null {
  if (rules.min_len !== undefined && value.length < rules.min_len) {
    return rules.min_len === 1 ? 'must not be empty' : `must have at least ${rules.min_len} characters`;
  }
  if (rules.max_len !== undefined && [...value].length > rules.max_len) {
    return `longer than ${rules.max_len} characters`;
  }
  if (rules.max_bytes !== undefined && Buffer.byteLength(value) > rules.max_bytes) {
    return `longer than ${rules.max_bytes} bytes`;
  }
  if (rules.in !== undefined && !rules.in.includes(value)) return `must be one of ${rules.in.join(', ')}`;
  const strict = rules.strict === false ? 'false' : 'true';
  if (rules.well_known_regex === 'HTTP_HEADER_NAME' && value !== '' && !headerName[strict].test(value)) {
    return 'not a valid header name';
  }
  if (rules.well_known_regex === 'HTTP_HEADER_VALUE' && !headerValue[strict].test(value)) {
    return 'not a valid header value';
  }
  if (rules.pattern !== undefined && !new RegExp(rules.pattern).test(value)) return `must match ${rules.pattern}`;
  return null;
}

function wrongBytes(value: Uint8Array, rules: Rules): string | null {
  if (rules.max_len !== undefined && value.length > rules.max_len) return `longer than ${rules.max_len} bytes`;
  if (rules.min_len !== undefined && value.length < rules.min_len) return `shorter than ${rules.min_len} bytes`;
  return null;
}

/** Milliseconds of a duration, fractions included. */
export const durationMs = (duration: Duration): number => Number(duration.seconds ?? 0) * 1000 +
  (duration.nanos ?? 0) / 1e6;

function isAccepted(field: Field, value: unknown): boolean {
  const only = field.only as unknown[];
  if (field.kind === 'opaque' || field.kind === 'struct') {
    return field.repeated !== true && typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  }
  if (field.kind !== 'wrapper') return only.includes(value);
  return only.includes(innerValue(field, value));
}

function onlyReason(field: Field): string {
  const only = field.only as unknown[];
  if (field.kind === 'opaque' || field.kind === 'struct') return 'not implemented, must be absent or empty';
  const names = only.map((value) => field.kind === 'enum' ? enumType(field.ref as string).names.get(value as number)
    : String(value));
  return `not implemented, must be absent or ${names.join(' or ')}`;
}
