// Active health checks go the way of requests: over the cluster's transport socket, with its certificates and its rules
// about whom to believe. Each way of being wrong makes the endpoint unhealthy. The same tests run on Envoy
// (WEFT_TEST_KINDS=envoy).
import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import t from 'tap';
import type { ClusterSpec } from '../support/bootstrap.js';
import { issue, revocationList, root, type Issued } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';
import { HANG_MS } from '../support/hang.js';

const onEnvoy = process.env.WEFT_TEST_KINDS === 'envoy';
const TYPE = 'type.googleapis.com/envoy.extensions.';
const inline = (text: string) => ({ inline_string: text });
const authority = root(), stranger = root('Another root');
const names = ['DNS:good.test', 'URI:spiffe://td/good'];
const good = issue({ name: 'good', issuer: authority, sans: names });
const foreign = issue({ name: 'good', issuer: stranger, sans: names });
const day = 86_400_000;
const expired = issue({ name: 'good', issuer: authority, sans: names, notBefore: new Date(Date.now() - 9 * day),
  notAfter: new Date(Date.now() - day) });
const signing = issue({ name: 'good', issuer: authority, sans: names, keyUsage: 0x04, keyType: 'rsa' });
const client = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://td/client'] });
const trusted_ca = inline(authority.certPem);
const spki = (of: Issued) => createHash('sha256').update(of.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');
const certificateOf = (of: Issued) => ({ certificate_chain: inline(of.chainPem), private_key: inline(of.keyPem) });

const folder = mkdtempSync(join(tmpdir(), 'weft-health-tls-'));
const secretFile = join(folder, 'secrets.json');
function writeRoot(of: Issued): void {
  writeFileSync(`${secretFile}.new`, JSON.stringify({ version_info: of.name, resources: [{
    '@type': `${TYPE}transport_sockets.tls.v3.Secret`, name: 'roots',
    validation_context: { trusted_ca: inline(of.certPem) } }] }));
  renameSync(`${secretFile}.new`, secretFile);
}
const sds = (name: string) => ({ name, sds_config: { path_config_source: { path: secretFile },
  resource_api_version: 'V3' } });

/** What servers saw of the last handshake. */
const seen: { [server: string]: { alpn: string | false | null; name: string | false | undefined; count: number } } = {};
const servers: Server[] = [];
async function listen(name: string, server: Server): Promise<number> {
  servers.push(server);
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    seen[name] = { alpn: socket.alpnProtocol, name: socket.servername, count: (seen[name]?.count ?? 0) + 1 };
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return (server.address() as AddressInfo).port;
}
const identity = (of: Issued): TlsOptions => ({ cert: of.chainPem, key: of.keyPem });
const https = (name: string, of: Issued, more: TlsOptions = {}): Promise<number> => listen(name,
  createServer({ ...identity(of), ...more }, (request, response) => {
    response.end(`${request.method} ${request.url}`);
  }));

async function grpcServer(): Promise<{ server: GrpcServer; port: number }> {
  const server = new GrpcServer();
  server.addService({ Check: { path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes, requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes, responseDeserialize: (bytes: Buffer) => bytes } }, {
    Check: (call: { request: Buffer; metadata: { get(name: string): unknown[] } },
      done: (error: null, answer: Buffer) => void) => {
      const asked = call.request.toString('latin1', 2) === 'a.service' && call.metadata.get('x-sent')[0] === 'yes';
      done(null, Buffer.from([8, asked ? 1 : 2]));
    } });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(Buffer.from(authority.certPem),
      [{ cert_chain: Buffer.from(good.chainPem), private_key: Buffer.from(good.keyPem) }], true),
    (error, bound) => error === null ? resolve(bound) : reject(error));
  });
  return { server, port };
}

const secure = (validation: object | null, more: object = {}, context: object = {}) => ({
  name: 'envoy.transport_sockets.tls', typed_config: {
    '@type': `${TYPE}transport_sockets.tls.v3.UpstreamTlsContext`, ...context, common_tls_context: { ...more,
      ...validation === null ? {} : { validation_context: { trusted_ca, ...validation } } } } });
const uri = (exact: string) => ({ match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact } }] });
const quick = { timeout: '2s', interval: '0.05s', no_traffic_interval: '0.05s', unhealthy_threshold: 1,
  healthy_threshold: 1 };
const check = (more: object = {}, request: object = {}) =>
  ({ health_checks: [{ ...quick, http_health_check: { path: '/ok', ...request }, ...more }] });
