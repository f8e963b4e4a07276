// A cluster as a worker uses it, built when the first request asks for it and kept in step with the snapshot:
// configuration, endpoints by address (an endpoint that stays keeps its connections), picker, circuit breakers,
// statistics. Breakers count for the whole process.
import { ClusterState } from '../../core/memory-map.js';
import { clusterScope, OVERFLOW_SCOPE } from '../../telemetry/scopes.js';
import { WorkerStat, histogramCell } from '../../telemetry/schema.js';
import type { AssignmentPolicy, ClusterConfig, OriginalDestination } from '../../config/types.js';
import type { AssignmentBlob, ClusterBlob } from '../../config/snapshot/layout.js';
import type { ClientContext } from '../tls/client-context.js';
import { LoadReports } from '../balancing/load-reports.js';
import { Latencies } from '../balancing/peak-ewma.js';
import { Level } from '../balancing/levels.js';
import { equalKey } from '../../config/values.js';
import { connectionsKey } from '../../config/upstream-connections.js';
import { createPicker } from '../balancing/picker.js';
import type { Picker } from '../balancing/picker.js';
import type { Engine } from '../engine.js';
import { HashPolicies } from '../routing/hash-policies.js';
import type { Root } from '../snapshot/snapshot.js';
import { traitsOf } from './cluster-traits.js';
import type { ClusterTraits } from './cluster-traits.js';
import { Destinations } from './destinations.js';
import { addressText, Endpoint } from './endpoint.js';
import { Outliers } from './outliers.js';
import { ServerNames } from './server-names.js';
import type { ServerName } from './server-names.js';
import { Transports } from './transport.js';

export class ClusterRuntime {
  // First what every request looks at: a mesh has many clusters, and each line of the cache counts.
  traits!: ClusterTraits;
  /** Index into f64. */
  readonly scope: number;
  readonly requestTimeCell: number;
  /** Int32 index of the process-wide breaker counts. */
  private readonly breakers: number;
  private built: Picker | null = null;
  private stale = true;
  /** The version of the endpoints' health that the picker was built from. */
  private healthSeen = 0;
  /** Part of the requests that is refused at once. */
  dropped = 0;
  /** How endpoints are reached, where any of them is by TLS. */
  transports: Transports | null = null;
  private transportKey = '';
  /** Of an ORIGINAL_DST cluster: requests bring their endpoints. */
  destinations: Destinations | null = null;
  /** What requests say of themselves decides about their endpoints (proxy/asked.ts). */
  asksRequests = false;
  /** More connections are opened than are wanted at the moment. */
  preconnects = false;
  /** `latencies` or `reports` is there: responses are looked at (proxy/learning.ts). */
  learns = false;
  /** Results of requests, where outlier detection asks for them. */
  outliers: Outliers | null = null;
  /** What requests are hashed by; null: by their routes' policies. */
  hashPolicies: HashPolicies | null = null;
  /** An endpoint has a name of its own. */
  namesHosts = false;
  /** Of the local cluster, where there is one. */
  private localSeen = 0;
  /** Response times of endpoints, where the balancer asks for them. */
  latencies: Latencies | null = null;
  /** What endpoints report of their load, likewise. */
  reports: LoadReports | null = null;
  /** Those of `hashPolicies` that a connection without requests can be hashed by. */
  connectionHash: HashPolicies | null = null;
  config!: ClusterConfig;
  /** What connections were opened under, as one text. */
  private connectionOptions = '';
  /** Each client has connections of its own. */
  ownsConnections = false;
  /** What requests call the server, where its certificate goes by that. */
  readonly serverNames: ServerNames;
  /** Counts endpoints for names: two of one name may be there at a time. */
  private nextNamed = 0;
  /**
   * Every endpoint that is in the assignment or still has connections, by address text; and beside them those for
   * names.
   */
  readonly endpoints = new Map<string, Endpoint>();
  clusterBlob = 0;
  assignmentBlob = -1;
  readonly connectCell: number;
  readonly lengthCell: number;
  /** The endpoints by priority; a priority that nobody has is empty. */
  private levels: Endpoint[][] = [];
  private policy: AssignmentPolicy | null = null;
  private changes = 0;

