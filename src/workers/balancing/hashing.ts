// Endpoints by the hash of the request (ring hash, Maglev). The hash chooses the priority too. Tables are built when
// the first request needs one: a worker that never sees the cluster has none.
import { tableShares } from '../../config/hash-tables.js';
import type { ClusterConfig, Hashing } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { BoundedLoad } from './bounded-load.js';
import { remainder } from './hash-table.js';
import type { HashTable, Share } from './hash-table.js';
import { HEALTHY } from './levels.js';
import type { Level, Loads } from './levels.js';
import { Maglev } from './maglev.js';
import type { Picker, PickRequest } from './picker.js';
import { Ring } from './ring.js';

export class ByHash implements Picker {
  readonly byHash = true;
  panic = false;
  /** By priority; undefined: not built yet, null: it has nobody. */
  private readonly tables: (HashTable | null | undefined)[];

  constructor(private readonly engine: Engine, private readonly config: ClusterConfig,
      private readonly levels: readonly Level[], private readonly loads: Loads) {
    this.tables = levels.map(() => undefined);
  }

  pick(request: PickRequest): Endpoint | null {
    const { codecs, randomState } = this.engine;
    // A request without a hash goes anywhere.
    const high = request.hasHash ? request.hashHigh : codecs.nextRandom(randomState);
    const low = request.hasHash ? request.hashLow : codecs.nextRandom(randomState);
    const priority = this.priorityOf(remainder(high, low, 100));
    this.panic = this.loads.panic[priority];
    let table = this.tables[priority];
    if (table === undefined) this.tables[priority] = table = this.build(priority);
    return table === null ? null : table.choose(high, low, request.pickAttempt);
  }

  /** Healthy shares of all priorities come first, then the degraded ones; `left` is below 100. */
  private priorityOf(left: number): number {
    const { healthy, degraded } = this.loads;
    for (let i = 0; i < healthy.length; i++) { if (left < healthy[i]) return i; left -= healthy[i]; }
    for (let i = 0; i < degraded.length; i++) { if (left < degraded[i]) return i; left -= degraded[i]; }
    return 0;
  }

  private build(priority: number): HashTable | null {
    const { engine, config } = this;
    const hashing = config.balancing.hashing!;
    const level = this.levels[priority], panic = this.loads.panic[priority];
    const { localityWeighted } = config.balancing;
    // Not in the order of localities where those do not matter: the order decides where a ring is cut off.
    const groups = localityWeighted ? level.localities.map(({ all, weight }) => ({ endpoints: all, weight }))
      : [{ endpoints: level.all, weight: 1 }];
    const shares = tableShares(groups, localityWeighted, (endpoint) => panic || endpoint.health() === HEALTHY);
    if (shares.length === 0) return null;
    const table = tableOf(engine, hashing, shares);
    return hashing.boundPercent === 0 ? table : new BoundedLoad(table, shares, hashing.boundPercent);
  }
}

const tableOf = (engine: Engine, { table, byName }: Hashing, shares: readonly Share[]): HashTable =>
  table.kind === 'ring' ? new Ring(engine, shares, table, byName) : new Maglev(engine, shares, table.size, byName);
