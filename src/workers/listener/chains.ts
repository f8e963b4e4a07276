// Filter chains of one listener: the tree that finds a connection's chain, and each chain, compiled when the first
// connection comes to it. A listener of hundreds of chains costs what its traffic uses.
import { FilterChainTree } from '../../config/filter-chains.js';
import type { ChainQuestion } from '../../config/filter-chains.js';
import type { TcpProxy } from '../../config/tcp-proxy.js';
import { chainsOf } from '../../config/types.js';
import type { FilterChain, HttpConnectionManager } from '../../config/types.js';
import type { ListenerBlob } from '../../config/snapshot/layout.js';
import type { Engine } from '../engine.js';
import { TcpRuntime } from '../tcp/runtime.js';
import { ServerContext } from '../tls/server-context.js';
import { HcmRuntime } from './hcm.js';
import { NetworkFilters } from './network-filters.js';

/** What may refuse connections, and what ends the chain: one of the two, or both, as FilterChain has it. */
export interface Chain { readonly filters: NetworkFilters | null; readonly hcm: HcmRuntime | null;
  readonly tcp: TcpRuntime | null;
  /** What it serves TLS with, null: it is plain; and how long a handshake may take, 0 = as long as our limit is. */
  readonly tls: ServerContext | null; readonly handshakeTimeoutMs: number;
  /** A log asks what its connections' TLS tells. */
  readonly notesTls: boolean }

export type ChainEnd = HttpConnectionManager | TcpProxy;

export class Chains {
  /** The chain that every connection has; null: `find` tells. */
  readonly only: number | null;
  /** A chain has filters that may refuse connections. */
  readonly judged: boolean;
  private readonly tree = new FilterChainTree();
  private readonly all: FilterChain[];
  private readonly fallback: number;
  private readonly compiled: (Chain | null)[];

  constructor(private readonly engine: Engine, private readonly contents: ListenerBlob) {
    const { config } = contents;
    this.all = chainsOf(config);
    this.compiled = this.all.map(() => null);
    this.fallback = config.defaultFilterChain === null ? -1 : config.filterChains.length;
    const matches = config.filterChains.map(({ match }) => match);
    this.judged = this.all.some(({ networkFilters }) => networkFilters.length > 0);
    this.only = matches.length === 1 && matches[0] === null ? 0 : matches.length === 0 ? this.fallback : null;
    matches.forEach((match, index) => { if (match !== null) this.tree.add(match, index); });
  }

  /** Number of the connection's chain, or -1: no chain takes it. */
  find(question: ChainQuestion): number {
    if (this.only !== null) return this.only;
    const found = this.tree.find(question);
    return found < 0 ? this.fallback : found;
  }

  /** The chain by its number. Throws when the arena has no room for it. */
  get(index: number): Chain { return this.compiled[index] ??= this.compile(index); }

  /** What ends those of its chains that a newer configuration of the listener has as they are. */
  sharedWith(newer: Chains): Set<ChainEnd> {
    const digests = new Set(newer.contents.chains.map(({ digest }) => digest));
    return new Set(this.all.filter((_, index) => digests.has(this.contents.chains[index].digest))
      .flatMap(({ hcm, tcp }) => [hcm, tcp].filter((end) => end !== null)));
  }

  private compile(index: number): Chain {
    const binding = this.contents.chains[index];
    const { hcm, tcp, name, networkFilters, tls, transportSocketConnectTimeoutMs } = this.all[index];
    const http = hcm === null ? null : new HcmRuntime(this.engine, hcm, binding, name);
    const plain = tcp === null ? null : new TcpRuntime(this.engine, tcp, binding, name);
    return {
      filters: networkFilters.length === 0 ? null
        : new NetworkFilters(this.engine, networkFilters, binding.networkFilters),
      hcm: http, tcp: plain,
      notesTls: [...http?.logs ?? [], ...plain?.logs ?? []].some((log) => log.needsTlsNotes),
      tls: tls === null ? null : new ServerContext(this.engine, tls, binding.secrets!),
      handshakeTimeoutMs: transportSocketConnectTimeoutMs,
    };
  }

  release(engine: Engine): void {
    for (const chain of this.compiled) {
      chain?.hcm?.release(engine);
      chain?.tcp?.release(engine);
      chain?.tls?.release();
    }
  }
}
