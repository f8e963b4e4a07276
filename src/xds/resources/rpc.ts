// RPC proxying: the network filter and the options of clusters. The filter becomes an HTTP connection manager that adds
// nothing to messages: routes, filters and logs are the same.
import { rpcProtocols } from '../../config/rpc.js';
import type { RpcHeartbeat, RpcListenerOptions, RpcUpstreamOptions } from '../../config/rpc.js';
import type { HttpFilter } from '../../config/http-filters.js';
import type { HttpConnectionManager as PlainHcm } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report, Wrapper } from '../wire/message.js';
import type { Heartbeat, HttpConnectionManager, RpcProtocolOptions, RpcProxy }
  from '../wire/generated/messages.js';
import { millisecondsOf, numberOf } from './fields.js';
import { readHttpConnectionManager } from './http-connection.js';
import type { RoutesOfManager } from './http-connection.js';
import { refuseFields } from './http-protocol-options.js';

export const rpcProxyType = 'weft.extensions.filters.network.rpc_proxy.v1.RpcProxy';
export const rpcOptionsName = 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions';

/** A codec that must be in the bootstrap, with the place that names it. */
export interface CodecReference { codec: string; path: string }

const protocols = ['auto', ...rpcProtocols] as const;
const HEARTBEAT_INTERVAL_MS = 15_000, HEARTBEAT_TIMEOUT_MS = 1000, HEARTBEAT_FAILURES = 3;

/** Of Envoy's enumerations. */
const PASS_THROUGH = 2, ALWAYS_FORWARD_ONLY = 4;

/** Filters that look for what only HTTP has: origins, content types, paths of probes, hosts with addresses. */
const ofHttpOnly: ReadonlySet<HttpFilter['config']['kind']> = new Set(['cors', 'csrf', 'healthCheck',
  'dynamicForwardProxy', 'grpcWeb', 'grpcStats', 'grpcHttp1Bridge', 'grpcJsonTranscoder'] as const);
/** One that makes calls of requests, too: there are only calls. */
const knowsHttpAlone = ({ config }: HttpFilter): boolean =>
  ofHttpOnly.has(config.kind) || (config.kind === 'rpcJsonTranscoder' && config.call !== null);

/** The filter without `unknown_protocol`, which is the chain's TCP proxy. Codecs that it names go into `codecs`. */
export function readRpcProxy(message: RpcProxy, routes: RoutesOfManager, path: string, report: Report,
  codecs: CodecReference[]): PlainHcm {
  const at = (name: string): string => fieldPath(path, name);
  const rpc = readListenerOptions(message, path, report, codecs);
  refuseFields(message.commonHttpProtocolOptions ?? {},
    { headersWithUnderscoresAction: 'headers_with_underscores_action' }, at('common_http_protocol_options'), report);
  refuseFields(message.accessLogOptions ?? {},
    { flushLogOnTunnelSuccessfullyEstablished: 'flush_log_on_tunnel_successfully_established' },
    at('access_log_options'), report);
  const hcm = readHttpConnectionManager(asHttp(message), routes, path, report);
  if (rpc.protocol !== 'auto') refuseHttpFilters(hcm.httpFilters, message, at('http_filters'), report);
  return { ...hcm, preserveCase: true, rpc,
    maxRequestHeadersBytes: readHeaderBytes(message.maxHeaderBytes, path, report) };
}

/** What the connection manager has too. Nothing that it would add to a message is added. */
function asHttp(message: RpcProxy): HttpConnectionManager {
  const { statPrefix, httpFilters, commonHttpProtocolOptions, streamIdleTimeout, requestTimeout,
    requestHeadersTimeout, drainTimeout, delayedCloseTimeout, accessLog, accessLogOptions } = message;
  return { statPrefix, httpFilters, commonHttpProtocolOptions, streamIdleTimeout, requestTimeout,
    requestHeadersTimeout, drainTimeout, delayedCloseTimeout, accessLog, accessLogOptions,
    generateRequestId: { value: false }, serverHeaderTransformation: PASS_THROUGH, skipXffAppend: true,
    forwardClientCertDetails: ALWAYS_FORWARD_ONLY };
}

