// What formats print of TLS, through the whole engine: connections of clients and to endpoints tell facts that are made
// of real certificates, as TLS sessions give them.
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { parseFormat } from '../../../src/telemetry/format.js';
import { tlsCommands } from '../../../src/telemetry/format-commands.js';
import { ConnectionAddresses } from '../../../src/workers/connection/addresses.js';
import { TlsFacts } from '../../../src/workers/connection/tls-facts.js';
import type { TlsSource } from '../../../src/workers/connection/tls-facts.js';
import { UpstreamConnection } from '../../../src/workers/upstream/connection.js';
import { issue, root } from '../../support/certificates.js';
import { Exchange } from '../../sim/exchange.js';

const ca = root('Root');
const middle = issue({ name: 'Middle', issuer: ca, ca: true });
const peer = issue({ name: 'Jos\u00e9, of a+b', issuer: middle, sans: ['URI:spiffe://td/a', 'URI:spiffe://td/b',
  'DNS:a.b', 'IP:10.0.0.1', 'email:a@b.c'], notBefore: new Date('2024-02-03T04:05:06Z'),
notAfter: new Date('2034-02-03T04:05:06Z') });
const own = issue({ name: 'own', issuer: ca, sans: ['URI:spiffe://td/own', 'DNS:own.b'] });
let asked = 0;
const source = (peers: Uint8Array[], more: Partial<TlsSource> = {}): TlsSource => ({ version: () => 'TLSv1.3',
  cipher: () => 'TLS_AES_128_GCM_SHA256', group: () => 'X25519', sessionId: () => 'ab01', serverName: () =>
    'up.example',
  peerCertificates: () => { asked++; return peers; }, localCertificate: () => own.der, peerValidated: () => true,
  ...more });
const facts = () => new TlsFacts(source([peer.der, middle.der]));
const parsed = new X509Certificate(peer.certPem);
const wide = (issued: { certPem: string }) => new X509Certificate(issued.certPem).fingerprint256
  .replaceAll(':', '').toLowerCase();

let downstream: TlsFacts | null = null, upstream: TlsFacts | null = null, failure = '';
const { reset } = ConnectionAddresses.prototype;
ConnectionAddresses.prototype.reset = function (fd: number): void {
  reset.call(this, fd);
  this.tls = downstream;
  this.transportFailure = failure;
  this.ja3 = 'three';
  this.ja4 = 'four';
};
const { open } = UpstreamConnection.prototype;
UpstreamConnection.prototype.open = function (...given): boolean {
  const opened = open.apply(this, given);
  this.tls = upstream;
  return opened;
};
const printed = (format: string): string => new Exchange({ log: `${format}\n` }).get('/').lines.join('').slice(0, -1);

t.test('every command, of either side', async (t) => {
  downstream = facts();
  upstream = facts();
  const both: { [field: string]: string } = { TLS_VERSION: 'TLSv1.3', TLS_CIPHER: 'TLS_AES_128_GCM_SHA256',
    TLS_GROUP: 'X25519', TLS_SESSION_ID: 'ab01', LOCAL_URI_SAN: 'spiffe://td/own', LOCAL_DNS_SAN: 'own.b',
    LOCAL_IP_SAN: '-', PEER_URI_SAN: 'spiffe://td/a,spiffe://td/b', PEER_DNS_SAN: 'a.b', PEER_IP_SAN: '10.0.0.1',
    PEER_SUBJECT: 'CN=Jos\\C3\\A9\\, of a\\+b,O=Weft', PEER_ISSUER: 'CN=Middle,O=Weft' };
  const client: { [field: string]: string } = { LOCAL_EMAIL_SAN: '-', LOCAL_OTHERNAME_SAN: '-',
    LOCAL_SUBJECT: 'CN=own,O=Weft', PEER_EMAIL_SAN: 'a@b.c', PEER_OTHERNAME_SAN: '-',
    PEER_FINGERPRINT_256: wide(peer), PEER_FINGERPRINT_1: parsed.fingerprint.replaceAll(':', '').toLowerCase(),
    PEER_SERIAL: peer.serial.toString('hex'), PEER_CHAIN_SERIALS: [peer, middle].map(({ serial }) =>
      serial.toString('hex')).join(','), PEER_CHAIN_FINGERPRINTS_256: [peer, middle].map(wide).join(',') };
  const expected = [...Object.entries(both).flatMap(([field, text]) => [[`DOWNSTREAM_${field}`, text],
    [`UPSTREAM_${field}`, text]]), ...Object.entries(client).map(([field, text]) => [`DOWNSTREAM_${field}`, text]),
  ['UPSTREAM_SERVER_NAME', 'up.example']] as [string, string][];
  const utf8 = (text: string) => Buffer.from(text, 'latin1').toString('utf8');
  for (const [command, text] of expected) t.equal(utf8(printed(`%${command}%`)).normalize(), text, command);
  const named = new Set([...expected.map(([command]) => command), 'DOWNSTREAM_PEER_CERT', 'UPSTREAM_PEER_CERT',
    'DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1']);
  t.same([...tlsCommands.keys()].filter((command) => !named.has(command)), [], 'none was left out');
  const escaped = printed('%DOWNSTREAM_PEER_CERT%');
  t.notMatch(escaped, /[\s+/=]/);
  t.equal(decodeURIComponent(escaped), parsed.toString());
});

