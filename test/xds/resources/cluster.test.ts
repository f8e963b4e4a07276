// Clusters and endpoints: Envoy's defaults, every field that is read, and each refusal with its path.
import { join } from 'node:path';
import t from 'tap';
import { limits } from '../../../src/core/limits.js';
import { usualConnections } from '../../../src/config/upstream-connections.js';
import type { ClusterConfig } from '../../../src/config/types.js';
import { bootstrap, cluster, compile, configOf, errorsOf, httpOptions, ipAddress, loadAssignment, temporaryDirectory,
  typeUrl, writeJson }
  from '../examples.js';
import type { Tree } from '../examples.js';
import { balancing, policy } from '../../config/snapshot/fixtures.js';
import { usualHttp, usualHttp2 } from '../../../src/config/http2.js';

const read = (more: Tree = {}): ClusterConfig => configOf(bootstrap([], [cluster(more)]), 'cluster');
const errors = (more: Tree): string[] =>
  errorsOf(bootstrap([], [cluster(more)])).map((line) => line.replace('static_resources.clusters[0]', 'C'));
const typed = (options: Tree): Tree =>
  ({ typed_extension_protocol_options: { [httpOptions]: { '@type': typeUrl(httpOptions), ...options } } });
const endpoints = (...entries: Tree[]): Tree =>
  ({ load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: entries }] } });
const endpoint = (address: Tree, more: Tree = {}): Tree => ({ endpoint: { address }, ...more });

t.test('defaults', async (t) => {
  t.same(configOf(bootstrap([], [{ name: 'c', load_assignment: loadAssignment('c') }]), 'cluster'),
    { name: 'c', altStatName: 'c', perEndpointStats: false, metadata: null, type: 'static', originalDestination: null,
    edsServiceName: '', loadAssignment: { clusterName: 'c',
      endpoints: [{ address: { kind: 'ip', host: '127.0.0.1', port: 21020, ipv4Compat: false },
      hostname: '', weight: 1, health: 'unknown',
        metadata: null, priority: 0, locality: { region: '', zone: '', subZone: '' },
        localityWeight: 0, healthCheck: null, logicalName: '',
      additionalAddresses: [] }], policy },
    balancing, lbPolicy: 'roundRobin', leastRequestChoiceCount: 2, connectTimeoutMs: 5000,
    perConnectionBufferBytes: 1048576,
    circuitBreakers: { default: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3,
      retryBudget: null,
      trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 },
      high: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3, retryBudget: null,
      trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 } },
        idleTimeoutMs: 3600000,
    maxRequestsPerConnection: 0, maxResponseHeadersBytes: 61440, maxResponseHeadersCount: 100, preserveCase: false,
      properCaseWords: false,
    enableTrailers: false, sendFullyQualifiedUrl: false,
    http: usualHttp, rpc: null,
    dns: { refreshRateMs: 5000, family: 'auto', respectTtl: false, failureRefreshBaseMs: 5000,
      failureRefreshMaxMs: 5000, jitterMs: 0, waitAtStart: true,
      resolver: null },
    connections: usualConnections, tls: null, transportSocketMatches: null,
    healthCheck: null, health: { closeConnectionsOnFailure: false, ignoreHealthOnRemoval: false,
      ignoreNewUntilChecked: false }, outlierDetection: null });
});

