// What a filter chain serves TLS with: one context for each of its certificates, chosen by the name that the client
// asks for.
import type { CertificateContents, DownstreamTls, TlsSlots } from '../../config/tls.js';
import type { Engine } from '../engine.js';
import type { Context } from './context.js';
import { tlsOf } from './library.js';
import { materialsOf, versionOf } from './materials.js';

export class ServerContext {
  private version = '';
  private contexts: { context: Context; certificate: CertificateContents }[] = [];
  /** Why there is none, where its secrets are there. */
  fault = '';

  constructor(private readonly engine: Engine, private readonly tls: DownstreamTls, private readonly slots: TlsSlots) {}

  /** Does the choice need the ClientHello? */
  get hasChoice(): boolean { return this.contexts.length > 1; }

  /** Follows the secrets. False: they have not come, or nothing can be made of them. */
  isReady(): boolean {
    const version = versionOf(this.engine, this.slots);
    if (version === this.version) return this.contexts.length > 0;
    const materials = materialsOf(this.engine, this.tls.common, this.slots);
    if (materials === null || materials.certificates.length === 0) return this.contexts.length > 0;
    const { contexts } = tlsOf(this.engine);
    const { certificates } = materials;
    const before = this.contexts, made: typeof before = [];
    try {
      for (const certificate of certificates) {
        made.push({ certificate, context: contexts.server(this.tls, besides(certificate, certificates), materials) });
      }
      this.contexts = made;
      this.version = version;
      this.fault = '';
    } catch (error) {
      for (const { context } of made) contexts.release(context);
      this.fault = error instanceof Error ? error.message : String(error);
      this.version = version;                            // not again until something changes
      this.engine.report(new Error(`a TLS context cannot be made: ${this.fault}`));
      return before.length > 0;
    }
    for (const { context } of before) contexts.release(context);
    return true;
  }

  /** The context for this server name; the first one where none is for it. */
  choose(serverName: string): Context {
    const name = serverName.toLowerCase();
    const dot = name.indexOf('.');
    const wildcard = dot > 0 ? `*${name.slice(dot)}` : '';
    const exact = this.contexts.find(({ certificate }) => certificate.serverNames.includes(name));
    const found = exact ?? this.contexts.find(({ certificate }) => certificate.serverNames.includes(wildcard));
    return (found ?? this.contexts[0]!).context;
  }

  release(): void {
    for (const { context } of this.contexts) tlsOf(this.engine).contexts.release(context);
    this.contexts = [];
    this.version = '';
  }
}

/** With it those for a name of its own that have another kind of key: OpenSSL takes what the client can check. */
function besides(certificate: CertificateContents, all: readonly CertificateContents[]): CertificateContents[] {
  const kind = ({ keyType }: CertificateContents): string => keyType === 'rsa' ? 'rsa' : 'ecdsa';
  const other = all.find((one) => kind(one) !== kind(certificate)
    && (one.serverNames.length === 0 || one.serverNames.some((name) => certificate.serverNames.includes(name))));
  return other === undefined ? [certificate] : [other, certificate];
}
