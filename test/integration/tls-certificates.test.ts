// What certificates say beyond their names: that they are not revoked (OCSP responses that go with them), what their
// keys may be used for, and names of kinds that only their owners know.
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { issue, ocspResponse, root } from '../support/certificates.js';
import type { Issued } from '../support/certificates.js';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const inline = (text: string) => ({ inline_string: text });
const authority = root();
const trusted_ca = inline(authority.certPem);
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
const past = new Date(Date.now() - 3_600_000);
const fresh = ocspResponse(authority, [server]);
const stale = ocspResponse(authority, [server], { nextUpdate: past });
const endless = ocspResponse(authority, [server], { nextUpdate: null });

const downstream = (identity: Issued, staple: Buffer | null, more: object = {}, common: object = {}) => ({
  name: 'envoy.transport_sockets.tls', typed_config: { '@type': `${TYPE}DownstreamTlsContext`, ...more,
    common_tls_context: { ...common, tls_certificates: [{ certificate_chain: inline(identity.chainPem),
      private_key: inline(identity.keyPem),
      ...staple === null ? {} : { ocsp_staple: { inline_bytes: staple.toString('base64') } } }] } } });
const folder = mkdtempSync(join(tmpdir(), 'weft-tls-certificates-'));
t.teardown(() => rmSync(folder, { recursive: true }));
/** A file of SDS with the server's certificate, in the place of the one before. */
function deliver(staple: Buffer | null): void {
  const { typed_config: { common_tls_context: { tls_certificates: [tls_certificate] } } } = downstream(server, staple);
  writeFileSync(join(folder, 'next.json'), JSON.stringify({ resources: [{
    '@type': `${TYPE}Secret`, name: 'late', tls_certificate }] }));
  renameSync(join(folder, 'next.json'), join(folder, 'sds.json'));
}
const listener = (name: string, transport_socket: object) => ({ name, routes: [routeTo('a')],
  transportSocket: transport_socket });

const policies = { lenient: 'LENIENT_STAPLING', strict: 'STRICT_STAPLING', must: 'MUST_STAPLE' } as const;
const responses = { none: null, fresh, stale, endless };
type Policy = keyof typeof policies;
type Response = keyof typeof responses;
/** What clients that ask get. A must without any response is refused with the configuration. */
const expected: readonly [Policy, Response, 'stapled' | 'omitted' | 'failed'][] = [
  ['lenient', 'none', 'omitted'], ['lenient', 'fresh', 'stapled'], ['lenient', 'stale', 'omitted'],
  ['lenient', 'endless', 'omitted'], ['strict', 'none', 'omitted'], ['strict', 'fresh', 'stapled'],
  ['strict', 'stale', 'failed'], ['must', 'fresh', 'stapled'], ['must', 'stale', 'failed'],
  ['must', 'endless', 'failed'],
];
const insistent = issue({ name: 'insistent', issuer: authority, sans: ['DNS:localhost'], mustStaple: true });

const UPN = '1.3.6.1.4.1.311.20.2.3';
const otherNames = (names: string[]): Issued => issue({ name: 'client', issuer: authority, sans: names });
const matching = (oid: string, exact: string) => ({ validation_context: { trusted_ca,
  match_typed_subject_alt_names: [{ san_type: 'OTHER_NAME', oid, matcher: { exact } }] } });

/** Servers behind the proxy: what their keys may be used for, and whether that is enough. */
const why = { response_headers_to_add: [{ header: { key: 'x-why',
  value: '%UPSTREAM_TRANSPORT_FAILURE_REASON%' } }] };
