// xxHash64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), and how Envoy combines the hashes of several
// policies: what was there is rotated left by one bit, then xor-ed with the next.
const PRIME_1: u64 = 0x9E3779B185EBCA87, PRIME_2: u64 = 0xC2B2AE3D27D4EB4F, PRIME_3: u64 = 0x165667B19E3779F9,
  PRIME_4: u64 = 0x85EBCA77C2B2AE63, PRIME_5: u64 = 0x27D4EB2F165667C5;

// @ts-ignore: decorator
@inline
function round(accumulator: u64, lane: u64): u64 { return rotl(accumulator + lane * PRIME_2, 31) * PRIME_1; }
// @ts-ignore: decorator
@inline
function merge(hash: u64, accumulator: u64): u64 { return (hash ^ round(0, accumulator)) * PRIME_1 + PRIME_4; }

/** Hash of [p, p + n). Reads nothing else. */
export function xxHash64(p: usize, n: u32, seed: u64 = 0): u64 {
  const end = p + n;
  let hash: u64;
  if (n >= 32) {
    let a: u64 = seed + PRIME_1 + PRIME_2, b: u64 = seed + PRIME_2, c: u64 = seed, d: u64 = seed - PRIME_1;
    for (; p + 32 <= end; p += 32) {
      a = round(a, load<u64>(p));
      b = round(b, load<u64>(p + 8));
      c = round(c, load<u64>(p + 16));
      d = round(d, load<u64>(p + 24));
    }
    hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d);
  } else hash = seed + PRIME_5;
  hash += n;
  for (; p + 8 <= end; p += 8) hash = rotl(hash ^ round(0, load<u64>(p)), 27) * PRIME_1 + PRIME_4;
  if (p + 4 <= end) {
    hash = rotl(hash ^ (<u64>load<u32>(p) * PRIME_1), 23) * PRIME_2 + PRIME_3;
    p += 4;
  }
  for (; p < end; p++) hash = rotl(hash ^ (<u64>load<u8>(p) * PRIME_5), 11) * PRIME_1;
  hash = (hash ^ (hash >> 33)) * PRIME_2;
  hash = (hash ^ (hash >> 29)) * PRIME_3;
  return hash ^ (hash >> 32);
}

/** The hash of the bytes at `out`: low word, then high word. */
export function hashBytes(p: usize, n: u32, out: usize): void { store<u64>(out, xxHash64(p, n)); }

export function hashSeeded(p: usize, n: u32, seed: u32, out: usize): void { store<u64>(out, xxHash64(p, n, seed)); }

/** Adds the hash of the bytes to the combined one at `state`; `has` says whether there is one yet. */
export function hashCombine(p: usize, n: u32, state: usize, has: u32): void {
  const next = xxHash64(p, n);
  store<u64>(state, has ? rotl(load<u64>(state), 1) ^ next : next);
}
