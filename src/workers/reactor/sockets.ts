// All sockets of a worker under one kind of id: those of the kernel, which the driver has, and channels, which stand
// on them (TLS sessions, HTTP/2 streams). So code that moves bytes knows nothing of what carries them. A plain socket
// costs one comparison more.
import { limits } from '../../core/limits.js';
import type { Channel, Flusher } from './channel.js';
import type { AcceptOwner, Reactor, SocketOwner } from './reactor.js';

/** Ids of channels begin here; the driver's are below. */
export const CHANNEL_FIRST = 1 << 20;

export class Sockets implements Reactor {
  readonly driver: Reactor['driver'];
  private readonly channels: (Channel | null)[] = [];
  private readonly free: number[] = [];
  /** The first `flusherCount` are asked for; an array that is cut and filled again would be made anew each turn. */
  private flushers: (Flusher | null)[] = [];
  private flushing: (Flusher | null)[] = [];
  private flusherCount = 0;

  constructor(readonly kernel: Reactor) { this.driver = kernel.driver; }

  get current(): number { return this.kernel.current; }
  get socketCount(): number { return this.kernel.socketCount; }

  /** Returns its id, or -1: the table is full. */
  addChannel(channel: Channel): number {
    const free = this.free.pop();
    if (free === undefined && this.channels.length >= limits.channelsMax) return -1;
    const index = free ?? this.channels.push(null) - 1;
    this.channels[index] = channel;
    return CHANNEL_FIRST + index;
  }

  /** The id may be another channel's at once. */
  removeChannel(id: number): void {
    this.channels[id - CHANNEL_FIRST] = null;
    this.free.push(id - CHANNEL_FIRST);
  }

  /** `flusher` is called once, before the worker waits for the kernel again. The caller asks once a turn. */
  flushLater(flusher: Flusher): void { this.flushers[this.flusherCount++] = flusher; }

  add(fd: number, owner: SocketOwner): number { return this.kernel.add(fd, owner); }
  connect(id: number, sockaddr: number, length: number): void { this.kernel.connect(id, sockaddr, length); }

  setOwner(id: number, owner: SocketOwner): void {
    if (id < CHANNEL_FIRST) this.kernel.setOwner(id, owner); else this.channel(id).setOwner(owner);
  }
  fdOf(id: number): number { return id < CHANNEL_FIRST ? this.kernel.fdOf(id) : this.channel(id).fd(); }
  startReceive(id: number): void {
    if (id < CHANNEL_FIRST) this.kernel.startReceive(id); else this.channel(id).startReceive();
  }
  stopReceive(id: number): void {
    if (id < CHANNEL_FIRST) this.kernel.stopReceive(id); else this.channel(id).stopReceive();
  }
  setBulk(id: number, bulk: boolean): void {
    if (id < CHANNEL_FIRST) this.kernel.setBulk(id, bulk); else this.channel(id).setBulk(bulk);
  }
  send(id: number, buffer: number, offset: number, length: number, more: boolean): void {
    if (id < CHANNEL_FIRST) this.kernel.send(id, buffer, offset, length, more);
    else this.channel(id).send(buffer, offset, length, more);
  }
  pendingSendBytes(id: number): number {
    return id < CHANNEL_FIRST ? this.kernel.pendingSendBytes(id) : this.channel(id).pendingSendBytes();
  }
  notifyDrained(id: number): void {
    if (id < CHANNEL_FIRST) this.kernel.notifyDrained(id); else this.channel(id).notifyDrained();
  }
  shutdownSend(id: number): void {
    if (id < CHANNEL_FIRST) this.kernel.shutdownSend(id); else this.channel(id).shutdownSend();
  }
  close(id: number, reset: boolean): void {
    if (id < CHANNEL_FIRST) this.kernel.close(id, reset); else this.channel(id).close(reset);
  }

  listen(fd: number, owner: AcceptOwner, most?: number): number { return this.kernel.listen(fd, owner, most); }
  unlisten(id: number): void { this.kernel.unlisten(id); }
  pauseAccept(id: number): void { this.kernel.pauseAccept(id); }
  resumeAccept(id: number): void { this.kernel.resumeAccept(id); }
  setWake(eventFd: number, onWake: () => void): void { this.kernel.setWake(eventFd, onWake); }

  poll(timeoutMs: number): void {
    if (this.flusherCount > 0) this.flush();         // what timers and messages gathered
    this.kernel.poll(this.flusherCount > 0 ? 0 : timeoutMs);
    if (this.flusherCount > 0) this.flush();
  }
  end(): void { this.kernel.end(); }

  /** What is gathered while others flush has its turn in the next call. */
  private flush(): void {
    const now = this.flushers, count = this.flusherCount;
    this.flushers = this.flushing;
    this.flushing = now;
    this.flusherCount = 0;
    for (let i = 0; i < count; i++) {
      const flusher = now[i]!;
      now[i] = null;
      flusher.flush();
    }
  }

  private channel(id: number): Channel { return this.channels[id - CHANNEL_FIRST]!; }
}
