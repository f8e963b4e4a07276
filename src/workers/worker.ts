// Entry of an engine worker: builds the engine and runs its one loop until main says stop. The thread never returns to
// libuv, so nothing here may use a promise, a timer of Node or a port event; main wakes it through an eventfd.
import { workerData } from 'node:worker_threads';
import { limits } from '../core/limits.js';
import { Control, memoryMap } from '../core/memory-map.js';
import { WorkerStat } from '../telemetry/schema.js';
import { instantiateCodecs } from './codecs.js';
import { Engine } from './engine.js';
import { Listeners } from './listener/listener.js';
import { kernel } from './outside.js';
import { Mailbox } from './mailbox.js';
import type { WorkerStart } from './messages.js';
import { Proxy } from './proxy/request.js';
import { createReactor } from './reactor/choose.js';
import { Sockets } from './reactor/sockets.js';
import { startUserCodecs } from './rpc/user-codecs.js';
import { Snapshot } from './snapshot/snapshot.js';

const SOCKETS_MAX = 65536;

function run(start: WorkerStart): void {
  const map = memoryMap(start.memoryMiB, start.workers);
  const owners = new Int16Array(start.memory.buffer, map.fdOwners, limits.fdMax);
  const outside = { ...kernel, closeSocket: (fd: number) => {
    // before the number is free: another thread may be given it at once
    if (fd < limits.fdMax) owners[fd] = 0;
    kernel.closeSocket(fd);
  } };
  const engine = new Engine(start.memory, map, start.worker, instantiateCodecs(start.codecs, start.memory), outside);
  for (let i = 0; i < 4; i++) engine.i32[(engine.randomState >> 2) + i] = start.seed[i]! | 0;
  engine.reactor = new Sockets(createReactor(start.io, {
    pool: engine.pool, memory: start.memory, scratch: engine.reactorScratch, scratchBytes: engine.reactorScratchBytes,
    socketsMax: SOCKETS_MAX,
    onFdOwned: (fd) => { if (fd < limits.fdMax) owners[fd] = start.worker + 1; },
    onFdClosed: (fd) => { if (fd < limits.fdMax) owners[fd] = 0; },
    onTurn: () => {
      Atomics.store(engine.i32, engine.control + Control.sleeping, 0);
      engine.tick();
    },
  }));
  engine.ticketKeys = start.ticketKeys;
  engine.snapshot = new Snapshot(engine);
  const proxy = new Proxy(engine);
  const listeners = new Listeners(engine, proxy);
  engine.snapshot.onAdopted = (root) => {
    listeners.adopt(root);
    proxy.clusters.adopt(root);
  };
  const mailbox = new Mailbox(engine, start.port, listeners, proxy);
  startUserCodecs(engine, start.rpcCodecs);
  engine.reactor.setWake(start.wakeFd, () => { mailbox.woken = true; });
  engine.snapshot.adopt();
  Atomics.store(engine.i32, engine.control + Control.state, 1);
  start.port.postMessage({ kind: 'ready' });
  loop(engine, mailbox);
  engine.reactor.end();
  Atomics.store(engine.i32, engine.control + Control.state, 3);
  start.port.postMessage({ kind: 'ended' });
}

function loop(engine: Engine, mailbox: Mailbox): void {
  const { i32, control, timers } = engine;
  while (Atomics.load(i32, control + Control.stop) !== 1 && !mailbox.stopped) {
    try {
      i32[control + Control.heartbeat] = (i32[control + Control.heartbeat] + 1) | 0;
      engine.f64[engine.statsBase + WorkerStat.loop_turns] += 1;
      engine.snapshot.adopt();
      timers.advance(engine.nowMs);
      // Announce sleep before the last look at the mailbox: main writes the eventfd only to a sleeper.
      Atomics.store(i32, control + Control.sleeping, 1);
      const pending = mailbox.take();
      engine.reactor.poll(pending ? 0 : timers.waitMs(engine.nowMs, limits.pollWaitMsMax));
    } catch (error) {
      mailbox.report(error);          // a connection's own failure was contained before it got here
    }
  }
}

run(workerData as WorkerStart);
