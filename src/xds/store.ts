// The configuration in force, by resource: what the dispatcher publishes and what /config_dump and /stats show.
// Owns the newest accepted record of each resource, the error state of each rejected one, and the subscriptions'
// counters. It holds packed text (config/form.ts), not object trees: a mesh of ten thousand clusters is ten thousand
// short strings here.
// Whoever changes it hands in whole batches; a batch reaches the listeners at once and is published as one root.
import type { Form } from '../config/form.js';
import type { SecretContents } from '../config/tls.js';
import type { ClusterConfig, EndpointAssignment, ListenerConfig, RouteConfig } from '../config/types.js';
import { assignmentForm, clusterForm, listenerForm, routeConfigForm, secretForm } from '../config/usual.js';

export interface ConfigByKind {
  listener: ListenerConfig;
  // key: the RDS name, or '@inline/<listener>/<chain>' of a route_config inside a listener
  route: RouteConfig;
  cluster: ClusterConfig;
  // only of EDS; key: ClusterConfig.edsServiceName, or the cluster's name where that is ''
  assignment: EndpointAssignment;
  secret: SecretContents;                // key: what contexts call it (config/tls.ts), not always its own name
}
export type ResourceKind = keyof ConfigByKind;
/** How the plain value of each kind becomes the text that a record holds. */
export const configForms: { readonly [K in ResourceKind]: Form<ConfigByKind[K]> } =
  { listener: listenerForm, route: routeConfigForm, cluster: clusterForm, assignment: assignmentForm,
    secret: secretForm };

export const resourceTypeUrls: { readonly [K in ResourceKind]: string } = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  assignment: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
};

/** What a record is made of. Both texts are JSON: `configJson` of the packed value, `wireJson` of the message. */
export interface RecordParts {
  name: string;
  origin: 'static' | 'dynamic';
  owner: string | null;
  configJson: string;
  wireJson: string;
  hash: string;
  versionInfo: string;
  lastUpdatedMs: number;
}

/** One accepted resource. Immutable; an update is a new record. */
export class ResourceRecord<K extends ResourceKind = ResourceKind> {
  readonly kind: K;
  readonly name: string;
  readonly origin: 'static' | 'dynamic';
  /** The listener that carries this route configuration inline; null for everything else. */
  readonly owner: string | null;
  /** The plain configuration value, packed (`configForms`). */
  readonly configJson: string;
  /** Hash of the wire message: equal means that nothing at all changed. */
  readonly hash: string;
  readonly versionInfo: string;
  readonly lastUpdatedMs: number;
  readonly #wireJson: string;

  constructor(kind: K, parts: RecordParts) {
    this.kind = kind;
    this.name = parts.name;
    this.origin = parts.origin;
    this.owner = parts.owner;
    this.configJson = parts.configJson;
    this.hash = parts.hash;
    this.versionInfo = parts.versionInfo;
    this.lastUpdatedMs = parts.lastUpdatedMs;
    this.#wireJson = parts.wireJson;
  }

  get typeUrl(): string { return resourceTypeUrls[this.kind]; }

  /** The plain value, parsed anew at each call: keep what you read from it, or call once. */
  get config(): ConfigByKind[K] { return configForms[this.kind].ofText(this.configJson); }

  /** The message as Envoy's dump prints it: proto3 JSON with the protos' own field names, '@type' first. */
  wireJson(): string { return this.#wireJson; }
}

/** Why the newest version of a resource is not in force (Envoy's UpdateFailureState). */
export interface ErrorState {
  details: string;
  versionInfo: string;
  lastUpdateAttemptMs: number;
}

export interface Change<K extends ResourceKind = ResourceKind> {
  kind: K;
  name: string;
  record: ResourceRecord<K> | null;      // null: removed
  previous: ResourceRecord<K> | null;    // null: added
}
export type AnyChange = { [K in ResourceKind]: Change<K> }[ResourceKind];
export type ChangeListener = (changes: AnyChange[]) => void;

/** Counters of one subscription, by Envoy's names below its prefix (`cluster_manager.cds.update_success`). */
export interface SubscriptionCounters {
  update_attempt: number;
  update_success: number;
  update_failure: number;     // the source could not be read or parsed
  update_rejected: number;    // it was read, and at least one resource of it was refused
  init_fetch_timeout: number;
  update_time: number;        // gauge: milliseconds since the epoch of the newest success
  version: number;            // gauge: hash of version_text
  config_reload: number;      // times something really changed
  version_text: string;
}

export interface Statistic { name: string; value: number | string; type: 'counter' | 'gauge' | 'text' }

type Records = { readonly [K in ResourceKind]: Map<string, ResourceRecord<K>> };

/** The newest accepted configuration. All calls are made on the main thread; nothing here waits. */
export class ConfigStore {
  readonly records: Records = { listener: new Map(), route: new Map(), cluster: new Map(), assignment: new Map(),
    secret: new Map() };
  /** Resources whose newest version was refused, by name, whether or not an older version is in force. */
  readonly errors: { readonly [K in ResourceKind]: Map<string, ErrorState> } =
    { listener: new Map(), route: new Map(), cluster: new Map(), assignment: new Map(), secret: new Map() };
  /** version_info of the newest accepted LDS and CDS response, for the dump. */
  readonly versions = { lds: '', cds: '' };
  readonly subscriptions = new Map<string, SubscriptionCounters>();
  readonly #listeners: ChangeListener[] = [];
  readonly #waiting = new Set<string>();
  readonly #readyCallbacks: (() => void)[] = [];
  readonly #counts = { listener: { added: 0, modified: 0, removed: 0 },
    cluster: { added: 0, modified: 0, removed: 0 } };

