// Short copies. memory.copy leaves WebAssembly for a C function, which costs more than a header line; these do not.
// They may read up to 15 bytes past the source and write up to 15 past the destination: callers own that slack (buffers
// end inside the arena).

/** Copies n bytes; returns the position after them. */
// @ts-ignore: decorator
@inline
export function put(dst: usize, src: usize, n: u32): usize {
  if (n > 512) { memory.copy(dst, src, n); return dst + n; }
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    while (i < <usize>n) { v128.store(dst + i, v128.load(src + i)); i += 16; }
  } else {
    while (i < <usize>n) { store<u64>(dst + i, load<u64>(src + i)); i += 8; }
  }
  return dst + n;
}

/** Copies n bytes and touches no other: for places where something else may lie behind the destination. */
export function copyExact(dst: usize, src: usize, n: u32): void { memory.copy(dst, src, n); }

/** put() for TypeScript: Uint8Array.copyWithin costs more than a head. */
export function copyBytes(dst: usize, src: usize, n: u32): void { put(dst, src, n); }