  /** `localCluster` finds the cluster that this process is one of; null where zones do not matter. */
  constructor(private readonly engine: Engine, readonly slot: number,
      private readonly localCluster: (() => ClusterRuntime | null) | null = null) {
    const offset = clusterScope(engine.i32, engine.map, slot);
    if (offset === OVERFLOW_SCOPE) engine.count(engine.statsBase, WorkerStat.stats_overflow);
    this.scope = engine.statsBase + (offset >> 3);
    this.connectCell = this.scope + histogramCell('cluster', 1);
    this.lengthCell = this.scope + histogramCell('cluster', 2);
    this.requestTimeCell = this.scope + histogramCell('cluster', 0);
    this.breakers = (engine.map.clusterStates + slot * ClusterState.bytes) >> 2;
    this.serverNames = new ServerNames(engine, (name) => { this.forgetName(name); });
  }

  get name(): string { return this.config.name; }

  /** What picks an endpoint, in step with the configuration and with the endpoints' health. */
  get picker(): Picker | null {
    const version = Atomics.load(this.engine.i32, this.breakers + ClusterState.healthVersion);
    if (!this.stale && version === this.healthSeen && this.localCluster === null) return this.built;
    return this.rebuilt(version);
  }

  private rebuilt(version: number): Picker | null {
    const local = this.localCluster === null ? null : this.localCluster();
    const localVersion = local === null ? 0 : local.version;
    if (!this.stale && version === this.healthSeen && localVersion === this.localSeen) return this.built;
    if (version !== this.healthSeen && this.config.balancing.closeOnChange) this.closeAll();
    this.stale = false;
    this.healthSeen = version;
    this.localSeen = localVersion;
    const zones = local === null || local === this || local.levels.length === 0 ? null
      : { locality: this.engine.locality, level: new Level(local.levels[0]) };
    this.built = createPicker(this.engine, this.config, this.levels, this.policy, zones,
      (stat) => { this.count(stat); });
    return this.built;
  }

  /** Grows with every change of the endpoints or of their health. */
  get version(): number {
    return this.changes + Atomics.load(this.engine.i32, this.breakers + ClusterState.healthVersion);
  }

  /** Other TLS: connections that are open serve what they have, and what is idle closes. */
  private takeTransports(blob: ClusterBlob): void {
    const key = equalKey([blob.config.tls, blob.config.transportSocketMatches, blob.secrets ?? null]);
    if (key === this.transportKey) return;
    if (this.transportKey !== '') this.closeAll();
    this.transportKey = key;
    this.transports?.release();
    this.transports = blob.secrets === undefined ? null : new Transports(this.engine, this.slot, blob);
    for (const endpoint of this.endpoints.values()) endpoint.tls = this.transportOf(endpoint);
  }

  private transportOf({ transportMatch }: Endpoint): ClientContext | null {
    return this.transports === null ? null : this.transports.of(transportMatch);
  }

  /** Takes over what `root` says about this cluster. False when the cluster is gone from it. */
  adopt(root: Root): boolean {
    const { snapshot } = this.engine;
    const clusterBlob = snapshot.clusterBlob(root, this.slot);
    if (clusterBlob === 0) return false;
    const assignmentBlob = snapshot.assignmentBlob(root, this.slot);
    if (clusterBlob === this.clusterBlob && assignmentBlob === this.assignmentBlob) return true;
    const blob = snapshot.readCluster(clusterBlob);
    this.config = blob.config;
    if (clusterBlob !== this.clusterBlob) this.takeTransports(blob);
    this.traits = traitsOf(this.config);
    this.clusterBlob = clusterBlob;
    const { proxyProtocol, perDownstream, preconnectRatio } = this.config.connections;
    this.preconnects = preconnectRatio > 1;
    const options = connectionsKey(this.config.connections) + equalKey(this.config.http)
      + equalKey({ rpc: this.config.rpc });
    if (options !== this.connectionOptions) this.closeAll();
    this.connectionOptions = options;
    this.ownsConnections = proxyProtocol !== null || perDownstream;
    for (const endpoint of this.endpoints.values()) endpoint.ownConnections(this.ownsConnections);
    const { peakEwma, clientWeights, subsets, overrideHost, hashing } = this.config.balancing;
    const policies = hashing === null ? [] : hashing.policies;
    this.hashPolicies = HashPolicies.of(policies);
    this.connectionHash = HashPolicies.of(policies.filter(({ kind }) => kind === 'sourceIp'));
    this.asksRequests = subsets !== null || overrideHost !== null;
    this.latencies = peakEwma === null ? null : new Latencies(this.engine, peakEwma.decayMs);
    this.reports = clientWeights === null ? null : new LoadReports(this.engine, clientWeights);
    this.learns = this.latencies !== null || this.reports !== null;
    const { outlierDetection } = this.config;
    this.outliers = outlierDetection === null ? null : new Outliers(this.engine, this.slot, outlierDetection);
    if (this.config.originalDestination !== null) {
      this.takeDestinations(this.config.originalDestination);
      this.assignmentBlob = assignmentBlob;
      return true;
    }
    if (this.destinations !== null) { this.destinations.end(); this.destinations = null; this.assignmentBlob = -1; }
    this.stale = true;
    if (assignmentBlob !== this.assignmentBlob) {
      const assignment = assignmentBlob === 0 ? null : snapshot.readAssignment(assignmentBlob);
      this.policy = assignment === null ? null : assignment.policy;
      this.dropped = this.policy === null ? 0 : this.policy.dropped;
      this.takeEndpoints(assignment === null ? [] : assignment.endpoints);
      this.assignmentBlob = assignmentBlob;
    }
    return true;
  }

