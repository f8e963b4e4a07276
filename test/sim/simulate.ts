// One seeded run, start to end: builds a world, lets the planned peers loose on it, changes its configuration
// meanwhile, and then asks whether every request had exactly one outcome, every body arrived whole, every count
// adds up and nothing is held any more.
import { endpointKey } from '../../src/config/snapshot/encode.js';
import { ClusterState, EndpointState, HealthFlag } from '../../src/core/memory-map.js';
import type { SnapshotChange } from '../../src/config/snapshot/changes.js';
import type { EndpointAssignment, ForwardAction, RouteConfig } from '../../src/config/types.js';
import { limits } from '../../src/core/limits.js';
import { SimNetwork } from '../../src/workers/reactor/sim-network.js';
import { assignment, cluster, httpChain, listener, routes } from '../config/snapshot/fixtures.js';
import { Client, UpstreamPeer } from './peers.js';
import type { Deliveries } from './peers.js';
import { mustBeServed, planOf } from './plan.js';
import type { Plan, RequestPlan } from './plan.js';
import { addressText, World } from './world.js';

const CLUSTERS = 2;
const RETRIES = 3;
const FORMAT = '%REQ(X-ID)% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_SENT% %RESPONSE_CODE_DETAILS%\n';
const FORMAT_HEADS =
  '%REQ(X-ID)% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_SENT% %RESPONSE_CODE_DETAILS% %RESP(X-ID)%\n';

export interface Result {
  faults: string[];
  requests: number;
  served: number;
  plan: Plan;
}

export function simulate(seed: number): Result {
  const dice = new SimNetwork(seed * 7919 + 17);
  const plan = planOf(seed, dice);
  const world = new World(seed, plan);
  const requests = new Map<number, RequestPlan>();
  for (const client of plan.clients) for (const request of client.requests) requests.set(request.id, request);
  const mayBeFooled = [...requests.values()].some(({ act }) => act === 'too much');
  const deliveries: Deliveries = { heads: new Map(), tunnels: new Map(), moved: new Set(), mayBeFooled, faults: [] };
  serve(world, plan, requests, deliveries);
  world.configure(configuration(plan, 0, plan.endpoints));
  world.listen('main');
  const clients: Client[] = [];
  for (const client of plan.clients) {
    world.network.after(client.arriveMs, () => {
      clients.push(new Client(world.network, world.arrive('main'), client, mayBeFooled));
    });
  }
  scheduleChanges(world, plan, dice);
  const faults: string[] = [];
  // Long enough for every timeout of the configuration, one after the other.
  if (!world.run(120_000, () => clients.length === plan.clients.length && clients.every(({ done }) => done))) {
    faults.push(`${clients.filter(({ done }) => !done).length} clients wait for ever`);
  }
  world.run(30_000); // idle and lingering connections go
  world.reclaim();
  faults.push(...judge(world, plan, clients, deliveries), ...world.leaks());
  return {
    faults,
    requests: requests.size,
    served: clients.flatMap(({ outcomes }) => outcomes).filter(({ kind }) => kind === 'served').length,
    plan,
  };
}

function serve(world: World, plan: Plan, requests: ReadonlyMap<number, RequestPlan>, deliveries: Deliveries): void {
  for (let n = 0; n < CLUSTERS; n++) {
    for (let port = 1; port <= 4; port++) {
      world.network.serve(addressText('127.0.0.1', 100 * n + port), (peer) => {
        void new UpstreamPeer(world.network, peer, requests, deliveries, plan.redirects);
      });
    }
  }
  void plan;
}

