// Held bytes against a plain array: order and contents survive every way of growing and consuming, nothing stays
// held, and what does not fit is said.
import t from 'tap';
import { limits } from '../../../src/core/limits.js';
import { Held } from '../../../src/workers/connection/held.js';
import { SMALL } from '../../../src/workers/memory/buffers.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';
import { World } from '../../sim/world.js';

const world = new World(1);
const { engine } = world;
const source = engine.text;

t.test('random growth and consumption', (t) => {
  const dice = new SimNetwork(11);
  const held = new Held(engine);
  const free = [0, 1, 2].map((size) => engine.pool.freeOf(size as 0 | 1 | 2));
  let model: number[] = [];
  for (let n = 0; n < 3000; n++) {
    const bytes = dice.integer(1, dice.chance(0.1) ? 30_000 : 500);
    for (let i = 0; i < bytes; i++) engine.u8[source + i] = (n * 31 + i) & 255;
    const taken = held.bytes > 0 ? held.append(source, bytes) : held.keep(source, bytes) ? bytes : -1;
    if (taken < 0 || held.bytes > limits.bufferLargeBytes) t.fail(`append ${taken}`);
    model.push(...engine.u8.subarray(source, source + taken));
    const gone = dice.chance(0.5) ? model.length : dice.integer(0, model.length);
    if (!Buffer.from(engine.u8.slice(held.at, held.at + held.bytes)).equals(Buffer.from(model))) {
      t.fail(`contents differ in turn ${n}`);
      break;
    }
    held.consume(gone);
    model = model.slice(gone);
    if (held.buffer < 0 !== (held.bytes === 0)) t.fail('buffer without bytes');
  }
  held.drop();
  t.same(
    [0, 1, 2].map((size) => engine.pool.freeOf(size as 0 | 1 | 2)),
    free,
    'every buffer is back',
  );
  t.end();
});

t.test('what exceeds the largest buffer is left, and fits after consuming', (t) => {
  const held = new Held(engine);
  t.ok(held.keep(source, 50_000));
  const taken = held.append(source, 60_000);
  t.equal(taken, limits.bufferLargeBytes - 16 - 50_000);
  t.equal(held.append(source, 1), 0);
  held.consume(50_000);
  t.equal(held.append(source, 60_000 - taken), 60_000 - taken);
  held.drop();
  t.end();
});

t.test('no buffer: -1, and what was held stays', (t) => {
  const held = new Held(engine);
  t.ok(held.keep(source, 100));
  const taken: number[] = [];
  for (const size of [0, 1, 2] as const)
    for (let id = engine.pool.acquire(size); id >= 0; id = engine.pool.acquire(size)) taken.push(id);
  t.equal(held.append(source, limits.bufferSmallBytes), -1);
  t.equal(held.bytes, 100);
  t.equal(new Held(engine).keep(source, 10), false);
  for (const id of taken) engine.pool.release(id);
  held.drop();
  t.equal(engine.pool.freeOf(SMALL), engine.pool.countOf(SMALL) - 1, 'one belongs to the engine');
  t.end();
});
