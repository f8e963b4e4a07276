// Whole bootstraps: what a good one becomes, files and merging, and that all errors come at once with file, path and
// line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { compileBootstrap } from '../../../src/xds/compile/bootstrap.js';
import { CompilePool } from '../../../src/xds/compile-pool.js';
import { bootstrap, cluster, compile, connectionManager, errorsOf, ipAddress, listener, loadAssignment,
  temporaryDirectory, virtualHost,
  writeJson } from '../examples.js';

const directory = temporaryDirectory();
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const load = (configPath: string | null, configYaml: string | null = null) =>
  compileBootstrap({ configPath, configYaml, allowUnknownFields: false });

t.test('a good bootstrap', async (t) => {
  const result = compile(bootstrap([listener()], [cluster()],
    { node: { id: 'n', cluster: 'c', locality: { zone: 'z' } },
      cluster_manager: { local_cluster_name: 'backend' }, admin: { address: ipAddress(21001),
    access_log_path: '/dev/null' } }));
  if (!result.ok) return t.fail(result.errors.join('\n'));
  t.match(result.bootstrap.node, { id: 'n', cluster: 'c', locality: { region: '', zone: 'z' } });
  t.equal(result.bootstrap.localCluster, 'backend');
  t.match(result.bootstrap.admin, { address: { kind: 'ip', host: '127.0.0.1', port: 21001 },
    accessLogs: [{ sink: { path: '/dev/null' } }] });
  t.same(result.resources.map(({ kind, name }) => [kind, name]), [['cluster', 'backend'], ['listener', 'front']]);
  t.same(result.resources[1].inlineRoutes.map(({ name }) => name), ['@inline/front/0']);
  t.match(JSON.parse(result.resources[0].wireJson), { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    connect_timeout: '0.250s' });
  t.notMatch(result.bootstrap.wireJson, /static_resources/);
});

const yaml = `static_resources:
  listeners:
  - name: front
    address:
      socket_address: { address: localhost, port_value: 99999 }
    colour: red
    filter_chains: []
  clusters:
  - name: one
    connect_timeout: 1
    lrs_server: {}
`;
t.test('all errors at once, each with file, path and line', async (t) => {
  const path = file('bad.yaml', yaml);
  const result = load(path);
  t.same(result.ok ? [] : result.errors.sort(), [
    `${path}: static_resources.clusters[0].connect_timeout: expected a duration such as "1.5s", got 1 (line 10)`,
    `${path}: static_resources.clusters[0].load_assignment: required (line 9)`,
    `${path}: static_resources.clusters[0].lrs_server: not implemented (line 11)`,
    `${path}: static_resources.listeners[0].address.socket_address.address: malformed IP address: localhost (line 5)`,
    `${path}: static_resources.listeners[0].address.socket_address.port_value: must be at most 65535 (line 5)`,
    `${path}: static_resources.listeners[0].colour: unknown field of envoy.config.listener.v3.Listener (line 6)`,
    `${path}: static_resources.listeners[0].filter_chains: no filter chains specified (line 7)`,
  ]);
});

t.test('text that is no YAML or JSON', async (t) => {
  t.match(load(file('broken.yaml', 'a: [1\nb: 2')), { ok: false,
    errors: [/broken.yaml: not valid YAML: .* \(line \d\)/] });
  t.match(load(file('broken.json', '{"a": 1,\n}')), { ok: false,
    errors: [/broken.json: not valid JSON: .* \(line 2\)/] });
  t.match(load(file('twice.json', '{"admin": {"profile_path": "a", "profile_path": "b"}}')),
    { ok: false, errors: [/admin.profile_path: the key stands twice in the same object/] });
  t.match(load(file('twice.yaml', 'node: {id: a}\nnode: {id: b}')),
    { ok: false, errors: [/Map keys must be unique.*line 2/] });
  t.match(load(join(directory, 'absent.yaml')), { ok: false, errors: [/absent.yaml: cannot be read: ENOENT/] });
  t.match(load(null), { ok: false, errors: [/no configuration/] });
  t.match(load(file('list.json', '[]')), { ok: false, errors: [/list.json: expected an object, got a list/] });
});

t.test('strings with escapes, stars and braces do not confuse the search for duplicate keys', async (t) => {
  const text = '{"node": {"id": "a\\\\", "cluster": "{\\"id\\": [,", "metadata": {"x": [{"a": 1}, {"a": 2}], ' +
    '"\\u0061": 1, "b": {"a": 1}}}}';
  t.match(load(file('fine.json', text)), { ok: true });
  t.match(load(file('escaped.json', '{"node": {"metadata": {"a": 1, "\\u0061": 2}}}')),
    { ok: false, errors: [/metadata.a: the key stands/] });
});

