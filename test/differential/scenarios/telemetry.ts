// Formatter commands, access-log filters, log moments and local replies.
import { answer, get, post, type Scenario } from '../scenario.js';

const forward = [{ match: { prefix: '/' }, route: { cluster: '{up}' } }];
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const path = '{folder}/{id}-main.log';
type Fields = Record<string, unknown>;
const sink = (log_format: Fields, filter?: Fields): Fields => ({ name: 'file', ...(filter && { filter }),
  typed_config: { '@type': FILE, path, log_format } });
const text = (format: string): Fields => ({ text_format_source: { inline_string: `${format}\n` } });

/** One request through a listener whose log has this format. */
const formatted = (name: string, format: Fields, more: Partial<Scenario> = {}): Scenario => ({ name,
  main: { routes: forward, manager: { access_log: [sink(format)] } },
  steps: [{ send: get('/a/b?x=1&y=%41b&z', 'user-agent: test', 'x-own: one'),
    answer: answer(200, 'hello', 'x-up: two', 'content-type: text/html') }], ...more });
/** The same request, with one line for each format of the list. */
const commands = (name: string, formats: readonly string[], more: Partial<Scenario> = {}): Scenario =>
  formatted(name, text(formats.join('|')), more);
/** `admitted`: how many of the three requests the filter lets through. */
const filtered = (name: string, admitted: number, filter: Fields, ...headers: string[]): Scenario => ({ name,
  main: { routes: [{ match: { prefix: '/direct' }, direct_response: { status: 503 } }, ...forward], manager: {
    access_log: [sink(text('%RESPONSE_CODE% %REQ(:PATH)%'), filter), sink(text('all %RESPONSE_CODE%'))] } },
  steps: [{ send: get('/ok', ...headers), answer: answer(200, 'ok') }, { send: get('/direct', ...headers) },
    { send: get('/teapot', ...headers), answer: answer(418, '') }], logLines: 3 + admitted });
const at = (op: string, value: number): Fields =>
  ({ comparison: { op, value: { default_value: value, runtime_key: 'none' } } });

const replied = (name: string, local_reply_config: Fields, ...paths: string[]): Scenario => ({ name,
  main: { manager: { local_reply_config }, routes: [
    { match: { prefix: '/direct' }, direct_response: { status: 418, body: { inline_string: 'tea' } } },
    { match: { prefix: '/empty' }, direct_response: { status: 503 } },
    { match: { prefix: '/away' }, redirect: { host_redirect: 'b.example' } },
    { match: { prefix: '/up' }, route: { cluster: '{up}' } }] },
  steps: paths.map((each) => ({ send: get(each), answer: answer(404, 'from upstream') })) });

