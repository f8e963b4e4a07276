// A whole worker without a kernel: engine, proxy and listeners over the simulated reactor and network,
// configuration written by the real publisher, time that only moves when nothing else can happen.
import { Control, memoryMap } from '../../src/core/memory-map.js';
import { SnapshotPublisher } from '../../src/config/snapshot/publisher.js';
import type { SnapshotChange } from '../../src/config/snapshot/changes.js';
import { formatAddress } from '../../src/os/sockaddr.js';
import { LogRingReader } from '../../src/telemetry/log-ring.js';
import { HttpStat, ClusterStat, ListenerStat, TcpStat } from '../../src/telemetry/schema.js';
import type { ScopeKind } from '../../src/telemetry/schema.js';
import { allocateScope, clusterScopeIfUsed, reserveFixedScopes } from '../../src/telemetry/scopes.js';
import { instantiateCodecs } from '../../src/workers/codecs.js';
import { Engine } from '../../src/workers/engine.js';
import { Listeners } from '../../src/workers/listener/listener.js';
import { Proxy } from '../../src/workers/proxy/request.js';
import { SimNetwork } from '../../src/workers/reactor/sim-network.js';
import type { SimEnd, SimFaults } from '../../src/workers/reactor/sim-network.js';
import { Sockets } from '../../src/workers/reactor/sockets.js';
import { SimReactor } from '../../src/workers/reactor/sim.js';
import { Snapshot } from '../../src/workers/snapshot/snapshot.js';
import { limits } from '../../src/core/limits.js';
import { codecModule } from '../support/wasm.js';

const MEMORY_MIB = 96;
const SOCKETS_MAX = 512;
/** Virtual time begins here: late enough that no difference of times is negative. */
const START_MS = 1_000_000;

export interface WorldOptions {
  faults?: Partial<SimFaults>;
  noSocket?: number;
  socketsMax?: number;
}

export class World {
  readonly network: SimNetwork;
  readonly memory = new WebAssembly.Memory({ initial: MEMORY_MIB * 16, maximum: MEMORY_MIB * 16, shared: true });
  readonly map = memoryMap(MEMORY_MIB, 1);
  readonly engine: Engine;
  readonly proxy: Proxy;
  readonly listeners: Listeners;
  readonly publisher: SnapshotPublisher;
  readonly errors: unknown[] = [];
  readonly lines: string[] = [];
  readonly owned = new Set<number>();
  private readonly freeAtStart: number[];
  private readonly log: LogRingReader;
  private readonly scopes = new Map<string, number>();
  readonly listenFds = new Map<string, number>();

  constructor(seed: number, options: WorldOptions = {}) {
    const network = (this.network = new SimNetwork(seed, options.faults));
    const words = new Int32Array(this.memory.buffer);
    reserveFixedScopes(words, this.map);
    this.engine = new Engine(this.memory, this.map, 0, instantiateCodecs(codecModule('release'), this.memory), {
      monotonicMs: () => START_MS + network.nowMs,
      wallMs: () => 1_700_000_000_000 + network.nowMs,
      openSocket: (address) =>
        network.chance(options.noSocket ?? 0) || address.kind !== 'ip' ? -1 : network.socket(),
      closeSocket: (fd) => {
        this.owned.delete(fd);
        network.end(fd)?.close();
        network.forget(fd);
      },
      localAddress: (fd) => ({ kind: 'ip', host: '10.9.9.9', port: fd }),
      peerAddress: (fd) => ({ kind: 'ip', host: '10.1.1.1', port: fd }),
      originalDestination: () => null,
    });
    const { engine } = this;
    for (let i = 0; i < 4; i++) engine.i32[(engine.randomState >> 2) + i] = ((seed + 1) * (i + 7)) | 0;
    engine.report = (error) => {
      this.errors.push(error);
    };
    engine.reactor = new Sockets(new SimReactor(
      {
        pool: engine.pool,
        memory: this.memory,
        scratch: engine.reactorScratch,
        scratchBytes: engine.reactorScratchBytes,
        socketsMax: options.socketsMax ?? SOCKETS_MAX,
        onFdOwned: (fd) => {
          this.owned.add(fd);
        },
        onFdClosed: (fd) => {
          this.owned.delete(fd);
        },
        onTurn: () => {
          engine.tick();
        },
      },
      network,
    ));
    engine.snapshot = new Snapshot(engine);
    this.proxy = new Proxy(engine);
    this.listeners = new Listeners(engine, this.proxy);
    engine.snapshot.onAdopted = (root) => {
      this.listeners.adopt(root);
      this.proxy.clusters.adopt(root);
    };
    this.freeAtStart = [0, 1, 2].map((size) => engine.pool.freeOf(size as 0 | 1 | 2));
    this.log = new LogRingReader(this.memory.buffer, this.map, 0);
    const scope = (kind: ScopeKind, name: string) => {
      const known = this.scopes.get(`${kind} ${name}`) ?? allocateScope(words, this.map, kind);
      this.scopes.set(`${kind} ${name}`, known);
      return known;
    };
    this.publisher = new SnapshotPublisher(
      this.memory,
      this.map,
      {
        listenerScope: (name) => scope('listener', name),
        httpScope: (name) => scope('http', name),
        listenerTlsScope: (name) => scope('listenerTls', name),
        networkScope: (kind, name) => scope(kind, name),
        filterScope: (kind, name) => scope(kind, name),
        virtualHostScope: (name) => scope('vhost', name),
        accessLogSink: () => 0,
        clusterBound: () => undefined, clusterRecycled: () => undefined,
      },
      () => network.nowMs,
    );
  }

