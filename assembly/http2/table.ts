// A dynamic table of HPACK (RFC 7541 2.3, 4), for a decoder or an encoder, in one block:
//
//   fields of TABLE_* | a ring of ENTRY_* by number of insertion | lines | (encoder) slots by hash
//
// An entry is its canonical line, `name: value\r\n`, so that a decoder gives an indexed field by one copy. The lines
// follow each other in the order of insertion and are moved to the front when the end is reached: four bytes of a line
// are not name or value, the RFC counts 32 for each, so the live lines always fit the capacity. Positions count on
// from the first insertion; `base` is the position that the first byte of the lines has now.
import { put } from '../lib/copy';

/** Bytes that RFC 7541 4.1 adds to name and value. */
export const FIELD_OVERHEAD: u32 = 32;
/** `: ` and CR LF. */
export const LINE_OVERHEAD: u32 = 4;
/** What both sides assume before any SETTINGS. */
export const INITIAL_BYTES: u32 = 4096;
export const CAPACITY_MAX: u32 = 65536;
const COPY_SLACK: u32 = 16;

const TABLE_CAPACITY: usize = 0;       // what the block was made for
const TABLE_LIMIT: usize = 4;          // what SETTINGS allow
const TABLE_MAX: usize = 8;            // the maximum size in force (RFC 7541 4.3)
const TABLE_SIZE: usize = 12;
const TABLE_INSERTED: usize = 16;      // insertions so far
const TABLE_COUNT: usize = 20;
const TABLE_HEAD: usize = 24;          // position of the next line
const TABLE_BASE: usize = 28;
const TABLE_LEAST: usize = 32;         // decoder: a size update to at most this is due; encoder: to this; NOT_DUE
const TABLE_MASK: usize = 36;
const TABLE_LINES: usize = 40;         // offset of the lines
const TABLE_SLOTS: usize = 44;         // offset of the slots
const TABLE_HEADER_BYTES: u32 = 64;
const NOT_DUE: u32 = 0xffffffff;

/** Entry of the ring. `meta` is the decoder's: what the name is (fields.ts). */
const ENTRY_POSITION: usize = 0;
export const ENTRY_NAME_BYTES: usize = 4;
export const ENTRY_VALUE_BYTES: usize = 8;
export const ENTRY_META: usize = 12;
const ENTRY_BYTES: u32 = 16;

/** Slots of an encoder, in pairs: hash, and 1 + number of insertion (0 = seen, not inserted). */
export const SLOT_HASH: usize = 0;
export const SLOT_NUMBER: usize = 4;
const SLOT_BYTES: u32 = 8;
const SLOT_COUNT: u32 = 128;

// @ts-ignore: decorator
@inline
function usable(capacity: u32): u32 { return max(INITIAL_BYTES, min(capacity, CAPACITY_MAX)); }
/** Entries that fit at most, up to a power of two. */
function ringCount(capacity: u32): u32 {
  const most = capacity / FIELD_OVERHEAD;
  return most <= 1 ? 1 : <u32>1 << (32 - clz<u32>(most - 1));
}

export function hpackTableBytes(capacity: u32, encoder: u32): u32 {
  const bytes = usable(capacity);
  const slots: u32 = encoder != 0 ? SLOT_COUNT * SLOT_BYTES : 0;
  return TABLE_HEADER_BYTES + ringCount(bytes) * ENTRY_BYTES + bytes + COPY_SLACK + slots;
}

