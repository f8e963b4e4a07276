// SDS by file: a DiscoveryResponse with any number of secrets, or one Secret. A file that many names live in is watched
// and read once; a move inside its directory, or inside the directory that is watched for it, announces a new version.
import type { SubscriptionContext } from '../named-subscriptions.js';
import type { SecretDefinition } from './definition.js';
import type { SdsUse, SecretSource, SecretVersion, SecretVersions } from './source.js';

interface WatchedFile { path: string; uses: Map<string, SdsUse>; stop: () => void; queued: boolean }

export class SecretFiles implements SecretSource {
  readonly #files = new Map<string, WatchedFile>();

  constructor(private readonly context: SubscriptionContext,
    private readonly deliver: (versions: SecretVersions) => void) {}

  async follow(uses: readonly SdsUse[]): Promise<SecretVersions> {
    const fresh = new Map<WatchedFile, SdsUse[]>();
    for (const use of uses) {
      const file = this.#file(use);
      file.uses.set(use.name, use);
      fresh.set(file, [...fresh.get(file) ?? [], use]);
    }
    const versions: SecretVersions = new Map();
    for (const [file, wanted] of fresh) await this.#read(file, wanted, versions);
    return versions;
  }

  unfollow(name: string): void {
    for (const [key, file] of this.#files) {
      if (!file.uses.delete(name) || file.uses.size > 0) continue;
      file.stop();
      this.#files.delete(key);
    }
  }

  close(): void {
    for (const file of this.#files.values()) file.stop();
    this.#files.clear();
  }

  #file({ source }: SdsUse): WatchedFile {
    const key = JSON.stringify([source.path, source.watchedDirectory]);
    let file = this.#files.get(key);
    if (file === undefined) {
      const made: WatchedFile = { path: source.path, uses: new Map(), stop: () => undefined, queued: false };
      made.stop = this.context.watch.add(source.path, source.watchedDirectory, () => this.#changed(key, made));
      this.#files.set(key, file = made);
    }
    return file;
  }

  #changed(key: string, file: WatchedFile): void {
    if (file.queued) return;
    file.queued = true;
    this.context.enqueue(async () => {
      file.queued = false;
      if (this.#files.get(key) !== file) return;
      const versions: SecretVersions = new Map();
      await this.#read(file, [...file.uses.values()], versions);
      this.deliver(versions);
    });
  }

  async #read(file: WatchedFile, uses: readonly SdsUse[], versions: SecretVersions): Promise<void> {
    const { pool, log, allowUnknownFields } = this.context;
    const response = await pool.response({ path: file.path, kind: 'secret', allowUnknownFields });
    for (const warning of response.warnings) log.warn(warning);
    const { versionInfo, failure } = response;
    const lost = response.rejected.filter(({ known }) => !known).map(({ details }) => details);
    for (const { name, secret } of uses) {
      const resource = response.resources.find((one) => one.name === secret);
      const rejected = response.rejected.find((one) => one.known && one.name === secret)?.details;
      const version: SecretVersion = failure !== null ? { kind: 'failed', details: failure, versionInfo }
        : rejected !== undefined ? { kind: 'rejected', details: rejected, versionInfo }
        : resource !== undefined ? { kind: 'secret', versionInfo, wireJson: resource.wireJson,
          definition: JSON.parse(resource.configJson) as SecretDefinition }
        : lost.length > 0 ? { kind: 'rejected', details: lost.join('; '), versionInfo }
        : { kind: 'failed', details: `${file.path} does not contain it`, versionInfo };
      versions.set(name, version);
    }
  }
}
