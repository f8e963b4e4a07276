// Timers of one worker: a hierarchical wheel with lazy deadlines. Moving a deadline later is one store: the entry stays
// in its slot and is put where it belongs when that slot comes up. So a keep-alive connection that pushes its timeouts
// out with every request touches the wheel once per timeout, not once per request.
//
//   level 0: 64 slots of 8 ms   level 1: 64 of 512 ms   level 2: 64 of 32.8 s   level 3: 64 of 35 min
//
// That is 37 h in all; later deadlines wait in the last slot.
//
// Invariant: an entry that is linked has a tick at or before its deadline's. Entries are doubly linked by index; no
// allocation after growth.
export interface TimerOwner {
  /** The deadline has passed. The timer is disarmed; the owner may arm it again. */
  onTimer(nowMs: number): void;
}

const TICK_MS = 8;
const SLOTS = 64;
const LEVELS = 4;
const NONE = -1;

export class TimerWheel {
  private next = new Int32Array(1024).fill(NONE);
  private previous = new Int32Array(1024).fill(NONE);
  private slotOf = new Int32Array(1024).fill(NONE);
  private deadlines = new Float64Array(1024).fill(Infinity);
  private ticks = new Float64Array(1024);
  private readonly owners: (TimerOwner | null)[] = [];
  private readonly heads = new Int32Array(SLOTS * LEVELS).fill(NONE);
  /** Entries linked in each level: what is empty is skipped, so that waking from a long sleep costs little. */
  private readonly counts = new Int32Array(LEVELS);
  private freeHead = NONE;
  private tick: number;

  constructor(nowMs: number) { this.tick = Math.floor(nowMs / TICK_MS); }

  /** A timer that is not armed. */
  add(owner: TimerOwner): number {
    let id = this.freeHead;
    if (id !== NONE) this.freeHead = this.next[id];
    else {
      id = this.owners.length;
      this.owners.push(null);
      if (id >= this.next.length) this.grow();
    }
    this.owners[id] = owner;
    this.next[id] = this.previous[id] = this.slotOf[id] = NONE;
    this.deadlines[id] = Infinity;
    return id;
  }

  remove(id: number): void {
    if (this.slotOf[id] !== NONE) this.unlink(id);
    this.owners[id] = null;
    this.next[id] = this.freeHead;
    this.freeHead = id;
  }

  /**
   * Calls the owner at `deadlineMs` or up to one tick later. So small that it is always inlined: a number with a
   * fraction is an allocation where it is passed on.
   */
  arm(id: number, deadlineMs: number): void {
    this.deadlines[id] = deadlineMs;
    this.place(id);
  }

  private place(id: number): void {
    const tick = Math.ceil(this.deadlines[id] / TICK_MS);
    if (this.slotOf[id] !== NONE) {
      if (tick >= this.ticks[id]) return;
      this.unlink(id);
    }
    this.link(id, tick);
  }

  /** Never, until armed again. */
  disarm(id: number): void { this.deadlines[id] = Infinity; }

  /** Runs everything that is due. */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs / TICK_MS);
    while (this.tick < target) {
      const next = this.nextBusyTick();
      if (next > target) { this.tick = target; return; }
      this.tick = next;
      for (let level = LEVELS - 1; level >= 1; level--) {
        if (this.tick % SLOTS ** level === 0) this.cascade(level);
      }
      this.run(this.tick % SLOTS, nowMs);
    }
  }

  /** How long the worker may wait: until the next occupied slot of the first level, at most `mostMs`. */
  waitMs(nowMs: number, mostMs: number): number {
    const last = Math.min(SLOTS, Math.ceil(mostMs / TICK_MS) + 1);
    for (let ahead = 1; ahead <= last; ahead++) {
      const tick = this.tick + ahead;
      if (this.heads[tick % SLOTS] !== NONE || tick % SLOTS === 0) {
        return Math.max(0, Math.min(mostMs, Math.ceil(tick * TICK_MS - nowMs)));
      }
    }
    return mostMs;
  }

  /**
   * The next tick at which a slot may hold something: empty levels are passed over a whole slot of the level above at
   * a time.
   */
  private nextBusyTick(): number {
    let span = 1;
    for (let level = 0; level < LEVELS - 1 && this.counts[level] === 0; level++) span *= SLOTS;
    return (Math.floor(this.tick / span) + 1) * span;
  }

  private run(slot: number, nowMs: number): void {
    let id = this.heads[slot];
    while (id !== NONE) {
      this.unlink(id);
      if (this.deadlines[id] <= nowMs) {
        this.deadlines[id] = Infinity;
        this.owners[id]!.onTimer(nowMs);
      } else if (this.deadlines[id] !== Infinity) this.link(id, Math.ceil(this.deadlines[id] / TICK_MS));
      id = this.heads[slot];          // from the head again: onTimer may have removed any entry
    }
  }

  private cascade(level: number): void {
    const slot = level * SLOTS + Math.floor(this.tick / SLOTS ** level) % SLOTS;
    let id = this.heads[slot];
    this.heads[slot] = NONE;
    while (id !== NONE) {
      const following = this.next[id];
      this.slotOf[id] = this.next[id] = this.previous[id] = NONE;
      this.counts[level]--;
      if (this.deadlines[id] !== Infinity) this.link(id, Math.ceil(this.deadlines[id] / TICK_MS));
      id = following;
    }
  }

  private link(id: number, tick: number): void {
    const ahead = Math.max(1, tick - this.tick);
    tick = this.tick + ahead;
    let level = 0;
    let span = SLOTS;
    while (level < LEVELS - 1 && ahead >= span) { level++; span *= SLOTS; }
    if (ahead >= span) tick = this.tick + span - SLOTS ** level;     // beyond the wheel: looked at again later
    const slot = level * SLOTS + Math.floor(tick / SLOTS ** level) % SLOTS;
    this.counts[level]++;
    this.ticks[id] = tick;
    this.slotOf[id] = slot;
    this.previous[id] = NONE;
    this.next[id] = this.heads[slot];
    if (this.next[id] !== NONE) this.previous[this.next[id]] = id;
    this.heads[slot] = id;
  }

  private unlink(id: number): void {
    const before = this.previous[id], after = this.next[id];
    this.counts[(this.slotOf[id] / SLOTS) | 0]--;
    if (before === NONE) this.heads[this.slotOf[id]] = after; else this.next[before] = after;
    if (after !== NONE) this.previous[after] = before;
    this.next[id] = this.previous[id] = this.slotOf[id] = NONE;
  }

  private grow(): void {
    const size = this.next.length * 2;
    const copy = (from: Int32Array) => { const to = new Int32Array(size).fill(NONE); to.set(from); return to; };
    this.next = copy(this.next);
    this.previous = copy(this.previous);
    this.slotOf = copy(this.slotOf);
    const deadlines = new Float64Array(size).fill(Infinity);
    deadlines.set(this.deadlines);
    this.deadlines = deadlines;
    const ticks = new Float64Array(size);
    ticks.set(this.ticks);
    this.ticks = ticks;
  }
}
