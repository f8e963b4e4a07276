// Clients that misuse HTTP/2: the connection, or the stream, ends with the right error, it is counted, memory stays
// where it was, and other connections notice nothing.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { ACK, block, CONTINUATION, DATA, END_HEADERS, END_STREAM, frame, FramePeer, get, HEADERS, PING, PRIORITY,
  RST_STREAM, setting, SETTINGS, WINDOW_UPDATE, word } from '../support/http2-frames.js';
import { Http2Client } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const PROTOCOL_ERROR = 1, FLOW_CONTROL_ERROR = 3, CANCEL = 8, COMPRESSION_ERROR = 9, ENHANCE_YOUR_CALM = 11;
const INITIAL_WINDOW = 4;
const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const upstream = await Upstream.start(await freePort());
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`, manager: { stream_idle_timeout: '0.5s', codec_type: 'HTTP2' },
      routes: [routeTo('main')] }], [{ name: 'main', ports: [upstream.port] }]));
    const other = await Http2Client.open(port);
    const peers: FramePeer[] = [];
    t.teardown(async () => {
      for (const peer of peers) peer.close();
      other.close();
      await proxy.stop();
      await upstream.stop();
    });
    const open = async (...settings: Buffer[]): Promise<FramePeer> => {
      const peer = await FramePeer.open(port, settings);
      peers.push(peer);
      return peer;
    };
    const residentMiB = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.child.pid!}/status`, 'latin1'))![1]) / 1024;
    for (let i = 0; i < 200; i++) await other.ask({ ':path': '/warm' });
    const before = residentMiB();

    /** The attack ends its own connection with this error, and is counted. */
    const ends = async (t: import('tap').Test, peer: FramePeer, code: number, stat: string,
      times = 1): Promise<void> => {
      t.equal(await peer.goaway(), code);
      t.ok(await peer.untilClosed());
      t.ok((await proxy.untilStat(`http.in.${stat}`, times)) >= times, stat);
      t.equal((await other.ask({ ':path': '/other' })).status, 200);
    };

    await t.test('rapid reset', async (t) => {
      const peer = await open();
      peer.send(times(600, (i) => Buffer.concat([frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, get('/r')),
        frame(RST_STREAM, 0, 2 * i + 1, word(8))])));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'downstream_rq_too_many_premature_resets');
    });

    await t.test('resets that we are made to send', async (t) => {
      const peer = await open();
      const floods = await proxy.stat('http.in.downstream_rq_too_many_premature_resets');
      peer.send(times(600, (i) => Buffer.concat([frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, get('/m')),
        frame(WINDOW_UPDATE, 0, 2 * i + 1, word(0))])));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'downstream_rq_too_many_premature_resets', floods + 1);
    });

    await t.test('a client that is served may reset now and then', async (t) => {
      const peer = await open();
      let next = 1;
      const ask = (): Buffer => frame(HEADERS, END_HEADERS | END_STREAM, next, get('/s'));
      // Six hundred resets beside eighteen hundred answers.
      for (let round = 0; round < 50; round++) {
        peer.send(times(36, () => { next += 2; return ask(); }));
        for (let served = 0; served < 36 && !peer.closed;) {
          await peer.until(({ type }) => type === DATA);
          served += peer.frames.splice(0).filter(({ type }) => type === DATA).length;
        }
        peer.send(times(12, () => {
          next += 2;
          return Buffer.concat([ask(), frame(RST_STREAM, 0, next, word(8))]);
        }));
      }
      peer.send(frame(PING, 0, 0, Buffer.from('12345678')));
      t.ok(await peer.until(({ type, flags }) => type === PING && flags === ACK) !== null, 'the connection goes on');
    });

    await t.test('PRIORITY', async (t) => {
      const peer = await open();
      peer.send(times(200, () => frame(PRIORITY, 0, 1, Buffer.concat([word(0), Buffer.from([1])]))));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'http2.inbound_priority_frames_flood');
    });

    await t.test('WINDOW_UPDATE', async (t) => {
      const peer = await open();
      peer.send(times(100, () => frame(WINDOW_UPDATE, 0, 0, word(1))));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'http2.inbound_window_update_frames_flood');
    });

    await t.test('DATA and HEADERS without contents', async (t) => {
      const peer = await open();
      peer.send(frame(HEADERS, END_HEADERS, 1, get('/e', [], 'POST')), times(5, () => frame(DATA, 0, 1)));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'http2.inbound_empty_frames_flood');
    });

    for (const [name, attack] of [['PING', frame(PING, 0, 0, Buffer.alloc(8))],
      ['SETTINGS', frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 65_535))]] as const) {
      await t.test(`${name} whose answers nobody takes`, async (t) => {
        const peer = await open();
        peer.socket.pause();
        const many = times(2000, () => attack);
        for (let i = 0; i < 400 && !peer.socket.destroyed && peer.socket.writableLength < 8_000_000; i++)
          peer.send(many);
        const stat = 'http.in.http2.outbound_control_flood';
        let counted = 0;
        for (let i = 0; i < 100 && counted < 1; i++) { await sleep(20); counted = await proxy.stat(stat); }
        t.ok(counted >= 1);
        peer.close();
        t.equal((await other.ask({ ':path': '/other' })).status, 200);
      });
    }

    await t.test('CONTINUATION without end', async (t) => {
      const peer = await open();
      peer.send(frame(HEADERS, 0, 1, get('/c')), times(200, () => frame(CONTINUATION, 0, 1, block([['a', 'b']]))));
      await ends(t, peer, ENHANCE_YOUR_CALM, 'http2.too_many_header_frames');
    });

    await t.test('a header list that is too large is answered', async (t) => {
      const peer = await open();
      const large = get('/l', Array.from({ length: 14 }, (_, i) => [`x-${i}`, 'v'.repeat(5000)] as const));
      peer.send(frame(HEADERS, END_STREAM, 1, large.subarray(0, 16_000)));
      for (let at = 16_000; at < large.length; at += 16_000)
        peer.send(frame(CONTINUATION, at + 16_000 >= large.length ? END_HEADERS : 0, 1,
          large.subarray(at, at + 16_000)));
      t.ok(await peer.until(({ type, stream }) => type === HEADERS && stream === 1) !== null, 'answered');
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, get('/next')));
      t.ok(await peer.until(({ type, stream }) => type === HEADERS && stream === 3) !== null, 'the next is served');
    });

    await t.test('an HPACK bomb: a small block that unfolds to a large list', async (t) => {
      const peer = await open();
      // One field of 4000 bytes enters the table, and is then named by one byte, two thousand times.
      const value = Buffer.alloc(4000, 'z');
      const entry = Buffer.concat([Buffer.from([0x40, 1, 0x61, 127, ...leb(4000 - 127)]), value]);
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
        Buffer.concat([get('/b'), entry, Buffer.alloc(2000, 0xbe)])));
      t.ok(await peer.until(({ stream }) => stream === 1) !== null, 'answered or reset');
      const errors = await proxy.stat('http.in.downstream_cx_protocol_error');
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 3,
        Buffer.concat([get('/b'), Buffer.from([0xff, 0xff, 0x7f])])));
      t.equal(await peer.goaway(), COMPRESSION_ERROR, 'an index that is not there');
      t.equal(await proxy.untilStat('http.in.downstream_cx_protocol_error', errors + 1), errors + 1);
      t.ok(await peer.untilClosed());
    });

    await t.test('a window that is never opened ends the stream by its idle timeout', async (t) => {
      const peer = await open(setting(INITIAL_WINDOW, 0));
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/stall')));
      t.ok(await peer.until(({ type, stream }) => type === HEADERS && stream === 1) !== null);
      t.equal(await peer.reset(1), CANCEL);
      t.equal(await proxy.untilStat('http.in.http2.tx_flush_timeout', 1), 1);
      peer.send(frame(PING, 0, 0, Buffer.from('12345678')));
      t.ok(await peer.until(({ type, flags }) => type === PING && flags === ACK) !== null, 'the connection goes on');
    });

    await t.test('windows of one byte are served', async (t) => {
      const peer = await open(setting(INITIAL_WINDOW, 1));
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/tiny')));
      for (let i = 0; i < 4; i++) {
        await sleep(20);
        peer.send(frame(WINDOW_UPDATE, 0, 1, word(1)));
      }
      const end = await peer.until(({ type, flags, stream }) => type === DATA && stream === 1 && flags === END_STREAM,
        400);
      const body = peer.frames.filter(({ type, stream }) => type === DATA && stream === 1);
      t.equal(Buffer.concat(body.map(({ payload }) => payload)).toString(), 'GET 0');
      t.ok(end !== null && body.every(({ payload }) => payload.length <= 1));
    });

    await t.test('more than the window', async (t) => {
      const peer = await open();
      peer.send(frame(HEADERS, END_HEADERS, 1, get('/w', [], 'POST')));
      upstream.onHead = ({ socket }) => { socket.pause(); return null; };
      for (let i = 0; i < 2000; i++) peer.send(frame(DATA, 0, 1, Buffer.alloc(16_384)));
      const code = await Promise.race([peer.goaway(), peer.reset(1)]);
      t.equal(code, FLOW_CONTROL_ERROR);
      upstream.reset();
      upstream.dropConnections();
    });

    await t.test('a frame that is too large, a stream out of order', async (t) => {
      const large = await open();
      large.send(frame(DATA, 0, 1, Buffer.alloc(20_000)));
      t.ok(await large.goaway() > 0);
      const disorder = await open();
      disorder.send(frame(HEADERS, END_HEADERS | END_STREAM, 5, get('/5')));
      await disorder.until(({ type }) => type === DATA);
      disorder.send(frame(HEADERS, END_HEADERS | END_STREAM, 2, get('/2')));
      t.equal(await disorder.goaway(), PROTOCOL_ERROR);
    });

    await t.test('nothing is left', async (t) => {
      for (const peer of peers) peer.close();
      t.equal(await proxy.untilStat('http.in.downstream_cx_http2_active', 1), 1);
      t.equal(await proxy.untilStat('http.in.http2.streams_active', 0), 0);
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
      const after = residentMiB();
      t.comment(`resident before ${before.toFixed(1)} MiB, after ${after.toFixed(1)} MiB`);
      t.ok(after - before < 48, `${before} → ${after} MiB`);
    });
  });
}

/** The rest of a number that does not fit its prefix. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value >>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}
