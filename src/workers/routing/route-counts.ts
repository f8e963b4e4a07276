// Counts of a virtual host's parts: its virtual clusters, which conditions on headers tell apart, and routes that have
// a stat_prefix. Compiled with a route; null for the many that have neither.
import type { RouteJson, VirtualClusterJson } from '../../config/snapshot/route-json.js';
import { VirtualHostStat, histogramCell } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { RegexConditions } from './regex.js';

/** Cell of upstream_rq_<code>, or -1 for codes that are counted by class only. */
const codeCells = new Int16Array(600).fill(-1);
for (const [name, index] of Object.entries(VirtualHostStat)) {
  const code = /^upstream_rq_(\d{3})$/.exec(name);
  if (code !== null) codeCells[Number(code[1])] = index;
}

export class VirtualCluster {
  /** Index into f64. */
  readonly scope: number;
  private readonly regex: RegexConditions | null;

  constructor(engine: Engine, private readonly json: VirtualClusterJson) {
    this.scope = engine.statsBase + (json.scope >> 3);
    this.regex = json.regex.length === 0 ? null : new RegexConditions(json.regex);
  }
  /** For %VIRTUAL_CLUSTER_NAME%; the one that takes what is left has none. */
  get name(): string { return this.json.headerCount === 0 ? '' : this.json.name; }

  /** Does the decoded request belong to it? */
  holds(engine: Engine, table: number, pathAt: number, pathBytes: number): boolean {
    const { headersAt, headerCount } = this.json;
    if (headerCount > 0 && !engine.codecs.headersHold(table, headersAt, headerCount, engine.requestRecord, pathAt,
      pathBytes)) return false;
    return this.regex === null || this.regex.hold(engine, pathAt, pathBytes, 0);
  }
}

export class RouteCounts {
  private constructor(private readonly table: number, private readonly clusters: readonly VirtualCluster[],
    private readonly routeScope: number) {}

  /** Null where nothing is counted apart. `table` is the route table's memory offset. */
  static of(engine: Engine, table: number, json: RouteJson, clusters: readonly VirtualCluster[]): RouteCounts | null {
    if (json.scope < 0 && clusters.length === 0) return null;
    return new RouteCounts(table, clusters, json.scope < 0 ? -1 : engine.statsBase + (json.scope >> 3));
  }

  /** Finds the virtual cluster of the decoded request; the last one takes all that is left. */
  begin(engine: Engine, stream: Stream, pathAt: number, pathBytes: number): void {
    for (const cluster of this.clusters) {
      if (!cluster.holds(engine, this.table, pathAt, pathBytes)) continue;
      stream.virtualCluster = cluster;
      return;
    }
  }

  count(engine: Engine, stream: Stream, stat: number): void {
    if (stream.virtualCluster !== null) engine.count(stream.virtualCluster.scope, stat);
    if (this.routeScope >= 0) engine.count(this.routeScope, stat);
  }

  /** A response, of an endpoint or of ours for a request that reached its cluster. */
  response(engine: Engine, stream: Stream, fromUpstream: boolean): void {
    if (stream.virtualCluster !== null) this.responseIn(engine, stream.virtualCluster.scope, stream, fromUpstream);
    if (this.routeScope >= 0) this.responseIn(engine, this.routeScope, stream, fromUpstream);
  }

  private responseIn(engine: Engine, scope: number, stream: Stream, fromUpstream: boolean): void {
    const status = (fromUpstream && stream.upstreamStatus) || stream.status;
    engine.count(scope, VirtualHostStat.upstream_rq_completed);
    const family = (status / 100) | 0;
    if (family >= 1 && family <= 5) engine.count(scope, VirtualHostStat.upstream_rq_1xx + family - 1);
    const cell = status < 600 ? codeCells[status] : -1;
    if (cell >= 0) engine.count(scope, cell);
    if (fromUpstream) engine.observe(scope + histogramCell('vhost', 0), engine.nowMs - stream.startMs);
  }
}
