// Envoy bootstraps of tests, as plain objects: one admin, listeners with one connection manager each, clusters of
// loopback endpoints.
const TYPE = 'type.googleapis.com/envoy.extensions.';

/** Every field that tests compare, one line a request. */
export const LOG_FORMAT =
  '%REQ(:METHOD)%|%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%|%PROTOCOL%|%RESPONSE_CODE%|%RESPONSE_FLAGS%|' +
  '%RESPONSE_CODE_DETAILS%|' +
  '%BYTES_RECEIVED%|%BYTES_SENT%|%UPSTREAM_CLUSTER%|%REQ(X-TEST)%\n';

export interface ListenerSpec {
  name: string;
  port: number;
  logFile?: string;
  /** Routes of one virtual host for every domain, or whole virtual hosts. */
  routes?: object[];
  virtualHosts?: object[];
  /** Fields of the connection manager, merged over the usual ones. */
  manager?: Record<string, unknown>;
  routeConfig?: Record<string, unknown>;
  listener?: Record<string, unknown>;
  /** Of its filter chain. */
  transportSocket?: object;
}
export interface ClusterSpec {
  name: string;
  ports: number[];
  fields?: Record<string, unknown>;
}

export const socketAddress = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
export const routeTo = (cluster: string, fields: Record<string, unknown> = {}): object => ({
  match: { prefix: '/' },
  route: { cluster, ...fields },
});

export function bootstrap(
  adminPort: number,
  listeners: readonly ListenerSpec[],
  clusters: readonly ClusterSpec[],
): object {
  return {
    admin: { address: socketAddress(adminPort) },
    static_resources: { listeners: listeners.map(listenerOf), clusters: clusters.map(clusterOf) },
  };
}

function listenerOf(spec: ListenerSpec): object {
  const accessLog = {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`,
      path: spec.logFile,
      log_format: { text_format_source: { inline_string: LOG_FORMAT } },
    },
  };
  const manager = {
    '@type': `${TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: spec.name,
    ...(spec.logFile === undefined ? {} : { access_log: [accessLog] }),
    route_config: {
      name: spec.name,
      virtual_hosts: spec.virtualHosts ?? [{ name: 'all', domains: ['*'], routes: spec.routes }],
      ...spec.routeConfig,
    },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}filters.http.router.v3.Router` } },
    ],
    ...spec.manager,
  };
  return {
    name: spec.name,
    address: socketAddress(spec.port),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
      ...(spec.transportSocket !== undefined && { transport_socket: spec.transportSocket }) }],
    ...spec.listener,
  };
}

function clusterOf(spec: ClusterSpec): object {
  return {
    name: spec.name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: spec.name,
      endpoints: [{ lb_endpoints: spec.ports.map((port) => ({ endpoint: { address: socketAddress(port) } })) }],
    },
    ...spec.fields,
  };
}
