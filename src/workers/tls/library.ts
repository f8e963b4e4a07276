// OpenSSL as one worker uses it: its functions, one pair of memory BIOs that all sessions share, and room to hand small
// values over. The BIOs are empty between two calls: what comes is written into one and read out of the session at
// once, what goes is taken out of the other at once. So an idle session holds no buffer of ours or of OpenSSL's.
import { addressOf, memcpy } from '../../os/libc.js';
import { BIO_CTRL_RESET, openSsl } from '../../os/openssl.js';
import type { Loaded, OpenSsl } from '../../os/openssl.js';
import type { Engine } from '../engine.js';
import { BufferAddresses } from '../reactor/addresses.js';
import { Contexts } from './context.js';
import { Handshakes } from './handshakes.js';
import { KEY_USAGE } from './names.js';

const ECONNRESET = 104;
const SCRATCH_BYTES = 16 * 1024;
/** What ended a handshake under TLS, as Envoy prints it: a reset, or nothing where it was a FIN. */
export const underTls = (errno: number): string => errno === ECONNRESET
  ? 'TLS_error:|33554536:system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end' : '';
/** What we do not let pass though OpenSSL does. */
export const faultText = (reason: string): string =>
  `TLS_error:|0:SSL_routines:OPENSSL_internal:${reason}:TLS_error_end`;
export const isOfSystem = (reason: string): boolean => reason.includes(':system_library:');
/** What OpenSSL says where a certificate has to be shown, and is not. */
export const NO_CERTIFICATE = 'PEER_DID_NOT_RETURN_A_CERTIFICATE';

export class TlsLibrary {
  readonly ssl: OpenSsl;
  readonly loaded: Loaded;
  readonly addresses: BufferAddresses;
  readonly base: number;
  readonly readBio: number;
  readonly writeBio: number;
  /** Memory offset of room for certificates and pointers. */
  readonly scratch: number;
  readonly scratchBytes = SCRATCH_BYTES;
  readonly handshakes: Handshakes;
  readonly contexts: Contexts;

  constructor(readonly engine: Engine) {
    this.loaded = openSsl();
    this.ssl = this.loaded.ssl;
    this.addresses = new BufferAddresses(engine.memory, engine.pool);
    this.base = addressOf(engine.memory);
    this.readBio = this.ssl.BIO_new(this.ssl.BIO_s_mem());
    this.writeBio = this.ssl.BIO_new(this.ssl.BIO_s_mem());
    this.scratch = engine.heap.allocate(SCRATCH_BYTES);
    if (this.scratch < 0) throw new Error('the arena has no room for TLS');
    this.handshakes = new Handshakes(engine);
    this.contexts = new Contexts(this);
  }

  /** After a session failed in the middle of what had come. */
  empty(): void {
    this.ssl.BIO_ctrl(this.readBio, BIO_CTRL_RESET, 0, 0);
    this.ssl.BIO_ctrl(this.writeBio, BIO_CTRL_RESET, 0, 0);
    this.ssl.ERR_clear_error();
  }

  /**
   * What the last call failed with, as Envoy prints it: `TLS_error:|<code>:<library>:<function>:<REASON>`, behind it
   * what is known besides of a certificate that was refused, or is not there.
   */
  errorText(ofCertificate = ''): string {
    const { ssl } = this;
    const reasons: string[] = [];
    for (let code = ssl.ERR_get_error(); code !== 0 && reasons.length < 4; code = ssl.ERR_get_error()) {
      const reason = (ssl.ERR_reason_error_string(code) ?? 'unknown').toUpperCase().replaceAll(' ', '_');
      // OpenSSL 3.2 and newer say again where it was found.
      if (reason === 'RECORD_LAYER_FAILURE' && reasons.length > 0) continue;
      if (reason === 'CERTIFICATE_VERIFY_FAILED' && ofCertificate === KEY_USAGE) {
        reasons.push(`|${code}:SSL_routines:OPENSSL_internal:${KEY_USAGE}`);
        continue;
      }
      const more = reason === 'CERTIFICATE_VERIFY_FAILED' ? ofCertificate
        : reason === NO_CERTIFICATE ? 'peer did not provide required client certificate' : '';
      reasons.push(`|${code}:SSL_routines:OPENSSL_internal:${reason}`
        + (more === '' ? '' : `:${more.replaceAll(' ', '_')}`));
    }
    ssl.ERR_clear_error();
    return `TLS_error:${reasons.join('')}:TLS_error_end`;
  }

  /** Bytes that lie elsewhere in the process. */
  readOutside(address: number, bytes: number): Buffer {
    const length = Math.min(bytes, SCRATCH_BYTES);
    memcpy(this.base + this.scratch, address, length);
    return Buffer.from(this.engine.u8.slice(this.scratch, this.scratch + length));
  }
  writePointer(address: number, value: number): void {
    new BigUint64Array(this.engine.memory.buffer, this.scratch, 1)[0] = BigInt(value);
    memcpy(address, this.base + this.scratch, 8);
  }
  writeByte(address: number, value: number): void {
    this.engine.u8[this.scratch] = value;
    memcpy(address, this.base + this.scratch, 1);
  }

  /** DER of a certificate; empty where it is too long. */
  der(certificate: number): Uint8Array {
    const { ssl, engine, scratch } = this;
    const bytes = ssl.i2d_X509(certificate, 0);
    if (bytes <= 0 || bytes + 16 > SCRATCH_BYTES) return new Uint8Array(0);
    const to = scratch + 16;
    new BigUint64Array(engine.memory.buffer, scratch, 1)[0] = BigInt(this.base + to);
    ssl.i2d_X509(certificate, this.base + scratch);
    return engine.u8.slice(to, to + bytes);
  }
}

/** The worker's; made when TLS is first used. Throws an Error of one line where this system has no OpenSSL. */
export function tlsOf(engine: Engine): TlsLibrary { return engine.tls ??= new TlsLibrary(engine); }