export function hpackReset(table: usize, capacity: u32, encoder: u32): void {
  const bytes = usable(capacity), ring = ringCount(bytes);
  memory.fill(table, 0, TABLE_HEADER_BYTES);
  store<u32>(table, bytes, TABLE_CAPACITY);
  store<u32>(table, INITIAL_BYTES, TABLE_LIMIT);
  store<u32>(table, INITIAL_BYTES, TABLE_MAX);
  store<u32>(table, NOT_DUE, TABLE_LEAST);
  store<u32>(table, ring - 1, TABLE_MASK);
  store<u32>(table, TABLE_HEADER_BYTES + ring * ENTRY_BYTES, TABLE_LINES);
  const slotsAt = TABLE_HEADER_BYTES + ring * ENTRY_BYTES + bytes + COPY_SLACK;
  store<u32>(table, slotsAt, TABLE_SLOTS);
  if (encoder != 0) memory.fill(table + slotsAt, 0, SLOT_COUNT * SLOT_BYTES);
}

/**
 * Another limit by SETTINGS. A decoder then expects the peer to go down to it (RFC 7541 4.2); an encoder goes to it
 * at the next block, and first to the least that there was since the last one.
 */
export function hpackResize(table: usize, bytes: u32): void {
  const limit = min(bytes, load<u32>(table, TABLE_CAPACITY));
  store<u32>(table, limit, TABLE_LIMIT);
  if (limit < min(load<u32>(table, TABLE_MAX), load<u32>(table, TABLE_LEAST))) store<u32>(table, limit, TABLE_LEAST);
}

export function sizeLimit(table: usize): u32 { return load<u32>(table, TABLE_LIMIT); }
export function sizeMax(table: usize): u32 { return load<u32>(table, TABLE_MAX); }
/** The size that an update has to name first, or at most; 0xffffffff = none is due. */
export function sizeDue(table: usize): u32 { return load<u32>(table, TABLE_LEAST); }
export function clearDue(table: usize): void { store<u32>(table, NOT_DUE, TABLE_LEAST); }

/** A size update of a block takes force. */
export function setSizeMax(table: usize, bytes: u32): void {
  store<u32>(table, bytes, TABLE_MAX);
  evictTo(table, bytes);
}

/** Drops the oldest entries until the size is at most `bytes`. */
function evictTo(table: usize, bytes: u32): void {
  let size = load<u32>(table, TABLE_SIZE), count = load<u32>(table, TABLE_COUNT);
  if (size <= bytes) return;
  const mask = load<u32>(table, TABLE_MASK);
  let oldest = load<u32>(table, TABLE_INSERTED) - count;
  while (size > bytes) {
    const entry = table + TABLE_HEADER_BYTES + (<usize>(oldest++ & mask) << 4);
    size -= load<u32>(entry, ENTRY_NAME_BYTES) + load<u32>(entry, ENTRY_VALUE_BYTES) + FIELD_OVERHEAD;
    count--;
  }
  store<u32>(table, size, TABLE_SIZE);
  store<u32>(table, count, TABLE_COUNT);
}

/** The entry of a dynamic index, 1 = the newest; 0 when there is none. */
export function entryAt(table: usize, index: u32): usize {
  if (index - 1 >= load<u32>(table, TABLE_COUNT)) return 0;
  const number = load<u32>(table, TABLE_INSERTED) - index;
  return table + TABLE_HEADER_BYTES + (<usize>(number & load<u32>(table, TABLE_MASK)) << 4);
}

/** Where the canonical line of an entry lies; until the next insertion. */
export function lineOf(table: usize, entry: usize): usize {
  return table + load<u32>(table, TABLE_LINES) + (load<u32>(entry, ENTRY_POSITION) - load<u32>(table, TABLE_BASE));
}

/** Dynamic index of the entry inserted as `number`; 0 when it is gone. */
export function indexOf(table: usize, number: u32): u32 {
  const index = load<u32>(table, TABLE_INSERTED) - number;
  return index - 1 < load<u32>(table, TABLE_COUNT) ? index : 0;
}

/**
 * The slot of a hash, one of two, and whether it was `known`. A hash that has none takes one whose entry is gone or
 * never was; 0 when both have theirs, for three that took turns would never find anything.
 */
