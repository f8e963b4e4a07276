// The configuration of a process from its files: static resources at start, then LDS and CDS files and all that their
// resources subscribe to, for as long as the process lives. Every update becomes one batch of the store, in which a new
// listener comes with its routes and a new cluster with its endpoints. Updates run one after the other.
//
// LDS and CDS files say everything: what is absent is removed. A bad resource keeps its last good version, and a
// file that holds one removes nothing: what seems absent may be what the fault hides, and a listener is dearer than a
// delay.
import type { Bootstrap, FileSource } from '../config/bootstrap/bootstrap.js';
import type { RpcCodec } from '../config/rpc.js';
import type { CompilePool } from './compile-pool.js';
import type { CompiledResource, CompiledText } from './compile/resource.js';
import type { CompiledResponse } from './compile/response.js';
import { FileWatch } from './file-watch.js';
import { missingCodec, unknownCodec } from './resources/rpc-codecs.js';
import { NamedSubscriptions } from './named-subscriptions.js';
import type { Subscription, SubscriptionContext, Update } from './named-subscriptions.js';
import { Secrets } from './secrets/secrets.js';
import { ResourceRecord } from './store.js';
import type { SecretUses } from './secrets/definition.js';
import type { ConfigStore, RecordParts } from './store.js';
import { countFailure, countRejected, countSuccess } from './subscription-counters.js';

export interface FileConfigurationOptions {
  store: ConfigStore;
  pool: CompilePool;
  /** Whether unknown fields of files other than the bootstrap are let pass, with a warning. */
  allowUnknownFields: boolean;
  /** Whether workers can serve TLS; else a listener or a cluster that asks for it is refused. */
  tls: boolean;
  log: { info(text: string): void; warn(text: string): void };
}

/** Until workers speak TLS. */
export const tlsRefusal = 'transport_socket: not implemented: TLS';

type Collection = 'listener' | 'cluster';
const prefixes = { listener: 'listener_manager.lds.', cluster: 'cluster_manager.cds.' } as const;
const versionKeys = { listener: 'lds', cluster: 'cds' } as const;

export class FileConfiguration {
  readonly #store: ConfigStore;
  readonly #context: SubscriptionContext;
  readonly #tls: boolean;
  #codecs: readonly RpcCodec[] = [];
  readonly #watch = new FileWatch();
  readonly #named: NamedSubscriptions;
  readonly secrets: Secrets;
  /** Addresses that each listener binds. */
  readonly #addresses = new Map<string, string[]>();
  #queue: Promise<void> = Promise.resolve();

