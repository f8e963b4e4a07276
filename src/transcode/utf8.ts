// Where bytes stop being UTF-8.
import { isUtf8 } from 'node:buffer';

/** How many bytes of [at, end) are whole characters, up to the first that are not. */
export function utf8Span(bytes: Uint8Array, at: number, end: number): number {
  if (isUtf8(bytes.subarray(at, end))) return end - at;
  let i = at;
  while (i < end) {
    const length = characterBytes(bytes, i, end);
    if (length === 0) break;
    i += length;
  }
  return i - at;
}

/** Bytes of the character at `at`; 0: none, or not all of it. */
function characterBytes(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5
    ? 4
    : 0;
  return length > 0 && at + length <= end && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
