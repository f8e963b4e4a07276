// RDS and EDS by file: resources that a listener or a cluster asks for by name. Many names may live in one file, which
// is then watched and read once. A name that its file does not have, or has in a bad version, keeps the last good one;
// it goes away only when nobody asks for it any more.
import type { FileSource } from '../config/bootstrap/bootstrap.js';
import type { CompilePool } from './compile-pool.js';
import type { CompiledResource } from './compile/resource.js';
import type { CompiledResponse } from './compile/response.js';
import type { FileWatch } from './file-watch.js';
import { ResourceRecord } from './store.js';
import type { ConfigStore, ResourceKind, SubscriptionCounters } from './store.js';
import { countFailure, countRejected, countSuccess } from './subscription-counters.js';

export type Subscription = CompiledResource['subscriptions'][number];
export interface Update { kind: ResourceKind; name: string; record: ResourceRecord | null }

interface Named {
  kind: 'route' | 'assignment';
  name: string;
  file: WatchedFile;
  /** Who asks, as '<kind>/<name>', with the statistics prefix of each. */
  owners: Map<string, string>;
}
interface WatchedFile {
  key: string;
  source: FileSource;
  kind: 'route' | 'assignment';
  names: Map<string, Named>;
  stop: () => void;
  queued: boolean;
}

export interface SubscriptionContext {
  store: ConfigStore;
  pool: CompilePool;
  watch: FileWatch;
  allowUnknownFields: boolean;
  log: { info(text: string): void; warn(text: string): void };
  /** Runs a step after those that were asked for before it. */
  enqueue(step: () => Promise<void>): void;
}

const prefixOf = (subscription: Subscription): string =>
  subscription.kind === 'route' ? `http.${subscription.statPrefix}.rds.${subscription.name}.`
    : `cluster.${subscription.statPrefix}.`;

/** All subscriptions by name. */
export class NamedSubscriptions {
  readonly #context: SubscriptionContext;
  readonly #named = new Map<string, Named>();
  readonly #files = new Map<string, WatchedFile>();
  readonly #byOwner = new Map<string, Subscription[]>();

