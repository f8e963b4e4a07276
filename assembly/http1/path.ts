// Path normalisation (RFC 3986 6.2.2; Envoy's normalize_path, merge_slashes, path_with_escaped_slashes_action). Writes
// the new path with its query at `dst`, which has room for pathBytes. Result: bytes written; 0 = cannot be normalised
// (400).
//
// As Envoy: unreserved percent-escapes are decoded, backslashes become slashes, dot segments are removed (also when a
// dot is escaped), a path that climbs above the root stays at the root, other escapes stay as they are. An encoded NUL
// is refused.
import { lowerOf } from '../lib/bytes';

export const PATH_NORMALIZE: u32 = 1;
export const PATH_MERGE_SLASHES: u32 = 2;
export const PATH_UNESCAPE_SLASHES: u32 = 4;

// @ts-ignore: decorator
@inline
function hexValue(c: u32): u32 { const l = lowerOf(c); return c - 48 < 10 ? c - 48 : l - 97 < 6 ? l - 87 : 16; }
// @ts-ignore: decorator
@inline
function isUnreserved(c: u32): bool {
  return lowerOf(c) - 97 < 26 || c - 48 < 10 || c == 45 || c == 46 || c == 95 || c == 126;
}

export function normalizePath(path: usize, pathBytes: u32, pathOnlyBytes: u32, dst: usize, options: u32): u32 {
  let q = dst;
  const end = path + pathOnlyBytes;
  for (let p = path; p < end; p++) {
    let c: u32 = load<u8>(p);
    if (c == 37) {
      const high = p + 2 < end ? hexValue(load<u8>(p + 1)) : 16, low = p + 2 < end ? hexValue(load<u8>(p + 2)) : 16;
      if (high > 15 || low > 15) { store<u8>(q++, 37); continue; }
      const value = (high << 4) | low;
      const slash = value == 47 || value == 92;
      if (options & PATH_NORMALIZE && value == 0) return 0;
      if (slash && options & PATH_UNESCAPE_SLASHES) {
        store<u8>(q++, options & PATH_NORMALIZE ? 47 : <u8>value);
        p += 2;
        continue;
      }
      if (options & PATH_NORMALIZE && isUnreserved(value)) { store<u8>(q++, <u8>value); p += 2; continue; }
      store<u8>(q, 37);
      store<u16>(q + 1, load<u16>(p + 1));
      q += 3; p += 2;
      continue;
    }
    if (c == 92 && options & PATH_NORMALIZE) c = 47;
    store<u8>(q++, <u8>c);
  }
  if (options & PATH_NORMALIZE) q = removeDots(dst, q);
  if (options & PATH_MERGE_SLASHES) q = mergeSlashes(dst, q);
  const query = pathBytes - pathOnlyBytes;
  if (query != 0) memory.copy(q, end, query);
  return <u32>(q - dst) + query;
}

/** RFC 3986 5.2.4 in place. Returns the new end. */
function removeDots(start: usize, end: usize): usize {
  let p = start, q = start;
  while (p < end) {
    // p stands at a '/': look at the segment that follows
    let s = p + 1;
    while (s < end && load<u8>(s) != 47) s++;
    const n = <u32>(s - p - 1);
    const last = s == end;
    if (n == 1 && load<u8>(p + 1) == 46) {
      if (last) store<u8>(q++, 47);
    } else if (n == 2 && load<u16>(p + 1) == 0x2e2e) {
      if (q > start) { do q--; while (q > start && load<u8>(q) != 47); }
      if (last) store<u8>(q++, 47);
    } else {
      const count = <u32>(s - p);
      if (q != p) memory.copy(q, p, count);
      q += count;
    }
    p = s;
  }
  if (q == start) store<u8>(q++, 47);
  return q;
}

function mergeSlashes(start: usize, end: usize): usize {
  let q = start;
  for (let p = start; p < end; p++) {
    const c = load<u8>(p);
    if (c == 47 && q > start && load<u8>(q - 1) == 47) continue;
    store<u8>(q++, c);
  }
  return q;
}
