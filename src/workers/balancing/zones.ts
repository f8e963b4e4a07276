// Zone-aware routing: requests stay in our own locality as far as its endpoints can carry our part of the load. How
// large that part is, the local cluster tells, whose endpoints are the proxies that send to this cluster.
//
//   our locality has as large a part of the cluster as of the proxies: all stays here
//   else: upstream part / local part stays here, the rest goes where endpoints are more than proxies
import type { NumberCell } from '../../config/runtime-cells.js';
import type { ZoneAware } from '../../config/types.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Level, Locality } from './levels.js';
import type { Picker, PickRequest } from './picker.js';
import { below } from './unweighted.js';

/** Where we are, and the proxies that are where. */
export interface Zones { locality: string; level: Level }

/** Parts are in units of a hundredth of a per cent. */
const WHOLE = 10_000;

/** How the first priority's healthy requests are spread over localities; null: as if there were none. */
export interface ZonePlan { here: number; residual: number[]; localities: Locality[] }

export function planZones(level: Level, zones: Zones, minClusterSize: number, panicPercent: number,
  count: (stat: number) => void): ZonePlan | null {
  count(ClusterStat.lb_recalculate_zone_structures);
  const proxies = localFirst(zones.level, zones.locality);
  const upstreams = localFirst(level, zones.locality);
  if (upstreams.length < 2 || proxies.length < 2) return null;
  if (proxies[0].name !== zones.locality) { count(ClusterStat.lb_local_cluster_not_ok); return null; }
  if (level.healthy.length < minClusterSize) { count(ClusterStat.lb_zone_cluster_too_small); return null; }
  if (zones.level.isInPanic(panicPercent)) { count(ClusterStat.lb_local_cluster_not_ok); return null; }
  const proxyParts = new Map(proxies.map((locality) => [locality.name, part(locality, zones.level)]));
  const parts = upstreams.map((locality) => ({ upstream: part(locality, level),
    local: locality.healthy.length === 0 ? 0 : proxyParts.get(locality.name) ?? 0 }));
  const isHere = upstreams[0].name === zones.locality;
  if (isHere && parts[0].upstream > 0 && parts[0].upstream >= parts[0].local)
    return { here: WHOLE, residual: [], localities: upstreams };
  const here = isHere && parts[0].local > 0 ? Math.floor(parts[0].upstream * WHOLE / parts[0].local) : 0;
  let sum = 0;
  const residual = parts.map(({ upstream, local }, index) => {
    if (!(index === 0 && isHere)) sum += Math.max(0, upstream - local);
    return sum;
  });
  return { here, residual, localities: upstreams };
}

const part = (locality: Locality, level: Level): number =>
  level.healthy.length === 0 ? 0 : Math.floor(WHOLE * locality.healthy.length / level.healthy.length);

const localFirst = (level: Level, name: string): Locality[] => [...level.localities.filter((one) => one.name === name),
  ...level.localities.filter((one) => one.name !== name)];

export class ByZone implements Picker {
  readonly panic = false;
  private readonly routingPercent: NumberCell;

  /** `pickers` are those of the plan's localities, `everywhere` takes what is not to stay in a zone. */
  constructor(private readonly engine: Engine, private readonly plan: ZonePlan, private readonly pickers: Picker[],
    private readonly everywhere: Picker, rules: ZoneAware, private readonly count: (stat: number) => void) {
    this.routingPercent = engine.runtime.number({ runtimeKey: 'upstream.zone_routing.enabled',
      defaultValue: rules.routingPercent });
  }

  pick(request: PickRequest): Endpoint | null {
    const { engine, plan } = this;
    const percent = this.routingPercent.value;
    if (percent < 100 && below(engine, 100) >= percent) return this.everywhere.pick(request);
    return this.pickers[this.locality(plan)].pick(request);
  }

  private locality({ here, residual }: ZonePlan): number {
    if (here === WHOLE) { this.count(ClusterStat.lb_zone_routing_all_directly); return 0; }
    if (below(this.engine, WHOLE) < here) { this.count(ClusterStat.lb_zone_routing_sampled); return 0; }
    this.count(ClusterStat.lb_zone_routing_cross_zone);
    const most = residual[residual.length - 1];
    if (most === 0) {
      this.count(ClusterStat.lb_zone_no_capacity_left);
      return below(this.engine, residual.length);
    }
    const at = below(this.engine, most);
    let index = 0;
    while (at >= residual[index]) index++;
    return index;
  }
}
