// The way of a request: a JSON text, or a list of them, becomes messages of gRPC. Path and query are woven into the
// first.
import { limits } from '../core/limits.js';
import { GrpcFailure } from './grpc-failure.js';
import { framed } from './grpc-frames.js';
import { ValueFailures } from './failures.js';
import { httpBodyMessage } from './http-body.js';
import type { UnknownParameters } from './http-body.js';
import type { Descriptors } from './descriptors.js';
import type { JsonEvents } from './json-events.js';
import { JsonReader } from './json-reader.js';
import { MessageWriter } from './message-writer.js';
import { PrefixedEvents } from './prefixed-events.js';
import type { Scalar } from './scalars.js';
import type { TranscodedMethod } from './http-rules.js';
import { Weaver } from './weaver.js';
import type { ResolvedBinding } from './weaver.js';

const NO_BYTES = new Uint8Array(0);

export interface RequestContext {
  descriptors: Descriptors;
  method: TranscodedMethod;
  bodyPath: string[];
  bindings: ResolvedBinding[]; unknown: UnknownParameters;
  /** Of the request, for a body that goes as it is. */
  contentType: string;
  refusesCollisions: boolean; anyEnumCase: boolean;
}

/** One message in the making. */
class Message {
  readonly writer: MessageWriter;
  readonly input: JsonEvents;

  constructor(context: RequestContext, readonly failures: ValueFailures, bindings: readonly ResolvedBinding[],
      options: { refusesCollisions: boolean; anyEnumCase: boolean }) {
    const { descriptors, method, bodyPath } = context;
    this.writer = new MessageWriter({ descriptors, failures, anyEnumCase: options.anyEnumCase }, method.method.input);
    let input: JsonEvents = this.writer;
    if (bindings.length > 0) input = new Weaver(bindings, input, failures, options.refusesCollisions);
    this.input = bodyPath.length > 0 ? new PrefixedEvents(bodyPath, input) : input;
  }
}

