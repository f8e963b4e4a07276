// Scalars of JSON, of paths and of queries on their way into fields, by the rules of protobuf's converter: a number may
// come as text, text never as a number. Texts are held as latin1: one character is one byte.
import type { EnumType } from './descriptors.js';
import { doubleText, readDouble } from './number-text.js';

/** A whole number, one with a fraction or beyond 64 bits, text, a truth value, or nothing. */
export type Scalar = bigint | number | string | boolean | null;

/** As messages about a value show it. */
export function scalarText(value: Scalar): string {
  if (typeof value === 'string') return `"${value}"`;
  return typeof value === 'number' ? doubleText(value) : String(value);
}

const INTEGER = /^[\t\n\v\f\r]*([+-]?)(\d+)[\t\n\v\f\r]*$/;
const FLOAT_MAX = 3.4028234663852886e38;
const SPECIAL: Readonly<Record<string, number>> = { Infinity, '-Infinity': -Infinity, NaN };
const isPadded = (text: string): boolean => text.startsWith(' ') || text.endsWith(' ');

/** Undefined: it does not fit. */
function integerOf(value: Scalar, least: bigint, most: bigint): bigint | undefined {
  let whole: bigint;
  if (typeof value === 'bigint') whole = value;
  else if (typeof value === 'number') {
    if (!Number.isInteger(value)) return undefined;
    whole = BigInt(value);
  } else if (typeof value === 'string') {
    const found = isPadded(value) ? null : INTEGER.exec(value);
    if (found === null || (found[1] === '-' && least === 0n)) return undefined;
    whole = BigInt(found[2]!);
    if (found[1] === '-') whole = -whole;
  } else return undefined;
  return whole < least || whole > most ? undefined : whole;
}

export const int32Of = (value: Scalar): bigint | undefined => integerOf(value, -(2n ** 31n), 2n ** 31n - 1n);
export const uint32Of = (value: Scalar): bigint | undefined => integerOf(value, 0n, 2n ** 32n - 1n);
export const int64Of = (value: Scalar): bigint | undefined => integerOf(value, -(2n ** 63n), 2n ** 63n - 1n);
export const uint64Of = (value: Scalar): bigint | undefined => integerOf(value, 0n, 2n ** 64n - 1n);

function numberOf(text: string): number | undefined {
  const special = Object.hasOwn(SPECIAL, text) ? SPECIAL[text] : undefined;
  if (special !== undefined) return special;
  const value = isPadded(text) ? undefined : readDouble(text.replace(/^[\t\n\v\f\r]+/, ''));
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

export function doubleOf(value: Scalar): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'string' ? numberOf(value) : undefined;
}

export function floatOf(value: Scalar): number | undefined {
  const double = doubleOf(value);
  if (double === undefined || typeof value === 'bigint') return double;
  if (typeof value === 'string') return Math.abs(double) > FLOAT_MAX && Number.isFinite(double) ? undefined : double;
  return Number.isFinite(double) && !Number.isFinite(Math.fround(double)) ? undefined : double;
}

const TRUE = new Set(['true', 't', 'yes', 'y', '1']), FALSE = new Set(['false', 'f', 'no', 'n', '0']);
export function boolOf(value: Scalar): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' || isPadded(value)) return undefined;
  const text = value.toLowerCase();
  return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined;
}

/** Base64 of either alphabet, padded or not. */
export function bytesOf(value: Scalar): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replace(/[\t\n\v\f\r ]+/g, '');
  const found = /^([A-Za-z0-9_-]*|[A-Za-z0-9+/]*)([=.]*)$/.exec(text);
  if (found === null) return undefined;
  const [, digits, padding] = found as unknown as [string, string, string];
  const over = digits.length % 4;
  if (over === 1 || (padding !== '' && padding.length !== (4 - over) % 4)) return undefined;
  return Buffer.from(digits, 'base64');
}

/**
 * Number of a value of an enumeration: its name, its number, its number as text; by the name in any case if so told.
 */
export function enumOf(value: Scalar, type: EnumType, anyCase: boolean): bigint | undefined {
  if (value === null) return 0n;
  if (typeof value !== 'string') return int32Of(value);
  const exact = type.byName.get(value);
  if (exact !== undefined) return BigInt(exact);
  const number = int32Of(value);
  if (number !== undefined && type.byNumber.has(Number(number))) return number;
  const other = anyCase ? type.byName.get(value.replaceAll('-', '_').toUpperCase()) : undefined;
  return other === undefined ? undefined : BigInt(other);
}
