// What a cluster's TLS calls its servers where requests say it (auto_sni, auto_san_validation,
// override_auto_sni_header): the name that is sent, the name that the certificate must be for, and whose connections
// are whose.
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { issue, root } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';

const authority = root();
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:a.example', 'DNS:*.many.example',
  'IP:127.0.0.1'] });
const seen = new Set<string>();
const backend = createServer({ cert: server.chainPem, key: server.keyPem }, (incoming, answer) => {
  const socket = incoming.socket as TLSSocket;
  seen.add(String(socket.servername));
  answer.setHeader('x-sni', String(socket.servername));
  answer.setHeader('x-connection', String(socket.remotePort));
  answer.end();
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');
t.teardown(() => { backend.close(); backend.closeAllConnections(); });
const ports = [(backend.address() as AddressInfo).port];

const trusted = { validation_context: { trusted_ca: { inline_string: authority.certPem } } };
const type = 'type.googleapis.com/envoy.extensions.';
const cluster = (name: string, names: object, common: object = {}) => ({ name, ports, fields: {
  transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: { '@type':
    `${type}transport_sockets.tls.v3.UpstreamTlsContext`, sni: 'configured.example', common_tls_context: common } },
  typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': `${type}upstreams.http.v3.HttpProtocolOptions`, explicit_http_config: { http_protocol_options: {} },
    upstream_http_protocol_options: names } } } });
const route = (name: string) => ({ match: { prefix: `/${name}` }, route: { cluster: name } });

void forEachProxy(t, {
  upstreams: [],
  listeners: [{ name: 'main', routes: [
    { match: { prefix: '/rewritten' }, route: { cluster: 'sent', host_rewrite_literal: 'b.example:443' } },
    { match: { prefix: '/mirrored' }, route: { cluster: 'sent', request_mirror_policies: [{ cluster: 'mirror' }] } },
    route('sent'), route('headed'), route('verified'), route('both')] }],
  more: () => [cluster('sent', { auto_sni: true }), cluster('mirror', { auto_sni: true }),
    cluster('headed', { auto_sni: true, override_auto_sni_header: 'X-Server' }),
    cluster('verified', { auto_san_validation: true }, trusted),
    cluster('both', { auto_sni: true, auto_san_validation: true }, trusted)],
}, async (t, { port, proxy }) => {
  const ask = (path: string, host: string, headers: object = {}) => get(port.main!, path, { host, ...headers });
  const stat = async (name: string) => (await proxy.stats()).get(name) ?? 0;

  await t.test('the host is sent, without its port', async (t) => {
    t.equal((await ask('/sent', 'a.example')).sni, 'a.example');
    t.equal((await ask('/sent', 'c.example:8443')).sni, 'c.example');
    t.equal((await ask('/rewritten', 'a.example')).sni, 'b.example', 'the host that is sent on');
  });

  await t.test('an address is no name: what is configured is sent', async (t) => {
    t.equal((await ask('/sent', '10.1.2.3')).sni, 'configured.example');
    t.equal((await ask('/sent', '[::1]:80')).sni, 'configured.example');
  });

  await t.test('a connection serves requests of its own name alone', async (t) => {
    const first = await ask('/sent', 'x.example'), second = await ask('/sent', 'y.example');
    t.not(first.connection, second.connection);
    for (let round = 0; round < 3; round++) {
      t.same(await ask('/sent', 'x.example'), first);
      t.same(await ask('/sent', 'y.example'), second);
    }
  });

  await t.test('a header names the server where it has a value', async (t) => {
    t.equal((await ask('/headed', 'a.example', { 'x-server': 'd.example' })).sni, 'd.example');
    t.equal((await ask('/headed', 'a.example', { 'x-server': '' })).sni, 'a.example');
    t.equal((await ask('/headed', 'a.example')).sni, 'a.example');
  });

  await t.test('the certificate must be for the host', async (t) => {
    t.match(await ask('/verified', 'a.example'), { status: 200, sni: 'configured.example' });
    t.equal((await ask('/verified', '127.0.0.1')).status, 200, 'an address on the certificate');
    const before = await stat('cluster.verified.ssl.fail_verify_san');
    t.equal((await ask('/verified', 'elsewhere.example')).status, 503);
    t.equal((await ask('/verified', '127.0.0.2')).status, 503);
    t.equal(await stat('cluster.verified.ssl.fail_verify_san'), before + 2);
    t.equal((await ask('/both', 'a.example')).sni, 'a.example');
    t.equal((await ask('/both', 'elsewhere.example')).status, 503);
  });

  await t.test('a session that was good for one name is not resumed for another', async (t) => {
    for (let round = 0; round < 3; round++) {
      t.equal((await ask('/verified', 'a.example', { connection: 'close' })).status, 200);
      t.equal((await ask('/verified', 'elsewhere.example')).status, 503);
    }
  });

  await t.test('a mirrored request names its own host', async (t) => {
    t.equal((await ask('/mirrored', 'a.example')).sni, 'a.example');
    t.equal(await proxy.untilStat('cluster.mirror.upstream_rq_200', 1), 1);
    t.ok(seen.has('a.example-shadow'));
  });

  await t.test('names without end leave no connections without end', async (t) => {
    const names = limits.serverNamesMax + 40;
    for (let i = 0; i < names; i++) {
      const { status, sni } = await ask('/both', `n${i}.many.example`);
      if (status !== 200 || sni !== `n${i}.many.example`) t.fail(`name ${i}: ${status} ${sni}`);
    }
    t.ok(await stat('cluster.both.upstream_cx_active') <= limits.serverNamesMax);
    t.equal((await ask('/both', 'n0.many.example')).sni, 'n0.many.example', 'one that was forgotten is known anew');
  });
});

/** One request; what the server behind the proxy saw. */
async function get(port: number, path: string, headers: object) {
  const sent = request({ host: '127.0.0.1', port, path, agent: false, headers: { ...headers } });
  sent.end();
  const [answer] = await once(sent, 'response') as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  const { 'x-sni': sni, 'x-connection': connection } = answer.headers;
  return { status: answer.statusCode!, sni, connection };
}
