// The load generator of the RPC scenarios as a process of its own, so that it can be pinned: one argument, the options
// as JSON; one line of JSON out. Each connection has so many calls in progress all the time: what one read completes,
// one write replaces. Every answer is looked at: it has to be a success of the right length, under a number that is in
// progress.
import { SEND_AT, Sockets } from '../load/sockets.js';
import { FrameReader } from './frame-reader.js';
import { rpcFrames, type RpcFrames, type RpcName } from './frames.js';

export interface RpcLoad { port: number; protocol: RpcName; connections: number; inFlight: number; seconds: number;
  /** How long answers may take after the last request. */
  graceMs: number }
export interface RpcLoadResult { requests: number; errors: number; bytes: number; micros: number }

/** The numbers of a connection's calls: that of slot s is s more than a multiple of the count of slots. */
interface Connection {
  readonly reader: FrameReader;
  /** What each slot waits for; 0: nothing. */
  readonly awaited: Uint32Array;
  /** Slots whose next call is to be sent. */
  readonly free: number[];
  round: number;
}

class RpcLoadEngine {
  private readonly sockets: Sockets;
  private readonly frames: RpcFrames;
  private readonly byFd = new Map<number, Connection>();
  private waiting = 0;
  private readonly result: RpcLoadResult = { requests: 0, errors: 0, bytes: 0, micros: 0 };

  constructor(private readonly options: RpcLoad) {
    this.frames = rpcFrames[options.protocol];
    const { request } = this.frames;
    this.sockets = new Sockets(options.port, request.length * options.inFlight);
    for (let slot = 0; slot < options.inFlight; slot++)
      request.copy(this.sockets.bytes, SEND_AT + slot * request.length);
  }

  run(): RpcLoadResult {
    const { options, sockets, result } = this;
    for (let index = 0; index < options.connections; index++) this.connect();
    const startMs = performance.now(), endMs = startMs + options.seconds * 1000;
    for (const connection of this.byFd.values()) this.send(connection);
    for (let nowMs = startMs; nowMs < endMs || (this.waiting > 0 && nowMs < endMs + options.graceMs);
      nowMs = performance.now()) {
      const count = sockets.wait(100);
      for (let index = 0; index < count; index++) this.take(this.byFd.get(sockets.ready(index)), nowMs < endMs);
    }
    result.errors += this.waiting;
    result.micros = Math.round((performance.now() - startMs) * 1000);
    return result;
  }

  private connect(): void {
    const { sockets, options: { inFlight } } = this;
    const connection: Connection = { reader: new FrameReader(sockets, sockets.open(), this.frames), round: 0,
      awaited: new Uint32Array(inFlight), free: Array.from({ length: inFlight }, (_, slot) => slot) };
    this.byFd.set(connection.reader.fd, connection);
  }

  private take(connection: Connection | undefined, more: boolean): void {
    if (connection === undefined) return;
    const { reader } = connection;
    if (!reader.receive((at, bytes) => { this.answered(connection, at, bytes); })) {
      this.result.errors++;
      this.byFd.delete(reader.fd);
      this.sockets.close(reader.fd);
    } else if (more) this.send(connection);
  }

  private answered({ awaited, free }: Connection, at: number, length: number): void {
    const { frames, result, sockets: { bytes } } = this;
    if (frames.isControl(bytes, at)) return;
    const id = bytes.readUInt32BE(at + frames.idAt), slot = id % awaited.length;
    if (id === 0 || awaited[slot] !== id) { result.errors++; return; }
    awaited[slot] = 0;
    free.push(slot);
    this.waiting--;
    result.requests++;
    result.bytes += length;
    if (!frames.isSuccess(bytes, at) || length !== frames.response.length) result.errors++;
  }

  private send(connection: Connection): void {
    const { sockets, frames: { request, idAt } } = this;
    const { awaited, free } = connection;
    connection.round += awaited.length;
    free.forEach((slot, index) => {
      awaited[slot] = connection.round + slot;
      sockets.bytes.writeUInt32BE(awaited[slot], SEND_AT + index * request.length + idAt);
    });
    this.waiting += free.length;
    sockets.send(connection.reader.fd, SEND_AT, free.length * request.length);
    free.length = 0;
  }
}

process.stdout.write(`${JSON.stringify(new RpcLoadEngine(JSON.parse(process.argv[2]) as RpcLoad).run())}\n`);
