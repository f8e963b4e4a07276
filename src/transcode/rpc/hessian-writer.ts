// Writes Hessian 2, in both dialects: values as Java's own writers write them, where those do not alter any (they drop
// the sign of -0.0). Strings are Java's: UTF-16 units, each as UTF-8 by itself, so that every reader takes them.
import type { HessianDialect } from './hessian-values.js';

const CHUNK_UNITS = 0x8000;
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;

export class HessianWriter {
  private bytes = Buffer.allocUnsafe(512);
  private used = 0;
  private readonly draft: boolean;
  /** Each has a definition of its own. */
  private objects = 0;
  /** How many types were written: they have numbers. */
  private readonly types = new Map<string, number>();

  constructor(dialect: HessianDialect) { this.draft = dialect === 'draft'; }

  done(): Buffer { return this.bytes.subarray(0, this.used); }

  private room(bytes: number): void {
    if (this.used + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.used + bytes));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
  }

  /** A byte as it is. */
  raw(byte: number): void {
    this.room(1);
    this.bytes[this.used++] = byte;
  }
  private two(first: number, word: number): void {
    this.room(3);
    const { bytes } = this;
    bytes[this.used] = first;
    bytes[this.used + 1] = word;
    this.used += 2;
  }
  private three(first: number, word: number): void {
    this.two(first, word >> 8);
    this.raw(word);
  }
  /** Four bytes behind one that says what they are. */
  private five(first: number, value: number): void {
    this.three(first, value >> 16);
    this.raw(value >> 8);
    this.raw(value);
  }

  nothing(): void { this.raw(0x4e); }
  boolean(value: boolean): void { this.raw(value ? 0x54 : 0x46); }

  int(value: number): void {
    if (value >= -16 && value <= 47) this.raw(0x90 + value);
    else if (value >= -2048 && value <= 2047) this.two(0xc8 + (value >> 8), value);
    else if (value >= -262144 && value <= 262143) this.three(0xd4 + (value >> 16), value);
    else this.five(0x49, value);
  }

  long(value: bigint): void {
    const small = Number(value);                       // exact where it is used
    if (small >= -8 && small <= 15) this.raw(0xe0 + small);
    else if (small >= -2048 && small <= 2047) this.two(0xf8 + (small >> 8), small);
    else if (small >= -262144 && small <= 262143) this.three(0x3c + (small >> 16), small);
    else if (BigInt.asIntN(32, value) === value) this.five(this.draft ? 0x77 : 0x59, small);
    else {
      this.raw(0x4c);
      this.room(8);
      this.used = this.bytes.writeBigInt64BE(value, this.used);
    }
  }

  double(value: number): void {
    const base = this.draft ? 0x67 : 0x5b;
    if (Object.is(value, 0)) this.raw(base);
    else if (value === 1) this.raw(base + 1);
    else if (Number.isInteger(value) && value !== 0 && value >= -128 && value <= 127) this.two(base + 2, value);
    else if (Number.isInteger(value) && value !== 0 && value >= -32768 && value <= 32767)
      this.three(base + 3, value);
    else {
      this.raw(0x44);
      this.room(8);
      this.used = this.bytes.writeDoubleBE(value, this.used);
    }
  }

  string(value: string): void {
    let at = 0;
    while (value.length - at > CHUNK_UNITS) {
      const units = isHigh(value.charCodeAt(at + CHUNK_UNITS - 1)) ? CHUNK_UNITS - 1 : CHUNK_UNITS;
      this.three(this.draft ? 0x73 : 0x52, units);
      this.units(value, at, at + units);
      at += units;
    }
    const left = value.length - at;
    if (left < 32) this.raw(left);
    else if (left < 1024 && !this.draft) this.two(0x30 + (left >> 8), left);
    else this.three(0x53, left);
    this.units(value, at, value.length);
  }

  private units(value: string, from: number, to: number): void {
    this.room((to - from) * 3);
    const { bytes } = this;
    let at = this.used;
    for (let i = from; i < to; i++) {
      const unit = value.charCodeAt(i);
      if (unit < 0x80) { bytes[at++] = unit; continue; }
      if (unit < 0x800) bytes[at++] = 0xc0 | unit >> 6;
      else {
        bytes[at++] = 0xe0 | unit >> 12;
        bytes[at++] = 0x80 | unit >> 6 & 63;
      }
      bytes[at++] = 0x80 | unit & 63;
    }
    this.used = at;
  }

  /** So many values follow, then endList. `type` as Java's writers call it, '' = none. */
  beginList(count: number, type = ''): void {
    if (this.draft) {
      this.raw(0x56);
      this.draftType(type);
      if (count < 256) this.two(0x6e, count);
      else this.five(0x6c, count);
    } else if (count < 8) {
      this.raw((type === '' ? 0x78 : 0x70) + count);
      this.finalType(type);
    } else {
      this.raw(type === '' ? 0x58 : 0x56);
      this.finalType(type);
      this.int(count);
    }
  }
  endList(): void { if (this.draft) this.raw(0x7a); }

  /** Keys and values follow, then endMap. */
  beginMap(): void { this.raw(this.draft ? 0x4d : 0x48); }
  endMap(): void { this.raw(this.draft ? 0x7a : 0x5a); }

  /** The values of the fields follow. */
  beginObject(type: string, names: readonly string[]): void {
    this.raw(this.draft ? 0x4f : 0x43);
    if (this.draft) {
      this.int(type.length);
      this.units(type, 0, type.length);
    } else this.string(type);
    this.int(names.length);
    for (const name of names) this.string(name);
    this.raw(this.draft ? 0x6f : 0x4f);
    this.int(this.objects++);
  }

  private draftType(type: string): void {
    if (type === '') return;
    const known = this.types.get(type);
    if (known !== undefined) {
      this.raw(0x75);
      this.int(known);
      return;
    }
    this.types.set(type, this.types.size);
    this.three(0x74, type.length);
    this.units(type, 0, type.length);
  }

  private finalType(type: string): void {
    if (type === '') return;
    const known = this.types.get(type);
    if (known !== undefined) { this.int(known); return; }
    this.types.set(type, this.types.size);
    this.string(type);
  }
}
