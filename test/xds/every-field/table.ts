// What the every-field test has to be told by hand: samples that a type does not give, what must stand beside a field
// for it to be valid, values that mean the same, and the types that stand in each google.protobuf.Any.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bookstore } from '../../differential/bookstore.js';
import { virtualHost, listener, cluster, loadAssignment, bootstrap } from '../examples.js';
import { issue, ocspResponse, revocationList, root } from '../../support/certificates.js';
import { codecFile, small } from '../../support/rpc-codec.js';
import type { Root, Tree } from './judge.js';


const inChain = '(router.v3.Router|cors.v3.Cors|grpc_(web.v3.GrpcWeb|stats.v3.FilterConfig|http1_bridge.v3.Config)|'
  + 'header_mutation.v3.HeaderMutation|'
  + 'health_check.v3.HealthCheck|buffer.v3.Buffer|dynamic_forward_proxy.v3.FilterConfig|sofa_trace.v1.SofaTrace)$';
/** HTTP filters that only a chain configures, and what routes say about filters. */
export const httpFilters = new RegExp(`^(envoy|weft)\\.extensions\\.filters\\.http\\.${inChain}`);
const overrides = new RegExp(`^envoy\\.(extensions\\.filters\\.http\\.(?!${inChain})|`
  + 'config\\.route\\.v3\\.FilterConfig$)|^weft\\.extensions\\.filters\\.http\\.(?!sofa_trace)');

const authority = root();
const issued = issue({ name: 'sample', issuer: authority });
const certificate = { certificate_chain: { inline_string: issued.certPem },
  private_key: { inline_string: issued.keyPem } };
const ticketKeys = { keys: [{ inline_string: 'k'.repeat(80) }] };
const trustedCa = { trusted_ca: { inline_string: authority.certPem } };

/** The smallest good resource of each kind. */
export const roots: { [root in Root]: () => Tree } = {
  bootstrap: () => bootstrap([listener()], [cluster()], { node: { id: 'id', cluster: 'cluster' } }),
  listener: () => listener(),
  route: () => ({ name: 'routes', virtual_hosts: [virtualHost()] }),
  cluster: () => cluster(),
  assignment: () => loadAssignment(),
  secret: () => ({ name: 'sample', tls_certificate: certificate }),
};

/** Which of the known types are tried in an Any; a type that no place takes is a failure. */
export const anyPlaces: { [field: string]: RegExp } = {
  'listener.v3.Filter.typed_config': /^(envoy|weft)\.extensions\.filters\.network\./,
  'ListenerFilter.typed_config': /^envoy\.extensions\.filters\.listener\./,
  'HttpFilter.typed_config': httpFilters,
  'VirtualHost.typed_per_filter_config': overrides,
  'RouteConfiguration.typed_per_filter_config': overrides,
  'Route.typed_per_filter_config': overrides,
  'ClusterWeight.typed_per_filter_config': overrides,
  'FilterConfig.config': /\.csrf\./,
  'AccessLog.typed_config': /^envoy\.extensions\.access_loggers\./,
  'TransportSocket.typed_config': /^envoy\.extensions\.transport_sockets\.(?!tls\.v3\.Secret$)/,
  'RequestIDExtension.typed_config': /^envoy\.extensions\.request_id\./,
  'TypedExtensionConfig.typed_config': new RegExp('^envoy\\.extensions\\.(?!filters|transport_sockets|'
    + 'access_loggers|upstreams)|^weft\\.extensions\\.bootstrap\\.'),
  'RetryHostPredicate.typed_config': /^envoy\.extensions\.retry\.host\./,
  'RetryPriority.typed_config': /^envoy\.extensions\.retry\.priority\./,
  'RateLimitedRetryBackOff.typed_config': /^envoy\.extensions\./,
  'Cluster.typed_extension_protocol_options': /^(envoy|weft)\.extensions\.upstreams\./,
  'Cluster.CustomClusterType.typed_config': /^envoy\.extensions\.clusters\./,
  'ResourceMonitor.typed_config': /^envoy\.extensions\.resource_monitors\./,
  'OverloadAction.typed_config': /^envoy\.config\.overload\./,
  'DiscoveryResponse.resources': /^$/,
};