function readListenerOptions(message: RpcProxy, path: string, report: Report,
  codecs: CodecReference[]): RpcListenerOptions {
  const protocol = readProtocol(message, path, codecs);
  const at = (name: string): string => fieldPath(path, name);
  const auto = protocol === 'auto';
  if (!auto && message.unknownProtocol !== undefined) report.fail(at('unknown_protocol'), 'only with protocol AUTO');
  if (!auto && message.detectionTimeout !== undefined) report.fail(at('detection_timeout'), 'only with protocol AUTO');
  if (auto && message.detectionTimeout !== undefined && message.unknownProtocol === undefined)
    report.fail(at('detection_timeout'), 'only beside unknown_protocol');
  const sendsBoltGoAway = message.sendBoltGoaway ?? false;
  if (sendsBoltGoAway && !auto && protocol !== 'bolt')
    report.fail(at('send_bolt_goaway'), 'only with protocol BOLT or AUTO');
  return { protocol, sendsBoltGoAway,
    detectionTimeoutMs: millisecondsOf(message.detectionTimeout, 0, at('detection_timeout'), report),
    ...readLimits(message, path, report),
    heartbeat: message.heartbeat === undefined ? null
      : readHeartbeat(message.heartbeat, at('heartbeat'), report) };
}

function refuseHttpFilters(filters: readonly HttpFilter[], { httpFilters }: RpcProxy, path: string,
  report: Report): void {
  const refused = new Set(filters.filter(knowsHttpAlone).map(({ typeUrl }) => typeUrl));
  (httpFilters ?? []).forEach(({ typedConfig }, index) => {
    if (typedConfig !== undefined && refused.has(typedConfig.typeUrl))
      report.fail(`${path}[${index}].typed_config`, `only with protocol AUTO: ${typedConfig.type} knows HTTP alone`);
  });
}

/** How a cluster is spoken to; the options that HTTP has too are read by the cluster. */
export function readRpcOptions(message: RpcProtocolOptions, path: string, report: Report,
  codecs: CodecReference[]): RpcUpstreamOptions {
  const protocol = message.useDownstreamProtocol !== undefined ? 'downstream'
    : readProtocol(message, path, codecs);
  if (message.protocol !== undefined && protocol === 'auto')
    report.fail(fieldPath(path, 'protocol'), 'AUTO is of listeners: set use_downstream_protocol');
  refuseFields(message.commonHttpProtocolOptions ?? {}, { maxResponseHeadersKb: 'max_response_headers_kb' },
    fieldPath(path, 'common_http_protocol_options'), report);
  return { protocol, ...readLimits(message, path, report),
    heartbeat: readHeartbeat(message.heartbeat ?? {}, fieldPath(path, 'heartbeat'), report) };
}

function readProtocol(message: Pick<RpcProxy, 'protocol' | 'customProtocol'>, path: string,
  codecs: CodecReference[]): string {
  const { customProtocol: codec } = message;
  if (codec === undefined) return protocols[message.protocol ?? 0] ?? 'auto';
  codecs.push({ codec, path: fieldPath(path, 'custom_protocol') });
  return codec;
}

function readLimits(message: Pick<RpcProxy, 'maxFrameBytes' | 'maxConcurrentRequestsPerConnection'>, path: string,
  report: Report): Pick<RpcListenerOptions, 'maxFrameBytes' | 'maxConcurrentRequests'> {
  const requests = numberOf(message.maxConcurrentRequestsPerConnection, limits.rpcRequestsDefault);
  if (requests > limits.rpcRequestsMax) {
    report.fail(fieldPath(path, 'max_concurrent_requests_per_connection'),
      `${requests} is beyond this build's limit of ${limits.rpcRequestsMax}`);
  }
  return { maxFrameBytes: numberOf(message.maxFrameBytes, limits.rpcFrameBytesDefault),
    maxConcurrentRequests: requests };
}

/** max_header_bytes: of a head as text. */
export function readHeaderBytes(field: Wrapper<number> | undefined, path: string, report: Report): number {
  const bytes = numberOf(field, limits.requestHeadBytesDefault);
  if (bytes > limits.requestHeadBytesMax) {
    report.fail(fieldPath(path, 'max_header_bytes'),
      `${bytes} is beyond this build's limit of ${limits.requestHeadBytesMax}`);
  }
  return bytes;
}

/** Null where the interval is 0. */
function readHeartbeat(message: Heartbeat, path: string, report: Report): RpcHeartbeat | null {
  const intervalMs = millisecondsOf(message.interval, HEARTBEAT_INTERVAL_MS, fieldPath(path, 'interval'), report);
  if (intervalMs === 0) {
    for (const name of ['timeout', 'failures'] as const)
      if (message[name] !== undefined) report.fail(fieldPath(path, name), 'set though the interval is 0s');
    return null;
  }
  const timeoutMs = millisecondsOf(message.timeout, Math.min(HEARTBEAT_TIMEOUT_MS, intervalMs),
    fieldPath(path, 'timeout'), report);
  if (timeoutMs > intervalMs) report.fail(fieldPath(path, 'timeout'), 'longer than the interval');
  return { intervalMs, timeoutMs, failuresMax: numberOf(message.failures, HEARTBEAT_FAILURES) };
}
