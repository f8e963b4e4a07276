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
  /** `trailers` as lines, with their ends. */
  responseEnd(trailers: string): Uint8Array | null;
}

/** Value of a header among lines; null: it is not there. */
export function lineValue(lines: string, name: string): string | null {
  const at = `\r\n${lines}`.indexOf(`\r\n${name}:`);
  if (at < 0) return null;
  const from = at + name.length + 1;
  return lines.slice(from, lines.indexOf('\r\n', from)).trim();
}

/** The lines without this header. */
export const withoutLine = (lines: string, name: string): string =>
  lines.split('\r\n').filter((line) => line !== '' && !line.toLowerCase().startsWith(`${name}:`))
    .map((line) => `${line}\r\n`).join('');

/** The lines with this header at this value, where it stood first or behind all. */
export function withLine(lines: string, name: string, value: string): string {
  const kept: string[] = [];
  let placed = false;
  for (const line of lines.split('\r\n')) {
    if (line === '') continue;
    if (!line.toLowerCase().startsWith(`${name}:`)) { kept.push(line); continue; }
    if (!placed) kept.push(`${name}: ${value}`);
    placed = true;
  }
  if (!placed) kept.push(`${name}: ${value}`);
  return kept.map((line) => `${line}\r\n`).join('');
}
