// The HTTP connection manager: one of its fields after the other, with Envoy's defaults, and its filter chain.
import { limits } from '../../core/limits.js';
import type { HttpConnectionManager as PlainHcm } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Http1ProtocolOptions, HttpConnectionManager } from '../wire/generated/messages.js';
import { readHttpFilters } from './filters/http-filters.js';
import { readAccessLogOptions, readAccessLogs } from './access-log.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';
import { readHeadBytes, readHeaderKeyFormat, readHeadersCount, readIdleTimeoutMs, refuseFields }
  from './http-protocol-options.js';
import { readHttp2Options } from './http2-options.js';
import { readCidrRange } from './cidr-range.js';
import { readForwardClientCert } from './forward-client-cert.js';
import { readLocalReply } from './local-reply.js';

export const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const requestIdType = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';

/** What its routes are found by. */
export type RoutesOfManager = Pick<PlainHcm, 'routeConfigName' | 'scopedRoutes'>;

/** The connection manager. */
export function readHttpConnectionManager(message: HttpConnectionManager, routes: RoutesOfManager, path: string,
  report: Report): PlainHcm {
  const common = message.commonHttpProtocolOptions ?? {};
  const commonPath = fieldPath(path, 'common_http_protocol_options');
  const http1 = message.httpProtocolOptions ?? {};
  const at = (name: string): string => fieldPath(path, name);
  refuseFields(http1, { sendFullyQualifiedUrl: 'send_fully_qualified_url' }, at('http_protocol_options'), report);
  refuseFields(common, { maxResponseHeadersKb: 'max_response_headers_kb' }, commonPath, report);
  return {
    statPrefix: message.statPrefix ?? '',
    ...routes,
    httpFilters: readHttpFilters(message.httpFilters ?? [], at('http_filters'), report),
    accessLogs: readAccessLogs(message.accessLog, at('access_log'), report),
    accessLogOptions: readAccessLogOptions(message, path, report),
    localReply: readLocalReply(message.localReplyConfig, at('local_reply_config'), report),
    ...readHeaders(message, path, report),
    ...readPaths(message, path, report),
    headersWithUnderscores: (['allow', 'rejectRequest', 'dropHeader'] as const)[common.headersWithUnderscoresAction
      ?? 0] ?? 'allow',
    ...readHttp1(http1, at('http_protocol_options'), report),
    codec: readCodec(message, path, report),
    http2: readHttp2Options(message.http2ProtocolOptions, at('http2_protocol_options'), report),
    maxRequestHeadersBytes: readHeadBytes(numberOf(message.maxRequestHeadersKb, limits.requestHeadBytesDefault / 1024),
      at('max_request_headers_kb'), report),
    maxHeadersCount: readHeadersCount(common, commonPath, report),
    maxRequestsPerConnection: numberOf(common.maxRequestsPerConnection, 0),
    idleTimeoutMs: readIdleTimeoutMs(common, commonPath, report),
    maxConnectionDurationMs: millisecondsOf(common.maxConnectionDuration, 0,
      fieldPath(commonPath, 'max_connection_duration'), report),
    maxStreamDurationMs: millisecondsOf(common.maxStreamDuration, 0, fieldPath(commonPath, 'max_stream_duration'),
      report),
    requestHeadersTimeoutMs: millisecondsOf(message.requestHeadersTimeout, 0, at('request_headers_timeout'), report),
    requestTimeoutMs: millisecondsOf(message.requestTimeout, 0, at('request_timeout'), report),
    streamIdleTimeoutMs: millisecondsOf(message.streamIdleTimeout, 300_000, at('stream_idle_timeout'), report),
    drainTimeoutMs: millisecondsOf(message.drainTimeout, 5000, at('drain_timeout'), report),
    delayedCloseTimeoutMs: millisecondsOf(message.delayedCloseTimeout, 1000, at('delayed_close_timeout'), report),
    upgrades: readUpgrades(message, path, report),
    rpc: null,
  };
}

function readCodec({ codecType }: HttpConnectionManager, path: string, report: Report): PlainHcm['codec'] {
  const codec = (['auto', 'http1', 'http2'] as const)[codecType ?? 0];
  if (codec === undefined) report.fail(fieldPath(path, 'codec_type'), 'not implemented: HTTP3');
  return codec ?? 'auto';
}