function configuration(plan: Plan, version: number, endpoints: number): SnapshotChange[] {
  const tiny = { maxConnections: 2, maxPendingRequests: 2, maxRequests: 3, maxRetries: 3, retryBudget: null,
    trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 };
  const ample = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3, retryBudget: null,
    trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 };
  const thresholds = plan.smallBreakers ? tiny : ample;
  const changes: SnapshotChange[] = [];
  for (let n = 0; n < CLUSTERS; n++) {
    const name = `cluster${n}`;
    changes.push({
      kind: 'cluster',
      name,
      value: cluster(name, {
        lbPolicy: plan.lbPolicy,
        balancing: plan.balancing,
        connectTimeoutMs: 1000,
        idleTimeoutMs: 2000,
        circuitBreakers: { default: thresholds, high: thresholds },
      }),
    });
    changes.push({
      kind: 'assignment',
      name,
      value: assigned(plan, name, Array.from({ length: endpoints }, (_, i) => 100 * n + 1 + ((i + version) % 4))),
    });
  }
  changes.push({ kind: 'route', name: 'routes', value: routeConfig(plan, version) });
  changes.push({ kind: 'listener', name: 'main', value: listenerConfig(plan, 0) });
  return changes;
}

function assigned(plan: Plan, name: string, ports: readonly number[]): EndpointAssignment {
  const value = assignment(name, ...ports);
  if (!plan.priorities) return value;
  return { ...value, endpoints: value.endpoints.map((endpoint, i) => ({ ...endpoint, priority: i % 2, weight: 1 + i,
    localityWeight: i, locality: { region: '', zone: `z${i}`, subZone: '' } })) };
}

/** What health checks and outlier detection would write. */
function changeHealth(world: World, plan: Plan, dice: SimNetwork): void {
  const { publisher, engine: { i32, map } } = world;
  const n = dice.integer(0, CLUSTERS - 1);
  const cluster = publisher.clusterSlots.slotOf(`cluster${n}`);
  const state = publisher.endpointSlots.slotOf(endpointKey(`cluster${n}`, { logicalName: '', address: { kind: 'ip',
    host: '127.0.0.1', port: 100 * n + dice.integer(1, 4), ipv4Compat: false } }));
  if (cluster < 0 || state < 0) return;
  i32[((map.endpointStates + state * EndpointState.bytes) >> 2) + EndpointState.healthFlags] = dice.integer(0, 15)
    // Tables have no degraded endpoints, as in Envoy.
    & ~(plan.balancing.hashing === null ? 0 : HealthFlag.degradedActive);
  i32[((map.clusterStates + cluster * ClusterState.bytes) >> 2) + ClusterState.healthVersion]++;
}

function routeConfig(plan: Plan, version: number): RouteConfig {
  const config = routes('routes', 'cluster0');
  const base = config.virtualHosts[0]!;
  config.virtualHosts = Array.from({ length: CLUSTERS }, (_, n) => {
    const action = base.routes[0]!.action;
    if (action.kind !== 'forward') throw new Error('a forwarding route was expected');
    return {
      ...base,
      name: `v${n}`,
      domains: [`c${n}.test`],
      routes: [
        {
          ...base.routes[0]!,
          name: `route${version}`,
          action: { ...action, timeoutMs: 20_000, clusters: [{ ...action.clusters[0]!, cluster: `cluster${n}` }],
            hashPolicies: [{ kind: 'header', name: 'x-id', rewrite: null, terminal: false }],
            ...attemptsOf(plan, n) },
        },
      ],
    };
  });
  if (plan.mutates) {
    config.requestHeaders = {
      add: [
        {
          name: 'x-version', spelling: 'x-version',
          value: `v${version} %REQ(x-id)% %DOWNSTREAM_REMOTE_ADDRESS%`,
          action: 'overwrite',
          keepEmptyValue: false,
        },
      ],
      remove: [],
    };
    config.responseHeaders = {
      add: [{ name: 'x-from', spelling: 'x-from', value: '%UPSTREAM_HOST% %RESP(x-id)%',
        action: 'append', keepEmptyValue: false }],
      remove: ['server'],
    };
  }
  return config;
}

