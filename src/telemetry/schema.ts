// Which statistics exist, by scope kind, and where each lies inside its scope. A scope is an array of float64 cells:
// first the counters and gauges in the order given here, then the histograms. Every worker has its own copy of every
// scope, at the same offset from the start of its statistics region; main sums them. Names are Envoy's. Appending is
// safe; order carries no meaning.
import type { NetworkScopeKind } from '../config/listener-filters.js';

const listener = ['downstream_cx_total', 'downstream_cx_active', 'downstream_cx_destroy', 'downstream_cx_overflow',
  'downstream_pre_cx_timeout', 'downstream_pre_cx_active', 'downstream_listener_filter_remote_close',
  'downstream_listener_filter_error', 'downstream_global_cx_overflow', 'downstream_cx_overload_reject',
  'no_filter_chain_match', 'downstream_cx_transport_socket_connect_timeout', 'weft_accept_failed'] as const;

/** Of HTTP/2 codecs, on either side. */
const http2 = ['http2.rx_reset', 'http2.tx_reset', 'http2.tx_flush_timeout', 'http2.rx_messaging_error',
  'http2.header_overflow',
  'http2.trailers', 'http2.keepalive_timeout', 'http2.goaway_sent', 'http2.streams_active',
  'http2.too_many_header_frames', 'http2.inbound_empty_frames_flood', 'http2.inbound_priority_frames_flood',
  'http2.inbound_window_update_frames_flood', 'http2.outbound_control_flood', 'http2.outbound_flood',
  'http2.dropped_headers_with_underscores', 'http2.requests_rejected_with_underscores_in_headers'] as const;

const http = ['downstream_cx_total', 'downstream_cx_active', 'downstream_cx_http1_total', 'downstream_cx_http1_active',
  'downstream_cx_ssl_total', 'downstream_cx_ssl_active',
  'downstream_cx_destroy', 'downstream_cx_destroy_local', 'downstream_cx_destroy_remote',
  'downstream_cx_destroy_active_rq', 'downstream_cx_destroy_local_active_rq', 'downstream_cx_destroy_remote_active_rq',
  'downstream_cx_protocol_error', 'downstream_cx_delayed_close_timeout', 'downstream_cx_drain_close',
  'downstream_cx_idle_timeout', 'downstream_cx_max_duration_reached', 'downstream_cx_max_requests_reached',
  'downstream_cx_overload_disable_keepalive', 'downstream_cx_rx_bytes_total', 'downstream_cx_rx_bytes_buffered',
  'downstream_cx_tx_bytes_total', 'downstream_cx_tx_bytes_buffered', 'downstream_cx_upgrades_total',
  'downstream_cx_upgrades_active', 'downstream_flow_control_paused_reading_total',
  'downstream_flow_control_resumed_reading_total', 'downstream_rq_total', 'downstream_rq_active',
  'downstream_rq_http1_total', 'downstream_rq_completed', 'downstream_rq_1xx', 'downstream_rq_2xx', 'downstream_rq_3xx',
  'downstream_rq_4xx', 'downstream_rq_5xx', 'downstream_rq_failed_path_normalization', 'downstream_rq_header_timeout',
  'downstream_rq_idle_timeout', 'downstream_rq_max_duration_reached', 'downstream_rq_non_relative_path',
  'downstream_rq_overload_close', 'downstream_rq_redirected_with_normalized_path',
  'downstream_rq_rejected_via_ip_detection', 'downstream_rq_response_before_rq_complete', 'downstream_rq_rx_reset',
  'downstream_rq_timeout', 'downstream_rq_too_large', 'downstream_rq_tx_reset', 'downstream_rq_ws_on_non_ws_route',
  'no_route', 'no_cluster', 'rq_direct_response', 'rq_redirect', 'rq_total',
  'passthrough_internal_redirect_bad_location', 'passthrough_internal_redirect_unsafe_scheme',
  'passthrough_internal_redirect_too_many_redirects', 'passthrough_internal_redirect_no_route',
  'passthrough_internal_redirect_predicate',
  'rq_reset_after_downstream_response_started',
  'weft_allocation_failed', 'weft_internal_error',
  'http1.dropped_headers_with_underscores', 'http1.metadata_not_supported_error',
  'http1.requests_rejected_with_underscores_in_headers', 'http1.response_flood',
  'downstream_cx_http2_total', 'downstream_cx_http2_active', 'downstream_rq_http2_total',
  'downstream_rq_too_many_premature_resets', 'transcoder_request_buffer_bytes', 'transcoder_response_buffer_bytes',
  ...http2] as const;

