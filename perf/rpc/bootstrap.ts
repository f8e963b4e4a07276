// Bootstraps of the RPC scenarios: Weft takes calls apart and sends each on by its service, Envoy moves the same bytes.
import { RPC_BACKEND, type Ports } from '../bootstrap.js';
import type { RpcName } from './frames.js';

const WEFT = 'type.googleapis.com/weft.extensions.';
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
/** More calls than any scenario has in progress. */
const CALLS_MAX = 100_000;
/** All connections of a scenario come at once. */
const BACKLOG = 8192;

const socketAddress = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** As Weft takes it: by a route of the protocol's own, or of Envoy's TCP proxy. */
export function rpcBootstrap(protocol: RpcName, ports: Ports, asTcp: boolean): object {
  const backend = socketAddress(ports.backend + RPC_BACKEND[protocol]);
  const spoken = protocol.toUpperCase();
  const filter = asTcp
    ? { name: 'envoy.filters.network.tcp_proxy',
      typed_config: { '@type': TCP_PROXY, stat_prefix: 'rpc', cluster: 'backend' } }
    : { name: 'weft.filters.network.rpc_proxy', typed_config: {
      '@type': `${WEFT}filters.network.rpc_proxy.v1.RpcProxy`, stat_prefix: 'rpc', protocol: spoken,
      route_config: { name: 'rpc', virtual_hosts: [{ name: 'backend', domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }] }] },
      http_filters: [{ name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }] } };
  const options = asTcp ? {} : { typed_extension_protocol_options: {
    'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': {
      '@type': `${WEFT}upstreams.rpc.v1.RpcProtocolOptions`, protocol: spoken } } };
  return {
    admin: { address: socketAddress(ports.admin) },
    static_resources: {
      listeners: [{ name: 'rpc', address: socketAddress(ports.listener), tcp_backlog_size: BACKLOG,
        filter_chains: [{ filters: [filter] }] }],
      clusters: [{ name: 'backend', type: 'STATIC', connect_timeout: '1s', load_assignment: { cluster_name: 'backend',
        endpoints: [{ lb_endpoints: [{ endpoint: { address: backend } }] }] },
      circuit_breakers: { thresholds: [{ max_connections: CALLS_MAX, max_requests: CALLS_MAX,
        max_pending_requests: CALLS_MAX }] }, ...options }],
    },
  };
}
