// Which endpoints a request may go to by what its route asks of their metadata, and what happens where none has that.
import { get, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const meta = (fields: Fields): Fields => ({ filter_metadata: { 'envoy.lb': fields } });
const at = (name: string, labels: Fields | null, more: Fields = {}): object => ({ ...more,
  ...(labels === null ? {} : { metadata: meta(labels) }), endpoint: { address: { socket_address: {
    address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const group = (endpoints: object[], more: Fields = {}): object => ({ lb_endpoints: endpoints, ...more });

const stats = ['lb_subsets_selected', 'lb_subsets_fallback', 'lb_subsets_fallback_panic', 'lb_healthy_panic']
  .map((name) => `cluster.{many}.${name}`);
const steps: readonly Step[] = [{ send: get('/') }, { send: get('/') }];

/** Two requests whose route asks for `asks`. */
const picks = (name: string, endpoints: object[], asks: Fields | null, subsets: Fields, fields: Fields = {},
  more: Partial<Scenario> = {}): Scenario => ({
  name, upstreams: ['a', 'b', 'c'], steps, stats,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{many}',
    ...(asks === null ? {} : { metadata_match: meta(asks) }) } }] },
  clusters: [{ name: 'many', fields: { lb_subset_config: subsets, load_assignment: { cluster_name: 'many',
    endpoints: [group(endpoints)] }, ...fields } }],
  ...more,
});
const versions = [at('a', { version: '1', stage: 'test' }), at('b', { version: '2', stage: 'prod' }),
  at('c', { version: '3' })];
const by = (...selectors: Fields[]): Fields => ({ subset_selectors: selectors });
const version = { keys: ['version'] }, both = { keys: ['version', 'stage'] };
const one = (asks: Fields | null, subsets: Fields): [Fields | null, Fields] => [asks, subsets];
const typedSubset = (subsets: Fields): Fields => ({ lb_subset_config: undefined, load_balancing_policy: { policies: [{
  typed_extension_config: { name: 's', typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.subset.v3.Subset', ...subsets,
    subset_lb_policy: { policies: [{ typed_extension_config: { name: 'r', typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random' } } }] } } } }] } });

export const scenarios: readonly Scenario[] = [
  picks('the endpoint with the value', versions, ...one({ version: '2' }, by(version))),
  picks('the endpoint with both values', versions, ...one({ stage: 'prod', version: '2' }, by(both))),
  picks('values that belong to different endpoints', versions, ...one({ stage: 'prod', version: '1' }, by(both))),
  picks('no such value', versions, ...one({ version: '9' }, by(version))),
  picks('no such value, any endpoint', versions.slice(0, 1), ...one({ version: '9' }, { ...by(version),
    fallback_policy: 'ANY_ENDPOINT' })),
  picks('no such value, the default subset', versions, ...one({ version: '9' }, { ...by(version),
    fallback_policy: 'DEFAULT_SUBSET', default_subset: { version: '3' } })),
  picks('no such value, a default subset that nobody is in', versions, ...one({ version: '9' }, { ...by(version),
    fallback_policy: 'DEFAULT_SUBSET', default_subset: { version: '8' } })),
  picks('a default subset that nobody is in, any endpoint in panic', versions.slice(0, 1), ...one({ version: '9' },
    { ...by(version), fallback_policy: 'DEFAULT_SUBSET', default_subset: { version: '8' }, panic_mode_any: true })),
  picks('an empty default subset is everybody', versions.slice(1, 2), ...one({ version: '9' }, { ...by(version),
    fallback_policy: 'DEFAULT_SUBSET' })),
  picks('the route asks for nothing', versions, ...one(null, by(version))),
  picks('the route asks for nothing, default subset', versions, ...one(null, { ...by(version),
    fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'prod' } })),
  picks('the route asks for an empty set', versions.slice(0, 1), ...one({}, { ...by(version),
    fallback_policy: 'ANY_ENDPOINT' })),
  picks('more than a selector has', versions, ...one({ version: '2', stage: 'prod' }, by(version))),
  picks('less than a selector has', versions, ...one({ version: '2' }, by(both))),
  picks('keys that no selector has', versions, ...one({ stage: 'prod' }, by(version))),
  picks('two selectors', versions, ...one({ version: '3' }, by(both, version))),
  ...[1, '1', true, null, [1, 2], { a: 1, b: 2 }].map((value) => picks(`the value ${JSON.stringify(value)}`,
    [at('a', { v: value }), at('b', { v: 'other' }), at('c', { v: 2 })], ...one({ v: value }, by({ keys: ['v'] })))),
  picks('a list is one value', [at('a', { v: ['x', 'y'] }), at('b', { v: 'x' })], ...one({ v: 'x' },
    by({ keys: ['v'] }))),
  picks('a list stands for its members', [at('a', { v: ['x', 'y'] }), at('b', { v: 'z' })], ...one({ v: 'y' },
    { ...by({ keys: ['v'] }), list_as_any: true })),
  picks('lists stand for their members, combined', [at('a', { v: ['x', 'y'], w: ['1', '2'] }), at('b', { v: 'z' })],
    ...one({ v: 'y', w: '1' }, { ...by({ keys: ['v', 'w'] }), list_as_any: true })),
  picks('a list in the default subset', [at('a', { v: ['x', 'y'] }), at('b', { v: 'z' })], ...one({ v: 'q' },
    { ...by({ keys: ['v'] }), list_as_any: true, fallback_policy: 'DEFAULT_SUBSET', default_subset: { v: 'x' } })),
  picks('the selector says: none', versions, ...one({ version: '9' }, { ...by({ ...version,
    fallback_policy: 'NO_FALLBACK' }), fallback_policy: 'ANY_ENDPOINT' })),
  picks('the selector says: any', versions.slice(2), ...one({ version: '9' }, by({ ...version,
    fallback_policy: 'ANY_ENDPOINT' }))),
  picks('the selector says: default', versions, ...one({ version: '9' }, { ...by({ ...version,
    fallback_policy: 'DEFAULT_SUBSET' }), default_subset: { version: '1' } })),
  picks('the selector says: fewer keys', versions, ...one({ version: '2', stage: 'test' }, by({ ...both,
    fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['version'] }, version))),
  picks('the selector says: fewer keys, that are no help', versions, ...one({ version: '8', stage: 'test' },
    by({ ...both, fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['version'] }, version))),
  picks('a longer selector was first', versions.slice(0, 1), ...one({ stage: 'none' }, by(both,
    { keys: ['stage'], fallback_policy: 'ANY_ENDPOINT' }))),
  picks('single_host_per_subset', versions, ...one({ version: '2' }, by({ ...version, single_host_per_subset: true }))),
  picks('single_host_per_subset does not look at health', [at('a', { version: '1' }, { health_status: 'UNHEALTHY' }),
    at('b', { version: '2' })], ...one({ version: '1' }, by({ ...version, single_host_per_subset: true }))),
  picks('single_host_per_subset takes the first', [at('b', { version: '1' }), at('a', { version: '1' })],
    ...one({ version: '1' }, by({ ...version, single_host_per_subset: true }))),
  picks('panic inside a subset', [at('a', { version: '1' }, { health_status: 'UNHEALTHY' }),
    at('b', { version: '2' })], ...one({ version: '1' }, by(version))),
  picks('nobody well inside a subset', [at('a', { version: '1' }, { health_status: 'UNHEALTHY' }),
    at('b', { version: '2' })], ...one({ version: '1' }, { ...by(version), fallback_policy: 'ANY_ENDPOINT' }),
  { common_lb_config: { healthy_panic_threshold: { value: 0 } } }),
  picks('an endpoint without metadata', [at('a', null), at('b', { version: '2' })], ...one({ version: '2' },
    by(version))),
  picks('a list of fallbacks', versions, ...one({ stage: 'none', fallback_list: [{ version: '7' }, { version: '3' },
    { version: '1' }] }, { ...by(version, { keys: ['stage', 'version'] }),
    metadata_fallback_policy: 'FALLBACK_LIST' })),
  picks('a list of fallbacks over the rest', versions, ...one({ stage: 'prod', fallback_list: [{ version: '1' },
    { version: '2' }] }, { ...by(both), metadata_fallback_policy: 'FALLBACK_LIST' })),
  picks('an empty list of fallbacks', versions, ...one({ version: '2', fallback_list: [] }, { ...by(version),
    metadata_fallback_policy: 'FALLBACK_LIST' })),
  picks('a list of fallbacks that is not looked at', versions, ...one({ fallback_list: [{ version: '1' }] },
    by(version))),
  picks('no selectors', versions.slice(0, 1), ...one({ version: '9' }, { fallback_policy: 'NO_FALLBACK' })),
  picks('a priority of the subset', [], { version: '1' }, by(version), { load_assignment: { cluster_name: 'many',
    endpoints: [group([at('b', { version: '2' })]), group([at('a', { version: '1' })], { priority: 1 })] } }),
  picks('localities of the subset', [], { version: '1' }, { ...by(version), locality_weight_aware: true,
    scale_locality_weight: true }, { common_lb_config: { locality_weighted_lb_config: {} }, load_assignment: {
    cluster_name: 'many', endpoints: [group([at('b', { version: '2' })], { locality: { zone: 'z' },
      load_balancing_weight: 9 }), group([at('a', { version: '1' })], { locality: { zone: 'y' },
      load_balancing_weight: 1 })] } }),
  picks('weighted clusters add what they ask for', versions, null, by(both), {}, { main: { routes: [{
    match: { prefix: '/' }, route: { metadata_match: meta({ version: '9', stage: 'prod' }), weighted_clusters: {
      clusters: [{ name: '{many}', weight: 1, metadata_match: meta({ version: '2' }) }] } } }] } }),
  picks('typed', versions, { version: '2' }, {}, typedSubset(by(version))),
  picks('typed, keys that are too many', versions, { version: '2', color: 'red' }, {}, typedSubset({ ...by(both,
    version), allow_redundant_keys: true })),
  picks('typed, fallback', versions, { version: '9' }, {}, typedSubset({ ...by(version),
    fallback_policy: 'DEFAULT_SUBSET', default_subset: { version: '1' } })),
  picks('a hash key of the metadata', [at('a', { hash_key: 'one' }), at('b', { hash_key: 'two' }),
    at('c', { hash_key: 'three' })], null, {}, { lb_subset_config: undefined, lb_policy: 'MAGLEV' }, { main: { routes: [
    { match: { prefix: '/' }, route: { cluster: '{many}', hash_policy: [{ header: { header_name: 'x-user' } }] } }] },
  steps: Array.from({ length: 12 }, (_, i) => ({ send: get('/', `x-user: ${i}`) })) }),
];
