// TLS while things change: certificates and roots are replaced under load without a failed request, many
// handshakes come beside connections that work, sessions are resumed, and what an endpoint cuts short is not whole.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:https';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { issue, root } from '../support/certificates.js';
import type { Issued } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';

const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const inline = (text: string) => ({ inline_string: text });
const authority = root(), second = root('Second root');
const leaf = (name: string, issuer: Issued = authority) => issue({ name, issuer, sans: ['DNS:localhost',
  'URI:spiffe://td/x'] });
const fixed = leaf('fixed');
const directory = mkdtempSync(join(tmpdir(), 'weft-tls-'));
t.teardown(() => rmSync(directory, { recursive: true }));

function put(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return path;
}
const secret = (name: string, content: object): string => put(`${name}.json`, JSON.stringify({ version_info: String(
  Math.random()), resources: [{ '@type': `${type}Secret`, name, ...content }] }));
const rotate = (name: string, issued: Issued): string => secret(name, { tls_certificate: {
  certificate_chain: inline(issued.chainPem), private_key: inline(issued.keyPem) } });
const trust = (name: string, ...roots: Issued[]): string => secret(name, { validation_context: {
  trusted_ca: inline(roots.map(({ certPem }) => certPem).join('')) } });
const sds = (name: string) => ({ name, sds_config: { path_config_source: { path: join(directory, `${name}.json`) } } });
const downstream = (common: object, more: object = {}) => ({ name: 'tls', typed_config: { '@type':
  `${type}DownstreamTlsContext`, common_tls_context: common, ...more } });
const upstream = (common: object, more: object = {}) => ({ name: 'tls', typed_config: { '@type':
  `${type}UpstreamTlsContext`, common_tls_context: common, ...more } });
const certificate = (issued: Issued) => ({ certificate_chain: inline(issued.chainPem),
  private_key: inline(issued.keyPem) });
const trusts = { validation_context: { trusted_ca: inline(authority.certPem) } };

rotate('front', leaf('front'));
rotate('client', leaf('client'));
trust('roots', authority);

/** Tells what it was asked by; closes each connection where that is asked for. */
const backend = createServer({ cert: fixed.chainPem, key: fixed.keyPem, ca: authority.certPem, requestCert: true,
  rejectUnauthorized: true }, (incoming, answer) => {
  const socket = incoming.socket as TLSSocket;
  if (incoming.url === '/close') answer.setHeader('connection', 'close');
  answer.setHeader('x-reused', String(socket.isSessionReused()));
  answer.setHeader('x-client', String(socket.getPeerCertificate().serialNumber));
  answer.end('ok');
});
/** Echoes over TLS. */
const echo = createTlsServer({ cert: fixed.chainPem, key: fixed.keyPem, allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
/** Answers without a length, and ends the connection under TLS. */
const cutting = createNetServer((raw: Socket) => {
  const socket = new TLSSocket(raw, { isServer: true, cert: fixed.chainPem, key: fixed.keyPem });
  socket.on('error', () => undefined);
  raw.on('error', () => undefined);
  socket.once('data', (data) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of it', () => {
      if (String(data).includes('/whole')) socket.end(); else raw.end();
    });
  });
});
const plainBackend = createNetServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain'));
});
const listening = [backend, echo, cutting, plainBackend];
for (const server of listening) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}
t.teardown(() => {
  for (const server of listening) server.close();
  backend.closeAllConnections();
});
const [backendPort, echoPort, cuttingPort, plainPort] = listening.map((server) =>
  (server.address() as AddressInfo).port);
const at = (port: number, metadata?: object) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1',
  port_value: port } } }, ...(metadata === undefined ? {} : { metadata: { filter_metadata: {
  'envoy.transport_socket_match': metadata } } }) });
