// Requests that are sent to another cluster as well: which, in what form, and that the client does not notice.
import { answer, get, post, type Scenario, type Step } from '../scenario.js';

const counts = ['upstream_rq_total', 'upstream_rq_completed', 'upstream_rq_2xx', 'upstream_rq_5xx', 'upstream_rq_200',
  'upstream_rq_active', 'upstream_cx_total', 'upstream_rq_timeout', 'upstream_cx_none_healthy',
  'upstream_rq_pending_total', 'upstream_rq_pending_overflow', 'upstream_rq_pending_failure_eject',
  'upstream_cx_connect_fail', 'upstream_rq_cancelled', 'retry_or_shadow_abandoned',
    'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq', 'upstream_cx_destroy_remote_with_active_rq'];
const stats = [...counts.map((name) => `cluster.{mirror}.${name}`), 'cluster.{up}.upstream_rq_total',
  'cluster.{up}.upstream_rq_2xx', 'cluster.{up}.retry_or_shadow_abandoned', 'http.{id}-main.downstream_rq_total',
  'http.{id}-main.rq_total', 'http.{id}-main.no_cluster'];

type Policies = readonly object[];
const mirroring = (name: string, policies: Policies, steps: readonly Step[], more: Partial<Scenario> = {},
  route: object = {}): Scenario => ({
  name, upstreams: ['up', 'mirror'], varying: ['x-forwarded-for'],
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', request_mirror_policies: policies,
    ...route } }] },
  steps, stats, ...more,
});
const toMirror = { cluster: '{mirror}' };
/** A request that both see. */
const both = (send: string): Step => ({ send, forwarded: 2 });
const once = [both(get('/'))];
const chunked = ['POST / HTTP/1.1', 'host: a.example', 'transfer-encoding: chunked', '', '5', 'hello', '6', ' world',
  '0',
  '', ''].join('\r\n');
const fraction = (numerator: number, denominator = 'HUNDRED'): object => ({ default_value: { numerator,
  denominator } });

