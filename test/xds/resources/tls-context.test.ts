// TLS of filter chains and clusters: Envoy's defaults, every field that is read, each refusal with its path, and the
// secrets that come out.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noValidation } from '../../../src/config/tls.js';
import type { DownstreamTls, UpstreamTls } from '../../../src/config/tls.js';
import type { ClusterConfig, ListenerConfig } from '../../../src/config/types.js';
import type { SecretUses } from '../../../src/xds/secrets/definition.js';
import { issue, ocspResponse, root } from '../../support/certificates.js';
import { bootstrap, cluster, compile, configOf, errorsOf, ipAddress, listener, temporaryDirectory,
  typeUrl }
  from '../examples.js';
import type { Tree } from '../examples.js';

const directory = temporaryDirectory();
const ca = root();
const leaf = issue({ name: 'leaf', issuer: ca, sans: ['DNS:a.b'] });
const file = (name: string, text: string): Tree => {
  writeFileSync(join(directory, name), text);
  return { filename: join(directory, name) };
};
const certFile = file('leaf.pem', leaf.chainPem), keyFile = file('leaf.key', leaf.keyPem),
  caFile = file('ca.pem', ca.certPem);
const certificate = { certificate_chain: certFile, private_key: keyFile };
const socket = (kind: 'Downstream' | 'Upstream', context: Tree): Tree => ({ name: 'tls', typed_config:
  { '@type': typeUrl(`envoy.extensions.transport_sockets.tls.v3.${kind}TlsContext`), ...context } });
const listenerWith = (context: Tree, more: Tree = {}): Tree => {
  const plain = listener();
  return { ...plain, filter_chains: [{ ...(plain.filter_chains as Tree[])[0], transport_socket: socket('Downstream',
    context), ...more }] };
};
const server = (common: Tree, more: Tree = {}): Tree => listenerWith({ common_tls_context:
  { tls_certificates: [certificate], ...common }, ...more });
const readServer = (common: Tree, more: Tree = {}): DownstreamTls =>
  configOf<ListenerConfig>(bootstrap([server(common, more)]), 'listener').filterChains[0].tls!;
const client = (context: Tree, more: Tree = {}): Tree => cluster({ transport_socket: socket('Upstream', context),
  ...more });
const readClient = (context: Tree, more: Tree = {}): UpstreamTls =>
  configOf<ClusterConfig>(bootstrap([], [client(context, more)]), 'cluster').tls!;
const CHAIN = 'static_resources.listeners[0].filter_chains[0].transport_socket.typed_config';
const SOCKET = 'static_resources.clusters[0].transport_socket.typed_config';
const short = (lines: string[]): string[] => lines.map((line) => line.replace(CHAIN, 'S').replace(SOCKET, 'C')
  .replaceAll(directory, 'D'));
const serverErrors = (common: Tree, more: Tree = {}): string[] =>
  short(errorsOf(bootstrap([server(common, more)])));
const clientErrors = (context: Tree, more: Tree = {}): string[] => short(errorsOf(bootstrap([], [client(context,
  more)])));
function uses(tree: Tree, kind: string): SecretUses {
  const result = compile(tree);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.resources.find((resource) => resource.kind === kind)!.secrets!;
}
const parameters = { minVersion: 0, maxVersion: 0, cipherSuites: [], curves: [], signatureAlgorithms: [] };