t.test('original destinations', async (t) => {
  const cluster = (more: Tree): Tree => ({ name: 'c', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', ...more });
  const read = (more: Tree): ClusterConfig => configOf(bootstrap([], [cluster(more)]), 'cluster');
  const errors = (more: Tree): string[] =>
    errorsOf(bootstrap([], [cluster(more)])).map((line) => line.replace('static_resources.clusters[0]', 'C'));
  t.match(read({}), { type: 'originalDst', lbPolicy: 'clusterProvided', loadAssignment: null,
    originalDestination: { headerName: null, portOverride: null, cleanupIntervalMs: 5000 } });
  t.same(read({ cleanup_interval: '1s', original_dst_lb_config: { use_http_header: true, upstream_port_override: 9 } })
    .originalDestination, { resolved: false, headerName: 'x-envoy-original-dst-host', portOverride: 9,
      cleanupIntervalMs: 1000 });
  t.equal(read({ original_dst_lb_config: { use_http_header: true, http_header_name: 'X-To' } })
    .originalDestination!.headerName, 'x-to');
  t.same(errors({ lb_policy: 'ROUND_ROBIN' }),
    ['C.lb_policy: only CLUSTER_PROVIDED is allowed with the type ORIGINAL_DST']);
  t.same(errors({ load_assignment: loadAssignment('c') }),
    ['C.load_assignment: set in a cluster whose type is ORIGINAL_DST']);
  t.same(errors({ original_dst_lb_config: { metadata_key: { key: 'a', path: [{ key: 'b' }] } } }),
    ['C.original_dst_lb_config.metadata_key: not implemented']);
  t.same(errors({ original_dst_lb_config: { upstream_port_override: 70000 } }),
    ['C.original_dst_lb_config.upstream_port_override: must be at most 65535']);
  t.same(errors({ cleanup_interval: '0s' }), ['C.cleanup_interval: must be greater than 0s']);
});

t.test('balancers', async (t) => {
  t.match(read({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 5 } }),
    { lbPolicy: 'leastRequest', leastRequestChoiceCount: 5 });
  const policy = (name: string, more: Tree = {}): Tree => ({ typed_extension_config: { name: 'p', typed_config: {
    '@type': typeUrl(`envoy.extensions.load_balancing_policies.${name}`), ...more } } });
  const typedPolicy = (...list: Tree[]): Tree => ({ load_balancing_policy: { policies: list } });
  t.match(read(typedPolicy(policy('pick_first.v3.PickFirst'),
    policy('least_request.v3.LeastRequest', { choice_count: 3, selection_method: 'FULL_SCAN', active_request_bias: {
      default_value: 2, runtime_key: 'bias' }, locality_lb_config: { locality_weighted_lb_config: {} } }))),
  { lbPolicy: 'leastRequest', leastRequestChoiceCount: 3, balancing: { localityWeighted: true, fullScan: true,
    activeRequestBias: { runtimeKey: 'bias', defaultValue: 2 } } });
  t.same(errors(typedPolicy(policy('pick_first.v3.PickFirst'))),
    ['C.load_balancing_policy.policies: not implemented: '
      + 'envoy.extensions.load_balancing_policies.pick_first.v3.PickFirst']);
  t.match(read(typedPolicy(policy('ring_hash.v3.RingHash', { hash_function: 'MURMUR_HASH_2', minimum_ring_size: 7,
    consistent_hashing_lb_config: { hash_balance_factor: 120 }, locality_weighted_lb_config: {} }))),
  { lbPolicy: 'ringHash', balancing: { localityWeighted: true, hashing: { boundPercent: 120,
    table: { kind: 'ring', minimumSize: 7, murmur: true } } } });
  t.match(read(typedPolicy(policy('maglev.v3.Maglev', { table_size: 101, consistent_hashing_lb_config: {
    hash_policy: [{ header: { header_name: 'X-User' }, terminal: true }] } }))),
  { lbPolicy: 'maglev', balancing: { hashing: { table: { kind: 'maglev', size: 101 }, policies: [
    { kind: 'header', terminal: true, name: 'x-user', rewrite: null }] } } });
  t.same(errors({ ...typedPolicy(policy('random.v3.Random')), common_lb_config: { locality_weighted_lb_config: {} } }),
    ['C.load_balancing_policy: cannot be combined with zone_aware_lb_config, locality_weighted_lb_config, '
      + 'consistent_hashing_lb_config of common_lb_config']);
  t.match(read(typedPolicy(policy('peak_ewma.v3alpha.PeakEwma', { decay_time: '3s', default_rtt: '0.020s',
    penalty_value: 5, aggregation_interval: '1s' }))), { lbPolicy: 'peakEwma', balancing: { peakEwma: { decayMs: 3000,
    penalty: 5 } } });
  t.same(read(typedPolicy(policy('peak_ewma.v3alpha.PeakEwma'))).balancing.peakEwma,
    { decayMs: 10_000, penalty: 1_000_000 });
  t.same(errors(typedPolicy(policy('peak_ewma.v3alpha.PeakEwma', { decay_time: '0s' }))), [
    'C.load_balancing_policy.policies[0].typed_extension_config.typed_config.decay_time: must be greater than 0s']);
  const reported = 'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin';
  t.same(read(typedPolicy(policy(reported))).balancing.clientWeights, { blackoutMs: 10_000, expirationMs: 180_000,
    updateMs: 1000, errorPenalty: 1, metrics: [] });
  t.match(read(typedPolicy(policy('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: { policies: [
    policy(reported, { weight_update_period: '0.001s', error_utilization_penalty: 3,
      metric_names_for_computing_utilization: ['utilization.*'] })] } }))),
  { lbPolicy: 'clientSideWeightedRoundRobin', balancing: { localityWeighted: true, clientWeights: { updateMs: 100,
    errorPenalty: 3, metrics: ['utilization.*'] } } });
  t.same(errors(typedPolicy(policy('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: { policies: [
    policy('maglev.v3.Maglev')] } }))), ['C.load_balancing_policy.policies[0].typed_extension_config.typed_config.'
      + 'endpoint_picking_policy: only ClientSideWeightedRoundRobin and RoundRobin']);
  const slow = { slow_start_window: '30s', aggression: { default_value: 2, runtime_key: 'speed' },
    min_weight_percent: { value: 5 } };
  const slowStart = { windowMs: 30_000, aggression: { runtimeKey: 'speed', defaultValue: 2 }, minimumPercent: 5 };
  t.match(read({ round_robin_lb_config: { slow_start_config: slow } }).balancing, { slowStart });
  t.match(read({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: { slow_start_config: slow } }).balancing,
    { slowStart });
  t.match(read(typedPolicy(policy('round_robin.v3.RoundRobin', { slow_start_config: { slow_start_window: '1s' } })))
    .balancing, { slowStart: { windowMs: 1000, aggression: { defaultValue: 1 }, minimumPercent: 10 } });
  t.same(errors({ least_request_lb_config: { choice_count: 1 } }),
    ['C.least_request_lb_config.choice_count: must be at least 2']);
});

