// What the admin page shows, as small JSON answers: the process at a glance, clusters by page and search, one cluster's
// endpoints, and what V8's profiler sees of a worker, as a tree. Numbers are totals; the page makes rates of them.
import { HISTOGRAM_BUCKETS, histogramLowerBound, HttpStat, ClusterStat, ListenerStat } from '../telemetry/schema.js';
import { quantileValues } from '../telemetry/quantiles.js';
import { EndpointState } from '../core/memory-map.js';
import { limits } from '../core/limits.js';
import { chainsOf } from '../config/types.js';
import type { ListenerConfig } from '../config/types.js';
import { errorText } from '../core/errors.js';
import { addressText } from './address.js';
import { jsonType, textAnswer } from './answer.js';
import type { Answer, Handlers } from './answer.js';
import type { AdminBackend, EndpointInForce } from './backend.js';
import { flameTree } from './flame-tree.js';
import type { Query } from './query.js';
import type { SharedStates } from './stats/cluster-facts.js';

const CLUSTERS_PER_PAGE = 50;
const HTTP_REQUEST_TIME = 1;
const CLUSTER_REQUEST_TIME = 2;

export function overviewHandlers(backend: AdminBackend, states: SharedStates): Handlers {
  return {
    '/weft/overview': () => compact(overview(backend)),
    '/weft/clusters': (query) => compact(clusters(backend, states, query)),
    '/weft/cluster': (query) => cluster(backend, states, query.get('name') ?? ''),
    '/weft/flamegraph': (query) => flameGraph(backend, query),
  };
}

const compact = (value: unknown): Answer => ({ status: 200, type: jsonType, body: JSON.stringify(value) });

function overview(backend: AdminBackend): object {
  const { statistics, store } = backend;
  const requests = { total: 0, active: 0, classes: [0, 0, 0, 0, 0], connections: 0, received: 0, sent: 0 };
  const latency = new Float64Array(HISTOGRAM_BUCKETS);
  const scopes = new Map<string, number>();
  for (const { kind, prefix, offset } of statistics.scopes()) {
    if (kind !== 'http') continue;
    scopes.set(prefix.slice('http.'.length, -1), offset);
    requests.total += statistics.sum(offset, HttpStat.downstream_rq_total);
    requests.active += statistics.sum(offset, HttpStat.downstream_rq_active);
    requests.connections += statistics.sum(offset, HttpStat.downstream_cx_active);
    requests.received += statistics.sum(offset, HttpStat.downstream_cx_rx_bytes_total);
    requests.sent += statistics.sum(offset, HttpStat.downstream_cx_tx_bytes_total);
    for (let of = 0; of < 5; of++) requests.classes[of] += statistics.sum(offset, HttpStat.downstream_rq_1xx + of);
    const { counts } = statistics.histogram('http', offset, HTTP_REQUEST_TIME);
    for (let i = 0; i < counts.length; i++) latency[i] += counts[i];
  }
  return {
    version: backend.version, state: backend.state(), uptimeMs: backend.uptimeMs(), workers: backend.workers,
    epoch: backend.restart.epoch, nowMs: performance.now(), memoryBytes: process.memoryUsage.rss(),
    node: nodeName(backend), requests, latency: buckets(latency), clusters: store.clusters.size,
    listeners: [...store.listeners.values()].map(({ name, config }) => listener(backend, scopes, name, config)),
  };
}

const nodeName = (backend: AdminBackend): string => {
  const { id, cluster: of } = backend.node();
  return [id, of].filter((part) => typeof part === 'string' && part !== '').join(' in ');
};

function listener(backend: AdminBackend, scopes: ReadonlyMap<string, number>, name: string,
  config: ListenerConfig): object {
  const { statistics } = backend;
  const scope = statistics.scopeOf('listener', config.statName);
  const prefixes = new Set(chainsOf(config).flatMap(({ hcm }) => (hcm === null ? [] : [hcm.statPrefix])));
  let requests = 0, failed = 0;
  for (const prefix of prefixes) {
    const offset = scopes.get(prefix);
    if (offset === undefined) continue;
    requests += statistics.sum(offset, HttpStat.downstream_rq_total);
    failed += statistics.sum(offset, HttpStat.downstream_rq_5xx);
  }
  return { name, addresses: backend.listenerAddresses(name).map(addressText), direction: config.trafficDirection,
    prefixes: [...prefixes], requests, failed,
    connections: scope < 0 ? 0 : statistics.sum(scope, ListenerStat.downstream_cx_active),
    connectionsTotal: scope < 0 ? 0 : statistics.sum(scope, ListenerStat.downstream_cx_total) };
}

/** Buckets that hold something, as [lower bound, upper bound, count]. */
function buckets(counts: Float64Array): [number, number, number][] {
  const result: [number, number, number][] = [];
  for (let i = 0; i < counts.length; i++)
    if (counts[i] > 0) result.push([histogramLowerBound(i), histogramLowerBound(i + 1), counts[i]]);
  return result;
}

