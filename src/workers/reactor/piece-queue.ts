// One FIFO of buffer pieces per socket, as linked nodes in typed arrays, so that queueing allocates nothing: what a
// socket has still to send, or what arrived while its owner did not want it. Holds one pool reference per node; knows
// no kernel.
//
// Invariant: bytes[id] = sum of the lengths of its nodes; free nodes + queued nodes = nodesMax.
import type { BufferPool } from '../memory/buffers.js';
import { keepPiece, keptAtOnce } from '../memory/keep-piece.js';

export class PieceQueue {
  /** First and last node of each socket, -1 = none. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly bytes: Int32Array;
  readonly count: Int32Array;
  readonly buffer: Int32Array;
  readonly offset: Int32Array;
  readonly length: Int32Array;
  readonly next: Int32Array;
  private free = -1;
  private touched = 0;            // nodes beyond were never used: their pages stay untouched

  private readonly memoryBytes: Uint8Array;

  /** `mustKeep`: nothing is refused while the socket's limit is not reached. */
  constructor(socketsMax: number, private readonly nodesMax: number, private readonly perSocketMax: number,
    private readonly pool: BufferPool, memory: WebAssembly.Memory, private readonly mustKeep = false) {
    this.memoryBytes = new Uint8Array(memory.buffer);
    this.buffer = new Int32Array(nodesMax);
    this.offset = new Int32Array(nodesMax);
    this.length = new Int32Array(nodesMax);
    this.next = new Int32Array(nodesMax);
    this.head = new Int32Array(socketsMax).fill(-1);
    this.tail = new Int32Array(socketsMax).fill(-1);
    this.bytes = new Int32Array(socketsMax);
    this.count = new Int32Array(socketsMax);
  }

  /**
   * Appends a piece and retains its buffer; where buffers are short and others wait before it, it is copied into
   * buffers that it fills. False when a limit of the socket or of the worker is reached.
   */
  push(id: number, buffer: number, offset: number, length: number): boolean {
    const { pool } = this;
    if (this.bytes[id] === 0 || pool.pressure < 2) {
      if (!this.append(id, buffer, offset, length)) return false;
      pool.retain(buffer);
      return true;
    }
    for (let pushed = 0, part = 0; pushed < length; pushed += part) {
      part = this.mustKeep ? length : keptAtOnce(pool, buffer, length - pushed);
      let kept = keepPiece(pool, this.memoryBytes, buffer, offset + pushed, part);
      if (kept < 0 && this.mustKeep) { pool.retain(buffer); kept = buffer; }
      if (kept < 0) return false;
      if (this.append(id, kept, kept === buffer ? offset + pushed : pool.offsetOf(kept), part)) continue;
      pool.release(kept);
      return false;
    }
    return true;
  }

  private append(id: number, buffer: number, offset: number, length: number): boolean {
    let node = this.free;
    if (this.count[id] >= this.perSocketMax) return false;
    if (node >= 0) this.free = this.next[node];
    else if (this.touched < this.nodesMax) node = this.touched++;
    else return false;
    this.buffer[node] = buffer;
    this.offset[node] = offset;
    this.length[node] = length;
    this.next[node] = -1;
    const tail = this.tail[id];
    if (tail < 0) this.head[id] = node;
    else this.next[tail] = node;
    this.tail[id] = node;
    this.bytes[id] += length;
    this.count[id]++;
    return true;
  }

  /** The first `bytes` bytes are done with. */
  advance(id: number, bytes: number): void {
    let left = bytes;
    this.bytes[id] -= bytes;
    while (left > 0) {
      const node = this.head[id];
      const length = this.length[node];
      if (left < length) {
        this.offset[node] += left;
        this.length[node] = length - left;
        return;
      }
      left -= length;
      this.drop(id, node);
    }
  }

  clear(id: number): void {
    while (this.head[id] >= 0) this.drop(id, this.head[id]);
    this.bytes[id] = 0;
  }

  private drop(id: number, node: number): void {
    const next = this.next[node];
    this.head[id] = next;
    if (next < 0) this.tail[id] = -1;
    this.count[id]--;
    this.next[node] = this.free;
    this.free = node;
    this.pool.release(this.buffer[node]);
  }
}
