// Follows the accepted configuration and puts it in force: binds listeners, publishes blobs, resolves DNS clusters,
// joins clusters with the assignment that belongs to them. Each batch of changes becomes one root. What cannot be put
// in force (a port that is taken, a heap that is full) is reported back and leaves the last good state as it was.
//
// Order within a batch: clusters and routes first, then listeners, so that no connection is accepted for a
// configuration that is not yet visible; a listener waits while the store still expects initial answers
// (initial_fetch_timeout).
import type { Refusal, SnapshotChange, SnapshotKind } from '../config/snapshot/changes.js';
import type { SnapshotPublisher } from '../config/snapshot/publisher.js';
import type { SecretContents } from '../config/tls.js';
import type { ClusterConfig, EndpointAssignment, ListenerConfig, RouteConfig } from '../config/types.js';
import { errorText } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { DnsClusters } from './dns.js';
import { isWatched } from './health/health.js';
import type { EndpointHealth } from './health/health.js';
import type { Listeners, Prepared } from './listeners.js';
import type { Warming } from './warming.js';

interface RecordOf<T> { readonly config: T }
/** One change of the store; xds/store.ts has the full shape. */
export type StoreChange =
  | { kind: 'listener'; name: string; record: RecordOf<ListenerConfig> | null }
  | { kind: 'route'; name: string; record: RecordOf<RouteConfig> | null }
  | { kind: 'cluster'; name: string; record: RecordOf<ClusterConfig> | null }
  | { kind: 'assignment'; name: string; record: RecordOf<EndpointAssignment> | null }
  | { kind: 'secret'; name: string; record: RecordOf<SecretContents> | null };
export interface Store {
  readonly assignments: ReadonlyMap<string, RecordOf<EndpointAssignment>>;
  /** No initial answer is outstanding: what is missing now stays missing until an update brings it. */
  readonly ready: boolean;
  onReady(callback: () => void): void;
}

export interface ConfigurationOptions {
  store: Store;
  publisher: SnapshotPublisher;
  listeners: Listeners;
  dns: () => Promise<DnsClusters>;
  health: EndpointHealth;
  warmUp: Warming;
  wakeAll(): void;
  /** What could not be put in force, for error_state and the counters. */
  onRefused(kind: SnapshotKind, name: string, details: string): void;
  log: Log;
}

const isDns = (type: ClusterConfig['type'] | undefined): boolean => type === 'strictDns' || type === 'logicalDns';

/**
 * What stays known of a cluster: its configuration only where endpoints are looked at, because there may be thousands.
 */
interface KnownCluster { type: ClusterConfig['type']; edsName: string; watched: ClusterConfig | null }

export class Configuration {
  /** Clusters by the EDS resource that they follow. */
  private readonly edsFollowers = new Map<string, Set<string>>();
  private readonly clusters = new Map<string, KnownCluster>();
  /** Of clusters whose health is looked at: endpoints as their source gave them, and as they are in force. */
  private readonly given = new Map<string, EndpointAssignment>();
  private readonly inForce = new Map<string, EndpointAssignment>();
  /** Listeners accepted by the store and not bound yet: their route configurations are on the way. */
  private readonly warming = new Map<string, ListenerConfig>();
  private readonly resolved = new Map<string, EndpointAssignment>();
  private publishing = false;
  private uncommitted: Prepared[] = [];

  constructor(private readonly options: ConfigurationOptions) {
    options.publisher.onPublished = () => this.published();
    options.publisher.onAccepted = (kind, name) =>
      options.log.info(`${kind} ${name} is in force now: there is room again`);
  }

  get warmingListeners(): string[] { return [...this.warming.keys()]; }

  /** Are the cluster's endpoints found by workers? */
  discovers(cluster: string): boolean { return this.typeOf(cluster) === 'originalDst'; }
  private typeOf(cluster: string) { return this.clusters.get(cluster)?.type; }

  /** Takes one batch of the store's changes. */
  change(changes: readonly StoreChange[]): void {
    const { publisher } = this.options;
    const out: SnapshotChange[] = [];
    const known = new Set(this.clusters.keys());
    for (const change of changes) this.collect(change, out);
    this.apply(out, known);
    const removed = changes.filter((change) => change.kind === 'listener' && change.record === null);
    for (const { name } of removed) {
      this.warming.delete(name);
      this.options.listeners.remove(name);
      publisher.apply([{ kind: 'listener', name, value: null }]);
    }
    for (const change of changes) {
      if (change.kind === 'listener' && change.record !== null) this.warming.set(change.name, change.record.config);
    }
    this.publishWith(this.readyListeners());
    if (this.warming.size === 0) return;
    const { store, warmUp } = this.options;
    store.onReady(() => warmUp.onReady(() => this.publishWith(this.readyListeners())));
  }

  /** Applies changes of clusters, assignments and routes; the health of endpoints follows before anybody sees them. */
  private apply(changes: SnapshotChange[], known: ReadonlySet<string> | null): void {
    const { publisher, health } = this.options;
    this.refuse(publisher.apply(changes));
    const names = new Set<string>();
    for (const { kind, name, value } of changes) {
      if (kind !== 'cluster' && kind !== 'assignment') continue;
      const watched = this.watched(name) !== null;
      if (watched && kind === 'assignment' && value !== null) this.inForce.set(name, value);
      else if (!watched || kind === 'assignment') this.inForce.delete(name);
      if (!watched) this.given.delete(name);
      if (watched || health.watches(name)) names.add(name);
    }
    for (const name of names) {
      health.update(name, this.watched(name), this.inForce.get(name) ?? null, known !== null && !known.has(name));
    }
  }

