// The network filter weft.filters.network.rpc_proxy: what its fields become, and what is refused with which path.
import { join } from 'node:path';
import t from 'tap';
import type { FilterChain, HttpConnectionManager, ListenerConfig } from '../../../src/config/types.js';
import { issue, root } from '../../support/certificates.js';
import { bootstrap, configOf, connectionManager, errorsOf, listener, router, temporaryDirectory, typeUrl, virtualHost,
  writeJson } from '../examples.js';
import type { Tree } from '../examples.js';

const filters = 'envoy.extensions.filters';
const proxyType = 'weft.extensions.filters.network.rpc_proxy.v1.RpcProxy';
const rpcProxy = (more: Tree = {}): Tree => ({ '@type': typeUrl(proxyType),
  stat_prefix: 'rpc', route_config: { name: 'local', virtual_hosts: [virtualHost()] }, http_filters: [router()],
  ...more });
const tree = (more: Tree = {}): Tree => bootstrap([listener({}, rpcProxy(more))]);
const chainOf = (more: Tree = {}): FilterChain => configOf<ListenerConfig>(tree(more), 'listener').filterChains[0];
const hcmOf = (more: Tree = {}): HttpConnectionManager => chainOf(more).hcm!;
const PATH = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config';
const errors = (more: Tree): string[] => errorsOf(tree(more)).map((line) => line.replace(PATH, 'P'));
const log = { name: 'out', typed_config: {
  '@type': typeUrl('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog') } };
const filter = (type: string, more: Tree = {}): Tree => ({ name: type, typed_config: {
  '@type': typeUrl(`${filters}.http.${type}`), ...more } });

t.test('protocols that are served', async (t) => {
  t.same(errors({}), []);
  t.same(errors({ protocol: 'BOLT' }), []);
});

t.test('defaults', async (t) => {
  const { hcm, tcp, tls } = chainOf();
  t.same([tcp, tls], [null, null]);
  t.same(hcm!.rpc, { protocol: 'auto', detectionTimeoutMs: 0, maxFrameBytes: 64 << 20, maxConcurrentRequests: 16384,
    heartbeat: null, sendsBoltGoAway: false });
  const http = configOf<ListenerConfig>(bootstrap([listener({}, connectionManager({ stat_prefix: 'rpc' }))]),
    'listener').filterChains[0].hcm!;
  t.equal(http.rpc, null, 'clients of an HTTP connection manager speak HTTP');
  t.same(hcm, { ...http, rpc: hcm!.rpc, generateRequestId: false, serverHeaderTransformation: 'passThrough',
    skipXffAppend: true, forwardClientCert: { ...http.forwardClientCert, mode: 'alwaysForwardOnly' },
    preserveCase: true }, 'a connection manager that adds nothing');
});

t.test('protocols', async (t) => {
  for (const [protocol, name] of [['AUTO', 'auto'], ['BOLT', 'bolt'], ['DUBBO', 'dubbo'], ['EXAMPLE', 'example']])
    t.equal(hcmOf({ protocol }).rpc!.protocol, name);
  t.same(errors({ protocol: 'TARS' }), [
    'P.protocol: unknown value "TARS", expected one of AUTO, BOLT, DUBBO, EXAMPLE']);
  t.match(errors({ protocol: 7 }), [/^P.protocol: unknown value 7, expected one of AUTO, BOLT, DUBBO, EXAMPLE$/]);
  t.match(errors({ protocol: 'BOLT', custom_protocol: 'mine' }), [/protocol/], 'one of the two');
  t.same(errors({ custom_protocol: 'mine' }), ["P.custom_protocol: unknown codec 'mine'"]);
  t.same(errors({ custom_protocol: 'bolt' }), ["P.custom_protocol: 'bolt' is a name of Weft's own: set protocol"]);
  t.same(errors({ custom_protocol: '' }).slice(0, 1), ['P.custom_protocol: must not be empty']);
});

