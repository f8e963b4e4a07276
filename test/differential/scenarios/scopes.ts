// Route configurations chosen by header, and the longest life of a stream by route.
import { answer, get, post, type Scenario, type Step } from '../scenario.js';

const stats = ['no_route', 'downstream_rq_total', 'rq_total', 'rq_direct_response', 'downstream_rq_404'].map((name) =>
  `http.{id}-main.${name}`);
const routes = (name: string, more: object = {}): object => ({ name, virtual_hosts: [{ name: 'v', domains: ['*'],
  routes: [{ match: { prefix: '/up' }, route: { cluster: '{up}' } }, { match: { prefix: '/' }, direct_response: {
    status: 200, body: { inline_string: name } } }] }], ...more });
const scope = (name: string, ...keys: string[]): object => ({ name, route_configuration: routes(name),
  key: { fragments: keys.map((string_key) => ({ string_key })) } });
const header = (name: string, more: object): object => ({ header_value_extractor: { name, ...more } });

const scoped = (name: string, fragments: readonly object[], scopes: readonly object[],
  steps: readonly (Step | readonly string[])[]): Scenario => ({
  name,
  main: { manager: { route_config: undefined, scoped_routes: { name: 's', scope_key_builder: { fragments },
    scoped_route_configurations_list: { scoped_route_configurations: scopes } } } },
  steps: steps.map((step): Step => 'length' in step ? { send: get('/', ...step) } : step), stats,
});
type Manager = Record<string, unknown>;
const whole = header('X-Scope', { index: 0 });
const two = [scope('a', 'a'), scope('b', 'b')];

const lasting = (name: string, duration: object, steps: readonly Step[], route: object = {}, manager: Manager = {},
  more: Partial<Scenario> = {}): Scenario => ({
  name, main: { manager, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', max_stream_duration: duration,
    ...route } }] }, steps, stats: ['http.{id}-main.downstream_rq_max_duration_reached',
    'cluster.{up}.upstream_rq_timeout', 'cluster.{up}.upstream_rq_max_duration_reached',
    'cluster.{up}.upstream_rq_completed', 'http.{id}-main.downstream_rq_4xx', 'http.{id}-main.downstream_rq_5xx'],
  ...more,
});
const hang: Step = { send: get('/'), answer: { hang: true } };
const slow: Step = { send: get('/'), answer: { afterMs: 400, reply: answer(200, 'late') } };
const limit = (seconds: string): Manager => ({ common_http_protocol_options: { max_stream_duration: seconds } });

export const scenarios: readonly Scenario[] = [
  scoped('by a header', [whole], two, [['x-scope: a'], ['x-scope: b'], ['x-scope: c'], ['x-scope: A'], [],
    ['x-scope: '], ['x-scope: a', 'x-scope: b'], ['x-scope: a,b']]),
  scoped('forwarded', [whole], two, [{ send: get('/up', 'x-scope: b') }]),
  scoped('by an element', [header('x-scope', { element_separator: ';', index: 1 })], two, [['x-scope: x;a'],
    ['x-scope: a'], ['x-scope: x;b;a'], ['x-scope: x; a'], ['x-scope: ;b'], ['x-scope: x;']]),
  scoped('by a longer separator', [header('x-scope', { element_separator: '--', index: 2 })], two,
    [['x-scope: x--y--a'], ['x-scope: ----b'], ['x-scope: x-y-a'], ['x-scope: x---a--b']]),
  scoped('by a key', [header('x-scope', { element_separator: ',', element: { separator: '=', key: 'env' } })], two,
    [['x-scope: env=a'], ['x-scope: x=y,env=b'], ['x-scope: env=a,env=b'], ['x-scope: x=y, env=b'], ['x-scope: env'],
      ['x-scope: env='], ['x-scope: env=a=b'], ['x-scope: Env=a']]),
  scoped('by a key in all of the header', [header('x-scope', { element: { separator: '==', key: 'env' } })], two,
    [['x-scope: env==a'], ['x-scope: env=a'], ['x-scope: env==b,x==y']]),
  scoped('an empty key', [header('x-scope', { element_separator: ';', index: 1 })], [scope('empty', '')],
    [['x-scope: a;'], ['x-scope: a;b'], ['x-scope: a']]),
  scoped('two fragments', [header('x-one', { index: 0 }), header('x-two', { index: 0 })], [scope('ab', 'a', 'b'),
    scope('ba', 'b', 'a'), scope('a', 'a')], [['x-one: a', 'x-two: b'], ['x-one: b', 'x-two: a'], ['x-one: a'],
    ['x-one: a', 'x-two: a'], ['x-two: a']]),
  scoped('the path is no header', [header(':path', { index: 0 })], [scope('root', '/'), scope('b', 'b')], [[],
    { send: get('/x') }]),
  scoped('the host', [header(':authority', { index: 0 })], [scope('a', 'a.example'), scope('b', 'b.example:81')], [[],
    ['host: b.example:81'], ['host: c.example']]),
  lasting('a route limits its streams', { max_stream_duration: '0.2s' }, [hang]),
  lasting('its timeout does not count', { max_stream_duration: '0.4s' }, [hang], { timeout: '0.15s' }),
  lasting('nor does the usual one', { max_stream_duration: '0s' }, [slow], { timeout: '0.15s' }),
  lasting('nothing is said', {}, [slow], { timeout: '0.15s' }),
  lasting('in place of the manager', { max_stream_duration: '0.6s' }, [slow], {}, limit('0.2s')),
  lasting('no limit in place of the manager', { max_stream_duration: '0s' }, [slow], {}, limit('0.2s')),
  lasting('nothing in place of the manager', {}, [hang], {}, limit('0.2s')),
  lasting('shorter than the manager', { max_stream_duration: '0.2s' }, [hang], {}, limit('5s')),
  lasting('a request that does not end', { max_stream_duration: '0.2s' }, [{ ends: true,
    send: post('/', 'half').replace('content-length: 4', 'content-length: 9') }]),
  lasting('an answer that does not end', { max_stream_duration: '0.2s' }, [{ send: get('/'), responses: 0, quietMs: 900,
    answer: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc' }], {}, { delayed_close_timeout: '0.05s' },
  { logLines: 1 }),
  lasting('attempts together', { max_stream_duration: '1s' }, [{ send: get('/'), answer: [{ hang: true },
    { hang: true }] }], { retry_policy: { retry_on: '5xx', num_retries: 5, per_try_timeout: '0.4s' } }),
  lasting('what is expected of the upstream', { max_stream_duration: '5s' }, [{ send: get('/') }],
    { retry_policy: { retry_on: '5xx', per_try_timeout: '2s' } }),
  lasting('a gRPC timeout', { max_stream_duration: '5s' }, [{ send: get('/', 'grpc-timeout: 100m') }]),
];
