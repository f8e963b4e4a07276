// One call that is transcoded: the request's JSON becomes messages, the response's messages JSON, the status at its end
// HTTP's.
import { httpStatusOfGrpc } from '../../core/grpc-status.js';
import { HttpStat } from '../../telemetry/schema.js';
import { GrpcFailure } from '../../transcode/grpc-failure.js';
import type { RequestTranslation } from '../../transcode/requests.js';
import type { ResponseTranslation } from '../../transcode/responses.js';
import type { Call, Transcoder } from '../../transcode/transcoder.js';

import { MessageError } from '../../transcode/untyped-message.js';
import { HOLD, PASS, STREAM, lineValue, withLines } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';

const NOTHING = new Uint8Array(0);
const REQUEST_TOO_LONG: Refusal = { status: 413,
  details: 'grpc_json_transcode_failure{request_buffer_size_limit_reached}',
  body: "Request rejected because the transcoder's internal buffer size exceeds the configured limit." };
const RESPONSE_TOO_LONG: Refusal = { status: 500,
  details: 'grpc_json_transcode_failure{response_buffer_size_limit_reached}',
  body: "Response not transcoded because the transcoder's internal buffer size exceeds the configured limit." };

/** The head of a gRPC request in place of this one. */
export function transcodedHead(head: string, path: string): string {
  const lineEnd = head.indexOf('\r\n');
  const [method, target] = head.slice(0, lineEnd).split(' ') as [string, string];
  const lines = withLines(head.slice(lineEnd + 2, -2), [['content-length', null], ['transfer-encoding', null],
    ['te', null], ['content-type', 'application/grpc'], ['x-envoy-original-path', target],
    ['x-envoy-original-method', method]]);
  return `POST ${path} HTTP/1.1\r\n${lines}te: trailers\r\n\r\n`;
}

export class TranscodedCall implements Transform {
  head: ResponseHead = { status: 0, lines: '' };
  trailers = '';
  refusal: Refusal = REQUEST_TOO_LONG;
  readonly tooLong = REQUEST_TOO_LONG;
  private readonly request: RequestTranslation;
  private readonly response: ResponseTranslation;
  private body: Uint8Array[] = [];
  private bodyBytes = 0;
  /** The whole response was its head. */
  private headOnly = false;
  private hasBody = false;
  ready = false;
  private requestWaits = 0;
  private responseWaits = 0;

  /** Throws GrpcFailure. */
  constructor(private readonly transcoder: Transcoder, readonly call: Call, contentType: string,
      private readonly responseBytesMax: number, private readonly requestBytesMax: number,
      private readonly framed: boolean, private readonly cells: Float64Array, private readonly scope: number) {
    this.request = transcoder.request(call, contentType);
    this.response = transcoder.response(call);
  }

  /** What waits in it, as the connection manager counts it. */
  private count(requestBytes: number, responseBytes: number): void {
    this.cells[this.scope + HttpStat.transcoder_request_buffer_bytes] += requestBytes - this.requestWaits;
    this.cells[this.scope + HttpStat.transcoder_response_buffer_bytes] += responseBytes - this.responseWaits;
    this.requestWaits = requestBytes;
    this.responseWaits = responseBytes;
  }

  /** The call is over. */
  release(): void { this.count(0, 0); }

  get changesRequest(): boolean { return this.call.method.method.clientStreaming; }

  /** The messages of a whole body. Null: see `refusal`. */
  whole(body: Uint8Array): Uint8Array | null {
    const first = this.requestBytes(body);
    const last = first === null ? null : this.requestEnd();
    if (first === null || last === null) return null;
    return first.length === 0 ? last : last.length === 0 ? first : joined([first, last]);
  }

  requestBytes(piece: Uint8Array): Uint8Array | null {
    const bytes = this.read(() => this.request.take(piece));
    this.count(this.request.pending, this.responseWaits);
    if (bytes !== null && this.request.pending > this.requestBytesMax) {
      this.refusal = REQUEST_TOO_LONG;
      return null;
    }
    return bytes;
  }

  requestEnd(): Uint8Array | null { return this.read(() => this.request.end()); }

