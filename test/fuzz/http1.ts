// Fuzzes the HTTP/1 head and chunk decoders: the SIMD build, its scalar twin and the reference decoder must agree on
// every input, and the verdict must not depend on how the bytes arrive. Traps, reads beyond the end, writes outside
// the record and spans outside the input are noticed by the harness in test/protocols/http1/codec.ts.
import { Codec, mode, type DecodeLimits, type HeadResult } from '../protocols/http1/codec.js';
import { requestCases, responseCases } from '../protocols/http1/corpus/index.js';
import { driveChunked, rechunkWithScan } from '../protocols/http1/drive-chunked.js';
import { referenceChunked } from '../protocols/http1/reference-chunked.js';
import { referenceRequest, referenceResponse } from '../protocols/http1/reference.js';
import { mutate, type Random } from './random.js';

export interface Target {
  name: string;
  seeds: Buffer[];
  dictionary: readonly string[];
  check(input: Buffer, random: Random): void;
  mutate(random: Random): Buffer;
}

const headWords = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  ': ',
  ',',
  ';',
  '\0',
  'Host: a\r\n',
  'Host:',
  'Content-Length: ',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: ',
  'chunked',
  'identity',
  'Connection: ',
  'close',
  'keep-alive',
  'upgrade',
  'Upgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  'TE: trailers\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'GET ',
  'CONNECT ',
  'OPTIONS * ',
  'http://',
  'https://a:1/',
  '/',
  '//',
  '/../',
  '%2f',
  '%5C',
  '%00',
  '\\',
  '?',
  '#',
  '@',
  '[::1]',
  ':80',
  '65536',
  '9007199254740992',
  '+5',
  '-1',
  '05',
  'X-A_B: c\r\n',
  'x-forwarded-for: 1.1.1.1\r\n',
  'x-envoy-internal: true\r\n',
  '\x80',
  '\xff',
  ' \r\n',
  '200 ',
  ' 204 No\r\n',
];
const chunkWords = [
  '\r\n',
  '0\r\n\r\n',
  '0\r\n',
  '5\r\n',
  'a\r\n',
  'F',
  ';',
  ';x=y',
  '"',
  '\n',
  '\r',
  '1\r\nx\r\n',
  '5\r\nhello\r\n',
  'X: y\r\n',
  'Content-Length: 5\r\n',
  'Host: a\r\n',
  '00000',
  '1fffffffffffff',
  '20000000000000',
  '-',
  '+',
  '0x',
  ' ',
  '\t',
  '\0',
];

export function targets(): Target[] {
  const release = new Codec('release'),
    scalar = new Codec('scalar');
  // Good messages three times: most mutations of a bad one are refused at the fault that it already has.
  const goodRequests = requestCases.filter((entry) => entry.status === 0);
  const goodResponses = responseCases.filter((entry) => entry.status !== 502 && !entry.cut);
  const requestSeeds = [...requestCases, ...goodRequests, ...goodRequests, ...goodRequests]
    .map((entry) => Buffer.from(entry.bytes, 'latin1'))
    .filter((seed) => seed.length < 2000);
  const responseSeeds = [...responseCases, ...goodResponses, ...goodResponses]
    .map((entry) => Buffer.from(entry.bytes, 'latin1'))
    .filter((seed) => seed.length < 2000);
  const bodySeeds = [...requestCases, ...goodRequests, ...goodRequests]
    .filter((entry) => /chunked\r\n\r\n/.test(entry.bytes))
    .map((entry) => Buffer.from(entry.bytes.split('chunked\r\n\r\n')[1], 'latin1'))
    .filter((seed) => seed.length < 2000);
  return [
    target('request', requestSeeds, headWords, (input, random) => checkHead('request', release, scalar, input, random)),
    target('response', responseSeeds, headWords, (input, random) =>
      checkHead('response', release, scalar, input, random),
    ),
    target('chunked', bodySeeds, chunkWords, (input, random) => checkChunked(release, scalar, input, random)),
  ];
}

function target(name: string, seeds: Buffer[], dictionary: readonly string[], check: Target['check']): Target {
  return {
    name,
    seeds,
    dictionary,
    check,
    mutate: (random) => mutate(random, random.pick(seeds), random.pick(seeds), dictionary, 3000),
  };
}

function checkHead(kind: 'request' | 'response', release: Codec, scalar: Codec, input: Buffer, random: Random): void {
  const tight = random.below(8) === 0;
  const limits: DecodeLimits = {
    bytesMax: tight ? 16 + random.below(200) : 60 * 1024,
    countMax: tight ? random.below(6) : 100,
    lowerCase: random.below(2) === 0,
  };
  const decode = (codec: Codec): HeadResult =>
    kind === 'request' ? codec.decodeRequest(input, limits) : codec.decodeResponse(input, limits);
  const first = decode(release);
  same('scalar', first, decode(scalar));
  const text = input.toString('latin1');
  same('reference', first, kind === 'request' ? referenceRequest(text, limits) : referenceResponse(text, limits));
  const whole = release.verdict(kind, input, limits);
  for (let tries = 0; tries < 4; tries++) {
    const length = random.below(input.length + 1);
    const verdict = release.verdict(kind, input.subarray(0, length), limits);
    const wrong =
      (verdict === 0 && whole !== 0) ||
      (whole === -1 && verdict !== -1) ||
      (whole > 0 && verdict !== (length < whole ? -1 : whole));
    if (wrong) throw new Error(`${length} of ${input.length} bytes give ${verdict}, all give ${whole}`);
    if (whole > 0 && tries === 0 && !mayEnd(release, input, whole))
      throw new Error('h1HeadMayEnd misses the end of a head');
  }
  if (first.kind === 'head' && random.below(4) === 0) reencode(kind, release, scalar, input, limits, random);
}

