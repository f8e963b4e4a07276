// ORIGINAL_DST clusters: the address that a request brings becomes an endpoint, shown by /clusters and forgotten when
// it is idle.
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSpec } from '../support/bootstrap.js';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const get = (...lines: string[]): string => [
  'GET / HTTP/1.1', 'Host: a', ...lines, 'Connection: close', '', ''].join('\r\n');
const cluster = (name: string, options: object): ClusterSpec => ({
  name, ports: [], fields: { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', load_assignment: undefined,
    cleanup_interval: '0.1s', original_dst_lb_config: options } });
const to = (name: string): object => ({ match: { headers: [{ name: 'x-cluster', string_match: { exact: name } }],
  prefix: '/' }, route: { cluster: name } });

void forEachProxy(t, {
  upstreams: ['one', 'two'],
  listeners: [{ name: 'main', routes: ['header', 'own', 'port', 'none'].map(to) }],
  more: (ports) => [cluster('header', { use_http_header: true }),
    cluster('own', { use_http_header: true, http_header_name: 'X-Own-To' }),
    cluster('port', { use_http_header: true, upstream_port_override: ports.two }), cluster('none', {})],
}, async (t, { proxy, upstream, port }) => {
  const address = (name: string) => `127.0.0.1:${upstream[name].port}`;
  const ask = (name: string, ...lines: string[]) => exchange(port.main, get(`x-cluster: ${name}`, ...lines));

  await t.test('the header names the endpoint', async (t) => {
    const answers = [await ask('header', `x-envoy-original-dst-host: ${address('one')}`),
      await ask('header', `x-envoy-original-dst-host: ${address('two')}`),
      await ask('own', `x-own-to: ${address('two')}`)];
    t.same(answers.map(({ start }) => start), Array(3).fill('HTTP/1.1 200 OK'));
    t.same([upstream.one.requests.length, upstream.two.requests.length], [1, 2]);
  });

  await t.test('the port may be another one', async (t) => {
    const before = upstream.two.requests.length;
    t.match(await ask('port', `x-envoy-original-dst-host: ${address('one')}`), { start: 'HTTP/1.1 200 OK' });
    t.match(await ask('port', 'x-envoy-original-dst-host: 127.0.0.1:1'), { start: 'HTTP/1.1 200 OK' });
    t.equal(upstream.two.requests.length, before + 2);
  });

  await t.test('without an address there is no endpoint', async (t) => {
    for (const lines of [[], ['x-envoy-original-dst-host: localhost:1'], ['x-envoy-original-dst-host: 127.0.0.1'],
      ['x-envoy-original-dst-host: 127.0.0.1:70000'], ['x-envoy-original-dst-host: /tmp/x']]) {
      const answer = await ask('header', ...lines);
      t.match(answer, { start: 'HTTP/1.1 503 Service Unavailable', body: 'no healthy upstream' });
    }
    t.match(await ask('none', `x-envoy-original-dst-host: ${address('one')}`), { start: /503/ });
    t.equal(await proxy.untilStat('cluster.header.original_dst_host_invalid', 4), 4);
    t.equal(await proxy.stat('cluster.header.upstream_cx_none_healthy'), 5);
  });

  await t.test('what nobody listens on is a connect failure', async (t) => {
    const answer = await ask('header', 'x-envoy-original-dst-host: 127.0.0.1:1');
    t.match(answer, { start: /503/, body: /connection failure/ });
  });

  await t.test('/clusters shows an endpoint while it is in use, and no longer', async (t) => {
    const shown = async () => (await proxy.admin('/clusters')).body.split('\n')
      .filter((line) => /^own::127.*::(rq_total|hostname|weight)::/.test(line));
    upstream.two.answer = () => 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
    upstream.one.answer = upstream.two.answer;
    await ask('own', `x-own-to: ${address('one')}`);
    t.same(await shown().then((lines) => lines.filter((line) => line.includes(address('one')))),
      [`own::${address('one')}::rq_total::1`, `own::${address('one')}::hostname::own${address('one')}`,
        `own::${address('one')}::weight::1`]);
    upstream.two.dropConnections();
    for (let tries = 0; tries < 50 && (await shown()).length > 0; tries++) await sleep(20);
    t.same(await shown(), []);
    t.match(await ask('own', `x-own-to: ${address('one')}`), { start: 'HTTP/1.1 200 OK' });
  });
});
