// What becomes of endpoints and connections when health changes: endpoints that discovery dropped stay while they are
// well, connections to an endpoint that fails are not used again, TCP sessions end with it where the cluster says so.
// The same tests run on Envoy (WEFT_TEST_KINDS=envoy).
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo, socketAddress } from '../support/bootstrap.js';
import { exchange, RawClient } from '../support/client.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';
import { Upstream, type Answer } from '../support/upstream.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds : ['envoy' as ProxyKind];
const TYPE = 'type.googleapis.com/envoy.';
const checks = { health_checks: [{ timeout: '1s', interval: '0.05s', no_traffic_interval: '0.05s',
  unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: '/check' } }],
common_lb_config: { update_merge_window: '0s', healthy_panic_threshold: { value: 0 } } };
const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const tcpListener = (port: number, cluster: string): object => ({ name: 'tcp', address: socketAddress(port),
  filter_chains: [{ filters: [{ name: 'tcp', typed_config: { cluster, stat_prefix: 'tcp',
    '@type': `${TYPE}extensions.filters.network.tcp_proxy.v3.TcpProxy` } }] }] });

for (const kind of kinds) {
  t.test(kind, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-health-changes-'));
    const upstreams = { a: await Upstream.start(await freePort()), b: await Upstream.start(await freePort()) };
    const status = { a: 200, b: 200 };
    for (const name of ['a', 'b'] as const) {
      const answer: Answer = ({ start }) => start.includes('/check')
        ? `HTTP/1.1 ${status[name]} X\r\ncontent-length: 0\r\n\r\n`
        : `HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${name}`;
      upstreams[name].answer = answer;
    }
    const assign = (cluster: string, ...names: ('a' | 'b')[]): string => {
      const path = join(folder, `${cluster}.json`);
      writeFileSync(`${path}.next`, JSON.stringify({ version_info: String(Date.now()), resources: [{
        '@type': `${TYPE}config.endpoint.v3.ClusterLoadAssignment`, cluster_name: cluster,
        endpoints: [{ lb_endpoints: names.map((name) => ({ endpoint: {
          address: socketAddress(upstreams[name].port) } })) }] }] }));
      renameSync(`${path}.next`, path);
      return path;
    };
    const byFile = (name: string, more: object) => ({ name, ports: [], fields: { type: 'EDS', ...checks, ...more,
      load_assignment: undefined, eds_cluster_config: { eds_config: { resource_api_version: 'V3',
        path_config_source: { path: assign(name, 'a', 'b') } } } } });
    const [adminPort, keptPort, droppedPort, tcpPort] = await Promise.all([freePort(), freePort(), freePort(),
      freePort()]);
    const proxy = await Proxy.start(kind, adminPort, () => {
      const whole = bootstrap(adminPort, [{ name: 'kept', port: keptPort, routes: [routeTo('kept')] },
        { name: 'dropped', port: droppedPort, routes: [routeTo('dropped')] }],
      [byFile('kept', {}), byFile('dropped', { ignore_health_on_host_removal: true }), { name: 'closing',
        ports: [upstreams.b.port], fields: { ...checks, close_connections_on_host_health_failure: true } }]) as
        { static_resources: { listeners: object[] }; node?: object };
      whole.static_resources.listeners.push(tcpListener(tcpPort, 'closing'));
      whole.node = { id: 'n', cluster: 'c' };
      return whole;
    });
    t.teardown(async () => {
      await proxy.stop();
      await Promise.all([upstreams.a.stop(), upstreams.b.stop()]);
    });
    const flags = async (cluster: string, name: 'a' | 'b'): Promise<string> =>
      new RegExp(`^${cluster}::127.0.0.1:${upstreams[name].port}::health_flags::(.*)$`, 'm')
        .exec((await proxy.admin('/clusters')).body)?.[1] ?? 'absent';
    const until = async (cluster: string, name: 'a' | 'b', wanted: string): Promise<string> => {
      for (const end = Date.now() + 4000; Date.now() < end && await flags(cluster, name) !== wanted;) await sleep(20);
      await sleep(50);
      return flags(cluster, name);
    };
    const answers = async (port: number): Promise<Set<string>> => {
      const seen = new Set<string>();
      for (let i = 0; i < 6; i++) seen.add((await exchange(port, GET)).body);
      return seen;
    };

    await t.test('an endpoint that discovery dropped stays until its checks fail', async (t) => {
      t.equal(await until('kept', 'b', 'healthy'), 'healthy');
      assign('kept', 'a');
      t.equal(await until('kept', 'b', '/pending_dynamic_removal'), '/pending_dynamic_removal');
      t.same(await answers(keptPort), new Set(['a', 'b']));
      status.b = 500;
      t.equal(await until('kept', 'b', 'absent'), 'absent');
      t.same(await answers(keptPort), new Set(['a']));
      status.b = 200;
      assign('kept', 'a', 'b');
      t.equal(await until('kept', 'b', 'healthy'), 'healthy');
    });

    await t.test('or goes at once', async (t) => {
      t.equal(await until('dropped', 'b', 'healthy'), 'healthy');
      assign('dropped', 'a');
      t.equal(await until('dropped', 'b', 'absent'), 'absent');
      t.same(await answers(droppedPort), new Set(['a']));
    });

    await t.test('TCP sessions end with their endpoint', async (t) => {
      t.equal(await until('closing', 'b', 'healthy'), 'healthy');
      const client = await RawClient.open(tcpPort);
      client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      t.equal((await client.response()).body, 'b');
      status.b = 500;
      await client.end();
      t.ok(client.ended || client.closed);
      status.b = 200;
      await until('closing', 'b', 'healthy');
      client.close();
    });
  });
}
