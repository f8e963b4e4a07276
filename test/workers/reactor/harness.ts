// The three drivers behind one face, with peers that a test moves by hand: for the kernel drivers plain non-blocking
// sockets of this process, for the simulation its own ends.
import { EAGAIN } from '../../../src/os/errno.js';
import { AF_UNIX, EFD_CLOEXEC, EFD_NONBLOCK, IPPROTO_TCP, MSG_NOSIGNAL, SHUT_WR, SOCK_CLOEXEC, SOCK_NONBLOCK,
  SOCK_STREAM, TCP_USER_TIMEOUT } from '../../../src/os/constants.js';
import * as libc from '../../../src/os/libc.js';
import { encodeSockaddr } from '../../../src/os/sockaddr.js';
import type { SocketAddress } from '../../../src/os/sockaddr.js';
import { acceptBatch, connectTo, localAddress, newStreamSocket, openListener, setLinger, setOption, setSendBufferBytes,
  setReceiveBufferBytes } from '../../../src/os/socket.js';
import { BufferPool } from '../../../src/workers/memory/buffers.js';
import { createReactor, REACTOR_SCRATCH_BYTES } from '../../../src/workers/reactor/choose.js';
import type { Reactor, ReactorOptions, SocketOwner } from '../../../src/workers/reactor/reactor.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';
import type { SimEnd, SimFaults } from '../../../src/workers/reactor/sim-network.js';
import { SimReactor } from '../../../src/workers/reactor/sim.js';

const MiB = 1024 * 1024;
const SOCKADDR = 256 * 1024;
const SCRATCH = 512 * 1024;
const ARENA = 2 * MiB;

/** The other end of one of the reactor's sockets. */
export interface Peer {
  /** Bytes taken; 0 = would block; < 0 = -errno. */
  write(bytes: Uint8Array): number;
  /** What has arrived, perhaps nothing. */
  read(): Uint8Array;
  /** After read() returned nothing. */
  ended: boolean;
  errno: number;
  shutdownSend(): void;
  close(reset?: boolean): void;
}

export interface Server { address: SocketAddress; accept(): Peer | null; stop(): void }

export abstract class Harness {
  readonly memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly pool: BufferPool;
  readonly owned = new Map<number, number>();
  abstract readonly reactor: Reactor;
  private readonly freeAtStart: number[];

  constructor(poolMiB = 40) {
    this.pool = new BufferPool(ARENA, poolMiB * MiB);
    this.freeAtStart = [0, 1, 2].map(size => this.pool.freeOf(size as 0 | 1 | 2));
  }

  protected options(socketsMax: number): ReactorOptions {
    return { pool: this.pool, memory: this.memory, scratch: SCRATCH, scratchBytes: REACTOR_SCRATCH_BYTES, socketsMax,
      onFdOwned: fd => { this.owned.set(fd, 1); }, onFdClosed: fd => { this.owned.delete(fd); } };
  }

  abstract pair(kind?: 'tcp' | 'unix'): { fd: number; peer: Peer };
  abstract server(): Server;
  abstract socket(address: SocketAddress): number;
  /** An address where nobody listens, and one that never answers. */
  abstract refused(): SocketAddress;
  abstract silent(): { address: SocketAddress; stop(): void };
  abstract listener(): { fd: number; arrive(): Peer };
  /** Makes accept fail with EMFILE until the returned function is called. */
  abstract exhaust(listenFd: number): () => void;
  abstract wakeFd(): { fd: number; write(): void };

  connect(id: number, address: SocketAddress): void {
    const length = encodeSockaddr(address, new DataView(this.memory.buffer), SOCKADDR);
    this.reactor.connect(id, SOCKADDR, length);
    this.bytes.fill(0xff, SOCKADDR, SOCKADDR + length);       // "it may be overwritten after return"
  }

  /** A buffer holding `text`; the caller releases it. */
  buffer(text: Uint8Array): number {
    const buffer = this.pool.acquire(this.pool.classFor(text.length) as 0 | 1 | 2);
    this.bytes.set(text, this.pool.offsetOf(buffer));
    return buffer;
  }

  send(id: number, text: Uint8Array, more = false): void {
    const buffer = this.buffer(text);
    this.reactor.send(id, buffer, this.pool.offsetOf(buffer), text.length, more);
    this.pool.release(buffer);
  }

