// Small stable integers for names. A name keeps its slot for as long as anything mentions it: a configured resource,
// another resource that refers to it (a route configuration names clusters that may not exist yet), or a living root.
// When the last mention goes, the slot rests; it is recycled only after every root that could have shown it is gone. A
// name that comes back while its slot rests gets the same slot again.
import { assert } from '../../core/assert.js';

interface Slot { name: string; mentions: number; rest: number }

export class SlotTable {
  private readonly byName = new Map<string, number>();
  private readonly slots: (Slot | null)[] = [];
  private readonly free: number[] = [];
  private rests = 0;

  /** `onRecycled` clears whatever is keyed by the slot before another name can get it. */
  constructor(private readonly slotsMax: number, private readonly onRecycled: (slot: number, name: string) =>
    void = () => {}) {}

  /** Number of slots that tables indexed by slot must have. */
  get length(): number { return this.slots.length; }
  get named(): number { return this.byName.size; }

  /** Adds one mention and returns the name's slot, or -1 when the table is full. */
  mention(name: string): number {
    const known = this.byName.get(name);
    if (known !== undefined) {
      this.slots[known]!.mentions++;
      return known;
    }
    const slot = this.free.length > 0 ? this.free.pop()! : this.slots.length;
    if (slot >= this.slotsMax) return -1;
    this.slots[slot] = { name, mentions: 1, rest: 0 };
    this.byName.set(name, slot);
    return slot;
  }

  /**
   * Takes one mention back. Returns 0, or, when it was the last, the number of the rest that begins: the caller hands
   * it to `recycle` once no living root has the slot.
   */
  unmention(slot: number): number {
    const entry = this.slots[slot];
    assert(entry !== null && entry !== undefined && entry.mentions > 0, 'unmention of an unmentioned slot');
    if (--entry.mentions > 0) return 0;
    entry.rest = ++this.rests;
    return entry.rest;
  }

  /** Ends a rest. False when the name was mentioned again since (a later rest ends on its own). */
  recycle(slot: number, rest: number): boolean {
    const entry = this.slots[slot];
    if (entry === null || entry === undefined || entry.mentions > 0 || entry.rest !== rest) return false;
    this.byName.delete(entry.name);
    this.slots[slot] = null;
    this.free.push(slot);
    this.onRecycled(slot, entry.name);
    return true;
  }

  slotOf(name: string): number { return this.byName.get(name) ?? -1; }
  nameOf(slot: number): string | null { return this.slots[slot]?.name ?? null; }
}