t.test('defaults of a server and of a client', async (t) => {
  t.match(readServer({}), { kind: 'downstream', requireClientCertificate: false,
    sessionTickets: { disabled: false, secret: null }, sessionTimeoutSeconds: 0,
    preferClientCiphers: false,
    common: { parameters, alpn: [], certificateSecrets: [/^own certificate [0-9a-f]{32}$/], validation: null,
      validationSecrets: [] } });
  t.same(readClient({}), { kind: 'upstream', sni: '', autoHostSni: false, autoSniSanValidation: false,
    maxSessionKeys: 1,
    common: { parameters, alpn: [], certificateSecrets: [], validation: null, validationSecrets: [] } });
  const plain = configOf<ListenerConfig>(bootstrap(), 'listener').filterChains[0];
  t.match(plain, { tls: null, transportSocketConnectTimeoutMs: 0 });
  const timed = listenerWith({ common_tls_context: { tls_certificates: [certificate] } },
    { transport_socket_connect_timeout: '3.5s' });
  t.equal(configOf<ListenerConfig>(bootstrap([timed]), 'listener').filterChains[0].transportSocketConnectTimeoutMs,
    3500);
});

t.test('everything that is said of a server', async (t) => {
  t.match(readServer({ alpn_protocols: ['h2', 'http/1.1'] }, { require_client_certificate: true,
    disable_stateless_session_resumption: true, disable_stateful_session_resumption: true, session_timeout: '600s',
    prefer_client_ciphers: true }), { requireClientCertificate: true,
    sessionTickets: { disabled: true }, sessionTimeoutSeconds: 600,
    preferClientCiphers: true, common: { alpn: ['h2', 'http/1.1'] } });
  const tickets = readServer({}, { session_ticket_keys: { keys: [{ inline_string: 'k'.repeat(80) }] } });
  t.match(tickets.sessionTickets, { disabled: false, secret: /^own ticketKeys / });
});

t.test('everything that is said of a client', async (t) => {
  const common_tls_context = { tls_certificates: [certificate], validation_context: { trusted_ca: caFile } };
  t.match(readClient({ common_tls_context, sni: 'a.b', max_session_keys: 0, enforce_rsa_key_usage: false,
    auto_host_sni: true, auto_sni_san_validation: true, allow_renegotiation: false }), { sni: 'a.b', maxSessionKeys: 0,
    autoHostSni: true, autoSniSanValidation: true });
});

