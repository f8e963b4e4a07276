// Listeners and connection managers: Envoy's defaults, every field that is read, and each refusal with its path.
import t from 'tap';
import { limits } from '../../../src/core/limits.js';
import type { ListenerConfig } from '../../../src/config/types.js';
import { bootstrap, configOf, connectionManager, errorsOf, ipAddress, listener, router, routerTypeUrl, typeUrl }
  from '../examples.js';
import type { Tree } from '../examples.js';

const at = 'static_resources.listeners[0]';
const hcmAt = `${at}.filter_chains[0].filters[0].typed_config`;
const read = (more: Tree = {}, hcm: Tree = {}): ListenerConfig =>
  configOf(bootstrap([listener(more, connectionManager(hcm))]), 'listener');
const errors = (more: Tree = {}, hcm: Tree = {}): string[] =>
  errorsOf(bootstrap([listener(more, connectionManager(hcm))]));

t.test('defaults', async (t) => {
  const config = read();
  t.match(config, { name: 'front', statName: '127.0.0.1_21010', reusePort: true, exactBalance: false, backlog: 128,
    perConnectionBufferBytes: 1048576, trafficDirection: 'unspecified' });
  t.match(config.filterChains,
    [{ hcm: { routeConfigName: '@inline/front/0', scopedRoutes: null,
    serverName: 'envoy', generateRequestId: true, useRemoteAddress: false, idleTimeoutMs: 3600000,
      streamIdleTimeoutMs: 300000,
    requestTimeoutMs: 0, drainTimeoutMs: 5000, delayedCloseTimeoutMs: 1000, maxRequestHeadersBytes: 61440,
      maxHeadersCount: 100,
    via: null, schemeOverwrite: null, stripPort: 'none', headersWithUnderscores: 'allow',
      normalizePath: false,
    httpFilters: [{ name: 'router', config: { kind: 'router', suppressEnvoyHeaders: false } }] } }]);
});

t.test('fields of the listener', async (t) => {
  t.match(read({ additional_addresses: [{ address: ipAddress(21012, '::1') }], stat_prefix: 'in',
    enable_reuse_port: false,
    connection_balance_config: { exact_balance: {} }, tcp_backlog_size: 5, per_connection_buffer_limit_bytes: 4096,
    traffic_direction: 'INBOUND', ignore_global_conn_limit: true }),
      { addresses: [{ port: 21010 }, { host: '::1', port: 21012 }],
    statName: 'in', reusePort: false, exactBalance: true, backlog: 5, perConnectionBufferBytes: 4096,
      trafficDirection: 'inbound',
    ignoreGlobalConnectionLimit: true });
  t.match(read({ address: { pipe: { path: '/tmp/front', mode: 384 } } }),
    { addresses: [{ kind: 'pipe', path: '/tmp/front', mode: 384 }] });
  t.match(read({ address: { socket_address: { address: '::', port_value: 0, ipv4_compat: true } } }),
    { addresses: [{ ipv4Compat: true }], statName: '[__]_0' });
});

