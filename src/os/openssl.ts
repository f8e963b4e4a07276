// OpenSSL 3 through koffi: the one that the node binary has linked in, else the system's shared library. Loaded by the
// threads that read a TLS context or serve one; a context is refused where there is none. Pointers and addresses are
// numbers, 0 is NULL; strings are copied. What OpenSSL's headers have as macros goes through SSL_ctrl and SSL_CTX_ctrl,
// with the numbers of ssl.h.
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

const prototypes = {
  TLS_server_method: 'uintptr_t TLS_server_method()',
  TLS_client_method: 'uintptr_t TLS_client_method()',
  SSL_CTX_new: 'uintptr_t SSL_CTX_new(uintptr_t method)',
  SSL_CTX_free: 'void SSL_CTX_free(uintptr_t ctx)',
  SSL_CTX_ctrl: 'long SSL_CTX_ctrl(uintptr_t ctx, int command, long number, uintptr_t pointer)',
  SSL_CTX_ctrlText: 'long SSL_CTX_ctrl(uintptr_t ctx, int command, long number, const char *text)',
  SSL_CTX_callback_ctrl: 'long SSL_CTX_callback_ctrl(uintptr_t ctx, int command, WeftVerify *callback)',
  SSL_CTX_set_options: 'uint64_t SSL_CTX_set_options(uintptr_t ctx, uint64_t options)',
  SSL_CTX_set_cipher_list: 'int SSL_CTX_set_cipher_list(uintptr_t ctx, const char *names)',
  SSL_CTX_set_ciphersuites: 'int SSL_CTX_set_ciphersuites(uintptr_t ctx, const char *names)',
  SSL_CTX_use_certificate: 'int SSL_CTX_use_certificate(uintptr_t ctx, uintptr_t certificate)',
  SSL_CTX_use_PrivateKey: 'int SSL_CTX_use_PrivateKey(uintptr_t ctx, uintptr_t key)',
  SSL_CTX_set_verify: 'void SSL_CTX_set_verify(uintptr_t ctx, int mode, uintptr_t callback)',
  SSL_CTX_set_verify_depth: 'void SSL_CTX_set_verify_depth(uintptr_t ctx, int depth)',
  SSL_CTX_get_cert_store: 'uintptr_t SSL_CTX_get_cert_store(uintptr_t ctx)',
  SSL_CTX_set_cert_verify_callback:
    'void SSL_CTX_set_cert_verify_callback(uintptr_t ctx, WeftVerify *callback, uintptr_t argument)',
  SSL_CTX_set_alpn_select_cb:
    'void SSL_CTX_set_alpn_select_cb(uintptr_t ctx, WeftAlpn *callback, uintptr_t argument)',
  SSL_CTX_set_alpn_protos: 'int SSL_CTX_set_alpn_protos(uintptr_t ctx, const uint8_t *list, uint32_t bytes)',
  SSL_CTX_set_session_id_context:
    'int SSL_CTX_set_session_id_context(uintptr_t ctx, const uint8_t *id, uint32_t bytes)',
  SSL_CTX_set_num_tickets: 'int SSL_CTX_set_num_tickets(uintptr_t ctx, size_t count)',
  SSL_CTX_set_tlsext_ticket_key_evp_cb:
    'int SSL_CTX_set_tlsext_ticket_key_evp_cb(uintptr_t ctx, WeftTicket *callback)',
  SSL_get_SSL_CTX: 'uintptr_t SSL_get_SSL_CTX(uintptr_t ssl)',
  EVP_aes_256_cbc: 'uintptr_t EVP_aes_256_cbc()',
  EVP_EncryptInit_ex:
    'int EVP_EncryptInit_ex(uintptr_t ctx, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)',
  EVP_DecryptInit_ex:
    'int EVP_DecryptInit_ex(uintptr_t ctx, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)',
  EVP_MAC_CTX_set_params: 'int EVP_MAC_CTX_set_params(uintptr_t ctx, uintptr_t params)',
  SSL_CTX_set_timeout: 'long SSL_CTX_set_timeout(uintptr_t ctx, long seconds)',
  SSL_CTX_add_client_CA: 'int SSL_CTX_add_client_CA(uintptr_t ctx, uintptr_t certificate)',
  SSL_new: 'uintptr_t SSL_new(uintptr_t ctx)',
  SSL_free: 'void SSL_free(uintptr_t ssl)',
  SSL_ctrl: 'long SSL_ctrl(uintptr_t ssl, int command, long number, uintptr_t pointer)',
  SSL_ctrlText: 'long SSL_ctrl(uintptr_t ssl, int command, long number, const char *text)',
  SSL_set_bio: 'void SSL_set_bio(uintptr_t ssl, uintptr_t read, uintptr_t write)',
  SSL_set_accept_state: 'void SSL_set_accept_state(uintptr_t ssl)',
  SSL_set_connect_state: 'void SSL_set_connect_state(uintptr_t ssl)',
  SSL_do_handshake: 'int SSL_do_handshake(uintptr_t ssl)',
  SSL_read: 'int SSL_read(uintptr_t ssl, uintptr_t to, int bytes)',
  SSL_write: 'int SSL_write(uintptr_t ssl, uintptr_t from, int bytes)',
  SSL_shutdown: 'int SSL_shutdown(uintptr_t ssl)',
  SSL_get_error: 'int SSL_get_error(uintptr_t ssl, int result)',
  SSL_get_shutdown: 'int SSL_get_shutdown(uintptr_t ssl)',
  SSL_get0_alpn_selected: 'void SSL_get0_alpn_selected(uintptr_t ssl, uintptr_t data, uintptr_t bytes)',
  SSL_get_servername: 'const char *SSL_get_servername(uintptr_t ssl, int type)',
  SSL_version: 'int SSL_version(uintptr_t ssl)',
  SSL_get_current_cipher: 'uintptr_t SSL_get_current_cipher(uintptr_t ssl)',
  SSL_get_pending_cipher: 'uintptr_t SSL_get_pending_cipher(uintptr_t ssl)',
  SSL_CIPHER_get_kx_nid: 'int SSL_CIPHER_get_kx_nid(uintptr_t cipher)',
  SSL_CIPHER_get_name: 'const char *SSL_CIPHER_get_name(uintptr_t cipher)',
  SSL_group_to_name: 'const char *SSL_group_to_name(uintptr_t ssl, int id)',
  SSL_session_reused: 'int SSL_session_reused(uintptr_t ssl)',
  SSL_get1_session: 'uintptr_t SSL_get1_session(uintptr_t ssl)',
  SSL_get_session: 'uintptr_t SSL_get_session(uintptr_t ssl)',
  SSL_set_session: 'int SSL_set_session(uintptr_t ssl, uintptr_t session)',
  SSL_SESSION_free: 'void SSL_SESSION_free(uintptr_t session)',
  SSL_SESSION_is_resumable: 'int SSL_SESSION_is_resumable(uintptr_t session)',
  SSL_SESSION_get_id: 'uintptr_t SSL_SESSION_get_id(uintptr_t session, uintptr_t bytes)',
  SSL_get_verify_result: 'long SSL_get_verify_result(uintptr_t ssl)',
  SSL_get0_peer_certificate: 'uintptr_t SSL_get0_peer_certificate(uintptr_t ssl)',
  SSL_get_peer_cert_chain: 'uintptr_t SSL_get_peer_cert_chain(uintptr_t ssl)',
  SSL_get_certificate: 'uintptr_t SSL_get_certificate(uintptr_t ssl)',
  OPENSSL_sk_num: 'int OPENSSL_sk_num(uintptr_t stack)',
  OPENSSL_sk_value: 'uintptr_t OPENSSL_sk_value(uintptr_t stack, int index)',
  BIO_new: 'uintptr_t BIO_new(uintptr_t method)',
  BIO_s_mem: 'uintptr_t BIO_s_mem()',
  BIO_up_ref: 'int BIO_up_ref(uintptr_t bio)',
  BIO_free: 'int BIO_free(uintptr_t bio)',
  BIO_ctrl: 'long BIO_ctrl(uintptr_t bio, int command, long number, uintptr_t pointer)',
  BIO_write: 'int BIO_write(uintptr_t bio, uintptr_t from, int bytes)',
  BIO_writeBytes: 'int BIO_write(uintptr_t bio, const uint8_t *from, int bytes)',
  BIO_read: 'int BIO_read(uintptr_t bio, uintptr_t to, int bytes)',
  PEM_read_bio_X509: 'uintptr_t PEM_read_bio_X509(uintptr_t bio, uintptr_t to, uintptr_t password, uintptr_t user)',
  PEM_read_bio_PrivateKey:
    'uintptr_t PEM_read_bio_PrivateKey(uintptr_t bio, uintptr_t to, uintptr_t password, uintptr_t user)',
  PEM_read_bio_X509_CRL:
    'uintptr_t PEM_read_bio_X509_CRL(uintptr_t bio, uintptr_t to, uintptr_t password, uintptr_t user)',
  X509_free: 'void X509_free(uintptr_t certificate)',
  X509_CRL_free: 'void X509_CRL_free(uintptr_t crl)',
  X509_get_key_usage: 'uint32_t X509_get_key_usage(uintptr_t certificate)',
  CRYPTO_malloc: 'uintptr_t CRYPTO_malloc(size_t bytes, uintptr_t file, int line)',
  EVP_PKEY_free: 'void EVP_PKEY_free(uintptr_t key)',
  i2d_X509: 'int i2d_X509(uintptr_t certificate, uintptr_t to)',
  X509_STORE_add_cert: 'int X509_STORE_add_cert(uintptr_t store, uintptr_t certificate)',
  X509_STORE_add_crl: 'int X509_STORE_add_crl(uintptr_t store, uintptr_t crl)',
  X509_STORE_set_flags: 'int X509_STORE_set_flags(uintptr_t store, unsigned long flags)',
  X509_verify_cert: 'int X509_verify_cert(uintptr_t context)',
  X509_STORE_CTX_get0_cert: 'uintptr_t X509_STORE_CTX_get0_cert(uintptr_t context)',
  X509_STORE_CTX_get_error: 'int X509_STORE_CTX_get_error(uintptr_t context)',
  X509_STORE_CTX_get_error_depth: 'int X509_STORE_CTX_get_error_depth(uintptr_t context)',
  X509_verify_cert_error_string: 'const char *X509_verify_cert_error_string(long error)',
  X509_STORE_CTX_set_error: 'void X509_STORE_CTX_set_error(uintptr_t context, int error)',
  ERR_get_error: 'unsigned long ERR_get_error()',
  ERR_clear_error: 'void ERR_clear_error()',
  ERR_reason_error_string: 'const char *ERR_reason_error_string(unsigned long error)',
} as const;

