// Parcel (examples/codecs/parcel.ts) as tests speak it: frames byte by byte, a client, and a server whose answers a
// script decides.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { HANG_MS } from './hang.js';

export interface Parcel { kind: number; status: number; id: number; service: string; method: string; tenant: string;
  body: Buffer }
export const CALL = 1, TELL = 2, ANSWER = 3, PING = 4, PONG = 5, LEAVE = 6;
const HEADER_BYTES = 16;

export function parcelFrame({ kind = CALL, status = 0, id = 1, service = '', method = '', tenant = '',
  body = Buffer.alloc(0) }: Partial<Parcel>): Buffer {
  const header = Buffer.alloc(HEADER_BYTES), names = Buffer.from(service + method + tenant);
  header.writeUInt32LE(HEADER_BYTES + names.length + body.length, 0);
  header[4] = kind;
  header[5] = status;
  header.writeUInt16LE(service.length, 6);
  header.writeUInt16LE(method.length, 8);
  header.writeUInt16LE(tenant.length, 10);
  header.writeUInt32LE(id, 12);
  return Buffer.concat([header, names, body]);
}

function read(socket: Socket, onFrame: (frame: Parcel) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readUInt32LE(0)) {
      const frame = rest.subarray(0, rest.readUInt32LE(0));
      rest = rest.subarray(frame.length);
      let at = HEADER_BYTES;
      const name = (place: number): string => frame.subarray(at, at += frame.readUInt16LE(place)).toString();
      onFrame({ kind: frame[4]!, status: frame[5]!, id: frame.readUInt32LE(12), service: name(6), method: name(8),
        tenant: name(10), body: Buffer.from(frame.subarray(at)) });
    }
  });
}

export class ParcelClient {
  readonly frames: Parcel[] = [];
  closed = false;
  private waiting: (() => void)[] = [];
  private constructor(readonly socket: Socket) {
    read(socket, (frame) => { this.frames.push(frame); this.wake(); });
    socket.on('error', () => undefined).on('close', () => { this.closed = true; this.wake(); });
  }
  static open(port: number): Promise<ParcelClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => { resolve(new ParcelClient(socket)); });
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
  async frame(wanted: (frame: Parcel) => boolean): Promise<Parcel> {
    let found: Parcel | undefined;
    await this.until(() => (found = this.frames.find(wanted)) !== undefined);
    return found!;
  }
  async ask(frame: Partial<Parcel> & { id: number }): Promise<Parcel> {
    this.send(parcelFrame(frame));
    return await this.frame(({ id, kind }) => kind === ANSWER && id === frame.id);
  }
  /** When the proxy has closed the connection. */
  async end(): Promise<void> { await this.until(() => this.closed).catch(() => undefined); }
  close(): void { this.socket.destroy(); }
}

export interface ParcelRequest { frame: Parcel; socket: Socket; answer(more?: Partial<Parcel>): void }

/** Answers each call with its own body, unless `serve` does otherwise. */
export class ParcelServer {
  readonly requests: Parcel[] = [];
  readonly sockets = new Set<Socket>();
  serve: (request: ParcelRequest) => void = ({ answer }) => { answer(); };
  private constructor(private readonly server: Server, readonly port: number) {}

  static async start(port: number): Promise<ParcelServer> {
    const server = createServer({ noDelay: true });
    const parcels = new ParcelServer(server, port);
    server.on('connection', (socket) => {
      parcels.sockets.add(socket);
      read(socket, (frame) => {
        if (frame.kind === PING) { socket.write(parcelFrame({ kind: PONG, id: frame.id })); return; }
        parcels.requests.push(frame);
        parcels.serve({ frame, socket, answer: (more) => {
          socket.write(parcelFrame({ kind: ANSWER, id: frame.id, body: frame.body, ...more }));
        } });
      });
      socket.on('error', () => undefined).on('close', () => { parcels.sockets.delete(socket); });
    });
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return parcels;
  }
  reset(): void {
    this.requests.length = 0;
    this.serve = ({ answer }) => { answer(); };
  }
  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => { this.server.close(() => { resolve(); }); });
  }
}
