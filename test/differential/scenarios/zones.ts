// Zone-aware routing where it does not depend on chance. Each scenario is a process of its own, for the local cluster
// is the process's; test/workers/balancing/zones.test.ts has the rest.
import { get, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const at = (name: string, more: Fields = {}): object => ({ ...more, endpoint: { address: { socket_address: {
  address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const zone = (name: string, ...endpoints: object[]): object => ({ locality: { region: 'r', zone: name },
  lb_endpoints: endpoints });
const cluster = (name: string, groups: object[], fields: Fields = {}): NonNullable<Scenario['clusters']>[number] =>
  ({ name, fields: { ...fields, load_assignment: { cluster_name: name, endpoints: groups } } });

const stats = ['lb_zone_routing_all_directly', 'lb_zone_routing_sampled', 'lb_zone_routing_cross_zone',
  'lb_healthy_panic'].map((name) => `cluster.{many}.${name}`);
const always = { common_lb_config: { zone_aware_lb_config: { min_cluster_size: 1 } } };

const routed = (name: string, here: string, proxies: object[], upstreams: object[], fields: Fields = always,
  more: Partial<Scenario> = {}): Scenario => ({
  name, upstreams: ['a', 'b', 'c'], stats, steps: Array.from({ length: 4 }, () => ({ send: get('/') })),
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{many}' } }] },
  clusters: [cluster('local', proxies), cluster('many', upstreams, fields)],
  alone: { bootstrap: { cluster_manager: { local_cluster_name: '{local}' }, node: { id: 'n', cluster: 'c',
    locality: { region: 'r', zone: here } } } },
  ...more,
});
const evenly = [zone('x', at('a')), zone('y', at('b'))];

export const scenarios: readonly Scenario[] = [
  routed('all stays in our zone', 'y', evenly, evenly),
  routed('a typed policy', 'y', evenly, evenly, { load_balancing_policy: { policies: [{
    typed_extension_config: { name: 'p', typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
      locality_lb_config: { zone_aware_lb_config: { min_cluster_size: 2 } } } } }] } }),
  routed('nobody of the cluster in our zone', 'y', [zone('x', at('a')), zone('y', at('b'))], [zone('x', at('c')),
    zone('z', at('a', { health_status: 'UNHEALTHY' }))]),
];