  constructor(context: SubscriptionContext) { this.#context = context; }

  /** Why an owner may not have these subscriptions, or null. */
  conflict(subscriptions: Subscription[]): string | null {
    for (const { kind, name, source } of subscriptions) {
      const present = this.#named.get(`${kind}/${name}`);
      if (present !== undefined && present.file.key !== keyOf(kind, source)) {
        return `${kind} ${name} is already subscribed to in ${present.file.source.path}`;
      }
    }
    return null;
  }

  /** Sets what owners ask for ([] when they are gone) and returns what that brings in and takes out. */
  async set(owners: { owner: string; subscriptions: Subscription[] }[]): Promise<Update[]> {
    const fresh = new Map<WatchedFile, Set<string>>();
    for (const { owner, subscriptions } of owners) {
      const before = this.#byOwner.get(owner) ?? [];
      if (subscriptions.length > 0) this.#byOwner.set(owner, subscriptions);
      else this.#byOwner.delete(owner);
      for (const subscription of subscriptions) this.#add(owner, subscription, fresh);
      for (const subscription of before) {
        if (!subscriptions.some(({ kind, name }) => kind === subscription.kind && name === subscription.name)) {
          this.#named.get(`${subscription.kind}/${subscription.name}`)?.owners.delete(owner);
        }
      }
    }
    const updates: Update[] = [];
    for (const [file, names] of fresh) updates.push(...await this.#read(file, names));
    return [...this.#dropUnowned(), ...updates];
  }

  close(): void {
    for (const file of this.#files.values()) file.stop();
  }

  #add(owner: string, subscription: Subscription, fresh: Map<WatchedFile, Set<string>>): void {
    const { kind, name, source } = subscription;
    const key = `${kind}/${name}`;
    let named = this.#named.get(key);
    if (named === undefined) {
      const file = this.#file(kind, source);
      named = { kind, name, file, owners: new Map() };
      this.#named.set(key, named);
      file.names.set(name, named);
      let names = fresh.get(file);
      if (names === undefined) fresh.set(file, names = new Set());
      names.add(name);
    }
    named.owners.set(owner, prefixOf(subscription));
  }

  #file(kind: 'route' | 'assignment', source: FileSource): WatchedFile {
    const key = keyOf(kind, source);
    let file = this.#files.get(key);
    if (file === undefined) {
      const made: WatchedFile = { key, source, kind, names: new Map(), queued: false, stop: () => undefined };
      made.stop = this.#context.watch.add(source.path, source.watchedDirectory, () => this.#changed(made));
      this.#files.set(key, file = made);
    }
    return file;
  }

  #changed(file: WatchedFile): void {
    if (file.queued) return;
    file.queued = true;
    this.#context.enqueue(async () => {
      file.queued = false;
      if (this.#files.get(file.key) === file) {
        this.#context.store.apply(await this.#read(file, new Set(file.names.keys())));
      }
    });
  }

  #dropUnowned(): Update[] {
    const updates: Update[] = [];
    for (const [key, named] of this.#named) {
      if (named.owners.size > 0) continue;
      this.#named.delete(key);
      named.file.names.delete(named.name);
      updates.push({ kind: named.kind, name: named.name, record: null });
      if (named.file.names.size === 0) {
        named.file.stop();
        this.#files.delete(named.file.key);
      }
    }
    return updates;
  }

  /** Reads a file for some of its names. */
  async #read(file: WatchedFile, names: Set<string>): Promise<Update[]> {
    const { pool, log, allowUnknownFields } = this.#context;
    const response = await pool.response({ path: file.source.path, kind: file.kind, allowUnknownFields });
    for (const warning of response.warnings) log.warn(warning);
    const resources = new Map(response.resources.map((resource) => [resource.name, resource]));
    const rejected = new Map(response.rejected.map(({ name, details }) => [name, details]));
    const lost = response.rejected.filter(({ known }) => !known).map(({ details }) => details);
    const updates: Update[] = [];
    for (const name of names) {
      const named = file.names.get(name);
      if (named === undefined) continue;
      const update = this.#readOne(named, response, resources.get(name), rejected.get(name), lost);
      if (update !== null) updates.push(update);
    }
    return updates;
  }

  #readOne(named: Named, response: CompiledResponse, resource: CompiledResource | undefined,
    rejected: string | undefined,
    lost: string[]): Update | null {
    const { store, log } = this.#context;
    const counters = [...named.owners.values()].map((prefix) => store.subscription(prefix));
    for (const each of counters) each.update_attempt++;
    const details = response.failure ?? rejected;
    if (details !== undefined && details !== null) {
      store.reject(named.kind, named.name, { details, versionInfo: response.versionInfo,
        lastUpdateAttemptMs: Date.now() });
      log.warn(`${named.kind} ${named.name}: the newest version is refused, the last good one stays: ${details}`);
      for (const each of counters) (response.failure !== null ? countFailure : countRejected)(each);
      return null;
    }
    if (resource === undefined) {
      const reason = lost.length > 0 ? lost.join('; ') : `${named.file.source.path} does not contain it`;
      log.warn(`${named.kind} ${named.name}: ${reason}`);
      for (const each of counters) (lost.length > 0 ? countRejected : countFailure)(each);
      return null;
    }
    return this.#accept(named, resource, response.versionInfo, counters);
  }

  #accept(named: Named, resource: CompiledResource, versionInfo: string,
    counters: SubscriptionCounters[]): Update | null {
    const { store, log } = this.#context;
    const missing = resource.references.find(({ cluster }) => !store.clusters.has(cluster));
    if (missing !== undefined) {
      const details = `${named.file.source.path}: ${missing.path}: unknown cluster '${missing.cluster}'`;
      store.reject(named.kind, named.name, { details, versionInfo, lastUpdateAttemptMs: Date.now() });
      log.warn(`${named.kind} ${named.name}: the newest version is refused, the last good one stays: ${details}`);
      for (const each of counters) countRejected(each);
      return null;
    }
    const changed = store.records[named.kind].get(named.name)?.hash !== resource.hash;
    for (const each of counters) countSuccess(each, versionInfo, changed);
    const record = new ResourceRecord(named.kind, { ...resource, origin: 'dynamic', versionInfo,
      lastUpdatedMs: Date.now() });
    return { kind: named.kind, name: named.name, record };
  }
}

const keyOf = (kind: string, source: FileSource): string =>
  JSON.stringify([kind, source.path, source.watchedDirectory]);