t.test('endpoints that requests name', async (t) => {
  const any = (type: string, more: Tree): Tree => ({ policies: [{ typed_extension_config: { name: 'p', typed_config: {
    '@type': typeUrl(`envoy.extensions.load_balancing_policies.${type}`), ...more } } }] });
  const overriding = (sources: Tree[], behind: Tree): Tree => ({ load_balancing_policy: any(
    'override_host.v3.OverrideHost', { override_host_sources: sources, fallback_policy: behind }) });
  const found = read(overriding([{ header: 'X-To' }, { metadata: { key: 'ns', path: [{ key: 'a' }, { key: 'b' }] } }],
    any('maglev.v3.Maglev', {})));
  t.equal(found.lbPolicy, 'maglev');
  t.same(found.balancing.overrideHost, { sources: [{ header: 'x-to', namespace: '', path: [] },
    { header: null, namespace: 'ns', path: ['a', 'b'] }], selected: null });
  const telling = (selected_host_key: Tree): Tree => ({ load_balancing_policy: any('override_host.v3.OverrideHost', {
    override_host_sources: [{ header: 'a' }], selected_host_key, fallback_policy: any('random.v3.Random', {}) }) });
  t.same(read(telling({ key: 'ns', path: [{ key: 'served' }] })).balancing.overrideHost!.selected,
    { namespace: 'ns', path: ['served'] });
  const at = 'C.load_balancing_policy.policies[0].typed_extension_config.typed_config';
  t.match(errors(telling({ key: 'ns' })), [new RegExp(`^${at.replaceAll(/[[\].]/g, '.')}.selected_host_key.path: `)]);
  t.same(errors(overriding([{}], any('random.v3.Random', {}))),
    [`${at}.override_host_sources[0]: one of header and metadata is required`]);
  t.same(errors(overriding([{ header: 'a' }], (overriding([{ header: 'b' }], any('random.v3.Random', {})) as {
    load_balancing_policy: Tree }).load_balancing_policy)),
  [`${at}.fallback_policy: neither ClusterProvided nor another OverrideHost`]);
  t.same(errors(overriding([], any('random.v3.Random', {}))), [`${at}.override_host_sources: at least 1 required`]);
});

