// The Huffman code of HPACK (RFC 7541 5.2), decoded. Twelve bits are looked up at a time, which gives two symbols of
// usual text; longer codes are found by their length, since the code is canonical. Nothing is encoded: strings as
// they are cost a third more bytes where they are not indexed, and half of the time on both sides
// (bench/codec/http2.ts).
import { HUFFMAN_BITS, HUFFMAN_LENGTHS, HUFFMAN_PAIRS, HUFFMAN_SYMBOLS } from '../generated/hpack';

const PAIR_BITS: u32 = 12;
const END_OF_STRING: u32 = 256;
const LONG_FROM: u32 = 13;
const LONG_MAX: u32 = 30;
/** No code has fewer bits. */
const SHORT_BITS: u32 = 5;

/** Room that any n bytes of code need at most when decoded. */
// @ts-ignore: decorator
@inline
export function decodedMax(n: u32): u32 { return <u32>(<u64>n * 8 / SHORT_BITS); }

/** Length << 16 | symbol of a code longer than 12 bits at the top of `bits`. */
function longCode(bits: u32): u32 {
  for (let length = LONG_FROM; length <= LONG_MAX; length++) {
    const row = HUFFMAN_LENGTHS + (length << 4);
    if (bits > load<u32>(row, 4)) continue;
    const index = load<u32>(row, 8) + ((bits - load<u32>(row)) >> (32 - length));
    return (length << 16) | load<u16>(HUFFMAN_SYMBOLS + (index << 1));
  }
  return (LONG_MAX << 16) | END_OF_STRING;
}

/**
 * Decodes n bytes to `dst`; returns how many they gave, or -1 when they are no text: end of string, or padding that is
 * not its beginning or longer than seven bits. May write a byte more than it gives.
 */
export function huffmanDecode(src: usize, n: u32, dst: usize): i32 {
  const end = src + n, start = dst;
  let bits: u64 = 0, have: u32 = 0;
  while (true) {
    if (src + 4 <= end) {
      if (have <= 32) {
        bits |= <u64>bswap<u32>(load<u32>(src)) << (32 - have);
        src += 4;
        have += 32;
      }
    } else {
      while (src < end && have <= 56) {
        bits |= <u64>load<u8>(src++) << (56 - have);
        have += 8;
      }
    }
    if (have < PAIR_BITS) break;
    do {
      const entry = load<u32>(HUFFMAN_PAIRS + (<usize>(bits >> 52) << 2));
      let taken = entry >> 16 & 255;
      if (entry != 0) {
        store<u16>(dst, <u16>entry);
        dst += entry >> 24;
      } else {
        const long = longCode(<u32>(bits >> 32));
        taken = long >> 16;
        if (taken > have) {
          if (src < end) break;
          return -1;
        }
        if ((long & 0xffff) == END_OF_STRING) return -1;
        store<u8>(dst++, <u8>long);
      }
      bits <<= taken;
      have -= taken;
    } while (have >= PAIR_BITS);
  }
  return lastSymbols(bits, have, start, dst);
}

/** Fewer than 12 bits are left: one symbol, or two, and the padding. */
function lastSymbols(bits: u64, have: u32, start: usize, dst: usize): i32 {
  while (have >= SHORT_BITS) {
    const entry = load<u32>(HUFFMAN_PAIRS + (<usize>((bits | (~(<u64>0) >> have)) >> 52) << 2));
    const taken: u32 = entry == 0 ? 32 : load<u8>(HUFFMAN_BITS + (entry & 255));
    if (taken > have) break;
    store<u8>(dst++, <u8>entry);
    bits <<= taken;
    have -= taken;
  }
  if (have >= 8 || (have != 0 && ~bits >> (64 - have) != 0)) return -1;
  return <i32>(dst - start);
}

/** How many bytes n bytes of code give; -1 as huffmanDecode. Writes nothing; for what may not fit. */
export function huffmanLength(src: usize, n: u32): i32 {
  let bits: u64 = 0, have: u32 = 0, given: i32 = 0;
  for (const end = src + n; ; given++) {
    while (src < end && have <= 56) {
      bits |= <u64>load<u8>(src++) << (56 - have);
      have += 8;
    }
    const padded = have == 64 ? bits : bits | (~(<u64>0) >> have);
    const entry = load<u32>(HUFFMAN_PAIRS + (<usize>(padded >> 52) << 2));
    const long = entry == 0 ? longCode(<u32>(padded >> 32)) : 0;
    const taken: u32 = entry == 0 ? long >> 16 : load<u8>(HUFFMAN_BITS + (entry & 255));
    if (taken > have) break;
    if (entry == 0 && (long & 0xffff) == END_OF_STRING) return -1;
    bits <<= taken;
    have -= taken;
  }
  if (have >= 8 || (have != 0 && ~bits >> (64 - have) != 0)) return -1;
  return given;
}
