// One run of the harness: its folder, its backend, its peers, its ports. Starts instances of peers for the scenarios.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startBackend } from './backend/backend.js';
import { hostName, type Ports, type Shape } from './bootstrap.js';
import type { Options } from './options.js';
import type { Peer } from './peers/peer.js';
import { makePeer } from './peers/registry.js';
import { rpcAnswers, startRpcBackend } from './rpc/processes.js';
import { moveToCore, portMustBeFree, untilAnswers, untilReady, type Running } from './process/launch.js';

/** A started proxy. `readyMs`: from making the process to the first 200 through its listener. */
export interface Started { running: Running; ports: Ports; readyMs: number; peer: Peer }

const READY_LIMIT_MS = 120_000;

export class Session {
  readonly folder: string;          // reports and histograms: kept
  readonly work: string;            // configurations and logs of the processes
  readonly peers: Peer[] = [];
  readonly skipped: string[] = [];
  backend!: Running;
  /** Of RPC scenarios, from the first of them on. */
  private rpcBackend: Running | null = null;
  private instances = 0;

  constructor(readonly root: string, readonly options: Options) {
    const stamp = new Date().toISOString().replace(/[:.]/g, '-');
    this.folder = join(root, 'perf/results', stamp);
    this.work = join(this.folder, 'work');
    mkdirSync(this.work, { recursive: true });
    const settings = { root, cache: join(root, 'perf/results/cache'), mayDownload: options.mayDownload,
      baseMain: options.baseMain };
    for (const name of options.peers) {
      const peer = makePeer(name, settings);
      if (peer.version === null) this.skipped.push(`${name}: ${peer.missing}`);
      else this.peers.push(peer);
    }
  }

  get backendPort(): number { return this.options.portBase + 1; }

  async begin(): Promise<void> {
    await portMustBeFree(this.backendPort);
    this.backend = await startBackend(this.root, this.work, this.backendPort, this.options.loadCore);
  }

  async end(): Promise<void> {
    await this.backend.stop();
    await this.rpcBackend?.stop();
  }

  /** Puts the backend on the load generator's core (calm) or on the proxy's (crowded). */
  placeBackend(crowded: boolean): void {
    const core = crowded ? this.options.proxyCore : this.options.loadCore;
    if (core !== null) moveToCore(this.backend.pid, core);
  }

  /** Starts `peer` on ports of its own and waits until a request passes through it. */
  async start(peer: Peer, shape: Shape): Promise<Started> {
    const index = this.instances++;
    const first = this.options.portBase + 100 + (index % 150) * 2;
    const ports: Ports = { listener: first, admin: first + 1, backend: this.backendPort };
    await portMustBeFree(ports.listener);
    if (shape.rpc !== undefined) await this.haveRpcBackend();
    const name = `${peer.name.replace('#', '-')}-${index}`;
    const running = peer.start({ root: this.root, folder: this.work, name, index, shape, ports,
      core: this.options.proxyCore });
    try {
      const host = shape.hosts === 0 ? 'backend' : hostName(0);
      const { rpc } = shape;
      const readyMs = rpc === undefined
        ? await untilReady(running, ports.listener, '/', host, READY_LIMIT_MS, shape.protocols?.client)
        : await untilAnswers(running, ports.listener, READY_LIMIT_MS, () => rpcAnswers(ports.listener, rpc));
      return { running, ports, readyMs, peer };
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  private async haveRpcBackend(): Promise<void> {
    this.rpcBackend ??= await startRpcBackend(this.root, this.work, this.backendPort, this.options.loadCore);
  }
}
