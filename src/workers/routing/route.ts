// A route, compiled on its first hit: what to do with a request that matched, with every constant text in the arena and
// every decision that does not depend on the request taken. Absent features are null.
import { RequestEditsFlag } from '../../core/generated/layouts.js';
import type { BoundAction, RouteConfigJson, RouteJson, VirtualHostJson } from '../../config/snapshot/route-table.js';
import type { HeaderMutations } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { CompiledMutations } from './mutations.js';
import { RegexConditions } from './regex.js';
import type { RouteTableRuntime } from './route-table.js';

export interface KeptText { at: number; bytes: number }

/** One cluster of a forwarding route, with the mutations of all levels in order. */
export class ClusterChoice {
  constructor(readonly slot: number, readonly name: string, readonly upTo: number,
    readonly hostRewrite: KeptText | null, readonly requestMutations: CompiledMutations | null,
    readonly responseMutations: CompiledMutations | null) {}
}

type Forward = Extract<BoundAction, { kind: 'forward' }>;

export class RouteRuntime {
  /** Forwarding. `choices` is empty for redirects and direct responses. */
  choices: ClusterChoice[] = [];
  totalWeight = 0;
  prefixRewrite: KeptText | null = null;
  /** Constant header lines that every request of this route gets. */
  added: KeptText | null = null;
  /** RequestEditsFlag bits that the route adds. */
  editFlags = 0;
  timeoutMs = 0;
  idleTimeoutMs: number | null = null;
  forward: Forward | null = null;
  /** Mutations of responses that Weft makes itself on this route. */
  localResponse: CompiledMutations | null = null;
  regex: RegexConditions | null = null;
  private readonly texts: KeptText[] = [];
  private readonly mutations: CompiledMutations[] = [];

  private constructor(readonly json: RouteJson, readonly virtualHost: VirtualHostJson) {}

  get name(): string { return this.json.name; }
  get action(): BoundAction { return this.json.action; }

  /** Null when the arena is full. */
  static compile(engine: Engine, table: RouteTableRuntime, json: RouteJson,
      virtualHost: VirtualHostJson): RouteRuntime | null {
    const route = new RouteRuntime(json, virtualHost);
    if (json.regex.length > 0) route.regex = new RegexConditions(json.regex);
    const response = (cluster: HeaderMutations | null) =>
      CompiledMutations.compile(engine, levels(table.config, virtualHost.responseHeaders, json.responseHeaders,
        cluster, table.config.responseHeaders));
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
    this.idleTimeoutMs = action.idleTimeoutMs;
    this.totalWeight = action.totalWeight;
    if (action.appendXForwardedHost) this.editFlags |= RequestEditsFlag.appendHostXfh;
    if (action.prefixRewrite !== null) {
      this.prefixRewrite = this.keep(engine, action.prefixRewrite);
      if (this.prefixRewrite === null) return false;
    }
    if (action.timeoutMs > 0) {
      this.added = this.keep(engine, `x-envoy-expected-rq-timeout-ms: ${action.timeoutMs}\r\n`);
      if (this.added === null) return false;
    }
    let upTo = 0;
    for (const cluster of action.clusters) {
      const request = CompiledMutations.compile(engine, levels(table.config, this.virtualHost.requestHeaders,
        this.json.requestHeaders, cluster.requestHeaders, table.config.requestHeaders));
      const responses = response(cluster.responseHeaders);
      const hostText = cluster.hostRewriteLiteral ?? action.hostRewriteLiteral;
      const host = hostText === null ? null : this.keep(engine, hostText);
      if (request === 'full' || responses === 'full' || (hostText !== null && host === null)) return false;
      upTo += action.clusters.length === 1 ? Math.max(1, cluster.weight) : cluster.weight;
      this.choices.push(new ClusterChoice(cluster.slot, cluster.cluster, upTo, host, this.own(request),
        this.own(responses)));
    }
    return true;
  }

  /** Gives everything compiled back to the arena; no stream is in a root that has this route. */
  release(engine: Engine): void {
    for (const text of this.texts) engine.heap.release(text.at, text.bytes + 16);
    for (const mutations of this.mutations) mutations.release();
  }

  private keep(engine: Engine, text: string): KeptText | null {
    const kept = engine.keepText(text);
    if (kept !== null) this.texts.push(kept);
    return kept;
  }
  private own(mutations: CompiledMutations | null): CompiledMutations | null {
    if (mutations !== null) this.mutations.push(mutations);
    return mutations;
  }

  /** The cluster for a random number in [0, 1). */
  choose(random: number): ClusterChoice {
    const { choices } = this;
    if (choices.length === 1) return choices[0];
    const point = random * choices[choices.length - 1].upTo;
    for (let i = 0; i < choices.length; i++) if (point < choices[i].upTo) return choices[i];
    return choices[choices.length - 1];
  }
}

/**
 * Envoy: the most specific level is applied first, so that the route configuration's has the last word; or the other
 * way round if asked.
 */
function levels(config: RouteConfigJson, virtualHost: HeaderMutations, route: HeaderMutations,
    cluster: HeaderMutations | null, whole: HeaderMutations): HeaderMutations[] {
  const order = cluster === null ? [route, virtualHost, whole] : [cluster, route, virtualHost, whole];
  return config.mostSpecificWins ? order.reverse() : order;
}
