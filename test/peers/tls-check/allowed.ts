// What is allowed works: every version, cipher suite, curve, kind of certificate and protocol that we offer, by clients
// that others have written; and sessions are resumed.
import type { Issued } from '../../support/certificates.js';
import type { Found, Outcome, Question, TlsClient } from './client.js';
import { client, rsaClient, type Place } from './place.js';
import { allowedSuites, oldSuite, type Suite } from './suites.js';

type Wishes = Partial<Omit<Question, 'name' | 'wants'>>;
const H2 = ['h2', 'http/1.1'];

const question = (name: string, offers: Wishes, wants: Partial<Found>): Question => ({ name, listener: 'tls',
  version: '', suite: null, curve: '', signatures: '', alpn: [], serverName: 'localhost', anyName: false,
  identity: null, twice: false, ...offers,
  wants: { version: offers.version || '1.3', suite: '', protocol: '', peer: '', resumed: offers.twice ?? false,
    ...wants } });

const ofSuite = (suite: Suite): Question => question(`TLS ${suite.version} ${suite.openssl}`,
  { version: suite.version, suite }, { suite: suite.openssl, peer: suite.key === 'any' ? '' : suite.key });
const presents = (who: string, identity: Issued): Question[] => (['1.2', '1.3'] as const).map((version) =>
  question(`TLS ${version}, the client shows ${who}`, { listener: 'mutual', version, identity }, {}));

export const questions: readonly Question[] = [
  question('as the client likes', {}, { version: '1.3' }),
  ...allowedSuites.map(ofSuite),
  ...(['1.0', '1.1'] as const).map((version) => question(`TLS ${version}, where it is asked for`,
    { listener: 'old', version, suite: oldSuite }, { suite: oldSuite.openssl })),
  ...(['1.2', '1.3'] as const).flatMap((version) => [
    ...(['X25519', 'P-256'] as const).map((curve) => question(`TLS ${version}, ${curve}`, { version, curve }, {})),
    ...(['rsa', 'ecdsa'] as const).map((key) => question(`TLS ${version}, signatures by ${key}`,
      { version, signatures: key }, { peer: key })),
    question(`TLS ${version}, h2 or http/1.1`, { version, alpn: H2 }, { protocol: 'h2' }),
  ]),
  question('h2', { alpn: ['h2'] }, { protocol: 'h2' }),
  question('http/1.1 or h2', { alpn: ['http/1.1', 'h2'] }, { protocol: 'h2' }),
  question('http/1.1', { alpn: ['http/1.1'] }, { protocol: 'http/1.1' }),
  question('an unknown protocol', { alpn: ['weft/0'] }, { protocol: '' }),
  question('the name of a certificate', { serverName: 'named.local' }, { peer: 'named' }),
  question('a name of a wildcard', { serverName: 'a.mesh.local' }, { peer: 'wildcard' }),
  question('a name of none', { serverName: 'nobody.knows', anyName: true }, { peer: 'ecdsa' }),
  question('no name', { serverName: '' }, { peer: 'ecdsa' }),
  ...presents('ECDSA', client), ...presents('RSA', rsaClient),
  ...(['1.2', '1.3'] as const).map((version) => question(`TLS ${version}, resumed by ticket`,
    { version, twice: true }, {})),
  ...(['1.2', '1.3'] as const).map((version) => question(`TLS ${version}, h2, resumed by ticket`,
    { version, twice: true, alpn: H2 }, { protocol: 'h2' })),
  ...(['1.2', '1.3'] as const).map((version) => question(`TLS ${version}, tickets switched off, asked twice`,
    { listener: 'noTickets', version, twice: true }, { resumed: false })),
  question('TLS 1.2, mutual, resumed by ticket', { listener: 'mutual', version: '1.2', twice: true,
    identity: client }, {}),
  question('TLS 1.3, mutual, resumed by ticket', { listener: 'mutual', version: '1.3', twice: true,
    identity: client }, {}),
];

/** 'ok', '-' where the client has no switch for it, or what is wrong. */
function judged({ wants }: Question, outcome: Outcome): string {
  if (typeof outcome === 'string') return `failed: ${outcome}`;
  const wrong = (Object.keys(wants) as (keyof Found)[]).filter((key) =>
    (key === 'protocol' || key === 'resumed' || wants[key] !== '') && wants[key] !== outcome[key]);
  return wrong.length === 0 ? 'ok' : wrong.map((key) => `${key} '${outcome[key]}', not '${wants[key]}'`).join('; ');
}

/** Rows by question, columns by client. */
export async function askClients({ port }: Place, clients: readonly TlsClient[]): Promise<string[][]> {
  const columns: string[][] = [];
  for (const one of clients) {
    const able = questions.filter((asked) => one.can(asked));
    const outcomes = await one.askAll(able, port);
    columns.push(questions.map((asked) => able.includes(asked) ? judged(asked, outcomes[able.indexOf(asked)]!) : '-'));
  }
  return questions.map((_, row) => columns.map((column) => column[row]!));
}
