// Runtime cells: defaults, what a layer's value does to them, and that they follow changes.
import t from 'tap';
import { Runtime } from '../../src/config/runtime-cells.js';

const text = (value: string) => ({ text: value, fraction: null });

t.test('a share follows its key', async (t) => {
  const runtime = new Runtime();
  const cell = runtime.fraction({ runtimeKey: 'a.share', numerator: 25, denominator: 100 });
  const share = () => Array.from({ length: 100 }, (_, random) => cell.holds(random)).filter((held) => held).length;
  t.equal(share(), 25, 'the default');
  runtime.set([['a.share', text('50')]]);
  t.equal(share(), 50, 'a number is percent');
  runtime.set([['a.share', { text: '', fraction: { numerator: 1, denominator: 10_000 } }]]);
  t.ok(cell.holds(0));
  t.notOk(cell.holds(1));
  t.ok(cell.holds(10_000));
  runtime.set([['a.share', text('nonsense')]]);
  t.equal(share(), 25, 'what is no number leaves the default');
  runtime.set([['a.share', text('250')]]);
  t.equal(share(), 100);
  t.ok(cell.isAll);
  runtime.set([['a.share', text('0')]]);
  t.ok(cell.isNone);
  runtime.set([]);
  t.equal(share(), 25, 'a key that is gone');
  t.ok(runtime.fraction({ runtimeKey: '', numerator: 100, denominator: 100 }).holds(-1), 'negative random numbers');
});

t.test('numbers and flags follow their keys', async (t) => {
  const runtime = new Runtime();
  const number = runtime.number({ runtimeKey: 'n', defaultValue: 3 });
  const flag = runtime.flag({ runtimeKey: 'f', defaultValue: true });
  t.same([number.value, flag.value], [3, true]);
  runtime.set([['n', text('7.5')], ['f', text('FALSE')]]);
  t.same([number.value, flag.value], [7.5, false]);
  runtime.set([['n', text('x')], ['f', text('maybe')]]);
  t.same([number.value, flag.value], [3, true]);
});
