// Endpoints that break the rules of HTTP/2: the request is answered 502, the connection is ended by the right error,
// and that is counted once.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { exchange, RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { block, DATA, END_HEADERS, END_STREAM, frame, GOAWAY, HEADERS, PUSH_PROMISE, RST_STREAM, SETTINGS,
  WINDOW_UPDATE, word } from '../support/http2-frames.js';
import { speaksHttp2 } from '../support/http2.js';
import { statusOf } from '../support/message.js';

const NO_ERROR = 0, COMPRESSION_ERROR = 9, FRAME_SIZE_ERROR = 6, PROTOCOL_ERROR = 1, FLOW_CONTROL_ERROR = 3;
const whole = END_HEADERS | END_STREAM;
/** What the endpoint says, and the error that it is told: of the connection, or of the stream. */
const broken: readonly (readonly [name: string, bytes: Buffer, type: number, error: number])[] = [
  ['an HPACK index that is not there', frame(HEADERS, whole, 1, Buffer.from([0xff, 0xff, 0x7f])), GOAWAY,
    COMPRESSION_ERROR],
  ['a frame that is too large', frame(DATA, 0, 1, Buffer.alloc(20_000)), GOAWAY, FRAME_SIZE_ERROR],
  ['a response on no stream', frame(HEADERS, whole, 0, Buffer.from([0x88])), GOAWAY, PROTOCOL_ERROR],
  ['a response that was not asked for', frame(HEADERS, whole, 7, Buffer.from([0x88])), GOAWAY, PROTOCOL_ERROR],
  ['a promise', frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([word(2), Buffer.from([0x82])])), GOAWAY,
    PROTOCOL_ERROR],
  ['a window that grows by nothing', frame(WINDOW_UPDATE, 0, 0, word(0)), GOAWAY, PROTOCOL_ERROR],
  ['a window that grows too large', frame(WINDOW_UPDATE, 0, 0, word(0x7fffffff)), GOAWAY, FLOW_CONTROL_ERROR],
  ['a status that is none', frame(HEADERS, whole, 1, block([[':status', 'abc']])), RST_STREAM, PROTOCOL_ERROR],
];

/** Error codes of the frames of this type that have come, behind the preface. */
function errorsIn(bytes: Buffer, wanted: number): number[] {
  const found: number[] = [];
  for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === wanted) found.push(bytes.readUInt32BE(at + (wanted === GOAWAY ? 13 : 9)));
  return found;
}

void forEachProxy(t, {
  upstreams: ['a'],
  clusters: { a: speaksHttp2() as Record<string, unknown> },
  listeners: [{ name: 'main', routes: [routeTo('a')] }],
}, async (t, { proxy, port, upstream }) => {
  for (const [name, bytes, type, error] of broken) {
    await t.test(name, async (t) => {
      const before = await proxy.stat('cluster.a.upstream_cx_protocol_error');
      let got = Buffer.alloc(0);
      upstream.a!.onRaw = (socket: Socket) => {
        socket.on('data', (data) => {
          const begun = got.length === 0;
          got = Buffer.concat([got, data]);
          if (begun) socket.write(Buffer.concat([frame(SETTINGS, 0, 0), bytes]));
        });
      };
      const answer = await exchange(port.main!, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      t.match(answer.start, /^HTTP\/1.1 502/);
      for (let tries = 0; errorsIn(got, type).length === 0 && tries < 400; tries++) await sleep(5);
      t.same(errorsIn(got, type), [error]);
      t.equal(await proxy.untilStat('cluster.a.upstream_cx_protocol_error', before + 1), before + 1);
      upstream.a!.dropConnections();
      await proxy.untilStat('cluster.a.upstream_cx_active', 0);
    });
  }

  await t.test('one that has answered and wants no more of the request is not broken (RFC 9113 8.1)', async (t) => {
    const body = Buffer.alloc(40_000, 'x');
    const pieces = [0, 10_000, 20_000, 30_000].map((at) => frame(DATA, at === 30_000 ? END_STREAM : 0, 1,
      body.subarray(at, at + 10_000)));
    upstream.a!.onRaw = (socket: Socket) => {
      socket.once('data', () => {
        socket.write(Buffer.concat([frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, Buffer.from([0x88])),
          ...pieces, frame(RST_STREAM, 0, 1, word(NO_ERROR))]));
      });
    };
    const client = await RawClient.open(port.main!);
    client.send('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nbegun');
    const answer = await client.response();
    t.equal(statusOf(answer), 200);
    t.equal(answer.body, body.toString());
    client.close();
    upstream.a!.dropConnections();
  });
});
