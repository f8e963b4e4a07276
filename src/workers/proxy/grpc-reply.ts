// Answers of ours to clients that speak gRPC: 200 without a body, with grpc-status and grpc-message, as Envoy gives
// them.
import { Head, Header, HeaderLine } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';

const TYPE = Uint8Array.from('application/grpc', (letter) => letter.charCodeAt(0));
/** gRPC status of an HTTP status; 2, unknown, for the rest. */
const statuses: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14,
  504: 14 };

/** Is the content-type of the head in this record gRPC's? */
export function isGrpcHead(engine: Engine, record: number): boolean {
  const { i32, u8, u16 } = engine;
  const index = u16[(record >> 1) + Head.known * 2 + Header['content-type']];
  if (index === 0) return false;
  const line = (record >> 2) + Head.headers + (index - 1) * 4;
  const bytes = i32[line + HeaderLine.valueBytes], at = i32[line + HeaderLine.valueAt];
  if (bytes < TYPE.length) return false;
  for (let i = 0; i < TYPE.length; i++) if (u8[at + i] !== TYPE[i]) return false;
  return bytes === TYPE.length || u8[at + TYPE.length] === PLUS;
}
const PLUS = 43;

export const grpcStatusOf = (status: number): number => statuses[status] ?? 2;

/** Header lines of an answer that had this status and body. */
export function grpcHeaders(status: number, lines: string, body: string, isHead: boolean): string {
  const kept = lines.replace(/(^|\n)content-type:[^\n]*\n/gi, '$1');
  const known = /(^|\n)grpc-status:/i.test(kept) ? '' : `grpc-status: ${statuses[status] ?? 2}\r\n`;
  const message = body === '' || isHead ? '' : `grpc-message: ${percentEncoded(body)}\r\n`;
  return `${kept}content-type: application/grpc\r\n${known}${message}`;
}

/** As gRPC over HTTP/2 wants messages: printable ASCII without the percent sign (and, as Envoy, the tilde). */
const percentEncoded = (text: string): string =>
  text.replace(/[^ -}]|%/gu, (letter) => letter === '~' ? '%7E' : encodeURIComponent(letter));
