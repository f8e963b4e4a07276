// We as the client: the right endpoint is spoken to, and each way of being wrong gets nothing, by its counter and with
// the reason in the log. A cluster for each, behind one listener.
import { once } from 'node:events';
import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { createHash } from 'node:crypto';
import { bootstrap } from '../../support/bootstrap.js';
import { issue, revocationList, root, type Issued } from '../../support/certificates.js';
import { exchange } from '../../support/client.js';
import { freePort } from '../../support/ports.js';
import { Proxy, type ProxyKind } from '../../support/proxy.js';
import { upstreamTls } from '../tls.js';
import { authority, client, OUTCOMES } from './place.js';
import type { Row } from './refused.js';

const TYPE = 'type.googleapis.com/envoy.extensions.';
const SERVER = 'spiffe://cluster.local/ns/a/sa/server';
const DAY_MS = 86_400_000;
const days = (from: number, to: number) => ({ notBefore: new Date(Date.now() + from * DAY_MS),
  notAfter: new Date(Date.now() + to * DAY_MS) });
const mine = { name: 'server', issuer: authority, sans: [`URI:${SERVER}`, 'DNS:server.local'] };
const right = issue(mine), revoked = issue({ ...mine, name: 'revoked' });
const foreign = root('Another root');
const inline = (text: string) => ({ inline_string: text });
const byName = { trusted_ca: inline(authority.certPem), crl: inline(revocationList(authority, [revoked])),
  match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: SERVER } }] };

