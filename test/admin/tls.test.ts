// What the admin server shows of TLS, as Envoy 1.40 shows it: /certs, secrets in the dump, statistics and their labels.
import t from 'tap';
import type { CertificateFacts } from '../../src/config/certificates.js';
import { TlsStat } from '../../src/telemetry/schema.js';
import { clusterScope } from '../../src/telemetry/scopes.js';
import type { ClusterConfig } from '../../src/config/types.js';
import { ResourceRecord } from '../../src/xds/store.js';
import { ask, FakeBackend, map, startAdmin } from './fixture.js';
import { freePort } from '../support/ports.js';

const PORT = await freePort();
const backend = new FakeBackend();
const { statistics } = backend;
const server = await startAdmin(backend, PORT);
t.teardown(() => server.close());

const DAY_MS = 86_400_000;
const facts = (more: Partial<CertificateFacts> = {}): CertificateFacts => ({ path: '/tmp/cert.pem', serial: '47f9d6e1',
  altNames: [{ type: 'dns', value: 'example.com' }, { type: 'uri', value: 'spiffe://td/x' },
    { type: 'ip', value: '10.0.0.1' }, { type: 'email', value: 'a@b.c' }],
  validFromMs: Date.UTC(2026, 0, 2, 3, 4, 5), validToMs: Date.now() + 3.5 * DAY_MS, ocsp: null, ...more });
const tls = { kind: 'upstream' } as never;
backend.addListener('l1', 10000, 'ingress');
backend.addCluster('c1', 3, [], 'static', { tls });
backend.addCluster('matched', 4, [], 'static', { transportSocketMatches: [{ tls }] } as never);
backend.addCluster('plain', 5, [], 'static', { tls: null, transportSocketMatches: null } as Partial<ClusterConfig>);
const listener = statistics.listenerTlsScope('127.0.0.1_10000');
const cluster = clusterScope(new Int32Array(backend.memory), map, 3, 'clusterTls');
backend.count(0, listener, TlsStat['ssl.handshake'], 2);
backend.count(1, listener, TlsStat['ssl.ciphers.ECDHE-ECDSA-AES128-GCM-SHA256'], 2);
backend.count(1, cluster, TlsStat['ssl.ciphers.ECDHE-ECDSA-AES128-GCM-SHA256'], 1);
backend.count(0, cluster, TlsStat['ssl.versions.TLSv1.2'], 1);
backend.count(0, cluster, TlsStat.upstream_context_secrets_not_ready, 4);
backend.store.subscription('sds.a.b.').update_success = 1;
statistics.addSource(() => [
  { name: 'listener.127.0.0.1_10000.server_ssl_socket_factory.ssl_context_update_by_sds', value: 2, type: 'counter' },
  { name: 'cluster.c1.ssl.certificate.x.y.expiration_unix_time_seconds', value: 1798278032, type: 'gauge' },
  { name: 'listener.named.ssl.certificate.z.expiration_unix_time_seconds', value: 1798278033, type: 'gauge' },
]);
const body = async (path: string): Promise<string> => (await ask(PORT, path)).body;
const lines = async (path: string): Promise<string[]> => (await body(path)).split('\n');

t.test('certificates', async (t) => {
  backend.inUse = [{ ca: facts({ path: null, altNames: [] }), chain: [facts()] }, { ca: null, chain: [] }];
  const shown = { path: '/tmp/cert.pem', serial_number: '47f9d6e1', subject_alt_names: [{ dns: 'example.com' },
    { uri: 'spiffe://td/x' }, { ip_address: '10.0.0.1' }], days_until_expiration: '3',
  valid_from: '2026-01-02T03:04:05Z', expiration_time: new Date(backend.inUse[0]!.chain[0]!.validToMs).toISOString()
    .replace('.000Z', 'Z') };
  t.same(JSON.parse(await body('/certs')), { certificates: [
    { ca_cert: [{ ...shown, path: '<inline>', subject_alt_names: [],
      expiration_time: new Date(backend.inUse[0]!.ca!.validToMs).toISOString().replace('.000Z', 'Z') }],
    cert_chain: [shown] }, { ca_cert: [], cert_chain: [] }] });
  t.ok((await lines('/stats')).includes('server.days_until_first_cert_expiring: 3'));
  backend.inUse = [];
  t.ok((await lines('/stats')).includes('server.days_until_first_cert_expiring: 4294967295'));
});

