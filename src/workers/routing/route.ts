// A route, compiled on its first hit: what to do with a request that matched, with every constant text in the arena and
// every decision that does not depend on the request taken. Absent features are null.
import { RequestEditsFlag } from '../../core/generated/layouts.js';
import type { BoundAction, RouteConfigJson, RouteJson, VirtualHostJson } from '../../config/snapshot/route-json.js';
import { Criteria } from '../../config/metadata-match.js';
import type { FractionCell, NumberCell } from '../../config/runtime-cells.js';
import type { CertificateMatch, GrpcTimeouts, HeaderMutations } from '../../config/types.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import type { KeptText } from '../memory/kept-texts.js';
import { RetryConditions } from './retry-conditions.js';
import { HashPolicies } from './hash-policies.js';
import { RouteCounts } from './route-counts.js';
import type { VirtualCluster } from './route-counts.js';
import { Mirror } from './mirrors.js';
import { CompiledMutations } from './mutations.js';
import { RegexConditions } from './regex.js';
import { Rewrites } from './rewrites.js';
import { RouteChains } from './route-chains.js';
import type { FilterLevels } from './route-chains.js';
import type { RouteTableRuntime } from './route-table.js';

/** One cluster of a forwarding route, with the mutations of all levels in order. */
export class ClusterChoice {
  constructor(readonly slot: number, readonly name: string, readonly clusterHeader: string | null,
    readonly upTo: number,
    /** The weight, where a runtime key may change it. */
    readonly runtimeWeight: NumberCell | null,
    readonly hostRewrite: KeptText | null,
    /** The host is the weighted cluster's own, which Envoy replaces without a trace. */
    readonly hostOfWeight: boolean, readonly requestMutations: CompiledMutations | null,
    readonly responseMutations: CompiledMutations | null,
    /** Filter chains of this cluster alone; null: the route's. */
    readonly chains: RouteChains | null,
    /** What the endpoint's metadata must be. */
    readonly metadataMatch: Criteria | null) {}
}

type Forward = Extract<BoundAction, { kind: 'forward' }>;

const attempts = (value: string): HeaderMutations => ({ remove: [],
  add: [{ name: 'x-envoy-attempt-count', spelling: 'x-envoy-attempt-count', value, action: 'overwrite',
    keepEmptyValue: false }] });
/** The number is written anew for each further attempt (proxy/retries.ts). */
const ATTEMPTS_OF_REQUEST = attempts('1');
const ATTEMPTS_OF_RESPONSE = attempts('%UPSTREAM_REQUEST_ATTEMPT_COUNT%');

export class RouteRuntime {
  // First what every request looks at: a mesh has many routes, and each line of the cache counts.
  forward: Forward | null = null;
  /** Where all requests go, where there is one cluster. */
  only: ClusterChoice | null = null;
  /** Requests that came without TLS are sent to it: all, or those that are not internal. */
  requireTls: VirtualHostJson['requireTls'];
  timeoutMs = 0;
  grpcTimeouts: GrpcTimeouts | null = null;
  retry: RetryConditions | null = null;
  rewrites: Rewrites | null = null;
  hashPolicies: HashPolicies | null = null;
  /** Where its requests are sent as well. */
  mirrors: Mirror[] | null = null;
  /** Where its requests are counted apart. */
  counts: RouteCounts | null = null;
  /** Filter chains where a level says something about filters. */
  chains: RouteChains | null = null;
  prefixRewrite: KeptText | null = null;
  /** Constant header lines that every request of this route gets. */
  added: KeptText | null = null;
  /** RequestEditsFlag bits that the route adds. */
  editFlags = 0;
  /** Of high priority. */
  urgent = false;
  hedgesOnTimeout = false;
  followsRedirects = false;
  /** The host becomes the endpoint's name. */
  autoHost = false;
  idleTimeoutMs: number | null = null;
  /** `choices` is empty for redirects and direct responses. */
  choices: ClusterChoice[] = [];
  totalWeight = 0;
  /** Of an attempt; 0 = none, or it is longer than the timeout of all. */
  perTryMs = 0;
  /** Mutations of responses that Weft makes itself on this route. */
  localResponse: CompiledMutations | null = null;
  regex: RegexConditions | null = null;
  /** Share of requests that the route matches at all. */
  fraction: FractionCell | null = null;
  private weightsChange = false;
  private readonly texts: KeptText[] = [];
  private readonly mutations: CompiledMutations[] = [];

