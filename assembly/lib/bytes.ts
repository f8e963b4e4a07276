// Byte runs: the scans and comparisons that every codec needs. Nothing here reads at or beyond the given end.
import { TOKEN_LOWER } from '../generated/layouts';

/**
 * First byte in [p, end) that may not stand in a field value: below 0x20 except tab, or 0x7f (RFC 9110 5.5). Returns
 * `end` if none.
 */
// @ts-ignore: decorator
@inline
export function fieldValueEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    const space = i8x16.splat(0x20), tab = i8x16.splat(9), del = i8x16.splat(0x7f);
    while (p + 16 <= end) {
      const v = v128.load(p);
      const bad = v128.or(v128.andnot(i8x16.lt_u(v, space), i8x16.eq(v, tab)), i8x16.eq(v, del));
      if (v128.any_true(bad)) return p + ctz(i8x16.bitmask(bad));
      p += 16;
    }
  }
  while (p < end) {
    const c = load<u8>(p);
    if ((c < 0x20 && c != 9) || c == 0x7f) return p;
    p++;
  }
  return p;
}

/** First byte in [p, end) that may not stand in a request target: up to 0x20, 0x7f and above (RFC 3986 is ASCII). */
// @ts-ignore: decorator
@inline
export function targetEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    const low = i8x16.splat(0x21), high = i8x16.splat(0x7e);
    while (p + 16 <= end) {
      const v = v128.load(p);
      // Signed comparison: 0x80 and above are negative, so they are below 0x21 too.
      const bad = v128.or(i8x16.lt_s(v, low), i8x16.gt_s(v, high));
      if (v128.any_true(bad)) return p + ctz(i8x16.bitmask(bad));
      p += 16;
    }
  }
  while (p < end) {
    const c = load<u8>(p);
    if (c < 0x21 || c > 0x7e) return p;
    p++;
  }
  return p;
}

/** Is every one of the n bytes below 0x80? */
export function isAscii(p: usize, n: u32): bool {
  const end = p + n;
  if (ASC_FEATURE_SIMD) {
    if (n >= 16) {
      const last = end - 16;
      for (; p + 64 <= end; p += 64) {
        const low = v128.or(v128.load(p), v128.load(p, 16)), high = v128.or(v128.load(p, 32), v128.load(p, 48));
        if (i8x16.bitmask(v128.or(low, high))) return false;
      }
      for (; p < last; p += 16) if (i8x16.bitmask(v128.load(p))) return false;
      return i8x16.bitmask(v128.load(last)) == 0;
    }
  }
  if (n >= 8) {
    for (; p + 8 <= end; p += 8) if (load<u64>(p) & 0x8080808080808080) return false;
    return (load<u64>(end - 8) & 0x8080808080808080) == 0;
  }
  if (n >= 4) return ((load<u32>(p) | load<u32>(end - 4)) & 0x80808080) == 0;
  for (; p < end; p++) if (load<u8>(p) > 0x7f) return false;
  return true;
}

/** Position of `byte` in [p, end), or `end`. */
// @ts-ignore: decorator
@inline
export function findByte(p: usize, end: usize, byte: u8): usize {
  if (ASC_FEATURE_SIMD) {
    const wanted = i8x16.splat(<i8>byte);
    while (p + 16 <= end) {
      const hit = i8x16.eq(v128.load(p), wanted);
      if (v128.any_true(hit)) return p + ctz(i8x16.bitmask(hit));
      p += 16;
    }
  }
  while (p < end && load<u8>(p) != byte) p++;
  return p;
}

// @ts-ignore: decorator
@inline
export function lowerOf(c: u32): u32 { return c - 65 < 26 ? c | 32 : c; }

/** Are the n bytes equal, letters compared without case? */
export function equalIgnoreCase(a: usize, b: usize, n: u32): bool {
  for (let i: u32 = 0; i < n; i++) {
    if (lowerOf(load<u8>(a + i)) != lowerOf(load<u8>(b + i))) return false;
  }
  return true;
}

export function equalBytes(a: usize, b: usize, n: u32): bool {
  let i: u32 = 0;
  while (i + 8 <= n) { if (load<u64>(a + i) != load<u64>(b + i)) return false; i += 8; }
  if (i == n) return true;
  if (n >= 8) return load<u64>(a + n - 8) == load<u64>(b + n - 8);
  if (n >= 4) return load<u32>(a) == load<u32>(b) && load<u32>(a + n - 4) == load<u32>(b + n - 4);
  while (i < n) { if (load<u8>(a + i) != load<u8>(b + i)) return false; i++; }
  return true;
}

/** Does the comma-separated list [p, p+n) hold this lower-case token (parameters after ';' ignored)? RFC 9110 5.6.1 */
export function listHas(p: usize, n: u32, token: usize, tokenBytes: u32): bool {
  const end = p + n;
  while (p < end) {
    while (p < end && (load<u8>(p) == 32 || load<u8>(p) == 9 || load<u8>(p) == 44)) p++;
    const start = p;
    while (p < end && load<u8>(p) != 44) p++;
    let stop = start;
    while (stop < p && load<u8>(TOKEN_LOWER + load<u8>(stop)) != 0) stop++;
    if (<u32>(stop - start) == tokenBytes && equalIgnoreCase(start, token, tokenBytes)) return true;
  }
  return false;
}

/** Writes a decimal number; returns the position after it. */
export function writeDecimal(dst: usize, value: u64): usize {
  let digits: u32 = 1;
  let bound: u64 = 10;
  while (digits < 20 && value >= bound) { digits++; bound *= 10; }
  let p = dst + digits;
  do { store<u8>(--p, <u8>(48 + value % 10)); value /= 10; } while (p > dst);
  return dst + digits;
}

/** Writes a lower-case hexadecimal number without leading zeros; returns the position after it. */
export function writeHex(dst: usize, value: u64): usize {
  let digits: u32 = value == 0 ? 1 : <u32>(67 - clz(value)) >> 2;
  let p = dst + digits;
  while (p > dst) {
    const nibble = <u32>(value & 15);
    store<u8>(--p, <u8>(nibble < 10 ? 48 + nibble : 87 + nibble));
    value >>= 4;
  }
  return dst + digits;
}
