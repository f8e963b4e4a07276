// Objects by positive number, as streams of a connection have them: open addressing with linear probing, and deletion
// by moving back what follows. A Map makes a new table for every few entries that come and go; this one is made anew
// only when it grows.
//
// Invariant: between where an id would lie if it were alone and where it lies, no place is free.
const FREE = 0;
const PLACES_LEAST = 8;
/** 2^32 / golden ratio: neighbouring ids lie far apart. */
const SCATTER = 0x9e3779b1 | 0;

export class IdTable<T> {
  size = 0;
  private ids: number[] = new Array<number>(PLACES_LEAST).fill(FREE);
  private values: (T | null)[] = new Array<T | null>(PLACES_LEAST).fill(null);
  private mask = PLACES_LEAST - 1;

  /** Null: there is none. */
  get(id: number): T | null {
    for (let place = this.homeOf(id); ; place = (place + 1) & this.mask) {
      if (this.ids[place] === id) return this.values[place];
      if (this.ids[place] === FREE) return null;
    }
  }

  set(id: number, value: T): void {
    if ((this.size + 1) * 2 > this.ids.length) this.grow();
    let place = this.homeOf(id);
    while (this.ids[place] !== FREE && this.ids[place] !== id) place = (place + 1) & this.mask;
    if (this.ids[place] === FREE) this.size++;
    this.ids[place] = id;
    this.values[place] = value;
  }

  delete(id: number): void {
    let place = this.homeOf(id);
    while (this.ids[place] !== id) {
      if (this.ids[place] === FREE) return;
      place = (place + 1) & this.mask;
    }
    this.size--;
    for (let next = (place + 1) & this.mask; this.ids[next] !== FREE; next = (next + 1) & this.mask) {
      // Moves back unless its home lies behind the gap.
      if (((next - this.homeOf(this.ids[next])) & this.mask) < ((next - place) & this.mask)) continue;
      this.ids[place] = this.ids[next];
      this.values[place] = this.values[next];
      place = next;
    }
    this.ids[place] = FREE;
    this.values[place] = null;
  }

  /** Those that are in it now; for rare things. */
  all(): T[] {
    return this.values.filter((value): value is T => value !== null);
  }

  private homeOf(id: number): number { return (Math.imul(id, SCATTER) >>> 16) & this.mask; }

  private grow(): void {
    const { ids, values } = this;
    const places = ids.length * 2;
    this.ids = new Array<number>(places).fill(FREE);
    this.values = new Array<T | null>(places).fill(null);
    this.mask = places - 1;
    this.size = 0;
    for (let i = 0; i < ids.length; i++) if (ids[i] !== FREE) this.set(ids[i], values[i]!);
  }
}
