// HTTP filters beside what the router does with a request: retries, hedging, mirroring, redirects, subsets, upgrades.
import { answer, get, post, type Reply, type Scenario, type Step } from '../scenario.js';
import { http, perRoute, withFilters } from './filters.js';

type Fields = Record<string, unknown>;
type Filter = { name: string; type: string; config?: object };
const all = { numerator: 100 };
const add = (key: string, value: string): object => ({ append: { header: { key, value },
  append_action: 'APPEND_IF_EXISTS_OR_ADD' } });
const mutation: Filter = { name: 'm', type: 'header_mutation.v3.HeaderMutation', config: { mutations: {
  request_mutations: [add('x-a', '1'), { remove: 'x-gone' }], response_mutations: [add('x-r', '1')] } } };
const delayed = (fixed_delay: string): Filter => ({ name: 'f', type: 'fault.v3.HTTPFault', config: { delay: {
  fixed_delay, percentage: all } } });
const delay = delayed('0.05s');
const buffer: Filter = { name: 'b', type: 'buffer.v3.Buffer', config: { max_request_bytes: 50_000 } };
const limit = (tokens: number): Filter => ({ name: 'l', type: 'local_ratelimit.v3.LocalRateLimit', config: {
  stat_prefix: '{id}l', filter_enabled: { default_value: all }, filter_enforced: { default_value: all },
  token_bucket: { max_tokens: tokens, fill_interval: '3600s' } } });
const cors: Filter = { name: 'c', type: 'cors.v3.Cors' };
const allowed = perRoute('c', 'cors.v3.CorsPolicy', { allow_origin_string_match: [{ exact: 'http://o.example' }],
  allow_methods: 'GET' });
const metadata: Filter = { name: 's', type: 'set_metadata.v3.Config', config: { metadata: [{
  metadata_namespace: 'envoy.lb', value: { version: '2' } }] } };

const counts = ['upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_per_try_timeout', 'upstream_rq_2xx',
  'upstream_rq_5xx', 'upstream_rq_active', 'upstream_internal_redirect_succeeded_total'];
const stats = [...counts.map((name) => `cluster.{up}.${name}`), ...http('downstream_rq_2xx', 'downstream_rq_total',
  'downstream_rq_active')];
const together = (name: string, filters: readonly Filter[], route: Fields, steps: readonly Step[],
  more: Partial<Scenario> = {}, besideRoute: object = {}): Scenario => ({ name, stats,
  main: { manager: withFilters(...filters), routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...route },
    ...besideRoute }] }, steps, ...more });

const quick = { base_interval: '0.001s', max_interval: '0.002s' };
const retried: Fields = { retry_policy: { retry_on: '5xx', num_retries: 2, retry_back_off: quick } };
const bad = answer(500, 'bad'), good = answer(200, 'good');
const chunked = ['POST / HTTP/1.1', 'host: a.example', 'transfer-encoding: chunked', '', '5', 'hello', '6', ' world',
  '0', '', ''].join('\r\n');
const once = (...answers: Reply[]): Step[] => [{ send: get('/', 'x-gone: 1'), answer: answers }];
const retries: readonly Scenario[] = [
  together('header_mutation and retries', [mutation], retried, once(bad, bad, good)),
  together('header_mutation and a retried body', [mutation], retried, [{ send: post('/', 'hello'),
    answer: [bad, good] }, { send: chunked, answer: [bad, good] }]),
  together('buffer and retries', [buffer], retried, [{ send: post('/', 'hello'), answer: [bad, good] },
    { send: chunked, answer: [bad, good] }, { send: post('/', 'x'.repeat(40_000)), answer: [bad, good] }]),
  together('delay and retries', [delay], retried, [...once(bad, good), { send: chunked, answer: [bad, good] }]),
  together('delay, buffer and retries', [delay, buffer], retried, [{ send: post('/', 'x'.repeat(40_000)),
    answer: [bad, good] }]),
  together('a delay is not part of the time of the route', [delayed('0.7s')], { timeout: '1.2s' }, [{ send: get('/'),
    answer: { afterMs: 700, reply: good } }]),
  together('a delay longer than the time of a try', [delayed('0.5s')], { retry_policy: { retry_on: '5xx',
    per_try_timeout: '0.3s', retry_back_off: quick } }, once(good)),
  together('a limit counts requests, not tries', [limit(2)], retried, [...once(bad, good), ...once(bad, good),
    ...once(good)]),
  together('cors and retries', [cors], retried, [{ send: get('/', 'origin: http://o.example'), answer: [bad, good] }],
    {}, allowed),
  together('no answer at all, with headers for it', [mutation], {}, [{ send: get('/'), answer: { close: true } }]),
];

const hedged: Fields = { hedge_policy: { hedge_on_per_try_timeout: true }, retry_policy: { retry_on: '5xx',
  num_retries: 1, per_try_timeout: '0.15s', retry_back_off: quick } };
const hedging: readonly Scenario[] = [
  together('header_mutation and hedging', [mutation], hedged, once({ hang: true }, good)),
  together('buffer and hedging', [buffer], hedged, [{ send: chunked, answer: [{ hang: true }, good] }]),
  together('delay and hedging', [delay], hedged, once({ hang: true }, good)),
];

