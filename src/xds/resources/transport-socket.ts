// core.v3.TransportSocket of filter chains and clusters: plain bytes or TLS, and to endpoints a PROXY header before.
import type { DownstreamTls, TransportSocketMatch, UpstreamTls } from '../../config/tls.js';
import type { ClusterTransportSocketMatch, DownstreamTlsContext, ProxyProtocolUpstreamTransport, TransportSocket,
  UpstreamTlsContext } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { GatheredSecrets } from './tls-context.js';
import { readDownstreamTls, readUpstreamTls } from './tls-context.js';

const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const downstreamTlsType = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const upstreamTlsType = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const proxyProtocolType = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

/** What connections to endpoints go over. */
export interface UpstreamTransport { tls: UpstreamTls | null; proxyProtocol: 1 | 2 | null }

/** Of a filter chain; null is plain bytes. */
export function readDownstreamTransport(socket: TransportSocket | undefined, path: string, report: Report,
  secrets: GatheredSecrets): DownstreamTls | null {
  const any = socket?.typedConfig;
  if (any?.type === downstreamTlsType)
    return readDownstreamTls(any.value as DownstreamTlsContext, typedPath(path, any), report, secrets);
  checkPlain(socket, path, report);
  return null;
}

export function readUpstreamTransport(socket: TransportSocket | undefined, path: string, report: Report,
  secrets: GatheredSecrets): UpstreamTransport {
  const any = socket?.typedConfig;
  if (any?.type !== proxyProtocolType) return { tls: readInner(socket, path, report, secrets), proxyProtocol: null };
  const transport = any.value as ProxyProtocolUpstreamTransport;
  return { tls: readInner(transport.transportSocket, `${typedPath(path, any)}.transport_socket`, report, secrets),
    proxyProtocol: transport.config?.version === 1 ? 2 : 1 };
}

function readInner(socket: TransportSocket | undefined, path: string, report: Report, secrets: GatheredSecrets):
  UpstreamTls | null {
  const any = socket?.typedConfig;
  if (any?.type === upstreamTlsType)
    return readUpstreamTls(any.value as UpstreamTlsContext, typedPath(path, any), report, secrets);
  checkPlain(socket, path, report);
  return null;
}

/** Null where there is none. */
export function readTransportSocketMatches(list: readonly ClusterTransportSocketMatch[] | undefined, path: string,
  report: Report, secrets: GatheredSecrets): TransportSocketMatch[] | null {
  if (list === undefined || list.length === 0) return null;
  return list.map((entry, index) => ({ name: entry.name ?? '',
    match: (entry.match ?? {}) as TransportSocketMatch['match'],
    ...readUpstreamTransport(entry.transportSocket, `${path}[${index}].transport_socket`, report, secrets) }));
}

const typedPath = (path: string, any: { typedStruct?: unknown }): string =>
  any.typedStruct === undefined ? fieldPath(path, 'typed_config') : `${fieldPath(path, 'typed_config')}.value`;

/** Transport sockets of any other kind are refused; none is plain bytes. */
function checkPlain(socket: TransportSocket | undefined, path: string, report: Report): void {
  const type = socket?.typedConfig?.type;
  if (socket === undefined || type === rawBufferType) return;
  if (type === undefined && socket.name === 'envoy.transport_sockets.raw_buffer') return;
  report.fail(fieldPath(path, 'typed_config'), type === undefined ? 'required'
    : `not implemented: transport socket ${type}`);
}
