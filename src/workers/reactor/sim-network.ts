// The world of the simulation driver: connections, virtual time and faults, all from one seed. Test only: nothing
// that ships imports it. The engine's side of a connection is a number (a pretended fd); the other side is a SimEnd
// that a test scripts.
//
// Bytes written at one end arrive at the other after a random delay, in order. Each direction holds at most
// `capacityBytes`, arrived and under way together: then writing is refused, as EAGAIN is.
import { ECONNREFUSED, ECONNRESET, EPIPE } from '../../os/errno.js';

export interface SimFaults {
  /** Probabilities, 0 to 1. */
  shortRead: number;
  shortWrite: number;
  /** Of a connection attempt. */
  refuse: number;
  /** Of a connection attempt that is never answered. */
  silent: number;
  /** Of each chunk on its way: the connection is reset instead. */
  reset: number;
  delayMsMax: number;
  capacityBytes: number;
}

const noFaults: SimFaults = {
  shortRead: 0, shortWrite: 0, refuse: 0, silent: 0, reset: 0, delayMsMax: 0, capacityBytes: 256 * 1024,
};

interface SimEvent { atMs: number; run: () => void }

export class SimNetwork {
  nowMs = 0;
  readonly faults: SimFaults;
  private state: number;
  private nextFd = 1000;
  private readonly events: SimEvent[] = [];
  private readonly ends = new Map<number, SimEnd>();
  private readonly servers = new Map<string, (peer: SimEnd) => void>();
  private readonly backlogs = new Map<number, { fds: number[]; errno: number }>();
  private readonly signalled = new Set<number>();

  constructor(seed: number, faults: Partial<SimFaults> = {}) {
    this.state = seed | 0;
    this.faults = { ...noFaults, ...faults };
  }

  /** Uniform in [0, 1): mulberry32. */
  random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  chance(probability: number): boolean { return probability > 0 && this.random() < probability; }
  /** An integer in [from, to]. */
  integer(from: number, to: number): number { return from + Math.floor(this.random() * (to - from + 1)); }

  after(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    let at = this.events.length;       // mostly late ones are added: search from the end
    while (at > 0 && this.events[at - 1]!.atMs > atMs) at--;
    this.events.splice(at, 0, { atMs, run });
  }

  /** Runs what is due; true if anything was. */
  runDue(): boolean {
    let ran = false;
    while (this.events.length > 0 && this.events[0]!.atMs <= this.nowMs) {
      this.events.shift()!.run();
      ran = true;
    }
    return ran;
  }

  /** Moves time to the next event, at most by `mostMs`. */
  advance(mostMs: number): void {
    const next = this.events[0]?.atMs ?? Infinity;
    this.nowMs = Math.min(this.nowMs + mostMs, Math.max(next, this.nowMs));
  }

  /** An unconnected socket for the engine: what socket() is elsewhere. */
  socket(): number { return this.nextFd++; }
  /** A connected pair: the engine's fd and the scripted peer. */
  pair(): { fd: number; peer: SimEnd } {
    const fd = this.socket();
    const peer = this.join(fd);
    return { fd, peer };
  }
  /** A listening fd for the engine. */
  listener(): number {
    const fd = this.socket();
    this.backlogs.set(fd, { fds: [], errno: 0 });
    return fd;
  }
  /** A client arrives at the engine's listening fd. */
  arrive(listenFd: number): SimEnd {
    const { fd, peer } = this.pair();
    this.backlogs.get(listenFd)!.fds.push(fd);
    return peer;
  }
  /** From now on accept fails with `errno` (EMFILE); 0 ends that. */
  failAccept(listenFd: number, errno: number): void { this.backlogs.get(listenFd)!.errno = errno; }
  /** accept4 of the driver: an fd, -errno, or 0 when nobody waits. */
  accept(listenFd: number): number {
    const backlog = this.backlogs.get(listenFd)!;
    if (backlog.fds.length === 0) return 0;
    return backlog.errno !== 0 ? -backlog.errno : backlog.fds.shift()!;
  }

  /** Answers connections to `address` ('10.0.0.1:80', '[::1]:80', '/path'). */
  serve(address: string, onConnection: (peer: SimEnd) => void): void { this.servers.set(address, onConnection); }
  /** Connections to `address` are refused from now on. */
  stopServing(address: string): void { this.servers.delete(address); }
  /** connect() of the driver: `done` is called once with 0 or errno, later; or never. */
  connect(fd: number, address: string, done: (errno: number) => void): void {
    const server = this.servers.get(address);
    if (this.chance(this.faults.silent)) return;
    const refused = server === undefined || this.chance(this.faults.refuse);
    this.after(this.delayMs(), () => {
      if (refused) { done(ECONNREFUSED); return; }
      const peer = this.join(fd);
      done(0);
      server(peer);
    });
  }

