// Makes and reuses the HTTP/2 connections to endpoints of one worker, with the room that they share: one response head
// is decoded at a time.
import { H2Head, H2HeadRecordBytes } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { RESET_LOCAL } from '../../core/reset-reasons.js';
import type { Engine } from '../engine.js';
import { LARGE } from '../memory/buffers.js';
import type { UpstreamConnection } from '../upstream/connection.js';
import type { UpstreamPool } from '../upstream/pool.js';
import { ClientSession } from './client-session.js';
import type { ClientStream } from './client-stream.js';
import { ReasonPhrases } from './reason-phrases.js';

const PROTOCOL_BYTES = 64;
/** Of a response head as text; so much is free behind it. */
const TEXT_BYTES = limits.bufferLargeBytes - 64;

export class ClientSessions {
  /** The record and the text of the response head in hand; -1 = there is no room yet. */
  head = -1;
  text = -1;
  readonly textBytesMax = TEXT_BYTES;
  private protocol = -1;
  reasons: ReasonPhrases | null = null;
  private readonly free: ClientSession[] = [];
  private readonly lost: ClientStream[] = [];

  constructor(private readonly engine: Engine, private readonly pool: UpstreamPool) {}

  /** HTTP/2 on a connection that has just connected. Null: there is no room. */
  open(connection: UpstreamConnection): ClientSession | null {
    if (!this.haveRoom()) return null;
    const session = this.free.pop() ?? new ClientSession(this.engine, this.pool, this);
    if (session.open(connection)) return session;
    this.free.push(session);
    return null;
  }

  private haveRoom(): boolean {
    const { engine } = this;
    if (this.text >= 0) return true;
    if (this.head < 0) this.head = engine.heap.allocate(H2HeadRecordBytes);
    if (this.protocol < 0) this.protocol = engine.heap.allocate(PROTOCOL_BYTES);
    if (this.head < 0 || this.protocol < 0) return false;
    const buffer = engine.pool.acquire(LARGE);
    if (buffer < 0) return false;
    this.text = engine.pool.offsetOf(buffer);
    this.reasons = new ReasonPhrases(engine);
    return true;
  }

  give(session: ClientSession): void { this.free.push(session); }

  /** The next head that is decoded answers a request for this protocol. */
  tellUpgrade(protocol: string): void {
    const { engine } = this;
    const words = this.head >> 2;
    engine.i32[words + H2Head.protocolAt] = this.protocol;
    engine.i32[words + H2Head.protocolBytes] = engine.writeText(this.protocol, protocol.slice(0, PROTOCOL_BYTES));
  }

  /**
   * The head in hand takes up a WebSocket: its client reads that from sec-websocket-accept, which servers of HTTP/2 do
   * not send (RFC 8441 5). Returns the bytes of its text.
   */
  acceptWebSocket(bytes: number, accept: string): number {
    const { engine, text } = this;
    const line = `sec-websocket-accept: ${accept}\r\n\r\n`;
    const head = engine.readText(text, bytes);
    if (!head.startsWith('HTTP/1.1 101 ') || /\r\nsec-websocket-accept:/i.test(head)) return bytes;
    if (bytes + line.length > this.textBytesMax) return bytes;
    return bytes - 2 + engine.writeText(text + bytes - 2, line);
  }

  /** The stream could not send its head; its borrower hears of it when the turn is over. */
  loseSoon(stream: ClientStream): void {
    if (this.lost.length === 0) this.engine.reactor.flushLater(this);
    stream.doomed = true;
    this.lost.push(stream);
  }

  flush(): void {
    for (let i = 0; i < this.lost.length; i++) {
      const stream = this.lost[i]!;
      try { if (stream.doomed) stream.lost(RESET_LOCAL); } catch (error) { this.engine.report(error); }
    }
    this.lost.length = 0;
  }
}
