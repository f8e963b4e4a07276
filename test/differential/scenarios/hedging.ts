// A second request beside one that is slow: when it is sent, whose answer the client gets, and what is counted.
import { answer, get, post, type Reply, type Scenario, type Step } from '../scenario.js';

const stats = ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_retry_success',
  'upstream_rq_retry_limit_exceeded', 'upstream_rq_retry_overflow', 'upstream_rq_per_try_timeout',
  'upstream_rq_per_try_idle_timeout', 'upstream_rq_timeout', 'upstream_rq_2xx', 'upstream_rq_5xx',
  'upstream_rq_completed', 'upstream_rq_active', 'upstream_rq_pending_active', 'upstream_cx_total',
  'upstream_rq_tx_reset', 'upstream_rq_rx_reset', 'upstream_rq_cancelled', 'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq',
    'upstream_cx_destroy_remote_with_active_rq'].map((name) => `cluster.{up}.${name}`);

const retry = { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.15s', retry_back_off: { base_interval: '0.001s',
  max_interval: '0.002s' } };
const hedge = { hedge_on_per_try_timeout: true };
const hedging = (name: string, replies: Reply | Reply[], policy: object = {}, more: Partial<Scenario> = {},
  route: object = {}): Scenario => ({
  name,
  main: { virtualHosts: [{ name: 'v', domains: ['*'], include_request_attempt_count: true,
    include_attempt_count_in_response: true, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}',
      hedge_policy: hedge, retry_policy: { ...retry, ...policy }, ...route } }] }] },
  steps: [{ send: get('/'), answer: replies }], stats, ...more,
});
const hang: Reply = { hang: true };
const first = answer(200, 'first'), second = answer(200, 'second'), third = answer(200, 'third');
const bad = (body: string, status = 500): string => answer(status, body);
const late = (reply: string, afterMs = 450): Reply => ({ afterMs, reply });
const steps = (send: string, replies: Reply[]): { steps: Step[] } => ({ steps: [{ send, answer: replies }] });

export const scenarios: readonly Scenario[] = [
  hedging('in time', [first]),
  hedging('the second is faster', [hang, second]),
  hedging('the first is faster', [late(first), hang]),
  hedging('the first is bad', [late(bad('first')), late(second, 500)]),
  hedging('the second is bad', [late(first), bad('second')]),
  hedging('the first is bad, then the second', [late(bad('first')), late(bad('second'), 500)]),
  hedging('the second is bad, then the first', [late(bad('first')), bad('second')]),
  hedging('the first is bad while a third is to come', [late(bad('first')), bad('second'), third], { num_retries: 2 }),
  hedging('the second is slow as well', [hang, hang, third], { num_retries: 2 }),
  hedging('the first comes while two others run', [late(first, 375), hang, hang], { num_retries: 2 }),
  hedging('nobody answers', [hang], {}, {}, { timeout: '0.5s' }),
  hedging('nobody answers, without retries', [hang], { num_retries: 0 }, {}, { timeout: '0.4s' }),
  hedging('no retries left, and the first answers', [late(first)], { num_retries: 0 }),
  hedging('nothing asks for retries', [late(first), second], { retry_on: '' }),
  hedging('a condition that timeouts do not meet', [hang, second], { retry_on: 'retriable-4xx' }),
  hedging('the first is cut', [{ afterMs: 450, reply: 'nonsense\r\n\r\n' }, late(second, 500)]),
  hedging('the first ends', [hang, { close: true }], {}, {}, { timeout: '0.6s' }),
  hedging('the second ends, then the first answers', [late(first), { close: true }]),
  hedging('the second is nonsense, then the first answers', [late(first), 'nonsense\r\n\r\n']),
  hedging('both are nonsense', [late('nonsense\r\n\r\n'), 'nonsense\r\n\r\n']),
  hedging('during a back-off', [late(first)], { retry_back_off: { base_interval: '20000s', max_interval: '30000s' } }),
  hedging('a bad one during a back-off', [late(bad('first'))], { retry_back_off: { base_interval: '20000s',
    max_interval: '30000s' } }, {}, { timeout: '0.6s' }),
  hedging('the breaker for retries', [late(first)], {}, { clusterFields: { up: { circuit_breakers: {
    thresholds: [{ max_retries: 0 }] } } } }),
  hedging('silence', [hang, second], { per_try_timeout: '0s', per_try_idle_timeout: '0.15s' }),
  hedging('a body', [], {}, steps(post('/', 'hello'), [hang, second])),
  hedging('a long body', [], {}, steps(post('/', 'x'.repeat(40_000)), [late(first), late(second, 500)])),
  hedging('a chunked body', [], {}, steps(['POST / HTTP/1.1', 'host: a.example', 'transfer-encoding: chunked', '', '5',
    'hello', '0', '', ''].join('\r\n'), [hang, second])),
  hedging('a long answer of the first', [late(answer(200, 'x'.repeat(100_000))), hang]),
  hedging('a chunked answer of the first',
    [late('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
    hang]),
  hedging('HEAD', [], {}, { steps: [{ send: 'HEAD / HTTP/1.1\r\nhost: a.example\r\n\r\n', noBody: true,
    answer: [late('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'), hang] }] }),
  hedging('on one connection', [], {}, { steps: [{ send: get('/'), answer: [late(first), hang] },
    { send: get('/'), answer: [second], sameConnection: true }] }),
  hedging('a redirect of the first', [late(answer(302, '', 'location: http://a.example/there')), hang, third], {}, {
    differs: [{ line: /\|internal_redirect\|/, heading: 'Internal redirects' }], logLines: 2,
    stats: stats.filter((name) => !name.endsWith('upstream_cx_total')) },
  { internal_redirect_policy: {} }),
  { ...hedging('policy of the virtual host', []), main: { virtualHosts: [{ name: 'v', domains: ['*'],
    hedge_policy: hedge, retry_policy: retry, routes: [
      { match: { prefix: '/own' }, route: { cluster: '{up}', hedge_policy: {} } },
      { match: { prefix: '/' }, route: { cluster: '{up}' } }] }] },
    steps: [{ send: get('/'), answer: [hang, second] }, { send: get('/own'), answer: [hang, second] }] },
  hedging('another host', [], {}, { upstreams: ['up', 'other'], clusters: [{ name: 'both', ports: ['{port:up}',
    '{port:other}'], fields: { lb_policy: 'RANDOM' } }], steps: [{ send: get('/'), answer: { up: late(first),
    other: late(first) } }], stats: ['cluster.{both}.upstream_rq_total', 'cluster.{both}.upstream_rq_retry'],
  varying: ['host'], main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{both}', hedge_policy: hedge,
    retry_policy: { ...retry, host_selection_retry_max_attempts: 20, retry_host_predicate: [{
      name: 'envoy.retry_host_predicates.previous_hosts', typed_config: { '@type':
        'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' } }] } } }] } }),
];
