// Everything that /stats lists, as groups that share a name prefix: one per listener, connection manager and cluster
// scope, and one for each statistic that stands alone. Sorted by name; the values are read while the answer is
// written.
import { chainsOf } from '../../config/types.js';
import type { AdminBackend } from '../backend.js';
import { processWideNames } from '../../telemetry/statistics.js';
import { isGauge } from '../../telemetry/schema.js';
import type { ScopeKind } from '../../telemetry/schema.js';
import { EndpointState } from '../../core/memory-map.js';
import { addressText } from '../address.js';
import { clusterFactNames, clusterFacts, statNameOf } from './cluster-facts.js';
import type { SharedStates } from './cluster-facts.js';
import { hashTableRows } from './hash-table-rows.js';
import type { Row } from './row.js';

/** A scope: its cells, and what was computed for it. */
export interface ScopeGroup {
  kind: ScopeKind;
  /** Name as in the prefix, for tags: stat name, stat prefix or cluster. */
  subject: string;
  prefix: string;
  /** -1: a cluster that no worker has used. */
  offset: number;
  /** A listener's workers and connection managers. */
  rows: readonly Row[];
  /**
   * A cluster's computed gauges, in the order of clusterFactNames; numbers only, as there may be ten thousand
   * clusters.
   */
  facts: Float64Array | null;
}
export interface Listing {
  scopes: ScopeGroup[];
  singles: Row[];
}

/** Collects the listing; yields now and then so that ten thousand clusters do not hold the event loop. */
export function* collect(
  backend: AdminBackend,
  states: SharedStates,
  wanted: (prefix: string) => boolean,
): Generator<undefined, Listing> {
  const scopes: ScopeGroup[] = [];
  const perListener = wanted('listener.') ? managersOfListeners(backend) : new Map<string, string[]>();
  for (const { kind, prefix, offset } of backend.statistics.scopes()) {
    const subject = kind === 'rateLimit' ? prefix.slice(0, -'.http_local_rate_limit.'.length)
      : kind === 'fault' || kind === 'cors' || kind === 'csrf' ? prefix.slice('http.'.length, -kind.length - 2)
        : kind === 'grpcMethod' ? prefix.slice('cluster.'.length, prefix.lastIndexOf('.grpc.'))
          : prefix.slice(prefix.indexOf('.') + 1, -1);
    if (!wanted(prefix)) continue;
    const rows = kind === 'listener' ? listenerRows(backend, perListener, subject, offset) : [];
    // A method's scope is laid out as its cluster's, and belongs to the same families of Prometheus.
    scopes.push({ kind: kind === 'grpcMethod' ? 'clusterGrpc' : kind, subject, prefix, offset, rows, facts: null });
  }
  let done = 0;
  for (const name of wanted('cluster.') ? [...backend.store.clusters.keys()] : []) {
    if (++done % 200 === 0) yield;
    const record = backend.store.clusters.get(name);
    if (record === undefined) continue;                     // it went during a pause
    const subject = statNameOf(record);
    const prefix = `cluster.${subject}.`;
    if (!wanted(prefix)) continue;
    const { config } = record;
    const { slot, tls, values } = clusterFacts(backend, states, config);
    scopes.push({
      kind: 'cluster',
      subject,
      prefix,
      offset: backend.statistics.clusterScope(slot),
      rows: [...hashTableRows(backend, states, record, config.balancing),
        ...(config.perEndpointStats ? endpointRows(backend, states, name) : [])],
      facts: values,
    });
    const grpc = backend.statistics.clusterScope(slot, 'clusterGrpc');
    if (grpc >= 0) scopes.push({ kind: 'clusterGrpc', subject, prefix: `${prefix}grpc.`, offset: grpc, rows: [],
      facts: null });
    if (tls) scopes.push({ kind: 'clusterTls', subject, prefix, offset: backend.statistics.clusterScope(slot,
      'clusterTls'), rows: [], facts: null });
  }
  scopes.sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
  return { scopes, singles: singles(backend) };
}

const endpointCounters = [['cx_connect_fail', EndpointState.connectFailures],
  ['cx_total', EndpointState.connectionsTotal], ['rq_error', EndpointState.requestsError],
  ['rq_success', EndpointState.requestsSuccess], ['rq_timeout', EndpointState.requestsTimeout],
  ['rq_total', EndpointState.requestsTotal]] as const;
