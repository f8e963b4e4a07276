// One secret of the process: who uses it, what it is made of, what is in force. New contents are taken only whole and
// good; until then the old ones stay.
import { createHash } from 'node:crypto';
import { ResourceRecord } from '../store.js';
import { loadSecret, problemsText } from './contents.js';
import type { LoadedSecret } from './contents.js';
import { typeNames } from './definition.js';
import type { SecretDefinition, SecretUse } from './definition.js';

type Loaded = LoadedSecret & { ok: true };
/** `wireJson`: the message that it came in; '' where it stood in a context. */
export interface Version { definition: SecretDefinition; versionInfo: string; wireJson: string }
const HIDDEN = Buffer.from('[redacted]').toString('base64');

export class HeldSecret {
  readonly owners = new Set<object>();
  loaded: Loaded | null = null;
  /** Times that contents were put in force. */
  updates = 0;
  /** Times that changed files could not be put in force. */
  rotationsFailed = 0;
  /** Ends the watching of its files. */
  unwatch: () => void = () => undefined;
  queued = false;
  /** What it is to be, in force or not: files that are missing or wrong may become right. */
  #newest: Version | null = null;
  #inForce: Version | null = null;
  #hash = '';

  constructor(readonly use: SecretUse) {}

  /** Its own name, as it is shown and as SDS knows it; null where it has none. */
  get secret(): string | null { return this.use.kind === 'own' ? null : this.use.secret; }

  get definition(): SecretDefinition | null { return this.#newest?.definition ?? null; }

  /** Puts a definition in force. What is wrong with it, or null. */
  take(version: Version, loaded = loadSecret(version.definition)): string | null {
    const { definition } = version;
    if (this.use.kind === 'sds' && definition.kind !== this.use.wanted)
      return `it is a ${typeNames[definition.kind]}, and used as a ${typeNames[this.use.wanted]}`;
    this.#newest = version;
    if (!loaded.ok) return problemsText(loaded.problems);
    this.#inForce = version;
    this.loaded = loaded;
    return null;
  }

  /** Reads the files again. What is wrong with them, or null. */
  reload(): string | null {
    return this.#newest === null ? null : this.take(this.#newest);
  }

  /** The record to put in force; null where the contents are those that are in force already. */
  changed(): ResourceRecord<'secret'> | null {
    if (this.loaded === null) return null;
    const configJson = JSON.stringify(this.loaded.contents);
    const hash = createHash('sha256').update(configJson).digest('hex').slice(0, 16);
    if (hash === this.#hash) return null;
    this.#hash = hash;
    this.updates++;
    return new ResourceRecord('secret', { name: this.use.name, origin: this.use.kind === 'sds' ? 'dynamic' : 'static',
      owner: null, configJson, wireJson: this.#shownJson(), hash, versionInfo: this.#inForce!.versionInfo,
      lastUpdatedMs: Date.now() });
  }

  /** A secret of SDS is shown with the contents of its files, as Envoy does and its tools expect; never with a key. */
  #shownJson(): string {
    const { wireJson } = this.#inForce!;
    if (this.use.kind !== 'sds') return wireJson;
    const json = JSON.parse(wireJson) as { [field: string]: { [field: string]: unknown } };
    const contents = this.loaded!.contents;
    const bytes = (text: string): object => ({ inline_bytes: Buffer.from(text).toString('base64') });
    if (contents.kind === 'certificate') {
      Object.assign(json.tls_certificate, { certificate_chain: bytes(contents.chainPem),
        private_key: { inline_bytes: HIDDEN } });
      if ('password' in json.tls_certificate) json.tls_certificate.password = { inline_bytes: HIDDEN };
    } else if (contents.kind === 'validation') {
      const { caPem, crlPem } = contents.validation;
      if (caPem !== '') json.validation_context.trusted_ca = bytes(caPem);
      if (crlPem !== '') json.validation_context.crl = bytes(crlPem);
    } else {
      json.session_ticket_keys = { keys: contents.keys.map(() => ({ inline_bytes: HIDDEN })) as never };
    }
    return JSON.stringify(json);
  }
}
