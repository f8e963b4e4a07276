// Hashes of a text followed by numbers: the places of an endpoint on a ring. By xxHash64, or by MurmurHash2 of 64 bits
// (Austin Appleby, public domain) with the seed of the C++ library, as Envoy's MURMUR_HASH_2.
import { xxHash64 } from './xxhash';

const MULTIPLIER: u64 = 0xC6A4A7935BD1E995, SEED: u64 = 0xC70F6907;

// @ts-ignore: decorator
@inline
function mixed(value: u64): u64 { return value ^ (value >> 47); }

function murmurHash2(p: usize, n: u32): u64 {
  let hash: u64 = SEED ^ (<u64>n * MULTIPLIER);
  const end = p + n;
  for (; p + 8 <= end; p += 8) hash = (hash ^ (mixed(load<u64>(p) * MULTIPLIER) * MULTIPLIER)) * MULTIPLIER;
  if (p < end) {
    let rest: u64 = 0;
    for (let at = end; at > p; at--) rest = (rest << 8) | load<u8>(at - 1);
    hash = (hash ^ rest) * MULTIPLIER;
  }
  return mixed(mixed(hash) * MULTIPLIER);
}

/** Hashes of [p, p + n) followed by the numbers from `first` in decimal, `count` of them, at `out`. */
export function hashNumbered(p: usize, n: u32, first: u32, count: u32, murmur: u32, out: usize): void {
  for (let number = first; number < first + count; number++) {
    const length = n + writeDecimal(p + n, number);
    store<u64>(out, murmur ? murmurHash2(p, length) : xxHash64(p, length));
    out += 8;
  }
}

function writeDecimal(p: usize, number: u32): u32 {
  let digits: u32 = 1;
  for (let rest = number; rest >= 10; rest /= 10) digits++;
  for (let at = digits; at > 0; at--) {
    store<u8>(p + at - 1, <u8>(48 + number % 10));
    number /= 10;
  }
  return digits;
}
