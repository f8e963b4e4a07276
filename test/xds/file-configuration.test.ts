// Configuration that changes while the process runs: what applies, what is kept, what is removed, and how it is
// counted.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CompilePool } from '../../src/xds/compile-pool.js';
import { FileConfiguration } from '../../src/xds/file-configuration.js';
import { codecFile, small } from '../support/rpc-codec.js';
import { ConfigStore, resourceTypeUrls } from '../../src/xds/store.js';
import type { AnyChange, ResourceKind } from '../../src/xds/store.js';
import { cluster, compile, connectionManager, ipAddress, listener, loadAssignment, temporaryDirectory, typeUrl,
  virtualHost } from './examples.js';
import type { Tree } from './examples.js';

const WAIT_MS_MAX = 10_000;

/** A directory of resource files and the store that follows them. */
class Harness {
  readonly directory = temporaryDirectory();
  readonly store = new ConfigStore();
  readonly pool = new CompilePool();
  readonly batches: string[][] = [];
  readonly lines: string[] = [];
  readonly configuration: FileConfiguration;

  constructor(allowUnknownFields = false) {
    const log = { info: () => undefined, warn: (text: string) => { this.lines.push(text); } };
    this.configuration = new FileConfiguration({ store: this.store, pool: this.pool, allowUnknownFields, tls: true,
      log });
    this.store.onChange((changes) => this.batches.push(changes.map((change) => describe(change))));
  }

  path(name: string): string { return join(this.directory, name); }

  /** Puts a version in place by an atomic rename. */
  write(name: string, kind: ResourceKind, version: string, resources: Tree[], more: Tree = {}): string {
    const tree = { version_info: version,
      resources: resources.map((resource) => ({ '@type': resourceTypeUrls[kind], ...resource })), ...more };
    return this.writeText(name, JSON.stringify(tree));
  }

  writeText(name: string, text: string): string {
    writeFileSync(this.path(`${name}.tmp`), text);
    renameSync(this.path(`${name}.tmp`), this.path(name));
    return this.path(name);
  }

  async start(bootstrap: Tree): Promise<void> {
    const compiled = compile(bootstrap);
    if (!compiled.ok) throw new Error(compiled.errors.join('\n'));
    await this.configuration.start(compiled.bootstrap, compiled.resources);
  }

