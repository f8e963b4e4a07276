// Clients that internal_address_config trusts: what their x-envoy headers ask of retries, timeouts and hedging.
import { answer, get, post, type Reply, type Scenario, type Step } from '../scenario.js';

const stats = ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_retry_success',
  'upstream_rq_retry_limit_exceeded', 'upstream_rq_timeout', 'upstream_rq_per_try_timeout', 'upstream_rq_completed']
  .map((name) => `cluster.{up}.${name}`);
const trusted: Record<string, unknown> = { use_remote_address: true, internal_address_config: { cidr_ranges: [
  { address_prefix: '127.0.0.0', prefix_len: 8 }] } };
const varying = ['x-forwarded-for'];
const quick = { retry_policy: { retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } } };
const internal = (name: string, steps: readonly Step[], route: object = {},
  more: Partial<Scenario> = {}): Scenario => ({
  name, varying, main: { manager: trusted, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...quick,
    ...route } }] }, steps, stats, ...more,
});
const bad = (status: number, ...headers: string[]): Reply => answer(status, 'bad', ...headers);
const good: Reply = answer(200, 'good');
const asking = (replies: Reply[], ...headers: string[]): Step => ({ send: get('/', ...headers), answer: replies });
const all = ['x-envoy-ip-tags: a', 'x-envoy-upstream-alt-stat-name: b',
  'x-envoy-expected-rq-timeout-ms: 7', 'x-envoy-internal: maybe', 'x-envoy-decorator-operation: c',
  'x-envoy-downstream-service-cluster: d', 'x-envoy-downstream-service-node: e', 'x-envoy-original-path: /f',
  'x-envoy-external-address: 1.2.3.4', 'x-request-id: own-id', 'x-forwarded-proto: https'];
const hang: Reply = { hang: true };

