// Hessian 2 as Dubbo writes it (the final dialect): strings are read where they lie, every other value is only stepped
// over. Nothing is allocated: what has to be kept (the pieces of a chunked string put together, how many fields each
// class has) lies in a scratch of the caller. A position of 0 is "no": `fault` says whether more bytes may help.

import { isAscii } from '../../lib/bytes';
import { put } from '../../lib/copy';

/** Why the last call returned 0. */
export const FAULT_SHORT: u32 = 1;      // the bytes end inside a value
export const FAULT_BAD: u32 = 2;        // no value can begin like this
export const FAULT_LARGE: u32 = 3;      // the scratch is full
export let fault: u32 = 0;

/** The string that hessianString read last; `isNull`: it was null. */
export let stringAt: usize = 0;
export let stringBytes: u32 = 0;
export let isNull: bool = false;

const DEPTH_MAX: u32 = 200;             // values within values; a value deeper than this is refused
const CLASSES_MAX: u32 = 256;           // definitions in one body; likewise
const STRING_FINAL: u32 = 0x53, STRING_CHUNK: u32 = 0x52, NULL: u32 = 0x4e, END: u32 = 0x5a;

let classes: usize = 0;
let scratch: usize = 0;
let scratchEnd: usize = 0;
let classCount: u32 = 0;
let value: i32 = 0;                     // of the integer that readInt read last

/** Bytes of scratch that are the definitions'; what is more is for chunked strings. */
export const SCRATCH_BYTES_MIN: u32 = CLASSES_MAX * 4;

/** Begins a body. `at` is aligned to 4. */
export function hessianBegin(at: usize, end: usize): void {
  classes = at;
  scratch = at + SCRATCH_BYTES_MIN;
  scratchEnd = end;
  classCount = 0;
}

function no(why: u32): usize {
  fault = why;
  return 0;
}

/** Position behind `units` UTF-16 code units of UTF-8: a character beyond 0xffff is two, in one or two pieces. */
function unitsEnd(p: usize, end: usize, units: u32): usize {
  while (units != 0) {
    if (ASC_FEATURE_SIMD) {
      for (; units >= 64 && p + 64 <= end; p += 64, units -= 64) {
        const low = v128.or(v128.load(p), v128.load(p, 16)), high = v128.or(v128.load(p, 32), v128.load(p, 48));
        if (i8x16.bitmask(v128.or(low, high))) break;
      }
      while (p + 16 <= end) {
        const high = i8x16.bitmask(v128.load(p));
        if (units < 16) {
          if ((high & ((1 << units) - 1)) == 0) return p + units;
          break;
        }
        if (high) break;
        p += 16;
        units -= 16;
      }
    }
    while (units >= 8 && p + 8 <= end && (load<u64>(p) & 0x8080808080808080) == 0) { p += 8; units -= 8; }
    if (units == 0) break;
    if (p >= end) return no(FAULT_SHORT);
    const c: u32 = load<u8>(p);
    if (c < 0x80) { p++; units--; continue; }
    if (c < 0xc0 || c > 0xf7) return no(FAULT_BAD);
    const more: u32 = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    for (let i: u32 = 1; i <= more; i++) {
      if (p + i >= end) return no(FAULT_SHORT);
      if ((load<u8>(p + i) & 0xc0) != 0x80) return no(FAULT_BAD);
    }
    if (more == 3 && --units == 0) return no(FAULT_BAD);
    units--;
    p += more + 1;
  }
  return p;
}

/** Code units of [p, p + n), which is UTF-8; -1: it is not. */
export function unitsOf(p: usize, n: u32): i32 {
  const end = p + n;
  let units = 0;
  while (p < end) {
    const c: u32 = load<u8>(p);
    const more: u32 = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    if ((c >= 0x80 && c < 0xc0) || c > 0xf7 || p + more >= end) return -1;
    for (let i: u32 = 1; i <= more; i++) if ((load<u8>(p + i) & 0xc0) != 0x80) return -1;
    units += more == 3 ? 2 : 1;
    p += more + 1;
  }
  return units;
}

/** Units of the string or chunk whose header is at p, and the header's bytes in `headerBytes`; -1: it is none. */
let headerBytes: u32 = 0;
function unitsAt(p: usize, end: usize): i32 {
  const c: u32 = load<u8>(p);
  headerBytes = 1;
  if (c < 0x20) return c;
  if (c >= 0x30 && c < 0x34) {
    headerBytes = 2;
    if (p + 2 > end) { fault = FAULT_SHORT; return -1; }
    return ((c - 0x30) << 8) | load<u8>(p + 1);
  }
  if (c != STRING_FINAL && c != STRING_CHUNK) { fault = FAULT_BAD; return -1; }
  headerBytes = 3;
  if (p + 3 > end) { fault = FAULT_SHORT; return -1; }
  return bswap<u16>(load<u16>(p + 1));
}

