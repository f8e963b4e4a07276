// Which route a request takes, what becomes of its path and host on the way, and which cluster it reaches.
import { answer, get, type Scenario } from '../scenario.js';

const direct = (body: string) => ({ direct_response: { status: 200, body: { inline_string: body } } });
const rest = { match: { prefix: '/' }, ...direct('rest') };
/** One virtual host whose routes answer with the name of what matched. */
const matching = (name: string, match: object, ...paths: (string | [string, ...string[]])[]): Scenario => ({
  name,
  main: { routes: [{ match, ...direct('matched') }, rest] },
  steps: paths.map((path) => ({ send: typeof path === 'string' ? get(path) : get(...path) })),
});
/** One forwarding route; what the upstream got is compared. */
const forwarding = (name: string, match: object, route: object, ...requests: [string, ...string[]][]): Scenario => ({
  name,
  main: { routes: [{ match, route: { cluster: '{up}', ...route } }, rest] },
  steps: requests.map((request) => ({ send: get(...request) })),
});
const policy = (template: string) => ({ path_match_policy: { name: 'envoy.path.match.uri_template.uri_template_matcher',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
    path_template: template } } });
const rewritePolicy = (rewrite: string) => ({ path_rewrite_policy: {
  name: 'envoy.path.rewrite.uri_template.uri_template_rewriter',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig',
    path_template_rewrite: rewrite } } });
const regex = (pattern: string, substitution: string) => ({ pattern: { regex: pattern }, substitution });
const string = (match: object) => ({ string_match: match });
const header = (name: string, match: object, more: object = {}) => ({ prefix: '/x', headers: [{ name, ...match,
  ...more }] });
const query = (name: string, match: object) => ({ prefix: '/x', query_parameters: [{ name, ...match }] });

const paths: readonly Scenario[] = [
  matching('prefix', { prefix: '/a' }, '/a', '/ab', '/A', '/', '/a?x=1'),
  matching('prefix without case', { prefix: '/aB', case_sensitive: false }, '/ab', '/AB/c', '/a'),
  matching('path', { path: '/a' }, '/a', '/a/', '/a?x=1', '/A'),
  matching('path without case', { path: '/aB', case_sensitive: false }, '/AB', '/ab?q', '/abc'),
  matching('path-separated prefix', { path_separated_prefix: '/a/b' }, '/a/b', '/a/b/', '/a/b/c', '/a/bc', '/a/b?c',
    '/A/b'),
  matching('path-separated prefix without case', { path_separated_prefix: '/a', case_sensitive: false }, '/A',
    '/A/x', '/Ax'),
  matching('expression for the whole path', { safe_regex: { regex: '/a[0-9]+' } }, '/a1', '/a12?b', '/a', '/a1/',
    '/xa1'),
  matching('expression with a choice', { safe_regex: { regex: '/a|/b' } }, '/a', '/b', '/ab'),
  matching('expression that may match nothing', { safe_regex: { regex: '/a?' } }, '/', '/a', '/aa'),
  matching('expression without case', { safe_regex: { regex: '(?i)/ABC' } }, '/abc', '/aBc', '/ab'),
  matching('expression and a literal dot', { safe_regex: { regex: '/a\\.b' } }, '/a.b', '/axb'),
  matching('expression with headers', { safe_regex: { regex: '/.*' }, headers: [{ name: 'x-a', present_match: true }] },
    '/a', ['/a', 'x-a: 1']),
  matching('template with one segment', policy('/a/*/c'), '/a/b/c', '/a/b/x/c', '/a//c', '/a/b/c/'),
  matching('template with the rest', policy('/a/**'), '/a/', '/a/b', '/a/b/c', '/a'),
  matching('template with variables', policy('/{lang}/{file=*}.txt'), '/en/a.txt', '/en/a.pdf', '/en/x/a.txt'),
  matching('template and the rest with a suffix', policy('/{path=**}.m3u8'), '/a/b.m3u8', '/b.m3u8', '/a/b.mpd'),
  matching('share of all requests', { prefix: '/', runtime_fraction: { default_value: { numerator: 100 } } }, '/a'),
  matching('share of none', { prefix: '/', runtime_fraction: { default_value: { numerator: 0 } } }, '/a'),
];

