// /clusters: every cluster with its circuit breakers and its endpoints' process-wide counts, as text and as JSON.
import { EndpointState, HealthFlag } from '../core/memory-map.js';
import { retriesMax } from '../config/retry-budget.js';
import type { CircuitBreakerThresholds, ClusterConfig } from '../config/types.js';
import { addressJson, addressText } from './address.js';
import { jsonType, textType } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend, EndpointInForce, JsonObject, OutlierView } from './backend.js';
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
    const outliers = backend.outliers?.(name) ?? null;
    if (outliers !== null) text += outlierText(name, outliers);
    text += breakersText(name, 'default', config.circuitBreakers.default);
    text += breakersText(name, 'high', config.circuitBreakers.high);
    text += `${name}::added_via_api::${dynamic}\n`;
    for (const endpoint of backend.endpoints(name)) {
      text += endpointText(`${name}::${addressText(endpoint.address)}::`, endpoint, states, outliers);
    }
    if (text.length > 32768) {
      yield text;
      text = '';
    }
  }
  yield text;
}

/** Numbers as C's %g prints them. */
const short = (value: number): string => String(Number(value.toPrecision(6)));

const outlierText = (name: string, { rates: [answers, local] }: OutlierView): string =>
  `${name}::outlier::success_rate_average::${short(answers.average)}\n` +
  `${name}::outlier::success_rate_ejection_threshold::${short(answers.threshold)}\n` +
  `${name}::outlier::local_origin_success_rate_average::${short(local.average)}\n` +
  `${name}::outlier::local_origin_success_rate_ejection_threshold::${short(local.threshold)}\n`;

const breakersText = (name: string, priority: string, most: CircuitBreakerThresholds): string =>
  `${name}::${priority}_priority::max_connections::${most.maxConnections}\n` +
  `${name}::${priority}_priority::max_pending_requests::${most.maxPendingRequests}\n` +
  `${name}::${priority}_priority::max_requests::${most.maxRequests}\n` +
  `${name}::${priority}_priority::max_retries::${retriesMax(most, 0)}\n`;

function endpointText(
  prefix: string,
  endpoint: EndpointInForce,
  states: SharedStates,
  outliers: OutlierView | null,
): string {
  const { locality } = endpoint;
  const rows: [string, number | string | boolean][] = [...gauges, ...counters].map(([name, word]) => [
    name,
    states.endpoint(endpoint.state, word),
  ]);
  rows.push(['rq_pending_active', 0]); // requests wait for a cluster here, never for one endpoint
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  rows.push(
    ['hostname', endpoint.hostname],
    ['health_flags', healthFlags(endpoint, states)],
    ['weight', endpoint.weight],
    ['region', locality.region],
    ['zone', locality.zone],
    ['sub_zone', locality.subZone],
    ['canary', endpoint.metadata?.canary === true],
    ['priority', endpoint.priority],
    ['success_rate', short(outliers?.rateOf(endpoint.state, 0) ?? -1)],
    ['local_origin_success_rate', short(outliers?.rateOf(endpoint.state, 1) ?? -1)],
  );
  return rows.map(([name, value]) => `${prefix}${name}::${value}\n`).join('');
}

/** In Envoy's order: bits of the shared state, or null for what the configuration says. */
const flagNames: readonly (readonly [flag: number, name: string])[] = [
  [HealthFlag.failedActive, '/failed_active_hc'],
  [HealthFlag.ejected, '/failed_outlier_check'],
  [0, '/failed_eds_health'],
  [HealthFlag.degradedActive, '/degraded_active_hc'],
  [0, '/degraded_eds_health'],
  [HealthFlag.removing, '/pending_dynamic_removal'],
  [HealthFlag.pendingCheck, '/pending_active_hc'],
  [HealthFlag.excluded, '/excluded_via_immediate_hc_fail'],
  [HealthFlag.timedOut, '/active_hc_timeout'],
  [HealthFlag.readOnly, '/read_only'],
  [0, '/eds_status_draining'],
];
const configuredFlags: { readonly [health: string]: string } = {
  unhealthy: '/failed_eds_health',
  timeout: '/failed_eds_health',
  degraded: '/degraded_eds_health',
  draining: '/eds_status_draining',
};

function healthFlags({ health, state }: EndpointInForce, states: SharedStates): string {
  const flags = states.healthFlags(state);
  const configured = configuredFlags[health];
  if (flags === 0 && configured === undefined) return 'healthy';
  return flagNames.map(([flag, name]) => ((flag & flags) !== 0 || name === configured ? name : '')).join('');
}

/** envoy.admin.v3.HostHealthStatus */
function healthStatus(endpoint: EndpointInForce, states: SharedStates): JsonObject {
  const flags = states.healthFlags(endpoint.state);
  const status: JsonObject = {};
  if ((flags & HealthFlag.failedActive) !== 0) status.failed_active_health_check = true;
  if ((flags & HealthFlag.ejected) !== 0) status.failed_outlier_check = true;
  status.eds_health_status = healthName(endpoint);
  if ((flags & HealthFlag.degradedActive) !== 0) status.failed_active_degraded_check = true;
  if ((flags & HealthFlag.removing) !== 0) status.pending_dynamic_removal = true;
  if ((flags & HealthFlag.pendingCheck) !== 0) status.pending_active_hc = true;
  if ((flags & HealthFlag.excluded) !== 0) status.excluded_via_immediate_hc_fail = true;
  if ((flags & HealthFlag.timedOut) !== 0) status.active_hc_timeout = true;
  return status;
}

function* clustersJson(backend: AdminBackend, states: SharedStates, wanted: Matches | null): Generator<string> {
  let text = '{\n "cluster_statuses": [';
  let first = true;
  for (const { config, dynamic } of chosen(backend, wanted)) {
    const status: JsonObject = { name: config.name };
    if (dynamic) status.added_via_api = true;
    const outliers = backend.outliers?.(config.name) ?? null;
    if (outliers !== null) Object.assign(status, thresholdsJson(outliers));
    const hosts = backend.endpoints(config.name).map((endpoint) => endpointJson(endpoint, states, outliers));
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

function thresholdsJson({ rates: [answers, local] }: OutlierView): JsonObject {
  const found: JsonObject = {};
  if (answers.threshold >= 0) found.success_rate_ejection_threshold = { value: answers.threshold };
  if (local.threshold >= 0) found.local_origin_success_rate_ejection_threshold = { value: local.threshold };
  return found;
}

/** proto3 JSON leaves out zero values; 64-bit values are strings. */
function endpointJson(endpoint: EndpointInForce, states: SharedStates, outliers: OutlierView | null): JsonObject {
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
  const rates = ([0, 1] as const).map((local) => outliers?.rateOf(endpoint.state, local) ?? -1);
  const status: JsonObject = {
    address: addressJson(endpoint.address),
    stats,
    health_status: healthStatus(endpoint, states),
    ...(rates[0] >= 0 && { success_rate: { value: rates[0] } }),
    weight: endpoint.weight,
  };
  if (endpoint.hostname !== '') status.hostname = endpoint.hostname;
  if (endpoint.priority !== 0) status.priority = endpoint.priority;
  if (rates[1] >= 0) status.local_origin_success_rate = { value: rates[1] };
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
