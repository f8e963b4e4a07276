// Listeners of one worker: the compiled configuration of each listener slot, kept in step with the snapshot, and the
// connections that belong to it. A connection keeps the configuration that it was accepted under; a changed listener's
// old connections drain when main says so.
import { limits } from '../../core/limits.js';
import { ResponseFlag } from '../../core/response-flags.js';
import { workerStats } from '../../core/memory-map.js';
import { acceptBatch } from '../../os/socket.js';
import { HttpStat, ListenerStat, TcpStat, TlsStat, WorkerStat } from '../../telemetry/schema.js';
import type { NumberCell } from '../../config/runtime-cells.js';
import type { FilterMetadata } from '../../config/types.js';
import type { ListenerBlob } from '../../config/snapshot/layout.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import { RefusedConnection } from '../connection/refused.js';
import { ConnectionRegister } from '../connection/register.js';
import type { ListenerConnection, RegisterEvents } from '../connection/register.js';
import { DownstreamFactory } from '../connection/downstream-factory.js';
import type { Engine } from '../engine.js';
import type { AcceptOwner, SocketOwner } from '../reactor/reactor.js';
import type { Root } from '../snapshot/snapshot.js';
import { compileLog } from '../proxy/log-format.js';
import type { CompiledLog } from '../proxy/log-format.js';
import type { Proxy } from '../proxy/request.js';
import { TcpSession } from '../tcp/session.js';
import { TlsAccept } from '../tls/accept.js';
import type { AcceptEvents } from '../tls/accept.js';
import { TcpProxies } from '../tcp/proxies.js';
import { ListenersByAddress } from './by-address.js';
import { ConnectionLogs } from './connection-logs.js';
import { Chains } from './chains.js';
import type { Chain } from './chains.js';
import type { HcmRuntime } from './hcm.js';
import type { Speaks } from '../connection/downstream-factory.js';
import { Inspection } from './inspection.js';
import type { InspectionEvents } from './inspection.js';
import { Recognition } from './recognition.js';
import type { RecognitionEvents } from './recognition.js';
import { compileInspector } from './inspectors.js';
import type { Inspector } from './inspectors.js';

export class ListenerRuntime {
  readonly scope: number;
  /** Of its handshakes. */
  readonly tlsScope: number;
  /** Open connections, doubly linked. */
  connections: ListenerConnection | null = null;
  count = 0;
  /** Gone from the newest root; its socket may still have connections in the backlog. */
  removed = false;
  readonly name: string;
  readonly metadata: FilterMetadata | null;
  readonly inbound: boolean;
  readonly outbound: boolean;
  /** The limit of the process's connections concerns it. */
  readonly limited: boolean;
  readonly bufferBytes: number;
  /** Connections that it may have; Infinity = any number. */
  readonly connectionsMax: NumberCell;
  /** The one chain, of HTTP, of a listener that looks at nothing before; null: filters look, `chains` choose. */
  readonly only: HcmRuntime | null;
  readonly chains: Chains;
  readonly inspectors: readonly Inspector[];
  /** A line for each connection. */
  readonly logs: readonly CompiledLog[];
  /** One of them asks what connections' TLS tells. */
  readonly notesTls: boolean;
  readonly usesOriginalDestination: boolean;
  readonly inspectionTimeoutMs: number;
  readonly continuesOnTimeout: boolean;

