// What goes on around the traffic: configuration files change all the time, upstreams are killed, workers are killed.
// Each breakage is noted in the ledger for as long as it may excuse a failure.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getStatus, launch, listens, portMustBeFree, type Running } from '../process/launch.js';
import { EXTRA_MAX, type SoakConfiguration, type SoakState, type Upstreams } from './configuration.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

/** A removed endpoint may still get the requests of the moment before; after this long it gets none. */
const ANNOUNCED_BEFORE_MS = 1500;
/** Until a restarted upstream is in use again everywhere: connections that break late count as the kill's doing. */
const RECOVERED_AFTER_MS = 1500;

export class Chaos {
  readonly counts = { endpoints: 0, routes: 0, clusters: 0, listenersChanged: 0, listenersToggled: 0, bad: 0,
    abruptKills: 0,
    announcedKills: 0, workerKills: 0, certificates: 0 };
  stopped = false;
  workersCanBeKilled = false;
  private readonly running = new Map<string, Running>();
  private readonly loops: Promise<void>[] = [];

  constructor(private readonly root: string, private readonly folder: string,
    private readonly configuration: SoakConfiguration,
    private readonly state: SoakState, private readonly upstreams: Upstreams, private readonly adminPort: number,
    private readonly ledger: Ledger, private readonly random: Random) {}

  async startUpstreams(): Promise<void> {
    for (const port of Object.values(this.upstreams).flat() as number[]) await portMustBeFree(port);
    await this.startUpstream('steady', this.upstreams.steady);
    await this.startSecureUpstream();
    await this.startUpstream('abrupt', this.upstreams.abrupt);
    for (const port of this.upstreams.announced) await this.startUpstream(`announced-${port}`, [port]);
  }

  begin(): void { this.loops.push(this.configure(), this.killAbruptly(), this.killAnnounced(), this.killWorkers()); }

  async end(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  async stopUpstreams(): Promise<void> { for (const upstream of this.running.values()) await upstream.stop(); }

  private async startUpstream(name: string, ports: readonly number[]): Promise<void> {
    const command = [process.execPath, join(this.root, 'dist/perf/soak/upstream.js'), ...ports.map(String)];
    this.running.set(name, launch(name, command, join(this.folder, `${name}.log`), null));
    for (const port of ports) while (await getStatus(port, '/bytes/1/x') !== 200) await sleep(10);
  }

  private async startSecureUpstream(): Promise<void> {
    const ports = this.upstreams.secure;
    this.running.set('secure', launch('secure', [process.execPath, join(this.root, 'dist/perf/soak/upstream.js'),
      '--secure', this.folder, ...ports.map(String)], join(this.folder, 'secure.log'), null));
    for (const port of ports) while (!await listens(port)) await sleep(10);
  }

  private async killUpstream(name: string): Promise<void> {
    const upstream = this.running.get(name)!;
    process.kill(upstream.pid, 'SIGKILL');
    await upstream.stop();
  }

  private async configure(): Promise<void> {
    while (!this.stopped) {
      await sleep(this.random.whole(100, 350));
      this.state.version += 1;
      await this.change(this.random.whole(0, 10));
    }
  }

  private async change(choice: number): Promise<void> {
    const { random, state, configuration, counts } = this;
    if (choice <= 2) {
      state.weights = state.weights.map(() => random.whole(1, 100));
      configuration.writeEndpoints(state);
      counts.endpoints += 1;
    } else if (choice <= 4) {
      state.routeTimeoutSeconds = random.whole(15, 60);
      configuration.writeRoutes(state);
      counts.routes += 1;
    } else if (choice <= 6) {
      await this.changeClusters();
    } else if (choice === 7) {
      state.turningName = `turn-${state.version}`;
      configuration.writeListeners(state);
      counts.listenersChanged += 1;
    } else if (choice === 8) {
      state.extraListener = !state.extraListener;
      configuration.writeListeners(state);
      counts.listenersToggled += 1;
    } else if (choice === 9) {
      configuration.writeSecrets(state);
      counts.certificates += 1;
    } else {
      await this.writeBad();
    }
  }

  /** A cluster comes before its route and goes after it. */
  private async changeClusters(): Promise<void> {
    const { random, state, configuration } = this;
    const before = state.extraClusters;
    state.connectTimeoutMs = random.whole(1000, 5000);
    state.extraClusters = random.whole(0, EXTRA_MAX);
    const growing = state.extraClusters >= before;
    if (growing) configuration.writeClusters(state); else configuration.writeRoutes(state);
    await sleep(100);
    if (growing) configuration.writeRoutes(state); else configuration.writeClusters(state);
    this.counts.clusters += 1;
  }

  private async writeBad(): Promise<void> {
    const { random, state, configuration } = this;
    const file = random.pick(['lds.json', 'cds.json', 'rds.json', 'eds-steady-0.json', 'sds.json'] as const);
    configuration.writeBad(file, random.whole(0, 1), state);
    this.counts.bad += 1;
    await sleep(random.whole(50, 300));
    state.version += 1;
    if (file === 'lds.json') configuration.writeListeners(state);
    else if (file === 'cds.json') configuration.writeClusters(state);
    else if (file === 'rds.json') configuration.writeRoutes(state);
    else if (file === 'sds.json') configuration.writeSecrets(state);
    else configuration.writeEndpoints(state);
  }

  /** Killed without a word: what was in flight there is lost, and until it is back nothing can be served. */
  private async killAbruptly(): Promise<void> {
    while (await this.pause(4000, 9000)) {
      const window = this.ledger.open('upstream', 'abrupt');
      await this.killUpstream('abrupt');
      this.counts.abruptKills += 1;
      await sleep(this.random.whole(0, 800));
      await this.startUpstream('abrupt', this.upstreams.abrupt);
      window.until(performance.now() + RECOVERED_AFTER_MS);
    }
  }

  /** Taken out of the endpoints first, killed later: no request may fail. */
  private async killAnnounced(): Promise<void> {
    for (let turn = 0; await this.pause(3000, 6000); turn++) {
      const port = this.upstreams.announced[turn % this.upstreams.announced.length];
      this.state.announced = this.upstreams.announced.filter((other) => other !== port);
      this.state.version += 1;
      this.configuration.writeEndpoints(this.state);
      await sleep(ANNOUNCED_BEFORE_MS);
      await this.killUpstream(`announced-${port}`);
      this.counts.announcedKills += 1;
      await sleep(200);
      await this.startUpstream(`announced-${port}`, [port]);
      this.state.announced = this.upstreams.announced;
      this.state.version += 1;
      this.configuration.writeEndpoints(this.state);
    }
  }

  /**
   * Where the admin server offers it: one worker ends, as if it had crashed. Its connections are lost, nobody else's.
   */
  private async killWorkers(): Promise<void> {
    while (this.workersCanBeKilled && await this.pause(15_000, 25_000)) {
      const window = this.ledger.open('worker', '');
      const response = await fetch(`http://127.0.0.1:${this.adminPort}/weft/kill_worker`, { method: 'POST' });
      await response.text();
      this.counts.workerKills += 1;
      window.until(performance.now() + RECOVERED_AFTER_MS);
    }
  }

  /** Waits; false when the soak has ended meanwhile. */
  private async pause(lowMs: number, highMs: number): Promise<boolean> {
    const untilMs = performance.now() + this.random.whole(lowMs, highMs);
    while (performance.now() < untilMs && !this.stopped) await sleep(50);
    return !this.stopped;
  }
}