t.test('fields of the connection manager', async (t) => {
  const hcm = read({}, { codec_type: 'HTTP1', server_name: 's', server_header_transformation: 'PASS_THROUGH', via: 'v',
    scheme_header_transformation: { scheme_to_overwrite: 'https' }, use_remote_address: true, skip_xff_append: true,
    xff_num_trusted_hops: 2, generate_request_id: false, preserve_external_request_id: true,
      always_set_request_id_in_response: true,
    append_x_forwarded_port: true, normalize_path: true, merge_slashes: true,
      path_with_escaped_slashes_action: 'REJECT_REQUEST',
    strip_any_host_port: true, strip_trailing_host_dot: true, proxy_100_continue: true,
    stream_idle_timeout: '0s', request_timeout: '1.0005s', request_headers_timeout: '2s', drain_timeout: '3s',
    delayed_close_timeout: '0s', max_request_headers_kb: 8,
      upgrade_configs: [{ upgrade_type: 'WebSocket' }, { upgrade_type: 'CONNECT', enabled: false }],
    common_http_protocol_options: { idle_timeout: '0s', max_connection_duration: '9s', max_stream_duration: '8s',
      max_headers_count: 50,
      max_requests_per_connection: 7, headers_with_underscores_action: 'DROP_HEADER' },
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'h', enable_trailers: true,
      header_key_format: { proper_case_words: {} } } })
    .filterChains[0].hcm!;
  t.match(hcm, { serverName: 's', serverHeaderTransformation: 'passThrough', via: 'v',
    schemeOverwrite: 'https',
    useRemoteAddress: true, skipXffAppend: true, xffNumTrustedHops: 2, generateRequestId: false,
      preserveExternalRequestId: true,
    alwaysSetRequestIdInResponse: true, appendXForwardedPort: true, normalizePath: true, mergeSlashes: true,
    pathWithEscapedSlashes: 'reject', stripPort: 'any', stripTrailingHostDot: true, proxy100Continue: true,
    streamIdleTimeoutMs: 0, requestTimeoutMs: 1001,
      requestHeadersTimeoutMs: 2000,
    drainTimeoutMs: 3000, delayedCloseTimeoutMs: 0, maxRequestHeadersBytes: 8192, idleTimeoutMs: 0,
      maxConnectionDurationMs: 9000,
    maxStreamDurationMs: 8000, maxHeadersCount: 50, maxRequestsPerConnection: 7, headersWithUnderscores: 'dropHeader',
    acceptHttp10: true, defaultHostForHttp10: 'h', enableTrailers: true,
    properCaseWords: true, preserveCase: false, upgrades: [{ type: 'websocket', enabled: true },
      { type: 'connect', enabled: false }] });
  t.match(read({}, { http_protocol_options: { header_key_format: { stateful_formatter: { name: 'preserve_case',
    typed_config: {
    '@type': typeUrl('envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig') } } } } })
      .filterChains[0].hcm!,
  { preserveCase: true });
});

const chain = (name: string, match: Tree): Tree => ({ name, filter_chain_match: match,
  filters: [{ name: 'h', typed_config: connectionManager() }] });

t.test('filter chains', async (t) => {
  const config = read({ filter_chains: [chain('a', { destination_port: 5, server_names: ['*.B.c'],
    prefix_ranges: [{ address_prefix: '10.0.0.1', prefix_len: 8 }, { address_prefix: '::1', prefix_len: 128 }],
    source_type: 'EXTERNAL', source_ports: [7], application_protocols: ['h2'], transport_protocol: 'tls' }),
  chain('b', {})], default_filter_chain: chain('c', { destination_port: 6 }) });
  t.match(config, { filterChains: [{ name: 'a', match: { destinationPort: 5, serverNames: ['*.b.c'],
    prefixRanges: [{ address: '10.0.0.1', bits: 8 }, { address: '::1', bits: 128 }], sourceType: 'external',
    sourcePorts: [7], applicationProtocols: ['h2'], transportProtocol: 'tls', directSourcePrefixRanges: [],
    sourcePrefixRanges: [] }, hcm: { routeConfigName: /^@inline\/front\/[0-9a-f]{12}$/ } },
  { name: 'b', match: { destinationPort: 0 }, hcm: { routeConfigName: '@inline/front/0' } }],
  defaultFilterChain: { name: 'c', match: null, hcm: { routeConfigName: '@inline/front/default' } } });
  t.equal(read({ filter_chains: [chain('b', {})] }).filterChains[0].match, null);
});

const mongo = typeUrl('envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy');
const noEnd = 'the chain must end with an HTTP connection manager, an RPC proxy or a TCP proxy';
const tcpProxy = (config: Tree): Tree => ({ name: 't', typed_config: {
  '@type': typeUrl('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'), stat_prefix: 'in', ...config } });

const limit = { name: 'l', typed_config: {
  '@type': typeUrl('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit'), stat_prefix: 'few',
  max_connections: '7' } };