type Argument = number | bigint | string | Uint8Array | object;
type Returns<P extends string> = P extends `const char ${string}` ? string | null : number;
/** Each function of the list above. */
export type OpenSsl = { readonly [N in keyof typeof prototypes]:
  (...args: Argument[]) => Returns<(typeof prototypes)[N]> };

/** Numbers of ssl.h, x509_vfy.h and bio.h. */
export const CTRL_MODE = 33;
export const CTRL_SET_SESS_CACHE_MODE = 44;
export const CTRL_SET_TLSEXT_HOSTNAME = 55;
export const CTRL_EXTRA_CHAIN_CERT = 14;
export const CTRL_SET_STATUS_CALLBACK = 63;
export const CTRL_SET_STATUS_ARGUMENT = 64;
export const CTRL_SET_STATUS_RESPONSE = 71;
export const CTRL_CHAIN_CERT = 89;
export const CTRL_SET_GROUPS_LIST = 92;
export const CTRL_SET_SIGALGS_LIST = 98;
export const CTRL_GET_PEER_SIGNATURE_NID = 108;
export const CTRL_SET_MIN_PROTO_VERSION = 123;
export const CTRL_SET_MAX_PROTO_VERSION = 124;
export const CTRL_GET_NEGOTIATED_GROUP = 134;
export const MODE_ENABLE_PARTIAL_WRITE = 1;
export const MODE_ACCEPT_MOVING_WRITE_BUFFER = 2;
export const MODE_RELEASE_BUFFERS = 16;
export const OP_NO_TICKET = 1n << 14n;
export const OP_NO_COMPRESSION = 1n << 17n;
export const OP_CIPHER_SERVER_PREFERENCE = 1n << 22n;
export const OP_NO_RENEGOTIATION = 1n << 30n;
export const VERIFY_NONE = 0;
export const VERIFY_PEER = 1;
export const VERIFY_FAIL_IF_NO_PEER_CERT = 2;
export const ERROR_SSL = 1;
export const ERROR_WANT_READ = 2;
export const ERROR_ZERO_RETURN = 6;
export const FLAG_CRL_CHECK = 4;
export const FLAG_CRL_CHECK_ALL = 8;
export const FLAG_PARTIAL_CHAIN = 0x80000;
export const FLAG_NO_CHECK_TIME = 0x200000;
export const X509_V_OK = 0;
/** What a certificate is refused with that OpenSSL found good; it has no alert of its own: certificate_unknown. */
export const X509_V_ERR_UNSUPPORTED_NAME_SYNTAX = 53;
export const X509_V_ERR_CERT_NOT_YET_VALID = 9;
export const X509_V_ERR_CERT_HAS_EXPIRED = 10;
export const BIO_CTRL_RESET = 1;
export const TLSEXT_NAMETYPE_HOST = 0;
export const TLSEXT_ERR_OK = 0;
export const TLSEXT_ERR_ALERT_FATAL = 2;
export const TLSEXT_ERR_NOACK = 3;
/** What a key may be used for, and the key exchange that encrypts with it. */
export const KEY_DIGITAL_SIGNATURE = 0x80;
export const KEY_ENCIPHERMENT = 0x20;
export const KEY_EXCHANGE_RSA = 1037;
export const ALPN_OK = 0;
export const ALPN_ALERT_FATAL = 2;
export const ALPN_NOACK = 3;