  constructor(engine: Engine, readonly slot: number, readonly blob: number, contents: ListenerBlob) {
    const { config, scope, tlsScope } = contents;
    this.scope = engine.statsBase + (scope >> 3);
    this.tlsScope = engine.statsBase + (tlsScope >> 3);
    this.name = config.name;
    this.metadata = config.metadata;
    this.inbound = config.trafficDirection === 'inbound';
    this.outbound = config.trafficDirection === 'outbound';
    this.limited = !config.ignoreGlobalConnectionLimit;
    this.bufferBytes = config.perConnectionBufferBytes;
    this.connectionsMax = engine.runtime.number({ defaultValue: Infinity,
      runtimeKey: `envoy.resource_limits.listener.${config.name}.connection_limit` });
    this.chains = new Chains(engine, contents);
    this.logs = config.connectionLogs.map((log, index) => compileLog(engine, log, contents.connectionLogs[index]));
    this.notesTls = this.logs.some((log) => log.needsTlsNotes);
    const filters = config.listenerFilters;
    this.inspectors = (filters?.filters ?? []).map((filter, index) =>
      compileInspector(engine, filter, contents.filterScopes[index], config.sockets.transparent));
    this.usesOriginalDestination = config.useOriginalDestination;
    this.inspectionTimeoutMs = filters?.timeoutMs ?? 0;
    this.continuesOnTimeout = filters?.continueOnTimeout ?? false;
    const only = this.chains.only === null || filters !== null || this.chains.judged ? null
      : this.chains.get(this.chains.only);
    this.only = only === null || only.tls !== null || isAuto(only) ? null : only.hcm;
  }

  release(engine: Engine): void {
    this.chains.release(engine);
    for (const log of this.logs) log.release(engine);
  }
}

class Accepting implements AcceptOwner {
  id = -1;
  constructor(private readonly listeners: Listeners, readonly slot: number, readonly fd: number) {}
  onAccepted(fd: number): void { this.listeners.accepted(this.slot, fd); }
  onAcceptFailed(): void { this.listeners.acceptFailed(this.slot); }
}

/** ALPN says what the client speaks where the connection manager leaves it open. */
const speaksHttp2 = ({ config: { rpc, codec } }: HcmRuntime, protocol: string): boolean =>
  rpc === null && codec === 'auto' && protocol === 'h2';

const isAuto = ({ hcm }: Chain): boolean => hcm?.config.rpc?.protocol === 'auto';

export class Listeners implements InspectionEvents, RegisterEvents, AcceptEvents, RecognitionEvents {
  private readonly bySlot: (ListenerRuntime | null)[] = [];
  private readonly accepting: Accepting[] = [];
  /** Older configurations that still have connections. */
  private readonly retired = new Set<ListenerRuntime>();
  private readonly idle: Inspection[] = [];
  private readonly handshakes: TlsAccept[] = [];
  private readonly byAddress: ListenersByAddress;

  private readonly register: ConnectionRegister;
  private readonly logs: ConnectionLogs;
  private readonly factory: DownstreamFactory;
  private readonly tcp: TcpProxies;

  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {
    this.register = new ConnectionRegister(engine, this);
    this.logs = new ConnectionLogs(engine, proxy.finish.log);
    this.factory = new DownstreamFactory(engine, proxy, this.register);
    this.tcp = new TcpProxies(engine, proxy, this.register);
    this.byAddress = new ListenersByAddress(engine);
  }

  listen(slot: number, fd: number, acceptsPerEvent = 0): void {
    const accepting = new Accepting(this, slot, fd);
    accepting.id = this.engine.reactor.listen(fd, accepting, acceptsPerEvent);
    if (this.engine.overload.stopsAccepting) this.engine.reactor.pauseAccept(accepting.id);
    this.accepting.push(accepting);
  }

  unlisten(slot: number, fd: number): void {
    const index = this.accepting.findIndex((entry) => entry.slot === slot && entry.fd === fd);
    if (index < 0) return;
    this.engine.reactor.unlisten(this.accepting[index].id);
    this.accepting.splice(index, 1);
    // What waits in the backlog would be reset when main closes the socket.
    acceptBatch(fd, limits.dealtRingEntries, (accepted) => this.accepted(slot, accepted));
  }

