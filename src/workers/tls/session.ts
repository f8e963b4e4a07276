// TLS on one connection, either side: below it owns the kernel's socket, above it is a channel for whoever would own a
// socket. Ciphertext goes through OpenSSL's memory BIOs (library.ts), plain bytes straight to and from pool buffers.
//
//   handshake → open → (close_notify said, or heard, or both) → closed
//
// A handshake takes its turns (handshakes.ts): what has come waits until then.
import { ERROR_WANT_READ, ERROR_ZERO_RETURN, TLSEXT_NAMETYPE_HOST } from '../../os/openssl.js';
import { limits } from '../../core/limits.js';
import { Held } from '../connection/held.js';
import type { TlsSource } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import { LARGE, MEDIUM, SMALL } from '../memory/buffers.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Channel, Flusher } from '../reactor/channel.js';
import type { Reactor, SocketOwner } from '../reactor/reactor.js';
import type { Context } from './context.js';
import { groupName, versionName } from './names.js';
import type { Handshaking } from './handshakes.js';
import { faultText, underTls } from './library.js';
import type { TlsLibrary } from './library.js';
import { Records } from './records.js';
import type { Stapled } from './stapling.js';
import type { VerifyFailure } from './verifier.js';

const ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105;
/** Of a record: header, content type, nonce and tag of any suite. */
const RECORD_ADDED_BYTES = 64;
const RECORD_BYTES = 16_384;
const TLS_1_3 = 0x0304;

const IDLE = 0, HANDSHAKE = 1, OPEN = 2, CLOSED = 3;

export interface HandshakeEvents {
  /** The peer is who it has to be; its protocol as ALPN chose it, '' = none. Its owner is to be set now. */
  onSecured(session: TlsSession, protocol: string): void;
  /** It is not, or went away, or took too long. The socket is closed behind this. */
  onHandshakeFailed(session: TlsSession, reason: string): void;
}

export class TlsSession implements SocketOwner, Channel, Flusher, Handshaking, TlsSource {
  /** The kernel's socket. */
  socket = -1;
  /** As a channel; -1 = it is none. */
  channel = -1;
  ssl = 0;
  context!: Context;
  private state = IDLE;
  private owner: SocketOwner | null = null;
  private events: HandshakeEvents | null = null;
  private waits = false;
  private endedErrno = -1;
  private readonly held: Held;
  private readonly records: Records;
  /** Ciphertext that was made and not sent yet. */
  private out = -1;
  private outAt = 0;
  private asked = false;
  private failedErrno = 0;
  private peerClosed = false;
  /** The chain that the peer presented was found good; or what was wrong with it, in words, and the certificate. */
  private trusted = false;
  failure: VerifyFailure = '';
  /** What the client got that asked for an OCSP response. */
  stapled: Stapled = 'notAsked';
  private refusal = '';
  private refused: Uint8Array | null = null;
  private closeSaid = false;
  /** Since bytes came last. */
  private answers = 0;
  private readonly kernel: Reactor;

  constructor(private readonly engine: Engine, private readonly library: TlsLibrary) {
    this.held = new Held(engine);
    this.records = new Records(engine);
    this.kernel = engine.reactor.kernel;
  }

  /** Begins a handshake on a connected socket of the reactor. False: there is no room. */
  begin(socket: number, context: Context, isServer: boolean, events: HandshakeEvents): boolean {
    const { ssl, readBio, writeBio } = this.library;
    this.channel = this.engine.reactor.addChannel(this);
    if (this.channel < 0) return false;
    this.ssl = ssl.SSL_new(context.pointer);
    if (this.ssl === 0) { this.engine.reactor.removeChannel(this.channel); this.channel = -1; return false; }
    ssl.BIO_up_ref(readBio);
    ssl.BIO_up_ref(writeBio);
    ssl.SSL_set_bio(this.ssl, readBio, writeBio);
    if (isServer) ssl.SSL_set_accept_state(this.ssl); else ssl.SSL_set_connect_state(this.ssl);
    this.socket = socket;
    this.context = context;
    context.sessions++;
    this.events = events;
    this.owner = null;
    this.state = HANDSHAKE;
    this.failedErrno = 0;
    this.waits = this.peerClosed = this.closeSaid = false;
    this.endedErrno = -1;
    this.records.begin();
    this.outAt = this.answers = 0;
    this.kernel.setOwner(socket, this);
    this.kernel.startReceive(socket);
    return true;
  }

