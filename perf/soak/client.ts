// Well-behaved clients of the soak: keep-alive connections, mixed requests, every answer checked to the last byte.
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, RequestEnd } from './ledger.js';
import { ATTEMPT_LIMIT_MS, attemptOf, planCluster, planRequest, wrongIn } from './plan.js';
import type { Attempt, Plan } from './plan.js';
import type { Random } from './random.js';
import type { Authority } from './tls.js';

/** One user: a connection of its own, request after request, until told to stop. */
export class SoakClient {
  private readonly agent: Agent;
  private readonly ask: typeof request;
  private socket: Socket | null = null;
  private lastCluster = '';
  stopped = false;

  /**
   * `authority`: it comes by mutual TLS. Without `keepAlive` each request has a connection of its own, without
   * `resumes` with a full handshake.
   */
  constructor(private readonly listener: 'main' | 'turning' | 'secure', private readonly port: number,
    private readonly ledger: Ledger, private readonly random: Random, private readonly pauseMs: number,
    authority: Authority | null = null, keepAlive = true, resumes = true) {
    const options = { keepAlive, maxSockets: 1, timeout: 0 };
    this.ask = authority === null ? request : requestTls;
    this.agent = authority === null ? new Agent(options)
      : new TlsAgent({ ...options, maxCachedSessions: resumes ? 100 : 0, ca: authority.roots,
        ...authority.identities[0], servername: 'localhost' });
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
    const cluster = planCluster(this.random);
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
        resolve(attemptOf(plan, status, fault, stale));
      };
      const limit = setTimeout(() => { call?.destroy(); done(0, 'no answer in time'); }, ATTEMPT_LIMIT_MS);
      const headers: Record<string, string | number> = { host: `${cluster}.local` };
      if (plan.upload !== null) headers['content-length'] = plan.upload.length;
      const options: RequestOptions =
        { host: '127.0.0.1', port: this.port, method: plan.method, path: plan.path, headers,
        agent: this.agent };
      call = this.ask(options, (response) => readAnswer(response, plan, done));
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

function readAnswer(response: IncomingMessage, plan: Plan, done: (status: number, fault: string) => void): void {
  const chunks: Buffer[] = [];
  const status = response.statusCode ?? 0;
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', () => undefined);        // 'close' follows, and `complete` tells
  response.on('close', () => {
    if (!response.complete) return done(0, `status ${status}, then the connection broke`);
    done(status, wrongIn(plan, status, response.headers['content-length'], Buffer.concat(chunks)));
  });
}
