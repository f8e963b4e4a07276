// Attachments to lines and back. They are the map at the end of a body, and as lines they are taken off it: `cutBytes`
// at its end are not the body's any more, and the encoder writes the map anew, behind it. Strings are pairs like any
// other; what is of another kind or form goes round as it came: `weft-pair: <hex name>=*<hex of the value>`. Values may
// refer to values before them by number, which holds as long as their order does, and it does.
import { TEXT_RPC_PAIR_LINE, TEXT_RPC_PAIR_LINE_BYTES, TEXT_RPC_PAIR_NAME,
  TEXT_RPC_PAIR_NAME_BYTES } from '../../generated/layouts';
import {
  cursor, isName, isOurs, nameAt, nameBytes, nextLine, readHex, readNumber, take, valueAt, valueBytes, write, writeHex,
  writePair,
} from '../text';
import { FASTJSON, SHAPE_ABSENT, SHAPE_MAP, SHAPE_NULL } from './frame';
import { hessianSkip, hessianString, writeHessianString } from './hessian';
import * as hessian from './hessian';
import { JSONB_END, JSONB_NULL, JSONB_OBJECT, jsonbSkip, jsonbString, writeJsonbString } from './jsonb';
import * as jsonb from './jsonb';
import { item, itemEnd } from './prefix';

const DASH: u32 = 45, EQUALS: u32 = 61, STAR: u32 = 42;
const HESSIAN_MAP: u32 = 0x48, HESSIAN_TYPED_MAP: u32 = 0x4d, HESSIAN_NULL: u32 = 0x4e, HESSIAN_END: u32 = 0x5a;

export let shape: u32 = 0;
export let cutBytes: u32 = 0;
export let groupAt: usize = 0;
export let groupBytes: u32 = 0;
export let timeoutMs: i32 = 0;

/** Writes the attachments [p, end) as lines; false: they are none. */
export function readPairs(p: usize, end: usize, serialization: u32): bool {
  groupBytes = 0;
  timeoutMs = 0;
  cutBytes = <u32>(end - p);
  shape = SHAPE_ABSENT;
  if (p == end) return true;
  return serialization == FASTJSON ? readJsonb(p, end) : readHessian(p, end);
}

function readHessian(p: usize, end: usize): bool {
  const c: u32 = load<u8>(p);
  shape = c == HESSIAN_NULL ? SHAPE_NULL : SHAPE_MAP;
  if (c == HESSIAN_NULL) return p + 1 == end;
  if (c == HESSIAN_TYPED_MAP) p = hessian.hessianType(p + 1, end);
  else if (c == HESSIAN_MAP) p++;
  else return false;
  if (p == 0) return false;
  cutBytes = <u32>(end - p);
  while (p < end && load<u8>(p) != HESSIAN_END) {
    p = hessianString(p, end);
    if (p == 0 || p == end) return false;
    const name = hessian.stringAt, n = hessian.isNull ? -1 : <i32>hessian.stringBytes;
    const from = p;
    if (hessian.isStringAt(p)) {
      p = hessianString(p, end);
      if (p != 0) takePair(name, n, hessian.stringAt, hessian.isNull ? -1 : <i32>hessian.stringBytes);
    } else {
      p = hessianSkip(p, end);
      if (p != 0) writeRaw(name, n, false, from, <u32>(p - from));
    }
    if (p == 0) return false;
  }
  return p + 1 == end;
}

function readJsonb(p: usize, end: usize): bool {
  p = item(p, end);
  if (p == 0 || itemEnd != end || p == end) return false;
  const c: u32 = load<u8>(p);
  shape = c == JSONB_NULL ? SHAPE_NULL : SHAPE_MAP;
  if (c == JSONB_NULL) return p + 1 == end;
  if (c != JSONB_OBJECT) return false;
  for (p++; p < end && load<u8>(p) != JSONB_END;) {
    const whole = p;
    p = jsonbString(p, end);
    if (p == 0 || p == end) return false;
    const from = p, plain = jsonb.textual;
    const name = plain ? jsonb.stringAt : whole;
    const n = jsonb.isNull ? -1 : plain ? <i32>jsonb.stringBytes : <i32>(from - whole);
    p = jsonbString(p, end);
    if (p != 0 && jsonb.textual && plain) {
      takePair(name, n, jsonb.stringAt, jsonb.isNull ? -1 : <i32>jsonb.stringBytes);
    } else {
      p = jsonbSkip(from, end);
      if (p == 0) return false;
      writeRaw(name, n, !plain, from, <u32>(p - from));
    }
  }
  return p + 1 == end;
}

