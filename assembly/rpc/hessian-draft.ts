// The little of Hessian's draft dialect (3.x, as SOFARPC writes it) that finds a method's name in a request's content:
// one object's definition, and strings in front of the field. Anything else is given up.
import { TEXT_BOLT_METHOD_FIELD, TEXT_BOLT_METHOD_FIELD_BYTES } from '../generated/layouts';
import { equalBytes } from '../lib/bytes';

/** More fields than a SofaRequest has are not looked through. */
const FIELDS_MAX: i32 = 32;

/** The name that methodName found; 0 bytes: none. */
export let methodAt: usize = 0;
export let methodBytes: u32 = 0;
export function noMethod(): void { methodBytes = 0; }
export function isMethod(at: usize, bytes: u32): void {
  methodAt = at;
  methodBytes = bytes;
}

let number: i32 = 0;

/** An int into `number`; returns the position behind it, or 0. */
function readInt(p: usize, end: usize): usize {
  if (p >= end) return 0;
  const code: i32 = load<u8>(p);
  if (code >= 0x80 && code <= 0xbf) { number = code - 0x90; return p + 1; }
  if (code >= 0xc0 && code <= 0xcf && p + 2 <= end) {
    number = ((code - 0xc8) << 8) + <i32>load<u8>(p + 1);
    return p + 2;
  }
  return 0;
}

/** A string of one piece: its bytes are [textAt, the position that is returned); 0: it is none. */
let textAt: usize = 0;
function readString(p: usize, end: usize): usize {
  if (p >= end) return 0;
  const code: u32 = load<u8>(p);
  let units: u32 = code;
  if (code > 31) {
    if (code != 0x53 || p + 3 > end) return 0;
    units = <u32>load<u8>(p + 1) << 8 | load<u8>(p + 2);
    p += 2;
  }
  textAt = p + 1;
  return skipUnits(textAt, end, units);
}

/** Lengths count UTF-16 units: a sequence of four bytes is two of them. */
function skipUnits(p: usize, end: usize, units: u32): usize {
  while (units > 0) {
    if (p >= end) return 0;
    const lead: u32 = load<u8>(p);
    const bytes: usize = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (bytes == 4) {
      if (units < 2) return 0;
      units--;
    }
    units--;
    p += bytes;
  }
  return p <= end ? p : 0;
}

/** Finds the value of the field methodName of the object that begins at p. */
export function findMethod(p: usize, end: usize): void {
  methodBytes = 0;
  if (p >= end || load<u8>(p) != 0x4f) return;
  p = readInt(p + 1, end);
  if (p == 0 || number < 0) return;
  p = skipUnits(p, end, number);
  if (p == 0) return;
  p = readInt(p, end);
  if (p == 0 || number < 0 || number > FIELDS_MAX) return;
  const fields = number;
  let wanted = -1;
  for (let i = 0; i < fields; i++) {
    p = readString(p, end);
    if (p == 0) return;
    if (<u32>(p - textAt) == TEXT_BOLT_METHOD_FIELD_BYTES
        && equalBytes(textAt, TEXT_BOLT_METHOD_FIELD, TEXT_BOLT_METHOD_FIELD_BYTES)) wanted = i;
  }
  if (wanted < 0 || p >= end || load<u8>(p) != 0x6f) return;
  p = readInt(p + 1, end);
  for (let i = 0; p != 0 && i <= wanted; i++) {
    if (p < end && load<u8>(p) == 0x4e) { p++; if (i == wanted) return; continue; }
    p = readString(p, end);
    if (p == 0 || i < wanted) continue;
    methodAt = textAt;
    methodBytes = <u32>(p - textAt);
  }
}