t.test('parameters', async (t) => {
  const read = (tls_params: Tree) => readServer({ tls_params }).common.parameters;
  t.same(read({ tls_minimum_protocol_version: 'TLSv1_0', tls_maximum_protocol_version: 'TLSv1_3',
    cipher_suites: ['[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
      'ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA'],
    ecdh_curves: ['X25519', 'P-256:P-384'], signature_algorithms: ['ecdsa_secp256r1_sha256',
      'rsa_pss_rsae_sha256'] }), {
    minVersion: 0x0301, maxVersion: 0x0304, cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-AES256-GCM-SHA384', 'AES128-SHA'],
    curves: ['X25519', 'P-256', 'P-384'], signatureAlgorithms: ['ecdsa_secp256r1_sha256', 'rsa_pss_rsae_sha256'] });
  const errors = (tls_params: Tree) => serverErrors({ tls_params });
  const P = 'S.common_tls_context.tls_params';
  t.same(errors({ tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_2' }),
    [`${P}.tls_maximum_protocol_version: below tls_minimum_protocol_version`]);
  t.same(errors({ tls_maximum_protocol_version: 'TLSv1_1' }),
    [`${P}.tls_maximum_protocol_version: below TLSv1_2, which `
    + 'is the lowest while tls_minimum_protocol_version is not set']);
  t.same(errors({ cipher_suites: ['ECDHE-RSA-AES128-GCM-SHA256', 'NOT-A-CIPHER', 'TLS_AES_128_GCM_SHA256',
    '!aNULL'] }), [
    `${P}.cipher_suites[1]: 'NOT-A-CIPHER' is not a cipher suite that this OpenSSL knows`,
    `${P}.cipher_suites[2]: 'TLS_AES_128_GCM_SHA256' is a cipher suite of TLS 1.3: those are not configurable`,
    `${P}.cipher_suites[3]: '!aNULL' is not a cipher suite that this OpenSSL knows`]);
  t.same(errors({ ecdh_curves: ['P-256', 'P-255'], signature_algorithms: ['rsa_none'] }), [
    `${P}.ecdh_curves[1]: 'P-255' is not a curve that this OpenSSL knows`,
    `${P}.signature_algorithms[0]: 'rsa_none' is not a signature algorithm that this OpenSSL knows`]);
  t.same(errors({ compliance_policies: ['FIPS_202205'] }), [`${P}.compliance_policies: unknown field of `
    + 'envoy.extensions.transport_sockets.tls.v3.TlsParameters']);
});

t.test('what peers are held against', async (t) => {
  const pin = 'A'.repeat(43) + '=';
  const hash = 'AB'.repeat(32);
  const { common } = readServer({ validation_context: { trusted_ca: caFile, verify_certificate_spki: [pin],
    verify_certificate_hash: [hash, hash.replace(/..(?=.)/g, '$&:')], allow_expired_certificate: true,
    trust_chain_verification: 'ACCEPT_UNTRUSTED', only_verify_leaf_cert_crl: true, max_verify_depth: 4,
    match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://td/' } },
      { san_type: 'EMAIL', matcher: { exact: 'x', ignore_case: true } }],
    match_subject_alt_names: [{ suffix: '.b' }] } });
  t.same(common.validation, { ...noValidation, spkiPins: [pin], hashPins: [hash.toLowerCase(), hash.toLowerCase()],
    allowExpired: true, trustChainVerification: 'acceptUntrusted', onlyLeafCrl: true, maxDepth: 4, sanMatchers: [
      { type: 'uri', oid: '', matcher: { kind: 'prefix', value: 'spiffe://td/', ignoreCase: false } },
      { type: 'email', oid: '', matcher: { kind: 'exact', value: 'x', ignoreCase: true } },
      ...(['dns', 'uri', 'email', 'ip'] as const).map((type) => ({ type, oid: '',
        matcher: { kind: 'suffix', value: '.b', ignoreCase: false } }))] }, 'rules stay in the context');
  t.match(common.validationSecrets, [/^own validation /], 'roots become a secret');
  t.same(readServer({ validation_context: { verify_certificate_spki: [pin] } }).common.validationSecrets, []);
  const V = 'S.common_tls_context.validation_context';
  const errors = (validation_context: Tree) => serverErrors({ validation_context });
  t.same(errors({ match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'a' } }] }), [
    `${V}: alternative names are verified only beside trusted_ca: without it they are anybody's`]);
  t.same(errors({ crl: caFile, allow_expired_certificate: true }).sort(), [`${V}.crl: needs trusted_ca`,
    `${V}.allow_expired_certificate: needs trusted_ca`,
    `${V}.crl.filename: D/ca.pem holds no revocation list in PEM`].sort());
  t.same(errors({ trusted_ca: caFile, verify_certificate_hash: ['x'.repeat(64)], match_typed_subject_alt_names: [
    { san_type: 'OTHER_NAME', matcher: { exact: 'a' } },
    { san_type: 'OTHER_NAME', oid: '1..2', matcher: { exact: 'a' } }] }), [
    `${V}.verify_certificate_hash[0]: '${'x'.repeat(64)}' is not a SHA-256`,
    `${V}.match_typed_subject_alt_names[0].oid: required with OTHER_NAME`,
    `${V}.match_typed_subject_alt_names[1].oid: '1..2' is not an object identifier`]);
  t.same(errors({ trusted_ca: caFile, custom_validator_config: { name: 'x' } }), [
    `${V}.custom_validator_config: not implemented`]);
});

