// Well-behaved clients of the soak: keep-alive connections, mixed requests, every answer checked to the last byte.
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { STEADY_CLUSTERS } from './configuration.js';
import type { Ledger, RequestEnd } from './ledger.js';
import type { Random } from './random.js';
import { bodyOf } from './upstream.js';

interface Plan { method: string; path: string; upload: Buffer | null; expected: Buffer | null; length: number }
interface Attempt { status: number; fault: string; stale: boolean }

const ATTEMPT_LIMIT_MS = 20_000;

/** One user: a connection of its own, request after request, until told to stop. */
export class SoakClient {
  private readonly agent: Agent;
  private socket: Socket | null = null;
  private lastCluster = '';
  stopped = false;

  constructor(private readonly listener: 'main' | 'turning', private readonly port: number,
    private readonly ledger: Ledger,
    private readonly random: Random, private readonly pauseMs: number) {
    this.agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 0 });
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.once();
      await sleep(this.random.whole(0, 2 * this.pauseMs));
    }
    this.socket = null;
    this.agent.destroy();
  }

  private async once(): Promise<void> {
    const cluster = this.random.pick([...STEADY_CLUSTERS, ...STEADY_CLUSTERS, 'abrupt', 'announced']);
    const plan = planRequest(this.random);
    const startMs = performance.now();
    // A connection that the proxy closed while it was idle is tried again on a new one, as every HTTP client does.
    for (let tries = 0; ; tries++) {
      this.ledger.countSent(this.listener, cluster);
      this.lastCluster = cluster;
      const attempt = await this.attempt(cluster, plan);
      if (attempt.status === 0) this.ledger.countBroken(this.listener, cluster);
      if (attempt.stale && tries < 3) {
        this.ledger.retried += 1;
        continue;
      }
      const end: RequestEnd = { listener: this.listener, cluster, startMs, endMs: performance.now(), ...attempt };
      this.ledger.end(end);
      return;
    }
  }

  private attempt(cluster: string, plan: Plan): Promise<Attempt> {
    return new Promise((resolve) => {
      let call: ReturnType<typeof request> | null = null;
      const done = (status: number, fault: string, stale = false): void => {
        clearTimeout(limit);
        resolve({ status, fault: fault === '' ? '' : `${plan.method} ${plan.path.replace(/\/[^/]*$/, '')}: ${fault}`,
          stale });
      };
      const limit = setTimeout(() => { call?.destroy(); done(0, 'no answer in time'); }, ATTEMPT_LIMIT_MS);
      const headers: Record<string, string | number> = { host: `${cluster}.local` };
      if (plan.upload !== null) headers['content-length'] = plan.upload.length;
      const options: RequestOptions =
        { host: '127.0.0.1', port: this.port, method: plan.method, path: plan.path, headers,
        agent: this.agent };
      call = request(options, (response) => readAnswer(response, plan, done));
      call.on('socket', (socket) => this.watch(socket));
      call.on('error', (error: NodeJS.ErrnoException) =>
        done(0, error.code ?? error.message, call!.reusedSocket && /ECONNRESET|EPIPE/.test(error.code ?? '')));
      call.end(plan.upload ?? undefined);
    });
  }

  /** Counts connections, and those that the proxy closes although neither its worker nor an upstream was killed. */
  private watch(socket: Socket): void {
    if (socket === this.socket) return;
    this.socket = socket;
    socket.once('connect', () => this.ledger.countConnection(this.listener));
    socket.once('close', () => {
      const nowMs = performance.now();
      const excused = this.stopped || this.ledger.workerKilledAround(nowMs) ||
        this.ledger.upstreamDownAround(this.lastCluster, nowMs);
      if (this.listener === 'main' && !excused) this.ledger.closedWithoutReason += 1;
    });
  }
}

function planRequest(random: Random): Plan {
  const mark = random.mark();
  const bytes = random.pick([0, 10, 128, 128, 128, 1000, 5000, 65_536, 300_000]);
  switch (random.whole(0, 9)) {
    case 0: return { method: 'HEAD', path: `/bytes/${bytes}/${mark}`, upload: null, expected: Buffer.alloc(0),
      length: bytes };
    case 1: return { method: 'GET', path: `/chunked/${bytes}/${mark}`, upload: null, expected: bodyOf(bytes, mark),
      length: -1 };
    case 2: return { method: 'GET', path: `/wait/${random.whole(1, 200)}/${mark}`, upload: null,
      expected: bodyOf(8, mark), length: 8 };
    case 3: case 4: return { method: 'POST', path: `/sink/${mark}`, upload: bodyOf(bytes, mark),
      expected: Buffer.from(String(bytes)), length: -1 };
    default: return { method: 'GET', path: `/bytes/${bytes}/${mark}`, upload: null, expected: bodyOf(bytes, mark),
      length: bytes };
  }
}

function readAnswer(response: IncomingMessage, plan: Plan, done: (status: number, fault: string) => void): void {
  const chunks: Buffer[] = [];
  const status = response.statusCode ?? 0;
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', () => undefined);        // 'close' follows, and `complete` tells
  response.on('close', () => {
    if (!response.complete) return done(0, `status ${status}, then the connection broke`);
    if (status !== 200) return done(status, `status ${status} ${String(Buffer.concat(chunks)).slice(0, 120)}`);
    if (plan.length >= 0 && Number(response.headers['content-length']) !== plan.length) return done(status,
      'wrong content-length');
    if (plan.expected !== null && !Buffer.concat(chunks).equals(plan.expected)) return done(status, 'wrong body');
    done(status, '');
  });
}
