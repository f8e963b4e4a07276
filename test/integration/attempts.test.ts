// What becomes of attempts that nobody waits for any more, on real sockets: clients that leave at each point of a
// request that may be repeated.
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a.example\r\n\r\n`;
const bad = 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

void forEachProxy(t, {
  upstreams: ['up', 'queue', 'hedged'],
  clusters: { queue: { circuit_breakers: { thresholds: [{ max_connections: 1 }] } } },
  listeners: [{ name: 'main', routes: [
    { match: { prefix: '/queue' }, route: { cluster: 'queue' } },
    { match: { prefix: '/hedged' }, route: { cluster: 'hedged', hedge_policy: { hedge_on_per_try_timeout: true },
      retry_policy: { retry_on: '5xx', num_retries: 20, per_try_timeout: '0.02s', retry_back_off: {
        base_interval: '0.001s', max_interval: '0.002s' } } } },
    routeTo('up', { retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '20000s',
      max_interval: '30000s' } } })] }],
}, async (t, { proxy, upstream, port }) => {
  const { up, queue, hedged } = upstream;
  const stat = async (name: string): Promise<number> => (await proxy.stats()).get(name) ?? 0;
  const settles = async (name: string, wanted: number): Promise<number> => {
    for (let tries = 0; tries < 100 && await stat(name) !== wanted; tries++) await sleep(20);
    return await stat(name);
  };

  await t.test('a client leaves during a back-off', async (t) => {
    up.answer = () => bad;
    const client = await RawClient.open(port.main);
    client.send(request('/'));
    await up.until(() => up.requests.length === 1);
    await sleep(50);
    client.reset();
    t.equal(await settles('http.main.downstream_cx_active', 0), 0);
    t.equal(await stat('cluster.up.upstream_rq_cancelled'), 0, 'nothing was under way');
    t.equal(await stat('cluster.up.upstream_rq_active'), 0);
    t.equal(await stat('cluster.up.upstream_rq_retry'), 0);
  });

  await t.test('a client leaves while its request is at the endpoint', async (t) => {
    up.answer = () => null;
    const client = await RawClient.open(port.main);
    client.send(request('/'));
    await up.until(() => up.requests.length === 2);
    client.reset();
    t.equal(await settles('cluster.up.upstream_cx_active', 0), 0);
    t.equal(await stat('cluster.up.upstream_rq_cancelled'), 0);
    t.equal(await stat('cluster.up.upstream_rq_tx_reset'), 0, 'the connection ended with it');
  });

  await t.test('a client leaves while its request waits for a connection', async (t) => {
    queue.answer = () => null;
    const first = await RawClient.open(port.main);
    first.send(request('/queue'));
    await queue.until(() => queue.requests.length === 1);
    const second = await RawClient.open(port.main);
    second.send(request('/queue'));
    t.equal(await settles('cluster.queue.upstream_rq_pending_active', 1), 1);
    second.reset();
    t.equal(await settles('cluster.queue.upstream_rq_cancelled', 1), 1);
    first.reset();
    t.equal(await settles('cluster.queue.upstream_cx_active', 0), 0);
  });

  await t.test('attempts beside each other are limited, and end with the first answer', async (t) => {
    hedged.answer = () => null;
    const client = await RawClient.open(port.main);
    client.send(request('/hedged'));
    const wanted = limits.hedgesMax + 1;
    await hedged.until(() => hedged.requests.length === wanted);
    await sleep(100);
    t.equal(hedged.requests.length, wanted);
    t.equal(await stat('cluster.hedged.upstream_cx_active'), wanted);
    hedged.requests[4].socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfive');
    t.equal((await client.response()).body, 'five');
    t.equal(await settles('cluster.hedged.upstream_cx_active', 1), 1, 'the one that answered stays');
    t.equal(await stat('cluster.hedged.upstream_rq_active'), 0);
    client.close();
  });

  await t.test('a client leaves several attempts alone', async (t) => {
    hedged.reset();
    hedged.answer = () => null;
    const client = await RawClient.open(port.main);
    client.send(request('/hedged'));
    await hedged.until(() => hedged.requests.length >= 3);
    client.reset();
    t.equal(await settles('cluster.hedged.upstream_cx_active', 0), 0);
    t.equal(await settles('cluster.hedged.upstream_rq_active', 0), 0);
  });

  await t.test('attempts that end one after the other', async (t) => {
    hedged.reset();
    hedged.answer = () => null;
    const client = await RawClient.open(port.main);
    client.send(request('/hedged'));
    await hedged.until(() => hedged.requests.length === limits.hedgesMax + 1);
    await sleep(50);
    for (const { socket } of hedged.requests.slice(1)) socket.resetAndDestroy();
    await sleep(50);
    hedged.requests[0].socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none');
    t.equal((await client.response()).body, 'one');
    t.equal(await settles('cluster.hedged.upstream_rq_active', 0), 0);
    client.close();
  });
});
