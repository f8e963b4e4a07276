// What sockets still have to send: one FIFO of buffer pieces per socket, as linked nodes in typed arrays, so that queueing
// allocates nothing. Holds one pool reference per node. Knows nothing of sockets or the kernel.
//
// Invariant: bytes[id] = sum of the lengths of its nodes; free nodes + queued nodes = limits.sendNodesMax.
import { limits } from '../../core/limits.js';
import type { BufferPool } from '../memory/buffers.js';

export class SendQueue {
  /** First and last node of each socket, -1 = none. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly bytes: Int32Array;
  readonly count: Int32Array;
  readonly offset = new Int32Array(limits.sendNodesMax);
  readonly length = new Int32Array(limits.sendNodesMax);
  readonly next = new Int32Array(limits.sendNodesMax);
  private readonly buffer = new Int32Array(limits.sendNodesMax);
  private free = -1;
  private touched = 0;            // nodes beyond were never used: their pages stay untouched

  constructor(socketsMax: number, private readonly pool: BufferPool) {
    this.head = new Int32Array(socketsMax).fill(-1);
    this.tail = new Int32Array(socketsMax).fill(-1);
    this.bytes = new Int32Array(socketsMax);
    this.count = new Int32Array(socketsMax);
  }

  /** Appends a piece and retains its buffer. False when the socket's or the worker's limit is reached. */
  push(id: number, buffer: number, offset: number, length: number): boolean {
    let node = this.free;
    if (this.count[id] >= limits.sendQueueEntriesMax) return false;
    if (node >= 0) this.free = this.next[node];
    else if (this.touched < limits.sendNodesMax) node = this.touched++;
    else return false;
    this.pool.retain(buffer);
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

  /** The kernel took `bytes` from the front. */
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
