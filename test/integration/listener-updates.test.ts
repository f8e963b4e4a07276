// A listener whose filter chains change while it has connections: those of chains that stay as they are know nothing of
// it, those of chains that have changed or are gone drain.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { bootstrap } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const http = (body: string): object => ({ name: 'http', typed_config: {
  '@type': `${TYPE}network.http_connection_manager.v3.HttpConnectionManager`, stat_prefix: 'http',
  http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}http.router.v3.Router` } }],
  route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' },
    direct_response: { status: 200, body: { inline_string: body } } }] }] } } });
const tcp = (statPrefix: string): object => ({ name: 'tcp', typed_config: {
  '@type': `${TYPE}network.tcp_proxy.v3.TcpProxy`, stat_prefix: statPrefix, cluster: 'echo' } });
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const chain = (port: number, filter: object): object => ({ filter_chain_match: { destination_port: port },
  filters: [filter] });

for (const kind of weftKinds) {
  t.test(`filter chains that change, ${kind}`, async (t) => {
    const server = createServer((socket) => socket.on('error', () => { /* it ends */ }).pipe(socket));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.teardown(() => server.close());
    const adminPort = await freePort();
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
    const write = (folder: string, chains: readonly object[]): string => {
      const file = join(folder, 'lds.json');
      writeFileSync(`${file}.new`, JSON.stringify({ resources: [{
        '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'front', address: address(ports[0]!),
        additional_addresses: ports.slice(1).map((port) => ({ address: address(port) })), filter_chains: chains }] }));
      renameSync(`${file}.new`, file);
      return file;
    };
    const [first, second, third, fourth] = ports as [number, number, number, number];
    const before = [chain(first, http('first')), chain(second, http('second')), chain(third, tcp('third')),
      chain(fourth, tcp('fourth'))];
    const proxy = await Proxy.start(kind, adminPort, (folder) => ({
      ...bootstrap(adminPort, [], [{ name: 'echo',
        ports: [(server.address() as AddressInfo).port] }]),
      dynamic_resources: { lds_config: { path_config_source: { path: write(folder, before) } } },
    }), ['--drain-time-s', '1']);
    t.teardown(() => proxy.stop());

    const clients = await Promise.all(ports.map((port) => RawClient.open(port)));
    const [one, two, three, four] = clients as [RawClient, RawClient, RawClient, RawClient];
    t.teardown(() => clients.forEach((client) => client.close()));
    const ask = async (client: RawClient): Promise<string> => {
      client.send(GET);
      const { body, headers } = await client.response();
      return `${body} ${new Map(headers).get('connection') ?? 'stays'}`;
    };
    const echo = async (client: RawClient, text: string): Promise<boolean> => {
      client.send(text);
      await client.until(() => client.rest.includes(text) || client.closed);
      return client.rest.includes(text);
    };
    t.same([await ask(one), await ask(two)], ['first stays', 'second stays']);
    t.ok(await echo(three, 'a') && await echo(four, 'a'));

    // Another chain comes before all others, the second one and the fourth one are not what they were.
    write(proxy.folder, [{ filter_chain_match: { destination_port: first, source_ports: [1] },
      filters: [http('none')] },
      chain(first, http('first')), chain(second, { ...http('second'), name: 'other', typed_config: {
        ...(http('changed') as { typed_config: object }).typed_config, server_name: 'other' } }),
      chain(third, tcp('third')), chain(fourth, tcp('other'))]);
    await four.end();
    t.ok(four.ended || four.closed, 'a session of a chain that has changed ends after the drain time');
    t.equal(await ask(two), 'changed close', 'so does a connection of HTTP, with its next answer');
    t.equal(await ask(one), 'first stays', 'one of a chain that has not changed has its own routes');
    t.ok(await echo(three, 'b'), 'a session goes on');
    t.equal(await proxy.untilStat('listener_manager.listener_in_place_updated', 1), 1);
    t.equal(await proxy.untilStat('listener_manager.listener_create_success', 2), 2);
    const again = await RawClient.open(first);
    t.equal(await ask(again), 'first stays');
    again.close();
  });
}
