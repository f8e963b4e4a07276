// Token buckets: what one admits over time, alone and asked by several threads at once, on each build of the codecs.
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import t from 'tap';
import { instantiateCodecs } from '../../../src/workers/codecs.js';
import { codecBuilds, codecModule } from '../../support/wasm.js';

const AT = 3 << 20;

for (const build of codecBuilds) {
  t.test(build, async (t) => {
    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
    const codecs = instantiateCodecs(codecModule(build), memory);
    const clear = () => new BigInt64Array(memory.buffer)[AT >> 3] = 0n;
    const take = (times: number, nowMs: number, intervalMs: number, burst: number): number => {
      let taken = 0;
      for (let i = 0; i < times; i++) taken += codecs.tokenTake(AT, nowMs, intervalMs, burst);
      return taken;
    };

    await t.test('a new bucket is full', async (t) => {
      clear();
      t.equal(codecs.tokensLeft(AT, 0, 10, 5), 5);
      t.equal(take(20, 0, 10, 5), 5);
      t.equal(codecs.tokensLeft(AT, 0, 10, 5), 0);
    });

    await t.test('it fills at its rate, up to its burst', async (t) => {
      clear();
      take(5, 100, 10, 5);
      t.equal(take(5, 109, 10, 5), 0);
      t.equal(take(5, 110, 10, 5), 1);
      t.equal(take(9, 135, 10, 5), 2);
      t.equal(codecs.tokensLeft(AT, 135, 10, 5), 0.5);
      t.equal(take(9, 10_000, 10, 5), 5);
    });

    await t.test('a fraction of a token is not lost', async (t) => {
      clear();
      take(1, 0, 3, 1);
      let taken = 0;
      for (let now = 1; now <= 3000; now++) taken += take(1, now, 3, 1);
      t.equal(taken, 1000);
    });

    await t.test('a bucket that takes years to fill begins full', async (t) => {
      clear();
      t.equal(take(5, 1, 3_600_000_000, 3), 3);
      t.equal(take(5, 1e9, 3_600_000_000, 3), 0);
      clear();
      t.equal(take(5, 1, 1e12, 3), 3);
    });

    await t.test('a high rate', async (t) => {
      clear();
      take(1000, 0, 0.001, 1000);
      t.equal(take(5000, 1, 0.001, 1000), 1000);
    });
  });
}

t.test('threads that ask at once get together what one bucket has', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
  const source = `const { parentPort, workerData: { module, memory, at } } = require('node:worker_threads');
    const { tokenTake } = new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports;
    let taken = 0;
    for (let i = 0; i < 200000; i++) taken += tokenTake(at, 1, 1, 50000);
    parentPort.postMessage(taken);`;
  const threads = Array.from({ length: 4 }, () => new Worker(source, { eval: true,
    workerData: { module: codecModule('release'), memory, at: AT } }));
  const taken = await Promise.all(threads.map(async (thread) => (await once(thread, 'message') as [number])[0]));
  t.equal(taken.reduce((sum, count) => sum + count, 0), 50_000, taken.join(' + '));
});
