// One field representation of a header block (RFC 7541 6) into one canonical line. The dynamic table is kept in step
// whatever becomes of the field: one that does not fit the text is told by `over` and is inserted all the same.
import {
  KIND_PLAIN, STATIC_KINDS, STATIC_LINES, STATIC_NAME_BYTES, STATIC_OFFSETS, STATIC_VALUE_BYTES,
} from '../generated/hpack';
import {
  H2_REFUSAL_BAD_INDEX, H2_REFUSAL_BAD_INTEGER, H2_REFUSAL_BAD_SIZE_UPDATE, H2_REFUSAL_BAD_STRING,
  H2_REFUSAL_TEXT_TOO_SMALL,
} from '../generated/layouts';
import { fieldValueEnd } from '../lib/bytes';
import { put } from '../lib/copy';
import { isSecret } from './encoder';
import { decodedMax, huffmanDecode, huffmanLength } from './huffman';
import { META_BAD_VALUE, META_KIND, metaOfName } from './names';
import {
  ENTRY_META, ENTRY_NAME_BYTES, ENTRY_VALUE_BYTES, FIELD_OVERHEAD, LINE_OVERHEAD, clearDue, entryAt, insertLine,
  lineOf, setSizeMax, sizeDue, sizeLimit, sizeMax,
} from './table';

const STATIC_COUNT: u32 = 61;
/** Above this no integer of a block makes sense; it keeps sums of two below 2^31. */
const INTEGER_MAX: u32 = 0x3fffffff;

/** The field that nextField found last. The line lies where nextField was told, unless the field is `over`. */
export let nameBytes: u32 = 0;
export let valueBytes: u32 = 0;
export let meta: u32 = 0;
/** 1: the field must never be indexed (RFC 7541 6.2.3), which its line tells by a second space behind the colon. */
export let mark: u32 = 0;
/** The line does not fit. */
export let over: bool = false;
/** H2_REFUSAL_* of a block that cannot be decoded. */
export let fault: u32 = 0;

let integer: u32 = 0;
let stringBytes: u32 = 0;

function fail(why: u32): usize {
  fault = why;
  return 0;
}

/** An integer (RFC 7541 5.1) into `integer`; returns the position after it or 0. */
// @ts-ignore: decorator
@inline
function readInteger(p: usize, end: usize, mask: u32): usize {
  const value = load<u8>(p) & mask;
  if (value != mask) {
    integer = value;
    return p + 1;
  }
  return longInteger(p + 1, end, mask);
}
function longInteger(p: usize, end: usize, mask: u32): usize {
  let value: u64 = mask;
  for (let shift: u32 = 0; p < end && shift <= 28; shift += 7) {
    const byte: u64 = load<u8>(p++);
    value += (byte & 127) << shift;
    if (byte & 128) continue;
    if (value > INTEGER_MAX) break;
    integer = <u32>value;
    return p;
  }
  return fail(H2_REFUSAL_BAD_INTEGER);
}

/** A string (5.2) to `q`, or its length alone when it ends beyond `stop`; returns the position after it or 0. */
function readString(p: usize, end: usize, q: usize, stop: usize): usize {
  if (p >= end) return fail(H2_REFUSAL_BAD_STRING);
  const coded = load<u8>(p) >> 7;
  const from = readInteger(p, end, 127);
  if (from == 0) return 0;
  const bytes = integer;
  if (<usize>bytes > end - from) return fail(H2_REFUSAL_BAD_STRING);
  const room: u32 = q < stop ? <u32>(stop - q) : 0;
  if (!coded) {
    stringBytes = bytes;
    if (bytes > room) over = true;
    else put(q, from, bytes);
    return from + bytes;
  }
  let given: i32 = 0;
  if (over || decodedMax(bytes) > room) {
    given = huffmanLength(from, bytes);
    if (given >= 0 && <u32>given > room) over = true;
    if (given >= 0 && !over) huffmanDecode(from, bytes, q);
  } else {
    given = huffmanDecode(from, bytes, q);
  }
  if (given < 0) return fail(H2_REFUSAL_BAD_STRING);
  stringBytes = <u32>given;
  return from + bytes;
}

/** Size updates at the beginning of a block (4.2, 6.3); returns the position after them or 0. */
export function sizeUpdates(table: usize, p: usize, end: usize): usize {
  fault = 0;
  let due = sizeDue(table);
  while (p < end && (load<u8>(p) & 0xe0) == 0x20) {
    p = readInteger(p, end, 31);
    if (p == 0) return 0;
    if (integer > sizeLimit(table)) return fail(H2_REFUSAL_BAD_SIZE_UPDATE);
    if (integer <= due) due = 0xffffffff;
    setSizeMax(table, integer);
  }
  if (due != 0xffffffff) {
    if (p == end) return p;                 // an empty block says nothing
    return fail(H2_REFUSAL_BAD_SIZE_UPDATE);
  }
  clearDue(table);
  return p;
}