interface ClusterRow { name: string; offset: number; requests: number; failed: number; active: number }
const orders: { readonly [name: string]: (a: ClusterRow, b: ClusterRow) => number } = {
  requests: (a, b) => b.requests - a.requests, failed: (a, b) => b.failed - a.failed,
  active: (a, b) => b.active - a.active, name: (a, b) => (a.name < b.name ? -1 : 1),
};

/** One page of the clusters whose names contain the search text. */
function clusters(backend: AdminBackend, states: SharedStates, query: Query): object {
  const search = (query.get('search') ?? '').toLowerCase();
  const order = query.get('sort') ?? 'requests';
  const page = Math.max(0, Math.trunc(Number(query.get('page') ?? 0)) || 0);
  const { statistics } = backend;
  const rows: ClusterRow[] = [];
  for (const name of backend.store.clusters.keys()) {
    if (search !== '' && !name.toLowerCase().includes(search)) continue;
    const offset = statistics.clusterScope(backend.clusterSlot(name));
    const of = (index: number): number => (offset < 0 ? 0 : statistics.sum(offset, index));
    rows.push({ name, offset, requests: of(ClusterStat.upstream_rq_completed), failed: of(ClusterStat.upstream_rq_5xx),
      active: of(ClusterStat.upstream_rq_active) });
  }
  const compare = Object.hasOwn(orders, order) ? orders[order] : orders.requests;
  rows.sort((a, b) => compare(a, b) || orders.name(a, b));
  const shown = rows.slice(page * CLUSTERS_PER_PAGE, (page + 1) * CLUSTERS_PER_PAGE);
  return { total: backend.store.clusters.size, matching: rows.length, page,
    pages: Math.max(1, Math.ceil(rows.length / CLUSTERS_PER_PAGE)), nowMs: performance.now(),
    clusters: shown.map((row) => clusterRow(backend, states, row)) };
}

function clusterRow(backend: AdminBackend, states: SharedStates, row: ClusterRow): object {
  const { name, offset, requests, failed, active } = row;
  const config = backend.store.clusters.get(name)?.config;
  const endpoints = backend.endpoints(name);
  const { counts, total } = offset < 0 ? { counts: [], total: 0 }
    : backend.statistics.histogram('cluster', offset, CLUSTER_REQUEST_TIME);
  const [p50, p99] = total === 0 ? [null, null] : quantileValues(counts, total, [0.5, 0.99]);
  return { name, type: config?.type ?? '', policy: config?.lbPolicy ?? '', endpoints: endpoints.length,
    healthy: endpoints.filter((endpoint) => isHealthy(endpoint, states)).length,
    requests, failed, active, p50, p99 };
}

const isHealthy = ({ health, state }: EndpointInForce, states: SharedStates): boolean =>
  ['healthy', 'unknown', 'degraded'].includes(health) && !states.isExcluded(state);

function cluster(backend: AdminBackend, states: SharedStates, name: string): Answer {
  if (backend.store.clusters.get(name) === undefined) return textAnswer('no such cluster\n', 404);
  const of = (endpoint: EndpointInForce, word: number): number => states.endpoint(endpoint.state, word);
  return compact({ name, endpoints: backend.endpoints(name).slice(0, limits.adminEndpointsShownMax).map((endpoint) => ({
    address: addressText(endpoint.address), hostname: endpoint.hostname, weight: endpoint.weight,
    priority: endpoint.priority, locality: [endpoint.locality.region, endpoint.locality.zone,
      endpoint.locality.subZone].filter((part) => part !== '').join(' / '),
    health: isHealthy(endpoint, states) ? endpoint.health : endpoint.health === 'unknown' ? 'unhealthy'
      : endpoint.health,
    requests: of(endpoint, EndpointState.requestsTotal), failed: of(endpoint, EndpointState.requestsError),
    active: of(endpoint, EndpointState.activeRequests), connections: of(endpoint, EndpointState.activeConnections),
    latencyMs: states.endpointLatencyMs(endpoint.state) })) });
}

let profiling = false;

/** Profiles one worker for a while; the answer is its call tree. */
async function flameGraph(backend: AdminBackend, query: Query): Promise<Answer> {
  const worker = Number(query.get('worker') ?? 0);
  const seconds = Number(query.get('seconds') ?? 3);
  if (!Number.isInteger(worker) || worker < 0 || worker >= backend.workers) return textAnswer('no such worker\n', 400);
  if (!(seconds > 0 && seconds <= limits.adminFlameSecondsMax)) {
    return textAnswer(`seconds: at most ${limits.adminFlameSecondsMax}\n`, 400);
  }
  if (profiling) return textAnswer('a profile is being taken already\n', 409);
  profiling = true;
  try {
    await backend.cpuProfile(worker, true);
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const text = await backend.cpuProfile(worker, false);
    return text === null ? textAnswer('no profile\n', 503) : compact(flameTree(JSON.parse(text)));
  } catch (error) {
    return textAnswer(`${errorText(error)}\n`, 503);
  } finally {
    profiling = false;
  }
}
