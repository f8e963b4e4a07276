// What becomes of attempts that nobody waits for any more, on real sockets: clients that leave at each point of a
// request that may be repeated.
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a.example\r\n\r\n`;
const bad = 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

void forEachProxy(t, {
  upstreams: ['up', 'queue'],
  clusters: { queue: { circuit_breakers: { thresholds: [{ max_connections: 1 }] } } },
  listeners: [{ name: 'main', routes: [
    { match: { prefix: '/queue' }, route: { cluster: 'queue' } },
    routeTo('up', { retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '20000s',
      max_interval: '30000s' } } })] }],
}, async (t, { proxy, upstream, port }) => {
  const { up, queue } = upstream;
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
});
