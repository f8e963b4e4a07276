// Values of JSON as the Java types that configuration states, in Hessian. What a type cannot hold as it stands is
// refused: nothing is rounded, cut or converted.
import { CarryError } from './failure.js';
import type { HessianWriter } from './hessian-writer.js';
import { JsonNumber } from './json.js';
import type { Json } from './json.js';
import type { JavaType } from './java-types.js';

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
/** Of a long, with its sign; and of an integer that is a number exactly. */
const INTEGER_LETTERS_MAX = 20, SAFE_LETTERS_MAX = 15;
const INT_LEAST = -(2 ** 31), INT_MAX = 2 ** 31 - 1, LONG_LEAST = -(2n ** 63n), LONG_MAX = 2n ** 63n - 1n;

const kindOf = (value: Json): string => value === null ? 'null' : value instanceof JsonNumber ? 'a number'
  : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object'
    : typeof value === 'string' ? 'a string' : 'a boolean';
const short = (text: string): string => text.length > 40 ? `${text.slice(0, 40)}...` : text;

/** Throws CarryError, which names `place`. */
export function writeJson(out: HessianWriter, type: JavaType, value: Json, place: string): void {
  try { write(out, type, value); } catch (error) { throw error instanceof CarryError ? error.of(place) : error; }
}

function write(out: HessianWriter, type: JavaType, value: Json): void {
  if (value === null) {
    if (type.primitive) throw new CarryError(`null is no ${type.name}`);
    out.nothing();
    return;
  }
  switch (type.kind) {
    case 'any': writeUntyped(out, value); return;
    case 'string': if (typeof value === 'string') { out.string(value); return; } break;
    case 'boolean': if (typeof value === 'boolean') { out.boolean(value); return; } break;
    case 'integer': case 'long':
      if (!(value instanceof JsonNumber)) break;
      writeInteger(out, type, value.text);
      return;
    case 'double':
      if (!(value instanceof JsonNumber)) break;
      out.double(doubleOf(value.text));
      return;
    case 'list': if (Array.isArray(value)) { writeList(out, type.element, value as Json[]); return; } break;
    case 'map': if (value instanceof Map) { writeMap(out, type.element, value); return; } break;
  }
  throw new CarryError(`${kindOf(value)} is no ${type.name}`);
}

function writeInteger(out: HessianWriter, type: JavaType, text: string): void {
  if (!INTEGER.test(text)) throw new CarryError(`${short(text)} is no ${type.name}`);
  const number = text.length > INTEGER_LETTERS_MAX ? null : BigInt(text);
  if (number === null || number > type.max || number < -type.max - 1n)
    throw new CarryError(`${short(text)} is beyond the range of ${type.name}`);
  if (type.kind === 'long') out.long(number); else out.int(Number(number));
}

/** As each value says: an integer is an int where it is one, else a long; what has a fraction or exponent a double. */
function writeUntyped(out: HessianWriter, value: Json): void {
  if (value === null) out.nothing();
  else if (typeof value === 'string') out.string(value);
  else if (typeof value === 'boolean') out.boolean(value);
  else if (Array.isArray(value)) writeList(out, null, value as Json[]);
  else if (value instanceof JsonNumber) writeNumber(out, value.text);
  else writeMap(out, null, value as ReadonlyMap<string, Json>);
}

function writeNumber(out: HessianWriter, text: string): void {
  if (!INTEGER.test(text)) { out.double(doubleOf(text)); return; }
  if (text.length <= SAFE_LETTERS_MAX) {
    const small = Number(text);
    if (small >= INT_LEAST && small <= INT_MAX) { out.int(small); return; }
  }
  const number = text.length > INTEGER_LETTERS_MAX ? null : BigInt(text);
  if (number === null || number < LONG_LEAST || number > LONG_MAX)
    throw new CarryError(`${short(text)} is beyond the range of long`);
  out.long(number);
}

function writeList(out: HessianWriter, element: JavaType | null, items: readonly Json[]): void {
  out.beginList(items.length);
  for (let i = 0; i < items.length; i++) writeHeld(out, element, items[i]!, i);
  out.endList();
}

function writeMap(out: HessianWriter, element: JavaType | null, members: ReadonlyMap<string, Json>): void {
  out.beginMap();
  for (const [name, member] of members) {
    out.string(name);
    writeHeld(out, element, member, name);
  }
  out.endMap();
}

function writeHeld(out: HessianWriter, element: JavaType | null, value: Json, step: string | number): void {
  try {
    if (element === null) writeUntyped(out, value); else write(out, element, value);
  } catch (error) { throw error instanceof CarryError ? error.within(step) : error; }
}

/** The double that means the same as the text: its shortest form has the same digits. */
function doubleOf(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new CarryError(`${short(text)} is beyond the range of double`);
  const shortest = String(value);
  if (shortest !== text && digitsOf(shortest) !== digitsOf(text))
    throw new CarryError(`${short(text)} has more digits than a double`);
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
