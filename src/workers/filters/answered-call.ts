// One call that became a request of HTTP: its answer is held until all of it is here, and becomes the protocol's. 2xx
// is a result; 408, 429, 502, 503 and 504 are what the protocol has for them; any other is an exception of the method.
import { joinedBytes } from '../../transcode/grpc-web.js';
import type { AnswerFrame, LineOf, RpcAnswering } from '../../transcode/rpc/answering.js';
import { CarryError } from '../../transcode/rpc/failure.js';
import type { JavaType } from '../../transcode/rpc/java-types.js';
import { errorText, resultOf } from '../../transcode/rpc/http-answer.js';
import { limits } from '../../core/limits.js';
import { HOLD, lineValue } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';

const NOTHING = new Uint8Array(0);
const BAD_GATEWAY = 502;
/** The endpoint has not done it, or not in time: clients tell these apart. */
const ofProtocol: readonly number[] = [408, 429, 502, 503, 504];

export class AnsweredCall implements Transform {
  readonly changesRequest = false;
  readonly ready = false;
  readonly trailers = '';
  readonly answersCut = true;
  head: ResponseHead = { status: 0, lines: '' };
  refusal: Refusal = { status: BAD_GATEWAY, body: '', details: 'rpc_json_transcode_failure{response}' };
  readonly tooLong: Refusal = { status: 413, body: 'the call is longer than max_request_bytes',
    details: 'request_payload_too_large' };
  /** Why the call cannot be carried, or its answer; '': it can. */
  message = '';
  private contentType: string | null = null;
  private readonly body: Uint8Array[] = [];
  private bytes = 0;

  constructor(readonly answering: RpcAnswering, private readonly result: JavaType | null, readonly line: LineOf,
      private readonly bytesMax: number) {}

  requestBytes(piece: Uint8Array): Uint8Array { return piece; }
  requestEnd(): Uint8Array { return NOTHING; }

  responseHead({ status, lines }: ResponseHead): number {
    this.head = { status, lines: '' };
    this.contentType = lineValue(lines, 'content-type');
    return HOLD;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    this.bytes += piece.length;
    if (this.bytes > this.bytesMax) return this.fail('the answer is longer than max_response_bytes');
    this.body.push(Uint8Array.from(piece));
    return NOTHING;
  }

  responseEnd(): Uint8Array | null {
    const { status } = this.head;
    const body = joinedBytes(this.body);
    if (ofProtocol.includes(status)) {
      this.head = { status, lines: 'content-length: 0\r\n' };            // without a frame: an error of the protocol
      return NOTHING;
    }
    try {
      if (status >= 200 && status < 300) {
        const json = this.result === null ? null : resultOf(body, this.contentType, limits.transcodedDepthMax);
        return this.take(this.answering.value(this.result, json, this.line));
      }
      return this.take(this.answering.exception(errorText(status, body), this.line));
    } catch (error) {
      if (!(error instanceof CarryError)) throw error;
      return this.fail(`the answer cannot be carried: ${error.message}`);
    }
  }

  private take({ lines, body }: AnswerFrame): Uint8Array {
    this.head = { status: 200, lines: `${lines}content-length: ${body.length}\r\n` };
    return body;
  }

  private fail(message: string): null {
    this.message = message;
    this.refusal = { ...this.refusal, body: message };
    return null;
  }

  /** What could not be carried is said; all else is the protocol's error for its status. */
  localReply(status: number, lines: string, body: string): { lines: string; body: string | Uint8Array } {
    const frame = this.message === '' ? null : this.answering.refusal(status, this.message, this.line);
    return frame === null ? { lines, body } : { lines: lines + frame.lines, body: frame.body };
  }
}