  end(fd: number): SimEnd | undefined { return this.ends.get(fd); }
  forget(fd: number): void { this.ends.delete(fd); }
  /** Connections whose engine side is still open: 0 at the end of a test, or something leaked. */
  get openCount(): number { return this.ends.size; }

  /** Writes the pretended eventfd. */
  signal(eventFd: number): void { this.signalled.add(eventFd); }
  takeSignal(eventFd: number): boolean { return this.signalled.delete(eventFd); }

  delayMs(): number { return this.faults.delayMsMax === 0 ? 0 : this.integer(0, this.faults.delayMsMax); }

  private join(fd: number): SimEnd {
    const engine = new SimEnd(this);
    const peer = new SimEnd(this);
    engine.other = peer;
    peer.other = engine;
    this.ends.set(fd, engine);
    return peer;
  }
}

/** One end of a connection. Tests hold the peer's; the driver holds the engine's. */
export class SimEnd {
  other!: SimEnd;
  /** Called when bytes or the end have arrived; a scripted peer reads and answers here. */
  onReadable: (() => void) | null = null;
  /** The FIN has arrived (and everything before it). */
  ended = false;
  /** 0, or why both directions are dead. */
  errno = 0;
  private arrived: Uint8Array[] = [];
  private arrivedBytes = 0;
  private underWayBytes = 0;
  private lastArrivalMs = 0;
  private sendClosed = false;
  private closed = false;

  constructor(private readonly network: SimNetwork) {}

  /** Bytes that can be read now. */
  get readableBytes(): number { return this.arrivedBytes; }
  get room(): number { return this.other.closed ? 1 : this.other.roomForMore(); }

  /** Bytes taken (0 = would block), or -errno. */
  write(bytes: Uint8Array): number {
    if (this.errno !== 0) return -this.errno;
    if (this.sendClosed) return -EPIPE;
    if (this.other.closed) {
      this.other.resetOther();
      return bytes.length;            // as a kernel: the first write succeeds, the RST comes back
    }
    let count = Math.min(bytes.length, this.other.roomForMore());
    if (count > 1 && this.network.chance(this.network.faults.shortWrite)) count = this.network.integer(1, count);
    if (count > 0) this.other.travel(bytes.slice(0, count));
    return count;
  }

  /** At most `most` bytes that arrived; empty = nothing (then see `ended` and `errno`). */
  read(most = Infinity): Uint8Array {
    const chunk = this.arrived[0];
    if (chunk === undefined) return new Uint8Array(0);
    let count = Math.min(chunk.length, most);
    if (count > 1 && this.network.chance(this.network.faults.shortRead)) count = this.network.integer(1, count);
    if (count === chunk.length) this.arrived.shift();
    else this.arrived[0] = chunk.subarray(count);
    this.arrivedBytes -= count;
    return chunk.subarray(0, count);
  }

  shutdownSend(): void {
    if (this.sendClosed || this.errno !== 0) return;
    this.sendClosed = true;
    this.other.schedule(0, () => { this.other.ended = true; });
  }

  /** close(): unread bytes turn it into a reset, as in a kernel. */
  close(reset = false): void {
    if (this.closed) return;
    this.closed = true;
    if (reset || this.arrivedBytes > 0) this.resetOther();
    else this.shutdownSend();
  }

  private resetOther(): void {
    const other = this.other;
    other.schedule(0, () => { other.fail(ECONNRESET); });
  }

  private fail(errno: number): void {
    if (this.errno !== 0) return;
    this.errno = errno;
    this.arrived = [];
    this.arrivedBytes = 0;
  }

  private roomForMore(): number {
    return Math.max(0, this.network.faults.capacityBytes - this.arrivedBytes - this.underWayBytes);
  }

  private travel(bytes: Uint8Array): void {
    this.underWayBytes += bytes.length;
    const reset = this.network.chance(this.network.faults.reset);
    this.schedule(bytes.length, () => {
      if (reset) {
        this.fail(ECONNRESET);
        this.resetOther();
        return;
      }
      this.arrived.push(bytes);
      this.arrivedBytes += bytes.length;
    });
  }

  private schedule(bytes: number, arrive: () => void): void {
    const atMs = Math.max(this.lastArrivalMs, this.network.nowMs + this.network.delayMs());
    this.lastArrivalMs = atMs;
    this.network.after(atMs - this.network.nowMs, () => {
      this.underWayBytes -= bytes;
      if (this.errno !== 0) return;
      arrive();
      if (!this.closed) this.onReadable?.();
    });
  }
}
