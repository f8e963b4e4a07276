// The HTTP/1.1 codec on messages as they come: heads decoded and written again, chunked bodies looked through and
// rewritten. Pure calls into the release build; what TypeScript adds around them is in the other files.
import { RequestEdits, RequestEditsFlag, ResponseEdits, ResponseEditsFlag, RequestEditsRecordBytes,
  ResponseEditsRecordBytes } from '../../src/core/generated/layouts.js';
import { limits } from '../../src/core/limits.js';
import { CHUNKED_RECHUNK, CHUNKED_SCAN, DECODE_LOWER_CASE } from '../../src/workers/codecs.js';
import type { Engine } from '../../src/workers/engine.js';
import { bench } from '../bench.js';
import { benchEngine, putText, scratchOf, smallRequest, smallResponse } from '../engine.js';

const HEAD_BYTES_MAX = limits.requestHeadBytesDefault;
const COUNT_MAX = limits.headersCountDefault;
const OUTPUT_AT = 1 << 20;
const CHUNK_BYTES = 4096;
const CHUNKS = 4;

/** A browser's request: thirty headers, two kilobytes of cookies. */
const largeRequest = smallRequest('shop.example.com').replace('\r\n\r\n', '\r\n') +
  Array.from({ length: 21 }, (_, index) => `x-custom-header-${index}: value number ${index}\r\n`).join('') +
  `cookie: session=${'0123456789abcdef'.repeat(128)}\r\n\r\n`;

interface Message { engine: Engine; at: number; end: number; out: number }

function message(text: string): Message {
  const engine = benchEngine();
  const at = scratchOf(engine);
  return { engine, at, end: putText(engine, at, text), out: at + OUTPUT_AT };
}

const decodeRequest = ({ engine, at, end }: Message): number =>
  engine.codecs.h1DecodeRequest(at, end, engine.requestRecord, DECODE_LOWER_CASE, HEAD_BYTES_MAX, COUNT_MAX);
const decodeResponse = ({ engine, at, end }: Message): number =>
  engine.codecs.h1DecodeResponse(at, end, engine.responseRecord, DECODE_LOWER_CASE, HEAD_BYTES_MAX, COUNT_MAX);

/** Runs `decode` once; a bench of something that is refused would measure nothing. */
function decoded(state: Message, decode: (state: Message) => number): Message {
  if (decode(state) !== state.end - state.at) throw new Error('the message was not decoded whole');
  return state;
}

const requestDecoding = (name: string, text: string) => bench({
  name, bytes: text.length,
  setup: () => decoded(message(text), decodeRequest),
  run: (state, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) sum += decodeRequest(state);
    return sum;
  },
});

/** As a connection manager with Envoy's defaults edits it: request id, x-forwarded-proto, one constant header. */
const requestEncoding = (name: string, text: string) => bench({
  name, bytes: text.length,
  setup: () => {
    const state = decoded(message(text), decodeRequest);
    const { engine } = state;
    const edits = engine.requestEdits >> 2;
    engine.i32.fill(0, edits, edits + RequestEditsRecordBytes / 4);
    const added = engine.keepText('x-envoy-expected-rq-timeout-ms: 15000\r\n')!;
    engine.i32[edits + RequestEdits.flags] = RequestEditsFlag.generateRequestId | RequestEditsFlag.protoIfAbsent;
    engine.i32[edits + RequestEdits.addedAt] = added.at;
    engine.i32[edits + RequestEdits.addedBytes] = added.bytes;
    engine.i32[edits + RequestEdits.random] = engine.randomState;
    return state;
  },
  run: ({ engine, out }, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) {
      sum += engine.codecs.h1EncodeRequest(engine.requestRecord, engine.requestEdits, out);
    }
    return sum;
  },
});

const responseEncoding = bench({
  name: 'encode a small response head', bytes: smallResponse.length,
  setup: () => {
    const state = decoded(message(smallResponse), decodeResponse);
    const { engine } = state;
    const edits = engine.responseEdits >> 2;
    engine.i32.fill(0, edits, edits + ResponseEditsRecordBytes / 4);
    const server = engine.keepText('envoy')!;
    engine.i32[edits + ResponseEdits.flags] = ResponseEditsFlag.serverOverwrite | ResponseEditsFlag.serviceTime |
      ResponseEditsFlag.addDate;
    engine.i32[edits + ResponseEdits.serverAt] = server.at;
    engine.i32[edits + ResponseEdits.serverBytes] = server.bytes;
    engine.i32[edits + ResponseEdits.serviceTimeMs] = 3;
    return state;
  },
  run: ({ engine, out }, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) {
      sum += engine.codecs.h1EncodeResponse(engine.responseRecord, engine.responseEdits, out);
    }
    return sum;
  },
});

/** Whole chunks, the last one left out: the body goes on. */
const chunks = (extension: string): string =>
  `${CHUNK_BYTES.toString(16)}${extension}\r\n${'x'.repeat(CHUNK_BYTES)}\r\n`.repeat(CHUNKS);

const chunked = (name: string, text: string, mode: number) => bench({
  name, bytes: text.length,
  setup: () => {
    const state = message(text);
    return { ...state, chunked: state.engine.scratchRecord + 8192 };
  },
  run: ({ engine, at, end, out, chunked: record }, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) {
      engine.codecs.h1ChunkedReset(record);
      sum += engine.codecs.h1ChunkedStep(record, at, end, out, mode, limits.chunkLineBytesMax, limits.trailerBytesMax,
        engine.scratchRecord);
    }
    if (sum !== -iterations) throw new Error('the chunks were not taken whole');
    return sum;
  },
});

export const benches = [
  requestDecoding('decode a small request head', smallRequest('orders.mesh.local')),
  requestDecoding('decode a large request head', largeRequest),
  bench({
    name: 'decode a small response head', bytes: smallResponse.length,
    setup: () => decoded(message(smallResponse), decodeResponse),
    run: (state, iterations) => {
      let sum = 0;
      for (let turn = 0; turn < iterations; turn++) sum += decodeResponse(state);
      return sum;
    },
  }),
  requestEncoding('encode a small request head', smallRequest('orders.mesh.local')),
  requestEncoding('encode a large request head', largeRequest),
  responseEncoding,
  chunked('look through 16 KiB of canonical chunks', chunks(''), CHUNKED_SCAN),
  chunked('rewrite 16 KiB of chunks with extensions', chunks(';name=value'), CHUNKED_RECHUNK),
];