const SIGNS = 0x80, ENCRYPTS = 0x20, AGREES = 0x08;
type Usage = [name: string, keyType: 'rsa' | 'p256', usage: number | null, options: TlsOptions, good: boolean];
const usages: readonly Usage[] = [
  ['rsa-signs', 'rsa', SIGNS, {}, true], ['rsa-unsaid', 'rsa', null, {}, true],
  ['rsa-encrypts', 'rsa', ENCRYPTS, {}, false], ['rsa-encrypts-12', 'rsa', ENCRYPTS, { maxVersion: 'TLSv1.2' }, false],
  ['rsa-kx', 'rsa', ENCRYPTS, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }, true],
  ['rsa-kx-signs', 'rsa', SIGNS, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }, false],
  ['ec-signs', 'p256', SIGNS, {}, true], ['ec-agrees', 'p256', AGREES, {}, false],
];
const backends = await Promise.all(usages.map(async ([name, keyType, keyUsage, options]) => {
  const identity = issue({ name, issuer: authority, sans: ['DNS:localhost'], keyType, keyUsage });
  const backend = createServer({ cert: identity.chainPem, key: identity.keyPem, ...options }, (_, answer) => {
    answer.end('here');
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => { backend.close(); backend.closeAllConnections(); });
  return (backend.address() as AddressInfo).port;
}));

deliver(null);
void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [
    ...expected.map(([policy, response]) => listener(`${policy}-${response}`,
      downstream(server, responses[response], { ocsp_staple_policy: policies[policy] }))),
    listener('insistent', downstream(insistent, ocspResponse(authority, [insistent], { nextUpdate: past }))),
    listener('late', { name: 'envoy.transport_sockets.tls', typed_config: { '@type': `${TYPE}DownstreamTlsContext`,
      ocsp_staple_policy: 'MUST_STAPLE', common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'late',
        sds_config: { path_config_source: { path: join(folder, 'sds.json') } } }] } } }),
    listener('upn', downstream(server, null, { require_client_certificate: true }, matching(UPN, 'a@b.c'))),
    listener('number', downstream(server, null, { require_client_certificate: true }, matching('1.2.3', '7'))),
    listener('client-usage', downstream(server, null, { require_client_certificate: true },
      { validation_context: { trusted_ca } })),
    { name: 'out', routeConfig: why, routes: usages.map(([name]) => ({ match: { path: `/${name}` },
      route: { cluster: name } })) },
    { name: 'out-plain', routeConfig: why, routes: usages.map(([name]) => ({ match: { path: `/${name}` },
      route: { cluster: `plain-${name}` } })) },
  ],
  bootstrap: { node: { id: 'tests', cluster: 'tests' } },
  more: () => usages.flatMap(([name], index) => [true, false].map((validates) => ({
    name: validates ? name : `plain-${name}`, ports: [backends[index]!],
    fields: { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: {
      '@type': `${TYPE}UpstreamTlsContext`,
      // Envoy 1.40 ignores it: usage is always looked at
      enforce_rsa_key_usage: validates, common_tls_context: {
        tls_params: { tls_maximum_protocol_version: 'TLSv1_3', cipher_suites: ['ECDHE-ECDSA-AES128-GCM-SHA256',
          'ECDHE-RSA-AES128-GCM-SHA256', 'AES128-GCM-SHA256'] },
        ...validates ? { validation_context: { trusted_ca } } : {} } } } } }))),
}, async (t, { proxy, port }) => {
  const stat = (name: string, of: string): string => `listener.127.0.0.1_${port[name]}.ssl.${of}`;
  /** The response that came with the certificate, '' = none; else why there was no handshake. */
  const asks = async (name: string, options: ConnectionOptions & { requestOCSP?: boolean } = {}):
    Promise<string> => {
    const asked: ConnectionOptions & { requestOCSP?: boolean } = { host: '127.0.0.1', port: port[name]!,
      servername: 'localhost', ca: authority.certPem, requestOCSP: true, ...options };
    const socket = connect(asked);
    let staple: Buffer = Buffer.alloc(0);
    socket.on('OCSPResponse', (response: Buffer | null) => { staple = response ?? Buffer.alloc(0); });
    try {
      await once(socket, 'secureConnect');
      if (options.cert !== undefined) {                  // TLS 1.3: whether we are welcome is heard later
        socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
        await once(socket, 'data');
      }
      return staple.toString('base64');
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    } finally { socket.destroy(); }
  };

  await t.test('an OCSP response goes with the certificate, where there is one and it is in date', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const [policy, response, outcome] of expected) {
        const name = `${policy}-${response}`, told = `${name} ${maxVersion}`;
        const names = ['requests', 'responses', 'omitted', 'failed'].map((of) => stat(name, `ocsp_staple_${of}`));
        const before = await proxy.stats(names);
        const got = await asks(name, { maxVersion });
        if (outcome === 'failed') t.match(got, /ALERT|EPROTO|ECONNRESET/, told);
        else t.equal(got, outcome === 'stapled' ? responses[response]!.toString('base64') : '', told);
        const index = ['stapled', 'omitted', 'failed'].indexOf(outcome) + 1;
        for (const [i, of] of names.entries()) {
          const value = (before.get(of) ?? 0) + (i === 0 || i === index ? 1 : 0);
          t.equal(await proxy.untilStat(of, value), value, `${told} ${of}`);
        }
        t.equal(await asks(name, { maxVersion, requestOCSP: false }), '', 'who does not ask is served without');
        t.equal(await proxy.stat(names[0]!), (before.get(names[0]!) ?? 0) + 1, 'and not counted');
      }
      t.match(await asks('insistent', { maxVersion }), /ALERT|EPROTO|ECONNRESET/, 'the certificate says that it must');
    }
  });

  await t.test('a secret without the response that it must have is not served, until it has one', async (t) => {
    t.match(await asks('late'), /ECONNRESET/);
    deliver(fresh);
    let got = await asks('late');
    for (let tries = 0; got === 'ECONNRESET' && tries < 400; tries++) {
      await sleep(20);
      got = await asks('late');
    }
    t.equal(got, fresh.toString('base64'));
    const again = ocspResponse(authority, [server], { nextUpdate: new Date(Date.now() + 7_200_000) });
    deliver(again);
    for (let tries = 0; got === fresh.toString('base64') && tries < 400; tries++) {
      await sleep(20);
      got = await asks('late');
    }
    t.equal(got, again.toString('base64'), 'and a newer one when it comes');
    deliver(null);                                       // for the next proxy
  });

  await t.test('/certs tells from when until when', async (t) => {
    const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    const { certificates } = JSON.parse((await proxy.admin('/certs')).body) as { certificates: { cert_chain: {
      serial_number: string; ocsp_details?: { valid_from: string; expiration: string } }[] }[] };
    const own = certificates.map(({ cert_chain: [leaf] }) => leaf)
      .filter((leaf) => leaf?.serial_number === server.serial.toString('hex'));
    const told = own.flatMap((leaf) => leaf?.ocsp_details ?? []);
    t.ok(own.length > told.length, 'some have none');
    t.ok(told.some(({ expiration }) => expiration === seconds(past.getTime())));
    t.ok(told.every(({ valid_from }) => valid_from < seconds(Date.now() - 86_000_000)));
  });

  await t.test('clients by names of kinds that their object identifiers tell', async (t) => {
    for (const [names, upn, number] of [
      [[`otherName:${UPN};UTF8:a@b.c`], true, false], [[`otherName:${UPN};UTF8:a@b.d`], false, false],
      [['otherName:1.2.4;UTF8:a@b.c', 'email:a@b.c'], false, false], [['otherName:1.2.3;INTEGER:7'], false, true],
      [['DNS:x', `otherName:${UPN};IA5:a@b.c`, 'otherName:1.2.3;UTF8:7'], true, true],
      [['otherName:1.2.3;UTF8:8', 'otherName:1.2.3;UTF8:7'], false, true],
    ] as const) {
      const { chainPem: cert, keyPem: key } = otherNames([...names]);
      for (const [name, good] of [['upn', upn], ['number', number]] as const) {
        const before = await proxy.stat(stat(name, 'fail_verify_san'));
        const got = await asks(name, { cert, key, requestOCSP: false });
        t.equal(got === '', good, `${name} ${names.join()}: ${got}`);
        const refused = before + (good ? 0 : 1);
        t.equal(await proxy.untilStat(stat(name, 'fail_verify_san'), refused), refused, names.join());
      }
    }
  });

  await t.test('a key that is not for it is no server\'s', async (t) => {
    for (const [name, , , , good] of usages) {
      for (const [from, cluster] of [['out', name], ['out-plain', `plain-${name}`]] as const) {
        const of = `cluster.${cluster}.ssl.connection_error`;
        const { start: line, body, headers } = await exchange(port[from]!, `GET /${name} HTTP/1.1\r\nhost: a\r\n\r\n`);
        t.ok(line.includes(good ? ' 200 ' : ' 503 '), `${cluster}: ${line} ${body}`);
        const logged = headers.find(([key]) => key === 'x-why')?.[1] ?? '-';
        t.match(logged, good ? /^-$/ : /KEY_USAGE_BIT_INCORRECT/, cluster);
        t.equal(await proxy.untilStat(of, good ? 0 : 1), good ? 0 : 1, of);
      }
    }
  });

  await t.test('a key that is not for it is no client\'s', async (t) => {
    for (const [keyType, keyUsage, good] of [['rsa', SIGNS, true], ['rsa', ENCRYPTS, false], ['p256', SIGNS, true],
      ['p256', AGREES, false]] as const) {
      const { chainPem: cert, keyPem: key } = issue({ name: 'client', issuer: authority, keyType, keyUsage });
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const got = await asks('client-usage', { cert, key, requestOCSP: false, maxVersion });
        t.equal(got === '', good, `${keyType} ${keyUsage} ${maxVersion}: ${got}`);
      }
    }
  });
});