/** A connection that asks h1HeadMayEnd about each arriving piece, two bytes back, must be told of the end. */
function mayEnd(codec: Codec, input: Buffer, whole: number): boolean {
  return (
    codec.headMayEnd(input.subarray(0, whole), Math.max(0, whole - 3)) && codec.headMayEnd(input.subarray(0, whole), 0)
  );
}

const flagSets = [
  [],
  ['setProto', 'generateRequestId'],
  ['appendXff', 'chunked'],
  ['properCase', 'upgrade'],
  ['external', 'dropUnderscore', 'teTrailers'],
  ['absoluteUrl', 'connectionClose', 'expectContinue'],
];
const responseFlagSets = [
  [],
  ['serverOverwrite', 'addDate', 'serviceTime'],
  ['chunked', 'connectionClose'],
  ['properCase', 'dropLength'],
  ['upgrade', 'version10', 'connectionKeepAlive'],
];

/** What is written again must be a head that every decoder takes, with at most one framing. */
function reencode(
  kind: 'request' | 'response',
  release: Codec,
  scalar: Codec,
  input: Buffer,
  limits: DecodeLimits,
  random: Random,
): void {
  const flags = random.pick(kind === 'request' ? flagSets : responseFlagSets);
  const outputs = [release, scalar].map((codec) => {
    const decoded =
      kind === 'request' ? codec.decodeRequest(input, limits, 15) : codec.decodeResponse(input, limits, 15);
    if (decoded.kind !== 'head' || !codec.dropNominated()) return '';
    const edits =
      kind === 'request'
        ? { flags, client: '9.9.9.9', ...(decoded.head.authority === '' ? { host: 'h' } : {}) }
        : { flags, server: 's', date: 'd' };
    return codec.encode(kind, edits).toString('latin1');
  });
  if (outputs[0] !== outputs[1]) throw new Error('the builds encode differently');
  if (outputs[0] === '') return;
  const wide = { bytesMax: 1 << 20, countMax: 1000, lowerCase: false };
  const again = kind === 'request' ? referenceRequest(outputs[0], wide) : referenceResponse(outputs[0], wide);
  if (again.kind !== 'head' || again.head.bytes !== outputs[0].length)
    throw new Error(`wrote a head that is not one: ${JSON.stringify(outputs[0])}`);
}

function same(who: string, first: HeadResult, second: HeadResult): void {
  const a = JSON.stringify(first),
    b = JSON.stringify(second);
  if (a !== b) throw new Error(`release says ${a.slice(0, 400)}\n${who} says ${b.slice(0, 400)}`);
}

function checkChunked(release: Codec, scalar: Codec, input: Buffer, random: Random): void {
  const tight = random.below(8) === 0;
  const lineMax = tight ? 4 + random.below(20) : 512,
    trailersMax = tight ? 8 + random.below(60) : 8192;
  const wanted = referenceChunked(input.toString('latin1'), { lineMax, trailersMax });
  const kind = { complete: 1, incomplete: -1, rejected: 0 }[wanted.kind];
  const pieces: number[] = [];
  for (let left = input.length; left > 0;) {
    const piece = Math.min(left, 1 + random.below(random.below(3) === 0 ? 3 : 40));
    pieces.push(piece);
    left -= piece;
  }
  for (const codec of [release, scalar]) {
    for (const arrival of [[input.length], pieces]) {
      const bare = driveChunked(codec, input, mode.strip, arrival, lineMax, trailersMax);
      // A trailer section may be over its limit in one arrival and malformed in another: both refuse.
      if (bare.result !== kind)
        throw new Error(`${codec.build}: ${bare.result} ${bare.code}, the reference ${wanted.kind} ${wanted.code}`);
      if (bare.output.toString('latin1') !== wanted.data) throw new Error(`${codec.build}: other data`);
      const mixed = rechunkWithScan(codec, input, arrival, lineMax, trailersMax);
      if (mixed.result !== kind)
        throw new Error(`${codec.build} rechunk: ${mixed.result} ${mixed.code}, the reference ${wanted.kind}`);
      const again = referenceChunked(mixed.output.toString('latin1'));
      if (again.data !== wanted.data || again.kind === 'rejected' || (kind === 1) !== (again.kind === 'complete')) {
        throw new Error(`${codec.build}: rechunked into ${JSON.stringify(mixed.output.toString('latin1'))}`);
      }
    }
  }
}
