// TLS on both sides, against node's own client and server: who is served, who is refused and by which counter, and that
// what passes is whole.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { issue, revocationList, root } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';
import type { Fixture } from '../support/fixture.js';

const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const inline = (text: string) => ({ inline_string: text });
const authority = root();
const other = root('Another root');
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost', 'DNS:*.mesh.local'] });
const rsa = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'], keyType: 'rsa' });
const named = issue({ name: 'named', issuer: authority, sans: ['DNS:named.local'] });
const spiffe = 'spiffe://td/ns/x/sa/y';
const client = issue({ name: 'client', issuer: authority, sans: [`URI:${spiffe}`] });
const stranger = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://td/ns/x/sa/z'] });
const foreign = issue({ name: 'client', issuer: other, sans: [`URI:${spiffe}`] });
const expired = issue({ name: 'client', issuer: authority, sans: [`URI:${spiffe}`],
  notBefore: new Date(Date.now() - 20 * 86_400_000), notAfter: new Date(Date.now() - 86_400_000) });
const early = issue({ name: 'client', issuer: authority, sans: [`URI:${spiffe}`],
  notBefore: new Date(Date.now() + 86_400_000), notAfter: new Date(Date.now() + 20 * 86_400_000) });
const revoked = issue({ name: 'client', issuer: authority, sans: [`URI:${spiffe}`] });
const body = randomBytes(700_000);

const certificate = (issued: { chainPem: string; keyPem: string }) =>
  ({ certificate_chain: inline(issued.chainPem), private_key: inline(issued.keyPem) });
