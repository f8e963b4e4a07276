// The running process: shared memory, statistics, configuration store, dispatcher, lifecycle and admin server, wired
// together. Part of the composition root (main.ts): decides nothing that belongs to one of them.
import { tmpdir } from 'node:os';
import type { AdminServer } from './admin/server.js';
import type { Flags } from './cli/flags.js';
import { traceStart } from './cli/start-trace.js';
import type { SnapshotKind } from './config/snapshot/changes.js';
import type { OverloadConfig } from './config/overload.js';
import type { Bootstrap } from './config/bootstrap/bootstrap.js';
import { StartError, errorText } from './core/errors.js';
import { Log } from './core/log.js';
import type { LogSink } from './core/log.js';
import { defaultMemoryMiB, memoryMap } from './core/memory-map.js';
import type { MemoryMap } from './core/memory-map.js';
import { Dispatcher } from './dispatcher/dispatcher.js';
import type { StoreChange } from './dispatcher/configuration.js';
import { Lifecycle } from './dispatcher/lifecycle.js';
import type { OverloadManager } from './dispatcher/overload.js';
import { Restart, restartVersion } from './dispatcher/restart/restart.js';
import { RuntimeLayers } from './dispatcher/runtime-layers.js';
import { kernelAdvice } from './os/kernel-limits.js';
import { giveBackMemory } from './os/trim.js';
import { Statistics } from './telemetry/statistics.js';
import { chooseDriver } from './workers/reactor/choose.js';
import { LogPump } from './telemetry/log-pump.js';
import { LogSinks } from './telemetry/log-sinks.js';
import type { CompiledResource } from './xds/compile/resource.js';
import type { FileConfiguration } from './xds/file-configuration.js';
import { ConfigStore } from './xds/store.js';

/** After the first requests, which still touch pages for the first time. */
/** Until workers speak TLS: then this, refuseTls and FileConfigurationOptions.tls go. */
const TLS_SERVED = true;
const TRIM_AFTER_MS = 1000;

export class Server {
  readonly store = new ConfigStore();
  readonly statistics: Statistics;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly map: MemoryMap;
  private readonly memory: WebAssembly.Memory;
  private readonly sinks: LogSinks;
  private readonly pump: LogPump;
  private files: FileConfiguration | null = null;
  private runtime: RuntimeLayers | null = null;
  private restart: Restart | null = null;
  private overload: OverloadManager | null = null;
  private admin: AdminServer | null = null;
  private readonly log: Log;
  private readonly refusedAtStart: string[] = [];
  private starting = true;
  private readonly workersReady: Promise<void>;

  constructor(readonly flags: Flags, readonly logs: LogSink, readonly workers: number, codecs: WebAssembly.Module) {
    this.log = new Log(logs, 'main');
    const memoryMiB = flags.memoryMiB ?? defaultMemoryMiB(workers);
    const { map, memory } = allocate(memoryMiB, workers);
    this.map = map;
    this.memory = memory;
    this.statistics = new Statistics(memory.buffer, map);
    this.sinks = new LogSinks(this.statistics);
    this.sinks.onTrouble = (text) => this.log.error(text);
    this.pump = new LogPump({ memory: memory.buffer, map, sinks: this.sinks, statistics: this.statistics,
      flushIntervalMs: flags.fileFlushIntervalMs, flushMinBytes: flags.fileFlushMinBytes });
    const { driver, reason } = driverOf(flags);
    this.log.info(`${workers} workers, ${memoryMiB} MiB of shared memory, ${driver} (${reason})`);
    traceStart('driver chosen');
    let allReady = () => {};
    this.workersReady = new Promise((resolve) => { allReady = resolve; });
    this.dispatcher = new Dispatcher({
      memory, map, memoryMiB, codecs, io: driver, workerUrl: new URL('./workers/worker.js', import.meta.url),
      resourceLimits: { maxYoungGenerationSizeMb: 2 }, statistics: this.statistics,
        accessLogSink: (log) => this.sinks.sink(log.sink), writeEvent: (path, line) => this.writeEvent(path, line),
      store: this.store, logs, drainMs: flags.drainTimeMs,
      onRefused: (kind, name, details) => this.refused(kind, name, details),
      onAllReady: () => allReady(), onFatal: (line) => this.fatal(line),
    });
    this.lifecycle = new Lifecycle(flags, {
      connections: () => this.dispatcher.connections(),
      drain: (request) => this.dispatcher.drain(request),
      end: () => this.end(), reopenLogs: () => this.reopenLogs(),
    }, this.log);
  }

