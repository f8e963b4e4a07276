// Mirrored requests on real sockets: what the mirror does, or does not, never reaches the client.
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { routeTo } from '../support/bootstrap.js';
import { RawClient, exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { statusOf } from '../support/message.js';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const post = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nhost: a.example\r\ncontent-length: ${length}\r\n\r\n`;
const many = { circuit_breakers: { thresholds: [{ max_requests: 20_000, max_pending_requests: 20_000,
  max_connections: 1 }] } };

void forEachProxy(t, {
  upstreams: ['up', 'mirror', 'many'],
  clusters: { many },
  listeners: [{ name: 'main', routes: [
    { match: { prefix: '/many' }, route: { cluster: 'up', request_mirror_policies: [{ cluster: 'many' }] } },
    routeTo('up', { request_mirror_policies: [{ cluster: 'mirror' }] })] }],
}, async (t, { proxy, upstream, port }) => {
  const { up, mirror } = upstream;
  const stat = async (name: string): Promise<number> => (await proxy.stats()).get(name) ?? 0;
  const settles = async (name: string, wanted: number): Promise<number> => {
    for (let tries = 0; tries < 150 && await stat(name) !== wanted; tries++) await sleep(20);
    return await stat(name);
  };
  t.beforeEach(() => { for (const entry of Object.values(upstream)) entry.reset(); });

  await t.test('pieces of a body arrive at both as they come', async (t) => {
    const client = await RawClient.open(port.main);
    client.send('POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n');
    let sent = '';
    for (let i = 0; i < 20; i++) {
      const piece = String(i).repeat(1 + i * 37);
      client.send(`${piece.length.toString(16)}\r\n${piece.slice(0, 1)}`);
      await sleep(2);
      client.send(`${piece.slice(1)}\r\n`);
      sent += piece;
    }
    client.send('0\r\n\r\n');
    t.equal(statusOf(await client.response()), 200);
    await mirror.until(() => mirror.requests.length === 1);
    t.equal(up.requests[0].body, sent);
    t.equal(mirror.requests[0].body, sent);
    client.close();
  });

  await t.test('a mirror that does not read is given up', async (t) => {
    mirror.dropConnections();
    mirror.onRaw = (socket) => socket.pause();
    const before = await stat('cluster.up.retry_or_shadow_abandoned');
    const client = await RawClient.open(port.main);
    const length = 12 * 1024 * 1024;
    client.send(post('/', length));
    client.send(Buffer.alloc(length, 120));
    t.equal(statusOf(await client.response()), 200);
    t.equal(await settles('cluster.up.retry_or_shadow_abandoned', before + 1), before + 1);
    t.equal(await settles('cluster.mirror.upstream_rq_active', 0), 0);
    client.close();
  });

  await t.test('a client that leaves takes its unfinished mirror along', async (t) => {
    mirror.dropConnections();
    const client = await RawClient.open(port.main);
    client.send(`${post('/', 1000)}some`);
    await mirror.until(() => mirror.heads.length === 1);
    client.reset();
    t.equal(await settles('cluster.mirror.upstream_cx_active', 0), 0);
    t.equal(await settles('cluster.mirror.upstream_rq_active', 0), 0);
  });

  await t.test('a client that leaves after its request does not', async (t) => {
    up.answer = () => null;
    mirror.answer = async () => { await sleep(100); return 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'; };
    const before = await stat('cluster.mirror.upstream_rq_200');
    const client = await RawClient.open(port.main);
    client.send('GET / HTTP/1.1\r\nhost: a.example\r\n\r\n');
    await up.until(() => up.requests.length === 1);
    client.reset();
    t.equal(await settles('cluster.mirror.upstream_rq_200', before + 1), before + 1);
  });

  await t.test('mirrors in progress are limited', async (t) => {
    upstream.many.answer = () => null;
    const before = await stat('cluster.up.retry_or_shadow_abandoned');
    const client = await RawClient.open(port.main);
    const wanted = limits.shadowsMax + 10;
    for (let sent = 0; sent < wanted; sent += 50) {
      const batch = Math.min(50, wanted - sent);
      client.send('GET /many HTTP/1.1\r\nhost: a.example\r\n\r\n'.repeat(batch));
      for (let i = 0; i < batch; i++) await client.response();
    }
    const active = await stat('cluster.many.upstream_rq_active');
    const abandoned = await stat('cluster.up.retry_or_shadow_abandoned') - before;
    t.ok(active <= limits.shadowsMax, `${active} are in progress`);
    t.equal(active + abandoned, wanted);
    t.equal(statusOf((await exchange(port.main, 'GET / HTTP/1.1\r\nhost: a.example\r\n\r\n'))), 200);
    client.close();
  });
});
