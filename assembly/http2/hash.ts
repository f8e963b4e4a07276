// The hash of HPACK names and fields. scripts/hpack.mjs computes the same one for the names of the static table.

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

// @ts-ignore: decorator
@inline
function step(hash: u64, word: u64): u64 {
  const product = (hash ^ word) * MULTIPLIER;
  return product ^ (product >> 32);
}

/** Hash of n bytes, whose low bits are good; `seed` may be the hash of what stands before them. */
export function hashText(p: usize, n: u32, seed: u64): u64 {
  let hash = (<u64>n * MULTIPLIER) ^ seed;
  if (n >= 8) {
    const end = p + n;
    for (; p + 8 <= end; p += 8) hash = step(hash, load<u64>(p));
    return n & 7 ? step(hash, load<u64>(end - 8)) : hash;
  }
  if (n >= 4) return step(hash, <u64>load<u32>(p) | (<u64>load<u32>(p + n - 4) << 32));
  if (n == 0) return step(hash, 0);
  return step(hash, <u64>load<u8>(p) | (<u64>load<u8>(p + (n >> 1)) << 8) | (<u64>load<u8>(p + n - 1) << 16));
}
