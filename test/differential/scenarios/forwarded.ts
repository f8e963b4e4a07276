// What the connection manager itself writes about where a request came from: x-forwarded-*, via, server, request ids,
// the scheme, and what it believes of a client's own claims.
import { answer, get, type Scenario } from '../scenario.js';

type Fields = Record<string, unknown>;
const forward = [{ match: { prefix: '/' }, route: { cluster: '{up}' } }];
const managed = (name: string, manager: Fields, ...headers: string[]): Scenario =>
  ({ name, main: { routes: forward, manager }, steps: [{ send: get('/a', ...headers) }] });
/** The same with an answer whose headers matter. */
const answered = (name: string, manager: Fields, ...headers: string[]): Scenario => ({ name,
  main: { routes: forward, manager }, steps: [{ send: get('/a'), answer: answer(200, '', ...headers) }] });

const XFF = 'x-forwarded-for: 10.0.0.1, 192.168.1.1, 8.8.8.8';
const edge = { use_remote_address: true };
// The client is 127.0.0.1, in whose place Envoy writes an address of the host.
const own = { differs: [{ line: /got header x-forwarded-for: |got header x-envoy-external-address/,
  heading: 'Not in the comparison' }] };

const addresses: readonly Scenario[] = [
  managed('nothing is claimed', {}),
  managed('x-forwarded-for is kept', {}, XFF),
  managed('claims of a client inside', {}, 'x-envoy-internal: true', 'x-envoy-force-trace: true',
    'x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 3', 'x-envoy-upstream-rq-timeout-ms: 100'),
  { ...managed('the edge appends', edge), ...own },
  { ...managed('the edge appends to what is there', edge, XFF), ...own },
  { ...managed('the edge takes away claims', edge, 'x-envoy-internal: true', 'x-envoy-retry-on: 5xx',
    'x-envoy-external-address: 1.2.3.4', 'x-envoy-downstream-service-cluster: c', 'x-envoy-original-path: /x',
    'x-envoy-decorator-operation: op', 'x-envoy-expected-rq-timeout-ms: 3'), ...own },
  managed('skip_xff_append', { ...edge, skip_xff_append: true }, XFF),
  ...[1, 2, 3, 4].map((hops) => ({ ...managed(`${hops} trusted hops at the edge`,
    { ...edge, xff_num_trusted_hops: hops }, XFF, 'x-forwarded-proto: https'), ...own })),
  ...[1, 2, 4].map((hops) => managed(`${hops} trusted hops inside`, { xff_num_trusted_hops: hops }, XFF)),
  managed('x-forwarded-for that is no address', { xff_num_trusted_hops: 1 }, 'x-forwarded-for: nonsense'),
  { name: 'the remote address in the log, by x-forwarded-for', main: { routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}' }, request_headers_to_add: [{ header: { key: 'x-remote',
      value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } }] }] }, steps: [{ send: get('/') },
    { send: get('/', 'x-forwarded-for: 9.9.9.9') }, { send: get('/', XFF) }, { send: get('/', 'x-forwarded-for: x') },
    { send: get('/', 'x-forwarded-for: 1.1.1.1', 'x-forwarded-for: 2.2.2.2') }], differs: [
    { line: /got header x-forwarded-for: [12]/, heading: 'Repeated headers' }] },
  { name: 'the remote address in the log, by trusted hops', main: { routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}' }, request_headers_to_add: [{ header: { key: 'x-remote',
      value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } }] }], manager: { xff_num_trusted_hops: 1 } },
  steps: [{ send: get('/') }, { send: get('/', 'x-forwarded-for: 9.9.9.9') }, { send: get('/', XFF) }] },
];

