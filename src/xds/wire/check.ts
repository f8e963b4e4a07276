// What may be set in a message, and within which bounds: refuses fields that Weft does not implement, values that it only
// accepts at Envoy's default, and everything that Envoy's own validation rules (protoc-gen-validate) refuse.
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
    const at = fieldPath(path, field.name);
    if (field.status === 'refused') report.fail(at, 'not implemented');
    else if (field.status === 'only' && !isAccepted(field, value)) report.fail(at, onlyReason(field));
    else checkField(field, value, at, report);
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
  const at = fieldPath(path, field.name);
  if (rules.required === true && field.oneof === undefined) report.fail(at, 'required');
  else if (field.repeated === true && (rules.min_items ?? 0) > 0) report.fail(at, `at least ${rules.min_items} required`);
  else if (field.oneof === undefined && field.repeated !== true && field.kind === 'string') {
    if ((rules.min_len ?? rules.min_bytes ?? 0) > 0) report.fail(at, 'required');
  } else if (field.oneof === undefined && field.repeated !== true && typeof rules.gte === 'number' && isNumeric(field)
    && rules.gte > 0) {
    report.fail(at, 'required');
  }
}

const isNumeric = (field: Field): boolean => /^(u?s?int|s?fixed|float|double)/.test(field.kind);

function checkField(field: Field, value: unknown, at: string, report: Report): void {
  const rules = field.rules;
  if (field.map !== undefined) {
    for (const [key, item] of Object.entries(value as Message)) checkValue(field, item, `${at}[${JSON.stringify(key)}]`, undefined, report);
  } else if (field.repeated === true) {
    const items = value as unknown[];
    if (rules?.min_items !== undefined && items.length < rules.min_items) report.fail(at, `at least ${rules.min_items} required`);
    if (rules?.max_items !== undefined && items.length > rules.max_items) report.fail(at, `at most ${rules.max_items} allowed`);
    if (rules?.items === undefined && !isNested(field)) return;
    for (let i = 0; i < items.length; i++) checkValue(field, items[i], `${at}[${i}]`, rules?.items, report);
  } else {
    checkValue(field, value, at, rules, report);
  }
}

const isNested = (field: Field): boolean => field.kind === 'message' || field.kind === 'any' || field.kind === 'enum';

function checkValue(field: Field, value: unknown, at: string, rules: Rules | undefined, report: Report): void {
  switch (field.kind) {
    case 'message': checkMessage(field.ref as string, value as object, at, report); return;
    case 'any': {
      const any = value as Any;
      if (any.value !== undefined) checkMessage(any.type, any.value, any.typedStruct === undefined ? at : fieldPath(at, 'value'), report);
      return;
    }
    case 'enum': {
      const type = enumType(field.ref as string);
      if (!type.names.has(value as number)) report.fail(at, `unknown value ${value}, expected one of ${[...type.numbers.keys()].join(', ')}`);
      return;
    }
    case 'duration': if (rules !== undefined) checkNumber(durationMs(value as Duration), rules, 's', at, report); return;
    case 'wrapper': {
      if (rules === undefined) return;
      const inner = (value as { value?: unknown }).value ?? (field.ref === 'bool' ? false : field.ref === 'string' ? '' : 0);
      if (typeof inner === 'string' && field.ref === 'string') checkText(inner, rules, at, report);
      else if (typeof inner !== 'boolean') checkNumber(Number(inner), rules, '', at, report);
      return;
    }
    case 'string': if (rules !== undefined) checkText(value as string, rules, at, report); return;
    case 'bytes': if (rules !== undefined) checkBytes(value as Uint8Array, rules, at, report); return;
    case 'bool':
      if (rules?.const !== undefined && value !== rules.const) report.fail(at, `must be ${rules.const}`);
      return;
    default: if (rules !== undefined && isNumeric(field)) checkNumber(Number(value), rules, '', at, report);
  }
}

function checkNumber(value: number, rules: Rules, unit: string, at: string, report: Report): void {
  const scale = unit === 's' ? 1000 : 1;
  const name = (limit: number): string => `${limit / scale}${unit}`;
  if (rules.gt !== undefined && !(value > rules.gt)) report.fail(at, `must be greater than ${name(rules.gt)}`);
  if (rules.gte !== undefined && !(value >= rules.gte)) report.fail(at, `must be at least ${name(rules.gte)}`);
  if (rules.lt !== undefined && !(value < rules.lt)) report.fail(at, `must be less than ${name(rules.lt)}`);
  if (rules.lte !== undefined && !(value <= rules.lte)) report.fail(at, `must be at most ${name(rules.lte)}`);
}

function checkText(value: string, rules: Rules, at: string, report: Report): void {
  if (rules.min_len !== undefined && value.length < rules.min_len) {
    report.fail(at, rules.min_len === 1 ? 'must not be empty' : `must have at least ${rules.min_len} characters`);
  }
  if (rules.max_len !== undefined && [...value].length > rules.max_len) report.fail(at, `longer than ${rules.max_len} characters`);
  if (rules.max_bytes !== undefined && Buffer.byteLength(value) > rules.max_bytes) report.fail(at, `longer than ${rules.max_bytes} bytes`);
  if (rules.in !== undefined && !rules.in.includes(value)) report.fail(at, `must be one of ${rules.in.join(', ')}`);
  const strict = rules.strict === false ? 'false' : 'true';
  if (rules.well_known_regex === 'HTTP_HEADER_NAME' && value !== '' && !headerName[strict].test(value)) {
    report.fail(at, 'not a valid header name');
  }
  if (rules.well_known_regex === 'HTTP_HEADER_VALUE' && !headerValue[strict].test(value)) report.fail(at, 'not a valid header value');
  if (rules.pattern !== undefined && !new RegExp(rules.pattern).test(value)) report.fail(at, `must match ${rules.pattern}`);
}

function checkBytes(value: Uint8Array, rules: Rules, at: string, report: Report): void {
  if (rules.max_len !== undefined && value.length > rules.max_len) report.fail(at, `longer than ${rules.max_len} bytes`);
  if (rules.min_len !== undefined && value.length < rules.min_len) report.fail(at, `shorter than ${rules.min_len} bytes`);
}

/** Milliseconds of a duration, fractions included. */
export const durationMs = (duration: Duration): number => Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;

function isAccepted(field: Field, value: unknown): boolean {
  const only = field.only as unknown[];
  if (field.kind === 'opaque' || field.kind === 'struct') {
    return field.repeated !== true && typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  }
  if (field.kind !== 'wrapper') return only.includes(value);
  return only.includes((value as { value?: unknown }).value ?? (field.ref === 'bool' ? false : field.ref === 'string' ? '' : 0));
}

function onlyReason(field: Field): string {
  const only = field.only as unknown[];
  if (field.kind === 'opaque' || field.kind === 'struct') return 'not implemented, must be absent or empty';
  const names = only.map((value) => field.kind === 'enum' ? enumType(field.ref as string).names.get(value as number) : String(value));
  return `not implemented, must be absent or ${names.join(' or ')}`;
}
