// Network filters that refuse connections, over two workers: what they count is exact for the process, and a worker
// that dies leaves nothing counted.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.';
const chain = (name: string, type: string, config: object): object => ({ filters: [{ name, typed_config: {
  '@type': `${TYPE}${type}`, stat_prefix: name, ...config } }, { name: 'tcp', typed_config: {
  '@type': `${TYPE}tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'up' } }] });
const listener = (name: string, type: string, config: object) => ({ name, routes: [],
  listener: { filter_chains: [chain(name, type, config)] } });

process.env.WEFT_FAULT_INJECTION = '1';

void forEachProxy(t, {
  upstreams: ['up'],
  options: ['--concurrency', '2'],
  listeners: [listener('five', 'connection_limit.v3.ConnectionLimit', { max_connections: 5 }),
    listener('seven', 'local_ratelimit.v3.LocalRateLimit', { token_bucket: { max_tokens: 7,
      fill_interval: '3600s' } })],
}, async (t, { proxy, upstream, port }) => {
  upstream.up.onRaw = (socket) => { socket.write('w'); };
  upstream.up.endsRaw = true;
  const open = (to: number, count: number): Promise<RawClient[]> =>
    Promise.all(Array.from({ length: count }, () => RawClient.open(to)));
  const settle = async (clients: readonly RawClient[]): Promise<{ in: RawClient[]; out: RawClient[] }> => {
    for (const client of clients) await client.until(() => client.rest === 'w' || client.ended || client.closed);
    return { in: clients.filter(({ rest }) => rest === 'w'), out: clients.filter(({ rest }) => rest !== 'w') };
  };

  await t.test('as many connections as the limit says, whichever worker has them', async (t) => {
    const first = await settle(await open(port.five, 40));
    t.equal(first.in.length, 5);
    t.equal(await proxy.untilStat('connection_limit.five.active_connections', 5), 5);
    t.equal(await proxy.stat('connection_limit.five.limited_connections'), 35);
    for (const client of first.in.slice(0, 2)) client.close();
    t.equal(await proxy.untilStat('connection_limit.five.active_connections', 3), 3);
    const second = await settle(await open(port.five, 10));
    t.equal(second.in.length, 2);
    for (const client of [...first.in, ...second.in]) client.close();
    t.equal(await proxy.untilStat('connection_limit.five.active_connections', 0), 0);
  });

  await t.test('as many connections as there are tokens', async (t) => {
    const { in: admitted } = await settle(await open(port.seven, 30));
    t.equal(admitted.length, 7);
    t.equal(await proxy.stat('local_rate_limit.seven.rate_limited'), 23);
    for (const client of admitted) client.close();
  });

  await t.test('a worker that dies with its connections', async (t) => {
    const before = await settle(await open(port.five, 20));
    t.equal(before.in.length, 5);
    for (const worker of [0, 1]) {
      await new Promise<void>((resolve, reject) => {
        request({ host: '127.0.0.1', port: proxy.adminPort, method: 'POST', agent: false,
          path: `/weft/kill_worker?worker=${worker}` }, (response) => { response.resume().on('end', () => resolve()); })
          .on('error', reject).end();
      });
      await sleep(400);
    }
    t.equal(await proxy.untilStat('server.weft.worker_restarts', 2), 2);
    for (const client of before.in) await client.until(() => client.ended || client.closed);
    const after = await settle(await open(port.five, 20));
    t.equal(after.in.length, 5, 'the limit is free again');
    for (const client of after.in) client.close();
  });
});
