// What is checked: a proxy with a listener for each way to serve TLS, the certificates for it, and the files that
// clients of other languages read.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap, routeTo, type ListenerSpec } from '../../support/bootstrap.js';
import { issue, revocationList, root, type Issued } from '../../support/certificates.js';
import { freePort } from '../../support/ports.js';
import { Proxy, type ProxyKind } from '../../support/proxy.js';
import { Upstream } from '../../support/upstream.js';

const TYPE = 'type.googleapis.com/envoy.extensions.';
export const SPIFFE = 'spiffe://cluster.local/ns/a/sa/client';
/** Of a handshake, from the first byte to the last. */
export const HANDSHAKE_SECONDS = 1;

export const authority = root();
/** Clients that take no ECDSA want none in a chain. */
const rsaAuthority = root('Weft test root of RSA', 'rsa');
export const rootsPem = authority.certPem + rsaAuthority.certPem;
const names = { sans: ['DNS:localhost'], issuer: authority };
export const servers = {
  ecdsa: issue({ name: 'ecdsa', ...names }),
  rsa: issue({ name: 'rsa', ...names, keyType: 'rsa', issuer: rsaAuthority }),
  named: issue({ name: 'named', issuer: authority, sans: ['DNS:named.local'] }),
  wildcard: issue({ name: 'wildcard', issuer: authority, sans: ['DNS:*.mesh.local'] }),
};
export const client = issue({ name: 'client', issuer: authority, sans: [`URI:${SPIFFE}`] });
export const rsaClient = issue({ name: 'rsa client', issuer: authority, sans: [`URI:${SPIFFE}`], keyType: 'rsa' });
export const revoked = issue({ name: 'revoked', issuer: authority, sans: [`URI:${SPIFFE}`] });

const inline = (text: string) => ({ inline_string: text });
const certificate = ({ chainPem, keyPem }: Issued) => ({ certificate_chain: inline(chainPem),
  private_key: inline(keyPem) });
const downstream = (identities: readonly Issued[], common: object = {}, more: object = {}) => ({
  name: 'envoy.transport_sockets.tls', typed_config: {
    '@type': `${TYPE}transport_sockets.tls.v3.DownstreamTlsContext`, ...more,
    common_tls_context: { tls_certificates: identities.map(certificate), alpn_protocols: ['h2', 'http/1.1'],
      ...common } } });
const trusted = { trusted_ca: inline(authority.certPem), crl: inline(revocationList(authority, [revoked])),
  match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: SPIFFE } }] };
const mutual = (validation: object): object => downstream([servers.ecdsa, servers.rsa],
  { validation_context: validation }, { require_client_certificate: true });
const hashOf = ({ der }: Issued): string => createHash('sha256').update(der).digest('hex');

const both = [servers.ecdsa, servers.rsa, servers.named, servers.wildcard];
export const sockets = {
  tls: downstream(both),
  old: downstream([servers.rsa], { tls_params: { tls_minimum_protocol_version: 'TLSv1_0',
    cipher_suites: ['ECDHE-RSA-AES128-SHA'] } }),
  noTickets: downstream(both, {}, { disable_stateless_session_resumption: true }),
  mutual: mutual(trusted),
  /** No list of revoked ones, which would have to be there of each authority. */
  unlisted: mutual({ ...trusted, crl: undefined }),
  pinned: mutual({ trusted_ca: trusted.trusted_ca, verify_certificate_hash: [hashOf(client)] }),
  /** A certificate need not be shown, or only because of the names. */
  optional: downstream([servers.ecdsa], { validation_context: { trusted_ca: trusted.trusted_ca } }),
  named: downstream([servers.ecdsa], { validation_context: trusted }),
} as const;
export type ListenerName = keyof typeof sockets | 'tcp';

/** A line of each connection, also of those whose handshake fails. */
export const LOG_FORMAT = '%RESPONSE_FLAGS%|%DOWNSTREAM_TRANSPORT_FAILURE_REASON%|%DOWNSTREAM_TLS_VERSION%|'
  + '%DOWNSTREAM_PEER_URI_SAN%|%CONNECTION_TERMINATION_DETAILS%\n';
