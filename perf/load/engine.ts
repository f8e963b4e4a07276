// The load generator: keep-alive connections, one request at a time on each, in one blocking loop.
//
// Open loop (rate > 0): request k is due at start + k / rate, whatever the proxy does, and its latency counts from when
// it was due, not from when a connection was free to send it. A stall of the proxy is therefore seen by every request
// that fell into it (no coordinated omission). Closed loop (rate = 0): every connection sends its next request when the
// last one is answered.
//
// How late requests are sent although a connection was free is the generator's own fault; it is kept as `lateness`.
import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { CLIENT_HEADERS, type Traffic } from './traffic.js';
import { newReader, readResponse, type ResponseReader } from './response.js';
import { RECEIVE_AT, SEND_AT, Sockets } from './sockets.js';

export interface LoadOptions extends Traffic {
  port: number;
  seconds: number;
  rate: number;
  /**
   * What is due in this first part of the run is sent but not recorded: connections, caches and this program warm up.
   */
  warmSeconds: number;
}

export interface EngineResult {
  requests: number; micros: number; bytes: number; unfinished: number;
  connect: number; read: number; write: number; status: number; timeout: number;
  p50: number; p99: number;
  latency: string; lateness: string;      // HdrHistogram V2, compressed, base64; microseconds
}

/** How long answers may take after the last request was due. */
const GRACE_MS = 2000;
const LATENCY_MAX_MICROS = 60_000_000;

export const newHistogram = (): Histogram => build({ lowestDiscernibleValue: 1,
  highestTrackableValue: LATENCY_MAX_MICROS, numberOfSignificantValueDigits: 3, bitBucketSize: 32 });

interface Connection { fd: number; dueMs: number; busy: boolean; reader: ResponseReader }

export class LoadEngine {
  private readonly sockets: Sockets;
  private readonly requests: { at: number; length: number }[] = [];
  private readonly byFd = new Map<number, Connection>();
  private readonly idle: Connection[] = [];         // a queue: the one that waited longest is used next
  private idleHead = 0;
  private readonly latency = newHistogram();
  private readonly lateness = newHistogram();
  private recordFromMs = 0;
  private issued = 0;
  private done = 0;
  private readonly result = { bytes: 0, connect: 0, read: 0, write: 0, status: 0 };

  constructor(private readonly options: LoadOptions) {
    const texts = options.hosts.map((host) => requestText(options, host));
    this.sockets = new Sockets(options.port, texts.reduce((sum, text) => sum + text.length, 0));
    let at = SEND_AT;
    for (const text of texts) {
      this.sockets.bytes.write(text, at, 'latin1');
      this.requests.push({ at, length: text.length });
      at += text.length;
    }
  }

  run(): EngineResult {
    const { options } = this;
    for (let index = 0; index < options.connections; index++) this.connect();
    const startMs = performance.now();
    const endMs = startMs + options.seconds * 1000;
    this.recordFromMs = startMs + options.warmSeconds * 1000;
    const intervalMs = options.rate > 0 ? 1000 / options.rate : 0;
    const total = options.rate > 0 ? Math.floor(options.rate * options.seconds) : Infinity;
    for (;;) {
      const nowMs = performance.now();
      const open = options.rate > 0 ? this.issued < total : nowMs < endMs;
      if (!open && (this.done >= this.issued || nowMs > endMs + GRACE_MS)) break;
      if (open) this.sendDue(nowMs, startMs, intervalMs, total);
      const nextMs = startMs + this.issued * intervalMs - performance.now();
      const wait = options.rate > 0 && this.idleHead < this.idle.length && this.issued < total ? nextMs : 100;
      this.takeAnswers(this.sockets.wait(wait));
    }
    const unfinished = (options.rate > 0 ? total : this.issued) - this.done;
    const micros = Math.round((performance.now() - startMs) * 1000);
    return { ...this.result, requests: this.done, micros, unfinished, timeout: 0,
      p50: this.latency.getValueAtPercentile(50), p99: this.latency.getValueAtPercentile(99),
      latency: encodeIntoCompressedBase64(this.latency), lateness: encodeIntoCompressedBase64(this.lateness) };
  }

  private sendDue(nowMs: number, startMs: number, intervalMs: number, total: number): void {
    while (this.idleHead < this.idle.length && this.issued < total) {
      const dueMs = intervalMs > 0 ? startMs + this.issued * intervalMs : nowMs;
      if (dueMs > nowMs) return;
      const connection = this.idle[this.idleHead++];
      if (intervalMs > 0 && dueMs >= this.recordFromMs) {
        this.lateness.recordValue(Math.max(0, Math.round((performance.now() - dueMs) * 1000)));
      }
      const request = this.requests[this.issued % this.requests.length];
      this.issued += 1;
      connection.dueMs = dueMs;
      connection.busy = true;
      if (!this.sockets.send(connection.fd, request.at, request.length)) this.broken(connection, 'write');
    }
    if (this.idleHead > 1024) this.idle.splice(0, this.idleHead), this.idleHead = 0;
  }

  private takeAnswers(count: number): void {
    for (let index = 0; index < count; index++) {
      const connection = this.byFd.get(this.sockets.ready(index));
      if (connection === undefined) continue;
      const length = this.sockets.receive(connection.fd);
      if (length === -1) continue;
      if (length <= 0) {
        this.broken(connection, 'read');
        continue;
      }
      this.result.bytes += length;
      if (readResponse(connection.reader, this.sockets.bytes, RECEIVE_AT, length)) this.answered(connection);
    }
  }

  private answered(connection: Connection): void {
    const micros = Math.round((performance.now() - connection.dueMs) * 1000);
    if (connection.dueMs >= this.recordFromMs) this.latency.recordValue(Math.min(micros, LATENCY_MAX_MICROS));
    this.done += 1;
    if (connection.reader.status > 399) this.result.status += 1;
    connection.busy = false;
    if (connection.reader.keepAlive && !this.options.close) this.idle.push(connection);
    else this.reconnect(connection);
  }

  private broken(connection: Connection, where: 'read' | 'write'): void {
    if (connection.busy) {
      this.result[where] += 1;
      this.done += 1;
    }
    const at = this.idle.indexOf(connection, this.idleHead);
    if (at >= 0) this.idle.splice(at, 1);
    this.reconnect(connection);
  }

  private reconnect(connection: Connection): void {
    this.byFd.delete(connection.fd);
    this.sockets.close(connection.fd);
    this.connect();
  }

  private connect(): void {
    const connection = { fd: this.sockets.open(), dueMs: 0, busy: false, reader: newReader() };
    this.byFd.set(connection.fd, connection);
    this.idle.push(connection);
  }
}

function requestText(traffic: Traffic, host: string): string {
  const lines = [`${traffic.method} ${traffic.path} HTTP/1.1`, `Host: ${host}`,
    ...CLIENT_HEADERS.map(([name, value]) => `${name}: ${value}`)];
  if (traffic.close) lines.push('Connection: close');
  if (traffic.bodyBytes > 0) lines.push(`Content-Length: ${traffic.bodyBytes}`);
  return `${lines.join('\r\n')}\r\n\r\n${'x'.repeat(traffic.bodyBytes)}`;
}
