// Fields into a header block (RFC 7541 6). What repeats on a connection is indexed when it is met for the second time,
// so that values that come once (request ids, paths) do not drive out those that come again. A name that comes with
// ever new values is inserted once, for its index. Credentials are never indexed (7.1.3).
import {
  NAME_HASH_SEED, STATIC_AUTHORIZATION, STATIC_BY_NAME, STATIC_COOKIE, STATIC_PROXY_AUTHORIZATION, STATIC_SET_COOKIE,
  STATIC_LINES, STATIC_NAME_BYTES, STATIC_OFFSETS, STATIC_VALUE_BYTES,
} from '../generated/hpack';
import { equalBytes } from '../lib/bytes';
import { put } from '../lib/copy';
import { hashText } from './hash';
import {
  ENTRY_NAME_BYTES, ENTRY_VALUE_BYTES, FIELD_OVERHEAD, SLOT_NUMBER, clearDue, entryAt, indexOf, insertField, known,
  lineOf, setSizeMax, sizeDue, sizeLimit, sizeMax, slotIndex, slotOf,
} from './table';

const STATIC_COUNT: u32 = 61;
const INDEXED: u32 = 0x80;
const WITH_INDEXING: u32 = 0x40;
const NEVER_INDEXED: u32 = 0x10;
const WITHOUT_INDEXING: u32 = 0;
const SIZE_UPDATE: u32 = 0x20;
/** A field that fills more than a quarter of the table would drive out too much. */
const TABLE_SHARE: u32 = 4;
/** Tells a name's slot from a field's. */
const NAME_SALT: u32 = 0x5bd1e995;

/** Is a name of the static table one whose values are credentials? */
// @ts-ignore: decorator
@inline
export function isSecret(index: u32): bool {
  return index == STATIC_AUTHORIZATION || index == STATIC_COOKIE || index == STATIC_SET_COOKIE
    || index == STATIC_PROXY_AUTHORIZATION;
}

/** An integer under the bits of `first`; returns the position after it. */
// @ts-ignore: decorator
@inline
function writeInteger(p: usize, first: u32, mask: u32, value: u32): usize {
  if (value < mask) {
    store<u8>(p, <u8>(first | value));
    return p + 1;
  }
  return writeLongInteger(p, first, mask, value);
}
function writeLongInteger(p: usize, first: u32, mask: u32, value: u32): usize {
  store<u8>(p++, <u8>(first | mask));
  value -= mask;
  while (value >= 128) {
    store<u8>(p++, <u8>(value | 128));
    value >>= 7;
  }
  store<u8>(p, <u8>value);
  return p + 1;
}

// @ts-ignore: decorator
@inline
function writeString(p: usize, text: usize, n: u32): usize { return put(writeInteger(p, 0, 127, n), text, n); }

/** An index of the static or dynamic table as a whole field. */
export function writeIndexed(p: usize, index: u32): usize { return writeInteger(p, INDEXED, 127, index); }

/** The size updates that are due at the beginning of a block (RFC 7541 4.2). */
export function writeSizeUpdates(table: usize, p: usize): usize {
  const least = sizeDue(table), limit = sizeLimit(table);
  if (least < sizeMax(table) && least < limit) {
    setSizeMax(table, least);
    p = writeInteger(p, SIZE_UPDATE, 31, least);
  }
  clearDue(table);
  if (limit == sizeMax(table)) return p;
  setSizeMax(table, limit);
  return writeInteger(p, SIZE_UPDATE, 31, limit);
}

/** First static index of a name, or its index behind the table; 0 = none. */
export function staticName(name: usize, n: u32, hash: u64): u32 {
  const index: u32 = load<u8>(STATIC_BY_NAME + <usize>(hash & 255));
  if (index == 0 || load<u8>(STATIC_NAME_BYTES + index) != n) return 0;
  return equalBytes(STATIC_LINES + load<u16>(STATIC_OFFSETS + (<usize>index << 1)), name, n) ? index : 0;
}

/** Is the entry of this index the field? */
function isField(table: usize, index: u32, name: usize, n: u32, value: usize, v: u32): bool {
  const entry = entryAt(table, index);
  if (load<u32>(entry, ENTRY_NAME_BYTES) != n || load<u32>(entry, ENTRY_VALUE_BYTES) != v) return false;
  const line = lineOf(table, entry);
  if (value == name + n + 2) return equalBytes(line, name, n + v + 2);
  return equalBytes(line, name, n) && equalBytes(line + n + 2, value, v);
}

/** Dynamic index of a name, or 0 when it has none; `known` says whether it was met before. */
function nameIndexOf(table: usize, slot: usize, name: usize, n: u32): u32 {
  const index = slotIndex(table, slot);
  if (index == 0) return 0;
  const entry = entryAt(table, index);
  return load<u32>(entry, ENTRY_NAME_BYTES) == n && equalBytes(lineOf(table, entry), name, n) ? index : 0;
}

/** A field that nobody on the way may index, under the name's static index or 0. */
export function writeNeverIndexed(p: usize, fixed: u32, name: usize, n: u32, value: usize, v: u32): usize {
  p = writeInteger(p, NEVER_INDEXED, 15, fixed);
  if (fixed == 0) p = writeString(p, name, n);
  return writeString(p, value, v);
}

/** Writes one field; its name is in lower case. Returns the position after it. */
export function writeField(table: usize, p: usize, name: usize, n: u32, value: usize, v: u32): usize {
  const hash = hashText(name, n, NAME_HASH_SEED);
  return writeHashed(table, p, name, n, value, v, hash, staticName(name, n, hash));
}

/** As writeField, of a name whose hash and static index are known. */
export function writeHashed(table: usize, p: usize, name: usize, n: u32, value: usize, v: u32, hash: u64,
    fixed: u32): usize {
  if (fixed != 0) {
    if (isSecret(fixed)) return writeNeverIndexed(p, fixed, name, n, value, v);
    if (load<u8>(STATIC_VALUE_BYTES + fixed) == v
        && equalBytes(STATIC_LINES + load<u16>(STATIC_OFFSETS + (<usize>fixed << 1)) + n + 2, value, v))
      return writeIndexed(p, fixed);
  }
  const slot = slotOf(table, <u32>hashText(value, v, hash));
  let insert = known;
  const index = insert ? slotIndex(table, slot) : 0;
  if (index != 0 && isField(table, index, name, n, value, v)) return writeIndexed(p, STATIC_COUNT + index);
  let nameIndex = fixed, nameSlot: usize = 0;
  if (fixed == 0) {
    nameSlot = slotOf(table, <u32>hash ^ NAME_SALT);
    if (known) {
      const named = nameIndexOf(table, nameSlot, name, n);
      if (named != 0) nameIndex = STATIC_COUNT + named;
      else insert = true;
    }
  }
  if ((n + v + FIELD_OVERHEAD) * TABLE_SHARE > sizeMax(table)) insert = false;
  p = insert ? writeInteger(p, WITH_INDEXING, 63, nameIndex) : writeInteger(p, WITHOUT_INDEXING, 15, nameIndex);
  if (nameIndex == 0) p = writeString(p, name, n);
  if (insert) {
    const number = insertField(table, name, n, value, v);
    if (slot != 0) store<u32>(slot, number, SLOT_NUMBER);
    if (nameSlot != 0) store<u32>(nameSlot, number, SLOT_NUMBER);
  }
  return writeString(p, value, v);
}
