// The way of a response: messages of gRPC become JSON, one or a stream of them, or a body that goes as it is; the
// status at its end becomes HTTP's.
import type { Descriptors } from './descriptors.js';
import { GrpcFrames } from './grpc-frames.js';
import { readHttpBody } from './http-body.js';
import type { TranscodedMethod } from './http-rules.js';
import { printMessage } from './message-printer.js';
import type { PrintOptions } from './message-printer.js';
import { MessageError } from './untyped-message.js';
import { WireWriter } from './wire.js';

export interface ResponseOptions extends PrintOptions { newlineDelimited: boolean; sseDelimited: boolean }

const NO_BYTES = new Uint8Array(0);

/** A response in progress. `take` and `end` give bytes for the client; they throw MessageError. */
export class ResponseTranslation {
  private readonly frames = new GrpcFrames();
  private first = true;
  private done = false;
  /** Of the first HttpBody; null: none has come. */
  contentType: string | null = null;

  constructor(private readonly descriptors: Descriptors, private readonly method: TranscodedMethod,
    private readonly options: ResponseOptions) {}

  /** Bytes that wait for the rest of their message. */
  get pending(): number { return this.frames.pending; }
  get streams(): boolean { return this.method.method.serverStreaming; }
  get isHttpBody(): boolean { return this.method.responseIsHttpBody; }
  /** Of the response's head. */
  get streamType(): string { return this.streams && this.options.sseDelimited ? 'text/event-stream'
    : 'application/json'; }

  take(piece: Uint8Array): Uint8Array {
    this.frames.add(piece);
    return this.translate();
  }

  end(): Uint8Array {
    this.frames.end();
    const last = this.translate();
    if (!this.streams || this.isHttpBody || this.options.newlineDelimited || this.options.sseDelimited) return last;
    return Buffer.concat([last, Buffer.from(this.first ? '[]' : ']')]);
  }

  private translate(): Uint8Array {
    const pieces: Uint8Array[] = [];
    while (!this.done) {
      const message = this.frames.next();
      if (message === null) break;
      pieces.push(this.isHttpBody ? this.body(message) : this.json(message));
      if (!this.streams) this.done = !this.isHttpBody || this.contentType !== null;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  private json(message: Uint8Array): Uint8Array {
    const text = printMessage(this.descriptors, this.method.method.output, message, this.options);
    if (!this.streams) return Buffer.from(text);
    const { sseDelimited, newlineDelimited } = this.options;
    const before = sseDelimited ? 'data: ' : newlineDelimited ? '' : this.first ? '[' : ',';
    this.first = false;
    return Buffer.from(`${before}${text}${sseDelimited ? '\n\n' : newlineDelimited ? '\n' : ''}`);
  }

  private body(message: Uint8Array): Uint8Array {
    if (message.length === 0) return NO_BYTES;
    const { contentType, data } = readHttpBody(this.method.responsePath, message);
    this.contentType ??= contentType;
    return Uint8Array.from(data);
  }
}

/** google.rpc.Status as JSON: from the details' base64, else of code and message. Null: its details are not known. */
export function statusJson(descriptors: Descriptors, code: number, message: string | null, details: string | null,
    options: PrintOptions): string | null {
  const type = descriptors.messages.get('google.rpc.Status')!;
  let bytes: Uint8Array | null = details === null ? null : Buffer.from(details, 'base64');
  if (bytes === null || bytes.length === 0) {
    const status = new WireWriter();
    status.tag(1, 0);
    status.varint64(BigInt(code));
    const text = Buffer.from(percentDecoded(message ?? ''), 'latin1');
    if (text.length > 0) {
      status.tag(2, 2);
      status.delimited(text);
    }
    bytes = status.written;
  }
  try {
    return printMessage(descriptors, type, bytes, options);
  } catch (error) {
    if (error instanceof MessageError) return null;
    throw error;
  }
}

const percentDecoded = (text: string): string => text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
  String.fromCharCode(Number.parseInt(hex, 16)));
