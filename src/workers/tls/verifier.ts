// Is this certificate the peer's to show? The chain is OpenSSL's business; names and pins are looked at here, inside of
// the handshake, so that a refusal is told by an alert.
import { X509Certificate, createHash } from 'node:crypto';
import type { SanMatcher, TlsValidation } from '../../config/tls.js';
import { altNamesOf } from '../../config/certificates.js';
import { X509_V_ERR_APPLICATION, X509_V_OK } from '../../os/openssl.js';
import { StringCondition } from '../routing/string-condition.js';
import type { TlsLibrary } from './library.js';

export type VerifyFailure = '' | 'chain' | 'san' | 'pin';

export class Verifier {
  /** Why the last certificate was refused. */
  failure: VerifyFailure = '';
  /** The last chain was found good. */
  trusted = false;
  private readonly matchers: { type: SanMatcher['type']; condition: StringCondition }[];

  constructor(private readonly library: TlsLibrary, private readonly validation: TlsValidation,
      private readonly name = '') {
    this.matchers = validation.sanMatchers.map(({ type, matcher }) => ({ type,
      condition: new StringCondition(matcher) }));
  }

  /** The callback of SSL_CTX_set_cert_verify_callback: 1 = go on. */
  verify(context: number): number {
    const { ssl } = this.library;
    const { validation } = this;
    this.failure = '';
    this.trusted = false;
    if (validation.caPem !== '') {
      this.trusted = ssl.X509_verify_cert(context) === 1;
      if (!this.trusted && validation.trustChainVerification === 'verify') { this.failure = 'chain'; return 0; }
    } else if (validation.spkiPins.length === 0 && validation.hashPins.length === 0) {
      // Names that nobody vouches for say nothing.
      if (this.matchers.length > 0 && validation.trustChainVerification === 'verify')
        return this.refuse(context, 'san');
    }
    const der = this.library.der(ssl.X509_STORE_CTX_get0_cert(context));
    if (!this.hasName(der)) return this.refuse(context, 'san');
    if (!this.isPinned(der)) return this.refuse(context, 'pin');
    ssl.X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  }

  private refuse(context: number, failure: VerifyFailure): number {
    this.failure = failure;
    this.library.ssl.X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION);
    return 0;
  }

  private hasName(der: Uint8Array): boolean {
    if (this.matchers.length === 0 && this.name === '') return true;
    const names = der.length === 0 ? [] : altNamesOf(new X509Certificate(der).subjectAltName);
    if (this.name !== '' && !names.some(({ type, value }) =>
      type === 'dns' ? coversHost(value, this.name) : value === this.name))
      return false;
    return this.matchers.length === 0 || this.matchers.some(({ type, condition }) =>
      names.some((name) => name.type === type && condition.holds(name.value)));
  }

  private isPinned(der: Uint8Array): boolean {
    const { spkiPins, hashPins } = this.validation;
    if (spkiPins.length === 0 && hashPins.length === 0) return true;
    if (hashPins.includes(createHash('sha256').update(der).digest('hex'))) return true;
    if (spkiPins.length === 0) return false;
    const key = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
    return spkiPins.includes(createHash('sha256').update(key).digest('base64'));
  }
}

/** 'a.b' or '*.b', where the star is one label. */
export function coversHost(pattern: string, host: string): boolean {
  const wanted = host.toLowerCase(), own = pattern.toLowerCase();
  if (own === wanted) return true;
  const dot = wanted.indexOf('.');
  return own.startsWith('*.') && dot > 0 && own.slice(1) === wanted.slice(dot);
}
