// Connections that are proxied as bytes: where they go, how they end, what is counted and logged of them.
import { clientHello } from '../../support/client-hello.js';
import { answer, get, type RawUpstream, type Scenario, type Step } from '../scenario.js';

const TYPE = 'type.googleapis.com/envoy.extensions.';
const LOG = '%PROTOCOL%|%RESPONSE_CODE%|%RESPONSE_FLAGS%|%RESPONSE_CODE_DETAILS%|%CONNECTION_TERMINATION_DETAILS%|'
  + '%BYTES_RECEIVED%|%BYTES_SENT%|%UPSTREAM_HOST%|%UPSTREAM_CLUSTER%|%UPSTREAM_TRANSPORT_FAILURE_REASON%|'
  + '%UPSTREAM_WIRE_BYTES_SENT%|%UPSTREAM_WIRE_BYTES_RECEIVED%|%DOWNSTREAM_WIRE_BYTES_SENT%|'
  + '%DOWNSTREAM_WIRE_BYTES_RECEIVED%|%ACCESS_LOG_TYPE%|%REQUESTED_SERVER_NAME%|%ROUTE_NAME%|'
  + '%UPSTREAM_REQUEST_ATTEMPT_COUNT%|%RESPONSE_DURATION%|%UPSTREAM_PROTOCOL%\n';
const log = (format = LOG): object[] => [{ name: 'file', typed_config: {
  '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`, path: '{folder}/{id}-main.log',
  log_format: { text_format_source: { inline_string: format } } } }];

