// An SSL_CTX made of a TLS context's configuration and the contents of its secrets. It is made anew when a secret has
// other contents; sessions that began with the old one keep it (OpenSSL counts them).
import { createHash } from 'node:crypto';
import { cipherSuites13, noValidation, defaultCipherSuites, defaultCurves } from '../../config/tls.js';
import type { CertificateContents, DownstreamTls, TlsCommon, TlsValidation, UpstreamTls }
  from '../../config/tls.js';
import { equalKey } from '../../config/values.js';
import * as openssl from '../../os/openssl.js';
import type { TlsLibrary } from './library.js';
import type { Materials } from './materials.js';
import { Stapling } from './stapling.js';
import { Tickets } from './tickets.js';
import { Verifier } from './verifier.js';

const MODES = openssl.MODE_ENABLE_PARTIAL_WRITE | openssl.MODE_ACCEPT_MOVING_WRITE_BUFFER
  | openssl.MODE_RELEASE_BUFFERS;
const TLS_1_2 = 0x0303, TLS_1_3 = 0x0304;

/**
 * A session is resumed by contexts that would have let it begin: those with the same names on their certificates, which
 * ask the same of their clients. As Envoy's, so that neither another listener nor a changed root lets in whom it would
 * not have. (Ticket keys are the process's.)
 */
function resumableWith(tls: DownstreamTls, { certificates, validation }: Materials): Buffer {
  const names = certificates.map(({ serverNames }) => serverNames);
  return createHash('sha256').update(equalKey([names, validation, tls.requireClientCertificate])).digest();
}

/** Names and pins are nobody's who shows no certificate, though none be asked for in so many words; as Envoy. */
const mustBeShown = (validation: TlsValidation | null): boolean => validation !== null
  && validation.trustChainVerification === 'verify'
  && (validation.sanMatchers.length > 0 || validation.spkiPins.length > 0 || validation.hashPins.length > 0);

/** Makes contexts of one worker, and keeps what C calls back. */
export class Contexts {
  private readonly verifiers = new Map<number, Verifier>();
  private readonly protocols = new Map<number, readonly string[]>();
  private nextId = 1;
  private readonly verify: object;
  private readonly select: object;
  /** The verifier that looked at a certificate in the call in hand, or null. */
  lastVerifier: Verifier | null = null;
  /** The session whose handshake is in hand. */
  handshaking = 0;
  readonly stapling: Stapling;

  private readonly tickets: Tickets;

  constructor(private readonly library: TlsLibrary) {
    this.verify = library.loaded.verifyCallback((context, id) => this.verified(context, id));
    this.select = library.loaded.alpnCallback((_ssl, out, outBytes, list, listBytes, id) =>
      this.selected(out, outBytes, list, listBytes, id));
    this.stapling = new Stapling(library);
    this.tickets = new Tickets(library);
  }

  /** A server's context for one certificate, with others for the same names and other keys beside it. */
  server(tls: DownstreamTls, certificates: readonly CertificateContents[], materials: Materials): Context {
    const { ssl } = this.library;
    const context = this.make(ssl.TLS_server_method());
    const { pointer } = context;
    try {
      this.setParameters(pointer, tls.common);
      const leaves = certificates.map((certificate) => this.addCertificate(pointer, certificate));
      this.stapling.serve(context, tls, certificates, leaves);
    } catch (error) { this.release(context); throw error; }
    if (!tls.preferClientCiphers) ssl.SSL_CTX_set_options(pointer, openssl.OP_CIPHER_SERVER_PREFERENCE);
    this.setTickets(pointer, tls, materials);
    if (tls.common.alpn.length > 0) {
      this.protocols.set(context.id, tls.common.alpn);
      ssl.SSL_CTX_set_alpn_select_cb(pointer, this.select, context.id);
    }
    const { validation } = materials;
    if (validation === null && !tls.requireClientCertificate) return context;
    const required = tls.requireClientCertificate || mustBeShown(validation)
      ? openssl.VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    this.setValidation(context, validation ?? noValidation, openssl.VERIFY_PEER | required, '');
    return context;
  }

