// Session tickets: sealed with the first key of a context's set, opened with any of it. A context without a set has the
// process's keys as they are at the time, so that they are replaced without a context being made anew. Once for each
// handshake that makes or shows a ticket, never per record.
import { randomBytes } from 'node:crypto';
import { memcpy } from '../../os/libc.js';
import type { TlsLibrary } from './library.js';

/** What a key is made of, as Envoy's and nginx's files have it. */
const NAME_BYTES = 16, MAC_KEY_BYTES = 32, CIPHER_KEY_BYTES = 32;
const IV_BYTES = 16;
/** Of OSSL_PARAM: type numbers, size, and that nothing was returned. */
const UTF8_STRING = 4, OCTET_STRING = 5, PARAM_BYTES = 40, UNMODIFIED = 0xffffffffffffffffn;
/** Where what is handed over lies in the scratch. */
const MAC_KEY = 128, CIPHER_KEY = MAC_KEY + MAC_KEY_BYTES, TEXTS = CIPHER_KEY + CIPHER_KEY_BYTES;
const texts = Buffer.from('key\0digest\0SHA256\0');
const SEALED = 1, OPENED = 1, OPENED_WITH_OLD = 2, UNKNOWN = 0, FAILED = -1;

interface TicketKey { name: Buffer; macKey: Buffer; cipherKey: Buffer }

export class Tickets {
  private readonly callback: object;
  private readonly cipher: number;
  /** By context, while it has sessions; empty: the process's. */
  private readonly sets = new Map<number, readonly TicketKey[]>();
  private processKeys: readonly string[] = [];
  private ofProcess: readonly TicketKey[] = [];

  constructor(private readonly library: TlsLibrary) {
    this.callback = library.loaded.ticketCallback((ssl, name, iv, cipher, mac, encrypt) =>
      this.called(ssl, name, iv, cipher, mac, encrypt));
    this.cipher = library.ssl.EVP_aes_256_cbc();
  }

  /** `keys`: base64 of 80 bytes each; none: the process's. */
  attach(context: number, keys: readonly string[]): void {
    this.sets.set(context, keys.map(keyOf));
    this.library.ssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, this.callback);
  }

  forget(context: number): void { this.sets.delete(context); }

  private called(ssl: number, name: number, iv: number, cipher: number, mac: number, encrypt: number): number {
    const { library } = this;
    try {
      const keys = this.keysOf(library.ssl.SSL_get_SSL_CTX(ssl));
      return encrypt === 1 ? this.seal(keys[0], name, iv, cipher, mac) : this.open(keys, name, iv, cipher, mac);
    } catch (error) {
      library.engine.report(error);
      return FAILED;
    }
  }

  private keysOf(context: number): readonly TicketKey[] {
    const own = this.sets.get(context);
    if (own !== undefined && own.length > 0) return own;
    const { ticketKeys } = this.library.engine;
    if (ticketKeys !== this.processKeys) {
      this.processKeys = ticketKeys;
      this.ofProcess = ticketKeys.map(keyOf);
    }
    return this.ofProcess;
  }

  private seal(key: TicketKey | undefined, name: number, iv: number, cipher: number, mac: number): number {
    if (key === undefined) return FAILED;
    this.write(name, key.name);
    this.write(iv, randomBytes(IV_BYTES));
    return this.prepare(key, iv, cipher, mac, true) ? SEALED : FAILED;
  }

  /** With an old key: the client gets a ticket of the new one. */
  private open(keys: readonly TicketKey[], name: number, iv: number, cipher: number, mac: number): number {
    const shown = this.library.readOutside(name, NAME_BYTES);
    const index = keys.findIndex((key) => key.name.equals(shown));
    if (index < 0) return UNKNOWN;
    if (!this.prepare(keys[index]!, iv, cipher, mac, false)) return FAILED;
    return index === 0 ? OPENED : OPENED_WITH_OLD;
  }

  private prepare({ macKey, cipherKey }: TicketKey, iv: number, cipher: number, mac: number, encrypt: boolean):
    boolean {
    const { ssl, engine: { u8, memory }, base, scratch } = this.library;
    u8.set(macKey, scratch + MAC_KEY);
    u8.set(cipherKey, scratch + CIPHER_KEY);
    u8.set(texts, scratch + TEXTS);
    const words = new BigUint64Array(memory.buffer, scratch, 3 * PARAM_BYTES / 8);
    const at = (offset: number): bigint => BigInt(base + scratch + offset);
    words.set([at(TEXTS), BigInt(OCTET_STRING), at(MAC_KEY), BigInt(MAC_KEY_BYTES), UNMODIFIED,
      at(TEXTS + 4), BigInt(UTF8_STRING), at(TEXTS + 11), 6n, UNMODIFIED, 0n, 0n, 0n, 0n, 0n]);
    const begin = encrypt ? ssl.EVP_EncryptInit_ex : ssl.EVP_DecryptInit_ex;
    const good = begin(cipher, this.cipher, 0, base + scratch + CIPHER_KEY, iv) === 1
      && ssl.EVP_MAC_CTX_set_params(mac, base + scratch) === 1;
    u8.fill(0, scratch + MAC_KEY, scratch + TEXTS);
    return good;
  }

  private write(address: number, bytes: Buffer): void {
    const { engine, base, scratch } = this.library;
    engine.u8.set(bytes, scratch);
    memcpy(address, base + scratch, bytes.length);
  }
}

function keyOf(base64: string): TicketKey {
  const bytes = Buffer.from(base64, 'base64');
  return { name: bytes.subarray(0, NAME_BYTES), macKey: bytes.subarray(NAME_BYTES, NAME_BYTES + MAC_KEY_BYTES),
    cipherKey: bytes.subarray(NAME_BYTES + MAC_KEY_BYTES) };
}
