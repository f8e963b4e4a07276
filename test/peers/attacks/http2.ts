// Attacks on HTTP/2: each with the end that RFC 9113, or Envoy's limits, have for it.
import { setTimeout as sleep } from 'node:timers/promises';
import { block, CONTINUATION, DATA, END_HEADERS, END_STREAM, frame, FramePeer, get, HEADERS, PING, PRIORITY, RST_STREAM,
  setting, SETTINGS, WINDOW_UPDATE, word } from '../../support/http2-frames.js';
import { endOf, flood, type Attack } from './attack.js';

const TABLE = 1, INITIAL_WINDOW = 4;
const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
const CALM = /^GOAWAY ENHANCE_YOUR_CALM$/, COMPRESSION = /^GOAWAY COMPRESSION_ERROR$/;
const open = (stream: number, path = '/', end = END_STREAM): Buffer => frame(HEADERS, END_HEADERS | end, stream,
  get(path, [], end === END_STREAM ? 'GET' : 'POST'));
/** Streams of a connection have numbers that only grow. */
const streams = (make: (stream: number) => Buffer, count: number): (() => Buffer) => {
  let next = 1;
  return () => times(count, () => { next += 2; return make(next - 2); });
};

/** An attack whose streams are numbered anew on each connection. */
const perConnection = (name: string, make: () => Attack): Attack =>
  ({ ...make(), name, run: (target) => make().run(target) });

const resets: Attack[] = [
  perConnection('rapid reset', () => flood({ name: '', unit: 'requests', units: 100, piece: streams((stream) =>
    Buffer.concat([open(stream), frame(RST_STREAM, 0, stream, word(8))]), 100), ends: CALM,
  counter: /downstream_rq_too_many_premature_resets$/ })),
  perConnection('resets that we are made to send', () => flood({ name: '', unit: 'requests', units: 100,
    piece: streams((stream) => Buffer.concat([open(stream), frame(WINDOW_UPDATE, 0, stream, word(0))]), 100),
    ends: CALM, counter: /downstream_rq_too_many_premature_resets$/ })),
  flood({ name: 'RST_STREAM of a closed stream', unit: 'frames', units: 500, first: () => open(1),
    piece: () => times(500, () => frame(RST_STREAM, 0, 1, word(8))), ends: /^(GOAWAY \w+|(answered, )?open)$/,
    counter: null }),
];
const control: Attack[] = [
  flood({ name: 'SETTINGS', unit: 'frames', units: 1000, piece: () => times(1000, () =>
    frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 65_535))), ends: /^(GOAWAY ENHANCE_YOUR_CALM|open)$/,
  counter: null }),
  flood({ name: 'SETTINGS, answers not taken', unit: 'frames', units: 1000, deaf: true, piece: () => times(1000, () =>
    frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 65_535))), ends: /^(GOAWAY ENHANCE_YOUR_CALM|closed|open)$/,
  counter: /http2\.outbound_control_flood$/ }),
  flood({ name: 'PING', unit: 'frames', units: 1000, piece: () => times(1000, () => frame(PING, 0, 0, Buffer.alloc(8))),
    ends: /^(GOAWAY ENHANCE_YOUR_CALM|open)$/, counter: null }),
  flood({ name: 'PING, answers not taken', unit: 'frames', units: 1000, deaf: true, piece: () => times(1000, () =>
    frame(PING, 0, 0, Buffer.alloc(8))), ends: /^(GOAWAY ENHANCE_YOUR_CALM|closed|open)$/,
  counter: /http2\.outbound_control_flood$/ }),
  flood({ name: 'PRIORITY', unit: 'frames', units: 200, piece: () => times(200, () =>
    frame(PRIORITY, 0, 1, Buffer.concat([word(0), Buffer.from([1])]))), ends: CALM,
  counter: /http2\.inbound_priority_frames_flood$/ }),
  flood({ name: 'WINDOW_UPDATE', unit: 'frames', units: 200, piece: () => times(200, () =>
    frame(WINDOW_UPDATE, 0, 0, word(1))), ends: CALM, counter: /http2\.inbound_window_update_frames_flood$/ }),
  flood({ name: 'DATA without contents', unit: 'frames', units: 100, first: () => open(1, '/', 0),
    piece: () => times(100, () => frame(DATA, 0, 1)), ends: CALM, counter: /http2\.inbound_empty_frames_flood$/ }),
  flood({ name: 'frames of unknown types', unit: 'frames', units: 500, piece: () => times(500, (i) =>
    frame(0xb0 + i % 16, 0, 0, Buffer.alloc(16))), ends: /^(GOAWAY \w+|open)$/, counter: null }),
];

/** One field enters the table, and is then named by one byte each, two thousand times. */
const bomb = (): Buffer => Buffer.concat([get('/'), Buffer.from([0x40, 1, 0x61, 127, 0xa1, 0x1e]),
  Buffer.alloc(4000, 'z'), Buffer.alloc(2000, 0xbe)]);
