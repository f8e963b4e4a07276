// Where secrets of SDS come from. Files today; a stream of a control plane fits behind the same interface: it follows
// names, and delivers versions of them, good or bad, whenever they come.
import type { SecretDefinition, SecretUse } from './definition.js';

export type SdsUse = SecretUse & { kind: 'sds' };

export type SecretVersion = { versionInfo: string } & (
  | { kind: 'secret'; definition: SecretDefinition; wireJson: string }
  /** 'failed': the source could not be read, or says nothing of the secret; 'rejected': what it says is wrong. */
  | { kind: 'failed' | 'rejected'; details: string });

/** Versions that arrived together, by `SdsUse.name`; they are put in force together. */
export type SecretVersions = Map<string, SecretVersion>;

export interface SecretSource {
  /** Begins to follow; what the source has now is the result, and nothing where it will come later. */
  follow(uses: readonly SdsUse[]): Promise<SecretVersions>;
  unfollow(name: string): void;
  close(): void;
}