export const scenarios: readonly Scenario[] = [
  mirroring('a request', [toMirror], [both(get('/a?b=c', 'x-own: yes'))]),
  mirroring('bodies', [toMirror], [both(post('/', 'hello')), both(post('/', 'x'.repeat(40_000))), both(chunked)]),
  mirroring('HEAD', [toMirror], [{ ...both('HEAD / HTTP/1.1\r\nhost: a.example\r\n\r\n'), noBody: true }]),
  mirroring('several', [toMirror, toMirror, { cluster: '{third}' }], [{ send: post('/', 'hello'), forwarded: 4 }], {
    upstreams: ['up', 'mirror', 'third'] }),
  ...['a.example:8080', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:80', 'A.Example', 'a.example.'].map((host) =>
    mirroring(`host ${host}`, [toMirror], [both(get('/', `host: ${host}`))])),
  mirroring('the host stays', [{ ...toMirror, disable_shadow_host_suffix_append: true }], once),
  mirroring('the host is replaced', [{ ...toMirror, host_rewrite_literal: 'other.example:81' }], once),
  mirroring('the host is replaced and stays', [{ ...toMirror, host_rewrite_literal: 'other.example',
    disable_shadow_host_suffix_append: true }], once),
  mirroring('headers are changed', [{ ...toMirror, request_headers_mutations: [{ remove: 'x-gone' },
    { append: { header: { key: 'x-added', value: 'now' } } },
    { append: { header: { key: 'x-own', value: 'new' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } },
    { append: { header: { key: 'x-path', value: '%REQ(:PATH)% %RESPONSE_CODE% %ROUTE_NAME%' } } }] }],
  [both(get('/p', 'x-gone: 1', 'x-own: old', 'x-kept: 1'))]),
  ...[0, 100].map((share) => mirroring(`a share of ${share}`, [{ ...toMirror, runtime_fraction: fraction(share) }],
    [{ send: get('/'), forwarded: share === 0 ? 1 : 2 }])),
  mirroring('trace_sampled', [{ ...toMirror, trace_sampled: false }], once),
  mirroring('cluster_header', [{ cluster_header: 'X-Mirror' }], [both(get('/', 'x-mirror: {mirror}')),
    { send: get('/'), forwarded: 1 }, { send: get('/', 'x-mirror: nowhere'), forwarded: 1 }]),
  mirroring('what the route makes of it', [toMirror], [both(get('/a/b', 'x-gone: 1'))], {}, { prefix_rewrite: '/new/',
    host_rewrite_literal: 'h.example' }),
  mirroring('headers of the route', [toMirror], [both(get('/', 'x-gone: 1'))], { main: { routes: [{
    match: { prefix: '/' }, request_headers_to_add: [{ header: { key: 'x-route', value: '%PROTOCOL%' } }],
    request_headers_to_remove: ['x-gone'], route: { cluster: '{up}', request_mirror_policies: [toMirror] } }] } }),
  mirroring('the number of the attempt', [toMirror], once, { main: { virtualHosts: [{ name: 'v', domains: ['*'],
    include_request_attempt_count: true, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}',
      request_mirror_policies: [toMirror] } }] }] } }),
  mirroring('the mirror fails', [toMirror], [{ ...both(get('/')), answer: { mirror: answer(500, 'bad') } },
    { ...both(get('/')), answer: { mirror: { close: true } } }, { ...both(get('/')),
      answer: { mirror: 'nonsense\r\n\r\n' } }]),
  mirroring('the mirror has a long answer', [toMirror], [{ ...both(get('/')),
    answer: { mirror: answer(200, 'x'.repeat(100_000)) } }, { ...both(get('/')), answer: { mirror:
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' } }, both(get('/'))]),
  mirroring('the mirror does not answer', [toMirror], [{ ...both(get('/')), answer: { mirror: { hang: true } } }]),
  mirroring('the mirror does not answer in time', [toMirror], [{ ...both(get('/')),
    answer: { mirror: { hang: true } } },
    { waitMs: 400, ...both(get('/')) }], {}, { timeout: '0.2s' }),
  mirroring('nobody listens', [{ cluster: '{refused}' }], [{ send: get('/'), forwarded: 1 }], { clusters: [{
    name: 'refused', ports: [1] }], stats: counts.map((name) => `cluster.{refused}.${name}`) }),
  mirroring('no endpoint', [{ cluster: '{empty}' }], [{ send: get('/'), forwarded: 1 }], { clusters: [{
    name: 'empty' }], stats: counts.map((name) => `cluster.{empty}.${name}`) }),
  mirroring('requests that wait at the mirror', [toMirror], [{ send: get('/'), forwarded: 1 }],
    { clusterFields: { mirror: {
    circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } } } }),
  mirroring('retries are not mirrored', [toMirror], [{ send: post('/', 'hello'), forwarded: 3,
    answer: { up: [answer(500),
    answer(200)] } }], {}, { retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '0.001s',
    max_interval: '0.002s' } } }),
  mirroring('the main cluster fails', [toMirror], [{ ...both(get('/')), answer: { up: { close: true } } },
    both(get('/'))]),
  mirroring('the main cluster cannot be reached', [toMirror], [{ send: get('/'), forwarded: 1 },
    { send: post('/', 'hello'), forwarded: 1 }], { clusters: [{ name: 'refused', ports: [1] }] },
      { cluster: '{refused}' }),
  mirroring('the main cluster has no endpoint', [toMirror], [{ send: get('/') }], { clusters: [{ name: 'empty' }] },
    { cluster: '{empty}' }),
  mirroring('the main cluster does not exist', [toMirror], [{ send: get('/') }], { main: {
    routeConfig: { validate_clusters: false }, routes: [{ match: { prefix: '/' }, route: { cluster: 'nowhere',
      request_mirror_policies: [toMirror] } }] } }),
  mirroring('redirects', [toMirror], [{ send: get('/'), forwarded: 4, answer: { up: [answer(302, '',
    'location: http://b.example/other'), answer(200)] } }], { logLines: 2, stats: ['cluster.{mirror}.upstream_rq_total',
    'cluster.{mirror}.upstream_rq_2xx'], differs: [{ line: /\|internal_redirect\|/, heading: 'Internal redirects' }] },
  { internal_redirect_policy: {} }),
  { ...mirroring('policies of the virtual host', [], [both(get('/')), { send: get('/own'), forwarded: 2 },
    { send: get('/none'), forwarded: 2 }]), upstreams: ['up', 'mirror', 'third'], main: { virtualHosts: [{ name: 'v',
      domains: ['*'],
    request_mirror_policies: [toMirror], routes: [
      { match: { prefix: '/own' }, route: { cluster: '{up}', request_mirror_policies: [{ cluster: '{third}' }] } },
      { match: { prefix: '/none' }, route: { cluster: '{up}', request_mirror_policies: [] } },
      { match: { prefix: '/' }, route: { cluster: '{up}' } }] }] } },
  { ...mirroring('policies of the route configuration', [], [both(get('/')), { send: get('/', 'host: b.example'),
    forwarded: 2 }]), upstreams: ['up', 'mirror', 'third'],
      main: { routeConfig: { request_mirror_policies: [toMirror] }, virtualHosts: [
    { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
    { name: 'w', domains: ['b.example'], request_mirror_policies: [{ cluster: '{third}' }], routes: [{
      match: { prefix: '/' }, route: { cluster: '{up}' } }] }] } },
];