/**
 * Status codes counted one by one, as Envoy's upstream_rq_<code>, besides 200; any other code is counted by its class
 * only.
 */
const otherCodes = ['upstream_rq_201', 'upstream_rq_204', 'upstream_rq_206', 'upstream_rq_301',
  'upstream_rq_302',
  'upstream_rq_303', 'upstream_rq_304', 'upstream_rq_307', 'upstream_rq_308', 'upstream_rq_400', 'upstream_rq_401',
  'upstream_rq_403', 'upstream_rq_404', 'upstream_rq_405', 'upstream_rq_408', 'upstream_rq_409', 'upstream_rq_413',
  'upstream_rq_429', 'upstream_rq_500', 'upstream_rq_501', 'upstream_rq_502', 'upstream_rq_503',
  'upstream_rq_504'] as const;

// What a request counts comes first, in one cache line: a mesh has many clusters, and a request finds its own cold.
const cluster = [
  'upstream_rq_200', 'upstream_rq_total', 'upstream_rq_active', 'upstream_rq_completed', 'upstream_cx_tx_bytes_total',
  'upstream_cx_rx_bytes_total', 'upstream_rq_1xx', 'upstream_rq_2xx',
  'upstream_rq_3xx', 'upstream_rq_4xx', 'upstream_rq_5xx', 'upstream_cx_total', 'upstream_cx_active',
  'upstream_cx_http1_total', 'upstream_cx_connect_fail', 'upstream_cx_connect_timeout',
  'upstream_cx_connect_attempts_exceeded', 'upstream_cx_overflow', 'upstream_cx_idle_timeout',
  'upstream_cx_max_requests', 'upstream_cx_max_duration_reached', 'upstream_cx_none_healthy',
  'upstream_cx_close_notify', 'upstream_cx_destroy', 'upstream_cx_destroy_local', 'upstream_cx_destroy_remote',
  'upstream_cx_destroy_with_active_rq', 'upstream_cx_destroy_local_with_active_rq',
  'upstream_cx_destroy_remote_with_active_rq', 'upstream_cx_pool_overflow', 'upstream_cx_protocol_error',
  'upstream_cx_rx_bytes_buffered', 'upstream_cx_tx_bytes_buffered', 'upstream_flow_control_backed_up_total',
  'upstream_flow_control_drained_total', 'upstream_flow_control_paused_reading_total',
  'upstream_flow_control_resumed_reading_total', 'upstream_rq_pending_total', 'upstream_rq_pending_active',
  'upstream_rq_pending_overflow', 'upstream_rq_active_overflow', 'upstream_rq_pending_failure_eject',
  'upstream_rq_cancelled', 'upstream_rq_maintenance_mode', 'upstream_rq_drop_overload',
  'upstream_rq_max_duration_reached', 'upstream_rq_per_try_timeout', 'upstream_rq_per_try_idle_timeout',
  'upstream_rq_retry', 'upstream_rq_retry_limit_exceeded', 'upstream_rq_retry_overflow', 'upstream_rq_retry_success',
  'upstream_rq_retry_backoff_exponential', 'upstream_rq_retry_backoff_ratelimited', 'upstream_rq_rx_reset',
  'upstream_rq_timeout', 'upstream_rq_tx_reset', 'upstream_rq_0rtt', 'upstream_internal_redirect_failed_total',
  'upstream_internal_redirect_succeeded_total', 'retry_or_shadow_abandoned', 'internal.upstream_rq_2xx',
  'external.upstream_rq_2xx', 'lb_healthy_panic', 'lb_subsets_selected', 'lb_recalculate_zone_structures',
  'lb_local_cluster_not_ok', 'lb_zone_cluster_too_small', 'lb_zone_no_capacity_left', 'lb_zone_number_differs',
  'lb_zone_routing_all_directly', 'lb_zone_routing_sampled', 'lb_zone_routing_cross_zone', 'lb_subsets_fallback',
  'lb_subsets_fallback_panic', 'bind_errors', 'original_dst_host_invalid', 'upstream_cx_http2_total',
  ...http2, ...otherCodes] as const;