function readInternalAddresses(message: HttpConnectionManager, path: string,
  report: Report): PlainHcm['internalAddresses'] {
  const config = message.internalAddressConfig;
  if (config === undefined) return null;
  const at = `${path}.internal_address_config.cidr_ranges`;
  const ranges = (config.cidrRanges ?? []).flatMap((range, index) => readCidrRange(range, `${at}[${index}]`, report));
  const unixSockets = config.unixSockets ?? false;
  return ranges.length === 0 && !unixSockets ? null : { ranges, unixSockets };
}

function readHeaders(message: HttpConnectionManager, path: string, report: Report) {
  const scheme = message.schemeHeaderTransformation?.schemeToOverwrite;
  const requestId = message.requestIdExtension?.typedConfig;
  if (requestId !== undefined && requestId.type !== requestIdType) {
    report.fail(fieldPath(path, 'request_id_extension.typed_config'), `not implemented: ${requestId.type}`);
  }
  return {
    serverName: message.serverName === undefined || message.serverName === '' ? 'envoy' : message.serverName,
    serverHeaderTransformation:
      (['overwrite', 'appendIfAbsent', 'passThrough'] as const)[message.serverHeaderTransformation ?? 0] ?? 'overwrite',
    schemeOverwrite: scheme === 'http' || scheme === 'https' ? scheme as 'http' | 'https' : null,
    forwardClientCert: readForwardClientCert(message),
    via: message.via === undefined || message.via === '' ? null : message.via,
    useRemoteAddress: boolOf(message.useRemoteAddress, false),
    skipXffAppend: message.skipXffAppend ?? false,
    xffNumTrustedHops: message.xffNumTrustedHops ?? 0,
    internalAddresses: readInternalAddresses(message, path, report),
    generateRequestId: boolOf(message.generateRequestId, true),
    preserveExternalRequestId: message.preserveExternalRequestId ?? false,
    alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse ?? false,
    appendXForwardedPort: message.appendXForwardedPort ?? false,
    proxy100Continue: message.proxy100Continue ?? false,
  };
}

const escapedSlashes = ['keepUnchanged', 'keepUnchanged', 'reject', 'unescapeAndRedirect',
  'unescapeAndForward'] as const;

function readPaths(message: HttpConnectionManager, path: string, report: Report) {
  const matching = message.stripMatchingHostPort ?? false;
  const any = message.stripAnyHostPort ?? false;
  if (matching && any) {
    report.fail(fieldPath(path, 'strip_matching_host_port'), 'must not be set beside strip_any_host_port');
  }
  return {
    normalizePath: boolOf(message.normalizePath, false),
    mergeSlashes: message.mergeSlashes ?? false,
    pathWithEscapedSlashes: escapedSlashes[message.pathWithEscapedSlashesAction ?? 0] ?? 'keepUnchanged' as const,
    stripPort: any ? 'any' as const : matching ? 'matching' as const : 'none' as const,
    stripTrailingHostDot: message.stripTrailingHostDot ?? false,
  };
}

function readHttp1(http1: Http1ProtocolOptions, path: string, report: Report) {
  return {
    acceptHttp10: http1.acceptHttp10 ?? false,
    defaultHostForHttp10: http1.defaultHostForHttp10 ?? '',
    ...readHeaderKeyFormat(http1, path, report),
    enableTrailers: http1.enableTrailers ?? false,
  };
}

function readUpgrades(message: HttpConnectionManager, path: string, report: Report): PlainHcm['upgrades'] {
  const seen = new Set<string>();
  return (message.upgradeConfigs ?? []).map((config, index) => {
    const at = `${path}.upgrade_configs[${index}].upgrade_type`;
    const type = (config.upgradeType ?? '').toLowerCase();
    if (type === '') report.fail(at, 'required');
    if (seen.has(type)) report.fail(at, `duplicate upgrade ${config.upgradeType}`);
    seen.add(type);
    return { type, enabled: boolOf(config.enabled, true) };
  });
}
