// HTTP filters that suspend a request: others are served meanwhile, and whatever becomes of the client, nothing of the
// request stays behind.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { RawClient, exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.';
const all = { numerator: 100 };
const router = { name: 'router', typed_config: { '@type': `${TYPE}router.v3.Router` } };
const filter = (type: string, config: object) => ({ name: 'f', typed_config: { '@type': `${TYPE}${type}`,
  ...config } });
const route = { match: { prefix: '/' }, route: { cluster: 'up' } };
const get = (path: string, ...lines: string[]): string => [
  `GET ${path} HTTP/1.1`, 'Host: a', ...lines, 'Connection: close', '', ''].join('\r\n');
const slow = { fixed_delay: '1s', percentage: all };

void forEachProxy(t, {
  upstreams: ['up'],
  listeners: [
    { name: 'slow', routes: [route], manager: { http_filters: [filter('fault.v3.HTTPFault', { delay: slow,
      headers: [{ name: ':path', string_match: { prefix: '/slow' } }] }), router] } },
    { name: 'buffer', routes: [route], manager: { http_filters: [filter('buffer.v3.Buffer',
      { max_request_bytes: 200_000 }), router] } },
    { name: 'drip', routes: [route], manager: { http_filters: [filter('fault.v3.HTTPFault', { response_rate_limit: {
      fixed_limit: { limit_kbps: 64 }, percentage: all } }), router] } },
  ],
}, async (t, { proxy, upstream, port }) => {
  await t.test('others are served while a request waits', async (t) => {
    const start = performance.now();
    const waiting = exchange(port.slow, get('/slow')).then((answer) => ({ answer, ms: performance.now() - start }));
    t.match(await exchange(port.slow, get('/fast')), { start: 'HTTP/1.1 200 OK' });
    const meanwhileMs = performance.now() - start;
    const { answer, ms } = await waiting;
    t.match(answer, { start: 'HTTP/1.1 200 OK' });
    t.ok(ms >= 990 && meanwhileMs < ms, `${meanwhileMs} ms, then ${ms} ms`);
  });

  await t.test('a client that leaves takes its request with it', async (t) => {
    const before = upstream.up.requests.length;
    const client = await RawClient.open(port.slow);
    client.send(get('/slow'));
    t.equal(await proxy.untilStat('http.slow.fault.active_faults', 1), 1);
    client.reset();
    t.equal(await proxy.untilStat('http.slow.fault.active_faults', 0), 0);
    t.equal(await proxy.untilStat('http.slow.downstream_rq_active', 0), 0);
    await sleep(1100);                                               // longer than the delay
    t.equal(upstream.up.requests.length, before);
  });

  await t.test('a body that comes while its request waits', async (t) => {
    const client = await RawClient.open(port.slow);
    client.send('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n');
    for (let i = 0; i < 6; i++) { await sleep(10); client.send('x'.repeat(10_000)); }
    client.send(get('/next'));
    t.match(await client.response(), { start: 'HTTP/1.1 200 OK' });
    t.match(await client.response(), { start: 'HTTP/1.1 200 OK' });
    t.equal(upstream.up.requests.at(-2)!.body.length, 60_000);
    client.close();
  });

  await t.test('a body is collected before the upstream hears of it', async (t) => {
    const before = upstream.up.requests.length;
    const client = await RawClient.open(port.buffer);
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    for (let i = 0; i < 15; i++) { client.send(`2710\r\n${'y'.repeat(10_000)}\r\n`); await sleep(5); }
    t.equal(upstream.up.requests.length, before);
    client.send('0\r\n\r\n');
    t.match(await client.response(), { start: 'HTTP/1.1 200 OK' });
    const { body, headers } = upstream.up.requests.at(-1)!;
    t.equal(body, 'y'.repeat(150_000));
    t.match(headers.find(([name]) => name.toLowerCase() === 'content-length'), ['content-length', '150000']);
    client.close();
  });

  await t.test('a client that leaves in the middle of a collected body', async (t) => {
    const client = await RawClient.open(port.buffer);
    client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n${'z'.repeat(50_000)}`);
    t.equal(await proxy.untilStat('http.buffer.downstream_rq_active', 1), 1);
    client.close();
    t.equal(await proxy.untilStat('http.buffer.downstream_rq_active', 0), 0);
  });

  await t.test('a response gets no faster than its limit', async (t) => {
    upstream.up.answer = () => `HTTP/1.1 200 OK\r\ncontent-length: 32768\r\n\r\n${'w'.repeat(32_768)}`;
    const start = performance.now();
    const answer = await exchange(port.drip, get('/'));
    const ms = performance.now() - start;
    t.equal(answer.body.length, 32_768);
    t.ok(ms > 300 && ms < 5000, `32 KiB at 64 KiB a second took ${ms} ms`);
  });
});
