// Peers that speak HTTP/2 by Node's own implementation: an upstream that a test scripts, and requests of a client.
import { connect, createServer, type ClientHttp2Session, type Http2Server, type IncomingHttpHeaders,
  type OutgoingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';

export interface Seen2 { stream: ServerHttp2Stream; headers: IncomingHttpHeaders; session: ServerHttp2Session }

export class Http2Upstream {
  sessions: ServerHttp2Session[] = [];
  requests: Seen2[] = [];
  /** What becomes of a request; its body is the script's business. */
  serve: (seen: Seen2) => void = echo;

  private constructor(readonly server: Http2Server, readonly port: number) {}

  static async start(port: number, settings: Settings = {}): Promise<Http2Upstream> {
    const server = createServer({ settings, maxSessionMemory: 1000 });
    const upstream = new Http2Upstream(server, port);
    server.on('session', (session) => {
      upstream.sessions.push(session);
      session.on('error', () => undefined);
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      const seen = { stream, headers, session: stream.session as ServerHttp2Session };
      upstream.requests.push(seen);
      upstream.serve(seen);
    });
    server.on('sessionError', () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', 512, resolve);
    });
    return upstream;
  }

  reset(): void {
    this.requests = [];
    this.serve = echo;
  }
  dropSessions(): void {
    for (const session of this.sessions) session.destroy();
    this.sessions = [];
  }
  get openSessions(): number { return this.sessions.filter((session) => !session.destroyed).length; }

  stop(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    return new Promise((resolve) => { this.server.close(() => resolve()); });
  }
}

/** Answers with the body that came, and says how it was asked. */
export function echo({ stream, headers }: Seen2): void {
  const pieces: Buffer[] = [];
  stream.on('data', (data: Buffer) => pieces.push(data));
  stream.on('end', () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'x-method': headers[':method'], 'x-path': headers[':path'],
      'x-authority': headers[':authority'] ?? '' });
    stream.end(Buffer.concat(pieces));
  });
}

export interface Answer2 {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders | null;
  body: Buffer;
  /** HTTP/2 error code that the stream was reset with; 0 = none. */
  code: number;
  /** Heads of interim responses. */
  interim: number[];
}

export class Http2Client {
  error: Error | null = null;
  goaway: number | null = null;
  private constructor(readonly session: ClientHttp2Session) {
    session.on('error', (error) => { this.error = error; });
    session.on('goaway', (code) => { this.goaway = code; });
  }

  static open(port: number, settings: Settings = {}): Promise<Http2Client> {
    return new Promise((resolve, reject) => {
      const session = connect(`http://127.0.0.1:${port}`, { settings, maxSessionMemory: 1000 });
      const client = new Http2Client(session);
      session.once('error', reject);
      session.once('connect', () => { session.off('error', reject); resolve(client); });
    });
  }

  /** A whole request; the answer when its stream is closed. */
  ask(headers: OutgoingHttpHeaders, body: Buffer | string | null = null,
    trailers: OutgoingHttpHeaders | null = null): Promise<Answer2> {
    const stream = this.session.request(headers, { endStream: body === null && trailers === null,
      waitForTrailers: trailers !== null });
    if (trailers !== null) stream.on('wantTrailers', () => { stream.sendTrailers(trailers); });
    const answer = answerOf(stream);
    if (body !== null || trailers !== null) stream.end(body ?? '');
    return answer;
  }

  close(): void { this.session.destroy(); }
}

type ClientStream = ReturnType<ClientHttp2Session['request']>;
export function answerOf(stream: ClientStream): Promise<Answer2> {
  return new Promise((resolve) => {
    const answer: Answer2 = { status: 0, headers: {}, trailers: null, body: Buffer.alloc(0), code: 0, interim: [] };
    const pieces: Buffer[] = [];
    stream.on('headers', (headers) => { answer.interim.push(Number(headers[':status'])); });
    stream.on('response', (headers) => {
      answer.status = Number(headers[':status']);
      answer.headers = headers;
    });
    stream.on('trailers', (headers) => { answer.trailers = headers; });
    stream.on('data', (data: Buffer) => pieces.push(data));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      answer.body = Buffer.concat(pieces);
      answer.code = stream.rstCode ?? 0;
      resolve(answer);
    });
  });
}

/** Fields of a cluster whose endpoints speak HTTP/2. */
export const speaksHttp2 = (options: Record<string, unknown> = {}, common: Record<string, unknown> = {}): object => ({
  typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    common_http_protocol_options: common,
    explicit_http_config: { http2_protocol_options: options } } } });