t.test('subsets', async (t) => {
  const config = { fallback_policy: 'DEFAULT_SUBSET', default_subset: { b: 1, a: [2] }, list_as_any: true,
    subset_selectors: [{ keys: ['z', 'a', 'z'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['a'],
      single_host_per_subset: true }], metadata_fallback_policy: 'FALLBACK_LIST' };
  t.same(read({ lb_subset_config: config }).balancing.subsets, { fallback: 'default', defaultSubset: {
    keys: ['a', 'b'], values: ['[2]', '1'] }, selectors: [{ keys: ['a', 'z'], singleHost: true, fallback: 'keys',
    fallbackKeys: ['a'] }], localityWeightAware: false, scaleLocalityWeight: false, panicModeAny: false,
  listAsAny: true, fallbackList: true, allowRedundantKeys: false });
  t.equal(read({ lb_subset_config: { fallback_policy: 'ANY_ENDPOINT' } }).balancing.subsets, null, 'no selectors');
  const selector = (more: Tree): Tree => ({ lb_subset_config: { subset_selectors: [{ keys: ['a', 'b'], ...more }] } });
  const at = 'C.lb_subset_config.subset_selectors[0].fallback_keys_subset';
  t.same(errors(selector({ fallback_keys_subset: ['a'] })), [`${at}: only for the fallback_policy KEYS_SUBSET`]);
  t.same(errors(selector({ fallback_policy: 'KEYS_SUBSET' })), [`${at}: required by the fallback_policy KEYS_SUBSET`]);
  for (const keys of [['a', 'b'], ['c']])
    t.same(errors(selector({ fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: keys })),
      [`${at}: must be some of the keys, not all`]);
});

t.test('tables of hashes', async (t) => {
  t.match(read({ lb_policy: 'RING_HASH' }), { lbPolicy: 'ringHash', balancing: { hashing: { byName: false,
    boundPercent: 0, table: { kind: 'ring', minimumSize: 1024, maximumSize: 8_388_608, murmur: false } } } });
  t.match(read({ lb_policy: 'RING_HASH', type: 'STRICT_DNS', common_lb_config: { consistent_hashing_lb_config: {
    use_hostname_for_hashing: true, hash_balance_factor: 150 } }, ring_hash_lb_config: { minimum_ring_size: 10,
    maximum_ring_size: 20, hash_function: 'MURMUR_HASH_2' } }).balancing, { hashing: { byName: true, boundPercent: 150,
    table: { minimumSize: 10, maximumSize: 20, murmur: true } } });
  t.same(read({ lb_policy: 'MAGLEV' }).balancing.hashing!.table, { kind: 'maglev', size: 65_537 });
  t.equal(read({ maglev_lb_config: { table_size: 4 } }).balancing.hashing, null, 'of another balancer');
  t.same(errors({ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 100 } }),
    ['C.maglev_lb_config.table_size: must be a prime number']);
  t.same(errors({ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 5_000_011 } }),
    ['C.maglev_lb_config.table_size: at most 1048576 here']);
  t.same(errors({ lb_policy: 'RING_HASH', ring_hash_lb_config: { maximum_ring_size: 1000 } }),
    ['C.ring_hash_lb_config.minimum_ring_size: 1024 is more than maximum_ring_size, 1000']);
  t.same(errors({ lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 2_000_000 } }),
    ['C.ring_hash_lb_config.minimum_ring_size: at most 1048576 here']);
  t.same(errors({ lb_policy: 'MAGLEV', common_lb_config: { consistent_hashing_lb_config: {
    use_hostname_for_hashing: true } } }), ['C.common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing: '
      + 'hashing by host name needs the type STRICT_DNS']);
});