t.test('secrets in the dump', async (t) => {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  const inline = { certificate_chain: { inline_string: 'CHAIN' }, private_key: { inline_string: 'KEY-A' } };
  backend.add('secret', 'static one', {}, { name: 'one', tls_certificate: inline });
  backend.add('secret', 'static keys', {}, { name: 'keys',
    session_ticket_keys: { keys: [{ inline_string: 'KEY-B' }] } });
  backend.add('secret', 'sds "two" /x', {}, { name: 'two', tls_certificate: { ...inline, password:
    { inline_bytes: 'S0VZLUM=' } } }, 'dynamic');
  backend.store.apply([{ kind: 'secret', name: 'own certificate 123', record: new ResourceRecord('secret', {
    name: 'own certificate 123', origin: 'static', owner: null, configJson: '{}', wireJson: '', hash: '',
    versionInfo: '', lastUpdatedMs: 0 }) }]);
  backend.store.reject('secret', 'sds "two" /x', { details: 'why', versionInfo: 'v2', lastUpdateAttemptMs: 0 });
  backend.store.reject('secret', 'sds "three four" /x', { details: 'why not', versionInfo: '',
    lastUpdateAttemptMs: 0 });
  const text = await body('/config_dump');
  t.notMatch(text, /KEY-|S0VZLUM/);
  const secrets = (JSON.parse(text).configs as { [field: string]: any }[]).at(-1)!;
  t.match(secrets.static_secrets, [{ name: 'one', last_updated: '2026-01-03T00:00:00.000Z', secret: { '@type': type,
    name: 'one', tls_certificate: { certificate_chain: { inline_string: 'CHAIN' },
      private_key: { inline_string: '[redacted]' } } } },
  { name: 'keys', secret: { session_ticket_keys: { keys: [{ inline_string: '[redacted]' }] } } }]);
  t.equal(secrets.static_secrets.length, 2);
  t.match(secrets.dynamic_active_secrets, [{ name: 'two', version_info: 'v1', error_state: { details: 'why',
    version_info: 'v2', failed_configuration: { '@type': type, name: 'two' } } }]);
  t.match(secrets.dynamic_warming_secrets, [{ name: 'three four', error_state: { details: 'why not',
    failed_configuration: { name: 'three four' } } }]);
});

t.test('statistics', async (t) => {
  const all = await lines('/stats');
  for (const line of ['listener.127.0.0.1_10000.ssl.handshake: 2', 'listener.127.0.0.1_10000.ssl.fail_verify_san: 0',
    'listener.127.0.0.1_10000.ssl.ciphers.ECDHE-ECDSA-AES128-GCM-SHA256: 2',
    'listener.127.0.0.1_10000.server_ssl_socket_factory.downstream_context_secrets_not_ready: 0',
    'listener.127.0.0.1_10000.server_ssl_socket_factory.ssl_context_update_by_sds: 2',
    'cluster.c1.client_ssl_socket_factory.upstream_context_secrets_not_ready: 4',
    'cluster.c1.ssl.versions.TLSv1.2: 1', 'cluster.matched.ssl.handshake: 0', 'sds.a.b.update_success: 1'])
    t.ok(all.includes(line), line);
  t.same(all.filter((line) => /ssl\.(ciphers|curves|sigalgs|versions)\./.test(line)).length, 3,
    'once they were counted');
  t.same(all.filter((line) => /^cluster\.plain\..*ssl/.test(line)), [], 'a cluster without TLS has none');
  const used = await lines('/stats?usedonly&filter=ssl.');
  t.ok(used.includes('cluster.c1.ssl.versions.TLSv1.2: 1'));
  t.notOk(used.some((line) => line.startsWith('cluster.matched.')));
});

t.test('labels', async (t) => {
  const all = await lines('/stats/prometheus');
  const address = 'envoy_listener_address="127.0.0.1_10000"';
  for (const line of [`envoy_listener_ssl_handshake{${address}} 2`,
    `envoy_listener_ssl_ciphers{envoy_ssl_cipher="ECDHE-ECDSA-AES128-GCM-SHA256",${address}} 2`,
    'envoy_cluster_ssl_ciphers{cipher_suite="ECDHE-ECDSA-AES128-GCM-SHA256",envoy_cluster_name="c1"} 1',
    'envoy_cluster_ssl_versions{envoy_ssl_version="TLSv1.2",envoy_cluster_name="c1"} 1',
    'envoy_cluster_client_ssl_socket_factory_upstream_context_secrets_not_ready{envoy_cluster_name="c1"} 4',
    `envoy_listener_server_ssl_socket_factory_ssl_context_update_by_sds{${address}} 2`,
    'envoy_cluster_ssl_certificate_expiration_unix_time_seconds{envoy_tls_certificate="x.y",envoy_cluster_name="c1"} '
      + '1798278032',
    'envoy_listener_named_ssl_certificate_expiration_unix_time_seconds{envoy_tls_certificate="z"} 1798278033',
    'envoy_sds_update_success{envoy_xds_resource_name="a.b"} 1']) t.ok(all.includes(line), line);
  const types = all.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
  t.equal(new Set(types).size, types.length, 'each metric is in one place');
});