const tcpProxy = (cluster: string) => [{ filters: [{ name: 'tcp', typed_config: { '@type':
  'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', stat_prefix: 'tcp', cluster } }],
transport_socket: downstream({ tls_certificates: [certificate(fixed)] }) }];
/** How many of so many requests, each on a connection of its own and all at once, got which status. */
async function storm(port: number, count: number, path: string): Promise<string> {
  const child = spawn(process.execPath, ['-e', `
    const { request } = require('node:https');
    const got = {};
    let left = ${count};
    const end = (status) => {
      got[status] = (got[status] ?? 0) + 1;
      if (--left === 0) console.log(Object.entries(got).map(([status, count]) => count + ' ' + status).join(' '));
    };
    for (let i = 0; i < ${count}; i++) request({ host: '127.0.0.1', port: ${port}, path: '${path}', agent: false,
      rejectUnauthorized: false }, (answer) => { answer.resume(); answer.on('end', () => end(answer.statusCode)); })
      .on('error', (error) => end(error.code)).end();`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => { text += data; });
  await once(child, 'close');
  return text.trim();
}
const FORMAT = '%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_LOCAL_DNS_SAN% %RESPONSE_CODE%\n';
const fileLog = (path: string, format: string) => ({ name: 'file', typed_config: { path, '@type':
  'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
log_format: { text_format_source: { inline_string: format } } } });

void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [
    { name: 'front', routes: [{ match: { prefix: '/plain' }, route: { cluster: 'plain' } }, routeTo('mutual')],
      transportSocket: downstream({ tls_certificate_sds_secret_configs: [sds('front')],
        validation_context_sds_secret_config: sds('roots') }),
    listener: { access_log: [fileLog(join(directory, 'connections.log'), FORMAT)] } },
    { name: 'closing', routes: [routeTo('closing')] },
    { name: 'cutting', routes: [routeTo('cutting')] },
    { name: 'chosen', routes: [{ match: { prefix: '/' }, route: { cluster: 'chosen' } }] },
    { name: 'tcp', routes: [], listener: { filter_chains: tcpProxy('echo') } },
  ],
  more: () => [
    { name: 'mutual', ports: [backendPort!], fields: { transport_socket: upstream({
      tls_certificate_sds_secret_configs: [sds('client')], ...trusts }) } },
    { name: 'plain', ports: [plainPort!] },
    { name: 'closing', ports: [backendPort!], fields: { transport_socket: upstream({
      tls_certificates: [certificate(fixed)], ...trusts }) } },
    { name: 'cutting', ports: [cuttingPort!], fields: { transport_socket: upstream(trusts) } },
    { name: 'echo', ports: [echoPort!], fields: { transport_socket: upstream(trusts) } },
    { name: 'chosen', ports: [], fields: { load_assignment: { cluster_name: 'chosen', endpoints: [{ lb_endpoints: [
      at(backendPort!, { mode: 'tls' }), at(plainPort!)] }] },
    transport_socket_matches: [{ name: 'tls', match: { mode: 'tls' }, transport_socket: upstream({
      tls_certificates: [certificate(fixed)], ...trusts }) }] } },
  ],
}, async (t, { port, proxy }) => {
  const counted = async (name: string) => (await proxy.stats([name])).get(name) ?? 0;
  const ask = async (options: ConnectionOptions & { agent?: Agent | false; path?: string }) => {
    const asking = request({ host: '127.0.0.1', port: port.front, path: '/', ca: [authority.certPem, second.certPem],
      servername: 'localhost', agent: false, ...options });
    asking.end();
    const [answer] = await once(asking, 'response') as [IncomingMessage];
    const peer = (answer.socket as TLSSocket).getPeerCertificate().serialNumber;
    answer.resume();
    await once(answer, 'end');
    return { status: answer.statusCode!, peer, client: String(answer.headers['x-client']) };
  };
  const plainly = async (listener: string, path: string) => {
    const asking = get({ host: '127.0.0.1', port: port[listener], path, agent: false });
    asking.on('error', () => undefined);
    const [answer] = await once(asking, 'response') as [IncomingMessage];
    let body = '', whole = false;
    answer.on('data', (data) => { body += data; }).on('error', () => undefined).on('end', () => { whole = true; });
    await new Promise((resolve) => answer.on('close', resolve));
    return { status: answer.statusCode!, headers: answer.headers, body, whole };
  };

  await t.test('certificates of both sides are replaced under load, and no request fails', async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const failures: string[] = [], fronts = new Set<string>(), clients = new Set<string>();
    let running = true, asked = 0;
    const load = async (options: { agent: Agent | false }) => {
      while (running) {
        const answer = await ask(options).catch((error: unknown) => ({ status: 0, peer: String(error), client: '' }));
        if (answer.status !== 200) failures.push(`${answer.status} ${answer.peer}`);
        fronts.add(answer.peer);
        clients.add(answer.client);
        asked++;
      }
    };
    const loads = [...[agent, agent, agent].map((one) => load({ agent: one })), load({ agent: false }),
      load({ agent: false })];
    for (let round = 0; round < 20; round++) {
      rotate('front', leaf(`front ${round}`));
      rotate('client', leaf(`client ${round}`));
      await sleep(100);
    }
    running = false;
    await Promise.all(loads);
    agent.destroy();
    t.same(failures, []);
    t.ok(fronts.size > 5, `${asked} requests, ${fronts.size} certificates seen`);
    t.ok(await counted('sds.front.update_success') > 15);
    t.equal(await counted('sds.front.update_rejected'), 0);
  });

  await t.test('other roots concern new handshakes; connections stay', async (t) => {
    const [old, fresh] = [leaf('old'), leaf('new', second)];
    const shows = (issued: Issued) => ({ cert: issued.chainPem, key: issued.keyPem });
    const before = new Agent({ keepAlive: true, maxSockets: 1 });
    t.equal((await ask({ ...shows(old), agent: before })).status, 200);
    await t.rejects(ask(shows(fresh)));
    const updates = await counted('sds.roots.update_success');
    trust('roots', second);
    while (await counted('sds.roots.update_success') === updates) await sleep(20);
    await t.rejects(ask(shows(old)), 'its root is not trusted any more');
    t.equal((await ask(shows(fresh))).status, 200);
    t.equal((await ask({ ...shows(old), agent: before })).status, 200, 'the connection from before goes on');
    before.destroy();
    trust('roots', authority);
  });

  await t.test('a bad version changes nothing', async (t) => {
    const { peer } = await ask({});
    secret('front', { tls_certificate: { certificate_chain: inline(leaf('a').chainPem),
      private_key: inline(leaf('b').keyPem) } });
    while (await counted('sds.front.update_rejected') === 0) await sleep(20);
    t.same(await ask({}), { status: 200, peer, client: (await ask({})).client });
    rotate('front', leaf('front again'));
  });

  await t.test('a line of a connection that is gone tells of its TLS', async (t) => {
    const shows = leaf('shown in a log');
    await ask({ cert: shows.chainPem, key: shows.keyPem });
    let lines = '';
    for (let tries = 0; tries < 100 && !lines.includes('shown in a log'); tries++) {
      await sleep(20);
      lines = readFileSync(join(directory, 'connections.log'), 'utf8');
    }
    t.match(lines, /^TLSv1.3 CN=shown in a log,O=Weft localhost 0$/m);
  });

  await t.test('handshakes that come in numbers leave connections alone', async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const path = '/plain';
    await ask({ agent, path });
    // By processes of their own: this one would be busy with its side of the handshakes.
    const storms = [0, 1].map(() => storm(port.front!, 150, path));
    let slowest = 0, answered = 0, over = false;
    const outcome = Promise.all(storms).finally(() => { over = true; });
    for (; !over; answered++) {
      const begun = performance.now();
      if ((await ask({ agent, path })).status !== 200) t.fail('a request of the connection that was there failed');
      slowest = Math.max(slowest, performance.now() - begun);
    }
    t.same(await outcome, ['150 200', '150 200']);
    t.ok(answered > 0);
    t.comment(`${answered} requests beside 300 handshakes, the slowest in ${slowest.toFixed(0)} ms`);
    agent.destroy();
  });

  await t.test('sessions with endpoints are resumed', async (t) => {
    t.equal((await plainly('closing', '/close')).headers['x-reused'], 'false');
    t.equal((await plainly('closing', '/close')).headers['x-reused'], 'true');
    t.ok(await counted('cluster.closing.ssl.session_reused') >= 1);
  });

  await t.test('a body that ends without close_notify is not whole', async (t) => {
    t.match(await plainly('cutting', '/whole'), { status: 200, body: 'half of it', whole: true });
    // The reset may overtake the head.
    t.match(await plainly('cutting', '/cut').catch(() => ({ whole: false })), { whole: false });
  });

  await t.test('endpoints are spoken to as their metadata says', async (t) => {
    const bodies = new Set<string>();
    for (let i = 0; i < 8; i++) bodies.add((await plainly('chosen', '/')).body);
    t.same([...bodies].sort(), ['ok', 'plain']);
  });

  await t.test('bytes pass a TCP proxy, TLS on both sides, to the last one', async (t) => {
    const sent = Buffer.alloc(3_000_000, 'some of many bytes ');
    const socket = connectTls({ host: '127.0.0.1', port: port.tcp, ca: authority.certPem, servername: 'localhost' });
    await once(socket, 'secureConnect');
    const got: Buffer[] = [];
    socket.on('data', (data) => got.push(data));
    socket.end(sent);
    await once(socket, 'close');
    t.ok(Buffer.concat(got).equals(sent), `${Buffer.concat(got).length} of ${sent.length} bytes`);
  });
});