  /** Endpoints of an ORIGINAL_DST cluster stay when its configuration changes. */
  private takeDestinations(config: OriginalDestination): void {
    if (this.destinations !== null) this.destinations.end(); else this.takeEndpoints([]);
    this.destinations = new Destinations(this.engine, this, config);
  }

  private takeEndpoints(entries: AssignmentBlob['endpoints']): void {
    if (this.config.balancing.closeOnChange) this.closeAll();
    for (const endpoint of this.endpoints.values()) endpoint.removed = true;
    this.levels = [];
    this.changes++;
    this.stale = true;
    for (const entry of entries) {
      const key = entry.logicalName === '' ? addressText(entry.address) : entry.logicalName;
      let endpoint = this.endpoints.get(key);
      if (endpoint === undefined) {
        endpoint = new Endpoint(this.engine, this, entry.address, entry.state, key);
        // arena full: the endpoint is not used by this worker
        if (endpoint.sockaddrBytes === 0) continue;
        this.endpoints.set(key, endpoint);
      }
      endpoint.update(entry);
      endpoint.tls = this.transportOf(endpoint);
      endpoint.ownConnections(this.ownsConnections);
      if (endpoint.named !== null) for (const named of endpoint.named.values()) named.follow();
      while (this.levels.length <= entry.priority) this.levels.push([]);
      this.levels[entry.priority].push(endpoint);
    }
    this.namesHosts = entries.some(({ hostname }) => hostname !== '');
    for (const endpoint of [...this.endpoints.values()]) this.retire(endpoint);
  }

  /** No connection of before serves another request (close_connections_on_host_set_change, other options). */
  private closeAll(): void {
    for (const endpoint of this.endpoints.values()) {
      endpoint.usableFromId = this.engine.nextConnectionId;
      endpoint.closeUnused();
    }
  }

  /** Closes idle connections of a removed endpoint and forgets it once nothing uses it. */
  retire(endpoint: Endpoint): void {
    if (!endpoint.removed) return;
    endpoint.closeUnused();
    if (endpoint.named !== null) for (const named of endpoint.named.values()) this.removeNamed(named);
    if (endpoint.connections === 0 && endpoint.pendingCount === 0
      && (endpoint.named === null || endpoint.named.size === 0)
      && this.endpoints.get(endpoint.key) === endpoint) {
      this.endpoints.delete(endpoint.key);
      endpoint.dispose();
      if (this.destinations !== null) this.destinations.forget(endpoint);
      if (endpoint.main !== endpoint) this.retire(endpoint.main);
    }
  }

  private removeNamed(named: Endpoint): void {
    if (named.removed) return;
    named.removed = true;
    this.retire(named);
  }

  /** What lends connections of an endpoint for a server name; null: the arena is full. */
  lenderFor(main: Endpoint, name: ServerName): Endpoint | null {
    if (main.tls === null) return main;
    main.named ??= new Map();
    const known = main.named.get(name);
    if (known !== undefined) {
      known.removed = main.removed;
      return known;
    }
    const key = `${main.key} ${this.nextNamed++} ${name.text}`;
    const named = new Endpoint(this.engine, this, main.address, main.stateIndex, key, main, name);
    if (named.sockaddrBytes === 0) return null;
    named.follow();
    main.named.set(name, named);
    this.endpoints.set(key, named);
    return named;
  }

  /** No request asks for that name any more, or not soon. */
  private forgetName(name: ServerName): void {
    for (const { named } of [...this.endpoints.values()]) {
      const endpoint = named?.get(name);
      if (endpoint !== undefined) this.removeNamed(endpoint);
    }
  }

  /** The endpoint has become unhealthy: connections with smaller numbers are not used again. */
  endpointFailed(state: number, usableFromId: number): void {
    for (const endpoint of this.endpoints.values()) {
      if (endpoint.stateIndex !== state) continue;
      endpoint.usableFromId = usableFromId;
      endpoint.closeUnused();
    }
  }

