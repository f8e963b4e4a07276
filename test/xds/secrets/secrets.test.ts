// Secrets while the process runs: SDS by file, files that change under a name, who shares what, what is kept when a new
// version is wrong, and how it is counted and shown.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { CertificateContents } from '../../../src/config/tls.js';
import { CompilePool } from '../../../src/xds/compile-pool.js';
import { FileConfiguration } from '../../../src/xds/file-configuration.js';
import { daysUntilFirstExpires, secretStatistics } from '../../../src/xds/secrets/statistics.js';
import { ConfigStore, resourceTypeUrls } from '../../../src/xds/store.js';
import { issue, root } from '../../support/certificates.js';
import type { Issued } from '../../support/certificates.js';
import { bootstrap, cluster, compile, listener, typeUrl } from '../examples.js';
import type { Tree } from '../examples.js';

const WAIT_MS_MAX = 10_000;
const ca = root();
const leaf = (name: string, days = 30): Issued => issue({ name, issuer: ca, sans: [`DNS:${name}.example`],
  notAfter: new Date(Date.now() + days * 86_400_000 + 60_000) });

class Harness {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-sds-'));
  readonly store = new ConfigStore();
  readonly pool = new CompilePool();
  readonly lines: string[] = [];
  readonly batches: string[][] = [];
  readonly configuration: FileConfiguration;

  constructor(tls = true) {
    const keep = (text: string) => { this.lines.push(text); };
    this.configuration = new FileConfiguration({ store: this.store, pool: this.pool, allowUnknownFields: false, tls,
      log: { info: keep, warn: keep } });
    this.store.onChange((changes) => this.batches.push(changes.map(({ kind, name, record, previous }) =>
      `${record === null ? '-' : previous === null ? '+' : '~'}${kind} ${name}`)));
  }

