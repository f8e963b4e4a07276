// Publishing: what is shared, what is written, when it is freed, and what happens when there is no room.
import t from 'tap';
import type { AccessLog } from '../../../src/config/access-log.js';
import type { TcpProxy } from '../../../src/config/tcp-proxy.js';
import { clusterBlobForm } from '../../../src/config/usual.js';
import type { Bindings } from '../../../src/config/snapshot/encode.js';
import { ROOT_MAGIC, RootField, assignmentEntry, clusterEntry } from '../../../src/config/snapshot/layout.js';
import { SnapshotPublisher } from '../../../src/config/snapshot/publisher.js';
import { limits } from '../../../src/core/limits.js';
import { EndpointState, Shared, memoryMap } from '../../../src/core/memory-map.js';
import { assignment, cluster, httpChain, listener, routes } from './fixtures.js';

const map = memoryMap(64, 1);
const memory = new WebAssembly.Memory({ initial: 64 * 16, maximum: 64 * 16, shared: true });
const words = new Int32Array(memory.buffer);
const bindings: Bindings = { listenerScope: () => 64, httpScope: () => 128, listenerTlsScope: () => 192,
  networkScope: () => 256,
  virtualHostScope: () => 192, filterScope: () => 320,
  accessLogSink: () => 0,
  clusterBound: () => {}, clusterRecycled: () => {} };

function publisher(snapshotBytes = map.snapshotBytes, bound = bindings): SnapshotPublisher {
  words.fill(0, map.control >> 2, (map.control + Shared.bytes) >> 2);
  return new SnapshotPublisher(memory, { ...map, snapshotBytes }, bound);
}
const root = () => Atomics.load(words, (map.control >> 2) + Shared.rootOffset);
const rootField = (field: number) => words[(root() + field) >> 2]!;
function clusterBlob(slot: number): number {
  return words[(root() + clusterEntry(rootField(RootField.listenerSlots), rootField(RootField.routeSlots),
    slot)) >> 2]!;
}
function assignmentText(p: SnapshotPublisher, slot: number): string {
  const entry = assignmentEntry(rootField(RootField.listenerSlots), rootField(RootField.routeSlots),
    rootField(RootField.clusterSlots), slot);
  return p.blobs.textOf(words[(root() + entry) >> 2]!);
}
const put = (name: string, ...ports: number[]) => [
  { kind: 'cluster', name, value: cluster(name) } as const,
  { kind: 'assignment', name, value: assignment(name, ...ports) } as const];

t.test('a root names every blob, and an update shares those that did not change', async (t) => {
  const p = publisher();
  t.same(p.apply([...put('a', 1), ...put('b', 2)]), []);
  p.publish();
  t.equal(rootField(RootField.magic), ROOT_MAGIC);
  t.equal(rootField(RootField.version), 1);
  const before = [clusterBlob(p.clusterSlots.slotOf('a')), clusterBlob(p.clusterSlots.slotOf('b'))];
  p.apply(put('b', 2, 3));
  p.publish();
  t.equal(rootField(RootField.version), 2);
  t.same([clusterBlob(p.clusterSlots.slotOf('a')), clusterBlob(p.clusterSlots.slotOf('b'))], before,
    'cluster blobs stay: only endpoints changed');
  t.match(assignmentText(p, p.clusterSlots.slotOf('b')), /"port":3/);
});

t.test('a resource that is sent again unchanged makes no root and takes no room', async (t) => {
  const p = publisher();
  p.apply(put('a', 1));
  p.publish();
  const used = p.usage().usedBytes;
  p.apply(put('a', 1));
  p.publish();
  t.equal(p.rootVersion, 1);
  t.equal(p.usage().usedBytes, used);
});

t.test('what a root replaced is freed when the last worker has let go of the roots before it, not earlier',
  async (t) => {
  const p = publisher();
  p.apply(put('a', 1));
  p.publish();
  const blobs = p.usage().blocks;
  p.apply(put('a', 2));
  p.publish();
  p.apply(put('a', 3));
  p.publish();
  t.equal(p.usage().rootsLive, 3);
  p.reclaim(1);
  t.equal(p.usage().rootsLive, 3, 'a worker still uses version 1');
  p.reclaim(2);
  t.equal(p.usage().rootsLive, 2);
  p.reclaim(3);
  t.equal(p.usage().rootsLive, 1);
  t.equal(p.usage().blocks, blobs);
  t.notOk(p.pending);
  p.heap.check();
});

t.test('an endpoint keeps its state index across updates; a removed one is cleared and recycled', async (t) => {
  const p = publisher();
  p.apply(put('a', 1, 2));
  p.publish();
  const slot = p.clusterSlots.slotOf('a');
  const states = (text: string) => JSON.parse(text).endpoints.map((e: { state?: number }) => e.state ?? 0) as number[];
  const [first, second] = states(assignmentText(p, slot)) as [number, number];
  const stateWord = (index: number) => (map.endpointStates + index * EndpointState.bytes) >> 2;
  words[stateWord(first) + EndpointState.requestsTotal] = 7;
  p.apply(put('a', 2, 3));
  p.publish();
  t.equal(states(assignmentText(p, slot))[0], second);
  words[stateWord(first) + EndpointState.activeConnections] = 1;
  p.reclaim(p.rootVersion);
  t.equal(words[stateWord(first) + EndpointState.requestsTotal], 7, 'a connection is still open');
  words[stateWord(first) + EndpointState.activeConnections] = 0;
  p.reclaim(p.rootVersion);
  t.equal(words[stateWord(first) + EndpointState.requestsTotal], 0);
  p.apply(put('a', 4));
  t.not(p.usage().endpoints, 0);
});

