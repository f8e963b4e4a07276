// Headers that configuration adds and removes, at every level and in every way, with the commands in their values.
import { answer, get, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const forward = (more: Fields = {}): Fields => ({ match: { prefix: '/' }, route: { cluster: '{up}' }, ...more });
const add = (key: string, value: string, action?: string, more: Fields = {}): Fields =>
  ({ header: { key, value }, ...(action && { append_action: action }), ...more });

const ACTIONS = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'];

/** A route with these fields; one request with x-one and x-two, an answer with x-up. */
const routed = (name: string, fields: Fields, ...headers: string[]): Scenario => ({ name,
  main: { routes: [forward(fields)] },
  steps: [{ send: get('/a/b?c=d', ...headers), answer: answer(200, 'ok', 'x-up: 1', 'x-other: 2') }] });

const differing = (line: RegExp, scenario: Scenario): Scenario =>
  ({ ...scenario, differs: [{ line, heading: 'Added headers' }] });

const actions: readonly Scenario[] = [
  ...ACTIONS.flatMap((action) => [
    routed(`request ${action}, absent`, { request_headers_to_add: [add('x-one', 'ours', action)] }),
    routed(`request ${action}, present`, { request_headers_to_add: [add('x-one', 'ours', action)] }, 'x-one: theirs'),
    routed(`request ${action}, twice`, { request_headers_to_add: [add('x-one', 'ours', action)] }, 'x-one: theirs',
      'x-one: more'),
    routed(`response ${action}, absent`, { response_headers_to_add: [add('x-new', 'ours', action)] }),
    routed(`response ${action}, present`, { response_headers_to_add: [add('x-up', 'ours', action)] }),
  ]),
  routed('two additions of one name', { request_headers_to_add: [add('x-one', 'a'), add('x-one', 'b')] }),
  routed('two overwrites of one name', { request_headers_to_add: [add('x-one', 'a', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    add('x-one', 'b', 'OVERWRITE_IF_EXISTS_OR_ADD')] }, 'x-one: c'),
  routed('append, then overwrite', { request_headers_to_add: [add('x-one', 'a'),
    add('x-one', 'b', 'OVERWRITE_IF_EXISTS_OR_ADD')] }, 'x-one: c'),
  routed('overwrite, then append', { request_headers_to_add: [add('x-one', 'a', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    add('x-one', 'b')] }, 'x-one: c'),
  differing(/got header x-one: b/, routed('add if absent, then again', { request_headers_to_add: [
    add('x-one', 'a', 'ADD_IF_ABSENT'), add('x-one', 'b', 'ADD_IF_ABSENT')] })),
  routed('an empty value is left out', { request_headers_to_add: [add('x-one', '')] }),
  routed('an empty value is kept', { request_headers_to_add: [add('x-one', '', undefined, { keep_empty_value: true })],
    response_headers_to_add: [add('x-new', '', undefined, { keep_empty_value: true })] }),
  routed('an empty value over a present one', { request_headers_to_add: [add('x-one', '%REQ(x-none)%',
    'OVERWRITE_IF_EXISTS_OR_ADD')] }, 'x-one: theirs'),
  routed('an empty value kept over a present one', { request_headers_to_add: [add('x-one', '%REQ(x-none)%',
    'OVERWRITE_IF_EXISTS_OR_ADD', { keep_empty_value: true })] }, 'x-one: theirs'),
  differing(/got header x-raw/, routed('a raw value', { request_headers_to_add: [
    { header: { key: 'x-raw', raw_value: 'cmF3' } }] })),
  routed('a name in capitals', { request_headers_to_add: [add('X-Capital', 'v')],
    response_headers_to_add: [add('X-Capital', 'v')] }),
  routed('removals', { request_headers_to_remove: ['x-one', 'X-TWO', 'x-none'],
    response_headers_to_remove: ['x-up', 'x-none'] }, 'x-one: 1', 'x-two: 2', 'x-three: 3'),
  routed('a removal of what is added', { request_headers_to_add: [add('x-one', 'a')],
    request_headers_to_remove: ['x-one'], response_headers_to_add: [add('x-up', 'b')],
    response_headers_to_remove: ['x-up'] }, 'x-one: c'),
  routed('removal of a repeated header', { request_headers_to_remove: ['x-one'] }, 'x-one: a', 'x-one: b'),
  routed('special headers are overwritten', { request_headers_to_add: [
    add('user-agent', 'weft', 'OVERWRITE_IF_EXISTS_OR_ADD'), add('accept', '*/*', 'ADD_IF_ABSENT'),
    add('x-forwarded-proto', 'https', 'OVERWRITE_IF_EXISTS_OR_ADD')] }, 'user-agent: test', 'accept: text/html'),
  routed('content-type and server of an answer', { response_headers_to_add: [
    add('content-type', 'text/x', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    add('server', 'mine', 'OVERWRITE_IF_EXISTS_OR_ADD')] }),
  routed('a cookie is added', { request_headers_to_add: [add('cookie', 'b=2')],
    response_headers_to_add: [add('set-cookie', 'a=1'), add('set-cookie', 'b=2')] }, 'cookie: a=1'),
];

/** The same header at every level, with a mark of its own. */
const levels = (name: string, action: string, wins: boolean, direct = false): Scenario => {
  const marks = (mark: string): Fields => ({
    request_headers_to_add: [add('x-level', mark, action)], response_headers_to_add: [add('x-level', mark, action)] });
  const weighted = { weighted_clusters: { clusters: [{ name: '{up}', weight: 1, ...marks('weighted') }] } };
  return { name, main: {
    virtualHosts: [{ name: 'v', domains: ['*'], ...marks('host'), routes: [direct
      ? { match: { prefix: '/' }, direct_response: { status: 200 }, ...marks('route') }
      : { match: { prefix: '/' }, route: weighted, ...marks('route') }] }],
    routeConfig: { ...marks('table'), most_specific_header_mutations_wins: wins } },
  steps: [{ send: get('/', 'x-level: client'), answer: answer(200, '', 'x-level: upstream') }] };
};

const precedence: readonly Scenario[] = [
  ...ACTIONS.flatMap((action) => [levels(`levels: ${action}`, action, false),
    levels(`levels: ${action}, most specific wins`, action, true)]),
  levels('levels of a direct response', 'APPEND_IF_EXISTS_OR_ADD', false, true),
  levels('levels of a direct response, most specific wins', 'OVERWRITE_IF_EXISTS_OR_ADD', true, true),
  { name: 'a removal at one level, an addition at another', main: { virtualHosts: [{ name: 'v', domains: ['*'],
    request_headers_to_remove: ['x-one'], response_headers_to_remove: ['x-up'],
    routes: [forward({ request_headers_to_add: [add('x-one', 'route')],
      response_headers_to_add: [add('x-up', 'route')] })] }] },
  steps: [{ send: get('/', 'x-one: client'), answer: answer(200, '', 'x-up: 1') }] },
  { name: 'a removal at one level, an addition at another, most specific wins', main: {
    virtualHosts: [{ name: 'v', domains: ['*'],
      request_headers_to_remove: ['x-one'], response_headers_to_remove: ['x-up'],
      routes: [forward({ request_headers_to_add: [add('x-one', 'route')],
        response_headers_to_add: [add('x-up', 'route')] })] }],
    routeConfig: { most_specific_header_mutations_wins: true } },
  steps: [{ send: get('/', 'x-one: client'), answer: answer(200, '', 'x-up: 1') }] },
  { name: 'added headers on answers of our own', main: { virtualHosts: [{ name: 'v', domains: ['a.example'],
    response_headers_to_add: [add('x-host', 'h')], routes: [
      { match: { prefix: '/r' }, redirect: { path_redirect: '/x' }, response_headers_to_add: [add('x-route', 'r')] },
      { match: { prefix: '/d' }, direct_response: { status: 204 }, response_headers_to_add: [add('x-route', 'd')] },
      { match: { prefix: '/n' }, route: { cluster: 'none' }, response_headers_to_add: [add('x-route', 'n')] },
      forward()] }], routeConfig: { response_headers_to_add: [add('x-table', 't')], validate_clusters: false } },
  steps: [{ send: get('/r') }, { send: get('/d'), noBody: true }, { send: get('/n') }, { send: get('/up') },
    { send: get('/', 'host: b.example') }] },
];

/** A filter answers in the place of routes of each kind. */
const ABORT = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
  abort: { http_status: 418, percentage: { numerator: 100 } } };
const early: Scenario = { name: 'answers of a filter before routes of each kind', main: { virtualHosts: [{ name: 'v',
  domains: ['*'], include_attempt_count_in_response: true, response_headers_to_add: [add('x-host', 'h')], routes: [
    ['/d', { direct_response: { status: 200 } }], ['/r', { redirect: { path_redirect: '/x' } }],
    ['/c', { route: { cluster_header: 'x-c' } }], ['/', { route: { cluster: '{up}' } }]]
    .map(([prefix, action]) => ({ match: { prefix }, response_headers_to_add: [add('x-route', 'r')],
      ...(action as Fields) })) }],
manager: { http_filters: [{ name: 'f', typed_config: ABORT }, { name: 'router', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } },
steps: ['/d', '/r', '/c', '/up'].map((path) => ({ send: get(path) })) };
const waiting: Scenario = { name: 'a redirect after a filter has waited', main: { routes: [
  { match: { prefix: '/' }, redirect: { path_redirect: '/x' } }], manager: { http_filters: [{ name: 'f', typed_config: {
  '@type': ABORT['@type'], delay: { fixed_delay: '0.01s', percentage: { numerator: 100 } } } }, { name: 'router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } },
steps: [{ send: get('/', 'x-forwarded-proto: https') }, { send: get('/') }] };
/** Filters judge a header that is missing as routes do. */
const missing: readonly Scenario[] = [{ present_match: true }, { present_match: false }, {},
  { string_match: { exact: '1' } }].flatMap((matcher) => [false, true].map((invert) =>
  ({ name: `a filter over a header that may be missing: ${JSON.stringify(matcher)}${invert ? ', inverted' : ''}`,
    main: { routes: [forward()], manager: { http_filters: [{ name: 'f', typed_config: { ...ABORT, headers: [
      { name: 'x-a', ...matcher, invert_match: invert, treat_missing_header_as_empty: true }] } }, { name: 'router',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } },
    steps: [{ send: get('/') }, { send: get('/', 'x-a: 1') }, { send: get('/', 'x-a:') }] })));
/** What the manager adds is seen by filters though it is written later. */
const implied: readonly Scenario[] = [['x-forwarded-proto', 'http'], ['x-forwarded-proto', 'https'],
  [':scheme', 'http'], [':scheme', 'https']].map(([name, exact]) => ({ name: `a filter over ${name} ${exact}`,
  main: { routes: [forward()], manager: { http_filters: [
    { name: 'f', typed_config: { ...ABORT, headers: [{ name, string_match: { exact } }] } },
    { name: 'router', typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } },
steps: [{ send: get('/') }, { send: get('/', 'x-forwarded-proto: https') },
  { send: get('/', 'x-forwarded-proto: http') }] }));
const unsent: Scenario = { name: 'no attempts are told where there were none', main: { virtualHosts: [{ name: 'v',
  domains: ['*'], include_attempt_count_in_response: true, routes: [{ match: { path: '/c' },
    route: { cluster_header: 'x-c' } }, forward()] }] }, steps: [{ send: get('/c') }, { send: get('/up') }] };

/** Values of commands in request headers. */
const command = (name: string, ...commands: string[]): Scenario => ({ name,
  main: { routes: [forward({ name: 'the-route', request_headers_to_add: commands.map((value, n) =>
    add(`x-${n}`, value)) })] },
  steps: [{ send: get('/a/b?c=d', 'x-one: 1', 'user-agent: test'), answer: answer(200, 'ok') }] });

const commands: readonly Scenario[] = [
  command('commands: the request', '%REQ(:METHOD)%', '%REQ(:PATH)%', '%REQ(:AUTHORITY)%', '%REQ(X-ONE)%',
    '%REQ(X-NONE)%', '%REQ(X-NONE?X-ONE)%', '%REQ(USER-AGENT):2%', '%PROTOCOL%'),
  command('commands: text around them', 'a%REQ(X-ONE)%b', '%REQ(X-NONE)%-%REQ(X-ONE)%', '100%%', '%%'),
  command('commands: names', '%ROUTE_NAME%', '%VIRTUAL_CLUSTER_NAME%', '%HOSTNAME%'.replace('HOSTNAME', 'PROTOCOL')),
  command('commands: addresses', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_LOCAL_ADDRESS%',
    '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_LOCAL_PORT%',
    '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%'),
  command('commands: what is not known yet', '%RESPONSE_CODE%', '%RESP(X-UP)%', '%UPSTREAM_CLUSTER%',
    '%RESPONSE_FLAGS%', '%DYNAMIC_METADATA(a:b)%', '%FILTER_STATE(a)%'),
  command('commands: a path without query', '%REQ_WITHOUT_QUERY(:PATH)%'.replace('REQ_WITHOUT_QUERY(:PATH)',
    'PATH(NQ)'), '%PATH(WQ)%', '%QUERY_PARAM(c)%'),
  { name: 'commands in an answer', main: { routes: [forward({ name: 'the-route', response_headers_to_add: [
    add('x-code', '%RESPONSE_CODE%'), add('x-flags', '%RESPONSE_FLAGS%'), add('x-details', '%RESPONSE_CODE_DETAILS%'),
    add('x-cluster', '%UPSTREAM_CLUSTER%'), add('x-up-copy', '%RESP(X-UP)%'), add('x-host', '%UPSTREAM_HOST%'),
    add('x-req', '%REQ(X-ONE)%'), add('x-path', '%REQ(:PATH)%'), add('x-route', '%ROUTE_NAME%'),
    add('x-none', '%REQ(X-NONE)%')] })] },
  steps: [{ send: get('/p', 'x-one: 1'), answer: answer(201, '', 'x-up: u') }] },
  { name: 'commands in an answer of our own', main: { routes: [{ name: 'r', match: { prefix: '/' },
    direct_response: { status: 418 }, response_headers_to_add: [add('x-code', '%RESPONSE_CODE%'),
      add('x-details', '%RESPONSE_CODE_DETAILS%'), add('x-cluster', '%UPSTREAM_CLUSTER%'),
      add('x-route', '%ROUTE_NAME%'), add('x-req', '%REQ(X-ONE)%')] }] }, steps: [{ send: get('/', 'x-one: 1') }],
  differs: [{ line: /response header x-code/, heading: 'Added headers' }] },
  { name: 'a rewritten path in a command', main: { routes: [{ match: { prefix: '/a' }, route: { cluster: '{up}',
    prefix_rewrite: '/z' }, request_headers_to_add: [add('x-path', '%REQ(:PATH)%'),
      add('x-original', '%REQ(X-ENVOY-ORIGINAL-PATH)%')], response_headers_to_add: [add('x-path', '%REQ(:PATH)%'),
      add('x-original', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%')] }] }, steps: [{ send: get('/a/b') }] },
];

const MATCHES: readonly [string, Fields][] = [
  ['exact, first', { string_match: { exact: '1' } }], ['exact, second', { string_match: { exact: '2' } }],
  ['exact, both', { string_match: { exact: '1,2' } }], ['prefix', { string_match: { prefix: '1,' } }],
  ['prefix, second', { string_match: { prefix: '2' } }], ['suffix', { string_match: { suffix: '2' } }],
  ['suffix, first', { string_match: { suffix: '1' } }], ['contains', { string_match: { contains: ',' } }],
  ['expression', { string_match: { safe_regex: { regex: '1' } } }],
  ['expression, both', { string_match: { safe_regex: { regex: '1,2' } } }],
  ['range', { range_match: { start: 1, end: 2 } }], ['present', { present_match: true }],
  ['exact, inverted', { string_match: { exact: '1' }, invert_match: true }],
];
/** One route for each matcher; the request says which it means. */
const repeated: Scenario = { name: 'matchers over a repeated header', main: { routes: [
  ...MATCHES.map(([name, matcher]) => ({ match: { path: `/${name.replaceAll(' ', '').replace(',', '-')}`,
    headers: [{ name: 'x-a', ...matcher }] }, direct_response: { status: 200 } })),
  { match: { prefix: '/' }, direct_response: { status: 404 } }] },
steps: MATCHES.map(([name]) => ({ send: get(`/${name.replaceAll(' ', '').replace(',', '-')}`, 'x-a: 1', 'x-a: 2') })) };
const filteredLog = (name: string, matcher: Fields): Scenario => ({ name: `log filter over a repeated header: ${name}`,
  logLines: 0, main: { routes: [forward()], manager: { access_log: [{ name: 'file',
    filter: { header_filter: { header: { name: 'x-a', ...matcher } } }, typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '{folder}/{id}-main.log', log_format: { text_format_source: { inline_string: 'logged\n' } } } }] } },
  steps: [{ send: get('/', 'x-a: 1', 'x-a: 2') }, { waitMs: 150, send: get('/', 'x-a: 1', 'x-a: 2') },
    { waitMs: 150, admin: { path: '/ready' } }] });

export const scenarios: readonly Scenario[] = [repeated, early, unsent, waiting, ...missing, ...implied,
  ...MATCHES.slice(0, 9).map(([name, matcher]) => filteredLog(name, matcher)), ...actions, ...precedence, ...commands];
