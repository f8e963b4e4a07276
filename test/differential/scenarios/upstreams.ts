// The health of endpoints: active checks, outlier detection, and what a cluster has room for. One endpoint is healthy
// at a time, or one is all there is, so that no outcome depends on whose turn it is.
import { answer, get, type Reply, type Scenario, type Step } from '../scenario.js';

const calm = { common_lb_config: { update_merge_window: '0s', healthy_panic_threshold: { value: 0 } } };
const check = { timeout: '2s', interval: '0.1s', no_traffic_interval: '0.1s', unhealthy_threshold: 2,
  healthy_threshold: 1 };
const http = (more: object = {}, general: object = {}) => ({ health_checks: [{ ...check, ...general,
  http_health_check: { path: '/check', ...more } }] });
const tcp = (more: object = {}) => ({ health_checks: [{ ...check, tcp_health_check: more }] });
const ok: Reply = answer(200);
const ask: Step = { send: get('/') };
const to = (cluster: string, more: object = {}) =>
  ({ routes: [{ match: { prefix: '/' }, route: { cluster, ...more } }] });
const membership = ['membership_total', 'membership_healthy', 'membership_degraded', 'membership_excluded',
  'health_check.healthy', 'health_check.degraded'].map((name) => `cluster.{pool}.${name}`);
const flags: Step = { admin: { path: '/clusters', lines: '^{pool}::.*health_flags' } };

/** Endpoints a and b behind the cluster `pool`. */
const checked = (name: string, fields: object, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({
  name: `checks: ${name}`, upstreams: ['a', 'b'], main: to('{pool}'),
  clusters: [{ name: 'pool', ports: ['{port:a}', '{port:b}'], fields: { ...calm, ...fields } }],
  steps, stats: membership, ...more });
/** Endpoint a alone. */
const single = { clusters: (fields: object) =>
  [{ name: 'pool', ports: ['{port:a}'], fields: { ...calm, ...fields } }] };
const healthy = (count: number): Record<string, number> => ({ 'cluster.{pool}.membership_healthy': count });

const detection = { interval: '60s', base_ejection_time: '60s', max_ejection_percent: 100, consecutive_5xx: 100,
  consecutive_gateway_failure: 100, success_rate_minimum_hosts: 100 };
const ejections = ['ejections_active', 'ejections_total', 'ejections_overflow', 'ejections_enforced_total',
  'ejections_detected_consecutive_5xx', 'ejections_enforced_consecutive_5xx',
  'ejections_detected_consecutive_gateway_failure', 'ejections_enforced_consecutive_gateway_failure',
  'ejections_detected_consecutive_local_origin_failure', 'ejections_enforced_consecutive_local_origin_failure',
  'ejections_detected_failure_percentage', 'ejections_enforced_failure_percentage',
  'ejections_detected_success_rate', 'ejections_enforced_success_rate']
  .map((name) => `cluster.{pool}.outlier_detection.${name}`);
const outlier = (name: string, fields: object, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({
  name: `outliers: ${name}`, upstreams: ['a'], main: to('{pool}'),
  clusters: single.clusters({ outlier_detection: { ...detection, ...fields } }),
  steps, stats: ejections, ...more });
const bad = (status: number): Step => ({ send: get('/'), answer: { a: answer(status, 'bad') } });
const ejected = (count: number): Record<string, number> => ({
  'cluster.{pool}.outlier_detection.ejections_active': count });
const overflowed: Record<string, number> = { 'cluster.{pool}.outlier_detection.ejections_overflow': 1 };
const again = (step: Step, count: number): Step[] => Array.from({ length: count }, () => step);

const breakers = (name: string, thresholds: object, steps: readonly Step[],
  more: Partial<Scenario> = {}): Scenario => ({
  name: `breakers: ${name}`, upstreams: ['a'], main: to('{pool}'),
  clusters: single.clusters({ circuit_breakers: thresholds }), steps, ...more,
  stats: [...['upstream_rq_pending_overflow', 'upstream_rq_active_overflow', 'upstream_cx_overflow',
    'upstream_rq_total', 'upstream_rq_503']
    .map((name) => `cluster.{pool}.${name}`), ...['cx_open', 'rq_open', 'rq_pending_open', 'rq_retry_open',
    'remaining_cx', 'remaining_rq', 'remaining_pending', 'remaining_retries']
    .map((name) => `cluster.{pool}.circuit_breakers.default.${name}`)] });
const open: Step = { admin: { path: '/stats',
  lines: '^cluster.{pool}.circuit_breakers.default.(?!remaining_cx_pools)' } };

/** The endpoint a by the name localhost. */
const byName = (type: string, more: object = {}) => [{ name: 'pool', fields: { type, dns_lookup_family: 'V4_ONLY',
  load_assignment: { cluster_name: 'x', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: {
    address: 'localhost', port_value: '{port:a}' } } } }] }] }, ...more } }];
