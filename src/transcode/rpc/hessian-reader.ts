// Reads Hessian 2, in both dialects, into values. What is not there, or is none of the dialect's, is refused: nothing
// is guessed. Each value costs at least one byte, so what is made of a body is bounded by its length.
import { CarryError } from './failure.js';
import { HessianDouble, HessianList, HessianMap, HessianObject, HessianOpaque } from './hessian-values.js';
import type { HessianDialect, HessianValue } from './hessian-values.js';
import { readUnits } from './hessian-text.js';

type Shared = HessianList | HessianMap | HessianObject;
const NULL = 0x4e, FINAL_END = 0x5a, DRAFT_END = 0x7a;
/** Where the compact forms of doubles begin, and how a short chunk of text and of bytes that is not the last does. */
const forms = { draft: { double: 0x67, long: 0x77, textChunk: 0x73, bytesChunk: 0x62 },
  final: { double: 0x5b, long: 0x59, textChunk: 0x52, bytesChunk: 0x41 } } as const;

export class HessianReader {
  private readonly shared: Shared[] = [];
  private readonly types: string[] = [];
  private readonly classes: { type: string; names: string[] }[] = [];
  private readonly bytes: Buffer;
  private at = 0;
  private readonly draft: boolean;
  private readonly form: (typeof forms)[HessianDialect];
  private depth = 0;