  /** Waits for a condition; a change is noticed by itself, within the limits of the watch. */
  async until(condition: () => boolean): Promise<void> {
    const end = Date.now() + WAIT_MS_MAX;
    while (!condition()) {
      if (Date.now() > end) throw new Error('it did not come to pass');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async end(): Promise<void> {
    await this.configuration.close();
    await this.pool.close();
    rmSync(this.directory, { recursive: true });
  }
}

const describe = ({ kind, name, record, previous }: AnyChange): string =>
  `${record === null ? '-' : previous === null ? '+' : '~'}${kind} ${name}`;
const file = (path: string, more: Tree = {}): Tree => ({ path_config_source: { path, ...more } });
const dynamic = (harness: Harness): Tree =>
  ({ dynamic_resources: { cds_config: file(harness.path('cds.json')), lds_config: file(harness.path('lds.json')) } });
const rds = (path: string, name = 'routes'): Tree =>
  connectionManager({ route_config: null, rds: { route_config_name: name, config_source: file(path) } });
const edsCluster = (name: string, path: string): Tree =>
  ({ name, type: 'EDS', eds_cluster_config: { eds_config: file(path) } });

t.test('LDS and CDS: added, changed, removed, unchanged', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  harness.write('cds.json', 'cluster', '1', [cluster(), cluster({ name: 'other' })]);
  harness.write('lds.json', 'listener', '1', [listener()]);
  await harness.start(dynamic(harness));
  t.same(harness.batches, [['+cluster backend', '+cluster other'], ['+listener front', '+route @inline/front/0']]);
  t.ok(harness.store.ready);
  t.same(harness.store.versions, { cds: '1', lds: '1' });
  t.match(harness.store.clusters.get('backend'), { origin: 'dynamic', versionInfo: '1' });

  harness.batches.length = 0;
  harness.write('cds.json', 'cluster', '2', [cluster({ connect_timeout: '9s' }), cluster({ name: 'new' })]);
  await harness.until(() => harness.store.versions.cds === '2');
  t.same(harness.batches.map((batch) => batch.sort()), [['+cluster new', '-cluster other', '~cluster backend']]);
  t.equal(harness.store.clusters.get('backend')?.config.connectTimeoutMs, 9000);

  harness.batches.length = 0;
  harness.write('cds.json', 'cluster', '3', [cluster({ connect_timeout: '9s' }), cluster({ name: 'new' })]);
  await harness.until(() => harness.store.versions.cds === '3');
  t.same(harness.batches, [], 'the same resources are no change');
  t.match(harness.store.subscription('cluster_manager.cds.'),
    { update_attempt: 3, update_success: 3, update_rejected: 0, config_reload: 2,
    version_text: '3' });
  const statistics = new Map(harness.store.statistics().map(({ name, value }) => [name, value]));
  t.same(['added', 'modified', 'removed'].map((event) => statistics.get(`cluster_manager.cluster_${event}`)),
    [3, 1, 1]);

  harness.write('lds.json', 'listener', '2', []);
  await harness.until(() => harness.store.listeners.size === 0);
  t.equal(harness.store.routes.size, 0, 'a listener takes its inline routes with it');
});

t.test('a bad resource keeps its last good version while the good ones of the file apply', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  harness.write('cds.json', 'cluster', '1', [cluster(), cluster({ name: 'other' })]);
  harness.write('lds.json', 'listener', '1', [listener()]);
  await harness.start(dynamic(harness));
  harness.write('cds.json', 'cluster', '2', [cluster({ lb_policy: 'LOAD_BALANCING_POLICY_CONFIG' }),
    cluster({ name: 'other', connect_timeout: '9s' })]);
  await harness.until(() => harness.store.subscription('cluster_manager.cds.').update_rejected === 1);
  t.equal(harness.store.clusters.get('backend')?.versionInfo, '1');
  t.equal(harness.store.clusters.get('other')?.versionInfo, '2');
  t.match(harness.store.errorState('cluster', 'backend'), { versionInfo: '2',
    details: /cds.json: resources\[0\].load_balancing_policy: required by lb_policy/ });
  t.equal(harness.store.errorState('cluster', 'other'), null);
  t.equal(harness.store.versions.cds, '1');
  t.match(harness.lines, [/cluster backend: refused, the last good version stays/]);

  harness.write('cds.json', 'cluster', '3', [cluster(), cluster({ name: 'other' })]);
  await harness.until(() => harness.store.versions.cds === '3');
  t.equal(harness.store.errorState('cluster', 'backend'), null);

  harness.writeText('cds.json', '{"resources": [');
  await harness.until(() => harness.store.subscription('cluster_manager.cds.').update_failure === 1);
  t.equal(harness.store.clusters.size, 2, 'a file that cannot be read changes nothing');
});

t.test('while a resource cannot be named, nothing is removed', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  harness.write('cds.json', 'cluster', '1', [cluster()]);
  harness.write('lds.json', 'listener', '1', []);
  await harness.start(dynamic(harness));
  harness.writeText('cds.json',
    JSON.stringify({ resources: [{ '@type': resourceTypeUrls.cluster, name: 5 }, { '@type': 'x/y.Z' }] }));
  await harness.until(() => harness.store.subscription('cluster_manager.cds.').update_rejected === 1);
  t.equal(harness.store.clusters.size, 1);
});