t.test('references: to the bootstrap, to a file, and combined with what stands in the context', async (t) => {
  const sds = file('sds.json', JSON.stringify({ resources: [] })).filename as string;
  const source = { path_config_source: { path: sds, watched_directory: { path: directory } } };
  const secrets = [{ name: 'roots', validation_context: { trusted_ca: caFile } },
    { name: 'keys', session_ticket_keys: { keys: [{ inline_string: 'k'.repeat(80) }] } }];
  const tree = (context: Tree): Tree => {
    const { static_resources } = bootstrap([listenerWith(context)]);
    return { static_resources: { ...static_resources as Tree, secrets } };
  };
  const context = { common_tls_context: {
    tls_certificate_sds_secret_configs: [{ name: 'one', sds_config: source }, { name: 'two', sds_config: source }],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'u' } }] },
      validation_context_sds_secret_config: { name: 'roots' } } },
  session_ticket_keys_sds_secret_config: { name: 'keys' } };
  const { common, sessionTickets } = configOf<ListenerConfig>(tree(context), 'listener').filterChains[0].tls!;
  const sdsNames = ['one', 'two'].map((name) => `sds "${name}" ${sds} ${directory}`);
  t.same(common.certificateSecrets, sdsNames);
  t.same(common.validationSecrets, ['static roots']);
  t.match(common.validation, { sanMatchers: [{ type: 'uri' }] });
  t.equal(sessionTickets.secret, 'static keys');
  const { scope, uses: asked, contexts } = uses(tree(context), 'listener');
  t.equal(scope, 'listener.127.0.0.1_21010.');
  t.same(asked.map((use) => [use.kind, use.name]), [['sds', sdsNames[0]], ['sds', sdsNames[1]],
    ['static', 'static roots'], ['static', 'static keys']]);
  t.same(contexts, [{ certificates: sdsNames, validation: ['static roots'] }]);
  const S = `${CHAIN}.common_tls_context`;
  t.same(errorsOf(tree({ common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'none' }] } })),
    [`${S}.tls_certificate_sds_secret_configs[0].name: unknown secret 'none'`]);
  t.same(errorsOf(tree({ common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'roots' }] } })),
    [`${S}.tls_certificate_sds_secret_configs[0].name: secret 'roots' is a validation context, not a certificate`]);
  t.match(errorsOf(tree({ common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'x', sds_config:
    { path_config_source: { path: `${directory}/none` } } }] } })).join(), /path: '.*none' does not exist/);
  t.match(errorsOf(tree({ common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'x', sds_config:
    { ads: {} } }] } })).join(), /sds_config.ads: not implemented/);
});

t.test('static secrets are checked', async (t) => {
  const errors = (...secrets: Tree[]): string[] => {
    const { static_resources } = bootstrap();
    return short(errorsOf({ static_resources: { ...static_resources as Tree, secrets } }))
      .map((line) => line.replace('static_resources.secrets', 'X'));
  };
  t.same(errors({ name: 'a', tls_certificate: certificate }, { name: 'b', validation_context: { trusted_ca: caFile } }),
    []);
  t.same(errors({ name: 'a', tls_certificate: certificate }, { name: 'a', tls_certificate: certificate }),
    ['X[1].name: duplicate secret \'a\'']);
  t.same(errors({ name: 'a' }),
    ['X[0]: one of tls_certificate, validation_context and session_ticket_keys is required']);
  t.same(errors({ tls_certificate: certificate }), ['X[0].name: required']);
  t.same(errors({ name: 'a', tls_certificate: { ...certificate, private_key: caFile } }),
    ['X[0].tls_certificate.private_key.filename: D/ca.pem holds no private key in PEM']);
  t.same(errors({ name: 'a', generic_secret: { secret: { inline_string: 'x' } } })[0],
    'X[0].generic_secret: not implemented');
});

