// Route configurations: matches, actions, header mutations, and Envoy's rules on domains.
import t from 'tap';
import type { RouteConfig } from '../../../src/config/types.js';
import { limits } from '../../../src/core/limits.js';
import { bootstrap, configOf, connectionManager, errorsOf, listener, route, virtualHost } from '../examples.js';
import type { Tree } from '../examples.js';

const at = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config';
const tree = (routes: Tree): Tree => bootstrap([listener({}, connectionManager({ route_config: routes }))]);
const hosts = (...virtual_hosts: Tree[]): Tree => tree({ virtual_hosts });
const withRoute = (entry: Tree): Tree => hosts({ ...virtualHost(), routes: [entry] });
const read = (entry: Tree) => configOf<RouteConfig>(withRoute(entry), 'route').virtualHosts[0].routes[0];
const errors = (entry: Tree): string[] => errorsOf(withRoute(entry))
  .map((line) => line.replace(`${at}.virtual_hosts[0].routes[0]`, 'R'));
const matching = (match: Tree): Tree => ({ match, direct_response: { status: 200 } });

t.test('defaults of a route', async (t) => {
  t.same(read(route()),
    { name: '', statPrefix: '', keptBytesMax: null,
      match: { path: { kind: 'prefix', value: '/' }, caseSensitive: true, headers: [],
      queryParameters: [],
      runtimeFraction: null, certificate: null },
    action: { kind: 'forward',
      clusters: [{ cluster: 'backend', clusterHeader: null, weight: 1, hostRewriteLiteral: null, metadataMatch: null,
        requestHeaders: { add: [], remove: [] },
      responseHeaders: { add: [], remove: [] }, filters: [] }], totalWeight: 1, randomValueHeader: null,
      runtimeKeyPrefix: '', regexRewrite: null, hostRewriteHeader: null, hostRewritePathRegex: null,
      autoHostRewrite: false, hashPolicies: [], rateLimits: [], retryPolicy: null, internalRedirects: null, mirrors: [],
        hedgesOnTimeout: false, maxStreamDurationMs: null, grpcTimeouts: null,
        prefixRewrite: null,
        hostRewriteLiteral: null,
        appendXForwardedHost: false,
    timeoutMs: 15000, idleTimeoutMs: null, clusterNotFoundStatus: 503, priority: 'default', upgrades: [] },
    metadata: null, filters: [], requestHeaders: { add: [], remove: [] },
    responseHeaders: { add: [], remove: [] } });
});

t.test('path matches', async (t) => {
  t.match(read(matching({ path: '/a', case_sensitive: false })),
    { match: { path: { kind: 'path', value: '/a' }, caseSensitive: false } });
  t.match(read(matching({ connect_matcher: {} })), { match: { path: { kind: 'connect' } } });
  t.match(read(matching({ prefix: '' })), { match: { path: { kind: 'prefix', value: '' } } });
  t.match(read(matching({ path_separated_prefix: '/a' })), { match: { path: { kind: 'pathSeparatedPrefix',
    value: '/a' } } });
  t.match(read(matching({ safe_regex: { regex: '/a.*' } })), { match: { path: { kind: 'regex', value: '/a.*' } } });
  t.match(errors(matching({ safe_regex: { regex: '(' } })), [/R.match.safe_regex.regex: not a valid RE2/]);
  t.match(errors(matching({ path_separated_prefix: '/a/' })), [/R.match.path_separated_prefix/]);
  t.match(errors(matching({})), [/R.match: path_specifier is required: set one of prefix, path/]);
});

const template = (text: string, name = 'match'): Tree => ({ name: 'x', typed_config: {
  '@type': `type.googleapis.com/envoy.extensions.path.${name}.uri_template.v3.UriTemplate${name === 'match' ? 'Match'
    : 'Rewrite'}Config`, [name === 'match' ? 'path_template' : 'path_template_rewrite']: text } });

