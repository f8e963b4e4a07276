// Bytes of WebAssembly modules: numbers of variable length (LEB128), read and written. What is read here was judged by
// V8 before, so positions stay inside the bytes.

/** Of a module that V8 takes: it has something that a codec may not have. */
export class NotMetered extends Error {}

const valueTypes: ReadonlySet<number> = new Set([0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f]);

export class Reader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get ended(): boolean { return this.at >= this.bytes.length; }
  byte(): number { return this.bytes[this.at++]!; }

  u32(): number {
    let value = 0, shift = 0;
    for (let byte = 128; byte >= 128; shift += 7) {
      byte = this.byte();
      value |= (byte & 127) << shift;
    }
    return value >>> 0;
  }

  /** Steps over a number, whatever its width and sign. */
  skipNumber(): void { while (this.byte() >= 128) { /* its last byte has no mark */ } }

  /** Numbers, vectors, and references to anything: the types of one byte. */
  valueType(): number {
    const type = this.byte();
    if (!valueTypes.has(type)) throw new NotMetered(`type 0x${type.toString(16)}`);
    return type;
  }

  take(bytes: number): Uint8Array { return this.bytes.subarray(this.at, this.at += bytes); }
  text(): string { return Buffer.from(this.take(this.u32())).toString('utf8'); }
}

export class Writer {
  private room = new Uint8Array(1024);
  length = 0;

  get bytes(): Uint8Array { return this.room.subarray(0, this.length); }

  byte(...bytes: readonly number[]): this { return this.raw(bytes); }

  raw(bytes: ArrayLike<number>): this {
    if (this.length + bytes.length > this.room.length) {
      const larger = new Uint8Array(Math.max(2 * this.room.length, this.length + bytes.length));
      larger.set(this.bytes);
      this.room = larger;
    }
    this.room.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  u32(value: number): this {
    for (; value > 127; value >>>= 7) this.byte((value & 127) | 128);
    return this.byte(value);
  }

  i32(value: number): this {
    for (; value < -64 || value > 63; value >>= 7) this.byte((value & 127) | 128);
    return this.byte(value & 127);
  }

  text(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    return this.u32(bytes.length).raw(bytes);
  }

  /** Five bytes for a number that is known later. */
  later(): number {
    this.byte(0, 0, 0, 0, 0);
    return this.length - 5;
  }
  /** The number that `later` left out; not negative. */
  fill(at: number, value: number): void {
    for (let i = 0; i < 4; i++, value >>>= 7) this.room[at + i] = (value & 127) | 128;
    this.room[at + 4] = value;
  }
}