/** Retries of everything, of which some are hedged; half of the requests go to the other cluster as well. */
function attemptsOf(plan: Plan, n: number): Pick<ForwardAction, 'retryPolicy' | 'hedgesOnTimeout'
  | 'mirrors' | 'internalRedirects'> {
  const gentle = plan.profile === 'calm' || plan.profile === 'stale' || plan.profile === 'tunnels';
  return {
    retryPolicy: plan.retries ? { retryOn: gentle ? 'connect-failure' : '5xx,reset,connect-failure', retries: RETRIES,
      perTryTimeoutMs: plan.hedges ? 60 : 3000, perTryIdleTimeoutMs: gentle || plan.hedges ? 0 : 2000,
        backOffBaseMs: 10, backOffMaxMs: 40, resetHeaders: [],
      resetMaxMs: 1000, retriableStatusCodes: [], retriableHeaders: [], retriableRequestHeaders: [],
      avoidPreviousHosts: true, avoidCanaries: false, avoidMetadata: [], prioritiesEvery: plan.priorities ? 1 : 0,
      hostSelectionAttempts: 2 } : null,
    hedgesOnTimeout: plan.hedges,
    internalRedirects: plan.redirects ? { most: 1, codes: [302], predicates: [], allowCrossScheme: false,
      copyHeaders: ['x-moved'] } : null,
    mirrors: plan.mirrors ? [{ cluster: `cluster${1 - n}`, clusterHeader: null, hostSuffix: true, hostRewrite: null,
      headers: [], fraction: { numerator: 50, denominator: 100, runtimeKey: '' } }] : [],
  };
}

function listenerConfig(plan: Plan, version: number) {
  return listener('main', 10_000, {
    filterChains: [
      httpChain({
        statPrefix: 'sim',
        serverName: `weft${version}`,
        acceptHttp10: true,
        idleTimeoutMs: 3000,
        streamIdleTimeoutMs: 15_000,
        requestHeadersTimeoutMs: 10_000,
        delayedCloseTimeoutMs: 1000,
        upgrades: [{ type: 'websocket', enabled: true }],
        enableTrailers: version % 2 === 0,
        accessLogs: [
          {
            sink: { kind: 'stdout' }, filter: null,
            format: { kind: 'text', format: plan.keepsHeads ? FORMAT_HEADS : FORMAT, omitEmptyValues: false },
          },
        ],
      }),
    ],
  });
}

function scheduleChanges(world: World, plan: Plan, dice: SimNetwork): void {
  for (let n = 0; n < plan.healthChanges; n++)
    world.network.after(dice.integer(1, 800), () => { changeHealth(world, plan, dice); });
  const gentle = plan.profile === 'calm' || plan.profile === 'tunnels';
  for (let n = 1; n <= plan.changes; n++) {
    const what = dice.integer(0, gentle ? 1 : 3); // a drain may rightly meet the next request on its way
    world.network.after(dice.integer(1, 800), () => {
      const all = configuration(plan, n, plan.endpoints);
      if (what === 0) world.configure(all.filter(({ kind }) => kind === 'assignment'));
      else if (what === 1) world.configure(all.filter(({ kind }) => kind === 'route'));
      else if (what === 2) {
        world.configure([{ kind: 'listener', name: 'main', value: listenerConfig(plan, n) }]);
        world.listeners.drain(world.publisher.listenerSlot('main'), false, false, 1000);
      } else {
        world.configure([
          { kind: 'cluster', name: 'cluster1', value: null },
          { kind: 'assignment', name: 'cluster1', value: null },
        ]);
        world.network.after(100, () => {
          world.configure(all.filter(({ kind }) => kind === 'cluster' || kind === 'assignment'));
        });
      }
    });
  }
}

