// Where OpenSSL comes from: the program itself, else the system's shared library; and what is said where it is neither.
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import t from 'tap';
import { bindOpenSsl, ERROR_WANT_READ, openSsl, tlsProblem, VERIFY_PEER } from '../../src/os/openssl.js';
import type { Loaded } from '../../src/os/openssl.js';

const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
const BIO_CTRL_PENDING = 10;
/** A program without any of its symbols. */
const without = (): Koffi.LibraryHandle => koffi.load('libm.so.6');

/** A client says hello, and hears nothing. */
function speaks({ ssl, verifyCallback }: Loaded): number {
  const context = ssl.SSL_CTX_new(ssl.TLS_client_method());
  ssl.SSL_CTX_set_verify(context, VERIFY_PEER, 0);
  ssl.SSL_CTX_set_cert_verify_callback(context, verifyCallback(() => 1), 7);
  const session = ssl.SSL_new(context);
  const input = ssl.BIO_new(ssl.BIO_s_mem()), output = ssl.BIO_new(ssl.BIO_s_mem());
  ssl.SSL_set_bio(session, input, output);
  ssl.SSL_set_connect_state(session);
  const result = ssl.SSL_do_handshake(session);
  t.equal(ssl.SSL_get_error(session, result), ERROR_WANT_READ);
  const bytes = ssl.BIO_ctrl(output, BIO_CTRL_PENDING, 0, 0);
  ssl.SSL_free(session);
  ssl.SSL_CTX_free(context);
  return bytes;
}

t.test('of the program itself', async (t) => {
  t.equal(tlsProblem(), null);
  t.equal(openSsl(), openSsl(), 'once a thread');
  t.ok(speaks(openSsl()) > 150);
});

const systems = ((): boolean => {
  try { koffi.load('libssl.so.3'); return true; } catch { return false; }
})();
t.test('of the system, where the program has none', { skip: systems ? false : 'no libssl.so.3' }, async (t) => {
  const asked: (string | null)[] = [];
  const bound = bindOpenSsl((name) => {
    asked.push(name);
    return name === null ? without() : koffi.load(name, { deep: true });
  });
  t.same(asked, [null, 'libssl.so.3', 'libcrypto.so.3']);
  t.ok(speaks(bound) > 150);
});

t.test('where a symbol is missing, one line says which', async (t) => {
  const message = (load: (name: string | null) => Koffi.LibraryHandle): string => {
    try { bindOpenSsl(load); return ''; } catch (error) { return (error as Error).message; }
  };
  t.equal(message(without),
    'TLS is not available: neither this node nor libssl.so.3 has TLS_server_method of OpenSSL 3');
  t.equal(message((name) => { if (name === null) return without(); throw new Error('no such file'); }),
    'TLS is not available: neither this node nor libssl.so.3 has TLS_server_method of OpenSSL 3');
  const own = koffi.load(null);
  const lacks = { func: (definition: string) => {
    if (definition.includes('SSL_CIPHER_get_kx_nid')) throw new Error('undefined symbol');
    return own.func(definition);
  } } as unknown as Koffi.LibraryHandle;
  t.equal(message(() => lacks),
    'TLS is not available: neither this node nor libssl.so.3 has SSL_CIPHER_get_kx_nid of OpenSSL 3');
});
