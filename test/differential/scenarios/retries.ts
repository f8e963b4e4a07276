// When a request is sent again, how often, and what the client and the counters see of it.
import { answer, get, post, type Reply, type Scenario, type Step } from '../scenario.js';

const stats = ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_retry_success',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_overflow', 'upstream_rq_5xx', 'upstream_rq_2xx', 'upstream_rq_completed',
  'upstream_rq_per_try_timeout', 'upstream_rq_timeout', 'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq',
    'upstream_cx_destroy_remote_with_active_rq'].map((name) => `cluster.{up}.${name}`);

const abandoned = 'cluster.{up}.retry_or_shadow_abandoned';
const idle = 'cluster.{up}.upstream_rq_per_try_idle_timeout';

const quick = { retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } };
const retrying = (name: string, policy: object, steps: readonly Step[], more: Partial<Scenario> = {},
  route: object = {}): Scenario => ({
  name,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', retry_policy: { ...quick, ...policy },
    ...route } }] },
  steps, stats, ...more,
});
const bad = (status: number, ...headers: string[]): Reply => answer(status, 'bad', ...headers);
const good: Reply = answer(200, 'good');
const one = (...replies: Reply[]): Step => ({ send: get('/'), answer: replies });

const previousHosts = { name: 'envoy.retry_host_predicates.previous_hosts', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' } };

export const scenarios: readonly Scenario[] = [
  retrying('5xx once', { retry_on: '5xx' }, [one(bad(500), good)], { stats: [...stats,
    'cluster.{up}.upstream_rq_retry_backoff_exponential'] }),
  retrying('the answer says how long to wait, and it is over', { retry_on: '5xx', rate_limited_retry_back_off: {
    reset_headers: [{ name: 'x-reset' }] } }, [one(bad(500, 'x-reset: 1'), good)], { stats: [...stats,
    'cluster.{up}.upstream_rq_retry_backoff_ratelimited'] }),
  retrying('5xx until the limit', { retry_on: '5xx', num_retries: 2 }, [one(bad(503))]),
  retrying('no retries', { retry_on: '5xx', num_retries: 0 }, [one(bad(503), good)]),
  retrying('a status that nothing asks for', { retry_on: 'gateway-error' }, [one(bad(500), good)]),
  ...[502, 503, 504].map((status) => retrying(`gateway-error ${status}`, { retry_on: 'gateway-error' },
    [one(bad(status), good)])),
  retrying('retriable-4xx', { retry_on: 'retriable-4xx' }, [one(bad(409), good), one(bad(404))]),
  retrying('retriable-status-codes', { retry_on: 'retriable-status-codes', retriable_status_codes: [404, 429] },
    [one(bad(404), good), one(bad(429), good), one(bad(500))]),
  retrying('retriable-headers', { retry_on: 'retriable-headers', retriable_headers: [{ name: 'x-again',
    string_match: { exact: 'yes' } }] }, [one(bad(200, 'x-again: yes'), good), one(bad(200, 'x-again: no'))]),
  retrying('retriable_request_headers', { retry_on: '5xx', retriable_request_headers: [{ name: 'x-may',
    present_match: true }] }, [{ send: get('/', 'x-may: 1'), answer: [bad(500), good] }, one(bad(500), good)]),
  retrying('envoy-ratelimited', { retry_on: 'envoy-ratelimited' }, [one(bad(429, 'x-envoy-ratelimited: true'), good)]),
  retrying('rate limited is not 5xx', { retry_on: '5xx' }, [one(bad(503, 'x-envoy-ratelimited: true'), good)]),
  retrying('reset', { retry_on: 'reset' }, [one({ close: true }, good)]),
  retrying('reset counts as 5xx', { retry_on: '5xx' }, [one({ close: true }, good)]),
  retrying('reset counts as gateway-error', { retry_on: 'gateway-error' }, [one({ reset: true }, good)]),
  retrying('reset is no connect failure', { retry_on: 'connect-failure' }, [{ send: post('/', 'x'),
    answer: [{ close: true }, good] }]),
  retrying('reset until the limit', { retry_on: 'reset', num_retries: 2 }, [one({ close: true })]),
  retrying('several conditions', { retry_on: 'gateway-error, retriable-4xx,nonsense' }, [one(bad(409), good),
    one(bad(503), good)]),
  retrying('connection refused', { retry_on: 'connect-failure', num_retries: 3 }, [{ send: get('/') }], {
    clusters: [{ name: 'refused', ports: [1] }], stats: ['cluster.{refused}.upstream_rq_retry',
      'cluster.{refused}.upstream_rq_retry_limit_exceeded', 'cluster.{refused}.upstream_cx_connect_fail'] },
  { cluster: '{refused}' }),
  retrying('a body is sent again', { retry_on: '5xx' }, [{ send: post('/', 'hello'), answer: [bad(500), good] }]),
  retrying('a long body is sent again', { retry_on: '5xx' }, [{ send: post('/', 'x'.repeat(40_000)),
    answer: [bad(500), good] }]),
  retrying('a chunked body is sent again', { retry_on: '5xx' }, [{ answer: [bad(500), good],
    send: 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n' }]),
  retrying('a body that is too long is not', { retry_on: '5xx' }, [{ send: post('/', 'x'.repeat(40_000)),
    answer: [bad(500), good] }], { main: { listener: { per_connection_buffer_limit_bytes: 16_384 }, routes: [{
    match: { prefix: '/' }, route: { cluster: '{up}', retry_policy: { ...quick, retry_on: '5xx' } } }] },
  stats: [...stats, abandoned] }),
  ...[20_000, 100].map((bytes) => retrying(`a body over the route's limit is not, ${bytes} bytes`, {}, [
    { send: post('/', 'x'.repeat(bytes)), answer: [bad(500), good] },
    { send: post('/', 'x'.repeat(50)), answer: [bad(500), good] }], { stats: [...stats, abandoned], main: { routes: [{
    match: { prefix: '/' }, per_request_buffer_limit_bytes: 64,
    route: { cluster: '{up}', retry_policy: { ...quick, retry_on: '5xx' } } }] } })),
  retrying('the limit of the virtual host', {}, [{ send: post('/', 'x'.repeat(100)), answer: [bad(500), good] },
    { send: post('/own', 'x'.repeat(100)), answer: [bad(500), good] }], { stats: [...stats, abandoned], main: {
    virtualHosts: [{ name: 'v', domains: ['*'], per_request_buffer_limit_bytes: 64, retry_policy: { ...quick,
      retry_on: '5xx' }, routes: [{ match: { prefix: '/own' }, per_request_buffer_limit_bytes: 200,
      route: { cluster: '{up}' } }, { match: { prefix: '/' }, route: { cluster: '{up}' } }] }] } }),
  retrying('per-try idle timeout', { retry_on: '5xx', per_try_idle_timeout: '0.2s' }, [one({ hang: true }, good)],
    { stats: [...stats, idle] }),
  retrying('per-try idle timeout until the limit', { retry_on: '5xx', per_try_idle_timeout: '0.3s', num_retries: 2 },
    [one({ hang: true })], { stats: [...stats, idle] }),
  retrying('per-try idle timeout inside a response', { retry_on: '5xx', per_try_idle_timeout: '0.2s' }, [{
    send: get('/'), responses: 0, quietMs: 900, answer: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc' }],
  { stats: [idle], logLines: 1, main: { manager: { delayed_close_timeout: '0.05s' }, routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}', retry_policy: { ...quick, retry_on: '5xx', per_try_idle_timeout: '0.2s' } } }] } }),
  retrying('per-try idle timeout is moved by the response', { per_try_idle_timeout: '0.4s' }, [{ send: get('/'),
    answer: { afterMs: 150, reply: answer(200, 'good') } }], { stats: [idle] }),
  retrying('a per-try timeout that is not below the timeout', { retry_on: '5xx', per_try_timeout: '0.3s' },
    [one({ hang: true })], {}, { timeout: '0.3s' }),
  ...([['SECONDS', '1000'], ['SECONDS', '1000, 1'], ['SECONDS', '3000'], ['SECONDS', '0'], ['SECONDS', 'soon'],
    ['UNIX_TIMESTAMP', '4102444800'], ['UNIX_TIMESTAMP', '1000']] as const).map(([format, value]) =>
    retrying(`the answer says how long to wait: ${format} ${value}`, { retry_on: '5xx', rate_limited_retry_back_off: {
      reset_headers: [{ name: 'X-Other', format }, { name: 'X-Reset', format }], max_interval: '2000s' },
    retry_back_off: { base_interval: '20000s', max_interval: '30000s' } }, [one(bad(500, `x-reset: ${value}`))],
    { stats: [...stats, 'cluster.{up}.upstream_rq_retry_backoff_ratelimited',
      'cluster.{up}.upstream_rq_retry_backoff_exponential'] }, { timeout: '0.2s' })),
  retrying('per-try timeout', { retry_on: '5xx', per_try_timeout: '0.2s' }, [one({ hang: true }, good)]),
  retrying('per-try timeout until the limit', { retry_on: '5xx', per_try_timeout: '0.3s', num_retries: 2 },
    [one({ hang: true })]),
  retrying('per-try timeout without a condition', { per_try_timeout: '0.1s' }, [one({ hang: true })]),
  retrying('the route timeout covers all tries', { retry_on: '5xx', per_try_timeout: '0.2s', num_retries: 10 },
    [one({ hang: true })], { stats: ['cluster.{up}.upstream_rq_timeout'] }, { timeout: '0.5s' }),
  retrying('the route timeout during a back-off', { retry_on: '5xx', num_retries: 3,
    retry_back_off: { base_interval: '20000s', max_interval: '30000s' } }, [one(bad(500))],
  { stats: ['cluster.{up}.upstream_rq_timeout', 'cluster.{up}.upstream_rq_retry'] }, { timeout: '0.3s' }),
  retrying('max_retries of the cluster', { retry_on: '5xx' }, [one(bad(500), good)], { clusterFields: { up: {
    circuit_breakers: { thresholds: [{ max_retries: 0 }] } } } }),
  ...[{ budget_percent: { value: 0 }, min_retry_concurrency: 0 }, { budget_percent: { value: 100 },
    min_retry_concurrency: 0 }, { budget_percent: { value: 99 }, min_retry_concurrency: 0 },
  { budget_percent: { value: 0 }, min_retry_concurrency: 1 }, { min_retry_concurrency: 0 }, { budget_percent: {} }, {},
  ].map((retry_budget) => retrying(`retry_budget ${JSON.stringify(retry_budget)}`, { retry_on: '5xx', num_retries: 2 },
    [one(bad(500), bad(500), good)], { clusterFields: { up: { circuit_breakers: { thresholds: [{ max_retries: 0,
      retry_budget }] } } } })),
  retrying('a route of high priority has a budget of its own', { retry_on: '5xx' }, [one(bad(500), good)], {
    clusterFields: { up: { circuit_breakers: { thresholds: [{ max_retries: 0 }, { priority: 'HIGH',
      retry_budget: {} }] } } } }, { priority: 'HIGH' }),
  retrying('headers of clients that are not internal ask for nothing', {}, [{ send: get('/', 'x-envoy-retry-on: 5xx',
    'x-envoy-max-retries: 2'),
    answer: [bad(500), bad(500), good] }, { send: get('/', 'x-envoy-retry-on: retriable-status-codes',
    'x-envoy-retriable-status-codes: 418'), answer: [bad(418), good] }, { send: get('/',
      'x-envoy-retry-on: retriable-headers',
    'x-envoy-retriable-header-names: X-Again'), answer: [bad(200, 'x-again: 1'), good] },
  { send: get('/', 'x-envoy-retry-on: nonsense'), answer: [bad(500), good] }]),
  retrying('headers do not move a stranger', {}, [{ send: get('/', 'x-envoy-retry-on: 5xx'), answer: [bad(500),
    good] }],
    { main: { manager: { use_remote_address: true }, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
      varying: ['x-forwarded-for', 'x-envoy-external-address'] }),
  retrying('the number of retries in a header', { retry_on: '5xx', num_retries: 1 }, [{
    send: get('/', 'x-envoy-max-retries: 3'), answer: [bad(500), bad(500), bad(500), good] },
  { send: get('/', 'x-envoy-max-retries: 0'), answer: [bad(500), good] }]),
  retrying('gRPC status', { retry_on: 'unavailable,cancelled' }, [one(bad(200, 'grpc-status: 14'), good),
    one(bad(200, 'grpc-status: 13'))]),
  { name: 'the virtual host has the policy', main: { virtualHosts: [{ name: 'v', domains: ['*'],
    retry_policy: { ...quick,
      retry_on: '5xx', num_retries: 2 }, include_request_attempt_count: true, include_attempt_count_in_response: true,
      routes: [{ match: { prefix: '/own' }, route: { cluster: '{up}', retry_policy: { ...quick, retry_on: 'reset' } } },
        { match: { prefix: '/' }, route: { cluster: '{up}' } }] }] },
    steps: [{ send: get('/', 'x-envoy-attempt-count: 7'), answer: [bad(500), bad(500), good] },
      { send: get('/own'), answer: [bad(500), good] }], stats },
  { name: 'is it a retry after a timeout', main: { virtualHosts: [{ name: 'v', domains: ['*'],
    include_is_timeout_retry_header: true, include_request_attempt_count: true, routes: [{ match: { prefix: '/' },
      route: { cluster: '{up}', retry_policy: { ...quick, retry_on: '5xx', num_retries: 3,
        per_try_timeout: '0.5s' } } }] }] },
    steps: [{ send: post('/', 'hello'), answer: [bad(500), { hang: true }, { close: true }, good] }, one(good)],
      stats },
  { name: 'attempts are counted over ten', main: { virtualHosts: [{ name: 'v', domains: ['*'],
      include_request_attempt_count: true, include_attempt_count_in_response: true, routes: [{ match: { prefix: '/' },
        route: { cluster: '{up}', retry_policy: { ...quick, retry_on: '5xx', num_retries: 11 } } }] }] },
    steps: [{ send: get('/'), answer: [...Array.from({ length: 11 }, () => bad(500)), good] }], stats },
  { name: 'another host is tried', upstreams: ['up', 'other'], main: { routes: [{ match: { prefix: '/' }, route: {
      cluster: '{both}', retry_policy: { ...quick, retry_on: '5xx', num_retries: 1,
        host_selection_retry_max_attempts: 20,
        retry_host_predicate: [previousHosts] } } }] },
    clusters: [{ name: 'both', ports: ['{port:up}', '{port:other}'], fields: { lb_policy: 'RANDOM' } }],
    steps: Array.from({ length: 6 }, () => ({ send: get('/'), answer: { up: bad(500), other: bad(500) } })) },
];
