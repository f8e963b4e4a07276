// weft.extensions.upstreams.rpc.v1.RpcProtocolOptions: what clusters become by it, and what may not stand beside it.
import t from 'tap';
import type { ClusterConfig } from '../../../src/config/types.js';
import { bootstrap, cluster, configOf, errorsOf, httpOptions, typeUrl } from '../examples.js';
import type { Tree } from '../examples.js';

const NAME = 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions';
const options = (more: Tree): Tree => ({ [NAME]: { '@type': typeUrl(NAME), ...more } });
const tree = (more: Tree, beside: Tree = {}): Tree =>
  bootstrap([], [cluster({ typed_extension_protocol_options: options(more), ...beside })]);
const clusterOf = (more: Tree, beside: Tree = {}): ClusterConfig =>
  configOf<ClusterConfig>(tree(more, beside), 'cluster');
const CLUSTER = 'static_resources.clusters[0]';
const PATH = `${CLUSTER}.typed_extension_protocol_options["${NAME}"]`;
const errors = (more: Tree, beside: Tree = {}): string[] =>
  errorsOf(tree(more, beside)).map((line) => line.replace(PATH, 'P').replace(`${CLUSTER}.`, ''));

t.test('protocols that are served', async (t) => {
  t.same(errors({ use_downstream_protocol: {} }), []);
  t.same(errors({ protocol: 'DUBBO' }), []);
  t.same(errors({ protocol: 'BOLT' }), []);
});

t.test('defaults', async (t) => {
  const config = clusterOf({ protocol: 'BOLT' });
  t.same(config.rpc, { protocol: 'bolt', maxFrameBytes: 64 << 20, maxConcurrentRequests: 16384,
    heartbeat: { intervalMs: 15_000, timeoutMs: 1000, failuresMax: 3 } });
  const http = configOf<ClusterConfig>(bootstrap([], [cluster()]), 'cluster');
  t.equal(http.rpc, null);
  t.same(config, { ...http, rpc: config.rpc, preserveCase: true }, 'all else as of HTTP');
});

t.test('protocols', async (t) => {
  for (const [protocol, name] of [['BOLT', 'bolt'], ['DUBBO', 'dubbo'], ['EXAMPLE', 'example']])
    t.equal(clusterOf({ protocol }).rpc!.protocol, name);
  t.equal(clusterOf({ use_downstream_protocol: {} }).rpc!.protocol, 'downstream');
  t.same(errors({ protocol: 'AUTO' }), ['P.protocol: AUTO is of listeners: set use_downstream_protocol']);
  t.same(errors({}), ['P: protocol_specifier is required: set one of protocol, custom_protocol, '
    + 'use_downstream_protocol']);
  t.match(errors({ protocol: 'BOLT', use_downstream_protocol: {} }), [/protocol/]);
  t.same(errors({ custom_protocol: 'mine' }), ["P.custom_protocol: unknown codec 'mine'"]);
  t.same(errors({ custom_protocol: 'downstream' }), [
    "P.custom_protocol: 'downstream' is a name of Weft's own: set protocol"]);
});

t.test('everything that can be said', async (t) => {
  t.match(clusterOf({ protocol: 'DUBBO', common_http_protocol_options: { idle_timeout: '7s',
    max_connection_duration: '9s', max_requests_per_connection: 5, max_headers_count: 11 },
  heartbeat: { interval: '60s', timeout: '5s', failures: 2 }, max_frame_bytes: 8 << 20, max_header_bytes: 32768,
  max_concurrent_requests_per_connection: 1 }), {
    idleTimeoutMs: 7000, connections: { maxDurationMs: 9000 }, maxRequestsPerConnection: 5,
    maxResponseHeadersCount: 11, maxResponseHeadersBytes: 32768,
    rpc: { protocol: 'dubbo', heartbeat: { intervalMs: 60_000, timeoutMs: 5000, failuresMax: 2 },
      maxFrameBytes: 8 << 20, maxConcurrentRequests: 1 } });
  t.equal(clusterOf({ protocol: 'DUBBO', heartbeat: { interval: '0s' } }).rpc!.heartbeat, null);
});

t.test('limits', async (t) => {
  t.same(errors({ protocol: 'BOLT', max_frame_bytes: 1023, max_header_bytes: 1023,
    max_concurrent_requests_per_connection: 0 }), ['P.max_frame_bytes: must be at least 1024',
    'P.max_header_bytes: must be at least 1024', 'P.max_concurrent_requests_per_connection: must be at least 1']);
  t.same(errors({ protocol: 'BOLT', max_frame_bytes: 2147483648, max_header_bytes: 61441,
    max_concurrent_requests_per_connection: 1048577 }).sort(), [
    "P.max_concurrent_requests_per_connection: 1048577 is beyond this build's limit of 1048576",
    'P.max_frame_bytes: must be at most 2147483647',
    "P.max_header_bytes: 61441 is beyond this build's limit of 61440"]);
  t.same(errors({ protocol: 'BOLT', heartbeat: { interval: '1s', timeout: '2s' } }), [
    'P.heartbeat.timeout: longer than the interval']);
});

t.test('what is of listeners only', async (t) => {
  t.same(errors({ protocol: 'BOLT', common_http_protocol_options: { max_response_headers_kb: 7,
    max_stream_duration: '1s', headers_with_underscores_action: 'DROP_HEADER' } }).sort(), [
    'P.common_http_protocol_options.headers_with_underscores_action: not implemented here',
    'P.common_http_protocol_options.max_response_headers_kb: not implemented here',
    'P.common_http_protocol_options.max_stream_duration: not implemented here']);
});

t.test('what may not stand beside it', async (t) => {
  const bolt = { protocol: 'BOLT' };
  for (const [field, value] of Object.entries({ common_http_protocol_options: { idle_timeout: '1s' },
    http_protocol_options: {}, http2_protocol_options: {}, upstream_http_protocol_options: { auto_sni: true },
    max_requests_per_connection: 7 }))
    t.same(errors(bolt, { [field]: value }), [`${field}: must not be set beside ${NAME}`]);
  const http = { [httpOptions]: { '@type': typeUrl(httpOptions), explicit_http_config: {
    http_protocol_options: {} } } };
  const both = { typed_extension_protocol_options: { ...options(bolt), ...http } };
  t.same(errors(bolt, both), [`typed_extension_protocol_options["${httpOptions}"]: `
    + `${httpOptions} and ${NAME} exclude each other`]);
  t.same(errors(bolt, { typed_extension_protocol_options: { [NAME]: http[httpOptions] } }), [
    `P: holds ${httpOptions}`]);
  t.same(errors(bolt, { typed_extension_protocol_options: { other: options(bolt)[NAME] } }), [
    'typed_extension_protocol_options["other"]: not implemented']);
  const proxy = { name: 'dns', typed_config: { dns_cache_config: { name: 'cache' },
    '@type': typeUrl('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig') } };
  t.same(errors(bolt, { cluster_type: proxy, lb_policy: 'CLUSTER_PROVIDED', load_assignment: undefined }), [
    `cluster_type: must not be set beside ${NAME}: services are no hosts`]);
});
