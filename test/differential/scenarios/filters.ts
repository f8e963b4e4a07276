// HTTP filters: what each does to requests and answers, and how routes configure them.
import { answer, get, post, type Scenario, type Step, withRouter } from '../scenario.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.';
type Filter = { name: string; type: string; config?: object };
/** A configuration of one filter in a route or virtual host. */
export const perRoute = (name: string, type: string, config: object): object =>
  ({ typed_per_filter_config: { [name]: { '@type': `${TYPE}${type}`, ...config } } });
export const switched = (name: string, more: object): object => ({ typed_per_filter_config: { [name]: {
  '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', ...more } } });
export const forward = (more: object = {}, path = '/'): object =>
  ({ match: { prefix: path }, route: { cluster: '{up}' }, ...more });
export const withFilters = (...filters: readonly Filter[]): Record<string, unknown> =>
  withRouter(...filters) as Record<string, unknown>;
export const filtered = (name: string, filters: readonly Filter[], steps: readonly Step[],
  routes: object[] = [forward()],
  more: Partial<Scenario> = {}): Scenario => ({ name, main: { routes, manager: withFilters(...filters) }, steps,
    ...more });
export const http = (...names: string[]): string[] => names.map((name) => `http.{id}-main.${name}`);

const mutation = (request: object[], response: object[] = [], more: object = {}): Filter => ({ name: 'm',
  type: 'header_mutation.v3.HeaderMutation', config: { mutations: { request_mutations: request,
    response_mutations: response }, ...more } });
const add = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD'): object =>
  ({ append: { header: { key, value }, append_action } });
const mutationPerRoute = (request: object[], response: object[] = []): object => perRoute('m',
  'header_mutation.v3.HeaderMutationPerRoute', { mutations: { request_mutations: request,
    response_mutations: response } });

