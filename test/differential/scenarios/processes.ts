// What concerns a whole process, so that each scenario has one of its own: runtime layers, overload, the admin server.
import { get, post, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const direct = (text: string, match: Fields = {}): Fields => ({ match: { prefix: '/', ...match },
  direct_response: { status: 200, body: { inline_string: text } } });
const fraction = (runtime_key: string, numerator: number): Fields => ({ runtime_fraction: { runtime_key,
  default_value: { numerator } } });
/** Routes whose shares layers change, each asked once. */
const layered = (name: string, layers: Fields[], ...steps: Step[]): Scenario => ({ name,
  alone: { bootstrap: { layered_runtime: { layers } } },
  main: { routes: [{ ...direct('a', fraction('key.a', 0)), match: { prefix: '/a', ...fraction('key.a', 0) } },
    { ...direct('b'), match: { prefix: '/b', ...fraction('key.b', 100) } }, direct('rest')] },
  steps: [{ send: get('/a') }, { send: get('/b') }, ...steps], stats: ['runtime.num_layers', 'runtime.num_keys',
    'runtime.load_error', 'runtime.override_dir_exists', 'runtime.admin_overrides_active'] });
const fixed = (static_layer: Fields, name = 'static'): Fields => ({ name, static_layer });

const runtime: readonly Scenario[] = [
  layered('runtime: no value', [fixed({})]),
  layered('runtime: numbers', [fixed({ 'key.a': 100, 'key.b': 0 })]),
  layered('runtime: nested keys', [fixed({ key: { a: 100, b: 0 } })]),
  layered('runtime: fractions', [fixed({ 'key.a': { numerator: 1_000_000, denominator: 'MILLION' },
    'key.b': { numerator: 0 } })]),
  layered('runtime: the later layer wins', [fixed({ 'key.a': 0, 'key.b': 0 }, 'one'), fixed({ 'key.a': 100 }, 'two')]),
  layered('runtime: text that is no number', [fixed({ 'key.a': 'much', 'key.b': 'none' })]),
  layered('runtime: changed by the admin server', [fixed({ 'key.a': 0 }), { name: 'admin', admin_layer: {} }],
    { admin: { method: 'POST', path: '/runtime_modify?key.a=100&key.b=0', body: true }, waitMs: 20 },
    { waitMs: 100, send: get('/a') }, { send: get('/b') },
    { admin: { method: 'POST', path: '/runtime_modify?key.a=', body: true } }, { waitMs: 100, send: get('/a') }),
  layered('runtime: nothing to change', [fixed({})], { admin: { method: 'POST', path: '/runtime_modify?key.a=1' } },
    { admin: { method: 'POST', path: '/runtime_modify' } }),
];

const TYPE = 'type.googleapis.com/envoy.extensions.resource_monitors.';
const HEAP = { name: 'envoy.resource_monitors.fixed_heap', typed_config: {
  '@type': `${TYPE}fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: 1 } };
const pressed = (action: string, ...steps: Step[]): Scenario => ({ name: `overload: ${action}`,
  alone: { bootstrap: { overload_manager: { refresh_interval: '0.02s', resource_monitors: [HEAP], actions: [
    { name: `envoy.overload_actions.${action}`, triggers: [{ name: 'envoy.resource_monitors.fixed_heap',
      threshold: { value: 0.5 } }] }] } } },
  main: { routes: [direct('served')] }, steps: steps.map((step) => ({ waitMs: 150, ...step })),
  stats: [`overload.envoy.overload_actions.${action}.active`,
    'http.{id}-main.downstream_rq_overload_close',
    'http.{id}-main.downstream_cx_overload_disable_keepalive'] });

const overload: readonly Scenario[] = [
  pressed('stop_accepting_requests', { send: get('/') }),
  pressed('disable_http_keepalive', { send: get('/') }),
  pressed('reject_incoming_connections', { send: get('/'), responses: 0, ends: true, quietMs: 300 }),
];

const called = (name: string, ...calls: NonNullable<Step['admin']>[]): Scenario => ({ name, alone: {},
  main: { routes: [direct('served')] }, steps: calls.map((admin) => ({ admin })), logLines: 0 });

const told = (name: string, path: string, more: Partial<Scenario> = {}): Scenario => ({ name, alone: {},
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
  steps: [{ send: get('/') }, { waitMs: 200, admin: { path, body: true } }], ...more });

const admin: readonly Scenario[] = [
  told('admin: clusters as text', '/clusters'),
  told('admin: clusters as JSON', '/clusters?format=json'),
  told('admin: a cluster that was asked for', '/clusters?filter=none'),
  told('admin: listeners as text', '/listeners'),
  told('admin: listeners as JSON', '/listeners?format=json'),
  told('admin: runtime', '/runtime', { steps: [{ admin: { path: '/runtime' } }], logLines: 0,
    alone: { bootstrap: { layered_runtime: { layers: [
    { name: 'static', static_layer: { a: 1, b: { c: true } } }, { name: 'admin', admin_layer: {} }] } } } }),
  told('admin: the answers of a histogram', '/stats?filter=^cluster.*upstream_rq_time$&usedonly'
    + '&histogram_buckets=disjoint', { steps: [{ admin: { path: '/stats?filter=^cluster.*cx_connect_ms$',
    body: true } }] }),
  called('admin: health', { path: '/ready', body: true }, { method: 'POST', path: '/healthcheck/fail', body: true },
    { path: '/ready', body: true }, { method: 'POST', path: '/healthcheck/ok', body: true }, { path: '/ready' },
    { path: '/healthcheck/fail' }),
  called('admin: what is not there', { path: '/none' }, { path: '/stats/none' }, { method: 'POST', path: '/stats' }),
  called('admin: certificates and init', { path: '/certs', body: true }, { path: '/init_dump', body: true },
    { path: '/init_dump?mask=listener' }),
  called('admin: listeners', { path: '/listeners' }, { path: '/listeners?format=json' }, { path: '/clusters' },
    { path: '/clusters?format=json' }, { path: '/help' }, { path: '/hot_restart_version' }, { path: '/memory' }),
  called('admin: statistics', { path: '/stats?filter=^http.s0-main.downstream_rq_total$', body: true },
    { path: '/stats?filter=^http.s0-main.downstream_rq_total$&format=json', body: true },
    { path: '/stats?filter=(' }, { path: '/stats?format=none' }, { path: '/stats/prometheus' },
    { method: 'POST', path: '/reset_counters', body: true }, { path: '/reset_counters' }),
  called('admin: drains', { method: 'POST', path: '/drain_listeners?graceful&skip_exit', body: true },
    { path: '/drain_listeners' }),
  called('admin: dump', { path: '/config_dump' }, { path: '/config_dump?resource=none' },
    { path: '/config_dump?mask=none', body: true }, { path: '/config_dump?mask=none,bootstrap' },
    { path: '/config_dump?resource=static_listeners' },
    { path: '/config_dump?name_regex=(' }),
];

/** Metrics of a name, as Prometheus reads them: lines of types and of values. */
const scraped = (name: string, filter: string, more: Partial<Scenario> = {}): Scenario => ({ name, alone: {},
  main: { virtualHosts: [{ name: 'shop', domains: ['*'], virtual_clusters: [{ name: 'cart', headers: [
    { name: ':path', string_match: { prefix: '/cart' } }] }], routes: [
    { match: { prefix: '/cart' }, route: { cluster: '{up}' }, stat_prefix: 'of-cart' },
    { match: { prefix: '/direct' }, direct_response: { status: 404 } },
    { match: { prefix: '/' }, route: { cluster: '{up}' } }] }] },
  steps: [{ send: get('/cart/1') }, { send: get('/other') }, { send: get('/direct') },
    { waitMs: 200, admin: { path: `/stats/prometheus?usedonly&filter=${filter}`, body: true } },
    { admin: { path: `/stats?usedonly&filter=${filter}`, body: true } }], ...more });

const prometheus: readonly Scenario[] = [
  scraped('prometheus: virtual hosts', '^vhost\\..*upstream_rq_(total|200|2xx|completed|timeout)$'),
  scraped('prometheus: clusters', '^cluster\\..*upstream_(rq_(total|200|2xx|completed)|cx_(total|http1_total))$'),
  scraped('prometheus: connection managers', '^http\\.s0.*downstream_(rq_(total|2xx|4xx|completed)|cx_total)$'),
  scraped('prometheus: listeners', '^listener\\.127.*(downstream_cx_total|http\\..*downstream_rq_[24]xx)$'),
];

/** Everything that was counted, after some traffic. */
const counted = (name: string, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({ name, alone: {},
  main: { routes: [{ match: { prefix: '/direct' }, direct_response: { status: 404 } },
    { match: { prefix: '/slow' }, route: { cluster: '{up}', timeout: '0.25s' } },
    { match: { prefix: '/' }, route: { cluster: '{up}' } }] },
  steps: [...steps, { waitMs: 300, admin: { body: true, path: '/stats?usedonly&type=Counters&filter='
    + '^(cluster\\.|http\\.s0|listener\\.127).*_(total|fail|rq|overflow|error|xx|completed|reset|timeout|route|local|'
    + 'remote)$' } }],
  ...more });

const counts: readonly Scenario[] = [
  counted('counted: a request', [{ send: get('/') }]),
  counted('counted: keep-alive', [{ send: get('/') }, { send: get('/'), sameConnection: true }]),
  counted('counted: answers of our own', [{ send: get('/direct') }, { send: 'GET / HTTP/1.1\r\nbad name: 1\r\n\r\n' }]),
  counted('counted: the upstream closes', [{ send: post('/', 'x'), answer: { close: true } }]),
  counted('counted: the upstream resets', [{ send: post('/', 'x'), answer: { reset: true } }]),
  counted('counted: a timeout', [{ send: get('/slow'), answer: { hang: true } }]),
  counted('counted: the client leaves', [{ responses: 0, quietMs: 50,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc' }, { send: get('/direct') }]),
  counted('counted: nonsense from the upstream', [{ send: get('/'), answer: 'nonsense\r\n\r\n' }]),
];

export const scenarios: readonly Scenario[] = [...counts, ...prometheus, ...runtime, ...overload, ...admin];
