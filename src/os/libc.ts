// libc through koffi: one typed constant per call, resolved once per thread. Addresses are absolute, as numbers
// (user space ends below 2^47, so they are exact); `addressOf(memory)` is the base to which memory offsets are added.
// Every call returns what libc returns; after -1 read `errno()` at once, before any other call.
// glibc and musl; a plain call costs about 40 ns, the rest is the kernel's.
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { requireLinux } from './platform.js';

requireLinux();
const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;

const MUSL_ARCHITECTURE = process.arch === 'x64' ? 'x86_64' : 'aarch64';

function load(): Koffi.LibraryHandle {
  for (const name of ['libc.so.6', `libc.musl-${MUSL_ARCHITECTURE}.so.1`]) {
    try { return koffi.load(name); } catch { /* the other C library, tried next */ }
  }
  return koffi.load(null);            // a static or unusual build: what the node binary itself is linked with
}
const library = load();

type Call<A extends number[]> = (...args: A) => number;
function bindCall<A extends number[]>(prototype: string): Call<A> {
  return library.func(prototype) as unknown as Call<A>;
}

type N1 = [number];
type N2 = [number, number];
type N3 = [number, number, number];
type N4 = [number, number, number, number];

/** errno of this thread's last failed call. Read it before anything else is called. */
export const errno = koffi.errno as () => number;

// Sockets. `address` arguments are absolute addresses; 0 is NULL.
export const socket = bindCall<N3>('int socket(int, int, int)');
export const socketpair = bindCall<N4>('int socketpair(int, int, int, uintptr_t)');
export const bind = bindCall<N3>('int bind(int, uintptr_t, uint32_t)');
export const listen = bindCall<N2>('int listen(int, int)');
export const accept4 = bindCall<N4>('int accept4(int, uintptr_t, uintptr_t, int)');
export const connect = bindCall<N3>('int connect(int, uintptr_t, uint32_t)');
export const getsockname = bindCall<N3>('int getsockname(int, uintptr_t, uintptr_t)');
export const getpeername = bindCall<N3>('int getpeername(int, uintptr_t, uintptr_t)');
export const setsockopt = bindCall<[number, number, number, number, number]>(
  'int setsockopt(int, int, int, uintptr_t, uint32_t)');
export const getsockopt = bindCall<[number, number, number, number, number]>(
  'int getsockopt(int, int, int, uintptr_t, uintptr_t)');
export const recv = bindCall<N4>('long recv(int, uintptr_t, size_t, int)');
export const send = bindCall<N4>('long send(int, uintptr_t, size_t, int)');
export const sendmsg = bindCall<N3>('long sendmsg(int, uintptr_t, int)');
export const recvmsg = bindCall<N3>('long recvmsg(int, uintptr_t, int)');
export const shutdown = bindCall<N2>('int shutdown(int, int)');

/** Between two addresses of the process. */
export const memcpy = bindCall<N3>('uintptr_t memcpy(uintptr_t, uintptr_t, size_t)');

// Files and descriptors
export const read = bindCall<N3>('long read(int, uintptr_t, size_t)');
export const write = bindCall<N3>('long write(int, uintptr_t, size_t)');
export const close = bindCall<N1>('int close(int)');
export const fcntl = bindCall<N3>('int fcntl(int, int, int)');
export const dup = bindCall<N1>('int dup(int)');

// Waiting
export const epollCreate1 = bindCall<N1>('int epoll_create1(int)');
export const epollCtl = bindCall<N4>('int epoll_ctl(int, int, int, uintptr_t)');
export const epollWait = bindCall<N4>('int epoll_wait(int, uintptr_t, int, int)');
export const eventfd = bindCall<N2>('int eventfd(uint32_t, int)');

// Process and memory
export const getrlimit = bindCall<N2>('int getrlimit(int, uintptr_t)');
export const setrlimit = bindCall<N2>('int setrlimit(int, uintptr_t)');
export const schedGetaffinity = bindCall<N3>('int sched_getaffinity(int, size_t, uintptr_t)');
export const mmap = bindCall<[number, number, number, number, number, number]>(
  'uintptr_t mmap(uintptr_t, size_t, int, int, int, long)');
export const madvise = bindCall<N3>('int madvise(uintptr_t, size_t, int)');
export const umask = bindCall<N1>('uint32_t umask(uint32_t)');

/**
 * Any system call by number, for those without a libc wrapper (io_uring). Returns -1 and sets errno like the others.
 */
export const syscall = bindCall<[number, number, number, number, number, number, number]>(
  'long syscall(long, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)');

/** Absolute address of a WebAssembly memory or of a byte array that its owner keeps alive. */
export function addressOf(bytes: WebAssembly.Memory | Uint8Array): number {
  const view = bytes instanceof WebAssembly.Memory ? new Uint8Array(bytes.buffer) : bytes;
  return Number(koffi.address(view));
}

/**
 * The loaded koffi, for the parts of src/os/ that need more than plain calls (asynchronous calls, OpenSSL, polling).
 */
export const ffi = koffi;
