// The cheapest proxy that the reactor allows: whatever a client sends goes to one upstream over pooled connections,
// and back, with no parsing. What a request costs here is the floor under everything that Weft adds.
//
//   node dist/bench/reactor.js <epoll|uring> <listen port> <upstream port>     then load it with wrk, and read
//   /proc/<pid>/stat
import { newStreamSocket, openListener, setNoDelay } from '../src/os/socket.js';
import { encodeSockaddr } from '../src/os/sockaddr.js';
import type { SocketAddress } from '../src/os/sockaddr.js';
import { BufferPool } from '../src/workers/memory/buffers.js';
import { createReactor, REACTOR_SCRATCH_BYTES } from '../src/workers/reactor/choose.js';
import type { Reactor, SocketOwner } from '../src/workers/reactor/reactor.js';

const [driver, listenPort, upstreamPort] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const MiB = 1024 * 1024;
const SOCKADDR = 64 * 1024;
const SCRATCH = 128 * 1024;
const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
const pool = new BufferPool(2 * MiB, 60 * MiB);
const upstream: SocketAddress = { kind: 'ip', host: '127.0.0.1', port: upstreamPort };
const sockaddrLength = encodeSockaddr(upstream, new DataView(memory.buffer), SOCKADDR);
const reactor: Reactor = createReactor(driver === 'uring' ? 'uring' : 'epoll', {
  pool, memory, scratch: SCRATCH, scratchBytes: REACTOR_SCRATCH_BYTES, socketsMax: 16384,
  onFdOwned: () => undefined, onFdClosed: () => undefined,
});
const idle: Side[] = [];

class Side implements SocketOwner {
  id = -1;
  peer: Side | null = null;
  constructor(readonly client: boolean) {}

  onConnected(errno: number): void { if (errno !== 0) this.end(); }

  onReceived(buffer: number, offset: number, length: number): void {
    if (this.client) {
      const to = this.peer ?? (idle.length > 0 ? idle.pop()! : openUpstream());
      this.peer = to;
      to.peer = this;
      reactor.send(to.id, buffer, offset, length, false);
    } else if (this.peer !== null) {
      reactor.send(this.peer.id, buffer, offset, length, false);
      if (bodyBytes > 0 && (this.received += length) < bodyBytes) return;
      this.received = 0;
      this.peer.peer = null;
      this.peer = null;
      idle.push(this);
    }
  }

  received = 0;
  onReceiveEnd(_errno: number): void { this.end(); }
  onSendFailed(_errno: number): void { this.end(); }
  onSendDrained(): void { /* not asked for */ }

  private end(): void {
    if (this.id < 0) return;
    reactor.close(this.id, false);
    this.id = -1;
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    if (this.peer !== null) {
      const peer = this.peer;
      this.peer = null;
      peer.peer = null;
      peer.end();
    }
  }
}

/** Bytes of a whole response, head included, when it does not come in one piece: BODY_BYTES. */
const bodyBytes = Number(process.env['BODY_BYTES'] ?? 0);

function openUpstream(): Side {
  const side = new Side(false);
  const fd = newStreamSocket(upstream);
  setNoDelay(fd);
  side.id = reactor.add(fd, side);
  if (bodyBytes > 0) reactor.setBulk(side.id, true);
  reactor.connect(side.id, SOCKADDR, sockaddrLength);
  reactor.startReceive(side.id);
  return side;
}

reactor.listen(openListener({ kind: 'ip', host: '127.0.0.1', port: listenPort }, { backlog: 4096 }), {
  onAccepted(fd) {
    const side = new Side(true);
    setNoDelay(fd);
    side.id = reactor.add(fd, side);
    reactor.startReceive(side.id);
  },
  onAcceptFailed(errno) { console.error('accept', errno); },
});
console.log(`pid ${process.pid} driver ${reactor.driver}`);
for (;;) reactor.poll(500);