const over = (transport_socket: object, checks: object = check()) => ({ ...checks, transport_socket });
const http2 = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
  '@type': `${TYPE}upstreams.http.v3.HttpProtocolOptions`, explicit_http_config: { http2_protocol_options: {} } } } };
const isHttp2 = { codec_client_type: 'HTTP2' };
const tcp = (more: object = {}) => ({ health_checks: [{ ...quick, tcp_health_check: more }] });
const hex = (text: string) => ({ text: Buffer.from(text).toString('hex') });
const talk = tcp({ send: hex('GET /ok HTTP/1.1\r\nhost: a\r\n\r\n'), receive: [hex('GET /ok')] });
const grpc = { health_checks: [{ ...quick, grpc_health_check: { service_name: 'a.service', authority: 'health.test',
  initial_metadata: [{ header: { key: 'x-sent', value: 'yes' } }] } }] };

const ports = { good: await https('good', good), foreign: await https('foreign', foreign),
  expired: await https('expired', expired), named: await https('named', good, { ALPNProtocols: ['weft', 'http/1.1'] }),
  signing: await https('signing', signing),
  mtls: await https('mtls', good, { ca: authority.certPem, requestCert: true, rejectUnauthorized: true }),
  http2: await listen('http2', createSecureServer({ ...identity(good), allowHTTP1: false }, (request, response) => {
    if (request.scheme !== 'https') response.writeHead(500);
    response.end();
  })) };
const health = await grpcServer();
t.teardown(() => {
  for (const server of servers) {
    server.close();
    (server as { closeAllConnections?(): void }).closeAllConnections?.();
  }
  health.server.forceShutdown();
  rmSync(folder, { recursive: true });
});

const pool = (name: string, port: number, fields: object): ClusterSpec => ({ name, ports: [port],
  fields: { common_lb_config: { update_merge_window: '0s' }, ...fields } });
const withMatches = (name: string, port: number, fields: object, metadata: object): ClusterSpec => pool(name, port, {
  ...fields, load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ metadata: { filter_metadata: {
    'envoy.transport_socket_match': metadata } }, endpoint: { address: { socket_address: { address: '127.0.0.1',
    port_value: port } } } }] }] } });
const matches = { transport_socket_matches: [
  { name: 'tls', match: { mtls: true }, transport_socket: secure({}, { tls_certificates: [certificateOf(client)] }) },
  { name: 'plain', match: { plain: true }, transport_socket: { name: 'envoy.transport_sockets.raw_buffer',
    typed_config: { '@type': `${TYPE}transport_sockets.raw_buffer.v3.RawBuffer` } } }] };
const withCertificate = { tls_certificates: [certificateOf(client)] };
const byFile = { name: 'envoy.transport_sockets.tls', typed_config: {
  '@type': `${TYPE}transport_sockets.tls.v3.UpstreamTlsContext`, common_tls_context: {
    validation_context_sds_secret_config: sds('roots') } } };
const crl = (revoked: Issued[]) => ({ crl: inline(revocationList(authority, revoked)) });