  constructor(options: FileConfigurationOptions) {
    this.#store = options.store;
    this.#tls = options.tls;
    this.#context = { ...options, watch: this.#watch, enqueue: (step) => this.#enqueue(step) };
    this.#named = new NamedSubscriptions(this.#context);
    this.secrets = new Secrets(this.#context);
  }

  /** Puts the static resources in force, then the files' first versions. Returns when all of them have been read. */
  async start(bootstrap: Bootstrap, resources: CompiledResource[]): Promise<void> {
    const { cds, lds } = bootstrap;
    this.#codecs = bootstrap.rpcCodecs;
    this.#store.awaitInitial('bootstrap');
    this.#enqueue(() => this.#applyStatic(resources));
    if (cds !== null) this.#subscribe('cluster', cds);
    if (lds !== null) this.#subscribe('listener', lds);
    await this.#queue;
    this.#store.initialDone('bootstrap');
  }

  /** Ends all watching. What is in force stays. */
  async close(): Promise<void> {
    this.#named.close();
    this.secrets.close();
    this.#watch.close();
    await this.#queue;
  }

  /** Returns when all updates that have begun are in force. */
  async settled(): Promise<void> { await this.#queue; }

  #enqueue(step: () => Promise<void>): void {
    this.#queue = this.#queue.then(step).catch((error: unknown) => {
      this.#context.log.warn(
        `a configuration update failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    });
  }

  async #applyStatic(resources: CompiledResource[]): Promise<void> {
    const now = Date.now();
    const updates = this.secrets.addStatic(resources.filter(({ kind }) => kind === 'secret'));
    const others = resources.filter(({ kind }) => kind !== 'secret');
    for (const resource of others) {
      updates.push(...recordsOf(resource, { origin: 'static', versionInfo: '', lastUpdatedMs: now }));
      if (resource.kind === 'listener') this.#addresses.set(resource.name, resource.addresses);
    }
    updates.push(...await this.secrets.set(others.filter(({ secrets }) => secrets !== null)
      .map(({ kind, name, secrets }) => ({ owner: `${kind}/${name}`, secrets }))));
    const owners = others.filter(({ subscriptions }) => subscriptions.length > 0)
      .map(({ kind, name, subscriptions }) => ({ owner: `${kind}/${name}`, subscriptions }));
    this.#store.apply([...updates, ...await this.#named.set(owners)]);
  }

  #subscribe(kind: Collection, source: FileSource): void {
    let queued = true;
    const read = async (): Promise<void> => {
      queued = false;
      await this.#readCollection(kind, source);
    };
    this.#watch.add(source.path, source.watchedDirectory, () => {
      if (!queued) this.#enqueue(read);
      queued = true;
    });
    this.#enqueue(read);
  }

  async #readCollection(kind: Collection, source: FileSource): Promise<void> {
    const { pool, log, allowUnknownFields } = this.#context;
    const counters = this.#store.subscription(prefixes[kind]);
    counters.update_attempt++;
    const response = await pool.response({ path: source.path, kind, allowUnknownFields });
    for (const warning of response.warnings) log.warn(warning);
    if (response.failure !== null) {
      countFailure(counters);
      log.warn(`${versionKeys[kind]}: the last good configuration stays: ${response.failure}`);
      return;
    }
    const accepted = this.#admit(kind, response);
    const changed = await this.#applyCollection(kind, accepted, response);
    for (const { name, details } of response.rejected) {
      log.warn(`${kind} ${name}: refused, the last good version stays: ${details}`);
    }
    if (response.rejected.length > 0) {
      countRejected(counters);
      if (changed) counters.config_reload++;
    } else {
      countSuccess(counters, response.versionInfo, changed);
      this.#store.versions[versionKeys[kind]] = response.versionInfo;
    }
    if (changed) log.info(`${versionKeys[kind]}: ${accepted.length} resources, version '${response.versionInfo}'`);
  }

  /** Moves what may not be applied beside the present state from the resources to the rejected. */
  #admit(kind: Collection, response: CompiledResponse): CompiledResource[] {
    const taken = this.#takenAddresses(kind, response);
    return response.resources.filter((resource) => {
      const details = this.#refusal(kind, resource, taken);
      if (details === null) {
        for (const address of resource.addresses) taken.set(address, resource.name);
        return true;
      }
      response.rejected.push({ name: resource.name, known: true, details });
      return false;
    });
  }

  #refusal(kind: Collection, resource: CompiledResource, taken: Map<string, string>): string | null {
    const present = this.#store.records[kind].get(resource.name);
    if (present?.origin === 'static') return `${resource.name} is a static ${kind} and cannot be changed`;
    const address = resource.addresses.find((text) => (taken.get(text) ?? resource.name) !== resource.name);
    if (address !== undefined) return `duplicate address '${address}', also of listener ${taken.get(address)}`;
    const missing = resource.references.find(({ cluster }) => !this.#store.clusters.has(cluster));
    if (missing !== undefined) return `${missing.path}: unknown cluster '${missing.cluster}'`;
    const codec = missingCodec(resource.codecs, this.#codecs);
    if (codec !== null) return `${codec.path}: ${unknownCodec(codec)}`;
    if (resource.secrets !== null && !this.#tls) return tlsRefusal;
    return this.#named.conflict(resource.subscriptions) ?? this.secrets.refusal(resource.secrets);
  }

  /** Addresses of the listeners that stay: the static ones, and those of which only a refused version has come. */
  #takenAddresses(kind: Collection, response: CompiledResponse): Map<string, string> {
    const taken = new Map<string, string>();
    if (kind !== 'listener') return taken;
    const refused = new Set(response.rejected.map(({ name }) => name));
    for (const [name, addresses] of this.#addresses) {
      const stays = this.#store.listeners.get(name)?.origin === 'static' || refused.has(name);
      if (stays) for (const address of addresses) taken.set(address, name);
    }
    return taken;
  }

  async #applyCollection(kind: Collection, accepted: CompiledResource[], response: CompiledResponse): Promise<boolean> {
    const { versionInfo, rejected } = response;
    const now = Date.now();
    const named = new Set([...accepted, ...rejected].map(({ name }) => name));
    const updates: Update[] = [];
    const owners: { owner: string; subscriptions: Subscription[]; secrets: SecretUses | null }[] = [];
    for (const resource of accepted) {
      if (this.#store.records[kind].get(resource.name)?.hash === resource.hash) {
        this.#store.errors[kind].delete(resource.name);
        continue;
      }
      updates.push(...recordsOf(resource, { origin: 'dynamic', versionInfo, lastUpdatedMs: now }));
      updates.push(...this.#goneInline(resource));
      owners.push({ owner: `${kind}/${resource.name}`, subscriptions: resource.subscriptions,
        secrets: resource.secrets });
      if (kind === 'listener') this.#addresses.set(resource.name, resource.addresses);
    }
    const removed = rejected.length > 0 ? []
      : [...this.#store.records[kind].values()].filter(({ name, origin }) => origin === 'dynamic' && !named.has(name));
    for (const { name } of removed) {
      updates.push({ kind, name, record: null }, ...this.#inlineOf(kind, name)
        .map((route) => ({ kind: 'route' as const, name: route, record: null })));
      owners.push({ owner: `${kind}/${name}`, subscriptions: [], secrets: null });
      this.#addresses.delete(name);
    }
    updates.push(...await this.secrets.set(owners));
    const changes = this.#store.apply([...updates, ...await this.#named.set(owners)]);
    this.#setErrors(kind, named, response, now);
    return changes.length > 0;
  }

  #setErrors(kind: Collection, named: Set<string>, { rejected, versionInfo }: CompiledResponse, now: number): void {
    for (const name of [...this.#store.errors[kind].keys()]) {
      if (!named.has(name) && this.#store.records[kind].get(name)?.origin !== 'static') {
        this.#store.errors[kind].delete(name);
      }
    }
    for (const { name, details } of rejected) {
      this.#store.reject(kind, name, { details, versionInfo, lastUpdateAttemptMs: now });
    }
  }

  #inlineOf(kind: Collection, name: string): string[] {
    if (kind !== 'listener') return [];
    return [...this.#store.routes.values()].filter(({ owner }) => owner === name).map((record) => record.name);
  }

  /** Inline routes that the newest version of a listener no longer has. */
  #goneInline(resource: CompiledResource): Update[] {
    const kept = new Set(resource.inlineRoutes.map(({ name }) => name));
    return this.#inlineOf(resource.kind as Collection, resource.name).filter((name) => !kept.has(name))
      .map((name) => ({ kind: 'route' as const, name, record: null }));
  }
}

/** Records of a resource and of the routes inside it. */
function recordsOf(resource: CompiledResource, state: Pick<RecordParts,
  'origin' | 'versionInfo' | 'lastUpdatedMs'>): Update[] {
  const updateOf = (text: CompiledText): Update => ({ kind: text.kind, name: text.name,
    record: new ResourceRecord(text.kind, { ...text, ...state }) });
  return [updateOf(resource), ...resource.inlineRoutes.map(updateOf)];
}
