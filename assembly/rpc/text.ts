// Canonical text of RPC frames (workers/codecs-rpc.ts): pairs of a frame to lines, and lines back to what they were.
// One text is written, or read, at a time.
import {
  HEADER_DATE, HEADER_HTTP2_SETTINGS, TEXT_EMPTY_LINE, TEXT_HEX_DIGITS, TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES,
  TEXT_RPC_ENVOY_PREFIX, TEXT_RPC_ENVOY_PREFIX_BYTES, TEXT_RPC_GROUP_NAME, TEXT_RPC_GROUP_NAME_BYTES,
  TEXT_RPC_LENGTH_LINE, TEXT_RPC_LENGTH_LINE_BYTES, TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES,
  TEXT_RPC_PAIR_LINE, TEXT_RPC_PAIR_LINE_BYTES, TEXT_RPC_PREFIX, TEXT_RPC_PREFIX_BYTES, TEXT_RPC_SERVICE_NAME,
  TEXT_RPC_SERVICE_NAME_BYTES, TEXT_RPC_VERSION_NAME, TEXT_RPC_VERSION_NAME_BYTES, TOKEN_COLUMNS,
  TOKEN_LOWER, TOKEN_ROWS,
} from '../generated/layouts';
import { knownHeader } from '../http1/head';
import { equalIgnoreCase, fieldValueEnd } from '../lib/bytes';
import { put } from '../lib/copy';

const DASH: u32 = 45;
/** Names are 16 bits in the record of a head, and none that long is meant. */
const NAME_BYTES_MAX: u32 = 4096;
/** Of a word: what a host may be (RFC 1035 2.3.4). */
const WORD_BYTES_MAX: u32 = 255;

/** Where the next byte of the text goes; `full` once it did not fit. */
export let cursor: usize = 0;
export let full: bool = false;
let stop: usize = 0;
/** What lies before it may be looked at 16 bytes at a time, whatever of it is meant. */
let readable: usize = 0;

/** `end`: of what came, of which all names and values are parts. */
export function beginText(text: usize, textMax: u32, end: usize): void {
  cursor = text;
  stop = text + textMax;
  readable = end;
  full = false;
}

/** Of 16 bytes at p, those before `end` as bits. */
// @ts-ignore: decorator
@inline
function bitsBefore(p: usize, end: usize): i32 { return (1 << <i32>(end - p)) - 1; }

function hasRoom(bytes: u32): bool {
  if (cursor + bytes <= stop) return true;
  full = true;
  return false;
}

/** Room for so many bytes, which lie before the cursor then; false: there is none. */
export function take(bytes: u32): bool {
  if (!hasRoom(bytes)) return false;
  cursor += bytes;
  return true;
}

export function write(at: usize, bytes: u32): void { if (hasRoom(bytes)) cursor = put(cursor, at, bytes); }

