// How validation contexts are laid over each other, and which secrets a context mentions.
import t from 'tap';
import { mergeValidation, noValidation, secretsOf } from '../../src/config/tls.js';
import type { SanMatcher, TlsCommon } from '../../src/config/tls.js';

const san = (value: string): SanMatcher =>
  ({ type: 'uri', oid: '', matcher: { kind: 'exact', value, ignoreCase: false } });
const common: TlsCommon = { parameters: { minVersion: 0, maxVersion: 0, cipherSuites: [], curves: [],
  signatureAlgorithms: [] }, alpn: [], certificateSecrets: ['a', 'b'], validation: null, validationSecrets: ['roots'] };

t.test('what comes later adds to lists and replaces the rest where it says something', async (t) => {
  const under = { ...noValidation, caPem: 'one', crlPem: 'list', spkiPins: ['p'], sanMatchers: [san('a')],
    allowExpired: true, maxDepth: 3 };
  const over = { ...noValidation, caPem: 'two', spkiPins: ['q'], sanMatchers: [san('b')], maxDepth: 0,
    trustChainVerification: 'acceptUntrusted' as const };
  t.same(mergeValidation([under, over]), { caPem: 'two', crlPem: 'list', spkiPins: ['p', 'q'], hashPins: [],
    sanMatchers: [san('a'), san('b')], allowExpired: true, trustChainVerification: 'acceptUntrusted',
    onlyLeafCrl: false, maxDepth: 0 });
  t.same(mergeValidation([over, under]).caPem, 'one');
  t.same(mergeValidation([over, noValidation]), over, 'one that says nothing changes nothing');
  t.same(mergeValidation([]), noValidation);
});

t.test('a context mentions its certificates, then what validates, then its ticket keys', async (t) => {
  t.same(secretsOf({ kind: 'downstream', common, requireClientCertificate: false,
    sessionTickets: { disabled: false, secret: 'keys' }, sessionTimeoutSeconds: 0,
    preferClientCiphers: false, ocspStapling: 'lenient' }), ['a', 'b', 'roots', 'keys']);
  t.same(secretsOf({ kind: 'upstream', common: { ...common, validationSecrets: [] }, sni: '', autoHostSni: false,
    autoSniSanValidation: false, maxSessionKeys: 1 }), ['a', 'b']);
});