const mirrored = (name: string, filters: readonly Filter[], steps: readonly Step[],
  besideRoute: object = {}): Scenario =>
  together(name, filters, { request_mirror_policies: [{ cluster: '{mirror}' }] }, steps, { upstreams: ['up', 'mirror'],
    varying: ['x-forwarded-for'], stats: [...stats, 'cluster.{mirror}.upstream_rq_total'] }, besideRoute);
const both = (send: string): Step => ({ send, forwarded: 2 });
const mirrors: readonly Scenario[] = [
  mirrored('header_mutation and mirrors', [mutation], [both(get('/', 'x-gone: 1', 'x-a: 0')), both(post('/',
    'hello'))]),
  mirrored('buffer and mirrors', [buffer], [both(chunked), both(post('/', 'x'.repeat(40_000)))]),
  mirrored('delay and mirrors', [delay], [both(get('/')), both(chunked)]),
  mirrored('what is refused is not mirrored', [limit(1)], [both(get('/')), { send: get('/'), forwarded: 0 }]),
  mirrored('what a filter answers is not mirrored', [cors], [{ send: 'OPTIONS / HTTP/1.1\r\nhost: a.example\r\n'
    + 'origin: http://o.example\r\naccess-control-request-method: GET\r\n\r\n', forwarded: 0 }], allowed),
];

const followed: Fields = { internal_redirect_policy: {} };
const moved = answer(302, '', 'location: http://a.example/next');
const differs = [{ line: /\|internal_redirect\||^log main POST/, heading: 'Internal redirects' }];
const redirected = (name: string, filters: readonly Filter[], steps: readonly Step[],
  besideRoute: object = {}): Scenario =>
  together(name, filters, followed, steps, { logLines: 2 * steps.length, differs }, besideRoute);
const redirects: readonly Scenario[] = [
  redirected('header_mutation and internal redirects', [mutation], once(moved, good)),
  redirected('delay and internal redirects', [delay], once(moved, good)),
  redirected('buffer and internal redirects', [buffer], [{ send: post('/', 'hello'), answer: [answer(307, '',
    'location: http://a.example/next'), good] }]),
  redirected('cors and internal redirects', [cors], [{ send: get('/', 'origin: http://o.example'),
    answer: [moved, good] }], allowed),
  redirected('a limit that the second pass meets', [limit(1)], once(moved, good)),
];

const subset = (version: string, name: string): object => ({ metadata: { filter_metadata: { 'envoy.lb': { version } } },
  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const upgrade = 'GET / HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
/** Nothing of it is alike. */
const whole = [{ line: /./, heading: 'Bodies that are too long' }];
const expecting = post('/', 'hello', 'expect: 100-continue');
/** A body in chunks of 4,000 bytes. */
const chunkedOf = (chunks: number): string => 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n'
  + `fa0\r\n${'x'.repeat(4000)}\r\n`.repeat(chunks) + '0\r\n\r\n';
const others: readonly Scenario[] = [
  { ...together('set_metadata chooses a subset', [metadata], { cluster: '{many}' }, [{ send: get('/') },
    { send: get('/') }]), upstreams: ['a', 'b'], stats: ['cluster.{many}.lb_subsets_selected'],
  clusters: [{ name: 'many', fields: { lb_subset_config: { subset_selectors: [{ keys: ['version'] }] },
    load_assignment: { cluster_name: 'many', endpoints: [{ lb_endpoints: [subset('1', 'a'), subset('2',
      'b')] }] } } }] },
  together('upgrade through filters', [mutation, delay], { upgrade_configs: [{ upgrade_type: 'websocket' }] },
    [{ send: upgrade, answer: answer(404, 'no') }]),
  together('delay of a large body', [delay], {}, [{ send: post('/', 'x'.repeat(300_000)) }, { send: chunkedOf(80) }]),
  together('delay, and a body that is too long for buffer', [delay, buffer], {}, [
    { send: post('/', 'x'.repeat(60_000)) }, { send: chunkedOf(20) }], { differs: whole }),
  together('delay and Expect', [delay], {}, [{ send: expecting, responses: 2 }]),
  together('buffer and Expect', [buffer], {}, [{ send: expecting, responses: 2 }]),
  together('delay, buffer and Expect', [delay, buffer], {}, [{ send: expecting, responses: 2 }]),
  together('HEAD, delayed', [delay, mutation], {}, [{ send: 'HEAD / HTTP/1.1\r\nhost: a.example\r\n\r\n',
    noBody: true }]),
  together('upgrade and buffer', [buffer], { upgrade_configs: [{ upgrade_type: 'websocket' }] },
    [{ send: upgrade, answer: answer(404, 'no') }], { differs: whole }),
  together('one request behind another, delayed', [delay], {}, [{ send: get('/1') + get('/2') + get('/3'),
    responses: 3 }]),
  together('the client leaves during a delay', [delay], {}, [{ send: get('/'), reset: true, responses: 0,
    forwarded: 0 }], { logLines: 1, stats: http('fault.delays_injected', 'fault.active_faults', 'downstream_rq_active',
    'downstream_rq_rx_reset') }),
  together('all at once', [cors, limit(100), delay, buffer, mutation, metadata], retried, [{ send: post('/', 'hello',
    'origin: http://o.example'), answer: [bad, good] }, { send: chunked, answer: [bad, bad, good] }], {}, allowed),
];

export const scenarios: readonly Scenario[] = [...retries, ...hedging, ...mirrors, ...redirects, ...others];
