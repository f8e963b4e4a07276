// envoy.filters.http.grpc_web: calls of browsers become gRPC's. Their bodies are the same but for base64, where that is
// asked for, and for the trailers, which come as the body's last frame.
import { grpcStatusOfHttp } from '../../core/grpc-status.js';
import { detail } from '../../core/response-flags.js';
import { Base64Error, Base64Pieces, FramesAsText, base64Of, bytesOfText, joinedBytes, messageOf,
  trailersFrame } from '../../transcode/grpc-web.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { HOLD, STREAM, lineValue, withHeadLines, withLines } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';
import { recordHeader } from '../routing/regex.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const BINARY = ['application/grpc-web', 'application/grpc-web+proto'];
const TEXT = ['application/grpc-web-text', 'application/grpc-web-text+proto'];
const NOTHING = new Uint8Array(0);
/** Of a response that is not gRPC's, in grpc-message (as Envoy). */
const MESSAGE_BYTES_MAX = 16384;

export class GrpcWebFilter implements HttpFilter {
  constructor(private readonly engine: Engine) {}

  onRequest(stream: Stream, actions: Actions): number {
    const type = recordHeader(this.engine, this.engine.requestRecord, 'content-type') ?? '';
    const text = TEXT.includes(type);
    if (!text && !BINARY.includes(type)) return CONTINUE;
    const accept = recordHeader(this.engine, this.engine.requestRecord, 'accept') ?? '';
    const call = new GrpcWebCall(text, TEXT.includes(accept), stream.framed);
    actions.transform(stream, call);
    if (!actions.rewrite(stream, grpcHead)) return ANSWERED;
    if (!stream.request.complete) actions.transformRequest(stream);
    else if (stream.collected) {
      const first = call.requestBytes(actions.collectedBody(stream)), last = first === null ? null : call.requestEnd();
      if (first === null || last === null)
        return actions.reply(stream, call.refusal.status, 0, detail(call.refusal.details), call.refusal.body);
      if (!actions.replaceBody(stream, first)) return ANSWERED;
    }
    return CONTINUE;
  }

  release(): void { /* nothing in the arena */ }
}

/** The head of a gRPC request in place of this one. */
function grpcHead(head: string): string {
  const accepts = lineValue(head, 'grpc-accept-encoding') !== null;
  return withHeadLines(head, [['content-length', null], ['transfer-encoding', null],
    ['content-type', 'application/grpc'], ['te', 'trailers'],
    ...accepts ? [] : [['grpc-accept-encoding', 'identity'] as const]]);
}

class GrpcWebCall implements Transform {
  readonly changesRequest = true;
  readonly ready = false;
  readonly trailers = '';
  head: ResponseHead = { status: 0, lines: '' };
  refusal: Refusal = { status: 400, body: '', details: 'grpc_base_64_decode_failed' };
  readonly tooLong = this.refusal;
  private readonly base64: Base64Pieces | null;
  private readonly frames: FramesAsText | null;
  /** The response is not gRPC's: its body becomes the message of a status. */
  private foreign = false;
  private ended = false;
  private body: Uint8Array[] = [];
  private bodyBytes = 0;

  constructor(textRequest: boolean, private readonly text: boolean, private readonly framed: boolean) {
    this.base64 = textRequest ? new Base64Pieces() : null;
    this.frames = text ? new FramesAsText() : null;
  }

  requestBytes(piece: Uint8Array): Uint8Array | null {
    return this.base64 === null ? Uint8Array.from(piece) : this.read(this.base64, piece);
  }
  requestEnd(): Uint8Array | null { return this.base64 === null ? NOTHING : this.read(this.base64, null); }

  private read(base64: Base64Pieces, piece: Uint8Array | null): Uint8Array | null {
    try {
      return piece === null ? base64.end() : base64.take(piece);
    } catch (error) {
      if (!(error instanceof Base64Error)) throw error;
      this.refusal = { status: 400, body: error.message,
        details: error.bySize ? 'grpc_base_64_decode_failed_bad_size' : 'grpc_base_64_decode_failed' };
      return null;
    }
  }

  private get type(): string { return this.text ? TEXT[1]! : BINARY[1]!; }

  responseHead({ status, lines }: ResponseHead, ended: boolean): number {
    const type = (lineValue(lines, 'content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
    this.ended = ended;
    this.foreign = !ended && !(status === 200 && (/^application\/grpc(\+|$)/.test(type) || BINARY.includes(type)));
    this.head = { status, lines: withLines(lines, [['content-type', this.type]]) };
    if (!ended && !this.foreign) {
      this.head.lines = withLines(this.head.lines, [['content-length', null]]);
      return STREAM;
    }
    return HOLD;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    if (this.foreign) {
      if (this.bodyBytes < MESSAGE_BYTES_MAX) this.body.push(Uint8Array.from(piece));
      this.bodyBytes += piece.length;
      return NOTHING;
    }
    return this.frames === null ? Uint8Array.from(piece) : this.frames.take(piece);
  }

  responseEnd(trailers: string): Uint8Array | null {
    if (this.foreign) {
      this.head.lines = asStatus(this.head, joinedBytes(this.body).subarray(0, MESSAGE_BYTES_MAX));
      return NOTHING;
    }
    if (this.ended && !this.framed) this.head.lines = withLines(this.head.lines, [['content-length', '0']]);
    if (trailers === '') return NOTHING;
    const frame = trailersFrame(trailers);
    return this.text ? base64Of(frame) : frame;
  }

  localReply(status: number, lines: string, body: string): { lines: string; body: string } {
    const typed = withLines(lines, [['content-type', this.type]]);
    if (body === '') return { lines: typed, body };
    return { lines: withLines(asStatus({ status, lines: typed }, bytesOfText(body)), [['content-length', null]]),
      body: '' };
  }
}

function asStatus({ status, lines }: ResponseHead, body: Uint8Array): string {
  return withLines(lines, [['grpc-message', messageOf(body)], ['grpc-status', String(grpcStatusOfHttp(status))],
    ['content-length', '0']]);
}
