// What a virtual host and its routes count apart (virtual clusters, stat prefixes), and the conditions on routes that
// other files have no place for.
import { answer, get, type Scenario } from '../scenario.js';

const NAMES = ['upstream_rq_total', 'upstream_rq_timeout', 'upstream_rq_completed', 'upstream_rq_2xx',
  'upstream_rq_5xx', 'upstream_rq_200', 'upstream_rq_404', 'upstream_rq_503'];
const counts = (...scopes: string[]) => scopes.flatMap((scope) => NAMES.map((name) => `vhost.{id}${scope}.${name}`));
const string = (name: string, match: object, more: object = {}) => ({ name, string_match: match, ...more });
const forward = (more: object = {}) => ({ match: { prefix: '/' }, route: { cluster: '{up}', ...more } });
/** One virtual host with the virtual cluster `c` of these conditions; each request names itself in its path. */
const clustered = (name: string, headers: object[], ...requests: [string, ...string[]][]): Scenario => ({
  name,
  main: { virtualHosts: [{ name: '{id}v', domains: ['*'], routes: [forward()],
    virtual_clusters: [{ name: 'c', headers }] }] },
  steps: requests.map((request) => ({ send: get(...request) })),
  stats: counts('v.vcluster.c', 'v.vcluster.other'),
});

const clusters: readonly Scenario[] = [
  clustered('virtual cluster by path', [string(':path', { prefix: '/a' })], ['/a'], ['/ab?x'], ['/b']),
  clustered('virtual cluster by path and method', [string(':path', { prefix: '/a' }),
    string(':method', { exact: 'POST' })], ['/a'], ['/b']),
  clustered('virtual cluster by an expression', [string(':path', { safe_regex: { regex: '/u/[0-9]+' } })], ['/u/1'],
    ['/u/a'], ['/u/2']),
  clustered('virtual cluster by a header', [string('x-a', { exact: '1' })], ['/', 'x-a: 1'], ['/', 'x-a: 2'], ['/']),
  clustered('virtual cluster by an inverted header', [string('x-a', { exact: '1' }, { invert_match: true })],
    ['/', 'x-a: 1'], ['/', 'x-a: 2'], ['/']),
  clustered('virtual cluster by a missing header', [{ name: 'x-a', present_match: false }], ['/', 'x-a: 1'], ['/']),
  { name: 'the first virtual cluster that holds',
    main: { virtualHosts: [{ name: '{id}v', domains: ['*'], routes: [forward({ prefix_rewrite: '/z' })],
      virtual_clusters: [{ name: 'one', headers: [string(':path', { prefix: '/a' })] },
        { name: 'two', headers: [string(':path', { prefix: '/' })] }] }] },
    steps: [{ send: get('/a') }, { send: get('/b') }, { send: get('/a/b') }],
    stats: counts('v.vcluster.one', 'v.vcluster.two', 'v.vcluster.other') },
  { name: 'answers of all kinds in a virtual cluster',
    main: { virtualHosts: [{ name: '{id}v', domains: ['*'], routes: [
      { match: { prefix: '/direct' }, direct_response: { status: 200 } }, { match: { prefix: '/none' },
        route: { cluster_header: 'x-c' } }, { match: { prefix: '/slow' }, route: { cluster: '{up}',
          timeout: '0.2s' } }, forward()],
      virtual_clusters: [{ name: 'c', headers: [string(':path', { prefix: '/' })] }] }] },
    steps: [{ send: get('/direct') }, { send: get('/none') }, { send: get('/a'), answer: answer(404) },
      { send: get('/b'), answer: answer(503, '', 'connection: close') },
      { send: get('/c'), answer: { close: true } },
      { send: get('/slow'), answer: { hang: true } }],
    stats: counts('v.vcluster.c', 'v.vcluster.other') },
  { name: 'a virtual cluster in the log', main: { virtualHosts: [{ name: '{id}v', domains: ['*'],
      request_headers_to_add: [{ header: { key: 'x-vc', value: '%VIRTUAL_CLUSTER_NAME%' } }], routes: [forward()],
      virtual_clusters: [{ name: 'c', headers: [string(':path', { prefix: '/a' })] }] }] },
    steps: [{ send: get('/a') }, { send: get('/b') }] },
];

const routes: readonly Scenario[] = [
  { name: 'routes with stat prefixes', main: { virtualHosts: [{ name: '{id}v', domains: ['*'], routes: [
      { ...forward(), match: { prefix: '/a' }, stat_prefix: 'one' },
      { ...forward(), match: { prefix: '/b' }, stat_prefix: 'two' }, forward()] }] },
    steps: [{ send: get('/a') }, { send: get('/a'), answer: answer(503) }, { send: get('/b') }, { send: get('/c') }],
    stats: counts('v.route.one', 'v.route.two') },
  { name: 'a stat prefix beside a virtual cluster', main: { virtualHosts: [{ name: '{id}v', domains: ['*'],
      routes: [{ ...forward(), stat_prefix: 'one' }], virtual_clusters: [{ name: 'c',
        headers: [string(':path', { prefix: '/a' })] }] }] },
    steps: [{ send: get('/a') }, { send: get('/b') }],
    stats: counts('v.route.one', 'v.vcluster.c', 'v.vcluster.other') },
  { name: 'decorators have no effect without tracing', main: { routes: [{ ...forward(), decorator: {
      operation: 'op', propagate: true } }] },
    steps: [{ send: get('/') }, { send: get('/', 'x-envoy-decorator-operation: other') }] },
  ...[{ presented: true }, { presented: false }, { validated: true }, { validated: false }, {},
    { presented: true, validated: false }].map((tls): Scenario => ({
    name: `a route for certificates ${JSON.stringify(tls)}`,
    main: { routes: [{ match: { prefix: '/', tls_context: tls }, direct_response: { status: 200,
      body: { inline_string: 'matched' } } }, { match: { prefix: '/' }, direct_response: { status: 200,
      body: { inline_string: 'rest' } } }] },
    steps: [{ send: get('/') }],
  })),
];

export const scenarios: readonly Scenario[] = [...clusters, ...routes];