  /** A client's. `name`: what the server's certificate must be for, '' = its matchers say. */
  client(tls: UpstreamTls, materials: Materials, name: string, offered: readonly string[]): Context {
    const { ssl } = this.library;
    const context = this.make(ssl.TLS_client_method());
    try {
      this.setParameters(context.pointer, tls.common);
      for (const certificate of materials.certificates) this.addCertificate(context.pointer, certificate);
    } catch (error) { this.release(context); throw error; }
    const alpn = tls.common.alpn.length > 0 ? tls.common.alpn : offered;
    if (alpn.length > 0) {
      const list = Buffer.concat(alpn.map((protocol) => Buffer.from([protocol.length, ...Buffer.from(protocol)])));
      ssl.SSL_CTX_set_alpn_protos(context.pointer, list, list.length);
    }
    this.setValidation(context, materials.validation ?? noValidation, openssl.VERIFY_PEER, name);
    context.verifies = materials.validation !== null || name !== '';
    return context;
  }

  /** No handshake begins with it any more; those in hand end with it. */
  release(context: Context): void {
    context.released = true;
    this.library.ssl.SSL_CTX_free(context.pointer);      // sessions hold references of their own
    this.forgetUnused(context);
  }

  /** A session of it has ended. */
  sessionEnded(context: Context): void {
    context.sessions--;
    this.forgetUnused(context);
  }

  private forgetUnused(context: Context): void {
    if (!context.released || context.sessions > 0) return;
    this.verifiers.delete(context.id);
    this.protocols.delete(context.id);
    this.stapling.forget(context);
    this.tickets.forget(context.pointer);
  }

  private make(method: number): Context {
    const pointer = this.library.ssl.SSL_CTX_new(method);
    if (pointer === 0) throw new Error(this.library.errorText());
    return new Context(pointer, this.nextId++);
  }