  /** A client speaks first. */
  speakFirst(): void { this.wait(); }

  // The handshake.

  private wait(): void {
    if (this.waits) return;
    this.waits = true;
    this.kernel.stopReceive(this.socket);                // a peer that goes on sending waits for us
    this.library.handshakes.add(this);
  }

  /** Its turn has come. */
  proceed(): void {
    this.waits = false;
    if (this.state !== HANDSHAKE) return;
    try {
      this.kernel.startReceive(this.socket);
      this.step();
    } catch (error) { this.failed(error); }
  }

  private step(): void {
    const { library, held } = this;
    const { ssl } = library;
    if (held.bytes > 0) {
      ssl.BIO_write(library.readBio, library.base + held.at, held.bytes);
      held.drop();
    }
    const { contexts } = library;
    contexts.lastVerifier = null;
    contexts.handshaking = this.ssl;
    contexts.stapling.last = 'notAsked';
    const result = ssl.SSL_do_handshake(this.ssl);
    this.noteVerdict();
    const error = result === 1 ? 0 : ssl.SSL_get_error(this.ssl, result);
    this.takeOut();
    this.push();
    if (this.state !== HANDSHAKE) return;
    if (result !== 1 && error === ERROR_WANT_READ) {
      if (this.endedErrno >= 0) this.handshakeFailed(underTls(this.endedErrno));
      return;
    }
    if (result !== 1) { this.handshakeFailed(library.errorText(this.refusal)); return; }
    this.state = OPEN;
    if (this.context.verifies && ssl.SSL_session_reused(this.ssl) === 1)
      this.trusted = ssl.SSL_get0_peer_certificate(this.ssl) !== 0;
    const { events } = this;
    this.events = null;
    events!.onSecured(this, this.protocol());
    // What followed the last flight of the handshake lies in OpenSSL already.
    if (this.isOpen()) this.decrypt(LARGE, 64);
    if (this.isOpen() && this.endedErrno >= 0) this.receiveEnd(this.endedErrno);
  }

  /** A verifier is of all sessions of a context, and may be asked for another one before this handshake ends. */
  private noteVerdict(): void {
    const { lastVerifier: verifier, stapling } = this.library.contexts;
    if (stapling.last !== 'notAsked') this.stapled = stapling.last;
    if (verifier === null) return;
    this.trusted = verifier.trusted;
    this.failure = verifier.failure;
    this.refusal = verifier.detail;
    this.refused = verifier.refused;
  }

  private handshakeFailed(reason: string): void {
    const { events } = this;
    this.events = null;
    this.library.empty();
    if (events !== null) events.onHandshakeFailed(this, reason);
    this.end(false);
  }

  /** Took too long, or is not wanted any more. */
  abandon(): void { if (this.state === HANDSHAKE) this.end(false); }

  private protocol(): string {
    const { ssl, engine, scratch, base } = this.library;
    ssl.SSL_get0_alpn_selected(this.ssl, base + scratch, base + scratch + 8);
    const bytes = engine.i32[(scratch >> 2) + 2];
    if (bytes === 0) return '';
    const at = Number(new BigUint64Array(engine.memory.buffer, scratch, 1)[0]);
    return this.library.readOutside(at, bytes).toString('latin1');
  }

  // What logs and headers may ask, while it lasts.