  private constructor(readonly json: RouteJson, readonly virtualHost: VirtualHostJson) {
    this.requireTls = virtualHost.requireTls;
  }

  get name(): string { return this.json.name; }
  get action(): BoundAction { return this.json.action; }

  /** Null when the arena is full. */
  static compile(engine: Engine, table: RouteTableRuntime, json: RouteJson,
      virtualHost: VirtualHostJson, virtualClusters: readonly VirtualCluster[]): RouteRuntime | null {
    const route = new RouteRuntime(json, virtualHost);
    route.counts = RouteCounts.of(engine, table.table, json, virtualClusters);
    if (json.regex.length > 0) route.regex = new RegexConditions(json.regex);
    route.chains = chainsOf([table.config.filters, virtualHost.filters, json.filters]);
    if (json.runtimeFraction !== null) route.fraction = engine.runtime.fraction(json.runtimeFraction);
    const response = (cluster: HeaderMutations | null) =>
      CompiledMutations.compile(engine, [
        ...(virtualHost.includeAttemptCountInResponse && json.action.kind === 'forward' ? [ATTEMPTS_OF_RESPONSE] : []),
        ...levels(table.config, virtualHost.responseHeaders, json.responseHeaders, cluster,
          table.config.responseHeaders)]);
    if (json.action.kind !== 'forward') {
      const local = response(null);
      if (local === 'full') return null;
      route.localResponse = route.own(local);
      return route;
    }
    return route.compileForward(engine, table, json.action, response) ? route : null;
  }

  private compileForward(engine: Engine, table: RouteTableRuntime, action: Forward,
    response: (cluster: HeaderMutations | null) => CompiledMutations | null | 'full'): boolean {
    this.forward = action;
    this.timeoutMs = action.timeoutMs;
    this.grpcTimeouts = action.grpcTimeouts;
    this.idleTimeoutMs = action.idleTimeoutMs;
    this.totalWeight = action.totalWeight;
    this.urgent = action.priority === 'high';
    this.hedgesOnTimeout = action.hedgesOnTimeout;
    this.followsRedirects = action.internalRedirects !== null;
    this.autoHost = action.autoHostRewrite;
    if (action.appendXForwardedHost) this.editFlags |= RequestEditsFlag.appendHostXfh;
    this.rewrites = Rewrites.of(action, this.json.matchedBytes < 0);
    this.hashPolicies = HashPolicies.of(action.hashPolicies);
    const retryPolicy = action.retryPolicy ?? this.virtualHost.retryPolicy;
    if (retryPolicy !== null) this.retry = new RetryConditions(engine, retryPolicy);
    if (retryPolicy !== null && (action.timeoutMs === 0 || retryPolicy.perTryTimeoutMs < action.timeoutMs))
      this.perTryMs = retryPolicy.perTryTimeoutMs;
    const expectedMs = this.perTryMs > 0 && !action.hedgesOnTimeout ? this.perTryMs : action.timeoutMs;
    if (action.prefixRewrite !== null && this.json.matchedBytes >= 0) {
      this.prefixRewrite = this.keep(engine, action.prefixRewrite);
      if (this.prefixRewrite === null) return false;
    }
    if (expectedMs > 0) {
      this.added = this.keep(engine, `x-envoy-expected-rq-timeout-ms: ${expectedMs}\r\n`);
      if (this.added === null) return false;
    }
    if (!this.compileMirrors(engine, action)) return false;
    let upTo = 0;
    for (const cluster of action.clusters) {
      const request = CompiledMutations.compile(engine, [
        ...(this.virtualHost.includeRequestAttemptCount ? [ATTEMPTS_OF_REQUEST] : []),
        ...levels(table.config, this.virtualHost.requestHeaders, this.json.requestHeaders, cluster.requestHeaders,
          table.config.requestHeaders)]);
      const responses = response(cluster.responseHeaders);
      const hostText = cluster.hostRewriteLiteral ?? action.hostRewriteLiteral;
      const ofWeight = cluster.hostRewriteLiteral !== null;
      const host = hostText === null ? null : this.keep(engine, hostText);
      if (request === 'full' || responses === 'full' || (hostText !== null && host === null)) return false;
      upTo += action.clusters.length === 1 ? Math.max(1, cluster.weight) : cluster.weight;
      const weight = action.runtimeKeyPrefix === '' ? null : engine.runtime.number({ defaultValue: cluster.weight,
        runtimeKey: `${action.runtimeKeyPrefix}.${cluster.cluster}` });
      if (weight !== null) this.weightsChange = true;
      this.choices.push(new ClusterChoice(cluster.slot, cluster.cluster, cluster.clusterHeader, upTo, weight, host,
        ofWeight, this.own(request), this.own(responses), cluster.filters.length === 0 ? null
          : chainsOf([table.config.filters, this.virtualHost.filters, this.json.filters, cluster.filters]),
        Criteria.of(cluster.metadataMatch)));
    }
    if (this.choices.length === 1) this.only = this.choices[0];
    return true;
  }