const headers: readonly Scenario[] = [
  matching('header exact', header('x-a', string({ exact: 'one' })), ['/x', 'x-a: one'], ['/x', 'x-a: One'], '/x'),
  matching('header exact without case', header('x-a', string({ exact: 'one', ignore_case: true })), ['/x', 'x-a: ONE']),
  matching('header prefix', header('x-a', string({ prefix: 'on' })), ['/x', 'x-a: one'], ['/x', 'x-a: xon']),
  matching('header suffix', header('x-a', string({ suffix: 'ne' })), ['/x', 'x-a: one'], ['/x', 'x-a: nex']),
  matching('header contains', header('x-a', string({ contains: 'n' })), ['/x', 'x-a: one'], ['/x', 'x-a: oe']),
  matching('header expression', header('x-a', string({ safe_regex: { regex: 'o.e' } })), ['/x', 'x-a: one'],
    ['/x', 'x-a: oone']),
  matching('header range', header('x-a', { range_match: { start: 1, end: 10 } }), ['/x', 'x-a: 1'], ['/x', 'x-a: 10'],
    ['/x', 'x-a: -1'], ['/x', 'x-a: a']),
  matching('header present', header('x-a', { present_match: true }), ['/x', 'x-a: '], '/x'),
  matching('header absent', header('x-a', { present_match: false }), ['/x', 'x-a: 1'], '/x'),
  matching('header inverted', header('x-a', string({ exact: 'one' }), { invert_match: true }), ['/x', 'x-a: one'],
    ['/x', 'x-a: two'], '/x'),
  matching('missing header as empty', header('x-a', string({ exact: '' }), { treat_missing_header_as_empty: true }),
    '/x',
    ['/x', 'x-a: 1']),
  ...[{ exact: 'one,two' }, { exact: 'two' }, { exact: 'one' }, { prefix: 'one' }, { suffix: 'two' }].map((match) =>
    matching(`repeated header ${JSON.stringify(match)}`, header('x-a', string(match)), ['/x', 'x-a: one', 'x-a: two'])),
  matching('repeated header inverted', header('x-a', string({ exact: 'two' }), { invert_match: true }),
    ['/x', 'x-a: one', 'x-a: two'], ['/x', 'x-a: one']),
  matching('method and authority', { prefix: '/', headers: [{ name: ':method', ...string({ exact: 'GET' }) },
    { name: ':authority', ...string({ prefix: 'a.' }) }] }, '/', ['/', 'host: b.example']),
  matching('query present', query('a', { present_match: true }), '/x?a', '/x?a=1', '/x?b', '/x'),
  matching('query exact', query('a', string({ exact: '1' })), '/x?a=1', '/x?b=2&a=1', '/x?a=2&a=1', '/x?a'),
  matching('query expression', query('a', string({ safe_regex: { regex: '[0-9]+' } })), '/x?a=12', '/x?a=b'),
];

