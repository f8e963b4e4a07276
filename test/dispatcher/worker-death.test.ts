// What a dead worker leaves in the shared state of endpoints.
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { EndpointShare, EndpointState, HealthFlag, memoryMap, workerEndpointShares }
  from '../../src/core/memory-map.js';
import { settleEndpointCounts } from '../../src/dispatcher/worker-death.js';

t.test('its part of the counts goes, and what it alone would have taken back', async (t) => {
  const map = memoryMap(limits.memoryMiBMin * 4, 2);
  const words = new Int32Array(new SharedArrayBuffer(map.bytes));
  const at = (state: number, word: number): number => ((map.endpointStates + state * EndpointState.bytes) >> 2) + word;
  words[at(7, EndpointState.activeRequests)] = 5;
  words[at(7, EndpointState.activeConnections)] = 3;
  words[at(7, EndpointState.healthFlags)] = HealthFlag.readOnly | HealthFlag.ejected;
  words[at(9, EndpointState.healthFlags)] = HealthFlag.readOnly;
  const share = (workerEndpointShares(map, 1) + 7 * EndpointShare.bytes) >> 2;
  words[share + EndpointShare.activeRequests] = 2;
  words[share + EndpointShare.activeConnections] = 1;
  settleEndpointCounts(words, map, 1);
  t.equal(words[at(7, EndpointState.activeRequests)], 3);
  t.equal(words[at(7, EndpointState.activeConnections)], 2);
  t.equal(words[at(7, EndpointState.healthFlags)], HealthFlag.ejected);
  t.equal(words[at(9, EndpointState.healthFlags)], 0);
  t.equal(words[share + EndpointShare.activeRequests], 0);
});
