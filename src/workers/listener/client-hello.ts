// What a TLS ClientHello says before any of it is trusted: server name, application protocols, and what fingerprints
// are made of (hello-fingerprints.ts). It is read where it lies, as far as BoringSSL would read it before it asks for
// a certificate; nothing is decrypted or answered.
import { numbersOf } from './hello-fingerprints.js';
import type { HelloNotes } from './hello-fingerprints.js';
import { Reader } from './hello-reader.js';

const RECORD_HEADER = 5;
const RECORD_BYTES_MAX = 16384 + 320;
const MESSAGE_BYTES_MAX = 16384;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION_SNI = 0;
const EXTENSION_ALPN = 16;
const EXTENSION_VERSIONS = 43;

export const HELLO_MORE = 0;
export const HELLO_NONE = 1;
export const HELLO_FOUND = 2;

export class ClientHello {
  serverName = '';
  protocols: string[] = [];
  /** An ALPN extension that holds names. */
  hasProtocols = false;
  /** What fingerprints are made of, noted where somebody wants them. */
  notes: HelloNotes | null = null;

  /** Looks at all bytes that have arrived so far: HELLO_MORE, HELLO_NONE (this is no ClientHello) or HELLO_FOUND. */
  read(u8: Uint8Array, at: number, end: number): number {
    this.serverName = '';
    this.protocols = [];
    this.hasProtocols = false;
    this.notes?.clear();
    const pieces: Uint8Array[] = [];
    let have = 0, message = -1;
    for (;;) {
      if (end - at < RECORD_HEADER) return HELLO_MORE;
      const length = (u8[at + 3] << 8) | u8[at + 4];
      if (u8[at + 1] !== 3 || length > RECORD_BYTES_MAX) return HELLO_NONE;
      if (end - at < RECORD_HEADER + length) return HELLO_MORE;
      if (u8[at] !== HANDSHAKE || length === 0) return HELLO_NONE;
      pieces.push(u8.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
      have += length;
      at += RECORD_HEADER + length;
      if (message < 0 && have >= 4) {
        const whole = pieces.length === 1 ? pieces[0] : joined(pieces, have);
        message = (whole[1] << 16) | (whole[2] << 8) | whole[3];
        if (message > MESSAGE_BYTES_MAX) return HELLO_NONE;
      }
      if (message >= 0 && have >= message + 4) break;
    }
    const whole = pieces.length === 1 ? pieces[0] : joined(pieces, have);
    return whole[0] === CLIENT_HELLO && this.parse(new Reader(whole, 4, 4 + message)) ? HELLO_FOUND : HELLO_NONE;
  }

  private parse(reader: Reader): boolean {
    const version = reader.number(2);
    reader.number(32);
    const { notes } = this;
    const session = reader.span(1), ciphers = reader.span(2), compression = reader.span(1);
    if (reader.failed || session.left > 32 || ciphers.left < 2 || ciphers.left % 2 !== 0) return false;
    if (notes !== null) {
      notes.version = version;
      numbersOf(ciphers, notes.ciphers);
    }
    let plain = false;
    while (compression.left > 0) if (compression.number(1) === 0) plain = true;
    if (!plain) return false;
    let versionFits = version >= 0x0301 && version < 0x7f00;
    if (reader.left === 0) return versionFits;
    const extensions = reader.span(2);
    if (reader.failed || reader.left > 0) return false;
    while (extensions.left > 0) {
      const type = extensions.number(2), value = extensions.span(2);
      if (extensions.failed) return false;
      notes?.extension(type, new Reader(value.u8, value.at, value.end));
      if (type === EXTENSION_SNI && !this.readServerName(value)) return false;
      if (type === EXTENSION_ALPN) this.readProtocols(value);
      if (type === EXTENSION_VERSIONS) versionFits = hasVersion(value.span(1));
    }
    return versionFits;
  }

  private readServerName(value: Reader): boolean {
    const list = value.span(2);
    const kind = list.number(1), name = list.span(2);
    if (value.failed || list.failed || value.left > 0 || list.left > 0 || kind !== 0) return false;
    if (name.left === 0 || name.left > 255) return false;
    this.serverName = name.text().toLowerCase();
    return !this.serverName.includes('\0');
  }

  /** A list that is broken is passed over, as by Envoy: the real handshake says what is wrong with it. */
  private readProtocols(value: Reader): void {
    const list = value.span(2);
    if (value.failed || value.left > 0 || list.left < 2) return;
    const protocols: string[] = [];
    while (list.left > 0) {
      const name = list.span(1);
      if (list.failed || name.left === 0) return;
      protocols.push(name.text());
    }
    this.protocols = protocols;
    this.hasProtocols = true;
  }
}

function hasVersion(list: Reader): boolean {
  while (list.left >= 2) {
    const version = list.number(2);
    if (version >= 0x0301 && version <= 0x0304) return true;
  }
  return false;
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) { whole.set(piece, at); at += piece.length; }
  return whole;
}
