// How an endpoint is reached: plain, or by TLS as its cluster or a match on the endpoint's metadata says
// (transport_socket_matches).
import type { ClusterBlob } from '../../config/snapshot/layout.js';
import { transportMatchOf } from '../../config/tls.js';
import type { TransportMatch, TransportSocketMatch } from '../../config/tls.js';
import { clusterScope } from '../../telemetry/scopes.js';
import type { Engine } from '../engine.js';
import { ClientContext } from '../tls/client-context.js';

/** What ALPN offers where a context names nothing: what the cluster's connections may speak, as Envoy does. */
const OFFERED = { http1: ['http/1.1'], http2: ['h2'], auto: ['h2', 'http/1.1'], downstream: [] } as const;

export class Transports {
  /** Of connections' handshakes; index into f64. */
  readonly scope: number;
  private readonly own: ClientContext | null;
  private readonly matches: readonly TransportSocketMatch[];
  private readonly contexts: (ClientContext | null)[];

  constructor(engine: Engine, slot: number, { config, secrets }: ClusterBlob) {
    this.scope = engine.statsBase + (clusterScope(engine.i32, engine.map, slot, 'clusterTls') >> 3);
    const offered = OFFERED[config.http.protocol];
    this.own = config.tls === null ? null : new ClientContext(engine, config.tls, secrets!.own!, offered);
    this.matches = config.transportSocketMatches ?? [];
    this.contexts = this.matches.map(({ tls }, index) =>
      tls === null ? null : new ClientContext(engine, tls, secrets!.matches[index]!, offered));
  }

  /** What an endpoint with this metadata is reached by; null: plain bytes. */
  of(endpoint: TransportMatch | undefined): ClientContext | null {
    const index = transportMatchOf(this.matches, endpoint);
    return index < 0 ? this.own : this.contexts[index];
  }

  release(): void {
    this.own?.release();
    for (const context of this.contexts) context?.release();
  }
}