  responseHead(head: ResponseHead, ended: boolean): number {
    const type = lineValue(head.lines, 'content-type') ?? '';
    const isGrpc = ended ? lineValue(head.lines, 'grpc-status') !== null
      : head.status === 200 && /^application\/grpc(\+|$)/.test(type);
    if (!isGrpc) return PASS;
    this.headOnly = ended;
    const { streams, isHttpBody } = this.response;
    this.head = { status: head.status, lines: withLines(head.lines, streams || !ended
      ? [['content-length', null], ['content-type', this.response.streamType]] : [['content-length', null]]) };
    return streams && !isHttpBody && !ended ? STREAM : HOLD;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    this.hasBody = true;
    const bytes = this.read(() => this.response.take(piece));
    if (bytes === null) return null;
    if (this.response.pending + this.bodyBytes + (this.response.streams ? 0 : bytes.length) > this.responseBytesMax) {
      this.refusal = RESPONSE_TOO_LONG;
      return null;
    }
    if (this.response.streams) this.count(this.requestWaits, this.response.pending);
    if (this.response.streams && (!this.response.isHttpBody || this.ready)) return bytes;
    if (this.response.streams && this.response.contentType !== null) {
      this.setLine('content-type', this.response.contentType);
      this.ready = true;
      return bytes;
    }
    this.body.push(bytes);
    this.bodyBytes += bytes.length;
    this.count(this.requestWaits, this.response.pending + this.bodyBytes);
    return NOTHING;
  }

  responseEnd(trailers: string): Uint8Array | null {
    const status = this.headOnly ? this.head.lines : trailers;
    this.trailers = trailers;
    const code = codeOf(lineValue(status, 'grpc-status'));
    const converted = this.hasBody || Number.isNaN(code) || code === 0 ? null : this.statusJson(code, status);
    if (converted !== null) return converted;
    const last = this.read(() => this.response.end());
    if (last === null) return null;
    const { streams } = this.response;
    if (streams && !this.headOnly) {
      this.ready = true;
      return last;
    }
    const body = this.body.length === 0 ? last : joined([...this.body, last]);
    if (this.response.contentType !== null) this.setLine('content-type', this.response.contentType);
    // As Envoy: a response that ends without trailers is taken for a good one.
    if (this.headOnly || (!streams && trailers !== '')) this.tellStatus(code, status);
    this.setLine('content-length', String(body.length));
    return body;
  }

  /** HTTP's status, and gRPC's in the head. */
  private tellStatus(code: number, lines: string): void {
    this.head.status = httpStatusOfGrpc(code);
    const changes: [string, string | null][] = this.framed ? [] : [['trailer', null]];
    const message = this.headOnly ? null : lineValue(lines, 'grpc-message');
    if (!this.headOnly && !Number.isNaN(code)) changes.push(['grpc-status', String(code)]);
    if (message !== null) changes.push(['grpc-message', message]);
    this.head.lines = withLines(this.head.lines, changes);
  }

  private statusJson(code: number, lines: string): Uint8Array | null {
    const json = this.transcoder.statusBody(code, lineValue(lines, 'grpc-message'),
      lineValue(lines, 'grpc-status-details-bin'));
    if (json === null) return null;
    this.head.status = httpStatusOfGrpc(code);
    const changes: [string, string | null][] = [['content-type', 'application/json'],
      ['content-length', String(json.length)]];
    if (this.headOnly) changes.push(['grpc-status', null], ['grpc-message', null], ['grpc-status-details-bin', null]);
    if (!this.framed) changes.push(['trailer', null]);
    this.head.lines = withLines(this.head.lines, changes);
    return json;
  }

  private setLine(name: string, value: string): void {
    this.head.lines = withLines(this.head.lines, [[name, value]]);
  }

  private read(step: () => Uint8Array): Uint8Array | null {
    try {
      return step();
    } catch (error) {
      if (error instanceof GrpcFailure)
        this.refusal = { status: 400, body: error.text, details: `grpc_json_transcode_failure{${error.code}}` };
      else if (error instanceof MessageError)
        this.refusal = { status: 502, body: error.message, details: `grpc_json_transcode_failure{${error.code}}` };
      else throw error;
      return null;
    }
  }
}

/** NaN: there is none, or it is no number. */
const codeOf = (text: string | null): number => text !== null && /^\d{1,10}$/.test(text) ? Number(text) : NaN;

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let used = 0;
  for (const piece of pieces) {
    all.set(piece, used);
    used += piece.length;
  }
  return all;
}
