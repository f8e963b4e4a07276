// Clients that misbehave, on a listener of their own: nonsense, broken HTTP, requests that never end, readers that
// hardly read. None of it may disturb the others. What is answered to nonsense must not be a success.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';
import { bodyOf } from './upstream.js';

const HEAD = 'GET /bytes/10/aaaaaaaa HTTP/1.1\r\nhost: steady-0.local\r\n';
const POST = 'POST /sink/aaaaaaaa HTTP/1.1\r\nhost: steady-0.local\r\n';

interface Nonsense { bytes: Buffer; refused: boolean }
/** A success is a wrong answer to these. */
const wrong = (text: string | Buffer): Nonsense => ({ bytes: Buffer.from(text), refused: true });
/** Correct as far as it goes, and then left alone. */
const unfinished = (text: string | Buffer): Nonsense => ({ bytes: Buffer.from(text), refused: false });

const shapes: readonly ((random: Random) => Nonsense)[] = [
  (random) => wrong(random.bytes(random.whole(1, 3000))),
  () => wrong('GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'),
  () => wrong(`${POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  () => wrong(`${POST}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`),
  () => wrong('GET / HTTP/1.1\r\nhost : a\r\n\r\n'),
  () => wrong(`${HEAD}x: ${'y'.repeat(100_000)}\r\n\r\n`),
  () => wrong(`${HEAD}${'a: b\r\n'.repeat(500)}\r\n`),
  () => wrong(Buffer.from('16030100c8010000c40303', 'hex')),          // the beginning of a TLS handshake
  (random) => unfinished(`${HEAD}\r\n`.slice(0, random.whole(1, HEAD.length))),
  () => unfinished(`${POST}content-length: 100000\r\n\r\n${'a'.repeat(999)}`),
  () => unfinished(`${HEAD}\r\n`.repeat(20)),                         // pipelined, then gone
  () => unfinished(`${HEAD.replace('bytes/10', 'bytes/300000')}\r\n`),
];

export class GarbageClients {
  connections = 0;
  wrongSuccesses = 0;
  slowAnswered = 0;
  slowFailed = 0;
  readonly statuses = new Map<string, number>();
  stopped = false;
  private readonly open = new Set<Socket>();

  constructor(private readonly port: number, private readonly random: Random, private readonly ledger: Ledger) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      const choice = this.random.whole(0, 19);
      if (choice === 0 && this.open.size < 50) void this.dribble();
      else if (choice === 1 && this.open.size < 50) void this.sip();
      else if (choice === 2 && this.open.size < 50) this.silent();
      else this.shape();
      await sleep(this.random.whole(5, 60));
    }
    for (const socket of this.open) socket.destroy();
  }

  private socket(): Socket {
    const socket = connect(this.port, '127.0.0.1');
    this.connections += 1;
    this.open.add(socket);
    socket.on('error', () => undefined);        // resets are what these clients ask for
    socket.on('close', () => this.open.delete(socket));
    return socket;
  }

  /** One broken request; the connection is cut off after a while, politely or not. */
  private shape(): void {
    const { bytes, refused } = this.random.pick(shapes)(this.random);
    const socket = this.socket();
    socket.once('data', (chunk: Buffer) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 'none';
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      if (refused && status.startsWith('2')) this.wrongSuccesses += 1;
    });
    socket.write(bytes);
    setTimeout(() => { if (this.random.next() < 0.5) socket.resetAndDestroy(); else socket.destroy(); },
      this.random.whole(0, 300));
  }

  /** A correct request, a byte every few milliseconds: it must be answered. */
  private async dribble(): Promise<void> {
    const startMs = performance.now();
    const socket = this.socket();
    let answer = '';
    socket.on('data', (chunk: Buffer) => { answer += chunk.toString('latin1'); });
    for (const byte of Buffer.from(`${HEAD}connection: close\r\n\r\n`)) {
      socket.write(Buffer.of(byte));
      await sleep(5);
    }
    await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(5000)]);
    this.judge(answer.startsWith('HTTP/1.1 200') && answer.endsWith('\r\n\r\naaaaaaaaaa'), startMs);
    socket.destroy();
  }

  /** Asks for much and reads slowly: the proxy has to wait for it, and then to deliver every byte. */
  private async sip(): Promise<void> {
    const startMs = performance.now();
    const bytes = 1_000_000;
    const socket = this.socket();
    socket.write(`GET /bytes/${bytes}/abcdefgh HTTP/1.1\r\nhost: steady-1.local\r\nconnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    let ended = false;
    socket.on('close', () => { ended = true; });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      socket.pause();
      setTimeout(() => socket.resume(), 30);
    });
    for (let waited = 0; waited < 600 && !ended; waited++) await sleep(25);
    const answer = Buffer.concat(chunks);
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    this.judge(body.equals(bodyOf(bytes, 'abcdefgh')), startMs);
    socket.destroy();
  }

  /** Says nothing. The proxy may close it when it likes. */
  private silent(): void {
    const socket = this.socket();
    socket.resume();
    setTimeout(() => socket.destroy(), 10_000);
  }

  private judge(right: boolean, startMs: number): void {
    if (this.stopped) return;         // cut off by the end of the soak
    if (!right && this.ledger.disturbed('steady-1', startMs, performance.now())) return;
    if (right) this.slowAnswered += 1;
    else this.slowFailed += 1;
  }
}
