// What is measured: clusters over the same five upstreams, and the part of the requests that each upstream should get.
export interface Case {
  name: string;
  /** Fields of the cluster; `endpoints` are localities with the numbers of upstreams as ports. */
  cluster: Record<string, unknown>;
  endpoints: readonly object[];
  policy?: object;
  /** Part of all requests, by upstream. */
  expected: readonly number[];
  /** Distinct hosts: hash policies hash them. */
  hosts: number;
  /** What its route asks of endpoints' metadata. */
  asks?: object;
  /** Longer than usual where the balancer learns from the requests before the measured ones. */
  warmSeconds?: number;
  /** More of them where chance decides: three standard deviations must lie within two per cent. */
  seconds: number;
}

const TYPE = 'type.googleapis.com/envoy.extensions.load_balancing_policies.';
export const typed = (type: string, config: object = {}): object => ({ load_balancing_policy: { policies: [{
  typed_extension_config: { name: 'policy', typed_config: { '@type': `${TYPE}${type}`, ...config } } }] } });

const upstream = (index: number, more: object = {}): object => ({ ...more, endpoint: { address: {
  socket_address: { address: '127.0.0.1', port_value: index } } } });
const sick = (index: number): object => upstream(index, { health_status: 'UNHEALTHY' });
const heavy = (index: number, weight: number): object => upstream(index, { load_balancing_weight: weight });
const labels = (version: string): object => ({ filter_metadata: { 'envoy.lb': { version } } });
const labelled = (index: number, version: string): object => upstream(index, { metadata: labels(version) });
const group = (...endpoints: object[]): object => ({ lb_endpoints: endpoints });
const priority = (number: number, ...endpoints: object[]): object => ({ priority: number, lb_endpoints: endpoints });
const zone = (name: string, weight: number, ...endpoints: object[]): object => ({ locality: { zone: name },
  ...(weight > 0 && { load_balancing_weight: weight }), lb_endpoints: endpoints });
/** The cluster that the proxy is one of, in the zone `here`; nobody answers at these addresses. */
export const proxies = [zone('here', 0, upstream(0), upstream(1)), zone('a', 0, upstream(2), upstream(3)),
  zone('b', 0, upstream(4))];

export const all = [group(...[0, 1, 2, 3, 4].map((index) => upstream(index)))];
const even = [0.2, 0.2, 0.2, 0.2, 0.2];
const three = [group(upstream(0), upstream(1), upstream(2))];
const two = [group(upstream(0), upstream(1))];
const weighted = [group(heavy(0, 1), heavy(1, 2), heavy(2, 5))];
const byWeight = [1 / 8, 2 / 8, 5 / 8];
const third = [1 / 3, 1 / 3, 1 / 3];
const HOSTS = 60_000;

const plain = (name: string, cluster: object, endpoints: readonly object[], expected: readonly number[],
  more: Partial<Case> = {}): Case => ({ name, cluster: cluster as Case['cluster'], endpoints, expected, hosts: 1,
  seconds: 0.8, ...more });

export const cases: readonly Case[] = [
  plain('round robin', {}, all, even),
  plain('round robin, weights 1 2 5', {}, weighted, byWeight),
  plain('random', { lb_policy: 'RANDOM' }, two, [0.5, 0.5], { seconds: 1.4 }),
  plain('least request', { lb_policy: 'LEAST_REQUEST' }, two, [0.5, 0.5], { seconds: 1.4 }),
  plain('least request, full scan', typed('least_request.v3.LeastRequest', { selection_method: 'FULL_SCAN' }), three,
    third),
  plain('least request, weights 1 2 5, bias 0', typed('least_request.v3.LeastRequest', { active_request_bias: {
    default_value: 0, runtime_key: 'bias' } }), weighted, byWeight),
  plain('ring hash', { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 400_000 } }, two, [0.5, 0.5],
    { seconds: 1.4, hosts: HOSTS }),
  plain('Maglev', { lb_policy: 'MAGLEV' }, two, [0.5, 0.5], { seconds: 1.4, hosts: HOSTS }),
  plain('Maglev, weights 1 1 2', { lb_policy: 'MAGLEV' }, [group(heavy(0, 1), heavy(1, 1), heavy(2, 2))],
    [0.25, 0.25, 0.5], { seconds: 2, hosts: HOSTS }),
  plain('localities, weights 1 3', { common_lb_config: { locality_weighted_lb_config: {} } },
    [zone('a', 1, upstream(0), upstream(1)), zone('b', 3, upstream(2))], [0.125, 0.125, 0.75]),
  plain('localities, one half well', { common_lb_config: { locality_weighted_lb_config: {} } },
    [zone('a', 1, upstream(0), sick(1)), zone('b', 1, upstream(2), upstream(3))], [0.7 / 1.7, 0, 0.5 / 1.7, 0.5 / 1.7]),
  plain('failover, 2 of 4 well', {},
    [priority(0, upstream(0), upstream(1), sick(2), sick(3)), priority(1, upstream(4))],
    [0.35, 0.35, 0, 0, 0.3], { seconds: 2 }),
  plain('failover, half, no overprovisioning', {}, [priority(0, upstream(0), sick(1)), priority(1, upstream(2))],
    [0.5, 0, 0.5], { seconds: 1.4, policy: { overprovisioning_factor: 100 } }),
  plain('failover, nobody well', {}, [priority(0, sick(0), sick(1)), priority(1, upstream(2), upstream(3))],
    [0, 0, 0.5, 0.5]),
  plain('subset, 2 of 3', { lb_subset_config: { subset_selectors: [{ keys: ['version'] }] } },
    [group(labelled(0, '1'), labelled(1, '2'), labelled(2, '1'))], [0.5, 0, 0.5], { asks: labels('1') }),
  plain('zone-aware, 25 50 25 of upstreams, 40 40 20 of proxies', { common_lb_config: { zone_aware_lb_config: {
    min_cluster_size: 1 } } }, [zone('here', 0, upstream(0)), zone('a', 0, upstream(1), upstream(2)),
    zone('b', 0, upstream(3))], [0.625, 0.125, 0.125, 0.125], { seconds: 2 }),
  plain('client-side weights 1 2 3', typed('client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin', {
    blackout_period: '0s', weight_update_period: '0.1s' }), three, [1 / 6, 2 / 6, 3 / 6], { warmSeconds: 0.5 }),
  plain('panic, 1 of 3 well', {}, [group(upstream(0), sick(1), sick(2))], third),
];