const rate = (config: Tree): Tree => ({ name: 'r', typed_config: {
  '@type': typeUrl('envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit'), stat_prefix: 'slow',
  ...config } });

t.test('network filters before the last', async (t) => {
  const filters = (...list: Tree[]) => read({ filter_chains: [{ filters: [...list, tcpProxy({ cluster: 'c' })] }] })
    .filterChains[0].networkFilters;
  t.same(filters(limit, rate({ token_bucket: { max_tokens: 3, tokens_per_fill: 2, fill_interval: '1s' },
    share_key: 'k', runtime_enabled: { runtime_key: 'on', default_value: false } })), [
    { kind: 'connectionLimit', statPrefix: 'few', maxConnections: 7, delayMs: 0,
      enabled: { runtimeKey: '', defaultValue: true } },
    { kind: 'localRateLimit', statPrefix: 'slow', shareKey: 'k', enabled: { runtimeKey: 'on', defaultValue: false },
      bucket: { maxTokens: 3, tokensPerFill: 2, fillIntervalMs: 1000 } }]);
  t.equal(filters(...new Array<Tree>(16).fill(limit)).length, 16);
  const only = (...list: Tree[]): string[] => errors({ filter_chains: [{ filters: list }] });
  t.same(only(...new Array<Tree>(17).fill(limit), tcpProxy({ cluster: 'c' })),
    [`${at}.filter_chains[0].filters: more than 16 before the last`]);
  t.same(only(limit), [`${at}.filter_chains[0].filters[0]: ${noEnd}`]);
});

t.test('options of sockets', async (t) => {
  t.match(read(), { acceptsPerEvent: 0, sockets: { transparent: false, freebind: false, options: [[]] } });
  const options = [{ level: '1', name: 9, int_value: 1, state: 'STATE_LISTENING' }, { level: 6, name: 13,
    buf_value: Buffer.from('cubic').toString('base64'), description: 'd' }];
  t.match(read({ transparent: true, freebind: true, socket_options: options, tcp_fast_open_queue_length: 5,
    max_connections_to_accept_per_socket_event: 3, additional_addresses: [{ address: ipAddress(1) },
      { address: ipAddress(2), socket_options: { socket_options: [] } }] }),
  { acceptsPerEvent: 3, sockets: { transparent: true, freebind: true, options: [
    [{ level: 1, name: 9, value: 1, state: 'listening' }, { level: 6, name: 13, value: { base64: 'Y3ViaWM=' },
      state: 'prebind' }, { level: 6, name: 23, value: 5, state: 'listening' }],
    [{ level: 1 }, { level: 6 }, { name: 23 }], [{ name: 23, value: 5 }]] } });
  t.same(errors({ socket_options: [{ level: 1, name: 9, int_value: '4294967296' }] }),
    [`${at}.socket_options[0].int_value: the kernel takes 32 bits`]);
});

t.test('listeners that follow original destinations', async (t) => {
  t.match(read({ use_original_dst: true }), { useOriginalDestination: true, bindToPort: true, listenerFilters: {
    timeoutMs: 15000, filters: [{ kind: 'originalDst' }] } });
  t.match(read({ use_original_dst: true, listener_filters: [listenerFilter('original_dst.v3.OriginalDst'),
    listenerFilter('http_inspector.v3.HttpInspector')] }).listenerFilters!.filters, [{ kind: 'originalDst' },
    { kind: 'httpInspector' }]);
  t.match(read({ bind_to_port: false }), { bindToPort: false, useOriginalDestination: false, listenerFilters: null });
});