  /** An endpoint that was kept for its health is not kept any more. */
  endpointUnkept(cluster: string): void {
    const assignment = this.given.get(cluster);
    if (assignment === undefined) return;
    this.apply([{ kind: 'assignment', name: cluster, value: this.kept(cluster, assignment) }], null);
    this.publish();
  }

  private watched(name: string): ClusterConfig | null { return this.clusters.get(name)?.watched ?? null; }

  private kept(cluster: string, assignment: EndpointAssignment | null): EndpointAssignment | null {
    const config = this.watched(cluster);
    if (assignment === null || config === null || config.healthCheck === null) return assignment;
    this.given.set(cluster, assignment);
    return this.options.health.keep(cluster, config, assignment);
  }

  private collect(change: StoreChange, out: SnapshotChange[]): void {
    switch (change.kind) {
      case 'secret': {
        const value = change.record?.config ?? null;
        this.options.health.secret(change.name, value);
        out.push({ kind: 'secret', name: change.name, value });
        break;
      }
      case 'route': out.push({ kind: 'route', name: change.name, value: change.record?.config ?? null }); break;
      case 'cluster': this.collectCluster(change.name, change.record?.config ?? null, out); break;
      case 'assignment':
        for (const cluster of this.edsFollowers.get(change.name) ?? []) {
          out.push({ kind: 'assignment', name: cluster, value: this.kept(cluster, change.record?.config ?? null) });
        }
        break;
      case 'listener': break;
    }
  }

  private collectCluster(name: string, config: ClusterConfig | null, out: SnapshotChange[]): void {
    out.push({ kind: 'cluster', name, value: config });
    const old = this.clusters.get(name);
    if (old?.type === 'eds') this.edsFollowers.get(old.edsName)?.delete(name);
    if (isDns(old?.type) && !isDns(config?.type)) {
      this.options.warmUp.end(`dns ${name}`);
      void this.options.dns().then((dns) => dns.unwatch(name));
      this.resolved.delete(name);
    }
    if (config === null) {
      this.clusters.delete(name);
      out.push({ kind: 'assignment', name, value: null });
      return;
    }
    const edsName = config.edsServiceName === '' ? name : config.edsServiceName;
    this.clusters.set(name, { type: config.type, edsName, watched: isWatched(config) ? config : null });
    if (config.type === 'originalDst') {
      out.push({ kind: 'assignment', name, value: null });
    } else if (config.type === 'static') {
      out.push({ kind: 'assignment', name, value: config.loadAssignment });
    } else if (config.type === 'eds') {
      const followers = this.edsFollowers.get(edsName) ?? new Set();
      this.edsFollowers.set(edsName, followers.add(name));
      const assignment = this.options.store.assignments.get(edsName)?.config ?? null;
      out.push({ kind: 'assignment', name, value: this.kept(name, assignment) });
    } else {
      if (!isDns(old?.type)) out.push({ kind: 'assignment', name, value: null });
      if (config.dns.waitAtStart) this.options.warmUp.begin(`dns ${name}`);
      void this.options.dns().then((dns) => { if (isDns(this.typeOf(name))) dns.watch(config); });
    }
  }

  /** A name was resolved anew. Results that arrive together are published together. */
  resolvedTo(cluster: string, assignment: EndpointAssignment): void {
    if (!isDns(this.typeOf(cluster))) return;
    this.resolved.set(cluster, assignment);
    if (this.publishing) return;
    this.publishing = true;
    setImmediate(() => {
      this.publishing = false;
      const changes = [...this.resolved].map(([name, value]) =>
        ({ kind: 'assignment', name, value: this.kept(name, value) } as const));
      this.resolved.clear();
      this.apply(changes, null);
      this.publish();
      for (const { name } of changes) this.options.warmUp.end(`dns ${name}`);
    });
  }

  /**
   * While initial answers are outstanding no listener is bound: at start all of them begin to serve together, and
   * complete.
   */
  private readyListeners(): ListenerConfig[] {
    const { store, warmUp } = this.options;
    return store.ready && warmUp.ready ? [...this.warming.values()] : [];
  }

  /** Binds, publishes, then serves: all or nothing for each listener on its own. */
  private publishWith(configs: ListenerConfig[]): void {
    const { publisher, listeners } = this.options;
    for (const config of configs) {
      this.warming.delete(config.name);
      let one: Prepared;
      try {
        one = listeners.prepare(config);
      } catch (error) {
        this.options.onRefused('listener', config.name, errorText(error));
        continue;
      }
      const refusals = publisher.apply([{ kind: 'listener', name: config.name, value: config }]);
      this.refuse(refusals);
      if (refusals.length > 0) listeners.abort(one);
      else this.uncommitted.push(one);
    }
    this.publish();
  }

  private publish(): void {
    if (this.options.publisher.publish()) this.published();
  }

  /** The newest root has everything applied: listeners in it may accept. Late when too many roots were alive. */
  private published(): void {
    const prepared = this.uncommitted;
    this.uncommitted = [];
    this.options.wakeAll();
    this.options.listeners.drainRemoved();
    for (const one of prepared) this.options.listeners.commit(one,
      this.options.publisher.listenerSlot(one.config.name));
  }

  private refuse(refusals: Refusal[]): void {
    for (const { kind, name, details } of refusals) this.options.onRefused(kind, name, details);
  }
}
