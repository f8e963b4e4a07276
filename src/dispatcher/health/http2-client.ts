// One connection of HTTP/2 for checks, plain or TLS, kept between them where that is wanted.
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { limits } from '../../core/limits.js';
import { dial } from './probe.js';
import type { ProbeTarget } from './probe.js';

/** `trailers`: those of the end, or of an answer that is nothing but its head. */
export interface Http2Answer { status: number; headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders;
  body: Buffer }

export class Http2Client {
  private session: ClientHttp2Session | null = null;
  private stream: ClientHttp2Stream | null = null;
  private cancel: (() => void) | null = null;

  constructor(private readonly target: ProbeTarget) {}

  /** `answered` is told once, null where there was no whole answer; never after `close`. */
  ask(headers: OutgoingHttpHeaders, body: Buffer | null, answered: (answer: Http2Answer | null) => void): void {
    const { session } = this;
    if (session !== null && !session.closed && !session.destroyed) {
      this.send(session, headers, body, answered);
      return;
    }
    this.close();
    this.cancel = dial(this.target, (socket) => {
      if (socket === null) { this.close(); answered(null); return; }
      try {
        this.send(this.open(socket), headers, body, answered);
      } catch {
        this.close();                                      // headers that Node refuses to send
        answered(null);
      }
    });
  }

  close(): void {
    const { session, cancel } = this;
    this.stream = this.session = this.cancel = null;
    session?.destroy();
    cancel?.();
  }

  private send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body: Buffer | null,
    answered: (answer: Http2Answer | null) => void): void {
    const stream = session.request({ ':scheme': this.target.tls === null ? 'http' : 'https', ...headers },
      { endStream: body === null });
    this.stream = stream;
    const pieces: Buffer[] = [];
    let bytes = 0, head: IncomingHttpHeaders | null = null, trailers: IncomingHttpHeaders = {};
    stream.on('response', (answer, flags) => {
      head = answer;
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) trailers = answer;
    });
    stream.on('data', (piece: Buffer) => {
      if (bytes >= limits.healthAnswerBytesMax) return;
      pieces.push(piece);
      bytes += piece.length;
    });
    stream.on('trailers', (answer) => { trailers = answer; });
    stream.on('error', () => {});                          // 'close' follows
    stream.on('close', () => {
      if (this.stream !== stream) return;
      this.stream = null;
      answered(head === null || stream.rstCode !== constants.NGHTTP2_NO_ERROR ? null
        : { status: Number(head[':status'] ?? 0), headers: head, trailers, body: Buffer.concat(pieces) });
    });
    if (body !== null) stream.end(body);
  }

  private open(socket: Socket): ClientHttp2Session {
    const session = connect('http://health', { createConnection: () => socket });
    this.session = session;
    session.on('error', () => {});
    session.on('goaway', () => { if (this.session === session) this.session = null; session.close(); });
    session.on('close', () => { if (this.session === session) this.session = null; });
    return session;
  }
}
