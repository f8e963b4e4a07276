// Where grpc_stats counts: a scope for each cluster, which the worker that is first allocates, and one for each method
// that is counted apart, which main allocates, as it knows names. Until it has, counts wait here.
import type { Answer } from '../../config/questions.js';
import { limits } from '../../core/limits.js';
import { clusterScope } from '../../telemetry/scopes.js';
import { scopeBytes } from '../../telemetry/schema.js';
import type { Asker } from '../asks.js';
import type { Engine } from '../engine.js';

export interface GrpcScope {
  add(cell: number, count: number): void;
  observe(firstBucket: number, value: number): void;
}

class ClusterScope implements GrpcScope {
  constructor(private readonly engine: Engine, readonly offset: number) {}
  add(cell: number, count: number): void { this.engine.f64[this.offset + cell] += count; }
  observe(firstBucket: number, value: number): void { this.engine.observe(this.offset + firstBucket, value); }
}

class MethodScope implements GrpcScope, Asker {
  /** Index into f64; -1 while main has not said. */
  private offset = -1;
  private waiting: Float64Array | null = new Float64Array(scopeBytes('grpcMethod') >> 3);
  constructor(private readonly engine: Engine, private readonly cluster: string,
    private readonly path: Uint8Array) {}

  holds({ u8 }: Engine, cluster: string, at: number, bytes: number): boolean {
    if (this.cluster !== cluster || this.path.length !== bytes) return false;
    for (let i = 0; i < bytes; i++) if (this.path[i] !== u8[at + i]) return false;
    return true;
  }

  add(cell: number, count: number): void {
    if (this.offset >= 0) this.engine.f64[this.offset + cell] += count;
    else if (this.waiting !== null) this.waiting[cell] += count;
  }
  observe(firstBucket: number, value: number): void {
    if (this.offset >= 0) this.engine.observe(this.offset + firstBucket, value);
  }

  answered(answer: Answer): void {
    const { waiting } = this;
    this.waiting = null;
    if (answer.kind !== 'grpcScope' || answer.offset < 0 || waiting === null) return;
    this.offset = this.engine.statsBase + (answer.offset >> 3);
    for (const [cell, count] of waiting.entries()) if (count !== 0) this.engine.f64[this.offset + cell] += count;
  }
}

/** Of one worker. */
export class GrpcScopes {
  private readonly clusters = new Map<number, ClusterScope>();
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
    const offset = engine.statsBase + (clusterScope(engine.i32, engine.map, slot, 'clusterGrpc') >> 3);
    let scope = this.clusters.get(slot);
    if (scope === undefined || scope.offset !== offset)
      this.clusters.set(slot, scope = new ClusterScope(engine, offset));
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
      for (const scope of known) if (scope.holds(engine, cluster, at, bytes)) return scope;
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
