// A reader of DER, as far as certificates and OCSP responses need it: elements with definite lengths, one after the
// other. What is malformed throws a DerError; nothing is read beyond the end of what was given.

export class DerError extends Error {}

export const SEQUENCE = 0x30, INTEGER = 0x02, BOOLEAN = 0x01, NULL = 0x05, OBJECT = 0x06, ENUMERATED = 0x0a,
  OCTET_STRING = 0x04, BIT_STRING = 0x03, GENERALIZED_TIME = 0x18;
/** [n] of a context, with further elements inside. */
export const context = (n: number): number => 0xa0 | n;

export class Der {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  get isEmpty(): boolean { return this.at >= this.bytes.length; }
  /** The tag of the next element; -1 = there is none. */
  get tag(): number { return this.isEmpty ? -1 : this.bytes[this.at]!; }

  /** The contents of the next element. */
  read(tag = this.tag): Uint8Array {
    const { bytes } = this;
    if (this.tag !== tag || tag < 0) throw new DerError(`expected tag ${tag}, found ${this.tag}`);
    if ((tag & 31) === 31) throw new DerError('tags of several bytes are not read');
    let at = this.at + 1, length = bytes[at++] ?? 0x80;
    if (length >= 0x80) {
      const wide = length & 0x7f;
      if (wide === 0 || wide > 4 || at + wide > bytes.length) throw new DerError('bad length');
      length = 0;
      for (let i = 0; i < wide; i++) length = length * 256 + bytes[at++]!;
    }
    if (at + length > bytes.length) throw new DerError('cut short');
    this.at = at + length;
    return bytes.subarray(at, at + length);
  }

  /** The next element, opened. */
  open(tag = SEQUENCE): Der { return new Der(this.read(tag)); }
  /** The next element where it has this tag, else null. */
  optional(tag: number): Uint8Array | null { return this.tag === tag ? this.read(tag) : null; }
}

/** '1.3.6.1...' of the contents of an OBJECT IDENTIFIER. */
export function oidText(bytes: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of bytes) {
    arc = (arc << 7n) | BigInt(byte & 127);
    if (byte & 128) continue;
    if (arcs.length > 0) arcs.push(arc);
    else { const first = arc < 80n ? arc / 40n : 2n; arcs.push(first, arc - first * 40n); }
    arc = 0n;
  }
  return arcs.join('.');
}

/** Milliseconds of a GeneralizedTime in UTC. */
export function timeOf(bytes: Uint8Array): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(Buffer.from(bytes).toString('latin1'));
  if (match === null) throw new DerError('bad time');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number,
    number, number];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Contents of a certificate's extension, by its identifier; null = it has none. */
export function extensionOf(certificate: Uint8Array, id: string): Uint8Array | null {
  const body = new Der(certificate).open().open();
  while (!body.isEmpty && body.tag !== context(3)) body.read();
  if (body.isEmpty) return null;
  for (const list = body.open(context(3)).open(); !list.isEmpty;) {
    const one = list.open();
    const found = oidText(one.read(OBJECT)) === id;
    one.optional(BOOLEAN);
    if (found) return one.read(OCTET_STRING);
  }
  return null;
}

/** The serial number's bytes. */
export function serialOf(certificate: Uint8Array): Uint8Array {
  const body = new Der(certificate).open().open();
  body.optional(context(0));                             // version
  return body.read(INTEGER);
}

export interface OtherName { oid: string; value: string }
/** OtherNames among a certificate's alternative names; of malformed ones there are none. */
export function otherNamesOf(certificate: Uint8Array): OtherName[] {
  try {
    const names = extensionOf(certificate, '2.5.29.17');
    return names === null ? [] : readOtherNames(new Der(names).open());
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}

function readOtherNames(list: Der): OtherName[] {
  const found: OtherName[] = [];
  while (!list.isEmpty) {
    if (list.tag !== context(0)) { list.read(); continue; }
    const name = list.open(context(0));
    const oid = oidText(name.read(OBJECT));
    const value = name.open(context(0));
    found.push({ oid, value: textOf(value.tag, value.read()) });
  }
  return found;
}

const UTF8 = 0x0c, BMP = 0x1e, UNIVERSAL = 0x1c;
/** A value as Envoy compares it: text as it is, numbers in decimal. */
function textOf(tag: number, bytes: Uint8Array): string {
  switch (tag) {
    case BOOLEAN: return bytes[0] === 0 ? 'false' : 'true';
    case NULL: return 'NULL';
    case INTEGER: case ENUMERATED: return String(BigInt.asIntN(bytes.length * 8,
      BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)));
    case OBJECT: return oidText(bytes);
    case UTF8: return Buffer.from(bytes).toString('utf8');
    case BMP: case UNIVERSAL: return wideText(bytes, tag === BMP ? 2 : 4);
    default: return Buffer.from(bytes).toString('latin1');
  }
}

function wideText(bytes: Uint8Array, width: 2 | 4): string {
  const view = Buffer.from(bytes);
  let text = '';
  for (let at = 0; at + width <= view.length; at += width) {
    const point = view.readUIntBE(at, width);
    text += point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point);
  }
  return text;
}