export function writeHex(at: usize, bytes: u32): void {
  if (!hasRoom(bytes * 2)) return;
  const end = at + bytes;
  if (ASC_FEATURE_SIMD) {
    const digits = v128.load(TEXT_HEX_DIGITS), nibble = i8x16.splat(15);
    for (; at + 16 <= end; at += 16, cursor += 32) {
      const v = v128.load(at);
      const high = v128.swizzle(digits, i8x16.shr_u(v, 4)), low = v128.swizzle(digits, v128.and(v, nibble));
      v128.store(cursor, v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
      v128.store(cursor, v128.shuffle<u8>(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
    }
  }
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    store<u8>(cursor, load<u8>(TEXT_HEX_DIGITS + (byte >> 4)));
    store<u8>(cursor + 1, load<u8>(TEXT_HEX_DIGITS + (byte & 15)));
    cursor += 2;
  }
}

/** The lowest `digits` hexadecimal digits of a number. */
export function writeHexDigits(value: u32, digits: u32): void {
  if (!take(digits)) return;
  for (let i: u32 = 1; i <= digits; i++, value >>= 4) store<u8>(cursor - i, load<u8>(TEXT_HEX_DIGITS + (value & 15)));
}

export function writeNumber(value: u32): void {
  if (!hasRoom(10)) return;
  let digits: u32 = 1;
  for (let rest = value / 10; rest > 0; rest /= 10) digits++;
  for (let p = cursor + digits; p > cursor; value /= 10) store<u8>(--p, <u8>(48 + value % 10));
  cursor += digits;
}

/** Letters, digits, "$", "-", "." and "_" alone? */
export function isWord(p: usize, end: usize): bool {
  if (ASC_FEATURE_SIMD) {
    const rows = v128.load(TOKEN_ROWS), nibble = i8x16.splat(15);
    // By the low four bits of a character, the high ones that it may have, as TOKEN_COLUMNS has them.
    const columns = i8x16(42, 62, 62, 62, 63, 62, 62, 62, 62, 62, 60, 20, 20, 21, 21, 28);
    for (; p + 16 <= end; p += 16) {
      const v = v128.load(p);
      const good = v128.and(v128.swizzle(columns, v128.and(v, nibble)), v128.swizzle(rows, i8x16.shr_u(v, 4)));
      if (!i8x16.all_true(good)) return false;
    }
    if (p < end && p + 16 <= readable) {
      const v = v128.load(p);
      const good = v128.and(v128.swizzle(columns, v128.and(v, nibble)), v128.swizzle(rows, i8x16.shr_u(v, 4)));
      return (i8x16.bitmask(i8x16.eq(good, i8x16.splat(0))) & bitsBefore(p, end)) == 0;
    }
  }
  for (; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (!((c | 32) - 97 < 26 || c - 48 < 10 || c == 36 || c == 45 || c == 46 || c == 95)) return false;
  }
  return true;
}

/** A name in a path and a host; what could be taken for anything else is not known, and "-". */
export function writeWord(word: usize, bytes: u32): void {
  if (bytes != 0 && bytes <= WORD_BYTES_MAX && isWord(word, word + bytes)) write(word, bytes);
  else if (take(1)) store<u8>(cursor - 1, <u8>DASH);
}

/** A line that begins with the constant `begin` (line end, name, colon, space), if the value can stand in one. */
export function writeLine(begin: usize, beginBytes: u32, value: usize, bytes: u32): void {
  if (bytes == 0 || !isLineValue(value, bytes)) return;
  write(begin, beginBytes);
  write(value, bytes);
}

/** The last line, and the empty one. */
export function endText(bodyBytes: u32): void {
  write(TEXT_RPC_LENGTH_LINE, TEXT_RPC_LENGTH_LINE_BYTES);
  writeNumber(bodyBytes);
  write(TEXT_EMPTY_LINE, 2);
  write(TEXT_EMPTY_LINE, 2);
}

/** One pair of a frame; a length of -1 is null. */
export function writePair(name: usize, n: i32, value: usize, v: i32): void {
  if (n > 0 && v >= 0 && isPairName(name, n) && isLineValue(value, v)) {
    write(TEXT_EMPTY_LINE, 2);
    write(name, n);
    if (!hasRoom(2)) return;
    store<u16>(cursor, 0x203a);
    cursor += 2;
    write(value, v);
    return;
  }
  write(TEXT_RPC_PAIR_LINE, TEXT_RPC_PAIR_LINE_BYTES);
  writeHalf(name, n);
  if (!hasRoom(1)) return;
  store<u8>(cursor++, 61);
  writeHalf(value, v);
}
function writeHalf(at: usize, bytes: i32): void {
  if (bytes >= 0) { writeHex(at, bytes); return; }
  if (!hasRoom(1)) return;
  store<u8>(cursor++, <u8>DASH);
}

export function isPairName(name: usize, n: u32): bool {
  return n <= NAME_BYTES_MAX && isToken(name, name + n) && !isOurs(name, n);
}

export function isLineValue(value: usize, v: u32): bool {
  if (v == 0) return true;
  const end = value + v;
  if (isSpace(value) || isSpace(end - 1)) return false;
  let p = value;
  if (ASC_FEATURE_SIMD) {
    while (p + 16 <= end) {
      if (v128.any_true(notInValue(p))) return false;
      p += 16;
    }
    if (p == end) return true;
    if (p + 16 <= readable) return (i8x16.bitmask(notInValue(p)) & bitsBefore(p, end)) == 0;
  }
  return fieldValueEnd(p, end) == end;
}
/** Which of 16 bytes may not stand in a field's value (RFC 9110 5.5). */
// @ts-ignore: decorator
@inline
function notInValue(p: usize): v128 {
  const v = v128.load(p);
  return v128.or(v128.andnot(i8x16.lt_u(v, i8x16.splat(0x20)), i8x16.eq(v, i8x16.splat(9))),
    i8x16.eq(v, i8x16.splat(0x7f)));
}
// @ts-ignore: decorator
@inline
function isSpace(p: usize): bool { return load<u8>(p) == 32 || load<u8>(p) == 9; }

/** Is the name HTTP's own or the proxy's? It stands for no pair then. */
export function isOurs(name: usize, n: u32): bool {
  const first: u32 = load<u8>(name) | 32;
  if (first == 119) return isPrefix(name, n, TEXT_RPC_PREFIX, TEXT_RPC_PREFIX_BYTES);
  if (first == 120 && (isPrefix(name, n, TEXT_RPC_ENVOY_PREFIX, TEXT_RPC_ENVOY_PREFIX_BYTES)
      || isName(name, n, TEXT_RPC_SERVICE_NAME, TEXT_RPC_SERVICE_NAME_BYTES)
      || isName(name, n, TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES)
      || isName(name, n, TEXT_RPC_VERSION_NAME, TEXT_RPC_VERSION_NAME_BYTES)
      || isName(name, n, TEXT_RPC_GROUP_NAME, TEXT_RPC_GROUP_NAME_BYTES)
      || isName(name, n, TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES))) return true;
  const id = knownHeader(name, n);
  return id != 0 && (id <= HEADER_DATE || id == HEADER_HTTP2_SETTINGS);
}

export function isName(name: usize, n: u32, wanted: usize, wantedBytes: u32): bool {
  return n == wantedBytes && equalIgnoreCase(name, wanted, n);
}
function isPrefix(name: usize, n: u32, wanted: usize, wantedBytes: u32): bool {
  return n >= wantedBytes && equalIgnoreCase(name, wanted, wantedBytes);
}

/** Is [p, end) of a token's characters alone (RFC 9110 5.6.2)? */
function isToken(p: usize, end: usize): bool {
  if (ASC_FEATURE_SIMD) {
    const columns = v128.load(TOKEN_COLUMNS), rows = v128.load(TOKEN_ROWS), nibble = i8x16.splat(15);
    for (; p < end && p + 16 <= readable; p += 16) {
      const v = v128.load(p);
      const token = v128.and(v128.swizzle(columns, v128.and(v, nibble)), v128.swizzle(rows, i8x16.shr_u(v, 4)));
      const strange = i8x16.bitmask(i8x16.eq(token, i8x16.splat(0)));
      if (p + 16 >= end) return (strange & (p + 16 == end ? 0xffff : bitsBefore(p, end))) == 0;
      if (strange) return false;
    }
  }
  while (p < end && load<u8>(TOKEN_LOWER + load<u8>(p)) != 0) p++;
  return p >= end;
}

// Reading: the lines behind the first one.

/** The line that nextLine found. */
export let nameAt: usize = 0;
export let nameBytes: u32 = 0;
export let valueAt: usize = 0;
export let valueBytes: u32 = 0;

/** Position behind the first line of the text; 0: it has none. */
export function firstLine(text: usize, end: usize): usize {
  const p = fieldValueEnd(text, end);
  return p + 2 <= end && load<u16>(p) == 0x0a0d ? p + 2 : 0;
}

/**
 * Finds the line at p. Returns the position behind it; 0 at the empty line, or where there is no line. What its
 * characters may be was judged when the text became a head.
 */
export function nextLine(p: usize, end: usize): usize {
  const next = lineEnd(p, end), colon = firstColon;
  if (colon <= p || next + 2 > end || load<u16>(next) != 0x0a0d) return 0;
  let value = colon + 1, last = next;
  while (value < last && isSpace(value)) value++;
  while (value < last && isSpace(last - 1)) last--;
  nameAt = p;
  nameBytes = <u32>(colon - p);
  valueAt = value;
  valueBytes = <u32>(last - value);
  return next + 2;
}

/** The first carriage return in [p, end), or `end`; `firstColon` is that of the bytes before it, or 0. */
let firstColon: usize = 0;
function lineEnd(p: usize, end: usize): usize {
  let colon: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const returns = i8x16.splat(13), colons = i8x16.splat(58);
    while (p + 16 <= end) {
      const v = v128.load(p);
      const ends = i8x16.bitmask(i8x16.eq(v, returns));
      if (colon == 0) {
        const found = i8x16.bitmask(i8x16.eq(v, colons));
        if (ctz(found) < ctz(ends)) colon = p + ctz(found);        // where there is none, it is 32
      }
      if (ends) { firstColon = colon; return p + ctz(ends); }
      p += 16;
    }
  }
  for (; p < end && load<u8>(p) != 13; p++) if (colon == 0 && load<u8>(p) == 58) colon = p;
  firstColon = colon;
  return p;
}

/** Bytes from hex at [at, at + n) to `to`; returns how many, or -1: it is none. */
export function readHex(at: usize, n: u32, to: usize): i32 {
  if (n & 1) return -1;
  for (let i: u32 = 0; i < n; i += 2) {
    const high = digit(load<u8>(at + i)), low = digit(load<u8>(at + i + 1));
    if ((high | low) > 15) return -1;
    store<u8>(to + (i >> 1), <u8>(high << 4 | low));
  }
  return n >> 1;
}
function digit(c: u32): u32 { return c - 48 < 10 ? c - 48 : (c | 32) - 97 < 6 ? (c | 32) - 87 : 16; }

/** The number of decimal digits at [at, at + n), below 2^31; -1: it is none. */
export function readNumber(at: usize, n: u32): i32 {
  if (n == 0 || n > 10) return -1;
  let value: u64 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const c: u32 = load<u8>(at + i) - 48;
    if (c > 9) return -1;
    value = value * 10 + c;
  }
  return value > 0x7fffffff ? -1 : <i32>value;
}
