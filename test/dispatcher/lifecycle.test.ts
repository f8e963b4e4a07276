import t from 'tap';
import { Log, LogSink } from '../../src/core/log.js';
import { Lifecycle } from '../../src/dispatcher/lifecycle.js';

function fixture(drainTimeMs: number, drainStrategy: 'gradual' | 'immediate' = 'gradual') {
  const seen: string[] = [];
  const target = { connections: 1, drained: [] as unknown[] };
  const exited = new Promise<number>((resolve) => {
    Object.assign(target, { exit: resolve });
  });
  const lifecycle = new Lifecycle({ drainTimeMs, drainStrategy, parentShutdownTimeMs: 900_000 }, {
    connections: () => target.connections, end: async () => { seen.push('end'); }, reopenLogs: () => {},
    drain: ({ graceMs, inboundOnly, stopAccepting }) => seen.push(`drain ${graceMs} ${inboundOnly} ${stopAccepting}`),
  }, new Log(new LogSink('off'), 'main'), (target as unknown as { exit(code: number): void }).exit);
  return { lifecycle, target, seen, exited };
}

t.test('SIGTERM drains and exits 0 as soon as the last connection is gone', async (t) => {
  const f = fixture(60_000);
  f.lifecycle.terminate();
  t.equal(f.lifecycle.state, 'DRAINING');
  setTimeout(() => { f.target.connections = 0; }, 30);
  t.equal(await f.exited, 0);
  t.same(f.seen, ['drain 60000 false false', 'end']);
});

t.test('--drain-strategy immediate stops accepting at once', async (t) => {
  const f = fixture(100, 'immediate');
  f.lifecycle.terminate();
  t.equal(await f.exited, 0);
  t.same(f.seen, ['drain 100 false true', 'end']);
});

t.test('draining ends when its time is over, and at once on a second SIGTERM', async (t) => {
  const slow = fixture(60_000);
  slow.lifecycle.terminate();
  slow.lifecycle.terminate();
  t.equal(await slow.exited, 0);
  const timed = fixture(60);
  timed.lifecycle.terminate();
  t.equal(await timed.exited, 0);
});

t.test('/drain_listeners closes listeners, at once or after the drain time, and does not end the process',
  async (t) => {
  const f = fixture(50);
  f.lifecycle.state = 'LIVE';
  f.lifecycle.drain({ inboundOnly: true, graceful: false, exit: false });
  t.same(f.seen, ['drain 50 true true']);
  f.lifecycle.drain({ inboundOnly: false, graceful: true, exit: false });
  t.same(f.seen.slice(1), ['drain 50 false false']);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.same(f.seen.slice(2), ['drain 0 false true']);
  t.equal(f.lifecycle.state, 'LIVE');
});

t.test('failed health checks show as draining until they are set back', async (t) => {
  const { lifecycle } = fixture(50);
  lifecycle.state = 'LIVE';
  lifecycle.healthChecksFail = true;
  t.equal(lifecycle.shownState, 'DRAINING');
  lifecycle.healthChecksFail = false;
  t.equal(lifecycle.shownState, 'LIVE');
});
