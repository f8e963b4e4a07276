// Which part of a statistic's name becomes a Prometheus label, by Envoy's default rules. A cluster's or a stat
// prefix's name is taken whole, dots included, because the scope is known; Envoy's expressions stop at the first dot.
import type { NetworkScopeKind } from '../../config/listener-filters.js';

export interface Tagged {
  base: string;
  labels: string;
}

export const label = (name: string, value: string): string =>
  `${name}="${value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')}"`;

export const clusterLabel = (name: string): string => label('envoy_cluster_name', name);
export const managerLabel = (prefix: string): string => label('envoy_http_conn_manager_prefix', prefix);
export const rateLimitLabel = (prefix: string): string => label('envoy_local_http_ratelimit_prefix', prefix);
export const textLabel = (value: string): string => label('text_value', value);

/** `<virtual host>.vcluster.<name>` or `<virtual host>.route.<stat_prefix>`; the last such word divides. */
export function virtualHostTag(subject: string): Tagged {
  const [, host, kind, name] = /^(.*)\.(vcluster|route)\.(.*)$/.exec(subject) ?? ['', subject, 'route', ''];
  const inner = label(kind === 'route' ? 'envoy_route' : 'envoy_virtual_cluster', name);
  const outer = label('envoy_virtual_host', host);
  return { base: `vhost.${kind}`, labels: kind === 'route' ? join(outer, inner) : join(inner, outer) };
}

/** Envoy tags listeners that are named by address; others keep their name in the metric. */
export function listenerTag(statName: string): Tagged {
  const address = /^(?:[_.\d]*|[_[\]a-fA-F\d]*)$/.test(statName);
  return address
    ? { base: 'listener', labels: label('envoy_listener_address', statName) }
    : { base: `listener.${statName}`, labels: '' };
}

/** Of a network filter or listener filter: its stat prefix, where it has one. */
/**
 * `cluster.<cluster>.grpc.` and what may follow: Envoy takes the first two names for service and method, although a
 * service's own name has dots.
 */
export function grpcTag(cluster: string, prefix: string): Tagged {
  const [service, method, ...rest] = prefix.slice(`cluster.${cluster}.grpc.`.length, -1).split('.');
  const owner = clusterLabel(cluster);
  if (service === undefined || method === undefined) return { base: 'cluster.grpc', labels: owner };
  return { base: ['cluster.grpc', ...rest].join('.'), labels: [label('envoy_grpc_bridge_method', method),
    label('envoy_grpc_bridge_service', service), owner].join(',') };
}

export function networkTag(kind: NetworkScopeKind, subject: string): Tagged {
  return { base: kind, labels: subject === '' ? '' : label(networkLabels[kind], subject) };
}
const networkLabels: { readonly [K in NetworkScopeKind]: string } = {
  connection_limit: 'envoy_connection_limit_prefix', local_rate_limit: 'envoy_local_network_ratelimit_prefix',
  connection_share: '', tcp: 'envoy_tcp_prefix', proxy_proto: 'envoy_proxy_protocol_prefix', tls_inspector: '',
    http_inspector: '',
};

/** A name inside a scope: status codes and classes become labels. */
export function codeTag(name: string): Tagged {
  const match = /^(.*_rq)_(\d\d\d|\dxx)$/.exec(name);
  const version = /^versions\.v(\d)\.(.*)$/.exec(name);
  if (version !== null) return { base: version[2], labels: label('envoy_proxy_protocol_version', version[1]) };
  if (match === null) return { base: name, labels: '' };
  return match[2].endsWith('xx')
    ? { base: `${match[1]}_xx`, labels: label('envoy_response_code_class', match[2][0]) }
    : { base: match[1], labels: label('envoy_response_code', match[2]) };
}

/** A name inside a cluster's scope; `endpoint.<address>.<name>` is of one endpoint. */
export function endpointRowTag(name: string): Tagged {
  const [, address, rest] = /^endpoint\.(.*)\.([^.]+)$/.exec(name) ?? ['', '', ''];
  return rest === '' ? codeTag(name)
    : { base: `endpoint.${rest}`, labels: label('envoy_endpoint_address', address) };
}

/** A name inside a listener's scope: its workers and connection managers become labels. */
export function listenerRowTag(name: string): Tagged {
  const worker = /^worker_(\d+)\.(.*)$/.exec(name);
  if (worker !== null) return { base: `worker.${worker[2]}`, labels: label('envoy_worker_id', worker[1]) };
  const manager = /^http\.(.*)\.([^.]+)$/.exec(name);
  if (manager === null) return codeTag(name);
  const code = codeTag(manager[2]);
  return { base: `http.${code.base}`, labels: join(code.labels, managerLabel(manager[1])) };
}

/**
 * The full name of a statistic that stands alone: those of a cluster's or route configuration's subscription, or
 * none.
 */
export function singleTag(name: string): Tagged {
  const rds = /^http\.(.+?)\.rds\.(.+)\.([^.]+)$/.exec(name);
  if (rds !== null)
    return {
      base: `http.rds.${rds[3]}`,
      labels: join(label('envoy_rds_route_config', rds[2]), managerLabel(rds[1])),
    };
  const sds = /^sds\.(.+)\.([^.]+)$/.exec(name);
  if (sds !== null) return { base: `sds.${sds[2]}`, labels: label('envoy_xds_resource_name', sds[1]) };
  const tls = tlsTag(name);
  if (tls !== null) return tls;
  const owned = /^(cluster|http)\.(.+)\.([^.]+)$/.exec(name);
  if (owned === null) return { base: name, labels: '' };
  const code = codeTag(owned[3]);
  const owner = owned[1] === 'cluster' ? clusterLabel(owned[2]) : managerLabel(owned[2]);
  return { base: `${owned[1]}.${code.base}`, labels: join(code.labels, owner) };
}

const tlsNames = new RegExp('^(cluster|listener)\\.(.+)\\.(?:'
  + '((?:client|server)_ssl_socket_factory\\.[^.]+)|ssl\\.certificate\\.(.+)\\.([^.]+))$');
/** What is computed of a TLS context: of the secrets, and of each certificate. */
function tlsTag(name: string): Tagged | null {
  const found = tlsNames.exec(name);
  if (found === null) return null;
  const [, kind, subject, factory, certificate, rest] = found;
  const owner = kind === 'cluster' ? { base: kind, labels: clusterLabel(subject) } : listenerTag(subject);
  return factory !== undefined ? { base: `${owner.base}.${factory}`, labels: owner.labels }
    : { base: `${owner.base}.ssl.certificate.${rest}`, labels: join(label('envoy_tls_certificate', certificate),
      owner.labels) };
}

/** A name inside the TLS statistics of a listener or a cluster. */
export function tlsCellTag(kind: 'listenerTls' | 'clusterTls', name: string): Tagged {
  const found = /^ssl\.(ciphers|curves|sigalgs|versions)\.(.+)$/.exec(name);
  if (found === null) return { base: name, labels: '' };
  const [, what, value] = found;
  const tag = what === 'ciphers' ? kind === 'clusterTls' ? 'cipher_suite' : 'envoy_ssl_cipher'
    : `envoy_ssl_${what.slice(0, -1)}`;
  return { base: `ssl.${what}`, labels: label(tag, value) };
}

export const join = (first: string, second: string): string =>
  first === '' ? second : second === '' ? first : `${first},${second}`;

/** A metric's name in Prometheus. */
export const metricName = (dotted: string): string => `envoy_${dotted.replace(/[^a-zA-Z0-9_]/g, '_')}`;