  path(name: string): string { return join(this.directory, name); }
  /** Put in place by an atomic rename. */
  write(name: string, text: string): string {
    writeFileSync(this.path(`${name}.tmp`), text);
    renameSync(this.path(`${name}.tmp`), this.path(name));
    return this.path(name);
  }
  sds(name: string, version: string, ...secrets: Tree[]): string {
    return this.write(name, JSON.stringify({ version_info: version,
      resources: secrets.map((secret) => ({ '@type': resourceTypeUrls.secret, ...secret })) }));
  }
  collection(name: string, kind: 'listener' | 'cluster', ...resources: Tree[]): string {
    return this.write(name, JSON.stringify({ version_info: '1',
      resources: resources.map((resource) => ({ '@type': resourceTypeUrls[kind], ...resource })) }));
  }
  async start(tree: Tree): Promise<void> {
    const compiled = compile(tree);
    if (!compiled.ok) throw new Error(compiled.errors.join('\n'));
    await this.configuration.start(compiled.bootstrap, compiled.resources);
  }
  async until(condition: () => boolean): Promise<void> {
    const end = Date.now() + WAIT_MS_MAX;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`it did not come to pass; ${this.lines.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  get names(): string[] { return [...this.store.records.secret.keys()]; }
  certificate(name: string): CertificateContents {
    return this.store.records.secret.get(name)!.config as CertificateContents;
  }
  statistics(): { [name: string]: number | string } {
    return Object.fromEntries([...secretStatistics(this.configuration.secrets), ...this.store.statistics()]
      .map(({ name, value }) => [name, value]));
  }
  async end(): Promise<void> {
    await this.configuration.close();
    await this.pool.close();
    rmSync(this.directory, { recursive: true });
  }
}

const inline = (text: string): Tree => ({ inline_string: text });
const certificateSecret = (name: string, issued: Issued): Tree => ({ name, tls_certificate: {
  certificate_chain: inline(issued.chainPem), private_key: inline(issued.keyPem) } });
const tls = (kind: 'Downstream' | 'Upstream', common: Tree): Tree => ({ name: 'tls', typed_config:
  { '@type': typeUrl(`envoy.extensions.transport_sockets.tls.v3.${kind}TlsContext`), common_tls_context: common } });
function server(common: Tree, more: Tree = {}): Tree {
  const plain = listener(more);
  return { ...plain, filter_chains: [{ ...(plain.filter_chains as Tree[])[0],
    transport_socket: tls('Downstream', common) }] };
}
const reference = (name: string, path: string, watched?: string): Tree => ({ name, sds_config: { path_config_source:
  { path, ...(watched === undefined ? {} : { watched_directory: { path: watched } }) } } });

t.test('SDS by file: the first version comes with the listener, later ones change the secret alone', async (t) => {
  const h = new Harness();
  const path = h.sds('sds.json', 'v1', certificateSecret('front', leaf('one')), { name: 'roots',
    validation_context: { trusted_ca: inline(ca.certPem) } });
  const name = `sds "front" ${path}`;
  await h.start(bootstrap([server({ tls_certificate_sds_secret_configs: [reference('front', path)],
    validation_context_sds_secret_config: reference('roots', path) })]));
  t.match(h.batches, [/./], 'one batch');
  t.same(h.batches[0].filter((line) => line.includes('secret')), [`+secret ${name}`, `+secret sds "roots" ${path}`]);
  t.same(h.certificate(name).serverNames, ['one.example']);
  t.match(h.statistics(), { 'sds.front.update_success': 1, 'sds.roots.update_success': 1,
    'sds.front.version_text': 'v1',
    'sds.front.key_rotation_failed': 0,
    'listener.127.0.0.1_21010.server_ssl_socket_factory.ssl_context_update_by_sds': 2 });
  h.batches.length = 0;
  h.sds('sds.json', 'v2', certificateSecret('front', leaf('two')), { name: 'roots',
    validation_context: { trusted_ca: inline(ca.certPem) } });
  await h.until(() => h.batches.length > 0);
  t.same(h.batches, [[`~secret ${name}`]], 'and not the one that is the same');
  t.same(h.certificate(name).serverNames, ['two.example']);
  t.match(h.statistics(), { 'sds.front.update_success': 2, 'sds.roots.update_success': 2,
    'listener.127.0.0.1_21010.server_ssl_socket_factory.ssl_context_update_by_sds': 3 });
  t.match(h.store.records.secret.get(name), { origin: 'dynamic', versionInfo: 'v2' });
  await h.end();
});

t.test('a bad version keeps the last good one, and is counted and told', async (t) => {
  const h = new Harness();
  const path = h.sds('sds.json', 'v1', certificateSecret('front', leaf('one')));
  const name = `sds "front" ${path}`;
  await h.start(bootstrap([server({ tls_certificate_sds_secret_configs: [reference('front', path)] })]));
  const { private_key } = certificateSecret('', leaf('other')).tls_certificate as Tree;
  const good = certificateSecret('front', leaf('two'));
  h.sds('sds.json', 'v2', { ...good, tls_certificate: { ...good.tls_certificate as Tree, private_key } });
  await h.until(() => h.statistics()['sds.front.update_rejected'] === 1);
  t.same(h.certificate(name).serverNames, ['one.example']);
  t.match(h.store.errorState('secret', name), { versionInfo: 'v2', details: /is not the key of the certificate/ });
  t.match(h.lines.join('\n'), /secret front: the newest version is refused, the last good one stays/);
  t.notMatch(JSON.stringify([h.lines, h.store.errorState('secret', name)]), /PRIVATE KEY/);
  h.sds('sds.json', 'v3', { name: 'front', validation_context: { trusted_ca: inline(ca.certPem) } });
  await h.until(() => h.statistics()['sds.front.update_rejected'] === 2);
  t.match(h.store.errorState('secret', name)!.details, /it is a validation context, and used as a certificate/);
  h.write('sds.json', '{');
  await h.until(() => h.statistics()['sds.front.update_failure'] === 1);
  h.sds('sds.json', 'v4');
  await h.until(() => h.statistics()['sds.front.update_failure'] === 2);
  t.match(h.store.errorState('secret', name)!.details, /does not contain it/);
  h.sds('sds.json', 'v5', certificateSecret('front', leaf('three')));
  await h.until(() => h.certificate(name).serverNames[0] === 'three.example');
  t.equal(h.store.errorState('secret', name), null);
  await h.end();
});

t.test('one Secret may be a file of its own, as YAML, and its first version may be bad', async (t) => {
  const h = new Harness();
  const path = h.write('secret.yaml', 'name: front\ntls_certificate: {}\n');
  const name = `sds "front" ${path}`;
  await h.start(bootstrap([server({ tls_certificate_sds_secret_configs: [reference('front', path)] })]));
  t.same(h.names, [], 'the listener is there, its secret is not yet');
  t.ok(h.store.listeners.has('front'));
  t.match(h.store.errorState('secret', name)!.details, /certificate_chain: required/);
  const issued = leaf('one');
  h.write('front.pem', issued.chainPem);
  h.write('front.key', issued.keyPem);
  h.write('secret.yaml', `name: front\ntls_certificate:\n  certificate_chain: { filename: ${h.path('front.pem')} }\n`
    + `  private_key: { filename: ${h.path('front.key')} }\n`);
  await h.until(() => h.names.length > 0);
  t.same(h.certificate(name).serverNames, ['one.example']);
  await h.end();
});

t.test('files of a secret of SDS are read again when they change, without a new version of it', async (t) => {
  const h = new Harness();
  const mount = (version: string, issued: Issued): void => {
    mkdirSync(h.path(`..${version}`));
    writeFileSync(h.path(`..${version}/tls.crt`), issued.chainPem);
    writeFileSync(h.path(`..${version}/tls.key`), issued.keyPem);
    symlinkSync(`..${version}`, h.path('..data_tmp'));
    renameSync(h.path('..data_tmp'), h.path('..data'));
  };
  mount('1', leaf('one'));
  symlinkSync('..data/tls.crt', h.path('tls.crt'));
  symlinkSync('..data/tls.key', h.path('tls.key'));
  const path = h.sds('sds.json', 'v1', { name: 'front', tls_certificate: { certificate_chain:
    { filename: h.path('tls.crt') }, private_key: { filename: h.path('tls.key') },
  watched_directory: { path: h.directory } } });
  const name = `sds "front" ${path}`;
  await h.start(bootstrap([server({ tls_certificate_sds_secret_configs: [reference('front', path)] })]));
  t.same(h.certificate(name).serverNames, ['one.example']);
  mount('2', leaf('two'));
  await h.until(() => h.certificate(name).serverNames[0] === 'two.example');
  t.equal(h.statistics()['sds.front.update_attempt'], 1);
  t.equal(h.statistics()['listener.127.0.0.1_21010.server_ssl_socket_factory.ssl_context_update_by_sds'], 2);
  h.write('tls.key', leaf('other').keyPem);
  await h.until(() => h.statistics()['sds.front.key_rotation_failed'] === 1);
  t.same(h.certificate(name).serverNames, ['two.example'], 'the pair that fits stays');
  const third = leaf('three');
  h.write('tls.key', third.keyPem);
  h.write('tls.crt', third.chainPem);
  await h.until(() => h.certificate(name).serverNames[0] === 'three.example');
  await h.end();
});

t.test('files that a context names itself are read again as well', async (t) => {
  const h = new Harness();
  const [one, two] = [leaf('one'), leaf('two')];
  const [chain, key] = [h.write('a.pem', one.chainPem), h.write('a.key', one.keyPem)];
  await h.start(bootstrap([server({ tls_certificates: [{ certificate_chain: { filename: chain },
    private_key: { filename: key } }] })]));
  const [name] = h.names;
  t.same(h.certificate(name).serverNames, ['one.example']);
  h.batches.length = 0;
  h.write('a.pem', two.chainPem);
  h.write('a.key', two.keyPem);
  await h.until(() => h.certificate(name).serverNames[0] === 'two.example');
  t.same(h.batches, [[`~secret ${name}`]], 'under the same name: the listener is as it was');
  t.match(h.lines.join('\n'), new RegExp(`certificate of ${chain} and ${key}: new contents`));
  t.same(h.store.records.secret.get(name)!.wireJson(), '', 'it is not shown apart from its context');
  await h.end();
});

t.test('clusters of one root share a secret; it goes with the last of them', async (t) => {
  const h = new Harness();
  const roots = h.write('roots.pem', ca.certPem);
  const many = (count: number): Tree[] => Array.from({ length: count }, (_, index) => cluster({ name: `c${index}`,
    transport_socket: tls('Upstream', { validation_context: { trusted_ca: { filename: roots },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: `spiffe://td/${index}` } }] } }) }));
  const path = h.collection('cds.json', 'cluster', ...many(50));
  await h.start({ node: { id: 'n', cluster: 'c' },
    dynamic_resources: { cds_config: { path_config_source: { path } } } });
  t.equal(h.names.length, 1);
  t.same([...h.configuration.secrets.certificates()].length, 1, 'and are listed once');
  h.collection('cds.json', 'cluster', ...many(1));
  await h.until(() => h.store.clusters.size === 1);
  t.equal(h.names.length, 1);
  h.collection('cds.json', 'cluster');
  await h.until(() => h.store.clusters.size === 0);
  t.same(h.names, []);
  await h.end();
});