t.test('the TCP proxy', async (t) => {
  const tcp = (config: Tree) => read({ filter_chains: [{ filters: [tcpProxy(config)] }] }).filterChains[0].tcp;
  t.same(tcp({ cluster: 'c' }), { statPrefix: 'in', clusters: [{ cluster: 'c', weight: 1, metadataMatch: null }],
    totalWeight: 1,
    sourceIpHash: false, idleTimeoutMs: 3600000, maxDurationMs: 0, maxConnectAttempts: 1, accessLogs: [],
    accessLogFlushMs: 0, logsConnected: false, tunnel: null });
  t.match(tcp({ weighted_clusters: { clusters: [{ name: 'a', weight: 2 }, { name: 'b', weight: 3 }] },
    idle_timeout: '0s', max_downstream_connection_duration: '1s', max_connect_attempts: 4, hash_policy: [{
      source_ip: {} }], access_log_options: { access_log_flush_interval: '2s', flush_access_log_on_connected: true },
    tunneling_config: { hostname: 'h:1', headers_to_add: [{ header: { key: 'A', value: 'b' } }] } }),
  { clusters: [{ cluster: 'a', weight: 2 }, { cluster: 'b', weight: 3 }], totalWeight: 5, idleTimeoutMs: 0,
    maxDurationMs: 1000, maxConnectAttempts: 4, sourceIpHash: true, accessLogFlushMs: 2000, logsConnected: true,
    tunnel: { hostname: 'h:1', headers: [{ name: 'a', value: 'b' }] } });
});

const listenerFilter = (type: string, config: Tree = {}): Tree => ({ name: 'f',
  typed_config: { '@type': typeUrl(`envoy.extensions.filters.listener.${type}`), ...config } });
const nested = (depth: number): Tree => (depth === 0 ? { any_match: true } : { not_match: nested(depth - 1) });

t.test('listener filters', async (t) => {
  t.same(read({ listener_filters: [listenerFilter('original_dst.v3.OriginalDst'),
    { ...listenerFilter('tls_inspector.v3.TlsInspector'), filter_disabled: { or_match: { rules: [{ any_match: true },
      { destination_port_range: { start: 1, end: 9 } }] } } },
    listenerFilter('proxy_protocol.v3.ProxyProtocol', { stat_prefix: 'p', disallowed_versions: ['V2'],
      allow_requests_without_proxy_protocol: true })], listener_filters_timeout: '2s',
  continue_on_listener_filters_timeout: true }).listenerFilters, { timeoutMs: 2000, continueOnTimeout: true, filters: [
    { kind: 'originalDst', disabled: null },
    { kind: 'tlsInspector', disabled: { kind: 'or', rules: [{ kind: 'any' },
      { kind: 'destinationPort', start: 1, end: 9 }] }, maxClientHelloBytes: 16384, closeOnError: false, ja3: false,
        ja4: false },
    { kind: 'proxyProtocol', disabled: null, statPrefix: 'p', disallowed: ['v2'], allowWithout: true }] });
  t.match(read({ listener_filters: [listenerFilter('http_inspector.v3.HttpInspector')] }).listenerFilters,
    { timeoutMs: 15000, continueOnTimeout: false });
  t.equal(read({ listener_filters_timeout: '2s' }).listenerFilters, null);
  t.same(errors({ listener_filters: [{ ...listenerFilter('http_inspector.v3.HttpInspector'),
    filter_disabled: nested(16) }] }), []);
});

t.test('what is said of certificates of clients', async (t) => {
  const forward = (more: Tree) => configOf<ListenerConfig>(bootstrap([listener({}, connectionManager(more))]),
    'listener')
    .filterChains[0].hcm!.forwardClientCert;
  const none = { subject: false, cert: false, chain: false, dns: false, uri: false };
  t.same(forward({}), { mode: 'sanitize', ...none });
  const set_current_client_cert_details = { subject: true, cert: true, chain: true, dns: true, uri: true };
  for (const [name, mode] of [['SANITIZE', 'sanitize'], ['FORWARD_ONLY', 'forwardOnly'],
    ['ALWAYS_FORWARD_ONLY', 'alwaysForwardOnly']]) {
    t.same(forward({ forward_client_cert_details: name, set_current_client_cert_details }), { mode, ...none },
      'nothing is set');
  }
  for (const [name, mode] of [['APPEND_FORWARD', 'appendForward'], ['SANITIZE_SET', 'sanitizeSet']]) {
    t.same(forward({ forward_client_cert_details: name, set_current_client_cert_details: { subject: true,
      dns: true } }),
      { mode, ...none, subject: true, dns: true });
  }
});