  get listeners(): Map<string, ResourceRecord<'listener'>> { return this.records.listener; }
  get routes(): Map<string, ResourceRecord<'route'>> { return this.records.route; }
  get clusters(): Map<string, ResourceRecord<'cluster'>> { return this.records.cluster; }
  get assignments(): Map<string, ResourceRecord<'assignment'>> { return this.records.assignment; }

  /** Batches arrive in the order they were applied, each after the maps show its result. */
  onChange(listener: ChangeListener): void { this.#listeners.push(listener); }

  /**
   * Takes records in and out. Those equal to what is in force are dropped; the rest go to the listeners as one batch.
   */
  apply(updates: { kind: ResourceKind; name: string; record: ResourceRecord | null }[]): AnyChange[] {
    const changes: AnyChange[] = [];
    for (const { kind, name, record } of updates) {
      const map = this.records[kind] as Map<string, ResourceRecord>;
      const previous = map.get(name) ?? null;
      if (record !== null) this.errors[kind].delete(name);
      if (record === previous || (record !== null && previous !== null && record.hash === previous.hash
        && record.configJson === previous.configJson)) continue;
      if (record === null) {
        map.delete(name);
        this.errors[kind].delete(name);
      } else {
        map.set(name, record);
      }
      this.#count(kind, previous === null ? 'added' : record === null ? 'removed' : 'modified');
      changes.push({ kind, name, record, previous } as AnyChange);
    }
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
    return changes;
  }

  /**
   * A version that could not be put in force; what was in force stays. Also for the dispatcher (bind failed, memory
   * full).
   */
  reject(kind: ResourceKind, name: string, state: ErrorState): void { this.errors[kind].set(name, state); }

  /** Error state of a resource, null when its newest version is in force. */
  errorState(kind: ResourceKind, name: string): ErrorState | null { return this.errors[kind].get(name) ?? null; }

  /** Counters of the subscription with this prefix, made on first use. The prefix ends with a dot. */
  subscription(prefix: string): SubscriptionCounters {
    let counters = this.subscriptions.get(prefix);
    if (counters === undefined) {
      counters = { update_attempt: 0, update_success: 0, update_failure: 0, update_rejected: 0, init_fetch_timeout: 0,
        update_time: 0, version: 0, config_reload: 0, version_text: '' };
      this.subscriptions.set(prefix, counters);
    }
    return counters;
  }

  /** A subscription that must have been answered once (well or badly) before the proxy says that it is ready. */
  awaitInitial(prefix: string): void { this.#waiting.add(prefix); }

  initialDone(prefix: string): void {
    if (!this.#waiting.delete(prefix) || this.#waiting.size > 0) return;
    for (const callback of this.#readyCallbacks.splice(0)) callback();
  }

  /**
   * True when no initial answer is outstanding. A route or assignment may still be missing: its requests get 404 or
   * 503.
   */
  get ready(): boolean { return this.#waiting.size === 0; }

  /** Calls once when `ready` is or becomes true. */
  onReady(callback: () => void): void {
    if (this.ready) callback(); else this.#readyCallbacks.push(callback);
  }

  /** Every statistic that configuration itself has, for /stats. */
  statistics(): Statistic[] {
    const result: Statistic[] = [];
    for (const [prefix, counters] of this.subscriptions) {
      for (const [name, value] of Object.entries(counters)) {
        const type = name === 'version_text' ? 'text' : name === 'version' || name === 'update_time' ? 'gauge'
          : 'counter';
        result.push({ name: prefix + name, value: value as number | string, type });
      }
    }
    for (const kind of ['listener', 'cluster'] as const) {
      for (const [name, value] of Object.entries(this.#counts[kind])) {
        result.push({ name: `${kind}_manager.${kind}_${name}`, value, type: 'counter' });
      }
    }
    result.push({ name: 'cluster_manager.active_clusters', value: this.clusters.size, type: 'gauge' });
    result.push({ name: 'cluster_manager.warming_clusters', value: 0, type: 'gauge' });
    result.push({ name: 'listener_manager.total_listeners_active', value: this.listeners.size, type: 'gauge' });
    return result;
  }

  #count(kind: ResourceKind, event: 'added' | 'modified' | 'removed'): void {
    if (kind === 'listener' || kind === 'cluster') this.#counts[kind][event]++;
  }
}
