// A slow decoder of chunked bodies, written from RFC 9112 7.1 over strings, sharing nothing with the codec. Strict
// where Weft is: no white space around the size, no bare LF, no control bytes in extensions.
import { referenceRequest } from './reference.js';

export interface ChunkedLimits {
  lineMax: number;
  trailersMax: number;
}
export const usualChunkedLimits: ChunkedLimits = { lineMax: 512, trailersMax: 8192 };

export interface ChunkedResult {
  kind: 'complete' | 'incomplete' | 'rejected';
  code: string;
  data: string; // what arrived before the end or the fault
  chunks: number;
  trailers: [string, string][];
  bytes: number; // up to and with the empty line, when complete
}

const sizeLine = /^([0-9a-fA-F]+)((?:;[\t\x20-\x7e\x80-\xff]*)?)\r\n/;
const sizeLineBegun = /^[0-9a-fA-F]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$/;

export function referenceChunked(text: string, limits = usualChunkedLimits): ChunkedResult {
  const result: ChunkedResult = { kind: 'incomplete', code: '', data: '', chunks: 0, trailers: [], bytes: 0 };
  const reject = (code: string): ChunkedResult => ({ ...result, kind: 'rejected', code });
  let at = 0;
  for (;;) {
    const rest = text.slice(at);
    const line = sizeLine.exec(rest);
    const fault = sizeLineFault(rest, line !== null, limits.lineMax);
    if (fault !== '') return reject(fault);
    if (line === null) return result;
    const size = Number.parseInt(line[1], 16);
    at += line[0].length;
    if (size === 0) return trailerSection(text, at, result, limits);
    result.chunks++;
    result.data += text.slice(at, at + size);
    if (text.length < at + size) return result;
    at += size;
    const end = text.slice(at, at + 2);
    if (end === '' || end === '\r') return result;
    if (end !== '\r\n') return reject('badChunkEnd');
    at += 2;
  }
}

/** Faults in the order of the bytes: the first offending byte decides. */
function sizeLineFault(rest: string, complete: boolean, lineMax: number): string {
  const digits = /^[0-9a-fA-F]*/.exec(rest)![0];
  const significant = digits.replace(/^0+/, '');
  const overflowAt =
    significant.length > 13 && (significant.length > 14 || significant >= '2') ? digits.length : Infinity;
  // 2^53 and above: thirteen digits fit always, fourteen only below 20000000000000.
  const tooLongAt = lineMax;
  const lineEnd = /^[^\r\n]*\r?/.exec(rest)![0].length;
  const longFault = lineEnd > lineMax ? tooLongAt : Infinity;
  let wrongAt = Infinity,
    wrong = '';
  if (!complete && !(sizeLineBegun.test(rest) && (digits !== '' || rest === ''))) {
    const afterDigits = rest[digits.length];
    if (digits === '' || (afterDigits !== undefined && afterDigits !== ';' && afterDigits !== '\r')) {
      wrongAt = digits.length;
      wrong = 'badChunkSize';
    } else if (afterDigits === ';') {
      const extension = /^;[\t\x20-\x7e\x80-\xff]*/.exec(rest.slice(digits.length))![0];
      wrongAt = digits.length + extension.length;
      wrong = rest[wrongAt] === '\r' ? 'badChunkSize' : 'badChunkExtension';
    } else {
      wrongAt = digits.length;
      wrong = 'badChunkSize';
    }
  }
  const first = Math.min(overflowAt, longFault, wrongAt);
  if (first === Infinity) return '';
  if (first === overflowAt) return longFault < digits.length ? 'chunkLineTooLong' : 'badChunkSize';
  return first === longFault && longFault < wrongAt ? 'chunkLineTooLong' : wrong;
}

/** RFC 9112 7.1.2. Trailers obey the rules of field lines; framing fields among them are judged as in a head. */
function trailerSection(text: string, at: number, result: ChunkedResult, limits: ChunkedLimits): ChunkedResult {
  const section = text.slice(at);
  // A request line in front turns the trailer section into a head that the head decoder takes; HTTP/1.0 has no Host
  // rule but also refuses Transfer-Encoding, so the line is HTTP/1.1 in absolute form and a missing Host is told
  // apart below.
  const line = 'GET / HTTP/1.1\r\n';
  const decoded = referenceRequest(line + section, {
    bytesMax: limits.trailersMax + line.length,
    countMax: 100,
    lowerCase: true,
  });
  if (decoded.kind === 'incomplete') return result;
  if (decoded.kind === 'rejected' && decoded.code !== 'missingHost') {
    return { ...result, kind: 'rejected', code: decoded.code === 'headTooLarge' ? 'trailersTooLarge' : 'badTrailer' };
  }
  const end = section.startsWith('\r\n') ? 2 : section.indexOf('\r\n\r\n') + 4;
  const lines = section
    .slice(0, end - 2)
    .split('\r\n')
    .filter((entry) => entry !== '');
  result.trailers = lines.map((entry) => {
    const colon = entry.indexOf(':');
    return [entry.slice(0, colon).toLowerCase(), entry.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
  });
  return { ...result, kind: 'complete', bytes: at + end };
}
