// Clusters from the outside: circuit breakers, endpoints that refuse, close, reset or are not there, and connection
// limits.
import { answer, get, post, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const up = (...names: string[]): string[] => names.map((name) => `cluster.{up}.${name}`);
const routes = [{ match: { prefix: '/' }, route: { cluster: '{up}' } }];
const thresholds = (fields: Fields): Record<string, Fields> => ({ up: { circuit_breakers: { thresholds: [fields] } } });
const FAILED = ['upstream_cx_connect_fail', 'upstream_rq_5xx', 'upstream_rq_503', 'upstream_rq_total',
  'upstream_rq_completed', 'upstream_cx_total'];

const breakers: readonly Scenario[] = [
  { name: 'no connection is allowed', main: { routes }, clusterFields: thresholds({ max_connections: 0 }),
    steps: [{ send: get('/') }],
    stats: up('upstream_cx_overflow', 'upstream_rq_pending_overflow', 'upstream_cx_total') },
  { name: 'nothing may wait', main: { routes }, clusterFields: thresholds({ max_pending_requests: 0 }),
    steps: [{ send: get('/') }], stats: up('upstream_rq_pending_overflow', 'upstream_cx_total') },
  { name: 'no request is allowed', main: { routes }, clusterFields: thresholds({ max_requests: 0 }),
    steps: [{ send: get('/') }], stats: up('upstream_rq_total'),
    differs: [{ line: /^stat/, heading: 'Not in the comparison' }] },
  { name: 'high priority has breakers of its own', main: { routes: [{ match: { prefix: '/high' },
    route: { cluster: '{up}', priority: 'HIGH' } }, ...routes] }, clusterFields: { up: { circuit_breakers: {
    thresholds: [{ priority: 'DEFAULT', max_pending_requests: 0 }, { priority: 'HIGH' }] } } },
  steps: [{ send: get('/') }, { send: get('/high') }], stats: up('upstream_rq_pending_overflow') },
  { name: 'breakers are shown', main: { routes }, clusterFields: thresholds({ max_connections: 0 }),
    steps: [{ send: get('/') }], stats: up('circuit_breakers.default.cx_open', 'circuit_breakers.default.rq_open',
      'circuit_breakers.default.rq_pending_open', 'circuit_breakers.high.cx_open') },
];

const CLOSED = [{ name: 'closed', ports: [1] }];
const failures: readonly Scenario[] = [
  { name: 'the connection is refused', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{closed}' } }] },
    clusters: CLOSED, steps: [{ send: get('/') }, { send: post('/', 'x') }],
    stats: FAILED.map((name) => `cluster.{closed}.${name}`) },
  { name: 'an empty cluster', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{none}' } }] },
    clusters: [{ name: 'none', ports: [] }], steps: [{ send: get('/') }],
    stats: ['upstream_cx_none_healthy', 'upstream_rq_503', 'membership_total']
      .map((name) => `cluster.{none}.${name}`) },
  { name: 'closed before the answer', main: { routes }, steps: [{ send: get('/'), answer: { close: true } },
    { send: post('/', 'x'), answer: { close: true } }], stats: up(...FAILED) },
  { name: 'reset before the answer', main: { routes }, steps: [{ send: post('/', 'x'), answer: { reset: true } }],
    stats: up(...FAILED, 'upstream_rq_rx_reset', 'upstream_cx_destroy_remote_with_active_rq') },
  { name: 'one of two endpoints refuses', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{two}',
    retry_policy: { retry_on: 'connect-failure', num_retries: 2 } } }] },
  clusters: [{ name: 'two', ports: [1, '{port:up}'] }], steps: [{ send: get('/') }, { send: get('/') }],
  stats: ['upstream_rq_200'].map((name) => `cluster.{two}.${name}`) },
  { name: 'weights lead past an endpoint that refuses', main: { routes: [{ match: { prefix: '/' },
    route: { weighted_clusters: { clusters: [{ name: '{closed}', weight: 0 }, { name: '{up}', weight: 1 }] } } }] },
  clusters: CLOSED, steps: [{ send: get('/') }] },
];

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const options = (common_http_protocol_options: Fields): Record<string, Fields> => ({ up: {
  typed_extension_protocol_options: { [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`,
    common_http_protocol_options, explicit_http_config: { http_protocol_options: {} } } } } });

const connections: readonly Scenario[] = [
  { name: 'connections are used again', main: { routes }, steps: [{ send: get('/') },
    { send: get('/'), sameConnection: true }, { send: get('/') }],
  stats: up('upstream_cx_total', 'upstream_rq_total', 'upstream_cx_active', 'upstream_cx_http1_total') },
  { name: 'an endpoint that says close', main: { routes }, steps: [1, 2].map(() => ({ send: get('/'),
    answer: answer(200, '', 'connection: close') })), stats: up('upstream_cx_total') },
  { name: 'one request a connection', main: { routes }, clusterFields: options({ max_requests_per_connection: 1 }),
    steps: [{ send: get('/') }, { send: get('/') }], stats: up('upstream_cx_total', 'upstream_cx_max_requests') },
  { name: 'two requests a connection', main: { routes }, clusterFields: options({ max_requests_per_connection: 2 }),
    steps: [{ send: get('/') }, { send: get('/') }, { send: get('/') }],
    stats: up('upstream_cx_total', 'upstream_cx_max_requests') },
  { name: 'headers of an answer are limited', main: { routes }, clusterFields: options({ max_headers_count: 3 }),
    steps: [{ send: get('/'), answer: answer(200, '', 'a: 1', 'b: 2', 'c: 3') }],
    stats: up('upstream_cx_protocol_error', 'upstream_rq_5xx') },
  { name: 'a client that leaves in the middle', main: { routes }, steps: [{ ends: true,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc', responses: 0, quietMs: 150 }], logLines: 1 },
  { name: 'codes are counted', main: { routes }, steps: [200, 201, 301, 404, 418, 500, 503].map((status) =>
    ({ send: get('/'), answer: answer(status) })), stats: up('upstream_rq_200', 'upstream_rq_201', 'upstream_rq_2xx',
    'upstream_rq_3xx', 'upstream_rq_404', 'upstream_rq_4xx', 'upstream_rq_500', 'upstream_rq_5xx',
    'upstream_rq_completed') },
  { name: 'an alternative name in statistics', main: { routes }, clusterFields: { up: { alt_stat_name: 'alt-{id}' } },
    steps: [{ send: get('/') }], stats: ['cluster.alt-{id}.upstream_rq_total', 'cluster.{up}.upstream_rq_total'] },
  { name: 'membership', main: { routes }, steps: [{ send: get('/') }], stats: up('membership_total',
    'membership_healthy', 'membership_degraded', 'membership_excluded') },
];

export const scenarios: readonly Scenario[] = [...breakers, ...failures, ...connections];
