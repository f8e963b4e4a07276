// Mutual TLS: the right certificate is served, and each way of being wrong is refused by its counter, with an alert for
// the client and the reason in the log of the listener. By openssl s_client, with both versions.
import { issue, root, type Issued } from '../../support/certificates.js';
import { authority, client, deltas, Files, outcomesOf, revoked, rsaClient, SPIFFE, type ListenerName, type Place }
  from './place.js';
import { converse } from './programs.js';
import { LogReader, type Row } from './refused.js';

interface Shown { name: string; identity: Issued | null; listener?: ListenerName; counter: string; alert: RegExp }

const DAY_MS = 86_400_000;
const mine = { name: 'client', issuer: authority, sans: [`URI:${SPIFFE}`] };
const intermediate = issue({ name: 'Weft intermediate', issuer: authority, ca: true });
const between = issue({ ...mine, issuer: intermediate });
const signedByNobody = issue({ ...mine, issuer: null });
const foreign = root('Another root');
const days = (from: number, to: number) => ({ notBefore: new Date(Date.now() + from * DAY_MS),
  notAfter: new Date(Date.now() + to * DAY_MS) });
const NONE = /handshake failure|certificate required/, SAN = 'fail_verify_san', ERROR = 'fail_verify_error';
const any = /alert/;

const cases: readonly Shown[] = [
  { name: 'the right name', identity: client, counter: 'handshake', alert: /^$/ },
  { name: 'the right name, RSA', identity: rsaClient, counter: 'handshake', alert: /^$/ },
  { name: 'the right name, for clients only', identity: issue({ ...mine, clientOnly: true }), counter: 'handshake',
    alert: /^$/ },
  { name: 'another service account', identity: issue({ ...mine,
    sans: [SPIFFE.replace('client', 'stranger')].map((uri) => `URI:${uri}`) }), counter: SAN, alert: any },
  { name: 'another trust domain', identity: issue({ ...mine,
    sans: [`URI:${SPIFFE.replace('cluster.local', 'other.domain')}`] }), counter: SAN, alert: any },
  { name: 'a name that only begins so', identity: issue({ ...mine, sans: [`URI:${SPIFFE}x`] }), counter: SAN,
    alert: any },
  { name: 'the name as DNS', identity: issue({ ...mine, sans: ['DNS:cluster.local'] }), counter: SAN, alert: any },
  { name: 'no name', identity: issue({ ...mine, sans: [] }), counter: SAN, alert: any },
  { name: 'another root', identity: issue({ ...mine, issuer: foreign }), counter: ERROR, alert: /unknown ca/ },
  { name: 'another root of the same name', identity: issue({ ...mine, issuer: root(authority.name) }), counter: ERROR,
    alert: any },
  { name: 'signed by itself', identity: signedByNobody, counter: ERROR, alert: /unknown ca|alert/ },
  { name: 'signed by a certificate that may not sign', identity: issue({ ...mine,
    issuer: issue({ name: 'no authority', issuer: authority }) }), counter: ERROR, alert: any },
  { name: 'by an intermediate', identity: between, listener: 'unlisted', counter: 'handshake', alert: /^$/ },
  { name: 'by an intermediate that is not shown', identity: { ...between, chainPem: between.certPem },
    listener: 'unlisted', counter: ERROR, alert: /unknown ca/ },
  { name: 'by an intermediate without a revocation list', identity: between, counter: ERROR, alert: any },
  { name: 'expired', identity: issue({ ...mine, ...days(-20, -1) }), counter: ERROR, alert: /expired/ },
  { name: 'not yet valid', identity: issue({ ...mine, ...days(1, 20) }), counter: ERROR, alert: any },
  { name: 'revoked', identity: revoked, counter: ERROR, alert: /revoked/ },
  { name: 'for servers only', identity: issue({ ...mine, serverOnly: true }), counter: ERROR, alert: any },
  { name: 'none', identity: null, counter: 'fail_verify_no_cert', alert: NONE },
  { name: 'pinned', identity: client, listener: 'pinned', counter: 'handshake', alert: /^$/ },
  { name: 'not the pinned one', identity: rsaClient, listener: 'pinned', counter: 'fail_verify_cert_hash', alert: any },
  { name: 'none, where it is optional', identity: null, listener: 'optional', counter: 'handshake', alert: /^$/ },
  { name: 'none, where only names are asked for', identity: null, listener: 'named', counter: 'fail_verify_no_cert',
    alert: NONE },
  { name: 'wrong, where it is optional', identity: issue({ ...mine, issuer: foreign }), listener: 'optional',
    counter: ERROR, alert: /unknown ca/ },
];

/** Asks over one version; what came: 'served', or the alert. */
async function show({ port }: Place, { identity, listener = 'mutual' }: Shown, version: string, files: Files):
  Promise<string> {
  const output = await converse(['openssl', 's_client', '-connect', `127.0.0.1:${port[listener]}`, '-CAfile',
    files.roots, '-servername', 'localhost', version, '-ign_eof', '-quiet', ...identity === null ? []
      : ['-cert', files.of(identity), '-key', files.of(identity), '-cert_chain', files.of(identity)]],
  'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', null);
  if (output.includes('HTTP/1.1 200 OK')) return 'served';
  return /(?:alert [a-z0-9 ]+|ssl[^:\n]*handshake failure)/.exec(output.replaceAll(/(tls|ssl)v\d\S* /g, ''))?.[0]
    ?? output.slice(-120).trim();
}

export async function showCertificates(place: Place): Promise<Row[]> {
  const rows: Row[] = [], files = new Files(), logs = new Map<string, LogReader>();
  try {
    for (const one of cases) {
      const listener = one.listener ?? 'mutual';
      const log = logs.get(listener) ?? await LogReader.open(place, listener);
      logs.set(listener, log);
      for (const version of ['-tls1_2', '-tls1_3']) {
        const before = await outcomesOf(place, listener);
        const answer = await show(place, one, version, files);
        const line = await log.next();
        const counted = deltas(before, await outcomesOf(place, listener));
        const served = one.counter === 'handshake';
        const good = counted === `${one.counter} +1` && (answer === 'served') === served
          && (served || (one.alert.test(answer) && /^[^|]*\|[^|]*TLS_error/.test(line)));
        rows.push({ name: `TLS ${version === '-tls1_2' ? '1.2' : '1.3'}: ${one.name}`, answer, counted, log: line,
          good });
      }
    }
  } finally { files.remove(); }
  return rows;
}
