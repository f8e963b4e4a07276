// Envoy's response flags (short and long form) and response-code details that this engine gives.
// Details are small integers on the way; the table turns them into Envoy's strings in log lines.
const names = [
  // First those that others may follow: Envoy prints flags in the order in which they were set.
  ['DI', 'DelayInjected'], ['FI', 'FaultInjected'], ['URX', 'UpstreamRetryLimitExceeded'],
  ['LH', 'FailedLocalHealthCheck'], ['UH', 'NoHealthyUpstream'], ['UT', 'UpstreamRequestTimeout'], ['LR', 'LocalReset'],
  ['UR', 'UpstreamRemoteReset'], ['UF', 'UpstreamConnectionFailure'], ['UC', 'UpstreamConnectionTermination'],
  ['UO', 'UpstreamOverflow'], ['NR', 'NoRouteFound'], ['DC', 'DownstreamConnectionTermination'],
  ['SI', 'StreamIdleTimeout'], ['DPE', 'DownstreamProtocolError'], ['UPE', 'UpstreamProtocolError'],
  ['NC', 'NoClusterFound'], ['DT', 'DurationTimeout'],
  ['OM', 'OverloadManagerTerminated'], ['UMSDR', 'UpstreamMaxStreamDurationReached'], ['DR', 'DownstreamRemoteReset'],
  ['RL', 'RateLimited'], ['UAEX', 'UnauthorizedExternalService'],
  ['RLSE', 'RateLimitServiceError'], ['IH', 'InvalidEnvoyRequestHeaders'], ['RFCF', 'ResponseFromCacheFilter'],
  ['NFCF', 'NoFilterConfigFound'], ['DF', 'DnsResolutionFailed'], ['DO', 'DropOverload'],
  ['UDO', 'UnconditionalDropOverload'],
] as const;

type ShortName = (typeof names)[number][0];
/** Bit of each flag. */
export const ResponseFlag = Object.freeze(Object.fromEntries(names.map(([short], bit) => [short, 1 << bit]))) as
  { readonly [K in ShortName]: number };
export const responseFlagNames: readonly (readonly [short: string, long: string])[] = names;

/** Bits in the order in which requests get the flags; TCP sessions give up, which is URX, when all else was said. */
export const requestFlagOrder: readonly number[] = names.map((_, bit) => bit);
export const sessionFlagOrder: readonly number[] = [...requestFlagOrder].sort((a, b) =>
  Number(names[a]![0] === 'URX') - Number(names[b]![0] === 'URX'));

/** Response-code details, by index. 0 is "none". */
export const detailTexts = ['-', 'via_upstream', 'direct_response', 'route_not_found', 'cluster_not_found',
  'no_healthy_upstream', 'upstream_reset_before_response_started{remote_connection_failure}',
  'upstream_reset_before_response_started{local_connection_failure}',
  'upstream_reset_before_response_started{connection_timeout}',
  'upstream_reset_before_response_started{connection_termination}', 'upstream_reset_before_response_started{overflow}',
  'upstream_reset_before_response_started{protocol_error}',
  'upstream_reset_after_response_started{connection_termination}',
  'upstream_reset_after_response_started{protocol_error}', 'response_timeout', 'request_header_timeout',
  'request_overall_timeout', 'stream_idle_timeout', 'max_duration_timeout', 'downstream_remote_disconnect',
  'http1.codec_error', 'low_version', 'missing_host_header', 'path_normalization_failed', 'upgrade_failed',
  'internal_error', 'http1.invalid_url', 'http1.invalid_scheme', 'http1.unexpected_underscore',
  'request_headers_too_large',
  'http1.headers_too_large', 'http1.too_many_headers', 'http1.invalid_characters',
  'http1.content_length_and_chunked_not_allowed', 'http1.transfer_encoding_not_allowed',
  'http1.invalid_transfer_encoding',
  'http1.connection_header_rejected', 'connect_failed', 'overload', 'via_upstream_1xx_flood',
  'http1.trailers_too_large', 'rewrite_too_long',
  'filter_chain_not_found', 'upstream_per_try_timeout', 'upstream_per_try_idle_timeout', 'internal_redirect',
  'cors_response', 'csrf_origin_mismatch',
  'fault_filter_abort', 'local_rate_limited', 'health_check_failed', 'health_check_ok', 'health_check_cached',
  'health_check_ok_cluster_healthy', 'health_check_failed_no_cluster_found', 'health_check_failed_cluster_empty',
  'health_check_failed_cluster_unhealthy', 'request_payload_too_large',
  'response_payload_too_large', 'dns_cache_overflow',
  'dns_resolution_failure', 'drop_overload', 'unconditional_drop_overload',
  'upstream_reset_before_response_started{remote_reset}', 'upstream_reset_after_response_started{remote_reset}',
  'upstream_reset_before_response_started{remote_refused_stream_reset}',
  'upstream_reset_after_response_started{remote_refused_stream_reset}',
  'upstream_reset_before_response_started{local_reset}', 'upstream_reset_after_response_started{local_reset}',
  'http2.remote_reset',
  'early_grpc_json_transcode_failure{NOT_FOUND}', 'early_grpc_json_transcode_failure{INVALID_ARGUMENT}',
  'grpc_json_transcode_failure{INVALID_ARGUMENT}', 'grpc_json_transcode_failure{NOT_FOUND}',
  'grpc_json_transcode_failure{INTERNAL}', 'grpc_json_transcode_failure{request_buffer_size_limit_reached}',
  'grpc_base_64_decode_failed_bad_size', 'grpc_base_64_decode_failed',
  'grpc_json_transcode_failure{response_buffer_size_limit_reached}',
  'protocol_mismatch', 'rpc_json_transcode_failure{request}', 'rpc_json_transcode_failure{response}'] as const;
export type DetailText = (typeof detailTexts)[number];
const indexByText = new Map<string, number>(detailTexts.map((text, index) => [text, index]));
const connectErrors: Readonly<Record<number, string>> = { 2: 'No such file or directory', 13: 'Permission denied',
  24: 'Too many open files', 99: 'Cannot assign requested address', 101: 'Network is unreachable',
  104: 'Connection reset by peer', 111: 'Connection refused', 113: 'No route to host' };
/** Why connecting failed, as Envoy's transport failure reason prints it. */
export const connectFailureReason = (errno: number): string =>
  `delayed_connect_error:_${(connectErrors[errno] ?? `errno ${errno}`).replaceAll(' ', '_')}`;

/** Index of a detail text. */
export const detail = (text: DetailText): number => indexByText.get(text)!;