const mutations: readonly Scenario[] = [
  filtered('header_mutation adds to requests', [mutation([add('x-a', '1')])], [{ send: get('/') },
    { send: get('/', 'x-a: 0') }, { send: post('/', 'body') }]),
  filtered('header_mutation overwrites and removes', [mutation([add('x-a', '1', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    { remove: 'x-b' }, add('x-c', '3', 'ADD_IF_ABSENT'), add('x-d', '4', 'OVERWRITE_IF_EXISTS')])], [{ send: get('/') },
    { send: get('/', 'x-a: 0', 'x-b: 0', 'x-c: 0', 'x-d: 0') }]),
  filtered('header_mutation of responses', [mutation([], [add('x-r', '1'), { remove: 'x-gone' },
    add('x-o', 'new', 'OVERWRITE_IF_EXISTS_OR_ADD')])], [{ send: get('/'), answer: answer(200, 'ok', 'x-gone: 1',
    'x-o: old', 'x-r: 0') }, { send: get('/'), answer: answer(404, '') }]),
  filtered('header_mutation with commands', [mutation([add('x-p', '%REQ(:path)%'), add('x-m', '%REQ(:method)%'),
    add('x-copy', '%REQ(x-a)%')], [add('x-code', '%RESPONSE_CODE%'), add('x-from', '%REQ(x-a)%')])],
  [{ send: get('/p?q', 'x-a: value') }, { send: get('/p') }]),
  filtered('header_mutation in order', [mutation([add('x-a', '1'), { remove: 'x-a' }, add('x-a', '2'),
    add('x-b', '%REQ(x-a)%')])], [{ send: get('/', 'x-a: 0') }]),
  filtered('two header_mutation filters', [{ ...mutation([add('x-a', '1')], [add('x-r', '1')]), name: 'm1' },
    { ...mutation([add('x-b', '%REQ(x-a)%')], [add('x-r', '2')]), name: 'm2' }], [{ send: get('/') }]),
  filtered('header_mutation sees what the connection manager added', [mutation([
    add('x-proto', '%REQ(x-forwarded-proto)%'), { remove: 'x-forwarded-proto' }])], [{ send: get('/') }]),
  filtered('header_mutation on answers of our own', [mutation([], [add('x-r', '1'),
    add('content-type', 'text/html', 'OVERWRITE_IF_EXISTS_OR_ADD')])], [{ send: get('/direct') },
      { send: get('/none') },
    { send: get('/gone') }, { send: get('/to') }], [
    { match: { path: '/direct' }, direct_response: { status: 200, body: { inline_string: 'hello' } } },
    { match: { path: '/none' }, route: { cluster_header: 'x-c' } }, { match: { path: '/to' },
      redirect: { path_redirect: '/x' } }]),
  filtered('header_mutation of a route', [mutation([add('x-a', 'filter')], [add('x-r', 'filter')])],
    [{ send: get('/a') }, { send: get('/b') }],
    [forward(mutationPerRoute([add('x-a', 'route')], [add('x-r', 'route')]), '/a'), forward()]),
  filtered('header_mutation without mutations of its own', [mutation([])], [{ send: get('/a') }, { send: get('/b') }],
    [forward(mutationPerRoute([add('x-a', 'route')]), '/a'), forward()]),
  ...[false, true].map((wins) => ({
    name: `header_mutation of all levels, most specific ${wins ? 'wins' : 'first'}`,
    main: { virtualHosts: [{ name: 'v', domains: ['*'], routes: [forward(mutationPerRoute([add('x-a', 'route',
      'OVERWRITE_IF_EXISTS_OR_ADD')], [add('x-r', 'route')]))], ...mutationPerRoute([add('x-a', 'host',
      'OVERWRITE_IF_EXISTS_OR_ADD')], [add('x-r', 'host')]) }],
    manager: withRouter(mutation([add('x-a', 'filter', 'OVERWRITE_IF_EXISTS_OR_ADD')], [add('x-r', 'filter')],
      { most_specific_header_mutations_wins: wins })) as Record<string, unknown> },
    steps: [{ send: get('/') }] } as Scenario)),
  filtered('header_mutation beside the headers of the route', [mutation([add('x-a', 'filter')], [add('x-r',
    'filter')])],
    [{ send: get('/'), answer: answer(200, '', 'x-r: up') }], [forward({
      request_headers_to_add: [{ header: { key: 'x-a', value: 'route %REQ(x-a)%' } }],
      response_headers_to_add: [{ header: { key: 'x-r', value: 'route' } }] })]),
  filtered('header_mutation of a weighted cluster', [mutation([])], [{ send: get('/') }], [{ match: { prefix: '/' },
    route: { weighted_clusters: { clusters: [{ name: '{up}', weight: 1, ...mutationPerRoute([add('x-a', 'cluster')]) }]
    } } }]),
  filtered('header_mutation of a chunked request', [mutation([add('x-a', '1')])], [{
    send: 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' }]),
  filtered('header_mutation and a rewritten path', [mutation([add('x-a', '1')])], [{ send: get('/a/b?c') }],
    [{ match: { prefix: '/a' }, route: { cluster: '{up}', prefix_rewrite: '/z', host_rewrite_literal: 'other' } }]),
  filtered('header_mutation on one connection', [mutation([add('x-a', '1')])],
    [{ send: get('/1') + get('/2') + get('/3'),
    responses: 3 }, { send: get('/4'), sameConnection: true }]),
];

const switches: readonly Scenario[] = [
  filtered('a filter that is disabled on a route', [mutation([add('x-a', '1')])], [{ send: get('/off') },
    { send: get('/') }], [forward(switched('m', { disabled: true }), '/off'), forward()]),
  { name: 'a filter that is disabled but for a route', main: { routes: [forward(switched('m', { config: {} }), '/on'),
    forward(mutationPerRoute([add('x-b', '2')]), '/own'), forward()], manager: { http_filters: [{ name: 'm',
    disabled: true, typed_config: { '@type': `${TYPE}header_mutation.v3.HeaderMutation`, mutations: {
      request_mutations: [add('x-a', '1')] } } }, { name: 'envoy.filters.http.router', typed_config: {
      '@type': `${TYPE}router.v3.Router` } }] } }, steps: [{ send: get('/own') }, { send: get('/') }] },
  filtered('a configuration for a filter that is not there', [mutation([add('x-a', '1')])], [{ send: get('/') }],
    [forward(perRoute('other', 'header_mutation.v3.HeaderMutationPerRoute', {}))]),
  filtered('disabled on the virtual host, enabled on the route', [mutation([add('x-a', '1')])], [{ send: get('/on') },
    { send: get('/') }], [], { main: { virtualHosts: [{ name: 'v', domains: ['*'], routes: [
    forward(mutationPerRoute([add('x-b', '2')]), '/on'), forward()], ...switched('m', { disabled: true }) }],
  manager: withRouter(mutation([add('x-a', '1')])) as Record<string, unknown> } }),
];

const cors: Filter = { name: 'c', type: 'cors.v3.Cors' };
const policy = (more: object): object => perRoute('c', 'cors.v3.CorsPolicy', more);
const origins = (...exact: string[]): object => ({ allow_origin_string_match: exact.map((one) => ({ exact: one })) });
const preflight = (path: string, origin: string, ...more: string[]): string => get(path, `origin: ${origin}`,
  'access-control-request-method: PUT', ...more).replace('GET', 'OPTIONS');
const A = 'http://a.example', B = 'http://b.example';
const corsCounts = http('cors.origin_valid', 'cors.origin_invalid');
const full = { ...origins(A), allow_methods: 'GET, PUT', allow_headers: 'x-a, x-b', expose_headers: 'x-r',
  max_age: '100', allow_credentials: true };
const corsScenario = (name: string, config: object, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario =>
  filtered(name, [cors], steps, [forward(policy(config))], { stats: corsCounts, ...more });

const crossOrigin: readonly Scenario[] = [
  corsScenario('cors of a simple request', full, [{ send: get('/', `origin: ${A}`) }, { send: get('/',
    `origin: ${B}`) },
    { send: get('/') }]),
  corsScenario('cors preflight', full, [{ send: preflight('/', A) }]),
  corsScenario('cors preflight of a stranger', full, [{ send: preflight('/', B) }]),
  corsScenario('cors preflight of a stranger that is not forwarded', { ...full,
    forward_not_matching_preflights: false }, [{ send: preflight('/', B) }]),
  corsScenario('cors OPTIONS without a method', full, [{ send: get('/', `origin: ${A}`).replace('GET', 'OPTIONS') }]),
  corsScenario('cors with stars', { allow_origin_string_match: [{ exact: '*' }], allow_methods: '*',
    allow_headers: '*' }, [{ send: preflight('/', A, 'access-control-request-headers: x-1, x-2') },
    { send: get('/', `origin: ${B}`) }]),
  corsScenario('cors by prefix and expression', { allow_origin_string_match: [{ prefix: 'http://a' },
    { safe_regex: { regex: 'https?://[a-z]+[.]test' } }] }, [{ send: get('/', `origin: ${A}`) },
    { send: get('/', 'origin: https://b.test') }, { send: get('/', 'origin: https://b1.test') }]),
  corsScenario('cors overwrites what the upstream says', full, [{ send: get('/', `origin: ${A}`),
    answer: answer(200, '', 'access-control-allow-origin: *', 'access-control-expose-headers: y') }]),
  corsScenario('cors and private networks', { ...full, allow_private_network_access: true }, [
    { send: preflight('/', A, 'access-control-request-private-network: true') }, { send: preflight('/', A) }]),
  corsScenario('cors in the shadow', { ...full, filter_enabled: { default_value: { numerator: 0 } },
    shadow_enabled: { default_value: { numerator: 100 } } }, [{ send: get('/', `origin: ${A}`) },
    { send: preflight('/', B) }]),
  corsScenario('cors switched off', { ...full, filter_enabled: { default_value: { numerator: 0 } } }, [
    { send: get('/', `origin: ${A}`) }, { send: preflight('/', A) }]),
  filtered('cors without a policy', [cors], [{ send: preflight('/', A) }]),
  filtered('cors of the virtual host, completed by the route', [cors], [{ send: preflight('/', A) },
    { send: preflight('/', B) }, { send: get('/', `origin: ${A}`) }], [], { stats: corsCounts,
    main: { virtualHosts: [{ name: 'v', domains: ['*'], routes: [forward(policy({ allow_methods: 'DELETE' }))],
      ...policy(full) }], manager: withRouter(cors) as Record<string, unknown> } }),
  filtered('cors on a direct response', [cors], [{ send: get('/', `origin: ${A}`) }, { send: preflight('/', A) }],
    [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'x' } }, ...policy(full) }]),
  filtered('cors on an answer of our own', [cors], [{ send: get('/', `origin: ${A}`) }],
    [{ match: { prefix: '/' }, route: { cluster_header: 'x-c' }, ...policy(full) }]),
];

const csrf = (more: object = {}): Filter => ({ name: 's', type: 'csrf.v3.CsrfPolicy', config: {
  filter_enabled: { default_value: { numerator: 100 } }, ...more } });
const csrfCounts = http('csrf.missing_source_origin', 'csrf.request_invalid', 'csrf.request_valid');
const csrfSteps: Step[] = [{ send: get('/') }, { send: post('/', 'x') },
  { send: post('/', 'x', 'origin: http://a.example') }, { send: post('/', 'x', 'origin: http://b.example') },
  { send: post('/', 'x', 'referer: http://a.example/page') },
  { send: post('/', 'x', 'origin: http://b.example', 'referer: http://a.example/page') },
  { send: post('/', 'x', 'origin: a.example') }, { send: post('/', 'x', 'origin: http://a.example:8080') },
  { send: post('/', 'x', 'origin: null') }, { send: get('/', 'origin: http://b.example') }];

const forgery: readonly Scenario[] = [
  filtered('csrf', [csrf()], csrfSteps, [forward()], { stats: csrfCounts }),
  filtered('csrf in the shadow', [csrf({ filter_enabled: { default_value: {} },
    shadow_enabled: { default_value: { numerator: 100 } } })], csrfSteps.slice(1, 4), [forward()],
  { stats: csrfCounts }),
  filtered('csrf with more origins', [csrf({ additional_origins: [{ exact: 'b.example' }, { suffix: '.test' }] })],
    [...csrfSteps.slice(3, 4), { send: post('/', 'x', 'origin: http://x.test') },
      { send: post('/', 'x', 'origin: http://x.test2') }], [forward()], { stats: csrfCounts }),
  filtered('csrf of a route', [csrf()], [{ send: post('/off', 'x', 'origin: http://b.example') },
    { send: post('/', 'x', 'origin: http://b.example') }], [forward(perRoute('s', 'csrf.v3.CsrfPolicy', {
    filter_enabled: { default_value: { numerator: 0 } } }), '/off'), forward()], { stats: csrfCounts }),
  filtered('csrf of other methods', [csrf()], ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'].map((method) => ({
    send: post('/', '', 'origin: http://b.example').replace('POST', method), noBody: method === 'HEAD' })),
  [forward()], { stats: csrfCounts }),
];

export const scenarios: readonly Scenario[] = [...mutations, ...switches, ...crossOrigin, ...forgery];
