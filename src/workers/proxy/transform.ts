// What a filter may make of the bodies of an exchange, and of the response's head: set for a request that it takes over
// (Actions.transform), null in the stream of every other. It works per piece and may allocate.
//
//   request   requestBytes* → requestEnd                         or collected first, then both at once
//   response  responseHead → PASS: as it came
//                          → STREAM: `head` goes now, what responseBytes and responseEnd give goes behind it
//                          → HOLD: nothing goes before responseEnd, which gives the whole body and may change `head`;
//                            or before the transform is `ready`
import type { DetailText } from '../../core/response-flags.js';

export const PASS = 0, STREAM = 1, HOLD = 2;

/** A response's head: header lines with their ends, names in lower case. */
export interface ResponseHead { status: number; lines: string }

/** The answer to a request that cannot be changed, or whose response cannot. */
export interface Refusal { status: number; body: string; details: DetailText }

export interface Transform {
  /** Content of the request goes through it as it comes; false: it was changed before, or it stays. */
  readonly changesRequest: boolean;
  /** The response as it goes to the client. */
  readonly head: ResponseHead;
  /** A held head may go: what responseBytes and responseEnd give from now on goes behind it. */
  readonly ready: boolean;
  /** Lines behind the response's body, for clients that take such; responseEnd sets them. */
  readonly trailers: string;
  /** A held answer that breaks off is answered by one of ours; else its client is cut off, as without a transform. */
  readonly answersCut?: boolean;
  /** Why the last call gave null. */
  readonly refusal: Refusal;
  /** A body that is collected for it is longer than it may be. */
  readonly tooLong: Refusal;
  /** Content without its framing; the bytes are somebody else's afterwards. Returns what goes instead. */
  requestBytes(piece: Uint8Array): Uint8Array | null;
  requestEnd(): Uint8Array | null;
  /** `head` as it came from the upstream; `ended`: nothing follows it. Returns PASS, STREAM or HOLD. */
  responseHead(head: ResponseHead, ended: boolean): number;
  responseBytes(piece: Uint8Array): Uint8Array | null;
  /** An answer of ours to the call, as its client wants it; absent: as it is. */
  localReply?(status: number, lines: string, body: string): { lines: string; body: string | Uint8Array };
  /** `trailers` as lines, with their ends. */
  responseEnd(trailers: string): Uint8Array | null;
}

/** Value of a header, its name in lower case, among lines; null: it is not there. */
export function lineValue(lines: string, name: string): string | null {
  const at = `\r\n${lines}`.toLowerCase().indexOf(`\r\n${name}:`);
  if (at < 0) return null;
  const from = at + name.length + 1;
  return lines.slice(from, lines.indexOf('\r\n', from)).trim();
}

/**
 * The lines with headers at other values: each where it stood first, or behind all; null takes it away. Names of
 * changes are in lower case.
 */
export function withLines(lines: string, changes: readonly (readonly [name: string, value: string | null])[]): string {
  let kept = '', placed = 0;
  for (let from = 0; from < lines.length;) {
    const end = lines.indexOf('\r\n', from) + 2;
    const colon = lines.indexOf(':', from);
    let index = 0;
    while (index < changes.length && !(changes[index]![0].length === colon - from
      && lines.slice(from, colon).toLowerCase() === changes[index]![0])) index++;
    if (index === changes.length) kept += lines.slice(from, end);
    else if (changes[index]![1] !== null && (placed & (1 << index)) === 0) {
      kept += `${lines.slice(from, colon)}: ${changes[index]![1]}\r\n`;
      placed |= 1 << index;
    }
    from = end;
  }
  for (let index = 0; index < changes.length; index++) {
    const [name, value] = changes[index]!;
    if (value !== null && (placed & (1 << index)) === 0) kept += `${name}: ${value}\r\n`;
  }
  return kept;
}

/** A head whose lines are changed as `withLines` says; its first line stays. */
export function withHeadLines(head: string, changes: Parameters<typeof withLines>[1]): string {
  const lineEnd = head.indexOf('\r\n') + 2;
  return `${head.slice(0, lineEnd)}${withLines(head.slice(lineEnd, -2), changes)}\r\n`;
}
