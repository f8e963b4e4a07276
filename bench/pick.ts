// Choosing an endpoint, by balancer and by number of endpoints, on the process-wide counts in shared memory.
import type { ClusterConfig, Endpoint as EndpointConfig } from '../src/config/types.js';
import { createPicker } from '../src/workers/balancing/picker.js';
import { Stream } from '../src/workers/proxy/stream.js';
import { ClusterRuntime } from '../src/workers/upstream/cluster.js';
import { Endpoint } from '../src/workers/upstream/endpoint.js';
import { bench } from './bench.js';
import { benchEngine } from './engine.js';

const request = new Stream();

type Policy = ClusterConfig['lbPolicy'];

function endpoints(count: number, weighted: boolean): Endpoint[] {
  const engine = benchEngine();
  const cluster = new ClusterRuntime(engine, 0);
  return Array.from({ length: count }, (_, index) => {
    const address: EndpointConfig['address'] =
      { kind: 'ip', host: `10.0.${index >> 8}.${index & 255}`, port: 8080, ipv4Compat: false };
    const endpoint = new Endpoint(engine, cluster, address, index);
    endpoint.update({ address, hostname: '', weight: weighted ? 1 + index % 5 : 1, priority: 0, health: 'healthy',
      localityWeight: 0, locality: null, state: index });
    engine.i32[endpoint.state] = (index * 7) % 13;         // requests in progress
    return endpoint;
  });
}

const picking = (lbPolicy: Policy, weighted: boolean, count: number) => bench({
  name: `${lbPolicy}${weighted ? ', weighted' : ''}, ${count.toLocaleString('en')} endpoints`,
  setup: () => {
    const engine = benchEngine();
    const config = { lbPolicy, leastRequestChoiceCount: 2,                 // all that a picker reads
      balancing: { healthyPanicPercent: 50, localityWeighted: false, hashing: null, slowStart: null,
    activeRequestBias: null, fullScan: false } } as ClusterConfig;
    return createPicker(engine, config, [endpoints(count, weighted)], null)!;
  },
  run: (picker, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) sum += picker.pick(request)!.weight;
    return sum;
  },
});

export const benches = [10, 1000].flatMap((count) => [
  picking('roundRobin', false, count),
  picking('roundRobin', true, count),
  picking('random', false, count),
  picking('leastRequest', false, count),
  picking('leastRequest', true, count),
]);
