// The map of the shared memory: regions in ascending order that touch nobody else's bytes, for every size and number of
// workers that is accepted; a memory that is too small is refused with what would do.
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import {
  ClusterState, Control, DISCOVERED_BYTES, EndpointState, STATICS_BYTES, Shared, defaultMemoryMiB, endpointSharesBytes,
  memoryMap,
  workerArena, workerControl, workerEndpointShares, workerLogRing, workerMailbox, workerStats,
} from '../../src/core/memory-map.js';
import type { MemoryMap } from '../../src/core/memory-map.js';

type Region = readonly [name: string, at: number, bytes: number, aligned: number];

function regions(map: MemoryMap): Region[] {
  const found: Region[] = [
    ['statics', 0, STATICS_BYTES, 64],
    ['control', map.control, Shared.bytes, 64],
  ];
  for (let worker = 0; worker < map.workers; worker++) {
    found.push([`control of worker ${worker}`, workerControl(map, worker), Control.bytes, 64]);
  }
  for (let worker = 0; worker < map.workers; worker++) {
    found.push([`mailbox ${worker}`, workerMailbox(map, worker), limits.dealtRingEntries * 8, 64]);
  }
  found.push(
    ['fd owners', map.fdOwners, limits.fdMax * 2, 64],
    ['cluster scopes', map.clusterScopes, limits.clusterSlotsMax * 4, 64],
    ['cluster states', map.clusterStates, limits.clusterSlotsMax * ClusterState.bytes, 64],
    ['endpoint states', map.endpointStates, limits.endpointStatesMax * EndpointState.bytes, 64],
    ['discovered', map.discovered, limits.discoveredEndpointsMax * DISCOVERED_BYTES, 64],
    ['token buckets', map.tokenBuckets, map.tokenBucketsBytes, 64],
    ['snapshot heap', map.snapshot, map.snapshotBytes, 64],
  );
  for (let worker = 0; worker < map.workers; worker++) {
    found.push(
      [`log ring ${worker}`, workerLogRing(map, worker), limits.logRingBytes, 65536],
      [`statistics ${worker}`, workerStats(map, worker), map.statsBytes, 65536],
      [`arena ${worker}`, workerArena(map, worker), map.arenaBytes, 65536],
    );
  }
  return found;
}

/** What is wrong with the regions, as text; empty = they ascend, are disjoint, aligned, and end within the memory. */
function faults(map: MemoryMap): string[] {
  const wrong: string[] = [];
  let end = 0;
  let previous = 'the start';
  for (const [name, at, bytes, aligned] of regions(map)) {
    if (at < end) wrong.push(`${name} at ${at} begins before ${previous} ends at ${end}`);
    if (at % aligned !== 0) wrong.push(`${name} at ${at} is not ${aligned}-aligned`);
    if (bytes <= 0) wrong.push(`${name} has ${bytes} bytes`);
    end = at + bytes;
    previous = name;
  }
  if (end > map.bytes) wrong.push(`${previous} ends at ${end}, beyond ${map.bytes}`);
  return wrong;
}

const sizes = [limits.memoryMiBMin, 96, 128, 200, 256, 333, 512, 777, 1024, 1500, limits.memoryMiBMax];
const counts = [1, 2, 3, 4, 7, 8, 16, 31, 64, limits.workersMax];
const TOO_SMALL = /^--memory-mib \d+ is too small for \d+ workers: at least (\d+) is needed$/;

t.test('regions ascend, are disjoint and aligned, and lie within the memory', async (t) => {
  let accepted = 0;
  for (const memoryMiB of sizes) {
    for (const workers of counts) {
      let map: MemoryMap;
      try {
        map = memoryMap(memoryMiB, workers);
      } catch (error) {
        t.match((error as Error).message, TOO_SMALL, `${memoryMiB} MiB, ${workers} workers`);
        continue;
      }
      accepted++;
      t.same(faults(map), [], `${memoryMiB} MiB, ${workers} workers`);
      t.match(map, { bytes: memoryMiB * 1024 * 1024, workers });
    }
  }
  t.ok(accepted > 40, `${accepted} combinations were accepted`);
});

t.test("a worker's endpoint shares lie in its own arena", async (t) => {
  for (const [memoryMiB, workers] of [[defaultMemoryMiB(1), 1], [defaultMemoryMiB(8), 8], [1024, 16]] as const) {
    const map = memoryMap(memoryMiB, workers);
    for (let worker = 0; worker < workers; worker++) {
      const at = workerEndpointShares(map, worker);
      const arena = workerArena(map, worker);
      t.equal(at % 4096, 0, 'on a page of its own');
      t.ok(at >= arena && at + endpointSharesBytes <= arena + map.arenaBytes, `worker ${worker} of ${workers}`);
    }
  }
});

t.test('main and workers compute the same map', async (t) => {
  t.same(memoryMap(512, 4), memoryMap(512, 4));
});

t.test('what is too small is refused with what would do', async (t) => {
  t.throws(() => memoryMap(limits.memoryMiBMin, 8), { message: TOO_SMALL });
  t.throws(() => memoryMap(256, limits.workersMax), { message: TOO_SMALL });
  t.doesNotThrow(() => memoryMap(limits.memoryMiBMin, 1), 'the least memory serves one worker');
});

t.test('the refusal names the least size that is accepted', async (t) => {
  for (const workers of [2, 8, 31, limits.workersMax]) {
    const least = leastNamed(limits.memoryMiBMin, workers);
    t.equal(faults(memoryMap(least, workers)).length, 0, `${least} MiB for ${workers} workers`);
    if (least - 1 > limits.memoryMiBMin) t.equal(leastNamed(least - 1, workers), least, 'one less is too small');
  }
});
function leastNamed(memoryMiB: number, workers: number): number {
  try {
    memoryMap(memoryMiB, workers);
    return memoryMiB;
  } catch (error) {
    return Number(TOO_SMALL.exec((error as Error).message)?.[1]);
  }
}

t.test('the default size suffices', async (t) => {
  for (const workers of [1, 2, 4, 8, 16, 28, 64, limits.workersMax]) {
    const memoryMiB = defaultMemoryMiB(workers);
    t.ok(memoryMiB <= limits.memoryMiBMax);
    t.doesNotThrow(() => memoryMap(memoryMiB, workers), `${workers} workers with ${memoryMiB} MiB`);
  }
});

t.test('more memory is never less for a worker', async (t) => {
  let last = 0;
  for (const memoryMiB of sizes) {
    const map = memoryMap(memoryMiB, 1);
    t.ok(map.perWorkerBytes >= last && map.arenaBytes > map.statsBytes, `${memoryMiB} MiB`);
    last = map.perWorkerBytes;
  }
});
