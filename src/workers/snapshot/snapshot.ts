// A worker's view of the snapshot: the newest root and the route tables built from its blobs.
//
// A request finds its route in the newest root as it begins, and from then on holds the compiled route, not the root:
// what it needs was parsed out of the blobs. So a worker leaves an old root the moment it adopts a new one, and no
// long-lived stream keeps memory of the snapshot from being reclaimed. Tables are cached by blob offset; an offset can
// be reused only after this worker has published a root that no longer names the blob, and adoption evicts the table
// before that, so a cached table never belongs to other bytes.
import { Control, Shared } from '../../core/memory-map.js';
import {
  BLOB_HEADER_BYTES, ROOT_MAGIC, RootField, assignmentEntry, clusterEntry, listenerEntry, routeEntry,
  secretEntry,
} from '../../config/snapshot/layout.js';
import type { SecretContents } from '../../config/tls.js';
import type { AssignmentBlob, ClusterBlob, ListenerBlob } from '../../config/snapshot/layout.js';
import { assignmentBlobForm, clusterBlobForm } from '../../config/usual.js';
import type { Engine } from '../engine.js';
import { RouteTableRuntime } from '../routing/route-table.js';

export class Root {
  readonly listeners: number;
  readonly routes: number;
  readonly clusters: number;
  readonly assignments: number;
  readonly listenerSlots: number;
  readonly routeSlots: number;
  readonly clusterSlots: number;
  readonly secrets: number;
  readonly secretSlots: number;

  constructor(words: Int32Array, readonly offset: number, readonly version: number) {
    const at = offset >> 2;
    if (words[at + (RootField.magic >> 2)] !== ROOT_MAGIC) throw new Error(`no snapshot root at ${offset}`);
    this.listenerSlots = words[at + (RootField.listenerSlots >> 2)];
    this.routeSlots = words[at + (RootField.routeSlots >> 2)];
    this.clusterSlots = words[at + (RootField.clusterSlots >> 2)];
    this.secretSlots = words[at + (RootField.secretSlots >> 2)];
    this.listeners = (offset + listenerEntry(0)) >> 2;
    this.routes = (offset + routeEntry(this.listenerSlots, 0)) >> 2;
    this.clusters = (offset + clusterEntry(this.listenerSlots, this.routeSlots, 0)) >> 2;
    this.assignments = (offset + assignmentEntry(this.listenerSlots, this.routeSlots, this.clusterSlots, 0)) >> 2;
    this.secrets = (offset + secretEntry(this.listenerSlots, this.routeSlots, this.clusterSlots, 0)) >> 2;
  }
}

export class Snapshot {
  root: Root | null = null;
  private adopted = 0;
  private readonly routeTables = new Map<number, RouteTableRuntime>();
  /** Called on adoption, before the older root is given up: clusters and listeners take what changed. */
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
    this.root = root;
    this.adopted = root.version;
    for (const [blob, table] of this.routeTables) {
      if (this.routeBlob(root, table.slot) === blob) continue;
      this.routeTables.delete(blob);
      table.drop();
    }
    this.onAdopted(root);
    Atomics.store(this.engine.i32, this.engine.control + Control.oldestRootVersion, root.version);
  }

  /** The route table bound to a slot, or null when nothing is bound (yet). */
  routeTable(slot: number): RouteTableRuntime | null {
    const blob = this.routeBlob(this.root!, slot);
    if (blob === 0) return null;
    let table = this.routeTables.get(blob);
    if (table === undefined) {
      table = new RouteTableRuntime(this.engine, blob, slot);
      this.routeTables.set(blob, table);
    }
    return table;
  }

  routeBlob(root: Root, slot: number): number {
    return slot < root.routeSlots ? this.engine.i32[root.routes + slot] : 0;
  }
  clusterBlob(root: Root, slot: number): number {
    return slot < root.clusterSlots ? this.engine.i32[root.clusters + slot] : 0;
  }
  assignmentBlob(root: Root, slot: number): number {
    return slot < root.clusterSlots ? this.engine.i32[root.assignments + slot] : 0;
  }
  listenerBlob(root: Root, slot: number): number {
    return slot < root.listenerSlots ? this.engine.i32[root.listeners + slot] : 0;
  }

  /** Other contents of a secret are another blob; 0: its contents have not come yet, or it is gone. */
  secretBlob(root: Root, slot: number): number {
    return slot < root.secretSlots ? this.engine.i32[root.secrets + slot] : 0;
  }

  /** The slot of a cluster by its name, or -1: for routes that take the name from a request's header. */
  clusterSlot(name: string): number {
    if (this.namedVersion !== this.adopted) this.nameClusters();
    return this.slotsByName.get(name) ?? -1;
  }

  /** After a change; the names of blobs that stayed are known already. */
  private nameClusters(): void {
    this.namedVersion = this.adopted;
    this.slotsByName.clear();
    const { root } = this;
    for (let slot = 0; slot < root!.clusterSlots; slot++) {
      const blob = this.clusterBlob(root!, slot);
      if (blob === 0) continue;
      const known = this.names[slot];
      const name = known !== undefined && known.blob === blob ? known.name : this.readCluster(blob).config.name;
      this.names[slot] = { blob, name };
      this.slotsByName.set(name, slot);
    }
  }
  private namedVersion = -1;
  private readonly slotsByName = new Map<string, number>();
  private readonly names: { blob: number; name: string }[] = [];

  readListener(blob: number): ListenerBlob { return JSON.parse(this.text(blob)) as ListenerBlob; }
  readCluster(blob: number): ClusterBlob { return clusterBlobForm.ofText(this.text(blob)); }
  readAssignment(blob: number): AssignmentBlob { return assignmentBlobForm.ofText(this.text(blob)); }

  /** Keep what is made of it, not the value: the blob is zeroed once no root has it. */
  readSecret(blob: number): SecretContents { return JSON.parse(this.text(blob)) as SecretContents; }

  private text(blob: number): string {
    const bytes = this.engine.i32[(blob >> 2) + 1];
    return Buffer.from(this.engine.u8.slice(blob + BLOB_HEADER_BYTES, blob + bytes)).toString('utf8');
  }
}