t.test('what may not stand beside the present state is refused', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  harness.write('cds.json', 'cluster', '1', [cluster()]);
  harness.write('lds.json', 'listener', '1', [listener({ name: 'static' }), listener({ name: 'same-port' }),
    listener({ name: 'twice', address: ipAddress(21011) }),
    listener({ name: 'twice', address: ipAddress(21012) }),
      listener({ name: 'clusterless', address: ipAddress(21013) }, connectionManager({
      route_config: { virtual_hosts: [{ ...virtualHost(),
        routes: [{ match: { prefix: '/' }, route: { cluster: 'nobody' } }] }] } })), listener({ name: '' })]);
  await harness.start({ ...dynamic(harness),
    static_resources: { listeners: [listener({ name: 'static' }, connectionManager({
    route_config: { virtual_hosts: [] } }))] } });
  t.same([...harness.store.listeners.keys()], ['static', 'twice']);
  const details = new Map([...harness.store.errors.listener].map(([name, state]) => [name, state.details]));
  t.match(details.get('static'), /static is a static listener and cannot be changed/);
  t.match(details.get('same-port'), /duplicate address '127.0.0.1 21010', also of listener static/);
  t.match(details.get('twice'), /duplicate listener twice found/);
  t.match(details.get('clusterless'), /unknown cluster 'nobody'/);
});

t.test('files may name the codecs that the bootstrap has, and no others', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  const codec = codecFile(small());
  const optionsName = 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions';
  const named = (custom_protocol: string): Tree => cluster({ name: custom_protocol,
    typed_extension_protocol_options: { [optionsName]: { '@type': typeUrl(optionsName), custom_protocol } } });
  harness.write('cds.json', 'cluster', '1', [named('mine'), named('yours')]);
  await harness.start({ dynamic_resources: { cds_config: file(harness.path('cds.json')) },
    bootstrap_extensions: [{ name: 'codecs', typed_config: { codecs: [{ name: 'mine', filename: codec }],
      '@type': typeUrl('weft.extensions.bootstrap.rpc_codecs.v1.RpcCodecs') } }] });
  t.same([...harness.store.clusters.keys()], ['mine']);
  t.match(harness.store.errors.cluster.get('yours')?.details, /\.custom_protocol: unknown codec 'yours'$/);
});

t.test('RDS and EDS come with what asks for them, and go with it', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  const route = (cluster: string): Tree =>
    ({ name: 'routes', virtual_hosts: [{ ...virtualHost(),
      routes: [{ match: { prefix: '/' }, route: { cluster } }] }] });
  const routes = harness.write('rds.json', 'route', '1', [route('a')]);
  const assignments = harness.write('eds.json', 'assignment', '1', [loadAssignment('a'), loadAssignment('b')]);
  harness.write('cds.json', 'cluster', '1', [edsCluster('a', assignments)]);
  harness.write('lds.json', 'listener', '1', [listener({}, rds(routes))]);
  await harness.start(dynamic(harness));
  t.same(harness.batches, [['+cluster a', '+assignment a'], ['+listener front', '+route routes']]);

  harness.write('eds.json', 'assignment', '2', [loadAssignment('a', 21099), loadAssignment('b')]);
  await harness.until(() => harness.store.assignments.get('a')?.versionInfo === '2');
  harness.write('eds.json', 'assignment', '3', [loadAssignment('b')]);
  await harness.until(() => harness.store.subscription('cluster.a.').update_failure === 1);
  t.equal(harness.store.assignments.get('a')?.versionInfo, '2', 'absence is no removal');

  harness.write('rds.json', 'route', '2', [{ name: 'routes', virtual_hosts: [{ name: 'x', domains: [] }] }]);
  await harness.until(() => harness.store.subscription('http.ingress.rds.routes.').update_rejected === 1);
  t.match(harness.store.errorState('route', 'routes'),
    { details: /rds.json: resources\[0\].virtual_hosts\[0\].domains: at least 1 required/ });
  harness.write('rds.json', 'route', '3', [route('b')]);
  await harness.until(() => harness.store.routes.get('routes')?.versionInfo === '3');
  t.equal(harness.store.errorState('route', 'routes'), null);
  t.match(harness.store.subscription('http.ingress.rds.routes.'),
    { update_attempt: 3, update_success: 2, update_rejected: 1, config_reload: 2 });

  harness.batches.length = 0;
  harness.write('lds.json', 'listener', '2',
    [listener({}, connectionManager({ route_config: { virtual_hosts: [] } }))]);
  await harness.until(() => harness.batches.length > 0);
  t.same(harness.batches[0].sort(), ['+route @inline/front/0', '-route routes', '~listener front']);
  harness.write('cds.json', 'cluster', '2', []);
  await harness.until(() => harness.store.clusters.size === 0);
  t.equal(harness.store.assignments.size, 0);
});