export interface Loaded {
  ssl: OpenSsl;
  /** A C function pointer that calls `callback(context or session, argument)` in this thread. */
  verifyCallback(callback: (context: number, argument: number) => number): object;
  /** As verifyCallback, of alpn_select_cb: addresses of (ssl, out, outBytes, in, inBytes, argument). */
  alpnCallback(callback: (ssl: number, out: number, outBytes: number, list: number, listBytes: number,
    argument: number) => number): object;
  /** As verifyCallback, of ticket_key_evp_cb: addresses of (ssl, name, iv, cipher, mac), and whether to encrypt. */
  ticketCallback(callback: (ssl: number, name: number, iv: number, cipher: number, mac: number, encrypt: number) =>
    number): object;
}

/** How a library is loaded; null: what the program itself has linked in. */
export type LoadLibrary = (name: string | null) => Koffi.LibraryHandle;

let loaded: Loaded | null = null;

/** Throws an Error of one line that says what is missing. */
export function openSsl(): Loaded {
  return loaded ??= bindOpenSsl();
}

/** In one line why there is no TLS here; null: there is. */
export function tlsProblem(): string | null {
  if (problem === undefined) {
    try { openSsl(); problem = null; } catch (error) { problem = (error as Error).message; }
  }
  return problem;
}
let problem: string | null | undefined;

