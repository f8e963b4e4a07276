// Is this certificate the peer's to show? The chain is OpenSSL's business; names and pins are looked at here, inside of
// the handshake, so that a refusal is told by an alert.
import type { TlsValidation } from '../../config/tls.js';
import { altNamesIn, isNamed, isPinned } from '../../config/peer-rules.js';
import type { NameRule } from '../../config/peer-rules.js';
import { KEY_DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_EXCHANGE_RSA,
  X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
  X509_V_OK } from '../../os/openssl.js';
import { StringCondition } from '../routing/string-condition.js';
import type { TlsLibrary } from './library.js';
import { KEY_USAGE } from './names.js';

export type VerifyFailure = '' | 'chain' | 'san' | 'pin' | 'usage';
/** Errors that come of a revocation list, or of there being none. */
const ofRevocation: ReadonlySet<number> = new Set([3, 5, 8, 11, 12, 15, 16, 23, 33, 36, 44, 54]);

export class Verifier {
  /** Why the last certificate was refused. */
  failure: VerifyFailure = '';
  /** The same in words, as Envoy's; and the certificate itself, which OpenSSL forgets. */
  detail = '';
  refused: Uint8Array | null = null;
  /** The last chain was found good. */
  trusted = false;
  private readonly rules: readonly NameRule[];

  constructor(private readonly library: TlsLibrary, private readonly validation: TlsValidation,
      private readonly name = '') {
    this.rules = validation.sanMatchers.map(({ type, oid, matcher }) => {
      const condition = new StringCondition(matcher);
      return { type, oid, holds: (value) => condition.holds(value) };
    });
  }

  /** The callback of SSL_CTX_set_cert_verify_callback: 1 = go on. */
  verify(context: number, session: number): number {
    const { ssl } = this.library;
    const { validation } = this;
    this.failure = this.detail = '';
    this.refused = null;
    this.trusted = false;
    if (!this.mayBeUsed(context, session)) return this.refuseUsage(context);
    if (validation.caPem !== '') {
      this.trusted = ssl.X509_verify_cert(context) === 1;
      if (!this.trusted && validation.trustChainVerification === 'verify') return this.refuseChain(context);
    } else if (validation.spkiPins.length === 0 && validation.hashPins.length === 0) {
      // Names that nobody vouches for say nothing.
      if (this.rules.length > 0 && validation.trustChainVerification === 'verify')
        return this.refuse(context, 'san', this.leaf(context));
    }
    const der = this.leaf(context);
    if (!isNamed(der, this.name, this.rules)) return this.refuse(context, 'san', der);
    if (!isPinned(der, validation)) return this.refuse(context, 'pin', der);
    ssl.X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  }

  private leaf(context: number): Uint8Array {
    return this.library.der(this.library.ssl.X509_STORE_CTX_get0_cert(context));
  }

  private refuseChain(context: number): number {
    const { ssl } = this.library;
    const error = ssl.X509_STORE_CTX_get_error(context);
    this.failure = 'chain';
    this.refused = this.leaf(context);
    this.detail = 'verify cert failed: X509_verify_cert: certificate verification error at depth '
      + `${ssl.X509_STORE_CTX_get_error_depth(context)}: `
      + (ofRevocation.has(error) ? 'certificate revocation check against provided CRLs failed: ' : '')
      + (ssl.X509_verify_cert_error_string(error) ?? String(error));
    // One alert for dates, as BoringSSL's.
    if (error === X509_V_ERR_CERT_NOT_YET_VALID) ssl.X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_HAS_EXPIRED);
    return 0;
  }

  private refuse(context: number, failure: VerifyFailure, der: Uint8Array): number {
    this.failure = failure;
    this.refused = der;
    this.detail = failure === 'pin' ? 'verify cert failed: cert hash and spki'
      : `verify cert failed: SAN matcher, certificate SANs are [${altNamesIn(der).map(({ value }) => value)
        .join(', ')}]`;
    this.library.ssl.X509_STORE_CTX_set_error(context, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    return 0;
  }

  /** A key that signs, or in the oldest key exchange decrypts, has to be one that may; or nothing is said of it. */
  private mayBeUsed(context: number, session: number): boolean {
    const { ssl } = this.library;
    const usage = ssl.X509_get_key_usage(ssl.X509_STORE_CTX_get0_cert(context));
    const cipher = ssl.SSL_get_pending_cipher(session);
    const decrypts = cipher !== 0 && ssl.SSL_CIPHER_get_kx_nid(cipher) === KEY_EXCHANGE_RSA;
    return (usage & (decrypts ? KEY_ENCIPHERMENT : KEY_DIGITAL_SIGNATURE)) !== 0;
  }

  private refuseUsage(context: number): number {
    this.failure = 'usage';
    this.refused = this.leaf(context);
    this.detail = KEY_USAGE;
    this.library.ssl.X509_STORE_CTX_set_error(context, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    return 0;
  }
}