  /** A connected socket for a listener, accepted here or dealt by main. */
  accepted(slot: number, fd: number): void {
    const listener = this.compiled(slot);
    if (listener !== null && this.engine.overload.active && this.overloaded(listener, fd)) return;
    if (listener === null) { this.refuse(fd, null); return; }
    if (listener.connectionsMax.value !== Infinity && this.isFull(listener)) { this.refuse(fd, listener); return; }
    if (listener.only === null) (this.idle.pop() ?? new Inspection(this.engine, this, this.idle)).begin(fd, listener);
    else if (this.factory.open(fd, listener, listener.only, -1, null) === null) this.refuse(fd, listener);
  }

  /** Has the listener as many connections, of all workers, as the runtime allows it? */
  private isFull({ scope, connectionsMax }: ListenerRuntime): boolean {
    const { f64, map, statsBase } = this.engine;
    const cell = scope - statsBase + ListenerStat.downstream_cx_active;
    let open = 0;
    for (let worker = 0; worker < map.workers; worker++) open += f64[(workerStats(map, worker) >> 3) + cell];
    return open >= connectionsMax.value;
  }

  /** A connection that there is no room for. */
  private refuse(fd: number, listener: ListenerRuntime | null): void {
    this.closeRaw(fd);
    this.overflown(listener);
  }

  lost(inspection: Inspection): void { this.logs.inspection(inspection, 0, null); }
  ended(connection: ListenerConnection): void {
    this.proxy.upstreams.ownerClosed(connection.id);
    if (connection.listener.logs.length > 0) this.logs.connection(connection);
  }
  exhausted(inspection: Inspection): void { this.overflown(inspection.listener); }

  overflown(listener: ListenerRuntime | null): void {
    this.engine.count(this.engine.statsBase, WorkerStat.sockets_exhausted);
    if (listener !== null) this.engine.count(listener.scope, ListenerStat.downstream_cx_overflow);
  }

  /** As Envoy, also where that is the listener it came by: its filters then look once more. */
  listenerAt({ restored }: Inspection): ListenerRuntime | null {
    const slot = this.byAddress.find(restored!);
    return slot < 0 ? null : this.compiled(slot);
  }

  /** A connection whose listener filters have finished begins in the filter chain that fits. */
  settle(inspection: Inspection): SocketOwner | null {
    const { listener, fd, socket } = inspection;
    const number = listener.chains.find(inspection);
    if (number < 0) {
      this.engine.count(listener.scope, ListenerStat.no_filter_chain_match);
      this.logs.inspection(inspection, ResponseFlag.NR, 'filter_chain_not_found');
      return null;
    }
    const chain = this.chainOf(listener, number);
    if (chain === null) { this.overflown(listener); return null; }
    return chain.tls === null ? this.enter(chain, listener, fd, socket, inspection, '')
      : this.handshake(chain, listener, fd, socket, inspection);
  }

  /** A chain that is TLS: its connection begins when the handshake is done. */
  private handshake(chain: Chain, listener: ListenerRuntime, fd: number, socket: number,
      facts: Inspection): SocketOwner | null {
    const { engine } = this;
    if (!chain.tls!.isReady()) {
      engine.count(listener.tlsScope, TlsStat.downstream_context_secrets_not_ready);
      return null;
    }
    const accept = this.handshakes.pop() ?? new TlsAccept(engine, this);
    if (!accept.begin(fd, socket, listener, chain, facts)) {
      this.handshakes.push(accept);
      this.overflown(listener);
      return null;
    }
    this.register.hold(listener);
    return accept;
  }

  onSecured(accept: TlsAccept, channel: number, protocol: string): SocketOwner | null {
    return this.enter(accept.chain, accept.listener, accept.fd, channel, accept, protocol);
  }