t.test('what cannot be served is refused with its path', async (t) => {
  const S = 'S.common_tls_context';
  t.same(short(errorsOf(bootstrap([listenerWith({})]))), [`${S}: a server needs at least one certificate`]);
  t.same(serverErrors({ tls_certificate_sds_secret_configs: [{ name: 'x' }] })[0],
    `${S}.tls_certificate_sds_secret_configs: must not be set beside tls_certificates`);
  t.same(serverErrors({ tls_certificates: [{ certificate_chain: certFile }] }), [
    `${S}.tls_certificates[0].private_key: required`]);
  t.same(serverErrors({ tls_certificates: [{ certificate_chain: certFile, private_key: { filename: '/none' } }] })[0],
    `${S}.tls_certificates[0].private_key.filename: /none cannot be read: ENOENT: no such file or directory, `
    + 'stat \'/none\'');
  t.same(serverErrors({ alpn_protocols: ['', 'x'.repeat(256)] }), [0, 1].map((index) =>
    `${S}.alpn_protocols[${index}]: must have 1 to 255 bytes`));
  for (const [field, value] of Object.entries({ require_sni: true })) {
    t.match(serverErrors({}, { [field]: value }).join(), new RegExp(`^S.${field}: `));
  }
  t.match(serverErrors({ key_log: { path: '/x' } }).join(), /key_log: not implemented/);
  t.match(serverErrors({ tls_certificates: [{ pkcs12: certFile }] }).join(), /pkcs12: not implemented/);
  t.match(serverErrors({}, { session_ticket_keys: { keys: [{ inline_string: 'short' }] } }).join(),
    /S.session_ticket_keys.keys\[0\]: has 5 bytes: a session ticket key has 80/);
  t.match(clientErrors({ allow_renegotiation: true }).join(), /^C.allow_renegotiation: /);
  t.same(clientErrors({ sni: 'a\0b' }), ['C.sni: must not hold a NUL']);
  t.same(clientErrors({ common_tls_context: { tls_certificates: [certificate, certificate] } }),
    ['C.common_tls_context.tls_certificates: a client has at most one certificate']);
  t.same(clientErrors({ auto_sni_san_validation: true }), ['C.auto_sni_san_validation: needs a validation context']);
  t.match(short(errorsOf(bootstrap([], [cluster({ transport_socket: socket('Downstream', {}) })]))).join(),
    /not implemented: transport socket .*DownstreamTlsContext/);
});

t.test('OCSP responses that go with certificates', async (t) => {
  const fresh = ocspResponse(ca, [leaf]);
  const inline = (response: Buffer): Tree => ({ inline_bytes: response.toString('base64') });
  const stapled = (ocsp_staple: Tree | undefined, policy?: string, own = certificate): string[] => serverErrors({
    tls_certificates: [{ ...own, ...ocsp_staple === undefined ? {} : { ocsp_staple } }] },
  policy === undefined ? {} : { ocsp_staple_policy: policy });
  const at = 'S.common_tls_context.tls_certificates[0].ocsp_staple';
  t.same(readServer({}).ocspStapling, 'lenient');
  t.same(readServer({}, { ocsp_staple_policy: 'STRICT_STAPLING' }).ocspStapling, 'strict');
  for (const policy of ['LENIENT_STAPLING', 'STRICT_STAPLING', 'MUST_STAPLE']) {
    t.same(stapled(inline(fresh), policy), []);
    t.same(stapled(undefined, policy), policy === 'MUST_STAPLE' ? [`${at}: required with MUST_STAPLE`] : []);
    t.same(stapled(inline(ocspResponse(ca, [leaf], { nextUpdate: new Date(0) })), policy), [],
      'an old one may be there');
  }
  writeFileSync(join(directory, 'fresh.der'), fresh);
  t.same(stapled({ filename: join(directory, 'fresh.der') }), []);
  t.match(stapled({ filename: '/none' }), [`${at}.filename: /none cannot be read: ENOENT`]);
  t.match(stapled({ filename: join(directory, 'ca.pem') }), [
    `${at}.filename: D/ca.pem holds no OCSP response in DER: `]);
  t.match(stapled({ inline_string: 'abcd' })[0], `${at}.inline_string: a response is not text`);
  const other = issue({ name: 'other', issuer: ca });
  t.same(stapled(inline(ocspResponse(ca, [other]))), [`${at}: is an OCSP response of another certificate`]);
  t.same(stapled(inline(ocspResponse(ca, [leaf, other]))),
    [`${at}: is an OCSP response of several certificates: it must be of one`]);
  t.same(stapled(inline(ocspResponse(ca, [leaf], { failed: true }))),
    [`${at}: is an OCSP response that says it was unsuccessful`]);
  t.same(stapled(inline(Buffer.concat([fresh, Buffer.from([0])]))), [`${at}: has bytes behind the OCSP response`]);
  t.same(stapled(inline(Buffer.alloc(20_000))), [`${at}: is larger than 16384 bytes`]);
  for (let end = 0; end < fresh.length; end++) {
    const [error] = stapled(inline(fresh.subarray(0, end)));
    if (error?.startsWith(at) !== true) t.fail(`${end} of ${fresh.length} bytes: ${error}`);
  }
  const insistent = issue({ name: 'insistent', issuer: ca, mustStaple: true });
  const own = { certificate_chain: file('insistent.pem', insistent.chainPem),
    private_key: file('insistent.key', insistent.keyPem) };
  t.same(stapled(undefined, 'LENIENT_STAPLING', own), [`${at}: the certificate itself requires one`]);
  t.same(stapled(inline(ocspResponse(ca, [insistent])), 'LENIENT_STAPLING', own), []);
  t.same(clientErrors({ common_tls_context: { tls_certificates: [own] } }), [], 'clients show none');
});