export const tcpProxy = (config: object): object => ({ name: 'tcp', typed_config: {
  '@type': `${TYPE}filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: '{id}', access_log: log(), ...config } });

const tcpStats = ['downstream_cx_total', 'downstream_cx_no_route', 'downstream_cx_rx_bytes_total',
  'downstream_cx_tx_bytes_total', 'idle_timeout', 'max_downstream_connection_duration', 'upstream_flush_active']
  .map((name) => `tcp.{id}.${name}`);
const clusterStats = ['upstream_cx_total', 'upstream_cx_active', 'upstream_cx_http1_total', 'upstream_cx_connect_fail',
  'upstream_cx_connect_attempts_exceeded', 'upstream_cx_overflow', 'upstream_cx_none_healthy',
  'upstream_cx_rx_bytes_total', 'upstream_cx_tx_bytes_total', 'upstream_rq_total', 'upstream_rq_pending_overflow',
  'upstream_rq_active', 'upstream_rq_pending_active', 'upstream_cx_destroy', 'upstream_cx_destroy_local',
  'upstream_cx_destroy_remote', 'upstream_cx_destroy_with_active_rq', 'upstream_cx_destroy_local_with_active_rq',
  'upstream_cx_destroy_remote_with_active_rq', 'upstream_rq_pending_total', 'upstream_rq_completed',
  'upstream_rq_cancelled', 'upstream_rq_2xx'].map((name) => `cluster.{up}.${name}`);

const echo: RawUpstream = { echo: true };
const tcp = (name: string, config: object, up: RawUpstream, steps: readonly Step[], more: Partial<Scenario> = {},
  listener: object = {}): Scenario => ({
  name, rawUpstreams: { up }, main: { listener: { stat_prefix: '{id}', filter_chains: [{ filters: [
    tcpProxy({ cluster: '{up}', ...config })] }], ...listener } }, steps, logLines: 1,
  stats: [...tcpStats, ...clusterStats, 'listener.{id}.downstream_cx_total', 'listener.{id}.downstream_cx_active'],
  ...more });
const say = (send: string, until = send): Step => ({ send, raw: true, until });
const again = (step: Step): Step => ({ ...step, sameConnection: true });
const end = (step: Step = {}): Step => ({ raw: true, quietMs: 2000, sameConnection: true, ...step });

const ways: readonly Scenario[] = [
  tcp('bytes there and back', {}, echo, [say('hello'), again(say('more')), end({ halfClose: true })]),
  tcp('two connections', {}, echo, [say('one'), say('two')], { logLines: 2 }),
  tcp('the server speaks first', {}, { say: 'welcome', echo: true }, [{ raw: true, until: 'welcome' },
    again(say('x')), end({ halfClose: true })]),
  tcp('HTTP that nobody parses', {}, echo, [say('GARBAGE / HTTP/9\r\n\r\n\0\x01'), end({ halfClose: true })]),
  tcp('many bytes', {}, echo, [say(`${'x'.repeat(300_000)}end`, 'end'), end({ halfClose: true })]),
  tcp('the client says all and waits', {}, { farewell: 'bye' }, [{ send: 'question', raw: true, halfClose: true,
    quietMs: 2000 }]),
  tcp('the client ends without a word', {}, { farewell: 'bye' }, [{ raw: true, halfClose: true, quietMs: 2000 }]),
  tcp('the server ends first', {}, { say: 'bye', close: 'atOnce' }, [{ raw: true, quietMs: 2000 },
    end({ send: 'late', halfClose: true })]),
  tcp('the server ends after bytes', {}, { close: 'afterBytes' }, [{ send: 'x', raw: true, quietMs: 2000 },
    end({ halfClose: true })]),
  tcp('the server resets', {}, { close: 'reset' }, [{ send: 'x', raw: true, quietMs: 2000 }]),
  tcp('the client resets', {}, echo, [say('x'), again({ reset: true, raw: true, quietMs: 100 })]),
  tcp('the client goes away', {}, { say: 'hi' }, [{ raw: true, until: 'hi' }]),
];

const choices: readonly Scenario[] = [
  tcp('weighted clusters', { cluster: undefined, weighted_clusters: { clusters: [{ name: '{up}', weight: 1 }] } }, echo,
    [say('x'), end({ halfClose: true })]),
  tcp('a cluster that does not exist', { cluster: 'nowhere' }, echo, [{ raw: true, quietMs: 2000 }]),
  tcp('a cluster without endpoints', { cluster: '{empty}' }, echo, [{ raw: true, quietMs: 2000 }], {
    clusters: [{ name: 'empty', ports: [] }], stats: [...tcpStats, 'cluster.{empty}.upstream_cx_none_healthy'] }),
  tcp('nobody listens', { cluster: '{refused}' }, echo, [{ raw: true, quietMs: 2000 }], {
    clusters: [{ name: 'refused', ports: [1] }], stats: [...tcpStats, ...['upstream_cx_total',
      'upstream_cx_connect_fail', 'upstream_cx_connect_attempts_exceeded', 'upstream_rq_total', 'upstream_cx_destroy',
      'upstream_cx_destroy_remote', 'upstream_cx_destroy_local', 'upstream_cx_destroy_with_active_rq',
      'upstream_rq_pending_total', 'upstream_rq_pending_failure_eject'].map((name) => `cluster.{refused}.${name}`)] }),
  tcp('nobody listens, four times', { cluster: '{refused}', max_connect_attempts: 4 }, echo, [{ raw: true,
    quietMs: 2000 }], { clusters: [{ name: 'refused', ports: [1] }], stats: [...tcpStats, ...['upstream_cx_total',
    'upstream_cx_connect_fail', 'upstream_cx_connect_attempts_exceeded'].map((name) => `cluster.{refused}.${name}`)] }),
  tcp('the second endpoint listens', { cluster: '{both}', max_connect_attempts: 2, access_log: [] }, echo, [say('x'),
    end({ halfClose: true })], { clusters: [{ name: 'both', ports: [1, '{port:up}'] }],
    stats: tcpStats, logLines: 0 }),
  tcp('no connection is allowed', {}, echo, [{ raw: true, quietMs: 2000 }], { clusterFields: { up: {
    circuit_breakers: { thresholds: [{ max_connections: 0 }] } } } }),
  tcp('no pending request is allowed', {}, echo, [{ raw: true, quietMs: 2000 }], { clusterFields: { up: {
    circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } } } }),
  tcp('no request is allowed', {}, echo, [say('x'), end({ halfClose: true })], { clusterFields: { up: {
    circuit_breakers: { thresholds: [{ max_requests: 0 }] } } } }),
];

const times: readonly Scenario[] = [
  tcp('idle', { idle_timeout: '0.6s' }, echo, [say('x'), end()]),
  tcp('idle without a byte', { idle_timeout: '0.2s' }, echo, [{ raw: true, quietMs: 2000 }]),
  tcp('idle after the server has ended', { idle_timeout: '0.6s' }, { say: 'x', close: 'atOnce' }, [{ raw: true,
    quietMs: 2000 }]),
  tcp('busy beyond the idle timeout', { idle_timeout: '1s' }, echo, [say('a'), { ...again(say('b')), waitMs: 550 },
    { ...again(say('c')), waitMs: 550 }, end({ halfClose: true })]),
  tcp('no idle timeout', { idle_timeout: '0s' }, echo, [say('a'), { ...again(say('b')), waitMs: 100 },
    end({ halfClose: true })]),
  tcp('as long as a connection may last', { max_downstream_connection_duration: '1s' }, echo, [say('x'), end()]),
  tcp('a line when it is connected', { access_log_options: { flush_access_log_on_connected: true } }, echo,
    [say('x'), end({ halfClose: true })], { logLines: 2 }),
  tcp('a line when it is connected, the old way', { flush_access_log_on_connected: true }, echo,
    [say('x'), end({ halfClose: true })], { logLines: 2 }),
  tcp('lines now and then', { access_log_options: { access_log_flush_interval: '0.6s' },
    access_log: log('%ACCESS_LOG_TYPE%\n') },
    echo, [say('x'), end({ waitMs: 900, halfClose: true })], { logLines: 2 }),
];

const tunnelled = (name: string, config: object, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario =>
  tcp(`tunnel: ${name}`, { access_log: log(LOG.replace(/%UPSTREAM_WIRE_BYTES_\w+%/g, '')),
    tunneling_config: { hostname: 'target.example:443', ...config },
    ...(name.includes('then') ? { max_connect_attempts: 2 } : {}) }, {}, steps, {
    rawUpstreams: undefined, stats: [...tcpStats, 'cluster.{up}.upstream_cx_connect_attempts_exceeded'], ...more });
const ok = 'HTTP/1.1 200 OK\r\n\r\n';
const tunnels: readonly Scenario[] = [
  tunnelled('opened', {}, [{ send: 'hi', raw: true, until: 'welcome', answer: `${ok}welcome` }]),
  tunnelled('headers', { headers_to_add: [{ header: { key: 'X-From', value: 'weft' } },
    { header: { key: 'x-name', value: '%REQUESTED_SERVER_NAME%' } }] },
  [{ send: 'hi', raw: true, until: 'welcome', answer: `${ok}welcome` }]),
  tunnelled('any 2xx', {}, [{ raw: true, until: 'w', answer: 'HTTP/1.1 201 Fine\r\ncontent-length: 5\r\n\r\nw' }]),
  tunnelled('refused', {}, [{ raw: true, quietMs: 2000, answer: answer(403, 'no') }]),
  tunnelled('not HTTP', {}, [{ raw: true, quietMs: 2000, answer: 'what?\r\n\r\n' }]),
  tunnelled('the proxy hangs up', {}, [{ raw: true, quietMs: 2000, answer: { close: true } }]),
  tunnelled('refused, then opened', {}, [{ raw: true, until: 'w', answer: [answer(503, 'no'), `${ok}w`] }],
    {}),
];

const inspected: readonly Scenario[] = [
  tcp('by server name', {}, echo, [say(clientHello('a.example')), end({ halfClose: true })], {}, {
    listener_filters: [{ name: 'tls',
      typed_config: { '@type': `${TYPE}filters.listener.tls_inspector.v3.TlsInspector` } }],
    filter_chains: [{ filter_chain_match: { server_names: ['a.example'] }, filters: [tcpProxy({ cluster: '{up}' })] },
      { filters: [tcpProxy({ cluster: 'nowhere' })] }] }),
  tcp('the server speaks first behind an inspector', {}, { say: 'welcome' }, [{ raw: true, until: 'welcome',
    quietMs: 2000 }], {}, { listener_filters_timeout: '0.1s', continue_on_listener_filters_timeout: true,
    listener_filters: [{ name: 'http', typed_config: {
      '@type': `${TYPE}filters.listener.http_inspector.v3.HttpInspector` } }] }),
];

const limitType = `${TYPE}filters.network.connection_limit.v3.ConnectionLimit`;
const rateType = `${TYPE}filters.network.local_ratelimit.v3.LocalRateLimit`;
const connectionLimit = (config: object): object => ({ name: 'limit', typed_config: { '@type': limitType,
  stat_prefix: '{id}', max_connections: 1, ...config } });
const rateLimit = (config: object): object => ({ name: 'rate', typed_config: { '@type': rateType, stat_prefix: '{id}',
  token_bucket: { max_tokens: 2, fill_interval: '3600s' }, ...config } });
const limitStats = ['connection_limit.{id}.active_connections', 'connection_limit.{id}.limited_connections'];
const rateStats = ['local_rate_limit.{id}.rate_limited'];
const judged = (name: string, filters: readonly object[], up: RawUpstream, steps: readonly Step[],
  stats: readonly string[],
  more: Partial<Scenario> = {}): Scenario => tcp(name, {}, up, steps, { logLines: 0, stats: [...stats, ...tcpStats,
  'listener.{id}.downstream_cx_total', 'listener.{id}.downstream_cx_active', 'listener.{id}.downstream_cx_destroy'],
  ...more }, { filter_chains: [{ filters: [...filters, tcpProxy({ cluster: '{up}', access_log: [] })] }] });
const gone = (step: Step = {}): Step => ({ raw: true, quietMs: 2000, ...step });

const limits: readonly Scenario[] = [
  judged('connection_limit: one at a time', [connectionLimit({})], echo, [say('x'), end({ halfClose: true }), say('y'),
    end({ halfClose: true })], limitStats),
  judged('connection_limit: the next one is refused', [connectionLimit({})], { say: 'w', stays: true },
    [{ raw: true, until: 'w', keep: true }, gone(), gone()], limitStats),
  judged('connection_limit: refused after a delay', [connectionLimit({ delay: '1s' })], { say: 'w', stays: true },
    [{ raw: true, until: 'w', keep: true }, gone({ raw: true, quietMs: 100 }), end()], limitStats),
  judged('connection_limit: off', [connectionLimit({ runtime_enabled: { default_value: false, runtime_key: 'no' } })],
    { say: 'w', stays: true }, [{ raw: true, until: 'w', keep: true }, { raw: true, until: 'w' }], limitStats),
  judged('connection_limit: two of them', [connectionLimit({ max_connections: 2 }), connectionLimit({
    stat_prefix: '{id}-other' })], { say: 'w', stays: true }, [{ raw: true, until: 'w', keep: true }, gone()],
  [...limitStats, ...limitStats.map((name) => name.replace('{id}', '{id}-other'))]),
  judged('local_ratelimit: as many as there are tokens', [rateLimit({})], echo, [say('x'), say('y'), gone(), gone()],
    rateStats),
  judged('local_ratelimit: off', [rateLimit({ runtime_enabled: { default_value: false, runtime_key: 'no' } })], echo,
    [say('x'), say('y'), say('z')], rateStats),
  judged('local_ratelimit behind connection_limit', [connectionLimit({ max_connections: 5 }), rateLimit({})], echo,
    [say('x'), say('y'), gone()], [...limitStats, ...rateStats]),
  { name: 'connection_limit of HTTP', upstreams: [], logLines: 0, main: { listener: { stat_prefix: '{id}',
    filter_chains: [{ filters: [connectionLimit({}), { name: 'http', typed_config: {
      '@type': `${TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager`, stat_prefix: '{id}-http',
      http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}filters.http.router.v3.Router` } }],
      route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' },
        direct_response: { status: 200 } }] }] } } }] }] } },
  steps: [{ send: get('/'), keep: true }, gone({ send: '' })], stats: [...limitStats,
    'http.{id}-http.downstream_cx_total', 'http.{id}-http.downstream_cx_active',
    'http.{id}-http.downstream_cx_http1_total', 'listener.{id}.downstream_cx_total'] },
  tcp('a limit of the listener', {}, { say: 'w', stays: true }, [{ raw: true, until: 'w', keep: true }, gone()], {
    alone: { bootstrap: { layered_runtime: { layers: [{ name: 'static', static_layer: {
      'envoy.resource_limits.listener.{id}-main.connection_limit': 1 } }] } } }, logLines: 0,
    stats: ['listener.{id}.downstream_cx_total', 'listener.{id}.downstream_cx_overflow'] }),
];

