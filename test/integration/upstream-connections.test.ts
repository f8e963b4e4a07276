// How connections to endpoints are made and kept: source addresses, keep-alive, PROXY headers, connections of one
// client alone, how long they live, unix sockets. The same tests run on Envoy (WEFT_TEST_KINDS=envoy).
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bootstrap } from '../support/bootstrap.js';
import { exchange, RawClient } from '../support/client.js';
import { startFixture, stopFixture } from '../support/fixture.js';
import { statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds : ['envoy' as ProxyKind];
const sourceAddress = (address: string) => ({ address, port_value: 0 });
const proxied = (version: string) => ({ transport_socket: { name: 'envoy.transport_sockets.upstream_proxy_protocol',
  typed_config: { '@type':
    'type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
  config: { version }, transport_socket: { name: 'envoy.transport_sockets.raw_buffer', typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' } } } } });
const options = (common: object) => ({ typed_extension_protocol_options: {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type':
    'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  common_http_protocol_options: common, explicit_http_config: { http_protocol_options: {} } } } });
const socket = join(mkdtempSync(join(tmpdir(), 'weft-unix-')), 'socket');
const byPath = (name: string) => ({ load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{
  endpoint: { address: { pipe: { path: socket } } } }] }] } });
const clusters: Record<string, Record<string, unknown>> = {
  source: { upstream_bind_config: { source_address: sourceAddress('127.0.0.9') } },
  wrong: { upstream_bind_config: { source_address: sourceAddress('192.0.2.1') } },
  extra: { upstream_bind_config: { source_address: sourceAddress('::1'), extra_source_addresses: [
    { address: sourceAddress('127.0.0.8') }] } },
  alive: { upstream_connection_options: { tcp_keepalive: { keepalive_time: 7, keepalive_interval: 3,
    keepalive_probes: 2 } } },
  old: options({ max_connection_duration: '0.2s' }),
  one: proxied('V1'),
  two: proxied('V2'),
  own: { connection_pool_per_downstream_connection: true },
  shared: {},
  path: byPath('path'),
  ahead: { preconnect_policy: { per_upstream_preconnect_ratio: 3 } },
};
/** Endpoints with several addresses, of which one is alive. */
const several = (name: string, port: number, addresses: readonly string[]) => ({ name, ports: [], fields: {
  connect_timeout: '5s', load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: {
    address: { socket_address: { address: addresses[0], port_value: port } },
    additional_addresses: addresses.slice(1).map((address) => ({ address: { socket_address: { address,
      port_value: port } } })) } }] }] } } });
const refusing = '127.0.0.77';                             // nobody listens there
const silent = '192.0.2.1';                                // and from there nobody answers
const route = (name: string): object => ({ match: { prefix: '/', headers: [{ name: 'x-to',
  string_match: { exact: name } }] }, route: { cluster: name } });

