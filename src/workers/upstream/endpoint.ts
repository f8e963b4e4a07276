// One endpoint as a worker sees it: its address, its process-wide state, its connections and the streams that wait for
// one. Connections are exclusive (HTTP/1.1): idle ones form a stack, so that the warmest is lent first and the rest may
// time out.
import { localityText } from '../../config/locality.js';
import { FIRST_DISCOVERED_STATE } from '../../core/discovered.js';
import { EndpointShare, EndpointState, HealthFlag } from '../../core/memory-map.js';
import { encodeSockaddr, SOCKADDR_BYTES_MAX } from '../../os/sockaddr.js';
import type { Address } from '../../config/types.js';
import type { HappyEyeballs } from '../../config/upstream-connections.js';
import type { AssignmentBlob } from '../../config/snapshot/layout.js';
import { DEGRADED, EXCLUDED, HEALTHY, UNHEALTHY } from '../balancing/levels.js';
import type { Engine } from '../engine.js';
import { AwaitedByProtocol } from './awaited.js';
import type { Borrower } from './borrower.js';
import type { ClusterRuntime } from './cluster.js';
import type { ClientContext } from '../tls/client-context.js';
import type { UpstreamConnection } from './connection.js';
import type { ServerName } from './server-names.js';
import type { SharedSession } from './shared-session.js';

/** One of several addresses of an endpoint. */
export interface Target { readonly address: Address; readonly sockaddr: number; readonly bytes: number }

export class Endpoint {
  // First what every request looks at.
  /** Int32 index of the process-wide state. */
  readonly state: number;
  /** Int32 index of this worker's part of it. */
  readonly share: number;
  idle: UpstreamConnection | null = null;
  idleCount = 0;
  /** Where each client has connections of its own: those that are idle, by the client's connection. Else null. */
  owned: Map<number, UpstreamConnection> | null = null;
  /** Those that carry many requests at a time, and take more. */
  readonly sessions: SharedSession[] = [];
  pendingFirst: Borrower | null = null;
  pendingCount = 0;
  /** Of them, those that wait for one stream of a connection that carries many; and such connections that connect. */
  readonly shared = new AwaitedByProtocol();
  /** No longer in the assignment: serves what it has, takes nothing new, goes when its last connection does. */
  removed = false;
  /** Connections with smaller numbers are from before it became unhealthy: they serve what they have and then go. */
  usableFromId = 0;
  /** 'ip:port' as Envoy prints it. */
  text: string;
  pendingLast: Borrower | null = null;
  connections = 0;
  connecting = 0;
  readonly sockaddr: number;
  sockaddrBytes: number;
  /** What it is found by among the cluster's: its address, or the name whose address may change. */
  readonly key: string;
  weight = 1;
  priority = 0;
  hostname = '';
  /** Its locality as one text, equal for equal localities; what the locality weighs beside others, 0 = nothing. */
  locality = '';
  localityWeight = 0;
  /** What it was last found to speak, where ALPN decides. */
  speaksHttp2 = true;
  /** What its transport is chosen by (envoy.transport_socket_match). */
  transportMatch: AssignmentBlob['endpoints'][number]['transportMatch'];
  /** Where requests name the server (auto_sni): its connections for each name are lent by an endpoint of their own. */
  named: Map<ServerName, Endpoint> | null = null;
  /** Itself, or the endpoint that this one is for a name. */
  readonly main: Endpoint;
  /** How it is spoken to; null: in plain bytes. */
  tls: ClientContext | null = null;
  /** What subsets and hashes go by. */
  metadata: AssignmentBlob['endpoints'][number]['metadata'] = null;
  /** Since when it has been healthy, as far as this worker knows; 0 = it is not. */
  healthySinceMs = 0;
  /** Since when it has reported its load, as far as this worker knows; 0 = it does not. */
  reportedSinceMs = 0;
  /** What its configuration says of its health. */
  private configuredHealth: number = HEALTHY;
  /** Its addresses in the order in which they are tried, where it has several; else null. */
  targets: readonly Target[] | null = null;
  private targetsText = '';

  constructor(private readonly engine: Engine, readonly cluster: ClusterRuntime, public address: Address,
      readonly stateIndex: number, key = '', main: Endpoint | null = null,
      readonly serverName: ServerName | null = null) {
    this.main = main ?? this;
    this.state = (engine.map.endpointStates + stateIndex * EndpointState.bytes) >> 2;
    this.share = (engine.endpointShares + stateIndex * EndpointShare.bytes) >> 2;
    this.text = addressText(address);
    this.key = key === '' ? this.text : key;
    this.sockaddr = engine.heap.allocate(SOCKADDR_BYTES_MAX);
    this.sockaddrBytes = this.encode();
  }

