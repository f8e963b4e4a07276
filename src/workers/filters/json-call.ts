// One call that was made of JSON: its answer is held until all of it is here, and becomes JSON. Every answer to its
// client is JSON, those of ours too: `{"error": {"type": ..., "message": ...}}`.
import type { RpcJsonArgument } from '../../config/http-filters.js';
import type { RpcCall } from '../../transcode/rpc/call.js';
import { failureJson } from '../../transcode/rpc/exceptions.js';
import type { Json } from '../../transcode/rpc/json.js';
import type { JsonLimits } from '../../transcode/rpc/json-of-hessian.js';
import { lineValue, withLines } from '../proxy/transform.js';
import { HeldAnswer } from './held-answer.js';

const PROXY = 'weft';
const CONTENT_TYPE = ['content-type', 'application/json'] as const;

export class JsonCall extends HeldAnswer {
  /** Arguments that came by path and query. */
  ofTarget: ReadonlyMap<RpcJsonArgument, Json> = new Map();

  constructor(private readonly call: RpcCall, private readonly limits: JsonLimits) {
    super('the body', limits.charactersMax);
  }

  protected answer(status: number, body: Uint8Array): Uint8Array {
    const line = (name: string): string | null => lineValue(this.lines, name);
    const made = this.call.answer({ status, line, body }, this.limits);
    this.head = { status: made.status,
      lines: `${CONTENT_TYPE.join(': ')}\r\ncontent-length: ${made.json.length}\r\n` };
    return made.json;
  }

  localReply(_status: number, lines: string, body: string): { lines: string; body: string } {
    return { lines: withLines(lines, [CONTENT_TYPE]), body: failureJson({ type: PROXY, message: body }) };
  }
}
