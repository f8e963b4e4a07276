// x-forwarded-client-cert through the whole engine: nobody claims a certificate that was not presented, and what is
// said
// of one that was is what Envoy says.
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import type { ForwardClientCert, RouteConfig } from '../../../src/config/types.js';
import { ConnectionAddresses } from '../../../src/workers/connection/addresses.js';
import { TlsFacts } from '../../../src/workers/connection/tls-facts.js';
import { issue, root } from '../../support/certificates.js';
import { Exchange } from '../../sim/exchange.js';

const ca = root();
const peer = issue({ name: 'peer', issuer: ca, sans: ['URI:spiffe://td/a', 'URI:spiffe://td/b', 'DNS:a.b',
  'DNS:c.d'] });
const own = issue({ name: 'own', issuer: ca, sans: ['URI:spiffe://td/own'] });
const factsOf = (peers: Uint8Array[], local: Uint8Array | null = own.der): TlsFacts => new TlsFacts({
  version: () => '', cipher: () => '', group: () => '', sessionId: () => '', serverName: () => '',
  peerCertificates: () => peers, localCertificate: () => local, peerValidated: () => true });
const hash = new X509Certificate(peer.certPem).fingerprint256.replaceAll(':', '').toLowerCase();
const escaped = encodeURIComponent(new X509Certificate(peer.certPem).toString());

let tls: TlsFacts | null = null;
const { reset } = ConnectionAddresses.prototype;
ConnectionAddresses.prototype.reset = function (fd: number): void {
  reset.call(this, fd);
  this.tls = tls;
};
type Change = Partial<ForwardClientCert>;
const forward = (change: Change): ForwardClientCert => ({ mode: 'sanitize', subject: false, cert: false, chain: false,
  dns: false, uri: false, ...change });
function exchange(change: Change, headers: string, routes?: (config: RouteConfig) => void) {
  return new Exchange({ hcm: { forwardClientCert: forward(change) }, ...(routes === undefined ? {} : { routes }),
    log: '%REQ(X-FORWARDED-CLIENT-CERT)%\n' }).get('/', headers);
}
/** Values that the endpoint got. */
const got = (change: Change, headers = ''): string[] => [...exchange(change, headers).upstream
  .matchAll(/^x-forwarded-client-cert: (.*)\r$/gm)].map((match) => match[1]!);
const CLAIM = 'X-Forwarded-Client-Cert: By=x;Hash=y\r\n';
const modes = ['sanitize', 'forwardOnly', 'appendForward', 'sanitizeSet'] as const;

t.test('without a certificate nobody claims one', async (t) => {
  for (const facts of [null, factsOf([])]) {
    tls = facts;
    for (const mode of modes) {
      t.same(got({ mode }, CLAIM), [], mode);
      t.same(got({ mode }, CLAIM + CLAIM), [], `${mode}, twice`);
      t.same(exchange({ mode }, CLAIM).lines, ['-\n'], 'and logs do not know it');
    }
    t.same(got({ mode: 'alwaysForwardOnly' }, CLAIM), ['By=x;Hash=y']);
    t.same(got({ mode: 'sanitize' }), []);
  }
});

t.test('routes do not see a claim that was taken away', async (t) => {
  tls = null;
  const byClaim = (match: object) => (config: RouteConfig): void => {
    config.virtualHosts[0].routes[0].match.headers = [{ name: 'x-forwarded-client-cert', match: match as never,
      invert: false, treatMissingAsEmpty: false }];
  };
  for (const match of [{ kind: 'present', present: true }, { kind: 'regex', value: '.*' }])
    t.match(exchange({}, CLAIM, byClaim(match)).client, /^HTTP\/1.1 404/);
});

t.test('with a certificate it is taken away, kept, added to or set', async (t) => {
  tls = factsOf([peer.der]);
  const said = `By=spiffe://td/own;Hash=${hash}`;
  t.same(got({ mode: 'sanitize' }, CLAIM), []);
  t.same(got({ mode: 'forwardOnly' }, CLAIM), ['By=x;Hash=y']);
  t.same(got({ mode: 'forwardOnly' }), []);
  t.same(got({ mode: 'appendForward' }, CLAIM), [`By=x;Hash=y,${said}`]);
  t.same(got({ mode: 'appendForward' }, `${CLAIM}${CLAIM}`), [`By=x;Hash=y,By=x;Hash=y,${said}`]);
  t.same(got({ mode: 'appendForward' }), [said]);
  t.same(got({ mode: 'sanitizeSet' }, CLAIM), [said]);
  t.same(exchange({ mode: 'sanitizeSet' }, CLAIM).lines, [`${said}\n`]);
});

t.test('what may be said of it, in Envoy\'s order', async (t) => {
  tls = factsOf([peer.der, ca.der], null);
  t.same(got({ mode: 'sanitizeSet', subject: true, uri: true, dns: true, cert: true }), [
    `Hash=${hash};Cert="${escaped}";Subject="CN=peer,O=Weft";URI=spiffe://td/a;URI=spiffe://td/b;DNS=a.b;DNS=c.d`]);
  tls = factsOf([peer.der, ca.der], null);
  const [chain] = got({ mode: 'sanitizeSet', chain: true });
  t.match(chain, new RegExp(`^Hash=${hash};Chain="`));
  t.equal(decodeURIComponent(/Chain="(.*)"$/.exec(chain!)![1]!), [peer, ca].map(({ certPem }) =>
    new X509Certificate(certPem).toString()).join(''));
  const bare = issue({ name: 'bare' });
  tls = factsOf([bare.der], null);
  t.match(got({ mode: 'sanitizeSet', uri: true, dns: true })[0], /;URI=$/, 'none of the kind');
});

t.test('routes ask for a certificate', async (t) => {
  const status = (facts: TlsFacts | null, presented: boolean | null, validated: boolean | null): string => {
    tls = facts;
    return exchange({}, '', (config) => {
      config.virtualHosts[0].routes[0].match.certificate = { presented, validated };
    }).client.slice(9, 12);
  };
  const bad = new TlsFacts({ version: () => '', cipher: () => '', group: () => '', sessionId: () => '',
    serverName: () => '', peerCertificates: () => [peer.der], localCertificate: () => null,
    peerValidated: () => false });
  const good = factsOf([peer.der]);
  const both = [true, false] as const;
  t.same(both.map((wanted) => [null, factsOf([]), good].map((facts) => status(facts, wanted, null))),
    [['404', '404', '200'], ['200', '200', '404']]);
  t.same(both.map((wanted) => [null, bad, good].map((facts) => status(facts, null, wanted))),
    [['404', '404', '200'], ['200', '200', '404']]);
  t.equal(status(bad, true, false), '200');
  t.equal(status(bad, true, true), '404');
});

t.test('one that becomes too long is answered', async (t) => {
  tls = factsOf([peer.der]);
  const long = `X-Forwarded-Client-Cert: ${'a'.repeat(16 * 1024)}\r\n`;
  const { client, upstream } = exchange({ mode: 'appendForward' }, long);
  t.match(client, /^HTTP\/1.1 431/);
  t.equal(upstream, '');
  t.equal(got({ mode: 'sanitizeSet' }, long).length, 1, 'what is replaced may have been long');
});
