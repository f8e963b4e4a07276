// Bolt as tests speak it: frames byte by byte, a client, and a server whose answers a script decides.
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { crc32 } from 'node:zlib';

export interface BoltFrame { proto: number; ver1: number; type: number; command: number; id: number; codec: number;
  switchByte: number; timeout: number; status: number; className: string; headers: [string, string][]; content: Buffer;
  /** It ends with a right checksum, a wrong one, or none. */
  checksum: 'right' | 'wrong' | 'none' }

const number = (value: number, bytes: 2 | 4): Buffer => {
  const out = Buffer.alloc(bytes);
  if (bytes === 2) out.writeUInt16BE(value); else out.writeUInt32BE(value >>> 0);
  return out;
};
const text = (value: string): Buffer => Buffer.concat([number(Buffer.byteLength(value), 4), Buffer.from(value)]);

/** A frame; `checksum` says whether it has one, which only version 2 may. */
export function boltFrame(frame: Partial<BoltFrame>): Buffer {
  const { proto = 1, ver1 = 1, type = 1, id = 1, codec = 1, switchByte = 0, timeout = 3000, status = 0, className = '',
    headers = [], content = Buffer.alloc(0) } = frame;
  const command = frame.command ?? (type === 0 ? 2 : 1);
  const map = Buffer.concat(headers.flatMap(([name, value]) => [text(name), text(value)]));
  const bytes = Buffer.concat([Buffer.from(proto === 1 ? [1] : [2, ver1]), Buffer.from([type]), number(command, 2),
    Buffer.from([1]), number(id, 4), Buffer.from(proto === 1 ? [codec] : [codec, switchByte]),
    type === 0 ? number(status, 2) : number(timeout, 4), number(Buffer.byteLength(className), 2), number(map.length, 2),
    number(content.length, 4), Buffer.from(className), map, content]);
  if (proto !== 2 || ver1 !== 2 || (switchByte & 1) === 0) return bytes;
  return Buffer.concat([bytes, number(frame.checksum === 'wrong' ? ~crc32(bytes) : crc32(bytes), 4)]);
}

/** Frames in a stream of bytes. */
export class BoltReader {
  private rest: Buffer = Buffer.alloc(0);
  /** What came behind `rest`, until so many bytes are there: large frames are joined once. */
  private readonly pieces: Buffer[] = [];
  private bytes = 0;
  private needed = 0;
  constructor(private readonly onFrame: (frame: BoltFrame) => void) {}

  push(data: Buffer): void {
    this.pieces.push(data);
    this.bytes += data.length;
    if (this.bytes < this.needed) return;
    this.rest = Buffer.concat([this.rest, ...this.pieces.splice(0)]);
    this.needed = 0;
    for (let taken = this.one(); taken > 0; taken = this.one()) this.rest = this.rest.subarray(taken);
    this.bytes = this.rest.length;
  }

  private one(): number {
    const { rest } = this;
    if (rest.length < 24 && rest.length < (rest[0] === 1 && rest[1] === 0 ? 20 : 22)) return 0;
    const proto = rest[0]!, wide = proto - 1, type = rest[1 + wide]!;
    const fixed = (type === 0 ? 20 : 22) + 2 * wide;
    if (rest.length < fixed) return 0;
    const classBytes = rest.readUInt16BE(fixed - 8), headerBytes = rest.readUInt16BE(fixed - 6);
    const contentBytes = rest.readUInt32BE(fixed - 4), end = fixed + classBytes + headerBytes + contentBytes;
    const ver1 = wide === 0 ? 0 : rest[1]!, switchByte = wide === 0 ? 0 : rest[11]!;
    const checked = ver1 === 2 && (switchByte & 1) !== 0;
    this.needed = end + (checked ? 4 : 0);
    if (rest.length < this.needed) return 0;
    this.needed = 0;
    const headers: [string, string][] = [];
    for (let at = fixed + classBytes; at < end - contentBytes;) {
      const name = rest.subarray(at + 4, at + 4 + rest.readUInt32BE(at)).toString();
      at += 4 + rest.readUInt32BE(at);
      headers.push([name, rest.subarray(at + 4, at + 4 + rest.readUInt32BE(at)).toString()]);
      at += 4 + rest.readUInt32BE(at);
    }
    this.onFrame({ proto, ver1, type, command: rest.readUInt16BE(2 + wide), id: rest.readUInt32BE(5 + wide),
      codec: rest[9 + wide]!, switchByte, timeout: type === 0 ? 0 : rest.readUInt32BE(10 + 2 * wide),
      status: type === 0 ? rest.readUInt16BE(10 + 2 * wide) : 0,
      className: rest.subarray(fixed, fixed + classBytes).toString(), headers,
      content: Buffer.from(rest.subarray(end - contentBytes, end)),
      checksum: !checked ? 'none' : rest.readUInt32BE(end) === crc32(rest.subarray(0, end)) ? 'right' : 'wrong' });
    return end + (checked ? 4 : 0);
  }
}