t.test('panic, localities, overprovisioning', async (t) => {
  t.same(read({ common_lb_config: { healthy_panic_threshold: { value: 12.6 }, locality_weighted_lb_config: {} } })
    .balancing, { ...balancing, healthyPanicPercent: 13, localityWeighted: true });
  t.same(read({ load_assignment: { cluster_name: 'c', policy: { overprovisioning_factor: 100,
    weighted_priority_health: true } } }).loadAssignment!.policy,
  { overprovisioningPercent: 100, weightedPriorityHealth: true, dropped: 0 });
  const dropping = (...list: Tree[]): Tree => ({ load_assignment: { cluster_name: 'c', policy: {
    drop_overloads: list } } });
  const drop = (numerator: number): Tree => ({ category: 'x', drop_percentage: { numerator } });
  t.equal(read(dropping(drop(25))).loadAssignment!.policy.dropped, 0.25);
  t.same(errors(dropping(drop(1), drop(2))), ['C.load_assignment.policy.drop_overloads: at most one']);
  t.same(errors(dropping(drop(101))),
    ['C.load_assignment.policy.drop_overloads[0].drop_percentage: must be at most 100 %']);
  t.same(errors({ load_assignment: { cluster_name: 'c', policy: { overprovisioning_factor: 0 } } }),
    ['C.load_assignment.policy.overprovisioning_factor: must be greater than 0']);
});

t.test('circuit breakers', async (t) => {
  t.match(read({ circuit_breakers: { thresholds: [{ max_connections: 1, max_retries: 0 },
    { priority: 'HIGH', max_requests: 2 }] } }).circuitBreakers,
    { default: { maxConnections: 1, maxPendingRequests: 1024, maxRetries: 0 },
      high: { maxRequests: 2, maxConnections: 1024 } });
  t.same(errors({ circuit_breakers: { thresholds: [{}, {}] } }),
    ['C.circuit_breakers.thresholds[1]: a second entry for the priority default']);
  t.match(read({ circuit_breakers: { thresholds: [{ retry_budget: {} }, { priority: 'HIGH', retry_budget: {
    budget_percent: { value: 12.5 }, min_retry_concurrency: 0 } }] } }).circuitBreakers,
  { default: { retryBudget: { percent: 20, minConcurrency: 3 } },
    high: { retryBudget: { percent: 12.5, minConcurrency: 0 } } });
  t.same(errors({ circuit_breakers: { thresholds: [{ retry_budget: { budget_percent: { value: 101 } } }] } }),
    ['C.circuit_breakers.thresholds[0].retry_budget.budget_percent.value: must be at most 100']);
});

t.test('HTTP options, typed and deprecated', async (t) => {
  const common = { idle_timeout: '0s', max_requests_per_connection: 3, max_headers_count: 9,
    max_response_headers_kb: 8 };
  const http1 = { enable_trailers: true, header_key_format: { proper_case_words: {} } };
  const expected = { idleTimeoutMs: 0, maxRequestsPerConnection: 3, maxResponseHeadersCount: 9,
    maxResponseHeadersBytes: 8192,
    enableTrailers: true, properCaseWords: true };
  t.match(read(typed({ common_http_protocol_options: common,
    explicit_http_config: { http_protocol_options: http1 } })), expected);
  t.match(read({ common_http_protocol_options: common, http_protocol_options: http1 }), expected);
  t.match(read({ max_requests_per_connection: 4 }), { maxRequestsPerConnection: 4 });
  const at = `C.typed_extension_protocol_options["${httpOptions}"]`;
  t.same(errors({ ...typed({ explicit_http_config: { http_protocol_options: {} } }), max_requests_per_connection: 1 }),
    [`C.max_requests_per_connection: must not be set beside ${httpOptions}`]);
  t.same(errors(typed({ explicit_http_config: { http_protocol_options: {} },
    common_http_protocol_options: { max_stream_duration: '1s' } })),
    [`${at}.common_http_protocol_options.max_stream_duration: not implemented here`]);
  t.same(errors({ typed_extension_protocol_options: { other: { '@type': typeUrl(httpOptions),
    explicit_http_config: { http_protocol_options: {} } } } }),
    ['C.typed_extension_protocol_options["other"]: not implemented']);
});