const regex = { regex: 'sample' };
const routerAny = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' };
const present = { name: 'x-sample', present_match: true };
const comparison = { value: { default_value: 200, runtime_key: 'sample' } };
const statusFilter = { status_code_filter: { comparison } };
const stdout = { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog' };
const rawBuffer = { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' };
const uuid = { '@type': 'type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig' };
const reduceTimeouts = { '@type': 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
  timer_scale_factors: [{ timer: 'HTTP_DOWNSTREAM_CONNECTION_IDLE', min_timeout: '1s' }] };
const heap = { '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
  max_heap_size_bytes: 1_000_000_000 };
const monitor = { name: 'monitor', typed_config: heap };
const action = { name: 'envoy.overload_actions.shrink_heap', triggers: [{ name: 'monitor',
  threshold: { value: 0.5 } }] };
const templateMatch = { name: 'template', typed_config: { path_template: '/a/{b}',
  '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig' } };
const templateRewrite = { name: 'template', typed_config: { path_template_rewrite: '/c/{b}',
  '@type': 'type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig' } };
const preserveCase = { name: 'preserve', typed_config: { '@type':
  'type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig' } };
const noQuery = { name: 'formatter', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery' } };
const roundRobin = { typed_extension_config: { name: 'policy', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin' } } };
const extractor = { name: 'x-scope', element_separator: ';', index: 0 };
const inlineScope = { name: 'scope', key: { fragments: [{ string_key: 'a' }] },
  route_configuration: { name: 'routes', virtual_hosts: [virtualHost()] } };
const scopedRoutes = { name: 'scopes', scope_key_builder: { fragments: [{ header_value_extractor: extractor }] },
  scoped_route_configurations_list: { scoped_route_configurations: [inlineScope] } };
const previousRoutes = { name: 'previous', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig' } };
const previousPriorities = { update_frequency: 3,
  '@type': 'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig' };
const previousHosts = { name: 'previous', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' } };
const tcpProxy = { name: 'tcp', typed_config: { '@type':
  'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', stat_prefix: 'in', cluster: 'c' } };
const httpInspector = { name: 'inspector', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector' } };
const eventFile = { name: 'file', typed_config: { event_log_path: 'sample', '@type':
  'type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink' } };
const csrf = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy',
  filter_enabled: { default_value: { numerator: 7 } } };
const dnsCache = { name: 'sample' };
const forwardProxy = { name: 'sample', typed_config: { dns_cache_config: dnsCache,
  '@type': 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig' } };
const delay = { fixed_delay: '7s' };
const pair = { metadata_namespace: 'sample', key: 'sample', value: 'sample' };
const nameServer = { socket_address: { address: '127.0.0.7', port_value: 53 } };
const cares = { name: 'cares', typed_config: { resolvers: [nameServer], '@type':
  'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig' } };
/** A file that exists, and another; what is in them does not matter. */
const files = ['package.json', 'tsconfig.json'];
const directories = ['src', 'test'];
/** Descriptor sets as files, gone when the process is. */
const descriptorFolder = mkdtempSync(join(tmpdir(), 'weft-descriptors-'));
process.once('exit', () => rmSync(descriptorFolder, { recursive: true }));
const unknownField = Buffer.from([0xf8, 0x3f, 1]);
const descriptors = [Buffer.from(bookstore), Buffer.concat([bookstore, unknownField])];
const descriptorFiles = descriptors.map((bytes, index) => {
  const file = join(descriptorFolder, String(index));
  writeFileSync(file, bytes);
  return file;
});

const codecFiles = [small(), small({ decode: '(i32.const 1)' })].map(codecFile);

/** Messages that rules alone do not make valid. */
export const byHand: { [type: string]: Tree } = {
  'core.v3.Address': { socket_address: { address: '127.0.0.7', port_value: 7 } },
  'AdditionalAddress': { address: { socket_address: { address: '127.0.0.7', port_value: 7 } } },
  'core.v3.ConfigSource': { path_config_source: { path: files[0] } },
  'core.v3.DataSource': { inline_string: 'sample' },
  'GrpcJsonTranscoder': { proto_descriptor_bin: descriptors[0]!.toString('base64'), services: ['b.Books'] },
  'rpc_json_transcoder.v1.Call': { protocol: 'DUBBO', service: 'sample.Service', method: 'sample' },
  'rpc_json_transcoder.v1.Argument': { type: 'int' },
  'rpc_json_transcoder.v1.Request': { path_template: '/a' },
  'RpcProxy': { stat_prefix: 'in', route_config: { name: 'local', virtual_hosts: [virtualHost()] },
    http_filters: [{ name: 'router', typed_config: routerAny }] },
  'RpcProtocolOptions': { protocol: 'BOLT' },
  'RpcCodec': { name: 'sample', filename: codecFiles[0] },
  'RpcCodecs': { codecs: [{ name: 'sample', filename: codecFiles[0] }] },
  'core.v3.CidrRange': { address_prefix: '10.0.0.0', prefix_len: 8 },
  'listener.v3.FilterChain': { filters: (listener() as { filter_chains: { filters: unknown[] }[] })
    .filter_chains[0]!.filters },
  'TransportSocket': { name: 'raw', typed_config: rawBuffer },
  'accesslog.v3.AccessLog': { name: 'log', typed_config: stdout },
  'AccessLogFilter': statusFilter,
  'ComparisonFilter': comparison,
  'AndFilter': { filters: [statusFilter, statusFilter] },
  'OrFilter': { filters: [statusFilter, statusFilter] },
  'OrMatcher': { value_matchers: [{ bool_match: true }, { string_match: { exact: 'sample' } }] },
  'Rds': { route_config_name: 'sample', config_source: { path_config_source: { path: files[0] } } },
  'HttpConnectionManager.UpgradeConfig': { upgrade_type: 'sample' },
  'RequestIDExtension': { typed_config: uuid },
  'RegexMatchAndSubstitute': { pattern: regex, substitution: 'other' },
  'HeaderMatcher': present,
  'VirtualCluster': { name: 'sample', headers: [present] },
  'WeightedCluster': { clusters: [{ name: 'backend', weight: 7 }] },
  'ClusterWeight': { name: 'backend', weight: 7 },
  'RedirectAction': {},
  'ScopedRoutes': scopedRoutes,
  'ScopeKeyBuilder': scopedRoutes.scope_key_builder,
  'FragmentBuilder': { header_value_extractor: extractor },
  'HeaderValueExtractor': extractor,
  'ScopedRouteConfigurationsList': scopedRoutes.scoped_route_configurations_list,
  'ScopedRouteConfiguration': inlineScope,
  'RequestMirrorPolicy': { cluster: 'backend' },
  'RetryHostPredicate': previousHosts,
  'RetryPriority': { name: 'sample', typed_config: previousPriorities },
  'RetryBackOff': { base_interval: '2s' },
  'LoadBalancingPolicy': { policies: [roundRobin] },
  'OverrideHostSource': { header: 'x-sample' },
  'EdsClusterConfig': { eds_config: { path_config_source: { path: files[0] } } },
  'OverloadManager': { resource_monitors: [monitor], actions: [action] },
  'OverloadAction': action,
  'overload.v3.Trigger': { name: 'monitor', threshold: { value: 0.5 } },
  'ScaledTrigger': { scaling_threshold: 0.5, saturation_threshold: 0.9 },
  'ScaleTimersOverloadActionConfig': { timer_scale_factors: reduceTimeouts.timer_scale_factors },
  'ScaleTimer': { timer: 'HTTP_DOWNSTREAM_CONNECTION_IDLE', min_timeout: '1s' },
  'ResourceMonitor': monitor,
  'listener.v3.ListenerFilter': httpInspector,
  'MatchSet': { rules: [{ any_match: true }, { any_match: true }] },
  'ListenerFilterChainMatchPredicate': { destination_port_range: { start: 7, end: 9 } },
  'network.local_ratelimit.v3.LocalRateLimit': { stat_prefix: 'in',
    token_bucket: { max_tokens: 7, fill_interval: '7s' } },
  'DiskLayer': { symlink_root: 'sample' },
  'core.v3.HealthCheck': { timeout: '1s', interval: '2s', unhealthy_threshold: 2, healthy_threshold: 2,
    http_health_check: { path: '/' } },
  'HealthCheck.Payload': { text: '6869' },
  'health_check.v3.HealthCheck': { pass_through_mode: true },
  'route.v3.FilterConfig': { config: csrf },
  'header_to_metadata.v3.Config': { request_rules: [{ header: 'x-sample', on_header_present: pair }] },
  'Config.Rule': { header: 'x-sample', on_header_present: pair },
  'Config.KeyValuePair': pair,
  'Cluster.CustomClusterType': forwardProxy,
  'DnsCacheConfig': dnsCache,
  'dynamic_forward_proxy.v3.FilterConfig': { dns_cache_config: dnsCache },
  'clusters.dynamic_forward_proxy.v3.ClusterConfig': { dns_cache_config: dnsCache },
  'TagSpecifier': { tag_name: 'sample', fixed_value: 'sample' },
  'TokenBucket': { max_tokens: 7, fill_interval: '7s' },
  'LocalRateLimit': { stat_prefix: 'sample' },
  'RateLimit.Action': { remote_address: {} },
  'route.v3.RateLimit': { actions: [{ remote_address: {} }] },
  'UriTemplateMatchConfig': { path_template: '/a/{b}' },
  'UriTemplateRewriteConfig': { path_template_rewrite: '/c/{b}' },
  'TlsCertificate': certificate,
  'TlsSessionTicketKeys': ticketKeys,
  'DownstreamTlsContext': { common_tls_context: { tls_certificates: [certificate] } },
  'SdsSecretConfig': { name: 'sample', sds_config: { path_config_source: { path: files[0] } } },
  'SubjectAltNameMatcher': { san_type: 'OTHER_NAME', oid: '1.2.3', matcher: { exact: 'sample' } },
  'tls.v3.Secret': { name: 'sample', tls_certificate: certificate },
};

/** Values of fields that their types do not give. */
export const fieldSamples: { [field: string]: unknown[] } = {
  'HttpConnectionManager.http_filters': [[{ name: 'sample', typed_config: routerAny }]],
  'HttpConnectionManager.request_id_extension': [{ typed_config: uuid }],
  'HttpConnectionManager.max_request_headers_kb': [7, 9],
  'rpc_json_transcoder.v1.Call.protocol': ['BOLT', 'DUBBO'],
  'rpc_json_transcoder.v1.Argument.body': [true],
  'rpc_json_transcoder.v1.Argument.path': ['sample'],
  'rpc_json_transcoder.v1.Request.method': ['PUT', 'GET'],
  'rpc_json_transcoder.v1.Request.path_template': ['/b', '/c'],
  'rpc_json_transcoder.v1.Request.result': ['int', 'java.lang.Long'],
  'rpc_json_transcoder.v1.Argument.type': ['int', 'java.lang.Long'],
  'rpc_json_transcoder.v1.Call.path_template': ['/{sample}', '/a/{sample}'],
  'RpcProxy.http_filters': [[{ name: 'sample', typed_config: routerAny }]],
  'RpcProxy.max_header_bytes': [7000, 9000],
  'RpcProtocolOptions.max_header_bytes': [7000, 9000],
  'RpcCodec.filename': codecFiles,
  'RpcCodec.max_memory_bytes': [5 * 65536, 6 * 65536],
  'Bootstrap.bootstrap_extensions': [[{ name: 'codecs', typed_config: {
    '@type': 'type.googleapis.com/weft.extensions.bootstrap.rpc_codecs.v1.RpcCodecs',
    codecs: [{ name: 'sample', filename: codecFiles[0] }] } }]],
  'core.v3.HttpProtocolOptions.max_headers_count': [7, 9],
  'core.v3.HttpProtocolOptions.max_response_headers_kb': [7, 9],
  'HeaderKeyFormat.stateful_formatter': [preserveCase],
  'SocketAddress.address': ['127.0.0.7', '127.0.0.9'],
  'SocketAddress.ipv4_compat': [true],
  'ListenerFilterChainMatchPredicate.any_match': [true],
  'CidrRange.address_prefix': ['10.0.0.0', '11.0.0.0'],
  'GrpcJsonTranscoder.proto_descriptor': descriptorFiles,
  'GrpcJsonTranscoder.proto_descriptor_bin': descriptors.map((bytes) => bytes.toString('base64')),
  'GrpcJsonTranscoder.services': [['b.Books'], []],
  'PathConfigSource.path': files,
  'core.v3.ConfigSource.path': files,
  'WatchedDirectory.path': directories,
  'DataSource.filename': files,
  'DataSource.inline_bytes': ['c2FtcGxl', 'YW5vdGhlcg=='],
  'DataSource.environment_variable': ['PATH', 'HOME'],
  'SubstitutionFormatString.formatters': [[noQuery]],
  'Cluster.type': ['STRICT_DNS', 'LOGICAL_DNS'],
  'Cluster.lb_policy': ['LEAST_REQUEST', 'RING_HASH', 'RANDOM', 'MAGLEV'],
  'RetryBackOff.base_interval': ['2s', '3s'],
  'MaglevLbConfig.table_size': [7, 11],
  'FractionalPercent.numerator': [7, 9],
  'ClusterManager.local_cluster_name': ['backend'],
  'core.v3.Metadata.filter_metadata': [{ 'sample': { sample: 'value' }, 'envoy.lb': { sample: 'value' },
    'envoy.transport_socket_match': { sample: 'value' } }],
  'CertificateValidationContext.trusted_ca': [trustedCa.trusted_ca],
  'CertificateValidationContext.crl': [{ inline_string: revocationList(authority, [issued]) }],
  'CertificateValidationContext.verify_certificate_spki': [[`${'A'.repeat(43)}=`]],
  'CertificateValidationContext.verify_certificate_hash': [['a0'.repeat(32)]],
  'TlsParameters.cipher_suites': [['ECDHE-RSA-AES128-GCM-SHA256']],
  'TlsParameters.ecdh_curves': [['P-384']],
  'TlsParameters.signature_algorithms': [['rsa_pss_rsae_sha256']],
  'DownstreamTlsContext.ocsp_staple_policy': ['STRICT_STAPLING'],
  'TlsCertificate.ocsp_staple': [{ inline_bytes: ocspResponse(authority, [issued]).toString('base64') }],
  'SubjectAltNameMatcher.oid': ['1.2.4'],
  'SubjectAltNameMatcher.san_type': ['EMAIL', 'URI', 'IP_ADDRESS'],
  'LbSubsetSelector.fallback_policy': ['NO_FALLBACK', 'ANY_ENDPOINT', 'DEFAULT_SUBSET'],
  'Maglev.table_size': [7, 11],
  'RetryPolicy.retry_host_predicate': [[previousHosts]],
  'InternalRedirectPolicy.predicates': [[previousRoutes]],
  'RequestMirrorPolicy.runtime_fraction': [{ default_value: { numerator: 7 } }],
  'InternalRedirectPolicy.redirect_response_codes': [[307], [308]],
  'RouteMatch.path_match_policy': [templateMatch],
  'RouteAction.path_rewrite_policy': [templateRewrite],
  'WeightedCluster.total_weight': [7],
  'TransportSocket.name': ['envoy.transport_sockets.raw_buffer'],
  'RetryHostPredicate.name': ['envoy.retry_host_predicates.previous_hosts'],
  'HttpFilter.disabled': [true],
  'HttpFilter.is_optional': [true],
  'core.v3.Metadata.typed_filter_metadata': [{ sample: routerAny }],
  'ScaledTrigger.saturation_threshold': [0.7, 0.8],
  'RouteConfiguration.max_direct_response_body_size_bytes': [7000],
  'UriTemplateMatchConfig.path_template': ['/a/{b}', '/b/{b}'],
  'UriTemplateRewriteConfig.path_template_rewrite': ['/a/{b}', '/b/{b}'],
  'ScaledTrigger.scaling_threshold': [0.1, 0.2],
  'RouteMatch.connect_matcher': [{}],
  'OverloadAction.name': ['envoy.overload_actions.stop_accepting_requests', 'envoy.overload_actions.shrink_heap'],
  'OverloadAction.typed_config': [reduceTimeouts],
  'ScaleTimer.timer': ['HTTP_DOWNSTREAM_CONNECTION_IDLE', 'HTTP_DOWNSTREAM_STREAM_IDLE'],
  'overload.v3.Trigger.name': ['monitor'],
  'ResourceMonitor.name': ['monitor'],
  'DnsCacheConfig.max_hosts': [7, 9],
  'TagSpecifier.regex': ['(a)', '(b)'],
  'BufferPerRoute.disabled': [true],
  'HttpStatus.code': ['BadRequest', 'NotFound'],
  'FilterConfig.is_optional': [true],
  'FilterConfig.config': [csrf],
  'KeyValuePair.encode': ['BASE64'],
  'KeyValuePair.type': ['NUMBER'],
  'LocalRateLimit.enable_x_ratelimit_headers': ['DRAFT_VERSION_03'],
  'TokenBucket.fill_interval': ['7s', '9s'],
  'Cluster.typed_dns_resolver_config': [cares],
  'Bootstrap.typed_dns_resolver_config': [cares],
  'HealthCheck.event_logger': [[eventFile]],
  'HealthCheck.Payload.text': ['6869', '00'],
  'HealthCheck.HttpHealthCheck.expected_statuses': [[{ start: 201, end: 300 }], [{ start: 100, end: 600 }]],
  'HealthCheck.HttpHealthCheck.retriable_statuses': [[{ start: 201, end: 300 }]],
  'Int64Range.start': [100, 150],
  'Int64Range.end': [500, 550],
  'HealthCheck.HttpHealthCheck.method': ['POST', 'HEAD'],
};

const unknownFilter = { name: 'unknown',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.unknown.v3.Unknown' } };
const chain = { '^^http_filters': [{ name: 'sample', typed_config: routerAny }, { name: 'router',
  typed_config: routerAny }] };
const dynamicCluster = { lb_policy: 'CLUSTER_PROVIDED', load_assignment: undefined };
const originalDestination = { type: 'ORIGINAL_DST', load_assignment: undefined, lb_policy: 'CLUSTER_PROVIDED' };
const longReply = { match: { prefix: '/' },
  direct_response: { status: 200, body: { inline_string: 'x'.repeat(5000) } } };

/**
 * What stands in the same message while a field is tried; undefined takes a field away. Each '^' before a name goes one
 * step up the path.
 */
export const beside: { [field: string]: Tree } = {
  'HTTPFault.delay_percent_runtime': { delay },
  'HTTPFault.delay_duration_runtime': { delay },
  'HTTPFault.abort_percent_runtime': { abort: { http_status: 503 } },
  'HTTPFault.abort_http_status_runtime': { abort: { http_status: 503 } },
  'HTTPFault.abort_grpc_status_runtime': { abort: { grpc_status: 7 } },
  'HTTPFault.response_rate_limit_percent_runtime': { response_rate_limit: { fixed_limit: { limit_kbps: 7 } } },
  'GrpcJsonTranscoder.proto_descriptor': { proto_descriptor_bin: undefined },
  'rpc_json_transcoder.v1.Call.path_template': { arguments: [{ type: 'int', path: 'sample' }] },
  'rpc_json_transcoder.v1.Argument.path': { '^^path_template': '/{sample}' },
  'RpcProxy.detection_timeout': { unknown_protocol: { stat_prefix: 'in', cluster: 'c' } },
  'BufferPerRoute.buffer': {},
  'set_metadata.v3.Config.value': { metadata_namespace: 'sample' },
  'header_to_metadata.v3.Config.request_rules': {},
  'Config.Rule.cookie': { header: undefined },
  'Config.Rule.on_header_missing': { header: 'x-sample' },
  'KeyValuePair.regex_value_rewrite': { value: undefined },
  'health_check.v3.HealthCheck.cache_time': { pass_through_mode: true },
  'HealthCheck.cluster_min_healthy_percentages': { pass_through_mode: false },
  'FilterConfig.is_optional': { config: unknownFilter.typed_config },
  'cors.v3.Cors': chain,
  'grpc_web.v3.GrpcWeb': chain,
  'sofa_trace.v1.SofaTrace': chain,
  'grpc_stats.v3.FilterConfig': chain,
  'grpc_http1_bridge.v3.Config': chain,
  'header_mutation.v3.HeaderMutation': chain,
  'health_check.v3.HealthCheck': chain,
  'buffer.v3.Buffer': chain,
  'dynamic_forward_proxy.v3.FilterConfig': chain,
  'PerRouteConfig.host_rewrite_header': { host_rewrite_literal: undefined },
  'Cluster.cluster_type': dynamicCluster,
  'clusters.dynamic_forward_proxy.v3.ClusterConfig': { '^^lb_policy': 'CLUSTER_PROVIDED',
    '^^load_assignment': undefined },
  'UpstreamHttpProtocolOptions.override_auto_sni_header': { auto_sni: true },
  ...Object.fromEntries(['crl', 'allow_expired_certificate', 'watched_directory', 'match_typed_subject_alt_names',
    'match_subject_alt_names'].map((field) => [`CertificateValidationContext.${field}`, trustedCa])),
  'UpstreamTlsContext.auto_sni_san_validation': { common_tls_context: { validation_context: trustedCa } },
  'CommonTlsContext.tls_certificate_sds_secret_configs': { tls_certificates: undefined },
  'TlsParameters.tls_maximum_protocol_version': { tls_minimum_protocol_version: 'TLSv1_0' },
  ...Object.fromEntries(['subject', 'cert', 'chain', 'dns', 'uri'].map((field) =>
    [`SetCurrentClientCertDetails.${field}`, { '^forward_client_cert_details': 'SANITIZE_SET' }])),
  'SocketAddress.ipv4_compat': { address: '::1' },
  'Listener.listener_filters_timeout': { listener_filters: [httpInspector] },
  'Listener.continue_on_listener_filters_timeout': { listener_filters: [httpInspector] },
  'connection_limit.v3.ConnectionLimit': { '^^filters': [httpInspector, tcpProxy] },
  'network.local_ratelimit.v3.LocalRateLimit': { '^^filters': [httpInspector, tcpProxy] },
  'TransportSocket.name': { typed_config: undefined },
  'RetryHostPredicate.name': { typed_config: undefined },
  'HttpFilter.is_optional': { '^^http_filters': [unknownFilter, { name: 'router', typed_config: routerAny }] },
  'HttpFilter.disabled': { '^^http_filters': [unknownFilter, { name: 'router', typed_config: routerAny }] },
  'Cluster.eds_cluster_config': { type: 'EDS', load_assignment: undefined },
  'Cluster.original_dst_lb_config': originalDestination,
  'Cluster.cleanup_interval': originalDestination,
  'cluster_provided.v3.ClusterProvided': { '^^^^type': 'ORIGINAL_DST', '^^^^load_assignment': undefined },
  'OriginalDstLbConfig.http_header_name': { use_http_header: true },
  'Cluster.ring_hash_lb_config': { lb_policy: 'RING_HASH' },
  'Cluster.maglev_lb_config': { lb_policy: 'MAGLEV' },
  'Cluster.least_request_lb_config': { lb_policy: 'LEAST_REQUEST' },
  'CommonLbConfig.consistent_hashing_lb_config': { '^lb_policy': 'MAGLEV', '^type': 'STRICT_DNS' },
  'Cluster.SlowStartConfig.aggression': { slow_start_window: '7s' },
  'Cluster.SlowStartConfig.min_weight_percent': { slow_start_window: '7s' },
  'common.v3.SlowStartConfig.aggression': { slow_start_window: '7s' },
  'common.v3.SlowStartConfig.min_weight_percent': { slow_start_window: '7s' },
  ...Object.fromEntries(['fallback_policy', 'default_subset', 'locality_weight_aware', 'scale_locality_weight',
    'panic_mode_any', 'list_as_any', 'metadata_fallback_policy'].map((field) =>
    [`LbSubsetConfig.${field}`, { subset_selectors: [{ keys: ['sample'] }] }])),
  'OverrideHostSource.metadata': { header: undefined },
  'FractionalPercent.denominator': { numerator: 7 },
  'LbSubsetSelector.fallback_keys_subset': { keys: ['sample', 'another', 'third'], fallback_policy: 'KEYS_SUBSET' },
  'RingHash.use_hostname_for_hashing': { '^^^^^type': 'STRICT_DNS' },
  'RingHash.consistent_hashing_lb_config': { '^^^^^type': 'STRICT_DNS' },
  'Maglev.consistent_hashing_lb_config': { '^^^^^type': 'STRICT_DNS' },
  'Thresholds.priority': { max_connections: 7 },
  'HealthCheck.tcp_health_check': { http_health_check: undefined },
  'HealthCheck.grpc_health_check': { http_health_check: undefined },
  'HttpHealthCheck.send': { method: 'POST' },
  'OutlierDetection.base_ejection_time': { max_ejection_time: '700s' },
  'OutlierDetection.max_ejection_time': { base_ejection_time: '0.001s' },
  'ClusterWeight.cluster_header': { name: undefined },
  'RequestMirrorPolicy.cluster_header': { cluster: undefined },
  'RouteAction.grpc_timeout_offset': { max_grpc_timeout: '30s' },
  'RouteAction.path_rewrite_policy': { '^match': { path_match_policy: templateMatch } },
  'RouteAction.UpgradeConfig.connect_config': { upgrade_type: 'CONNECT' },
  'OverloadAction.typed_config': { name: 'envoy.overload_actions.reduce_timeouts' },
  'RouteConfiguration.max_direct_response_body_size_bytes': {
    virtual_hosts: [{ name: 'all', domains: ['*'], routes: [longReply] }] },
};

/** Enum values that mean the same as the default; '*' where the plain configuration does not show the effect. */
export const alike: { [field: string]: string[] } = {
  'HttpConnectionManager.path_with_escaped_slashes_action': ['KEEP_UNCHANGED'],
  'WeightedCluster.total_weight': ['*'],                   // a check of the sum
  'RingHash.hash_function': ['XX_HASH'],
};

/** Fields that are read elsewhere but, as in Envoy, have no use at the places whose paths match. */
export const idle: { [field: string]: RegExp } = {
  'RouteConfiguration.name': /\.route_config(uration)?\.name$/,       // only RDS finds them by it
  'MetadataMatcher.invert': /\.metadata_filter\./,
  'MetadataMatcher.filter': /\.dynamic_metadata/,                      // no request has metadata when routes are chosen
  'DnsCacheConfig.name': /^cluster_type/,
  'DnsCacheConfig.dns_lookup_family': /^cluster_type/,
  'DnsCacheConfig.dns_refresh_rate': /^cluster_type/,
  'DnsCacheConfig.max_hosts': /^cluster_type/,
  'DnsCacheConfig.dns_failure_refresh_rate': /^cluster_type/,
  'DnsCacheConfig.dns_query_timeout': /^cluster_type/,
  'SubstitutionFormatString.content_type': /\.log_format\./,
};

/** Fields that hold resources of other walks, or bytes that must be what they are. */
export const elsewhere = new RegExp('(StaticResources\\.(listeners|clusters|secrets)|TlsSessionTicketKeys\\.keys|'
  + 'TlsCertificate\\.(certificate_chain|private_key|password|ocsp_staple)|'
  + 'CertificateValidationContext\\.(trusted_ca|crl))$');

/** Messages that stand in no resource. */
export const unreached = /^(envoy\.service\.discovery\.v3\.DiscoveryResponse|(xds|udpa)\.type\.v[13]\.TypedStruct)$/;
