// Dubbo 2 as tests speak it: a client and a server on sockets; frames are made in test/protocols/rpc/dubbo-frames.ts.
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';

export interface DubboFrame { flags: number; status: number; id: bigint; body: Buffer }

/** Frames in a stream of bytes. */
function reader(onFrame: (frame: DubboFrame) => void): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0), bytes = 0;
  const pieces: Buffer[] = [];
  return (data) => {
    pieces.push(data);
    bytes += data.length;
    if (rest.length >= 16 && bytes < 16 + rest.readUInt32BE(12)) return;      // large frames are joined once
    rest = Buffer.concat([rest, ...pieces.splice(0)]);
    while (rest.length >= 16 && rest.length >= 16 + rest.readUInt32BE(12)) {
      const end = 16 + rest.readUInt32BE(12);
      onFrame({ flags: rest[2]!, status: rest[3]!, id: rest.readBigUInt64BE(4),
        body: Buffer.from(rest.subarray(16, end)) });
      rest = rest.subarray(end);
    }
    bytes = rest.length;
  };
}

export class DubboClient {
  readonly frames: DubboFrame[] = [];
  closed = false;
  private waiting: (() => void)[] = [];
  private constructor(readonly socket: Socket) {
    socket.on('data', reader((frame) => { this.frames.push(frame); this.wake(); }));
    socket.on('error', () => undefined).on('close', () => { this.closed = true; this.wake(); });
  }
  static open(port: number): Promise<DubboClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => { resolve(new DubboClient(socket)); });
      socket.once('error', reject);
    });
  }
  private wake(): void { for (const one of this.waiting.splice(0)) one(); }
  send(...frames: readonly Buffer[]): void { this.socket.write(Buffer.concat(frames)); }

  async frame(wanted: (frame: DubboFrame) => boolean, timeoutMs = 10_000): Promise<DubboFrame> {
    for (const until = performance.now() + timeoutMs; ;) {
      const found = this.frames.find(wanted);
      if (found !== undefined) return found;
      if (this.closed || performance.now() > until) throw new Error(this.closed ? 'closed' : 'no such frame came');
      await new Promise<void>((resolve) => { this.waiting.push(resolve); setTimeout(resolve, 100); });
    }
  }
  /** Sends a request and waits for its answer. */
  async ask(request: Buffer): Promise<DubboFrame> {
    this.send(request);
    const wanted = request.readBigUInt64BE(4);
    return await this.frame(({ id, flags }) => id === wanted && (flags & 0x80) === 0);
  }
  close(): void { this.socket.destroy(); }
}

export class DubboServer {
  readonly requests: DubboFrame[] = [];
  events = 0;
  readonly sockets = new Set<Socket>();
  serve: (frame: DubboFrame, answer: (status: number, body: Buffer) => void) => void = () => undefined;
  private constructor(readonly server: Server, readonly port: number) {}

  static async start(port: number): Promise<DubboServer> {
    const server = createServer({ noDelay: true });
    const dubbo = new DubboServer(server, port);
    server.on('connection', (socket) => {
      dubbo.sockets.add(socket);
      const write = (flags: number, status: number, id: bigint, body: Buffer): void => {
        const header = Buffer.from([0xda, 0xbb, flags, status, ...Buffer.alloc(12)]);
        header.writeBigUInt64BE(id, 4);
        header.writeUInt32BE(body.length, 12);
        socket.write(Buffer.concat([header, body]));
      };
      socket.on('data', reader((frame) => {
        const serialization = frame.flags & 31;
        if ((frame.flags & 0x20) !== 0) {
          dubbo.events++;
          if ((frame.flags & 0xc0) === 0xc0) write(0x20 | serialization, 20, frame.id, frame.body);
          return;
        }
        dubbo.requests.push(frame);
        dubbo.serve(frame, (status, body) => { write(serialization, status, frame.id, body); });
      }));
      socket.on('error', () => undefined).on('close', () => { dubbo.sockets.delete(socket); });
    });
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return dubbo;
  }
  dropConnections(): void { for (const socket of this.sockets) socket.destroy(); }
  stop(): Promise<void> {
    this.dropConnections();
    return new Promise((resolve) => { this.server.close(() => { resolve(); }); });
  }
}
