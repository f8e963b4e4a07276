// Which endpoint a hash leads to: rings and Maglev's tables are Envoy's, place by place. Endpoints are hashed by names,
// for their ports differ from run to run.
import { get, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const names = ['a', 'b', 'c'];
const at = (name: string, more: Fields = {}): object => ({ ...more, endpoint: { hostname: `host-${name}.example`,
  address: { socket_address: { address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const byName: Fields = { consistent_hashing_lb_config: { use_hostname_for_hashing: true } };
const group = (endpoints: object[], more: Fields = {}): object => ({ lb_endpoints: endpoints, ...more });
const all: object[] = [group(names.map((name) => at(name)))];

const user = (value: string | number): Step => ({ send: get('/', `x-user: ${value}`) });
// No number is one of the ports that tests take, whose digits the recording replaces by their names.
const users: readonly Step[] = Array.from({ length: 16 }, (_, i) => user(i * 791));
const byUser: Fields = { hash_policy: [{ header: { header_name: 'x-user' } }] };
const ringStats = ['size', 'min_hashes_per_host', 'max_hashes_per_host'].map((name) =>
  `cluster.{many}.ring_hash_lb.${name}`);
const maglevStats = ['min_entries_per_host', 'max_entries_per_host'].map((name) => `cluster.{many}.maglev_lb.${name}`);

/** Sixteen users to a cluster that chooses by who they are. */
const hashed = (name: string, lb_policy: string, fields: Fields = {}, groups: object[] = all,
  more: Partial<Scenario> = {}, route: Fields = byUser): Scenario => ({
  name, upstreams: names, steps: users, stats: lb_policy === 'MAGLEV' ? maglevStats : ringStats,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{many}', ...route } }] },
  clusters: [{ name: 'many', fields: { type: 'STRICT_DNS', lb_policy, common_lb_config: byName, ...fields,
    load_assignment: { cluster_name: 'many', endpoints: groups } } }],
  ...more,
});
const weights = (...values: number[]): object[] => [group(names.map((name, i) =>
  at(name, { load_balancing_weight: values[i] })))];
const health = (name: string, health_status: string): object => at(name, { health_status });
const zone = (name: string, weight: number, ...endpoints: object[]): object => group(endpoints, {
  locality: { zone: name }, load_balancing_weight: weight });
const priority = (number: number, ...endpoints: object[]): object => group(endpoints, { priority: number });

const kinds = ['RING_HASH', 'MAGLEV'];
const forBoth = (make: (kind: string) => Scenario): Scenario[] => kinds.map(make);

/** Both tables by load_balancing_policy. */
const typed = (kind: string, config: Fields = {}): Fields => ({ lb_policy: undefined, common_lb_config: undefined,
  load_balancing_policy: { policies: [{ typed_extension_config: { name: 'p', typed_config: {
    '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${kind === 'MAGLEV' ? 'maglev.v3.Maglev'
      : 'ring_hash.v3.RingHash'}`, ...byName, ...config } } }] } });

/** By the cluster's policies, whatever the route says; `byUser` is the route's. */
const ownPolicies = (name: string, hash_policy: object[], steps: readonly Step[] = users): Scenario[] =>
  forBoth((kind) => hashed(`${kind} by policies of the cluster: ${name}`, kind, typed(kind, {
    consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_policy } }), all, { steps }));
const teams = Array.from({ length: 8 }, (_, i): Step => ({ send: get(`/?team=${i}`, 'x-user: 7', `x-team: t${i}`) }));

export const scenarios: readonly Scenario[] = [
  ...forBoth((kind) => hashed(`${kind} by header`, kind)),
  ...forBoth((kind) => hashed(`${kind} with weights`, kind, {}, weights(1, 2, 5))),
  ...forBoth((kind) => hashed(`${kind} with odd weights`, kind, {}, weights(3, 1, 7))),
  ...forBoth((kind) => hashed(`${kind} with an endpoint that is not well`, kind, {},
    [group([at('a'), health('b', 'UNHEALTHY'), at('c')])])),
  ...forBoth((kind) => hashed(`${kind} in panic`, kind, {},
    [group([at('a'), health('b', 'UNHEALTHY'), health('c', 'UNHEALTHY')])])),
  ...forBoth((kind) => hashed(`${kind} over degraded ones alone`, kind, {},
    [group([health('a', 'DEGRADED'), health('b', 'DEGRADED')])])),
  ...forBoth((kind) => hashed(`${kind} over two priorities`, kind, {},
    [priority(0, at('a'), health('b', 'UNHEALTHY')), priority(1, at('c'))])),
  ...forBoth((kind) => hashed(`${kind} in the second priority`, kind, {},
    [priority(0, health('a', 'UNHEALTHY')), priority(1, at('b'), at('c'))])),
  ...forBoth((kind) => hashed(`${kind} with weights of localities`, kind,
    { common_lb_config: { ...byName, locality_weighted_lb_config: {} } },
    [zone('z', 1, at('a')), zone('y', 3, at('b'), at('c'))])),
  ...forBoth((kind) => hashed(`${kind} with a weightless locality`, kind,
    { common_lb_config: { ...byName, locality_weighted_lb_config: {} } },
    [{ ...zone('z', 1, at('a')), load_balancing_weight: undefined }, zone('y', 3, at('b'), at('c'))])),
  ...forBoth((kind) => hashed(`${kind} with no weight of any locality`, kind,
    { common_lb_config: { ...byName, locality_weighted_lb_config: {} } },
    [{ ...zone('z', 1, at('a')), load_balancing_weight: undefined }])),
  ...forBoth((kind) => hashed(`${kind} with one endpoint`, kind, {}, [group([at('b')])])),
  ...forBoth((kind) => hashed(`${kind} with nobody`, kind, {}, [])),
  ...forBoth((kind) => hashed(`${kind} with bounded load, at rest`, kind, { common_lb_config: {
    consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_balance_factor: 1000 } } })),
  ...forBoth((kind) => hashed(`${kind} without a hash, one endpoint`, kind, {}, [group([at('c')])],
    { steps: [{ send: get('/') }] })),
  ...forBoth((kind) => hashed(`${kind} tries another host`, kind, {}, all, { steps: users.map((step) => ({ ...step,
    answer: Object.fromEntries(names.map((name) => [name, 'HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'])) })) },
  { ...byUser, retry_policy: { retry_on: '5xx', num_retries: 2, host_selection_retry_max_attempts: 5,
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' }, retry_host_predicate: [{
      name: 'envoy.retry_host_predicates.previous_hosts', typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' } }] } })),
  ...forBoth((kind) => hashed(`typed ${kind}`, kind, typed(kind), weights(1, 2, 5))),
  ...forBoth((kind) => hashed(`typed ${kind} with weights of localities`, kind,
    typed(kind, { locality_weighted_lb_config: {} }), [zone('z', 1, at('a')), zone('y', 3, at('b'), at('c'))])),
  hashed('a typed ring by MurmurHash2', 'RING_HASH', typed('RING_HASH', { hash_function: 'MURMUR_HASH_2',
    minimum_ring_size: 100 })),
  hashed('a typed ring with the deprecated fields', 'RING_HASH', typed('RING_HASH', { use_hostname_for_hashing: true,
    consistent_hashing_lb_config: undefined, hash_balance_factor: 500, maximum_ring_size: 2000 })),
  hashed('a typed table of another size', 'MAGLEV', typed('MAGLEV', { table_size: 1009 })),
  hashed('a ring by MurmurHash2', 'RING_HASH', { ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } }),
  hashed('a small ring', 'RING_HASH', { ring_hash_lb_config: { minimum_ring_size: 3, maximum_ring_size: 7 } },
    weights(1, 1, 2)),
  hashed('a ring that is cut off', 'RING_HASH', { ring_hash_lb_config: { minimum_ring_size: 4, maximum_ring_size: 4 } },
    weights(1, 1, 5)),
  hashed('a large ring', 'RING_HASH', { ring_hash_lb_config: { minimum_ring_size: 20_000 } }, weights(1, 1, 1)),
  hashed('a small table', 'MAGLEV', { maglev_lb_config: { table_size: 11 } }, weights(1, 2, 3)),
  hashed('a larger table', 'MAGLEV', { maglev_lb_config: { table_size: 131_071 } }),
  ...ownPolicies('a header', [{ header: { header_name: 'x-team' } }], teams),
  ...ownPolicies('a header rewritten', [{ header: { header_name: 'x-team', regex_rewrite: {
    pattern: { regex: '\\d' }, substitution: '' } } }], teams),
  ...ownPolicies('a query parameter, terminal', [{ query_parameter: { name: 'team' }, terminal: true },
    { header: { header_name: 'x-user' } }], teams),
  ...ownPolicies('the client', [{ connection_properties: { source_ip: true } }]),
  ...ownPolicies('a cookie', [{ cookie: { name: 'team' } }], Array.from({ length: 4 }, (_, i): Step =>
    ({ send: get('/', 'x-user: 7', `cookie: team=${i}`) }))),
  ...forBoth((kind) => hashed(`${kind} by policies of the cluster, none of the route's`, kind, typed(kind, {
    consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_policy: byUser.hash_policy } }), all, {}, {})),
];