/** Answers with what it sees of the connection: its number, the peer's address, the bytes before the request. */
const server = createServer((connection) => {
  const number = ++connections;
  let text = '';
  connection.on('error', () => {});
  connection.on('data', (bytes) => {
    text += bytes.toString('latin1');
    if (!text.endsWith('\r\n\r\n')) return;
    const before = text.slice(0, text.indexOf('GET '));
    text = '';
    const body = JSON.stringify({ number, from: connection.remoteAddress ?? '',
      before: Buffer.from(before, 'latin1').toString('hex') });
    connection.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
});
let connections = 0;
const unix = createServer((connection) => {
  connection.on('data', () => connection.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nunix'));
});

t.before(async () => {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  await new Promise<void>((resolve) => { unix.listen(socket, resolve); });
});
t.teardown(() => { server.close(); unix.close(); });

for (const kind of kinds) {
  t.test(kind, async (t) => {
    const { port: upstreamPort } = server.address() as { port: number };
    const fixture = await startFixture(kind, { upstreams: [], listeners: [{ name: 'main',
      routes: [...Object.keys(clusters), 'next', 'last', 'nobody'].map(route) }], more: () => [
        ...Object.entries(clusters).map(([name, fields]) => ({ name, ports: [upstreamPort], fields })),
        several('next', upstreamPort, [refusing, '127.0.0.1']),
        several('last', upstreamPort, [silent, '127.0.0.1']),
        several('nobody', upstreamPort, [refusing, refusing]),
      ] });
    t.teardown(() => stopFixture(fixture));
    const { proxy, port } = fixture;
    const request = (name: string) => `GET / HTTP/1.1\r\nHost: x\r\nx-to: ${name}\r\n\r\n`;
    type Seen = { number: number; from: string; before: string };
    const over = async (client: RawClient, name: string): Promise<Seen> => {
      client.send(request(name));
      const seen = JSON.parse((await client.response()).body) as Seen;
      return { ...seen, before: Buffer.from(seen.before, 'hex').toString('latin1') };
    };
    const ask = async (name: string): Promise<Seen> => {
      const client = await RawClient.open(port.main);
      try { return await over(client, name); } finally { client.close(); }
    };

    await t.test('the address that connections come from', async (t) => {
      t.equal((await ask('source')).from, '127.0.0.9');
      t.equal((await ask('extra')).from, '127.0.0.8');
      t.equal(statusOf(await exchange(port.main, request('wrong'))), 503);
      t.equal(await proxy.untilStat('cluster.wrong.bind_errors', 1), 1);
      t.equal((await ask('alive')).from, '127.0.0.1');
    });

    await t.test('a connection lives for so long', async (t) => {
      const first = await ask('old');
      t.equal((await ask('old')).number, first.number, 'it is used again');
      t.equal(await proxy.untilStat('cluster.old.upstream_cx_max_duration_reached', 1), 1, 'it ends while it is idle');
      t.not((await ask('old')).number, first.number);
    });

    await t.test('PROXY protocol in text: each client has connections of its own', async (t) => {
      const client = await RawClient.open(port.main);
      const own = client.socket.localPort;
      const first = await over(client, 'one');
      t.equal(first.before, `PROXY TCP4 127.0.0.1 127.0.0.1 ${own} ${port.main}\r\n`);
      const second = await over(client, 'one');
      t.same([second.number, second.before], [first.number, ''], 'the same connection, and no second header');
      const other = await ask('one');
      t.not(other.number, first.number, 'another client, another connection');
      t.match(other.before, /^PROXY TCP4 /);
      client.close();
      if (kind !== 'envoy')                      // which keeps them until their idle timeout
        t.equal(await proxy.untilStat('cluster.one.upstream_cx_active', 0), 0, 'they end with their clients');
    });

    await t.test('PROXY protocol in bytes', async (t) => {
      const client = await RawClient.open(port.main);
      const { before } = await over(client, 'two');
      const ports = Buffer.from([client.socket.localPort! >> 8, client.socket.localPort! & 255, port.main >> 8,
        port.main & 255]).toString('hex');
      t.equal(Buffer.from(before, 'latin1').toString('hex'),
        `0d0a0d0a000d0a515549540a2111000c7f0000017f000001${ports}`);
      client.close();
    });

    await t.test('connections of one client alone', async (t) => {
      const [a, b] = [await RawClient.open(port.main), await RawClient.open(port.main)];
      const ofA = await over(a, 'own');
      t.not((await over(b, 'own')).number, ofA.number);
      t.equal((await over(a, 'own')).number, ofA.number);
      const shared = await over(a, 'shared');
      t.equal((await over(b, 'shared')).number, shared.number, 'elsewhere they are shared');
      a.close();
      b.close();
      if (kind !== 'envoy') t.equal(await proxy.untilStat('cluster.own.upstream_cx_active', 0), 0);
      t.equal(await proxy.stat('cluster.shared.upstream_cx_active'), 1);
    });

    await t.test('connections ahead of requests', async (t) => {
      await ask('ahead');
      t.equal(await proxy.untilStat('cluster.ahead.upstream_cx_total', 3), 3);
      await ask('ahead');
      t.equal(await proxy.stat('cluster.ahead.upstream_cx_total'), 3);
    });

    await t.test('the next address where one does not answer', async (t) => {
      for (const name of ['next', 'last']) {
        t.equal((await ask(name)).from, '127.0.0.1', name);
        if (kind !== 'envoy') t.equal(await proxy.stat(`cluster.${name}.upstream_cx_total`), 1, 'one connection');
        t.equal(await proxy.stat(`cluster.${name}.upstream_cx_connect_fail`), 0);
      }
      t.equal(statusOf(await exchange(port.main, request('nobody'))), 503);
      t.equal(await proxy.stat('cluster.nobody.upstream_cx_connect_fail'), 1);
    });

    await t.test('an endpoint that is a path', async (t) => {
      const answer = await exchange(port.main, request('path').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
      t.same([statusOf(answer), answer.body], [200, 'unix']);
      t.match((await proxy.admin('/clusters')).body, new RegExp(`path::${socket}::health_flags::healthy`));
    });
  });
}

for (const kind of kinds) {
  t.test(`${kind}: other options, other connections`, async (t) => {
    const { port: upstreamPort } = server.address() as { port: number };
    const [port, adminPort] = [await freePort(), await freePort()];
    const file = join(mkdtempSync(join(tmpdir(), 'weft-cds-')), 'cds.json');
    const write = (version: string, address: string): void => {
      const { static_resources: { clusters: [cluster] } } = bootstrap(1, [], [{ name: 'c', ports: [upstreamPort],
        fields: { upstream_bind_config: { source_address: sourceAddress(address) } } }]) as
        { static_resources: { clusters: object[] } };
      writeFileSync(`${file}.next`, JSON.stringify({ version_info: version, resources: [{
        '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', ...cluster }] }));
      renameSync(`${file}.next`, file);
    };
    write('1', '127.0.0.9');
    const proxy = await Proxy.start(kind, adminPort, () => ({ node: { id: 'n', cluster: 'c' },
      ...bootstrap(adminPort, [{ name: 'main', port, routes: [{ match: { prefix: '/' }, route: { cluster: 'c' } }],
        routeConfig: { validate_clusters: false } }], []), dynamic_resources: { cds_config: {
        resource_api_version: 'V3', path_config_source: { path: file } } } }));
    t.teardown(() => proxy.stop());
    const from = async (): Promise<string> => {
      const client = await RawClient.open(port);
      client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const { body } = await client.response();
      client.close();
      return (JSON.parse(body) as { from: string }).from;
    };
    t.equal(await from(), '127.0.0.9');
    write('2', '127.0.0.8');
    let seen = '';
    for (let tries = 0; tries < 100 && seen !== '127.0.0.8'; tries++) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      seen = await from();
    }
    t.equal(seen, '127.0.0.8');
  });
}
