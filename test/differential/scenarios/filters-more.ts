// HTTP filters that delay, refuse, answer or remember: fault, local_ratelimit, health_check, buffer, metadata.
import { answer, get, post, type Scenario, type Step } from '../scenario.js';
import { filtered, forward, http, perRoute } from './filters.js';

const all = { numerator: 100 };
const always = { default_value: all };
const fault = (config: object) => ({ name: 'f', type: 'fault.v3.HTTPFault', config });
const faultCounts = http('fault.aborts_injected', 'fault.delays_injected', 'fault.active_faults',
  'fault.faults_overflow', 'fault.response_rl_injected');
const faults = (name: string, config: object, steps: readonly Step[], routes?: object[]): Scenario =>
  filtered(name, [fault(config)], steps, routes, { stats: faultCounts });

const injected: readonly Scenario[] = [
  faults('fault aborts', { abort: { http_status: 418, percentage: all } }, [{ send: get('/') },
    { send: post('/', 'body') }]),
  faults('fault aborts no request', { abort: { http_status: 418, percentage: { numerator: 0 } } },
    [{ send: get('/') }]),
  faults('fault without a percentage', { abort: { http_status: 418 } }, [{ send: get('/') }]),
  faults('fault aborts with a gRPC status', { abort: { grpc_status: 5, percentage: all } }, [{ send: get('/') }]),
  faults('fault aborts by header', { abort: { header_abort: {}, percentage: all } }, [{ send: get('/') },
    { send: get('/', 'x-envoy-fault-abort-request: 503') }, { send: get('/', 'x-envoy-fault-abort-request: 99') },
    { send: get('/', 'x-envoy-fault-abort-request: 600') }, { send: get('/', 'x-envoy-fault-abort-request: abc') },
    { send: get('/', 'x-envoy-fault-abort-request: 503', 'x-envoy-fault-abort-request-percentage: 0') },
    { send: get('/', 'x-envoy-fault-abort-request: 503', 'x-envoy-fault-abort-request-percentage: 100') }]),
  faults('fault delays', { delay: { fixed_delay: '0.05s', percentage: all } }, [{ send: get('/') },
    { send: post('/', 'body') }, { send: get('/1') + get('/2'), responses: 2 }, {
      send: 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' }]),
  faults('fault delays a long body', { delay: { fixed_delay: '0.02s', percentage: all } }, [
    { send: post('/', 'x'.repeat(40_000)) }]),
  faults('fault delays, then aborts', { delay: { fixed_delay: '0.02s', percentage: all },
    abort: { http_status: 503, percentage: all } }, [{ send: get('/') }]),
  faults('fault delays by header', { delay: { header_delay: {}, percentage: all } }, [{ send: get('/') },
    { send: get('/', 'x-envoy-fault-delay-request: 20') }, { send: get('/', 'x-envoy-fault-delay-request: 20',
      'x-envoy-fault-delay-request-percentage: 0') }]),
  faults('fault for requests with a header', { headers: [{ name: 'x-f', string_match: { exact: '1' } }],
    abort: { http_status: 418, percentage: all } }, [{ send: get('/') }, { send: get('/', 'x-f: 1') },
    { send: get('/', 'x-f: 2') }]),
  faults('fault for one cluster', { upstream_cluster: '{up}', abort: { http_status: 418, percentage: all } },
    [{ send: get('/') }]),
  faults('fault for another cluster', { upstream_cluster: 'other', abort: { http_status: 418, percentage: all } },
    [{ send: get('/') }]),
  faults('fault for some nodes', { downstream_nodes: ['n1'], abort: { http_status: 418, percentage: all } }, [
    { send: get('/') }, { send: get('/', 'x-envoy-downstream-service-node: n1') },
    { send: get('/', 'x-envoy-downstream-service-node: n2') }]),
  faults('fault when none may be active', { max_active_faults: 0, delay: { fixed_delay: '0.05s', percentage: all } },
    [{ send: get('/') }]),
  faults('fault of a route', { abort: { http_status: 418, percentage: all } }, [{ send: get('/own') },
    { send: get('/') }], [forward(perRoute('f', 'fault.v3.HTTPFault', { abort: { http_status: 419, percentage: all } }),
    '/own'), forward()]),
  faults('fault on a path without a route', { abort: { http_status: 418, percentage: all } }, [{ send: get('/x') }],
    [forward({}, '/y')]),
  faults('fault slows a response down', { response_rate_limit: { fixed_limit: { limit_kbps: 64 }, percentage: all } },
    [{ send: get('/'), answer: answer(200, 'x'.repeat(9000)) }, { send: get('/'), answer: answer(200) }]),
  faults('fault slows by header', { response_rate_limit: { header_limit: {}, percentage: all } },
    [{ send: get('/', 'x-envoy-fault-throughput-response: 100'), answer: answer(200, 'x'.repeat(3000)) },
      { send: get('/', 'x-envoy-fault-throughput-response: 0'), answer: answer(200, 'x') }]),
];

const bucket = (max_tokens: number, more: object = {}): object => ({ max_tokens, fill_interval: '3600s', ...more });
const limit = (more: object) => ({ name: 'l', type: 'local_ratelimit.v3.LocalRateLimit', config: { stat_prefix: '{id}l',
  filter_enabled: always, filter_enforced: always, ...more } });
const limitCounts = ['enabled', 'enforced', 'ok', 'rate_limited'].map((name) => `{id}l.http_local_rate_limit.${name}`);
const gets = (count: number, path = '/', ...headers: string[]): Step[] =>
  Array.from({ length: count }, () => ({ send: get(path, ...headers) }));
const limited = (name: string, config: object, steps: readonly Step[], routes?: object[],
  more: Partial<Scenario> = {}): Scenario => filtered(name, [limit(config)], steps, routes, { stats: limitCounts,
  ...more });
const entry = (key: string, value: string) => ({ key, value });
const limitOf = (...actions: object[]): object => ({ match: { prefix: '/' }, route: { cluster: '{up}',
  rate_limits: [{ actions }] } });

const rateLimits: readonly Scenario[] = [
  limited('rate limit', { token_bucket: bucket(2) }, gets(4)),
  limited('rate limit that is not enabled', { token_bucket: bucket(1), filter_enabled: { default_value: {} } },
    gets(3)),
  limited('rate limit that is not enforced', { token_bucket: bucket(1), filter_enforced: { default_value: {} },
    request_headers_to_add_when_not_enforced: [{ header: { key: 'x-limited', value: 'yes' } }] }, gets(3)),
  limited('rate limit with a status and headers', { token_bucket: bucket(1), status: { code: 503 },
    response_headers_to_add: [{ header: { key: 'x-limit', value: 'here' } }] }, gets(2)),
  limited('rate limit with a status that is none', { token_bucket: bucket(1), status: { code: 200 } }, gets(2)),
  limited('rate limit without a bucket', {}, gets(2)),
  limited('rate limit tells', { token_bucket: bucket(3), enable_x_ratelimit_headers: 'DRAFT_VERSION_03' }, gets(4),
    undefined, { varying: ['x-ratelimit-reset'] }),
  limited('rate limit of a route', { token_bucket: bucket(1) }, [...gets(3, '/own'), ...gets(2)],
    [forward(perRoute('l', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: '{id}l', token_bucket: bucket(2),
      filter_enabled: always, filter_enforced: always }), '/own'), forward()]),
  limited('rate limit by connection', { token_bucket: bucket(2), local_rate_limit_per_downstream_connection: true }, [
    { send: get('/') }, { send: get('/'), sameConnection: true }, { send: get('/'), sameConnection: true },
    { send: get('/') }]),
  limited('rate limit of a body', { token_bucket: bucket(1) }, [{ send: post('/', 'x') }, { send: post('/', 'x') }]),
  limited('descriptor by header', { token_bucket: bucket(100), descriptors: [{ entries: [entry('client', 'a')],
    token_bucket: bucket(1) }] }, [...gets(2, '/', 'x-client: a'), ...gets(2, '/', 'x-client: b'), ...gets(1)],
  [limitOf({ request_headers: { header_name: 'x-client', descriptor_key: 'client' } })]),
  limited('descriptor of two entries', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('client', 'a'), entry('path', '/x')] }] }, [...gets(2, '/x', 'x-client: a'),
    ...gets(2, '/y', 'x-client: a')], [limitOf({ request_headers: { header_name: 'x-client',
      descriptor_key: 'client' } },
    { request_headers: { header_name: ':path', descriptor_key: 'path' } })]),
  limited('descriptor by generic key', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('generic_key', 'g')] }] }, gets(2), [limitOf({ generic_key: { descriptor_value: 'g' } })]),
  limited('descriptor by cluster and address', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('destination_cluster', '{up}'), entry('remote_address', '127.0.0.1')] }] }, gets(2),
  [limitOf({ destination_cluster: {} }, { remote_address: {} })]),
  limited('descriptor by network', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('masked_remote_address', '127.0.0.0/8')] }] }, gets(2),
  [limitOf({ masked_remote_address: { v4_prefix_mask_len: 8 } })]),
  limited('descriptor by header match', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('header_match', 'm')] }] }, [...gets(2, '/', 'x-a: 1'), ...gets(2, '/', 'x-a: 2')],
  [limitOf({ header_value_match: { descriptor_value: 'm', headers: [{ name: 'x-a',
    string_match: { exact: '1' } }] } })]),
  limited('descriptor by header that does not match', { token_bucket: bucket(100), descriptors: [{
    token_bucket: bucket(1), entries: [entry('header_match', 'm')] }] }, [...gets(2, '/', 'x-a: 1'),
    ...gets(2, '/', 'x-a: 2')], [limitOf({ header_value_match: { descriptor_value: 'm', expect_match: false,
    headers: [{ name: 'x-a', string_match: { exact: '1' } }] } })]),
  limited('descriptor by query', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('query_match', 'q')] }] }, [...gets(2, '/?a=1'), ...gets(2, '/?a=2')],
  [limitOf({ query_parameter_value_match: { descriptor_value: 'q', query_parameters: [{ name: 'a',
    string_match: { exact: '1' } }] } })]),
  limited('descriptor with a header that may be absent', { token_bucket: bucket(100), descriptors: [{
    token_bucket: bucket(1), entries: [entry('generic_key', 'g')] }] }, gets(2), [limitOf({ request_headers: {
    header_name: 'x-none', descriptor_key: 'n', skip_if_absent: true } }, { generic_key: { descriptor_value: 'g' } })]),
  limited('descriptors of the virtual host', { token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('generic_key', 'g')] }] }, gets(2), [], { main: { virtualHosts: [{ name: 'v', domains: ['*'],
    routes: [forward()], rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'g' } }] }] }],
  manager: { http_filters: [{ name: 'l', typed_config: { '@type':
    'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
  ...limit({ token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('generic_key', 'g')] }] }).config } }, { name: 'r', typed_config: { '@type':
    'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } } }),
  limited('a descriptor leaves the default bucket alone', { token_bucket: bucket(1),
    always_consume_default_token_bucket: false, descriptors: [{ token_bucket: bucket(2),
      entries: [entry('generic_key', 'g')] }] }, gets(3), [limitOf({ generic_key: { descriptor_value: 'g' } })]),
  limited('a descriptor takes from the default bucket', { token_bucket: bucket(1), descriptors: [{
    token_bucket: bucket(3), entries: [entry('generic_key', 'g')] }] }, gets(3),
  [limitOf({ generic_key: { descriptor_value: 'g' } })]),
  limited('a limit of another stage', { stage: 1, token_bucket: bucket(100), descriptors: [{ token_bucket: bucket(1),
    entries: [entry('generic_key', 'g')] }] }, gets(2), [limitOf({ generic_key: { descriptor_value: 'g' } })]),
];

const health = (config: object) => ({ name: 'h', type: 'health_check.v3.HealthCheck', config: {
  headers: [{ name: ':path', string_match: { exact: '/healthz' } }], ...config } });
const healthChecks: readonly Scenario[] = [
  filtered('health check answered', [health({ pass_through_mode: false })], [{ send: get('/healthz') },
    { send: get('/') }, { send: post('/healthz', 'x') }]),
  filtered('health check passed through', [health({ pass_through_mode: true })], [{ send: get('/healthz'),
    answer: answer(503) }, { send: get('/') }]),
  filtered('health check remembered', [health({ pass_through_mode: true, cache_time: '60s' })], [
    { send: get('/healthz'), answer: answer(201) }, { send: get('/healthz') }, { send: get('/') }],
  [forward()], { stats: ['cluster.{up}.upstream_rq_total'] }),
  filtered('health check by clusters', [health({ pass_through_mode: false,
    cluster_min_healthy_percentages: { '{up}': { value: 50 } } })], [{ send: get('/healthz') }]),
  filtered('health check by a cluster that is not there', [health({ pass_through_mode: false,
    cluster_min_healthy_percentages: { nowhere: { value: 50 } } })], [{ send: get('/healthz') }]),
  filtered('health check by an empty cluster', [health({ pass_through_mode: false,
    cluster_min_healthy_percentages: { '{empty}': { value: 50 } } })], [{ send: get('/healthz') }], [forward()],
  { clusters: [{ name: 'empty', ports: [] }] }),
  { ...filtered('health checks that fail', [health({ pass_through_mode: true })], [{ admin: { method: 'POST',
    path: '/healthcheck/fail' } }, { send: get('/healthz', 'connection: close'), ends: true }, { send: get('/',
      'connection: close'),
    ends: true }, { admin: { method: 'POST',
    path: '/healthcheck/ok' } }, { send: get('/healthz') }, { send: get('/') }]), alone: {},
    differs: [{ line: /^connection ended/, heading: 'Draining' }] },
];

const buffer = { name: 'b', type: 'buffer.v3.Buffer', config: { max_request_bytes: 10_000 } };
const chunked = (...chunks: string[]): string => 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'
  + [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
/** The log tells how much of the body was read. */
const differs = [{ line: /^log main POST.*413/, heading: 'Bodies that are too long' }];
const buffers: readonly Scenario[] = [
  filtered('buffer of a short body', [buffer], [{ send: get('/') }, { send: post('/', 'hello') },
    { send: post('/', '') }]),
  filtered('buffer of a long body', [buffer], [{ send: post('/', 'x'.repeat(9999)) }, { send: post('/', 'after') }]),
  filtered('buffer of a chunked body', [buffer], [{ send: chunked('hello', ' world') }, { send: chunked() }]),
  { ...filtered('buffer of too long a body', [buffer], [{ send: post('/', 'x'.repeat(10_001)), ends: true }]),
    differs },
  filtered('buffer of too long a chunked body', [buffer], [{ send: chunked('x'.repeat(6000), 'x'.repeat(6000)),
    ends: true }]),
  filtered('buffer and a retry', [buffer], [{ send: post('/', 'hello'), answer: [answer(503), answer(200, 'good')] },
    { send: chunked('a', 'b'), answer: [answer(503), answer(200, 'good')] }], [forward({ route: { cluster: '{up}',
    retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '0.001s' } } } })]),
  { ...filtered('buffer of a route', [buffer], [{ send: post('/small', 'x'.repeat(100)), ends: true },
    { send: post('/off', 'x'.repeat(20_000)) }], [
    forward(perRoute('b', 'buffer.v3.BufferPerRoute', { buffer: { max_request_bytes: 10 } }), '/small'),
    forward(perRoute('b', 'buffer.v3.BufferPerRoute', { disabled: true }), '/off'), forward()]), differs },
  filtered('buffer of two requests on one connection', [buffer], [{ send: post('/1', 'one') + post('/2', 'two'),
    responses: 2 }]),
];