/** A string or null at p; returns the position behind it. A chunked one is put together in the scratch. */
export function hessianString(p: usize, end: usize): usize {
  if (p >= end) return no(FAULT_SHORT);
  isNull = load<u8>(p) == NULL;
  stringAt = p;
  stringBytes = 0;
  if (isNull) return p + 1;
  if (load<u8>(p) != STRING_CHUNK) {
    const units = unitsAt(p, end);
    if (units < 0) return 0;
    stringAt = p + headerBytes;
    const next = unitsEnd(stringAt, end, units);
    stringBytes = next == 0 ? 0 : <u32>(next - stringAt);
    return next;
  }
  const whole = scratch;
  for (let last = false; !last;) {
    if (p >= end) return no(FAULT_SHORT);
    last = load<u8>(p) != STRING_CHUNK;
    const units = unitsAt(p, end);
    if (units < 0) return 0;
    const from = p + headerBytes;
    p = unitsEnd(from, end, units);
    if (p == 0) return 0;
    const bytes = <u32>(p - from);
    if (scratch + bytes > scratchEnd) return no(FAULT_LARGE);
    memory.copy(scratch, from, bytes);
    scratch += bytes;
  }
  stringAt = whole;
  stringBytes = <u32>(scratch - whole);
  return p;
}

/** Like hessianString, of strings alone and without looking at what they say. */
function skipString(p: usize, end: usize): usize {
  for (let last = false; !last;) {
    if (p >= end) return no(FAULT_SHORT);
    last = load<u8>(p) != STRING_CHUNK;
    const units = unitsAt(p, end);
    if (units < 0) return 0;
    p = unitsEnd(p + headerBytes, end, units);
    if (p == 0) return 0;
  }
  return p;
}

function skipBinary(p: usize, end: usize): usize {
  while (true) {
    if (p >= end) return no(FAULT_SHORT);
    const c: u32 = load<u8>(p);
    let header: u32 = 1, bytes: u32 = c - 0x20;
    if (c >= 0x34 && c < 0x38) {
      if (p + 2 > end) return no(FAULT_SHORT);
      header = 2;
      bytes = ((c - 0x34) << 8) | load<u8>(p + 1);
    } else if (c == 0x41 || c == 0x42) {
      if (p + 3 > end) return no(FAULT_SHORT);
      header = 3;
      bytes = bswap<u16>(load<u16>(p + 1));
    } else if (c < 0x20 || c >= 0x30) return no(FAULT_BAD);
    if (<u32>(end - p) < header + bytes) return no(FAULT_SHORT);
    p += header + bytes;
    if (c != 0x41) return p;
  }
}

/** An int at p into `value`. */
function readInt(p: usize, end: usize): usize {
  if (p >= end) return no(FAULT_SHORT);
  const c: i32 = load<u8>(p);
  if (c >= 0x80 && c < 0xc0) { value = c - 0x90; return p + 1; }
  const bytes: u32 = c >= 0xc0 && c < 0xd0 ? 2 : c >= 0xd0 && c < 0xd8 ? 3 : c == 0x49 ? 5 : 0;
  if (bytes == 0) return no(FAULT_BAD);
  if (p + bytes > end) return no(FAULT_SHORT);
  if (bytes == 2) value = ((c - 0xc8) << 8) | load<u8>(p + 1);
  else if (bytes == 3) value = ((c - 0xd4) << 16) | bswap<u16>(load<u16>(p + 1));
  else value = bswap<u32>(load<u32>(p + 1));
  return p + bytes;
}

/** Does a string or null begin at p? */
export function isStringAt(p: usize): bool {
  const c: u32 = load<u8>(p);
  return c < 0x20 || (c >= 0x30 && c < 0x34) || c == STRING_FINAL || c == STRING_CHUNK || c == NULL;
}

/** The type of a list or map: its name, or the number of one that came before. */
export function hessianType(p: usize, end: usize): usize {
  if (p >= end) return no(FAULT_SHORT);
  return isStringAt(p) && load<u8>(p) != NULL ? skipString(p, end) : readInt(p, end);
}

function skipMany(p: usize, end: usize, count: u32, depth: u32): usize {
  while (count-- != 0) {
    p = hessianSkip(p, end, depth);
    if (p == 0) return 0;
  }
  return p;
}

/** Values up to END, `step` of which belong together. */
function skipUntilEnd(p: usize, end: usize, step: u32, depth: u32): usize {
  while (true) {
    if (p >= end) return no(FAULT_SHORT);
    if (load<u8>(p) == END) return p + 1;
    p = skipMany(p, end, step, depth);
    if (p == 0) return 0;
  }
}

