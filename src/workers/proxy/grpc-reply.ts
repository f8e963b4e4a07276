// Answers of ours to clients that speak gRPC: 200 without a body, with grpc-status and grpc-message, as Envoy gives
// them.
import { Header, HeaderLine } from '../../core/generated/layouts.js';
import { grpcStatusOfHttp } from '../../core/grpc-status.js';
import { sameBytes } from '../../core/same-bytes.js';
import type { Engine } from '../engine.js';
import { knownLine } from './known-line.js';

const TYPE = Uint8Array.from('application/grpc', (letter) => letter.charCodeAt(0));
/** Is the content-type of the head in this record gRPC's? */
export function isGrpcHead(engine: Engine, record: number): boolean {
  const { i32, u8 } = engine;
  const line = knownLine(engine, record, Header['content-type']);
  if (line === 0) return false;
  const at = i32[line + HeaderLine.valueAt], typeEnd = at + TYPE.length;
  const end = at + i32[line + HeaderLine.valueBytes];
  return end >= typeEnd && sameBytes(u8, at, typeEnd, TYPE) && (end === typeEnd || u8[typeEnd] === PLUS);
}
const PLUS = 43;

/** The grpc-status of a decoded head; -1: it is no number, NO_STATUS: it is not there. */
export function headGrpcStatus(engine: Engine, record: number): number {
  const { i32 } = engine;
  const line = knownLine(engine, record, Header['grpc-status']);
  if (line === 0) return NO_STATUS;
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

/** Header lines of an answer that had this status and body. */
export function grpcHeaders(status: number, lines: string, body: string, isHead: boolean): string {
  const kept = lines.replace(/(^|\n)content-type:[^\n]*\n/gi, '$1');
  const known = /(^|\n)grpc-status:/i.test(kept) ? '' : `grpc-status: ${grpcStatusOfHttp(status)}\r\n`;
  const message = body === '' || isHead ? '' : `grpc-message: ${percentEncoded(body)}\r\n`;
  return `${kept}content-type: application/grpc\r\n${known}${message}`;
}

/** As gRPC over HTTP/2 wants messages: printable ASCII without the percent sign (and, as Envoy, the tilde). */
const percentEncoded = (text: string): string =>
  text.replace(/[^ -}]|%/gu, (letter) => letter === '~' ? '%7E' : encodeURIComponent(letter));
