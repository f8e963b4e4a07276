// Assignments that change under a running proxy: health, priorities, weights and metadata of endpoints in an EDS file
// reach every pick that follows.
import t from 'tap';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'weft-eds-'));
const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const names = ['a', 'b', 'c'] as const;
type Name = typeof names[number];
let version = 0;

/** Moves a new version of the file into its place. */
function assign(endpoints: object[], policy: object = {}): void {
  const file = join(folder, 'eds.json');
  writeFileSync(`${file}.new`, JSON.stringify({ version_info: String(++version), resources: [{
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', cluster_name: 'eds', endpoints,
    policy }] }));
  renameSync(`${file}.new`, file);
}

assign([]);
const metadata = (value: string): object => ({ filter_metadata: { 'envoy.lb': { version: value } } });

void forEachProxy(t, {
  bootstrap: { node: { id: 'n', cluster: 'c' } },
  upstreams: names,
  listeners: [{ name: 'main', routes: [{ match: { prefix: '/closing' }, route: { cluster: 'closing' } },
    { match: { prefix: '/' }, route: { cluster: 'eds', metadata_match: metadata('2') } }] }],
  more: () => [{ name: 'closing', ports: [], fields: { type: 'EDS', load_assignment: undefined, eds_cluster_config: {
    service_name: 'eds', eds_config: { path_config_source: { path: join(folder, 'eds.json') } } },
  common_lb_config: { close_connections_on_host_set_change: true } } },
  { name: 'eds', ports: [], fields: { type: 'EDS', load_assignment: undefined,
    lb_subset_config: { subset_selectors: [{ keys: ['version'] }], fallback_policy: 'ANY_ENDPOINT' },
    eds_cluster_config: { eds_config: { path_config_source: { path: join(folder, 'eds.json') } } } } }],
}, async (t, { proxy, upstream, port }) => {
  const at = (name: Name, more: object = {}): object => ({ ...more, endpoint: { address: { socket_address: {
    address: '127.0.0.1', port_value: upstream[name].port } } } });
  /** Who got twelve requests. */
  const shares = async (): Promise<Record<Name, number>> => {
    for (const name of names) upstream[name].reset();
    for (let n = 0; n < 12; n++) await exchange(port.main, get);
    return Object.fromEntries(names.map((name) => [name, upstream[name].requests.length])) as Record<Name, number>;
  };
  const changed = async (endpoints: object[], policy: object = {}): Promise<void> => {
    const before = await proxy.stat('cluster.eds.update_success');
    assign(endpoints, policy);
    for (let tries = 0; tries < 100 && await proxy.stat('cluster.eds.update_success') === before; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
  };

  await t.test('endpoints come', async (t) => {
    await changed([{ lb_endpoints: [at('a'), at('b')] }]);
    t.same(await shares(), { a: 6, b: 6, c: 0 });
  });
  await t.test('one drains, another fails', async (t) => {
    await changed([{ lb_endpoints: [at('a', { health_status: 'DRAINING' }), at('b'), at('c',
      { health_status: 'UNHEALTHY' })] }]);
    t.same(await shares(), { a: 0, b: 12, c: 0 });
    t.match(await proxy.stats().then((stats) => ['total', 'healthy', 'excluded'].map((name) =>
      stats.get(`cluster.eds.membership_${name}`))), [3, 1, 1]);
  });
  await t.test('weights', async (t) => {
    await changed([{ lb_endpoints: [at('a', { load_balancing_weight: 2 }), at('b', { load_balancing_weight: 1 })] }]);
    const { a, b } = await shares();
    t.ok(a + b === 12 && Math.abs(a - 8) <= 1, `${a} of 8`);
  });
  await t.test('priorities', async (t) => {
    await changed([{ lb_endpoints: [at('a', { health_status: 'UNHEALTHY' })] }, { priority: 1,
      lb_endpoints: [at('b'), at('c')] }]);
    t.same(await shares(), { a: 0, b: 6, c: 6 });
    await changed([{ lb_endpoints: [at('a')] }, { priority: 1, lb_endpoints: [at('b'), at('c')] }]);
    t.same(await shares(), { a: 12, b: 0, c: 0 });
  });
  await t.test('metadata', async (t) => {
    await changed([{ lb_endpoints: [at('a', { metadata: metadata('1') }), at('b', { metadata: metadata('2') })] }]);
    t.same(await shares(), { a: 0, b: 12, c: 0 });
    await changed([{ lb_endpoints: [at('a', { metadata: metadata('2') }), at('b', { metadata: metadata('1') })] }]);
    t.same(await shares(), { a: 12, b: 0, c: 0 });
  });
  await t.test('connections are closed when endpoints change', async (t) => {
    await changed([{ lb_endpoints: [at('a')] }]);
    const closing = get.replace('/', '/closing');
    const open = async (): Promise<number> => {
      for (let tries = 0; tries < 20 && upstream.a.openConnections > 0; tries++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      return upstream.a.openConnections;
    };
    upstream.a.dropConnections();
    t.match(await exchange(port.main, closing), { start: /200/ });
    await changed([{ lb_endpoints: [at('a', { load_balancing_weight: 5 })] }]);
    t.equal(await open(), 0, 'a weight is enough, as in Envoy');
    await changed([{ lb_endpoints: [at('a')] }]);
    t.match(await exchange(port.main, closing), { start: /200/ });
    await changed([{ lb_endpoints: [at('a'), at('c')] }]);
    t.equal(await open(), 0);
  });
  await t.test('nobody is left', async (t) => {
    await changed([]);
    t.match(await exchange(port.main, get), { start: /503/, body: 'no healthy upstream' });
  });
});
