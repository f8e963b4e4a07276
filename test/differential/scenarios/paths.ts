// What becomes of paths and hosts before routes are looked for: normalisation, slashes, escapes, ports, dots,
// underscores.
import { get, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const CLOSES = { ends: true };
/** Paths through a listener; each request on a connection of its own. */
const through = (name: string, manager: Fields, ...paths: string[]): Scenario => ({ name, main: { manager,
  routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
steps: paths.map((path) => ({ send: get(path) })),
stats: ['http.{id}-main.downstream_rq_failed_path_normalization',
  'http.{id}-main.downstream_rq_redirected_with_normalized_path'] });

const NORMALIZE = { normalize_path: true };
const DOTS = ['/a/./b', '/a/../b', '/a/b/..', '/a/b/../', '/./', '/..', '/../../a', '/a/b/../../../c', '/a/.b/..c/d..'];
const ESCAPES = ['/%61', '/%7e%41', '/a%2fb', '/a%2Fb%5cc', '/%2e%2e/a', '/a/%2E/b', '/%zz', '/%', '/a%00b', '/a%20b',
  '/%C3%A4', '/a%3fb', '/a%23b'];

const normalization: readonly Scenario[] = [
  through('nothing is normalised', {}, ...DOTS, '/a//b', '/%61', '/a%2fb'),
  through('dots', NORMALIZE, ...DOTS),
  through('escapes', NORMALIZE, ...ESCAPES),
  through('the query is left alone', NORMALIZE, '/a/../b?c=/../d', '/a?b=%61', '/a/./b?', '/./?x'),
  through('a backslash', NORMALIZE, '/a\\b', '/a\\..\\b'),
  through('slashes are left alone', NORMALIZE, '//a//b//', '/a/..//b'),
  through('slashes are merged', { merge_slashes: true }, '//a//b//', '/a///b', '/a//b?c=//d', '/a/..//b'),
  through('dots and slashes', { ...NORMALIZE, merge_slashes: true }, '//a//../b', '/a//./b', '/a/b//..'),
  { ...through('odd characters', NORMALIZE, '/a;b=c', '/a:b', '/a@b', "/a!$&'()*+,=b", '/a|b', '/a^b', '/a`b', '/a"b',
    '/a<b>', '/a{b}', '/a[b]'), differs: [{ line: /\/a(%|.b|<b>|\{b\})/, heading: 'Paths' }] },
  ...['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD'].flatMap((action) => [
    through(`escaped slashes: ${action}`, { path_with_escaped_slashes_action: action }, '/a%2fb', '/a%5Cb', '/a/b',
      '/a%2fb?c%2fd', '/%2f%2f'),
    through(`escaped slashes: ${action}, normalised`, { path_with_escaped_slashes_action: action, ...NORMALIZE },
      '/a%2f..%2fb', '/a%2fb', '/a/%2e%2e%2f'),
    through(`escaped slashes: ${action}, normalised and merged`, { path_with_escaped_slashes_action: action,
      ...NORMALIZE, merge_slashes: true }, '/a%2f%2fb', '/%2f/a', '/a%2f../b'),
  ]),
  { name: 'routes see the normalised path', main: { manager: { normalize_path: true, merge_slashes: true }, routes: [
    { match: { prefix: '/admin' }, direct_response: { status: 403 } },
    { match: { path: '/exact' }, direct_response: { status: 200 } },
    { match: { prefix: '/p/' }, route: { cluster: '{up}', prefix_rewrite: '/z/' } }] },
  steps: ['/x/../admin', '//admin', '/%61dmin', '/./exact', '/p/../p/a/./b', '/p/%2e%2e/q']
    .map((path) => ({ send: get(path) })) },
];

/** Hosts, and which virtual host takes them. */
const hosts = (name: string, manager: Fields, routeConfig: Fields, ...names: string[]): Scenario => ({ name,
  main: { manager, routeConfig, virtualHosts: [
    { name: 'a', domains: ['a.example'], routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
    { name: 'port', domains: ['a.example:8080'], routes: [{ match: { prefix: '/' },
      direct_response: { status: 200, body: { inline_string: 'with a port' } } }] },
    { name: 'rest', domains: ['*'], routes: [{ match: { prefix: '/' },
      direct_response: { status: 404, body: { inline_string: 'rest' } } }] }] },
  steps: names.map((host) => ({ send: get('/', `host: ${host}`) })) });
const HOSTS = ['a.example', 'a.example:8080', 'a.example:{port:main}', 'a.example:80', 'A.EXAMPLE', 'a.example.',
  'a.example.:8080', '[::1]:8080'];

const names: readonly Scenario[] = [
  hosts('hosts as they are', {}, {}, ...HOSTS),
  hosts('any port is stripped', { strip_any_host_port: true }, {}, ...HOSTS),
  hosts('the matching port is stripped', { strip_matching_host_port: true }, {}, ...HOSTS),
  hosts('a trailing dot is stripped', { strip_trailing_host_dot: true }, {}, ...HOSTS, 'a.example..'),
  hosts('dot and port are stripped', { strip_trailing_host_dot: true, strip_any_host_port: true }, {}, ...HOSTS),
  hosts('ports do not count in matching', {}, { ignore_port_in_host_matching: true }, ...HOSTS),
];

const underscored = (headers_with_underscores_action: string): Scenario => ({
  name: `underscores: ${headers_with_underscores_action}`,
  main: { manager: { common_http_protocol_options: { headers_with_underscores_action } },
    routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
  steps: [{ send: get('/', 'x-plain: 1') }, { send: get('/', 'x_under: 1', 'x-plain: 2'),
    ...(headers_with_underscores_action === 'REJECT_REQUEST' && CLOSES) }],
  stats: ['http1.dropped_headers_with_underscores', 'http1.requests_rejected_with_underscores_in_headers']
    .map((name) => `http.{id}-main.${name}`) });

export const scenarios: readonly Scenario[] = [...normalization, ...names,
  ...['ALLOW', 'REJECT_REQUEST', 'DROP_HEADER'].map(underscored)];
