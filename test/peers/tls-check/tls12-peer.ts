// A client of TLS 1.2 whose every record a test writes: for what no library would send. ECDHE with X25519 and
// AES-128-GCM, no extended master secret; it does not look at the server's signature.
import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, diffieHellman,
  generateKeyPairSync } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { helloExtension, helloMessage, record, type HelloOptions } from '../../support/client-hello.js';

export const CHANGE_CIPHER = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION = 23, HEARTBEAT = 24;
const SERVER_KEY_EXCHANGE = 12, SERVER_HELLO = 2, SERVER_HELLO_DONE = 14;
const X25519_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
export const CLOSE_NOTIFY = Buffer.from([1, 0]);

export interface TlsRecord { type: number; body: Buffer }
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function expand(secret: Buffer, label: string, seed: Buffer, bytes: number): Buffer {
  const whole = Buffer.concat([latin1(label), seed]), parts: Buffer[] = [];
  const mac = (data: Buffer): Buffer => createHmac('sha256', secret).update(data).digest();
  for (let a = mac(whole), have = 0; have < bytes; a = mac(a), have += 32) parts.push(mac(Buffer.concat([a, whole])));
  return Buffer.concat(parts).subarray(0, bytes);
}

export class Tls12Peer {
  readonly records: TlsRecord[] = [];
  /** 'open', 'FIN' or 'RST', as the server ended it. */
  ended: 'open' | 'FIN' | 'RST' = 'open';
  /** Handshake messages so far, as both sides hash them. */
  private transcript: Buffer = Buffer.alloc(0);
  private pending: Buffer = Buffer.alloc(0);
  private readonly keys = generateKeyPairSync('x25519');
  private master: Buffer = Buffer.alloc(0);
  private writeKey: Buffer | null = null;
  private readKey: Buffer | null = null;
  private writeIv: Buffer = Buffer.alloc(0);
  private readIv: Buffer = Buffer.alloc(0);
  private sent = 0n;
  private got = 0n;
  verifyData: Buffer = Buffer.alloc(0);

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => { this.receive(data); });
    socket.on('error', () => { this.ended = 'RST'; });
    socket.on('end', () => { if (this.ended === 'open') this.ended = 'FIN'; });
  }

  static open(port: number): Promise<Tls12Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, () => {
        socket.off('error', reject);
        resolve(new Tls12Peer(socket));
      });
      socket.once('error', reject);
    });
  }

  private receive(data: Buffer): void {
    this.pending = Buffer.concat([this.pending, data]);
    while (this.pending.length >= 5) {
      const end = 5 + this.pending.readUInt16BE(3);
      if (this.pending.length < end) return;
      const type = this.pending[0]!, body = this.open(type, Buffer.from(this.pending.subarray(5, end)));
      this.pending = this.pending.subarray(end);
      this.records.push({ type, body });
      if (type === CHANGE_CIPHER && this.readIv.length > 0) this.readKey = this.keyBlock(1);
    }
  }

  send(...bytes: readonly Buffer[]): void { if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes)); }
  /** A record as the state of the connection wants it: plain, or sealed. */
  write(type: number, body: Buffer): void {
    this.send(latin1(record(this.seal(type, body).toString('latin1'), type, 0x0303)));
  }

  private seal(type: number, body: Buffer): Buffer {
    if (this.writeKey === null) return body;
    const nonce = Buffer.alloc(8), extra = Buffer.alloc(13);
    nonce.writeBigUInt64BE(this.sent);
    extra.writeBigUInt64BE(this.sent++);
    extra.set([type, 3, 3, body.length >> 8, body.length & 255], 8);
    const cipher = createCipheriv('aes-128-gcm', this.writeKey, Buffer.concat([this.writeIv, nonce]));
    cipher.setAAD(extra);
    return Buffer.concat([nonce, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  }
  private open(type: number, body: Buffer): Buffer {
    if (this.readKey === null) return body;
    const extra = Buffer.alloc(13), length = body.length - 24;
    extra.writeBigUInt64BE(this.got++);
    extra.set([type, 3, 3, length >> 8, length & 255], 8);
    const cipher = createDecipheriv('aes-128-gcm', this.readKey, Buffer.concat([this.readIv, body.subarray(0, 8)]));
    cipher.setAAD(extra).setAuthTag(body.subarray(body.length - 16));
    return Buffer.concat([cipher.update(body.subarray(8, body.length - 16)), cipher.final()]);
  }
  private blocks: Buffer = Buffer.alloc(0);
  private keyBlock(which: number): Buffer { return this.blocks.subarray(16 * which, 16 * which + 16); }

  /** Handshake messages of the server so far. */
  private messages(): { type: number; whole: Buffer }[] {
    const bytes = Buffer.concat(this.records.filter(({ type }) => type === HANDSHAKE).map(({ body }) => body));
    const found: { type: number; whole: Buffer }[] = [];
    for (let at = 0; at + 4 <= bytes.length;) {
      const end = at + 4 + bytes.readUIntBE(at + 1, 3);
      if (end > bytes.length) break;
      found.push({ type: bytes[at]!, whole: bytes.subarray(at, end) });
      at = end;
    }
    return found;
  }
  message(type: number): Buffer | null {
    return this.messages().find((one) => one.type === type)?.whole.subarray(4) ?? null;
  }
  get serverHello(): Buffer | null { return this.message(SERVER_HELLO); }

  async until(holds: () => boolean, timeoutMs = 3000): Promise<boolean> {
    for (const end = performance.now() + timeoutMs; !holds() && performance.now() < end;)
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    return holds();
  }

  /** Says hello; true: the server has said all that it says before the client's key. */
  async hello(options: HelloOptions = {}): Promise<boolean> {
    const message = latin1(helloMessage('localhost', [], { versions: [], keyShare: '', suites: [0xc02b, 0xc02f],
      ...options }));
    this.transcript = message;
    this.send(latin1(record(message.toString('latin1'))));
    return await this.until(() => this.message(SERVER_HELLO_DONE) !== null || this.ended !== 'open')
      && this.message(SERVER_HELLO_DONE) !== null;
  }

  /** The client's key, as a handshake message; both sides' secrets follow from it. */
  keyExchange(): Buffer {
    const exchange = this.message(SERVER_KEY_EXCHANGE)!, hello = this.serverHello!;
    const theirs = createPublicKey({ key: Buffer.concat([X25519_PREFIX, exchange.subarray(4, 36)]), format: 'der',
      type: 'spki' });
    const shared = diffieHellman({ privateKey: this.keys.privateKey, publicKey: theirs });
    const random = this.transcript.subarray(6, 38), serverRandom = hello.subarray(2, 34);
    this.master = expand(shared, 'master secret', Buffer.concat([random, serverRandom]), 48);
    this.blocks = expand(this.master, 'key expansion', Buffer.concat([serverRandom, random]), 40);
    this.writeIv = this.blocks.subarray(32, 36);
    this.readIv = this.blocks.subarray(36, 40);
    const own = this.keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(12);
    const message = Buffer.concat([Buffer.from([16, 0, 0, 33, 32]), own]);
    this.transcript = Buffer.concat([this.transcript, ...this.messages().map(({ whole }) => whole), message]);
    return message;
  }
  changeCipher(): void {
    this.write(CHANGE_CIPHER, Buffer.from([1]));
    this.writeKey = this.keyBlock(0);
  }
  /** The client's Finished. */
  finished(): Buffer {
    this.verifyData = expand(this.master, 'client finished', createHash('sha256').update(this.transcript).digest(), 12);
    return Buffer.concat([Buffer.from([20, 0, 0, 12]), this.verifyData]);
  }

  /** The whole handshake. */
  async secure(options: HelloOptions = {}): Promise<boolean> {
    if (!await this.hello(options)) return false;
    this.write(HANDSHAKE, this.keyExchange());
    this.changeCipher();
    this.write(HANDSHAKE, this.finished());
    return this.until(() => this.readKey !== null && this.records.at(-1)!.type === HANDSHAKE);
  }

  /** A hello in the middle of a connection, with or without the extension that binds it to the first. */
  renegotiate(bound: boolean): void {
    const extensions = bound ? helloExtension(0xff01, `\x0c${this.verifyData.toString('latin1')}`) : '';
    this.write(HANDSHAKE, latin1(helloMessage('localhost', [], { versions: [], keyShare: '', extensions,
      suites: [0xc02b, 0xc02f] })));
  }

  /** Alerts that have come: [level, description]. */
  get alerts(): Buffer[] { return this.records.filter(({ type }) => type === ALERT).map(({ body }) => body); }
  /** Application bytes that have come and could be read. */
  get text(): string {
    return this.readKey === null ? '' : Buffer.concat(this.records.filter(({ type }) => type === APPLICATION)
      .map(({ body }) => body)).toString('latin1');
  }
  close(): void { this.socket.destroy(); }
}