export function slotOf(table: usize, hash: u32): usize {
  const pair = table + load<u32>(table, TABLE_SLOTS) + <usize>(hash & (SLOT_COUNT - 2)) * SLOT_BYTES;
  known = true;
  if (load<u32>(pair, SLOT_HASH) == hash) return pair;
  if (load<u32>(pair + SLOT_BYTES, SLOT_HASH) == hash) return pair + SLOT_BYTES;
  known = false;
  const slot = slotIndex(table, pair) == 0 ? pair : pair + SLOT_BYTES;
  if (slot != pair && slotIndex(table, slot) != 0) return 0;
  store<u32>(slot, hash, SLOT_HASH);
  store<u32>(slot, 0, SLOT_NUMBER);
  return slot;
}

/** Dynamic index of the entry of a slot, when it is still there; else 0. */
export function slotIndex(table: usize, slot: usize): u32 {
  const number = load<u32>(slot, SLOT_NUMBER);
  return number == 0 ? 0 : indexOf(table, number - 1);
}
export let known: bool = false;

/** Inserts the field whose canonical line is at `line`, not in the table itself. */
export function insertLine(table: usize, line: usize, nameBytes: u32, valueBytes: u32, meta: u32): void {
  const to = makeEntry(table, nameBytes, valueBytes, meta);
  if (to != 0) put(to, line, nameBytes + valueBytes + LINE_OVERHEAD);
}

/** Inserts a field; returns 1 + the number of the insertion, or 0 when it is larger than the table. */
export function insertField(table: usize, name: usize, nameBytes: u32, value: usize, valueBytes: u32): u32 {
  let p = makeEntry(table, nameBytes, valueBytes, 0);
  if (p == 0) return 0;
  p = put(p, name, nameBytes);
  store<u16>(p, 0x203a);
  p = put(p + 2, value, valueBytes);
  store<u16>(p, 0x0a0d);
  return load<u32>(table, TABLE_INSERTED);
}

/**
 * Makes room for a line, which the caller writes at the address returned; 0 when the field is larger than the table,
 * which empties it (RFC 7541 4.4).
 */
function makeEntry(table: usize, nameBytes: u32, valueBytes: u32, meta: u32): usize {
  const most = load<u32>(table, TABLE_MAX), size = nameBytes + valueBytes + FIELD_OVERHEAD;
  if (size > most) {
    evictTo(table, 0);
    return 0;
  }
  evictTo(table, most - size);
  const bytes = nameBytes + valueBytes + LINE_OVERHEAD;
  const head = load<u32>(table, TABLE_HEAD);
  if (head - load<u32>(table, TABLE_BASE) + bytes > load<u32>(table, TABLE_CAPACITY)) moveToFront(table);
  const number = load<u32>(table, TABLE_INSERTED);
  const entry = table + TABLE_HEADER_BYTES + (<usize>(number & load<u32>(table, TABLE_MASK)) << 4);
  store<u32>(entry, head, ENTRY_POSITION);
  store<u32>(entry, nameBytes, ENTRY_NAME_BYTES);
  store<u32>(entry, valueBytes, ENTRY_VALUE_BYTES);
  store<u32>(entry, meta, ENTRY_META);
  store<u32>(table, head + bytes, TABLE_HEAD);
  store<u32>(table, number + 1, TABLE_INSERTED);
  store<u32>(table, load<u32>(table, TABLE_COUNT) + 1, TABLE_COUNT);
  store<u32>(table, load<u32>(table, TABLE_SIZE) + size, TABLE_SIZE);
  return lineOf(table, entry);
}

/** The oldest live line becomes the first of the lines. */
function moveToFront(table: usize): void {
  const head = load<u32>(table, TABLE_HEAD), count = load<u32>(table, TABLE_COUNT);
  const oldest = count == 0 ? head : load<u32>(entryAt(table, count), ENTRY_POSITION);
  const lines = table + load<u32>(table, TABLE_LINES);
  memory.copy(lines, lines + (oldest - load<u32>(table, TABLE_BASE)), head - oldest);
  store<u32>(table, oldest, TABLE_BASE);
}
