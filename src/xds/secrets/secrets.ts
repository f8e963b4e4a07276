// All secrets of the process: those of static_resources, those that stand in contexts, and those of SDS. It knows who
// uses which, follows their sources and their files, and gives the store new contents whenever there are any. A secret
// goes when nobody uses it any more; one that nobody could read yet is missing, and its contexts refuse handshakes.
import type { CertificatesOfContext } from '../../config/certificates.js';
import { staticName } from '../../config/secret-names.js';
import type { CompiledResource } from '../compile/resource.js';
import type { SubscriptionContext, Update } from '../named-subscriptions.js';
import type { SubscriptionCounters } from '../store.js';
import { countFailure, countRejected, countSuccess } from '../subscription-counters.js';
import { loadSecret, problemsText } from './contents.js';
import type { LoadedSecret } from './contents.js';
import { filesOf, otherKind, typeNames } from './definition.js';
import type { ContextSecrets, SecretDefinition, SecretUse, SecretUses } from './definition.js';
import { SecretFiles } from './files.js';
import { HeldSecret } from './held.js';
import type { SdsUse, SecretSource, SecretVersion, SecretVersions } from './source.js';

/** What a listener or a cluster uses. `before`: changes of its secrets of SDS that are not its own. */
interface Owner { scope: string; shared: SharedSecrets; before: number }
/** What all use that use the same: a mesh has thousands of clusters and few sets of secrets. */
export interface SharedSecrets { key: string; contexts: ContextSecrets[]; names: string[]; owners: number }

/** Those of the bootstrap have an owner that never goes. */
const bootstrapOwner: SharedSecrets = { key: '', contexts: [], names: [], owners: 1 };

export class Secrets {
  readonly #held = new Map<string, HeldSecret>();
  readonly #owners = new Map<string, Owner>();
  readonly #shared = new Map<string, SharedSecrets>();
  readonly #source: SecretSource;
  /** What was read between a resource's admission and its being put in force. */
  readonly #fresh = new Map<string, LoadedSecret>();

  constructor(private readonly context: SubscriptionContext) {
    this.#source = new SecretFiles(context, (versions) => this.#delivered(versions));
  }

  /** Secrets of the bootstrap, which stay as long as the process. */
  addStatic(resources: readonly CompiledResource[]): Update[] {
    return resources.flatMap(({ name: secret, configJson, wireJson }) => {
      const definition = JSON.parse(configJson) as SecretDefinition;
      const name = staticName(secret);
      const held = new HeldSecret({ kind: 'static', name, secret, wanted: definition.kind, path: '' });
      held.owners.add(bootstrapOwner);
      this.#held.set(name, held);
      return this.#take(held, definition, wireJson);
    });
  }

  /** Why a resource may not have these secrets, or null. */
  refusal(secrets: SecretUses | null): string | null {
    for (const use of secrets?.uses ?? []) {
      if (use.kind === 'static') {
        const present = this.#held.get(use.name)?.definition;
        if (present === undefined || present === null) return `${use.path}: unknown secret '${use.secret}'`;
        if (present.kind !== use.wanted) return `${use.path}: ${otherKind(use, present.kind)}`;
      } else if (use.kind === 'own' && !this.#held.has(use.name)) {
        const loaded = this.#loadFresh(use);
        if (!loaded.ok) return problemsText(loaded.problems);
      }
    }
    return null;
  }