/** What of a call's request has come so far. `take` gives the bytes for the upstream. Throws GrpcFailure. */
export interface RequestTranslation {
  /** Bytes that wait for those behind them. */
  readonly pending: number;
  take(piece: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export function translationOf(context: RequestContext): RequestTranslation {
  if (context.method.requestIsHttpBody) return new BodyTranslation(context);
  return context.method.method.clientStreaming ? new ListTranslation(context) : new ObjectTranslation(context);
}

/** A message from one JSON value. What stands behind it in a later piece is not looked at. */
class ObjectTranslation implements RequestTranslation {
  private readonly message: Message;
  private readonly reader: JsonReader;
  private seen = false;
  private done = false;

  constructor(context: RequestContext) {
    this.message = new Message(context, new ValueFailures(), context.bindings, context);
    this.reader = new JsonReader(this.message.input, limits.transcodedDepthMax, limits.jsonTokenBytesMax);
  }

  get pending(): number { return this.reader.pending; }

  take(piece: Uint8Array): Uint8Array {
    if (this.done || piece.length === 0) return NO_BYTES;
    this.seen = true;
    return this.checked(this.reader.read(piece));
  }

  end(): Uint8Array {
    if (this.done) return NO_BYTES;
    return this.checked(this.seen ? this.reader.finish() : this.reader.read(Buffer.from('{}')));
  }

  private checked(read: boolean): Uint8Array {
    if (!read) throw new GrpcFailure('INVALID_ARGUMENT', this.reader.failure);
    const { failures, writer } = this.message;
    if (failures.any) throw new GrpcFailure('INVALID_ARGUMENT', failures.text);
    if (writer.written === null) return NO_BYTES;
    this.done = true;
    return framed(writer.written);
  }
}

/** A message from each element of a JSON list. */
class ListTranslation implements RequestTranslation, JsonEvents {
  private readonly reader: JsonReader;
  private message: Message | null = null;
  private bindings: readonly ResolvedBinding[];
  private depth = 0;
  private failure = '';
  private seen = false;
  private done = false;
  private frames: Uint8Array[] = [];

  constructor(private readonly context: RequestContext) {
    this.bindings = context.bindings;
    this.reader = new JsonReader(this, limits.transcodedDepthMax, limits.jsonTokenBytesMax);
  }

  get pending(): number { return this.reader.pending; }

  take(piece: Uint8Array): Uint8Array {
    if (this.done || piece.length === 0) return NO_BYTES;
    this.seen = true;
    return this.checked(this.reader.read(piece));
  }

  end(): Uint8Array {
    if (this.done) return NO_BYTES;
    return this.checked(this.seen ? this.reader.finish() : this.reader.read(Buffer.from('{}')));
  }

  private checked(read: boolean): Uint8Array {
    if (!read) throw new GrpcFailure('INVALID_ARGUMENT', this.reader.failure);
    if (this.failure !== '') throw new GrpcFailure('INVALID_ARGUMENT', this.failure);
    const bytes = this.frames.length === 1 ? this.frames[0]! : Buffer.concat(this.frames);
    this.frames = [];
    return bytes;
  }

  startObject(name: string): void {
    if (this.failure !== '') return;
    if (this.depth === 0) { this.failure = 'Expected an array instead of an object'; return; }
    if (this.depth === 1) this.begin();
    this.message!.input.startObject(name);
    this.depth++;
  }
  endObject(): void {
    if (this.failure !== '') return;
    this.depth--;
    this.message!.input.endObject();
    if (this.depth === 1) this.finish();
  }
  startList(name: string): void {
    if (this.failure !== '') return;
    if (this.depth === 1) this.begin();
    if (this.depth > 0) this.message!.input.startList(name);
    this.depth++;
  }
  endList(): void {
    if (this.failure !== '') return;
    this.depth--;
    if (this.depth === 0) { this.done = true; return; }
    this.message!.input.endList();
    if (this.depth === 1) this.finish();
  }
  scalar(name: string, value: Scalar): void {
    if (this.failure !== '') return;
    if (this.depth === 0) { this.failure = 'Expected an array instead of a scalar value.'; return; }
    if (this.depth === 1) this.begin();
    this.message!.input.scalar(name, value);
    if (this.depth === 1) this.finish();
  }

  private begin(): void {
    // As Envoy: elements of a list are read without the options for enumerations and collisions.
    this.message = new Message(this.context, new ValueFailures(), this.bindings,
      { refusesCollisions: false, anyEnumCase: false });
    this.bindings = [];
  }

  private finish(): void {
    const { failures, writer } = this.message!;
    this.message = null;
    if (failures.any) this.failure = failures.text;
    else if (writer.written === null) this.failure = 'Invalid object';
    else this.frames.push(framed(writer.written));
  }
}

/** A body that goes as it is; a stream of it in pieces. */
class BodyTranslation implements RequestTranslation {
  private pieces: Uint8Array[] = [];
  pending = 0;
  private first = true;
  private readonly bound: Uint8Array;

  constructor(private readonly context: RequestContext) {
    const failures = new ValueFailures();
    const { input, writer } = new Message(context, failures, context.bindings, context);
    input.startObject('');
    input.endObject();
    if (failures.any) throw new GrpcFailure('INVALID_ARGUMENT', failures.text);
    this.bound = writer.written ?? NO_BYTES;
  }

  take(piece: Uint8Array): Uint8Array {
    if (this.context.method.method.clientStreaming) return this.inPieces(piece);
    this.pieces.push(Uint8Array.from(piece));
    this.pending += piece.length;
    return NO_BYTES;
  }

  end(): Uint8Array {
    if (!this.first) return NO_BYTES;
    const data = Buffer.concat(this.pieces);
    this.pieces = [];
    return this.message(data);
  }

  private inPieces(piece: Uint8Array): Uint8Array {
    const frames: Uint8Array[] = [];
    for (let from = 0; this.first || from < piece.length; from += limits.grpcPieceBytesMax)
      frames.push(this.message(piece.subarray(from, from + limits.grpcPieceBytesMax)));
    return Buffer.concat(frames);
  }

  private message(data: Uint8Array): Uint8Array {
    const { method, contentType, unknown } = this.context;
    const body = httpBodyMessage(method.requestPath, this.first ? contentType : '', unknown, data);
    const bytes = this.first ? framed(this.bound, body) : framed(body);
    this.first = false;
    return bytes;
  }
}

