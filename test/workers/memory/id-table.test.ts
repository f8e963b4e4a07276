// The table of objects by number against a Map, through growth, collisions and deletions in every order.
import t from 'tap';
import { IdTable } from '../../../src/workers/memory/id-table.js';

t.test('it holds what a Map holds', async (t) => {
  let seed = 7;
  const random = (below: number): number => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % below;
  for (const [ids, most] of [[12, 6], [200, 90], [0x7ffffffe, 1500]] as const) {
    const table = new IdTable<{ id: number }>(), map = new Map<number, { id: number }>();
    for (let step = 0; step < 30_000; step++) {
      const known = [...map.keys()][map.size > 0 ? random(Math.min(map.size, 40)) : 0];
      const id = random(3) === 0 && known !== undefined ? known : 1 + random(ids);
      if (map.has(id) && random(2) === 0 || map.size >= most) {
        const gone = map.has(id) ? id : known!;
        map.delete(gone);
        table.delete(gone);
      } else {
        const value = { id };
        map.set(id, value);
        table.set(id, value);
      }
      if (table.size !== map.size || table.get(id) !== (map.get(id) ?? null)) return t.fail(`step ${step} of ${ids}`);
    }
    t.same(new Set(table.all()), new Set(map.values()));
    for (let id = 1; id <= Math.min(ids, 5000); id++)
      if (table.get(id) !== (map.get(id) ?? null)) return t.fail(`id ${id} of ${ids}`);
  }
  return t.pass();
});

t.test('what is not in it cannot be deleted', async (t) => {
  const table = new IdTable<string>();
  table.set(1, 'one');
  table.delete(2);
  t.same([table.size, table.get(1), table.get(2)], [1, 'one', null]);
});

t.test('a thousand streams that come and go keep a small table', async (t) => {
  const table = new IdTable<number>();
  for (let id = 1; id < 2_000_000; id += 2) {
    table.set(id, id);
    if (id > 64) table.delete(id - 64);
  }
  t.equal(table.size, 32);
  t.equal((table as unknown as { places: number[] }).places.length, 128);
});
