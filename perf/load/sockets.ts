// The few system calls of our load generators and of the RPC backend, on memory that does not move. A blocking loop
// over epoll costs a tenth of Node's sockets, and it can wait for fractions of a millisecond, which a fixed rate of
// thousands of requests a second needs.
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, uintptr_t, uint32_t)');
const listen = libc.func('int listen(int, int)');
const accept = libc.func('int accept4(int, uintptr_t, uintptr_t, int)');
const connect = libc.func('int connect(int, uintptr_t, uint32_t)');
const setsockopt = libc.func('int setsockopt(int, int, int, uintptr_t, uint32_t)');
const epollCreate = libc.func('int epoll_create1(int)');
const epollCtl = libc.func('int epoll_ctl(int, int, int, uintptr_t)');
const epollWait = libc.func('int epoll_wait(int, uintptr_t, int, int)');
const ppoll = libc.func('int ppoll(uintptr_t, unsigned long, uintptr_t, uintptr_t)');
const recv = libc.func('long recv(int, uintptr_t, size_t, int)');
const send = libc.func('long send(int, uintptr_t, size_t, int)');
const close = libc.func('int close(int)');
const prctl = libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');

const AF_INET = 2, SOCK_STREAM = 1, SOL_SOCKET = 1, SO_REUSEADDR = 2, SOL_TCP = 6, TCP_NODELAY = 1,
  MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
const EPOLLIN = 1, EPOLL_CTL_ADD = 1, PR_SET_TIMERSLACK = 29, EINTR = 4, EAGAIN = 11;
const ONE = 64, ADDRESS = 128, EVENT = 192, TIME = 256, POLL = 320, EVENTS = 1024, EVENTS_MAX = 512;
/** An epoll_event is 12 bytes on x86-64, where it is packed, and 16 elsewhere. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const EVENT_DATA = EVENT_BYTES - 8;
export const RECEIVE_AT = 16384;
const RECEIVE_BYTES = 1 << 20, BACKLOG = 8192;
/** Where callers may put what they send. */
export const SEND_AT = RECEIVE_AT + RECEIVE_BYTES;

export class Sockets {
  readonly bytes: Buffer;
  private readonly view: DataView;
  private readonly base: number;
  private readonly epoll: number;

  constructor(private readonly port: number, sendBytes: number) {
    const pages = Math.ceil((SEND_AT + sendBytes) / 65536);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.bytes = Buffer.from(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.base = Number(koffi.address(new Uint8Array(memory.buffer)));
    this.view.setInt32(ONE, 1, true);
    this.view.setUint16(ADDRESS, AF_INET, true);
    this.view.setUint16(ADDRESS + 2, port, false);
    this.view.setUint32(ADDRESS + 4, 0x7f000001, false);
    this.epoll = epollCreate(0) as number;
    this.view.setInt32(POLL, this.epoll, true);
    this.view.setInt16(POLL + 4, EPOLLIN, true);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);     // the default rounds every wait up by 50 us
  }

  /** A connected socket in the poll set. Connecting blocks: on the loopback it is over at once. */
  open(): number {
    const fd = socket(AF_INET, SOCK_STREAM, 0) as number;
    if (fd < 0 || connect(fd, this.base + ADDRESS, 16) !== 0) {
      const errno = koffi.errno();
      if (fd >= 0) close(fd);
      throw new Error(`cannot connect to port ${this.port}: errno ${errno}`);
    }
    return this.watch(fd);
  }

  /** A socket in the poll set that listens on the loopback's port `port`. */
  listen(port: number): number {
    const fd = socket(AF_INET, SOCK_STREAM, 0) as number;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, this.base + ONE, 4);
    this.view.setUint16(ADDRESS + 2, port, false);
    if (bind(fd, this.base + ADDRESS, 16) !== 0 || listen(fd, BACKLOG) !== 0)
      throw new Error(`cannot listen on port ${port}: errno ${koffi.errno()}`);
    return this.watch(fd);
  }

  /** The next connection that waits at `listener`, in the poll set; -1: none does. */
  accept(listener: number): number {
    const fd = accept(listener, 0, 0, 0) as number;
    return fd < 0 ? -1 : this.watch(fd);
  }

  private watch(fd: number): number {
    setsockopt(fd, SOL_TCP, TCP_NODELAY, this.base + ONE, 4);
    this.view.setUint32(EVENT, EPOLLIN, true);
    this.view.setInt32(EVENT + EVENT_DATA, fd, true);
    epollCtl(this.epoll, EPOLL_CTL_ADD, fd, this.base + EVENT);
    return fd;
  }

  close(fd: number): void { close(fd); }

  /** Sends all of [at, at + length); blocks while the socket's buffer is full. False when the peer is gone. */
  send(fd: number, at: number, length: number): boolean {
    while (length > 0) {
      const sent = send(fd, this.base + at, length, MSG_NOSIGNAL) as number;
      if (sent < 0 && koffi.errno() === EINTR) continue;
      if (sent <= 0) return false;
      at += sent;
      length -= sent;
    }
    return true;
  }

  /**
   * Bytes received at RECEIVE_AT, behind the `kept` ones that are to stay there; 0 when the peer closed, -1 when there
   * is nothing now, -2 on a broken connection.
   */
  receive(fd: number, kept = 0): number {
    const got = recv(fd, this.base + RECEIVE_AT + kept, RECEIVE_BYTES - kept, MSG_DONTWAIT) as number;
    if (got >= 0) return got;
    const errno = koffi.errno();
    return errno === EAGAIN || errno === EINTR ? -1 : -2;
  }

  /** Waits at most `waitMs` (fractions count) and returns how many sockets are readable; `ready(index)` names them. */
  wait(waitMs: number): number {
    if (waitMs > 0) {
      const nanoseconds = Math.min(waitMs, 1000) * 1e6;
      this.view.setBigInt64(TIME, BigInt(Math.floor(nanoseconds / 1e9)), true);
      this.view.setBigInt64(TIME + 8, BigInt(Math.floor(nanoseconds % 1e9)), true);
      if ((ppoll(this.base + POLL, 1, this.base + TIME, 0) as number) <= 0) return 0;
    }
    return Math.max(0, epollWait(this.epoll, this.base + EVENTS, EVENTS_MAX, 0) as number);
  }

  ready(index: number): number { return this.view.getInt32(EVENTS + index * EVENT_BYTES + EVENT_DATA, true); }
}