  /** Polls until `done`, or gives up after two seconds (the test's assertion then says what is missing). */
  until(done: () => boolean, waitMs = 10): boolean {
    const deadline = performance.now() + 2000;
    while (!done()) {
      if (performance.now() > deadline) return false;
      this.reactor.poll(waitMs);
    }
    return true;
  }
  turns(count: number): void { for (let n = 0; n < count; n++) this.reactor.poll(2); }

  /** Ends the reactor; returns what it failed to give back. */
  finish(): { buffers: number; fds: number; sockets: number } {
    this.reactor.end();
    const free = [0, 1, 2].map(size => this.pool.freeOf(size as 0 | 1 | 2));
    return { buffers: this.freeAtStart.reduce((sum, n, i) => sum + n - free[i]!, 0), fds: this.owned.size,
      sockets: this.reactor.socketCount };
  }
}

export class KernelHarness extends Harness {
  readonly reactor: Reactor;
  private readonly scratch = new Uint8Array(128 * 1024);
  private readonly scratchAddress = libc.addressOf(this.scratch);

  constructor(driver: 'epoll' | 'uring', socketsMax = 64, poolMiB = 40) {
    super(poolMiB);
    this.reactor = createReactor(driver, this.options(socketsMax));
  }

  override pair(kind: 'tcp' | 'unix' = 'tcp'): { fd: number; peer: Peer } {
    if (kind === 'unix') {
      libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, this.scratchAddress);
      const view = new DataView(this.scratch.buffer);
      return { fd: view.getInt32(0, true), peer: new KernelPeer(view.getInt32(4, true), this.scratch) };
    }
    const server = this.server();
    const fd = this.socket(server.address);
    connectTo(fd, server.address);
    let peer = server.accept();
    while (peer === null) peer = server.accept();
    server.stop();
    return { fd, peer };
  }

  override server(): Server {
    const fd = openListener({ kind: 'ip', host: '127.0.0.1', port: 0 });
    setReceiveBufferBytes(fd, 64 * 1024);
    const address = localAddress(fd)!;
    return { address, stop: () => { libc.close(fd); }, accept: () => {
      let peer: Peer | null = null;
      acceptBatch(fd, 1, accepted => { peer = new KernelPeer(accepted, this.scratch); });
      return peer;
    } };
  }

  override socket(address: SocketAddress): number {
    const fd = newStreamSocket(address);
    setSendBufferBytes(fd, 64 * 1024);
    return fd;
  }

  /** Nobody listens on the first of the privileged ports. */
  override refused(): SocketAddress { return { kind: 'ip', host: '127.0.0.1', port: 1 }; }

  /** A listener whose backlog is full: the kernel ignores further attempts. */
  override silent(): { address: SocketAddress; stop(): void } {
    const fd = openListener({ kind: 'ip', host: '127.0.0.1', port: 0 }, { backlog: 0 });
    const address = localAddress(fd)!;
    const fillers = [0, 1, 2].map(() => newStreamSocket(address));
    for (const filler of fillers) connectTo(filler, address);
    return { address, stop: () => { for (const one of [fd, ...fillers]) libc.close(one); } };
  }

  override listener(): { fd: number; arrive(): Peer } {
    const fd = openListener({ kind: 'ip', host: '127.0.0.1', port: 0 });
    const address = localAddress(fd)!;
    return { fd, arrive: () => {
      const client = newStreamSocket(address);
      connectTo(client, address);
      return new KernelPeer(client, this.scratch);
    } };
  }

  override exhaust(): () => void {
    const next = libc.dup(0);
    libc.close(next);
    libc.getrlimit(7, this.scratchAddress);
    const view = new DataView(this.scratch.buffer);
    const before = view.getBigUint64(0, true);
    view.setBigUint64(0, BigInt(next), true);
    libc.setrlimit(7, this.scratchAddress);
    return () => {
      libc.getrlimit(7, this.scratchAddress);
      view.setBigUint64(0, before, true);
      libc.setrlimit(7, this.scratchAddress);
    };
  }

  override wakeFd(): { fd: number; write(): void } {
    const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return { fd, write: () => {
      new DataView(this.scratch.buffer).setBigUint64(0, 1n, true);
      libc.write(fd, this.scratchAddress, 8);
    } };
  }

  shortenConnectTimeout(id: number): void { setOption(this.reactor.fdOf(id), IPPROTO_TCP, TCP_USER_TIMEOUT, 100); }
}