const others: readonly Scenario[] = [
  managed('append_x_forwarded_port', { append_x_forwarded_port: true }),
  managed('append_x_forwarded_port over a claim', { append_x_forwarded_port: true }, 'x-forwarded-port: 1'),
  { name: 'x-forwarded-host', main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}',
    host_rewrite_literal: 'b.example', append_x_forwarded_host: true } }] }, steps: [{ send: get('/') },
    { send: get('/', 'x-forwarded-host: c.example') }] },
  managed('via', { via: 'weft' }),
  managed('via behind another', { via: 'weft' }, 'via: 1.1 other'),
  answered('via in an answer', { via: 'weft' }, 'via: 1.1 origin'),
  ...['OVERWRITE', 'APPEND_IF_ABSENT', 'PASS_THROUGH'].flatMap((server_header_transformation) => [
    answered(`server: ${server_header_transformation}`, { server_name: 'mine', server_header_transformation },
      'server: theirs'),
    answered(`server: ${server_header_transformation}, absent`, { server_name: 'mine', server_header_transformation }),
  ]),
  { name: 'server of an answer of our own', main: { routes: [{ match: { prefix: '/' },
    direct_response: { status: 200 } }],
  manager: { server_name: 'mine', server_header_transformation: 'PASS_THROUGH' } },
  steps: [{ send: get('/') }] },
];

const ID = 'x-request-id: 0a0b0c0d-1111-4111-8111-111111111111';
/** The request id as the upstream got it is seen in a header of another name. */
const identified = (name: string, manager: Fields, ...headers: string[]): Scenario => ({ name,
  main: { manager, routes: [{ match: { prefix: '/d' }, direct_response: { status: 200 } }, { match: { prefix: '/' },
    route: { cluster: '{up}' }, request_headers_to_add: [{ header: { key: 'x-same',
      value: '%REQ(X-REQUEST-ID):8%' } }] }] },
  steps: [{ send: get('/a', ...headers) }, { send: get('/d', ...headers) }], varying: headers.length === 0
    || 'use_remote_address' in manager ? ['x-same'] : [] });

const ids: readonly Scenario[] = [
  identified('a request id is made', {}),
  identified('no request id is made', { generate_request_id: false }),
  identified('a request id is kept', {}, ID),
  identified('a request id is kept where none is made', { generate_request_id: false }, ID),
  identified('a request id is made anew at the edge', { ...edge, skip_xff_append: true }, ID),
  identified('a request id is kept at the edge', { ...edge, skip_xff_append: true, preserve_external_request_id: true },
    ID),
  identified('a request id in the answer', { always_set_request_id_in_response: true }, ID),
  identified('a request id that was made, in the answer', { always_set_request_id_in_response: true }),
];

const scheme = { path: '{folder}/{id}-main.log', log_format: { text_format_source: {
  inline_string: '%REQ(:SCHEME)% %REQ(X-FORWARDED-PROTO)%\n' } },
'@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog' };
const schemed = (name: string, manager: Fields): Scenario => ({ name, main: { manager: {
  access_log: [{ name: 'file', typed_config: scheme }], ...manager }, routes: [
  { match: { prefix: '/r' }, redirect: { path_redirect: '/x' } }, { match: { prefix: '/', headers: [{ name: ':scheme',
    string_match: { exact: 'https' } }] }, direct_response: { status: 200, body: { inline_string: 'https' } } },
  { match: { safe_regex: { regex: '/e.*' }, headers: [{ name: ':scheme', string_match: { safe_regex: {
    regex: 'http' } } }] }, direct_response: { status: 200, body: { inline_string: 'http' } } }, ...forward] },
steps: [{ send: get('/') }, { send: get('/', 'x-forwarded-proto: https') },
  { send: get('/', 'x-forwarded-proto: HTTPS') }, { send: get('/', 'x-forwarded-proto: ftp') }, { send: get('/e') },
  { send: get('/r') }, { send: get('/r', 'x-forwarded-proto: https') },
  { send: 'GET https://a.example/ HTTP/1.1\r\nhost: a\r\n\r\n' },
  { send: 'GET http://a.example/ HTTP/1.1\r\nhost: a\r\nx-forwarded-proto: https\r\n\r\n' }] });

const schemes: readonly Scenario[] = [
  schemed('scheme', {}),
  { ...schemed('scheme at the edge', { ...edge, skip_xff_append: true }) },
  schemed('scheme with trusted hops', { ...edge, skip_xff_append: true, xff_num_trusted_hops: 1 }),
  schemed('scheme is set to https', { scheme_header_transformation: { scheme_to_overwrite: 'https' } }),
  schemed('scheme is set to http', { scheme_header_transformation: { scheme_to_overwrite: 'http' } }),
];

