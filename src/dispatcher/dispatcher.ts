// The dispatcher: everything of main that concerns the engine workers, put together. Shared memory in, configuration
// in, workers and listening sockets out. Owns the publisher, the supervisor, the acceptor and the listeners, and the
// timer that frees what no worker uses any more.
import { errorText } from '../core/errors.js';
import type { Answer, Question } from '../config/questions.js';
import type { HostResolver } from './host-resolver.js';
import type { Bindings } from '../config/snapshot/encode.js';
import { assignmentBlobForm } from '../config/usual.js';
import type { SnapshotKind } from '../config/snapshot/changes.js';
import type { AssignmentBlob } from '../config/snapshot/layout.js';
import { SnapshotPublisher } from '../config/snapshot/publisher.js';
import { calm } from '../config/overload.js';
import type { OverloadState } from '../config/overload.js';
import { Runtime } from '../config/runtime-cells.js';
import type { DnsResolver } from '../config/dns.js';
import { numberOfText } from '../config/runtime.js';
import type { RuntimeEntries } from '../config/runtime.js';
import { chainsOf } from '../config/types.js';
import type { AccessLog, EndpointAssignment } from '../config/types.js';
import { Log } from '../core/log.js';
import type { LogSink } from '../core/log.js';
import { discoveredOf } from '../core/discovered.js';
import { Control, Shared } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { SOCKADDR_BYTES_MAX, decodeSockaddr, formatAddress } from '../os/sockaddr.js';
import type { ComputedStatistic, Statistics } from '../telemetry/statistics.js';
import type { FromWorker, NodeMessage, RpcCodecModule } from '../workers/messages.js';
import { Acceptor } from './acceptor.js';
import { Configuration } from './configuration.js';
import type { Store, StoreChange } from './configuration.js';
import { DrainState } from './control-block.js';
import type { DnsClusters } from './dns.js';
import { EndpointHealth } from './health/health.js';
import type { DrainMessage } from './lifecycle.js';
import { Listeners } from './listeners.js';
import { Supervisor } from './supervisor.js';
import type { SupervisorOptions } from './supervisor.js';
import { settleClusterCounts, settleConnections, settleEndpointCounts, settleLimits } from './worker-death.js';
import { Warming } from './warming.js';
import { WorkerQuestions } from './worker-questions.js';

export interface DispatcherOptions extends
  Pick<SupervisorOptions,
    'memory' | 'map' | 'memoryMiB' | 'codecs' | 'io' | 'workerUrl' | 'resourceLimits' | 'onFatal'> {
  statistics: Statistics;
  accessLogSink(log: AccessLog): number;
  /** Writes a line into an event log. */
  writeEvent(path: string, line: string): void;
  store: Store;
  logs: LogSink;
  drainMs: number;
  onRefused(kind: SnapshotKind, name: string, details: string): void;
  /** Every worker is in its loop (called once). */
  onAllReady(): void;
}

const RECLAIM_INTERVAL_MS = 100;
/** How often it is looked whether a listener that is gone has lost its last connection. */
const SCOPES_INTERVAL_MS = 1000;

export class Dispatcher {
  readonly publisher: SnapshotPublisher;
  readonly supervisor: Supervisor;
  readonly listeners: Listeners;
  readonly configuration: Configuration;
  readonly questions: WorkerQuestions;
  readonly health: EndpointHealth;
  readonly warmUp: Warming;
  private readonly acceptor: Acceptor;
  private readonly words: Int32Array;
  private readonly log: Log;
  private readonly workerLog: Log;
  private readonly map: MemoryMap;
  private dns: Promise<DnsClusters> | null = null;
  private resolver: DnsClusters | null = null;
  /** Of clusters that have no resolver of their own; null = the system's. */
  dnsResolver: DnsResolver | null = null;
  private reclaimTimer: NodeJS.Timeout | null = null;
  private allReady = false;
  private ended = false;
  /** The drain that is under way: a worker that starts meanwhile is told. */
  private drainRequest: DrainMessage | null = null;
  /** Main's own view of the runtime. */
  readonly runtime = new Runtime();
  private runtimeEntries: RuntimeEntries = [];
  private overloadState: OverloadState = calm;
  private node: NodeMessage = { kind: 'node', cluster: '', localCluster: '',
    locality: { region: '', zone: '', subZone: '' } };
  private hosts: Promise<HostResolver> | null = null;