const rewrites: readonly Scenario[] = [
  forwarding('gRPC only', { prefix: '/', grpc: {} }, {}, ['/a', 'content-type: application/grpc'],
    ['/a', 'content-type: application/grpc+proto'], ['/a', 'content-type: application/json'], ['/a'],
    ['/a', 'content-type: application/grpcx']),
  forwarding('prefix rewrite', { prefix: '/a' }, { prefix_rewrite: '/b' }, ['/a'], ['/a/c?d'], ['/ac']),
  forwarding('prefix rewrite of a separated prefix', { path_separated_prefix: '/a' }, { prefix_rewrite: '/b' }, ['/a'],
    ['/a/c?d']),
  forwarding('prefix rewrite of an expression', { safe_regex: { regex: '/a.*' } }, { prefix_rewrite: '/b' },
    ['/abc/d?e=f']),
  forwarding('prefix rewrite of a path', { path: '/a' }, { prefix_rewrite: '/b' }, ['/a?x']),
  forwarding('expression rewrite', { prefix: '/' }, { regex_rewrite: regex('^/service/([^/]+)(/.*)$',
    '\\2/instance/\\1') },
    ['/service/foo/v1/api?x=/service/a/b'], ['/other']),
  forwarding('expression rewrite everywhere', { prefix: '/' }, { regex_rewrite: regex('one', 'two') },
    ['/xxx/one/yyy/one/zzz']),
  forwarding('expression rewrite with a dollar', { prefix: '/' }, { regex_rewrite: regex('a', '$1\\\\') }, ['/a']),
  forwarding('expression rewrite without case', { prefix: '/' }, { regex_rewrite: regex('(?i)/aaa/', '/bbb/') },
    ['/XXX/AaA/yyy']),
  forwarding('template rewrite', policy('/{lang}/{rest=**}'), rewritePolicy('/x/{rest}/{lang}'), ['/en/a/b?q=1']),
  forwarding('host literal', { prefix: '/' }, { host_rewrite_literal: 'b.example' }, ['/']),
  forwarding('host literal, x-forwarded-host', { prefix: '/' }, { host_rewrite_literal: 'b.example',
    append_x_forwarded_host: true }, ['/'], ['/', 'x-forwarded-host: c.example']),
  forwarding('host from a header', { prefix: '/' }, { host_rewrite_header: 'X-Host' }, ['/', 'x-host: b.example'],
    ['/']),
  forwarding('host from a header, x-forwarded-host', { prefix: '/' }, { host_rewrite_header: 'x-host',
    append_x_forwarded_host: true }, ['/', 'x-host: b.example'], ['/']),
  { ...forwarding('host from the path', { prefix: '/' }, { host_rewrite_path_regex: regex('^/(.+)/.+$', '\\1') },
    ['/h.example/x?y=z'], ['/none']),
    differs: [{ line: /^up got header (host: (a.example|\/none)|x-envoy-original-host)/,
      heading: 'Hosts made of paths' }] },
  { name: 'host of the endpoint', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}',
      auto_host_rewrite: true, append_x_forwarded_host: true } }] },
    clusterFields: { up: { load_assignment: { cluster_name: '{up}', endpoints: [{ lb_endpoints: [{ endpoint: {
      hostname: 'endpoint.example', address: { socket_address: { address: '127.0.0.1',
        port_value: '{port:up}' } } } }] }] } } },
    steps: [{ send: get('/') }] },
  { name: 'host of the endpoint by name', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{dns}',
      auto_host_rewrite: true } }] },
    clusters: [{ name: 'dns', fields: { type: 'STRICT_DNS', load_assignment: { cluster_name: '{dns}', endpoints: [{
      lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'localhost',
        port_value: '{port:up}' } } } }] }] },
      dns_lookup_family: 'V4_ONLY' } }],
    steps: [{ send: get('/') }, { send: get('/', 'host: somebody.else.example') }] },
  { name: 'direct responses with a location', main: { routes: [201, 302, 307, 404].map((status) =>
    ({ match: { prefix: `/${status}` }, direct_response: { status, body: { inline_string: 'b' } } })) },
    steps: [201, 302, 307, 404].map((status) => ({ send: get(`/${status}/p?q=1`, 'host: b.example:8080') })) },
  { name: 'redirects', main: { routes: [
      { match: { prefix: '/regex' }, redirect: { regex_rewrite: regex('^/regex/(.*)', '/to/\\1') } },
      { match: { prefix: '/prefix' }, redirect: { prefix_rewrite: '/to', response_code: 'TEMPORARY_REDIRECT' } },
      { match: { safe_regex: { regex: '/all.*' } }, redirect: { prefix_rewrite: '/to' } },
      { match: { prefix: '/path' }, redirect: { path_redirect: '/to?new=1', host_redirect: 'b.example',
        port_redirect: 81 } },
      { match: { prefix: '/strip' }, redirect: { scheme_redirect: 'https', strip_query: true,
        response_code: 'FOUND' } },
    ] },
    steps: ['/regex/a/b?c=d', '/prefix/x?y', '/all/x?y', '/path/x?old=1',
      '/strip?x'].map((path) => ({ send: get(path) })) },
];