t.test('what it has in common with the HTTP connection manager', async (t) => {
  t.match(hcmOf({ protocol: 'DUBBO', http_filters: [filter('fault.v3.HTTPFault', { abort: { http_status: 503,
    percentage: { numerator: 1 } } }), router()], access_log: [log],
  access_log_options: { flush_access_log_on_new_request: true, access_log_flush_interval: '7s' },
  common_http_protocol_options: { idle_timeout: '90s', max_connection_duration: '60s', max_stream_duration: '8s',
    max_headers_count: 50, max_requests_per_connection: 9 },
  stream_idle_timeout: '5s', request_timeout: '6s', request_headers_timeout: '7s', drain_timeout: '8s',
  delayed_close_timeout: '9s' }), {
    statPrefix: 'rpc', routeConfigName: '@inline/front/0', httpFilters: [{ config: { kind: 'fault' } },
      { config: { kind: 'router' } }], accessLogs: [{ sink: { kind: 'stdout' } }],
    accessLogOptions: { flushIntervalMs: 7000, onNewRequest: true, onTunnelEstablished: false },
    idleTimeoutMs: 90_000, maxConnectionDurationMs: 60_000, maxStreamDurationMs: 8000, maxHeadersCount: 50,
    maxRequestsPerConnection: 9, streamIdleTimeoutMs: 5000, requestTimeoutMs: 6000, requestHeadersTimeoutMs: 7000,
    drainTimeoutMs: 8000, delayedCloseTimeoutMs: 9000 });
  t.same(errors({ common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST',
    max_response_headers_kb: 7, max_headers_count: 1001 } }).sort(), [
    "P.common_http_protocol_options.headers_with_underscores_action: not implemented here",
    "P.common_http_protocol_options.max_headers_count: 1001 is beyond this build's limit of 1000",
    'P.common_http_protocol_options.max_response_headers_kb: not implemented here']);
  t.same(errors({ access_log_options: { flush_log_on_tunnel_successfully_established: true } }), [
    'P.access_log_options.flush_log_on_tunnel_successfully_established: not implemented here']);
  t.same(errors({ stat_prefix: '' }), ['P.stat_prefix: required']);
  t.same(errors({ http_filters: [] }), [
    `P.http_filters: the last filter must be the router (${filters}.http.router.v3.Router)`]);
  t.same(errors({ generate_request_id: false, http2_protocol_options: {} }), [
    `P.generate_request_id: unknown field of ${proxyType}`,
    `P.http2_protocol_options: unknown field of ${proxyType}`]);
  t.same(errors({ stream_idle_timeout: '-1s', drain_timeout: '-1s' }), [
    'P.stream_idle_timeout: must not be negative', 'P.drain_timeout: must not be negative']);
});

t.test('routes: inline, subscribed to, scoped', async (t) => {
  const file = writeJson(join(temporaryDirectory(), 'rds.json'), { resources: [] });
  const rds = { route_config_name: 'shared', config_source: { path_config_source: { path: file } } };
  t.equal(hcmOf({ route_config: undefined, rds }).routeConfigName, 'shared');
  t.match(errors({ rds }), [/route_specifier|oneof|route_config/]);
  t.match(errors({ route_config: undefined }), [/route_specifier is required/]);
  const scoped = { name: 'scopes', scope_key_builder: { fragments: [{ header_value_extractor: { name: 'x-group',
    index: 0 } }] }, scoped_route_configurations_list: { scoped_route_configurations: [{ name: 'a',
    key: { fragments: [{ string_key: 'a' }] },
    route_configuration: { name: 'r', virtual_hosts: [virtualHost()] } }] } };
  t.match(hcmOf({ route_config: undefined, scoped_routes: scoped }).scopedRoutes, { scopes: [{ key: ['a'],
    routeConfigName: '@inline/front/0/a' }] });
  t.match(errors({ route_config: { name: 'local', virtual_hosts: [{ ...virtualHost(), routes: [
    { match: { prefix: '/' }, route: { cluster: 'nobody' } }] }] } }), [/^P.route_config.*unknown cluster 'nobody'/]);
});

t.test('filters that only know HTTP', async (t) => {
  const http = [filter('cors.v3.Cors'), filter('grpc_web.v3.GrpcWeb'), filter('grpc_http1_bridge.v3.Config'),
    filter('grpc_stats.v3.FilterConfig'), filter('health_check.v3.HealthCheck', { pass_through_mode: true }),
    filter('csrf.v3.CsrfPolicy', { filter_enabled: { default_value: { numerator: 1 } } })];
  t.equal(hcmOf({ http_filters: [...http, router()] }).httpFilters.length, 7, 'AUTO serves HTTP too');
  t.same(errors({ protocol: 'BOLT', http_filters: [...http, router()] }), http.map(({ name }, index) =>
    `P.http_filters[${index}].typed_config: only with protocol AUTO: ${filters}.http.${name} knows HTTP alone`));
});

t.test('limits', async (t) => {
  const { rpc, maxRequestHeadersBytes } = hcmOf({ max_frame_bytes: 2147483647, max_header_bytes: 1024,
    max_concurrent_requests_per_connection: 1 });
  t.match(rpc, { maxFrameBytes: 2147483647, maxConcurrentRequests: 1 });
  t.equal(maxRequestHeadersBytes, 1024);
  t.match(hcmOf({ max_frame_bytes: 1024, max_header_bytes: 61440, max_concurrent_requests_per_connection: 1048576 }), {
    rpc: { maxFrameBytes: 1024, maxConcurrentRequests: 1048576 }, maxRequestHeadersBytes: 61440 });
  t.same(errors({ max_frame_bytes: 1023, max_header_bytes: 1023, max_concurrent_requests_per_connection: 0 }), [
    'P.max_frame_bytes: must be at least 1024', 'P.max_header_bytes: must be at least 1024',
    'P.max_concurrent_requests_per_connection: must be at least 1']);
  t.same(errors({ max_frame_bytes: 2147483648, max_header_bytes: 61441,
    max_concurrent_requests_per_connection: 1048577 }), ['P.max_frame_bytes: must be at most 2147483647',
    "P.max_concurrent_requests_per_connection: 1048577 is beyond this build's limit of 1048576",
    "P.max_header_bytes: 61441 is beyond this build's limit of 61440"]);
});

