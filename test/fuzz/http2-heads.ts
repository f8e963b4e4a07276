// Heads and trailers through the encoder: what it writes is decoded by the reference as the same message, less what
// HTTP/2 says otherwise; tables of several sizes change along the way. A head that is no head is refused.
import { H2Scope, H2Type } from '../../src/core/generated/layouts.js';
import { referenceRequest, referenceResponse } from '../protocols/http1/reference.js';
import type { Http2Codec, SectionKind } from '../protocols/http2/codec.js';
import { ReferenceTable } from '../protocols/http2/reference-hpack.js';
import { referenceSection } from '../protocols/http2/reference-section.js';
import { mutate, type Random } from './random.js';

const ENCODER = 2;
const END_STREAM = 1, END_HEADERS = 4;
/** Between two messages of an input; it stands in none. */
const SEPARATOR = '\x01';
const lines = ['x-request-id: ', 'Accept: */*', 'cookie: a=1', 'authorization: Bearer x', 'te: trailers', 'te: gzip',
  'connection: close', 'connection: upgrade', 'upgrade: websocket', 'upgrade: a, b', 'transfer-encoding: chunked',
  'host: b:80', 'keep-alive: 1', 'content-length: 5', 'x: y', 'x:  y \t', 'a_b: c', 'grpc-status: 0', 'empty:',
  'long: ', 'http2-settings: AAA', 'sec-websocket-key: k', 'set-cookie: a', 'x-umlaut: \xe4\xff',
  'user-agent: client/1.0'];
const starts = ['GET / HTTP/1.1', 'GET /a?b HTTP/1.1', 'POST /p HTTP/1.1', 'CONNECT a:1 HTTP/1.1',
  'OPTIONS * HTTP/1.1', 'GET http://c/d HTTP/1.1', 'PATCH / HTTP/1.0', 'HTTP/1.1 200 OK', 'HTTP/1.1 101 Yes',
  'HTTP/1.1 503 ', 'HTTP/1.0 204', ''];
const dropped = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te',
  'http2-settings'];
const WORDS = ['\r\n', ': ', ' ', '\0', 'host: \r\n', '[', ','];
/** Why a decoder may refuse what a head of HTTP/1 becomes: it says more in HTTP/2 than there. */
const allowed = ['badAuthority', 'pseudoMissing'];

function head(random: Random): Buffer {
  const start = random.pick(starts);
  const fields = Array.from({ length: random.below(7) }, () => {
    const line = random.pick(lines);
    if (!line.endsWith(': ')) return line;
    return line + (line === 'long: ' ? 'l'.repeat(random.below(3000)) : String(random.below(1000)));
  });
  if (start !== '' && !start.startsWith('HTTP')) fields.unshift('host: a');
  const text = Buffer.from([...(start === '' ? [] : [start]), ...fields, ...(start === '' ? [''] : ['', ''])]
    .join('\r\n'), 'latin1');
  return random.below(4) > 0 ? text : mutate(random, text, text, WORDS, 4000);
}

export const encoded = {
  mutate(random: Random): Buffer {
    const heads = Array.from({ length: 1 + random.below(6) }, () => head(random));
    const texts = heads.map((text) => text.toString('latin1').replaceAll(SEPARATOR, ''));
    return Buffer.from(texts.join(SEPARATOR), 'latin1');
  },
  check(release: Http2Codec, scalar: Http2Codec, input: Buffer, random: Random): void {
    const capacity = random.pick([4096, 8192]);
    const table = new ReferenceTable(capacity);
    for (const codec of [release, scalar]) codec.resetTable(capacity, ENCODER, 1);
    for (const text of input.toString('latin1').split(SEPARATOR)) {
      if (random.below(4) === 0) {
        const size = random.pick([0, 60, 300, 4096, 8192]);
        for (const codec of [release, scalar]) codec.resizeTable(size, ENCODER);
        table.resize(size);
      }
      const kind: SectionKind = text.startsWith('HTTP') ? 'response' : /^\S+ /.test(text) && !/^\S+: /.test(text)
        ? 'request' : 'trailers';
      const options = { endStream: random.below(2) === 0, https: random.below(2) === 0,
        maxFrame: random.pick([16384, 50, 300]) };
      const [frames, twin] = [release, scalar].map((codec) => codec.encode(kind, text, options, ENCODER));
      if (String(frames?.toString('latin1')) !== String(twin?.toString('latin1')))
        throw new Error('the builds encode differently');
      if (frames !== null) checkBlock(kind, text, frames, table, options.maxFrame);
    }
  },
};

