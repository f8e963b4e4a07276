// What a protocol is to the transcoder of JSON: how a call becomes a frame's body and lines, and its answer JSON.
import type { Json } from './json.js';
import type { JsonLimits } from './json-of-hessian.js';

export interface RpcAnswer { status: number; json: Uint8Array }

export const answerOf = (status: number, json: string): RpcAnswer => ({ status, json: Buffer.from(json, 'utf8') });
export const bytesOf = (hex: string | null): Buffer => Buffer.from(hex ?? '', 'hex');

export interface RpcResponse {
  /** As the protocol's codec says it for HTTP. */
  status: number;
  /** Value of a line; null: it is not there. */
  line(name: string): string | null;
  body: Uint8Array;
}

export interface RpcCall {
  /** Lines of the head that become the frame, but for content-length. */
  readonly lines: string;
  /** The body of the frame. Throws CarryError. */
  body(values: readonly Json[]): Buffer;
  /** Throws CarryError where the answer cannot be carried. */
  answer(response: RpcResponse, limits: JsonLimits): RpcAnswer;
}
