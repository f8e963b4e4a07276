// The TCP proxy: where the bytes of a connection go, for how long, and what is logged of it.
import type { TcpProxy as PlainTcpProxy } from '../../config/tcp-proxy.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { TcpProxy, TcpProxyTunnelingConfig } from '../wire/generated/messages.js';
import { readAccessLogs } from './access-log.js';
import { checkFormat, millisecondsOf, numberOf } from './fields.js';
import { readMetadataMatch } from './subsets.js';
import { readAdditions } from './header-mutations.js';

export const tcpProxyType = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const IDLE_TIMEOUT_MS_DEFAULT = 3_600_000;

export function readTcpProxy(message: TcpProxy, path: string, report: Report): PlainTcpProxy {
  const at = (name: string): string => fieldPath(path, name);
  const { metadataMatch: match } = message;
  const clusters = message.cluster !== undefined
    ? [{ cluster: message.cluster, weight: 1, metadataMatch: readMetadataMatch(match, undefined) }]
    : (message.weightedClusters?.clusters ?? []).map(({ name = '', weight = 0, metadataMatch }) =>
      ({ cluster: name, weight, metadataMatch: readMetadataMatch(match, metadataMatch) }));
  const options = message.accessLogOptions;
  return {
    statPrefix: message.statPrefix ?? '',
    clusters,
    totalWeight: clusters.reduce((sum, { weight }) => sum + weight, 0),
    sourceIpHash: (message.hashPolicy ?? []).some((policy) => policy.sourceIp !== undefined),
    idleTimeoutMs: millisecondsOf(message.idleTimeout, IDLE_TIMEOUT_MS_DEFAULT, at('idle_timeout'), report),
    maxDurationMs: millisecondsOf(message.maxDownstreamConnectionDuration, 0,
      at('max_downstream_connection_duration'), report),
    maxConnectAttempts: numberOf(message.maxConnectAttempts, 1),
    accessLogs: readAccessLogs(message.accessLog, at('access_log'), report),
    accessLogFlushMs: millisecondsOf(options?.accessLogFlushInterval ?? message.accessLogFlushInterval, 0,
      at('access_log_options.access_log_flush_interval'), report),
    logsConnected: options?.flushAccessLogOnConnected ?? message.flushAccessLogOnConnected ?? false,
    tunnel: message.tunnelingConfig === undefined ? null
      : readTunnel(message.tunnelingConfig, at('tunneling_config'), report),
  };
}

function readTunnel(message: TcpProxyTunnelingConfig, path: string, report: Report): PlainTcpProxy['tunnel'] {
  const hostname = message.hostname ?? '';
  checkFormat(hostname, fieldPath(path, 'hostname'), report);
  return { hostname, headers: readAdditions(message.headersToAdd, path, 'headers_to_add', report) };
}