t.test('URI templates', async (t) => {
  const forward = (from: string, to: string): Tree => ({ match: { path_match_policy: template(from) },
    route: { cluster: 'backend', path_rewrite_policy: template(to, 'rewrite') } });
  const { action } = read(forward('/{a}/{b=**}', '/$/{b}/{a}'));
  t.match(action, { regexRewrite: { substitution: '/\\$/$2/$1' } });
  const wrong = (from: string): string[] => errors(matching({ path_match_policy: template(from) }));
  t.match(wrong('a'), [/must begin with/]);
  t.match(wrong('/{a}/{a}'), [/stands twice/]);
  t.match(wrong('/**/*'), [/nothing but text/]);
  t.match(wrong('/{a}/{b}/{c}/{d}/{e}/{f}'), [/more than 5 variables/]);
  t.match(wrong('/a{'), [/'{' is not allowed/]);
  t.match(errors(forward('/{a}', '/{b}')), [/variable b is not in the path template/]);
  t.match(errors({ match: { prefix: '/' }, route: { cluster: 'backend',
    path_rewrite_policy: template('/x', 'rewrite') } }),
      [/path_rewrite_policy.typed_config: needs a path_match_policy/]);
});

t.test('what else a forwarding route may say', async (t) => {
  const forward = (more: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend', ...more } });
  t.match(read(forward({ regex_rewrite: { pattern: { regex: '(a)' }, substitution: '\\1$\\\\2' } })).action,
    { regexRewrite: { pattern: '(a)', substitution: '$1\\$\\\\2' } });
  t.match(errors(forward({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\1' } })),
    [/group \\1 is not in/]);
  t.match(errors(forward({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\x' } })),
    [/must be followed by/]);
  t.match(errors(forward({ prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' } } })), [/only one of/]);
  t.match(read(forward({ hash_policy: [{ header: { header_name: 'X-A' }, terminal: true },
    { cookie: { name: 'c', ttl: '1.5s', path: '/p', attributes: [{ name: 'SameSite', value: 'Lax' }] } },
    { connection_properties: { source_ip: true } }, { query_parameter: { name: 'q' } }] })).action, { hashPolicies: [
    { kind: 'header', terminal: true, name: 'x-a', rewrite: null },
    { kind: 'cookie', terminal: false, name: 'c', ttlSeconds: 1, path: '/p', attributes: '; SameSite=Lax' },
    { kind: 'sourceIp', terminal: false }, { kind: 'queryParameter', terminal: false, name: 'q' }] });
  t.match(errors(forward({ hash_policy: [{}] })), [/policy_specifier is required/]);
  t.match(errors(forward({ hash_policy: [{ filter_state: { key: 'k' } }] })), [/filter_state: not implemented/]);
  t.match(read({ match: { prefix: '/', runtime_fraction: { runtime_key: 'k', default_value: { numerator: 5,
    denominator: 'MILLION' } } }, route: { cluster_header: 'X-C' } }), {
    match: { runtimeFraction: { runtimeKey: 'k', numerator: 5, denominator: 1_000_000 } },
    action: { clusters: [{ cluster: '', clusterHeader: 'x-c' }] } });
});

t.test('header matchers', async (t) => {
  const header = (more: Tree) => read(matching({ prefix: '/', headers: [{ name: 'X-A', ...more }] })).match.headers[0];
  t.same(header({}), { name: 'x-a', match: { kind: 'present', present: true }, invert: false,
    treatMissingAsEmpty: false });
  t.match(header({ present_match: false, invert_match: true, treat_missing_header_as_empty: true }),
    { match: { kind: 'present', present: false }, invert: true, treatMissingAsEmpty: true });
  t.same(header({ range_match: { start: '-10', end: 0 } }).match, { kind: 'range', start: -10, end: 0 });
  for (const [kind, value] of [['exact', ''], ['prefix', 'a'], ['suffix', 'b'], ['contains', 'c']]) {
    t.same(header({ [`${kind}_match`]: value }).match, { kind, value, ignoreCase: false });
    t.same(header({ string_match: { [kind]: value, ignore_case: true } }).match, { kind, value, ignoreCase: true });
  }
  for (const more of [{ safe_regex_match: { regex: 'a+' } },
    { string_match: { safe_regex: { google_re2: {}, regex: 'a+' } } }]) {
    t.same(header(more).match, { kind: 'regex', value: 'a+' });
  }
  const bad = (more: Tree): string[] => errors(matching({ prefix: '/', headers: [{ name: 'a', ...more }] }));
  t.match(bad({ string_match: { safe_regex: { regex: 'a(' } } }),
    [/R.match.headers\[0\].string_match.safe_regex.regex: not a valid RE2/]);
  t.match(bad({ safe_regex_match: { regex: '(a)\\1' } }), [/not a valid RE2/]);
  t.match(bad({ prefix_match: '' }), ['R.match.headers[0].prefix_match: must not be empty']);
  t.match(bad({ name: '' }), ['R.match.headers[0].name: required']);
  t.match(bad({ string_match: {} }), [/string_match: match_pattern is required/]);
});

t.test('query parameter matchers', async (t) => {
  const match = (more: Tree) => read(matching({ prefix: '/', query_parameters: [{ name: 'q', ...more }] }))
    .match.queryParameters[0].match;
  t.same(match({}), { kind: 'present', present: true });
  t.same(match({ string_match: { exact: 'v' } }), { kind: 'exact', value: 'v', ignoreCase: false });
});

t.test('forwarding', async (t) => {
  t.match(read({ match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0s', idle_timeout: '7s',
    prefix_rewrite: '/x',
    host_rewrite_literal: 'h', append_x_forwarded_host: true, cluster_not_found_response_code: 'NOT_FOUND',
      priority: 'HIGH',
    upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} },
      { upgrade_type: 'websocket', enabled: false }] } }).action,
  { timeoutMs: 0, idleTimeoutMs: 7000, prefixRewrite: '/x', hostRewriteLiteral: 'h', appendXForwardedHost: true,
    clusterNotFoundStatus: 404,
    priority: 'high', upgrades: [{ type: 'connect', enabled: true, connect: true },
      { type: 'websocket', enabled: false, connect: false }] });
  t.same(errors({ match: { prefix: '/' }, route: { cluster: 'backend',
    upgrade_configs: [{ upgrade_type: 'websocket', connect_config: {} }] } }),
    ['R.route.upgrade_configs[0].connect_config: only CONNECT has it, not websocket']);
});

t.test('weighted clusters', async (t) => {
  const weighted = (clusters: Tree[], more: Tree = {}): Tree =>
    ({ match: { prefix: '/' }, route: { weighted_clusters: { clusters, ...more } } });
  t.match(read(weighted([{ name: 'backend', weight: 30, host_rewrite_literal: 'a' }, { name: 'backend', weight: 70 }]))
    .action,
    { totalWeight: 100, clusters: [{ weight: 30, hostRewriteLiteral: 'a' }, { weight: 70 }] });
  t.same(errors(weighted([{ name: 'backend' }])),
    ['R.route.weighted_clusters: the sum of the weights must be greater than 0']);
  t.same(errors(weighted([])), ['R.route.weighted_clusters.clusters: at least 1 required',
    'R.route.weighted_clusters: the sum of the weights must be greater than 0']);
  t.same(errors(weighted([{ name: 'nobody', weight: 1 }])),
    ["R.route.weighted_clusters.clusters[0].name: unknown cluster 'nobody'"]);
  t.same(errors(weighted([{ name: 'backend', weight: 1 }], { total_weight: 5 })),
    ['R.route.weighted_clusters.total_weight: must be absent or the sum of the weights, which is 1']);
});

t.test('redirects and direct responses', async (t) => {
  const redirect = (more: Tree): Tree => ({ match: { prefix: '/' }, redirect: more });
  t.same(read(redirect({})).action, { kind: 'redirect', status: 301, scheme: null, httpsRedirect: false, host: null,
    port: null, path: null,
    prefixRewrite: null, regexRewrite: null, stripQuery: false });
  t.match(read(redirect({ https_redirect: true, host_redirect: 'h', port_redirect: 8443, path_redirect: '/p',
    response_code: 'PERMANENT_REDIRECT',
    strip_query: true })).action, { status: 308, httpsRedirect: true, host: 'h', port: 8443, path: '/p',
      stripQuery: true });
  t.same(errors(redirect({ regex_rewrite: {} })), ['R.redirect.regex_rewrite.pattern: required']);
  t.same(errors(redirect({ path_redirect: '/a', prefix_rewrite: '/b' })),
    ['R.redirect.prefix_rewrite: only one of the oneof path_rewrite_specifier may be set, and path_redirect is']);
  const direct = (more: Tree): Tree => ({ match: { prefix: '/' }, direct_response: more });
  t.same(read(direct({ status: 503, body: { inline_bytes: 'aGk=' } })).action,
    { kind: 'directResponse', status: 503, body: 'hi' });
  t.same(errors(direct({ status: 600 })), ['R.direct_response.status: must be less than 600']);
  t.same(errors(direct({})), ['R.direct_response.status: required']);
  t.same(errors(direct({ status: 200, body: { inline_string: 'x'.repeat(4097) } })),
    ['R.direct_response.body: response body size is 4097 bytes; maximum is 4096']);
  t.match(errors(direct({ status: 200, body: { filename: '/nowhere' } })),
    [/R.direct_response.body.filename: cannot be read/]);
});

t.test('header mutations', async (t) => {
  const add = (more: Tree): Tree =>
    ({ ...route(), request_headers_to_add: [{ header: { key: 'X-A', value: '%PROTOCOL%' }, ...more }] });
  const action = (more: Tree): string => read(add(more)).requestHeaders.add[0].action;
  t.same([action({}), action({ append: false }), action({ append: true }), action({ append_action: 'ADD_IF_ABSENT' }),
    action({ append_action: 'OVERWRITE_IF_EXISTS' })], ['append', 'overwrite', 'append', 'addIfAbsent',
      'overwriteIfExists']);
  t.match(read({ ...add({ keep_empty_value: true }), response_headers_to_remove: ['X-B'] }),
    { requestHeaders: { add: [{ name: 'x-a', spelling: 'X-A', value: '%PROTOCOL%', keepEmptyValue: true }] },
      responseHeaders: { remove: ['x-b'] } });
  t.match(errors({ ...route(), response_headers_to_add: [{ header: { key: 'a', value: '%NOPE%' } }] }),
    ['R.response_headers_to_add[0].header.value: %NOPE% is not a known command']);
  t.same(errors(add({ append: false, append_action: 'ADD_IF_ABSENT' })),
    ['R.request_headers_to_add[0].append: append and append_action must not both be set']);
  t.same(errors({ ...route(), request_headers_to_remove: ['Host'] }),
    ['R.request_headers_to_remove[0]: :-prefixed or host headers may not be removed']);
  t.same(errors({ ...route(), request_headers_to_add: [{ header: { key: ':path' } }, {}] }),
    ['R.request_headers_to_add[1].header: required',
      'R.request_headers_to_add[0].header.key: :-prefixed or host headers may not be modified']);
});

t.test('domains', async (t) => {
  const host = (name: string, ...domains: string[]): Tree => ({ name, domains, routes: [route()] });
  t.same(configOf<RouteConfig>(hosts(host('a', 'A.com', '*.b', 'c.*', '*')), 'route').virtualHosts[0].domains,
    ['a.com', '*.b', 'c.*', '*']);
  t.same(errorsOf(hosts(host('a', '*'), host('b', '*'))),
    [`${at}.virtual_hosts[1].domains[0]: only a single wildcard domain is permitted, the other one is ` +
      `${at}.virtual_hosts[0].domains[0]`]);
  t.same(errorsOf(hosts(host('a', 'x.com'), host('b', 'X.com'))),
    [`${at}.virtual_hosts[1].domains[0]: only unique domains are permitted, "x.com" is also at ` +
      `${at}.virtual_hosts[0].domains[0]`]);
  t.match(errorsOf(hosts(host('a', 'x.*.com'))), [/"x.\*.com": a wildcard is only allowed at the start or at the end/]);
  t.same(errorsOf(hosts(host('a'))), [`${at}.virtual_hosts[0].domains: at least 1 required`]);
  t.same(errorsOf(hosts({ domains: ['*'] })), [`${at}.virtual_hosts[0].name: required`]);
});

t.test('virtual clusters, stat prefixes and decorators', async (t) => {
  const clusters = (...virtual_clusters: Tree[]): Tree => hosts({ ...virtualHost(), virtual_clusters });
  const one = { name: 'c', headers: [{ name: ':path', string_match: { prefix: '/a' } }] };
  t.match(configOf<RouteConfig>(clusters(one), 'route').virtualHosts[0].virtualClusters,
    [{ name: 'c', headers: [{ name: ':path', match: { kind: 'prefix', value: '/a' } }] },
      { name: 'other', headers: [] }]);
  t.same(configOf<RouteConfig>(clusters(), 'route').virtualHosts[0].virtualClusters, []);
  t.same(errorsOf(clusters({ name: 'c' })), [`${at}.virtual_hosts[0].virtual_clusters[0].headers: required`]);
  t.same(errorsOf(clusters({ headers: one.headers })), [`${at}.virtual_hosts[0].virtual_clusters[0].name: required`]);
  const many = (count: number): Tree => clusters(...new Array<Tree>(count).fill(one));
  t.same(errorsOf(many(limits.virtualClustersMax)), []);
  t.same(errorsOf(many(limits.virtualClustersMax + 1)),
    [`${at}.virtual_hosts[0].virtual_clusters: more than ${limits.virtualClustersMax}`]);
  t.match(read({ ...route(), stat_prefix: 'p', decorator: { operation: 'o' } }), { statPrefix: 'p' });
  t.same(errors({ ...route(), decorator: {} }), ['R.decorator.operation: required']);
  const certificate = (tls_context: Tree): unknown => read(matching({ prefix: '/', tls_context })).match.certificate;
  t.same([certificate({ presented: true }), certificate({ validated: true, presented: false }), certificate({})],
    [{ presented: true, validated: null }, { presented: false, validated: true }, null]);
});

t.test('route configuration and virtual host', async (t) => {
  t.match(configOf(tree({ virtual_hosts: [{ ...virtualHost(), require_tls: 'EXTERNAL_ONLY' }],
    most_specific_header_mutations_wins: true,
    ignore_port_in_host_matching: true }), 'route'), { name: '@inline/front/0', mostSpecificHeaderMutationsWins: true,
    ignorePortInHostMatching: true, virtualHosts: [{ requireTls: 'external' }] });
  t.same(errorsOf(tree(
    { virtual_hosts: [{ ...virtualHost(), typed_per_filter_config: { a: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute' } } }] })),
    [`${at}.virtual_hosts[0].typed_per_filter_config["a"]: not implemented: `
      + 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute in typed_per_filter_config']);
  t.same(errorsOf(hosts({ ...virtualHost(), routes: [{ match: { prefix: '/' } }] })),
    [`${at}.virtual_hosts[0].routes[0]: action is required: set one of route, redirect, direct_response`]);
});

t.test('mirrors', async (t) => {
  const mirrored = (request_mirror_policies: Tree[], more: Tree = {}): Tree => ({ match: { prefix: '/' },
    route: { cluster: 'backend', request_mirror_policies, ...more } });
  const mirrors = (policies: Tree[]): unknown => {
    const { action } = read(mirrored(policies));
    return action.kind === 'forward' ? action.mirrors : null;
  };
  t.same(mirrors([{ cluster: 'backend' }, { cluster_header: 'X-To', disable_shadow_host_suffix_append: true,
    host_rewrite_literal: 'h', runtime_fraction: { default_value: { numerator: 7 }, runtime_key: 'k' },
    request_headers_mutations: [{ remove: 'X-A' }, { append: { header: { key: 'x-b', value: 'c' } } }] }]), [
    { cluster: 'backend', clusterHeader: null, fraction: null, hostSuffix: true, hostRewrite: null, headers: [] },
    { cluster: '', clusterHeader: 'x-to', hostSuffix: false, hostRewrite: 'h', headers: [{ add: [], remove: ['x-a'] },
      { add: [{ name: 'x-b', spelling: 'x-b', value: 'c', action: 'append', keepEmptyValue: false }], remove: [] }],
      fraction: { numerator: 7, denominator: 100, runtimeKey: 'k' } }]);
  t.same(errors(mirrored([{}])),
    ['R.route.request_mirror_policies[0]: exactly one of cluster and cluster_header must be set']);
  t.match(errors(mirrored([{ cluster: 'backend', cluster_header: 'a' }])), [/exactly one/]);
  t.match(errors(mirrored([{ cluster: 'nowhere' }])), [/request_mirror_policies\[0\]\.cluster.*nowhere/]);
  const many = (count: number): Tree => mirrored(Array.from({ length: count }, () => ({ cluster: 'backend' })));
  t.same(errors(many(limits.mirrorsMax)), []);
  t.same(errors(many(limits.mirrorsMax + 1)), [`R.route.request_mirror_policies: more than ${limits.mirrorsMax}`]);
  const levels = (host: Tree, config: Tree): unknown => {
    const plain = configOf(tree({ virtual_hosts: [{ ...virtualHost(), ...host }], ...config }), 'route') as
      { virtualHosts: { routes: { action: { mirrors: { clusterHeader: string }[] } }[] }[] };
    return plain.virtualHosts[0].routes[0].action.mirrors.map(({ clusterHeader }) => clusterHeader);
  };
  const to = (cluster_header: string): Tree => ({ request_mirror_policies: [{ cluster_header }] });
  t.same([levels({}, {}), levels({}, to('a')), levels(to('b'), to('a')), levels(to('b'), {})],
    [[], ['a'], ['b'], ['b']]);
});

t.test('hedging', async (t) => {
  const hedged = (hedge_policy: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend',
    hedge_policy } });
  t.match(read(hedged({ hedge_on_per_try_timeout: true, initial_requests: 1 })).action, { hedgesOnTimeout: true });
  t.match(read(hedged({})).action, { hedgesOnTimeout: false });
  t.same(errors(hedged({ initial_requests: 2 })),
    ['R.route.hedge_policy.initial_requests: not implemented, must be absent or 1']);
  t.same(errors(hedged({ additional_request_chance: { numerator: 5 } })),
    ['R.route.hedge_policy.additional_request_chance: not implemented']);
});

t.test('the longest life of a stream', async (t) => {
  const lasting = (max_stream_duration: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend',
    timeout: '7s', max_stream_duration } });
  t.match(read(lasting({ max_stream_duration: '2s' })).action, { maxStreamDurationMs: 2000, timeoutMs: 0 });
  t.match(read(lasting({})).action, { maxStreamDurationMs: null, timeoutMs: 0 });
  t.match(read(lasting({ grpc_timeout_header_max: '1s', grpc_timeout_header_offset: '0.5s' })).action,
    { grpcTimeouts: { maxMs: null, durationMaxMs: 1000, durationOffsetMs: 500, saysDuration: true } });
});

t.test('the timeouts of gRPC requests', async (t) => {
  const taking = (more: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend', ...more } });
  t.match(read(taking({ max_grpc_timeout: '0s', grpc_timeout_offset: '0.01s' })).action,
    { timeoutMs: 15000, grpcTimeouts: { maxMs: 0, offsetMs: 10, saysDuration: false } });
  t.match(read(taking({ grpc_timeout_offset: '1s' })).action, { grpcTimeouts: null });
  t.match(errors(taking({ max_grpc_timeout: '-1s' })), [/^R.route.max_grpc_timeout: /]);
});

t.test('what is refused by name', async (t) => {
  const forwarding = (more: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend', ...more } });
  t.same(errors(forwarding({ early_data_policy: { name: 'p', typed_config: {} } })),
    ['R.route.early_data_policy: not implemented']);
  t.match(errors({ match: { prefix: '/' }, route: { weighted_clusters: { use_hash_policy: true,
    clusters: [{ name: 'backend', weight: 1 }] } } }), [/weighted_clusters\.use_hash_policy: /]);
  t.same(errorsOf(tree({ virtual_hosts: [virtualHost()], vhds: {} })), [`${at}.vhds: not implemented`]);
});

t.test('internal redirects', async (t) => {
  const policy = (internal_redirect_policy: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend',
    internal_redirect_policy } });
  const redirects = (more: Tree): unknown => {
    const { action } = read(policy(more));
    return action.kind === 'forward' ? action.internalRedirects : null;
  };
  const predicate = (name: string, more: Tree = {}): Tree => ({ name: 'p', typed_config: {
    '@type': `type.googleapis.com/envoy.extensions.internal_redirect.${name}`, ...more } });
  t.same(redirects({}), { most: 1, codes: [302], predicates: [], allowCrossScheme: false, copyHeaders: [] });
  t.same(redirects({ max_internal_redirects: 0, redirect_response_codes: [301, 200, 307],
    allow_cross_scheme_redirect: true, response_headers_to_copy: ['X-A'], predicates: [
      predicate('previous_routes.v3.PreviousRoutesConfig'), predicate('safe_cross_scheme.v3.SafeCrossSchemeConfig'),
      predicate('allow_listed_routes.v3.AllowListedRoutesConfig', { allowed_route_names: ['r'] })] }),
  { most: 0, codes: [301, 307], allowCrossScheme: true, copyHeaders: ['x-a'], predicates: [
    { kind: 'previousRoutes' }, { kind: 'safeCrossScheme' }, { kind: 'allowListedRoutes', names: ['r'] }] });
  t.match(errors(policy({ response_headers_to_copy: [':path'] })), [/begin with a colon/]);
  t.match(errors(policy({ response_headers_to_copy: ['a', 'A'] })), [/a stands there twice/]);
  t.match(errors(policy({ redirect_response_codes: [1, 2, 3, 4, 5, 6] })), [/at most 5 allowed/]);
});

t.test('retry policies', async (t) => {
  const policy = (retry_policy: Tree): Tree => ({ match: { prefix: '/' }, route: { cluster: 'backend',
    retry_policy } });
  t.match(read(policy({})).action, { retryPolicy: { retryOn: '', retries: 1, perTryTimeoutMs: 0, backOffBaseMs: null,
    avoidPreviousHosts: false, hostSelectionAttempts: 1 } });
  t.match(read(policy({ retry_on: '5xx', num_retries: 0, per_try_timeout: '1s', retriable_status_codes: [429],
    retry_back_off: { base_interval: '0.1s' }, host_selection_retry_max_attempts: 3,
    retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }] })).action, { retryPolicy: {
    retryOn: '5xx', retries: 0, perTryTimeoutMs: 1000, retriableStatusCodes: [429], backOffBaseMs: 100,
    avoidPreviousHosts: true, hostSelectionAttempts: 3 } });
  t.match(errors(policy({ retry_back_off: { base_interval: '2s', max_interval: '1s' } })), [/at least base_interval/]);
  t.match(errors(policy({ retry_host_predicate: [{ name: 'other' }] })), [/not implemented: other/]);
  t.match(errors(policy({ retry_back_off: { base_interval: '0s' } })), [/base_interval: must be greater than 0/]);
  t.match(errors(policy({ retry_back_off: {} })), [/base_interval: required/]);
  t.match(read(policy({ per_try_idle_timeout: '1s', rate_limited_retry_back_off: { reset_headers: [{ name: 'A' },
    { name: 'b', format: 'UNIX_TIMESTAMP' }] } })).action, { retryPolicy: { perTryIdleTimeoutMs: 1000,
    resetMaxMs: 300_000, resetHeaders: [{ name: 'a', format: 'seconds' }, { name: 'b', format: 'unixTimestamp' }] } });
  t.match(errors(policy({ rate_limited_retry_back_off: {} })), [/reset_headers: at least 1 required/]);
  t.match(errors(policy({ rate_limited_retry_back_off: { reset_headers: [{ name: 'a' }], max_interval: '0s' } })),
    [/max_interval: must be greater than 0/]);
  t.match(errors(policy({ retry_priority: { name: 'other' } })), [/retry_priority: not implemented: no typed_config/]);
  const any = (type: string, more: Tree = {}): Tree => ({ name: 'x', typed_config: {
    '@type': `type.googleapis.com/envoy.extensions.retry.${type}`, ...more } });
  t.match(read(policy({ retry_priority: any('priority.previous_priorities.v3.PreviousPrioritiesConfig',
    { update_frequency: 2 }), retry_host_predicate: [any('host.omit_canary_hosts.v3.OmitCanaryHostsPredicate'),
    any('host.omit_host_metadata.v3.OmitHostMetadataConfig', { metadata_match: { filter_metadata: { 'envoy.lb': {
      a: 1 } } } })] })).action, { retryPolicy: { prioritiesEvery: 2, avoidPreviousHosts: false, avoidCanaries: true,
    avoidMetadata: [{ keys: ['a'], values: ['1'] }] } });
});
