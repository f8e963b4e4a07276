// Blob offset by slot, grown by doubling: the part of a root that is copied whole at each publication.

export class BlobTable {
  private offsets = new Int32Array(64);

  get(slot: number): number { return slot < this.offsets.length ? this.offsets[slot] : 0; }

  set(slot: number, offset: number): void {
    this.ensure(slot + 1);
    this.offsets[slot] = offset;
  }

  /** The first `count` entries, as a view. */
  first(count: number): Int32Array {
    this.ensure(count);
    return this.offsets.subarray(0, count);
  }

  private ensure(count: number): void {
    if (count <= this.offsets.length) return;
    const grown = new Int32Array(Math.max(count, this.offsets.length * 2));
    grown.set(this.offsets);
    this.offsets = grown;
  }
}