function judge(world: World, plan: Plan, clients: readonly Client[], deliveries: Deliveries): string[] {
  const faults = [
    ...world.errors.map((error) => `exception: ${error instanceof Error ? error.stack : String(error)}`),
    ...deliveries.faults,
    ...clients.flatMap((client) => client.faults),
  ];
  const fooled = clients.some(({ plan: { requests } }) => requests.some(({ act }) => act === 'too much'));
  const logged = new Map<string, string[]>();
  for (const line of world.lines) {
    const id = line.split(' ')[0]!;
    if (line.includes(' internal_redirect')) continue;
    logged.set(id, [...(logged.get(id) ?? []), line]);
    if (!/^(\d+|-) \d+ [A-Z,-]+ \d+ \S+( \S+)?\n$/.test(line)) faults.push(`log line ${JSON.stringify(line)}`);
  }
  for (const client of clients) {
    client.plan.requests.forEach((request, index) => {
      const outcome = client.outcomes[index];
      if (outcome === undefined) {
        faults.push(`request ${request.id} had no outcome`);
        return;
      }
      const times = deliveries.heads.get(request.id) ?? 0;
      const attempts = (plan.retries ? 1 + RETRIES : 1) * (plan.redirects ? 2 : 1);
      if (times > (plan.mirrors ? 2 : 0) + attempts * (request.method === 'POST' ? 1 : 1 + limits.staleRetriesMax))
        faults.push(`${request.method} ${request.id} reached an upstream ${times} times`);
      const lines = logged.get(String(request.id)) ?? [];
      if (lines.length > 1) faults.push(`request ${request.id} was logged ${lines.length} times`);
      if (outcome.kind !== 'cut' && plan.keepsHeads && lines.length === 0)
        faults.push(`request ${request.id} was not logged`);
      if (
        outcome.kind === 'served' &&
        !fooled &&
        lines.length === 1 &&
        Number(lines[0]!.split(' ')[1]) !== outcome.status
      )
        faults.push(`request ${request.id} got ${outcome.status}, the log says ${lines[0]}`);
      if (index < client.excusedFrom && mustBeServed(plan, client.plan, request) && outcome.kind !== 'served') {
        faults.push(
          `request ${request.id} (${request.method}, ${request.act}) ${outcome.kind}; log: ${lines.join('')}`,
        );
      }
      if (plan.profile === 'tunnels' && deliveries.tunnels.get(request.id) !== request.requestBytes) {
        faults.push(
          `tunnel ${request.id}: ${deliveries.tunnels.get(request.id)} of ${request.requestBytes} bytes arrived`,
        );
      }
    });
  }
  return [...faults, ...counts(world)];
}

function counts(world: World): string[] {
  const faults: string[] = [];
  const equal = (name: string, value: number, wanted: number) => {
    if (value !== wanted) faults.push(`${name}: ${value}, not ${wanted}`);
  };
  const total = world.http('sim', 'downstream_rq_total');
  equal('log lines', world.lines.length, total);
  equal('downstream_rq_active', world.http('sim', 'downstream_rq_active'), 0);
  equal('downstream_cx_active', world.http('sim', 'downstream_cx_active'), 0);
  equal('downstream_cx_upgrades_active', world.http('sim', 'downstream_cx_upgrades_active'), 0);
  equal('downstream_cx_total', world.http('sim', 'downstream_cx_total'), world.http('sim', 'downstream_cx_destroy'));
  equal('weft_internal_error', world.http('sim', 'weft_internal_error'), 0);
  const answered = world.lines.filter((line) => line.split(' ')[1] !== '0'
    && !line.includes(' internal_redirect')).length;
  equal('downstream_rq_completed', world.http('sim', 'downstream_rq_completed'), answered);
  for (let slot = 0; slot < CLUSTERS; slot++) {
    for (const gauge of ['upstream_rq_active', 'upstream_rq_pending_active', 'upstream_cx_active'] as const)
      equal(`cluster ${slot} ${gauge}`, world.cluster(slot, gauge), 0);
    equal(
      `cluster ${slot} upstream_cx_total`,
      world.cluster(slot, 'upstream_cx_total'),
      world.cluster(slot, 'upstream_cx_destroy'),
    );
  }
  return faults;
}