const shown = (path: string) => forward({ request_headers_to_add: [{ header: { key: 'x-shown',
  value: `%DYNAMIC_METADATA(${path})%` } }] });
const set = (...metadata: object[]) => ({ name: 's', type: 'set_metadata.v3.Config', config: { metadata } });
const rules = (...request_rules: object[]) => ({ name: 'r', type: 'header_to_metadata.v3.Config',
  config: { request_rules } });
const rule = (header: string, key: string, more: object = {}, pair: object = {}) => ({ header,
  on_header_present: { metadata_namespace: 'n', key, type: 'STRING', ...pair }, ...more });
const metadata: readonly Scenario[] = [
  filtered('set_metadata', [set({ metadata_namespace: 'n', value: { a: 'x', b: { c: 1, d: [1, 'two', true] } } })],
    [{ send: get('/') }], [shown('n:a')]),
  filtered('set_metadata, a number', [set({ metadata_namespace: 'n', value: { b: { c: 1 } } })], [{ send: get('/') }],
    [shown('n:b:c')]),
  filtered('set_metadata, a tree', [set({ metadata_namespace: 'n', value: { d: [1, 'two', true] } })],
    [{ send: get('/') }], [shown('n:d')]),
  filtered('set_metadata twice', [set({ metadata_namespace: 'n', value: { a: 'first' } }, { metadata_namespace: 'n',
    value: { a: 'second' } })], [{ send: get('/') }], [shown('n:a')]),
  filtered('set_metadata over', [set({ metadata_namespace: 'n', value: { a: 'first', b: 'b' } }, {
    metadata_namespace: 'n', allow_overwrite: true, value: { a: 'second' } })], [{ send: get('/') }], [shown('n')]),
  filtered('header_to_metadata', [rules(rule('x-a', 'k'))], [{ send: get('/', 'x-a: value') }, { send: get('/') }],
    [shown('n:k')]),
  filtered('header_to_metadata removes the header', [rules(rule('x-a', 'k', { remove: true }))],
    [{ send: get('/', 'x-a: value', 'x-b: stays') }], [shown('n:k')]),
  filtered('header_to_metadata with a value', [rules(rule('x-a', 'k', {}, { value: 'given' }))],
    [{ send: get('/', 'x-a: value') }], [shown('n:k')]),
  filtered('header_to_metadata of what is missing', [rules(rule('x-a', 'k', { on_header_missing: {
    metadata_namespace: 'n', key: 'k', value: 'missing', type: 'STRING' } }))], [{ send: get('/', 'x-a: value') },
    { send: get('/') }], [shown('n:k')]),
  filtered('header_to_metadata, a number', [rules(rule('x-a', 'k', {}, { type: 'NUMBER' }))],
    [{ send: get('/', 'x-a: 12.5') }, { send: get('/', 'x-a: none') }], [shown('n:k')]),
  filtered('header_to_metadata rewritten', [rules(rule('x-a', 'k', {}, { regex_value_rewrite: {
    pattern: { regex: '^/(cluster[0-9]+)/?.*$' }, substitution: '\\1' } }))],
    [{ send: get('/', 'x-a: /cluster7/b') }, { send: get('/', 'x-a: other') }], [shown('n:k')]),
  filtered('header_to_metadata of the path', [rules(rule(':path', 'k'))], [{ send: get('/p?q') }], [shown('n:k')]),
  filtered('header_to_metadata of a cookie', [{ name: 'r', type: 'header_to_metadata.v3.Config', config: {
    request_rules: [{ cookie: 'c', on_header_present: { metadata_namespace: 'n', key: 'k', type: 'STRING' } }] } }],
  [{ send: get('/', 'cookie: a=1; c=two; d=3') }, { send: get('/', 'cookie: a=1') }], [shown('n:k')]),
  filtered('header_to_metadata in base64', [rules(rule('x-a', 'k', {}, { encode: 'BASE64' }))],
    [{ send: get('/', 'x-a: aGVsbG8=') }], [shown('n:k')]),
  filtered('header_to_metadata in its own namespace', [rules({ header: 'x-a', on_header_present: { key: 'k',
    type: 'STRING' } })], [{ send: get('/', 'x-a: value') }], [shown('envoy.filters.http.header_to_metadata:k')]),
];

export const scenarios: readonly Scenario[] = [...injected, ...rateLimits, ...healthChecks, ...buffers, ...metadata];