const heads: Attack[] = [
  flood({ name: 'CONTINUATION without end', unit: 'frames', units: 100, first: () => frame(HEADERS, 0, 1, get('/')),
    piece: () => times(100, () => frame(CONTINUATION, 0, 1, block([['a', 'b']]))), ends: CALM,
    counter: /http2\.too_many_header_frames$/ }),
  flood({ name: 'CONTINUATION without contents', unit: 'frames', units: 100,
    first: () => frame(HEADERS, 0, 1, get('/')), piece: () => times(100, () => frame(CONTINUATION, 0, 1)), ends: CALM,
    counter: /http2\.(too_many_header_frames|inbound_empty_frames_flood)$/ }),
  flood({ name: 'CONTINUATION, large', unit: 'frames', units: 4, first: () => frame(HEADERS, 0, 1, get('/')),
    piece: () => times(4, () => frame(CONTINUATION, 0, 1, block([['a', 'b'.repeat(16_000)]]))),
    ends: CALM, counter: /http2\.too_many_header_frames$/ }),
  perConnection('header lists that are too large', () => flood({ name: '', unit: 'requests', units: 4,
    piece: streams((stream) => Buffer.concat([frame(HEADERS, END_STREAM, stream, get('/')), ...Array.from({ length: 6 },
      (_, i) => frame(CONTINUATION, i === 5 ? END_HEADERS : 0, stream, block([[`x-${i}`, 'v'.repeat(15_000)]])))]), 4),
    ends: /answered|RST_STREAM|GOAWAY/,
    counter: /(http2\.(header_overflow|too_many_header_frames|tx_reset)|downstream_rq_4xx)$/ })),
  perConnection('HPACK bombs', () => flood({ name: '', unit: 'requests', units: 4,
    piece: streams((stream) => frame(HEADERS, END_HEADERS | END_STREAM, stream, bomb()), 4),
    ends: /answered|RST_STREAM|GOAWAY/, counter: /(http2\.header_overflow|downstream_rq_4xx|tx_reset)$/ })),
  flood({ name: 'an HPACK index that is not there', unit: 'requests', units: 1, piece: () =>
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([get('/'), Buffer.from([0xff, 0xff, 0x7f])])),
  ends: COMPRESSION, counter: /downstream_cx_protocol_error$/ }),
  flood({ name: 'an HPACK table larger than allowed', unit: 'requests', units: 1, piece: () =>
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([Buffer.from([0x3f, 0xe1, 0xff, 0xff, 0x07]), get('/')])),
  ends: COMPRESSION, counter: /downstream_cx_protocol_error$/ }),
  flood({ name: 'an HPACK number without end', unit: 'requests', units: 1, piece: () =>
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([get('/'), Buffer.alloc(2000, 0xff)])),
  ends: COMPRESSION, counter: /downstream_cx_protocol_error$/ }),
  perConnection('a table of our encoder that shrinks and grows', () => flood({ name: '', unit: 'frames', units: 101,
    piece: streams((stream) => Buffer.concat([times(100, (i) => frame(SETTINGS, 0, 0, setting(TABLE, i % 2 << 20))),
      open(stream)]), 1), ends: /answered|GOAWAY/, counter: null })),
];

const HUNDRED = 100;
/** A hundred streams of a mebibyte each, of which so much is taken; open until the attack is over. */
const stalled = (name: string, settings: readonly Buffer[], deaf: boolean, opening: Buffer | null, ends: RegExp,
  counter: RegExp | null): Attack => ({ name, unit: 'streams', ends, counter, atOnce: 2, growthMiB: 160,
  run: async ({ plain, until, sent, ended }) => {
    const peer = await FramePeer.open(plain, settings);
    if (deaf) peer.socket.pause();
    peer.send(frame(WINDOW_UPDATE, 0, 0, word(0x7fff0000)), times(HUNDRED, (i) => open(2 * i + 1, '/large')));
    sent(HUNDRED);
    while (performance.now() < until && !peer.closed) {
      if (opening !== null) peer.send(times(HUNDRED, (i) => frame(WINDOW_UPDATE, 0, 2 * i + 1, opening)));
      await sleep(20);
    }
    if (deaf) peer.socket.resume();
    await sleep(200);
    ended(endOf(peer));
    peer.close();
  } });
const windows: Attack[] = [
  stalled('windows that stay shut', [setting(INITIAL_WINDOW, 0)], false, null,
    /^RST_STREAM (CANCEL|INTERNAL_ERROR), answered/, /(http2\.tx_flush_timeout|downstream_rq_idle_timeout)$/),
  stalled('windows of one byte', [setting(INITIAL_WINDOW, 1)], false, word(1), /answered|GOAWAY/, null),
  stalled('answers that nobody takes', [setting(INITIAL_WINDOW, 0x7fff0000)], true, null, /answered|GOAWAY|closed/,
    null),
  flood({ name: 'more than the window', unit: 'frames', units: 16, first: () => open(1, '/hold', 0),
    piece: () => times(16, () => frame(DATA, 0, 1, Buffer.alloc(16_384))),
    ends: /^(GOAWAY|RST_STREAM) FLOW_CONTROL_ERROR/, counter: null }),
];

export const http2Attacks: readonly Attack[] = [...resets, ...control, ...heads, ...windows];