const CONNECTION_LOG = `${LOG.trim()}|%FILTER_CHAIN_NAME%|%DOWNSTREAM_LOCAL_ADDRESS%|`
  + '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'
  + '|%RESPONSE_FLAGS_LONG%\n';
const logged = (name: string, listener: object, steps: readonly Step[], lines = 1): Scenario => ({
  ...tcp(`connections logged: ${name}`, { access_log: [] }, echo, steps, { logLines: lines, stats: [] },
    { access_log: log(CONNECTION_LOG), ...listener }) });
const http = (config: object = {}): object => ({ name: 'http', typed_config: {
  '@type': `${TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager`, stat_prefix: '{id}-http',
  http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}filters.http.router.v3.Router` } }],
  route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' },
    direct_response: { status: 200 } }] }] }, ...config } });
const noResponseFlag = [{ ...log(CONNECTION_LOG)[0], filter: { response_flag_filter: { flags: ['NR'] } } }];
const proxyHeader = { name: 'p', typed_config: { '@type': `${TYPE}filters.listener.proxy_protocol.v3.ProxyProtocol` } };
const logs: readonly Scenario[] = [
  logged('bytes', {}, [say('x'), end({ halfClose: true })]),
  logged('no chain', { filter_chains: [{ filter_chain_match: { destination_port: 1 }, filters: [http()] }] }, [gone()]),
  logged('only those without a chain', { access_log: noResponseFlag, filter_chains: [{ filter_chain_match: {
    destination_port: 1 }, filters: [http()] }] }, [gone()]),
  logged('HTTP', { filter_chains: [{ name: 'chain', filters: [http()] }] }, [{ send: get('/') }]),
  logged('HTTP twice', { filter_chains: [{ filters: [http()] }] }, [{ send: get('/') }, { send: get('/'),
    sameConnection: true }]),
  logged('none but those without a chain', { access_log: noResponseFlag, filter_chains: [{ filters: [http()] }] },
    [{ send: get('/') }], 0),
  logged('a limit', { filter_chains: [{ filters: [connectionLimit({}), tcpProxy({ cluster: '{up}',
    access_log: [] })] }] },
    [{ ...say('x'), keep: true }, gone()], 2),
  logged('a filter that closes', { listener_filters: [proxyHeader] }, [gone({ send: get('/') })]),
  logged('a filter that waits too long', { listener_filters: [proxyHeader], listener_filters_timeout: '0.7s' },
    [gone({ send: 'PRO' })]),
  logged('a client that a PROXY header names', { listener_filters: [proxyHeader] },
    [say('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nx', 'x'), end({ halfClose: true })]),
];

export const scenarios: readonly Scenario[] = [...logs, ...limits, ...ways, ...choices, ...times, ...tunnels,
  ...inspected];
