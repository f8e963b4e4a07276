// The two rings of io_uring, inside WASM memory (IORING_SETUP_NO_MMAP), so that an entry is a few Int32Array stores.
// SINGLE_ISSUER and DEFER_TASKRUN: the kernel touches the rings only while this thread is inside `enter`, so plain
// loads and stores are in order without atomics. One `enter` submits and waits; SUBMIT_ALL keeps one bad entry from
// blocking others.
import * as libc from '../../os/libc.js';
import { EAGAIN, EBUSY, EINTR, ETIME, SystemCallError } from '../../os/errno.js';

const SYS_SETUP = 425;
const SYS_ENTER = 426;
const SYS_REGISTER = 427;
const SETUP_FLAGS = (1 << 3)     // CQSIZE
  | (1 << 7)                     // SUBMIT_ALL
  | (1 << 12)                    // SINGLE_ISSUER
  | (1 << 13)                    // DEFER_TASKRUN
  | (1 << 14)                    // NO_MMAP
  | (1 << 16);                   // NO_SQARRAY
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 8;
const ENTER_REGISTERED_RING = 16;
const OP_ASYNC_CANCEL = 14;
/** Entry flag: no completion unless it fails. */
export const CQE_SKIP_SUCCESS = 64;
const REGISTER_RING_FDS = 20;
const REGISTER_PBUF_RING = 22;

const SQ_ENTRIES = 1024;
const CQ_ENTRIES = 8192;
/** Layout of the ring's scratch, each part page-aligned: parameters and small arguments, entries, both rings. */
const PARAMETERS = 0;
const ARGUMENT = 512;            // io_uring_getevents_arg, then its timespec
const TIMESPEC = 544;
const REGISTER = 1024;
const SQES = 4096;
const RINGS = SQES + SQ_ENTRIES * 64;
export const RING_SCRATCH_BYTES = RINGS + 4096 * Math.ceil((256 + CQ_ENTRIES * 16 + SQ_ENTRIES * 4) / 4096);

export class UringRing {
  readonly base: number;
  readonly fd: number;
  private readonly enterFd: number;
  private readonly enterFlags: number;
  private readonly words: Int32Array;
  private readonly sqHead: number;      // word indexes of the kernel's and our cursors
  private readonly sqTail: number;
  private readonly sqMask: number;
  private readonly sqes: number;
  private readonly cqTailWord: number;
  private readonly cqHeadWord: number;
  private readonly cqMask: number;
  private readonly cqesWord: number;
  private tail = 0;
  private readonly timespec: number;
  private readonly argument: (number | null)[];   // boxed address, see addresses.ts
  /** The completion that `next` moved to. */
  userLow = 0;
  userHigh = 0;
  result = 0;
  flags = 0;

  constructor(memory: WebAssembly.Memory, scratch: number) {
    const view = new DataView(memory.buffer);
    const words = new Int32Array(memory.buffer);
    this.words = words;
    this.base = libc.addressOf(memory);
    words.fill(0, scratch >> 2, (scratch + RING_SCRATCH_BYTES) >> 2);
    const parameters = scratch + PARAMETERS;
    view.setUint32(parameters, SQ_ENTRIES, true);
    view.setUint32(parameters + 4, CQ_ENTRIES, true);
    view.setUint32(parameters + 8, SETUP_FLAGS, true);
    view.setBigUint64(parameters + 72, BigInt(this.base + scratch + SQES), true);
    view.setBigUint64(parameters + 112, BigInt(this.base + scratch + RINGS), true);
    this.fd = libc.syscall(SYS_SETUP, SQ_ENTRIES, this.base + parameters, 0, 0, 0, 0);
    if (this.fd < 0) throw new SystemCallError('io_uring_setup', libc.errno());
    const offset = (at: number) => view.getUint32(parameters + at, true);
    const rings = scratch + RINGS;
    this.sqHead = (rings + offset(40)) >> 2;
    this.sqTail = (rings + offset(44)) >> 2;
    this.sqMask = words[(rings + offset(48)) >> 2];
    this.sqes = (scratch + SQES) >> 2;
    this.cqHeadWord = (rings + offset(80)) >> 2;
    this.cqTailWord = (rings + offset(84)) >> 2;
    this.cqMask = words[(rings + offset(88)) >> 2];
    this.cqesWord = (rings + offset(100)) >> 2;
    this.timespec = (scratch + TIMESPEC) >> 2;
    view.setBigUint64(scratch + ARGUMENT + 16, BigInt(this.base + scratch + TIMESPEC), true);
    this.argument = [this.base + scratch + ARGUMENT, null];
    const registered = this.registerItself(view, scratch + REGISTER);
    this.enterFd = registered < 0 ? this.fd : registered;
    this.enterFlags = registered < 0 ? 0 : ENTER_REGISTERED_RING;
  }