/** A definition: name, number of fields, their names. */
function readClass(p: usize, end: usize): usize {
  p = skipString(p, end);
  if (p == 0) return 0;
  p = readInt(p, end);
  if (p == 0) return 0;
  const fields = value;
  if (fields < 0 || classCount == CLASSES_MAX) return no(FAULT_BAD);
  for (let i = 0; i < fields; i++) {
    p = skipString(p, end);
    if (p == 0) return 0;
  }
  store<u32>(classes + classCount++ * 4, fields);
  return p;
}

function skipObject(p: usize, end: usize, index: u32, depth: u32): usize {
  if (index >= classCount) return no(FAULT_BAD);
  return skipMany(p, end, load<u32>(classes + index * 4), depth);
}

function skipList(p: usize, end: usize, c: u32, depth: u32): usize {
  if (c == 0x55 || c == 0x56 || c < 0x78 && c >= 0x70) {
    p = hessianType(p, end);
    if (p == 0) return 0;
  }
  if (c == 0x55 || c == 0x57) return skipUntilEnd(p, end, 1, depth);
  if (c >= 0x70) return skipMany(p, end, c & 7, depth);
  p = readInt(p, end);
  if (p == 0) return 0;
  return value < 0 ? no(FAULT_BAD) : skipMany(p, end, value, depth);
}

/** Bytes of the values that have a fixed length, their first byte counted; 0: it is none of them. */
function fixedBytes(c: u32): u32 {
  if (c >= 0x80) return c < 0xc0 ? 1 : c < 0xd0 ? 2 : c < 0xd8 ? 3 : c < 0xf0 ? 1 : 2;
  if (c >= 0x38 && c < 0x40) return 3;
  switch (c) {
    case 0x46: case NULL: case 0x54: case 0x5b: case 0x5c: return 1;
    case 0x5d: return 2;
    case 0x5e: return 3;
    case 0x49: case 0x4b: case 0x59: case 0x5f: return 5;
    case 0x44: case 0x4a: case 0x4c: return 9;
  }
  return 0;
}

/** Position behind the value at p. `depth` is how many more values within values there may be. */
export function hessianSkip(p: usize, end: usize, depth: u32 = DEPTH_MAX): usize {
  if (p >= end) return no(FAULT_SHORT);
  if (depth == 0) return no(FAULT_BAD);
  let c: u32 = load<u8>(p);
  const fixed = fixedBytes(c);
  if (fixed != 0) return <u32>(end - p) < fixed ? no(FAULT_SHORT) : p + fixed;
  if (c < 0x20 || (c >= 0x30 && c < 0x34) || c == STRING_FINAL || c == STRING_CHUNK) return skipString(p, end);
  if (c < 0x38 || c == 0x41 || c == 0x42) return skipBinary(p, end);
  if (c == 0x51) return readInt(p + 1, end);
  while (c == 0x43) {
    p = readClass(p + 1, end);
    if (p == 0) return 0;
    if (p >= end) return no(FAULT_SHORT);
    c = load<u8>(p);
    if (c != 0x43 && c != 0x4f && (c < 0x60 || c > 0x6f)) return no(FAULT_BAD);
  }
  if (c >= 0x60 && c < 0x70) return skipObject(p + 1, end, c - 0x60, depth - 1);
  if (c == 0x4f) {
    p = readInt(p + 1, end);
    return p == 0 ? 0 : skipObject(p, end, <u32>value, depth - 1);
  }
  if ((c >= 0x55 && c <= 0x58) || (c >= 0x70 && c < 0x80)) return skipList(p + 1, end, c, depth - 1);
  if (c == 0x48) return skipUntilEnd(p + 1, end, 2, depth - 1);
  if (c != 0x4d) return no(FAULT_BAD);
  p = hessianType(p + 1, end);
  return p == 0 ? 0 : skipUntilEnd(p, end, 2, depth - 1);
}

/** Writes a string; returns the position behind it, or 0: it is no UTF-8 or too long for one piece, or has no room. */
export function writeHessianString(dst: usize, dstEnd: usize, p: usize, n: u32): usize {
  const units = isAscii(p, n) ? <i32>n : unitsOf(p, n);
  if (units < 0 || units > 0xffff || dst + 3 + n > dstEnd) return 0;
  if (units < 32) store<u8>(dst++, <u8>units);
  else if (units < 1024) {
    store<u16>(dst, bswap<u16>(<u16>(0x3000 | units)));
    dst += 2;
  } else {
    store<u8>(dst, <u8>STRING_FINAL);
    store<u16>(dst + 1, bswap<u16>(<u16>units));
    dst += 3;
  }
  return put(dst, p, n);
}
