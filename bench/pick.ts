// Choosing an endpoint, by balancer and by number of endpoints, on the process-wide counts in shared memory.
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

function endpoints(count: number, weighted: boolean): Endpoint[] {
  const engine = benchEngine();
  const cluster = new ClusterRuntime(engine, 0);
  return Array.from({ length: count }, (_, index) => {
    const address: EndpointConfig['address'] =
      { kind: 'ip', host: `10.0.${index >> 8}.${index & 255}`, port: 8080, ipv4Compat: false };
    const endpoint = new Endpoint(engine, cluster, address, index);
    endpoint.update({ address, hostname: '', weight: weighted ? 1 + index % 5 : 1, priority: 0, health: 'healthy',
      localityWeight: 0, locality: null, metadata: null, logicalName: '', additionalAddresses: [], state: index });
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
    hashing: table === null ? null : { table, byName: false, boundPercent: 0 },
    clientWeights: null, subsets: null, overrideHost: null,
    peakEwma: lbPolicy === 'peakEwma' ? { decayMs: 10_000, penalty: 1_000_000 } : null };
}

const picking = (lbPolicy: Policy, weighted: boolean, count: number) => bench({
  name: `${lbPolicy}${weighted ? ', weighted' : ''}, ${count.toLocaleString('en')} endpoints`,
  setup: () => {
    const engine = benchEngine();
    // all that a picker reads
    const config = { lbPolicy, leastRequestChoiceCount: 2, balancing: balancingOf(lbPolicy) } as ClusterConfig;
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

export const benches = [10, 1000].flatMap((count) => [
  picking('roundRobin', false, count),
  picking('roundRobin', true, count),
  picking('random', false, count),
  picking('leastRequest', false, count),
  picking('leastRequest', true, count),
  picking('peakEwma', false, count),
  picking('ringHash', false, count),
  picking('maglev', false, count),
]);