const refused: [string, Tree, Tree, string[]][] = [
  ['HTTP/3', {}, { codec_type: 'HTTP3' }, [`${hcmAt}.codec_type: not implemented: HTTP3`]],
  ['METADATA frames', {}, { http2_protocol_options: { allow_metadata: true } },
    [`${hcmAt}.http2_protocol_options.allow_metadata: not implemented, must be absent or false`]],
  ['a header table over the limit', {}, { http2_protocol_options: { hpack_table_size: 65537 } },
    [`${hcmAt}.http2_protocol_options.hpack_table_size: 65537 is beyond this build's limit of 65536`]],
  ['tracing', {}, { tracing: {} }, [`${hcmAt}.tracing: not implemented`]],
  ['no routes', {}, { route_config: null },
    [`${hcmAt}: route_specifier is required: set one of rds, route_config, scoped_routes`]],
  ['no stat prefix', {}, { stat_prefix: '' }, [`${hcmAt}.stat_prefix: required`]],
  ['head over the limit', {}, { max_request_headers_kb: 61 },
    [`${hcmAt}.max_request_headers_kb: 61 is beyond this build's limit of 60`]],
  ['head over Envoy\'s limit', {}, { max_request_headers_kb: 0 },
    [`${hcmAt}.max_request_headers_kb: must be greater than 0`]],
  ['headers over the limit', {}, { common_http_protocol_options: { max_headers_count: 1001 } },
    [`${hcmAt}.common_http_protocol_options.max_headers_count: 1001 is beyond this build's limit of 1000`]],
  ['both port strippings', {}, { strip_any_host_port: true, strip_matching_host_port: true },
    [`${hcmAt}.strip_matching_host_port: must not be set beside strip_any_host_port`]],
  ['negative timeout', {}, { stream_idle_timeout: '-1s' }, [`${hcmAt}.stream_idle_timeout: must not be negative`]],
  ['upgrade twice', {}, { upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'WebSocket' }] },
    [`${hcmAt}.upgrade_configs[1].upgrade_type: duplicate upgrade WebSocket`]],
  ['server name', {}, { server_name: 'a\nb' }, [`${hcmAt}.server_name: not a valid header value`]],
  ['scheme', {}, { scheme_header_transformation: { scheme_to_overwrite: 'ftp' } },
    [`${hcmAt}.scheme_header_transformation.scheme_to_overwrite: must be one of http, https`]],
  ['no filters', {}, { http_filters: [] },
    [`${hcmAt}.http_filters: the last filter must be the router (envoy.extensions.filters.http.router.v3.Router)`]],
  ['router not last', {}, { http_filters: [router(), router()] },
    [`${hcmAt}.http_filters[0]: the router ends the chain and must be the last filter`]],
  ['transport socket', { filter_chains: [{ filters: [{ name: 'h', typed_config: connectionManager() }],
    transport_socket: { name: 'tls',
      typed_config: { '@type': typeUrl('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext') } } }] }, {},
  [`${at}.filter_chains[0].transport_socket.typed_config.common_tls_context: a server needs at least one certificate`]],
  ['no chains', { filter_chains: [] }, {}, [`${at}.filter_chains: no filter chains specified`]],
  ['chains with the same match', { filter_chains: [chain('a', { destination_port: 5 }),
    chain('b', { destination_port: 5 })] }, {},
    [`${at}.filter_chains[1]: filter chain 'b' has the same matching rules defined as 'a'`]],
  ['chains that overlap', { filter_chains: [chain('a', { server_names: ['x', 'y'] }),
    chain('b', { server_names: ['Y', 'z'] })] }, {},
    [`${at}.filter_chains[1]: multiple filter chains with overlapping matching rules are defined`]],
  ['a partial wildcard', { filter_chains: [chain('a', { server_names: ['*x'] })] }, {},
    [`${at}.filter_chains[0].filter_chain_match.server_names[0]: partial wildcards are not supported`]],
  ['a range that is none', { filter_chains: [chain('a', { prefix_ranges: [{ address_prefix: '1.2' }] })] }, {},
    [`${at}.filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: malformed IP address: 1.2`]],
  ['the end of an address', { filter_chains: [chain('a', { address_suffix: '1', suffix_len: 3 })] }, {},
    [`${at}.filter_chains[0].filter_chain_match.address_suffix: not implemented`,
      `${at}.filter_chains[0].filter_chain_match.suffix_len: not implemented`]],
  ['network filter', { filter_chains: [{ filters: [{ name: 't', typed_config: { '@type': mongo } }] }] }, {},
    [`${at}.filter_chains[0].filters[0].typed_config: not implemented: network filter `
      + 'envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy']],
  ['no network filter', { filter_chains: [{}] }, {}, [`${at}.filter_chains[0].filters: ${noEnd}`]],
  ['a network filter behind the last', { filter_chains: [{ filters: [tcpProxy({ cluster: 'c' }),
    { name: 'h', typed_config: connectionManager() }] }] }, {},
    [`${at}.filter_chains[0].filters[0]: it ends the chain and must be the last filter`]],
  ['a TCP proxy on demand', { filter_chains: [{ filters: [tcpProxy({ cluster: 'c', on_demand: {} })] }] }, {},
    [`${at}.filter_chains[0].filters[0].typed_config.on_demand: not implemented`]],
  ['a TCP proxy to nowhere', { filter_chains: [{ filters: [tcpProxy({})] }] }, {},
    [`${at}.filter_chains[0].filters[0].typed_config: cluster_specifier is required: set one of cluster, `
      + 'weighted_clusters']],
  ['a tunnel by POST', { filter_chains: [{ filters: [tcpProxy({ cluster: 'c', tunneling_config: { hostname: 'h',
    use_post: true } })] }] }, {}, [`${at}.filter_chains[0].filters[0].typed_config.tunneling_config.use_post: `
    + 'not implemented, must be absent or false']],
  ['a listener filter without configuration', { listener_filters: [{ name: 'x' }] }, {},
    [`${at}.listener_filters[0].typed_config: required`]],
  ['a listener filter that Weft does not have', { listener_filters: [listenerFilter('original_src.v3.OriginalSrc')] },
    {},
    [`${at}.listener_filters[0].typed_config: not implemented: listener filter `
      + 'envoy.extensions.filters.listener.original_src.v3.OriginalSrc']],
  ['rules of the PROXY protocol', { listener_filters: [listenerFilter('proxy_protocol.v3.ProxyProtocol',
    { rules: [{ tlv_type: 1 }] })] }, {}, [`${at}.listener_filters[0].typed_config.rules: not implemented`]],
  ['every version of the PROXY protocol', { listener_filters: [listenerFilter('proxy_protocol.v3.ProxyProtocol',
    { disallowed_versions: ['V1', 'V2'] })] }, {},
    [`${at}.listener_filters[0].typed_config.disallowed_versions: no version is left`]],
  ['a large ClientHello', { listener_filters: [listenerFilter('tls_inspector.v3.TlsInspector',
    { max_client_hello_size: 16385 })] }, {},
    [`${at}.listener_filters[0].typed_config.max_client_hello_size: must be at most 16384`]],
  ['predicates that nest too deep', { listener_filters: [{ ...listenerFilter('http_inspector.v3.HttpInspector'),
    filter_disabled: nested(17) }] }, {}, [`${at}.listener_filters[0].filter_disabled${'.not_match'.repeat(17)}: `
    + 'nested deeper than 16']],
  ['no address', { address: null }, {}, [`${at}.address: required`]],
  ['address twice', { additional_addresses: [{ address: ipAddress(21010) }] }, {},
    [`${at}: has the address 127.0.0.1:21010 twice`]],
  ['enum by an unknown number', { traffic_direction: 9 }, {},
    [`${at}.traffic_direction: unknown value 9, expected one of UNSPECIFIED, INBOUND, OUTBOUND`]],
];
for (const [name, more, hcm, expected] of refused) {
  t.test(`refused: ${name}`, async (t) => { t.same(errors(more, hcm), expected); });
}

