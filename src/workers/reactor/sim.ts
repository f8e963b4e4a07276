// The reactor over a simulated network: same interface, same rules, everything decided by the network's seed, time
// virtual. Test only. Each poll looks at every socket in a random order, so that nothing can come to depend on the
// kernel's.
import { limits } from '../../core/limits.js';
import { EMFILE, ENOBUFS } from '../../os/errno.js';
import { decodeSockaddr, formatAddress } from '../../os/sockaddr.js';
import type { BufferClass, BufferPool } from '../memory/buffers.js';
import { PieceQueue } from './piece-queue.js';
import type { AcceptOwner, Reactor, ReactorOptions, SocketOwner } from './reactor.js';
import type { SimNetwork } from './sim-network.js';

interface SimSocket {
  fd: number;
  owner: SocketOwner;
  generation: number;
  receiving: boolean;
  receiveEnded: boolean;
  connecting: boolean;
  connectErrno: number;         // -1: no result is due
  sendDead: boolean;
  sendErrno: number;            // 0: no failure is due
  shutdownWanted: boolean;
  drainWanted: boolean;
}
interface SimListening { fd: number; owner: AcceptOwner; paused: boolean; retryAtMs: number }

export class SimReactor implements Reactor {
  readonly driver = 'sim';
  socketCount = 0;
  current = -1;
  private readonly sockets: (SimSocket | null)[];
  private readonly generations: Int32Array;
  private readonly listening: (SimListening | null)[] = [];
  private readonly queue: PieceQueue;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly pool: BufferPool;
  private wakeFd = -1;
  private onWake: () => void = () => undefined;
  private busy = false;
  private heldBuffer = -1;

  constructor(private readonly options: ReactorOptions, private readonly network: SimNetwork) {
    this.pool = options.pool;
    this.sockets = new Array<SimSocket | null>(options.socketsMax).fill(null);
    this.generations = new Int32Array(options.socketsMax);
    this.queue = new PieceQueue(options.socketsMax, limits.sendNodesMax, limits.sendQueueEntriesMax, options.pool,
      options.memory);
    this.bytes = new Uint8Array(options.memory.buffer);
    this.view = new DataView(options.memory.buffer);
  }

  add(fd: number, owner: SocketOwner): number {
    const id = this.sockets.indexOf(null);
    if (id < 0) return -1;
    this.sockets[id] = { fd, owner, generation: ++this.generations[id], receiving: false, receiveEnded: false,
      connecting: false, connectErrno: -1, sendDead: false, sendErrno: 0, shutdownWanted: false, drainWanted: false };
    this.socketCount++;
    this.options.onFdOwned(fd);
    return id;
  }

  setOwner(id: number, owner: SocketOwner): void { this.open(id).owner = owner; }
  fdOf(id: number): number { return this.sockets[id]?.fd ?? -1; }

  connect(id: number, sockaddr: number, length: number): void {
    const socket = this.open(id);
    const address = decodeSockaddr(this.view, sockaddr, length);
    if (address === null) throw new Error('connect to no address');
    socket.connecting = true;
    const generation = socket.generation;
    this.network.connect(socket.fd, formatAddress(address), errno => {
      if (this.isOpen(id, generation)) socket.connectErrno = errno;
      else if (errno === 0) this.network.end(socket.fd)?.close(true);
    });
  }

  startReceive(id: number): void { const socket = this.sockets[id]; if (socket != null) socket.receiving = true; }
  stopReceive(id: number): void { const socket = this.sockets[id]; if (socket != null) socket.receiving = false; }
  setBulk(_id: number, _bulk: boolean): void { /* the size of a receive is random anyway */ }

  send(id: number, buffer: number, offset: number, length: number, _more: boolean): void {
    const socket = this.sockets[id];
    if (socket == null || socket.sendDead || length === 0) return;
    const start = this.pool.offsetOf(buffer);
    if (offset < start || offset + length > start + this.pool.bytesOf(buffer)) {
      throw new Error(`send of [${offset}, ${offset + length}) which is not inside buffer ${buffer}`);
    }
    if (this.queue.push(id, buffer, offset, length)) return;
    socket.sendDead = true;
    socket.sendErrno = ENOBUFS;
    this.queue.clear(id);
  }

  pendingSendBytes(id: number): number { return this.queue.bytes[id]; }
  notifyDrained(id: number): void { const socket = this.sockets[id]; if (socket != null) socket.drainWanted = true; }
  shutdownSend(id: number): void { const socket = this.sockets[id]; if (socket != null) socket.shutdownWanted = true; }

  /** Like a kernel: what fits its buffer still leaves. */
  close(id: number, reset: boolean): void {
    const socket = this.sockets[id];
    if (socket == null) return;
    const end = this.network.end(socket.fd);
    if (!reset && !socket.connecting && end !== undefined) this.writeQueue(id, socket);
    this.queue.clear(id);
    this.sockets[id] = null;
    this.socketCount--;
    this.options.onFdClosed(socket.fd);
    end?.close(reset);
    this.network.forget(socket.fd);
  }

  listen(fd: number, owner: AcceptOwner): number {
    return this.listening.push({ fd, owner, paused: false, retryAtMs: 0 }) - 1;
  }
  unlisten(id: number): void { this.listening[id] = null; }
  pauseAccept(id: number): void { const entry = this.listening[id]; if (entry != null) entry.paused = true; }
  resumeAccept(id: number): void { const entry = this.listening[id]; if (entry != null) entry.paused = false; }
  setWake(eventFd: number, onWake: () => void): void { this.wakeFd = eventFd; this.onWake = onWake; }