const named = (name: string, type: string, more: object = {}, route: object = {}, steps: readonly Step[] = [ask, ask],
  scenario: Partial<Scenario> = {}): Scenario => ({
  name: `names: ${name}`, upstreams: ['a'], main: to('{pool}', route), clusters: byName(type, more), steps,
  stats: ['membership_total', 'membership_healthy', 'update_failure', 'upstream_cx_total']
    .map((of) => `cluster.{pool}.${of}`), ...scenario });
const addressLine: Step = { admin: { path: '/clusters', lines: '^{pool}::.*::(hostname|health_flags)' } };
const typed = (type: string, more: object = {}): object => ({ typed_dns_resolver_config: { name: 'resolver',
  typed_config: { '@type': `type.googleapis.com/envoy.extensions.network.dns_resolver.${type}`, ...more } } });

const options = (common: object) => ({ typed_extension_protocol_options: {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type':
    'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  common_http_protocol_options: common, explicit_http_config: { http_protocol_options: {} } } } });
/** The second connection's time runs too, so only the number of connections is sure. */
const total = ['cluster.{pool}.upstream_cx_total'];
const connecting = (name: string, fields: object, steps: readonly Step[]): Scenario => ({
  name: `connections: ${name}`, upstreams: ['a'], main: to('{pool}'),
  clusters: [{ name: 'pool', ports: ['{port:a}'], fields: { ...fields } }], steps,
  stats: ['upstream_cx_total', 'upstream_cx_max_requests', 'upstream_cx_max_duration_reached',
    'upstream_cx_idle_timeout', 'upstream_cx_connect_fail', 'bind_errors'].map((of) => `cluster.{pool}.${of}`) });

export const scenarios: readonly Scenario[] = [
  ...['STRICT_DNS', 'LOGICAL_DNS'].flatMap((type) => [
    named(type, type),
    named(`${type} in /clusters`, type, {}, {}, [addressLine]),
    named(`${type} as host`, type, {}, { auto_host_rewrite: true }),
    named(`${type} that does not exist`, type, { load_assignment: { cluster_name: 'x', endpoints: [{ lb_endpoints: [{
      endpoint: { address: { socket_address: { address: 'does-not-exist.invalid', port_value: 80 } } } }] }] } }, {},
    [ask], { stats: ['cluster.{pool}.membership_total'] }),
    named(`${type} with health checks`, type, http(), {}, [ask, addressLine]),
    named(`${type} by getaddrinfo`, type, typed('getaddrinfo.v3.GetAddrInfoDnsResolverConfig')),
    named(`${type} with jitter`, type, { dns_jitter: '1s', dns_refresh_rate: '60s' }),
  ]),
  named('an address instead of a name', 'STRICT_DNS', { load_assignment: { cluster_name: 'x', endpoints: [{
    lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1',
      port_value: '{port:a}' } } } }] }] } },
  { auto_host_rewrite: true }),
  named('a name with a hostname', 'STRICT_DNS', { load_assignment: { cluster_name: 'x', endpoints: [{
    lb_endpoints: [{ endpoint: { hostname: 'own.example', address: { socket_address: { address: 'localhost',
      port_value: '{port:a}' } } } }] }] } }, { auto_host_rewrite: true }, [ask, addressLine]),
  named('every family', 'STRICT_DNS', { dns_lookup_family: 'V4_PREFERRED' }),
  named('not waited for', 'STRICT_DNS', { wait_for_warm_on_init: false }, {}, [{ ...ask, untilStats: healthy(1) }]),


  checked('an unexpected status', http(), [flags, ...again(ask, 3)], { firstChecks: { b: answer(503) },
    showChecks: true }),
  checked('it comes back', http(), [ask, { ...flags, check: { b: ok }, untilStats: healthy(2) },
    { ...ask, check: { a: answer(500) }, untilStats: healthy(1) }, flags], { firstChecks: { b: answer(503) },
    logLines: 2 }),
  checked('expected statuses', http({ expected_statuses: [{ start: 201, end: 205 }] }), [ask, ask, flags],
    { firstChecks: { a: answer(200), b: answer(204).replace('content-length: 0\r\n', '') } }),
  checked('a retriable status has a threshold', http({ retriable_statuses: [{ start: 503, end: 504 }] }),
    [{ ...flags, check: { b: answer(503) }, untilStats: healthy(1) }, ask]),
  checked('the request of a check', http({ host: 'health.example', method: 'POST', send: { text: '6869' },
    request_headers_to_add: [{ header: { key: 'x-a', value: '1' } }, { header: { key: 'user-agent', value: 'mine' },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }] }), [flags], { showChecks: true }),
  checked('a header is removed', http({ request_headers_to_remove: ['user-agent'] }), [flags], { showChecks: true }),
  checked('the body has to say so', http({ receive: [{ text: '6f6b' }, { text: '21' }] }), [ask, ask, flags],
    { firstChecks: { a: answer(200, 'ok?'), b: answer(200, 'is ok, is well!') } }),
  checked('only so much of the body', http({ receive: [{ text: '21' }], response_buffer_size: 4 }), [ask, ask, flags],
    { firstChecks: { a: answer(200, 'long!'), b: answer(200, 'yes!') } }),
  checked('the name of the service', http({ service_name_matcher: { exact: 'right' } }), [ask, ask, flags],
    { firstChecks: { a: answer(200, '', 'x-envoy-upstream-healthchecked-cluster: wrong'),
      b: answer(200, '', 'x-envoy-upstream-healthchecked-cluster: right') } }),
  checked('nobody is healthy', http(), [ask, flags], { firstChecks: { a: answer(500), b: answer(500) } }),
  checked('nobody is healthy: panic', { ...http(), common_lb_config: { update_merge_window: '0s' } },
    [ask, { ...ask, check: { a: answer(500) } }], { firstChecks: { a: answer(500) },
      clusters: single.clusters({ ...http(), common_lb_config: { update_merge_window: '0s' } }) }),
  checked('a connection that is refused', tcp(), [ask, ask, flags],
    { clusters: [{ name: 'pool', ports: [1, '{port:b}'], fields: { ...calm, ...tcp() } }] }),
  checked('a conversation over TCP', tcp({ send: { text: Buffer.from(get('/check')).toString('hex') },
    receive: [{ text: Buffer.from('good').toString('hex') }] }), [ask, ask],
  { firstChecks: { a: { close: true }, b: answer(200, 'good') } }),
  checked('an answer takes its endpoint out of service', http({}, { interval: '60s', no_traffic_interval: '60s' }),
    [{ send: get('/'), answer: { a: answer(200, 'last', 'x-envoy-immediate-health-check-fail: true') } },
      { ...ask, untilStats: healthy(0) }, flags], { upstreams: ['a'],
      clusters: single.clusters(http({}, { interval: '60s', no_traffic_interval: '60s' })) }),
  checked('a check takes its endpoint out of service', http(), [ask, flags],
    { firstChecks: { a: answer(503, '', 'x-envoy-immediate-health-check-fail: true') } }),
  checked('degraded', http(), [flags, ask], { firstChecks: { a: answer(200, '', 'x-envoy-degraded: true'),
    b: answer(500) } }),
  checked('no longer degraded', http(), [{ ...flags, check: { a: ok }, untilStats: { ...healthy(1),
    'cluster.{pool}.membership_degraded': 0 } }, ask], { firstChecks: {
    a: answer(200, '', 'x-envoy-degraded: true'), b: answer(500) }, stats: membership.slice(0, 5) }),
  checked('an endpoint that is not checked', http(), [ask, ask, flags], { firstChecks: { a: answer(500),
    b: answer(500) }, clusters: [{ name: 'pool', fields: { ...calm, ...http(), load_assignment: {
    cluster_name: 'x', endpoints: [{ lb_endpoints: ['a', 'b'].map((name) => ({ endpoint: {
      address: { socket_address: { address: '127.0.0.1', port_value: `{port:${name}}` } },
      ...(name === 'b' && { health_check_config: { disable_active_health_check: true } }) } })) }] } } }] }),
  checked('a port of its own for the check', http(), [ask, flags], { showChecks: true, clusters: [{ name: 'pool',
    fields: { ...calm, ...http(), load_assignment: { cluster_name: 'x', endpoints: [{ lb_endpoints: [{ endpoint: {
      address: { socket_address: { address: '127.0.0.1', port_value: '{port:a}' } },
      health_check_config: { port_value: '{port:b}', hostname: 'own.example' } } }] }] } } }] }),
  checked('ignored until the first check', { ...http(), common_lb_config: { ...calm.common_lb_config,
    ignore_new_hosts_until_first_hc: true } }, [ask, flags], { firstChecks: { a: answer(500) } }),
  checked('the configured health counts too', http(), [ask, flags], { clusters: [{ name: 'pool',
    fields: { ...calm, ...http(), load_assignment: { cluster_name: 'x', endpoints: [{ lb_endpoints: ['a', 'b'].map(
      (name) => ({ health_status: name === 'a' ? 'UNHEALTHY' : 'HEALTHY', endpoint: {
        address: { socket_address: { address: '127.0.0.1', port_value: `{port:${name}}` } } } })) }] } } }] }),

  outlier('consecutive 5xx', { consecutive_5xx: 3 }, [...again(bad(500), 3), { ...ask, untilStats: ejected(1) },
    flags]),
  outlier('another answer begins anew', { consecutive_5xx: 2 }, [bad(500), bad(404), bad(500), ask, bad(503), ask]),
  outlier('5xx is not enforced', { consecutive_5xx: 2, enforcing_consecutive_5xx: 0 }, [...again(bad(500), 2), ask]),
  outlier('in panic it serves all the same', { consecutive_5xx: 2 }, [...again(bad(500), 2),
    { ...ask, untilStats: ejected(1) }], { clusters: single.clusters({ common_lb_config: { update_merge_window: '0s' },
    outlier_detection: { ...detection, consecutive_5xx: 2 } }) }),
  outlier('gateway failures', { consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
    [bad(502), bad(504), { ...ask, untilStats: ejected(1) }]),
  outlier('gateway failures are only counted by default', { consecutive_gateway_failure: 2 },
    [bad(503), bad(503), ask]),
  outlier('a 500 is no gateway failure', { consecutive_gateway_failure: 2,
    enforcing_consecutive_gateway_failure: 100 }, [bad(503), bad(500), bad(503), ask]),
  outlier('no more than the share', { consecutive_5xx: 2, max_ejection_percent: 10 }, [...again(bad(500), 2),
    { ...ask, untilStats: overflowed }]),
  outlier('one is always ejected', { consecutive_5xx: 2, max_ejection_percent: 0, always_eject_one_host: true },
    [...again(bad(500), 2), { ...ask, untilStats: ejected(1) }]),
  outlier('it comes back', { consecutive_5xx: 2, interval: '0.05s', base_ejection_time: '0.001s' },
    [...again(bad(500), 2), { ...ask, untilStats: { 'cluster.{pool}.outlier_detection.ejections_enforced_total': 1,
      ...ejected(0) } }]),
  outlier('connections that are refused', { consecutive_5xx: 2 }, [ask, ask, { ...ask, untilStats: ejected(1) }],
    { clusters: [{ name: 'pool', ports: [1], fields: { ...calm, outlier_detection: { ...detection,
      consecutive_5xx: 2 } } }] }),
  outlier('connections that are refused, apart', {}, [ask, ask, { ...ask, untilStats: ejected(1) }],
    { clusters: [{ name: 'pool', ports: [1], fields: { ...calm, outlier_detection: { ...detection,
      split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 } } }] }),
  outlier('answers do not count as local failures', { split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 2 }, [bad(503), bad(503), bad(503), ask]),
  outlier('a connection that ends', { consecutive_5xx: 2 }, [
    ...again({ send: get('/'), answer: { a: { close: true } } },
    2), { ...ask, untilStats: ejected(1) }]),
  outlier('a connection that ends, apart', { split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 2 }, [...again({ send: get('/'), answer: { a: { close: true } } }, 3), ask]),
  outlier('answers that do not come', { consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
    [...again({ send: get('/'), answer: { a: { hang: true } } }, 2), { ...ask, untilStats: ejected(1) }],
    { main: to('{pool}', { timeout: '0.4s' }) }),
  outlier('each attempt counts', { consecutive_5xx: 2 }, [bad(503), { ...ask, untilStats: ejected(1) }],
    { main: to('{pool}', { retry_policy: { retry_on: '5xx', num_retries: 1, retry_back_off: {
      base_interval: '0.001s' } } }) }),
  outlier('the share of failures', { interval: '0.2s', failure_percentage_minimum_hosts: 1,
    failure_percentage_request_volume: 1, failure_percentage_threshold: 50, enforcing_failure_percentage: 100 },
  [bad(500), { ...ask, untilStats: ejected(1) }], { stats: ejections.slice(0, 1) }),
  outlier('tries of one request', { consecutive_5xx: 1 }, [{ send: get('/'), answer: { a: answer(503) } },
    { ...ask, untilStats: ejected(1) }]),

  breakers('no requests', { thresholds: [{ max_requests: 0 }] }, [ask]),
  breakers('nobody may wait', { thresholds: [{ max_pending_requests: 0 }] }, [ask]),
  breakers('no connections', { thresholds: [{ max_connections: 0 }] }, [ask, ask]),
  breakers('what is left is told', { thresholds: [{ max_connections: 7, max_requests: 8, max_pending_requests: 9,
    max_retries: 5, track_remaining: true }] }, [ask]),
  breakers('open while a request is under way', { thresholds: [{ max_requests: 1, max_connections: 1,
    track_remaining: true }] }, [{ send: get('/'), answer: { a: { hang: true } }, responses: 0, quietMs: 20,
      forwarded: 1 }, open,
    { sameConnection: true, reset: true, responses: 0, quietMs: 100 }], { logLines: 1 }),
  breakers('of another priority', { thresholds: [{ priority: 'HIGH', max_requests: 0 }] }, [ask]),
  breakers('of its own priority', { thresholds: [{ priority: 'HIGH', max_requests: 0 }] }, [ask],
    { main: to('{pool}', { priority: 'HIGH' }) }),
  breakers('of single endpoints', { per_host_thresholds: [{ max_connections: 0 }] }, [ask]),

  connecting('a source address', { upstream_bind_config: { source_address: { address: '127.0.0.5', port_value: 0 } } },
    [ask, ask]),
  { ...connecting('a source address that is none of ours', { upstream_bind_config: {
    source_address: { address: '192.0.2.1', port_value: 0 } } }, [ask]),
  differs: [{ line: /local_connection_failure/, heading: 'Sources that cannot be bound' }] },
  connecting('a source address of the other family', { upstream_bind_config: {
    source_address: { address: '::1', port_value: 0 }, extra_source_addresses: [
      { address: { address: '127.0.0.5', port_value: 0 } }] } }, [ask]),
  connecting('keep-alive', { upstream_connection_options: { tcp_keepalive: { keepalive_time: 10 } } }, [ask, ask]),
  { ...connecting('for so long', options({ max_connection_duration: '0.5s' }), [ask,
    { ...ask, untilStats: { 'cluster.{pool}.upstream_cx_max_duration_reached': 1 } }]), stats: total },
  connecting('so many requests', options({ max_requests_per_connection: 2 }), [ask, ask, ask]),
  { ...connecting('not used any more', options({ idle_timeout: '0.5s' }), [ask,
    { ...ask, untilStats: { 'cluster.{pool}.upstream_cx_idle_timeout': 1 } }]), stats: total },
  connecting('ahead of requests', { preconnect_policy: { per_upstream_preconnect_ratio: 2 } },
    [ask, { ...ask, untilStats: { 'cluster.{pool}.upstream_cx_total': 2 } }]),
  connecting('one client\'s own', { connection_pool_per_downstream_connection: true },
    [ask, { ...ask, sameConnection: true }, ask, { ...ask, sameConnection: true }]),
  connecting('shared by clients', {}, [ask, { ...ask, sameConnection: true }, ask]),
  { ...connecting('the next address', {}, [ask, ask]), clusters: [{ name: 'pool', fields: {
    load_assignment: { cluster_name: 'x', endpoints: [{ lb_endpoints: [{ endpoint: {
      address: { socket_address: { address: '127.0.0.77', port_value: '{port:a}' } },
      additional_addresses: [{ address: { socket_address: { address: '127.0.0.1',
        port_value: '{port:a}' } } }] } }] }] } } }], stats: ['cluster.{pool}.upstream_rq_200'] },
  connecting('a connection is drained when its endpoint fails', { ...http(), ...calm }, [ask, { ...flags,
    check: { a: answer(500) }, untilStats: healthy(0) }, { ...ask, check: { a: ok }, untilStats: healthy(1) }]),
];
