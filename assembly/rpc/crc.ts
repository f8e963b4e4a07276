// CRC-32 of IEEE 802.3, as zlib has it: frames of Bolt may end with one. Eight bytes in one step: table k says what a
// byte comes to that k more follow.
const POLYNOMIAL: u32 = 0xedb88320;
const TABLE_BYTES: usize = 1024;
const TABLES: usize = memory.data(8 * 1024, 4);

/** Every instance fills the same tables of the one memory with the same words, once. */
let filled: bool = false;
function fill(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let word = i;
    for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >> 1) ^ POLYNOMIAL : word >> 1;
    store<u32>(TABLES + (i << 2), word);
  }
  for (let at = TABLES; at < TABLES + 7 * TABLE_BYTES; at += 4) {
    const word = load<u32>(at);
    store<u32>(at + TABLE_BYTES, (word >> 8) ^ entry(0, word));
  }
  filled = true;
}

// @ts-ignore: decorator
@inline
function entry(table: usize, byte: u32): u32 { return load<u32>(TABLES + table * TABLE_BYTES + ((byte & 255) << 2)); }

export function rpcCrc(crc: u32, at: usize, bytes: u32): u32 {
  if (!filled) fill();
  const end = at + bytes;
  let word = ~crc;
  for (; at + 8 <= end; at += 8) {
    const low = load<u32>(at) ^ word, high = load<u32>(at + 4);
    word = entry(7, low) ^ entry(6, low >> 8) ^ entry(5, low >> 16) ^ entry(4, low >> 24)
      ^ entry(3, high) ^ entry(2, high >> 8) ^ entry(1, high >> 16) ^ entry(0, high >> 24);
  }
  for (; at < end; at++) word = (word >> 8) ^ entry(0, word ^ load<u8>(at));
  return ~word;
}
