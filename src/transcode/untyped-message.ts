// A message as its bytes have it: the values of each field in their order, read by its type. What protobuf's printer
// does not take is refused with its words: a second value of a field that has one, text that is not UTF-8.
import { isUtf8 } from 'node:buffer';
import { Kind } from './descriptors.js';
import type { FieldType, MessageType } from './descriptors.js';
import { DELIMITED, FIXED32, FIXED64, GROUP_END, GROUP_START, VARINT, WireEnd, WireReader } from './wire.js';

/** 64 bits are bigints, texts and bytes are bytes. */
export type FieldValue = bigint | number | boolean | Uint8Array | UntypedMessage;

/** The bytes, or their values, are none of the type's. `code`: of google.rpc.Code. */
export class MessageError extends Error {
  constructor(message: string, readonly code: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'INTERNAL' = 'INVALID_ARGUMENT') {
    super(message);
  }
}

const DEPTH_MAX = 100;

export class UntypedMessage {
  readonly values = new Map<number, FieldValue[]>();
  constructor(readonly type: MessageType) {}

  /** The only value of a field; undefined where it has none. */
  one(number: number): FieldValue | undefined { return this.values.get(number)?.[0]; }
  count(number: number): number { return this.values.get(number)?.length ?? 0; }
}

/** Throws MessageError. */
export function readMessage(type: MessageType, reader: WireReader): UntypedMessage {
  try {
    return new Decoder().message(type, reader, 0);
  } catch (error) {
    throw error instanceof WireEnd ? new MessageError(error.message) : error;
  }
}

class Decoder {
  message(type: MessageType, reader: WireReader, depth: number): UntypedMessage {
    const message = new UntypedMessage(type);
    while (!reader.done) {
      const tag = reader.varint32();
      if (tag === 0) break;
      const number = tag >>> 3, wireType = tag & 7;
      const field = type.byNumber.get(number);
      if (wireType === GROUP_END) throw new MessageError(`attempted to close group ${number} before SGROUP tag`);
      if (field === undefined) skip(reader, number, wireType, 0);
      else if (wireType === DELIMITED) this.delimited(message, field, reader, depth);
      else if (wireType === GROUP_START) throw new MessageError(`field number ${number} is not a group`);
      else insert(message, field, single(reader, field, wireType));
    }
    return message;
  }

  private delimited(message: UntypedMessage, field: FieldType, reader: WireReader, depth: number): void {
    if (depth >= DEPTH_MAX) throw new MessageError('allowed depth exceeded');
    const { inner, cut } = within(reader, depth);
    if (field.kind === Kind.string || field.kind === Kind.bytes) {
      if (cut) throw new WireEnd('unexpected EOF');
      const bytes = inner.rest;
      if (field.kind === Kind.string && message.type.proto3 && !isUtf8(bytes))
        throw new MessageError('proto3 strings must be UTF-8');
      insert(message, field, bytes);
    } else if (field.message !== null) insert(message, field, this.message(field.message, inner, depth + 1));
    else {
      while (!inner.done) insert(message, field, single(inner, field, packedType(field)));
      if (cut) throw new WireEnd('unexpected EOF');
    }
  }
}

/**
 * What stands behind a length. As protobuf's reader: a length that is not there is 0, one beyond its message ends
 * there.
 */
function within(reader: WireReader, depth: number): { inner: WireReader; cut: boolean } {
  let length = 0;
  if (!reader.done) length = reader.varint32();
  const left = reader.end - reader.at;
  const from = reader.skip(Math.min(length, left));
  return { inner: new WireReader(reader.bytes, from, reader.at), cut: length > left && depth === 0 };
}

function insert(message: UntypedMessage, field: FieldType, value: FieldValue): void {
  const found = message.values.get(field.number);
  if (found === undefined) message.values.set(field.number, [value]);
  else if (field.repeated) found.push(value);
  else throw new MessageError(`repeated entries for singular field number ${field.number}`);
}

const FIXED = new Map<number, number>([[Kind.fixed64, FIXED64], [Kind.sfixed64, FIXED64], [Kind.double, FIXED64],
  [Kind.fixed32, FIXED32], [Kind.sfixed32, FIXED32], [Kind.float, FIXED32]]);
const packedType = (field: FieldType): number => FIXED.get(field.kind) ?? VARINT;

function single(reader: WireReader, field: FieldType, wireType: number): FieldValue {
  const place = `field type ${field.kind} (number ${field.number})`;
  if (wireType !== VARINT && wireType !== FIXED64 && wireType !== FIXED32)
    throw new MessageError(`unknown wire type: ${wireType}`);
  if (wireType !== packedType(field) || field.message !== null || field.kind === Kind.string
    || field.kind === Kind.bytes)
    throw new MessageError(wireType === VARINT ? `${place} does not support varint fields`
      : wireType === FIXED64 ? `${place} does not support type 64-bit fields`
        : `${place} does not support 32-bit fields`);
  switch (field.kind) {
    case Kind.double: return reader.double();
    case Kind.float: return reader.float();
    case Kind.fixed32: return reader.fixed32();
    case Kind.sfixed32: return reader.fixed32() | 0;
    case Kind.fixed64: return reader.fixed64();
    case Kind.sfixed64: return BigInt.asIntN(64, reader.fixed64());
    case Kind.bool: {
      const byte = reader.byte();
      if (byte > 1) throw new MessageError(`bad value for bool: \\x${byte.toString(16).padStart(2, '0')}`);
      return byte === 1;
    }
    case Kind.uint32: return reader.varint32();
    case Kind.sint32: {
      const value = reader.varint32();
      return (value >>> 1) ^ -(value & 1);
    }
    case Kind.int32: case Kind.enum: return reader.varint32() | 0;
    case Kind.uint64: return reader.varint64();
    case Kind.sint64: {
      const value = reader.varint64();
      return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    default: return BigInt.asIntN(64, reader.varint64());
  }
}

/** A field that the type does not have. */
function skip(reader: WireReader, number: number, wireType: number, depth: number): void {
  switch (wireType) {
    case VARINT: reader.varint64(); return;
    case FIXED64: reader.skip(8); return;
    case FIXED32: reader.skip(4); return;
    case DELIMITED: {
      const bytes = reader.varint32();
      if (bytes > reader.end - reader.at) throw new MessageError('malformed length-delimited field');
      reader.skip(bytes);
      return;
    }
    case GROUP_START: {
      if (depth >= DEPTH_MAX) throw new MessageError('allowed depth exceeded');
      for (;;) {
        if (reader.done) return;
        const tag = reader.varint32();
        const inner = tag >>> 3;
        if ((tag & 7) !== GROUP_END) { skip(reader, inner, tag & 7, depth + 1); continue; }
        if (inner !== number)
          throw new MessageError(`attempted to close group ${inner} while inside group ${number}`);
        return;
      }
    }
    default: throw new MessageError(`unknown wire type: ${wireType}`);
  }
}
