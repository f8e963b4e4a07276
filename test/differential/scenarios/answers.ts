// Answers that routes give by themselves: redirects in all their parts, and direct responses.
import { get, post, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const redirect = (name: string, action: Fields, ...requests: string[]): Scenario => ({ name,
  main: { routes: [{ match: { prefix: '/p' }, redirect: action }] }, steps: requests.map((send) => ({ send })) });
const PATHS = [get('/p/a?b=c'), get('/p'), get('/p/a', 'host: a.example:8080')];

const redirects: readonly Scenario[] = [
  redirect('redirect: host', { host_redirect: 'b.example' }, ...PATHS, get('/p', 'host: b.example:81')),
  redirect('redirect: host with a port', { host_redirect: 'b.example:99' }, ...PATHS),
  redirect('redirect: port', { port_redirect: 99 }, ...PATHS, get('/p', 'host: [::1]'), get('/p', 'host: [::1]:8')),
  redirect('redirect: host and port', { host_redirect: 'b.example', port_redirect: 99 }, ...PATHS),
  redirect('redirect: https', { https_redirect: true }, ...PATHS, get('/p', 'host: a.example:80'),
    get('/p', 'host: a.example:443'), get('/p', 'x-forwarded-proto: https')),
  redirect('redirect: scheme', { scheme_redirect: 'ftp' }, ...PATHS),
  redirect('redirect: scheme http', { scheme_redirect: 'http' }, ...PATHS, get('/p', 'host: a.example:443'),
    get('/p', 'host: a.example:443', 'x-forwarded-proto: https'), get('/p', 'x-forwarded-proto: https')),
  redirect('redirect: https to another port', { https_redirect: true, port_redirect: 8443 }, ...PATHS),
  redirect('redirect: path', { path_redirect: '/new' }, ...PATHS),
  redirect('redirect: path with a query', { path_redirect: '/new?q=1' }, ...PATHS),
  redirect('redirect: path, query stripped', { path_redirect: '/new', strip_query: true }, ...PATHS),
  redirect('redirect: prefix', { prefix_rewrite: '/n' }, ...PATHS, get('/padded')),
  redirect('redirect: prefix to nothing', { prefix_rewrite: '/' }, ...PATHS),
  redirect('redirect: expression', { regex_rewrite: { pattern: { regex: '^/p/([a-z])' }, substitution: '/\\1/\\1' } },
    ...PATHS, get('/p/A'), get('/p/abc/d')),
  ...['x', 'x?y', 'x/', '?y'].flatMap((text) => [
    redirect(`redirect: path without a slash, ${text}`, { path_redirect: text }, ...PATHS),
    redirect(`redirect: prefix without a slash, ${text}`, { prefix_rewrite: text }, ...PATHS),
    redirect(`redirect: expression without a slash, ${text}`, { regex_rewrite: { pattern: { regex: '^/p' },
      substitution: text } }, ...PATHS)]),
  redirect('redirect: expression that leaves nothing', { regex_rewrite: { pattern: { regex: '^/p(/a)?' },
    substitution: '' } }, ...PATHS, get('/px')),
  redirect('redirect: query stripped', { host_redirect: 'b.example', strip_query: true }, ...PATHS),
  ...['MOVED_PERMANENTLY', 'FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT'].map((response_code) =>
    redirect(`redirect: ${response_code}`, { host_redirect: 'b.example', response_code }, get('/p'), post('/p', 'x'))),
  redirect('redirect: nothing is changed', { response_code: 'FOUND' }, ...PATHS),
  { name: 'redirect: a whole path is rewritten', main: { routes: [{ match: { path: '/exact' },
    redirect: { prefix_rewrite: '/n' } }] }, steps: [{ send: get('/exact?a') }] },
  { name: 'redirect: prefix behind a separated prefix', main: { routes: [{ match: { path_separated_prefix: '/sep' },
    redirect: { prefix_rewrite: '/n' } }] }, steps: [{ send: get('/sep') }, { send: get('/sep/a') }] },
  { name: 'redirect: counted', main: { routes: [{ match: { prefix: '/' }, redirect: { host_redirect: 'b' } }] },
    steps: [{ send: get('/') }], stats: ['rq_redirect', 'rq_direct_response', 'downstream_rq_3xx', 'rq_total']
      .map((name) => `http.{id}-main.${name}`) },
  ...['ALL', 'EXTERNAL_ONLY', 'NONE'].map((require_tls): Scenario => ({ name: `require_tls: ${require_tls}`,
    main: { virtualHosts: [{ name: 'v', domains: ['*'], require_tls, routes: [{ match: { prefix: '/' },
      direct_response: { status: 200 } }] }] },
    steps: [{ send: get('/a?b') }, { send: get('/a', 'x-forwarded-proto: https') },
      { send: get('/a', 'host: a.example:8080') }] })),
];

const direct = (name: string, direct_response: Fields, more: Partial<Scenario['main'] & object> = {},
  ...requests: string[]): Scenario => ({ name, main: { routes: [{ match: { prefix: '/' }, direct_response }], ...more },
  steps: (requests.length > 0 ? requests : [get('/')]).map((send) => ({ send })) });
const body = (inline_string: string): Fields => ({ body: { inline_string } });

const directs: readonly Scenario[] = [
  direct('direct: a status alone', { status: 200 }),
  direct('direct: a body', { status: 200, ...body('hello') }),
  direct('direct: bytes', { status: 200, body: { inline_bytes: 'aGVsbG8=' } }),
  direct('direct: an empty body', { status: 200, ...body('') }),
  direct('direct: an environment variable', { status: 200, body: { environment_variable: 'HOME' } }),
  direct('direct: umlauts', { status: 200, ...body('\u00e4\u00f6\u00fc') }),
  direct('direct: an unusual status', { status: 599, ...body('x') }),
  direct('direct: 404', { status: 404, ...body('no') }),
  direct('direct: to a POST', { status: 200, ...body('x') }, {}, post('/', 'body'), get('/')),
  direct('direct: a longer body', { status: 200, ...body('x'.repeat(6000)) },
    { routeConfig: { max_direct_response_body_size_bytes: 8000 } }),
  direct('direct: a content type', { status: 200, ...body('{}') }, { routes: [{ match: { prefix: '/' },
    direct_response: { status: 200, ...body('{}') }, response_headers_to_add: [{ append_action:
      'OVERWRITE_IF_EXISTS_OR_ADD', header: { key: 'content-type', value: 'application/json' } }] }] }),
  { name: 'direct: HEAD', main: { routes: [{ match: { prefix: '/' }, direct_response: { status: 200,
    ...body('hello') } }] }, steps: [{ send: 'HEAD / HTTP/1.1\r\nhost: a\r\n\r\n', noBody: true }] },
  { name: 'direct: 204', main: { routes: [{ match: { prefix: '/' }, direct_response: { status: 204 } }] },
    steps: [{ send: get('/'), noBody: true }] },
  { name: 'direct: counted', main: { routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
    steps: [{ send: get('/') }], stats: ['rq_redirect', 'rq_direct_response', 'downstream_rq_2xx', 'rq_total',
      'downstream_rq_completed'].map((name) => `http.{id}-main.${name}`) },
  { name: 'direct: an unread body ends the connection', main: { routes: [{ match: { prefix: '/' },
    direct_response: { status: 200, ...body('x') } }] }, steps: [{ ends: true,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc' }] },
];

const missing = (name: string, main: Scenario['main'], ...requests: string[]): Scenario => ({ name, main,
  steps: requests.map((send) => ({ send })), stats: ['no_route', 'no_cluster', 'downstream_rq_4xx', 'downstream_rq_5xx']
    .map((stat) => `http.{id}-main.${stat}`) });

const missings: readonly Scenario[] = [
  missing('no virtual host', { virtualHosts: [{ name: 'v', domains: ['b.example'], routes: [] }] }, get('/')),
  missing('no route in the virtual host', { virtualHosts: [{ name: 'v', domains: ['*'], routes: [] }] }, get('/')),
  missing('no route, with a body', { virtualHosts: [{ name: 'v', domains: ['*'], routes: [] }] }, post('/', 'x')),
  ...['SERVICE_UNAVAILABLE', 'NOT_FOUND', 'INTERNAL_SERVER_ERROR'].map((cluster_not_found_response_code) =>
    missing(`an unknown cluster: ${cluster_not_found_response_code}`, { routes: [{ match: { prefix: '/' },
      route: { cluster: 'none', cluster_not_found_response_code } }], routeConfig: { validate_clusters: false } },
    get('/'))),
];

export const scenarios: readonly Scenario[] = [...redirects, ...directs, ...missings];