t.test('heartbeats to clients, and GoAway', async (t) => {
  const beat = (heartbeat: Tree) => hcmOf({ heartbeat }).rpc!.heartbeat;
  t.same(beat({}), { intervalMs: 15_000, timeoutMs: 1000, failuresMax: 3 });
  t.same(beat({ interval: '0.5s' }), { intervalMs: 500, timeoutMs: 500, failuresMax: 3 });
  t.same(beat({ interval: '60s', timeout: '3s', failures: 100 }), { intervalMs: 60_000, timeoutMs: 3000,
    failuresMax: 100 });
  t.equal(beat({ interval: '0s' }), null);
  t.same(errors({ heartbeat: { interval: '0s', timeout: '1s', failures: 2 } }), [
    'P.heartbeat.timeout: set though the interval is 0s', 'P.heartbeat.failures: set though the interval is 0s']);
  t.same(errors({ heartbeat: { interval: '2s', timeout: '3s', failures: 0 } }), [
    'P.heartbeat.failures: must be at least 1', 'P.heartbeat.timeout: longer than the interval']);
  t.same(errors({ heartbeat: { interval: '-1s', timeout: '0s', failures: 101 } }).slice(0, 3), [
    'P.heartbeat.interval: must be at least 0s', 'P.heartbeat.timeout: must be greater than 0s',
    'P.heartbeat.failures: must be at most 100']);
  t.equal(hcmOf({ protocol: 'BOLT', send_bolt_goaway: true }).rpc!.sendsBoltGoAway, true);
  t.equal(hcmOf({ send_bolt_goaway: true }).rpc!.sendsBoltGoAway, true);
  t.same(errors({ protocol: 'DUBBO', send_bolt_goaway: true }), [
    'P.send_bolt_goaway: only with protocol BOLT or AUTO']);
});

t.test('unknown protocols go to a TCP proxy', async (t) => {
  const unknown_protocol = { stat_prefix: 'other', cluster: 'backend', access_log: [log] };
  const { hcm, tcp } = chainOf({ unknown_protocol, detection_timeout: '0.2s' });
  t.equal(hcm!.rpc!.detectionTimeoutMs, 200);
  t.match(tcp, { statPrefix: 'other', clusters: [{ cluster: 'backend' }], accessLogs: [{}] });
  t.equal(chainOf({ unknown_protocol }).hcm!.rpc!.detectionTimeoutMs, 0, 'the first bytes are waited for');
  t.same(errors({ detection_timeout: '1s' }), ['P.detection_timeout: only beside unknown_protocol']);
  t.same(errors({ unknown_protocol, detection_timeout: '0s' }), ['P.detection_timeout: must be greater than 0s']);
  t.same(errors({ protocol: 'BOLT', unknown_protocol, detection_timeout: '1s' }), [
    'P.unknown_protocol: only with protocol AUTO', 'P.detection_timeout: only with protocol AUTO']);
  t.match(errors({ unknown_protocol: { stat_prefix: 'other' } }), [
    /^P.unknown_protocol: cluster_specifier is required/]);
});

t.test('it ends its chain, with TLS or without', async (t) => {
  const { certPem, keyPem } = issue({ name: 'leaf', issuer: root() });
  const transport_socket = { name: 'tls', typed_config: { common_tls_context: { tls_certificates: [{
    certificate_chain: { inline_string: certPem }, private_key: { inline_string: keyPem } }] },
  '@type': typeUrl('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext') } };
  const plain = (listener({}, rpcProxy()).filter_chains as Tree[])[0];
  const secured = listener({ filter_chains: [{ ...plain, transport_socket }] });
  t.match(configOf<ListenerConfig>(bootstrap([secured]), 'listener').filterChains[0], { tls: { kind: 'downstream' },
    hcm: { rpc: { protocol: 'auto' } } });
  const twice = listener({ filter_chains: [{ filters: [{ name: 'a', typed_config: rpcProxy() },
    { name: 'b', typed_config: rpcProxy() }] }] });
  t.same(errorsOf(bootstrap([twice])), ['static_resources.listeners[0].filter_chains[0].filters[0]: '
    + 'it ends the chain and must be the last filter']);
});
