// What attacks on RPC connections are held against: calls of neighbours that go on meanwhile, and what the proxy holds
// before and after.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BoltClient, sofaHeaders } from './bolt.js';
import type { BoltFrame } from './bolt.js';
import { HANG_MS } from './hang.js';
import type { Proxy } from './proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
export const rpcManager = (protocol: 'BOLT' | 'DUBBO', more: object = {}): Record<string, unknown> =>
  ({ '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol, ...more });
/** Fields of a cluster: what its endpoints speak, and breakers that do not get in the way. */
export const rpcCluster = (protocol: 'BOLT' | 'DUBBO', more: object = {}): Record<string, unknown> =>
  ({ typed_extension_protocol_options: { 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': {
    '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`, protocol, heartbeat: { interval: '0s' }, ...more } },
  circuit_breakers: { thresholds: [{ max_requests: 50_000, max_pending_requests: 50_000 }] } });

/** A Bolt request for the interface. */
export const boltCall = (id: number, content: string | Buffer = 'hello', more: Partial<BoltFrame> = {},
  service = 'com.x.Good'): Partial<BoltFrame> & { id: number } => ({ id, className: 'Request', timeout: 5000,
  headers: sofaHeaders(`${service}:1.0`, 'call'), content: Buffer.from(content), ...more });

/** Calls one after the other, each with a content of its own, while something else goes on; notes what goes wrong. */
export class Neighbour {
  readonly wrong: string[] = [];
  answered = 0;
  private stopping = false;
  private readonly over: Promise<void>;

  /** `call` sends a text and says what came back. */
  constructor(private readonly call: (text: string) => Promise<string>, private readonly close: () => void) {
    this.over = this.run();
  }

  /** Over a Bolt connection of its own; `failures`: statuses that may come besides. */
  static async bolt(port: number, service = 'com.x.Good', failures: readonly number[] = []): Promise<Neighbour> {
    const client = await BoltClient.open(port);
    let id = 0;
    return new Neighbour(async (text) => {
      client.frames.length = 0;
      const { status, content } = await client.ask(boltCall(++id, text, {}, service));
      return status === 0 ? content.toString() : failures.includes(status) ? text : `status ${status}`;
    }, () => { client.close(); });
  }

  private async run(): Promise<void> {
    while (!this.stopping && this.wrong.length < 5) {
      const text = `neighbour ${this.answered}`;
      const came = await this.call(text).catch((error: unknown) => String(error));
      if (came !== text) this.wrong.push(`${text}: ${came}`);
      this.answered++;
    }
  }

  /** So many further calls were answered: what was sent before them has been read. */
  async next(calls = 2): Promise<void> {
    const wanted = this.answered + calls;
    for (const until = performance.now() + HANG_MS; this.answered < wanted && performance.now() < until;) {
      if (this.wrong.length >= 5) return;
      await new Promise(setImmediate);
    }
  }

  /** Ends it; what went wrong. */
  async stop(): Promise<string[]> {
    this.stopping = true;
    await this.over;
    this.close();
    return this.answered === 0 ? ['no call was answered'] : this.wrong;
  }
}

/** Waits until it holds, or long enough. */
export async function until(holds: () => boolean, timeoutMs = HANG_MS): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; !holds();) {
    if (performance.now() > end) return false;
    await sleep(2);
  }
  return true;
}

/** Buffers of each class that the worker has in use. */
export async function buffersInUse(proxy: Proxy): Promise<number[]> {
  const { body } = await proxy.admin('/workers');
  const found = /buffers (\d+)\/\d+ (\d+)\/\d+ (\d+)\/\d+/.exec(body);
  if (found === null) throw new Error(`no buffers in ${body}`);
  return found.slice(1).map(Number);
}

export const residentMiB = (proxy: Proxy): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.child.pid!}/status`, 'latin1'))![1]) / 1024;

/** Gauges that are 0 when nobody is connected, of listeners and clusters. */
export async function leftOver(proxy: Proxy, listeners: readonly string[], clusters: readonly string[],
  used: readonly number[]): Promise<string[]> {
  const gauges = [...listeners.flatMap((name) => [`http.${name}.downstream_cx_active`,
    `http.${name}.downstream_rq_active`]), ...clusters.flatMap((name) => [`cluster.${name}.upstream_rq_active`,
    `cluster.${name}.upstream_rq_pending_active`])];
  const wrong: string[] = [];
  for (const name of gauges) {
    const value = await proxy.untilStat(name, 0);
    if (value !== 0) wrong.push(`${name} ${value}`);
  }
  // Connections to endpoints stay, and so may a buffer that the driver receives into.
  const tooMany = async (): Promise<boolean> => (await buffersInUse(proxy)).some((count, size) => count > used[size]!);
  for (let tries = 0; tries < 100 && await tooMany(); tries++) await sleep(20);
  if (await tooMany()) wrong.push(`buffers ${(await buffersInUse(proxy)).join(' ')}, before ${used.join(' ')}`);
  for (const name of ['server.weft.exceptions', 'server.weft.worker_deaths', 'server.weft.worker_stalls']) {
    const value = await proxy.stat(name);
    if (value !== 0) wrong.push(`${name} ${value}`);
  }
  if (proxy.exited !== null) wrong.push('the proxy has ended');
  return wrong;
}