t.test('which protocol endpoints are spoken to in', async (t) => {
  const options = { max_concurrent_streams: 7, hpack_table_size: 8192 };
  const http2 = { ...usualHttp2, maxConcurrentStreams: 7, headerTableBytes: 8192 };
  t.same(read(typed({ explicit_http_config: { http2_protocol_options: options } })).http,
    { ...usualHttp, protocol: 'http2', http2 });
  t.same(read({ http2_protocol_options: options }).http, { ...usualHttp, protocol: 'http2', http2 });
  t.same(read(typed({ use_downstream_protocol_config: { http2_protocol_options: options } })).http,
    { ...usualHttp, protocol: 'downstream', http2 });
  t.match(read(typed({ use_downstream_protocol_config: { http_protocol_options: { enable_trailers: true } } })),
    { http: { protocol: 'downstream', http2: usualHttp2 }, enableTrailers: true });
  const at = `C.typed_extension_protocol_options["${httpOptions}"]`;
  const limit = 'is beyond this build\'s limit of 65536';
  t.same(errors(typed({ explicit_http_config: { http2_protocol_options: { hpack_table_size: 100_000 } } })),
    [`${at}.explicit_http_config.http2_protocol_options.hpack_table_size: 100000 ${limit}`]);
  t.same(errors({ ...typed({ explicit_http_config: { http_protocol_options: {} } }), http2_protocol_options: {} }),
    [`C.http2_protocol_options: must not be set beside ${httpOptions}`]);
});

t.test('DNS', async (t) => {
  t.match(read({ type: 'STRICT_DNS', dns_refresh_rate: '2s', dns_lookup_family: 'V4_ONLY', respect_dns_ttl: true,
    dns_failure_refresh_rate: { base_interval: '1s' }, ...endpoints(endpoint(ipAddress(80, 'my-service.local'))) }),
  { type: 'strictDns', dns: { refreshRateMs: 2000, family: 'v4Only', respectTtl: true, failureRefreshBaseMs: 1000,
    failureRefreshMaxMs: 10000, jitterMs: 0, waitAtStart: true,
      resolver: null } });
  t.same(errors({ dns_failure_refresh_rate: { base_interval: '2s', max_interval: '1s' } }),
    ['C.dns_failure_refresh_rate.max_interval: must be at least base_interval']);
  t.same(errors({ dns_refresh_rate: '0.001s' }), ['C.dns_refresh_rate: must be greater than 0.001s']);
  t.match(errors({ type: 'STRICT_DNS', ...endpoints(endpoint(ipAddress(80, 'bad host!'))) }),
    [/neither an IP address nor a host name: bad host!/]);
  const logical = (...names: string[]) => ({ type: 'LOGICAL_DNS', ...endpoints(...names.map((name) =>
    endpoint(ipAddress(80, name)))) });
  t.equal(read(logical('a.example')).loadAssignment!.endpoints[0].logicalName, 'a.example:80');
  t.same(errors(logical('a.example', 'b.example')), ['C.load_assignment.endpoints: of the type LOGICAL_DNS: exactly ' +
    'one endpoint, with a name and a port']);
});