interface Endpoint {
  name: string;
  server: () => Server;
  validation?: object; parameters?: object; sni?: string;
  /** Counted beside what a retry counts; '' = nothing of TLS. */
  counted: RegExp;
  /** Flags, reason, status and its details in the log. */
  log: RegExp;
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';
const tls = (options: TlsOptions): Server => createServer(options, (socket) => {
  socket.on('error', () => undefined).once('data', () => socket.end(OK));
}).on('tlsClientError', () => undefined);
const shows = (identity: Issued, more: TlsOptions = {}) => (): Server => tls({ cert: identity.chainPem,
  key: identity.keyPem, ...more });
const plain = (serve: (socket: Socket) => void) => (): Server => createPlain((socket) => {
  socket.on('error', () => undefined);
  serve(socket);
});

const DETAILS = 'upstream_reset_before_response_started\\{remote_connection_failure';
/** The reason is in the details once more. */
const FAILED = (reason: string): RegExp =>
  new RegExp(`^UF\\|.*${reason}.*\\|503\\|${DETAILS}\\|TLS_error:.*${reason}.*\\}$`);
const UNTOLD = new RegExp(`^UF\\|-\\|503\\|${DETAILS}\\}$`);
const ERROR = /^fail_verify_error \+1$/, SAN = /^fail_verify_san \+1$/, BROKEN = /^connection_error \+1$/;
const wrongName = 'CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_SAN_matcher';
const wrongChain = 'CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert.*';
const served = { counted: /^handshake \+1$/, log: /^-\|-\|200\|via_upstream$/ };

const endpoints: readonly Endpoint[] = [
  { name: 'the right name', server: shows(right), ...served },
  { name: 'TLS 1.2', server: shows(right, { maxVersion: 'TLSv1.2' }), ...served },
  { name: 'RSA', server: shows(issue({ ...mine, keyType: 'rsa' })), ...served },
  { name: 'it wants our certificate', server: shows(right, { ca: authority.certPem, requestCert: true,
    rejectUnauthorized: true }), ...served },
  { name: 'another service account', server: shows(issue({ ...mine, sans: [`URI:${SERVER}2`] })), counted: SAN,
    log: FAILED(wrongName) },
  { name: 'another trust domain', server: shows(issue({ ...mine,
    sans: [`URI:${SERVER.replace('cluster.local', 'other.domain')}`] })), counted: SAN, log: FAILED(wrongName) },
  { name: 'no name', server: shows(issue({ ...mine, sans: [] })), counted: SAN, log: FAILED(wrongName) },
  { name: 'another root', server: shows(issue({ ...mine, issuer: foreign })), counted: ERROR, log: FAILED(wrongChain) },
  { name: 'signed by itself', server: shows(issue({ ...mine, issuer: null })), counted: ERROR,
    log: FAILED(wrongChain) },
  { name: 'expired', server: shows(issue({ ...mine, ...days(-9, -1) })), counted: ERROR,
    log: FAILED(`${wrongChain}certificate_has_expired`) },
  { name: 'not yet valid', server: shows(issue({ ...mine, ...days(1, 9) })), counted: ERROR,
    log: FAILED(`${wrongChain}certificate_is_not_yet_valid`) },
  { name: 'revoked', server: shows(revoked), counted: ERROR, log: FAILED(`${wrongChain}certificate_revoked`) },
  { name: 'for clients only', server: shows(issue({ ...mine, clientOnly: true })), counted: ERROR,
    log: FAILED(`${wrongChain}certificate_purpose`) },
  { name: 'not the pinned one', server: shows(right), validation: { ...byName,
    verify_certificate_hash: [createHash('sha256').update(client.der).digest('hex')] },
  counted: /^fail_verify_cert_hash \+1$/, log: FAILED('verify_cert_failed:_cert_hash_and_spki') },
  { name: 'TLS 1.1 at most', server: shows(right, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1',
    ciphers: 'ALL:@SECLEVEL=0' }), counted: BROKEN, log: FAILED('TLS_error') },
  { name: 'no common cipher suite', server: shows(right, { maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES128-SHA256' }), counted: BROKEN, log: FAILED('HANDSHAKE_FAILURE') },
  { name: 'it does not want our certificate', server: shows(right, { ca: foreign.certPem, requestCert: true,
    rejectUnauthorized: true, maxVersion: 'TLSv1.2' }), counted: /^(handshake \+1|connection_error \+1)?/,
  log: UNTOLD },
  { name: 'plain HTTP', server: plain((socket) => socket.end(OK)), counted: BROKEN,
    log: FAILED('WRONG_VERSION_NUMBER') },
  { name: 'garbage', server: plain((socket) => socket.end(Buffer.alloc(300, 0xff))), counted: BROKEN,
    log: FAILED('WRONG_VERSION_NUMBER') },
  { name: 'it closes at once', server: plain((socket) => socket.end()), counted: /^$/, log: UNTOLD },
  { name: 'it resets after the hello', server: plain((socket) => socket.once('data', () => socket.resetAndDestroy())),
    counted: /^$/, log: FAILED('system_library:OPENSSL_internal:Connection_reset_by_peer') },
  { name: 'it says nothing', server: plain(() => undefined), counted: /^$/,
    log: /^UF\|-\|503\|upstream_reset_before_response_started\{connection_timeout\}$/ },
];

const FORMAT = '%RESPONSE_FLAGS%|%UPSTREAM_TRANSPORT_FAILURE_REASON%|%RESPONSE_CODE%|%RESPONSE_CODE_DETAILS%\n';
async function startProxy(kind: ProxyKind, port: number, ports: readonly number[]): Promise<Proxy> {
  const adminPort = await freePort();
  return Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'main', port,
    routes: endpoints.map((_, i) => ({ match: { path: `/${i}` }, route: { cluster: `c${i}` } })), manager: {
      access_log: [{ name: 'file', typed_config: { '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`,
        path: `${folder}/main.log`, log_format: { text_format_source: inline(FORMAT) } } }] } }],
  endpoints.map(({ validation = byName }, i) => ({ name: `c${i}`, ports: [ports[i]!], fields: { connect_timeout: '0.7s',
    transport_socket: upstreamTls(client, { validation_context: validation }, { sni: 'server.local' }) } }))));
}

async function outcomes(proxy: Proxy, cluster: string): Promise<string> {
  const names = OUTCOMES.map((name) => `cluster.${cluster}.ssl.${name}`);
  const all = await proxy.stats(names);
  return OUTCOMES.map((name, i) => ({ name, value: all.get(names[i]!) ?? 0 })).filter(({ value }) => value > 0)
    .map(({ name, value }) => `${name} +${value}`).join(', ');
}

/** Each asked once. */
export async function askServers(kind: ProxyKind): Promise<Row[]> {
  const servers = endpoints.map(({ server }) => server().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const port = await freePort();
  const proxy = await startProxy(kind, port, servers.map((server) => (server.address() as AddressInfo).port));
  const rows: Row[] = [];
  try {
    for (const [i, { name, counted: wanted, log }] of endpoints.entries()) {
      const { start, body } = await exchange(port, `GET /${i} HTTP/1.1\r\nhost: x\r\n\r\n`);
      const line = (await proxy.logLines('main', i + 1)).at(-1) ?? '';
      const counted = await outcomes(proxy, `c${i}`);
      rows.push({ name, answer: `${start.split(' ')[1] ?? ''} ${body}`, counted, log: line,
        good: wanted.test(counted) && log.test(line) });
    }
  } finally {
    await proxy.stop();
    for (const server of servers) server.close();
  }
  return rows;
}