  /** Sets what owners use (null when they are gone) and returns what that brings in and takes out. */
  async set(owners: readonly { owner: string; secrets: SecretUses | null }[]): Promise<Update[]> {
    const updates: Update[] = [];
    const follow: SdsUse[] = [];
    for (const { owner, secrets } of owners) {
      const last = this.#owners.get(owner);
      const counted = last === undefined ? 0 : this.#updatesOf(last.shared) - last.before;
      if (secrets === null) this.#owners.delete(owner);
      else {
        const shared = this.#share(secrets, updates, follow);
        this.#owners.set(owner, { scope: secrets.scope, shared, before: this.#updatesOf(shared) - counted });
      }
      if (last !== undefined) this.#unshare(last.shared);
    }
    if (follow.length > 0) updates.push(...this.#versions(await this.#source.follow(follow)));
    this.#fresh.clear();
    return [...this.#dropUnused(), ...updates];
  }

  close(): void {
    this.#source.close();
    for (const held of this.#held.values()) held.unwatch();
  }

  /** By context, equal ones once. */
  *certificates(): Iterable<CertificatesOfContext> {
    const seen = new Set<string>();
    for (const { contexts } of this.#shared.values()) {
      for (const context of contexts) {
        const key = JSON.stringify(context);
        if (seen.has(key)) continue;
        seen.add(key);
        const facts = (name: string) => this.#held.get(name)?.loaded ?? null;
        const roots = context.validation.flatMap((name) => facts(name)?.ca ?? []);
        yield { ca: roots.at(-1) ?? null, chain: context.certificates.flatMap((name) => facts(name)?.leaf ?? []) };
      }
    }
  }

  /** Every owner, with how often SDS changed what it uses. */
  *owners(): Iterable<{ scope: string; updates: number; shared: SharedSecrets }> {
    const updates = new Map([...this.#shared.values()].map((shared) => [shared, this.#updatesOf(shared)]));
    for (const { scope, shared, before } of this.#owners.values())
      yield { scope, updates: updates.get(shared)! - before, shared };
  }

  heldOf({ names }: SharedSecrets): HeldSecret[] { return names.flatMap((name) => this.#held.get(name) ?? []); }
  held(): Iterable<HeldSecret> { return this.#held.values(); }

  #updatesOf(shared: SharedSecrets): number {
    return this.heldOf(shared).reduce((sum, { use, updates }) => use.kind === 'sds' ? sum + updates : sum, 0);
  }

  #share({ uses, contexts }: SecretUses, updates: Update[], follow: SdsUse[]): SharedSecrets {
    const names = uses.map(({ name }) => name);
    const key = JSON.stringify([contexts, names]);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = { key, contexts, names, owners: 0 };
      this.#shared.set(key, shared);
      for (const use of uses) (this.#held.get(use.name) ?? this.#begin(use, updates, follow))?.owners.add(shared);
    }
    shared.owners++;
    return shared;
  }

  #unshare(shared: SharedSecrets): void {
    if (--shared.owners > 0) return;
    this.#shared.delete(shared.key);
    for (const held of this.heldOf(shared)) held.owners.delete(shared);
  }

  /** Null for a static secret that there is none of. */
  #begin(use: SecretUse, updates: Update[], follow: SdsUse[]): HeldSecret | null {
    if (use.kind === 'static') return null;
    const held = new HeldSecret(use);
    this.#held.set(use.name, held);
    if (use.kind === 'sds') follow.push(use);
    else updates.push(...this.#take(held, use.definition, '', this.#loadFresh(use)));
    return held;
  }

  #loadFresh({ name, definition }: SecretUse & { kind: 'own' }): LoadedSecret {
    let loaded = this.#fresh.get(name);
    if (loaded === undefined) this.#fresh.set(name, loaded = loadSecret(definition));
    return loaded;
  }

  /** The compiler has looked at it already: what is wrong now changed meanwhile, and may change again. */
  #take(held: HeldSecret, definition: SecretDefinition, wireJson: string, loaded = loadSecret(definition)): Update[] {
    const problem = held.take({ definition, versionInfo: '', wireJson }, loaded);
    this.#watch(held);
    if (problem !== null) this.context.log.warn(`${nameOf(held)}: ${problem}`);
    return updateOf(held);
  }

  #watch(held: HeldSecret): void {
    held.unwatch();
    const { definition } = held;
    const stops = definition === null ? [] : filesOf(definition).map((path) =>
      this.context.watch.add(path, definition.watchedDirectory, () => this.#filesChanged(held)));
    held.unwatch = () => { for (const stop of stops) stop(); };
  }

  #filesChanged(held: HeldSecret): void {
    if (held.queued) return;
    held.queued = true;
    this.context.enqueue(async () => {
      held.queued = false;
      if (this.#held.get(held.use.name) !== held) return;
      const problem = held.reload();
      if (problem !== null) {
        held.rotationsFailed++;
        this.#reject(held, problem, '');
        return;
      }
      const updates = updateOf(held);
      this.context.store.errors.secret.delete(held.use.name);
      if (updates.length > 0) this.context.log.info(`${nameOf(held)}: new contents of its files are in force`);
      this.context.store.apply(updates);
    });
  }

  #delivered(versions: SecretVersions): void { this.context.store.apply(this.#versions(versions)); }

  #versions(versions: SecretVersions): Update[] {
    return [...versions].flatMap(([name, version]) => {
      const held = this.#held.get(name);
      return held === undefined ? [] : this.#version(held, version);
    });
  }

  #version(held: HeldSecret, version: SecretVersion): Update[] {
    const counters = this.#counters(held);
    counters.update_attempt++;
    const problem = version.kind === 'secret' ? held.take(version) : version.details;
    if (version.kind === 'secret') this.#watch(held);
    if (problem !== null) {
      (version.kind === 'failed' ? countFailure : countRejected)(counters);
      this.#reject(held, problem, version.versionInfo);
      return [];
    }
    const updates = updateOf(held);
    this.context.store.errors.secret.delete(held.use.name);
    countSuccess(counters, version.versionInfo, updates.length > 0);
    return updates;
  }

  #counters(held: HeldSecret): SubscriptionCounters { return this.context.store.subscription(`sds.${held.secret}.`); }

  #reject(held: HeldSecret, details: string, versionInfo: string): void {
    const stays = held.loaded === null ? 'there is none yet' : 'the last good one stays';
    this.context.log.warn(`${nameOf(held)}: the newest version is refused, ${stays}: ${details}`);
    this.context.store.reject('secret', held.use.name, { details, versionInfo, lastUpdateAttemptMs: Date.now() });
  }

  #dropUnused(): Update[] {
    const updates: Update[] = [];
    for (const [name, held] of this.#held) {
      if (held.owners.size > 0) continue;
      this.#held.delete(name);
      held.unwatch();
      if (held.use.kind === 'sds') this.#source.unfollow(name);
      this.context.store.errors.secret.delete(name);
      updates.push({ kind: 'secret', name, record: null });
    }
    return updates;
  }
}

/** For messages. What stands in a context is told by its files. */
function nameOf({ use, definition }: HeldSecret): string {
  if (use.kind !== 'own') return `secret ${use.secret}`;
  const files = definition === null ? [] : filesOf(definition);
  return `${typeNames[use.definition.kind]}${files.length === 0 ? '' : ` of ${files.join(' and ')}`}`;
}

function updateOf(held: HeldSecret): Update[] {
  const record = held.changed();
  return record === null ? [] : [{ kind: 'secret', name: held.use.name, record }];
}
