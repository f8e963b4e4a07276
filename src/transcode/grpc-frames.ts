// Messages of gRPC in a stream of bytes: a flag, a length, the message.
import { MessageError } from './untyped-message.js';

/** Of the flag and the length before a message. */
export const HEADER_BYTES = 5;

/** A message with its header. */
export function framed(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(bytes, 1);
  return Buffer.concat([header, ...parts]);
}

/** Takes the stream apart. */
export class GrpcFrames {
  private bytes: Buffer = Buffer.alloc(0);
  private used = 0;
  private taken = 0;
  private ended = false;

  /** Bytes that wait for the rest of their message. */
  get pending(): number { return this.used - this.taken; }

  add(piece: Uint8Array): void {
    const waiting = this.pending;
    if (this.taken > 0) {
      this.bytes.copyWithin(0, this.taken, this.used);
      this.taken = 0;
      this.used = waiting;
    }
    if (waiting + piece.length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, waiting + piece.length));
      this.bytes.copy(grown, 0, 0, waiting);
      this.bytes = grown;
    }
    this.bytes.set(piece, waiting);
    this.used = waiting + piece.length;
  }

  end(): void { this.ended = true; }

  /** The next message with its header, whatever its flag; null: it is not all here. */
  whole(): Uint8Array | null {
    if (this.pending < HEADER_BYTES) return null;
    const bytes = HEADER_BYTES + this.bytes.readUInt32BE(this.taken + 1);
    if (this.pending < bytes) return null;
    this.taken += bytes;
    return this.bytes.subarray(this.taken - bytes, this.taken);
  }

  /** The next message, until more is added; null: it is not all here. Throws MessageError. */
  next(): Uint8Array | null {
    const waiting = this.pending;
    if (waiting < HEADER_BYTES) {
      if (this.ended && waiting > 0) throw new MessageError('Incomplete gRPC frame header received', 'INTERNAL');
      return null;
    }
    const flag = this.bytes[this.taken]!, length = this.bytes.readUInt32BE(this.taken + 1);
    if (flag !== 0) throw new MessageError(`Unsupported gRPC frame flag: ${flag}`, 'INTERNAL');
    if (waiting - HEADER_BYTES < length) {
      if (this.ended)
        throw new MessageError(`Incomplete gRPC frame expected size: ${length} actual size: ${waiting - HEADER_BYTES}`,
          'INTERNAL');
      return null;
    }
    const from = this.taken + HEADER_BYTES;
    this.taken = from + length;
    return this.bytes.subarray(from, this.taken);
  }
}
