// What an extractor takes of a header for the key of a scope.
import t from 'tap';
import { fragmentOf } from '../../../src/workers/routing/scopes.js';

const by = (separator: string, index: number) => ({ header: 'x', separator, index, element: null });
const key = (separator: string, between: string, name: string) =>
  ({ header: 'x', separator, index: 0, element: { separator: between, key: name } });

t.test('an element by its number', async (t) => {
  t.equal(fragmentOf(null, by('', 0)), null);
  t.equal(fragmentOf('a;b', by('', 0)), 'a;b');
  t.same([0, 1, 2, 3].map((index) => fragmentOf('a;;c', by(';', index))), ['a', '', 'c', null]);
  t.equal(fragmentOf('', by(';', 0)), '');
  t.equal(fragmentOf('a--b', by('--', 1)), 'b');
});

t.test('what stands behind a key', async (t) => {
  t.equal(fragmentOf('k=v', key('', '=', 'k')), 'v');
  t.equal(fragmentOf('x=y;k=v;k=w', key(';', '=', 'k')), 'v');
  t.equal(fragmentOf('kk=v;k', key(';', '=', 'k')), null);
  t.equal(fragmentOf('k=;x', key(';', '=', 'k')), '');
  t.equal(fragmentOf('k;=v', key(';', '=', 'k')), null, 'the separator lies in another element');
});

t.test('no text makes it slow', async (t) => {
  const started = performance.now();
  fragmentOf(';'.repeat(60_000), key(';', '=', 'k'));
  fragmentOf('k'.repeat(60_000), key(';', '=', 'k'));
  t.ok(performance.now() - started < 500);
});