/**
 * Decodes the representation at p into a line at q that ends before `stop`; returns the position after it or 0. A line
 * that does not fit there, but has to be inserted, takes all the room from `start` on.
 */
export function nextField(table: usize, p: usize, end: usize, start: usize, q: usize, stop: usize): usize {
  const first: u32 = load<u8>(p);
  if (first & 0x80) {
    mark = 0;
    const after = readInteger(p, end, 127);
    if (after != 0 && !indexed(table, integer, q, stop)) return 0;
    return after;
  }
  if ((first & 0xe0) == 0x20) return fail(H2_REFUSAL_BAD_SIZE_UPDATE);
  if (!(first & 0x40)) return literal(table, p, end, q, stop, 15, (first & 0x10) != 0);
  let after = literal(table, p, end, q, stop, 63, false);
  if (after == 0) return 0;
  if (!over) {
    insertLine(table, q, nameBytes, valueBytes, meta);
    return after;
  }
  if (nameBytes + valueBytes + FIELD_OVERHEAD <= sizeMax(table)) {
    after = literal(table, p, end, start, stop, 63, false);
    if (over) return fail(H2_REFUSAL_TEXT_TOO_SMALL);
  }
  insertLine(table, start, nameBytes, valueBytes, meta);
  over = true;
  return after;
}

/** The whole line of an index. */
function indexed(table: usize, index: u32, q: usize, stop: usize): bool {
  let line: usize = 0;
  if (index <= STATIC_COUNT) {
    if (index == 0) return fail(H2_REFUSAL_BAD_INDEX) != 0;
    nameBytes = load<u8>(STATIC_NAME_BYTES + index);
    valueBytes = load<u8>(STATIC_VALUE_BYTES + index);
    meta = load<u8>(STATIC_KINDS + index);
    line = STATIC_LINES + load<u16>(STATIC_OFFSETS + (<usize>index << 1));
  } else {
    const entry = entryAt(table, index - STATIC_COUNT);
    if (entry == 0) return fail(H2_REFUSAL_BAD_INDEX) != 0;
    nameBytes = load<u32>(entry, ENTRY_NAME_BYTES);
    valueBytes = load<u32>(entry, ENTRY_VALUE_BYTES);
    meta = load<u32>(entry, ENTRY_META);
    line = lineOf(table, entry);
  }
  const bytes = nameBytes + valueBytes + LINE_OVERHEAD;
  over = q + bytes > stop;
  if (!over) put(q, line, bytes);
  return true;
}

/** The name of an index, as the beginning of a line. */
function indexedName(table: usize, index: u32, q: usize, stop: usize): bool {
  let name: usize = 0;
  if (index <= STATIC_COUNT) {
    nameBytes = load<u8>(STATIC_NAME_BYTES + index);
    meta = load<u8>(STATIC_KINDS + index);
    name = STATIC_LINES + load<u16>(STATIC_OFFSETS + (<usize>index << 1));
  } else {
    const entry = entryAt(table, index - STATIC_COUNT);
    if (entry == 0) return fail(H2_REFUSAL_BAD_INDEX) != 0;
    nameBytes = load<u32>(entry, ENTRY_NAME_BYTES);
    meta = load<u32>(entry, ENTRY_META) & ~META_BAD_VALUE;
    name = lineOf(table, entry);
  }
  over = q + nameBytes + LINE_OVERHEAD > stop;
  if (!over) put(q, name, nameBytes);
  return true;
}

function literal(table: usize, p: usize, end: usize, q: usize, stop: usize, mask: u32, neverIndexed: bool): usize {
  over = false;
  p = readInteger(p, end, mask);
  if (p == 0) return 0;
  const index = integer;
  if (integer != 0) {
    if (!indexedName(table, integer, q, stop)) return 0;
  } else {
    p = readString(p, end, q, stop - LINE_OVERHEAD);
    if (p == 0) return 0;
    nameBytes = stringBytes;
    if (!over) meta = metaOfName(q, nameBytes);
  }
  // Others are no lines, or are never indexed whoever says so.
  mark = neverIndexed && (meta & META_KIND) == KIND_PLAIN && !isSecret(index) ? 1 : 0;
  const value = q + nameBytes + 2 + mark;
  p = readString(p, end, value, stop - 2);
  if (p == 0) return 0;
  valueBytes = stringBytes;
  if (over) return p;
  store<u16>(q + nameBytes, 0x203a);
  if (mark) store<u8>(value - 1, 32);
  const valueEnd = value + valueBytes;
  store<u16>(valueEnd, 0x0a0d);
  if (valueBytes != 0 && (fieldValueEnd(value, valueEnd) != valueEnd || isSpace(value) || isSpace(valueEnd - 1)))
    meta |= META_BAD_VALUE;
  return p;
}
// @ts-ignore: decorator
@inline
function isSpace(p: usize): bool { return load<u8>(p) == 32 || load<u8>(p) == 9; }
