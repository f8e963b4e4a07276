// What the admin server prints as JSON, read strictly by Envoy's own message types, on a running process with static
// and dynamic resources.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bootstrap, routeTo, socketAddress } from '../support/bootstrap.js';
import { freePort } from '../support/ports.js';
import { problemsOf } from '../support/proto-json.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const adminPort = await freePort(), port = await freePort(), endpoint = await freePort();

const answers: [path: string, type: string][] = [
  ['/certs', 'envoy.admin.v3.Certificates'],
  ['/clusters?format=json', 'envoy.admin.v3.Clusters'],
  ['/config_dump', 'envoy.admin.v3.ConfigDump'],
  ['/config_dump?include_eds', 'envoy.admin.v3.ConfigDump'],
  ['/config_dump?resource=dynamic_active_clusters', 'envoy.admin.v3.ConfigDump'],
  ['/config_dump?resource=dynamic_active_clusters&mask=cluster.name', 'envoy.admin.v3.ConfigDump'],
  ['/config_dump?mask=static_clusters', 'envoy.admin.v3.ConfigDump'],
  ['/config_dump?name_regex=main.*', 'envoy.admin.v3.ConfigDump'],
  ['/init_dump', 'envoy.admin.v3.UnreadyTargetsDumps'],
  ['/listeners?format=json', 'envoy.admin.v3.Listeners'],
  ['/memory', 'envoy.admin.v3.Memory'],
  ['/server_info', 'envoy.admin.v3.ServerInfo'],
];

for (const kind of weftKinds) {
  t.test(`every JSON answer is a message of Envoy's (${kind})`, async (t) => {
    const proxy = await Proxy.start(kind, adminPort, (folder) => configuration(folder));
    try {
      for (const [path, type] of answers) {
        const { body } = await proxy.admin(path);
        t.same(await problemsOf(type, JSON.parse(body)), [], path);
      }
      const { body } = await proxy.admin('/config_dump');
      t.match(body, /dynamic_active_clusters/, 'dynamic resources are among them');
      t.match(body, /error_state/, 'and a refused one');
    } finally {
      await proxy.stop();
    }
  });
}

t.test('the reader itself refuses what a message does not have', async (t) => {
  t.same(await problemsOf('envoy.admin.v3.Memory', { allocated: '1', nope: 1 }),
    ['.nope: envoy.admin.v3.Memory has no such field']);
  t.same(await problemsOf('envoy.admin.v3.Memory', { allocated: true }), ['.allocated: true is no uint64']);
  t.match(await problemsOf('envoy.admin.v3.ServerInfo', { state: 'GONE' }), [/GONE is not in State/]);
});

function configuration(folder: string): object {
  const file = join(folder, 'cds.json');
  const cluster = { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'dynamic', type: 'STATIC',
    load_assignment: { cluster_name: 'dynamic', endpoints: [{ locality: { zone: 'z' }, priority: 1, lb_endpoints: [
      { health_status: 'DEGRADED', load_balancing_weight: 3,
        endpoint: { hostname: 'h', address: socketAddress(endpoint) } }] }] } };
  writeFileSync(file, JSON.stringify({ version_info: 'v1', resources: [cluster,
    { '@type': cluster['@type'], name: 'refused', type: 'ORIGINAL_DST', lb_policy: 'RING_HASH' }] }));
  const whole = bootstrap(adminPort, [{ name: 'main', port, logFile: join(folder, 'main.log'),
    routes: [routeTo('static')] }], [{ name: 'static', ports: [endpoint] }]);
  return { ...whole, node: { id: 'n', cluster: 'c' },
    dynamic_resources: { cds_config: { path_config_source: { path: file } } } };
}