  serverName(): string {
    return this.ssl === 0 ? '' : this.library.ssl.SSL_get_servername(this.ssl, TLSEXT_NAMETYPE_HOST) ?? '';
  }
  version(): string { return this.ssl === 0 ? '' : versionName(this.library.ssl.SSL_version(this.ssl)); }
  cipher(): string {
    const { ssl } = this.library;
    return this.ssl === 0 ? '' : ssl.SSL_CIPHER_get_name(ssl.SSL_get_current_cipher(this.ssl)) ?? '';
  }
  group(): string { return this.ssl === 0 ? '' : groupName(this.library.ssl, this.ssl); }
  sessionId(): string {
    if (this.ssl === 0) return '';
    const { ssl, base, scratch, engine } = this.library;
    const session = ssl.SSL_get_session(this.ssl);
    const at = session === 0 ? 0 : ssl.SSL_SESSION_get_id(session, base + scratch);
    const bytes = engine.i32[scratch >> 2];
    return at === 0 || bytes === 0 ? '' : this.library.readOutside(at, bytes).toString('hex');
  }
  peerCertificates(): Uint8Array[] {
    if (this.ssl === 0) return [];
    const { library } = this;
    const leaf = library.ssl.SSL_get0_peer_certificate(this.ssl);
    if (leaf === 0) return this.refused === null ? [] : [this.refused];
    const stack = library.ssl.SSL_get_peer_cert_chain(this.ssl);
    const found = [library.der(leaf)];
    for (let i = 0; stack !== 0 && i < library.ssl.OPENSSL_sk_num(stack); i++) {
      const der = library.der(library.ssl.OPENSSL_sk_value(stack, i));
      if (Buffer.compare(der, found[0]!) !== 0) found.push(der);
    }
    return found;
  }
  localCertificate(): Uint8Array | null {
    const own = this.ssl === 0 ? 0 : this.library.ssl.SSL_get_certificate(this.ssl);
    return own === 0 ? null : this.library.der(own);
  }
  peerValidated(): boolean {
    return this.ssl !== 0 && this.trusted;
  }

  private isOpen(): boolean { return this.state === OPEN; }

  // From below.

