// An upstream that a test scripts: it shows every request as it came and answers what the test says, byte by byte.
import { createServer, type Server, type Socket } from 'node:net';
import { HANG_MS } from './hang.js';
import { parseMessage, type Message } from './message.js';

export interface Seen extends Message {
  connection: number;
  socket: Socket;
}
/** What to send for a complete request: bytes, or null when the test sends by itself. */
export type Answer = (request: Seen) => string | null | Promise<string | null>;

export const answerOk: Answer = (request) => {
  const body = `${request.start.split(' ')[0]} ${request.body.length}`;
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${request.start.startsWith('HEAD ') ? '' : body}`;
};

export class Upstream {
  requests: Seen[] = []; // complete ones, in order
  heads: Seen[] = []; // every request whose head arrived
  raw: string[] = []; // all bytes by connection
  sockets: Socket[] = [];
  answer: Answer = answerOk;
  onHead: Answer | null = null; // called at the head, before the body
  /** Takes a connection over: nothing is parsed. */
  onRaw: ((socket: Socket, connection: number) => void) | null = null;
  /** A connection that was taken over ends when its peer does. */
  endsRaw = true;
  private waiters: (() => void)[] = [];

  private constructor(
    readonly server: Server,
    readonly port: number,
  ) {}

  static async start(port: number): Promise<Upstream> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', 512, resolve);
    });
    const upstream = new Upstream(server, port);
    server.on('connection', (socket) => upstream.serve(socket));
    return upstream;
  }

  /** Forgets what was seen and answers as usual again. Connections stay. */
  reset(): void {
    this.requests = [];
    this.heads = [];
    this.answer = answerOk;
    this.onHead = null;
    this.onRaw = null;
  }
  /** Ends all connections, so that the next request opens a new one. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }
  get openConnections(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length;
  }

  private serve(socket: Socket): void {
    const connection = this.sockets.push(socket) - 1;
    this.raw[connection] = '';
    socket.on('error', () => {
      /* the test sees it in what the proxy answers */
    });
    socket.on('end', () => {
      if (this.onRaw === null || this.endsRaw) socket.end();
      this.wake();
    });
    socket.on('close', () => this.wake());
    if (this.onRaw !== null) {
      socket.on('data', (data) => {
        this.raw[connection] += data.toString('latin1');
        this.wake();
      });
      this.onRaw(socket, connection);
      return;
    }
    let pending = '',
      headSeen = false,
      busy = false;
    const consume = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      try {
        for (;;) {
          const message = parseMessage(pending, 'request');
          if (message === null) break;
          const seen: Seen = { ...message, connection, socket };
          if (!headSeen) {
            headSeen = true;
            this.heads.push(seen);
            this.wake();
            if (this.onHead !== null) await this.say(socket, this.onHead(seen));
            continue; // more may have arrived meanwhile
          }
          if (!message.complete) break;
          pending = pending.slice(message.bytes);
          headSeen = false;
          this.requests.push(seen);
          this.wake();
          await this.say(socket, this.answer(seen));
        }
      } finally {
        busy = false;
      }
    };
    socket.on('data', (data) => {
      pending += data.toString('latin1');
      this.raw[connection] += data.toString('latin1');
      void consume().catch((error: Error) => {
        this.fault = error;
        socket.destroy();
        this.wake();
      });
    });
  }
  /** What the proxy sent that is not HTTP. */
  fault: Error | null = null;

  private async say(socket: Socket, answer: string | null | Promise<string | null>): Promise<void> {
    const bytes = await answer;
    if (bytes !== null && !socket.destroyed) socket.write(Buffer.from(bytes, 'latin1'));
  }

  async until(condition: () => boolean, timeoutMs = HANG_MS, what = 'the upstream to see something'): Promise<void> {
    const limit = performance.now() + timeoutMs;
    while (!condition()) {
      const left = limit - performance.now();
      if (left <= 0)
        throw new Error(
          `waited ${timeoutMs} ms for ${what}; heads ${JSON.stringify(this.heads.map((head) => head.start))}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 50));
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
  async stop(): Promise<void> {
    this.dropConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}