/** Of a virtual cluster (`vhost.<name>.vcluster.<name>.`) or of a route that has a stat_prefix. */
const vhost = ['upstream_rq_total', 'upstream_rq_timeout', 'upstream_rq_retry', 'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_overflow', 'upstream_rq_retry_success', 'upstream_rq_completed', 'upstream_rq_1xx',
  'upstream_rq_2xx', 'upstream_rq_3xx', 'upstream_rq_4xx', 'upstream_rq_5xx', 'upstream_rq_200',
  ...otherCodes] as const;

// Of listener filters and network filters.
const tls_inspector = ['client_hello_too_large', 'tls_found', 'tls_not_found', 'alpn_found', 'alpn_not_found',
  'sni_found', 'sni_not_found'] as const;
const http_inspector = ['read_error', 'http10_found', 'http11_found', 'http2_found', 'http_not_found'] as const;
const proxy_proto = ['not_found_allowed', 'not_found_disallowed', 'versions.v1.found', 'versions.v1.disallowed',
  'versions.v1.error', 'versions.v2.found', 'versions.v2.disallowed', 'versions.v2.error'] as const;
/** Of a local_ratelimit filter: `<stat_prefix>.http_local_rate_limit.` */
const rateLimit = ['enabled', 'enforced', 'ok', 'rate_limited'] as const;
/** Of other HTTP filters of a connection manager: `http.<stat_prefix>.<filter>.` */
const fault = ['aborts_injected', 'active_faults', 'delays_injected', 'faults_overflow',
  'response_rl_injected'] as const;
const cors = ['origin_invalid', 'origin_valid'] as const;
const csrf = ['missing_source_origin', 'request_invalid', 'request_valid'] as const;

/** Of grpc_stats: `cluster.<name>.grpc.`, or `cluster.<name>.grpc.<service>.<method>.` */
const grpc = ['request_message_count', 'response_message_count', 'success', 'failure', 'total', '0', '1', '2', '3', '4',
  '5', '6', '7', '8', '9', '10', '11', '12', '13', '14', '15', '16'] as const;

const tcp = ['downstream_cx_total', 'downstream_cx_no_route', 'downstream_cx_tx_bytes_total',
  'downstream_cx_tx_bytes_buffered', 'downstream_cx_rx_bytes_total', 'downstream_cx_rx_bytes_buffered',
  'downstream_flow_control_paused_reading_total', 'downstream_flow_control_resumed_reading_total', 'idle_timeout',
  'max_downstream_connection_duration', 'upstream_flush_total', 'upstream_flush_active'] as const;

const connection_limit = ['active_connections', 'limited_connections'] as const;
const local_rate_limit = ['rate_limited'] as const;
/** A worker's share of a count of connections that all workers have together; not shown. */
const connection_share = ['counted_connections'] as const;