  /** As a connection of its chain that was nothing but TLS. */
  onHandshakeFailed(accept: TlsAccept): void {
    const { engine } = this;
    const { listener: { scope }, chain, details } = accept;
    engine.count(scope, ListenerStat.downstream_cx_total);
    engine.count(scope, ListenerStat.downstream_cx_destroy);
    this.countPassing(chain);
    if (chain.hcm !== null) {
      engine.count(chain.hcm.scope, HttpStat.downstream_cx_ssl_total);
      engine.count(chain.hcm.scope, details === '' ? HttpStat.downstream_cx_destroy_remote
        : HttpStat.downstream_cx_destroy_local);
    }
    this.logs.handshake(accept);
  }

  onHandshakeEnded(accept: TlsAccept): void {
    this.register.letGo(accept.listener);
    this.handshakes.push(accept);
  }

  /** The connection begins in its chain; `protocol`: what TLS negotiated, '' = nothing. */
  private enter(chain: Chain, listener: ListenerRuntime, fd: number, socket: number, facts: ConnectionFacts,
      protocol: string): SocketOwner | null {
    const { filters } = chain;
    if (filters !== null) {
      const delayMs = filters.judge();
      this.register.judgedBy(filters);
      if (delayMs >= 0) return this.refuseJudged({ listener, fd, socket }, chain, delayMs);
    }
    const owner = chain.hcm === null ? this.tcp.open(fd, listener, chain.tcp!, socket, facts)
      : isAuto(chain) ? this.recognise(fd, listener, chain, socket, facts)
        : this.factory.open(fd, listener, chain.hcm, socket, facts, speaksHttp2(chain.hcm, protocol) ? 'http2'
          : undefined);
    if (owner === null) this.overflown(listener);
    if (filters === null) return owner;
    this.register.judgedBy(null);
    if (owner === null) filters.release(filters.mask);
    return owner;
  }

  private recognise(fd: number, listener: ListenerRuntime, chain: Chain, socket: number,
      facts: ConnectionFacts): SocketOwner | null {
    const recognition = new Recognition(this.engine, this.register, this, listener, chain, fd, facts);
    return recognition.begin(socket) ? recognition : null;
  }

  recognised(recognition: Recognition, speaks: Speaks | 'unknown'): (SocketOwner & ListenerConnection) | null {
    const { fd, listener, hcm, socket, chain, facts } = recognition;
    return speaks === 'unknown' ? this.tcp.open(fd, listener, chain.tcp!, socket, facts, recognition)
      : this.factory.open(fd, listener, hcm, socket, facts, speaks, recognition);
  }

  /** A network filter refuses a connection: it is counted, and goes now or later. */
  private refuseJudged({ listener, fd, socket }: Pick<Inspection, 'listener' | 'fd' | 'socket'>, chain: Chain,
      delayMs: number): SocketOwner {
    const { engine } = this;
    this.countPassing(chain);
    if (socket >= 0) engine.reactor.stopReceive(socket);
    const refused = new RefusedConnection(engine, this.register, listener, fd, socket, delayMs);
    this.register.judgedBy(null);
    return refused;
  }

  /** A connection that came, and goes before its chain has it. */
  private countPassing({ hcm, tcp }: Chain): void {
    const { engine } = this;
    if (hcm === null) {
      engine.count(tcp!.scope, TcpStat.downstream_cx_total);
      return;
    }
    engine.count(hcm.scope, HttpStat.downstream_cx_total);
    engine.count(hcm.scope, HttpStat.downstream_cx_destroy);
  }

  /** As `Chains.get`; null when the arena has no room for another chain. */
  private chainOf(listener: ListenerRuntime, chain: number): Chain | null {
    try { return listener.chains.get(chain); } catch (error) {
      this.engine.report(error);
      return null;
    }
  }

  /** Closes a connection that overload does not admit. */
  private overloaded(listener: ListenerRuntime, fd: number): boolean {
    const { overload } = this.engine;
    const full = listener.limited && overload.isFull;
    if (!full && !overload.rejectsConnection()) return false;
    this.engine.count(listener.scope, full ? ListenerStat.downstream_global_cx_overflow
      : ListenerStat.downstream_cx_overload_reject);
    this.closeRaw(fd);
    return true;
  }

