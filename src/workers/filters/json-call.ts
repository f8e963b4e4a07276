// One call that was made of JSON: its answer is held until all of it is here, and becomes JSON. Every answer to its
// client is JSON, those of ours too: `{"error": {"type": ..., "message": ...}}`.
import type { RpcJsonArgument } from '../../config/http-filters.js';
import { joinedBytes } from '../../transcode/grpc-web.js';
import type { RpcCall } from '../../transcode/rpc/call.js';
import { failureJson } from '../../transcode/rpc/exceptions.js';
import { CarryError } from '../../transcode/rpc/failure.js';
import type { Json } from '../../transcode/rpc/json.js';
import type { JsonLimits } from '../../transcode/rpc/json-of-hessian.js';
import { HOLD, lineValue, withLines } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';

const NOTHING = new Uint8Array(0);
const PROXY = 'weft';
const CONTENT_TYPE = ['content-type', 'application/json'] as const;

export class JsonCall implements Transform {
  readonly changesRequest = false;
  readonly ready = false;
  readonly trailers = '';
  readonly answersCut = true;
  head: ResponseHead = { status: 0, lines: '' };
  refusal: Refusal = { status: 502, body: '', details: 'rpc_json_transcode_failure{response}' };
  readonly tooLong: Refusal = { status: 413, body: 'the body is longer than max_request_bytes',
    details: 'request_payload_too_large' };
  /** Arguments that came by path and query. */
  ofTarget: ReadonlyMap<RpcJsonArgument, Json> = new Map();
  private lines = '';
  private readonly body: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly call: RpcCall, private readonly limits: JsonLimits) {}

  requestBytes(piece: Uint8Array): Uint8Array { return piece; }
  requestEnd(): Uint8Array { return NOTHING; }

  responseHead({ status, lines }: ResponseHead): number {
    this.head = { status, lines: '' };
    this.lines = lines;
    return HOLD;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    this.bytes += piece.length;
    if (this.bytes > this.limits.charactersMax) return this.fail('the answer is longer than max_response_bytes');
    this.body.push(Uint8Array.from(piece));
    return NOTHING;
  }

  responseEnd(): Uint8Array | null {
    const line = (name: string): string | null => lineValue(this.lines, name);
    try {
      const { status, json } = this.call.answer({ status: this.head.status, line, body: joinedBytes(this.body) },
        this.limits);
      this.head = { status, lines: `${CONTENT_TYPE.join(': ')}\r\ncontent-length: ${json.length}\r\n` };
      return json;
    } catch (error) {
      if (!(error instanceof CarryError)) throw error;
      return this.fail(`the answer cannot be carried: ${error.message}`);
    }
  }

  private fail(message: string): null {
    this.refusal = { ...this.refusal, body: message };
    return null;
  }

  localReply(_status: number, lines: string, body: string): { lines: string; body: string } {
    return { lines: withLines(lines, [CONTENT_TYPE]), body: failureJson({ type: PROXY, message: body }) };
  }
}