t.test('endpoints', async (t) => {
  const config = read({ load_assignment: { cluster_name: 'c', policy: { overprovisioning_factor: 140 },
    endpoints: [{ priority: 1,
    locality: { region: 'r', zone: 'z', sub_zone: 's' }, load_balancing_weight: 3,
      lb_endpoints: [{ health_status: 'DRAINING', load_balancing_weight: 7,
      endpoint: { hostname: 'h', address: { pipe: { path: '/s' } } },
        metadata: { filter_metadata: { a: {} } } }] }] } });
  t.same(config.loadAssignment?.endpoints,
    [{ address: { kind: 'pipe', path: '/s', mode: 0 }, hostname: 'h', weight: 7, health: 'draining', metadata: null,
    priority: 1, locality: { region: 'r', zone: 'z', subZone: 's' }, localityWeight: 3,
    healthCheck: null, logicalName: '',
      additionalAddresses: [] }]);
  const at = 'C.load_assignment.endpoints[0].lb_endpoints[0]';
  t.match(errors(endpoints(endpoint(ipAddress(80, 'name')))),
    [`${at}.endpoint.address.socket_address.address: malformed IP address: name. ` +
    'A cluster that resolves names has the type STRICT_DNS']);
  t.same(errors(endpoints(endpoint(ipAddress(0)))),
    [`${at}.endpoint.address.socket_address.port_value: an endpoint needs a port`]);
  t.same(errors(endpoints(endpoint(ipAddress(80), { load_balancing_weight: 0 }))),
    [`${at}.load_balancing_weight: must be at least 1`]);
  t.same(errors(endpoints({})), [`${at}.endpoint: required`]);
  t.same(errors(endpoints({ endpoint: {} })), [`${at}.endpoint.address: required`]);
  t.same(errors({ load_assignment: { cluster_name: 'c', policy: { drop_overloads: [{}] } } }),
    ['C.load_assignment.policy.drop_overloads[0].category: required']);
  t.same(errors(endpoints(endpoint({ envoy_internal_address: {} }))),
    [`${at}.endpoint.address.envoy_internal_address: not implemented`]);
});

t.test('discovery types and their fields', async (t) => {
  const path = writeJson(join(temporaryDirectory(), 'eds.json'), { resources: [] });
  const eds = { type: 'EDS', load_assignment: null, eds_cluster_config: { service_name: 's',
    eds_config: { path_config_source: { path } } } };
  const result = compile(bootstrap([], [cluster(eds)]));
  t.match(result, { ok: true,
    resources: [{ subscriptions: [{ kind: 'assignment', name: 's', source: { path, watchedDirectory: null } }] }] });
  t.same(errors({ ...eds, load_assignment: loadAssignment() }),
    ['C.load_assignment: set in a cluster whose type is EDS']);
  t.same(errors({ eds_cluster_config: eds.eds_cluster_config }),
    ['C.eds_cluster_config: set in a cluster whose type is not EDS']);
  t.same(errors({ type: 'EDS', load_assignment: null }), ['C.eds_cluster_config.eds_config: required']);
  t.same(errors({ load_assignment: null }), ['C.load_assignment: required']);
  t.same(errors({ type: 'EDS', load_assignment: null, eds_cluster_config: { eds_config: { ads: {} } } }),
    ['C.eds_cluster_config.eds_config.ads: not implemented']);
  t.same(errors({ connect_timeout: '0s' }), ['C.connect_timeout: must be greater than 0s']);
  t.same(errors({ name: '' }).filter((line) => line.startsWith('C.name')), ['C.name: required']);
});

t.test('health checks', async (t) => {
  const check = (more: object) => ({ timeout: '1s', interval: '2s', unhealthy_threshold: 2, healthy_threshold: 3,
    ...more });
  const { healthCheck } = read({ health_checks: [check({ http_health_check: { path: '/h' } })] });
  t.match(healthCheck, { timeoutMs: 1000, intervalMs: 2000, unhealthyThreshold: 2, healthyThreshold: 3,
    reuseConnection: true, noTrafficIntervalMs: 60_000, noTrafficHealthyIntervalMs: 60_000, unhealthyIntervalMs: 2000,
    unhealthyEdgeIntervalMs: 2000, healthyEdgeIntervalMs: 2000, eventLogs: [],
    checker: { kind: 'http', method: 'GET', expected: [{ start: 200, end: 201 }] } });
  const one = (more: object) => errors({ health_checks: [check(more)] });
  const at = 'C.health_checks[0]';
  t.same(errors({ health_checks: [check({ tcp_health_check: {} }), check({ tcp_health_check: {} })] }),
    ['C.health_checks[1]: a cluster may have one health check, as in Envoy']);
  t.same(one({ http_health_check: { path: '/', send: { text: '00' } } }),
    [`${at}.http_health_check.send: a request with the method GET has no body`]);
  t.same(one({ http_health_check: { path: '/', expected_statuses: [{ start: 300, end: 200 }] } }),
    [`${at}.http_health_check.expected_statuses[0]: not a range of statuses: [300, 200)`]);
  t.same(one({ tcp_health_check: { send: { text: '0' } } }),
    [`${at}.tcp_health_check.send.text: not pairs of hexadecimal digits`]);
  t.same(errors({ type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', load_assignment: undefined,
    health_checks: [check({ tcp_health_check: {} })] }),
  ['C.health_checks: not implemented: checks of endpoints that requests bring']);
  t.same(one({ custom_health_check: { name: 'redis' } }).slice(0, 1), [`${at}.custom_health_check: not implemented`]);
});

