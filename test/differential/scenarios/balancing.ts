// Which endpoint a request goes to where that does not depend on chance: health, priorities, panic, localities.
import { answer, get, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
/** The upstream of this name as an endpoint. */
const at = (name: string, more: Fields = {}, endpoint: Fields = {}): object => ({ ...more, endpoint: {
  address: { socket_address: { address: '127.0.0.1', port_value: `{port:${name}}` } }, ...endpoint } });
const sick = (name: string, health: string = 'UNHEALTHY'): object => at(name, { health_status: health });
const group = (endpoints: object[], more: Fields = {}): object => ({ lb_endpoints: endpoints, ...more });
const priority = (number: number, ...endpoints: object[]): object => group(endpoints, { priority: number });
const zone = (name: string, weight: number, ...endpoints: object[]): object => group(endpoints, {
  locality: { zone: name }, ...(weight === 0 ? {} : { load_balancing_weight: weight }) });

const stats = ['lb_healthy_panic', 'upstream_cx_none_healthy', 'membership_total', 'membership_healthy',
  'membership_degraded', 'membership_excluded'].map((name) => `cluster.{many}.${name}`);
const steps: readonly Step[] = Array.from({ length: 4 }, () => ({ send: get('/') }));

/** A cluster `many` over the upstreams a, b and c, and four requests to it. */
const picks = (name: string, groups: object[], fields: Fields = {}, policy: Fields = {},
  more: Partial<Scenario> = {}): Scenario => ({
  name, upstreams: ['a', 'b', 'c'], steps, stats,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{many}' } }] },
  clusters: [{ name: 'many', fields: { ...fields,
    load_assignment: { cluster_name: 'many', endpoints: groups, policy } } }],
  ...more,
});
const panicAt = (value: number): Fields => ({ common_lb_config: { healthy_panic_threshold: { value } } });
const weighted: Fields = { common_lb_config: { locality_weighted_lb_config: {} } };
const policies = ['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM'];

const typed = (policy: string, config: Fields = {}): Fields => ({ load_balancing_policy: { policies: [{
  typed_extension_config: { name: 'p', typed_config: {
    '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${policy}`, ...config } } }] } });
const localityWeighted = { locality_lb_config: { locality_weighted_lb_config: {} } };
const slow = { slow_start_config: { slow_start_window: '60s', aggression: { default_value: 2, runtime_key: 'k' },
  min_weight_percent: { value: 20 } } };
const typedPolicies = ['round_robin.v3.RoundRobin', 'least_request.v3.LeastRequest', 'random.v3.Random'];

export const scenarios: readonly Scenario[] = [
  ...['UNHEALTHY', 'DRAINING', 'TIMEOUT'].map((health) => picks(`an endpoint that is ${health}`,
    [group([at('a'), sick('b', health)])])),
  picks('DEGRADED ones wait while there are healthy ones', [group([at('a'), sick('b', 'DEGRADED')])], {},
    { overprovisioning_factor: 200 }),
  picks('DEGRADED ones serve where nobody is healthy', [group([sick('a'), sick('b', 'DEGRADED'), sick('c')])],
    panicAt(10)),
  ...policies.map((lb_policy) => picks(`${lb_policy} over one that is well`, [group([at('a'), sick('b')])],
    { lb_policy })),
  ...typedPolicies.map((policy) => picks(`typed ${policy}`, [group([at('a'), sick('b')])], typed(policy))),
  ...typedPolicies.map((policy) => picks(`typed ${policy} by weights of localities`,
    [zone('z', 0, at('a')), zone('y', 1, at('b'), sick('c'))], typed(policy, localityWeighted))),
  ...typedPolicies.slice(0, 2).map((policy) => picks(`typed ${policy} that starts slowly`,
    [group([at('a'), sick('b')])], typed(policy, slow))),
  picks('typed least request over all', [group([at('a'), sick('b')])], typed('least_request.v3.LeastRequest',
    { selection_method: 'FULL_SCAN', active_request_bias: { default_value: 2, runtime_key: 'k' }, choice_count: 4 })),
  picks('round robin that starts slowly', [group([at('a'), sick('b')])], { round_robin_lb_config: slow }),
  picks('least request that starts slowly', [group([at('a', { load_balancing_weight: 4 }), sick('b')])],
    { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { ...slow, choice_count: 3, active_request_bias: {
      default_value: 0.5, runtime_key: 'k' } } }),
  picks('panic with a typed policy', [group([sick('a')])], { ...typed('random.v3.Random'), ...panicAt(20) }),
  picks('no panic with a typed policy', [group([sick('a')])], { ...typed('random.v3.Random'), ...panicAt(0) }),
  picks('HEALTHY is as good as nothing said', [group([sick('a', 'HEALTHY'), sick('b')])]),
  picks('priority 1 takes over', [priority(0, sick('a')), priority(1, at('b'))]),
  picks('priority 1 waits', [priority(0, at('a')), priority(1, at('b'))]),
  picks('priority 0 is enough at 72 %', [priority(0, at('a'), sick('c')), priority(1, at('b'))], {},
    { overprovisioning_factor: 200 }),
  picks('priorities with a gap', [priority(0, sick('a')), priority(3, at('b'))]),
  picks('priority 0 has nobody', [priority(1, at('b'))]),
  picks('a degraded priority 1 behind a healthy one', [priority(0, at('a')), priority(1, sick('b', 'DEGRADED'))]),
  picks('a healthy priority 1 before a degraded priority 0', [priority(0, sick('a', 'DEGRADED')),
    priority(1, at('b'))]),
  picks('priority 1 in another locality', [group([sick('a')], { locality: { zone: 'z' } }),
    group([at('b')], { locality: { zone: 'y' }, priority: 1 })]),
  picks('those that drain do not count for panic', [group([at('a'), sick('b'), sick('c', 'DRAINING')])]),
  picks('those that drain do not count for priorities', [priority(0, at('a'), sick('c', 'DRAINING')),
    priority(1, at('b'))]),
  picks('all drain', [group([sick('a', 'DRAINING')])]),
  picks('all drain, the next priority takes over', [priority(0, sick('a', 'DRAINING')), priority(1, at('b'))]),
  picks('panic over one endpoint', [group([sick('a')])]),
  picks('panic is off and nobody is well', [group([sick('a'), sick('b')])], panicAt(0)),
  picks('panic below the threshold only', [group([at('a'), sick('b'), sick('c')])], panicAt(33)),
  picks('panic in both priorities', [priority(0, sick('a')), priority(1)]),
  picks('panic in the first priority, the second takes all', [priority(0, sick('a'), sick('c')), priority(1, at('b'))],
    panicAt(90)),
  picks('weights that endpoints report', [group([at('a'), sick('b')])],
    typed('client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin', { blackout_period: '5s',
      weight_expiration_period: '20s', weight_update_period: '0.5s', error_utilization_penalty: 2,
      metric_names_for_computing_utilization: ['named_metrics.queue', 'utilization.*'] }), {}, { steps: [
      'rps_fractional=100,cpu_utilization=0.5', 'TEXT rps_fractional=1', 'JSON {"rps_fractional":7}', 'nonsense',
      'rps_fractional=7,named_metrics.queue=3',
    ].map((report) => ({ send: get('/'), answer: { a: answer(200, 'ok', `endpoint-load-metrics: ${report}`) } })) }),
  picks('weights that endpoints report, by localities', [zone('z', 0, at('a')), zone('y', 1, at('b'), sick('c'))],
    typed('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: (typed(
      'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin') as { load_balancing_policy: object })
      .load_balancing_policy })),
  picks('fail_traffic_on_panic', [group([sick('a')])], { common_lb_config: { zone_aware_lb_config: {
    fail_traffic_on_panic: true } } }),
  picks('fail_traffic_on_panic, typed', [group([sick('a'), sick('b')])], typed('least_request.v3.LeastRequest', {
    locality_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } } })),
  picks('all requests are dropped', [group([at('a')])], {}, { drop_overloads: [{ category: 'x', drop_percentage: {
    numerator: 100 } }] }, { stats: [...stats, 'cluster.{many}.upstream_rq_503', 'cluster.{many}.upstream_rq_5xx',
    'cluster.{many}.upstream_rq_total', 'cluster.{many}.upstream_rq_active'] }),
  picks('no requests are dropped', [group([at('a')])], {}, { drop_overloads: [{ category: 'x', drop_percentage: {
    numerator: 0, denominator: 'MILLION' } }] }),
  picks('no endpoints', []),
  picks('no endpoints, no panic', [], panicAt(0)),
  picks('an empty locality', [zone('z', 1)]),
  picks('the locality with the weight', [zone('z', 0, at('a')), zone('y', 1, at('b'))], weighted),
  picks('the locality with somebody who is well', [zone('z', 100, sick('a')), zone('y', 1, at('b'))],
    { common_lb_config: { locality_weighted_lb_config: {}, healthy_panic_threshold: { value: 10 } } }),
  picks('localities without any weight', [zone('z', 0, at('a')), zone('y', 0, sick('b'))], weighted),
  picks('weights of localities in priority 1', [priority(0, sick('a')), { ...zone('z', 5, at('b')), priority: 1 },
    { ...zone('y', 0, at('c')), priority: 1 }], weighted),
  picks('weights of localities do not hold in panic', [zone('z', 5, sick('a')), zone('y', 0)], weighted),
  picks('a degraded locality', [zone('z', 5, sick('a', 'DEGRADED')), zone('y', 5, sick('b'))],
    { common_lb_config: { locality_weighted_lb_config: {}, healthy_panic_threshold: { value: 10 } } }),
  picks('weighted health of priorities', [priority(0, at('a', { load_balancing_weight: 99 }),
    at('c', { load_balancing_weight: 1, health_status: 'UNHEALTHY' })), priority(1, at('b'))], {},
  { weighted_priority_health: true }),
  picks('a weighted endpoint that is not well', [group([at('a', { load_balancing_weight: 1 }),
    at('b', { load_balancing_weight: 100, health_status: 'UNHEALTHY' })])]),
];
