// A peer that writes HTTP/2 frame by frame and looks at single frames: for what no implementation would send.
import { connect, type Socket } from 'node:net';

export interface Frame { type: number; flags: number; stream: number; payload: Buffer }

export const DATA = 0, HEADERS = 1, PRIORITY = 2, RST_STREAM = 3, SETTINGS = 4, PUSH_PROMISE = 5, PING = 6, GOAWAY = 7,
  WINDOW_UPDATE = 8, CONTINUATION = 9;
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
export function word(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A header block of literals that are not indexed. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const head = bytes.length < 127 ? [bytes.length] : [127];
    for (let rest = bytes.length - 127; bytes.length >= 127; rest >>= 7) {
      head.push(rest >= 128 ? (rest & 127) | 128 : rest);
      if (rest < 128) break;
    }
    return Buffer.concat([Buffer.from(head), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}
export const get = (path: string, more: readonly (readonly [string, string])[] = [], method = 'GET'): Buffer =>
  block([[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'test'], ...more]);

export class FramePeer {
  readonly frames: Frame[] = [];
  closed = false;
  received = 0;
  private rest: Buffer = Buffer.alloc(0);

  /** `prefaceBytes`: of a client, in front of its frames. */
  private constructor(readonly socket: Socket, private prefaceBytes = 0) {
    socket.on('data', (data) => {
      this.received += data.length;
      this.rest = Buffer.concat([this.rest, data]);
      if (this.rest.length < this.prefaceBytes) return;
      this.rest = this.rest.subarray(this.prefaceBytes);
      this.prefaceBytes = 0;
      while (this.rest.length >= 9) {
        const length = this.rest.readUIntBE(0, 3);
        if (this.rest.length < 9 + length) return;
        this.frames.push({ type: this.rest[3], flags: this.rest[4], stream: this.rest.readUInt32BE(5) & 0x7fffffff,
          payload: this.rest.subarray(9, 9 + length) });
        this.rest = this.rest.subarray(9 + length);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => { this.closed = true; });
    socket.on('end', () => { this.closed = true; });
  }

  /** The server's side, which has said nothing yet. */
  static accept(socket: Socket): FramePeer { return new FramePeer(socket, PREFACE.length); }

  /** Connects and says hello, with these settings; null: says nothing. */
  static open(port: number, settings: readonly Buffer[] | null = []): Promise<FramePeer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
        const peer = new FramePeer(socket);
        if (settings !== null)
          peer.send(PREFACE, frame(SETTINGS, 0, 0, Buffer.concat(settings)), frame(SETTINGS, ACK, 0));
        resolve(peer);
      });
      socket.once('error', reject);
    });
  }

  send(...pieces: readonly Buffer[]): void { if (!this.socket.destroyed) this.socket.write(Buffer.concat(pieces)); }

  /** The first frame that `wanted` takes; null: none came in time. */
  async until(wanted: (frame: Frame) => boolean, timeoutMs = 3000): Promise<Frame | null> {
    for (const end = performance.now() + timeoutMs; performance.now() < end;) {
      const found = this.frames.find(wanted);
      if (found !== undefined) return found;
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
    return null;
  }
  /** Error code of its GOAWAY; -1: there is none. */
  async goaway(): Promise<number> {
    return (await this.until(({ type }) => type === GOAWAY))?.payload.readUInt32BE(4) ?? -1;
  }
  /** Error code of the stream's RST_STREAM; -1: there is none. */
  async reset(stream: number): Promise<number> {
    return (await this.until((one) => one.type === RST_STREAM && one.stream === stream))?.payload.readUInt32BE(0) ?? -1;
  }
  async untilClosed(timeoutMs = 3000): Promise<boolean> {
    for (const end = performance.now() + timeoutMs; !this.closed && performance.now() < end;)
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    return this.closed;
  }
  close(): void { this.socket.destroy(); }
}
