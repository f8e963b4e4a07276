// Java's text in Hessian: so many UTF-16 units in UTF-8. A character beyond U+FFFF stands there as one of four bytes,
// or, as Java's writers have it, as two of three.
import { CarryError } from './failure.js';

const noText = (): CarryError => new CarryError('a string is no UTF-8');

export function readUnits(bytes: Buffer, from: number, count: number): { text: string; end: number } {
  if (count > bytes.length - from) throw new CarryError('the value is cut short');
  let plain = from;
  while (plain < from + count && bytes[plain]! < 0x80) plain++;
  if (plain === from + count) return { text: bytes.toString('latin1', from, plain), end: plain };
  const units = Buffer.allocUnsafe(count * 2);
  let at = from;
  for (let i = 0; i < count; i++) {
    const code = characterAt(bytes, at);
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code < 0x10000) { units.writeUInt16LE(code, i * 2); continue; }
    if (++i === count) throw noText();
    units.writeUInt16LE(0xd7c0 + (code >> 10), i * 2 - 2);
    units.writeUInt16LE(0xdc00 | code & 0x3ff, i * 2);
  }
  return { text: units.toString('utf16le'), end: at };
}

function characterAt(bytes: Buffer, at: number): number {
  if (at >= bytes.length) throw new CarryError('the value is cut short');
  const first = bytes[at]!;
  if (first < 0x80) return first;
  const behind = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4) throw noText();
  if (at + behind >= bytes.length) throw new CarryError('the value is cut short');
  let code = first & 0x3f >> behind;
  for (let i = 1; i <= behind; i++) {
    const next = bytes[at + i]!;
    if (next >> 6 !== 2) throw noText();
    code = code << 6 | next & 0x3f;
  }
  if (code < (behind === 1 ? 0x80 : behind === 2 ? 0x800 : 0x10000) || code > 0x10ffff) throw noText();
  return code;
}
