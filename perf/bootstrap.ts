// Envoy bootstrap files of the scenarios: the small one lies in perf/configs, the ones with many clusters and virtual
// hosts are written here. Envoy and every Weft of a run get the same file except for the port numbers (and the access
// log's path).
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesIn } from './process/certificates.js';
import type { Certificates } from './process/certificates.js';
import { rpcBootstrap } from './rpc/bootstrap.js';
import type { RpcName } from './rpc/frames.js';

/** What a scenario asks of a proxy. `hosts` = 0: the small configuration, any host, one cluster. */
export interface Shape {
  name: string; hosts: number; accessLog: boolean;
  /** An HTTP filter before the router, null for none; and fields of the route that go with it. */
  filter?: object | null; perRoute?: object;
  /** What the client and the backend speak; absent: HTTP/1.1 in plain bytes. */
  protocols?: Protocols;
  /** Both speak this RPC protocol; nothing else of a shape matters then. */
  rpc?: RpcName;
}
export interface Protocols {
  client: 'h1' | 'h1-tls' | 'h2'; server: 'h1' | 'h1-mtls' | 'h2';
  /** Requests are calls of gRPC. */
  grpc: boolean;
  /** Clients speak TLS 1.2. */
  old?: boolean;
}

/**
 * The backend speaks HTTP/1.1 at `backend`, the same with mutual TLS one above, HTTP/2 in plain bytes two above; that
 * of RPC speaks Bolt three and Dubbo four above.
 */
export interface Ports { listener: number; admin: number; backend: number }
export const MTLS_BACKEND = 1;
export const HTTP2_BACKEND = 2;
export const RPC_BACKEND = { bolt: 3, dubbo: 4 };

/** Port numbers that stand in perf/configs/small.yaml. */
const WRITTEN: Ports = { listener: 20100, admin: 20101, backend: 20001 };

const CONNECTION_MANAGER =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const FILE_ACCESS_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

/** Host name of virtual host `index`: what requests of the many-host scenarios carry. */
export const hostName = (index: number): string => `service-${String(index).padStart(5, '0')}.mesh.local`;

/** `count` host names spread evenly over `hosts` virtual hosts. */
export function hostSample(hosts: number, count: number): string[] {
  const used = Math.min(hosts, count);
  return Array.from({ length: used }, (_, index) => hostName(Math.floor(index * hosts / used)));
}

/** Writes the bootstrap of `shape` for these ports and returns the file. `asTcp`: RPC is bytes to the proxy. */
export function writeBootstrap(root: string, folder: string, instance: string, shape: Shape, ports: Ports,
  asTcp = false): string {
  if (shape.rpc !== undefined) {
    const file = join(folder, `${instance}.${shape.name}.json`);
    writeFileSync(file, JSON.stringify(rpcBootstrap(shape.rpc, ports, asTcp), null, 1));
    return file;
  }
  if (shape.protocols !== undefined) {
    const file = join(folder, `${instance}.${shape.name}.json`);
    writeFileSync(file, JSON.stringify(protocolBootstrap(shape.protocols, ports, certificatesIn(folder)), null, 1));
    return file;
  }
  if (shape.hosts === 0 && !shape.accessLog && shape.filter === undefined) {
    const text = readFileSync(join(root, 'perf/configs/small.yaml'), 'utf8')
      .replaceAll(`port_value: ${WRITTEN.listener} `, `port_value: ${ports.listener} `)
      .replaceAll(`port_value: ${WRITTEN.admin} `, `port_value: ${ports.admin} `)
      .replaceAll(`port_value: ${WRITTEN.backend} `, `port_value: ${ports.backend} `);
    const file = join(folder, `${instance}.${shape.name}.yaml`);
    writeFileSync(file, text);
    return file;
  }
  const file = join(folder, `${instance}.${shape.name}.json`);
  if (shape.filter !== undefined) {
    writeFileSync(file, JSON.stringify(filterBootstrap(shape, ports), null, 1));
    return file;
  }
  writeFileSync(file, JSON.stringify(meshBootstrap(shape, ports, accessLogFile(folder, instance)), null, 1));
  return file;
}