  /** Does each client have connections of its own from now on? */
  ownConnections(wanted: boolean): void {
    if (wanted !== (this.owned !== null)) this.owned = wanted ? new Map() : null;
  }

  private encode(): number {
    const { address, engine, sockaddr } = this;
    return sockaddr < 0 ? 0 : encodeSockaddr(address.kind === 'ip' ? address : { kind: 'pipe', path: address.path },
      new DataView(engine.memory.buffer), sockaddr);
  }

  /** Its name has another address now: connections that are open stay, new ones go there. */
  private moveTo(address: Address): void {
    this.address = address;
    this.text = addressText(address);
    this.sockaddrBytes = this.encode();
  }

  /** Takes its further addresses; they change rarely. */
  private takeTargets({ address, additionalAddresses }: AssignmentBlob['endpoints'][number]): void {
    const addresses = additionalAddresses.length === 0 ? []
      : inTurn([address, ...additionalAddresses], this.cluster.config.connections.happyEyeballs);
    const text = addresses.map(addressText).join();
    if (text === this.targetsText) return;
    this.targetsText = text;
    this.releaseTargets();
    const targets: Target[] = [];
    for (const one of addresses) {
      const sockaddr = this.engine.heap.allocate(SOCKADDR_BYTES_MAX);
      if (sockaddr < 0) break;                            // the arena is full: the others are not tried
      targets.push({ address: one, sockaddr, bytes: encodeSockaddr(one, new DataView(this.engine.memory.buffer),
        sockaddr) });
    }
    if (targets.length > 0) this.targets = targets;
  }

  private releaseTargets(): void {
    for (const { sockaddr } of this.targets ?? []) this.engine.heap.release(sockaddr, SOCKADDR_BYTES_MAX);
    this.targets = null;
  }

  update(entry: AssignmentBlob['endpoints'][number]): void {
    if (entry.additionalAddresses.length > 0 || this.targets !== null) this.takeTargets(entry);
    if (entry.logicalName !== '' && addressText(entry.address) !== this.text) this.moveTo(entry.address);
    this.weight = Math.max(1, entry.weight);
    this.hostname = entry.hostname;
    this.transportMatch = entry.transportMatch;
    this.priority = entry.priority;
    this.configuredHealth = entry.health === 'unknown' || entry.health === 'healthy' ? HEALTHY
      : entry.health === 'degraded' ? DEGRADED : entry.health === 'draining' ? EXCLUDED : UNHEALTHY;
    this.localityWeight = entry.localityWeight;
    this.metadata = entry.metadata;
    this.locality = entry.locality === null ? '' : localityText(entry.locality);
    this.removed = false;
  }

  /** An endpoint for a name is as the one that it is of. */
  follow(): void {
    const { main } = this;
    if (main.text !== this.text) this.moveTo(main.address);
    this.hostname = main.hostname;
    this.transportMatch = main.transportMatch;
    this.priority = main.priority;
    this.metadata = main.metadata;
    this.locality = main.locality;
    this.targets = main.targets;
    this.tls = main.tls;
    this.ownConnections(main.owned !== null);
    this.removed = main.removed;
  }

  /** Notes when it became healthy: slow start begins then. An ejected endpoint comes back as it was, as in Envoy. */
  noteHealth(health: number): void {
    if (health === HEALTHY) { if (this.healthySinceMs === 0) this.healthySinceMs = this.engine.nowMs; return; }
    const flags = Atomics.load(this.engine.i32, this.state + EndpointState.healthFlags);
    if ((flags & (HealthFlag.failedActive | HealthFlag.pendingCheck)) !== 0) this.healthySinceMs = 0;
  }

  /** What balancers think of it: the configuration's word, and what checks and outlier detection found out. */
  health(): number {
    const flags = Atomics.load(this.engine.i32, this.state + EndpointState.healthFlags);
    if (flags === 0 || this.configuredHealth === EXCLUDED) return this.configuredHealth;
    if ((flags & (HealthFlag.pendingCheck | HealthFlag.excluded)) !== 0) return EXCLUDED;
    if ((flags & (HealthFlag.failedActive | HealthFlag.ejected | HealthFlag.readOnly)) !== 0) return UNHEALTHY;
    return (flags & HealthFlag.degradedActive) !== 0 && this.configuredHealth === HEALTHY ? DEGRADED
      : this.configuredHealth;
  }

