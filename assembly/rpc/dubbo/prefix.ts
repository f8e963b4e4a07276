// The strings at the beginning of a request's body, in either serialization: Dubbo's version, service, its version,
// method, and the descriptor of the arguments. In fastjson2's every item has its length before it.
import { FASTJSON, word } from './frame';
import * as hessian from './hessian';
import * as jsonb from './jsonb';

export let serviceAt: usize = 0;
export let serviceBytes: u32 = 0;
export let versionAt: usize = 0;
export let versionBytes: u32 = 0;
export let methodAt: usize = 0;
export let methodBytes: u32 = 0;
/** Of the arguments; -1: was not asked for. */
export let argumentCount: i32 = 0;
/** Behind the descriptor, when it was read. */
export let argumentsAt: usize = 0;

/** The string that itemString read. */
let at: usize = 0;
let bytes: u32 = 0;

/** Why readPrefix returned 0: one of hessian.ts. */
export let prefixFault: u32 = 0;

/** Begin and end of the item at p of a fastjson2 body; 0: it is not there whole. */
export let itemEnd: usize = 0;
export function item(p: usize, end: usize): usize {
  if (p + 4 > end || word(p) > <u32>(end - p - 4)) return 0;
  itemEnd = p + 4 + word(p);
  return p + 4;
}

/** The string or null at p; returns the position behind it. Other values have no bytes. */
function itemString(p: usize, end: usize, serialization: u32): usize {
  if (serialization != FASTJSON) {
    const next = hessian.hessianString(p, end);
    prefixFault = hessian.fault;
    at = hessian.stringAt;
    bytes = hessian.stringBytes;
    return next;
  }
  const begin = item(p, end);
  prefixFault = hessian.FAULT_SHORT;
  if (begin == 0) return 0;
  prefixFault = hessian.FAULT_BAD;
  if (jsonb.jsonbString(begin, itemEnd) != itemEnd) return 0;
  at = jsonb.stringAt;
  bytes = jsonb.textual ? jsonb.stringBytes : 0;
  return itemEnd;
}

/**
 * Reads up to the method, and up to the arguments too when `all`, or when the call is a generic one: its method is the
 * first argument. Returns the position behind what was read.
 */
export function readPrefix(p: usize, end: usize, serialization: u32, all: bool): usize {
  argumentCount = -1;
  p = itemString(p, end, serialization);
  if (p == 0) return 0;
  p = itemString(p, end, serialization);
  if (p == 0) return 0;
  serviceAt = at;
  serviceBytes = bytes;
  p = itemString(p, end, serialization);
  if (p == 0) return 0;
  versionAt = at;
  versionBytes = bytes;
  p = itemString(p, end, serialization);
  if (p == 0) return 0;
  methodAt = at;
  methodBytes = bytes;
  const generic = isGeneric();
  if (!all && !generic) return p;
  p = itemString(p, end, serialization);
  if (p == 0) return 0;
  argumentsAt = p;
  argumentCount = countArguments(at, bytes);
  if (argumentCount < 0) {
    prefixFault = hessian.FAULT_BAD;
    return 0;
  }
  if (!generic || argumentCount == 0) return p;
  if (itemString(p, end, serialization) == 0) return prefixFault == hessian.FAULT_SHORT ? 0 : p;
  if (bytes != 0) {
    methodAt = at;
    methodBytes = bytes;
  }
  return p;
}

/** $invoke or $invokeAsync? */
function isGeneric(): bool {
  if (methodBytes != 7 && methodBytes != 12) return false;
  const isInvoke = load<u32>(methodAt) == 0x766e6924 && load<u32>(methodAt + 3) == 0x656b6f76;     // $inv, voke
  return isInvoke && (methodBytes == 7 || (load<u32>(methodAt + 7) == 0x6e797341 && load<u8>(methodAt + 11) == 99));
}

/** Arguments of a descriptor (JVM specification 4.3.3, without parentheses); -1: it is none. */
function countArguments(p: usize, n: u32): i32 {
  let count = 0;
  for (const end = p + n; p < end; count++) {
    while (p < end && load<u8>(p) == 91) p++;                                    // [
    if (p == end) return -1;
    const c: u32 = load<u8>(p++);
    if (c == 76) {                                                               // L...;
      while (p < end && load<u8>(p) != 59) p++;
      if (p++ == end) return -1;
    } else if (c != 66 && c != 67 && c != 68 && c != 70 && c != 73 && c != 74 && c != 83 && c != 90) return -1;
  }
  return count;
}