t.test('a static cluster with EDS and a static listener with RDS', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  const assignments = harness.write('eds.json', 'assignment', '1', [loadAssignment('a')]);
  const routes = harness.writeText('rds.yaml', `resources:\n- "@type": ${resourceTypeUrls.route}\n  name: routes\n`);
  await harness.start({ static_resources: { clusters: [edsCluster('a', assignments)],
    listeners: [listener({}, rds(routes))] } });
  t.same(harness.batches, [['+cluster a', '+listener front', '+assignment a', '+route routes']]);
});

t.test('a watched directory announces the swap of a link', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  for (const version of ['1', '2']) {
    mkdirSync(harness.path(version));
    harness.write(`${version}/cds.json`, 'cluster', version, [cluster({ connect_timeout: `${version}s` })]);
  }
  symlinkSync('1', harness.path('..data'));
  symlinkSync('..data/cds.json', harness.path('cds.json'));
  await harness.start({ dynamic_resources: { cds_config: file(harness.path('cds.json'),
    { watched_directory: { path: harness.directory } }) } });
  t.equal(harness.store.versions.cds, '1');
  symlinkSync('2', harness.path('..new'));
  renameSync(harness.path('..new'), harness.path('..data'));
  const begin = Date.now();
  await harness.until(() => harness.store.versions.cds === '2');
  t.ok(Date.now() - begin < 900, 'by the event, not by the poll');
});

t.test('a file that is written in place is found by the poll, once it is still', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  harness.write('cds.json', 'cluster', '1', [cluster()]);
  await harness.start({ dynamic_resources: { cds_config: file(harness.path('cds.json')) } });
  writeFileSync(harness.path('cds.json'), JSON.stringify({ version_info: '2', resources: [] }));
  await harness.until(() => harness.store.versions.cds === '2');
  rmSync(harness.path('cds.json'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(harness.store.subscription('cluster_manager.cds.').update_failure, 0, 'removal keeps what is in force');
  harness.write('cds.json', 'cluster', '3', [cluster()]);
  await harness.until(() => harness.store.clusters.size === 1);
});

t.test('unknown fields of dynamic resources', async (t) => {
  for (const allowed of [false, true]) {
    const harness = new Harness(allowed);
    t.teardown(() => harness.end());
    harness.write('cds.json', 'cluster', '1', [cluster({ colour: 'red' })]);
    await harness.start({ dynamic_resources: { cds_config: file(harness.path('cds.json')) } });
    t.equal(harness.store.clusters.size, allowed ? 1 : 0);
    t.match(harness.lines, [/cds.json: resources\[0\].colour: unknown field/]);
  }
});

t.test('a large file is compiled by a thread', async (t) => {
  const harness = new Harness();
  t.teardown(() => harness.end());
  const many = Array.from({ length: 6000 }, (_none, index) =>
    cluster({ name: `c${index}`, load_assignment: loadAssignment(`c${index}`) }));
  harness.write('cds.json', 'cluster', '1', many, { canary: false, nonce: 'n'.repeat(500_000) });
  await harness.start({ dynamic_resources: { cds_config: file(harness.path('cds.json')) } });
  t.equal(harness.store.clusters.size, 6000);
});