const connectionLog = (path: string): object => ({ name: 'envoy.access_loggers.file', typed_config: {
  '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`, path,
  log_format: { text_format_source: inline(LOG_FORMAT) } } });
const tcpChain = (transportSocket: object): object => ({ filters: [{ name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': `${TYPE}filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'a' } }],
transport_socket: transportSocket });

export interface Place {
  kind: ProxyKind; proxy: Proxy; upstream: Upstream;
  port: Readonly<Record<ListenerName, number>>;
  stop(): Promise<void>;
}

export async function startPlace(kind: ProxyKind): Promise<Place> {
  const upstream = await Upstream.start(await freePort()), adminPort = await freePort();
  const port = {} as Record<ListenerName, number>;
  for (const name of [...Object.keys(sockets), 'tcp'] as ListenerName[]) port[name] = await freePort();
  const proxy = await Proxy.start(kind, adminPort, (folder) => {
    const listeners: ListenerSpec[] = Object.entries(sockets).map(([name, transportSocket]) => ({ name,
      port: port[name as ListenerName], routes: [routeTo('a')], transportSocket,
      listener: { access_log: [connectionLog(`${folder}/${name}.log`)] } }));
    const [first] = (bootstrap(adminPort, [{ name: 'tcp', port: port.tcp, routes: [], listener: {
      access_log: [connectionLog(`${folder}/tcp.log`)], filter_chains: [tcpChain(sockets.tls)] } }],
    []) as { static_resources: { listeners: object[] } }).static_resources.listeners;
    const whole = bootstrap(adminPort, listeners, [{ name: 'a', ports: [upstream.port] }]) as {
      static_resources: { listeners: { filter_chains: Record<string, unknown>[] }[] } };
    whole.static_resources.listeners.push(first as { filter_chains: Record<string, unknown>[] });
    for (const { filter_chains: chains } of whole.static_resources.listeners)
      for (const chain of chains) chain.transport_socket_connect_timeout = `${HANDSHAKE_SECONDS}s`;
    return whole;
  });
  return { kind, proxy, upstream, port, stop: async () => {
    await proxy.stop();
    await upstream.stop();
  } };
}

/** Of a listener's `ssl.` statistics, those that tell how handshakes ended. */
export const OUTCOMES = ['handshake', 'session_reused', 'fail_verify_san', 'fail_verify_error', 'fail_verify_no_cert',
  'fail_verify_cert_hash', 'connection_error'] as const;
export type Outcomes = Record<typeof OUTCOMES[number], number>;
export async function outcomesOf({ proxy, port }: Place, listener: ListenerName): Promise<Outcomes> {
  const prefix = `listener.127.0.0.1_${port[listener]}.ssl.`;
  const all = await proxy.stats(OUTCOMES.map((name) => prefix + name));
  return Object.fromEntries(OUTCOMES.map((name) => [name, all.get(prefix + name) ?? 0])) as Outcomes;
}
/** What has been counted since. */
export const deltas = (before: Outcomes, after: Outcomes): string => OUTCOMES
  .filter((name) => after[name] !== before[name]).map((name) => `${name} +${after[name] - before[name]}`).join(', ');

/** PEM files that clients read: certificate, chain and key in one. */
export class Files {
  private readonly folder = mkdtempSync(join(tmpdir(), 'weft-tls-check-'));
  private readonly known = new Map<string, string>();
  readonly roots = this.put('roots', rootsPem);

  put(name: string, text: string): string {
    const path = join(this.folder, `${name}.pem`);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }
  of(identity: Issued): string {
    const path = this.known.get(identity.chainPem) ?? this.put(`identity-${this.known.size}`,
      identity.chainPem + identity.keyPem);
    this.known.set(identity.chainPem, path);
    return path;
  }
  path(name: string): string { return join(this.folder, name); }
  remove(): void { rmSync(this.folder, { recursive: true, force: true }); }
}