function checkBlock(kind: SectionKind, text: string, frames: Buffer, table: ReferenceTable, maxFrame: number): void {
  const wide = { textMax: 0x100000, listBytesMax: 0x100000, countMax: 2000 };
  const view = referenceSection(kind, blockIn(frames, maxFrame), table, wide, { allowExtendedConnect: true });
  if (view.scope === H2Scope.connection) throw new Error(`the table is out of step: ${view.reason}`);
  // The encoder takes heads that the decoder of HTTP/1 took; of others it only must not lose the table.
  const limits = { bytesMax: 1 << 20, countMax: 2000, lowerCase: true };
  const judged = kind === 'request' ? referenceRequest(text, limits) : kind === 'response'
    ? referenceResponse(text, limits) : referenceRequest(`GET / HTTP/1.1\r\nhost: a\r\n${text}\r\n`, limits);
  if (judged.kind !== 'head') return;
  if (view.reason !== 'none') {
    if (allowed.includes(view.reason)) return;
    // A target that a rewrite made is written as it is.
    if (view.reason === 'badPath' && !/^\S+ \//.test(text.trimStart())) return;
    throw new Error(`wrote a ${kind} that is refused: ${view.reason}: ${JSON.stringify(text)}`);
  }
  const message = kind === 'trailers' ? text : text.replace(/^(\r\n)*/, '').split('\r\n\r\n')[0];
  const line = message.indexOf('\r\n');
  const sent = kind === 'trailers' ? fieldsOf(text) : line < 0 ? [] : fieldsOf(message.slice(line + 2));
  const wanted = sent.filter(([name]) => !dropped.includes(name) && !(kind === 'request' && name === 'host')
    && !(kind === 'trailers' && ['content-length', 'host', 'trailer'].includes(name)));
  const cut = view.text.indexOf('\r\n') + 2;
  const ours = ['host', 'connection', 'upgrade'];
  const read = fieldsOf(kind === 'trailers' ? view.text : view.text.slice(cut)).filter(([name], index) =>
    name !== 'te' && !(kind === 'request' && ours.includes(name) && index < ours.length));
  const asked = sent.some(([name, value]) => name === 'te' && /trailers/i.test(value));
  if (/\r\nte: (?!trailers\r)/.test(view.text) || (!asked && /\r\nte: /.test(view.text)))
    throw new Error(`te of ${JSON.stringify(text)}`);
  const a = JSON.stringify(gathered(read)), b = JSON.stringify(gathered(wanted));
  if (a !== b) throw new Error(`${kind}: read back ${a.slice(0, 500)}\nof ${b.slice(0, 500)}`);
}

/**
 * Fields with their cookies in one, at the end: where they stand is the decoder's affair. Behind an empty last one the
 * separator's space is at the end of the value, and so no part of it.
 */
function gathered(fields: [string, string][]): [string, string][] {
  const cookies = fields.filter(([name]) => name === 'cookie').map(([, value]) => value);
  const others = fields.filter(([name]) => name !== 'cookie');
  return cookies.length === 0 ? others : [...others, ['cookie', cookies.join('; ').trimEnd()]];
}

function fieldsOf(text: string): [string, string][] {
  return text.split('\r\n').filter((line) => line !== '').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
  });
}

/** The header block in HEADERS and CONTINUATION frames, which must be well-formed. */
function blockIn(frames: Buffer, maxFrame: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < frames.length;) {
    const length = frames.readUIntBE(at, 3), last = at + 9 + length === frames.length;
    const type = at === 0 ? H2Type.headers : H2Type.continuation;
    if (length > maxFrame || at + 9 + length > frames.length || frames[at + 3] !== type
      || (frames[at + 4] & END_HEADERS) !== (last ? END_HEADERS : 0)
      || (frames[at + 4] & ~(at === 0 ? END_STREAM | END_HEADERS : END_HEADERS)) !== 0
      || frames.readUInt32BE(at + 5) !== 1) throw new Error(`a bad frame at ${at} of ${frames.length}`);
    pieces.push(frames.subarray(at + 9, at + 9 + length));
    at += 9 + length;
  }
  return Buffer.concat(pieces);
}