const healthy: ClusterSpec[] = [
  pool('unverified', ports.foreign, over(secure(null))),
  pool('trusted', ports.good, over(secure({}))),
  pool('named', ports.good, over(secure(uri('spiffe://td/good'), {}, { sni: 'good.test' }))),
  pool('pinned', ports.good, over(secure({ verify_certificate_spki: [spki(good)] }))),
  pool('listed', ports.good, over(secure(crl([])))),
  pool('untrusted', ports.foreign, over(secure({ trust_chain_verification: 'ACCEPT_UNTRUSTED',
    ...uri('spiffe://td/good') }))),
  pool('mutual', ports.mtls, over(secure({}, withCertificate))),
  pool('mutual12', ports.mtls, over(secure({}, { ...withCertificate,
    tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } }))),
  pool('kept', ports.named, over(secure({}, {}, { sni: 'good.test' }),
    check({ tls_options: { alpn_protocols: ['weft'] } }))),
  pool('http2', ports.http2, { ...over(secure({}, { alpn_protocols: ['h2'] }), check({}, isHttp2)), ...http2 }),
  pool('grpc', health.port, { ...over(secure({}, { ...withCertificate, alpn_protocols: ['h2'] }), grpc), ...http2 }),
  pool('tcp', ports.good, over(secure({}), tcp())),
  pool('talk', ports.good, over(secure({}), talk)),
  withMatches('matched', ports.mtls, { ...over(secure({})), ...matches }, { mtls: true }),
  withMatches('asked', ports.mtls, { ...over(secure({}), check({ transport_socket_match_criteria: { mtls: true } })),
    ...matches }, { plain: true }),
];
const unhealthy: ClusterSpec[] = [
  pool('plain', ports.good, check()),
  pool('foreign', ports.foreign, over(secure({}))),
  pool('misnamed', ports.good, over(secure(uri('spiffe://td/other')))),
  pool('mispinned', ports.good, over(secure({ verify_certificate_spki: [spki(foreign)] }))),
  pool('revoked', ports.good, over(secure(crl([good])))),
  pool('expired', ports.expired, over(secure({}))),
  pool('misused', ports.signing, over(secure({}))),
  pool('nameless', ports.mtls, over(secure({}))),
  pool('nameless12', ports.mtls, over(secure({}, { tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } }))),
  pool('http2-foreign', ports.http2, { ...over(secure(uri('spiffe://td/other'), { alpn_protocols: ['h2'] }),
    check({}, isHttp2)), ...http2 }),
  pool('grpc-nameless', health.port, { ...over(secure({}, { alpn_protocols: ['h2'] }), grpc), ...http2 }),
  pool('tcp-foreign', ports.foreign, over(secure({}), tcp())),
  pool('talk-foreign', ports.foreign, over(secure({}), talk)),
  withMatches('unmatched', ports.mtls, { ...over(secure({})), ...matches }, { other: true }),
  withMatches('asked-plain', ports.good, { ...over(secure({}), check({ transport_socket_match_criteria: {
    plain: true } })), ...matches }, { mtls: true }),
];
const rotating = pool('rotating', ports.good, over(byFile));
const missing = pool('missing', ports.good, over({ name: 'envoy.transport_sockets.tls', typed_config: {
  '@type': `${TYPE}transport_sockets.tls.v3.UpstreamTlsContext`, common_tls_context: {
    validation_context_sds_secret_config: sds('absent') } } }));

t.test('health checks over TLS', (t) => forEachProxy(t, {
  upstreams: ['a'], listeners: [{ name: 'main', routes: [] }],
  bootstrap: { node: { id: 'checks', cluster: 'checks' } },
  more: () => {
    writeRoot(stranger);                        // before each proxy starts
    return [...healthy, ...unhealthy, rotating, ...(onEnvoy ? [] : [missing])];
  },
}, async (t, { proxy }) => {
  const stat = (cluster: string, name: string) => proxy.stat(`cluster.${cluster}.health_check.${name}`);
  const until = async (cluster: string, name: string, least: number): Promise<number> => {
    let value = 0;
    for (const end = Date.now() + HANG_MS; value < least && Date.now() < end; await sleep(10))
      value = await stat(cluster, name);
    return value;
  };
  for (const { name } of healthy) {
    await t.test(`${name}: healthy`, async (t) => {
      t.ok(await until(name, 'success', 2) >= 2);
      t.equal(await stat(name, 'failure'), 0);
      t.equal(await stat(name, 'healthy'), 1);
    });
  }
  for (const { name } of unhealthy) {
    await t.test(`${name}: not healthy`, async (t) => {
      t.ok(await until(name, 'failure', 2) >= 2);
      t.equal(await stat(name, 'success'), 0);
      t.equal(await stat(name, 'network_failure') > 0, true);
      t.equal(await stat(name, 'healthy'), 0);
    });
  }
  await t.test('what is offered and kept', async (t) => {
    t.same(seen.named, { alpn: 'weft', name: 'good.test', count: seen.named!.count });
    const { count } = seen.named!;
    const checks = await stat('kept', 'success');
    await until('kept', 'success', checks + 3);
    t.equal(seen.named!.count, count, 'one connection for all checks');
  });
  await t.test('another root', async (t) => {
    t.ok(await until('rotating', 'failure', 1) >= 1);
    t.equal(await stat('rotating', 'success'), 0);
    writeRoot(authority);
    t.ok(await until('rotating', 'success', 1) >= 1);
    t.equal(await stat('rotating', 'healthy'), 1);
  });
  if (!onEnvoy) await t.test('a secret that is missing', async (t) => {
    t.ok(await until('missing', 'failure', 2) >= 2);
    t.equal(await stat('missing', 'success'), 0);
  });
}));
