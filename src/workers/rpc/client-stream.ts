// One request on an endpoint's RPC connection: what the proxy sees in the place of a connection that is lent to it.
import { RpcFrame, RpcKind } from '../../core/generated/layouts.js';
import { RESET_LOCAL, RESET_PROTOCOL } from '../../core/reset-reasons.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import type { Borrower } from '../upstream/borrower.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Upstream } from '../upstream/upstream-side.js';
import type { RpcClientSession } from './client-session.js';
import { RpcStream } from './stream.js';

export class RpcClientStream extends RpcStream implements Upstream {
  readonly framed = true;
  readonly unread = 0;
  readonly hasBegun = false;
  readonly cutShort = false;
  stream: Borrower | null = null;
  peerEnded = false;
  requests = 0;
  /** Nobody answers it. */
  oneway = false;
  /** Its head could not be sent, or it is one-way: what comes of that is told when the turn is over. */
  awaitsTurn = false;
  private headDone = false;

  constructor(engine: Engine, readonly connection: RpcClientSession) { super(engine, connection); }

  get endpoint(): Endpoint { return this.connection.connection.endpoint; }
  get id(): number { return this.connection.connection.id; }
  get tls(): TlsFacts | null { return this.connection.connection.tls; }
  get openedMs(): number { return this.connection.connection.openedMs; }
  get connectedMs(): number { return this.connection.connection.connectedMs; }
  get responseEnded(): boolean { return this.remoteEnded; }

  /** As number `id` of its connection. False: there are too many channels. */
  lend(borrower: Borrower, id: number, requests: number): boolean {
    if (!this.beginRpc(id)) return false;
    this.stream = borrower;
    this.requests = requests;
    this.peerEnded = this.oneway = this.awaitsTurn = this.headDone = false;
    return true;
  }

  beginRequest(): void { /* its head says it */ }

  sendHead(buffer: number, at: number, headBytes: number, bytes: number): void {
    if (this.streamId === 0) return;
    const { engine, connection } = this;
    const { room } = connection;
    const words = connection.frame >> 2;
    const end = room.fresh() ? connection.encodeRequest(at, at + headBytes, this.streamId) : 0;
    if (end === 0) { connection.tellLater(this); return; }
    this.oneway = engine.i32[words + RpcFrame.kind] === RpcKind.oneway;
    this.promise(end);
    if (bytes > headBytes && this.streamId !== 0) this.send(buffer, at + headBytes, bytes - headBytes);
  }

  endRequest(): void {
    const { oneway } = this;
    this.end();
    if (oneway && this.streamId !== 0) this.connection.tellLater(this);
  }
  beginTunnel(): void { throw new Error('a raw tunnel has a connection of its own'); }
  answered(): void { /* its end was said by its frame */ }
  resume(): void { this.offer(); }

  giveBack(): void {
    this.stream = null;
    this.end();
    this.leave();
  }

  override close(): void {
    if (this.streamId === 0) return;
    this.stream = null;
    this.abandon(0);
  }

  /** The turn is over: what did not go out has failed, and what nobody answers has gone well. */
  tell(): void {
    if (!this.awaitsTurn || this.streamId === 0) return;
    this.awaitsTurn = false;
    if (!this.oneway || this.stream === null) { this.lost(RESET_LOCAL); return; }
    this.connection.answerOneway(this);
  }

  /** A response head is in engine.responseRecord, [at, end) of its body here. Returns how far that was taken. */
  answer(buffer: number, at: number, end: number): number {
    const { stream } = this;
    this.headDone = true;
    if (stream === null) return end;
    try { return stream.events.onResponseHead(stream, buffer, at, end); } catch (error) {
      this.failed(error);
      return end;
    }
  }
  get isAnswered(): boolean { return this.headDone; }
  /** Its answer has come, and is none. */
  refuse(): void {
    this.headDone = true;
    this.lost(RESET_PROTOCOL);
  }

  protected take(buffer: number, at: number, end: number): number {
    const { stream } = this;
    if (stream === null) return end;
    try { return stream.events.onResponseBytes(stream, buffer, at, end); } catch (error) {
      this.failed(error);
      return end;
    }
  }
  protected takeEnd(): boolean {
    const { stream } = this;
    if (stream === null) return true;
    try { stream.events.onResponseEnd(stream, 0, 0); } catch (error) { this.failed(error); }
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
    this.dropTail();
    this.stream = null;
    this.connection.recycled(this);
  }

  /** What goes wrong with one request ends that request. */
  failed(error: unknown): void {
    this.engine.report(error);
    if (this.streamId !== 0) this.lost(RESET_LOCAL);
  }
}
