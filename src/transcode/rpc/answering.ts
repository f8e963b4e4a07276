// What a protocol is to the transcoder where its clients call endpoints of HTTP: what a request says, and how an answer
// becomes the body of a frame, with the lines of its head.
import type { HessianValue } from './hessian-values.js';
import type { JavaType } from './java-types.js';
import type { Json } from './json.js';

export interface SaidCall {
  /** Names of the arguments' types, as the client states them. */
  types: readonly string[];
  values: readonly HessianValue[];
}

/** A head's lines but for content-length, and a body. */
export interface AnswerFrame { lines: string; body: Uint8Array }

/** Value of a line of a head; null: it is not there. */
export type LineOf = (name: string) => string | null;

export interface RpcAnswering {
  /** Throws CarryError where the body is none that can be read. */
  read(body: Uint8Array, line: LineOf): SaidCall;
  /** A result of this type; null: none. Throws CarryError. */
  value(type: JavaType | null, json: Json, line: LineOf): AnswerFrame;
  /** The method has thrown. */
  exception(message: string, line: LineOf): AnswerFrame;
  /** The proxy could not carry the call (400) or its answer (502); null: the protocol's own error says it. */
  refusal(status: number, message: string, line: LineOf): AnswerFrame | null;
}

/** What of a Throwable is written: its cause is none, and where it was thrown is nobody's business. */
export const EXCEPTION = 'java.lang.RuntimeException';
export const exceptionFields = ['detailMessage', 'cause', 'stackTrace'] as const;
export const STACK_TRACE = '[java.lang.StackTraceElement';
