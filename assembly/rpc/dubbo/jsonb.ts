// JSONB, the binary form of fastjson2, as far as Dubbo needs it: strings are read where they lie, other values are only
// stepped over. Every item of a Dubbo body has its length before it, so what is not understood cannot lead astray.
// A position of 0 is "no": the item is bad, for it is whole whenever it is looked at.

import { isAscii } from '../../lib/bytes';
import { put } from '../../lib/copy';

/**
 * The string that jsonbString read last; `textual`: its bytes are UTF-8. They are not in UTF-16's forms, and where a
 * JVM writes Latin-1 as if it were ASCII.
 */
export let stringAt: usize = 0;
export let stringBytes: u32 = 0;
export let isNull: bool = false;
export let textual: bool = false;

const DEPTH_MAX: u32 = 200;
export const JSONB_NULL: u32 = 0xaf;
export const JSONB_BYTE: u32 = 0xbd;
export const JSONB_OBJECT: u32 = 0xa6;
export const JSONB_END: u32 = 0xa5;
const ASCII_SHORT: u32 = 0x49, ASCII: u32 = 0x79, UTF8: u32 = 0x7a, GB18030: u32 = 0x7e, SYMBOL: u32 = 0x7f;
/** Of a short ASCII string. */
const SHORT_BYTES_MAX: u32 = 47;

let value: i32 = 0;                   // of the integer that readInt read last

// @ts-ignore: decorator
@inline
function isInt(c: u32): bool { return c < 0x49 || c >= 0xf0; }

/** A 32-bit integer at p into `value`. */
function readInt(p: usize, end: usize): usize {
  if (p >= end) return 0;
  const c: i32 = load<u8>(p);
  if (c < 0x30 || c >= 0xf0) { value = <i32><i8>c; return p + 1; }
  const bytes: u32 = c < 0x40 ? 2 : c < 0x48 ? 3 : c == 0x48 ? 5 : 0;
  if (bytes == 0 || p + bytes > end) return 0;
  if (bytes == 2) value = ((c - 0x38) << 8) + load<u8>(p + 1);
  else if (bytes == 3) value = ((c - 0x44) << 16) + bswap<u16>(load<u16>(p + 1));
  else value = bswap<u32>(load<u32>(p + 1));
  return p + bytes;
}

/** Position behind an int at p and as many bytes as it says. */
function skipCounted(p: usize, end: usize): usize {
  p = readInt(p, end);
  return p == 0 || value < 0 || <u32>(end - p) < <u32>value ? 0 : p + value;
}

/** A string or null at p; returns the position behind it. */
export function jsonbString(p: usize, end: usize): usize {
  if (p >= end) return 0;
  const c: u32 = load<u8>(p);
  isNull = c == JSONB_NULL;
  textual = true;
  stringAt = p + 1;
  stringBytes = 0;
  if (isNull) return p + 1;
  if (c < ASCII_SHORT || c > GB18030) return 0;
  if (c < ASCII) {
    stringBytes = c - ASCII_SHORT;
    if (<u32>(end - stringAt) < stringBytes) return 0;
    textual = isAscii(stringAt, stringBytes);
    return stringAt + stringBytes;
  }
  const next = skipCounted(p + 1, end);
  if (next == 0) return 0;
  stringBytes = value;
  stringAt = next - stringBytes;
  textual = c == UTF8 || (c == ASCII && isAscii(stringAt, stringBytes));
  return next;
}

function skipMany(p: usize, end: usize, count: u32, depth: u32): usize {
  while (count-- != 0) {
    p = jsonbSkip(p, end, depth);
    if (p == 0) return 0;
  }
  return p;
}

/** A symbol: its name, when it is new, and its number. */
function skipSymbol(p: usize, end: usize): usize {
  if (p >= end) return 0;
  if (!isInt(load<u8>(p))) p = jsonbString(p, end);
  return p == 0 ? 0 : readInt(p, end);
}

/** So many bytes, and an int: parts of a date and nanoseconds. */
function skipParts(p: usize, end: usize, bytes: u32): usize {
  return <u32>(end - p) < bytes ? 0 : readInt(p + bytes, end);
}

function skipObject(p: usize, end: usize, depth: u32): usize {
  while (p < end) {
    if (load<u8>(p) == JSONB_END) return p + 1;
    p = skipMany(p, end, 2, depth);
    if (p == 0) return 0;
  }
  return 0;
}

