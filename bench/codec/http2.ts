// The HTTP/2 codec on messages as they come: frames found, field sections decoded into canonical heads, heads encoded.
// `again`: a message that the connection has seen before, but for its path and request id, so that most of it is in the
// tables. `first`: all of it is spelled out.
import { H2FrameRecordBytes } from '../../src/core/generated/layouts.js';
import type { Engine } from '../../src/workers/engine.js';
import { bench } from '../bench.js';
import { benchEngine, putText, scratchOf, smallRequest, smallResponse } from '../engine.js';

const CAPACITY = 4096;
const MAX_FRAME = 16384;
const TEXT_MAX = 1 << 16;
const COUNT_MAX = 100;
const FRAME_HEADER_BYTES = 9;
// Places behind the scratch's beginning, where the text lies.
const OUTPUT_AT = 1 << 20, ENCODER_AT = 2 << 20, DECODER_AT = 3 << 20, DECODED_AT = 4 << 20, BLOCK_AT = 5 << 20;

type Kind = 'request' | 'response';
interface Message {
  engine: Engine; kind: Kind; at: number; end: number; out: number; encoder: number; decoder: number; decoded: number;
  block: number; blockBytes: number;
  /** Where the text has eight digits that differ from message to message; 0 = nowhere. */
  changing: number;
}

function message(kind: Kind, text: string, changing: string): Message {
  const engine = benchEngine(), at = scratchOf(engine);
  const end = putText(engine, at, text);
  const found = changing === '' ? 0 : at + text.indexOf(changing);
  const state = { engine, kind, at, end, out: at + OUTPUT_AT, encoder: at + ENCODER_AT, decoder: at + DECODER_AT,
    decoded: at + DECODED_AT, block: at + BLOCK_AT, blockBytes: 0, changing: found };
  reset(state);
  return state;
}

function reset({ engine, encoder, decoder }: Message): void {
  engine.codecs.hpackReset(encoder, CAPACITY, 1);
  engine.codecs.hpackReset(decoder, CAPACITY, 0);
}

function encode(state: Message, turn: number): number {
  const { engine, changing } = state;
  if (changing !== 0) {
    for (let digit = 0; digit < 8; digit++) engine.u8[changing + digit] = 48 + (turn >> (digit * 3) & 7);
  }
  const call = state.kind === 'request' ? engine.codecs.h2EncodeRequest : engine.codecs.h2EncodeResponse;
  return call(state.encoder, state.at, state.end, engine.requestRecord, COUNT_MAX, state.out, 1, 0, MAX_FRAME);
}

function decode(state: Message, block: number, bytes: number): number {
  const { engine } = state;
  const call = state.kind === 'request' ? engine.codecs.h2DecodeRequest : engine.codecs.h2DecodeResponse;
  return call(state.decoder, block, block + bytes, state.decoded, TEXT_MAX, engine.scratchRecord, TEXT_MAX,
    COUNT_MAX, 0);
}

/** Sends the message so often that its blocks insert nothing more, and keeps the last block. */
function settled(state: Message): Message {
  for (let turn = 0; turn < 5; turn++) {
    const block = state.out + FRAME_HEADER_BYTES;
    state.blockBytes = encode(state, turn) - block;
    if (state.blockBytes <= 0 || decode(state, block, state.blockBytes) <= 0) throw new Error('a message is refused');
    state.engine.u8.copyWithin(state.block, block, block + state.blockBytes);
  }
  return state;
}

const encoding = (name: string, kind: Kind, text: string, changing: string) => bench({
  name: `encode ${name}, again`, bytes: text.length,
  setup: () => settled(message(kind, text, changing)),
  run: (state, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) sum += encode(state, turn);
    return sum;
  },
});

const decoding = (name: string, kind: Kind, text: string, changing: string) => bench({
  name: `decode ${name}, again`, bytes: text.length,
  setup: () => settled(message(kind, text, changing)),
  run: (state, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) sum += decode(state, state.block, state.blockBytes);
    return sum;
  },
});

const first = (name: string, kind: Kind, text: string) => bench({
  name: `encode and decode ${name}, first`, bytes: text.length,
  setup: () => settled(message(kind, text, '')),
  run: (state, iterations) => {
    let sum = 0;
    const block = state.out + FRAME_HEADER_BYTES;
    for (let turn = 0; turn < iterations; turn++) {
      reset(state);
      sum += decode(state, block, encode(state, turn) - block);
    }
    return sum;
  },
});

/** A browser's request: thirty headers, two kilobytes of cookies. */
const largeRequest = smallRequest('shop.example.com').replace('\r\n\r\n', '\r\n') +
  Array.from({ length: 21 }, (_, index) => `x-custom-header-${index}: value number ${index}\r\n`).join('') +
  `cookie: session=${'0123456789abcdef'.repeat(128)}\r\n\r\n`;
const request = smallRequest('orders.mesh.local', '/orders/42?page=3');

export const benches = [
  bench({
    name: 'find a frame of headers',
    setup: () => settled(message('request', request, '')),
    run: ({ engine, out, blockBytes }, iterations) => {
      let sum = 0;
      const record = engine.scratchRecord + H2FrameRecordBytes, end = out + FRAME_HEADER_BYTES + blockBytes;
      for (let turn = 0; turn < iterations; turn++) sum += engine.codecs.h2DecodeFrame(out, end, record, MAX_FRAME);
      if (sum !== iterations * (end - out)) throw new Error('the frame was not found');
      return sum;
    },
  }),
  encoding('a small request', 'request', request, '7d1f6a52'),
  decoding('a small request', 'request', request, '7d1f6a52'),
  first('a small request', 'request', request),
  encoding('a large request', 'request', largeRequest, '7d1f6a52'),
  decoding('a large request', 'request', largeRequest, '7d1f6a52'),
  encoding('a small response', 'response', smallResponse, ''),
  decoding('a small response', 'response', smallResponse, ''),
  first('a small response', 'response', smallResponse),
];
