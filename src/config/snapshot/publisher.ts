// Writes configuration into shared memory and publishes it: one blob for each resource that changed, one new root that
// shares all others, one atomic store (layout.ts). The only writer of the snapshot heap. Knows nothing of where
// configuration comes from or who reads it: the dispatcher feeds it changes and tells it the oldest root version that a
// living worker still uses.
//
// What does not fit is refused resource by resource, with the last good state left in force, and tried again by itself
// when room appears. Every accepted change is certain to be published: the next root's room is reserved before a blob
// is written.
import { limits } from '../../core/limits.js';
import { ClusterState, EndpointState, CONNECTIONS_WORD, Shared, TOKEN_BUCKET_BYTES } from '../../core/memory-map.js';
import type { MemoryMap } from '../../core/memory-map.js';
import { BlobStore, contentHash } from './blobs.js';
import type { Refusal, SnapshotChange, SnapshotKind } from './changes.js';
import { assignedStatesMax, encodeChange } from './encode.js';
import type { Bindings, Mention } from './encode.js';
import { SnapshotHeap } from './heap.js';
import type { HeapUsage } from './heap.js';
import { BlobKind, ROOT_MAGIC, RootField } from './layout.js';
import { LivingRoots } from './roots.js';
import type { Replaced, RestingSlot } from './roots.js';
import { SlotTable } from './slots.js';
import { BlobTable } from './tables.js';

interface Entry { slot: number; mentions: Mention[] }

/**
 * A slot whose counts have not come down to zero is recycled after this long all the same (its worker may have died).
 */
const RESTING_MS_MAX = 10 * 60_000;
/** Room for this many slots more than there are, so that a growing mesh does not move the reserve at each addition. */
const RESERVE_SLOTS = 256;

export interface PublisherUsage extends HeapUsage {
  version: number; rootsLive: number; refused: number;
  listeners: number; routes: number; clusters: number; endpoints: number;
}

export class SnapshotPublisher {
  readonly listenerSlots = new SlotTable(limits.listenerSlotsMax);
  readonly routeSlots = new SlotTable(limits.routeConfigSlotsMax);
  readonly secretSlots = new SlotTable(limits.secretSlotsMax);
  readonly clusterSlots: SlotTable;
  readonly endpointSlots: SlotTable;
  /** Token buckets; a new one is zero, which is full. */
  readonly bucketSlots: SlotTable;
  readonly heap: SnapshotHeap;
  readonly blobs: BlobStore;
  /** Called for a refused change that found room later. */
  onAccepted: (kind: SnapshotKind, name: string) => void = () => {};
  /** Called when `reclaim` published what had waited. */
  onPublished: () => void = () => {};
  private readonly words: Int32Array;
  private readonly roots: LivingRoots;
  private readonly entries: { [K in SnapshotKind]: Map<string, Entry> } =
    { listener: new Map(), route: new Map(), cluster: new Map(), assignment: new Map(), secret: new Map() };
  private readonly tables: { [K in SnapshotKind]: BlobTable } =
    { listener: new BlobTable(), route: new BlobTable(), cluster: new BlobTable(), assignment: new BlobTable(),
      secret: new BlobTable() };
  private readonly refused = new Map<string, SnapshotChange>();
  private resting: { slot: RestingSlot; sinceMs: number }[] = [];
  private replaced: Replaced = { blobs: [], slots: [] };
  private dirty = false;
  private version = 0;
  private reserve = 0;
  private reserveBytes = 0;

  constructor(memory: WebAssembly.Memory, private readonly map: MemoryMap, private readonly bindings: Bindings,
    private readonly nowMs: () => number = () => performance.now()) {
    this.words = new Int32Array(memory.buffer);
    this.heap = new SnapshotHeap(map.snapshot, map.snapshotBytes);
    this.blobs = new BlobStore(memory.buffer, this.heap);
    this.roots = new LivingRoots(this.heap, this.blobs, (slot) => this.resting.push({ slot, sinceMs: this.nowMs() }));
    this.clusterSlots = new SlotTable(limits.clusterSlotsMax, (slot, name) => {
      const at = this.clusterState(slot);
      const tlsScope = this.words[at + ClusterState.tlsScope];
      this.words.fill(0, at, at + (ClusterState.bytes >> 2));
      this.words[at + ClusterState.tlsScope] = tlsScope;
      bindings.clusterRecycled(slot, name);
    });
    this.bucketSlots = new SlotTable(limits.tokenBucketsMax, (bucket) => {
      const at = (map.tokenBuckets + bucket * TOKEN_BUCKET_BYTES) >> 2;
      this.words.fill(0, at, at + (TOKEN_BUCKET_BYTES >> 2));
    });
    this.endpointSlots = new SlotTable(assignedStatesMax, (state) => {
      this.words.fill(0, this.endpointState(state), this.endpointState(state) + (EndpointState.bytes >> 2));
    });
  }