/** Bytes of the values that have a fixed length, their first byte counted; 0: it is none of them. */
function fixedBytes(c: u32): u32 {
  if (c >= 0xc0) return c < 0xc8 ? 3 : c < 0xd8 ? 2 : 1;
  if (c < 0x49) return c < 0x30 ? 1 : c < 0x40 ? 2 : c < 0x48 ? 3 : 5;
  if (c >= 0xaf && c <= 0xb3) return 1;                     // null, false, true, 0.0, 1.0
  switch (c) {
    case JSONB_BYTE: return 2;
    case 0xbc: return 3;
    case 0xa9: case 0xac: case 0xad: case 0xb7: case 0xbf: return 5;
    case 0xab: case 0xb5: case 0xbe: return 9;
  }
  return 0;
}

/** Position behind the value at p. */
export function jsonbSkip(p: usize, end: usize, depth: u32 = DEPTH_MAX): usize {
  if (p >= end || depth == 0) return 0;
  const c: u32 = load<u8>(p);
  const fixed = fixedBytes(c);
  if (fixed != 0) return <u32>(end - p) < fixed ? 0 : p + fixed;
  if (c <= GB18030) return jsonbString(p, end);
  if (c >= 0x94 && c < 0xa4) return skipMany(p + 1, end, c - 0x94, depth - 1);
  switch (c) {
    case 0x90: return readInt(p + 1, end);                  // a character
    case 0x91: case 0xbb: return skipCounted(p + 1, end);   // bytes, a large integer
    case SYMBOL: return skipSymbol(p + 1, end);
    case 0x92:                                              // a type, and a value of it
      p = skipSymbol(p + 1, end);
      return p == 0 ? 0 : jsonbSkip(p, end, depth - 1);
    case 0x93: return jsonbString(p + 1, end);              // a reference
    case 0xa4:
      p = readInt(p + 1, end);
      return p == 0 || value < 0 ? 0 : skipMany(p, end, value, depth - 1);
    case JSONB_OBJECT: return skipObject(p + 1, end, depth - 1);
    case 0xa7: return skipParts(p + 1, end, 3);              // times and dates
    case 0xa8: return skipParts(p + 1, end, 7);
    case 0xaa:
      p = skipParts(p + 1, end, 7);
      return p == 0 ? 0 : jsonbString(p, end);
    case 0xae:
      p = jsonbSkip(p + 1, end, 1);
      return p == 0 ? 0 : readInt(p, end);
    case 0xb4: case 0xb6: case 0xb8: case 0xba: return jsonbSkip(p + 1, end, depth - 1);    // numbers of an integer
    case 0xb9:                                              // a decimal: its scale, its digits
      p = readInt(p + 1, end);
      return p == 0 ? 0 : jsonbSkip(p, end, depth - 1);
  }
  return 0;
}

/** Characters of UTF-8 text that is Latin-1 throughout; -1: it is not. */
function latinCount(p: usize, n: u32): i32 {
  let count = 0;
  for (const end = p + n; p < end; p++, count++) {
    const c: u32 = load<u8>(p);
    if (c < 0x80) continue;
    if ((c != 0xc2 && c != 0xc3) || ++p == end) return -1;
  }
  return count;
}

/**
 * Writes a string; returns the position behind it, or 0 when there is no room. Latin-1 goes out as if it were ASCII, as
 * Java writes it: of UTF-8, fastjson2 makes a string that is equal to no other.
 */
export function writeJsonbString(dst: usize, dstEnd: usize, p: usize, n: u32): usize {
  if (dst + 6 + n > dstEnd) return 0;
  const ascii = isAscii(p, n), count = ascii ? <i32>n : latinCount(p, n);
  if (count >= 0 && <u32>count <= SHORT_BYTES_MAX) store<u8>(dst++, <u8>(ASCII_SHORT + count));
  else {
    store<u8>(dst++, <u8>(count >= 0 ? ASCII : UTF8));
    dst = writeInt(dst, count >= 0 ? count : n);
  }
  if (ascii || count < 0) return put(dst, p, n);
  for (const end = p + n; p < end; p++) {
    const c: u32 = load<u8>(p);
    store<u8>(dst++, <u8>(c < 0x80 ? c : c << 6 | (<u32>load<u8>(++p) & 0x3f)));
  }
  return dst;
}

function writeInt(dst: usize, n: u32): usize {
  if (n < 0x30) { store<u8>(dst, <u8>n); return dst + 1; }
  if (n < 0x800) { store<u16>(dst, bswap<u16>(<u16>(0x3800 + n))); return dst + 2; }
  if (n < 0x40000) {
    store<u8>(dst, <u8>(0x44 + (n >> 16)));
    store<u16>(dst + 1, bswap<u16>(<u16>n));
    return dst + 3;
  }
  store<u8>(dst, 0x48);
  store<u32>(dst + 1, bswap<u32>(n));
  return dst + 5;
}
