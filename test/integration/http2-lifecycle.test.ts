// How HTTP/2 connections end and are kept: age, idleness, PINGs, drains, of clients and of endpoints.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { END_HEADERS, END_STREAM, frame, FramePeer, get, GOAWAY, HEADERS, PING, word }
  from '../support/http2-frames.js';
import type { Frame } from '../support/http2-frames.js';
import { echo, Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const ALL_STREAMS = 0x7fffffff, NO_ERROR = 0;

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const upstream = await Http2Upstream.start(await freePort());
    const quick = await Http2Upstream.start(await freePort());
    const names = ['aged', 'idle', 'asked', 'plain'] as const;
    const ports: Record<string, number> = {};
    for (const name of names) ports[name] = await freePort();
    const adminPort = await freePort();
    const managers: Record<string, Record<string, unknown>> = {
      aged: { common_http_protocol_options: { max_connection_duration: '0.3s' }, drain_timeout: '0.3s' },
      idle: { common_http_protocol_options: { idle_timeout: '0.3s' } },
      asked: { http2_protocol_options: { connection_keepalive: { interval: '0.1s', timeout: '0.2s' } } }, plain: {} };
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, names.map((name) => ({ name,
      port: ports[name], logFile: `${folder}/${name}.log`, manager: managers[name],
      routes: [{ match: { prefix: '/quick' }, route: { cluster: 'quick' } },
        { match: { prefix: '/late' }, route: { cluster: 'main', timeout: '0.2s' } }, routeTo('main')] })),
    [{ name: 'main', ports: [upstream.port], fields: speaksHttp2() as Record<string, unknown> },
      { name: 'quick', ports: [quick.port], fields: speaksHttp2({ connection_keepalive: { interval: '0.1s',
        timeout: '1s' } }, { idle_timeout: '0.3s', max_connection_duration: '0.9s' }) as Record<string, unknown> }]));
    const peers: FramePeer[] = [];
    t.teardown(async () => {
      for (const peer of peers) peer.close();
      await proxy.stop();
      await upstream.stop();
      await quick.stop();
    });
    const open = async (name: string): Promise<FramePeer> => {
      const peer = await FramePeer.open(ports[name]);
      peers.push(peer);
      return peer;
    };
    const ended = (peer: FramePeer, id: number): Promise<Frame | null> =>
      peer.until(({ flags, stream }) => stream === id && (flags & END_STREAM) !== 0);
    const goaways = (peer: FramePeer): number[][] => peer.frames.filter(({ type }) => type === GOAWAY)
      .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);

    await t.test('an old connection is drained: it is said, streams go on, then it ends', async (t) => {
      let finish = (): void => undefined;
      upstream.serve = (seen) => { finish = () => { echo(seen); }; };
      const peer = await open('aged');
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/1')));
      await peer.until(({ type }) => type === GOAWAY);
      t.same(goaways(peer), [[ALL_STREAMS, NO_ERROR]]);
      const last = finish;
      upstream.serve = echo;
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, get('/3')));
      t.ok(await ended(peer, 3) !== null, 'still taken');
      await sleep(500);
      t.same(goaways(peer), [[ALL_STREAMS, NO_ERROR], [3, NO_ERROR]]);
      t.notOk(peer.closed);
      last();
      t.ok(await ended(peer, 1) !== null, 'its answer comes');
      t.ok(await peer.untilClosed());
      t.equal(await proxy.stat('http.aged.downstream_cx_max_duration_reached'), 1);
      upstream.reset();
    });

    await t.test('an idle connection ends', async (t) => {
      const peer = await open('idle');
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/1')));
      t.ok(await peer.untilClosed());
      t.same(goaways(peer), [[1, NO_ERROR]]);
      t.equal(await proxy.stat('http.idle.downstream_cx_idle_timeout'), 1);
    });

    await t.test('a peer that does not answer PINGs is gone', async (t) => {
      const peer = await open('asked');
      const ping = await peer.until(({ type }) => type === PING);
      peer.send(frame(PING, 1, 0, ping!.payload));
      await sleep(150);
      t.ok(peer.frames.filter(({ type }) => type === PING).length >= 1);
      t.ok(await peer.untilClosed());
      t.equal(await proxy.untilStat('http.asked.http2.keepalive_timeout', 1), 1);
    });

    await t.test('the client goes: its streams are finished', async (t) => {
      const peer = await open('plain');
      let finish = (): void => undefined;
      upstream.serve = (seen) => { finish = () => { echo(seen); }; };
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/1')), frame(GOAWAY, 0, 0, word(0, 0)));
      await sleep(100);
      finish();
      t.ok(await ended(peer, 1) !== null);
      upstream.reset();
    });

    await t.test('deadlines are each stream\'s own', async (t) => {
      upstream.serve = (seen) => { if (seen.headers[':path'] !== '/late') echo(seen); };
      const client = await Http2Client.open(ports.plain);
      const late = client.ask({ ':path': '/late' });
      t.equal((await client.ask({ ':path': '/now' })).status, 200);
      const answer = await late;
      t.match([answer.status, answer.body.toString()], [504, 'upstream request timeout']);
      t.equal((await client.ask({ ':path': '/now' })).status, 200);
      client.close();
      upstream.reset();
    });

    await t.test('connections to endpoints: PINGs, age, idleness', async (t) => {
      const client = await Http2Client.open(ports.plain);
      let pings = 0;
      quick.serve = (seen) => {
        if (seen.session.listenerCount('ping') === 0) seen.session.on('ping', () => { pings++; });
        echo(seen);
      };
      for (let i = 0; i < 14; i++) {
        t.equal((await client.ask({ ':path': '/quick' })).status, 200);
        await sleep(100);
      }
      t.ok(pings >= 3, `${pings} PINGs`);
      t.equal(await proxy.untilStat('cluster.quick.upstream_cx_active', 0), 0);
      // Of the two that there are at least, the first one's age ends it; the last one has nothing to do.
      const aged = await proxy.stat('cluster.quick.upstream_cx_max_duration_reached');
      const idle = await proxy.stat('cluster.quick.upstream_cx_idle_timeout');
      t.ok(aged >= 1 && aged + idle >= 2, `${aged} by age, ${idle} by idleness`);
      t.equal(quick.openSessions, 0);
      client.close();
    });

    await t.test('a drain of the process', async (t) => {
      const client = await Http2Client.open(ports.plain);
      t.equal((await client.ask({ ':path': '/1' })).status, 200);
      const closed = new Promise<void>((resolve) => { client.session.once('close', () => { resolve(); }); });
      proxy.child.kill('SIGTERM');
      await closed;
      t.pass('its connections end');
    });
  });
}