  /** The newest published version; 0 = none yet. */
  get rootVersion(): number { return this.version; }
  /** True while something waits: a change for room among the living roots, or memory for a worker to let go of it. */
  get pending(): boolean { return this.dirty || this.roots.count > 1 || this.resting.length > 0; }

  /** Takes changes in; what could not be taken is returned. Nothing is visible to workers before `publish`. */
  apply(changes: readonly SnapshotChange[]): Refusal[] {
    const refusals: Refusal[] = [];
    for (const change of changes) {
      const key = `${change.kind} ${change.name}`;
      const details = change.value === null ? this.remove(change.kind, change.name) : this.put(change);
      if (details === null) {
        this.refused.delete(key);
      } else {
        this.refused.set(key, change);
        refusals.push({ kind: change.kind, name: change.name, details });
      }
    }
    return refusals;
  }

  /** Makes everything applied so far visible. False: too many roots live, `reclaim` does it later; nothing is lost. */
  publish(): boolean {
    if (!this.dirty) return this.version > 0 || this.publishRoot();
    return this.publishRoot();
  }

  /**
   * Frees what no worker uses any more. `oldestInUse` is the smallest root version that a living worker uses; the
   * newest version when there is none. Publishes what waited. Call it now and then while `pending`.
   */
  reclaim(oldestInUse: number): void {
    const freed = this.roots.release(oldestInUse);
    this.recycleResting();
    if (freed > 0 && this.refused.size > 0) this.retryRefused();
    if (this.dirty && this.publishRoot()) this.onPublished();
  }

  /** The slot that a listener's connections carry, or -1. */
  listenerSlot(name: string): number { return this.entries.listener.get(name)?.slot ?? -1; }
  /** Offset of the blob in force (the newest applied), or 0. */
  blobOf(kind: SnapshotKind, name: string): number {
    const entry = this.entries[kind].get(name);
    return entry === undefined ? 0 : this.tables[kind].get(entry.slot);
  }

  usage(): PublisherUsage {
    return { ...this.heap.usage(), version: this.version, rootsLive: this.roots.count, refused: this.refused.size,
      listeners: this.entries.listener.size, routes: this.entries.route.size, clusters: this.entries.cluster.size,
      endpoints: this.endpointSlots.named };
  }

  private put(change: SnapshotChange): string | null {
    const { kind, name } = change;
    const known = this.entries[kind].get(name);
    const table = this.slotTable(kind);
    const slot = known?.slot ?? table.mention(name);
    if (slot < 0) return `more than ${limitOf(kind)} ${kind} names are in use`;
    const mentions: Mention[] = [];
    const undo = (details: string | null) => {
      this.unmention(mentions);
      if (known === undefined) this.rest(table, slot);
      return details;
    };
    const encoded = encodeChange(change, this, this.bindings, mentions);
    if (typeof encoded === 'string') return undo(encoded);
    const hash = contentHash(encoded);
    const old = this.tables[kind].get(slot);
    if (known !== undefined && this.blobs.holds(old, encoded, hash)) return undo(null);
    if (!this.reserveRoot()) return undo(this.fullText(this.rootBytes()));
    const blob = this.blobs.write(BlobKind[kind], slot, encoded, hash);
    if (blob === 0) return undo(this.fullText(encoded.length));
    if (old !== 0) this.replaced.blobs.push(old);
    if (known !== undefined) this.unmention(known.mentions);
    this.entries[kind].set(name, { slot, mentions });
    this.tables[kind].set(slot, blob);
    if (change.kind === 'cluster') this.bindings.clusterBound(slot, change.value!.altStatName);
    this.dirty = true;
    return null;
  }

  private remove(kind: SnapshotKind, name: string): null {
    const entry = this.entries[kind].get(name);
    if (entry === undefined) return null;
    this.replaced.blobs.push(this.tables[kind].get(entry.slot));
    this.tables[kind].set(entry.slot, 0);
    this.entries[kind].delete(name);
    this.unmention(entry.mentions);
    this.rest(this.slotTable(kind), entry.slot);
    this.dirty = true;
    return null;
  }