/** As openSsl, of what `load` finds. */
export function bindOpenSsl(load?: LoadLibrary): Loaded {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const { verify, alpn, ticket } = callbacks ??= callbackTypes(koffi);
  // Where the program has symbols of another OpenSSL, a library still keeps to its own.
  const libraries = librariesOf(load ?? ((name) => koffi.load(name, { deep: name !== null })));
  const ssl: { [name: string]: unknown } = {};
  for (const [name, prototype] of Object.entries(prototypes)) ssl[name] = bindIn(libraries, name, prototype);
  return { ssl: ssl as OpenSsl,
    verifyCallback: (callback) => koffi.register(callback, koffi.pointer(verify)) as unknown as object,
    alpnCallback: (callback) => koffi.register(callback, koffi.pointer(alpn)) as unknown as object,
    ticketCallback: (callback) => koffi.register(callback, koffi.pointer(ticket)) as unknown as object };
}

/** Names of types are the process's: they are said once. */
let callbacks: { verify: Koffi.TypeObject; alpn: Koffi.TypeObject; ticket: Koffi.TypeObject } | null = null;
const callbackTypes = (koffi: typeof Koffi) => ({
  verify: koffi.proto('int WeftVerify(uintptr_t context, uintptr_t argument)'),
  alpn: koffi.proto('int WeftAlpn(uintptr_t ssl, uintptr_t out, uintptr_t outBytes, uintptr_t list, '
    + 'uint32_t listBytes, uintptr_t argument)'),
  ticket: koffi.proto('int WeftTicket(uintptr_t ssl, uintptr_t name, uintptr_t iv, uintptr_t cipher, uintptr_t mac, '
    + 'int encrypt)') });

function librariesOf(load: LoadLibrary): Koffi.LibraryHandle[] {
  const own = load(null);
  try {
    own.func('uintptr_t TLS_server_method()');
    return [own];
  } catch { /* linked to the system's, or not at all */ }
  const found: Koffi.LibraryHandle[] = [];
  for (const name of ['libssl.so.3', 'libcrypto.so.3']) {
    try { found.push(load(name)); } catch { /* said below, by the first symbol that is missing */ }
  }
  return found;
}

function bindIn(libraries: readonly Koffi.LibraryHandle[], name: string, prototype: string): unknown {
  for (const library of libraries) {
    try { return library.func(prototype); } catch { /* in another one */ }
  }
  throw new Error(`TLS is not available: neither this node nor libssl.so.3 has ${name} of OpenSSL 3`);
}
