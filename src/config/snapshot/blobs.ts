// Blobs: immutable bytes with a header (layout.ts) in the snapshot heap. Writes them, and tells whether contents are
// already there, so that a resource that is sent again unchanged costs a hash and a comparison and allocates nothing.
import type { SnapshotHeap } from './heap.js';
import { BLOB_HEADER_BYTES, BlobKind } from './layout.js';

export class BlobStore {
  private readonly words: Int32Array;

  constructor(private readonly memory: ArrayBufferLike, private readonly heap: SnapshotHeap) {
    this.words = new Int32Array(memory);
  }

  /** True when the blob at `offset` (0 = none) has exactly these contents. */
  holds(offset: number, contents: Uint8Array, hash: number): boolean {
    if (offset === 0) return false;
    const header = offset >> 2;
    const bytes = BLOB_HEADER_BYTES + contents.length;
    if (this.words[header + 1] !== bytes || this.words[header + 2] !== hash) return false;
    // 32 bits of hash may collide; the comparison runs only when they agree, and then it is almost always the answer.
    return Buffer.from(this.memory, offset + BLOB_HEADER_BYTES, contents.length).equals(contents);
  }

  /** Writes a new blob. Returns its offset, or 0 when the heap has no room. */
  write(kind: number, slot: number, contents: Uint8Array, hash: number): number {
    const bytes = BLOB_HEADER_BYTES + contents.length;
    const offset = this.heap.allocate(bytes);
    if (offset === 0) return 0;
    const header = offset >> 2;
    this.words[header] = kind;
    this.words[header + 1] = bytes;
    this.words[header + 2] = hash;
    this.words[header + 3] = slot;
    new Uint8Array(this.memory, offset + BLOB_HEADER_BYTES, contents.length).set(contents);
    return offset;
  }

  /** Gives a blob's room back. Of a secret nothing stays readable. */
  release(offset: number): void {
    const header = offset >> 2;
    if (this.words[header] === BlobKind.secret) new Uint8Array(this.memory, offset, this.words[header + 1]).fill(0);
    this.heap.release(offset);
  }

  bytesOf(offset: number): number { return offset === 0 ? 0 : this.words[(offset >> 2) + 1]; }

  /** The contents as text, for JSON blobs. */
  textOf(offset: number): string {
    return Buffer.from(this.memory, offset + BLOB_HEADER_BYTES,
      this.bytesOf(offset) - BLOB_HEADER_BYTES).toString('utf8');
  }
}

/** 32-bit content hash, a word at a time (murmur3's mixing). Not for anything hostile: collisions are compared. */
export function contentHash(contents: Uint8Array): number {
  const view = new DataView(contents.buffer, contents.byteOffset, contents.byteLength);
  const whole = contents.length & ~3;
  let hash = contents.length;
  for (let at = 0; at < whole; at += 4) hash = mix(hash, view.getInt32(at, true));
  let tail = 0;
  for (let at = whole; at < contents.length; at++) tail = (tail << 8) | contents[at];
  hash = mix(hash, tail);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  hash ^= Math.imul(k, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  return Math.imul(hash, 5) + 0xe6546b64 | 0;
}