  private publishRoot(): boolean {
    if (this.roots.count >= limits.rootsLiveMax || !this.reserveRoot()) return false;
    const offset = this.reserve;
    const header = offset >> 2;
    const { listener, route, cluster, secret } = this.counts();
    const bytes = this.rootBytes();
    this.version++;
    this.words[header + (RootField.magic >> 2)] = ROOT_MAGIC;
    this.words[header + (RootField.version >> 2)] = this.version;
    this.words[header + (RootField.listenerSlots >> 2)] = listener;
    this.words[header + (RootField.routeSlots >> 2)] = route;
    this.words[header + (RootField.clusterSlots >> 2)] = cluster;
    this.words[header + (RootField.bytes >> 2)] = bytes;
    this.words[header + (RootField.secretSlots >> 2)] = secret;
    let at = header + (RootField.tables >> 2);
    for (const [kind, count] of [['listener', listener], ['route', route], ['cluster', cluster],
      ['assignment', cluster], ['secret', secret]] as const) {
      this.words.set(this.tables[kind].first(count), at);
      at += count;
    }
    // Plain stores above, atomic stores below. The version goes last: a worker that sees it also sees its root, whole.
    Atomics.store(this.words, (this.map.control >> 2) + Shared.rootOffset, offset);
    Atomics.store(this.words, (this.map.control >> 2) + Shared.rootVersion, this.version);
    this.reserve = this.reserveBytes = 0;
    const replaced = this.replaced;
    this.replaced = { blobs: [], slots: [] };
    this.dirty = false;
    this.roots.push(this.version, offset, replaced);
    this.reserveRoot();
    return true;
  }

  /** Makes sure that a root for the present slots has its block. */
  private reserveRoot(): boolean {
    const bytes = this.rootBytes();
    if (this.reserve !== 0 && this.reserveBytes >= bytes) return true;
    const wanted = bytes + RESERVE_SLOTS * 4;
    let block = this.heap.allocate(wanted);
    if (block === 0 && this.reserve !== 0) {
      this.heap.release(this.reserve);
      this.reserve = this.reserveBytes = 0;
      block = this.heap.allocate(wanted);
    }
    if (block === 0) return false;
    if (this.reserve !== 0) this.heap.release(this.reserve);
    this.reserve = block;
    this.reserveBytes = wanted;
    return true;
  }

  private counts() {
    return { listener: this.listenerSlots.length, route: this.routeSlots.length, cluster: this.clusterSlots.length,
      secret: this.secretSlots.length };
  }

  private rootBytes(): number {
    const { listener, route, cluster, secret } = this.counts();
    return RootField.tables + 4 * (listener + route + 2 * cluster + secret);
  }

  private retryRefused(): void {
    for (const change of [...this.refused.values()]) {
      if (this.apply([change]).length > 0) return;
      this.onAccepted(change.kind, change.name);
    }
  }

  private recycleResting(): void {
    if (this.resting.length === 0) return;
    const now = this.nowMs();
    this.resting = this.resting.filter(({ slot, sinceMs }) => {
      if (this.inUse(slot) && now - sinceMs < RESTING_MS_MAX) return true;
      slot.table.recycle(slot.slot, slot.rest);
      return false;
    });
  }

  /** Connections outlive the roots that named their cluster or endpoint; their counts must not land on another name. */
  private inUse({ table, slot }: RestingSlot): boolean {
    if (table === this.endpointSlots) {
      const at = this.endpointState(slot);
      return Atomics.load(this.words, at + EndpointState.activeRequests) !== 0
        || Atomics.load(this.words, at + EndpointState.activeConnections) !== 0;
    }
    if (table === this.bucketSlots)
      return Atomics.load(this.words,
        ((this.map.tokenBuckets + slot * TOKEN_BUCKET_BYTES) >> 2) + CONNECTIONS_WORD) > 0;
    if (table !== this.clusterSlots) return false;
    const at = this.clusterState(slot);
    for (let word = 0; word < ClusterState.bytes >> 2; word++)
      if (word !== ClusterState.healthVersion && word !== ClusterState.tlsScope
        && Atomics.load(this.words, at + word) !== 0) return true;
    return false;
  }

  private unmention(mentions: Mention[]): void {
    for (const { table, slot } of mentions) this.rest(table, slot);
  }

  private rest(table: SlotTable, slot: number): void {
    const rest = table.unmention(slot);
    if (rest > 0) this.replaced.slots.push({ table, slot, rest });
  }

  private slotTable(kind: SnapshotKind): SlotTable {
    return kind === 'listener' ? this.listenerSlots : kind === 'route' ? this.routeSlots
      : kind === 'secret' ? this.secretSlots : this.clusterSlots;
  }

  private fullText(bytes: number): string {
    const { usedBytes, capacityBytes } = this.heap.usage();
    return `the snapshot heap has no room for ${bytes} bytes (${usedBytes} of ${capacityBytes} used); `
      + 'raise --memory-mib';
  }

  private clusterState(slot: number): number { return (this.map.clusterStates + slot * ClusterState.bytes) >> 2; }
  private endpointState(slot: number): number { return (this.map.endpointStates + slot * EndpointState.bytes) >> 2; }
}

function limitOf(kind: SnapshotKind): number {
  return kind === 'listener' ? limits.listenerSlotsMax : kind === 'route' ? limits.routeConfigSlotsMax
    : kind === 'secret' ? limits.secretSlotsMax : limits.clusterSlotsMax;
}
