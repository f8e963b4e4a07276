// Sizes of a cluster's hash table (ring_hash_lb.*, maglev_lb.*). Workers build tables when they need them; what they
// hold follows from the endpoints and is computed here. Of several priorities Envoy shows the last.
import type { AdminBackend, EndpointInForce } from '../backend.js';
import { eachMaglevTurn, planRing, tableShares } from '../../config/hash-tables.js';
import type { Balancing, Hashing } from '../../config/types.js';
import type { ResourceRecord } from '../../xds/store.js';
import type { SharedStates } from './cluster-facts.js';
import type { Row } from './row.js';

/**
 * What was computed last, by cluster: a table is filled place by place, and agents ask every few seconds while nothing
 * changes. An update is a new record.
 */
const computed = new WeakMap<ResourceRecord, { shares: readonly number[]; rows: Row[] }>();

export function hashTableRows(backend: AdminBackend, states: SharedStates, record: ResourceRecord<'cluster'>,
  balancing: Balancing): Row[] {
  const table = balancing.hashing?.table;
  if (table === undefined) return [];
  const shares = sharesOf(backend.endpoints(record.name), balancing, states);
  const last = computed.get(record);
  if (last?.shares.length === shares.length && shares.every((share, i) => share === last.shares[i])) return last.rows;
  const rows = sizes(table, shares);
  computed.set(record, { shares, rows });
  return rows;
}

function sizes(table: Hashing['table'], shares: readonly number[]): Row[] {
  if (table.kind === 'ring') {
    const { size, counts } = planRing(shares, table.minimumSize, table.maximumSize);
    return rows('ring_hash_lb', { max_hashes_per_host: most(counts), min_hashes_per_host: least(counts), size });
  }
  const counts = shares.map(() => 0);
  // A table with one endpoint is not filled.
  eachMaglevTurn(shares, Math.min(table.size, counts.length < 2 ? counts.length : Infinity),
    (index) => { counts[index]++; });
  return rows('maglev_lb', { max_entries_per_host: most(counts), min_entries_per_host: least(counts) });
}

const most = (counts: readonly number[]): number => counts.reduce((a, b) => Math.max(a, b), 0);
const least = (counts: readonly number[]): number =>
  counts.length === 0 ? 0 : counts.reduce((a, b) => Math.min(a, b), Infinity);

const rows = (prefix: string, values: Record<string, number>): Row[] => Object.entries(values)
  .map(([name, value]) => ({ name: `${prefix}.${name}`, type: 'gauge', value, used: true }));

function sharesOf(all: readonly EndpointInForce[], balancing: Balancing, states: SharedStates): number[] {
  const priority = all.reduce((last, endpoint) => Math.max(last, endpoint.priority), 0);
  const level = all.filter((endpoint) => endpoint.priority === priority);
  const isWell = ({ health, state }: EndpointInForce): boolean =>
    ['healthy', 'unknown'].includes(health) && states.foundHealth(state) === null;
  const available = level.filter((endpoint) => isWell(endpoint) || endpoint.health === 'degraded').length;
  const panic = available * 100 < level.length * balancing.healthyPanicPercent;
  const localities = new Map<string, EndpointInForce[]>();
  for (const endpoint of level) {
    const { region, zone, subZone } = endpoint.locality;
    const key = `${region}\0${zone}\0${subZone}`;
    localities.set(key, [...localities.get(key) ?? [], endpoint]);
  }
  const groups = balancing.localityWeighted
    ? [...localities.values()].map((endpoints) => ({ endpoints, weight: endpoints[0].localityWeight }))
    : [{ endpoints: level, weight: 1 }];
  return tableShares(groups, balancing.localityWeighted, (endpoint) => panic || isWell(endpoint))
    .map(({ share }) => share);
}