const endpointGauges = [['cx_active', EndpointState.activeConnections],
  ['rq_active', EndpointState.activeRequests]] as const;

/** track_cluster_stats.per_endpoint_stats: what /clusters tells of endpoints, as statistics. */
function endpointRows(backend: AdminBackend, states: SharedStates, cluster: string): Row[] {
  return backend.endpoints(cluster).flatMap((endpoint): Row[] => {
    const prefix = `endpoint.${addressText(endpoint.address).replaceAll(':', '_')}.`;
    const row = (type: 'counter' | 'gauge') => ([name, word]: readonly [string, number]): Row => {
      const value = states.endpoint(endpoint.state, word);
      return { name: prefix + name, type, value, used: type === 'gauge' || value > 0 };
    };
    return [...endpointCounters.map(row('counter')), ...endpointGauges.map(row('gauge')),
      { name: `${prefix}healthy`, type: 'gauge', used: true,
        value: endpoint.health !== 'unhealthy' && !states.isExcluded(endpoint.state) ? 1 : 0 }];
  });
}

function singles(backend: AdminBackend): Row[] {
  const rows: Row[] = [];
  for (const [name, { value }] of backend.statistics.counters)
    rows.push({ name, type: 'counter', value, used: value > 0 });
  for (const [name, { value, used }] of backend.statistics.gauges) rows.push({ name, type: 'gauge', value, used });
  // Two sources may know a name, one better than the other: the part that registered first owns it.
  const known = new Set(rows.map(({ name }) => name));
  for (const { name, type, value, used } of backend.statistics.computed()) {
    if (known.has(name)) continue;
    known.add(name);
    rows.push({
      name,
      type,
      value,
      used: used ?? (type === 'counter' ? Number(value) > 0 : type === 'gauge' || value !== ''),
    });
  }
  for (const name of processWideNames) {
    const value = backend.statistics.sumOfManagers(name);
    rows.push({ name, type: 'counter', value, used: value > 0 });
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Envoy shows circuit breakers as used although nobody opened them, but not those of the high priority. */
const usedFacts = clusterFactNames.map((name) => !name.startsWith('circuit_breakers.high'));
export const factRow = (facts: Float64Array, index: number): Row => ({
  name: clusterFactNames[index],
  type: 'gauge',
  value: facts[index],
  used: usedFacts[index],
});

/**
 * stat prefixes of the connection managers of each listener stat name; prefixes that several listeners share are left
 * out.
 */
function managersOfListeners(backend: AdminBackend): Map<string, string[]> {
  const owners = new Map<string, Set<string>>();
  for (const record of backend.store.listeners.values()) {
    const config = record.config;
    for (const { hcm } of chainsOf(config)) {
      if (hcm === null) continue;
      const names = owners.get(hcm.statPrefix) ?? new Set<string>();
      owners.set(hcm.statPrefix, names.add(config.statName));
    }
  }
  const result = new Map<string, string[]>();
  for (const [prefix, names] of owners) {
    if (names.size > 1) continue;
    for (const name of names) result.set(name, [...(result.get(name) ?? []), prefix]);
  }
  return result;
}

const perManager = [
  'downstream_rq_1xx',
  'downstream_rq_2xx',
  'downstream_rq_3xx',
  'downstream_rq_4xx',
  'downstream_rq_5xx',
  'downstream_rq_completed',
];
const perWorker = ['downstream_cx_active', 'downstream_cx_total'];

function listenerRows(
  backend: AdminBackend,
  managers: Map<string, string[]>,
  subject: string,
  offset: number,
): Row[] {
  const { statistics } = backend;
  const rows: Row[] = [];
  for (const prefix of (managers.get(subject) ?? []).sort()) {
    const scope = statistics.scopeOf('http', prefix);
    for (const name of scope < 0 ? [] : perManager) {
      const value = statistics.cell('http', scope, name);
      rows.push({ name: `http.${prefix}.${name}`, type: 'counter', value, used: value > 0 });
    }
  }
  for (let worker = 0; worker < statistics.workers; worker++) {
    for (const name of perWorker) {
      const value = statistics.cellOfWorker(worker, 'listener', offset, name);
      const used = value > 0 || statistics.cellOfWorker(worker, 'listener', offset, 'downstream_cx_total') > 0;
      rows.push({
        name: `worker_${worker}.${name}`,
        type: isGauge(name) ? 'gauge' : 'counter',
        value: Math.max(0, value),
        used,
      });
    }
  }
  return rows;
}