t.test('empty, comments, anchors, octal modes', async (t) => {
  t.match(load(file('empty.yaml', '')), { ok: true });
  const text = 'admin:\n  address: &a\n    pipe: {path: /tmp/x, mode: 0600} # private\n';
  t.match(load(file('octal.yaml', text)),
    { ok: true, bootstrap: { admin: { address: { kind: 'pipe', mode: 0o600 } } } });
});

t.test('--config-yaml lies over the file as protobuf merges', async (t) => {
  const path = writeJson(join(directory, 'base.json'), bootstrap([listener()], [cluster()],
    { node: { id: 'a', cluster: 'c' } }));
  const result = load(path,
    'node: {id: b}\nstatic_resources: {clusters: [{name: more, load_assignment: {cluster_name: more}}]}');
  if (!result.ok) return t.fail(result.errors.join('\n'));
  t.match(result.bootstrap.node, { id: 'b', cluster: 'c' });
  t.same(result.resources.filter(({ kind }) => kind === 'cluster').map(({ name }) => name), ['backend', 'more']);
  t.match(load(path, 'static_resources: {clusters: [{name: backend, load_assignment: {cluster_name: b}}]}'),
    { ok: false, errors: [/base.json \+ --config-yaml: .*clusters\[1\].name: duplicate cluster 'backend'/] });
});

t.test('names, addresses and cluster references', async (t) => {
  t.same(errorsOf(bootstrap([listener(), listener({ address: ipAddress(21011) })])), [
    "static_resources.listeners[1].name: duplicate listener 'front'"]);
  t.same(errorsOf(bootstrap([listener(), listener({ name: 'other' })])), [
    "static_resources.listeners[1].address: duplicate address '127.0.0.1 21010', " +
      'also of static_resources.listeners[0]']);
  const at = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.' +
    'route_config.virtual_hosts[0].routes[0].route.cluster';
  t.same(errorsOf(bootstrap([listener()], [])), [`${at}: unknown cluster 'backend'`]);
  const unchecked = connectionManager({ route_config: { validate_clusters: false, virtual_hosts: [virtualHost()] } });
  t.same(errorsOf(bootstrap([listener({}, unchecked)], [])), []);
});

t.test('what the bootstrap may not set', async (t) => {
  t.same(errorsOf({ stats_sinks: [{}], stats_config: { use_all_default_tags: false } }),
    ['stats_sinks: not implemented', 'stats_config.use_all_default_tags: not implemented, must be absent or true']);
  t.same(errorsOf({ dynamic_resources: { ads_config: {}, lds_config: { ads: {} } } }),
    ['dynamic_resources.lds_config.ads: not implemented', 'dynamic_resources.ads_config: not implemented']);
  t.same(errorsOf({ dynamic_resources: { lds_config: { path_config_source: { path: '/nowhere/lds.yaml' } } } }),
    ["dynamic_resources.lds_config.path_config_source.path: '/nowhere/lds.yaml' does not exist"]);
  t.same(errorsOf({ static_resources: { secrets: [{}] } }), ['static_resources.secrets[0].name: required',
    'static_resources.secrets[0]: one of tls_certificate, validation_context and session_ticket_keys is required']);
  t.same(errorsOf({ layered_runtime: { layers: [{ name: 'x', static_layer: {} }, { name: 'y', admin_layer: {} }] } }),
    []);
});

t.test('unknown fields pass with a warning when that is allowed', async (t) => {
  const tree = bootstrap([listener({ colour: 'red' })]);
  t.match(compile(tree, true),
    { ok: true, bootstrap: { warnings: [/--config-yaml: .*listeners\[0\].colour: unknown field .* ignored/] } });
});

t.test('a large bootstrap is compiled by a thread, with the same result', async (t) => {
  const clusters = Array.from({ length: 3000 }, (_none, index) =>
    cluster({ name: `c${index}`,
      load_assignment: loadAssignment(
        `c${index}-with-a-name-that-takes-some-space-in-the-file-so-that-it-is-large`) }));
  const path = writeJson(join(directory, 'large.json'), bootstrap([listener()], [cluster(), ...clusters]));
  const pool = new CompilePool();
  const sources = { configPath: path, configYaml: ' '.repeat(1 << 20), allowUnknownFields: false };
  t.same(await pool.bootstrap(sources), compileBootstrap(sources));
  await pool.close();
});
