// An engine worker that only serves the dispatcher's tests: it keeps every promise of workers/messages.ts and answers
// each connection with one line: its index, generation, the listener slot and the root version. What the client sends
// first decides: 'crash' throws, 'stall' turns no loop for a while, 'hold' keeps the connection open, anything else is
// answered.
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { limits } from '../../src/core/limits.js';
import { Control, Shared, memoryMap, workerArena, workerControl, workerMailbox, workerStats } from
  '../../src/core/memory-map.js';
import { BLOB_HEADER_BYTES, listenerEntry } from '../../src/config/snapshot/layout.js';
import type { ListenerBlob } from '../../src/config/snapshot/layout.js';
import { ListenerStat } from '../../src/telemetry/schema.js';
import { BufferPool } from '../../src/workers/memory/buffers.js';
import type { FromWorker, ToWorker, WorkerStart } from '../../src/workers/messages.js';
import { REACTOR_SCRATCH_BYTES, createReactor } from '../../src/workers/reactor/choose.js';
import type { SocketOwner } from '../../src/workers/reactor/reactor.js';

const start = workerData as WorkerStart;
const map = memoryMap(start.memoryMiB, start.workers);
const words = new Int32Array(start.memory.buffer);
const cells = new Float64Array(start.memory.buffer);
const owners = new Int16Array(start.memory.buffer, map.fdOwners, limits.fdMax);
const control = workerControl(map, start.worker) >> 2;
const arena = Math.ceil(workerArena(map, start.worker) / 4096) * 4096;
const pool = new BufferPool(arena + REACTOR_SCRATCH_BYTES, map.arenaBytes - REACTOR_SCRATCH_BYTES - 8192);
const reactor = createReactor('epoll', { pool, memory: start.memory, scratch: arena,
  scratchBytes: REACTOR_SCRATCH_BYTES,
  socketsMax: 1000, onFdOwned: (fd) => { owners[fd] = start.worker + 1; }, onFdClosed: (fd) => { owners[fd] = 0; } });
const say = (message: FromWorker) => start.port.postMessage(message);
const listening = new Map<number, number>();
const open = new Set<number>();
let draining = false;

/** The cell in which this worker counts the open connections of a listener: what main balances by. */
function activeCell(slot: number): number {
  const root = Atomics.load(words, (map.control >> 2) + Shared.rootOffset);
  const blob = words[(root + listenerEntry(slot)) >> 2]!;
  const bytes = words[(blob >> 2) + 1]! - BLOB_HEADER_BYTES;
  const text = Buffer.from(start.memory.buffer, blob + BLOB_HEADER_BYTES, bytes).toString('utf8');
  return ((workerStats(map, start.worker) + (JSON.parse(text) as ListenerBlob).scope) >> 3)
    + ListenerStat.downstream_cx_active;
}

class Connection implements SocketOwner {
  readonly id: number;
  private readonly cell: number;
  constructor(fd: number, private readonly slot: number) {
    this.id = reactor.add(fd, this);
    this.cell = activeCell(slot);
    cells[this.cell]! += 1;
    open.add(this.id);
    Atomics.add(words, control + Control.connections, 1);
    reactor.startReceive(this.id);
  }
  onConnected(): void {}
  onReceived(_buffer: number, offset: number, length: number): void {
    const text = Buffer.from(new Uint8Array(start.memory.buffer, offset, length)).toString('latin1');
    if (text.startsWith('crash')) throw new Error('asked to crash');
    if (text.startsWith('stall')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6500);
    if (text.startsWith('hold')) return;
    const version = Atomics.load(words, (map.control >> 2) + Shared.rootVersion);
    const answer = Buffer.from(JSON.stringify({ worker: start.worker, generation: start.generation, slot: this.slot,
      version }) + '\n');
    const buffer = pool.acquire(0);
    new Uint8Array(start.memory.buffer, pool.offsetOf(buffer), answer.length).set(answer);
    reactor.send(this.id, buffer, pool.offsetOf(buffer), answer.length, false);
    pool.release(buffer);
  }
  onReceiveEnd(): void { this.close(); }
  onSendFailed(): void { this.close(); }
  onSendDrained(): void {}
  close(): void {
    if (!open.delete(this.id)) return;
    reactor.close(this.id, false);
    Atomics.sub(words, control + Control.connections, 1);
    cells[this.cell]! -= 1;
  }
}

function handle(message: ToWorker): void {
  if (message.kind === 'listen') {
    const { fd, listenerSlot } = message;
    listening.set(fd, reactor.listen(fd, { onAccepted: (accepted) => { new Connection(accepted, listenerSlot); },
      onAcceptFailed: () => {} }));
  } else if (message.kind === 'unlisten') {
    reactor.unlisten(listening.get(message.fd)!);
    listening.delete(message.fd);
    say({ kind: 'unlistened', listenerSlot: message.listenerSlot, fd: message.fd });
  } else if (message.kind === 'drain') {
    draining = true;
  } else if (message.kind === 'describe') {
    say({ kind: 'described', id: message.id, text: `worker ${start.worker}, draining ${draining}` });
  }
}

function drainMailbox(): void {
  for (;;) {
    const head = Atomics.load(words, control + Control.dealtHead);
    if (head === Atomics.load(words, control + Control.dealtTail)) break;
    const entry = (workerMailbox(map, start.worker) >> 2) + (head & (limits.dealtRingEntries - 1)) * 2;
    const fd = words[entry]!;
    const slot = words[entry + 1]!;
    Atomics.store(words, control + Control.dealtHead, (head + 1) | 0);
    new Connection(fd, slot);
  }
  for (let got = receiveMessageOnPort(start.port); got !== undefined; got = receiveMessageOnPort(start.port)) {
    handle(got.message as ToWorker);
  }
}

reactor.setWake(start.wakeFd, drainMailbox);
Atomics.store(words, control + Control.state, 1);
say({ kind: 'ready' });
while (Atomics.load(words, control + Control.stop) !== 1) {
  Atomics.add(words, control + Control.heartbeat, 1);
  Atomics.store(words, control + Control.oldestRootVersion, Atomics.load(words, (map.control >> 2)
    + Shared.rootVersion));
  Atomics.store(words, control + Control.sleeping, 1);
  drainMailbox();
  reactor.poll(100);
  Atomics.store(words, control + Control.sleeping, 0);
  drainMailbox();
}
say({ kind: 'ended' });
process.exit(0);