  /** Stops or goes on accepting; timeouts of idle connections follow. */
  overloadChanged(): void {
    const { reactor, overload } = this.engine;
    for (const { id } of this.accepting) {
      if (overload.stopsAccepting) reactor.pauseAccept(id); else reactor.resumeAccept(id);
    }
    for (const listener of [...this.retired, ...this.bySlot]) {
      for (let connection = listener?.connections ?? null; connection !== null; connection = connection.nextOfListener)
        connection.deadlineChanged();
    }
  }

  /** As get; a listener that cannot be compiled (the arena is full) refuses its connections, and the worker goes on. */
  private compiled(slot: number): ListenerRuntime | null {
    try { return this.get(slot); } catch (error) {
      this.engine.report(error);
      return null;
    }
  }

  /** Closes a socket that never became a connection. */
  closeRaw(fd: number): void { this.engine.outside.closeSocket(fd); }

  acceptFailed(slot: number): void {
    const listener = this.get(slot);
    if (listener !== null) this.engine.count(listener.scope, ListenerStat.weft_accept_failed);
  }

  private get(slot: number): ListenerRuntime | null {
    const known = slot < this.bySlot.length ? this.bySlot[slot] : null;
    if (known !== null) return known;
    const { root } = this.engine.snapshot;
    const blob = root === null ? 0 : this.engine.snapshot.listenerBlob(root, slot);
    if (blob === 0) return null;
    const listener = new ListenerRuntime(this.engine, slot, blob, this.engine.snapshot.readListener(blob));
    while (this.bySlot.length <= slot) this.bySlot.push(null);
    this.bySlot[slot] = listener;
    return listener;
  }

  /** A new root: listeners whose blob changed are compiled again at their next connection. */
  adopt(root: Root): void {
    for (let slot = 0; slot < this.bySlot.length; slot++) {
      const listener = this.bySlot[slot];
      if (listener === null) continue;
      const blob = this.engine.snapshot.listenerBlob(root, slot);
      // A removed listener still answers what reached its backlog before the socket closed: one request each.
      listener.removed = blob === 0;
      if (blob === listener.blob || blob === 0) continue;
      this.bySlot[slot] = null;
      if (listener.count > 0) this.retired.add(listener); else listener.release(this.engine);
    }
  }

  /** A connection is gone; a retired listener goes with its last one. */
  released(listener: ListenerRuntime): void {
    if (listener.count === 0 && this.retired.delete(listener)) listener.release(this.engine);
  }

  /**
   * Drains the connections of the slot's older configurations whose filter chain is not there any more, or with slot
   * -1 all of them.
   */
  drain(slot: number, inboundOnly: boolean, closeIdle: boolean, graceMs: number): void {
    for (const listener of [...this.retired, ...this.bySlot]) {
      if (listener === null || (inboundOnly && !listener.inbound)) continue;
      if (slot >= 0 && (listener.slot !== slot || (this.bySlot[slot] === listener && !listener.removed))) {
        continue;
      }
      const now = slot < 0 || listener.removed ? null : this.compiled(slot);
      const staying = now === null ? null : listener.chains.sharedWith(now.chains);
      let connection = listener.connections;
      while (connection !== null) {
        const next = connection.nextOfListener;
        if (staying === null || connection.chainEnd === null || !staying.has(connection.chainEnd))
          connection.drain(closeIdle, graceMs);
        connection = next;
      }
    }
  }

  /** An endpoint has become unhealthy whose TCP sessions end with it. */
  endpointFailed(state: number): void {
    for (const listener of [...this.retired, ...this.bySlot]) {
      let connection = listener === null ? null : listener.connections;
      while (connection !== null) {
        const next = connection.nextOfListener;
        if (connection instanceof TcpSession) this.tcp.endpointFailed(connection, state);
        connection = next;
      }
    }
  }
}
