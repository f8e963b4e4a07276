// The list of living roots: published and not yet let go by every worker. Owns what each publication replaced (blobs,
// slots) and says when that may be freed. Roots are released strictly in order: a worker that uses version v keeps v
// and all newer.
//
//   living:   [ 7 ] [ 8 ] [ 9 ]  <- newest
//   replaced by 8: blobs that 7 names and 8 does not. Freed when 7 is gone, that is when the oldest version in use is
// >= 8.
import type { BlobStore } from './blobs.js';
import type { SnapshotHeap } from './heap.js';
import type { SlotTable } from './slots.js';

export interface RestingSlot { table: SlotTable; slot: number; rest: number }
export interface Replaced { blobs: number[]; slots: RestingSlot[] }
interface Root { version: number; offset: number; replaced: Replaced }

export class LivingRoots {
  private readonly roots: Root[] = [];

  constructor(private readonly heap: SnapshotHeap, private readonly blobs: BlobStore,
    private readonly onResting: (slot: RestingSlot) => void) {}

  get count(): number { return this.roots.length; }
  get oldestVersion(): number { return this.roots.length === 0 ? 0 : this.roots[0]!.version; }

  push(version: number, offset: number, replaced: Replaced): void {
    this.roots.push({ version, offset, replaced });
    if (this.roots.length === 1) this.freeReplaced(this.roots[0]!);
  }

  /** Frees every root older than `oldestInUse`, the newest excepted. Returns how many were freed. */
  release(oldestInUse: number): number {
    let gone = 0;
    while (gone < this.roots.length - 1 && this.roots[gone]!.version < oldestInUse) {
      this.heap.release(this.roots[gone]!.offset);
      this.freeReplaced(this.roots[gone + 1]!);
      gone++;
    }
    if (gone > 0) this.roots.splice(0, gone);
    return gone;
  }

  private freeReplaced(root: Root): void {
    for (const blob of root.replaced.blobs) this.blobs.release(blob);
    for (const slot of root.replaced.slots) this.onResting(slot);
    root.replaced = { blobs: [], slots: [] };
  }
}