export const scenarios: readonly Scenario[] = [
  commands('request and response headers', ['%REQ(X-OWN)%', '%REQ(X-NONE?X-OWN)%', '%REQ(X-OWN):2%', '%REQ(X-NONE)%',
    '%RESP(X-UP)%', '%RESP(X-NONE?CONTENT-TYPE):4%', '%RESP(:STATUS)%', '%REQ(:SCHEME)%', '%REQ(:AUTHORITY)%']),
  commands('paths', ['%PATH%', '%PATH(NQ)%', '%PATH(WQ:PATH)%', '%PATH(NQ:ORIG)%', '%PATH(WQ:ORIG_OR_PATH):3%']),
  commands('query parameters', ['%QUERY_PARAM(x)%', '%QUERY_PARAM(y)%', '%QUERY_PARAM(z)%', '%QUERY_PARAM(none)%',
    '%QUERY_PARAMS%', '%QUERY_PARAMS(ORIG):4%', '%QUERY_PARAMS(DECODED)%']),
  commands('byte counts of a GET', ['%BYTES_RECEIVED%', '%BYTES_SENT%', '%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
    '%DOWNSTREAM_HEADER_BYTES_RECEIVED%', '%UPSTREAM_WIRE_BYTES_RECEIVED%', '%UPSTREAM_HEADER_BYTES_RECEIVED%',
    '%DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%', '%BYTES_RETRANSMITTED%', '%PACKETS_RETRANSMITTED%',
    '%RESPONSE_TRAILERS_BYTES%']),
  commands('byte counts of a POST', ['%BYTES_RECEIVED%', '%BYTES_SENT%', '%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
    '%DOWNSTREAM_HEADER_BYTES_RECEIVED%'], { steps: [{ send: post('/p', 'twelve bytes') }] }),
  commands('protocols and codes', ['%PROTOCOL%', '%UPSTREAM_PROTOCOL%', '%RESPONSE_CODE%', '%RESPONSE_CODE_DETAILS%',
    '%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', '%RESPONSE_FLAGS%', '%RESPONSE_FLAGS_LONG%',
    '%CONNECTION_TERMINATION_DETAILS%', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%']),
  commands('names', ['%UPSTREAM_CLUSTER%', '%UPSTREAM_CLUSTER_RAW%', '%ROUTE_NAME%', '%LISTENER_NAME%',
    '%VIRTUAL_CLUSTER_NAME%', '%ACCESS_LOG_TYPE%', '%FILTER_CHAIN_NAME%'], { main: { manager: {
    access_log: [sink(text('%ROUTE_NAME%|%LISTENER_NAME%|%VIRTUAL_CLUSTER_NAME%|%ACCESS_LOG_TYPE%'))] },
    routes: [{ name: 'the-route', match: { prefix: '/' }, route: { cluster: '{up}' } }] } }),
  commands('cluster with an alternative name', ['%UPSTREAM_CLUSTER%', '%UPSTREAM_CLUSTER_RAW%'],
    { clusterFields: { up: { alt_stat_name: 'other-{id}' } } }),
  commands('upstream host', ['%UPSTREAM_HOST%', '%UPSTREAM_HOST_NAME%', '%UPSTREAM_HOST_NAME_WITHOUT_PORT%',
    '%UPSTREAM_REMOTE_ADDRESS%', '%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%UPSTREAM_REMOTE_PORT%',
    '%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%', '%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
    '%UPSTREAM_HOSTS_ATTEMPTED%', '%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%', '%UPSTREAM_HOST_NAMES_ATTEMPTED%',
    '%UPSTREAM_TRANSPORT_FAILURE_REASON%']),
  commands('downstream addresses', ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_LOCAL_ADDRESS%',
    '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
    '%DOWNSTREAM_LOCAL_PORT%', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%',
    '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(32)%', '%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%']),
  commands('what needs TLS or HTTP/2', ['%REQUESTED_SERVER_NAME%', '%DOWNSTREAM_TLS_VERSION%',
    '%DOWNSTREAM_TLS_CIPHER%', '%DOWNSTREAM_PEER_SUBJECT%', '%DOWNSTREAM_PEER_CERT_V_START(%Y)%',
    '%UPSTREAM_TLS_VERSION%', '%TLS_JA3_FINGERPRINT%', '%ROUNDTRIP_DURATION%', '%TRACE_ID%', '%CUSTOM_FLAGS%',
    '%DOWNSTREAM_HANDSHAKE_DURATION%', '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%']),
  commands('metadata of cluster, route and virtual host', ['%METADATA(CLUSTER:a.b:key)%', '%CLUSTER_METADATA(a.b:key)%',
    '%METADATA(CLUSTER:a.b)%', '%METADATA(CLUSTER:a.b:key):2%', '%METADATA(CLUSTER:none)%', '%METADATA(DYNAMIC:a)%',
    '%DYNAMIC_METADATA(a:b)%'],
    { clusterFields: { up: { metadata: { filter_metadata: { 'a.b': { key: 'text' } } } } } }),
  commands('metadata of a route', ['%METADATA(ROUTE:r:key)%'], { main: { manager: {
    access_log: [sink(text('%METADATA(ROUTE:r:key)% %METADATA(ROUTE:r:inner)% %METADATA(ROUTE:r:none)%'))] },
    routes: [{ match: { prefix: '/' }, metadata: { filter_metadata: { r: { key: 'v', inner: { n: 1 } } } },
      route: { cluster: '{up}' } }] } }),
  commands('filter state that nobody set', ['%FILTER_STATE(a)%', '%FILTER_STATE(a:PLAIN)%',
    '%UPSTREAM_FILTER_STATE(a)%']),
  commands('the first of several', ['%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": '
    + '":authority"}]})%', '%COALESCE({"operators": [{"command": "REQ", "param": "x-none"}]})%',
    '%COALESCE({"operators": [{"command": "REQ", "param": "x-own", "max_length": 2}]})%']),
  commands('environment, percent, text', ['%ENVIRONMENT(WEFT_SURELY_UNSET)%', '%%', 'text']),
  commands('gRPC status of a request that is none', ['%GRPC_STATUS%', '%GRPC_STATUS_NUMBER%'],
    { steps: [{ send: get('/a'), answer: answer(200, '', 'grpc-status: 5') }] }),
  commands('gRPC status in its forms', ['%GRPC_STATUS%', '%GRPC_STATUS(CAMEL_STRING)%', '%GRPC_STATUS(SNAKE_STRING)%',
    '%GRPC_STATUS(NUMBER)%', '%GRPC_STATUS_NUMBER%'], { steps: [{ send: get('/a', 'content-type: application/grpc'),
    answer: answer(200, '', 'grpc-status: 5', 'content-type: application/grpc') }] }),
  commands('the request id is the stream id', ['%STREAM_ID%'], { main: { routes: forward, manager: {
    preserve_external_request_id: true, access_log: [sink(text('%STREAM_ID%'))] } },
    steps: [{ send: get('/', 'x-request-id: 0a0b0c0d-1111-4111-8111-111111111111') }] }),
  commands('durations that have no end', ['%COMMON_DURATION(US_HS_END:DS_TX_END)%'], {}),
  commands('commands of a refused request', ['%UPSTREAM_HOST%', '%UPSTREAM_CLUSTER%', '%ROUTE_NAME%',
    '%RESPONSE_DURATION%', '%UPSTREAM_WIRE_BYTES_SENT%', '%UPSTREAM_HEADER_BYTES_RECEIVED%', '%RESP(CONTENT-LENGTH)%',
    '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '%UPSTREAM_CONNECTION_POOL_READY_DURATION%', '%LOCAL_REPLY_BODY%'],
    { main: { routes: [], manager: { access_log: [sink(text('%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %ROUTE_NAME% '
      + '%RESPONSE_DURATION% %UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_HEADER_BYTES_RECEIVED% '
      + '%UPSTREAM_REQUEST_ATTEMPT_COUNT% %RESPONSE_FLAGS_LONG%'))] } } }),
  formatted('JSON: numbers, texts, nothing', { json_format: { code: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%',
    path: '%REQ(:PATH)%', none: '%REQ(X-NONE)%', mixed: '%PROTOCOL% %REQ(X-NONE)%', sent: '%BYTES_SENT%',
    attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', port: '%UPSTREAM_REMOTE_PORT%', details: '%RESPONSE_CODE_DETAILS%',
    nested: { n: 1, list: ['%PROTOCOL%', true, null], s: 'text' }, tls: '%DOWNSTREAM_TLS_VERSION%' } }),
  formatted('JSON: metadata stays a structure', { json_format: { all: '%METADATA(CLUSTER:b)%',
    one: '%METADATA(CLUSTER:a:n)%', text: '%METADATA(CLUSTER:a:t)%', none: '%METADATA(CLUSTER:b)%' } },
    { clusterFields: { up: { metadata: { filter_metadata: { a: { n: 1, t: 'x' } } } } } }),
  formatted('JSON: empty values left out', { omit_empty_values: true, json_format: { none: '%REQ(X-NONE)%',
    mixed: 'a%REQ(X-NONE)%b', code: '%RESPONSE_CODE%' } }),
  formatted('text: empty values left out', { omit_empty_values: true,
    text_format_source: { inline_string: '<%REQ(X-NONE)%> <%RESPONSE_CODE%>\n' } }),
  formatted('JSON: characters are escaped', { json_format: { own: '%REQ(X-OWN)%' } },
    { steps: [{ send: get('/', 'x-own: say "hi" \\ there') }] }),

  filtered('filter: status at least', 1, { status_code_filter: at('GE', 500) }),
  filtered('filter: status equals', 1, { status_code_filter: at('EQ', 418) }),
  filtered('filter: status at most', 1, { status_code_filter: at('LE', 299) }),
  filtered('filter: duration', 0, { duration_filter: at('GE', 3_600_000) }),
  filtered('filter: not a health check', 3, { not_health_check_filter: {} }),
  filtered('filter: and', 1, { and_filter: { filters: [{ status_code_filter: at('GE', 400) },
    { status_code_filter: at('LE', 499) }] } }),
  filtered('filter: or', 2, { or_filter: { filters: [{ status_code_filter: at('GE', 500) },
    { status_code_filter: at('LE', 299) }] } }),
  filtered('filter: header present', 3, { header_filter: { header: { name: 'x-log', present_match: true } } },
    'x-log: y'),
  filtered('filter: header text', 0, { header_filter: { header: { name: 'x-log', string_match: { exact: 'y' } } } },
    'x-log: n'),
  filtered('filter: path', 1, { header_filter: { header: { name: ':path', string_match: { prefix: '/te' } } } }),
  filtered('filter: header missing, inverted', 0, { header_filter: { header: { name: 'x-log', invert_match: true,
    string_match: { exact: 'y' } } } }),
  filtered('filter: any response flag', 0, { response_flag_filter: {} }),
  filtered('filter: one response flag', 0, { response_flag_filter: { flags: ['NR'] } }),
  filtered('filter: gRPC status', 1, { grpc_status_filter: { statuses: ['UNAVAILABLE'] } }),
  filtered('filter: gRPC status excluded', 3, { grpc_status_filter: { statuses: ['OK'], exclude: true } }),
  filtered('filter: log type', 3, { log_type_filter: { types: ['DownstreamEnd'] } }),
  filtered('filter: log type excluded', 0, { log_type_filter: { types: ['DownstreamEnd'], exclude: true } }),
  filtered('filter: a share of nothing', 0, { runtime_filter: { runtime_key: 'none', percent_sampled: {} } }),
  filtered('filter: a share of everything', 3, { runtime_filter: { runtime_key: 'none',
    percent_sampled: { numerator: 100 } } }),
  { name: 'a line when a request begins', main: { routes: forward, manager: {
    access_log_options: { flush_access_log_on_new_request: true },
    access_log: [sink(text('%ACCESS_LOG_TYPE% %RESPONSE_CODE% %REQ(:PATH)%'))] } },
  steps: [{ send: get('/a') }, { send: get('/b') }], logLines: 4 },
  { name: 'lines while a request goes on', main: { routes: forward, manager: {
    access_log_options: { access_log_flush_interval: '0.400s' },
    access_log: [sink(text('%ACCESS_LOG_TYPE% %RESPONSE_CODE%'))] } },
  steps: [{ send: get('/a'), answer: { afterMs: 600, reply: answer(200) } }], logLines: 2 },

  replied('local reply: status, body and headers by mapper', { mappers: [{
    filter: { status_code_filter: at('EQ', 418) }, status_code: 200, body: { inline_string: 'coffee' },
    headers_to_add: [{ header: { key: 'x-was', value: 'tea' } }] }] }, '/direct', '/empty', '/up', '/none'),
  replied('local reply: a text format', { body_format: {
    text_format_source: { inline_string: '<%RESPONSE_CODE%> %LOCAL_REPLY_BODY%' } } }, '/direct', '/empty', '/none'),
  replied('local reply: a content type', { body_format: { content_type: 'text/html; charset=UTF-8',
    text_format_source: { inline_string: '<h1>%LOCAL_REPLY_BODY%</h1>' } } }, '/direct'),
  replied('local reply: JSON', { body_format: { json_format: { body: '%LOCAL_REPLY_BODY%', code: '%RESPONSE_CODE%',
    path: '%REQ(:PATH)%' } } }, '/direct', '/none'),
  replied("local reply: a mapper's own format", { mappers: [{ filter: { status_code_filter: at('EQ', 418) },
    body_format_override: { json_format: { tea: '%LOCAL_REPLY_BODY%' } } }],
    body_format: { text_format_source: { inline_string: 'default %LOCAL_REPLY_BODY%' } } }, '/direct', '/empty'),
  replied('local reply: by response flag', { mappers: [{ filter: { response_flag_filter: { flags: ['NR'] } },
    status_code: 410 }] }, '/none', '/direct'),
  replied('local reply: by header', { mappers: [{ status_code: 500,
    filter: { header_filter: { header: { name: ':path', string_match: { prefix: '/empty' } } } } }] },
    '/empty', '/direct'),
  replied('local reply: the first mapper that holds', { mappers: [
    { filter: { status_code_filter: at('GE', 400) }, body: { inline_string: 'first' } },
    { filter: { status_code_filter: at('GE', 400) }, body: { inline_string: 'second' } }] }, '/empty', '/away'),
  replied('local reply: commands in added headers', { mappers: [{ filter: { status_code_filter: at('GE', 400) },
    headers_to_add: [{ header: { key: 'x-path', value: '%REQ(:PATH)% %RESPONSE_CODE%' } }] }] }, '/empty'),
];
