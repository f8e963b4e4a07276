// Values of JSON as the Java types that configuration states, in Hessian. What a type cannot hold as it stands is
// refused: nothing is rounded, cut or converted.
import { CarryError, within } from './failure.js';
import type { HessianWriter } from './hessian-writer.js';
import { JsonNumber } from './json.js';
import type { Json } from './json.js';
import type { JavaType } from './java-types.js';

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
/** Of a long, with its sign. */
const INTEGER_LETTERS_MAX = 20;
const INT_LEAST = -(2n ** 31n), INT_MAX = 2n ** 31n - 1n, LONG_LEAST = -(2n ** 63n), LONG_MAX = 2n ** 63n - 1n;

const kindOf = (value: Json): string => value === null ? 'null' : value instanceof JsonNumber ? 'a number'
  : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object'
    : typeof value === 'string' ? 'a string' : 'a boolean';
const cannot = (place: string, what: string, type: string): CarryError =>
  new CarryError(`${place}: ${what} is no ${type}`);
const short = (text: string): string => text.length > 40 ? `${text.slice(0, 40)}...` : text;

/** Throws CarryError, which names `place`. */
export function writeJson(out: HessianWriter, type: JavaType, value: Json, place: string): void {
  if (value === null) {
    if (type.primitive) throw cannot(place, 'null', type.name);
    out.nothing();
    return;
  }
  switch (type.kind) {
    case 'any': writeUntyped(out, value, place); return;
    case 'string': if (typeof value === 'string') { out.string(value); return; } break;
    case 'boolean': if (typeof value === 'boolean') { out.boolean(value); return; } break;
    case 'integer': case 'long':
      if (!(value instanceof JsonNumber)) break;
      writeInteger(out, type, value.text, place);
      return;
    case 'double':
      if (!(value instanceof JsonNumber)) break;
      out.double(doubleOf(value.text, place));
      return;
    case 'list': if (Array.isArray(value)) { writeList(out, type.element, value as Json[], place); return; } break;
    case 'map': if (value instanceof Map) { writeMap(out, type.element, value, place); return; } break;
  }
  throw cannot(place, kindOf(value), type.name);
}

function writeInteger(out: HessianWriter, type: JavaType, text: string, place: string): void {
  const number = integerOf(text);
  if (number === null) throw cannot(place, short(text), type.name);
  if (number > type.max || number < -type.max - 1n)
    throw new CarryError(`${place}: ${text} is beyond the range of ${type.name}`);
  if (type.kind === 'long') out.long(number); else out.int(Number(number));
}

/** Null: it is none, or longer than any that can be carried. */
const integerOf = (text: string): bigint | null =>
  text.length <= INTEGER_LETTERS_MAX && INTEGER.test(text) ? BigInt(text) : null;

/** As each value says: an integer is an int where it is one, else a long; what has a fraction or exponent a double. */
function writeUntyped(out: HessianWriter, value: Json, place: string): void {
  if (value === null) out.nothing();
  else if (typeof value === 'string') out.string(value);
  else if (typeof value === 'boolean') out.boolean(value);
  else if (Array.isArray(value)) writeList(out, null, value as Json[], place);
  else if (value instanceof JsonNumber) writeNumber(out, value.text, place);
  else writeMap(out, null, value as ReadonlyMap<string, Json>, place);
}

function writeNumber(out: HessianWriter, text: string, place: string): void {
  if (!INTEGER.test(text)) { out.double(doubleOf(text, place)); return; }
  const number = integerOf(text);
  if (number === null || number < LONG_LEAST || number > LONG_MAX)
    throw new CarryError(`${place}: ${short(text)} is beyond the range of long`);
  if (number >= INT_LEAST && number <= INT_MAX) out.int(Number(number)); else out.long(number);
}

function writeList(out: HessianWriter, element: JavaType | null, items: readonly Json[], place: string): void {
  out.beginList(items.length);
  items.forEach((item, index) => { writeHeld(out, element, item, within(place, index)); });
  out.endList();
}

function writeMap(out: HessianWriter, element: JavaType | null, members: ReadonlyMap<string, Json>,
    place: string): void {
  out.beginMap();
  for (const [name, member] of members) {
    out.string(name);
    writeHeld(out, element, member, within(place, name));
  }
  out.endMap();
}

function writeHeld(out: HessianWriter, element: JavaType | null, value: Json, place: string): void {
  if (element === null) writeUntyped(out, value, place); else writeJson(out, element, value, place);
}

/** The double that means the same as the text: its shortest form has the same digits. */
function doubleOf(text: string, place: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new CarryError(`${place}: ${short(text)} is beyond the range of double`);
  if (digitsOf(String(value)) !== digitsOf(text))
    throw new CarryError(`${place}: ${short(text)} has more digits than a double`);
  return value;
}

/** Digits without zeros at either end, and the power of ten behind them: equal for equal numbers. */
function digitsOf(text: string): string {
  const [, sign = '', whole = '', part = '', power = '0'] = PARTS.exec(text) ?? [];
  const all = whole + part;
  let first = 0, last = all.length;
  while (first < last && all[first] === '0') first++;
  while (last > first && all[last - 1] === '0') last--;
  if (first === last) return '0';
  return `${sign}${all.slice(first, last)}e${Number(power) - part.length + all.length - last}`;
}
