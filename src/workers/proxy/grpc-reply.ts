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

/** HTTP statuses of gRPC's, by their number; 500 for the rest. */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
export const httpStatusOfGrpc = (status: number): number => httpStatuses[status] ?? 500;

/** The grpc-status of a decoded head; -1: it is no number, NO_STATUS: it is not there. */
export function headGrpcStatus(engine: Engine, record: number): number {
  const { i32, u16 } = engine;
  const index = u16[(record >> 1) + Head.known * 2 + Header['grpc-status']];
  if (index === 0) return NO_STATUS;
  const line = (record >> 2) + Head.headers + (index - 1) * 4;
  const at = i32[line + HeaderLine.valueAt];
  return numberIn(engine, at, at + i32[line + HeaderLine.valueBytes]);
}

/** The grpc-status in trailers, lines at [at, at + bytes); -1: it is no number, NO_STATUS: it is not there. */
export function trailersGrpcStatus(engine: Engine, at: number, bytes: number): number {
  const { u8 } = engine;
  const end = at + bytes;
  for (let p = at, i = 0; p < end; p++) {
    const byte = u8[p];
    if (i >= 0 && (byte >= 65 && byte <= 90 ? byte | 32 : byte) === STATUS_NAME[i]) {
      if (++i === STATUS_NAME.length) return numberIn(engine, p + 1, end);
    } else i = byte === LINE_FEED ? 0 : -1;
  }
  return NO_STATUS;
}
export const NO_STATUS = -2;
const STATUS_NAME = Uint8Array.from('grpc-status:', (letter) => letter.charCodeAt(0));
const LINE_FEED = 10, SPACE = 32;

/** The number from `at` to the end of its line; -1: it is none. */
function numberIn({ u8 }: Engine, at: number, end: number): number {
  let p = at;
  while (p < end && u8[p] === SPACE) p++;
  let number = -1;
  for (; p < end && u8[p] >= 48 && u8[p] <= 57 && number < 1000; p++) number = Math.max(0, number) * 10 + u8[p] - 48;
  return p === end || u8[p] === 13 || u8[p] === SPACE ? number : -1;
}

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
