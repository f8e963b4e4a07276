// Clients and servers of protocols that are frames in a stream of bytes, for tests: a protocol says how a frame is
// found (Bolt's and Dubbo's have their own, with more to say).
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { HANG_MS } from './hang.js';

/** The first frame in the bytes and where it ends, or null: more has to come. */
export type Find<F> = (bytes: Buffer) => { frame: F; end: number } | null;

function read<F>(socket: Socket, find: Find<F>, onFrame: (frame: F) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (let found = find(rest); found !== null; found = find(rest)) {
      rest = rest.subarray(found.end);
      onFrame(found.frame);
    }
  });
}

export class FramedClient<F> {
  readonly frames: F[] = [];
  closed = false;
  private waiting: (() => void)[] = [];
  private constructor(readonly socket: Socket, find: Find<F>) {
    read(socket, find, (frame) => { this.frames.push(frame); this.wake(); });
    socket.on('error', () => undefined).on('close', () => { this.closed = true; this.wake(); });
  }
  static open<F>(port: number, find: Find<F>): Promise<FramedClient<F>> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
        resolve(new FramedClient(socket, find));
      });
      socket.once('error', reject);
    });
  }
  private wake(): void { for (const one of this.waiting.splice(0)) one(); }
  private async until(done: () => boolean): Promise<void> {
    for (const end = performance.now() + HANG_MS; !done();) {
      if (this.closed || performance.now() > end) throw new Error(this.closed ? 'closed' : 'nothing came');
      await new Promise<void>((resolve) => { this.waiting.push(resolve); setTimeout(resolve, 100); });
    }
  }

  send(...frames: readonly Buffer[]): void { this.socket.write(Buffer.concat(frames)); }
  /** The first frame that `wanted` takes, when it has come. */
  async frame(wanted: (frame: F) => boolean): Promise<F> {
    let found: F | undefined;
    await this.until(() => (found = this.frames.find(wanted)) !== undefined);
    return found!;
  }
  /** When the proxy has closed the connection. */
  async end(): Promise<void> { await this.until(() => this.closed).catch(() => undefined); }
  close(): void { this.socket.destroy(); }
}

export class FramedServer<F> {
  readonly requests: F[] = [];
  readonly sockets = new Set<Socket>();
  /** Answers a request; null: as the protocol's server usually does. */
  serve: ((frame: F, socket: Socket) => void) | null = null;
  private constructor(private readonly server: Server, readonly port: number) {}

  /** `isControl` has dealt with what is no request; `usual` answers the others. */
  static async start<F>(port: number, find: Find<F>, isControl: (frame: F, socket: Socket) => boolean,
    usual: (frame: F, socket: Socket) => void): Promise<FramedServer<F>> {
    const server = createServer({ noDelay: true });
    const framed = new FramedServer<F>(server, port);
    server.on('connection', (socket) => {
      framed.sockets.add(socket);
      read(socket, find, (frame) => {
        if (isControl(frame, socket)) return;
        framed.requests.push(frame);
        (framed.serve ?? usual)(frame, socket);
      });
      socket.on('error', () => undefined).on('close', () => { framed.sockets.delete(socket); });
    });
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return framed;
  }
  reset(): void {
    this.requests.length = 0;
    this.serve = null;
  }
  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => { this.server.close(() => { resolve(); }); });
  }
}