  /** Spares the kernel the lookup of the ring's fd in each enter; -1 where that is not to be had. */
  private registerItself(view: DataView, at: number): number {
    view.setUint32(at, 0xffffffff, true);
    view.setUint32(at + 4, 0, true);
    view.setBigUint64(at + 8, BigInt(this.fd), true);
    if (libc.syscall(SYS_REGISTER, this.fd, REGISTER_RING_FDS, this.base + at, 1, 0, 0) !== 1) return -1;
    return view.getUint32(at, true);
  }

  /** Registers the buffer ring of `entries` at memory offset `ring` (page-aligned) as group `group`. */
  registerBuffers(view: DataView, scratch: number, ring: number, entries: number, group: number): void {
    const at = scratch + REGISTER;
    for (let n = 0; n < 40; n += 4) view.setUint32(at + n, 0, true);
    view.setBigUint64(at, BigInt(this.base + ring), true);
    view.setUint32(at + 8, entries, true);
    view.setUint16(at + 12, group, true);
    if (libc.syscall(SYS_REGISTER, this.fd, REGISTER_PBUF_RING, this.base + at, 1, 0, 0) < 0) {
      throw new SystemCallError('registering provided buffers', libc.errno());
    }
  }

  /** Writes one entry. Words 11 to 15 (file index, addr3, padding) stay zero from the start. */
  push(head: number, fd: number, offsetLow: number, address: number, length: number, opFlags: number,
    userLow: number, userHigh: number, group: number): void {
    if (this.unsubmitted() > this.sqMask) this.submit();
    const words = this.words;
    const at = this.sqes + ((this.tail & this.sqMask) << 4);
    words[at] = head;
    words[at + 1] = fd;
    words[at + 2] = offsetLow;
    words[at + 3] = 0;
    words[at + 4] = address | 0;
    words[at + 5] = address * (1 / 4294967296);
    words[at + 6] = length;
    words[at + 7] = opFlags;
    words[at + 8] = userLow;
    words[at + 9] = userHigh;
    words[at + 10] = group;
    this.tail = (this.tail + 1) | 0;
    words[this.sqTail] = this.tail;
  }

  /** Cancels the operation with exactly that user data; says nothing if it worked. */
  pushCancel(targetLow: number, targetHigh: number, userLow: number): void {
    this.push(OP_ASYNC_CANCEL | (CQE_SKIP_SUCCESS << 8), -1, 0, 0, 0, 0, userLow, 0, 0);
    const at = this.sqes + (((this.tail - 1) & this.sqMask) << 4);
    this.words[at + 4] = targetLow;
    this.words[at + 5] = targetHigh;
  }

  /**
   * Hands entries over without waiting: the submission ring is full, or memory that they name is about to be reused.
   */
  submit(): void {
    while (this.unsubmitted() > 0) {
      const done = libc.syscall(SYS_ENTER, this.enterFd, this.unsubmitted(), 0, this.enterFlags, 0, 0);
      if (done >= 0) continue;
      const errno = libc.errno();
      if (errno !== EINTR && errno !== EAGAIN && errno !== EBUSY) throw new SystemCallError('io_uring_enter', errno);
      // The kernel wants completions to be taken first: let it run them into the ring or its overflow list.
      libc.syscall(SYS_ENTER, this.enterFd, 0, 0, this.enterFlags | ENTER_GETEVENTS, 0, 0);
    }
  }

  /** Submits everything and waits for one completion, at most timeoutMs; 0 only looks. */
  enter(timeoutMs: number): void {
    let result: number;
    if (timeoutMs > 0) {
      const words = this.words;
      const seconds = Math.floor(timeoutMs / 1000);
      words[this.timespec] = seconds;
      words[this.timespec + 2] = (timeoutMs - seconds * 1000) * 1000000;
      result = libc.syscall(SYS_ENTER, this.enterFd, this.unsubmitted(), 1,
        this.enterFlags | ENTER_GETEVENTS | ENTER_EXT_ARG, this.argument[0] as number, 24);
    } else {
      result = libc.syscall(SYS_ENTER, this.enterFd, this.unsubmitted(), 0, this.enterFlags | ENTER_GETEVENTS, 0, 0);
    }
    if (result >= 0) return;
    const errno = libc.errno();
    if (errno !== ETIME && errno !== EINTR && errno !== EAGAIN && errno !== EBUSY) {
      throw new SystemCallError('io_uring_enter', errno);
    }
  }

  /** Moves to the next completion; false when there is none. Its entry is free for the kernel at once. */
  next(): boolean {
    const words = this.words;
    const head = words[this.cqHeadWord];
    if (head === words[this.cqTailWord]) return false;
    const at = this.cqesWord + ((head & this.cqMask) << 2);
    this.userLow = words[at];
    this.userHigh = words[at + 1];
    this.result = words[at + 2];
    this.flags = words[at + 3];
    words[this.cqHeadWord] = (head + 1) | 0;
    return true;
  }

  /** Completions that lie in the ring now. */
  waiting(): number { return (this.words[this.cqTailWord] - this.words[this.cqHeadWord]) | 0; }

  close(): void { libc.close(this.fd); }

  private unsubmitted(): number { return (this.tail - this.words[this.sqHead]) | 0; }
}