/** One pair of strings. */
function takePair(name: usize, n: i32, value: usize, v: i32): void {
  writePair(name, n, value, v);
  if (n == 5 && v > 0 && load<u32>(name) == 0x756f7267 && load<u8>(name + 4) == 112) {               // group
    groupAt = value;
    groupBytes = v;
  }
  if (n == 7 && v > 0 && load<u32>(name) == 0x656d6974 && load<u32>(name + 3) == 0x74756f65) {       // timeout
    const ms = readNumber(value, v);
    if (ms > 0) timeoutMs = ms;
  }
}

/** A pair whose value, and whose name when `both`, go round as they came. */
function writeRaw(name: usize, n: i32, both: bool, value: usize, v: u32): void {
  write(TEXT_RPC_PAIR_LINE, TEXT_RPC_PAIR_LINE_BYTES);
  if (both && take(1)) store<u8>(cursor - 1, <u8>STAR);
  if (n >= 0) writeHex(name, n);
  else if (take(1)) store<u8>(cursor - 1, <u8>DASH);
  if (!take(2)) return;
  store<u8>(cursor - 2, <u8>EQUALS);
  store<u8>(cursor - 1, <u8>STAR);
  writeHex(value, v);
}

// Lines to attachments.

let dst: usize = 0;
let dstEnd: usize = 0;
let json: bool = false;

/**
 * Writes the end of a body at `to`: the attachments that the lines from `line` on stand for. Returns the position
 * behind it; 0: it has no room, or a line stands for no pair.
 */
export function writePairs(line: usize, end: usize, to: usize, toEnd: usize, serialization: u32, how: u32): usize {
  json = serialization == FASTJSON;
  dst = to;
  dstEnd = toEnd - 1;                             // the end of the map is written in any case
  const opened = how == SHAPE_MAP && !json;
  const begin: u32 = json ? 5 : opened ? 0 : 1;
  if (to + begin + 1 > toEnd) return 0;
  dst += begin;
  let count = 0;
  for (let next = nextLine(line, end); next != 0; next = nextLine(next, end)) {
    if (isOurs(nameAt, nameBytes) && !isName(nameAt, nameBytes, TEXT_RPC_PAIR_NAME, TEXT_RPC_PAIR_NAME_BYTES)) continue;
    if (!writeOne()) return 0;
    count++;
  }
  if (count == 0 && how == SHAPE_ABSENT) return to;
  if (count == 0 && how == SHAPE_NULL) {
    store<u8>(dst - 1, <u8>(json ? JSONB_NULL : HESSIAN_NULL));
  } else {
    if (!opened) store<u8>(to + begin - 1, <u8>(json ? JSONB_OBJECT : HESSIAN_MAP));
    store<u8>(dst++, <u8>(json ? JSONB_END : HESSIAN_END));
  }
  if (json) store<u32>(to, bswap<u32>(<u32>(dst - to - 4)));
  return dst;
}

function writeText(at: usize, n: u32): bool {
  dst = json ? writeJsonbString(dst, dstEnd, at, n) : writeHessianString(dst, dstEnd, at, n);
  return dst != 0;
}

/** The line that nextLine found. */
function writeOne(): bool {
  if (!isName(nameAt, nameBytes, TEXT_RPC_PAIR_NAME, TEXT_RPC_PAIR_NAME_BYTES))
    return writeText(nameAt, nameBytes) && writeText(valueAt, valueBytes);
  const end = valueAt + valueBytes;
  let split = valueAt;
  while (split < end && load<u8>(split) != EQUALS) split++;
  if (split == end) return false;
  return writeHalf(valueAt, <u32>(split - valueAt)) && writeHalf(split + 1, <u32>(end - split - 1));
}

function writeHalf(at: usize, n: u32): bool {
  const c: u32 = n == 0 ? 0 : load<u8>(at);
  if (c == DASH && n == 1) {
    if (dst >= dstEnd) return false;
    store<u8>(dst++, <u8>(json ? JSONB_NULL : HESSIAN_NULL));
    return true;
  }
  const raw = c == STAR;
  if (raw) { at++; n--; }
  const bytes = n >> 1;
  if (<u32>(dstEnd - dst) < bytes) return false;
  if (raw) {
    if (bytes == 0 || readHex(at, n, dst) < 0) return false;
    dst += bytes;
    return true;
  }
  const place = dstEnd - bytes;                   // what it says, behind where it will stand
  if (readHex(at, n, place) < 0) return false;
  const last = dstEnd;
  dstEnd = place;
  const good = writeText(place, bytes);
  dstEnd = last;
  return good;
}
