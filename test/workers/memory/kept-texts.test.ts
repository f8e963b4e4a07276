// Texts in the arena that many keep: once each, until the last one gives it back.
import t from 'tap';
import { benchEngine } from '../../../bench/engine.js';

t.test('equal texts are kept once, and go with the last who keeps them', async (t) => {
  const engine = benchEngine();
  const first = engine.texts.keep('x-line: 1\r\n')!;
  const second = engine.texts.keep('x-line: 1\r\n')!;
  const other = engine.texts.keep('x-line: 2\r\n')!;
  t.equal(second.at, first.at);
  t.not(other.at, first.at);
  t.equal(engine.readText(first.at, first.bytes), 'x-line: 1\r\n');
  engine.texts.release(first);
  t.equal(engine.texts.keep('x-line: 1\r\n')!.at, first.at, 'still kept by the second');
  engine.texts.release(second);
  engine.texts.release(first);
  engine.texts.release(other);
  t.equal(engine.texts.keep('x-none: 3\r\n')!.at >= 0, true, 'its room is used again');
});
