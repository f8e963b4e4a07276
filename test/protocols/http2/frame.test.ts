// h2DecodeFrame and h2ReadSettings on every build: each type's rules of RFC 9113 6, at every split point.
import t from 'tap';
import { H2Error, H2Scope, H2Type } from '../../../src/core/generated/layouts.js';
import { codecBuilds } from '../../support/wasm.js';
import { Http2Codec, frameBytes, type FrameView } from './codec.js';

const bytes = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const { stream, connection } = H2Scope;
const PADDED = 8, PRIORITY = 0x20, ACK = 1, END_STREAM = 1;

/** What a frame alone comes to; fields that are not named are 0. */
interface Expected { result?: number; payload?: string; [field: string]: number | string | undefined }
interface Case { name: string; input: Buffer; expected: Expected; refusedFrom?: number }

const refused = (code: number): Expected => ({ result: 0, code, scope: connection });
const cases: Case[] = [
  { name: 'HEADERS', input: frameBytes(H2Type.headers, 4, 1, bytes('8286')), expected: { payload: '8286', flags: 4 } },
  { name: 'HEADERS, empty', input: frameBytes(H2Type.headers, 4, 1, bytes('')), expected: { payload: '', flags: 4 } },
  { name: 'HEADERS, reserved bit of the stream', input: frameBytes(H2Type.headers, 4, 0x80000001, bytes('82')),
    expected: { payload: '82', flags: 4 } },
  { name: 'HEADERS, padded', input: frameBytes(H2Type.headers, PADDED, 3, bytes('02 8286 0000')),
    expected: { payload: '8286', flags: PADDED, streamId: 3 } },
  { name: 'HEADERS, all padding', input: frameBytes(H2Type.headers, PADDED, 3, bytes('02 0000')),
    expected: { payload: '', flags: PADDED, streamId: 3 } },
  { name: 'HEADERS, padding longer than the rest', input: frameBytes(H2Type.headers, PADDED, 3, bytes('03 8286')),
    expected: refused(H2Error.protocol), refusedFrom: 12 },
  { name: 'HEADERS, padded without pad length', input: frameBytes(H2Type.headers, PADDED, 3, bytes('')),
    expected: refused(H2Error.frameSize) },
  { name: 'HEADERS, padded and with priority', expected: { payload: '82', flags: 0x28, streamId: 5, dependency: 3 },
    input: frameBytes(H2Type.headers, PADDED | PRIORITY, 5, bytes('01 80000003 10 82 00')) },
  { name: 'HEADERS, priority cut short', input: frameBytes(H2Type.headers, PRIORITY, 5, bytes('00000003')),
    expected: refused(H2Error.frameSize) },
  { name: 'HEADERS, dependent on itself', input: frameBytes(H2Type.headers, PRIORITY, 5, bytes('00000005 10 82')),
    expected: { payload: '82', flags: PRIORITY, streamId: 5, dependency: 5, code: H2Error.protocol, scope: stream } },
  { name: 'HEADERS on stream 0', input: frameBytes(H2Type.headers, 4, 0, bytes('82')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'CONTINUATION', input: frameBytes(H2Type.continuation, 4, 1, bytes('828684')),
    expected: { payload: '828684', flags: 4 } },
  { name: 'CONTINUATION on stream 0', input: frameBytes(H2Type.continuation, 4, 0, bytes('82')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'PRIORITY', input: frameBytes(H2Type.priority, 0, 3, bytes('80000001 ff')),
    expected: { payload: '80000001ff', streamId: 3, dependency: 1, value: 255 } },
  { name: 'PRIORITY, dependent on itself', input: frameBytes(H2Type.priority, 0, 3, bytes('00000003 00')),
    expected: { payload: '0000000300', streamId: 3, dependency: 3, code: H2Error.protocol, scope: stream } },
  { name: 'PRIORITY of four bytes', input: frameBytes(H2Type.priority, 0, 3, bytes('00000001')),
    expected: { payload: '00000001', streamId: 3, code: H2Error.frameSize, scope: stream } },
  { name: 'PRIORITY on stream 0', input: frameBytes(H2Type.priority, 0, 0, bytes('00000001 00')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'RST_STREAM', input: frameBytes(H2Type.rstStream, 0, 7, bytes('00000008')),
    expected: { payload: '00000008', streamId: 7, value: 8 } },
  { name: 'RST_STREAM of five bytes', input: frameBytes(H2Type.rstStream, 0, 7, bytes('0000000800')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'RST_STREAM on stream 0', input: frameBytes(H2Type.rstStream, 0, 0, bytes('00000008')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'SETTINGS', input: frameBytes(H2Type.settings, 0, 0, bytes('000300000064')),
    expected: { payload: '000300000064', streamId: 0 } },
  { name: 'SETTINGS acknowledged', input: frameBytes(H2Type.settings, ACK, 0, bytes('')),
    expected: { payload: '', streamId: 0, flags: ACK } },
  { name: 'SETTINGS acknowledged with values', input: frameBytes(H2Type.settings, ACK, 0, bytes('000300000064')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'SETTINGS of five bytes', input: frameBytes(H2Type.settings, 0, 0, bytes('0003000000')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'SETTINGS on a stream', input: frameBytes(H2Type.settings, 0, 1, bytes('')),
    expected: refused(H2Error.protocol) },
  { name: 'PUSH_PROMISE', input: frameBytes(H2Type.pushPromise, PADDED, 1, bytes('01 00000002 82 00')),
    expected: { payload: '82', flags: PADDED, value: 2 } },
  { name: 'PUSH_PROMISE cut short', input: frameBytes(H2Type.pushPromise, 0, 1, bytes('000002')),
    expected: refused(H2Error.frameSize) },
  { name: 'PING', input: frameBytes(H2Type.ping, 0, 0, bytes('0102030405060708')),
    expected: { payload: '0102030405060708', streamId: 0 } },
  { name: 'PING of seven bytes', input: frameBytes(H2Type.ping, 0, 0, bytes('01020304050607')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'PING on a stream', input: frameBytes(H2Type.ping, 0, 1, bytes('0102030405060708')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'GOAWAY', input: frameBytes(H2Type.goaway, 0, 0, bytes('80000005 0000000b 6279 65')),
    expected: { payload: '627965', streamId: 0, lastStreamId: 5, value: 11 } },
  { name: 'GOAWAY of seven bytes', input: frameBytes(H2Type.goaway, 0, 0, bytes('80000005 000000')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'GOAWAY on a stream', input: frameBytes(H2Type.goaway, 0, 1, bytes('80000005 0000000b')),
    expected: refused(H2Error.protocol), refusedFrom: 9 },
  { name: 'WINDOW_UPDATE', input: frameBytes(H2Type.windowUpdate, 0, 0, bytes('ffffffff')),
    expected: { payload: 'ffffffff', streamId: 0, value: 0x7fffffff } },
  { name: 'WINDOW_UPDATE of 0 for a stream', input: frameBytes(H2Type.windowUpdate, 0, 1, bytes('80000000')),
    expected: { payload: '80000000', code: H2Error.protocol, scope: stream } },
  { name: 'WINDOW_UPDATE of 0 for the connection', input: frameBytes(H2Type.windowUpdate, 0, 0, bytes('00000000')),
    expected: refused(H2Error.protocol) },
  { name: 'WINDOW_UPDATE of three bytes', input: frameBytes(H2Type.windowUpdate, 0, 1, bytes('000001')),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'a type that is not known', input: frameBytes(0xfa, 0xff, 0, bytes('aabb')),
    expected: { payload: 'aabb', flags: 0xff, streamId: 0 } },
  { name: 'a payload above the limit', input: frameBytes(H2Type.headers, 4, 1, Buffer.alloc(101)),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
  { name: 'DATA above the limit', input: frameBytes(H2Type.data, 4, 1, Buffer.alloc(101)),
    expected: refused(H2Error.frameSize), refusedFrom: 9 },
];

const judged = (frame: FrameView) => frame.result === 0
  ? { result: 0, code: frame.code, scope: frame.scope }
  : { result: frame.result, payload: frame.payload.toString('hex'), type: frame.type, flags: frame.flags,
    streamId: frame.streamId, flowBytes: frame.flowBytes, remaining: frame.remaining, padding: frame.padding,
    value: frame.value, dependency: frame.dependency, code: frame.code, scope: frame.scope };

for (const build of codecBuilds) {
  const codec = new Http2Codec(build);

  t.test(`${build}: frames that come whole`, async (t) => {
    for (const { name, input, expected, refusedFrom } of cases) {
      const wanted = expected.result === 0 ? expected : { result: input.length, type: input[3], flags: 0, streamId: 1,
        flowBytes: 0, remaining: 0, padding: 0, value: 0, dependency: 0, code: 0, scope: 0, ...expected };
      const { lastStreamId, ...rest } = wanted as Expected;
      const frame = codec.frame(input, 100);
      t.same(judged(frame), rest, name);
      if (lastStreamId !== undefined) t.equal(frame.lastStreamId, lastStreamId, `${name}: last stream`);
      for (let length = 0; length < input.length; length++) {
        const part = codec.frame(input.subarray(0, length), 100).result;
        if (part !== (length >= (refusedFrom ?? Infinity) ? 0 : -1)) t.fail(`${name}: ${length} bytes give ${part}`);
      }
      t.equal(codec.frame(Buffer.concat([input, Buffer.alloc(40, 0xff)]), 100).result, frame.result,
        `${name}, with more behind it`);
    }
  });

  t.test(`${build}: DATA comes in parts`, async (t) => {
    for (const [pad, data] of [[-1, 'hello'], [-1, ''], [0, 'hello'], [3, 'hello'], [5, ''], [255, 'x']] as const) {
      const padding = Buffer.alloc(Math.max(0, pad));
      const payload = Buffer.concat([Buffer.from(pad < 0 ? [] : [pad]), Buffer.from(data), padding]);
      const input = frameBytes(H2Type.data, END_STREAM | (pad < 0 ? 0 : PADDED), 9, payload);
      const skipped = pad < 0 ? 9 : 10;
      for (let length = 0; length <= input.length; length++) {
        const frame = codec.frame(input.subarray(0, length), 300);
        if (length < skipped) {
          t.equal(frame.result, -1, `${length} bytes`);
          continue;
        }
        t.equal(frame.result, length);
        t.equal(frame.payload.toString(), data.slice(0, length - skipped));
        t.equal(frame.flowBytes, payload.length);
        t.equal(frame.remaining, input.length - length);
        t.equal(frame.padding, Math.min(padding.length, input.length - length));
        t.same([frame.type, frame.streamId, frame.code], [H2Type.data, 9, 0]);
      }
      t.equal(codec.frame(Buffer.concat([input, input]), 300).result, input.length, 'the next frame is left alone');
    }
  });

  t.test(`${build}: DATA that is refused`, async (t) => {
    const verdict = (input: Buffer) => judged(codec.frame(input));
    t.same(verdict(frameBytes(H2Type.data, 0, 0, bytes('00'))), refused(H2Error.protocol), 'stream 0');
    t.same(verdict(frameBytes(H2Type.data, PADDED, 1, bytes(''))), refused(H2Error.frameSize), 'no pad length');
    t.same(verdict(frameBytes(H2Type.data, PADDED, 1, bytes('01'))), refused(H2Error.protocol), 'padding too long');
    t.same(verdict(frameBytes(H2Type.data, PADDED, 1, bytes('05 00000000'))), refused(H2Error.protocol));
    t.equal(verdict(frameBytes(H2Type.data, PADDED, 1, bytes('04 00000000'))).result, 14, 'all padding');
  });

  t.test(`${build}: settings`, async (t) => {
    const initial = { headerTableBytes: 4096, headerTableLeast: 0x7fffffff, enablePush: 1,
      maxConcurrentStreams: 0x7fffffff, initialWindowBytes: 65535, maxFrameBytes: 16384, maxHeaderListBytes: 0x7fffffff,
      enableConnect: 0 };
    codec.resetSettings();
    t.same(codec.settings(), initial);
    t.equal(codec.readSettings(bytes('')), 0);
    t.equal(codec.readSettings(bytes(`000100000000 000100002000 000200000000
      0003ffffffff 00040000ffff 000500ffffff`)), 0);
    t.equal(codec.readSettings(bytes('0006 0000f000 0008 00000001 0009 00000001 ffff ffffffff')), 0);
    t.same(codec.settings(), { headerTableBytes: 8192, headerTableLeast: 0, enablePush: 0,
      maxConcurrentStreams: 0x7fffffff, initialWindowBytes: 65535, maxFrameBytes: 16777215, maxHeaderListBytes: 0xf000,
      enableConnect: 1 });
    const wrong: [string, number][] = [['000200000002', H2Error.protocol], ['000480000000', H2Error.flowControl],
      ['000500003fff', H2Error.protocol], ['000501000000', H2Error.protocol], ['000800000002', H2Error.protocol],
      ['000800000000', H2Error.protocol], ['0003000000', H2Error.frameSize]];
    for (const [payload, code] of wrong) t.equal(codec.readSettings(bytes(payload)), code, payload);
    t.equal(codec.readSettings(bytes('00047fffffff 000500004000')), 0);
    t.same([codec.settings().initialWindowBytes, codec.settings().maxFrameBytes], [0x7fffffff, 16384]);
  });
}
