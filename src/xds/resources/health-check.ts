// core.v3.HealthCheck of a cluster, and what an endpoint changes about its own checks.
import type { Checker, EndpointHealthCheck, HealthCheck as PlainHealthCheck, HealthOptions, StatusRange }
  from '../../config/health.js';
import type { ClusterConfig, HeaderMutations } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster, EndpointHealthCheckConfig, HeaderValueOption, CoreHealthCheck as HealthCheck,
  HealthCheckEventFileSink,
  HealthCheckGrpcHealthCheck, HealthCheckHttpHealthCheck, HealthCheckPayload, HealthCheckTcpHealthCheck, Int64Range }
  from '../wire/generated/messages.js';
import type { AddressUse } from './address.js';
import { readAddress } from './address.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';
import { readHeaderMutations } from './header-mutations.js';
import { readStringMatcher } from './matchers.js';

const NO_TRAFFIC_INTERVAL_MS_DEFAULT = 60_000;
const ALPN_BYTES_MAX = 255;
const RESPONSE_BUFFER_BYTES_DEFAULT = 1024;
const fileSink = 'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink';
/** core.v3.RequestMethod */
const methods = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
/** type.v3.CodecClientType */
const HTTP2 = 1, HTTP3 = 2;
const bodyless = new Set(['GET', 'HEAD', 'DELETE', 'TRACE']);

/** The cluster's health check, and how its endpoints' health is used. */
export function readHealth(message: Cluster, type: ClusterConfig['type'] | undefined, path: string, report: Report):
  { healthCheck: PlainHealthCheck | null; health: HealthOptions } {
  const checks = message.healthChecks ?? [];
  const at = fieldPath(path, 'health_checks');
  if (checks.length > 1) report.fail(`${at}[1]`, 'a cluster may have one health check, as in Envoy');
  if (checks.length > 0 && type === 'originalDst')
    report.fail(at, 'not implemented: checks of endpoints that requests bring');
  return {
    healthCheck: checks.length === 0 ? null : readHealthCheck(checks[0], `${at}[0]`, report),
    health: {
      closeConnectionsOnFailure: message.closeConnectionsOnHostHealthFailure ?? false,
      ignoreHealthOnRemoval: message.ignoreHealthOnHostRemoval ?? false,
      ignoreNewUntilChecked: message.commonLbConfig?.ignoreNewHostsUntilFirstHc ?? false,
    },
  };
}

function readHealthCheck(message: HealthCheck, path: string, report: Report): PlainHealthCheck {
  const duration = (field: keyof HealthCheck & `${string}`, name: string, absent: number): number =>
    millisecondsOf(message[field] as HealthCheck['interval'], absent, fieldPath(path, name), report);
  const intervalMs = duration('interval', 'interval', 0);
  const noTrafficIntervalMs = duration('noTrafficInterval', 'no_traffic_interval', NO_TRAFFIC_INTERVAL_MS_DEFAULT);
  const unhealthyIntervalMs = duration('unhealthyInterval', 'unhealthy_interval', intervalMs);
  return {
    checker: readChecker(message, path, report),
    timeoutMs: duration('timeout', 'timeout', 0),
    intervalMs,
    initialJitterMs: duration('initialJitter', 'initial_jitter', 0),
    intervalJitterMs: duration('intervalJitter', 'interval_jitter', 0),
    intervalJitterPercent: message.intervalJitterPercent ?? 0,
    unhealthyThreshold: numberOf(message.unhealthyThreshold, 1),
    healthyThreshold: numberOf(message.healthyThreshold, 1),
    reuseConnection: boolOf(message.reuseConnection, true),
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: duration('noTrafficHealthyInterval', 'no_traffic_healthy_interval',
      noTrafficIntervalMs),
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: duration('unhealthyEdgeInterval', 'unhealthy_edge_interval', unhealthyIntervalMs),
    healthyEdgeIntervalMs: duration('healthyEdgeInterval', 'healthy_edge_interval', intervalMs),
    eventLogs: readEventLogs(message, path, report),
    alwaysLogFailures: message.alwaysLogHealthCheckFailures ?? false,
    alwaysLogSuccess: message.alwaysLogHealthCheckSuccess ?? false,
    alpn: (message.tlsOptions?.alpnProtocols ?? []).map((name, index) => {
      const bytes = Buffer.byteLength(name);
      if (bytes === 0 || bytes > ALPN_BYTES_MAX) {
        report.fail(`${fieldPath(path, 'tls_options')}.alpn_protocols[${index}]`,
          `must have 1 to ${ALPN_BYTES_MAX} bytes`);
      }
      return name;
    }),
    transportCriteria: (message.transportSocketMatchCriteria ?? null) as PlainHealthCheck['transportCriteria'],
  };
}

function readEventLogs(message: HealthCheck, path: string, report: Report): string[] {
  const files = message.eventLogPath === undefined || message.eventLogPath === '' ? [] : [message.eventLogPath];
  (message.eventLogger ?? []).forEach((logger, index) => {
    const any = logger.typedConfig;
    if (any?.type === fileSink) files.push((any.value as HealthCheckEventFileSink).eventLogPath ?? '');
    else report.fail(`${fieldPath(path, 'event_logger')}[${index}].typed_config`, any === undefined ? 'required'
      : `not implemented: event sink ${any.type}`);
  });
  return files;
}