t.test('a dynamic resource whose secrets are wrong is refused, and the one before stays', async (t) => {
  const h = new Harness();
  const issued = leaf('one');
  const [chain, key] = [h.write('a.pem', issued.chainPem), h.write('a.key', issued.keyPem)];
  const good = server({ tls_certificates: [{ certificate_chain: { filename: chain },
    private_key: { filename: key } }] });
  const path = h.collection('lds.json', 'listener', good);
  const { static_resources } = bootstrap([]);
  await h.start({ node: { id: 'n', cluster: 'c' }, static_resources: { ...static_resources as Tree,
    secrets: [{ name: 'roots', validation_context: { trusted_ca: inline(ca.certPem) } }] },
  dynamic_resources: { lds_config: { path_config_source: { path } } } });
  const [, name] = h.names;
  h.collection('lds.json', 'listener', server({ tls_certificate_sds_secret_configs: [{ name: 'roots' }] }));
  await h.until(() => h.store.errorState('listener', 'front') !== null);
  t.match(h.store.errorState('listener', 'front')!.details,
    /secret 'roots' is a validation context, not a certificate/);
  h.collection('lds.json', 'listener', server({ tls_certificate_sds_secret_configs: [{ name: 'none' }] }));
  await h.until(() => /none/.test(h.store.errorState('listener', 'front')!.details));
  t.match(h.store.errorState('listener', 'front')!.details, /unknown secret 'none'/);
  t.same(h.certificate(name).serverNames, ['one.example'], 'and its secret with it');
  await h.end();
});

