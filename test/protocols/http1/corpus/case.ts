// One case of the corpus: bytes of a client (or of an upstream) and the one answer that Weft may give. `source` names
// where the class of attack or fault was published; the bytes are ours.
export interface RequestCase {
  name: string;
  source: string;
  bytes: string;
  /** Status of the answer that refuses; 0 = nothing is refused. */
  status: number;
  /** The codec's reason, when the codec refuses. */
  code: string;
  /** What the upstream sees before the refusal or in all: request lines and decoded bodies, in order. */
  seen: { line: string; body: string }[];
}
export interface ResponseCase {
  name: string;
  source: string;
  /** What the upstream sends to a request with this method, and whether it closes then. */
  method: string;
  bytes: string;
  close: boolean;
  /**
   * What the client gets: status and body; 502 with flag UPE where the response is refused. `cut`: the body is cut
   * short.
   */
  status: number;
  body: string;
  cut: boolean;
}

export type Row = [name: string, bytes: string];
const statuses: Record<string, number> = {
  headTooLarge: 431,
  tooManyHeaders: 431,
  trailersTooLarge: 431,
  unsupportedVersion: 505,
  unsupportedTransferEncoding: 501,
};

/** The status that answers a rejection of the codec. */
export const statusOf = (code: string): number => statuses[code] ?? 400;

/** Cases that the codec refuses with `code`, before any upstream has seen a byte of them. */
export function refused(source: string, code: string, rows: readonly Row[]): RequestCase[] {
  return rows.map(([name, bytes]) => ({ name, source, bytes, status: statusOf(code), code, seen: [] }));
}
/** Cases that decode, and that the proxy refuses by its rules. */
export function refusedByProxy(source: string, status: number, rows: readonly Row[]): RequestCase[] {
  return rows.map(([name, bytes]) => ({ name, source, bytes, status, code: '', seen: [] }));
}
/** One request that passes: its line and body as the upstream sees them. */
export function passed(
  source: string,
  rows: readonly [name: string, bytes: string, line: string, body: string][],
): RequestCase[] {
  return rows.map(([name, bytes, line, body]) => ({
    name,
    source,
    bytes,
    status: 0,
    code: '',
    seen: [{ line, body }],
  }));
}

/** A head in the usual form; `lines` without line ends. */
export function head(line: string, ...lines: string[]): string {
  return `${line} HTTP/1.1\r\n${lines.map((entry) => `${entry}\r\n`).join('')}\r\n`;
}
export const get = (...lines: string[]): string => head('GET /', 'Host: a.example', ...lines);
export const post = (...lines: string[]): string => head('POST /', 'Host: a.example', ...lines);
export const chunkedPost = (body: string): string => post('Transfer-Encoding: chunked') + body;
