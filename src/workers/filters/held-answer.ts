// An answer that is held until all of it is here, and then becomes another: what both ways of the JSON transcoder have
// in common. The request was changed before.
import { joinedBytes } from '../../transcode/grpc-web.js';
import { CarryError } from '../../transcode/rpc/failure.js';
import { HOLD } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';

const NOTHING = new Uint8Array(0);

export abstract class HeldAnswer implements Transform {
  readonly changesRequest = false;
  readonly ready = false;
  readonly trailers = '';
  readonly answersCut = true;
  head: ResponseHead = { status: 0, lines: '' };
  refusal: Refusal = { status: 502, body: '', details: 'rpc_json_transcode_failure{response}' };
  readonly tooLong: Refusal;
  /** Lines of the head that came. */
  protected lines = '';
  private readonly body: Uint8Array[] = [];
  private bytes = 0;

  /** `what`: is longer than it may be, where the request is. */
  protected constructor(what: string, private readonly bytesMax: number) {
    this.tooLong = { status: 413, body: `${what} is longer than max_request_bytes`,
      details: 'request_payload_too_large' };
  }

  /** The body that goes, `head` with it. Throws CarryError. */
  protected abstract answer(status: number, body: Uint8Array): Uint8Array;

  requestBytes(piece: Uint8Array): Uint8Array { return piece; }
  requestEnd(): Uint8Array { return NOTHING; }

  responseHead({ status, lines }: ResponseHead): number {
    this.head = { status, lines: '' };
    this.lines = lines;
    return HOLD;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    this.bytes += piece.length;
    if (this.bytes > this.bytesMax) return this.fail('the answer is longer than max_response_bytes');
    this.body.push(Uint8Array.from(piece));
    return NOTHING;
  }

  responseEnd(): Uint8Array | null {
    try { return this.answer(this.head.status, joinedBytes(this.body)); } catch (error) {
      if (!(error instanceof CarryError)) throw error;
      return this.fail(`the answer cannot be carried: ${error.message}`);
    }
  }

  protected fail(message: string): null {
    this.refusal = { ...this.refusal, body: message };
    return null;
  }
}