  constructor(private readonly options: DispatcherOptions) {
    const { memory, map, statistics } = options;
    this.map = map;
    this.words = new Int32Array(memory.buffer);
    this.log = new Log(options.logs, 'dispatcher');
    this.workerLog = new Log(options.logs, 'worker');
    const bindings: Bindings = {
      listenerScope: (name) => statistics.listenerScope(name), httpScope: (prefix) => statistics.httpScope(prefix),
      listenerTlsScope: (name) => statistics.listenerTlsScope(name),
      networkScope: (kind, name) => statistics.networkScope(kind, name),
      virtualHostScope: (name) => statistics.virtualHostScope(name),
      filterScope: (kind, name) => statistics.filterScope(kind, name),
      accessLogSink: options.accessLogSink, clusterBound: (slot, name) => statistics.clusterBound(slot, name),
      clusterRecycled: (slot, name) => statistics.clusterRecycled(slot, name),
    };
    this.publisher = new SnapshotPublisher(memory, map, bindings);
    this.supervisor = new Supervisor({ ...options, log: this.log, rootVersion: () => this.publisher.rootVersion,
      onMessage: (worker, message) => this.fromWorker(worker, message), onDied: (worker) => this.workerDied(worker),
      onReady: (worker) => this.workerReady(worker) });
    this.questions = new WorkerQuestions((worker, message) => this.supervisor.post(worker, message));
    this.acceptor = new Acceptor({ workers: map.workers, load: (worker, slot) => this.load(worker, slot),
      deal: (worker, fd, slot) => this.deal(worker, fd, slot) }, this.log);
    this.listeners = new Listeners(this.supervisor, this.acceptor, options.drainMs, this.log, statistics);
    this.warmUp = new Warming(() => options.store.ready);
    this.health = this.endpointHealth();
    this.configuration = new Configuration({ store: options.store, publisher: this.publisher, listeners: this.listeners,
      health: this.health, warmUp: this.warmUp,
      log: this.log, onRefused: options.onRefused, dns: () => this.loadDns(), wakeAll: () => this.afterPublish() });
    statistics.addSource(() => this.statistics());
  }

  private endpointHealth(): EndpointHealth {
    const { options, publisher, supervisor } = this;
    return new EndpointHealth({ words: this.words, map: this.map, statistics: options.statistics, warming: this.warmUp,
      clusterSlot: (name) => publisher.clusterSlots.slotOf(name),
      endpointState: (key) => publisher.endpointSlots.slotOf(key),
      writeEvent: (path, line) => options.writeEvent(path, line),
      runtime: (key) => numberOfText(this.runtime.lookUp(key)?.text ?? ''),
      onUnhealthy: (cluster, state, close) => supervisor.postAll({ kind: 'endpointFailed', cluster, state, close }),
      onUnkept: (cluster) => this.configuration.endpointUnkept(cluster) });
  }

  /** Starts the worker threads; they find an empty configuration until something is published. */
  start(): void { this.supervisor.start(); }

  /** Takes a batch of configuration changes. */
  change(changes: readonly StoreChange[]): void { this.configuration.change(changes); }

  /** All runtime values that are in force from now on, for main and every worker. */
  setRuntime(entries: RuntimeEntries): void {
    this.runtimeEntries = entries;
    this.runtime.set(entries);
    this.supervisor.postAll({ kind: 'runtime', entries });
  }

  /** What the bootstrap says of this process; before any configuration. */
  setNode(node: NodeMessage): void {
    this.node = node;
    this.supervisor.postAll(node);
  }

  /** Users' codecs of RPC protocols; before any configuration. */
  setRpcCodecs(codecs: readonly RpcCodecModule[]): void {
    if (codecs.length > 0) this.supervisor.setRpcCodecs(codecs);
  }

  /** Whether filters are to fail the checks of others' health. */
  setHealthChecksFail(fail: boolean): void {
    Atomics.store(this.words, (this.map.control >> 2) + Shared.healthChecksFail, fail ? 1 : 0);
  }

  /** What overload asks of main's accepting and of every worker. */
  setOverload(state: OverloadState): void {
    this.overloadState = state;
    this.acceptor.setStopped(state.stopConnections);
    this.supervisor.postAll({ kind: 'overload', state });
  }

  /** Connections that the process-wide limit concerns. */
  limitedConnections(): number {
    return Atomics.load(this.words, (this.map.control >> 2) + Shared.limitedConnections);
  }

  connections(): number { return this.supervisor.connections(); }

