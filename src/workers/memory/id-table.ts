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
  private places: number[] = new Array<number>(PLACES_LEAST).fill(FREE);
  private values: (T | null)[] = new Array<T | null>(PLACES_LEAST).fill(null);
  private mask = PLACES_LEAST - 1;

  /** Null: there is none. */
  get(id: number): T | null {
    for (let place = this.homeOf(id); ; place = (place + 1) & this.mask) {
      if (this.places[place] === id) return this.values[place];
      if (this.places[place] === FREE) return null;
    }
  }

  set(id: number, value: T): void {
    if ((this.size + 1) * 2 > this.places.length) this.grow();
    let place = this.homeOf(id);
    while (this.places[place] !== FREE && this.places[place] !== id) place = (place + 1) & this.mask;
    if (this.places[place] === FREE) this.size++;
    this.places[place] = id;
    this.values[place] = value;
  }

  delete(id: number): void {
    let place = this.homeOf(id);
    while (this.places[place] !== id) {
      if (this.places[place] === FREE) return;
      place = (place + 1) & this.mask;
    }
    this.size--;
    for (let next = (place + 1) & this.mask; this.places[next] !== FREE; next = (next + 1) & this.mask) {
      // Moves back unless its home lies behind the gap.
      if (((next - this.homeOf(this.places[next])) & this.mask) < ((next - place) & this.mask)) continue;
      this.places[place] = this.places[next];
      this.values[place] = this.values[next];
      place = next;
    }
    this.places[place] = FREE;
    this.values[place] = null;
  }

  /** Those that are in it now; for rare things. */
  all(): T[] {
    return this.values.filter((value): value is T => value !== null);
  }

  /** Their numbers; for rare things. */
  ids(): number[] { return this.places.filter((id) => id !== FREE); }

  private homeOf(id: number): number { return (Math.imul(id, SCATTER) >>> 16) & this.mask; }

  private grow(): void {
    const { places: ids, values } = this;
    const count = ids.length * 2;
    this.places = new Array<number>(count).fill(FREE);
    this.values = new Array<T | null>(count).fill(null);
    this.mask = count - 1;
    this.size = 0;
    for (let i = 0; i < ids.length; i++) if (ids[i] !== FREE) this.set(ids[i], values[i]!);
  }
}