const two = { upstreams: ['up', 'other'] };
const clusters: readonly Scenario[] = [
  { ...two, name: 'cluster from a header', main: { routes: [{ match: { prefix: '/' },
      route: { cluster_header: 'X-Cluster' } }] },
    steps: [{ send: get('/', 'x-cluster: {up}') }, { send: get('/', 'x-cluster: {other}') },
      { send: get('/', 'x-cluster: none') }, { send: get('/') }] },
  { ...two, name: 'cluster from a header, not found is 404', main: { routes: [{ match: { prefix: '/' },
      route: { cluster_header: 'x-cluster', cluster_not_found_response_code: 'NOT_FOUND' } }] },
    steps: [{ send: get('/', 'x-cluster: none') }] },
  { ...two, name: 'weights by a number in a header', main: { routes: [{ match: { prefix: '/' }, route: {
      weighted_clusters: { header_name: 'x-number', clusters: [{ name: '{up}', weight: 30 }, { name: '{other}',
        weight: 70 }] } } }] },
    steps: ['0', '29', '30', '99', '100', '130', '18446744073709551615'].map((number) =>
      ({ send: get('/', `x-number: ${number}`) })) },
  { ...two, name: 'weights all on one', main: { routes: [{ match: { prefix: '/' }, route: {
      weighted_clusters: { clusters: [{ name: '{up}', weight: 0 }, { name: '{other}', weight: 5,
        host_rewrite_literal: 'w.example', request_headers_to_add: [{ header: { key: 'x-w', value: '1' } }] }] } } }] },
    steps: [{ send: get('/') }, { send: get('/') }] },
  { ...two, name: 'weights changed by runtime', alone: { bootstrap: { layered_runtime: { layers: [
      { name: 'a', static_layer: { 'w.{up}': 0, 'w.{other}': 10 } }, { name: 'b', admin_layer: {} }] } } },
    main: { routes: [{ match: { prefix: '/' }, route: { weighted_clusters: { runtime_key_prefix: 'w',
      clusters: [{ name: '{up}', weight: 10 }, { name: '{other}', weight: 0 }] } } }] },
    steps: [{ send: get('/') }, { admin: { method: 'POST', path: '/runtime_modify?w.{up}=10&w.{other}=0' } },
      { send: get('/'), waitMs: 100 }] },
  { ...two, name: 'cluster of a weight from a header', main: { routes: [{ match: { prefix: '/' }, route: {
      weighted_clusters: { clusters: [{ cluster_header: 'x-cluster', weight: 1 }] } } }] },
    steps: [{ send: get('/', 'x-cluster: {other}') }, { send: get('/') }] },
  { name: 'a share that a runtime key moves', alone: { bootstrap: { layered_runtime: { layers: [
      { name: 'a', static_layer: { share: { numerator: 0, denominator: 'HUNDRED' } } }, { name: 'b',
        admin_layer: {} }] } } },
    main: { routes: [{ match: { prefix: '/', runtime_fraction: { runtime_key: 'share',
      default_value: { numerator: 100 } } },
      ...direct('matched') }, rest] },
    steps: [{ send: get('/') }, { admin: { method: 'POST', path: '/runtime_modify?share=100' } },
      { send: get('/'), waitMs: 100 }] },
];

