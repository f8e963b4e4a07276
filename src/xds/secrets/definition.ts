// What a secret is made of before its files are read, and what a listener or a cluster asks for. Secrets that stand in
// a context are named by what they are made of, so that ten thousand clusters with one root certificate share one
// secret; the others by their names (config/secret-names.ts).
import { createHash } from 'node:crypto';
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import type { TlsValidation } from '../../config/tls.js';

/** A file is read again when it changes; `base64`: bytes that stood in the configuration or the environment. */
export type SecretData = { kind: 'file'; path: string } | { kind: 'inline'; base64: string };

export type SecretDefinition =
  | { kind: 'certificate'; chain: SecretData; key: SecretData; password: SecretData | null;
    staple: SecretData | null; watchedDirectory: string | null }
  /** `rules`: all that needs no file. */
  | { kind: 'validation'; ca: SecretData | null; crl: SecretData | null; rules: TlsValidation;
    watchedDirectory: string | null }
  | { kind: 'ticketKeys'; keys: SecretData[]; watchedDirectory: null };
export type SecretKind = SecretDefinition['kind'];

/** `name` is what contexts and the snapshot call it; `secret` its own name, as it is shown. */
export type SecretUse =
  | { kind: 'own'; name: string; definition: SecretDefinition }
  | { kind: 'static'; name: string; secret: string; wanted: SecretKind; path: string }
  | { kind: 'sds'; name: string; secret: string; wanted: SecretKind; source: FileSource };

/** Which secrets one TLS context holds, by name. */
export interface ContextSecrets { certificates: string[]; validation: string[] }

/** What a listener or a cluster asks for; `scope`: where its statistics stand, `listener.<statName>.` and the like. */
export interface SecretUses { scope: string; uses: SecretUse[]; contexts: ContextSecrets[] }

export const typeNames: { readonly [K in SecretKind]: string } = { certificate: 'certificate',
  validation: 'validation context', ticketKeys: 'set of ticket keys' };

/** Why a static secret may not be used as it is. */
export const otherKind = ({ secret, wanted }: SecretUse & { kind: 'static' }, kind: SecretKind): string =>
  `secret '${secret}' is a ${typeNames[kind]}, not a ${typeNames[wanted]}`;

/** A digest: keys that stand inline are not in a name. */
export const ownName = (definition: SecretDefinition): string =>
  `own ${definition.kind} ${createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 32)}`;

/** The files that it is made of. */
export function filesOf(definition: SecretDefinition): string[] {
  const parts = definition.kind === 'certificate'
    ? [definition.chain, definition.key, definition.password, definition.staple]
    : definition.kind === 'validation' ? [definition.ca, definition.crl] : definition.keys;
  return [...new Set(parts.flatMap((part) => part?.kind === 'file' ? [part.path] : []))];
}