  /** Returns when every listener that can be bound is bound and every worker serves. Throws StartError. */
  async start(): Promise<void> {
    this.dispatcher.start();
    this.pump.start();
    traceStart('worker threads started');
    this.lifecycle.handleSignals();
    this.store.onChange((changes) => this.dispatcher.change(changes as StoreChange[]));
    await this.beginRestart();
    const bootstrap = await this.loadConfiguration();
    if (this.refusedAtStart.length > 0) {
      await this.end();
      throw new StartError(this.refusedAtStart.map((line) => `weft: ${line}`));
    }
    traceStart('listeners bound');
    await this.restart?.closeParentAdmin();
    await Promise.all([this.workersReady, this.startAdmin(bootstrap)]);
    this.starting = false;
    if (this.lifecycle.state === 'INITIALIZING') this.lifecycle.state = 'LIVE';
    traceStart('live');
    this.log.info('all workers serve');
    this.restart?.serving();
    setTimeout(() => { this.adviseOnLimits(); giveBackMemory(); }, TRIM_AFTER_MS).unref();
    if (this.flags.mode === 'init_only') await this.lifecycle.stop(0, '--mode init_only');
  }

  private async beginRestart(): Promise<void> {
    const { dispatcher, lifecycle } = this;
    try {
      this.restart = await Restart.begin(this.flags, {
        sockets: () => dispatcher.listeners.sockets(), connections: () => dispatcher.connections(),
        closeAdmin: async () => { await this.admin?.close(); }, openAdmin: async () => { await this.admin?.listen(); },
        drain: () => lifecycle.handOver(), terminate: () => void lifecycle.stop(0, 'the next process says so'),
      }, new Log(this.logs, 'restart'));
    } catch (error) {
      await this.end();
      throw error;
    }
    const { restart } = this;
    dispatcher.listeners.inherit = (key) => restart.takeSockets(key);
  }

  /** Reads the bootstrap and everything that it subscribes to; listeners are bound when this returns. */
  private async loadConfiguration(): Promise<Bootstrap> {
    const { CompilePool } = await import('./xds/compile-pool.js');
    const { FileConfiguration, tlsRefusal } = await import('./xds/file-configuration.js');
    const { secretStatistics } = await import('./xds/secrets/statistics.js');
    const { flags, store } = this;
    const pool = new CompilePool();
    const compiled = await pool.bootstrap({ configPath: flags.configPath, configYaml: flags.configYaml,
      allowUnknownFields: flags.allowUnknownStaticFields });
    if (!compiled.ok) {
      await this.end();
      throw new StartError(compiled.errors);
    }
    traceStart('bootstrap read');
    for (const warning of compiled.bootstrap.warnings) this.log.warn(warning);
    this.lifecycle.state = 'INITIALIZING';
    this.startRuntime(compiled.bootstrap);
    this.dispatcher.dnsResolver = compiled.bootstrap.dnsResolver;
    this.dispatcher.health.outlierLog = compiled.bootstrap.outlierLog;
    if (compiled.bootstrap.overload !== null) await this.startOverload(compiled.bootstrap.overload);
    await this.refuseTls(compiled.resources, tlsRefusal);
    this.files = new FileConfiguration({ store, pool, allowUnknownFields: !flags.rejectUnknownDynamicFields,
      tls: TLS_SERVED, log: new Log(this.logs, 'config') });
    const { secrets } = this.files;
    this.statistics.addSource(() => secretStatistics(secrets));
    await this.files.start(compiled.bootstrap, compiled.resources);
    await new Promise<void>((resolve) => store.onReady(resolve));
    await new Promise<void>((resolve) => this.dispatcher.warmUp.onReady(resolve));
    return compiled.bootstrap;
  }

  private async refuseTls(resources: readonly CompiledResource[], reason: string): Promise<void> {
    const asking = resources.filter(({ secrets }) => secrets !== null);
    if (TLS_SERVED || asking.length === 0) return;
    await this.end();
    throw new StartError(asking.map(({ kind, name }) => `${kind} ${name}: ${reason}`));
  }

