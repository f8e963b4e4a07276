// An admin server over a process that does not exist: a real configuration store and statistics, everything else
// recorded.
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AdminBackend, DrainRequest, EndpointInForce, ServerState } from '../../src/admin/backend.js';
import { AdminServer } from '../../src/admin/server.js';
import type { AdminServerOptions } from '../../src/admin/server.js';
import type { Form } from '../../src/config/form.js';
import type { ClusterConfig, ListenerConfig } from '../../src/config/types.js';
import { Log, LogSink } from '../../src/core/log.js';
import type { LogLevel } from '../../src/core/log.js';
import { memoryMap } from '../../src/core/memory-map.js';
import { RuntimeLayers } from '../../src/dispatcher/runtime-layers.js';
import { Statistics } from '../../src/telemetry/statistics.js';
import type { CertificatesOfContext } from '../../src/config/certificates.js';
import { ConfigStore, ResourceRecord, configForms, resourceTypeUrls } from '../../src/xds/store.js';
import type { ResourceKind } from '../../src/xds/store.js';

export const map = memoryMap(160, 2);
const breakers = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3,
  retryBudget: null };

export class FakeBackend implements AdminBackend {
  readonly store = new ConfigStore();
  readonly memory = new SharedArrayBuffer(map.perWorker + 2 * map.perWorkerBytes);
  readonly statistics = new Statistics(this.memory, map);
  readonly version = '0/0.1.0/Clean/RELEASE/OpenSSL';
  readonly workers = 2;
  readonly restart = { epoch: 0, version: 'weft.1', parentConnections: () => 0 };
  readonly runtime = new RuntimeLayers({ layers: [{ name: 'base', kind: 'static', entries: [] },
    { name: 'admin', kind: 'admin' }], serviceCluster: '', onChange: () => undefined,
    log: new Log(new LogSink('off'), 'runtime') });
  readonly bootstrapLoadedMs = Date.UTC(2026, 0, 2);
  readonly did: string[] = [];
  readonly levels = new Map<string, LogLevel>([
    ['main', 'info'],
    ['http', 'info'],
  ]);
  current: ServerState = 'LIVE';
  bootstrap: object = { node: { id: 'n1' }, admin: {} };
  hosts = new Map<string, EndpointInForce[]>();
  slots = new Map<string, number>();
  readonly log = {
    level: 'info' as LogLevel,
    components: () => [...this.levels.keys()],
    levelOf: (name: string) => this.levels.get(name)!,
    setLevel: (name: string, level: LogLevel) => {
      this.levels.set(name, level);
    },
    setAllLevels: (level: LogLevel) => {
      for (const name of this.levels.keys()) this.levels.set(name, level);
    },
  };
  state() {
    return this.current;
  }
  uptimeMs() {
    return 65_000;
  }
  bootstrapJson() {
    return JSON.stringify(this.bootstrap);
  }
  commandLineOptions() {
    return { concurrency: 2, config_path: 'x.yaml' };
  }
  node() {
    return { id: 'n1', cluster: 'c1' };
  }
  inUse: CertificatesOfContext[] = [];
  certificates() {
    return this.inUse;
  }
  daysUntilFirstCertificateExpires() {
    return this.inUse.length === 0 ? null : 3;
  }
  listenerAddresses(name: string) {
    return this.store.listeners.get(name)?.config.addresses ?? [];
  }
  clusterSlot(name: string) {
    return this.slots.get(name) ?? -1;
  }
  endpoints(cluster: string) {
    return this.hosts.get(cluster) ?? [];
  }
  drain(request: DrainRequest) {
    this.did.push(`drain ${JSON.stringify(request)}`);
  }
  quit() {
    this.did.push('quit');
  }
  failHealthChecks(fail: boolean) {
    this.did.push(`fail ${fail}`);
  }
  reopenLogs() {
    this.did.push('reopen');
  }
  async cpuProfile(worker: number, start: boolean) {
    this.did.push(`profile ${worker} ${start}`);
    if (worker === 1 && start) throw new Error('worker is starting');
    return start ? null : '{"nodes":[]}';
  }
  async describe(worker: number) {
    return `{"pools":${worker}}`;
  }

  add(
    kind: ResourceKind,
    name: string,
    config: object,
    wire: object,
    origin: 'static' | 'dynamic' = 'static',
    owner: string | null = null,
  ) {
    this.store.apply([
      {
        kind,
        name,
        record: new ResourceRecord(kind, {
          name,
          origin,
          owner,
          configJson: (configForms[kind] as Form<object>).text(config),
          wireJson: JSON.stringify({ '@type': resourceTypeUrls[kind], ...wire }),
          hash: JSON.stringify(wire),
          versionInfo: origin === 'dynamic' ? 'v1' : '',
          lastUpdatedMs: Date.UTC(2026, 0, 3),
        }),
      },
    ]);
  }
  addCluster(
    name: string,
    slot: number,
    endpoints: Partial<EndpointInForce>[] = [],
    origin: 'static' | 'dynamic' = 'static',
    more: Partial<ClusterConfig> = {},
  ) {
    const config = {
      ...configForms.cluster.usual,
      name,
      altStatName: name,
      circuitBreakers: { default: breakers, high: breakers },
      ...more,
    } as ClusterConfig;
    this.slots.set(name, slot);
    this.hosts.set(
      name,
      endpoints.map((endpoint) => ({
        address: { kind: 'ip', host: '127.0.0.1', port: 80, ipv4Compat: false },
        hostname: '',
        weight: 1,
        priority: 0,
        health: 'unknown',
        locality: { region: '', zone: '', subZone: '' },
        localityWeight: 0,
        metadata: null,
        state: -1,
        ...endpoint,
      })),
    );
    this.add('cluster', name, config, { name, type: 'STATIC' }, origin);
  }
  addListener(name: string, port: number, prefix: string, origin: 'static' | 'dynamic' = 'static') {
    const config = {
      name,
      statName: `127.0.0.1_${port}`,
      addresses: [{ kind: 'ip', host: '127.0.0.1', port, ipv4Compat: false }],
      filterChains: [{ hcm: { statPrefix: prefix } }],
      defaultFilterChain: null,
    } as unknown as ListenerConfig;
    this.add('listener', name, config, { name }, origin);
    this.statistics.listenerScope(config.statName);
    this.statistics.httpScope(prefix);
  }
  /** Counts in a cell of one worker's region, as a worker would. */
  count(worker: number, scope: number, cell: number, value: number) {
    const cells = new Float64Array(this.memory);
    cells[((map.perWorker + worker * map.perWorkerBytes + 1024 * 1024 + scope) >> 3) + cell] += value;
  }
}

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export async function startAdmin(backend: FakeBackend, port: number, options: Partial<AdminServerOptions> = {}) {
  const server = new AdminServer({
    address: { kind: 'ip', host: '127.0.0.1', port, ipv4Compat: false },
    backend,
    memory: backend.memory,
    map,
    addressPath: null,
    profileDirectory: '/tmp',
    ...options,
  });
  await server.listen();
  return server;
}

export function ask(port: number, path: string, method = 'GET'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts).toString() }),
      );
    })
      .on('error', reject)
      .end();
  });
}