t.test('two sources of one name are two secrets', async (t) => {
  const h = new Harness();
  const [a, b] = [h.sds('a.json', '1', certificateSecret('front', leaf('one'))),
    h.sds('b.json', '1', certificateSecret('front', leaf('two')))];
  await h.start(bootstrap([server({ tls_certificate_sds_secret_configs: [reference('front', a), reference('front',
    b)] })]));
  t.same([a, b].map((path) => h.certificate(`sds "front" ${path}`).serverNames[0]), ['one.example', 'two.example']);
  await h.end();
});

t.test('what is shown: certificates of each context, days, and dumps without keys', async (t) => {
  const h = new Harness();
  const issued = leaf('one', 7);
  const [chain, key] = [h.write('a.pem', issued.chainPem), h.write('a.key', issued.keyPem)];
  const path = h.sds('sds.json', 'v1', { name: 'front', tls_certificate: { certificate_chain: { filename: chain },
    private_key: { filename: key }, password: inline('word') } }, { name: 'roots',
    validation_context: { trusted_ca: inline(ca.certPem) } }, { name: 'keys', session_ticket_keys:
      { keys: [inline('k'.repeat(80))] } });
  const front = server({ tls_certificate_sds_secret_configs: [reference('front', path)],
    validation_context_sds_secret_config: reference('roots', path) });
  const chains = front.filter_chains as Tree[];
  ((chains[0].transport_socket as Tree).typed_config as Tree).session_ticket_keys_sds_secret_config
    = reference('keys', path);
  await h.start(bootstrap([front]));
  const { secrets } = h.configuration;
  t.match([...secrets.certificates()], [{ ca: { path: null, serial: ca.serial.toString('hex') },
    chain: [{ path: chain, serial: issued.serial.toString('hex') }] }]);
  t.equal(daysUntilFirstExpires(secrets, Date.now()), 7);
  const expiration = 'listener.127.0.0.1_21010.ssl.certificate.front.expiration_unix_time_seconds';
  t.equal(h.statistics()[expiration], Date.parse(new X509Certificate(issued.certPem).validTo) / 1000);
  const shown = [...h.store.records.secret.values()].map((record) => JSON.parse(record.wireJson()) as Tree);
  t.match(shown, [{ name: 'front', tls_certificate: { certificate_chain: { inline_bytes:
    Buffer.from(issued.chainPem.trim()).toString('base64') },
  private_key: { inline_bytes: 'W3JlZGFjdGVkXQ==' }, password: { inline_bytes: 'W3JlZGFjdGVkXQ==' } } },
  { name: 'roots', validation_context: { trusted_ca: { inline_bytes: /./ } } },
  { name: 'keys', session_ticket_keys: { keys: [{ inline_bytes: 'W3JlZGFjdGVkXQ==' }] } }]);
  await h.end();
});

t.test('while workers do not speak it, TLS is refused', async (t) => {
  const h = new Harness(false);
  const path = h.collection('cds.json', 'cluster', cluster({ transport_socket: tls('Upstream', {}) }),
    cluster({ name: 'plain' }));
  await h.start({ node: { id: 'n', cluster: 'c' },
    dynamic_resources: { cds_config: { path_config_source: { path } } } });
  t.same([...h.store.clusters.keys()], ['plain']);
  t.match(h.store.errorState('cluster', 'backend')!.details, /not implemented: TLS/);
  await h.end();
});