  /** Asks the connections to end; with `stopAccepting` closes the listening sockets first. */
  drain(request: DrainMessage): void {
    this.supervisor.control.setDrainState(request.inboundOnly ? DrainState.inboundOnly : DrainState.all);
    if (request.stopAccepting) this.listeners.stopAccepting(request.inboundOnly);
    this.drainRequest = request;
    this.supervisor.postAll({ ...request, kind: 'drain', listenerSlot: -1 });
  }

  /** Ends threads and waits, so that process.exit finds nothing to wait for. */
  async end(): Promise<void> {
    this.ended = true;
    if (this.reclaimTimer !== null) clearTimeout(this.reclaimTimer);
    const dns = await this.dns;
    dns?.end();
    this.health.end();
    this.acceptor.end();
    await this.supervisor.end();
  }

  /** Endpoints of a cluster as workers see them, with the index of their process-wide state. */
  endpoints(cluster: string): AssignmentBlob['endpoints'] {
    const blob = this.publisher.blobOf('assignment', cluster);
    if (blob === 0) return this.discovered(cluster);
    return assignmentBlobForm.ofText(this.publisher.blobs.textOf(blob)).endpoints;
  }

  /** What workers found by themselves. */
  private discovered(cluster: string): AssignmentBlob['endpoints'] {
    const slot = this.publisher.clusterSlots.slotOf(cluster);
    const found: AssignmentBlob['endpoints'] = [];
    if (slot < 0 || !this.configuration.discovers(cluster)) return found;
    const view = new DataView(this.words.buffer);
    for (const { state, sockaddr } of discoveredOf(this.words, this.map, slot)) {
      const address = decodeSockaddr(view, sockaddr, SOCKADDR_BYTES_MAX);
      if (address?.kind !== 'ip') continue;
      found.push({ address: { ...address, ipv4Compat: false }, hostname: `${cluster}${formatAddress(address)}`,
        weight: 1, priority: 0, health: 'unknown', localityWeight: 0, locality: null, metadata: null,
        state, logicalName: '', additionalAddresses: [] });
    }
    return found;
  }

  private *statistics(): Iterable<ComputedStatistic> {
    const counter = (name: string, value: number) => ({ name: `server.weft.${name}`, value, type: 'counter' as const });
    const gauge = (name: string, value: number) => ({ name: `server.weft.${name}`, value, type: 'gauge' as const });
    const usage = this.publisher.usage();
    yield counter('worker_deaths', this.supervisor.counts.deaths);
    yield counter('worker_restarts', this.supervisor.counts.restarts);
    yield counter('worker_stalls', this.supervisor.counts.stalls);
    yield counter('dealt_accepted', this.acceptor.counts.accepted);
    yield counter('dealt_accept_failed', this.acceptor.counts.failed);
    yield counter('dealt_accept_suspended', this.acceptor.counts.suspended);
    yield gauge('snapshot_version', usage.version);
    yield gauge('snapshot_roots_live', usage.rootsLive);
    yield gauge('snapshot_bytes', usage.usedBytes);
    yield gauge('snapshot_bytes_max', usage.capacityBytes);
    yield gauge('snapshot_refused', usage.refused);
    yield { name: 'listener_manager.total_listeners_warming', value: this.configuration.warmingListeners.length,
      type: 'gauge' };
    yield* this.health.statistics();
    if (this.resolver === null) return;
    yield* this.resolver.statistics();
  }

  /** Answers a worker's question; whatever goes wrong is an answer too, or a request would wait for ever. */
  private async answer(worker: number, id: number, question: Question): Promise<void> {
    if (question.kind === 'grpcScope') {
      const offset = this.options.statistics.grpcMethodScope(question.name);
      this.supervisor.post(worker, { kind: 'answer', id, answer: { kind: 'grpcScope', offset } });
      return;
    }
    this.hosts ??= import('./host-resolver.js').then(({ HostResolver }) => {
      const hosts = new HostResolver();
      this.options.statistics.addSource(() => hosts.statistics());
      return hosts;
    });
    const answer = await this.hosts.then((hosts) => hosts.answer(question.cache, question.host))
      .catch((error: unknown): Answer => ({ kind: 'resolved', address: '', reason: errorText(error), ttlMs: 1000 }));
    this.supervisor.post(worker, { kind: 'answer', id, answer });
  }

  private loadDns(): Promise<DnsClusters> {
    this.dns ??= import('./dns.js').then(({ DnsClusters }) => {
      const publish = (cluster: string, assignment: EndpointAssignment) =>
        this.configuration.resolvedTo(cluster, assignment);
      this.resolver = new DnsClusters(publish, new Log(this.options.logs, 'upstream'));
      this.resolver.defaultResolver = this.dnsResolver;
      return this.resolver;
    });
    return this.dns;
  }