const filter = (type: string, more: Tree = {}): Tree =>
  ({ name: 'f', typed_config: { '@type': typeUrl(`envoy.extensions.filters.http.${type}`), a: 1 }, ...more });
t.test('HTTP filters that Weft does not have', async (t) => {
  t.same(errors({}, { http_filters: [filter('bandwidth_limit.v3.BandwidthLimit'), router()] }),
    [`${hcmAt}.http_filters[0].typed_config: not implemented: HTTP filter `
      + 'envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit']);
  t.same(errors({}, { http_filters: [filter('bandwidth_limit.v3.BandwidthLimit', { is_optional: true }),
    filter('ip_tagging.v3.IPTagging', { disabled: true }), router()] }), []);
  t.match(errors({}, { http_filters: [filter('rbac.v3.RBAC', { is_optional: true }), router()] }),
    [/guards access and is not left out/]);
  t.match(errors({}, { http_filters: [{ name: 'router', disabled: true, typed_config: { '@type': routerTypeUrl } }] }),
    [/cannot be disabled/]);
  t.match(errors({}, { http_filters: [{ name: 'x', config_discovery: {} }, router()] }),
    [/config_discovery: not implemented/, /typed_config: required/]);
});

t.test('access logs', async (t) => {
  const stdout = typeUrl('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog');
  const fileLog = typeUrl('envoy.extensions.access_loggers.file.v3.FileAccessLog');
  const log = (typed_config: Tree): Tree => ({ access_log: [{ name: 'l', typed_config }] });
  const logs = (typed_config: Tree) => read({}, log(typed_config)).filterChains[0].hcm!.accessLogs[0];
  t.match(logs({ '@type': stdout }), { sink: { kind: 'stdout' },
    format: { kind: 'text', format: /^\[%START_TIME%\].*"%UPSTREAM_HOST%"\n$/ } });
  t.same(logs({ '@type': fileLog, path: '/l', log_format: { text_format_source: { inline_string: '%PROTOCOL%\n' },
    omit_empty_values: true } }),
    { sink: { kind: 'file', path: '/l' }, filter: null,
      format: { kind: 'text', format: '%PROTOCOL%\n', omitEmptyValues: true } });
  t.equal(JSON.stringify(
    logs({ '@type': stdout, log_format: { json_format: { b: 1, a: { d: '%PROTOCOL%', c: null } } } })
    .format),
    '{"kind":"json","fields":{"a":{"c":null,"d":"%PROTOCOL%"},"b":1},"omitEmptyValues":false}');
  t.match(logs({ '@type': fileLog, path: '/l', format: 'x' }), { format: { format: 'x' } });
  t.match(read({ access_log: log({ '@type': stdout }).access_log }).connectionLogs, [{ sink: { kind: 'stdout' } }]);
  t.same(errors({ access_log: log({ '@type': fileLog, path: '' }).access_log }),
    [`${at}.access_log[0].typed_config.path: required`]);
  t.same(errors({}, log({ '@type': fileLog, path: '' })), [`${hcmAt}.access_log[0].typed_config.path: required`]);
  t.match(errors({}, log({ '@type': typeUrl('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig') })),
    [/not implemented: access logger/]);
  t.match(errors({}, { access_log: [{ name: 'l', filter: {}, typed_config: { '@type': stdout } }] }),
    [/access_log\[0\]\.filter: filter_specifier is required/]);
  t.match(errors({}, log({ '@type': stdout,
    log_format: { text_format_source: { environment_variable: 'WEFT_NOT_SET' } } })), [/WEFT_NOT_SET is not set/]);
  t.match(errors({}, log({ '@type': stdout, log_format: { json_format: { a: { b: ['%NOPE%'] } } } })),
    [/log_format.json_format.a.b\[0\]: %NOPE% is not a known command/]);
  t.match(errors({}, log({ '@type': fileLog, path: '/l',
    log_format: { text_format_source: { inline_string: '%REQ(' } } })),
    [/log_format.text_format_source: no complete %COMMAND%/]);
});