t.test('when the certificate of the peer is valid', async (t) => {
  downstream = upstream = facts();
  t.equal(printed('%DOWNSTREAM_PEER_CERT_V_START%'), '2024-02-03T04:05:06.000Z');
  t.equal(printed('%DOWNSTREAM_PEER_CERT_V_END(%Y)%'), '2034');
  t.equal(printed('%UPSTREAM_PEER_CERT_V_START(%s)%'), String(Date.UTC(2024, 1, 3, 4, 5, 6) / 1000));
  t.equal(printed('%UPSTREAM_PEER_CERT_V_END(%m/%d)%'), '02/03');
});

t.test('what there is not prints a dash', async (t) => {
  downstream = upstream = null;
  failure = '';
  for (const command of [...tlsCommands.keys(), 'DOWNSTREAM_PEER_CERT_V_START', 'DOWNSTREAM_TRANSPORT_FAILURE_REASON'])
    t.equal(printed(`%${command}%`), '-', command);
  downstream = new TlsFacts(source([], { localCertificate: () => null, group: () => '' }));
  t.equal(printed('%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_LOCAL_SUBJECT% '
    + '%DOWNSTREAM_TLS_GROUP% %DOWNSTREAM_PEER_CERT_V_END%'), 'TLSv1.3 - - - -');
  failure = 'TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end';
  t.equal(printed('%DOWNSTREAM_TRANSPORT_FAILURE_REASON%'), failure);
  t.equal(printed('%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%'), 'three four');
});

t.test('certificates are asked for once, by whoever asks first, and outlive their session', async (t) => {
  asked = 0;
  const one = facts();
  one.text('TLS_VERSION');
  t.equal(asked, 0);
  one.text('PEER_SUBJECT');
  one.text('PEER_ISSUER');
  one.keep();
  one.detach();
  t.equal(asked, 1);
  t.same([one.text('PEER_SERIAL'), one.text('TLS_CIPHER'), one.text('LOCAL_DNS_SAN'), one.peerValidated,
    one.peerPresented], [peer.serial.toString('hex'), 'TLS_AES_128_GCM_SHA256', 'own.b', true, true]);
  const forgotten = facts();
  forgotten.detach();
  t.same([forgotten.text('TLS_VERSION'), forgotten.peerPresented], ['', false], 'nobody was going to ask');
  t.same(one.names('PEER', 'URI_SAN'), ['spiffe://td/a', 'spiffe://td/b']);
});

t.test('what is not a command is refused', async (t) => {
  const reason = (format: string) => { const result = parseFormat(format); return result.ok ? '' : result.reason; };
  t.equal(reason('%DOWNSTREAM_TLS_VERSION(x)%'), '%DOWNSTREAM_TLS_VERSION% takes no argument');
  t.equal(reason('%UPSTREAM_PEER_SUBJECT:3%'), '%UPSTREAM_PEER_SUBJECT% takes no length');
  t.equal(reason('%UPSTREAM_PEER_SERIAL%'), '%UPSTREAM_PEER_SERIAL% is not a known command');
  t.match(reason('%DOWNSTREAM_PEER_CERT_V_START(%Q)%'), /holds an unknown conversion/);
});
