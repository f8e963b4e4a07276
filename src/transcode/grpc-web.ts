// gRPC-Web: the same messages as gRPC's, with the trailers in a frame of their own behind them; as bytes, or as base64
// that comes and goes in pieces.
import { GrpcFrames, HEADER_BYTES } from './grpc-frames.js';

const TRAILERS = 0x80;
const NOTHING = new Uint8Array(0);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Why a text is none: its length, or what is in it. */
export class Base64Error extends Error {
  constructor(readonly bySize: boolean) { super('Bad gRPC-web request, invalid base64 data.'); }
}

/** Base64 in pieces; each group of four letters stands for itself. Throws Base64Error. */
export class Base64Pieces {
  private waiting = '';

  take(piece: Uint8Array): Uint8Array {
    const text = this.waiting + Buffer.from(piece).toString('latin1');
    const whole = text.length - text.length % 4;
    this.waiting = text.slice(whole);
    return whole === 0 ? NOTHING : decoded(text.slice(0, whole));
  }

  end(): Uint8Array {
    if (this.waiting !== '') throw new Base64Error(true);
    return NOTHING;
  }
}

function decoded(text: string): Uint8Array {
  if (!BASE64.test(text)) throw new Base64Error(false);
  return Buffer.from(text, 'base64');
}

/** Trailers, as lines, in their frame. */
export function trailersFrame(lines: string): Uint8Array {
  const text = Buffer.from(lines.replace(/^([^:\r\n]+): /gm, (_, name: string) => `${name.toLowerCase()}:`), 'latin1');
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = TRAILERS;
  header.writeUInt32BE(text.length, 1);
  return Buffer.concat([header, text]);
}

export const base64Of = (bytes: Uint8Array): Uint8Array => Buffer.from(Buffer.from(bytes).toString('base64'), 'latin1');

/** Whole frames as base64, each by itself. */
export class FramesAsText {
  private readonly frames = new GrpcFrames();

  take(piece: Uint8Array): Uint8Array {
    this.frames.add(piece);
    const texts: Uint8Array[] = [];
    for (let frame = this.frames.whole(); frame !== null; frame = this.frames.whole()) texts.push(base64Of(frame));
    return Buffer.concat(texts);
  }
}

/** Bytes of a body as grpc-message has them. */
export const messageOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  .replace(/[^ -}]|%/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

/** Copies, one behind the other. */
export const joinedBytes = (pieces: readonly Uint8Array[]): Uint8Array => Buffer.concat(pieces);
export const bytesOfText = (text: string): Uint8Array => Buffer.from(text, 'utf8');
