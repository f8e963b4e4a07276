// Answers that the proxy gives by itself to clients that speak gRPC, and replacements by expressions at the edges of
// texts.
import { answer, get, post, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const GRPC = 'content-type: application/grpc';
const forward = { match: { prefix: '/' }, route: { cluster: '{up}' } };
const log = [{ name: 'file', typed_config: { path: '{folder}/{id}-main.log',
  '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
  log_format: { text_format_source: { inline_string: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% '
    + '%BYTES_SENT% %GRPC_STATUS% %RESP(GRPC-MESSAGE)%\n' } } } }];
const STATS = ['http.{id}-main.downstream_rq_2xx', 'http.{id}-main.downstream_rq_5xx', 'cluster.{up}.upstream_rq_5xx',
  'cluster.{up}.upstream_rq_503', 'cluster.{up}.upstream_rq_200'];
const direct = (status: number, text?: string): Fields => ({ match: { prefix: '/' },
  direct_response: { status, ...(text !== undefined && { body: { inline_string: text } }) } });
const asked = (name: string, route: Fields, more: Partial<Scenario> = {}, ...headers: string[]): Scenario => ({ name,
  main: { routes: [route] }, steps: [{ send: get('/', ...(headers.length > 0 ? headers : [GRPC])) }], stats: STATS,
  ...more });

const grpc: readonly Scenario[] = [
  ...[200, 400, 401, 403, 404, 418, 429, 500, 502, 503, 504].map((status) =>
    asked(`gRPC: an answer of ${status}`, direct(status))),
  asked('gRPC: a body becomes a message', direct(503, 'not now')),
  asked('gRPC: a message is escaped', direct(503, '100 %\n\u00e4 ~')),
  asked('gRPC: another type of gRPC', direct(503), {}, 'content-type: application/grpc+proto'),
  asked('gRPC: gRPC-web is another type', direct(503), {}, 'content-type: application/grpc-web'),
  asked('gRPC: parameters behind the type', direct(503), {}, 'content-type: application/grpc; charset=utf-8'),
  asked('gRPC: a type in capitals', direct(503), {}, 'content-type: Application/grpc'),
  asked('gRPC: a redirect', { match: { prefix: '/' }, redirect: { path_redirect: '/x' } }),
  asked('gRPC: no route', { ...forward, match: { prefix: '/only' } }),
  asked('gRPC: an unknown cluster', { match: { prefix: '/' }, route: { cluster: 'none' } },
    { main: { routes: [{ match: { prefix: '/' }, route: { cluster: 'none' } }],
      routeConfig: { validate_clusters: false } } }),
  asked('gRPC: a refused connection', { match: { prefix: '/' }, route: { cluster: '{closed}' } },
    { clusters: [{ name: 'closed', ports: [1] }] }),
  { name: 'gRPC: the upstream closes', main: { routes: [forward] }, steps: [{ send: post('/', 'x', GRPC),
    answer: { close: true } }], stats: STATS },
  { name: 'gRPC: a timeout', main: { routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}', timeout: '0.25s' } }] },
    steps: [{ send: post('/', 'x', GRPC), answer: { hang: true } }], stats: STATS },
  { name: 'gRPC: what a log says', main: { routes: [direct(503, 'text')], manager: { access_log: log } },
    steps: [{ send: get('/', GRPC) }] },
  { name: 'gRPC: mapped by a local reply', main: { routes: [direct(503, 'text')], manager: { local_reply_config: {
    mappers: [{ filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 503,
      runtime_key: 'none' } } } }, status_code: 401, body: { inline_string: 'mapped' } }] } } },
  steps: [{ send: get('/', GRPC) }] },
  { name: 'gRPC: an upstream answers plainly', main: { routes: [forward] }, steps: [{ send: get('/', GRPC),
    answer: answer(503, 'plain') }], stats: STATS },
  { name: 'gRPC: headers are added', main: { routes: [{ ...direct(503), response_headers_to_add: [
    { header: { key: 'content-type', value: 'text/x' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    { header: { key: 'x-added', value: '1' } }] }] }, steps: [{ send: get('/', GRPC) }] },
];

const shown = (name: string, route: Fields, more: Partial<Scenario> = {}): Scenario => ({ name: `in the log: ${name}`,
  main: { routes: [route], manager: { access_log: [{ name: 'file', typed_config: { ...log[0]!.typed_config,
    log_format: { text_format_source: { inline_string: '%RESPONSE_CODE% %RESP(CONTENT-TYPE)% %RESP(CONTENT-LENGTH)% '
      + '%RESP(LOCATION)% %RESP(SERVER)% %RESP(X-ADDED)%\n' } } } }] } }, steps: [{ send: get('/') }],
  differs: [{ line: /^log main \d+ - (0|-) /, heading: 'Formats' }], ...more });

const logs: readonly Scenario[] = [
  shown('a direct response', { ...direct(200, 'hello'), response_headers_to_add: [
    { header: { key: 'x-added', value: '1' } }] }),
  shown('a status alone', direct(404)),
  shown('a redirect', { match: { prefix: '/' }, redirect: { path_redirect: '/x' } }),
  shown('no route', { ...forward, match: { prefix: '/only' } }),
  shown('a refused connection', { match: { prefix: '/' }, route: { cluster: '{closed}' } },
    { clusters: [{ name: 'closed', ports: [1] }] }),
  shown('a head that is refused', direct(200), { steps: [{ send: 'GET / HTTP/1.1\r\nbad name: 1\r\n\r\n' }] }),
  asked('400 ends the connection', direct(400), { steps: [{ send: get('/'), ends: true }] }),
  asked('404 does not end the connection', direct(404), { steps: [{ send: get('/') },
    { send: get('/'), sameConnection: true }] }),
];

const rewritten = (name: string, regex: string, substitution: string, ...paths: string[]): Scenario => ({
  name: `expression ${name}`, main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}',
    regex_rewrite: { pattern: { regex }, substitution } } }] }, steps: paths.map((path) => ({ send: get(path) })) });

const expressions: readonly Scenario[] = [
  rewritten('at the end, perhaps empty', '([^/]*)$', '<\\1>', '/x/22', '/x/', '/'),
  rewritten('with groups', '/([a-z])([0-9])', '/\\2\\1\\0', '/a1/b2', '/a1c3'),
  rewritten('with a group that took no part', '/(a)|/(b)', '/\\1\\2', '/a', '/b', '/a/b'),
  rewritten('with a dollar and a backslash', 'b', '$1\\\\', '/abc'),
  rewritten('with digits behind a group', '/(a)', '/\\11', '/a', '/ab'),
];

export const scenarios: readonly Scenario[] = [...grpc, ...logs, ...expressions];
