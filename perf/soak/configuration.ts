// The soak's configuration, as files that the proxy watches: listeners and clusters by LDS and CDS, routes by RDS,
// endpoints by EDS. Every write is a new file renamed over the old one.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLAIN, STEADY, clusterOf, filtersOf, routeOf } from './features.js';
import { asClient, asServer, secretsOf } from './tls.js';
import type { Authority } from './tls.js';

const TYPE = 'type.googleapis.com/envoy.';
const MANAGER = `${TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`;

export interface SoakPorts {
  admin: number; main: number; turning: number; secure: number; garbage: number; extra: number
}
export interface Upstreams { steady: number[]; secure: number[]; abrupt: number[]; announced: number[] }

/** What changes while the soak runs. Every number is a turn counter or a choice of the chaos. */
export interface SoakState {
  version: number;
  extraClusters: number;         // clusters that come and go, with a virtual host each
  extraListener: boolean;
  turningName: string;           // server_name of the listener that is changed in place
  routeTimeoutSeconds: number;
  connectTimeoutMs: number;
  weights: number[];             // of the steady endpoints
  announced: number[];           // ports of the endpoints that are announced at the moment
}

/** Behind mutual TLS and HTTP/2. */
const SECURE = 'secure';
export const STEADY_CLUSTERS = ['steady-0', 'steady-1', 'steady-2', 'steady-3'];

/** The files that a bad version is written of. */
export type WatchedFile = 'lds.json' | 'cds.json' | 'rds.json' | 'eds-steady-0.json' | 'sds.json';

const endpointFile = (cluster: string): string => `eds-${cluster}.json`;
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

export class SoakConfiguration {
  constructor(private readonly folder: string, private readonly ports: SoakPorts,
    private readonly upstreams: Upstreams, private readonly authority: Authority) {}

  /** Writes everything and returns the bootstrap file. */
  writeAll(state: SoakState): string {
    // Always enough endpoints, so that a cluster that comes finds its own.
    for (let index = 0; index < EXTRA_MAX; index++) this.writeAssignment(`extra-${index}`, 1, this.upstreams.steady,
      []);
    for (const write of [this.writeSecrets, this.writeEndpoints, this.writeRoutes, this.writeClusters,
      this.writeListeners]) write.call(this, state);
    const file = join(this.folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify({
      node: { id: 'soak', cluster: 'soak' },
      admin: { address: address(this.ports.admin) },
      dynamic_resources: { lds_config: this.source('lds.json'), cds_config: this.source('cds.json') },
    }, null, 1));
    return file;
  }

  writeListeners(state: SoakState): void {
    this.put('lds.json', 'config.listener.v3.Listener', state.version, this.listeners(state));
  }

  /** Another certificate, for clients and for endpoints, and other roots. */
  writeSecrets(state: SoakState): void {
    this.put('sds.json', 'extensions.transport_sockets.tls.v3.Secret', state.version,
      secretsOf(this.authority, state.version));
  }

  private listeners(state: SoakState): object[] {
    const { ports } = this;
    const listeners = [
      this.listener('main', ports.main, { stat_prefix: 'main', http_filters: filtersOf(STEADY) }),
      this.listener('turning', ports.turning, { stat_prefix: 'turning', server_name: state.turningName,
        http_filters: filtersOf(state.version) }),
      this.listener('secure', ports.secure, { stat_prefix: 'secure' }, asServer(this.source('sds.json'))),
      this.listener('garbage', ports.garbage, { stat_prefix: 'garbage', request_headers_timeout: '3s' }),
    ];
    if (state.extraListener) listeners.push(this.listener('extra', ports.extra, { stat_prefix: 'extra' }));
    return listeners;
  }

  writeRoutes(state: SoakState): void {
    const names = [...STEADY_CLUSTERS, 'abrupt', 'announced', SECURE, ...this.extraNames(state)];
    this.put('rds.json', 'config.route.v3.RouteConfiguration', state.version, [{
      name: 'soak',
      virtual_hosts: names.map((name, index) => ({
        name, domains: [`${name}.local`],
        routes: [{ match: { prefix: '/' }, route: { cluster: name, timeout: `${state.routeTimeoutSeconds}s`,
          ...routeOf(STEADY_CLUSTERS.includes(name), index, state.version) } }],
      })),
    }]);
  }

