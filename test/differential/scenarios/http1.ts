// The edges of HTTP/1 between clients and the proxy: targets, hosts, versions, framing, sizes, pipelines, and what is
// counted of them. Hostile bytes are the conformance suite's (npm run conformance).
import { answer, get, post, type Scenario, type Step } from '../scenario.js';

const forward = [{ match: { prefix: '/' }, route: { cluster: '{up}' } }];
const lines = (...text: string[]): string => [...text, '', ''].join('\r\n');
type Manager = Record<string, unknown>;

const details = { line: /^log/, heading: 'Details of refused heads' };

/** One message through a forwarding listener. */
const one = (name: string, send: string, manager: Manager = {}, more: Partial<Step> = {},
  rest: Partial<Scenario> = {}): Scenario =>
  ({ name, main: { routes: forward, manager }, steps: [{ send, ...more }], ...rest });
/** One message that is refused and ends the connection. */
const refused = (name: string, send: string, manager: Manager = {}, rest: Partial<Scenario> = {}): Scenario =>
  one(name, send, manager, { ends: true }, rest);
const http = (...names: string[]): string[] => names.map((name) => `http.{id}-main.${name}`);
const protocolErrors = { stats: http('downstream_cx_protocol_error', 'downstream_rq_4xx', 'downstream_rq_total') };
const head = (fields: Manager): Manager => ({ http_protocol_options: fields });
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** Options of HTTP/1 towards the upstream. */
const upstreamOptions = (http_protocol_options: Manager): Partial<Scenario> => ({ clusterFields: { up: {
  typed_extension_protocol_options: { [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`,
    explicit_http_config: { http_protocol_options } } } } } });

const targets: readonly Scenario[] = [
  one('absolute form: the target wins over Host', lines('GET http://b.example/x?y HTTP/1.1', 'host: a.example')),
  one('absolute form with a port', lines('GET http://b.example:8080/x HTTP/1.1', 'host: a.example')),
  one('absolute form without a path', lines('GET http://b.example HTTP/1.1', 'host: a.example')),
  one('absolute form in capitals', lines('GET HTTP://B.example/X HTTP/1.1', 'host: a.example')),
  one('absolute form of https', lines('GET https://b.example/x HTTP/1.1', 'host: a.example')),
  one('OPTIONS with a path', lines('OPTIONS /x HTTP/1.1', 'host: a.example')),
  one('a fragment in the path', lines('GET /x#y HTTP/1.1', 'host: a.example'), {}, { ends: true }),
  one('a query without a path', lines('GET /?q HTTP/1.1', 'host: a.example')),
  one('a question mark alone', lines('GET /x? HTTP/1.1', 'host: a.example')),
  one('bytes above 127 in the path', lines('GET /\u00e4 HTTP/1.1', 'host: a.example'), {}, { ends: true },
    { differs: [details] }),
  one('a host with a port', get('/', 'host: a.example:8080')),
  one('a host in capitals', get('/', 'host: A.Example')),
  one('an IPv6 host', get('/', 'host: [::1]:8080')),
  refused('no host', lines('GET /a HTTP/1.1', 'x: y'), {}, { stats: http('downstream_rq_4xx', 'downstream_rq_total') }),
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND', 'PURGE'].map((method) =>
    one(`method ${method}`, lines(`${method} /m HTTP/1.1`, 'host: a.example'), {}, { noBody: method === 'HEAD' })),
];

const versions: readonly Scenario[] = [
  one('HTTP/1.0 is refused by default', lines('GET / HTTP/1.0', 'host: a.example'), {}, { ends: true }),
  one('HTTP/1.0 accepted', lines('GET / HTTP/1.0', 'host: a.example'), head({ accept_http_10: true }), { ends: true }),
  one('HTTP/1.0 with keep-alive', lines('GET / HTTP/1.0', 'host: a.example', 'connection: keep-alive'),
    head({ accept_http_10: true })),
  one('HTTP/1.0 without a host', lines('GET / HTTP/1.0'), head({ accept_http_10: true }), { ends: true }),
  one('HTTP/1.0 with a default host', lines('GET / HTTP/1.0'),
    head({ accept_http_10: true, default_host_for_http_10: 'old.example' }), { ends: true }),
  one('HTTP/1.0 and a chunked answer', lines('GET / HTTP/1.0', 'host: a.example'), head({ accept_http_10: true }),
    { ends: true, answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' }),
  one('HTTP/1.0 with a body', 'POST / HTTP/1.0\r\nhost: a.example\r\ncontent-length: 3\r\n\r\nabc',
    head({ accept_http_10: true }), { ends: true }),
];

const framing: readonly Scenario[] = [
  one('a chunked request', 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n'
    + '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'),
  one('chunked, with trailers that are dropped', 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n'
    + '\r\n3\r\nabc\r\n0\r\nx-trailer: t\r\n\r\n'),
  one('chunked, with trailers that are forwarded', 'POST / HTTP/1.1\r\nhost: a.example\r\n'
    + 'transfer-encoding: chunked\r\ntrailer: x-trailer\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: t\r\n\r\n',
  head({ enable_trailers: true }), {}, upstreamOptions({ enable_trailers: true })),
  one('chunked with an extension', 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n'
    + '3;a=b\r\nabc\r\n0\r\n\r\n'),
  one('a chunked answer with trailers', get('/'), head({ enable_trailers: true }), { answer: 'HTTP/1.1 200 OK\r\n'
    + 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: t\r\n\r\n' },
  upstreamOptions({ enable_trailers: true })),
  one('an empty body with a length', post('/', '')),
  one('a GET with a body', 'GET / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\n\r\nabc'),
  refused('a length and chunked together', 'POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\n'
    + 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', {}, protocolErrors),
  refused('two lengths that differ', 'POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\ncontent-length: 4\r\n'
    + '\r\nabcd', {}, protocolErrors),
  refused('a length that is no number', 'POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: x\r\n\r\n', {},
    protocolErrors),
  refused('an unknown transfer coding', 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: gzip\r\n\r\n', {},
    protocolErrors),
  refused('a bad chunk size', 'POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', {},
    protocolErrors),
  one('Expect: 100-continue', 'POST / HTTP/1.1\r\nhost: a.example\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n'
    + 'abc', {}, { responses: 2 }, { logLines: 1 }),
  one('Expect: 100-continue is proxied', 'POST / HTTP/1.1\r\nhost: a.example\r\nexpect: 100-continue\r\n'
    + 'content-length: 3\r\n\r\nabc', { proxy_100_continue: true }, { responses: 1 }),
  one('an unknown expectation', get('/', 'expect: wonders')),
];

const answers: readonly Scenario[] = [
  one('HEAD', lines('HEAD / HTTP/1.1', 'host: a.example'), {}, { noBody: true, answer: 'HTTP/1.1 200 OK\r\n'
    + 'content-length: 10\r\n\r\n' }),
  one('HEAD and a chunked answer', lines('HEAD / HTTP/1.1', 'host: a.example'), {}, { noBody: true,
    answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n' }),
  one('204', get('/'), {}, { noBody: true, answer: 'HTTP/1.1 204 No Content\r\n\r\n' }),
  one('304 with a length', get('/'), {}, { noBody: true,
    answer: 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: "x"\r\n\r\n' }),
  one('205', get('/'), {}, { answer: answer(205) }),
  one('103 before the answer', get('/'), {}, { responses: 2, answer: 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'
    + 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok' }, { differs: [{ heading: 'Interim responses',
    line: /^response 103|^response header link/ }], logLines: 1 }),
  one('a reason phrase of its own', get('/'), {}, { answer: 'HTTP/1.1 200 Very Well\r\ncontent-length: 0\r\n\r\n' }),
  one('an unusual status', get('/'), {}, { answer: answer(599, 'x') }),
  one('an answer by HTTP/1.0', get('/'), {}, { answer: 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok' }),
  one('an answer that is none', get('/'), {}, { answer: 'nonsense\r\n\r\n' },
    { stats: ['cluster.{up}.upstream_cx_protocol_error', 'cluster.{up}.upstream_rq_5xx'] }),
  one('an answer with a bad length', get('/'), {}, { answer: 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n' },
    { stats: ['cluster.{up}.upstream_cx_protocol_error'] }),
  one('hop-by-hop headers of an answer', get('/'), {}, { answer: answer(200, '', 'keep-alive: timeout=5',
    'proxy-connection: keep-alive', 'upgrade: h2c', 'connection: x-own', 'x-own: 1') }),
];

const connections: readonly Scenario[] = [
  { name: 'a pipeline of three', main: { routes: forward },
    steps: [{ send: get('/1') + get('/2') + get('/3'), responses: 3 }], stats: http('downstream_cx_total',
      'downstream_rq_total', 'downstream_rq_2xx') },
  { name: 'a pipeline with bodies', main: { routes: forward },
    steps: [{ send: post('/1', 'one') + post('/2', 'two'), responses: 2 }] },
  { name: 'a pipeline behind a refused request', main: { routes: [{ match: { prefix: '/yes' },
    route: { cluster: '{up}' } }] }, steps: [{ send: get('/no') + get('/yes'), responses: 2 }] },
  { name: 'connection: close', main: { routes: forward },
    steps: [{ send: get('/', 'connection: close'), ends: true }] },
  { name: 'the upstream says close', main: { routes: forward },
    steps: [{ send: get('/'), answer: answer(200, 'x', 'connection: close') },
      { send: get('/'), sameConnection: true }] },
  { name: 'hop-by-hop headers of a request', main: { routes: forward }, steps: [{ send: get('/', 'keep-alive: 5',
    'proxy-connection: keep-alive', 'te: gzip', 'connection: x-own', 'x-own: 1', 'x-else: 2') }] },
  { name: 'te: trailers stays', main: { routes: forward }, steps: [{ send: get('/', 'te: trailers') }] },
  { name: 'a connection serves two requests at most', main: { routes: forward,
    manager: { common_http_protocol_options: { max_requests_per_connection: 2 } } },
  steps: [{ send: get('/1') }, { send: get('/2'), sameConnection: true, ends: true }],
  stats: http('downstream_cx_max_requests_reached') },
  { name: 'empty lines before a request', main: { routes: forward }, steps: [{ send: `\r\n\r\n${get('/')}` }] },
];

const sizes: readonly Scenario[] = [
  one('a long header passes', get('/', `x-long: ${'l'.repeat(20_000)}`), {}, {}, { varying: ['x-long'] }),
  refused('a head beyond its limit', get('/', `x-long: ${'l'.repeat(70_000)}`), {},
    { stats: http('downstream_rq_too_large', 'downstream_rq_4xx') }),
  refused('a head beyond a small limit', get('/', `x-long: ${'l'.repeat(9000)}`), { max_request_headers_kb: 8 },
    { stats: http('downstream_rq_too_large', 'downstream_rq_4xx') }),
  refused('more headers than allowed', get('/', ...Array.from({ length: 101 }, (_, n) => `x-${n}: y`)), {},
    { stats: http('downstream_rq_too_large', 'downstream_cx_protocol_error') }),
  refused('more headers than a small limit', get('/', 'a: 1', 'b: 2', 'c: 3'),
    { common_http_protocol_options: { max_headers_count: 3 } }, { stats: http('downstream_rq_too_large') }),
  one('an answer with too many headers', get('/'), {}, { answer: answer(200, '', ...Array.from({ length: 110 },
    (_, n) => `x-${n}: y`)) }, { stats: ['cluster.{up}.upstream_cx_protocol_error'] }),
  one('a path of 8,000 bytes', get(`/${'p'.repeat(8000)}`), { access_log: [] }, {}, { logLines: 0 }),
];

const names: readonly Scenario[] = [
  one('names are sent in lower case', get('/', 'X-Mixed-Case: One'), {}, { answer: answer(200, '', 'X-Up-Case: Two') }),
  one('proper case', get('/', 'x-mixed-case: One'), head({ header_key_format: { proper_case_words: {} } }),
    { answer: answer(200, '', 'x-up-case: Two') }),
  one('an empty value', get('/', 'x-empty:'), {}, { answer: answer(200, '', 'x-up-empty:') }),
  one('a repeated header', get('/', 'x-two: 1', 'x-two: 2'), {}, { answer: answer(200, '', 'x-up: 1', 'x-up: 2') }),
  one('cookies stay apart', get('/', 'cookie: a=1', 'cookie: b=2'), {}, { answer: answer(200, '', 'set-cookie: a=1',
    'set-cookie: b=2') }),
  one('white space around a value', get('/', 'x-space:   v   ')),
  one('bytes above 127 in a value', get('/', 'x-high: \u00e4')),
  refused('a space in a name', get('/', 'x bad: 1'), {}, protocolErrors),
  refused('a control byte in a value', get('/', 'x-bad: a\u0001b'), {}, protocolErrors),
  refused('a header without a colon', get('/', 'x-bad'), {}, { ...protocolErrors, differs: [details] }),
  one('a fully qualified target upstream', get('/x?y'), {}, {}, upstreamOptions({ send_fully_qualified_url: true })),
  one('a fully qualified target of https', get('/x?y', 'x-forwarded-proto: https'), {}, {},
    upstreamOptions({ send_fully_qualified_url: true })),
  one('proper case upstream', get('/', 'x-mixed-case: One'), {}, {},
    upstreamOptions({ header_key_format: { proper_case_words: {} } })),
];

export const scenarios: readonly Scenario[] =
  [...targets, ...versions, ...framing, ...answers, ...connections, ...sizes, ...names];
