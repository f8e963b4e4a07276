// Protobuf's wire format: a growing buffer that is written to, and a cursor over bytes that are read. Numbers of 64
// bits are bigints here; what is read may end anywhere, and then says so.
const MOST = BigInt(Number.MAX_SAFE_INTEGER);
const SCRATCH = new DataView(new ArrayBuffer(8));

export const VARINT = 0, FIXED64 = 1, DELIMITED = 2, GROUP_START = 3, GROUP_END = 4, FIXED32 = 5;

export class WireWriter {
  private bytes: Uint8Array = Buffer.allocUnsafe(64);
  length = 0;

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  tag(number: number, type: number): void { this.varint(number * 8 + type); }

  /** Of a number that is not negative and safe. */
  varint(value: number): void {
    this.room(10);
    let rest = value;
    while (rest > 127) {
      this.bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  /** Any number of 64 bits, negative ones as two's complement. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= MOST) { this.varint(Number(value)); return; }
    this.room(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 127n) {
      this.bytes[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.bytes[this.length++] = Number(rest);
  }

  fixed32(value: number): void { SCRATCH.setUint32(0, value >>> 0, true); this.scratch(4); }
  fixed64(value: bigint): void { SCRATCH.setBigUint64(0, BigInt.asUintN(64, value), true); this.scratch(8); }
  float(value: number): void { SCRATCH.setFloat32(0, value, true); this.scratch(4); }
  double(value: number): void { SCRATCH.setFloat64(0, value, true); this.scratch(8); }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Bytes with their length. */
  delimited(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** What was written; valid until more is. */
  get written(): Uint8Array { return this.bytes.subarray(0, this.length); }

  private scratch(bytes: number): void {
    this.room(bytes);
    for (let i = 0; i < bytes; i++) this.bytes[this.length++] = SCRATCH.getUint8(i);
  }
}

/** The bytes ended within a value. */
export class WireEnd extends Error {}

export class WireReader {
  at: number;
  /** Where the message in hand ends by the length that was said; it may say more than there is. */
  limit = Infinity;
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array, at = 0, readonly end = bytes.length) {
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get stop(): number { return Math.min(this.limit, this.end); }
  get done(): boolean { return this.at >= this.stop; }

  byte(): number {
    if (this.at >= this.stop) throw new WireEnd('unexpected EOF');
    return this.bytes[this.at++]!;
  }

  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new WireEnd('unexpected EOF');
  }

  /** The lower 32 bits of a varint. */
  varint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new WireEnd('unexpected EOF');
  }

  fixed32(): number { return this.view.getUint32(this.skip(4), true); }
  fixed64(): bigint { return this.view.getBigUint64(this.skip(8), true); }
  float(): number { return this.view.getFloat32(this.skip(4), true); }
  double(): number { return this.view.getFloat64(this.skip(8), true); }

  /** Where so many bytes begin; they are passed. */
  skip(bytes: number): number {
    if (bytes > this.stop - this.at) throw new WireEnd('unexpected EOF');
    const from = this.at;
    this.at += bytes;
    return from;
  }

  /** A reader of the bytes behind a length. */
  delimited(): WireReader {
    const bytes = this.varint32();
    const from = this.skip(bytes);
    return new WireReader(this.bytes, from, from + bytes);
  }

  get rest(): Uint8Array { return this.bytes.subarray(this.at, this.end); }
}
