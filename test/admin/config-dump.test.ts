import t from 'tap';
import { masked, parseMask } from '../../src/admin/dump/field-mask.js';
import { redacted } from '../../src/admin/dump/redact.js';
import { ask, FakeBackend, startAdmin } from './fixture.js';
import { freePort } from '../support/ports.js';

const PORT = await freePort();
const backend = new FakeBackend();
const server = await startAdmin(backend, PORT);
t.teardown(() => server.close());

backend.bootstrap = {
  node: { id: 'n1' },
  static_resources: {
    secrets: [
      {
        name: 's',
        tls_certificate: { certificate_chain: { inline_string: 'CERT' }, private_key: { inline_string: 'KEY' } },
      },
    ],
  },
};
backend.addListener('l1', 10000, 'ingress');
backend.addListener('dyn', 10001, 'other', 'dynamic');
backend.add('route', '@inline/l1/0', { name: 'r1' }, { name: 'r1' }, 'static', 'l1');
backend.add('route', 'rx', { name: 'rx' }, { name: 'rx' }, 'dynamic');
backend.addCluster('c1', 1, [
  { hostname: 'h', locality: { region: 'r', zone: '', subZone: '' } },
  { health: 'unhealthy', priority: 1 },
]);
backend.addCluster('dc1', 2, [], 'dynamic');
backend.store.versions.cds = 'cv1';
backend.store.reject('listener', 'bad', {
  details: 'no filter chains',
  versionInfo: 'v2',
  lastUpdateAttemptMs: Date.UTC(2026, 0, 4),
});
backend.store.reject('cluster', 'dc1', { details: 'unknown lb_policy', versionInfo: 'v2', lastUpdateAttemptMs: 0 });

type Dump = { '@type': string; [field: string]: any }[];
const dump = async (query = ''): Promise<Dump> => JSON.parse((await ask(PORT, `/config_dump${query}`)).body).configs;
const ADMIN = 'type.googleapis.com/envoy.admin.v3.';

t.test("sections come in Envoy's order, endpoints only on request", async (t) => {
  const names = (configs: Dump) => configs.map((config) => config['@type'].slice(ADMIN.length));
  t.same(names(await dump()), [
    'BootstrapConfigDump',
    'ClustersConfigDump',
    'ListenersConfigDump',
    'ScopedRoutesConfigDump',
    'RoutesConfigDump',
    'SecretsConfigDump',
  ]);
  t.equal(names(await dump('?include_eds'))[2], 'EndpointsConfigDump');
});

t.test('static and dynamic resources, versions and times', async (t) => {
  const [, clusters, listeners, , routes] = await dump();
  t.equal(clusters.version_info, 'cv1');
  t.same(clusters.static_clusters, [
    {
      cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'c1', type: 'STATIC' },
      last_updated: '2026-01-03T00:00:00.000Z',
    },
  ]);
  t.equal(clusters.dynamic_active_clusters[0].version_info, 'v1');
  t.equal(listeners.static_listeners[0].listener.name, 'l1');
  t.match(listeners.dynamic_listeners[0], {
    name: 'dyn',
    active_state: { version_info: 'v1', listener: { name: 'dyn' } },
  });
  t.equal(routes.static_route_configs[0].route_config.name, 'r1');
  t.equal(routes.dynamic_route_configs[0].route_config.name, 'rx');
});

t.test('a refused resource is shown with its error, beside the version in force if there is one', async (t) => {
  const [, clusters, listeners] = await dump();
  t.same(listeners.dynamic_listeners[1], {
    name: 'bad',
    error_state: {
      failed_configuration: { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'bad' },
      last_update_attempt: '2026-01-04T00:00:00.000Z',
      details: 'no filter chains',
      version_info: 'v2',
    },
  });
  t.equal(clusters.dynamic_active_clusters[0].cluster.name, 'dc1');
  t.equal(clusters.dynamic_active_clusters[0].error_state.details, 'unknown lb_policy');
});