export const accessLogFile = (folder: string, instance: string): string => join(folder, `${instance}.access.log`);

const socketAddress = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** The small proxy with a filter of the shape. */
function filterBootstrap({ filter, perRoute }: Shape, ports: Ports): object {
  const route = { match: { prefix: '/' }, route: { cluster: 'backend' },
    ...(perRoute === undefined || Object.keys(perRoute).length === 0 ? {} : { typed_per_filter_config: perRoute }) };
  const manager = { '@type': CONNECTION_MANAGER, stat_prefix: 'small',
    route_config: { name: 'small', virtual_hosts: [{ name: 'backend', domains: ['*'], routes: [route] }] },
    http_filters: [...(filter ? [filter] : []),
      { name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER } }] };
  return {
    admin: { address: socketAddress(ports.admin) },
    static_resources: {
      listeners: [{ name: 'small', address: socketAddress(ports.listener), filter_chains: [{ filters: [
        { name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }] }],
      clusters: [{ name: 'backend', type: 'STATIC', connect_timeout: '1s', load_assignment: { cluster_name: 'backend',
        endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(ports.backend) } }] }] } }],
    },
  };
}

/** The small proxy, with other protocols on either side. */
function protocolBootstrap({ client, server }: Protocols, ports: Ports, certificates: Certificates): object {
  const tls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
  const pair = { certificate_chain: { filename: certificates.cert }, private_key: { filename: certificates.key } };
  const manager = { '@type': CONNECTION_MANAGER, stat_prefix: 'small', codec_type: 'AUTO',
    // openssl s_time asks so.
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'backend' },
    route_config: { name: 'small', virtual_hosts: [{ name: 'backend', domains: ['*'],
      routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }] }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER } }] };
  const chain = { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
    ...(client === 'h1-tls' && { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: {
      '@type': `${tls}DownstreamTlsContext`, common_tls_context: { tls_certificates: [pair] } } } }) };
  const backend = ports.backend + (server === 'h1-mtls' ? MTLS_BACKEND : server === 'h2' ? HTTP2_BACKEND : 0);
  const cluster = { name: 'backend', type: 'STATIC', connect_timeout: '1s', load_assignment: {
    cluster_name: 'backend', endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(backend) } }] }] },
    ...(server === 'h1-mtls' && { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: {
      '@type': `${tls}UpstreamTlsContext`, sni: 'localhost', common_tls_context: {
        tls_params: { tls_maximum_protocol_version: 'TLSv1_3' }, tls_certificates: [pair],
        validation_context: { trusted_ca: { filename: certificates.root } } } } } }),
    ...(server === 'h2' && { typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} } } } }) };
  return { admin: { address: socketAddress(ports.admin) }, static_resources: {
    listeners: [{ name: 'small', address: socketAddress(ports.listener), filter_chains: [chain] }],
    clusters: [cluster] } };
}

function meshBootstrap(shape: Shape, ports: Ports, logFile: string): object {
  const names = Array.from({ length: shape.hosts }, (_, index) => hostName(index));
  const accessLog = { name: 'envoy.access_loggers.file', typed_config: { '@type': FILE_ACCESS_LOG, path: logFile } };
  const manager = {
    '@type': CONNECTION_MANAGER,
    stat_prefix: 'mesh',
    ...(shape.accessLog ? { access_log: [accessLog] } : {}),
    route_config: {
      name: 'mesh',
      virtual_hosts: names.map((name) => ({
        name, domains: [name], routes: [{ match: { prefix: '/' }, route: { cluster: name } }],
      })),
    },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER } }],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return {
    admin: { address: socketAddress(ports.admin) },
    static_resources: {
      listeners: [{ name: 'mesh', address: socketAddress(ports.listener), filter_chains: [{ filters: [filter] }] }],
      clusters: names.map((name) => ({
        name, type: 'STATIC', connect_timeout: '1s',
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(ports.backend) } }] }],
        },
      })),
    },
  };
}
