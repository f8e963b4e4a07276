// The HTTP filters of a connection manager as requests meet them. A route that configures filters otherwise gets a
// chain of its own, made at its first request and kept with the route; all others share the connection manager's.
import type { BoundFilter } from '../../config/snapshot/layout.js';
import type { HttpFilterConfig } from '../../config/http-filters.js';
import type { Engine } from '../engine.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { Stream } from '../proxy/stream.js';
import type { FilterLevels, RouteChains } from '../routing/route-chains.js';
import { BufferFilter } from './buffer.js';
import { CorsFilter } from './cors.js';
import { CsrfFilter } from './csrf.js';
import { DynamicForwardProxyFilter } from './dynamic-forward-proxy.js';
import { FaultFilter } from './fault.js';
import type { HttpFilter } from './filter.js';
import { GrpcJsonTranscoderFilter } from './grpc-json-transcoder.js';
import { GrpcHttp1BridgeFilter } from './grpc-http1-bridge.js';
import { GrpcStatsFilter } from './grpc-stats.js';
import { GrpcWebFilter } from './grpc-web.js';
import { HostCache } from './host-cache.js';
import { HeaderMutationFilter } from './header-mutation.js';
import { HealthCheckFilter } from './health-check.js';
import { JsonEndpointFilter } from './json-endpoint.js';
import { LocalRateLimitFilter } from './local-rate-limit.js';
import { HeaderToMetadataFilter, SetMetadataFilter } from './metadata.js';
import { RpcJsonTranscoderFilter } from './rpc-json-transcoder.js';
import { SofaTraceFilter } from './sofa-trace.js';

/** The chain that a route's requests meet. */
export class FilterChain {
  /** A response change needs the request's head. */
  readonly keepsHead: boolean;

  /** `places`: of each in the connection manager's list. */
  constructor(readonly filters: readonly HttpFilter[], private readonly places: readonly number[]) {
    this.keepsHead = filters.some((filter) => filter.keepsHead === true);
  }

  /** This chain up to its filter `at`, behind it what another route has. */
  joinedAt(at: number, other: FilterChain | null): FilterChain {
    const from = other === null ? 0 : other.places.filter((place) => place <= this.places[at]!).length;
    return new FilterChain([...this.filters.slice(0, at + 1), ...other?.filters.slice(from) ?? []],
      [...this.places.slice(0, at + 1), ...other?.places.slice(from) ?? []]);
  }

  /** Adds changes of the response's head in the order in which they apply: the last filter's first. */
  responseMutations(stream: Stream, out: CompiledMutations[]): void {
    for (let i = this.filters.length - 1; i >= 0; i--) {
      const mutations = this.filters[i]!.responseMutations?.(stream) ?? null;
      if (mutations !== null) out.push(mutations);
    }
  }

  onResponse(stream: Stream, record: number, lines: string): void {
    for (let i = this.filters.length - 1; i >= 0; i--) this.filters[i]!.onResponse?.(stream, record, lines);
  }
  onEnd(stream: Stream): void { for (const filter of this.filters) filter.onEnd?.(stream); }
  release(): void { for (const filter of this.filters) filter.release(); }
}

/** The filters of one connection manager. */
export class ManagerFilters {
  /** Whose chains have to be forgotten with this. */
  readonly routes = new Set<RouteChains>();
  private readonly shared: FilterChain;

  constructor(private readonly engine: Engine, private readonly bound: readonly BoundFilter[]) {
    this.shared = this.chainFor([]);
  }

  /** The chain for a request; null: no filter sees it. */
  chain(routes: RouteChains | null): FilterChain | null {
    const chain = routes === null ? this.shared : routes.of(this);
    return chain.filters.length === 0 ? null : chain;
  }

  chainFor(levels: FilterLevels): FilterChain {
    const filters: HttpFilter[] = [], places: number[] = [];
    for (const [place, own] of this.bound.entries()) {
      const overrides = levels.flatMap((level) => level.filter(({ name }) => name === own.name));
      const disabled = overrides.length === 0 ? own.disabled : overrides[overrides.length - 1]!.disabled;
      const filter = disabled ? null : compile(this.engine, own, overrides.filter(({ config }) =>
        config !== null));
      if (filter === null) continue;
      filters.push(filter);
      places.push(place);
    }
    return new FilterChain(filters, places);
  }

  release(): void {
    this.shared.release();
    for (const routes of this.routes) routes.forget(this);
    this.routes.clear();
  }
}

/** Null: the filter does nothing on the route. Most filters take what the most specific level says, whole. */
function compile(engine: Engine, own: BoundFilter,
  overrides: readonly BoundFilter[]): HttpFilter | null {
  const bound = overrides.length > 0 ? overrides[overrides.length - 1]! : own;
  const config = bound.config!;
  const scope = engine.statsBase + (own.scope >> 3);
  const all = overrides.map((override) => override.config!);
  switch (config.kind) {
    case 'fault': return new FaultFilter(engine, config, scope);
    case 'cors': return CorsFilter.of(engine, ofKind(all, 'cors'), scope);
    case 'csrf': return new CsrfFilter(engine, config, scope);
    case 'headerMutation': return HeaderMutationFilter.of(engine, ofKind([own.config!], 'headerMutation')[0]!,
      ofKind(all, 'headerMutation'));
    case 'localRateLimit': return new LocalRateLimitFilter(engine, config, bound);
    case 'healthCheck': return new HealthCheckFilter(engine, config);
    case 'buffer': return config.disabled ? null : new BufferFilter(config);
    case 'setMetadata': return new SetMetadataFilter(config);
    case 'headerToMetadata': return new HeaderToMetadataFilter(engine, config);
    case 'dynamicForwardProxy': return new DynamicForwardProxyFilter(engine,
      HostCache.of(engine, ofKind([own.config!], 'dynamicForwardProxy')[0]!.cache!),
      ofKind(all, 'dynamicForwardProxy').at(-1) ?? null);
    case 'grpcJsonTranscoder': return GrpcJsonTranscoderFilter.of(engine, config);
    case 'grpcWeb': return new GrpcWebFilter(engine);
    case 'grpcHttp1Bridge': return new GrpcHttp1BridgeFilter(engine, config);
    case 'grpcStats': return new GrpcStatsFilter(engine, config);
    case 'rpcJsonTranscoder':
      return RpcJsonTranscoderFilter.of(engine, config) ?? JsonEndpointFilter.of(engine, config);
    case 'sofaTrace': return new SofaTraceFilter(engine);
    case 'router': return null;
  }
}

type OfKind<K> = Extract<HttpFilterConfig, { kind: K }>;
const ofKind = <K extends HttpFilterConfig['kind']>(configs: readonly HttpFilterConfig[], kind: K): OfKind<K>[] =>
  configs.filter((config): config is OfKind<K> => config.kind === kind);