t.test('secrets are hidden, certificates are not', async (t) => {
  const { body } = await ask(PORT, '/config_dump');
  t.notMatch(body, /"KEY"/);
  t.match(body, /"private_key": {\s*"inline_string": "\[redacted\]"/);
  t.match(body, /"CERT"/);
  t.same(
    redacted({
      generic_secret: { secret: { inline_bytes: 'QUJD' } },
      password: { filename: '/p' },
      list: [{ private_key: 'x' }],
    }),
    {
      generic_secret: { secret: { inline_bytes: 'W3JlZGFjdGVkXQ==' } },
      password: { filename: '[redacted]' },
      list: [{ private_key: '[redacted]' }],
    },
  );
});

t.test('endpoints as they are in force', async (t) => {
  const [, , endpoints] = await dump('?include_eds');
  const { endpoint_config: config } = endpoints.static_endpoint_configs[0];
  t.equal(config.cluster_name, 'c1');
  t.equal(config.endpoints.length, 2);
  t.match(config.endpoints[0], {
    locality: { region: 'r' },
    lb_endpoints: [{ endpoint: { hostname: 'h' }, health_status: 'HEALTHY' }],
  });
  t.match(config.endpoints[1], { priority: 1, lb_endpoints: [{ health_status: 'UNHEALTHY' }] });
  t.equal(endpoints.dynamic_endpoint_configs[0].endpoint_config.cluster_name, 'dc1');
});

t.test('one resource', async (t) => {
  t.same(
    (await dump('?resource=dynamic_listeners')).map((entry) => [entry['@type'], entry.name]),
    [
      [`${ADMIN}ListenersConfigDump.DynamicListener`, 'dyn'],
      [`${ADMIN}ListenersConfigDump.DynamicListener`, 'bad'],
    ],
  );
  t.equal((await dump('?resource=static_endpoint_configs')).length, 1);
  t.same(await dump('?resource=static_clusters&name_regex=x'), []);
  const missing = await ask(PORT, '/config_dump?resource=xx');
  t.equal(missing.status, 404);
  t.equal(missing.body, 'xx not found in config dump');
  t.equal((await ask(PORT, '/config_dump?resource=bootstrap')).status, 400);
});

t.test('names by a regular expression that must match the whole name', async (t) => {
  const [, clusters, listeners] = await dump('?name_regex=.*1');
  t.same(clusters.static_clusters.length + clusters.dynamic_active_clusters.length, 2);
  t.equal(listeners.dynamic_listeners, undefined);
  const [, none] = await dump('?name_regex=c');
  t.same(Object.keys(none), ['@type', 'version_info']);
  t.equal((await ask(PORT, '/config_dump?name_regex=(')).status, 400);
});

t.test('masks', async (t) => {
  t.same(await dump('?mask=bootstrap.node'), [
    { '@type': `${ADMIN}BootstrapConfigDump`, bootstrap: { node: { id: 'n1' } } },
  ]);
  t.same((await dump('?resource=dynamic_listeners&mask=active_state.version_info'))[0], {
    '@type': `${ADMIN}ListenersConfigDump.DynamicListener`,
    active_state: { version_info: 'v1' },
  });
  t.same((await dump('?mask=static_clusters.last_updated'))[0], {
    '@type': `${ADMIN}ClustersConfigDump`,
    static_clusters: [{ last_updated: '2026-01-03T00:00:00.000Z' }],
  });
  t.same(masked({ a: { b: 1, c: 2 }, d: [{ e: 1, f: 2 }] }, parseMask('a.b,d.f')), { a: { b: 1 }, d: [{ f: 2 }] });
});

t.test('a name with quotes and a message that is empty survive', async (t) => {
  backend.addCluster('we"ird\n', 9);
  t.ok(
    (await dump())[1].static_clusters.some(
      (entry: { cluster: { name: string } }) => entry.cluster.name === 'we"ird\n',
    ),
  );
});

t.test('clusters as text and as json', async (t) => {
  const { body } = await ask(PORT, '/clusters?filter=^c1$');
  const lines = body.trim().split('\n');
  t.equal(lines[0], 'c1::observability_name::c1');
  t.equal(lines[1], 'c1::default_priority::max_connections::1024');
  t.equal(lines[9], 'c1::added_via_api::false');
  t.same(
    lines.slice(10, 29).map((line) => line.replace('c1::127.0.0.1:80::', '')),
    [
      'cx_active::0',
      'cx_connect_fail::0',
      'cx_total::0',
      'rq_active::0',
      'rq_error::0',
      'rq_pending_active::0',
      'rq_success::0',
      'rq_timeout::0',
      'rq_total::0',
      'hostname::h',
      'health_flags::healthy',
      'weight::1',
      'region::r',
      'zone::',
      'sub_zone::',
      'canary::false',
      'priority::0',
      'success_rate::-1',
      'local_origin_success_rate::-1',
    ],
  );
  t.match(body, '::health_flags::/failed_eds_health');
  const { cluster_statuses: statuses } = JSON.parse((await ask(PORT, '/clusters?format=json')).body);
  t.match(statuses[0], {
    name: 'c1',
    observability_name: 'c1',
    host_statuses: [
      {
        address: { socket_address: { address: '127.0.0.1', port_value: 80 } },
        health_status: { eds_health_status: 'HEALTHY' },
      },
      { health_status: { eds_health_status: 'UNHEALTHY' }, priority: 1 },
    ],
    circuit_breakers: { thresholds: [{ max_retries: 3 }, { priority: 'HIGH' }] },
  });
  t.equal(statuses[1].added_via_api, true);
});

t.test('listeners as text and as json', async (t) => {
  t.equal((await ask(PORT, '/listeners')).body, 'l1::127.0.0.1:10000\ndyn::127.0.0.1:10001\n');
  t.same(JSON.parse((await ask(PORT, '/listeners?format=json')).body).listener_statuses[0], {
    name: 'l1',
    local_address: { socket_address: { address: '127.0.0.1', port_value: 10000 } },
  });
});