  /** Applies and publishes changes; what is refused throws. */
  configure(changes: SnapshotChange[]): void {
    const refusals = this.publisher.apply(changes);
    if (refusals.length > 0) throw new Error(refusals.map(({ name, details }) => `${name}: ${details}`).join('; '));
    this.publisher.publish();
    this.engine.snapshot.adopt();
    this.reclaim();
  }

  reclaim(): void {
    this.publisher.reclaim(Atomics.load(this.engine.i32, this.engine.control + Control.oldestRootVersion));
  }

  listen(name: string): void {
    const fd = this.network.listener();
    this.listenFds.set(name, fd);
    this.listeners.listen(this.publisher.listenerSlot(name), fd);
  }

  arrive(name: string): SimEnd {
    return this.network.arrive(this.listenFds.get(name)!);
  }

  /** One turn of the worker's loop, as worker.ts runs it. */
  turn(): void {
    const { engine } = this;
    try {
      engine.snapshot.adopt();
      engine.timers.advance(engine.nowMs);
      engine.reactor.poll(engine.timers.waitMs(engine.nowMs, limits.pollWaitMsMax));
    } catch (error) {
      this.errors.push(error);
    }
    this.log.drain((_sink, text) => {
      this.lines.push(Buffer.from(text).toString('utf8'));
    });
  }

  /** Turns until `done` or `forMs` of virtual time are over. True when done. */
  run(forMs: number, done: () => boolean = () => false): boolean {
    const end = this.network.nowMs + forMs;
    for (let turns = 0; this.network.nowMs < end; turns++) {
      if (done()) return true;
      if (turns > 2_000_000) throw new Error('the worker spins');
      this.turn();
    }
    return done();
  }

  /** What one connection manager or cluster has counted, by name. */
  http(statPrefix: string, stat: keyof typeof HttpStat): number {
    return this.engine.f64[this.engine.statsBase + (this.scopes.get(`http ${statPrefix}`)! >> 3) + HttpStat[stat]];
  }
  tcp(statPrefix: string, stat: keyof typeof TcpStat): number {
    return this.engine.f64[this.engine.statsBase + (this.scopes.get(`tcp ${statPrefix}`)! >> 3) + TcpStat[stat]];
  }
  listener(name: string, stat: keyof typeof ListenerStat): number {
    return this.engine.f64[this.engine.statsBase + (this.scopes.get(`listener ${name}`)! >> 3) + ListenerStat[stat]];
  }
  cluster(slot: number, stat: keyof typeof ClusterStat): number {
    const scope = clusterScopeIfUsed(this.engine.i32, this.map, slot);
    return scope < 0 ? 0 : this.engine.f64[this.engine.statsBase + (scope >> 3) + ClusterStat[stat]];
  }

  /** Names of what is still held although nothing goes on. Empty is good. */
  leaks(): string[] {
    const { engine, proxy } = this;
    const found: string[] = [];
    const check = (name: string, value: number, wanted = 0) => {
      if (value !== wanted) found.push(`${name} ${value}, not ${wanted}`);
    };
    check('streams', proxy.streams.active);
    check('sockets', engine.reactor.socketCount);
    check('owned fds', this.owned.size);
    check('open ends', this.network.openCount);
    for (const size of [0, 1, 2] as const)
      check(`buffers ${size}`, engine.pool.freeOf(size), this.freeAtStart[size]!);
    check(
      'oldest root',
      Atomics.load(engine.i32, engine.control + Control.oldestRootVersion),
      engine.snapshot.root!.version,
    );
    for (const [name, first, bytes, count] of [
      ['cluster', this.map.clusterStates, 64, 16],
      ['endpoint', this.map.endpointStates, 64, 64],
    ] as const) {
      for (let i = 0; i < count; i++) {
        const words = name === 'cluster' ? [0, 1, 2, 3, 8, 9, 10, 11] : [0, 1];
        for (const word of words) check(`${name} ${i} word ${word}`, engine.i32[((first + i * bytes) >> 2) + word]);
      }
    }
    return found;
  }
}

export const addressText = (host: string, port: number): string => formatAddress({ kind: 'ip', host, port });
