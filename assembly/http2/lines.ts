// Canonical lines, as the encoders of HTTP/1 and this codec's decoder write them. They were judged where they came
// from; here it only matters that a line cannot be taken for another, so control characters are refused and names are
// lowered.
import { fieldValueEnd } from '../lib/bytes';

/** The line that nextLine found last. */
export let nameAt: usize = 0;
export let nameBytes: u32 = 0;
export let valueAt: usize = 0;
export let valueBytes: u32 = 0;

/** Where lines are kept: as HeaderLine records. */
export const LINE_NAME_AT: usize = 0;
export const LINE_NAME_BYTES: usize = 4;
export const LINE_VALUE_AT: usize = 8;
export const LINE_VALUE_BYTES: usize = 12;
export const LINE_BYTES: u32 = 16;

// @ts-ignore: decorator
@inline
function isSpace(p: usize): bool { return load<u8>(p) == 32 || load<u8>(p) == 9; }

/** Finds the line at p; returns the position after it, or 0 when it is none. Its name is lowered where it lies. */
// @ts-ignore: decorator
@inline
export function nextLine(p: usize, end: usize): usize {
  const colon = nameEnd(p, end);
  if (colon == 0 || colon == p) return 0;
  nameAt = p;
  nameBytes = <u32>(colon - p);
  let value = colon + 1;
  const next = fieldValueEnd(value, end);
  if (next + 2 > end || load<u16>(next) != 0x0a0d) return 0;
  let stop = next;
  while (value < stop && isSpace(value)) value++;
  while (value < stop && isSpace(stop - 1)) stop--;
  valueAt = value;
  valueBytes = <u32>(stop - value);
  return next + 2;
}

/** Position of the colon that ends the name at p; 0 = there is none. */
function nameEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    const colons = i8x16.splat(58), upper = i8x16.splat(65), letters = i8x16.splat(26), low = i8x16.splat(0x21);
    while (p + 16 <= end) {
      const v = v128.load(p);
      const found = i8x16.bitmask(i8x16.eq(v, colons));
      const name = found ? (found & -found) - 1 : 0xffff;
      if (i8x16.bitmask(v128.or(i8x16.lt_u(i8x16.sub(v, upper), letters), i8x16.lt_u(v, low))) & name) break;
      if (found) return p + ctz(found);
      p += 16;
    }
  }
  for (; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c == 58) return p;
    if (c < 0x21) return 0;
    if (c - 65 < 26) store<u8>(p, <u8>(c | 32));
  }
  return 0;
}

/** Keeps all lines from p up to the empty line that ends at `end`; returns how many, or -1. */
export function keepLines(p: usize, end: usize, lines: usize, countMax: u32): i32 {
  let count: u32 = 0;
  while (p + 2 <= end && load<u16>(p) != 0x0a0d) {
    p = nextLine(p, end);
    if (p == 0 || count == countMax) return -1;
    store<u32>(lines, <u32>nameAt, LINE_NAME_AT);
    store<u32>(lines, nameBytes, LINE_NAME_BYTES);
    store<u32>(lines, <u32>valueAt, LINE_VALUE_AT);
    store<u32>(lines, valueBytes, LINE_VALUE_BYTES);
    lines += LINE_BYTES;
    count++;
  }
  return p + 2 == end ? <i32>count : -1;
}
