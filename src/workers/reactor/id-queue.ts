// A FIFO of socket ids in which each id stands at most once, so its capacity is the number of sockets and it never
// overflows. An id may outlive its socket: who takes it looks at what the slot needs now, and a slot that needs
// nothing costs one test.
export class IdQueue {
  private readonly ids: Int32Array;
  private readonly queued: Uint8Array;
  private readonly mask: number;
  private first = 0;
  private next = 0;

  constructor(capacity: number) {
    const size = 1 << Math.ceil(Math.log2(Math.max(2, capacity)));
    this.ids = new Int32Array(size);
    this.queued = new Uint8Array(size);
    this.mask = size - 1;
  }

  get size(): number { return (this.next - this.first) | 0; }

  push(id: number): void {
    if (this.queued[id] !== 0) return;
    this.queued[id] = 1;
    this.ids[this.next & this.mask] = id;
    this.next = (this.next + 1) | 0;
  }

  /** The oldest id; only when size > 0. */
  shift(): number {
    const id = this.ids[this.first & this.mask];
    this.first = (this.first + 1) | 0;
    this.queued[id] = 0;
    return id;
  }
}