const hosts: readonly Scenario[] = [
  { name: 'virtual hosts', main: { virtualHosts: [
      { name: 'exact', domains: ['a.example'], routes: [{ match: { prefix: '/' }, ...direct('exact') }] },
      { name: 'suffix', domains: ['*.example'], routes: [{ match: { prefix: '/' }, ...direct('suffix') }] },
      { name: 'longer', domains: ['*.b.example', '*-c.example'], routes: [{ match: { prefix: '/' },
        ...direct('longer') }] },
      { name: 'prefix', domains: ['a.*'], routes: [{ match: { prefix: '/' }, ...direct('prefix') }] },
      { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, ...direct('any') }] } ] },
    steps: ['a.example', 'A.EXAMPLE', 'x.example', 'x.b.example', 'x-c.example', 'a.org', 'org', 'a.example:81',
      '.example']
      .map((host) => ({ send: get('/', `host: ${host}`) })) },
  { name: 'ports in hosts are ignored', main: { routeConfig: { ignore_port_in_host_matching: true }, virtualHosts: [
      { name: 'exact', domains: ['a.example'], routes: [{ match: { prefix: '/' }, ...direct('exact') }] },
      { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, ...direct('any') }] } ] },
    steps: ['a.example', 'a.example:81', 'b.example:80'].map((host) => ({ send: get('/', `host: ${host}`) })) },
  { name: 'a large direct response', main: { routeConfig: { max_direct_response_body_size_bytes: 10_000 }, routes: [
      { match: { prefix: '/' }, direct_response: { status: 203, body: { inline_string: 'x'.repeat(6000) } } }] },
    steps: [{ send: get('/') }] },
];

const levels = (name: string) => [{ header: { key: 'x-level', value: name },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
  { header: { key: `x-${name}`, value: '%REQ(x-in)%' } }];
const mutations: readonly Scenario[] = [false, true].map((wins): Scenario => ({
  name: `header levels, most specific wins ${wins}`,
  main: { routeConfig: { most_specific_header_mutations_wins: wins, request_headers_to_add: levels('config'),
      response_headers_to_add: levels('config') },
    virtualHosts: [{ name: 'v', domains: ['*'], request_headers_to_add: levels('host'),
      response_headers_to_add: levels('host'),
      routes: [{ match: { prefix: '/' }, request_headers_to_add: levels('route'),
        response_headers_to_add: levels('route'),
        request_headers_to_remove: ['x-gone'], response_headers_to_remove: ['x-up-gone'],
        route: { weighted_clusters: { clusters: [{ name: '{up}', weight: 1, request_headers_to_add: levels('cluster'),
          response_headers_to_add: levels('cluster') }] } } }] }] },
  steps: [{ send: get('/', 'x-in: 1', 'x-gone: 1', 'x-level: own'), answer: answer(200, '', 'x-up-gone: 1',
    'x-level: up') }],
}));
const actions: readonly Scenario[] = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD',
  'OVERWRITE_IF_EXISTS'].map((action): Scenario => ({
  name: `append action ${action}`,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' },
    request_headers_to_add: [{ header: { key: 'x-a', value: 'new' }, append_action: action }],
    response_headers_to_add: [{ header: { key: 'x-a', value: 'new' }, append_action: action }] }] },
  steps: [{ send: get('/') }, { send: get('/', 'x-a: old'), answer: answer(200, '', 'x-a: old') }],
}));

const hashing = (name: string, policies: object[], ...requests: string[]): Scenario => ({ name,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', hash_policy: policies } }] },
  varying: ['set-cookie'], steps: requests.map((send) => ({ send })) });
const hashes: readonly Scenario[] = [
  hashing('cookie without ttl is not made', [{ cookie: { name: 'c' } }], get('/')),
  hashing('cookie with ttl is made once', [{ cookie: { name: 'c', ttl: '60s', path: '/p' } }], get('/'),
    get('/', 'cookie: c=abc'), get('/', 'cookie: d=abc')),
  hashing('session cookie', [{ cookie: { name: 'c', ttl: '0s' } }], get('/')),
];

export const scenarios: readonly Scenario[] = [...paths, ...headers, ...rewrites, ...clusters, ...hosts, ...mutations,
  ...actions, ...hashes];