t.test('scoped routes', async (t) => {
  const scope = (name: string, key: string, more: Tree = {}): Tree => ({ name,
    key: { fragments: [{ string_key: key }] },
    route_configuration: { name, virtual_hosts: [] }, ...more });
  const extractor = (more: Tree): Tree => ({ header_value_extractor: { name: 'X-Scope', ...more } });
  const scoped = (scopes: Tree[], fragments: Tree[] = [extractor({ index: 0 })]): Tree => ({ route_config: undefined,
    scoped_routes: { name: 's', scope_key_builder: { fragments }, scoped_route_configurations_list: {
      scoped_route_configurations: scopes } } });
  t.match(read({}, scoped([scope('a', '1'), scope('b', '2')], [extractor({ element_separator: ';', element: {
    separator: '=', key: 'k' } })])).filterChains[0].hcm, { routeConfigName: '', scopedRoutes: {
    fragments: [{ header: 'x-scope', separator: ';', index: 0, element: { separator: '=', key: 'k' } }],
    scopes: [{ key: ['1'], routeConfigName: '@inline/front/0/a' }, { key: ['2'],
      routeConfigName: '@inline/front/0/b' }] } });
  const wrong = (hcm: Tree): string[] => errors({}, hcm).map((line) => line.replace(`${hcmAt}.scoped_routes.`, ''));
  const list = 'scoped_route_configurations_list.scoped_route_configurations';
  t.same(wrong(scoped([scope('a', '1'), scope('a', '2')])), [`${list}[1].name: a second scope with the name a`]);
  t.same(wrong(scoped([scope('a', '1'), scope('b', '1')])), [`${list}[1].key: the scope a has the same key`]);
  t.same(wrong(scoped([scope('a', '1', { on_demand: true })])),
    [`${list}[0].on_demand: not implemented, must be absent or false`]);
  t.match(wrong(scoped([scope('a', '1', { route_configuration: undefined, route_configuration_name: 'r' })])),
    [/route_configuration_name: not implemented/]);
  t.match(wrong(scoped([scope('a', '1')], [extractor({ index: 1 })])), [/must be 0 where element_separator is empty/]);
  t.match(wrong(scoped([scope('a', '1')], [extractor({})])), [/one of index and element must be set/]);
  const many = (count: number): Tree => scoped([scope('a', '1')], Array.from({ length: count },
    () => extractor({ index: 0 })));
  t.same(wrong(many(limits.scopeFragmentsMax)), []);
  t.same(wrong(many(limits.scopeFragmentsMax + 1)),
    [`scope_key_builder.fragments: more than ${limits.scopeFragmentsMax}`]);
  t.match(errors({}, { route_config: undefined, scoped_routes: { name: 's', scope_key_builder: { fragments: [
    extractor({ index: 0 })] }, scoped_rds: {} } }), [/scoped_routes\.scoped_rds: not implemented/]);
});

t.test('internal addresses', async (t) => {
  const internal = (internal_address_config: Tree): unknown =>
    read({}, { internal_address_config }).filterChains[0].hcm?.internalAddresses;
  t.equal(read().filterChains[0].hcm?.internalAddresses, null);
  t.equal(internal({}), null);
  t.same(internal({ unix_sockets: true }), { ranges: [], unixSockets: true });
  t.same(internal({ cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }, { address_prefix: '::1',
    prefix_len: 128 }] }), { unixSockets: false, ranges: [{ address: '10.0.0.0', bits: 8 },
    { address: '::1', bits: 128 }] });
  t.match(errors({}, { internal_address_config: { cidr_ranges: [{ address_prefix: 'nowhere' }] } }),
    [/cidr_ranges\[0\]\.address_prefix: malformed IP address/]);
});