  onConnected(): void { /* it is */ }
  onReceived(buffer: number, offset: number, length: number): void {
    try { this.received(buffer, offset, length); } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void { try { this.receiveEnd(errno); } catch (error) { this.failed(error); } }
  onSendFailed(errno: number): void {
    if (this.state === HANDSHAKE) this.handshakeFailed(underTls(errno));
    else if (this.owner !== null) this.owner.onSendFailed(errno);
  }
  onSendDrained(): void { if (this.owner !== null) this.owner.onSendDrained(); }

  private failed(error: unknown): void {
    this.engine.report(error);
    this.library.empty();
    if (this.state === HANDSHAKE) { this.handshakeFailed(''); return; }
    try { this.owner?.onReceiveEnd(ECONNABORTED); } catch (again) { this.engine.report(again); }
    this.end(true);
  }

  private received(buffer: number, offset: number, length: number): void {
    if (this.state === HANDSHAKE) { this.keep(offset, length); return; }
    if (this.state !== OPEN || this.peerClosed) return;
    const { library } = this;
    // The beginning of a record is read as well, for the next session finds the BIO empty.
    const records = this.records.count(offset, length) + (this.records.isWithin ? 1 : 0);
    library.ssl.BIO_write(library.readBio, library.addresses.of(buffer, offset), length);
    this.decrypt(length <= limits.bufferSmallBytes ? SMALL : length <= limits.bufferMediumBytes ? MEDIUM : LARGE,
      records);
  }

  private keep(offset: number, length: number): void {
    const { held } = this;
    const kept = held.bytes === 0 ? held.keep(offset, length)
      : held.bytes + length <= limits.tlsHelloBytesMax && held.append(offset, length) === length;
    if (!kept) { this.handshakeFailed(''); return; }
    this.records.count(offset, length);                  // to stay in step with where records end
    this.wait();
  }

  /** Reads what at most so many records hold, and hands it on. */
  private decrypt(size: BufferClass, records: number): void {
    const { engine, library, ssl } = this;
    const { pool } = engine;
    while (records > 0 && this.state === OPEN) {
      const buffer = acquire(engine, size);
      if (buffer < 0) { library.empty(); this.cut(ECONNABORTED); return; }
      const start = pool.offsetOf(buffer), room = pool.bytesOf(buffer) - 16;
      let have = 0, result = 1, error = 0;
      for (; records > 0 && have < room; records--) {
        result = library.ssl.SSL_read(ssl, library.addresses.of(buffer, start + have), room - have);
        if (result <= 0) {
          error = library.ssl.SSL_get_error(ssl, result);   // before anything else is asked of the session
          break;
        }
        have += result;
        // A record larger than the room left is read on into the next buffer.
        if (have === room) break;
      }
      if (have > 0) {
        this.answers = 0;
        this.owner!.onReceived(buffer, start, have);
      }
      pool.release(buffer);
      if (result <= 0) { this.readEnded(error); return; }
    }
    if (this.state !== OPEN) library.empty();            // its owner closed it, and the rest is nobody's
  }

  /** `error`: why there was no more, as SSL_get_error says. */
  private readEnded(error: number): void {
    if (this.state !== OPEN) { this.library.empty(); return; }
    const before = this.outAt;
    this.takeOut();                                      // the answer to a key update, or an alert
    const answered = this.outAt !== before;
    this.push();
    if (error === ERROR_WANT_READ && (!answered || this.mayAnswer())) return;
    if (error !== ERROR_ZERO_RETURN && error !== ERROR_WANT_READ) this.onFault(this.library.errorText());
    this.library.empty();
    this.peerClosed = true;
    if (this.owner !== null) this.owner.onReceiveEnd(error === ERROR_ZERO_RETURN ? 0 : ECONNRESET);
  }

  /**
   * Key updates are answered, so many in a row: nobody has to read the answers. Before 1.3 what was answered is a
   * handshake in the middle, by a warning (RFC 5746); we leave it at the first.
   */
  private mayAnswer(): boolean {
    const isKeyUpdate = this.library.ssl.SSL_version(this.ssl) >= TLS_1_3;
    if (isKeyUpdate && ++this.answers <= limits.tlsAnswersMax) return true;
    this.onFault(faultText(isKeyUpdate ? 'TOO_MANY_KEY_UPDATES' : 'NO_RENEGOTIATION'));
    return false;
  }

  private receiveEnd(errno: number): void {
    if (this.state === HANDSHAKE) {
      if (this.held.bytes > 0 || this.waits) this.endedErrno = errno;
      else this.handshakeFailed(underTls(errno));
      return;
    }
    if (this.peerClosed || this.owner === null) return;
    // Without close_notify what has come may have been cut short by anybody.
    this.peerClosed = true;
    this.owner.onReceiveEnd(errno === 0 ? ECONNRESET : errno);
  }

  private cut(errno: number): void {
    this.peerClosed = true;
    if (this.owner !== null) this.owner.onReceiveEnd(errno);
  }

  // From above.

  fd(): number { return this.kernel.fdOf(this.socket); }
  setOwner(owner: SocketOwner): void { this.owner = owner; }
  startReceive(): void { if (this.socket >= 0) this.kernel.startReceive(this.socket); }
  stopReceive(): void { if (this.socket >= 0) this.kernel.stopReceive(this.socket); }
  setBulk(bulk: boolean): void { if (this.socket >= 0) this.kernel.setBulk(this.socket, bulk); }
  pendingSendBytes(): number {
    return this.socket < 0 ? 0 : this.kernel.pendingSendBytes(this.socket) + (this.out < 0 ? 0 : this.outAt);
  }
  notifyDrained(): void { if (this.socket >= 0) this.kernel.notifyDrained(this.socket); }

  send(buffer: number, offset: number, length: number, more: boolean): void {
    if (this.state !== OPEN || this.closeSaid) return;
    const { library, ssl } = this;
    for (let at = offset, left = length; left > 0;) {
      // one record each (SSL_MODE_ENABLE_PARTIAL_WRITE)
      const bytes = library.ssl.SSL_write(ssl, library.addresses.of(buffer, at), left);
      if (bytes <= 0) {
        library.empty();
        this.failLater(ECONNRESET);
        return;
      }
      at += bytes;
      left -= bytes;
      if (!this.takeOut(bytes)) { this.failLater(ENOBUFS); return; }
    }
    if (more) this.ask(); else this.push();
  }

  /** Its owner hears of it when it is not in the middle of something. */
  private failLater(errno: number): void {
    this.failedErrno = errno;
    this.ask();
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.engine.reactor.flushLater(this);
  }

  /** The promised rest did not come in this turn; or a send has failed. */
  flush(): void {
    this.asked = false;
    this.push();
    if (this.failedErrno === 0) return;
    const errno = this.failedErrno;
    this.failedErrno = 0;
    if (this.owner !== null) this.owner.onSendFailed(errno);
  }

  /** Takes what OpenSSL wrote into our buffer; `plain` bytes are in it. False: no buffer is free. */
  private takeOut(plain = 0): boolean {
    const { engine, library } = this;
    const { pool } = engine;
    let most = plain === 0 ? limits.bufferMediumBytes
      : plain + RECORD_ADDED_BYTES * (1 + Math.floor(plain / RECORD_BYTES));
    for (;;) {
      if (this.out >= 0 && this.outAt + Math.min(most, RECORD_BYTES) > pool.bytesOf(this.out)) this.push();
      if (this.out < 0) {
        this.out = acquire(engine, Math.max(0, pool.classFor(Math.min(most, limits.bufferLargeBytes))) as BufferClass);
        this.outAt = 0;
        if (this.out < 0) { library.empty(); return false; }
      }
      const room = pool.bytesOf(this.out) - this.outAt;
      const got = library.ssl.BIO_read(library.writeBio,
        library.addresses.of(this.out, pool.offsetOf(this.out) + this.outAt), room);
      if (got > 0) this.outAt += got;
      if (got < room) break;
      this.push();
      most = limits.bufferMediumBytes;
    }
    if (this.outAt === 0) this.push();
    return true;
  }

  private push(): void {
    if (this.out < 0) return;
    const { pool } = this.engine;
    if (this.outAt > 0 && this.socket >= 0)
      this.kernel.send(this.socket, this.out, pool.offsetOf(this.out), this.outAt, false);
    pool.release(this.out);
    this.out = -1;
    this.outAt = 0;
  }

  private sayClose(): void {
    if (this.state !== OPEN || this.closeSaid) return;
    this.closeSaid = true;
    this.library.ssl.SSL_shutdown(this.ssl);
    this.takeOut();
    this.push();
    this.library.ssl.ERR_clear_error();
  }

  shutdownSend(): void {
    this.sayClose();
    if (this.socket >= 0) this.kernel.shutdownSend(this.socket);
  }

  close(reset: boolean): void {
    if (!reset) this.sayClose();
    this.end(reset);
  }

  private end(reset: boolean): void {
    if (this.state === CLOSED) return;
    const { library } = this;
    this.push();
    this.state = CLOSED;
    this.owner = this.events = null;
    this.held.drop();
    this.onEnd();
    library.ssl.SSL_free(this.ssl);
    this.ssl = 0;
    library.contexts.sessionEnded(this.context);
    this.engine.reactor.removeChannel(this.channel);
    this.channel = -1;
    const { socket } = this;
    this.socket = -1;
    this.kernel.close(socket, reset);
  }
  /** What is still to be asked of OpenSSL, before it forgets the session. */
  onEnd: () => void = () => undefined;
  /** What came after the handshake is no TLS, or nobody's who made it; the connection ends by it. */
  onFault: (reason: string) => void = () => undefined;
}

function acquire({ pool }: Engine, size: BufferClass): number {
  for (let wanted: number = size; wanted <= LARGE; wanted++) {
    const buffer = pool.acquireReserved(wanted as BufferClass);
    if (buffer >= 0) return buffer;
  }
  return -1;
}