const downstream = (common: object, more: object = {}) => ({ name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': `${type}DownstreamTlsContext`, common_tls_context: common, ...more } });
const upstream = (common: object, more: object = {}) => ({ name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': `${type}UpstreamTlsContext`, common_tls_context: common, ...more } });
const validation = { trusted_ca: inline(authority.certPem), crl: inline(revocationList(authority, [revoked])),
  match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: spiffe } }] };

/** A server behind the proxy that wants a certificate, and one that has none of ours. */
const backend = createServer({ cert: server.chainPem, key: server.keyPem, ca: authority.certPem, requestCert: true,
  rejectUnauthorized: false }, (incoming, answer) => {
  const socket = incoming.socket as TLSSocket;
  answer.setHeader('x-sni', String(socket.servername));
  answer.setHeader('x-client', socket.getPeerCertificate().subjectaltname ?? '');
  answer.setHeader('x-reused', String(socket.isSessionReused()));
  incoming.pipe(answer);
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');
t.teardown(() => { backend.close(); backend.closeAllConnections(); });
const backendPort = (backend.address() as AddressInfo).port;

const cluster = (name: string, socket: object) => ({ name, ports: [backendPort],
  fields: { transport_socket: socket } });
const trusts = { validation_context: { trusted_ca: inline(authority.certPem) } };

void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [
    { name: 'tls', routes: [routeTo('a')], transportSocket: downstream({ alpn_protocols: ['h2', 'http/1.1'],
      tls_certificates: [certificate(server), certificate(rsa), certificate(named)] }) },
    { name: 'mutual', routes: [routeTo('a')], transportSocket: downstream({ tls_certificates: [certificate(server)],
      validation_context: validation }, { require_client_certificate: true }) },
    { name: 'old', routes: [routeTo('a')], transportSocket: downstream({ tls_certificates: [certificate(rsa)],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_0', cipher_suites: ['ECDHE-RSA-AES128-SHA'] } }) },
    { name: 'out', routes: [
      { match: { prefix: '/good' }, route: { cluster: 'good' } },
      { match: { prefix: '/root' }, route: { cluster: 'wrongRoot' } },
      { match: { prefix: '/name' }, route: { cluster: 'wrongName' } },
      { match: { prefix: '/pin' }, route: { cluster: 'wrongPin' } }] },
  ],
  more: () => [
    cluster('good', upstream({ ...trusts, tls_certificates: [certificate(client)] },
      { sni: 'a.mesh.local', auto_sni_san_validation: true })),
    cluster('wrongRoot', upstream({ validation_context: { trusted_ca: inline(other.certPem) } })),
    cluster('wrongName', upstream({ validation_context: { trusted_ca: inline(authority.certPem),
      match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { suffix: '.elsewhere' } }] } })),
    cluster('wrongPin', upstream({ validation_context: { trusted_ca: inline(authority.certPem),
      verify_certificate_hash: ['0'.repeat(64)] } })),
  ],
}, async (t, fixture) => {
  const { port, proxy } = fixture;
  const counted = async (name: string) => (await proxy.stats()).get(name) ?? 0;
  const of = (name: string) => `listener.127.0.0.1_${port[name]}.ssl.`;

  await t.test('a request passes, by each version and key', async (t) => {
    for (const options of [{}, { maxVersion: 'TLSv1.2' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
      { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }, { ecdhCurve: 'P-256' }] as ConnectionOptions[]) {
      const answer = await ask(fixture, 'tls', '/x', { servername: 'localhost', ...options });
      t.equal(answer.status, 200, JSON.stringify(options));
    }
    t.equal(await counted(`${of('tls')}versions.TLSv1.2`), 2);
    t.equal(await counted(`${of('tls')}handshake`), 5);
  });

  await t.test('the certificate is the one for the name that is asked for', async (t) => {
    t.equal((await ask(fixture, 'tls', '/x', { servername: 'named.local' })).peer, 'named');
    t.equal((await ask(fixture, 'tls', '/x', { servername: 'b.mesh.local' })).peer, 'server');
    t.equal((await ask(fixture, 'tls', '/x', { servername: 'nobody.knows' })).peer, 'server', 'else the first');
  });

  await t.test('a session is resumed', async (t) => {
    const before = await counted(`${of('tls')}session_reused`);
    const { session } = await ask(fixture, 'tls', '/x', {});
    t.ok(session, 'a ticket came');
    t.ok((await ask(fixture, 'tls', '/x', { session: session! })).reused);
    t.equal(await counted(`${of('tls')}session_reused`), before + 1);
  });

  await t.test('a session is no good where other certificates are asked for', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { session } = await ask(fixture, 'tls', '/x', { maxVersion });
      t.ok(session);
      await t.rejects(ask(fixture, 'mutual', '/x', { maxVersion, session: session! }),
        /alert|EPROTO|reset|hang up|EPIPE/i, 'no certificate, no service');
      const shown = await ask(fixture, 'mutual', '/x', { maxVersion, cert: client.chainPem, key: client.keyPem });
      t.notOk((await ask(fixture, 'tls', '/x', { maxVersion, session: shown.session! })).reused);
    }
  });

  await t.test('ALPN is answered in the order of the server', async (t) => {
    t.equal(await alpn(port.tls!, ['http/1.1', 'h2']), 'h2');
    t.equal(await alpn(port.tls!, ['http/1.1']), 'http/1.1');
    t.equal(await alpn(port.tls!, ['other']), false);
  });

  await t.test('versions below 1.2 are refused, unless they are asked for', async (t) => {
    const options = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await t.rejects(ask(fixture, 'tls', '/x', options), /alert|version|EPROTO|reset/i);
    t.equal((await ask(fixture, 'old', '/x', { ...options, ciphers: 'ECDHE-RSA-AES128-SHA@SECLEVEL=0' })).status, 200);
  });

  await t.test('a client that shows the right certificate is served, every other refused and counted', async (t) => {
    const shows = (issued: { chainPem: string; keyPem: string }) => ({ cert: issued.chainPem, key: issued.keyPem });
    t.equal((await ask(fixture, 'mutual', '/x', shows(client))).status, 200);
    for (const [name, options, stat] of [
      ['another name', shows(stranger), 'fail_verify_san'], ['another root', shows(foreign), 'fail_verify_error'],
      ['expired', shows(expired), 'fail_verify_error'], ['not yet valid', shows(early), 'fail_verify_error'],
      ['revoked', shows(revoked), 'fail_verify_error'], ['none', {}, 'fail_verify_no_cert']] as const) {
      const before = await counted(of('mutual') + stat);
      await t.rejects(ask(fixture, 'mutual', '/x', options), /alert|EPROTO|reset|hang up|EPIPE/i, name);
      t.ok(await until(async () => await counted(of('mutual') + stat) === before + 1), `${name}: ${stat}`);
    }
  });

  await t.test('garbage and a half ClientHello end in a closed connection, and others are served', async (t) => {
    const before = await counted(`${of('tls')}connection_error`);
    t.equal((await raw(port.tls!, Buffer.alloc(300, 0xff))).length < 100, true);
    await raw(port.tls!, Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    await raw(port.tls!, Buffer.from('160301020001', 'hex'), true);
    // one that went away is no error
    t.ok(await until(async () => await counted(`${of('tls')}connection_error`) === before + 2));
    t.equal((await ask(fixture, 'tls', '/x', {})).status, 200);
  });

  await t.test('connections of TLS are counted among those of HTTP, also those that came to nothing', async (t) => {
    const of = async (name: string): Promise<number> => await counted(`http.tls.downstream_cx_${name}`);
    const before = { total: await of('total'), ssl: await of('ssl_total') };
    t.equal(before.ssl, before.total);
    for (const protocols of [['h2'], ['http/1.1'], []]) {
      const socket = connectTls({ host: '127.0.0.1', port: port.tls!, ALPNProtocols: protocols,
        rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      t.ok(await until(async () => await of('ssl_active') === 1), protocols.join());
      socket.destroy();
      t.ok(await until(async () => await of('ssl_active') === 0), `${protocols.join()} is gone`);
    }
    await raw(port.tls!, Buffer.alloc(300, 0xff));
    t.ok(await until(async () => await of('total') === before.total + 4));
    t.equal(await of('ssl_total'), before.ssl + 4);
    t.ok(await until(async () => await of('destroy') === before.total + 4));
    const [shown, made] = [await counted(`listener.127.0.0.1_${port.tls}.ssl.no_certificate`),
      await counted(`listener.127.0.0.1_${port.tls}.ssl.handshake`)];
    t.equal(shown, made, 'nobody showed a certificate');
  });

  await t.test('an upstream is spoken to as its cluster says', async (t) => {
    const first = await plain(port.out!, '/good', body);
    t.equal(first.headers['x-sni'], 'a.mesh.local');
    t.equal(first.headers['x-client'], `URI:${spiffe}`);
    t.equal(first.digest, createHash('sha1').update(body).digest('hex'));
    t.equal(await counted('cluster.good.ssl.handshake') >= 1, true);
  });

  await t.test('an upstream that is not who it has to be gets nothing', async (t) => {
    for (const [path, cluster, stat] of [['/root', 'wrongRoot', 'fail_verify_error'],
      ['/name', 'wrongName', 'fail_verify_san'], ['/pin', 'wrongPin', 'fail_verify_cert_hash']] as const) {
      t.equal((await plain(port.out!, path, Buffer.alloc(0))).status, 503, cluster);
      t.equal(await counted(`cluster.${cluster}.ssl.${stat}`), 1, stat);
    }
  });
});

interface Answer { status: number; peer: string; reused: boolean; session: Buffer | null }

/** One request on a connection of its own. */
async function ask({ port }: Fixture, listener: string, path: string, options: ConnectionOptions): Promise<Answer> {
  const sent = get({ host: '127.0.0.1', port: port[listener], path, agent: false, rejectUnauthorized: false,
    ...options });
  let session: Buffer | null = null;
  sent.on('socket', (socket) => socket.on('session', (ticket: Buffer) => { session = ticket; }));
  const [answer] = await once(sent, 'response') as [IncomingMessage];
  const socket = answer.socket as TLSSocket;
  const peer = socket.getPeerCertificate().subject?.CN ?? '', reused = socket.isSessionReused();
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode!, peer: String(peer), reused, session };
}

/** Statistics are counted a moment after the connection is gone. */
async function until(holds: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return true;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return false;
}

async function alpn(port: number, protocols: string[]): Promise<string | false | null> {
  const socket = connectTls({ host: '127.0.0.1', port, ALPNProtocols: protocols, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { alpnProtocol } = socket;
  socket.destroy();
  return alpnProtocol;
}

/** What a plain connection gets for these bytes. */
async function raw(port: number, bytes: Buffer, ends = false): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const got: Buffer[] = [];
  socket.on('data', (data) => got.push(data));
  socket.on('error', () => undefined);
  if (ends) socket.end(bytes); else socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(got);
}

async function plain(port: number, path: string, sent: Buffer) {
  const asking = requestPlain({ host: '127.0.0.1', port, path, method: 'POST', agent: false });
  asking.end(sent);
  const [answer] = await once(asking, 'response') as [IncomingMessage];
  const hash = createHash('sha1');
  for await (const piece of answer) hash.update(piece as Buffer);
  return { status: answer.statusCode!, headers: answer.headers, digest: hash.digest('hex') };
}
