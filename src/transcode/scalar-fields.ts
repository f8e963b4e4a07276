// A scalar as a field of a message.
import { Kind } from './descriptors.js';
import type { FieldType } from './descriptors.js';
import { boolOf, bytesOf, doubleOf, enumOf, floatOf, int32Of, int64Of, uint32Of, uint64Of } from './scalars.js';
import type { Scalar } from './scalars.js';
import { DELIMITED, FIXED32, FIXED64, VARINT } from './wire.js';
import type { WireWriter } from './wire.js';

/** How values of a field stand in its message. */
export function wireTypeOf({ kind }: FieldType): number {
  switch (kind) {
    case Kind.double: case Kind.fixed64: case Kind.sfixed64: return FIXED64;
    case Kind.float: case Kind.fixed32: case Kind.sfixed32: return FIXED32;
    case Kind.string: case Kind.bytes: case Kind.message: return DELIMITED;
    default: return VARINT;
  }
}

/** False: the value does not fit the field; nothing was written. */
export function writeScalar(out: WireWriter, field: FieldType, value: Scalar, anyEnumCase: boolean): boolean {
  const { number } = field;
  switch (field.kind) {
    case Kind.int32: return varint(out, number, int32Of(value));
    case Kind.int64: return varint(out, number, int64Of(value));
    case Kind.uint32: return varint(out, number, uint32Of(value));
    case Kind.uint64: return varint(out, number, uint64Of(value));
    case Kind.sint32: return varint(out, number, zigzag(int32Of(value)));
    case Kind.sint64: return varint(out, number, zigzag(int64Of(value)));
    case Kind.enum: return varint(out, number, enumOf(value, field.enumeration!, anyEnumCase));
    case Kind.bool: {
      const truth = boolOf(value);
      return varint(out, number, truth === undefined ? undefined : truth ? 1n : 0n);
    }
    case Kind.fixed32: return fixed(out, number, uint32Of(value), false);
    case Kind.sfixed32: return fixed(out, number, int32Of(value), false);
    case Kind.fixed64: return fixed(out, number, uint64Of(value), true);
    case Kind.sfixed64: return fixed(out, number, int64Of(value), true);
    case Kind.double: case Kind.float: {
      const double = field.kind === Kind.double;
      const read = double ? doubleOf(value) : floatOf(value);
      if (read === undefined) return false;
      out.tag(number, double ? FIXED64 : FIXED32);
      if (double) out.double(read); else out.float(read);
      return true;
    }
    default: return bytes(out, number, field.kind === Kind.bytes ? bytesOf(value)
      : typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined);
  }
}

const zigzag = (value: bigint | undefined): bigint | undefined =>
  value === undefined ? undefined : value < 0n ? -2n * value - 1n : 2n * value;

function varint(out: WireWriter, number: number, value: bigint | undefined): boolean {
  if (value === undefined) return false;
  out.tag(number, VARINT);
  out.varint64(value);
  return true;
}

function fixed(out: WireWriter, number: number, value: bigint | undefined, long: boolean): boolean {
  if (value === undefined) return false;
  out.tag(number, long ? FIXED64 : FIXED32);
  if (long) out.fixed64(value); else out.fixed32(Number(BigInt.asUintN(32, value)));
  return true;
}

function bytes(out: WireWriter, number: number, value: Uint8Array | undefined): boolean {
  if (value === undefined) return false;
  out.tag(number, DELIMITED);
  out.delimited(value);
  return true;
}