  constructor(bytes: Uint8Array, dialect: HessianDialect, private readonly depthMax: number) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.draft = dialect === 'draft';
    this.form = forms[dialect];
  }

  get ended(): boolean { return this.at === this.bytes.length; }

  private need(bytes: number): number {
    const { at } = this;
    if (at + bytes > this.bytes.length) throw new CarryError('the value is cut short');
    this.at += bytes;
    return at;
  }
  private byte(): number { return this.bytes[this.need(1)]!; }
  private peek(): number { return this.at < this.bytes.length ? this.bytes[this.at]! : -1; }
  private word(): number { return this.bytes.readUInt16BE(this.need(2)); }
  private bad(code: number): CarryError { return new CarryError(`no value begins with byte ${code}`); }

  value(): HessianValue {
    if (this.depth === this.depthMax) throw new CarryError(`the value nests deeper than ${this.depthMax}`, true);
    this.depth++;
    const value = this.any(this.byte());
    this.depth--;
    return value;
  }

  private any(code: number): HessianValue {
    switch (code) {
      case NULL: return null;
      case 0x54: return true;
      case 0x46: return false;
      case 0x44: return new HessianDouble(this.bytes.readDoubleBE(this.need(8)));
      case 0x4c: return this.bytes.readBigInt64BE(this.need(8));
    }
    if (this.isInt(code)) return this.int(code);
    if (this.isText(code)) return this.text(code);
    if ((code >= 0x20 && code < 0x30) || code === 0x42 || code === this.form.bytesChunk) return this.binary(code);
    const { double } = this.form;
    if (code >= double && code < double + 5) return new HessianDouble(this.compactDouble(code - double));
    if (code >= 0xd8 && code < 0xf0) return BigInt(code - 0xe0);
    if (code >= 0xf0) return BigInt((code - 0xf8) * 256 + this.byte());
    if (code >= 0x38 && code < 0x40) return BigInt((code - 0x3c) * 65536 + this.word());
    if (code === this.form.long) return BigInt(this.bytes.readInt32BE(this.need(4)));
    return this.draft ? this.ofDraft(code) : this.ofFinal(code);
  }

  private isInt(code: number): boolean { return code === 0x49 || (code >= 0x80 && code < 0xd8); }

  private int(code: number): number {
    if (code === 0x49) return this.bytes.readInt32BE(this.need(4));
    if (code >= 0x80 && code < 0xc0) return code - 0x90;
    if (code >= 0xc0 && code < 0xd0) return (code - 0xc8) * 256 + this.byte();
    if (code >= 0xd0 && code < 0xd8) return (code - 0xd4) * 65536 + this.word();
    throw this.bad(code);
  }

  private compactDouble(form: number): number {
    switch (form) {
      case 0: return 0;
      case 1: return 1;
      case 2: return this.bytes.readInt8(this.need(1));
      case 3: return this.bytes.readInt16BE(this.need(2));
      default: return this.draft ? this.bytes.readFloatBE(this.need(4)) : this.bytes.readInt32BE(this.need(4)) / 1000;
    }
  }

  private isText(code: number): boolean {
    return code < 0x20 || code === 0x53 || code === this.form.textChunk || (!this.draft && code >= 0x30 && code < 0x34);
  }

  private text(first: number): string {
    let text = '';
    for (let code = first; ; code = this.byte()) {
      if (!this.isText(code)) throw this.bad(code);
      text += this.units(code < 0x20 ? code : code < 0x34 ? (code - 0x30) * 256 + this.byte() : this.word());
      if (code !== this.form.textChunk) return text;
    }
  }

  private units(count: number): string {
    const { text, end } = readUnits(this.bytes, this.at, count);
    this.at = end;
    return text;
  }

  /** A string, or null. */
  string(): string | null {
    const code = this.byte();
    if (code === NULL) return null;
    if (!this.isText(code)) throw new CarryError('a string is expected');
    return this.text(code);
  }

  private binary(first: number): HessianOpaque {
    for (let code = first; ; code = this.byte()) {
      if (code >= 0x20 && code < 0x30) this.need(code - 0x20);
      else if (!this.draft && code >= 0x34 && code < 0x38) this.need((code - 0x34) * 256 + this.byte());
      else if (code === 0x42 || code === this.form.bytesChunk) this.need(this.word());
      else throw this.bad(code);
      if (code !== this.form.bytesChunk) return new HessianOpaque('bytes');
    }
  }

  private date(bytes: number): HessianOpaque {
    this.need(bytes);
    return new HessianOpaque('a date');
  }

  private keep<T extends Shared>(value: T): T {
    this.shared.push(value);
    return value;
  }
  private reference(index: number): Shared {
    const found = this.shared[index];
    if (found === undefined) throw new CarryError(`a reference to value ${index}, which is not there`);
    return found;
  }

  // The dialect of 4.x.

  private ofFinal(code: number): HessianValue {
    if (code >= 0x34 && code < 0x38) return this.binary(code);
    if (code >= 0x60 && code < 0x70) return this.object(code - 0x60);
    if (code >= 0x70 && code < 0x80) {
      if (code < 0x78) this.finalType();
      return this.items(code & 7);
    }
    switch (code) {
      case 0x43: this.defineClass(this.className()); return this.defined();
      case 0x4f: return this.object(this.int(this.byte()));
      case 0x51: return this.reference(this.int(this.byte()));
      case 0x48: return this.map('', FINAL_END);
      case 0x4d: return this.map(this.finalType(), FINAL_END);
      case 0x4a: return this.date(8);
      case 0x4b: return this.date(4);
      case 0x55: case 0x56: this.finalType(); break;
      case 0x57: case 0x58: break;
      default: throw this.bad(code);
    }
    return (code & 1) === 0 ? this.items(this.int(this.byte())) : this.itemsUntil(FINAL_END);
  }

  private finalType(): string {
    const code = this.byte();
    if (this.isInt(code)) return this.knownType(this.int(code));
    if (!this.isText(code)) throw this.bad(code);
    const type = this.text(code);
    this.types.push(type);
    return type;
  }
  private knownType(index: number): string {
    const type = this.types[index];
    if (type === undefined) throw new CarryError(`a reference to type ${index}, which is not there`);
    return type;
  }

  // That of 3.x.

  private ofDraft(code: number): HessianValue {
    switch (code) {
      case 0x4f: this.defineClass(this.className()); return this.defined();
      case 0x6f: return this.object(this.int(this.byte()));
      case 0x4a: return this.reference(this.byte());
      case 0x4b: return this.reference(this.word());
      case 0x52: return this.reference(this.bytes.readInt32BE(this.need(4)));
      case 0x4d: return this.map(this.draftType(), DRAFT_END);
      case 0x64: return this.date(8);
      case 0x56: return this.draftList();
      case 0x76: this.knownType(this.int(this.byte())); return this.items(this.int(this.byte()));
    }
    throw this.bad(code);
  }

  private draftType(): string {
    const code = this.peek();
    if (code === 0x74) {
      this.at++;
      const type = this.units(this.word());
      this.types.push(type);
      return type;
    }
    if (code !== 0x75) return '';
    this.at++;
    return this.knownType(this.int(this.byte()));
  }

  private draftList(): HessianList {
    this.draftType();
    const code = this.peek();
    if (code !== 0x6e && code !== 0x6c) return this.itemsUntil(DRAFT_END);
    this.at++;
    const list = this.items(code === 0x6e ? this.byte() : this.bytes.readInt32BE(this.need(4)));
    if (this.byte() !== DRAFT_END) throw new CarryError('a list does not end where it should');
    return list;
  }

  // What both have.

  /** So many things follow, each of at least a byte. */
  private count(value: number): number {
    if (value < 0 || value > this.bytes.length - this.at) throw new CarryError('the value is cut short');
    return value;
  }

  private items(count: number): HessianList {
    const list = this.keep(new HessianList());
    for (let left = this.count(count); left > 0; left--) list.items.push(this.value());
    return list;
  }
  private itemsUntil(end: number): HessianList {
    const list = this.keep(new HessianList());
    while (this.peek() !== end) list.items.push(this.value());
    this.at++;
    return list;
  }

  private map(type: string, end: number): HessianMap {
    const map = this.keep(new HessianMap(type));
    while (this.peek() !== end) map.entries.push([this.value(), this.value()]);
    this.at++;
    return map;
  }

  private defineClass(type: string): void {
    const names: string[] = [];
    for (let left = this.count(this.int(this.byte())); left > 0; left--) names.push(this.string() ?? '');
    this.classes.push({ type, names });
  }
  /** Behind a definition stands what it is for, or another one. */
  private defined(): HessianValue {
    for (;;) {
      const code = this.byte();
      if (code === (this.draft ? 0x6f : 0x4f)) return this.object(this.int(this.byte()));
      if (!this.draft && code >= 0x60 && code < 0x70) return this.object(code - 0x60);
      if (code !== (this.draft ? 0x4f : 0x43)) throw this.bad(code);
      this.defineClass(this.className());
    }
  }
  private className(): string {
    return this.draft ? this.units(this.count(this.int(this.byte()))) : this.string() ?? '';
  }

  private object(index: number): HessianObject {
    const found = this.classes[index];
    if (found === undefined) throw new CarryError(`an object of class ${index}, which is not there`);
    const object = this.keep(new HessianObject(found.type, found.names));
    for (let left = found.names.length; left > 0; left--) object.values.push(this.value());
    return object;
  }
}