function readChecker(message: HealthCheck, path: string, report: Report): Checker {
  if (message.tcpHealthCheck !== undefined)
    return readTcp(message.tcpHealthCheck, fieldPath(path, 'tcp_health_check'), report);
  if (message.grpcHealthCheck !== undefined)
    return readGrpc(message.grpcHealthCheck, fieldPath(path, 'grpc_health_check'), report);
  return readHttp(message.httpHealthCheck ?? {}, fieldPath(path, 'http_health_check'), report);
}

function readHttp(message: HealthCheckHttpHealthCheck, path: string, report: Report): Checker {
  const method = methods[message.method ?? 0] ?? 'GET';
  const send = readPayload(message.send, fieldPath(path, 'send'), report);
  if (message.send !== undefined && bodyless.has(method))
    report.fail(fieldPath(path, 'send'), `a request with the method ${method} has no body`);
  const receive = readPayloads(message.receive, fieldPath(path, 'receive'), report);
  const responseBufferBytes = Number(message.responseBufferSize?.value ?? (message.responseBufferSize === undefined
    ? RESPONSE_BUFFER_BYTES_DEFAULT : 0));
  const bytes = receive.reduce((sum, payload) => sum + payload.length / 2, 0);
  if (responseBufferBytes !== 0 && bytes > responseBufferBytes)
    report.fail(fieldPath(path, 'receive'), `${bytes} bytes do not fit response_buffer_size, ${responseBufferBytes}`);
  const expected = readRanges(message.expectedStatuses, fieldPath(path, 'expected_statuses'), report);
  if (message.codecClientType === HTTP3)
    report.fail(fieldPath(path, 'codec_client_type'), 'not implemented: HTTP/3');
  const protocol = message.codecClientType === HTTP2 ? 'http2' : 'http1';
  return { kind: 'http', protocol, host: message.host ?? '', path: message.path ?? '', method,
    headers: readHeaders(message.requestHeadersToAdd, message.requestHeadersToRemove, path, report),
    send, receive, responseBufferBytes, expected: expected.length > 0 ? expected : [{ start: 200, end: 201 }],
    retriable: readRanges(message.retriableStatuses, fieldPath(path, 'retriable_statuses'), report),
    serviceName: message.serviceNameMatcher === undefined ? null
      : readStringMatcher(message.serviceNameMatcher, fieldPath(path, 'service_name_matcher'), report) };
}

function readTcp(message: HealthCheckTcpHealthCheck, path: string, report: Report): Checker {
  return { kind: 'tcp', send: readPayload(message.send, fieldPath(path, 'send'), report),
    receive: readPayloads(message.receive, fieldPath(path, 'receive'), report),
    proxyProtocol: message.proxyProtocolConfig === undefined ? null
      : message.proxyProtocolConfig.version === 1 ? 2 : 1 };
}

function readGrpc(message: HealthCheckGrpcHealthCheck, path: string, report: Report): Checker {
  return { kind: 'grpc', serviceName: message.serviceName ?? '', authority: message.authority ?? '',
    metadata: readHeaders(message.initialMetadata, undefined, path, report, 'initial_metadata') };
}

/** Values stand as they are: there is no request that commands could speak of. */
function readHeaders(add: HeaderValueOption[] | undefined, remove: string[] | undefined, path: string, report: Report,
  field = 'request_headers_to_add'): HeaderMutations {
  const { requestHeaders } = readHeaderMutations({ requestHeadersToAdd: add, requestHeadersToRemove: remove }, path,
    report);
  requestHeaders.add.forEach((header, index) => {
    if (/%[A-Z]/.test(header.value))
      report.fail(`${fieldPath(path, field)}[${index}].header.value`, 'not implemented: commands in a health check');
  });
  return requestHeaders;
}

function readRanges(ranges: Int64Range[] | undefined, path: string, report: Report): StatusRange[] {
  return (ranges ?? []).map((range, index) => {
    const [start, end] = [Number(range.start ?? 0), Number(range.end ?? 0)];
    if (start >= end || start < 100 || end > 600)
      report.fail(`${path}[${index}]`, `not a range of statuses: [${start}, ${end})`);
    return { start, end };
  });
}

const readPayloads = (payloads: HealthCheckPayload[] | undefined, path: string, report: Report): string[] =>
  (payloads ?? []).map((payload, index) => readPayload(payload, `${path}[${index}]`, report));

function readPayload(payload: HealthCheckPayload | undefined, path: string, report: Report): string {
  if (payload?.binary !== undefined) return Buffer.from(payload.binary).toString('hex');
  const text = payload?.text ?? '';
  if (!/^([0-9A-Fa-f]{2})*$/.test(text)) report.fail(fieldPath(path, 'text'), 'not pairs of hexadecimal digits');
  return text.toLowerCase();
}

/** What an endpoint says about its own checks; null where it says nothing. */
export function readEndpointHealthCheck(message: EndpointHealthCheckConfig | undefined, use: AddressUse, path: string,
  report: Report): EndpointHealthCheck | null {
  if (message === undefined) return null;
  return { port: message.portValue ?? 0, hostname: message.hostname ?? '',
    address: message.address === undefined ? null
      : readAddress(message.address, use === 'resolve' ? 'connect' : use, fieldPath(path, 'address'), report),
    disabled: message.disableActiveHealthCheck ?? false };
}