export const scenarios: readonly Scenario[] = [
  internal('what is forwarded', [asking([good], ...all)], {}, { varying: [...varying, 'x-request-id'] }),
  { ...internal('what is forwarded of strangers', [asking([good], ...all)], {}, { varying: [...varying,
    'x-request-id'] }), main: { manager: { use_remote_address: true, internal_address_config: { cidr_ranges: [
    { address_prefix: '10.0.0.0', prefix_len: 8 }] } }, routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}' } }] } },
  internal('behind another hop', [asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-forwarded-for: 127.0.0.1')]),
  { ...internal('by x-forwarded-for', [
    asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-forwarded-for: 127.0.0.1'),
    asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-forwarded-for: 10.0.0.1'),
    asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-forwarded-for: 127.0.0.1, 127.0.0.1'),
    asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-forwarded-for: nonsense'),
    asking([bad(500), good], 'x-envoy-retry-on: 5xx')]),
  main: { manager: { internal_address_config: trusted.internal_address_config }, routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}', ...quick } }] } },
  internal('retry-on', [asking([bad(500), good], 'x-envoy-retry-on: 5xx'),
    asking([bad(503), good], 'x-envoy-retry-on: gateway-error,retriable-4xx'),
    asking([bad(409), good], 'x-envoy-retry-on: gateway-error , retriable-4xx'),
    asking([bad(500), good], 'x-envoy-retry-on: nonsense'), { send: post('/', 'x', 'x-envoy-retry-on: reset'),
      answer: [{ close: true }, good] }]),
  internal('retry-on takes no gRPC names', [asking([bad(200, 'grpc-status: 14'), good],
    'x-envoy-retry-on: unavailable')]),
  internal('retry-grpc-on', [asking([bad(200, 'grpc-status: 14'), good], 'x-envoy-retry-grpc-on: unavailable'),
    asking([bad(200, 'grpc-status: 1'), good], 'x-envoy-retry-grpc-on: unavailable,cancelled'),
    asking([bad(500), good], 'x-envoy-retry-grpc-on: 5xx')]),
  internal('beside the policy', [asking([bad(409), good], 'x-envoy-retry-on: retriable-4xx'),
    asking([bad(500), good], 'x-envoy-retry-on: retriable-4xx')], { retry_policy: { ...quick.retry_policy,
    retry_on: '5xx' } }),
  internal('max-retries', [asking([bad(500), bad(500), bad(500), good], 'x-envoy-retry-on: 5xx',
    'x-envoy-max-retries: 3'),
    asking([bad(500), good], 'x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 0'),
    asking([bad(500), bad(500), good], 'x-envoy-retry-on: 5xx', 'x-envoy-max-retries: many'),
    asking([bad(500), good], 'x-envoy-max-retries: 3')]),
  internal('max-retries of a policy', [asking([bad(500), bad(500), good], 'x-envoy-max-retries: 2')], { retry_policy: {
    ...quick.retry_policy, retry_on: '5xx' } }),
  internal('status codes', [asking([bad(418), good], 'x-envoy-retry-on: retriable-status-codes',
    'x-envoy-retriable-status-codes: 418'), asking([bad(419), good], 'x-envoy-retry-on: retriable-status-codes',
    'x-envoy-retriable-status-codes: 418,x, 419'), asking([bad(418), good],
    'x-envoy-retriable-status-codes: 418')]),
  internal('header names', [asking([bad(200, 'x-again: 1'), good], 'x-envoy-retry-on: retriable-headers',
    'x-envoy-retriable-header-names: X-Other, X-Again'), asking([bad(200, 'x-more: 1'), good],
    'x-envoy-retry-on: retriable-headers', 'x-envoy-retriable-header-names: X-Again')]),
  internal('retriable_request_headers', [asking([bad(500), good], 'x-envoy-retry-on: 5xx'), asking([bad(500), good],
    'x-envoy-retry-on: 5xx', 'x-may: 1')], { retry_policy: { ...quick.retry_policy, retriable_request_headers: [{
    name: 'x-may', present_match: true }] } }),
  internal('a redirect', [asking([bad(500), bad(302, 'location: http://a.example/there'), good],
    'x-envoy-retry-on: 5xx', 'x-envoy-ip-tags: a')], { internal_redirect_policy: {} }, { logLines: 2,
    differs: [{ line: /\|internal_redirect\|/, heading: 'Internal redirects' }] }),
  internal('a body goes along', [{ send: post('/', 'x'.repeat(20_000), 'x-envoy-retry-on: 5xx'),
    answer: [bad(500), good] }]),
  internal('timeout', [asking([hang], 'x-envoy-upstream-rq-timeout-ms: 200')]),
  internal('a longer timeout', [asking([{ afterMs: 400, reply: good as string }],
    'x-envoy-upstream-rq-timeout-ms: 5000'), asking([{ afterMs: 400, reply: good as string }],
    'x-envoy-upstream-rq-timeout-ms: 0'), asking([hang], 'x-envoy-upstream-rq-timeout-ms: soon')],
  { timeout: '0.2s' }),
  internal('timeout of an attempt', [asking([hang, good], 'x-envoy-retry-on: 5xx',
    'x-envoy-upstream-rq-per-try-timeout-ms: 200'), asking([hang], 'x-envoy-upstream-rq-per-try-timeout-ms: 200')]),
  internal('timeout of an attempt that is too long', [asking([hang], 'x-envoy-retry-on: 5xx',
    'x-envoy-upstream-rq-per-try-timeout-ms: 300', 'x-envoy-upstream-rq-timeout-ms: 200')]),
  internal('another answer than 504', [asking([hang], 'x-envoy-upstream-rq-timeout-ms: 200',
    'x-envoy-upstream-rq-timeout-alt-response: 1'), asking([hang], 'x-envoy-upstream-rq-per-try-timeout-ms: 200',
    'x-envoy-upstream-rq-timeout-alt-response: no')]),
  internal('hedging', [asking([{ afterMs: 900, reply: good as string }, hang], 'x-envoy-hedge-on-per-try-timeout: true',
    'x-envoy-retry-on: 5xx', 'x-envoy-upstream-rq-per-try-timeout-ms: 200')]),
  internal('no hedging', [asking([{ afterMs: 900, reply: bad(500) as string }, good],
    'x-envoy-hedge-on-per-try-timeout: false')], { hedge_policy: { hedge_on_per_try_timeout: true }, retry_policy: {
    ...quick.retry_policy, retry_on: '5xx', per_try_timeout: '0.2s' } }),
  { ...internal('require_tls EXTERNAL_ONLY', [asking([good])]), main: { manager: trusted, virtualHosts: [{ name: 'v',
    domains: ['*'], require_tls: 'EXTERNAL_ONLY', routes: [{ match: { prefix: '/' },
      route: { cluster: '{up}' } }] }] } },
  { ...internal('require_tls ALL', [{ send: get('/') }]), main: { manager: trusted, virtualHosts: [{ name: 'v',
    domains: ['*'], require_tls: 'ALL', routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] }] } },
];
