import t from 'tap';
import { SlotTable } from '../../../src/config/snapshot/slots.js';

t.test('a name keeps its slot while anything mentions it', async (t) => {
  const table = new SlotTable(10);
  const slot = table.mention('a');
  t.equal(table.mention('a'), slot);
  t.equal(table.unmention(slot), 0);
  t.equal(table.slotOf('a'), slot);
  t.not(table.mention('b'), slot);
});

t.test('a slot rests until it is recycled, and a name that comes back finds it again', async (t) => {
  const table = new SlotTable(10);
  const slot = table.mention('a');
  const rest = table.unmention(slot);
  t.ok(rest > 0);
  t.equal(table.mention('a'), slot);
  t.notOk(table.recycle(slot, rest), 'mentioned again');
  const again = table.unmention(slot);
  t.notOk(table.recycle(slot, rest), 'an older rest does not end a newer one');
  t.ok(table.recycle(slot, again));
  t.equal(table.slotOf('a'), -1);
  t.equal(table.mention('b'), slot, 'the slot is used again');
});

t.test('recycling says so before another name gets the slot', async (t) => {
  const seen: string[] = [];
  const table = new SlotTable(10, (slot, name) => seen.push(`${slot} ${name}`));
  const slot = table.mention('a');
  table.recycle(slot, table.unmention(slot));
  t.same(seen, [`${slot} a`]);
});

t.test('a full table answers -1', async (t) => {
  const table = new SlotTable(2);
  table.mention('a');
  table.mention('b');
  t.equal(table.mention('c'), -1);
  t.ok(table.mention('a') >= 0);
});