  /** The endpoint says that it is out of service: no worker picks it from now on. */
  exclude(): void {
    Atomics.or(this.engine.i32, this.state + EndpointState.healthFlags, HealthFlag.excluded);
    this.cluster.healthChanged();
  }

  get isReadOnly(): boolean {
    return (Atomics.load(this.engine.i32, this.state + EndpointState.healthFlags) & HealthFlag.readOnly) !== 0;
  }
  /** It takes no new calls, or may do so again: all workers pick others while they have any. */
  readOnly(on: boolean): void {
    const at = this.state + EndpointState.healthFlags;
    if (on) Atomics.or(this.engine.i32, at, HealthFlag.readOnly);
    else Atomics.and(this.engine.i32, at, ~HealthFlag.readOnly);
    this.cluster.healthChanged();
  }

  activeRequests(): number { return Atomics.load(this.engine.i32, this.state + EndpointState.activeRequests); }
  openConnections(): number { return Atomics.load(this.engine.i32, this.state + EndpointState.activeConnections); }
  /** A request begins (1) or ends (-1) here: counted for the process, and as this worker's part. */
  request(by: number): void {
    const { i32 } = this.engine;
    i32[this.share + EndpointShare.activeRequests] += by;
    Atomics.add(i32, this.state + EndpointState.activeRequests, by);
  }
  connection(by: number): void {
    const { i32 } = this.engine;
    i32[this.share + EndpointShare.activeConnections] += by;
    Atomics.add(i32, this.state + EndpointState.activeConnections, by);
  }
  add(field: number, by: number): void { Atomics.add(this.engine.i32, this.state + field, by); }

  pushPending(stream: Borrower): void {
    stream.pending = true;
    stream.pendingNext = null;
    stream.pendingPrevious = this.pendingLast;
    if (this.pendingLast === null) this.pendingFirst = stream; else this.pendingLast.pendingNext = stream;
    this.pendingLast = stream;
    this.pendingCount++;
    if (!stream.shares) return;
    const awaited = this.shared.of(stream.protocol);
    awaited.pending++;
    if (stream.alone) awaited.alone++;
  }

  removePending(stream: Borrower): void {
    if (stream.pendingPrevious === null) this.pendingFirst = stream.pendingNext;
    else stream.pendingPrevious.pendingNext = stream.pendingNext;
    if (stream.pendingNext === null) this.pendingLast = stream.pendingPrevious;
    else stream.pendingNext.pendingPrevious = stream.pendingPrevious;
    stream.pendingNext = stream.pendingPrevious = null;
    stream.pending = false;
    this.pendingCount--;
    if (!stream.shares) return;
    const awaited = this.shared.of(stream.protocol);
    awaited.pending--;
    if (stream.alone) awaited.alone--;
  }

  /** Connections that serve nothing close; those that carry requests close when these are answered. */
  closeUnused(): void {
    while (this.idle !== null) this.idle.closeIdle();
    while (this.sessions.length > 0) this.sessions.pop()!.drain();
  }

  /** Gives the arena back; nothing of this endpoint is in use any more. */
  dispose(): void {
    if (this.sockaddr >= 0) this.engine.heap.release(this.sockaddr, SOCKADDR_BYTES_MAX);
    if (this.serverName !== null) { this.main.named!.delete(this.serverName); return; }
    if (this.stateIndex >= FIRST_DISCOVERED_STATE) this.engine.discovered.release(this.stateIndex);
    this.releaseTargets();
  }
}

export function addressText(address: Address): string {
  if (address.kind === 'pipe') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Addresses of both families alternate: so many of the first, one of the other, and so on. */
export function inTurn(addresses: readonly Address[], { firstFamily, firstCount }: HappyEyeballs): Address[] {
  const familyOf = (address: Address): string => address.kind === 'ip' && address.host.includes(':') ? 'v6' : 'v4';
  const preferred = firstFamily === 'asGiven' ? familyOf(addresses[0]) : firstFamily;
  const first = addresses.filter((address) => familyOf(address) === preferred);
  const others = addresses.filter((address) => familyOf(address) !== preferred);
  const sorted: Address[] = [];
  while (first.length > 0 || others.length > 0) sorted.push(...first.splice(0, firstCount), ...others.splice(0, 1));
  return sorted;
}