  poll(timeoutMs: number): void {
    if (this.heldBuffer >= 0) this.pool.release(this.heldBuffer);
    this.heldBuffer = -1;
    this.network.runDue();
    this.busy = false;
    this.options.onTurn?.();
    this.turn();
    if (this.busy || timeoutMs === 0) return;
    this.network.advance(this.retryWaitMs(Math.min(timeoutMs, limits.pollWaitMsMax)));
    this.network.runDue();
    this.options.onTurn?.();
    this.turn();
  }

  end(): void { for (let id = 0; id < this.sockets.length; id++) this.close(id, false); }

  private turn(): void {
    if (this.wakeFd >= 0 && this.network.takeSignal(this.wakeFd)) { this.busy = true; this.onWake(); }
    for (let id = 0; id < this.listening.length; id++) this.accept(id);
    const order: number[] = [];
    for (let id = 0; id < this.sockets.length && order.length < this.socketCount; id++) {
      if (this.sockets[id] === null) continue;
      const at = this.network.integer(0, order.length);
      order.push(order[at] ?? id);
      order[at] = id;
    }
    for (const id of order) if (this.sockets[id] != null) this.serve(id, this.sockets[id]!);
  }

  /** Everything that one socket owes or has: at most one receive, so that others have their turn. */
  private serve(id: number, socket: SimSocket): void {
    this.current = id;
    if (socket.connecting) {
      if (socket.connectErrno < 0) return;
      socket.connecting = false;
      this.busy = true;
      if (socket.connectErrno !== 0) this.endBoth(id, socket);
      socket.owner.onConnected(socket.connectErrno);
      if (!this.isOpen(id, socket.generation)) return;
    }
    if (!socket.sendDead) this.flush(id, socket);
    if (socket.sendErrno !== 0) {
      const errno = socket.sendErrno;
      socket.sendErrno = 0;
      socket.drainWanted = false;
      this.busy = true;
      socket.owner.onSendFailed(errno);
      if (!this.isOpen(id, socket.generation)) return;
    }
    if (socket.drainWanted && this.queue.head[id] < 0 && !socket.sendDead) {
      socket.drainWanted = false;
      this.busy = true;
      socket.owner.onSendDrained();
      if (!this.isOpen(id, socket.generation)) return;
    }
    if (socket.receiving && !socket.receiveEnded) this.receive(id, socket);
  }

  private flush(id: number, socket: SimSocket): void {
    const errno = this.writeQueue(id, socket);
    if (errno !== 0) {
      this.queue.clear(id);
      socket.sendDead = true;
      socket.sendErrno = errno;
    } else if (socket.shutdownWanted && this.queue.head[id] < 0) {
      socket.shutdownWanted = false;
      this.network.end(socket.fd)!.shutdownSend();
    }
  }

  private writeQueue(id: number, socket: SimSocket): number {
    const end = this.network.end(socket.fd)!;
    while (this.queue.head[id] >= 0) {
      const node = this.queue.head[id];
      const offset = this.queue.offset[node];
      const written = end.write(this.bytes.subarray(offset, offset + this.queue.length[node]));
      if (written < 0) return -written;
      if (written === 0) return 0;
      this.busy = true;
      this.queue.advance(id, written);
    }
    return 0;
  }

  private receive(id: number, socket: SimSocket): void {
    const end = this.network.end(socket.fd)!;
    if (end.errno === 0 && end.readableBytes === 0 && !end.ended) return;
    if (end.errno !== 0 || end.readableBytes === 0) {
      this.busy = true;
      socket.receiveEnded = true;
      if (end.errno !== 0) this.endBoth(id, socket);
      socket.owner.onReceiveEnd(end.errno);
      return;
    }
    const buffer = this.pool.acquire(this.network.integer(0, 2) as BufferClass);
    if (buffer < 0) return;                     // tried again in the next poll
    this.busy = true;
    const bytes = end.read(Math.min(limits.receiveBytesMax, this.pool.bytesOf(buffer)));
    const offset = this.pool.offsetOf(buffer);
    this.bytes.set(bytes, offset);
    this.heldBuffer = buffer;
    socket.owner.onReceived(buffer, offset, bytes.length);
    this.heldBuffer = -1;
    // What nobody kept is overwritten, so that use after the callback shows.
    if (this.pool.referencesOf(buffer) === 1) this.bytes.fill(0xdd, offset, offset + bytes.length);
    this.pool.release(buffer);
  }

  private accept(id: number): void {
    const entry = this.listening[id];
    if (entry == null || entry.paused || entry.retryAtMs > this.network.nowMs) return;
    entry.retryAtMs = 0;
    for (let n = 0; n < limits.acceptBatchMax && !entry.paused && this.listening[id] === entry; n++) {
      const fd = this.network.accept(entry.fd);
      if (fd === 0) return;
      this.busy = true;
      if (fd > 0) {
        this.options.onFdOwned(fd);
        entry.owner.onAccepted(fd);
        continue;
      }
      entry.retryAtMs = this.network.nowMs + limits.acceptRetryMs;
      entry.owner.onAcceptFailed(-fd || EMFILE);
      return;
    }
  }

  private retryWaitMs(timeoutMs: number): number {
    const { nowMs } = this.network;
    let wait = timeoutMs;
    for (const entry of this.listening) {
      if (entry !== null && entry.retryAtMs > nowMs) wait = Math.min(wait, entry.retryAtMs - nowMs);
    }
    return wait;
  }

  private endBoth(id: number, socket: SimSocket): void {
    socket.receiveEnded = true;
    socket.sendDead = true;
    socket.sendErrno = 0;
    this.queue.clear(id);
  }

  private isOpen(id: number, generation: number): boolean { return this.sockets[id]?.generation === generation; }
  private open(id: number): SimSocket {
    const socket = this.sockets[id];
    if (socket == null) throw new Error(`socket ${id} is not open`);
    return socket;
  }
}