  /** Everything of this cluster is closed as it becomes idle: it is gone from the snapshot. */
  remove(): void {
    for (const endpoint of [...this.endpoints.values()]) {
      endpoint.removed = true;
      this.retire(endpoint);
    }
    this.levels = [];
    this.stale = true;
    this.destinations?.end();
  }

  count(stat: number): void { this.engine.f64[this.scope + stat] += 1; }
  gauge(stat: number, by: number): void { this.engine.f64[this.scope + stat] += by; }

  /** Requests in progress of the whole process. */
  activeRequests(): number {
    const { i32 } = this.engine;
    return Atomics.load(i32, this.breakers + ClusterState.requests)
      + Atomics.load(i32, this.breakers + ClusterState.highOffset + ClusterState.requests);
  }

  /** What balancers and outlier detection learn of an endpoint: it was reached, answered, failed, or was silent. */
  reached(endpoint: Endpoint): void { if (this.outliers !== null) this.outliers.connected(endpoint); }
  answered(endpoint: Endpoint, status: number): void {
    if (this.outliers !== null) this.outliers.answered(endpoint, status);
  }
  failed(endpoint: Endpoint): void {
    if (this.latencies !== null) this.latencies.failed(endpoint);
    if (this.outliers !== null) this.outliers.failed(endpoint, false);
  }
  /** `forMs` below 0: the request had not been sent. */
  silent(endpoint: Endpoint, forMs: number): void {
    if (this.outliers !== null) this.outliers.failed(endpoint, true);
    if (this.latencies !== null && forMs >= 0) this.latencies.observe(endpoint, forMs);
  }

  /** Takes one unit of a breaker (ClusterState.*) if it is below `max`. */
  tryTake(field: number, max: number): boolean {
    if (Atomics.add(this.engine.i32, this.breakers + field, 1) < max) return true;
    Atomics.sub(this.engine.i32, this.breakers + field, 1);
    return false;
  }
  /** Units of a breaker that are taken, in the whole process. */
  taken(field: number): number { return Atomics.load(this.engine.i32, this.breakers + field); }
  healthChanged(): void { Atomics.add(this.engine.i32, this.breakers + ClusterState.healthVersion, 1); }
  take(field: number): void { Atomics.add(this.engine.i32, this.breakers + field, 1); }
  giveBack(field: number): void { Atomics.sub(this.engine.i32, this.breakers + field, 1); }
}

/** The clusters that this worker uses, by slot. */
export class Clusters {
  private readonly bySlot: (ClusterRuntime | null)[] = [];

  private readonly localCluster = (): ClusterRuntime | null => {
    const slot = this.engine.snapshot.clusterSlot(this.engine.localCluster);
    return slot < 0 ? null : this.get(slot);
  };

  constructor(private readonly engine: Engine) {}

  /** The cluster bound to `slot` in the newest root, or null when there is none. */
  get(slot: number): ClusterRuntime | null {
    const known = slot < this.bySlot.length ? this.bySlot[slot] : null;
    return known ?? this.build(slot);
  }

  private build(slot: number): ClusterRuntime | null {
    const { snapshot } = this.engine;
    if (snapshot.clusterBlob(snapshot.root!, slot) === 0) return null;
    const cluster = new ClusterRuntime(this.engine, slot, this.engine.localCluster === '' ? null : this.localCluster);
    while (this.bySlot.length <= slot) this.bySlot.push(null);
    this.bySlot[slot] = cluster;
    cluster.adopt(snapshot.root!);
    return cluster;
  }

  /** A new root: every cluster in use takes what changed. */
  adopt(root: Root): void {
    for (let slot = 0; slot < this.bySlot.length; slot++) {
      const cluster = this.bySlot[slot];
      if (cluster === null || cluster.adopt(root)) continue;
      cluster.remove();
      this.bySlot[slot] = null;
    }
  }

  endpointFailed(slot: number, state: number, usableFromId: number): void {
    if (slot < this.bySlot.length) this.bySlot[slot]?.endpointFailed(state, usableFromId);
  }

  describe(): string {
    const lines: string[] = [];
    for (const cluster of this.bySlot) {
      if (cluster === null) continue;
      for (const endpoint of cluster.endpoints.values()) {
        lines.push(`${cluster.name} ${endpoint.text} connections ${endpoint.connections} `
          + `pending ${endpoint.pendingCount}${endpoint.removed ? ' removed' : ''}`);
      }
    }
    return lines.join('\n');
  }
}
