// One call that became a request of HTTP: its answer is held until all of it is here, and becomes the protocol's. 2xx
// is a result; 408, 429, 502, 503 and 504 are what the protocol has for them; any other is an exception of the method.
import type { AnswerFrame, LineOf, RpcAnswering } from '../../transcode/rpc/answering.js';
import type { JavaType } from '../../transcode/rpc/java-types.js';
import { errorText, resultOf } from '../../transcode/rpc/http-answer.js';
import { limits } from '../../core/limits.js';
import { lineValue } from '../proxy/transform.js';
import { HeldAnswer } from './held-answer.js';

const NOTHING = new Uint8Array(0);
/** The endpoint has not done it, or not in time: clients tell these apart. */
const ofProtocol: readonly number[] = [408, 429, 502, 503, 504];

export class AnsweredCall extends HeldAnswer {
  /** Why the call cannot be carried, or its answer; '': it can. */
  message = '';

  constructor(readonly answering: RpcAnswering, private readonly result: JavaType | null, readonly line: LineOf,
      bytesMax: number) { super('the call', bytesMax); }

  protected answer(status: number, body: Uint8Array): Uint8Array {
    if (ofProtocol.includes(status)) {
      this.head = { status, lines: 'content-length: 0\r\n' };            // without a frame: an error of the protocol
      return NOTHING;
    }
    if (status < 200 || status >= 300) return this.take(this.answering.exception(errorText(status, body), this.line));
    const json = this.result === null ? null
      : resultOf(body, lineValue(this.lines, 'content-type'), limits.transcodedDepthMax);
    return this.take(this.answering.value(this.result, json, this.line));
  }

  private take({ lines, body }: AnswerFrame): Uint8Array {
    this.head = { status: 200, lines: `${lines}content-length: ${body.length}\r\n` };
    return body;
  }

  protected override fail(message: string): null {
    this.message = message;
    return super.fail(message);
  }

  /** What could not be carried is said; all else is the protocol's error for its status. */
  localReply(status: number, lines: string, body: string): { lines: string; body: string | Uint8Array } {
    const frame = this.message === '' ? null : this.answering.refusal(status, this.message, this.line);
    return frame === null ? { lines, body } : { lines: lines + frame.lines, body: frame.body };
  }
}
