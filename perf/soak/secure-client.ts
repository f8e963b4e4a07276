// Clients of the soak that come by mutual TLS: several users share one HTTP/2 connection, a stream for each request.
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders,
  type IncomingHttpStatusHeader } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import { ATTEMPT_LIMIT_MS, attemptOf, planCluster, planRequest, wrongIn } from './plan.js';
import type { Attempt, Plan } from './plan.js';
import type { Random } from './random.js';
import type { Identity } from './tls.js';

export class SecureClient {
  stopped = false;
  private session: ClientHttp2Session | null = null;

  constructor(private readonly port: number, private readonly roots: readonly string[],
    private readonly identity: Identity, private readonly ledger: Ledger, private readonly random: Random,
    private readonly users: number, private readonly pauseMs: number) {}

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.users }, () => this.user()));
    this.session?.close();
  }

  private async user(): Promise<void> {
    while (!this.stopped) {
      await this.once();
      await sleep(this.random.whole(0, 2 * this.pauseMs));
      // Now and then everybody moves to a new connection, and with it to the certificates of the day.
      if (this.random.whole(0, 199) === 0) { this.session?.close(); this.session = null; }
    }
  }

  private async once(): Promise<void> {
    const cluster = planCluster(this.random);
    const plan = planRequest(this.random);
    const startMs = performance.now();
    for (let tries = 0; ; tries++) {
      this.ledger.countSent('secure', cluster);
      const attempt = await this.attempt(cluster, plan);
      if (attempt.status === 0) this.ledger.countBroken('secure', cluster);
      if (attempt.stale && tries < 3) {
        this.ledger.retried += 1;
        continue;
      }
      this.ledger.end({ listener: 'secure', cluster, startMs, endMs: performance.now(), ...attempt });
      return;
    }
  }

  private attempt(cluster: string, plan: Plan): Promise<Attempt> {
    return new Promise((resolve) => {
      let stream: ClientHttp2Stream | null = null;
      const done = (status: number, fault: string, stale = false): void => {
        clearTimeout(limit);
        resolve(attemptOf(plan, status, fault, stale));
      };
      const limit = setTimeout(() => { stream?.close(constants.NGHTTP2_CANCEL); done(0, 'no answer in time'); },
        ATTEMPT_LIMIT_MS);
      try {
        stream = this.open().request({ ':method': plan.method, ':path': plan.path, ':authority': `${cluster}.local`,
          ...(plan.upload !== null && { 'content-length': plan.upload.length }) }, { endStream: plan.upload === null });
      } catch (error) {
        this.session = null;
        done(0, (error as Error).message, true);
        return;
      }
      readAnswer(stream, plan, done);
      if (plan.upload !== null) stream.end(plan.upload);
    });
  }

  private open(): ClientHttp2Session {
    const { session } = this;
    if (session !== null && !session.closed && !session.destroyed) return session;
    const opened = connect(`https://localhost:${this.port}`, { ...this.identity, ca: [...this.roots], host: '127.0.0.1',
      settings: { enablePush: false } });
    this.session = opened;
    opened.once('connect', () => { this.ledger.countConnection('secure'); });
    opened.on('error', () => { /* each of its streams tells */ });
    opened.once('goaway', () => { if (this.session === opened) this.session = null; });
    opened.once('close', () => { if (this.session === opened) this.session = null; });
    return opened;
  }
}

function readAnswer(stream: ClientHttp2Stream, plan: Plan,
  done: (status: number, fault: string, stale?: boolean) => void): void {
  const chunks: Buffer[] = [];
  let head: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  let ended = false, fault = '';
  stream.on('response', (headers) => { head = headers; });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => { ended = true; });
  stream.on('error', (error: NodeJS.ErrnoException) => { fault = error.code ?? error.message; });
  stream.on('close', () => {
    const status = Number(head[':status'] ?? 0);
    if (status === 0 || !ended || fault !== '') {
      // RFC 9113 8.7: a stream that was refused, or is above the last of a GOAWAY, was not looked at.
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || fault === 'ERR_HTTP2_GOAWAY_SESSION';
      return done(0, `status ${status}, then ${fault} (${stream.rstCode})`, refused);
    }
    const body = Buffer.concat(chunks);
    // Node ends the streams of a connection that is gone as if their answers were whole.
    if (status === 200 && body.length < plan.expected.length) return done(0, `cut after ${body.length} bytes`);
    done(status, wrongIn(plan, status, head['content-length'], body));
  });
}
