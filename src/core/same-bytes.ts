// Comparison of bytes where they lie, for tables that are looked into on the hot path: a slice or a Buffer for each
// look would be garbage.

/** Are the bytes in [at, end) these, no more and no less? */
export function sameBytes(bytes: Uint8Array, at: number, end: number, wanted: Uint8Array): boolean {
  if (end - at !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