const ADDED = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'];
const OURS = { via: 'weft', append_x_forwarded_port: true };
const CLAIMS = ['x-envoy-retry-on', 'x-envoy-internal', 'x-envoy-original-path', 'x-envoy-other'];
const NAMES = ['via', 'x-forwarded-port', 'x-forwarded-proto', 'x-request-id'];
/** Routes that meet headers which the manager has written; the first request has none of them, the second all. */
const written = (name: string, fields: Fields, more: Fields = {}): Scenario => ({ name, main: { manager: OURS,
  routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' }, ...fields }], ...more },
steps: [{ send: get('/a') }, { send: get('/a', 'via: 1.1 c', 'x-forwarded-port: 1', 'x-forwarded-proto: https', ID) }],
varying: ['x-request-id'] });
const logged = (text: string): Fields => ({ access_log: [{ name: 'file', typed_config: { ...scheme,
  log_format: { text_format_source: { inline_string: text } } } }] });

const joined = (action: string, line: RegExp): Pick<Scenario, 'differs'> =>
  (action === ADDED[0] ? { differs: [{ line, heading: 'Repeated headers' }] } : {});

const manners: readonly Scenario[] = [
  ...ADDED.flatMap((append_action) => [
    { ...written(`what the manager wrote: ${append_action}`, { request_headers_to_add: NAMES.slice(0, 3).map((key) =>
      ({ header: { key, value: key === 'x-forwarded-port' ? '7' : 'http' }, append_action })) }),
    ...joined(append_action, /got header (via|x-forwarded-p)/) },
    written(`what the manager wrote, with an empty value: ${append_action}`, { request_headers_to_add:
      NAMES.slice(0, 3).map((key) => ({ header: { key, value: '%REQ(x-none)%' }, append_action })) }),
    { ...joined(append_action, /header location/), name: `headers of a redirect: ${append_action}`,
      main: { manager: { via: 'weft' }, routes: [
      { match: { prefix: '/' }, redirect: { path_redirect: '/x' }, response_headers_to_add: [
        { header: { key: 'location', value: '/y' }, append_action }, { header: { key: 'x-new', value: '/y' },
          append_action }] }] }, steps: [{ send: get('/') }] },
  ]),
  written('what the manager wrote is removed', { request_headers_to_remove: NAMES }),
  { name: 'via on answers of our own', main: { manager: { via: 'weft' }, routes: [
    { match: { path: '/d' }, direct_response: { status: 200 } }, { match: { path: '/r' },
      redirect: { path_redirect: '/x' } }, { match: { path: '/l' }, redirect: { path_redirect: '/x' },
      response_headers_to_remove: ['location', 'via'] }] },
  steps: [{ send: get('/d') }, { send: get('/r') }, { send: get('/l') }, { send: get('/none') }] },
  { name: 'claims at the edge are not seen by routes', main: { manager: { ...edge, skip_xff_append: true }, routes: [
    ...CLAIMS.map((name) => ({ match: { path: `/${name}`, headers: [{ name, present_match: true }] },
      direct_response: { status: 200 } }))] },
  steps: CLAIMS.map((name) => ({ send: get(`/${name}`, `${name}: 1`) })) },
  { name: 'a host and a cluster by a repeated header', main: { routes: [{ match: { path: '/c' }, route: {
    cluster_header: 'x-c' } }, { match: { path: '/h' }, route: { cluster: '{up}', host_rewrite_header: 'x-h' } }] },
  steps: [{ send: get('/c', 'x-c: none', 'x-c: other') }, { send: get('/h', 'x-h: a.a', 'x-h: b.b') }] },
  { name: 'a rewritten path without a slash, in a log', logLines: 2, main: { manager: logged(
    '%REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-PATH)% %REQ(X-ONE)%\n'), routes: [{ match: { prefix: '/' }, route: {
    cluster: '{up}', prefix_rewrite: 'z' } }] }, steps: [{ send: get('/a', 'x-one: 1') },
    { send: get('/', 'x-one: 1') }] },
  { name: 'attempts in answers of each kind', main: { virtualHosts: [{ name: 'v', domains: ['*'],
    include_attempt_count_in_response: true, include_request_attempt_count: true, routes: [
      { match: { path: '/d' }, direct_response: { status: 200 } }, { match: { path: '/r' },
        redirect: { path_redirect: '/x' } }, ...forward] }] },
  steps: [{ send: get('/d') }, { send: get('/r') }, { send: get('/u') }] },
];

export const scenarios: readonly Scenario[] = [...addresses, ...others, ...ids, ...schemes, ...manners];
