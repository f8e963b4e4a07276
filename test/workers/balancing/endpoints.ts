// Endpoints for tests of balancers, on the shared states of a simulated world.
import type { AssignmentBlob } from '../../../src/config/snapshot/layout.js';
import { ClusterState, EndpointState } from '../../../src/core/memory-map.js';
import { Stream } from '../../../src/workers/proxy/stream.js';
import type { Picker } from '../../../src/workers/balancing/picker.js';
import { ClusterRuntime } from '../../../src/workers/upstream/cluster.js';
import { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { World } from '../../sim/world.js';

export const world = new World(3);
const runtime = new ClusterRuntime(world.engine, 0);
export const request = new Stream();
let states = 0;

export function endpoint(change: Partial<AssignmentBlob['endpoints'][number]> = {}): Endpoint {
  const state = states++;
  const address = { kind: 'ip' as const, host: '10.0.0.1', port: state + 1, ipv4Compat: false };
  const made = new Endpoint(world.engine, runtime, change.address ?? address, state);
  made.update({ address, hostname: '', weight: 1, priority: 0, health: 'healthy', localityWeight: 0, locality: null,
    metadata: null, logicalName: '', additionalAddresses: [], state, ...change });
  return made;
}

export const endpoints = (...weights: number[]): Endpoint[] => weights.map((weight) => endpoint({ weight }));

type Health = AssignmentBlob['endpoints'][0]['health'];
export const inLocality = (zone: string, localityWeight: number, ...healths: Health[]): Endpoint[] =>
  healths.map((health) => endpoint({ health, localityWeight, locality: { region: 'r', zone, subZone: '' } }));

/** What health checks would write. */
export function setFlags(of: Endpoint, flags: number): void {
  world.engine.i32[of.state + EndpointState.healthFlags] = flags;
  const { map } = world.engine;
  Atomics.add(world.engine.i32, (map.clusterStates >> 2) + ClusterState.healthVersion, 1);
}

/** How often each was picked. */
export function counts(picker: Picker, list: readonly Endpoint[], picks: number): number[] {
  const result = list.map(() => 0);
  for (let n = 0; n < picks; n++) {
    const picked = picker.pick(request);
    if (picked !== null) result[list.indexOf(picked)]++;
  }
  return result;
}
