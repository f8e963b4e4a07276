// Where Weft and Envoy 1.40 answer the corpus differently, and why that is meant. docs/envoy-differences.md explains
// each heading; a difference that is not listed here fails the conformance run.
import type { RequestCase } from '../protocols/http1/corpus/case.js';

export interface Difference {
  heading: string;
  applies(entry: RequestCase): boolean;
}

const code = (heading: string, ...codes: string[]): Difference => ({
  heading,
  applies: (entry) => codes.includes(entry.code),
});
const named = (heading: string, ...names: string[]): Difference => ({
  heading,
  applies: (entry) => names.includes(entry.name),
});

export const differences: readonly Difference[] = [
  code('Line ends', 'badLineEnding'),
  code('Folded lines', 'obsoleteFold'),
  code('Chunked bodies', 'badChunkSize', 'badChunkExtension', 'badChunkEnd', 'chunkLineTooLong'),
  code('Trailers', 'badTrailer', 'trailersTooLarge'),
  code('Repeated Transfer-Encoding', 'repeatedTransferEncoding'),
  code('Repeated Host', 'repeatedHost'),
  code('Host characters', 'badHost'),
  code('Versions', 'unsupportedVersion', 'transferEncodingInHttp10'),
  named('Canonical lengths', 'leading zero', 'leading zeros', 'double zero', 'a thousand zeros', '2^53', '2^63'),
  named(
    'Request lines',
    'tab behind',
    'two spaces',
    'LF in front',
    'CR in front',
    'five empty lines',
    'asterisk and more',
    'query behind the authority',
    'HTTP/0.9',
    'HTTP/0.9 with space',
  ),
  named(
    'Bytes between messages',
    'garbage behind a body',
    'a bare LF behind a body',
    'one byte too many',
    'garbage behind chunks',
  ),
  named('Missing Host', 'absolute form without Host', 'CONNECT without Host', 'an empty Host', 'a Host of white space'),
  named('Methods', 'an unknown method', 'a method in small letters', 'a method of 32 letters'),
  named('Nominated headers', 'Content-Length', 'Content-Length in another case', 'Via'),
  named('Folded lines', 'value on the next line, space', 'value on the next line, tab', 'list folded'),
  named('Limits without end', 'without end'),
  named('Asterisk form', 'asterisk form'),
];
