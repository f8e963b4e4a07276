// A worker's view of the snapshot: the newest root, what was built from its blobs, and how long old roots are still needed.
// A stream enters with `enter()` and leaves with `leave(root)`; the oldest root that anybody is in is published for main to reclaim.
//
// Caches are keyed by blob offset. An offset may be reused only after this worker has published that it left every root naming the blob, and
// adoption evicts from the caches before that, so a cached value never belongs to other bytes.
import { Control, Shared } from '../../core/memory-map.js';
import {
  BLOB_HEADER_BYTES, ROOT_MAGIC, RootField, assignmentEntry, clusterEntry, listenerEntry, routeEntry,
} from '../../config/snapshot/layout.js';
import type { AssignmentBlob, ClusterBlob, ListenerBlob } from '../../config/snapshot/layout.js';
import type { Engine } from '../engine.js';
import { RouteTableRuntime } from '../routing/route-table.js';

export class Root {
  /** Streams inside. */
  active = 0;
  readonly listeners: number;
  readonly routes: number;
  readonly clusters: number;
  readonly assignments: number;
  readonly listenerSlots: number;
  readonly routeSlots: number;
  readonly clusterSlots: number;

  constructor(words: Int32Array, readonly offset: number, readonly version: number) {
    const at = offset >> 2;
    if (words[at + (RootField.magic >> 2)] !== ROOT_MAGIC) throw new Error(`no snapshot root at ${offset}`);
    this.listenerSlots = words[at + (RootField.listenerSlots >> 2)];
    this.routeSlots = words[at + (RootField.routeSlots >> 2)];
    this.clusterSlots = words[at + (RootField.clusterSlots >> 2)];
    this.listeners = (offset + listenerEntry(0)) >> 2;
    this.routes = (offset + routeEntry(this.listenerSlots, 0)) >> 2;
    this.clusters = (offset + clusterEntry(this.listenerSlots, this.routeSlots, 0)) >> 2;
    this.assignments = (offset + assignmentEntry(this.listenerSlots, this.routeSlots, this.clusterSlots, 0)) >> 2;
  }
}

export class Snapshot {
  root: Root | null = null;
  private adopted = 0;
  private readonly old: Root[] = [];
  private readonly routeTables = new Map<number, RouteTableRuntime>();
  /** Tables that the newest root no longer names, with the first version that does not need them. */
  private readonly dropped: { table: RouteTableRuntime; version: number }[] = [];
  /** Called after adoption, before older roots are given up: clusters and listeners take what changed. */
  onAdopted: (root: Root) => void = () => undefined;

  constructor(private readonly engine: Engine) {}

  /** Adopts the newest root if there is one that is newer. One atomic load when nothing changed. */
  adopt(): void {
    const { i32, map } = this.engine;
    const shared = map.control >> 2;
    const version = Atomics.load(i32, shared + Shared.rootVersion);
    if (version === this.adopted) return;
    const offset = Atomics.load(i32, shared + Shared.rootOffset);
    if (offset === 0) return;
    const root = new Root(i32, offset, i32[(offset >> 2) + (RootField.version >> 2)]);
    if (this.root !== null) this.old.push(this.root);
    this.root = root;
    this.adopted = root.version;
    for (const [blob, table] of this.routeTables) {
      if (this.routeBlob(root, table.slot) === blob) continue;
      this.routeTables.delete(blob);
      this.dropped.push({ table, version: root.version });
    }
    this.onAdopted(root);
    this.publishOldest();
  }

  enter(): Root {
    const root = this.root!;
    root.active++;
    return root;
  }

  leave(root: Root): void {
    if (--root.active === 0 && root !== this.root) this.publishOldest();
  }

  /** The route table bound to a slot of the newest root (a stream looks its route up as it enters), or null when nothing is bound (yet). */
  routeTable(root: Root, slot: number): RouteTableRuntime | null {
    const blob = this.routeBlob(root, slot);
    if (blob === 0) return null;
    let table = this.routeTables.get(blob);
    if (table === undefined) {
      table = new RouteTableRuntime(this.engine, blob, slot);
      this.routeTables.set(blob, table);
    }
    return table;
  }

  routeBlob(root: Root, slot: number): number { return slot < root.routeSlots ? this.engine.i32[root.routes + slot] : 0; }
  clusterBlob(root: Root, slot: number): number { return slot < root.clusterSlots ? this.engine.i32[root.clusters + slot] : 0; }
  assignmentBlob(root: Root, slot: number): number { return slot < root.clusterSlots ? this.engine.i32[root.assignments + slot] : 0; }
  listenerBlob(root: Root, slot: number): number { return slot < root.listenerSlots ? this.engine.i32[root.listeners + slot] : 0; }

  readListener(blob: number): ListenerBlob { return this.json(blob) as ListenerBlob; }
  readCluster(blob: number): ClusterBlob { return this.json(blob) as ClusterBlob; }
  readAssignment(blob: number): AssignmentBlob { return this.json(blob) as AssignmentBlob; }

  private json(blob: number): unknown {
    const bytes = this.engine.i32[(blob >> 2) + 1];
    return JSON.parse(Buffer.from(this.engine.u8.slice(blob + BLOB_HEADER_BYTES, blob + bytes)).toString('utf8'));
  }

  private publishOldest(): void {
    while (this.old.length > 0 && this.old[0].active === 0) this.old.shift();
    const oldest = this.old.length > 0 ? this.old[0] : this.root!;
    while (this.dropped.length > 0 && this.dropped[0].version <= oldest.version) this.dropped.shift()!.table.release();
    Atomics.store(this.engine.i32, this.engine.control + Control.oldestRootVersion, oldest.version);
  }
}
