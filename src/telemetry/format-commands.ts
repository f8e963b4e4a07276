// Names of Envoy's substitution commands that take no argument, and what each means here. Commands whose value needs
// QUIC, tracing or internal listeners are known and have no value: they print '-' until those exist.

const named = {
  PROTOCOL: 'protocol', UPSTREAM_PROTOCOL: 'upstreamProtocol', RESPONSE_CODE: 'responseCode',
  CONNECTION_TERMINATION_DETAILS: 'terminationDetails', RESPONSE_FLAGS: 'responseFlags',
  RESPONSE_FLAGS_LONG: 'responseFlagsLong', BYTES_RECEIVED: 'bytesReceived', BYTES_SENT: 'bytesSent',
  BYTES_RETRANSMITTED: 'zero', PACKETS_RETRANSMITTED: 'zero', REQUEST_HEADERS_BYTES: 'requestHeadersBytes',
  RESPONSE_HEADERS_BYTES: 'responseHeadersBytes', RESPONSE_TRAILERS_BYTES: 'zero',
  DOWNSTREAM_WIRE_BYTES_RECEIVED: 'downstreamBytesReceived', DOWNSTREAM_WIRE_BYTES_SENT: 'downstreamBytesSent',
  UPSTREAM_WIRE_BYTES_RECEIVED: 'upstreamBytesReceived', UPSTREAM_WIRE_BYTES_SENT: 'upstreamBytesSent',
  DOWNSTREAM_HEADER_BYTES_RECEIVED: 'downstreamHeadReceived', DOWNSTREAM_HEADER_BYTES_SENT: 'downstreamHeadSent',
  UPSTREAM_HEADER_BYTES_RECEIVED: 'upstreamHeadReceived', UPSTREAM_HEADER_BYTES_SENT: 'upstreamHeadSent',
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: 'downstreamHeadReceived',
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: 'downstreamHeadSent',
  UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: 'upstreamHeadReceived',
  UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: 'upstreamHeadSent',
  DURATION: 'duration', REQUEST_DURATION: 'requestDuration', REQUEST_TX_DURATION: 'requestTxDuration',
  RESPONSE_DURATION: 'responseDuration', RESPONSE_TX_DURATION: 'responseTxDuration', ROUNDTRIP_DURATION: 'absent',
  DOWNSTREAM_HANDSHAKE_DURATION: 'absent', UPSTREAM_CONNECTION_POOL_READY_DURATION: 'poolReadyDuration',
  UPSTREAM_HOST: 'upstreamHost', UPSTREAM_HOST_NAME: 'upstreamHostName',
  UPSTREAM_HOST_NAME_WITHOUT_PORT: 'upstreamHostNameOnly', UPSTREAM_HOSTS_ATTEMPTED: 'hostsAttempted',
  UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: 'hostIpsAttempted', UPSTREAM_HOST_NAMES_ATTEMPTED: 'hostNamesAttempted',
  UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: 'hostNamesOnlyAttempted',
  UPSTREAM_CLUSTER: 'upstreamCluster', UPSTREAM_CLUSTER_RAW: 'upstreamClusterRaw',
  UPSTREAM_REMOTE_ADDRESS: 'upstreamHost', UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'upstreamRemoteIp',
  UPSTREAM_REMOTE_PORT: 'upstreamRemotePort', UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID: 'absent',
  UPSTREAM_LOCAL_ADDRESS: 'upstreamLocalAddress', UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'upstreamLocalIp',
  UPSTREAM_LOCAL_PORT: 'upstreamLocalPort', UPSTREAM_CONNECTION_ID: 'upstreamConnectionId',
  UPSTREAM_TRANSPORT_FAILURE_REASON: 'upstreamTransportFailureReason', UPSTREAM_DETECTED_CLOSE_TYPE: 'absent',
  UPSTREAM_LOCAL_CLOSE_REASON: 'absent', DOWNSTREAM_DETECTED_CLOSE_TYPE: 'absent',
  DOWNSTREAM_LOCAL_CLOSE_REASON: 'absent', UPSTREAM_REQUEST_ATTEMPT_COUNT: 'upstreamRequestAttemptCount',
  DOWNSTREAM_REMOTE_ADDRESS: 'downstreamRemoteAddress', DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'downstreamRemoteIp',
  DOWNSTREAM_REMOTE_PORT: 'downstreamRemotePort', DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'downstreamDirectRemoteAddress',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'downstreamDirectRemoteIp',
  DOWNSTREAM_DIRECT_REMOTE_PORT: 'downstreamDirectRemotePort', DOWNSTREAM_LOCAL_ADDRESS: 'downstreamLocalAddress',
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'downstreamLocalIp', DOWNSTREAM_LOCAL_PORT: 'downstreamLocalPort',
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS: 'downstreamLocalAddress',
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT: 'downstreamLocalIp',
  DOWNSTREAM_DIRECT_LOCAL_PORT: 'downstreamLocalPort', DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID: 'absent',
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID: 'absent', ROUTE_NAME: 'routeName',
  VIRTUAL_CLUSTER_NAME: 'virtualClusterName',
  LISTENER_NAME: 'listenerName', FILTER_CHAIN_NAME: 'filterChainName', HOSTNAME: 'hostname',
  CONNECTION_ID: 'connectionId', ACCESS_LOG_TYPE: 'accessLogType', LOCAL_REPLY_BODY: 'localReplyBody',
  UNIQUE_ID: 'uniqueId', CUSTOM_FLAGS: 'empty', TRACE_ID: 'absent', SPAN_ID: 'absent',
  REQUESTED_SERVER_NAME: 'requestedServerName', DOWNSTREAM_TRANSPORT_FAILURE_REASON: 'downstreamTransportFailureReason',
  TLS_JA3_FINGERPRINT: 'ja3', TLS_JA4_FINGERPRINT: 'ja4',
} as const;