t.test('transport sockets by endpoint, and a PROXY header before TLS', async (t) => {
  const tls = socket('Upstream', { sni: 'a.b' });
  const proxied = { name: 'p', typed_config: { '@type': typeUrl(
    'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'), config: { version: 'V2' },
  transport_socket: tls } };
  const raw = { name: 'envoy.transport_sockets.raw_buffer' };
  const endpoint = { endpoint: { address: ipAddress(1) } };
  const metadata = (fields: Tree): Tree => ({ filter_metadata: { 'envoy.transport_socket_match': fields } });
  const config = configOf<ClusterConfig>(bootstrap([], [cluster({ transport_socket: proxied,
    transport_socket_matches: [{ name: 'tls', match: { mode: 'on' }, transport_socket: tls },
      { name: 'proxied', match: { mode: 'both' }, transport_socket: proxied },
      { name: 'plain', match: {}, transport_socket: raw }],
    load_assignment: { cluster_name: 'c', endpoints: [{ metadata: metadata({ mode: 'both' }),
      lb_endpoints: [{ ...endpoint, metadata: metadata({ mode: 'on' }) }, endpoint] },
    { lb_endpoints: [endpoint] }] } })]), 'cluster');
  t.match(config, { connections: { proxyProtocol: 2 }, tls: { sni: 'a.b' }, transportSocketMatches: [
    { name: 'tls', match: { mode: 'on' }, proxyProtocol: null, tls: { sni: 'a.b' } },
    { name: 'proxied', proxyProtocol: 2, tls: { sni: 'a.b' } },
    { name: 'plain', match: {}, proxyProtocol: null, tls: null }] });
  t.same(config.loadAssignment!.endpoints.map(({ transportMatch }) => transportMatch), [
    { own: { mode: 'on' }, locality: { mode: 'both' } }, { own: null, locality: { mode: 'both' } }, undefined]);
});

t.test('contexts that are made of the same files share their secrets', async (t) => {
  const context = { common_tls_context: { tls_certificates: [certificate],
    validation_context: { trusted_ca: caFile } } };
  const other = { common_tls_context: { tls_certificates: [certificate], validation_context: { trusted_ca: caFile,
    match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'u' } }] } } };
  const secrets = [context, other].map((one) => readClient(one).common);
  t.same(secrets[0].certificateSecrets, secrets[1].certificateSecrets);
  t.same(secrets[0].validationSecrets, secrets[1].validationSecrets);
});
