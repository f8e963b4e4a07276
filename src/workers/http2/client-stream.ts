// One request on an endpoint's HTTP/2 connection: what the proxy sees in the place of a connection that is lent to it.
//
//   lent → head sent (it has its number now: numbers grow in the order of heads) → answered → given back or closed
import { createHash } from 'node:crypto';
import type { Engine } from '../engine.js';
import { H2Error } from '../../core/generated/layouts.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Borrower } from '../upstream/borrower.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Upstream } from '../upstream/upstream-side.js';
import type { ClientSession } from './client-session.js';
import { FramedStream } from './stream.js';

/** As the stream's number, until its head is sent. */
const UNNUMBERED = -1;
const UPPER_H = 72;

export class ClientStream extends FramedStream implements Upstream {
  readonly framed = true;
  readonly unread = 0;
  readonly hasBegun = false;
  readonly cutShort = false;
  stream: Borrower | null = null;
  peerEnded = false;
  requests = 0;
  /** The final response head has come. */
  headDone = false;
  /** The answer has no body, whatever its head says. */
  isHead = false;
  /** What an extended CONNECT asked for; '' = the request is none. */
  upgrade = '';
  /** The sec-websocket-accept that its client expects; '' = none. */
  accept = '';
  /** Its head could not be sent; its borrower has not heard of it. */
  doomed = false;
  protected override readonly stopCode: number = H2Error.cancel;

  constructor(engine: Engine, readonly connection: ClientSession) { super(engine, connection); }

  get endpoint(): Endpoint { return this.connection.connection.endpoint; }
  get id(): number { return this.connection.connection.id; }
  get tls(): TlsFacts | null { return this.connection.connection.tls; }
  get openedMs(): number { return this.connection.connection.openedMs; }
  get connectedMs(): number { return this.connection.connection.connectedMs; }
  get responseEnded(): boolean { return this.remoteEnded; }

  /** False: there are too many channels. */
  lend(borrower: Borrower, requests: number): boolean {
    if (!this.begin(UNNUMBERED)) return false;
    this.stream = borrower;
    this.requests = requests;
    this.peerEnded = this.headDone = this.isHead = this.doomed = false;
    this.upgrade = this.accept = '';
    return true;
  }

  beginRequest(): void { /* its head says it */ }

  sendHead(buffer: number, at: number, headBytes: number, bytes: number): void {
    if (this.streamId === 0) return;
    this.isHead = this.engine.u8[at] === UPPER_H;
    const { stream } = this;
    if (stream !== null && stream.isUpgrade && !this.leavesHttp(this.engine.readText(at, headBytes))) return;
    if (!this.connection.sendHead(this, at, headBytes, stream !== null && stream.https)) return;
    if (bytes > headBytes) this.send(buffer, at + headBytes, bytes - headBytes);
  }

  /** The request may leave HTTP. False: its server takes no such thing. */
  private leavesHttp(head: string): boolean {
    this.upgrade = upgradeOf(head);
    if (this.upgrade === '') return true;                   // CONNECT
    if (!this.connection.peerConnects) { this.connection.refuses(this); return false; }
    if (this.upgrade.toLowerCase() === 'websocket') this.accept = acceptOf(head);
    return true;
  }

  endRequest(trailersAt: number, trailersBytes: number): void { this.endWithTrailers(trailersAt, trailersBytes); }
  beginTunnel(): void { throw new Error('a raw tunnel has a connection of its own'); }
  answered(): void { /* its end was said by frames */ }
  resume(): void { this.offer(); }

  giveBack(): void {
    this.stream = null;
    this.end();                                            // an upgrade that was refused has not said it
    this.leave();
  }

  override close(): void {
    if (this.streamId === 0) return;
    this.stream = null;
    if (this.streamId === UNNUMBERED) this.localEnded = this.remoteEnded = true;
    this.abandon(H2Error.cancel);
  }

  /** A server may have answered before it has read all of the request (RFC 9113 8.1). */
  override resetByPeer(error: number): void {
    if (error === H2Error.none && this.remoteEnded) this.takesNoMore(); else super.resetByPeer(error);
  }

  /** Its head was sent as stream `id`. */
  numbered(id: number): void { this.streamId = id; }
  get hasNumber(): boolean { return this.streamId > 0; }

  protected take(buffer: number, at: number, end: number): number {
    const { stream } = this;
    if (stream === null) return end;
    if (!this.headDone) {
      this.connection.malformed(this.streamId);
      return end;
    }
    try { return stream.events.onResponseBytes(stream, buffer, at, end); } catch (error) {
      this.failed(error);
      return end;
    }
  }

  protected takeEnd(trailersAt: number, trailersBytes: number): boolean {
    const { stream } = this;
    if (stream === null) return true;
    if (!this.headDone) { this.connection.malformed(this.streamId); return true; }
    try { stream.events.onResponseEnd(stream, trailersAt, trailersBytes); } catch (error) { this.failed(error); }
    return true;
  }

  protected gone(errno: number): void {
    const { stream } = this;
    this.peerEnded = true;
    if (stream === null) return;
    try { stream.events.onUpstreamEnd(stream, errno); } catch (error) { this.engine.report(error); }
  }

  protected drained(): void {
    const { stream } = this;
    if (stream === null) return;
    try { stream.events.onUpstreamDrained(stream); } catch (error) { this.failed(error); }
  }

  protected recycle(): void {
    this.stream = null;
    this.connection.recycled(this);
  }

  /** What goes wrong with one request ends that request. */
  failed(error: unknown): void {
    this.engine.report(error);
    this.connection.streamError(this.streamId, H2Error.internal);
  }
}

const upgradeOf = (head: string): string => /\r\nupgrade: *([^\r]*)/i.exec(head)?.[1] ?? '';

/** RFC 6455 4.2.2; '' = the client sent no key. */
function acceptOf(head: string): string {
  const key = /\r\nsec-websocket-key: *([^\r]*)/i.exec(head)?.[1]?.trim() ?? '';
  return key === '' ? '' : createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}
