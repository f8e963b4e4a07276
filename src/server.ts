// The running process: shared memory, statistics, configuration store, dispatcher, lifecycle and admin server, wired together.
// Part of the composition root (main.ts): decides nothing that belongs to one of them.
import type { Flags } from './cli/flags.js';
import { traceStart } from './cli/start-trace.js';
import type { SnapshotKind } from './config/snapshot/changes.js';
import type { Bootstrap } from './config/bootstrap/bootstrap.js';
import { StartError, errorText } from './core/errors.js';
import { Log } from './core/log.js';
import type { LogSink } from './core/log.js';
import { defaultMemoryMiB, memoryMap } from './core/memory-map.js';
import type { MemoryMap } from './core/memory-map.js';
import { Dispatcher } from './dispatcher/dispatcher.js';
import type { StoreChange } from './dispatcher/configuration.js';
import { Lifecycle } from './dispatcher/lifecycle.js';
import { dropStartPages } from './os/trim.js';
import { Statistics } from './telemetry/statistics.js';
import { chooseDriver } from './workers/reactor/choose.js';
import { ConfigStore, ResourceRecord, resourceKinds } from './xds/store.js';

/** After the first requests, which still touch pages for the first time. */
const TRIM_AFTER_MS = 1000;

export class Server {
  readonly store = new ConfigStore();
  readonly statistics: Statistics;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly map: MemoryMap;
  bootstrap: Bootstrap | null = null;
  private readonly log: Log;
  private readonly refusedAtStart: string[] = [];
  private starting = true;
  private readonly workersReady: Promise<void>;

  constructor(readonly flags: Flags, readonly logs: LogSink, readonly workers: number, codecs: WebAssembly.Module) {
    this.log = new Log(logs, 'main');
    const memoryMiB = flags.memoryMiB ?? defaultMemoryMiB(workers);
    const { map, memory } = allocate(memoryMiB, workers);
    this.map = map;
    this.statistics = new Statistics(memory.buffer, map);
    const { driver, reason } = driverOf(flags);
    this.log.info(`${workers} workers, ${memoryMiB} MiB of shared memory, ${driver} (${reason})`);
    traceStart('driver chosen');
    let allReady = () => {};
    this.workersReady = new Promise((resolve) => { allReady = resolve; });
    this.dispatcher = new Dispatcher({
      memory, map, memoryMiB, codecs, io: driver, workerUrl: new URL('./workers/worker.js', import.meta.url),
      resourceLimits: { maxYoungGenerationSizeMb: 2 }, statistics: this.statistics, accessLogSink: () => 0,
      store: this.store, logs, drainMs: flags.drainTimeMs,
      onRefused: (kind, name, details) => this.refused(kind, name, details),
      onAllReady: () => allReady(), onFatal: (line) => this.fatal(line),
    });
    this.lifecycle = new Lifecycle(flags, {
      connections: () => this.dispatcher.connections(),
      drain: (graceMs, inboundOnly, stopAccepting) => this.dispatcher.drain(graceMs, inboundOnly, stopAccepting),
      end: () => this.end(), reopenLogs: () => this.reopenLogs(),
    }, this.log);
  }

  /** Returns when every listener that can be bound is bound and every worker serves. Throws StartError. */
  async start(): Promise<void> {
    this.dispatcher.start();
    traceStart('worker threads started');
    this.lifecycle.handleSignals();
    this.store.onChange((changes) => this.dispatcher.change(changes as StoreChange[]));
    await this.loadConfiguration();
    traceStart('configuration loaded');
    this.lifecycle.state = 'INITIALIZING';
    await new Promise<void>((resolve) => this.store.onReady(resolve));
    this.dispatcher.configuration.start();
    if (this.refusedAtStart.length > 0) {
      await this.end();
      throw new StartError(this.refusedAtStart.map((line) => `weft: ${line}`));
    }
    traceStart('listeners bound');
    await this.workersReady;
    this.starting = false;
    if (this.lifecycle.state === 'INITIALIZING') this.lifecycle.state = 'LIVE';
    traceStart('live');
    this.log.info('all workers serve');
    setTimeout(dropStartPages, TRIM_AFTER_MS).unref();
    if (this.flags.mode === 'init_only') await this.lifecycle.stop(0, '--mode init_only');
  }

  private async loadConfiguration(): Promise<void> {
    const { CompilePool } = await import('./xds/compile-pool.js');
    const pool = new CompilePool();
    const compiled = await pool.bootstrap({ configPath: this.flags.configPath, configYaml: this.flags.configYaml,
      allowUnknownFields: this.flags.allowUnknownStaticFields });
    if (!compiled.ok) {
      await this.end();
      throw new StartError(compiled.errors);
    }
    this.bootstrap = compiled.bootstrap;
    for (const warning of compiled.bootstrap.warnings) this.log.warn(warning);
    const updates = compiled.resources.flatMap((resource) => [resource, ...resource.inlineRoutes]).map((text) => ({
      kind: text.kind, name: text.name,
      record: new ResourceRecord(text.kind, { ...text, origin: 'static', versionInfo: '', lastUpdatedMs: Date.now() }),
    }));
    updates.sort((a, b) => resourceKinds.indexOf(a.kind) - resourceKinds.indexOf(b.kind));
    this.store.apply(updates);
  }

  /** A change that could not be put in force; the last good state stays. A static listener that cannot be bound ends the start. */
  private refused(kind: SnapshotKind, name: string, details: string): void {
    const record = this.store.records[kind].get(name);
    this.store.reject(kind, name, { details, versionInfo: record?.versionInfo ?? '', lastUpdateAttemptMs: Date.now() });
    this.statistics.counter(`${kind}_manager.weft_${kind}_refused`).add();
    if (kind === 'listener') this.statistics.counter('listener_manager.listener_create_failure').add();
    if (this.starting && record?.origin === 'static') this.refusedAtStart.push(`${kind} ${name}: ${details}`);
    else this.log.error(`${kind} ${name} is not in force: ${details}`);
  }

  private reopenLogs(): void {
    try {
      this.logs.reopen();
    } catch (error) {
      this.log.error(`the log cannot be opened again: ${errorText(error)}`);
    }
  }

  private fatal(line: string): void {
    this.log.critical(line);
    void this.end().finally(() => {
      process.stderr.write(line + '\n');
      process.exit(1);
    });
  }

  private async end(): Promise<void> { await this.dispatcher.end(); }
}

function allocate(memoryMiB: number, workers: number): { map: MemoryMap; memory: WebAssembly.Memory } {
  try {
    const pages = memoryMiB * 16;
    return { map: memoryMap(memoryMiB, workers), memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) };
  } catch (error) {
    throw new StartError([`weft: ${errorText(error)}`]);
  }
}

function driverOf(flags: Flags) {
  try {
    return chooseDriver(flags.io);
  } catch (error) {
    throw new StartError([`weft: ${errorText(error)}`]);
  }
}