t.test('a route may name a cluster that comes later and goes again under the same slot', async (t) => {
  const p = publisher();
  p.apply([{ kind: 'route', name: 'routes', value: routes('routes', 'late') }]);
  p.publish();
  const slot = p.clusterSlots.slotOf('late');
  t.equal(clusterBlob(slot), 0);
  p.apply(put('late', 1));
  p.publish();
  t.not(clusterBlob(slot), 0);
  p.apply([{ kind: 'cluster', name: 'late', value: null }, { kind: 'assignment', name: 'late', value: null }]);
  p.publish();
  p.reclaim(p.rootVersion);
  t.equal(clusterBlob(slot), 0);
  t.equal(p.clusterSlots.slotOf('late'), slot, 'the route still mentions it');
  p.apply([{ kind: 'route', name: 'routes', value: null }]);
  p.publish();
  p.reclaim(p.rootVersion);
  t.equal(p.clusterSlots.slotOf('late'), -1);
});

t.test('a listener blob carries its slots and scopes', async (t) => {
  const p = publisher();
  t.same(p.apply([{ kind: 'listener', name: 'l', value: listener('l', 80) }]), []);
  p.publish();
  const blob = JSON.parse(p.blobs.textOf(p.blobOf('listener', 'l')));
  t.match(blob, { scope: 64, chains: [{ routeSlot: p.routeSlots.slotOf('routes'), httpScope: 128, accessLogs: [] }] });
});

t.test('blobs carry what is said of RPC, and a chain that has a TCP proxy too its sinks apart', async (t) => {
  const rpc = { protocol: 'auto', detectionTimeoutMs: 200, maxFrameBytes: 1 << 20, maxConcurrentRequests: 7,
    heartbeat: null, sendsBoltGoAway: false };
  const upstream = { protocol: 'bolt', maxFrameBytes: 1 << 20, maxConcurrentRequests: 1,
    heartbeat: { intervalMs: 15_000, timeoutMs: 1000, failuresMax: 3 } };
  const log = (path: string): AccessLog => ({ sink: { kind: 'file', path }, filter: null,
    format: { kind: 'text', format: 'x', omitEmptyValues: false } });
  const sinks = ['/http', '/tcp/1', '/tcp/2'];
  const p = publisher(map.snapshotBytes, { ...bindings,
    accessLogSink: ({ sink }) => sink.kind === 'file' ? sinks.indexOf(sink.path) : -1 });
  const tcp: TcpProxy = { statPrefix: 'other', clusters: [{ cluster: 'a', weight: 1, metadataMatch: null }],
    totalWeight: 1, sourceIpHash: false, idleTimeoutMs: 0, maxDurationMs: 0, maxConnectAttempts: 1,
    accessLogs: [log('/tcp/1'), log('/tcp/2')], accessLogFlushMs: 0, logsConnected: false, tunnel: null };
  const chain = { ...httpChain({ rpc, accessLogs: [log('/http')] }), tcp };
  t.same(p.apply([{ kind: 'cluster', name: 'a', value: cluster('a', { rpc: upstream }) },
    { kind: 'cluster', name: 'b', value: cluster('b') },
    { kind: 'listener', name: 'l', value: listener('l', 80, { filterChains: [chain] }) }]), []);
  const blob = JSON.parse(p.blobs.textOf(p.blobOf('listener', 'l')));
  t.same(blob.config.filterChains[0].hcm.rpc, rpc);
  t.match(blob.chains, [{ routeSlot: p.routeSlots.slotOf('routes'), httpScope: 128, tcpScope: 256,
    clusterSlots: [p.clusterSlots.slotOf('a')], accessLogs: [0], tcpAccessLogs: [1, 2] }]);
  const clusterOf = (name: string) => clusterBlobForm.ofText(p.blobs.textOf(p.blobOf('cluster', name))).config.rpc;
  t.same([clusterOf('a'), clusterOf('b')], [upstream, null]);
});

t.test('a full heap refuses the change by name, keeps the last good state, and retries when there is room',
  async (t) => {
  const p = publisher(8 * 1024);
  t.same(p.apply(put('small', 1)), []);
  p.publish();
  const big = Array.from({ length: 60 }, (_, n) => n + 1);
  t.same(p.apply(put('small', ...big.slice(0, 40))), []);
  p.publish();
  const refusals = p.apply(put('other', ...big.slice(0, 50)));
  t.match(refusals, [{ kind: 'assignment', name: 'other', details: /no room .* raise --memory-mib/ }]);
  p.publish();
  t.match(assignmentText(p, p.clusterSlots.slotOf('small')), /"port":40/);
  t.equal(p.blobOf('assignment', 'other'), 0);
  const accepted: string[] = [];
  p.onAccepted = (kind, name) => accepted.push(`${kind} ${name}`);
  p.apply(put('small', 1));
  p.publish();
  p.reclaim(p.rootVersion);
  t.same(accepted, ['assignment other']);
  t.match(assignmentText(p, p.clusterSlots.slotOf('other')), /"port":50/);
  p.heap.check();
});

t.test('with the most roots alive, changes wait, are merged into one root and appear later', async (t) => {
  const p = publisher();
  for (let n = 1; n <= limits.rootsLiveMax; n++) {
    p.apply(put('a', n));
    t.ok(p.publish() || n > limits.rootsLiveMax);
  }
  p.apply(put('a', 5000));
  t.notOk(p.publish());
  p.apply(put('a', 5001));
  t.notOk(p.publish());
  t.ok(p.pending);
  let published = 0;
  p.onPublished = () => published++;
  p.reclaim(p.rootVersion);
  t.equal(published, 1);
  t.equal(p.rootVersion, limits.rootsLiveMax + 1);
  t.match(assignmentText(p, p.clusterSlots.slotOf('a')), /"port":5001/);
});
