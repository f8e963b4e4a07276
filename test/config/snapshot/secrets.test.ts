// Secrets in the snapshot: contexts are bound to slots, contents come and change under them, and what is freed is zero.
import t from 'tap';
import type { Bindings } from '../../../src/config/snapshot/encode.js';
import { secretEntry, RootField } from '../../../src/config/snapshot/layout.js';
import { SnapshotPublisher } from '../../../src/config/snapshot/publisher.js';
import type { DownstreamTls, SecretContents, TlsCommon, UpstreamTls } from '../../../src/config/tls.js';
import { Shared, memoryMap } from '../../../src/core/memory-map.js';
import { cluster, listener } from './fixtures.js';

const map = memoryMap(64, 1);
const memory = new WebAssembly.Memory({ initial: 64 * 16, maximum: 64 * 16, shared: true });
const words = new Int32Array(memory.buffer);
const bytes = new Uint8Array(memory.buffer);
let tlsScopes = 0;
const bindings: Bindings = { listenerScope: () => 64, httpScope: () => 128,
  listenerTlsScope: () => { tlsScopes++; return 192; },
  networkScope: () => 256, virtualHostScope: () => 192, filterScope: () => 320, accessLogSink: () => 0,
  clusterBound: () => {}, clusterRecycled: () => {} };
const root = () => Atomics.load(words, (map.control >> 2) + Shared.rootOffset);
const rootField = (field: number) => words[(root() + field) >> 2]!;
const secretBlob = (slot: number) => words[(root() + secretEntry(rootField(RootField.listenerSlots),
  rootField(RootField.routeSlots), rootField(RootField.clusterSlots), slot)) >> 2]!;
const publisher = () => new SnapshotPublisher(memory, map, bindings);

const common = (certificates: string[], validation: string[]): TlsCommon => ({
  parameters: { minVersion: 0, maxVersion: 0, cipherSuites: [], curves: [], signatureAlgorithms: [] }, alpn: [],
  certificateSecrets: certificates, validation: null, validationSecrets: validation });
const server = (tickets: string | null): DownstreamTls => ({ kind: 'downstream', common: common(['a', 'b'], ['roots']),
  requireClientCertificate: false, sessionTickets: { disabled: false, secret: tickets },
  sessionTimeoutSeconds: 0, preferClientCiphers: false, ocspStapling: 'lenient' });
const client = (roots: string): UpstreamTls => ({ kind: 'upstream', common: common([], [roots]), sni: '',
  autoHostSni: false, autoSniSanValidation: false, maxSessionKeys: 1 });
const keys = (...list: string[]): SecretContents => ({ kind: 'ticketKeys', keys: list });

t.test('a chain is bound to the slots of its secrets, whether or not they are there', async (t) => {
  const p = publisher();
  const plain = listener('l', 80);
  t.same(p.apply([{ kind: 'listener', name: 'l', value: plain }]), []);
  t.equal(JSON.parse(p.blobs.textOf(p.blobOf('listener', 'l'))).chains[0].secrets, null);
  t.equal(tlsScopes, 0, 'and has no statistics of TLS');
  const value = { ...plain, filterChains: plain.filterChains.map((chain) => ({ ...chain, tls: server('t') })) };
  t.same(p.apply([{ kind: 'listener', name: 'l', value }]), []);
  const blob = JSON.parse(p.blobs.textOf(p.blobOf('listener', 'l')));
  const slot = (name: string) => p.secretSlots.slotOf(name);
  t.same(blob.chains[0].secrets, { certificates: [slot('a'), slot('b')], validation: [slot('roots')],
    ticketKeys: slot('t') });
  t.equal(blob.tlsScope, 192);
  p.publish();
  t.equal(secretBlob(slot('a')), 0);
  t.equal(rootField(RootField.secretSlots), 4);
  t.same(p.apply([{ kind: 'listener', name: 'l', value: { ...value,
    filterChains: value.filterChains.map((chain) => ({ ...chain, tls: server(null) })) } }]), []);
  t.equal(JSON.parse(p.blobs.textOf(p.blobOf('listener', 'l'))).chains[0].secrets.ticketKeys, -1);
});

t.test('new contents of a secret change its blob alone, and the old bytes are gone when they are freed', async (t) => {
  const p = publisher();
  p.apply([{ kind: 'cluster', name: 'c', value: cluster('c', { tls: client('roots') }) },
    { kind: 'secret', name: 'roots', value: keys('first-secret') }]);
  p.publish();
  const slot = p.secretSlots.slotOf('roots');
  const [of, before] = [p.blobOf('cluster', 'c'), secretBlob(slot)];
  t.equal(JSON.parse(p.blobs.textOf(before)).keys[0], 'first-secret');
  const length = p.blobs.bytesOf(before);
  p.apply([{ kind: 'secret', name: 'roots', value: keys('second-secret') }]);
  p.publish();
  t.equal(p.blobOf('cluster', 'c'), of, 'the cluster stays as it is');
  t.equal(p.secretSlots.slotOf('roots'), slot);
  t.not(secretBlob(slot), before);
  t.match(p.blobs.textOf(before), 'first-secret', 'a worker may still read it');
  p.reclaim(p.rootVersion);
  t.ok(bytes.subarray(before, before + length).every((byte) => byte === 0));
  t.equal(JSON.parse(p.blobs.textOf(secretBlob(slot))).keys[0], 'second-secret');
  p.apply([{ kind: 'secret', name: 'roots', value: null }, { kind: 'cluster', name: 'c', value: null }]);
  p.publish();
  p.reclaim(p.rootVersion);
  t.equal(p.secretSlots.slotOf('roots'), -1, 'nobody mentions it any more');
  p.heap.check();
});

t.test('a cluster without TLS has no word of it in its blob; transport socket matches have slots of their own',
  async (t) => {
  const p = publisher();
  const blob = () => JSON.parse(p.blobs.textOf(p.blobOf('cluster', 'c')));
  p.apply([{ kind: 'cluster', name: 'c', value: cluster('c') }]);
  t.notOk('secrets' in blob());
  const match = (tls: UpstreamTls | null) => ({ name: 'm', match: {}, proxyProtocol: null, tls });
  p.apply([{ kind: 'cluster', name: 'c', value: cluster('c', { transportSocketMatches: [match(null)] }) }]);
  t.notOk('secrets' in blob());
  p.apply([{ kind: 'cluster', name: 'c', value: cluster('c',
    { transportSocketMatches: [match(null), match(client('x'))] }) }]);
  t.same(blob().secrets, { own: null, matches: [null,
    { certificates: [], validation: [p.secretSlots.slotOf('x')], ticketKeys: -1 }] });
});
