// Which peers flood: those that leave too much waiting, not those that are served much.
import t from 'tap';
import { usualHttp2 } from '../../../src/config/http2.js';
import { FLOOD_CONTROL_OUT, FLOOD_NONE, FLOOD_OUT, FLOOD_RESETS, Floods } from '../../../src/workers/http2/floods.js';

const HEAD_BYTES = 50;

t.test('a connection that always has something waiting, and moves, is no flood', async (t) => {
  const floods = new Floods();
  floods.begin();
  let worst = FLOOD_NONE;
  for (let handed = 0, sent = 0; handed < 100_000 * HEAD_BYTES; handed += HEAD_BYTES) {
    if (handed - sent > 100 * HEAD_BYTES) sent += 60 * HEAD_BYTES;
    worst = Math.max(worst, floods.wroteHead(handed, handed - sent, usualHttp2),
      floods.answered(handed, handed - sent, usualHttp2));
  }
  t.equal(worst, FLOOD_NONE);
});

t.test('one that takes nothing is, at the limit', async (t) => {
  const after = (write: (floods: Floods, handed: number) => number): number => {
    const floods = new Floods();
    floods.begin();
    for (let count = 1; ; count++) if (write(floods, count * HEAD_BYTES) !== FLOOD_NONE) return count;
  };
  const { outboundFramesMax, outboundControlFramesMax } = usualHttp2;
  const heads = after((floods, handed) => floods.wroteHead(handed, handed, usualHttp2));
  const answers = after((floods, handed) => floods.answered(handed, handed, usualHttp2));
  t.ok(heads >= outboundFramesMax && heads <= outboundFramesMax + 2, `${heads}`);
  t.ok(answers >= outboundControlFramesMax && answers <= outboundControlFramesMax + 2, `${answers}`);
  t.not(FLOOD_OUT, FLOOD_CONTROL_OUT);
});

t.test('requests that are reset early count beside those that are not', async (t) => {
  const floods = new Floods();
  floods.begin();
  const early = (): number => {
    const flood = floods.resetEarly();
    floods.requestClosed();
    return flood;
  };
  for (let count = 0; count < 3000; count++) floods.requestClosed();
  t.same(Array.from({ length: 2990 }, early).filter((flood) => flood !== FLOOD_NONE), []);
  let more = 0;
  while (early() === FLOOD_NONE) more++;
  t.ok(more > 0 && more < 20, 'half of them are too many');
  floods.begin();
  t.same(Array.from({ length: 249 }, early).filter((flood) => flood !== FLOOD_NONE), []);
  t.equal(early(), FLOOD_RESETS, 'half of the least number, at once');
});
