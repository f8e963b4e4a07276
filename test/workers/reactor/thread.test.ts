// The drivers in the place they are made for: a worker thread that never returns to its event loop, woken by an
// eventfd.
import t from 'tap';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../../src/os/constants.js';
import * as libc from '../../../src/os/libc.js';
import { BufferPool } from '../../../src/workers/memory/buffers.js';
import { createReactor, REACTOR_SCRATCH_BYTES, uringAvailable } from '../../../src/workers/reactor/choose.js';

const MiB = 1024 * 1024;

if (isMainThread) {
  const drivers = uringAvailable().ok ? ['epoll', 'uring'] : ['epoll'];
  for (const driver of drivers) {
    t.test(`${driver}: wakes in a worker thread, and leaves`, async t => {
      const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
      const words = new Int32Array(memory.buffer);
      const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
      const worker = new Worker(new URL(import.meta.url), { workerData: { driver, memory, fd } });
      await new Promise(resolve => worker.once('message', resolve));
      const one = new BigUint64Array(64).fill(1n);
      const address = libc.addressOf(new Uint8Array(one.buffer));
      for (let wake = 1; wake <= 3; wake++) {
        libc.write(fd, address, 8);
        const deadline = performance.now() + 1000;
        while (Atomics.load(words, 1) < wake && performance.now() < deadline) await new Promise(r => setTimeout(r, 1));
        t.equal(Atomics.load(words, 1), wake);
      }
      Atomics.store(words, 0, 1);
      libc.write(fd, address, 8);
      t.equal(await new Promise(resolve => worker.once('exit', resolve)), 0);
      libc.close(fd);
    });
  }
} else {
  const { driver, memory, fd } = workerData as { driver: 'epoll' | 'uring'; memory: WebAssembly.Memory; fd: number };
  const words = new Int32Array(memory.buffer);
  const pool = new BufferPool(2 * MiB, 12 * MiB);
  const reactor = createReactor(driver, { pool, memory, scratch: MiB, scratchBytes: REACTOR_SCRATCH_BYTES,
    socketsMax: 16, onFdOwned: () => undefined, onFdClosed: () => undefined });
  reactor.setWake(fd, () => { Atomics.add(words, 1, 1); });
  parentPort!.postMessage('ready');
  while (Atomics.load(words, 0) === 0) reactor.poll(500);
  reactor.end();
}
