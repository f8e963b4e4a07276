// Choosing an endpoint, by balancer and by number of endpoints, on the process-wide counts in shared memory.
import { Criteria, matchOf } from '../src/config/metadata-match.js';
import type { Balancing, ClusterConfig, Endpoint as EndpointConfig } from '../src/config/types.js';
import { EndpointState } from '../src/core/memory-map.js';
import { createPicker } from '../src/workers/balancing/picker.js';
import { Stream } from '../src/workers/proxy/stream.js';
import { ClusterRuntime } from '../src/workers/upstream/cluster.js';
import { Endpoint } from '../src/workers/upstream/endpoint.js';
import { bench } from './bench.js';
import { benchEngine } from './engine.js';

const request = new Stream();
request.hasHash = true;

type Policy = ClusterConfig['lbPolicy'];

const shard = new Criteria(matchOf({ shard: 's7' }));
const SUBSETS = 20;
const subsets: Balancing['subsets'] = { fallback: 'none', defaultSubset: { keys: [], values: [] },
  selectors: [
  { keys: ['shard'], fallback: 'undefined', fallbackKeys: [], singleHost: false },
  { keys: ['shard', 'version'], fallback: 'undefined', fallbackKeys: [], singleHost: false },
], localityWeightAware: false, scaleLocalityWeight: false, panicModeAny: false, listAsAny: false,
allowRedundantKeys: false, fallbackList: false };

function endpoints(count: number, weighted: boolean): Endpoint[] {
  const engine = benchEngine();
  const cluster = new ClusterRuntime(engine, 0);
  return Array.from({ length: count }, (_, index) => {
    const address: EndpointConfig['address'] =
      { kind: 'ip', host: `10.0.${index >> 8}.${index & 255}`, port: 8080, ipv4Compat: false };
    const endpoint = new Endpoint(engine, cluster, address, index);
    endpoint.update({ address, hostname: '', weight: weighted ? 1 + index % 5 : 1, priority: 0, health: 'healthy',
      localityWeight: 0, locality: null, metadata: { shard: `s${index % SUBSETS}`, version: `v${index % 3}` },
      logicalName: '', additionalAddresses: [], state: index });
    engine.i32[endpoint.state] = (index * 7) % 13;         // requests in progress
    return endpoint;
  });
}

function balancingOf(lbPolicy: Policy): Balancing {
  const ring = { kind: 'ring', minimumSize: 1024, maximumSize: 1 << 20, murmur: false } as const;
  const maglev = { kind: 'maglev', size: 65_537 } as const;
  const table = lbPolicy === 'ringHash' ? ring : lbPolicy === 'maglev' ? maglev : null;
  return { healthyPanicPercent: 50, localityWeighted: false, closeOnChange: false,
    zoneAware: { routingPercent: 100, minClusterSize: 6, failTrafficOnPanic: false }, slowStart: null,
    activeRequestBias: null, fullScan: false,
    hashing: table === null ? null : { table, byName: false, boundPercent: 0, policies: [] },
    clientWeights: null, subsets: null, overrideHost: null,
    peakEwma: lbPolicy === 'peakEwma' ? { decayMs: 10_000, penalty: 1_000_000 } : null };
}

const named = (lbPolicy: Policy, weighted: boolean, count: number): string =>
  `${lbPolicy}${weighted ? ', weighted' : ''}, ${count.toLocaleString('en')} endpoints`;

/** All that a picker reads. */
const configOf = (lbPolicy: Policy): ClusterConfig =>
  ({ lbPolicy, leastRequestChoiceCount: 2, balancing: balancingOf(lbPolicy) }) as ClusterConfig;

const picking = (lbPolicy: Policy, weighted: boolean, count: number) => bench({
  name: named(lbPolicy, weighted, count),
  setup: () => {
    const engine = benchEngine();
    const config = configOf(lbPolicy);
    const list = endpoints(count, weighted);
    list.forEach((endpoint, index) => { engine.f32[endpoint.state + EndpointState.latency] = 1 + index % 7; });
    return createPicker(engine, config, [list], null)!;
  },
  run: (picker, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) {
      request.hashHigh = turn * 0x9e3779b1 | 0;
      sum += picker.pick(request)!.weight;
    }
    return sum;
  },
});

/** What each worker pays at its first pick after a change of the endpoints or of their health. */
const making = (lbPolicy: Policy, weighted: boolean, count: number, divided = false) => bench({
  name: `a picker anew: ${named(lbPolicy, weighted, count)}${divided ? ', in subsets' : ''}`,
  setup: () => {
    const config = configOf(lbPolicy);
    if (divided) config.balancing.subsets = subsets;
    request.metadataMatch = divided ? shard : null;
    return { engine: benchEngine(), config, levels: [endpoints(count, weighted)] };
  },
  run: ({ engine, config, levels }, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++)
      sum += createPicker(engine, config, levels, null)!.pick(request)!.weight;
    return sum;
  },
});

export const benches = [...[10, 1000].flatMap((count) => [
  picking('roundRobin', false, count),
  picking('roundRobin', true, count),
  picking('random', false, count),
  picking('leastRequest', false, count),
  picking('leastRequest', true, count),
  picking('peakEwma', false, count),
  picking('ringHash', false, count),
  picking('maglev', false, count),
]), ...[1000, 10_000].flatMap((count) => [
  making('roundRobin', false, count),
  making('roundRobin', true, count),
  making('ringHash', false, count),
  making('maglev', false, count),
  making('roundRobin', false, count, true),
])];
