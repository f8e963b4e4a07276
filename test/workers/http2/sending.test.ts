// Streams of one connection share its window in turn: none gets more than another, none is forgotten, and everything
// arrives in order. The session below is only what streams need of one.
import t from 'tap';
import { usualHttp2 } from '../../../src/config/http2.js';
import { MEDIUM } from '../../../src/workers/memory/buffers.js';
import { Floods } from '../../../src/workers/http2/floods.js';
import { Sending } from '../../../src/workers/http2/sending.js';
import { SESSION_OPEN } from '../../../src/workers/http2/session-state.js';
import type { Session } from '../../../src/workers/http2/session.js';
import { FramedStream } from '../../../src/workers/http2/stream.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';
import { World } from '../../sim/world.js';

const { engine } = new World(1);

class Writer extends FramedStream {
  ended = false;
  drains = 0;
  start(id: number): void { this.begin(id); }
  protected take(_buffer: number, _at: number, end: number): number { return end; }
  protected takeEnd(): boolean { return true; }
  protected gone(): void { /* nobody hears */ }
  protected drained(): void { this.drains++; }
  protected recycle(): void { this.ended = true; }
}

function connection() {
  const sent: { id: number; bytes: number }[] = [];
  const ends: number[] = [];
  const state = { pending: 0, contents: new Map<number, number[]>() };
  const session = {
    engine: { ...engine, pool: engine.pool, codecs: engine.codecs, reactor: {
      pendingSendBytes: () => state.pending, notifyDrained: () => undefined, flushLater: () => undefined,
      addChannel: () => 1 << 20, removeChannel: () => undefined } },
    options: usualHttp2, state: SESSION_OPEN, socket: 0, floods: new Floods(), peerFrameBytes: 16_384,
    peerStreamWindow: 65_535,
    out: { data: (id: number, _buffer: number, at: number, bytes: number) => {
      sent.push({ id, bytes });
      const contents = state.contents.get(id) ?? [];
      for (let i = 0; i < bytes; i++) contents.push(engine.u8[at + i]);
      state.contents.set(id, contents);
      return true;
    } },
    sendEnd: (id: number) => { ends.push(id); }, giveBack: () => undefined, forget: () => undefined,
    sendReset: () => undefined, sending: null as unknown as Sending,
  };
  session.sending = new Sending(session as unknown as Session);
  return { session: session as unknown as Session, sent, ends, state };
}

t.test('a window that opens little by little is shared evenly', (t) => {
  const { session, sent, state, ends } = connection();
  const { sending } = session;
  const buffer = engine.pool.acquire(MEDIUM);
  const at = engine.pool.offsetOf(buffer);
  for (let i = 0; i < 16_000; i++) engine.u8[at + i] = i % 251;
  sending.grow(1);
  const streams = Array.from({ length: 20 }, (_, i) => {
    const stream = new Writer(session.engine, session);
    stream.start(2 * i + 1);
    return stream;
  });
  // The first takes the whole window; the others wait, with their ends behind.
  for (const stream of streams) { for (let n = 0; n < 6; n++) stream.send(buffer, at, 16_000); stream.end(); }
  const dice = new SimNetwork(3);
  sent.length = 0;
  const total = new Map<number, number>();
  for (const { streamId } of streams) total.set(streamId, 0);
  for (let n = 0; n < 400; n++) {
    const from = sent.length;
    sending.grow(dice.integer(500, 20_000));
    for (const { id, bytes } of sent.slice(from)) total.set(id, (total.get(id) ?? 0) + bytes);
    for (const stream of streams) if (stream.streamId !== 0) stream.sendWindow = 1_000_000;
    for (const stream of streams) if (stream.queuedBytes > 0) sending.add(stream);
    if (n === 50) {
      const amounts = [...total.values()].slice(1);      // the first had a start
      t.ok(Math.max(...amounts) <= 2 * Math.min(...amounts) + 16_384, amounts.join());
    }
  }
  t.same([...ends].sort((a, b) => a - b), streams.map((_, i) => 2 * i + 1), 'each end, once');
  const right = Array.from({ length: 96_000 }, (_, i) => (i % 16_000) % 251);
  t.ok([...state.contents.values()].every((contents) => Buffer.from(contents).equals(Buffer.from(right))));
  engine.pool.release(buffer);
  t.end();
});

t.test('a stream whose window is shut does not hold the others up', (t) => {
  const { session, sent } = connection();
  const buffer = engine.pool.acquire(MEDIUM);
  const at = engine.pool.offsetOf(buffer);
  const [shut, open] = [1, 3].map((id) => {
    const stream = new Writer(session.engine, session);
    stream.start(id);
    return stream;
  });
  shut.sendWindow = 0;
  shut.send(buffer, at, 1000);
  open.send(buffer, at, 1000);
  session.sending.turnOver();
  t.same(sent, [{ id: 3, bytes: 1000 }]);
  shut.sendWindow = 400;
  session.sending.add(shut);
  session.sending.pump();
  t.same(sent.slice(1), [{ id: 1, bytes: 400 }]);
  t.equal(shut.pendingSendBytes(), 600);
  shut.abandon(8);
  open.abandon(8);
  engine.pool.release(buffer);
  t.equal(engine.pool.referencesOf(buffer), 0, 'what waited is given back');
  t.end();
});

t.test('what waits below holds all back, and lets them go on', (t) => {
  const { session, sent, state } = connection();
  const buffer = engine.pool.acquire(MEDIUM);
  const stream = new Writer(session.engine, session);
  stream.start(1);
  state.pending = 10_000_000;
  stream.send(buffer, engine.pool.offsetOf(buffer), 5000);
  stream.notifyDrained();
  t.equal(sent.length, 0);
  state.pending = 0;
  session.sending.drained();
  t.same(sent, [{ id: 1, bytes: 5000 }]);
  session.sending.turnOver();
  t.equal(stream.drains, 1);
  stream.abandon(8);
  engine.pool.release(buffer);
  t.end();
});
