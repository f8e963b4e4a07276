// OCSP responses that go with certificates: whether one does, in the middle of a handshake of a client that asked, by
// the policy of the context and the time that the response is good for. One that is out of date is never sent.
import type { CertificateContents, DownstreamTls } from '../../config/tls.js';
import { memcpy } from '../../os/libc.js';
import * as openssl from '../../os/openssl.js';
import type { Context } from './context.js';
import type { TlsLibrary } from './library.js';

export type Stapled = 'notAsked' | 'stapled' | 'omitted' | 'failed';
interface Staple { leaf: number; policy: DownstreamTls['ocspStapling']; response: Buffer; validToMs: number }

export class Stapling {
  private readonly staples = new Map<number, Staple[]>();
  private readonly callback: object;
  /** What came of the call in hand. */
  last: Stapled = 'notAsked';

  constructor(private readonly library: TlsLibrary) {
    this.callback = library.loaded.verifyCallback((session, id) => {
      this.last = this.answer(session, id);
      return this.last === 'stapled' ? openssl.TLSEXT_ERR_OK
        : this.last === 'failed' ? openssl.TLSEXT_ERR_ALERT_FATAL : openssl.TLSEXT_ERR_NOACK;
    });
  }

  /** `leaves`: of these certificates, as OpenSSL has them. Throws where the policy wants what is not there. */
  serve({ pointer, id }: Context, { ocspStapling }: DownstreamTls, certificates: readonly CertificateContents[],
      leaves: readonly number[]): void {
    const { ssl } = this.library;
    this.staples.set(id, certificates.map(({ staple, mustStaple }, index) => {
      const policy = mustStaple ? 'must' : ocspStapling;
      if (policy === 'must' && staple === null) throw new Error('ocsp_staple: required, and there is none');
      return { leaf: leaves[index]!, policy, response: Buffer.from(staple?.base64 ?? '', 'base64'),
        validToMs: staple?.validToMs ?? -1 };
    }));
    ssl.SSL_CTX_callback_ctrl(pointer, openssl.CTRL_SET_STATUS_CALLBACK, this.callback);
    ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_SET_STATUS_ARGUMENT, 0, id);
  }

  forget({ id }: Context): void { this.staples.delete(id); }

  /** Asked once it is known which certificate will be shown. */
  private answer(session: number, id: number): Stapled {
    const { ssl, engine } = this.library;
    const leaf = ssl.SSL_get_certificate(session);
    const staple = this.staples.get(id)?.find((one) => one.leaf === leaf);
    if (staple === undefined) return 'omitted';
    const { policy, response, validToMs } = staple;
    if (response.length > 0 && validToMs >= engine.wallMs) return this.attach(session, response) ? 'stapled' : 'failed';
    return policy === 'must' || (policy === 'strict' && response.length > 0) ? 'failed' : 'omitted';
  }

  /** OpenSSL frees it, so it is OpenSSL's memory. */
  private attach(session: number, response: Buffer): boolean {
    const { ssl, engine, base, scratch } = this.library;
    const copy = ssl.CRYPTO_malloc(response.length, 0, 0);
    if (copy === 0) return false;
    engine.u8.set(response, scratch);                    // it is no larger: limits.ocspStapleBytesMax
    memcpy(copy, base + scratch, response.length);
    return ssl.SSL_ctrl(session, openssl.CTRL_SET_STATUS_RESPONSE, response.length, copy) === 1;
  }
}
