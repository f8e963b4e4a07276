// Timeouts, each far from the next: of routes, idle streams, whole requests, heads, connections; and what clients may
// ask for in headers.
import { answer, get, post, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const HANG = { hang: true } as const;
const SLOW = { afterMs: 600, reply: answer(200, 'late') };

/** One request through a route and a manager with these fields. */
const timed = (name: string, route: Fields, manager: Fields, step: Step, stats: readonly string[] = [],
  more: Partial<Scenario> = {}): Scenario => ({
  name, main: { manager, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...route } }] },
  steps: [{ send: get('/'), ...step }], stats, ...more });
const up = (...names: string[]): string[] => names.map((name) => `cluster.{up}.${name}`);
const http = (...names: string[]): string[] => names.map((name) => `http.{id}-main.${name}`);
const TIMEOUTS = up('upstream_rq_timeout', 'upstream_rq_504', 'upstream_rq_5xx', 'upstream_rq_total',
  'upstream_rq_per_try_timeout', 'upstream_cx_destroy_local_with_active_rq');

/** Nobody answers, and the client leaves: Weft waits for the answer, for the client may have closed one half only. */
const LEAVES: Partial<Scenario> = { logLines: 0,
  differs: [{ line: /destroy_local/, heading: 'Not in the comparison' }] };

const routes: readonly Scenario[] = [
  timed('route timeout', { timeout: '0.25s' }, {}, { answer: HANG }, TIMEOUTS),
  timed('route timeout that is long enough', { timeout: '3s' }, {}, { answer: SLOW }, TIMEOUTS),
  timed('no route timeout', { timeout: '0s' }, {}, { answer: SLOW }, TIMEOUTS),
  timed('route timeout of a POST', { timeout: '0.25s' }, {}, { send: post('/', 'body'), answer: HANG }, TIMEOUTS),
  timed('route timeout begins behind the request', { timeout: '0.25s' }, {}, { quietMs: 500, responses: 0,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc' }, up('upstream_rq_timeout'), { logLines: 1 }),
  ...([['outside', []], ['inside', ['x-forwarded-for: 10.0.0.1']]] as const).flatMap(([where, from]) => [
    timed(`a timeout by header, ${where}`, { timeout: '9s' }, { access_log: [] }, { answer: HANG, quietMs: 400,
      send: get('/', 'x-envoy-upstream-rq-timeout-ms: 50', ...from) }, TIMEOUTS, LEAVES),
    timed(`a longer timeout by header, ${where}`, { timeout: '0.25s' }, {}, { answer: SLOW,
      send: get('/', 'x-envoy-upstream-rq-timeout-ms: 3000', ...from) }, TIMEOUTS),
    timed(`no timeout by header, ${where}`, { timeout: '0.25s' }, {}, { answer: SLOW,
      send: get('/', 'x-envoy-upstream-rq-timeout-ms: 0', ...from) }, TIMEOUTS),
    timed(`a timeout by header that is no number, ${where}`, { timeout: '0.25s' }, {}, { answer: HANG,
      send: get('/', 'x-envoy-upstream-rq-timeout-ms: soon', ...from) }, TIMEOUTS),
    timed(`another status for timeouts, ${where}`, { timeout: '0.25s' }, {}, { answer: HANG, noBody: true,
      send: get('/', 'x-envoy-upstream-rq-timeout-alt-response: 1', ...from) }, TIMEOUTS),
    timed(`a per try timeout by header, ${where}`, { timeout: '9s', retry_policy: { retry_on: 'reset',
      num_retries: 0 } }, { access_log: [] }, { answer: HANG, quietMs: 400,
      send: get('/', 'x-envoy-upstream-rq-per-try-timeout-ms: 50', ...from) }, TIMEOUTS, LEAVES),
  ]),
  timed('per try timeout', { timeout: '3s', retry_policy: { retry_on: 'reset', num_retries: 0,
    per_try_timeout: '0.25s' } }, {}, { answer: HANG }, TIMEOUTS),
  timed('a body that stops in the middle', { timeout: '0.25s' }, {}, { ends: true, responses: 1,
    answer: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc' }, up('upstream_rq_timeout')),
];

const idle: readonly Scenario[] = [
  timed('idle stream, by the manager', { timeout: '0s' }, { stream_idle_timeout: '0.25s' }, { answer: HANG },
    http('downstream_rq_idle_timeout')),
  timed('idle stream, by the route', { timeout: '0s', idle_timeout: '0.25s' }, {}, { answer: HANG },
    http('downstream_rq_idle_timeout')),
  timed('idle stream: the route says none', { timeout: '0s', idle_timeout: '0s' }, { stream_idle_timeout: '0.25s' },
    { answer: SLOW }, http('downstream_rq_idle_timeout')),
  timed('idle stream while a body is sent', { timeout: '0s' }, { stream_idle_timeout: '0.25s' }, { ends: true,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc' }, http('downstream_rq_idle_timeout')),
  timed('the whole request', { timeout: '0s' }, { request_timeout: '0.25s' }, { ends: true,
    send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc' }, http('downstream_rq_timeout')),
  timed('the whole request came in time', { timeout: '0s' }, { request_timeout: '0.25s' }, { answer: SLOW },
    http('downstream_rq_timeout')),
  timed('the head', {}, { request_headers_timeout: '0.25s' }, { ends: true, send: 'GET / HTTP/1.1\r\nhost: ' },
    http('downstream_rq_header_timeout')),
  timed('the head came in time', { timeout: '0s' }, { request_headers_timeout: '0.25s' }, { answer: SLOW },
    http('downstream_rq_header_timeout')),
  timed('the longest stream', { timeout: '0s' }, { common_http_protocol_options: { max_stream_duration: '0.25s' } },
    { answer: HANG }, http('downstream_rq_max_duration_reached')),
  timed('the longest stream while a body is sent', { timeout: '0s' },
    { common_http_protocol_options: { max_stream_duration: '0.25s' } }, { ends: true,
      send: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc' },
    http('downstream_rq_max_duration_reached')),
];

const connections: readonly Scenario[] = [
  { name: 'idle connection', main: { manager: { drain_timeout: '0.05s', common_http_protocol_options: {
    idle_timeout: '0.25s' } }, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
  steps: [{ send: get('/'), ends: true, quietMs: 1500 }], stats: http('downstream_cx_idle_timeout') },
  { name: 'idle connection that never asked', main: { manager: { drain_timeout: '0.05s',
    common_http_protocol_options: { idle_timeout: '0.25s' } }, routes: [{ match: { prefix: '/' },
    route: { cluster: '{up}' } }] }, steps: [{ responses: 0, quietMs: 1500 }],
  stats: http('downstream_cx_idle_timeout') },
  { name: 'the longest connection', main: { manager: { drain_timeout: '0.05s', common_http_protocol_options: {
    max_connection_duration: '0.3s' } }, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] },
  steps: [{ send: get('/'), ends: true, quietMs: 1500 }], stats: http('downstream_cx_max_duration_reached') },
];

export const scenarios: readonly Scenario[] = [...routes, ...idle, ...connections];