/** Of TLS, on either side. Ciphers, curves and so on are shown once they were counted; others than these as unknown. */
const tls = ['ssl.handshake', 'ssl.connection_error', 'ssl.session_reused', 'ssl.no_certificate',
  'ssl.fail_verify_no_cert', 'ssl.fail_verify_error', 'ssl.fail_verify_san', 'ssl.fail_verify_cert_hash',
  'ssl.ocsp_staple_failed', 'ssl.ocsp_staple_omitted', 'ssl.ocsp_staple_requests', 'ssl.ocsp_staple_responses',
  'ssl.was_key_usage_invalid',
  'ssl.versions.TLSv1', 'ssl.versions.TLSv1.1', 'ssl.versions.TLSv1.2', 'ssl.versions.TLSv1.3',
  'ssl.versions.unknown_ssl_version',
  'ssl.ciphers.TLS_AES_128_GCM_SHA256', 'ssl.ciphers.TLS_AES_256_GCM_SHA384',
  'ssl.ciphers.TLS_CHACHA20_POLY1305_SHA256',
  'ssl.ciphers.ECDHE-ECDSA-AES128-GCM-SHA256', 'ssl.ciphers.ECDHE-ECDSA-AES256-GCM-SHA384',
  'ssl.ciphers.ECDHE-ECDSA-CHACHA20-POLY1305', 'ssl.ciphers.ECDHE-ECDSA-AES128-SHA',
  'ssl.ciphers.ECDHE-ECDSA-AES256-SHA', 'ssl.ciphers.ECDHE-RSA-AES128-GCM-SHA256',
  'ssl.ciphers.ECDHE-RSA-AES256-GCM-SHA384', 'ssl.ciphers.ECDHE-RSA-CHACHA20-POLY1305',
  'ssl.ciphers.ECDHE-RSA-AES128-SHA256', 'ssl.ciphers.ECDHE-RSA-AES128-SHA', 'ssl.ciphers.ECDHE-RSA-AES256-SHA',
  'ssl.ciphers.AES128-GCM-SHA256', 'ssl.ciphers.AES256-GCM-SHA384', 'ssl.ciphers.AES128-SHA',
  'ssl.ciphers.AES256-SHA', 'ssl.ciphers.unknown_ssl_cipher',
  'ssl.curves.X25519', 'ssl.curves.P-256', 'ssl.curves.P-384', 'ssl.curves.P-521', 'ssl.curves.X25519MLKEM768',
  'ssl.curves.unknown_ssl_curve',
  'ssl.sigalgs.ecdsa_secp256r1_sha256', 'ssl.sigalgs.ecdsa_secp384r1_sha384', 'ssl.sigalgs.ecdsa_secp521r1_sha512',
  'ssl.sigalgs.rsa_pss_rsae_sha256', 'ssl.sigalgs.rsa_pss_rsae_sha384', 'ssl.sigalgs.rsa_pss_rsae_sha512',
  'ssl.sigalgs.rsa_pkcs1_sha256', 'ssl.sigalgs.rsa_pkcs1_sha384', 'ssl.sigalgs.rsa_pkcs1_sha512',
  'ssl.sigalgs.rsa_pkcs1_sha1', 'ssl.sigalgs.ecdsa_sha1', 'ssl.sigalgs.ed25519',
  'ssl.sigalgs.unknown_ssl_algorithm'] as const;
/** Cells of both are TlsStat's. What a server or a client lacks its secrets for is told apart by the name only. */
const listenerTls = [...tls, 'server_ssl_socket_factory.downstream_context_secrets_not_ready',
  'server_ssl_socket_factory.upstream_context_secrets_not_ready'] as const;
const clusterTls = [...tls, 'client_ssl_socket_factory.downstream_context_secrets_not_ready',
  'client_ssl_socket_factory.upstream_context_secrets_not_ready'] as const;

/** One scope, allocated first (offset 0 of each region): what belongs to a worker itself. */
const worker = ['loop_turns', 'exceptions', 'buffers_exhausted', 'sockets_exhausted', 'stats_overflow',
  'access_log_written', 'access_log_dropped', 'connections_dealt', 'rpc_codec_traps', 'rpc_codec_overruns',
  'rpc_codec_mistakes'] as const;

/** The names that go up and down. Everything else is a counter. */
const gauges = new Set<string>(['downstream_cx_active', 'downstream_cx_http1_active', 'downstream_cx_http2_active',
  'transcoder_request_buffer_bytes', 'transcoder_response_buffer_bytes',
  'http2.streams_active', 'downstream_cx_ssl_active',
  'downstream_cx_upgrades_active',
  'downstream_rq_active', 'active_faults', 'downstream_cx_rx_bytes_buffered', 'downstream_cx_tx_bytes_buffered',
    'upstream_cx_active',
  'upstream_rq_active', 'upstream_rq_pending_active', 'upstream_cx_rx_bytes_buffered',
  'upstream_cx_tx_bytes_buffered', 'downstream_pre_cx_active', 'upstream_flush_active',
  'active_connections', 'counted_connections']);
export const isGauge = (name: string): boolean => gauges.has(name);

// Histograms are log-linear over non-negative integers: 16 buckets per power of two, so a bucket is at most 1/16 of its
// value wide. Cells of one histogram: the sum of the values, then the buckets, so that the sum and the buckets of small
// values share a cache line. Values over HISTOGRAM_VALUE_MAX count in the
// last bucket.
export const HISTOGRAM_BUCKETS = 304;                    // 16 exact values + 18 octaves of 16: up to 2^22 - 1
export const HISTOGRAM_CELLS = HISTOGRAM_BUCKETS + 1;
export const HISTOGRAM_VALUE_MAX = 2 ** 22 - 1;
/** Bucket of an integer value (already clamped to [0, HISTOGRAM_VALUE_MAX]). */
export function histogramBucket(value: number): number {
  if (value < 16) return value;
  const exponent = 31 - Math.clz32(value);
  return (exponent - 3) * 16 + ((value >>> (exponent - 4)) & 15);
}
/** Counts a value in the histogram whose first bucket is `cell`. */
export function observeIn(cells: Float64Array, cell: number, value: number): void {
  const whole = value <= 0 ? 0 : value >= HISTOGRAM_VALUE_MAX ? HISTOGRAM_VALUE_MAX : value | 0;
  cells[cell + histogramBucket(whole)] += 1;
  cells[cell - 1] += whole;
}
/** Inclusive lower bound of a bucket; the bucket ends where the next one begins. */
export function histogramLowerBound(bucket: number): number {
  if (bucket < 16) return bucket;
  const exponent = (bucket >> 4) + 3;
  return (16 + (bucket & 15)) * 2 ** (exponent - 4);
}