  private setParameters(pointer: number, { parameters }: TlsCommon): void {
    const { ssl } = this.library;
    ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_MODE, MODES, 0);
    ssl.SSL_CTX_set_options(pointer, openssl.OP_NO_RENEGOTIATION | openssl.OP_NO_COMPRESSION);
    ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_SET_MIN_PROTO_VERSION, parameters.minVersion || TLS_1_2, 0);
    ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_SET_MAX_PROTO_VERSION, parameters.maxVersion || TLS_1_3, 0);
    const old = parameters.minVersion !== 0 && parameters.minVersion < TLS_1_2;
    const suites = (parameters.cipherSuites.length > 0 ? parameters.cipherSuites : defaultCipherSuites).join(':');
    // OpenSSL 3 takes SHA-1 signatures, which TLS 1.0 and 1.1 need, at level 0 only.
    this.must(ssl.SSL_CTX_set_cipher_list(pointer, old ? `${suites}:@SECLEVEL=0` : suites), 'cipher_suites');
    this.must(ssl.SSL_CTX_set_ciphersuites(pointer, cipherSuites13), 'cipher suites of TLS 1.3');
    const curves = (parameters.curves.length > 0 ? parameters.curves : defaultCurves).join(':');
    this.must(ssl.SSL_CTX_ctrlText(pointer, openssl.CTRL_SET_GROUPS_LIST, 0, curves), 'ecdh_curves');
    if (parameters.signatureAlgorithms.length > 0) {
      this.must(ssl.SSL_CTX_ctrlText(pointer, openssl.CTRL_SET_SIGALGS_LIST, 0,
        parameters.signatureAlgorithms.join(':')), 'signature_algorithms');
    }
  }

  /** The leaf as the context has it from now on. */
  private addCertificate(pointer: number, { chainPem, keyPem }: CertificateContents): number {
    const { ssl } = this.library;
    const chain = this.certificates(chainPem);
    const keys = this.fromPem(keyPem, (bio) => ssl.PEM_read_bio_PrivateKey(bio, 0, 0, 0));
    const [leaf = 0, ...others] = chain, [key = 0] = keys;
    try {
      this.must(leaf === 0 ? 0 : ssl.SSL_CTX_use_certificate(pointer, leaf), 'certificate_chain');
      this.must(key === 0 ? 0 : ssl.SSL_CTX_use_PrivateKey(pointer, key), 'private_key');
      // SSL_CTX_add1_chain_cert: to the certificate that was used last.
      for (const certificate of others) ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_CHAIN_CERT, 1, certificate);
      return leaf;
    } finally {
      for (const one of keys) ssl.EVP_PKEY_free(one);
      for (const one of chain) ssl.X509_free(one);
    }
  }

  private setTickets(pointer: number, tls: DownstreamTls, materials: Materials): void {
    const { ssl } = this.library;
    const resumable = resumableWith(tls, materials);
    ssl.SSL_CTX_set_session_id_context(pointer, resumable, resumable.length);
    if (tls.sessionTickets.disabled) ssl.SSL_CTX_set_options(pointer, openssl.OP_NO_TICKET);
    ssl.SSL_CTX_set_num_tickets(pointer, tls.sessionTickets.disabled ? 0 : 1);
    // Sessions by id would be of one worker: none. Tickets are of the process.
    ssl.SSL_CTX_ctrl(pointer, openssl.CTRL_SET_SESS_CACHE_MODE, 0, 0);
    if (tls.sessionTimeoutSeconds > 0) ssl.SSL_CTX_set_timeout(pointer, tls.sessionTimeoutSeconds);
    this.tickets.attach(pointer, materials.ticketKeys);
  }

  private setValidation(context: Context, validation: TlsValidation, mode: number, name: string): void {
    const { ssl } = this.library;
    const { pointer } = context;
    const store = ssl.SSL_CTX_get_cert_store(pointer);
    let flags = openssl.FLAG_PARTIAL_CHAIN;
    for (const certificate of this.certificates(validation.caPem)) {
      ssl.X509_STORE_add_cert(store, certificate);
      ssl.SSL_CTX_add_client_CA(pointer, certificate);
      ssl.X509_free(certificate);
    }
    const crls = this.fromPem(validation.crlPem, (bio) => ssl.PEM_read_bio_X509_CRL(bio, 0, 0, 0));
    for (const crl of crls) {
      ssl.X509_STORE_add_crl(store, crl);
      ssl.X509_CRL_free(crl);
    }
    if (crls.length > 0) flags |= openssl.FLAG_CRL_CHECK | (validation.onlyLeafCrl ? 0 : openssl.FLAG_CRL_CHECK_ALL);
    if (validation.allowExpired) flags |= openssl.FLAG_NO_CHECK_TIME;
    ssl.X509_STORE_set_flags(store, flags);
    if (validation.maxDepth !== null) ssl.SSL_CTX_set_verify_depth(pointer, validation.maxDepth);
    context.verifies = true;
    this.verifiers.set(context.id, new Verifier(this.library, validation, name));
    ssl.SSL_CTX_set_verify(pointer, mode, 0);
    ssl.SSL_CTX_set_cert_verify_callback(pointer, this.verify, context.id);
    ssl.ERR_clear_error();
  }

  private certificates(pem: string): number[] {
    const { ssl } = this.library;
    return this.fromPem(pem, (bio) => ssl.PEM_read_bio_X509(bio, 0, 0, 0));
  }

  /** All objects of a PEM text; what OpenSSL says at its end is no error. */
  private fromPem(pem: string, read: (bio: number) => number): number[] {
    if (pem === '') return [];
    const { ssl } = this.library;
    const bio = ssl.BIO_new(ssl.BIO_s_mem());
    const bytes = Buffer.from(pem);
    ssl.BIO_writeBytes(bio, bytes, bytes.length);
    bytes.fill(0);
    const found: number[] = [];
    for (let object = read(bio); object !== 0; object = read(bio)) found.push(object);
    ssl.BIO_free(bio);
    ssl.ERR_clear_error();
    return found;
  }

  private must(result: number, field: string): void {
    if (result <= 0) throw new Error(`${field}: ${this.library.errorText()}`);
  }

  private verified(context: number, id: number): number {
    const verifier = this.verifiers.get(id) ?? null;
    this.lastVerifier = verifier;
    try { return verifier === null ? 0 : verifier.verify(context, this.handshaking); } catch (error) {
      this.library.engine.report(error);
      return 0;
    }
  }

  /** The first of our protocols that the client speaks too; none: the handshake goes on without one, as Envoy's. */
  private selected(out: number, outBytes: number, list: number, listBytes: number, id: number): number {
    const { library } = this;
    const offered = library.readOutside(list, listBytes);
    for (const protocol of this.protocols.get(id) ?? []) {
      for (let at = 0; at < offered.length; at += 1 + offered[at]!) {
        if (offered.toString('latin1', at + 1, at + 1 + offered[at]!) !== protocol) continue;
        library.writePointer(out, list + at + 1);
        library.writeByte(outBytes, protocol.length);
        return openssl.ALPN_OK;
      }
    }
    return openssl.ALPN_NOACK;
  }
}

export class Context {
  /** Peers' certificates are looked at. */
  verifies = false;
  /** That have begun and not ended: its callbacks are theirs. */
  sessions = 0;
  released = false;
  constructor(readonly pointer: number, readonly id: number) {}
}
