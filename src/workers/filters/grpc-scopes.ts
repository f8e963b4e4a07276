// Where grpc_stats counts: a scope for each cluster, which the worker that is first allocates, and one for each method
// that is counted apart, which main allocates, as it knows names. Until it has, counts wait here.
import type { Answer } from '../../config/questions.js';
import { limits } from '../../core/limits.js';
import { sameBytes } from '../../core/same-bytes.js';
import { clusterScope } from '../../telemetry/scopes.js';
import { observeIn, scopeBytes } from '../../telemetry/schema.js';
import type { Asker } from '../asks.js';
import type { Engine } from '../engine.js';

/** Cells of a cluster or a method, among the worker's own statistics or, at first, nobody's. */
export class GrpcScope {
  constructor(protected cells: Float64Array, protected base: number) {}
  add(cell: number, count: number): void { this.cells[this.base + cell] += count; }
  observe(firstBucket: number, value: number): void { observeIn(this.cells, this.base + firstBucket, value); }
  isAt(base: number): boolean { return this.base === base; }
}

class MethodScope extends GrpcScope implements Asker {
  constructor(private readonly engine: Engine, private readonly cluster: string, private readonly path: Uint8Array) {
    super(new Float64Array(scopeBytes('grpcMethod') >> 3), 0);
  }

  isOf(cluster: string, u8: Uint8Array, at: number, bytes: number): boolean {
    return this.cluster === cluster && sameBytes(u8, at, at + bytes, this.path);
  }

  /** What was counted so far goes along; without room it goes on where nobody looks. */
  answered(answer: Answer): void {
    if (answer.kind !== 'grpcScope' || answer.offset < 0) return;
    const { cells, engine } = this;
    this.cells = engine.f64;
    this.base = engine.statsBase + (answer.offset >> 3);
    for (const [cell, count] of cells.entries()) if (count !== 0) this.add(cell, count);
  }
}

/** Of one worker. */
export class GrpcScopes {
  private readonly clusters = new Map<number, GrpcScope>();
  private readonly methods = new Map<number, MethodScope[]>();
  private methodCount = 0;
  private static readonly ofEngines = new WeakMap<Engine, GrpcScopes>();

  static of(engine: Engine): GrpcScopes {
    let scopes = this.ofEngines.get(engine);
    if (scopes === undefined) this.ofEngines.set(engine, scopes = new GrpcScopes(engine));
    return scopes;
  }

  private constructor(private readonly engine: Engine) {}

  ofCluster(slot: number): GrpcScope {
    const { engine } = this;
    const base = engine.statsBase + (clusterScope(engine.i32, engine.map, slot, 'clusterGrpc') >> 3);
    let scope = this.clusters.get(slot);
    if (scope === undefined || !scope.isAt(base)) this.clusters.set(slot, scope = new GrpcScope(engine.f64, base));
    return scope;
  }

  /**
   * Of the method that the path at [at, at + bytes) calls, `/service/method`, in the cluster that statistics call so;
   * null where there are too many. `dots`: the service's become underscores in the name.
   */
  ofMethod(cluster: string, at: number, bytes: number, dots: boolean): GrpcScope | null {
    const { engine, methods } = this;
    engine.codecs.hashBytes(at, bytes, engine.valueScratch);
    const hash = engine.i32[engine.valueScratch >> 2]!;
    const known = methods.get(hash);
    if (known !== undefined)
      for (const scope of known) if (scope.isOf(cluster, engine.u8, at, bytes)) return scope;
    if (this.methodCount >= limits.grpcMethodsMax) return null;
    const scope = new MethodScope(engine, cluster, engine.u8.slice(at, at + bytes));
    const [, service, method] = engine.readText(at, bytes).split('/') as [string, string, string];
    const name = `${cluster}.grpc.${dots ? service.replaceAll('.', '_') : service}.${method}`;
    if (!engine.asks.ask({ kind: 'grpcScope', name }, scope)) return null;
    this.methodCount++;
    methods.set(hash, [...known ?? [], scope]);
    return scope;
  }
}