export type Simple = (typeof named)[keyof typeof named];

/** What of a TLS connection can be asked for, on either side. */
const tls = ['TLS_VERSION', 'TLS_CIPHER', 'TLS_GROUP', 'TLS_SESSION_ID', 'LOCAL_URI_SAN', 'LOCAL_DNS_SAN',
  'LOCAL_IP_SAN', 'PEER_URI_SAN', 'PEER_DNS_SAN', 'PEER_IP_SAN', 'PEER_SUBJECT', 'PEER_ISSUER', 'PEER_CERT'];
const downstreamTls = ['LOCAL_EMAIL_SAN', 'LOCAL_OTHERNAME_SAN', 'LOCAL_SUBJECT', 'PEER_EMAIL_SAN',
  'PEER_OTHERNAME_SAN', 'PEER_FINGERPRINT_1', 'PEER_FINGERPRINT_256', 'PEER_SERIAL', 'PEER_CHAIN_FINGERPRINTS_1',
  'PEER_CHAIN_FINGERPRINTS_256', 'PEER_CHAIN_SERIALS'];

export const simpleCommands: ReadonlyMap<string, Simple> = new Map<string, Simple>(Object.entries(named));

/** By the whole name: what is asked of the TLS connection, and on which side. */
export const tlsCommands: ReadonlyMap<string, TlsCommand> = new Map<string, TlsCommand>([
  ...[...tls, ...downstreamTls].map((field): [string, TlsCommand] => [`DOWNSTREAM_${field}`,
    { upstream: false, field }]),
  ...[...tls, 'SERVER_NAME'].map((field): [string, TlsCommand] => [`UPSTREAM_${field}`, { upstream: true, field }]),
]);
interface TlsCommand { upstream: boolean; field: string }

/** Commands that print a time and take its format: from when and until when the peer's certificate is valid. */
export const certificateTimes: ReadonlyMap<string, { upstream: boolean; end: boolean }> = new Map([
  ['DOWNSTREAM_PEER_CERT_V_START', { upstream: false, end: false }],
  ['DOWNSTREAM_PEER_CERT_V_END', { upstream: false, end: true }],
  ['UPSTREAM_PEER_CERT_V_START', { upstream: true, end: false }],
  ['UPSTREAM_PEER_CERT_V_END', { upstream: true, end: true }]]);

/** Addresses that may be masked: `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%`. */
export const maskable: ReadonlySet<string> = new Set<Simple>(['downstreamRemoteIp', 'downstreamDirectRemoteIp',
  'downstreamLocalIp', 'upstreamRemoteIp', 'upstreamLocalIp']);

/** Simple commands whose value is a number in a JSON log. */
export const numericCommands: ReadonlySet<string> = new Set<Simple>(['responseCode', 'bytesReceived', 'bytesSent',
  'zero', 'requestHeadersBytes', 'responseHeadersBytes', 'downstreamBytesReceived', 'downstreamBytesSent',
  'upstreamBytesReceived', 'upstreamBytesSent', 'downstreamHeadReceived', 'downstreamHeadSent', 'upstreamHeadReceived',
  'upstreamHeadSent', 'duration', 'requestDuration', 'requestTxDuration', 'responseDuration', 'responseTxDuration',
  'poolReadyDuration', 'upstreamRequestAttemptCount', 'connectionId', 'upstreamConnectionId', 'upstreamRemotePort',
  'downstreamRemotePort', 'downstreamLocalPort', 'downstreamDirectRemotePort', 'upstreamLocalPort']);
