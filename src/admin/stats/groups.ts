// Everything that /stats lists, as groups that share a name prefix: one per listener, connection manager and cluster scope,
// and one for each statistic that stands alone. Sorted by name; the values are read while the answer is written.
import type { AdminBackend } from '../backend.js';
import { isGauge } from '../../telemetry/schema.js';
import type { ScopeKind } from '../../telemetry/schema.js';
import { clusterFactNames, clusterFacts } from './cluster-facts.js';
import type { SharedStates } from './cluster-facts.js';

export type ValueType = 'counter' | 'gauge' | 'text';
export interface Row { name: string; type: ValueType; value: number | string; used: boolean }

/** A scope: its cells, and rows that were computed for it. */
export interface ScopeGroup {
  kind: ScopeKind;
  /** Name as in the prefix, for tags: stat name, stat prefix or cluster. */
  subject: string;
  prefix: string;
  /** -1: a cluster that no worker has used. */
  offset: number;
  rows: readonly Row[];
}
export interface Listing { scopes: ScopeGroup[]; singles: Row[] }

/** Collects the listing; yields now and then so that ten thousand clusters do not hold the event loop. */
export function* collect(backend: AdminBackend, states: SharedStates): Generator<undefined, Listing> {
  const scopes: ScopeGroup[] = [];
  const perListener = managersOfListeners(backend);
  for (const { kind, prefix, offset } of backend.statistics.scopes()) {
    const subject = prefix.slice(prefix.indexOf('.') + 1, -1);
    scopes.push({ kind, subject, prefix, offset, rows: kind === 'listener' ? listenerRows(backend, perListener, subject, offset) : [] });
  }
  let done = 0;
  for (const name of [...backend.store.clusters.keys()]) {
    if (++done % 200 === 0) yield;
    const facts = clusterFacts(backend, states, name);
    if (facts === null) continue;
    scopes.push({ kind: 'cluster', subject: facts.statName, prefix: `cluster.${facts.statName}.`,
      offset: backend.statistics.clusterScope(facts.slot),
      rows: clusterFactNames.map((fact, index) => ({ name: fact, type: 'gauge', value: facts.values[index], used: usedFact(fact) })) });
  }
  scopes.sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
  return { scopes, singles: singles(backend) };
}

function singles(backend: AdminBackend): Row[] {
  const rows: Row[] = [];
  for (const [name, { value }] of backend.statistics.counters) rows.push({ name, type: 'counter', value, used: value > 0 });
  for (const [name, { value, used }] of backend.statistics.gauges) rows.push({ name, type: 'gauge', value, used });
  for (const { name, type, value, used } of backend.statistics.computed()) {
    rows.push({ name, type, value, used: used ?? (type === 'counter' ? Number(value) > 0 : type === 'gauge' || value !== '') });
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Envoy shows circuit breakers as used although nobody opened them, but not those of the high priority. */
const usedFact = (name: string): boolean => !name.startsWith('circuit_breakers.high');

/** stat prefixes of the connection managers of each listener stat name; prefixes that several listeners share are left out. */
function managersOfListeners(backend: AdminBackend): Map<string, string[]> {
  const owners = new Map<string, Set<string>>();
  for (const record of backend.store.listeners.values()) {
    const config = record.config;
    for (const { hcm } of config.filterChains) {
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

const perManager = ['downstream_rq_1xx', 'downstream_rq_2xx', 'downstream_rq_3xx', 'downstream_rq_4xx', 'downstream_rq_5xx',
  'downstream_rq_completed'];
const perWorker = ['downstream_cx_active', 'downstream_cx_total'];

function listenerRows(backend: AdminBackend, managers: Map<string, string[]>, subject: string, offset: number): Row[] {
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
      rows.push({ name: `worker_${worker}.${name}`, type: isGauge(name) ? 'gauge' : 'counter', value: Math.max(0, value), used });
    }
  }
  return rows;
}