  /** A new root is visible: sleeping workers shall see it now, and what it replaced is freed when they have. */
  private afterPublish(): void {
    this.supervisor.wakeAll();
    this.scheduleReclaim();
  }

  private scheduleReclaim(scopesWait = false): void {
    if (this.reclaimTimer !== null || this.ended || !(this.publisher.pending || scopesWait)) return;
    this.reclaimTimer = setTimeout(() => {
      this.reclaimTimer = null;
      this.publisher.reclaim(this.supervisor.oldestRootInUse(this.publisher.rootVersion));
      this.scheduleReclaim(!this.publisher.pending && this.releaseScopes() > 0);
    }, this.publisher.pending ? RECLAIM_INTERVAL_MS : SCOPES_INTERVAL_MS);
    this.reclaimTimer.unref();
  }

  /** Forgets the statistics of listeners and connection managers that are gone. Returns how many still drain. */
  private releaseScopes(): number {
    if (this.configuration.warmingListeners.length > 0) return 1;
    const names = new Set<string>(), prefixes = new Set<string>();
    for (const config of this.listeners.configs()) {
      names.add(config.statName);
      for (const { hcm } of chainsOf(config)) if (hcm !== null) prefixes.add(hcm.statPrefix);
    }
    return this.options.statistics.release(names, prefixes);
  }

  private fromWorker(worker: number, message: FromWorker): void {
    switch (message.kind) {
      case 'unlistened': this.listeners.unlistened(message.fd); break;
      case 'log': this.workerLog.at(message.level === 'warn' ? 'warning' : message.level,
        `[${worker}] ${message.text}`, message.fields); break;
      case 'cpuProfile': case 'described': this.questions.answered(message); break;
      case 'outlier': this.health.ranOut(message.cluster, message.state, message.ejection); break;
      case 'healthFailed': this.health.failedPassively(message.cluster, message.state); break;
      case 'ask': void this.answer(worker, message.id, message.question); break;
      case 'ready': case 'ended': break;
    }
  }

  private workerReady(worker: number): void {
    this.supervisor.post(worker, this.node);
    this.supervisor.post(worker, { kind: 'runtime', entries: this.runtimeEntries });
    this.supervisor.post(worker, { kind: 'overload', state: this.overloadState });
    this.listeners.workerReady(worker);
    if (this.drainRequest !== null)
      this.supervisor.post(worker, { ...this.drainRequest, kind: 'drain', listenerSlot: -1 });
    if (this.allReady) return;
    for (let other = 0; other < this.map.workers; other++) if (!this.supervisor.isReady(other)) return;
    this.allReady = true;
    this.options.onAllReady();
  }

  private workerDied(worker: number): void {
    this.questions.workerDied(worker);
    this.listeners.workerDied(worker);
    settleClusterCounts(this.words, this.map, this.options.statistics, worker, this.publisher.clusterSlots.length);
    settleEndpointCounts(this.words, this.map, worker);
    settleConnections(this.words, this.map, worker);
    settleLimits(this.words, this.map, this.options.statistics, worker, (name) =>
      this.publisher.bucketSlots.slotOf(name));
    this.options.statistics.workerDied(worker);
    this.scheduleReclaim();
  }

  /** Connections of one listener that a worker has, plus all that lie in its mailbox. A dead worker gets none. */
  private load(worker: number, slot: number): number {
    const { control } = this.supervisor;
    if (!this.supervisor.isReady(worker)) return Infinity;
    if (control.isFull(worker)) return Infinity;
    const scope = this.scopeOfSlot(slot);
    const active = scope < 0 ? control.get(worker, Control.connections)
      : this.options.statistics.cellOfWorker(worker, 'listener', scope, 'downstream_cx_active');
    return active + control.mailed(worker);
  }

  private deal(worker: number, fd: number, slot: number): boolean {
    if (!this.supervisor.fds.give(fd, worker)) return false;
    if (!this.supervisor.control.deal(worker, fd, slot)) return false;
    this.supervisor.wake(worker);
    return true;
  }

  private scopeOfSlot(slot: number): number {
    const name = this.publisher.listenerSlots.nameOf(slot);
    const config = name === null ? null : this.listeners.configOf(name);
    return config === null ? -1 : this.options.statistics.listenerScope(config.statName);
  }
}
