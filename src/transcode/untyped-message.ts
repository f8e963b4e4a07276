// A message as its bytes have it: the values of each field in their order, read by its type. What protobuf's printer
// does not take is refused with its words: a second value of a field that has one, text that is not UTF-8.
import { isUtf8 } from 'node:buffer';
import { limits } from '../core/limits.js';
import { Kind } from './descriptors.js';
import type { FieldType, MessageType } from './descriptors.js';
import { DELIMITED, FIXED32, FIXED64, GROUP_END, GROUP_START, VARINT, WireEnd } from './wire.js';
import type { WireReader } from './wire.js';

/** 64 bits are bigints, texts and bytes are bytes. */
export type FieldValue = bigint | number | boolean | Uint8Array | UntypedMessage;

/** The bytes, or their values, are none of the type's. `code`: of google.rpc.Code. */
export class MessageError extends Error {
  constructor(message: string, readonly code: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'INTERNAL' = 'INVALID_ARGUMENT') {
    super(message);
  }
}

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
      const tag = started(reader);
      if (tag === 0) break;
      const number = tag >>> 3, wireType = tag & 7;
      const field = type.byNumber.get(number);
      if (wireType === GROUP_END) throw new MessageError(`attempted to close group ${number} before SGROUP tag`);
      if (field === undefined) { if (!skip(reader, number, wireType, 0)) break; }
      else if (wireType === DELIMITED) this.delimited(message, field, reader, depth);
      else if (wireType === GROUP_START) throw new MessageError(`field number ${number} is not a group`);
      else insert(message, field, single(reader, field, wireType));
    }
    return message;
  }

  private delimited(message: UntypedMessage, field: FieldType, reader: WireReader, depth: number): void {
    if (depth >= limits.transcodedDepthMax) throw new MessageError('allowed depth exceeded');
    const { limit } = reader;
    // A length beyond the message around it ends there.
    const length = started(reader);
    reader.limit = Math.min(limit, reader.at + length);
    if (field.kind === Kind.string || field.kind === Kind.bytes) {
      const from = reader.skip(reader.limit - reader.at);
      const bytes = reader.bytes.subarray(from, reader.at);
      if (field.kind === Kind.string && message.type.proto3 && !isUtf8(bytes))
        throw new MessageError('proto3 strings must be UTF-8');
      insert(message, field, bytes);
    } else if (field.message !== null) insert(message, field, this.message(field.message, reader, depth + 1));
    else while (reader.at < reader.limit) insert(message, field, single(reader, field, packedType(field)));
    reader.limit = limit;
  }
}

/** A tag or a length; one that is cut is 0, as protobuf's reader has it, and nothing is behind it. */
function started(reader: WireReader): number {
  try {
    return reader.varint32();
  } catch (error) {
    if (!(error instanceof WireEnd)) throw error;
    reader.at = reader.stop;
    return 0;
  }
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

/** Passes a field that the type does not have. False: the message ends within it. */
function skip(reader: WireReader, number: number, wireType: number, depth: number): boolean {
  switch (wireType) {
    case VARINT: reader.varint64(); return true;
    case FIXED64: reader.skip(8); return true;
    case FIXED32: reader.skip(4); return true;
    case DELIMITED: {
      const bytes = reader.varint32();
      if (bytes > reader.stop - reader.at) throw new MessageError('malformed length-delimited field');
      reader.skip(bytes);
      return true;
    }
    case GROUP_START: {
      if (depth >= limits.transcodedDepthMax) throw new MessageError('allowed depth exceeded');
      for (;;) {
        const tag = started(reader);
        if (tag === 0) return false;
        const inner = tag >>> 3;
        if ((tag & 7) !== GROUP_END) {
          if (!skip(reader, inner, tag & 7, depth + 1)) return false;
        } else if (inner === number) return true;
        else throw new MessageError(`attempted to close group ${inner} while inside group ${number}`);
      }
    }
    default: throw new MessageError(`unknown wire type: ${wireType}`);
  }
}