  /** Before any resource: what workers compile finds its values. */
  private startRuntime(bootstrap: Bootstrap): void {
    this.statistics.configure(bootstrap.stats);
    const serviceCluster = bootstrap.node.cluster === '' ? this.flags.serviceCluster : bootstrap.node.cluster;
    const { locality } = bootstrap.node;
    this.dispatcher.setNode({ kind: 'node', cluster: serviceCluster, localCluster: bootstrap.localCluster,
      locality: { ...locality, zone: locality.zone === '' ? this.flags.serviceZone : locality.zone } });
    this.dispatcher.setRpcCodecs(bootstrap.rpcCodecs.map(({ name, module }) =>
      ({ name, module: new WebAssembly.Module(Buffer.from(module, 'base64')) })));
    const runtime = new RuntimeLayers({ layers: bootstrap.runtimeLayers, log: new Log(this.logs, 'runtime'),
      serviceCluster,
      onChange: (entries) => this.dispatcher.setRuntime(entries) });
    runtime.start();
    this.statistics.addSource(() => runtime.statistics());
    this.runtime = runtime;
  }

  private async startOverload(config: OverloadConfig): Promise<void> {
    const { OverloadManager } = await import('./dispatcher/overload.js');
    const { dispatcher } = this;
    const manager = new OverloadManager({ config, log: new Log(this.logs, 'overload'),
      connections: () => dispatcher.limitedConnections(), onChange: (state) => dispatcher.setOverload(state) });
    manager.start();
    this.statistics.addSource(() => manager.statistics());
    this.overload = manager;
  }

  private adviseOnLimits(): void {
    const backlog = Math.max(0, ...[...this.store.listeners.values()].map(({ config }) => config.backlog));
    const memoryMiB = this.map.bytes / 1024 / 1024;
    for (const line of kernelAdvice({ backlog, workers: this.workers, memoryMiB })) this.log.warn(line);
  }

  private async startAdmin(bootstrap: Bootstrap): Promise<void> {
    const { address, accessLogs } = bootstrap.admin;
    if (address === null) return;
    const [{ AdminServer }, { adminBackend }, { adminAccessLog }] = await Promise.all([
      import('./admin/server.js'), import('./admin-backend.js'), import('./admin-access-log.js')]);
    const log = new Log(this.logs, 'admin');
    try {
      const { flags, workers, store, statistics, logs, dispatcher, lifecycle } = this;
      const backend = adminBackend({ flags, workers, store, statistics, logs, dispatcher, lifecycle, bootstrap,
        runtime: this.runtime!, restart: this.restart!, secrets: this.files!.secrets,
        restartVersion: restartVersion(flags), reopenLogs: () => this.reopenLogs() });
      this.admin = new AdminServer({ address, backend, memory: this.memory.buffer, map: this.map,
        addressPath: flags.adminAddressPath,
        profileDirectory: tmpdir(), onRequest: accessLogs.length > 0 ? adminAccessLog(accessLogs, this.sinks)
          : undefined,
        onError: (path, text) => log.error(`${path}: ${text}`) });
      await this.admin.listen();
      traceStart('admin listens');
    } catch (error) {
      await this.end();
      throw new StartError([`weft: ${errorText(error)}`]);
    }
  }

  /**
   * A change that could not be put in force; the last good state stays. A static listener that cannot be bound ends
   * the start.
   */
  private refused(kind: SnapshotKind, name: string, details: string): void {
    const record = this.store.records[kind].get(name);
    this.store.reject(kind, name, { details, versionInfo: record?.versionInfo ?? '', lastUpdateAttemptMs: Date.now() });
    this.statistics.counter(`${kind}_manager.weft_${kind}_refused`).add();
    if (kind === 'listener') this.statistics.counter('listener_manager.listener_create_failure').add();
    if (this.starting && record?.origin === 'static') this.refusedAtStart.push(`${kind} ${name}: ${details}`);
    else this.log.error(`${kind} ${name} is not in force: ${details}`);
  }

  private writeEvent(path: string, line: string): void {
    try {
      this.sinks.append(this.sinks.sink({ kind: 'file', path }), Buffer.from(`${line}\n`));
    } catch (error) {
      this.log.error(errorText(error));
    }
  }

  private reopenLogs(): void {
    this.sinks.reopen();
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

  /** Ends everything that would keep process.exit waiting, the access logs last: workers may still write lines. */
  private async end(): Promise<void> {
    this.runtime?.close();
    this.overload?.close();
    this.restart?.close();
    await Promise.all([this.dispatcher.end(), this.files?.close(), this.admin?.close()]);
    await this.pump.close();
  }
}

function allocate(memoryMiB: number, workers: number): { map: MemoryMap; memory: WebAssembly.Memory } {
  try {
    const pages = memoryMiB * 16;
    return { map: memoryMap(memoryMiB, workers),
      memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) };
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