// Values in milliseconds except where the name says otherwise.
const histograms = {
  worker: [],
  listener: ['downstream_cx_length_ms'],
  http: ['downstream_cx_length_ms', 'downstream_rq_time'],
  cluster: ['upstream_rq_time', 'upstream_cx_connect_ms', 'upstream_cx_length_ms'],
  vhost: ['upstream_rq_time'],
  tls_inspector: ['bytes_processed'],
  http_inspector: [],
  proxy_proto: [],
  tcp: [],
  connection_limit: [],
  local_rate_limit: [],
  connection_share: [],
  listenerTls: [], clusterTls: [],
  clusterGrpc: ['upstream_rq_time'], grpcMethod: ['upstream_rq_time'],
  rateLimit: [], fault: [], cors: [], csrf: [],
} as const;

export type ScopeKind = 'worker' | 'listener' | 'http' | 'cluster' | 'vhost' | 'listenerTls' | 'clusterTls'
  | 'clusterGrpc' | 'grpcMethod'
  | NetworkScopeKind | FilterKind;
/** Kinds of scopes that HTTP filters count in. */
export type FilterKind = 'rateLimit' | 'fault' | 'cors' | 'csrf';
export const scopeCounters = { worker, listener, http, cluster, vhost, tls_inspector, http_inspector,
  listenerTls, clusterTls, clusterGrpc: grpc, grpcMethod: grpc, proxy_proto, tcp, rateLimit, fault, cors, csrf,
  connection_limit,  local_rate_limit, connection_share } as const;
export const scopeHistograms: { readonly [K in ScopeKind]: readonly string[] } = histograms;

type Index<T extends readonly string[]> = { readonly [K in T[number]]: number };
function indexes<T extends readonly string[]>(names: T): Index<T> {
  return Object.freeze(Object.fromEntries(names.map((name, index) => [name, index]))) as Index<T>;
}
/** Cell index of each counter inside its scope: `cells[scope / 8 + HttpStat.downstream_rq_total] += 1`. */
export const WorkerStat = indexes(worker);
export const ListenerStat = indexes(listener);
export const HttpStat = indexes(http);
export const ClusterStat = indexes(cluster);
export const TlsStat = indexes([...tls, 'downstream_context_secrets_not_ready',
  'upstream_context_secrets_not_ready'] as const);
/** Of both kinds of gRPC's scopes. */
export const ClusterGrpcStat = indexes(grpc);
export const VirtualHostStat = indexes(vhost);
export const TlsInspectorStat = indexes(tls_inspector);
export const HttpInspectorStat = indexes(http_inspector);
export const TcpStat = indexes(tcp);
export const ConnectionLimitStat = indexes(connection_limit);
export const NetworkRateLimitStat = indexes(local_rate_limit);
export const ProxyProtocolStat = indexes(proxy_proto);
export const RateLimitStat = indexes(rateLimit);
export const FaultStat = indexes(fault);
export const CorsStat = indexes(cors);
export const CsrfStat = indexes(csrf);

/** Where the histograms of a scope begin: on a cache line. */
const histogramsAt = (kind: ScopeKind): number => Math.ceil(scopeCounters[kind].length / 8) * 8;
/** First bucket of histogram number `index` of a scope kind; the sum is in the cell before. */
export const histogramCell = (kind: ScopeKind, index: number): number =>
  histogramsAt(kind) + index * HISTOGRAM_CELLS + 1;
/** Bytes of a scope, 64-aligned. */
export const scopeBytes = (kind: ScopeKind): number =>
  Math.ceil((histogramsAt(kind) + scopeHistograms[kind].length * HISTOGRAM_CELLS) * 8 / 64) * 64;
