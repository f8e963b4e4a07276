// /clusters: every cluster with its circuit breakers and its endpoints' process-wide counts, as text and as JSON.
import { EndpointState } from '../core/memory-map.js';
import { retriesMax } from '../config/retry-budget.js';
import type { CircuitBreakerThresholds, ClusterConfig } from '../config/types.js';
import { addressJson, addressText } from './address.js';
import { jsonType, textType } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend, EndpointInForce, JsonObject } from './backend.js';
import { compileFilter } from './filter.js';
import type { Matches } from './filter.js';
import type { SharedStates } from './stats/cluster-facts.js';

const counters = [
  ['cx_connect_fail', EndpointState.connectFailures],
  ['cx_total', EndpointState.connectionsTotal],
  ['rq_error', EndpointState.requestsError],
  ['rq_success', EndpointState.requestsSuccess],
  ['rq_timeout', EndpointState.requestsTimeout],
  ['rq_total', EndpointState.requestsTotal],
] as const;
const gauges = [
  ['cx_active', EndpointState.activeConnections],
  ['rq_active', EndpointState.activeRequests],
] as const;

export function clustersHandlers(backend: AdminBackend, states: SharedStates): Handlers {
  return {
    '/clusters': async (query) => {
      const expression = query.get('filter') ?? '';
      const wanted = expression === '' ? null : await compileFilter(expression);
      return query.get('format') === 'json'
        ? { status: 200, type: jsonType, body: clustersJson(backend, states, wanted) }
        : { status: 200, type: textType, body: clustersText(backend, states, wanted) };
    },
  };
}

function* chosen(
  backend: AdminBackend,
  wanted: Matches | null,
): Generator<{ config: ClusterConfig; dynamic: boolean }> {
  for (const name of [...backend.store.clusters.keys()]) {
    if (wanted !== null && !wanted(name)) continue;
    const record = backend.store.clusters.get(name);
    if (record !== undefined) yield { config: record.config, dynamic: record.origin === 'dynamic' };
  }
}

function* clustersText(backend: AdminBackend, states: SharedStates, wanted: Matches | null): Generator<string> {
  let text = '';
  for (const { config, dynamic } of chosen(backend, wanted)) {
    const { name } = config;
    text += `${name}::observability_name::${config.altStatName}\n`;
    text += breakersText(name, 'default', config.circuitBreakers.default);
    text += breakersText(name, 'high', config.circuitBreakers.high);
    text += `${name}::added_via_api::${dynamic}\n`;
    for (const endpoint of backend.endpoints(name)) {
      text += endpointText(`${name}::${addressText(endpoint.address)}::`, endpoint, states);
    }
    if (text.length > 32768) {
      yield text;
      text = '';
    }
  }
  yield text;
}

const breakersText = (name: string, priority: string, most: CircuitBreakerThresholds): string =>
  `${name}::${priority}_priority::max_connections::${most.maxConnections}\n` +
  `${name}::${priority}_priority::max_pending_requests::${most.maxPendingRequests}\n` +
  `${name}::${priority}_priority::max_requests::${most.maxRequests}\n` +
  `${name}::${priority}_priority::max_retries::${retriesMax(most, 0)}\n`;

function endpointText(prefix: string, endpoint: EndpointInForce, states: SharedStates): string {
  const { locality } = endpoint;
  const rows: [string, number | string | boolean][] = [...gauges, ...counters].map(([name, word]) => [
    name,
    states.endpoint(endpoint.state, word),
  ]);
  rows.push(['rq_pending_active', 0]); // requests wait for a cluster here, never for one endpoint
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  rows.push(
    ['hostname', endpoint.hostname],
    ['health_flags', healthFlags(endpoint)],
    ['weight', endpoint.weight],
    ['region', locality.region],
    ['zone', locality.zone],
    ['sub_zone', locality.subZone],
    ['canary', false],
    ['priority', endpoint.priority],
    ['success_rate', -1],
    ['local_origin_success_rate', -1],
  );
  return rows.map(([name, value]) => `${prefix}${name}::${value}\n`).join('');
}

function healthFlags({ health }: EndpointInForce): string {
  switch (health) {
    case 'unhealthy':
    case 'timeout':
      return '/failed_eds_health';
    case 'draining':
      return '/eds_status_draining';
    case 'degraded':
      return '/degraded_eds_health';
    case 'healthy':
    case 'unknown':
      return 'healthy';
  }
}

function* clustersJson(backend: AdminBackend, states: SharedStates, wanted: Matches | null): Generator<string> {
  let text = '{\n "cluster_statuses": [';
  let first = true;
  for (const { config, dynamic } of chosen(backend, wanted)) {
    const status: JsonObject = { name: config.name };
    if (dynamic) status.added_via_api = true;
    const hosts = backend.endpoints(config.name).map((endpoint) => endpointJson(endpoint, states));
    if (hosts.length > 0) status.host_statuses = hosts;
    status.circuit_breakers = {
      thresholds: [
        thresholds(config.circuitBreakers.default),
        { priority: 'HIGH', ...thresholds(config.circuitBreakers.high) },
      ],
    };
    status.observability_name = config.altStatName;
    if (config.edsServiceName !== '') status.eds_service_name = config.edsServiceName;
    text += `${first ? '' : ','}\n  ${JSON.stringify(status, null, 1).replace(/\n/g, '\n  ')}`;
    first = false;
    if (text.length > 32768) {
      yield text;
      text = '';
    }
  }
  yield `${text}\n ]\n}\n`;
}

const thresholds = (most: CircuitBreakerThresholds): JsonObject => ({
  max_connections: most.maxConnections,
  max_pending_requests: most.maxPendingRequests,
  max_requests: most.maxRequests,
  max_retries: retriesMax(most, 0),
});

/** proto3 JSON leaves out zero values; 64-bit values are strings. */
function endpointJson(endpoint: EndpointInForce, states: SharedStates): JsonObject {
  const stats: JsonObject[] = [];
  for (const [name, word] of counters) stats.push(stat(null, states.endpoint(endpoint.state, word), name));
  for (const [name, word] of gauges) stats.push(stat('GAUGE', states.endpoint(endpoint.state, word), name));
  stats.push(stat('GAUGE', 0, 'rq_pending_active'));
  const { region, zone, subZone } = endpoint.locality;
  const locality: JsonObject = {
    ...(region && { region }),
    ...(zone && { zone }),
    ...(subZone && { sub_zone: subZone }),
  };
  const status: JsonObject = {
    address: addressJson(endpoint.address),
    stats,
    health_status: { eds_health_status: healthName(endpoint) },
    weight: endpoint.weight,
  };
  if (endpoint.hostname !== '') status.hostname = endpoint.hostname;
  if (endpoint.priority !== 0) status.priority = endpoint.priority;
  status.locality = locality;
  return status;
}

const stat = (type: string | null, value: number, name: string): JsonObject => ({
  ...(type !== null && { type }),
  ...(value !== 0 && { value: String(value) }),
  name,
});

/** envoy.config.core.v3.HealthStatus; an endpoint of unknown health counts as healthy. */
export const healthName = ({ health }: EndpointInForce): string =>
  health === 'unknown' ? 'HEALTHY' : health.toUpperCase();
