// envoy.filters.http.health_check: answers the checks of a load balancer in the service's place, or lets them through
// and remembers the answer. While the admin says that health checks fail, all fail.
import type { HealthCheckFilter as Config } from '../../config/http-filters.js';
import type { HeaderMutation } from '../../config/types.js';
import { Head } from '../../core/generated/layouts.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import type { DetailText } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { HeaderCondition } from '../routing/header-condition.js';
import { CompiledMutations } from '../routing/mutations.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

/** Of a check that has a body, which is thrown away. */
const BODY_BYTES_MAX = 1 << 20;
const set = (name: string, value: string, keepEmptyValue: boolean): HeaderMutation =>
  ({ name, spelling: name, value, action: 'overwrite', keepEmptyValue });

export class HealthCheckFilter implements HttpFilter {
  private readonly headers: readonly HeaderCondition[];
  private readonly ofChecks: CompiledMutations;
  private readonly ofOthers: CompiledMutations;
  private cachedStatus = 0;
  private cachedUntilMs = 0;

  constructor(private readonly engine: Engine, private readonly config: Config) {
    this.headers = config.headers.map((matcher) => new HeaderCondition(engine, matcher));
    const compile = (mutation: HeaderMutation): CompiledMutations => {
      const compiled = CompiledMutations.compile(engine, [{ remove: [], add: [mutation] }]);
      if (compiled === 'full' || compiled === null) throw new Error('the arena has no room for a health check filter');
      return compiled;
    };
    this.ofChecks = compile(set('x-envoy-upstream-healthchecked-cluster', engine.nodeCluster.replaceAll('%', '%%'),
      true));
    this.ofOthers = compile(set('x-envoy-immediate-health-check-fail', 'true', false));
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, config } = this;
    for (const condition of this.headers) if (!condition.holds(engine.requestRecord)) return CONTINUE;
    stream.healthCheck = true;
    const cached = config.cacheTimeMs > 0 && engine.nowMs < this.cachedUntilMs;
    if (config.passThrough && !this.failing && !cached) return CONTINUE;
    return stream.request.complete ? this.answer(stream, actions) : actions.collectBody(stream, BODY_BYTES_MAX);
  }

  onResume(stream: Stream, actions: Actions): number { return this.answer(stream, actions); }

  private answer(stream: Stream, actions: Actions): number {
    let status = 200;
    let why: DetailText = 'health_check_ok';
    if (this.failing) {
      status = 503;
      why = 'health_check_failed';
    } else if (this.config.passThrough) {
      status = this.cachedStatus;
      why = 'health_check_cached';
    } else if (this.config.clusterMinHealthyPercent.length > 0) {
      why = this.clusters(actions);
      if (why !== 'health_check_ok_cluster_healthy') status = 503;
    }
    return actions.reply(stream, status, status < 200 || status > 299 ? ResponseFlag.LH : 0, detail(why), '',
      this.failing ? 'x-envoy-immediate-health-check-fail: true\r\n' : '');
  }

  responseMutations(stream: Stream): CompiledMutations | null {
    return stream.healthCheck ? this.ofChecks : this.failing ? this.ofOthers : null;
  }

  onResponse(stream: Stream, record: number): void {
    if (!stream.healthCheck || this.config.cacheTimeMs === 0 || record === 0) return;
    const { engine } = this;
    this.cachedStatus = engine.i32[(record >> 2) + Head.status];
    if (engine.nowMs >= this.cachedUntilMs) this.cachedUntilMs = engine.nowMs + this.config.cacheTimeMs;
  }

  release(): void {
    for (const condition of this.headers) condition.release();
    this.ofChecks.release();
    this.ofOthers.release();
  }

  private get failing(): boolean {
    return this.engine.drain.healthChecksFail;
  }

  private clusters(actions: Actions): DetailText {
    for (const { cluster, percent } of this.config.clusterMinHealthyPercent) {
      const health = actions.clusterHealth(cluster);
      if (health === null) return 'health_check_failed_no_cluster_found';
      if (health.total === 0 && percent > 0) return 'health_check_failed_cluster_empty';
      if (health.healthy < health.total * percent / 100) return 'health_check_failed_cluster_unhealthy';
    }
    return 'health_check_ok_cluster_healthy';
  }
}
