// What leaves HTTP over HTTP/2: WebSocket as extended CONNECT (RFC 8441) with HTTP/1.1 or HTTP/2 on either side, and
// CONNECT; and clusters that are spoken to as the client speaks.
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { frame, FramePeer, HEADERS, setting, SETTINGS } from '../support/http2-frames.js';
import { statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const asDownstream = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
  '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  use_downstream_protocol_config: { http2_protocol_options: {} } } } };
const handshake = 'GET /chat HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n'
  + 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n';

/** What comes of a stream until it has this text. */
function until(stream: NodeJS.ReadableStream, text: string): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    const onData = (data: Buffer): void => {
      all += data.toString();
      if (all.includes(text)) { stream.off('data', onData); resolve(all); }
    };
    stream.on('data', onData).on('end', () => { resolve(all); });
  });
}

/** One that reads, and says nothing by itself. */
async function silentServer(): Promise<{ server: Server; port: number; peer: Promise<FramePeer> }> {
  const port = await freePort();
  const server = createServer();
  const peer = new Promise<FramePeer>((resolve) => {
    server.on('connection', (socket) => { resolve(FramePeer.accept(socket)); });
  });
  await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return { server, port, peer };
}

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const one = await Upstream.start(await freePort());
    const two = await Http2Upstream.start(await freePort(), { enableConnectProtocol: true });
    const none = await Http2Upstream.start(await freePort());
    const late = await silentServer();
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`,
      manager: { http2_protocol_options: { allow_connect: true },
        upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'CONNECT' }] },
      routes: [{ match: { connect_matcher: {} }, route: { cluster: 'one',
        upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] } },
      { match: { prefix: '/two' }, route: { cluster: 'two' } },
      { match: { prefix: '/none' }, route: { cluster: 'none' } },
      { match: { prefix: '/late' }, route: { cluster: 'late' } },
      { match: { prefix: '/as1' }, route: { cluster: 'as1' } },
      { match: { prefix: '/as2' }, route: { cluster: 'as2' } }, routeTo('one')] }],
    [{ name: 'one', ports: [one.port] },
      { name: 'two', ports: [two.port], fields: speaksHttp2({ allow_connect: true }) as Record<string, unknown> },
      { name: 'none', ports: [none.port], fields: speaksHttp2({ allow_connect: true }) as Record<string, unknown> },
      { name: 'late', ports: [late.port], fields: speaksHttp2({ allow_connect: true }) as Record<string, unknown> },
      { name: 'as1', ports: [one.port], fields: asDownstream },
      { name: 'as2', ports: [two.port], fields: asDownstream }]));
    const client = await Http2Client.open(port);
    await new Promise<void>((resolve) => { client.session.once('remoteSettings', () => { resolve(); }); });
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await one.stop();
      await two.stop();
      await none.stop();
      late.server.close();
    });
    const extended = (path: string) => client.session.request({ ':method': 'CONNECT', ':protocol': 'websocket',
      ':path': path, 'sec-websocket-version': '13' }, { endStream: false });

    await t.test('an HTTP/2 client, an HTTP/1.1 upstream', async (t) => {
      t.equal(client.session.remoteSettings.enableConnectProtocol, true);
      one.onRaw = (socket) => {
        let all = '';
        socket.on('data', (data: Buffer) => {
          const before = all.includes('\r\n\r\n');
          all += data.toString('latin1');
          if (!before && all.includes('\r\n\r\n')) {
            socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n'
              + 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello');
          } else if (before) socket.write(`<${data.toString()}>`);
        });
        socket.on('end', () => { socket.end(); });
      };
      const stream = extended('/chat');
      const status = new Promise((resolve) => {
        stream.on('response', (headers) => { resolve(headers[':status']); });
      });
      t.equal(await until(stream, 'hello'), 'hello');
      t.equal(await status, 200);
      stream.write('ping');
      t.equal(await until(stream, '>'), '<ping>');
      const closed = new Promise<void>((resolve) => { stream.on('close', () => { resolve(); }); });
      stream.end();
      await closed;
      t.match(one.raw.at(-1)!, /^GET \/chat HTTP\/1.1\r\n[^]*upgrade: websocket\r\n/i);
      one.reset();
      one.dropConnections();
    });

    const echoes: Http2Upstream['serve'] = ({ stream, headers }) => {
      stream.respond({ ':status': 200, 'x-protocol': headers[':protocol'] as string });
      stream.on('data', (data: Buffer) => { stream.write(`<${data.toString()}>`); });
      stream.on('end', () => { stream.end(); });
    };

    await t.test('an HTTP/1.1 client, an HTTP/2 upstream', async (t) => {
      two.serve = echoes;
      const raw = await RawClient.open(port);
      raw.send(handshake.replace('/chat', '/two'));
      await raw.until(() => raw.received.includes('\r\n\r\n'));
      t.match(raw.received, /^HTTP\/1.1 101 Switching Protocols\r\n/);
      t.match(raw.received.toLowerCase(), /upgrade: websocket\r\n/);
      t.match(raw.received, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/, 'RFC 6455 1.3, for its client');
      raw.send('ping');
      await raw.until(() => raw.received.includes('<ping>'));
      raw.halfClose();
      await raw.until(() => raw.ended || raw.closed);
      two.reset();
    });

    await t.test('an accept of the upstream is told as it is', async (t) => {
      two.serve = ({ stream }) => { stream.respond({ ':status': 200, 'sec-websocket-accept': 'own' }); stream.end(); };
      const raw = await RawClient.open(port);
      raw.send(handshake.replace('/chat', '/two'));
      await raw.until(() => raw.received.includes('\r\n\r\n'));
      t.same(raw.received.match(/sec-websocket-accept: .*/g), ['sec-websocket-accept: own']);
      raw.close();
      two.reset();
    });

    await t.test('a tunnel that its server ends at once is one', async (t) => {
      two.serve = ({ stream }) => { stream.respond({ ':status': 200 }); stream.end(); };
      for (let i = 0; i < 200; i++) {
        const raw = await RawClient.open(port);
        raw.send(handshake.replace('/chat', '/two'));
        await raw.until(() => raw.ended || raw.closed);
        if (!raw.received.startsWith('HTTP/1.1 101 ')) { t.fail(`the ${i}th: ${raw.received}`); break; }
        raw.close();
      }
      two.reset();
    });

    await t.test('a server that takes no extended CONNECT is not asked', async (t) => {
      const raw = await RawClient.open(port);
      raw.send(handshake.replace('/chat', '/none'));
      const answer = await raw.response();
      t.equal(statusOf(answer), 503);
      t.equal(none.requests.length, 0);
      let line: string | undefined;
      for (let tries = 0; line === undefined && tries < 300; tries++) {
        await sleep(10);
        line = (await proxy.logLines('in', 1)).find((one) => one.includes('/none'));
      }
      t.match(line, /.503.LR.upstream_reset_before_response_started/);
      raw.close();
    });

    await t.test('one that has not said yet is waited for (RFC 8441 3)', async (t) => {
      const raw = await RawClient.open(port);
      raw.send(handshake.replace('/chat', '/late'));
      const peer = await late.peer;
      t.ok(await peer.until(({ type }) => type === SETTINGS));
      await sleep(100);
      t.notOk(peer.frames.some(({ type }) => type === HEADERS));
      peer.send(frame(SETTINGS, 0, 0, setting(8, 1)));
      t.ok(await peer.until(({ type }) => type === HEADERS));
      raw.close();
      peer.close();
    });

    await t.test('HTTP/2 on both sides', async (t) => {
      two.serve = echoes;
      const stream = extended('/two');
      stream.write('x'.repeat(1000));
      t.equal((await until(stream, '>')).length, 1002);
      const closed = new Promise<void>((resolve) => { stream.on('close', () => { resolve(); }); });
      stream.end();
      await closed;
      two.reset();
    });

    await t.test('CONNECT ends here: bytes go to the endpoint', async (t) => {
      one.onRaw = (socket) => { socket.on('data', (data: Buffer) => { socket.write(`[${data.toString()}]`); })
        .on('end', () => { socket.end(); }); };
      const stream = client.session.request({ ':method': 'CONNECT', ':authority': 'db:5432' }, { endStream: false });
      stream.write('select');
      t.equal(await until(stream, ']'), '[select]');
      stream.close();
      one.reset();
      one.dropConnections();
    });

    await t.test('clusters that are spoken to as the client speaks', async (t) => {
      t.match((await client.ask({ ':path': '/as2' })).headers, { 'x-path': '/as2' });
      const raw = await RawClient.open(port);
      raw.send('GET /as1 HTTP/1.1\r\nhost: a\r\n\r\n');
      await raw.until(() => raw.received.includes('GET 0'));
      raw.close();
      t.equal(await proxy.stat('cluster.as1.upstream_cx_http1_total'), 1);
      t.equal(await proxy.stat('cluster.as2.upstream_cx_http2_total'), 1);
    });

    await t.test('everything is given back', async (t) => {
      t.equal(await proxy.untilStat('http.in.downstream_cx_upgrades_active', 0), 0);
      t.equal(await proxy.untilStat('cluster.two.http2.streams_active', 0), 0);
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });
  });
}
