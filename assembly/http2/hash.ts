// The hash of HPACK names and fields. scripts/hpack.mjs computes the same one for the names of the static table.

// @ts-ignore: decorator
@inline
function step(hash: u32, word: u32): u32 {
  const product = (hash ^ word) * 0x85ebca6b;
  return product ^ (product >> 13);
}

/** Hash of n bytes; `seed` may be the hash of what stands before them. */
export function hashText(p: usize, n: u32, seed: u32): u32 {
  let hash = (n * 0x9e3779b1) ^ seed;
  const end = p + n;
  for (; p + 4 <= end; p += 4) hash = step(hash, load<u32>(p));
  for (; p < end; p++) hash = step(hash, load<u8>(p));
  return hash ^ (hash >> 15);
}