class KernelPeer implements Peer {
  ended = false;
  errno = 0;
  private readonly address: number;
  constructor(readonly fd: number, private readonly scratch: Uint8Array) { this.address = libc.addressOf(scratch); }

  write(bytes: Uint8Array): number {
    this.scratch.set(bytes);
    const sent = libc.send(this.fd, this.address, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    const errno = libc.errno();
    return errno === EAGAIN ? 0 : -errno;
  }
  read(): Uint8Array {
    const received = libc.recv(this.fd, this.address, this.scratch.length, 0);
    if (received > 0) return this.scratch.slice(0, received);
    if (received === 0) this.ended = true;
    else {
      const errno = libc.errno();
      if (errno !== EAGAIN) this.errno = errno;
    }
    return new Uint8Array(0);
  }
  shutdownSend(): void { libc.shutdown(this.fd, SHUT_WR); }
  close(reset = false): void {
    if (reset) setLinger(this.fd, 0);
    libc.close(this.fd);
  }
}

export class SimHarness extends Harness {
  readonly reactor: Reactor;
  readonly network: SimNetwork;
  private port = 1;

  constructor(seed: number, faults: Partial<SimFaults> = {}, socketsMax = 64, poolMiB = 40) {
    super(poolMiB);
    this.network = new SimNetwork(seed, faults);
    this.reactor = new SimReactor(this.options(socketsMax), this.network);
  }

  override pair(): { fd: number; peer: Peer } {
    const { fd, peer } = this.network.pair();
    return { fd, peer: new SimPeer(peer) };
  }
  override server(): Server {
    const address: SocketAddress = { kind: 'ip', host: '10.0.0.1', port: this.port++ };
    const arrived: Peer[] = [];
    const name = `10.0.0.1:${address.port}`;
    this.network.serve(name, peer => { arrived.push(new SimPeer(peer)); });
    return { address, accept: () => arrived.shift() ?? null, stop: () => { this.network.stopServing(name); } };
  }
  override socket(): number { return this.network.socket(); }
  override refused(): SocketAddress { return { kind: 'ip', host: '10.9.9.9', port: 9 }; }
  override silent(): { address: SocketAddress; stop(): void } {
    this.network.faults.silent = 1;
    const address: SocketAddress = { kind: 'ip', host: '10.8.8.8', port: 8 };
    return { address, stop: () => { this.network.faults.silent = 0; } };
  }
  override listener(): { fd: number; arrive(): Peer } {
    const fd = this.network.listener();
    return { fd, arrive: () => new SimPeer(this.network.arrive(fd)) };
  }
  override exhaust(listenFd: number): () => void {
    this.network.failAccept(listenFd, 24);
    return () => { this.network.failAccept(listenFd, 0); };
  }
  override wakeFd(): { fd: number; write(): void } {
    const fd = this.network.socket();
    return { fd, write: () => { this.network.signal(fd); } };
  }
}

class SimPeer implements Peer {
  constructor(private readonly end: SimEnd) {}
  get ended(): boolean { return this.end.ended && this.end.readableBytes === 0; }
  get errno(): number { return this.end.errno; }
  write(bytes: Uint8Array): number { return this.end.write(bytes); }
  read(): Uint8Array { return this.end.read(); }
  shutdownSend(): void { this.end.shutdownSend(); }
  close(reset = false): void { this.end.close(reset); }
}

/** Records what happens to a socket, as one list of words and as the bytes received. */
export class Recorder implements SocketOwner {
  readonly events: string[] = [];
  received: Uint8Array[] = [];
  receivedBytes = 0;
  onBytes: ((buffer: number, offset: number, length: number) => void) | null = null;
  constructor(private readonly harness: Harness) {}

  onConnected(errno: number): void { this.events.push(`connected ${errno}`); }
  onReceived(buffer: number, offset: number, length: number): void {
    this.received.push(this.harness.bytes.slice(offset, offset + length));
    this.receivedBytes += length;
    this.onBytes?.(buffer, offset, length);
  }
  onReceiveEnd(errno: number): void { this.events.push(`end ${errno}`); }
  onSendFailed(errno: number): void { this.events.push(`sendFailed ${errno}`); }
  onSendDrained(): void { this.events.push('drained'); }
  get text(): string { return Buffer.concat(this.received).toString('latin1'); }
}
