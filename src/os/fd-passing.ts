// Unix sockets between two processes of this program, with file descriptors in their messages (SCM_RIGHTS). A message
// is one packet (SOCK_SEQPACKET): it arrives whole or not at all. Both ends learn the other's user from the kernel.
//
//   msghdr    name 8 | name length 4 + 4 | iovec 8 | iovec count 8 | control 8 | control length 8 | flags 4 + 4 = 56
//   cmsghdr   length 8 | level 4 | type 4 | descriptors, 4 bytes each                    (64-bit Linux, little endian)
import { chmodSync } from 'node:fs';
import { AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_SEQPACKET,
  SOL_SOCKET, SO_PEERCRED } from './constants.js';
import { EAGAIN, SystemCallError } from './errno.js';
import * as libc from './libc.js';
import { encodeSockaddr, SOCKADDR_BYTES_MAX } from './sockaddr.js';

/** Descriptors in one message; the kernel's own limit is 253. */
export const FDS_PER_MESSAGE_MAX = 128;
export const MESSAGE_BYTES_MAX = 16 * 1024;

const CONTROL_BYTES = 16 + 4 * FDS_PER_MESSAGE_MAX;
const scratch = new Uint8Array(128 + CONTROL_BYTES + MESSAGE_BYTES_MAX);
const view = new DataView(scratch.buffer);
const base = libc.addressOf(scratch);
const HEADER = 0, VECTOR = 64, CONTROL = 128, DATA = CONTROL + CONTROL_BYTES;

function open(): number {
  const fd = libc.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw new SystemCallError('socket', libc.errno());
  return fd;
}

/** Listens at a path, or at an abstract name that begins with '@'. Throws SystemCallError. */
export function listenAt(path: string, mode: number): number {
  const fd = open();
  const bytes = encodeSockaddr({ kind: 'pipe', path }, view, 0);
  const failed = libc.bind(fd, base, bytes) < 0 ? 'bind' : libc.listen(fd, 4) < 0 ? 'listen' : null;
  if (failed !== null) {
    const error = new SystemCallError(`${failed} ${path}`, libc.errno());
    libc.close(fd);
    throw error;
  }
  if (!path.startsWith('@')) chmodSync(path, mode);
  return fd;
}

/** Connects at once or throws SystemCallError. */
export function connectAt(path: string): number {
  const fd = open();
  const bytes = encodeSockaddr({ kind: 'pipe', path }, view, 0);
  if (libc.connect(fd, base, bytes) === 0) return fd;
  const error = new SystemCallError(`connect ${path}`, libc.errno());
  libc.close(fd);
  throw error;
}

/** A waiting connection, or -1. */
export const acceptFrom = (fd: number): number => libc.accept4(fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);

/** User id of the process at the other end; -1 when the kernel does not tell. */
export function peerUser(fd: number): number {
  view.setUint32(SOCKADDR_BYTES_MAX, 12, true);
  const failed = libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, base, base + SOCKADDR_BYTES_MAX) < 0;
  return failed ? -1 : view.getInt32(4, true);              // struct ucred {pid, uid, gid}
}

/** Sends one message. False: the other end does not take it, or is gone. */
export function sendMessage(fd: number, text: string, fds: readonly number[] = []): boolean {
  const bytes = Buffer.from(text);
  if (bytes.length > MESSAGE_BYTES_MAX || fds.length > FDS_PER_MESSAGE_MAX)
    throw new RangeError('the message is too long');
  scratch.set(bytes, DATA);
  prepare(bytes.length, fds.length === 0 ? 0 : 16 + 4 * fds.length);
  view.setBigUint64(CONTROL, BigInt(16 + 4 * fds.length), true);
  view.setInt32(CONTROL + 8, SOL_SOCKET, true);
  view.setInt32(CONTROL + 12, SCM_RIGHTS, true);
  fds.forEach((passed, index) => view.setInt32(CONTROL + 16 + 4 * index, passed, true));
  return libc.sendmsg(fd, base + HEADER, MSG_NOSIGNAL | MSG_DONTWAIT) === bytes.length;
}

export interface Received { text: string; fds: number[] }

/** The next message; 'none' when nothing waits, 'ended' when the other end is gone. */
export function receiveMessage(fd: number): Received | 'none' | 'ended' {
  prepare(MESSAGE_BYTES_MAX, CONTROL_BYTES);
  const received = libc.recvmsg(fd, base + HEADER, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return libc.errno() === EAGAIN ? 'none' : 'ended';
  const fds: number[] = [];
  const controlBytes = Number(view.getBigUint64(HEADER + 40, true));
  if (controlBytes >= 16 && view.getInt32(CONTROL + 8, true) === SOL_SOCKET
      && view.getInt32(CONTROL + 12, true) === SCM_RIGHTS) {
    const end = Math.min(controlBytes, Number(view.getBigUint64(CONTROL, true)));
    for (let at = 16; at + 4 <= end; at += 4) fds.push(view.getInt32(CONTROL + at, true));
  }
  if (received === 0 && fds.length === 0) return 'ended';
  return { text: Buffer.from(scratch.subarray(DATA, DATA + received)).toString('utf8'), fds };
}

function prepare(dataBytes: number, controlBytes: number): void {
  scratch.fill(0, 0, CONTROL + CONTROL_BYTES);
  view.setBigUint64(VECTOR, BigInt(base + DATA), true);
  view.setBigUint64(VECTOR + 8, BigInt(dataBytes), true);
  view.setBigUint64(HEADER + 16, BigInt(base + VECTOR), true);
  view.setBigUint64(HEADER + 24, 1n, true);
  view.setBigUint64(HEADER + 32, BigInt(controlBytes === 0 ? 0 : base + CONTROL), true);
  view.setBigUint64(HEADER + 40, BigInt(controlBytes), true);
}