  private compileMirrors(engine: Engine, action: Forward): boolean {
    for (const policy of action.mirrors) {
      const mirror = Mirror.compile(engine, policy);
      if (mirror === null) return false;
      (this.mirrors ??= []).push(mirror);
    }
    return true;
  }

  /** Gives everything compiled back to the arena; no stream is in a root that has this route. */
  release(engine: Engine): void {
    this.retry?.release();
    for (const mirror of this.mirrors ?? []) mirror.release(engine);
    this.chains?.release();
    for (const { chains } of this.choices) chains?.release();
    for (const text of this.texts) engine.texts.release(text);
    for (const mutations of this.mutations) mutations.release();
  }

  private keep(engine: Engine, text: string): KeptText | null {
    const kept = engine.texts.keep(text);
    if (kept !== null) this.texts.push(kept);
    return kept;
  }
  private own(mutations: CompiledMutations | null): CompiledMutations | null {
    if (mutations !== null) this.mutations.push(mutations);
    return mutations;
  }

  /** Conditions that the table could not judge: expressions, a share of requests, and the client's certificate. */
  holds(engine: Engine, pathAt: number, pathBytes: number, pathOnlyBytes: number, tls: TlsFacts | null): boolean {
    const { certificate } = this.json;
    if (certificate !== undefined && !presents(tls, certificate)) return false;
    if (this.fraction !== null && !this.fraction.holds(engine.codecs.nextRandom(engine.randomState))) return false;
    return this.regex === null || this.regex.hold(engine, pathAt, pathBytes, pathOnlyBytes);
  }

  /** The cluster for a random number in [0, 1). */
  choose(random: number): ClusterChoice {
    const { choices } = this;
    if (choices.length === 1) return choices[0];
    if (this.weightsChange) return this.chooseByRuntime(random);
    return this.at(random * choices[choices.length - 1].upTo);
  }

  /** The cluster for a number that the client sent: its remainder by the sum of the weights. */
  chooseByNumber(value: bigint): ClusterChoice {
    return this.at(Number(value % BigInt(this.choices[this.choices.length - 1].upTo)));
  }

  private chooseByRuntime(random: number): ClusterChoice {
    const { choices } = this;
    let sum = 0;
    for (const { runtimeWeight } of choices) sum += runtimeWeight!.value;
    let point = random * sum;
    for (const choice of choices) {
      point -= choice.runtimeWeight!.value;
      if (point < 0) return choice;
    }
    return choices[choices.length - 1];
  }

  private at(point: number): ClusterChoice {
    const { choices } = this;
    for (let i = 0; i < choices.length; i++) if (point < choices[i].upTo) return choices[i];
    return choices[choices.length - 1];
  }
}

/**
 * Envoy: the most specific level is applied first, so that the route configuration's has the last word; or the other
 * way round if asked. A weighted cluster's are always the first.
 */
function levels(config: RouteConfigJson, virtualHost: HeaderMutations, route: HeaderMutations,
    cluster: HeaderMutations | null, whole: HeaderMutations): HeaderMutations[] {
  const order = config.mostSpecificWins ? [whole, virtualHost, route] : [route, virtualHost, whole];
  return cluster === null ? order : [cluster, ...order];
}

/** Null: no level says anything about filters. */
const chainsOf = (filters: FilterLevels): RouteChains | null =>
  filters.some((level) => level.length > 0) ? new RouteChains(filters) : null;

/** A connection without TLS has presented nothing. */
const presents = (tls: TlsFacts | null, { presented, validated }: CertificateMatch): boolean =>
  (presented === null || presented === (tls !== null && tls.peerPresented))
  && (validated === null || validated === (tls !== null && tls.peerValidated));
