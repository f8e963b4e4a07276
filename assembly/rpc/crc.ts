// CRC-32 of IEEE 802.3, as zlib has it: frames of Bolt may end with one.
const POLYNOMIAL: u32 = 0xedb88320;
const TABLE: usize = memory.data(1024, 4);

/** Every instance fills the same table of the one memory with the same words, once. */
let filled: bool = false;
function fill(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let word = i;
    for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >> 1) ^ POLYNOMIAL : word >> 1;
    store<u32>(TABLE + (i << 2), word);
  }
  filled = true;
}

export function rpcCrc(crc: u32, at: usize, bytes: u32): u32 {
  if (!filled) fill();
  let word = ~crc;
  for (const end = at + bytes; at < end; at++)
    word = (word >> 8) ^ load<u32>(TABLE + (((word ^ load<u8>(at)) & 255) << 2));
  return ~word;
}