t.test('outlier detection, and its limit', async (t) => {
  t.equal(read({}).outlierDetection, null);
  t.match(read({ outlier_detection: {} }).outlierDetection, { intervalMs: 10_000, baseEjectionMs: 30_000,
    maxEjectionMs: 300_000, maxEjectionPercent: 10, consecutive5xx: 5, successRateStdev: 1900, unejectByCheck: true,
    enforcing: { consecutive5xx: 100, consecutiveGateway: 0, failurePercent: 0 } });
  t.equal(read({ outlier_detection: { base_ejection_time: '400s' } }).outlierDetection!.maxEjectionMs, 400_000);
  const volume = (requests: number) => ({ outlier_detection: { success_rate_request_volume: requests } });
  t.same(errors(volume(limits.outlierRequestsMax)), []);
  t.same(errors(volume(limits.outlierRequestsMax + 1)), ['C.outlier_detection.success_rate_request_volume: 65001 is '
    + "beyond this build's limit of 65000"]);
  t.same(errors({ outlier_detection: { max_ejection_time: '1s' } }),
    ['C.outlier_detection.max_ejection_time: must not be less than base_ejection_time']);
});

t.test('as many addresses of an endpoint as there may be', async (t) => {
  const several = (count: number) => endpoints({ endpoint: { address: ipAddress(80), additional_addresses:
    Array.from({ length: count - 1 }, (_, index) => ({ address: ipAddress(81 + index) })) } });
  t.equal(read(several(limits.endpointAddressesMax)).loadAssignment!.endpoints[0].additionalAddresses.length,
    limits.endpointAddressesMax - 1);
  t.match(errors(several(limits.endpointAddressesMax + 1)), [/additional_addresses: 17 addresses are beyond/]);
});

t.test('names that requests have for their servers', async (t) => {
  const names = (options: object) => read(typed({ explicit_http_config: { http_protocol_options: {} },
    upstream_http_protocol_options: options })).http.serverNames;
  t.equal(names({}), null);
  t.equal(names({ override_auto_sni_header: 'x-server' }), null, 'nobody asks');
  t.same(names({ auto_sni: true, override_auto_sni_header: 'X-Server' }), { sni: true, san: false,
    header: 'x-server' });
  t.same(names({ auto_san_validation: true }), { sni: false, san: true, header: '' });
  t.same(read({ upstream_http_protocol_options: { auto_sni: true } }).http.serverNames, { sni: true, san: false,
    header: '' });
});

t.test('a cluster that forwards anywhere must look at names', async (t) => {
  const forward = (more: Tree, options: Tree = {}): Tree => ({ lb_policy: 'CLUSTER_PROVIDED',
    load_assignment: undefined,
    cluster_type: { name: 'envoy.clusters.dynamic_forward_proxy', typed_config: { '@type': typeUrl(
      'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'), dns_cache_config: { name: 'c' },
    ...options } },
    ...more });
  const plain = typed({ explicit_http_config: { http_protocol_options: {} } });
  const refused = /auto_sni and auto_san_validation must be true here unless allow_insecure_cluster_options is set/;
  t.same(read(forward({})).http.serverNames, { sni: true, san: true, header: '' }, 'which is the default');
  t.match(errors(forward(plain)).join(), refused);
  t.match(errors(forward({ upstream_http_protocol_options: { auto_sni: true } })).join(), refused);
  t.same(errors(forward(plain, { allow_insecure_cluster_options: true })), []);
});