/** The header map that SOFARPC sends. */
export const sofaHeaders = (service: string, method: string, more: [string, string][] = []): [string, string][] =>
  [['sofa_head_target_service', service], ['sofa_head_method_name', method], ['service', service], ...more];

export class BoltClient {
  readonly frames: BoltFrame[] = [];
  closed = false;
  private waiting: (() => void)[] = [];
  private constructor(readonly socket: Socket) {
    const reader = new BoltReader((frame) => { this.frames.push(frame); this.wake(); });
    socket.on('data', (data) => { reader.push(data); });
    socket.on('error', () => undefined).on('close', () => { this.closed = true; this.wake(); });
  }
  static open(port: number): Promise<BoltClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => { resolve(new BoltClient(socket)); });
      socket.once('error', reject);
    });
  }
  private wake(): void { for (const one of this.waiting.splice(0)) one(); }

  send(...frames: readonly Buffer[]): void { this.socket.write(Buffer.concat(frames)); }
  /** The first frame that `wanted` takes, when it has come. */
  async frame(wanted: (frame: BoltFrame) => boolean, timeoutMs = 10_000): Promise<BoltFrame> {
    for (const until = performance.now() + timeoutMs; ;) {
      const found = this.frames.find(wanted);
      if (found !== undefined) return found;
      if (this.closed || performance.now() > until) throw new Error(this.closed ? 'closed' : 'no such frame came');
      await new Promise<void>((resolve) => { this.waiting.push(resolve); setTimeout(resolve, 100); });
    }
  }
  async ask(frame: Partial<BoltFrame> & { id: number }): Promise<BoltFrame> {
    this.send(boltFrame(frame));
    return await this.frame(({ id, type }) => type === 0 && id === frame.id);
  }
  close(): void { this.socket.destroy(); }
}

export interface BoltRequest { frame: BoltFrame; socket: Socket; answer(more?: Partial<BoltFrame>): void }

/** Answers each request with its own content, unless `serve` does otherwise; heartbeats by themselves. */
export class BoltServer {
  readonly requests: BoltFrame[] = [];
  heartbeats = 0;
  answersHeartbeats = true;
  readonly sockets = new Set<Socket>();
  serve: (request: BoltRequest) => void = ({ answer }) => { answer(); };
  private constructor(readonly server: Server, readonly port: number) {}

  static async start(port: number): Promise<BoltServer> {
    const server = createServer({ noDelay: true });
    const bolt = new BoltServer(server, port);
    server.on('connection', (socket) => { bolt.accept(socket); });
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return bolt;
  }
  private accept(socket: Socket): void {
    this.sockets.add(socket);
    const reader = new BoltReader((frame) => {
      const { proto, ver1, codec, switchByte, id } = frame;
      if (frame.command === 0) {
        this.heartbeats++;
        if (this.answersHeartbeats && frame.type === 1)
          socket.write(boltFrame({ proto, ver1, type: 0, command: 0, id, codec }));
        return;
      }
      this.requests.push(frame);
      this.serve({ frame, socket, answer: (more) => {
        socket.write(boltFrame({ proto, ver1, codec, switchByte, id, type: 0, className: 'Answer',
          content: frame.content, ...more }));
      } });
    });
    socket.on('data', (data) => { reader.push(data); });
    socket.on('error', () => undefined).on('close', () => { this.sockets.delete(socket); });
  }
  reset(): void {
    this.requests.length = 0;
    this.serve = ({ answer }) => { answer(); };
    this.answersHeartbeats = true;
  }
  dropConnections(): void { for (const socket of this.sockets) socket.destroy(); }
  stop(): Promise<void> {
    this.dropConnections();
    return new Promise((resolve) => { this.server.close(() => { resolve(); }); });
  }
}