  writeClusters(state: SoakState): void {
    this.put('cds.json', 'config.cluster.v3.Cluster', state.version, this.clusters(state));
  }

  private clusters(state: SoakState): object[] {
    return [...STEADY_CLUSTERS, 'abrupt', 'announced', SECURE, ...this.extraNames(state)].map((name, index) => ({
      name, type: 'EDS', connect_timeout: `${state.connectTimeoutMs / 1000}s`,
      ...(name !== SECURE && clusterOf(index, state.version)),
      eds_cluster_config: { eds_config: this.source(endpointFile(name)) },
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': `${TYPE}extensions.upstreams.http.v3.HttpProtocolOptions`,
          common_http_protocol_options: { idle_timeout: '3s',
            // So there are handshakes with endpoints all the time.
            ...(name === SECURE && { max_requests_per_connection: 100 }) },
          explicit_http_config: name === SECURE ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        },
      },
      ...(name === SECURE && { transport_socket: asClient(this.source('sds.json')) }),
    }));
  }

  /** One file for each cluster: Envoy takes exactly one assignment from a file. */
  writeEndpoints(state: SoakState): void {
    for (const name of STEADY_CLUSTERS) this.writeAssignment(name, state.version, this.upstreams.steady, state.weights);
    this.writeAssignment(SECURE, state.version, this.upstreams.secure, []);
    this.writeAssignment('abrupt', state.version, this.upstreams.abrupt, []);
    this.writeAssignment('announced', state.version, state.announced, []);
  }

  private writeAssignment(name: string, version: number, ports: readonly number[], weights: readonly number[]): void {
    this.put(endpointFile(name), 'config.endpoint.v3.ClusterLoadAssignment', version, [{
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map((port, index) =>
        ({ endpoint: { address: address(port) }, load_balancing_weight: weights[index] ?? 1 })) }],
    }]);
  }

  /**
   * A file that must be refused: not JSON, or with a resource that cannot be right beside all the good ones. The last
   * good state has to stay in force.
   */
  writeBad(file: WatchedFile, choice: number, state: SoakState): void {
    const brokenListener = { name: 'main', address: { socket_address: { address: 'not an address' } } };
    const brokenRoutes = { name: 'soak', virtual_hosts: [{ name: '', domains: [] }] };
    const wrong: Record<WatchedFile, [string, object[]]> = {
      'lds.json': ['config.listener.v3.Listener', [...this.listeners(state).slice(1), brokenListener]],
      'cds.json': ['config.cluster.v3.Cluster', [...this.clusters(state), { name: '', connect_timeout: '-1s' }]],
      'rds.json': ['config.route.v3.RouteConfiguration', [brokenRoutes]],
      'sds.json': ['extensions.transport_sockets.tls.v3.Secret', [{ name: 'own',
        tls_certificate: { certificate_chain: { inline_string: 'none' }, private_key: { inline_string: 'none' } } }]],
      'eds-steady-0.json': ['config.endpoint.v3.ClusterLoadAssignment', [{ cluster_name: '', endpoints: [] }]],
    };
    if (choice % 2 === 0) this.replace(file, '{"resources": [');
    else this.put(file, wrong[file][0], -1, wrong[file][1]);
  }

  private extraNames(state: SoakState): string[] {
    return Array.from({ length: Math.min(EXTRA_MAX, state.extraClusters) }, (_, index) => `extra-${index}`);
  }

  private source(file: string): object {
    return { path_config_source: { path: join(this.folder, file) }, resource_api_version: 'V3',
      initial_fetch_timeout: '5s' };
  }

  private listener(name: string, port: number, manager: object, transport?: object): object {
    const typed = {
      '@type': MANAGER, http_filters: filtersOf(PLAIN), ...manager,
      rds: { route_config_name: 'soak', config_source: this.source('rds.json') },
    };
    return { name, address: address(port),
      filter_chains: [{ ...(transport !== undefined && { transport_socket: transport }),
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: typed }] }] };
  }

  private put(file: string, type: string, version: number, resources: object[]): void {
    this.replace(file, JSON.stringify({ version_info: String(version),
      resources: resources.map((resource) => ({ '@type': TYPE + type, ...resource })) }));
  }

  private replace(file: string, text: string): void {
    const path = join(this.folder, file);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}

/** How many clusters may come and go. */
export const EXTRA_MAX = 60;
