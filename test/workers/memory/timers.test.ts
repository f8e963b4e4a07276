// The timer wheel against a plain list of deadlines: nothing fires early, nothing late by more than two ticks,
// nothing twice, nothing removed.
import t from 'tap';
import { TimerWheel } from '../../../src/workers/memory/timers.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';

const LATE_MS_MAX = 24; // one tick to round up, one that a cascade may add, one of the clock itself

t.test('a thousand timers, moved and removed at random, fire when they should', (t) => {
  const dice = new SimNetwork(5);
  let now = 123_456.5;
  const wheel = new TimerWheel(now);
  const wanted = new Map<number, number>();
  const faults: string[] = [];
  const ids = Array.from({ length: 1000 }, () => {
    const id: number = wheel.add({
      onTimer: (nowMs) => {
        const deadline = wanted.get(id);
        if (deadline === undefined) faults.push(`${id} fired without being armed`);
        else if (deadline > nowMs) faults.push(`${id} fired ${deadline - nowMs} ms early`);
        else if (nowMs - deadline > LATE_MS_MAX + step) faults.push(`${id} fired ${nowMs - deadline} ms late`);
        wanted.delete(id);
      },
    });
    return id;
  });
  const spans = [1, 7, 100, 600, 3000, 40_000, 200_000, 3_000_000];
  let step = 0;
  const arm = (id: number) => {
    const deadline = now + dice.integer(1, spans[dice.integer(0, spans.length - 1)]!);
    wanted.set(id, deadline);
    wheel.arm(id, deadline);
  };
  ids.forEach(arm);
  for (let turn = 0; turn < 3000; turn++) {
    for (let n = dice.integer(0, 5); n > 0; n--) {
      const id = ids[dice.integer(0, ids.length - 1)]!;
      if (dice.chance(0.2)) {
        wheel.disarm(id);
        wanted.delete(id);
      } else arm(id);
    }
    step = dice.chance(0.02) ? dice.integer(1, 500_000) : dice.integer(0, 40);
    now += step;
    wheel.advance(now);
  }
  step = 4_000_000;
  now += step;
  wheel.advance(now);
  t.same(faults, []);
  t.equal(wanted.size, 0, 'everything fired');
  t.end();
});

t.test('pushing a deadline out does not fire at the old one', (t) => {
  const wheel = new TimerWheel(0);
  let fired = 0;
  const id = wheel.add({
    onTimer: () => {
      fired++;
    },
  });
  wheel.arm(id, 100);
  wheel.arm(id, 1000);
  wheel.advance(500);
  t.equal(fired, 0);
  wheel.advance(1020);
  t.equal(fired, 1);
  t.end();
});

t.test('a callback may remove and arm any timer, its own included', (t) => {
  const wheel = new TimerWheel(0);
  const fired: string[] = [];
  const first: number = wheel.add({
    onTimer: (nowMs) => {
      fired.push('first');
      wheel.remove(second);
      wheel.remove(third);
      wheel.arm(first, nowMs + 8);
    },
  });
  const second: number = wheel.add({
    onTimer: () => {
      fired.push('second');
      wheel.remove(first);
      wheel.remove(third);
    },
  });
  const third: number = wheel.add({
    onTimer: () => {
      fired.push('third');
      wheel.remove(first);
      wheel.remove(second);
    },
  });
  for (const id of [first, second, third]) wheel.arm(id, 50);
  wheel.advance(60);
  t.equal(fired.length, 1, 'whoever came first removed the others');
  const reused = wheel.add({
    onTimer: () => {
      fired.push('reused');
    },
  });
  wheel.arm(reused, 70);
  wheel.advance(200);
  t.ok(fired.includes('reused'));
  t.end();
});

t.test('deadlines beyond the wheel and in the past', (t) => {
  const wheel = new TimerWheel(0);
  let far = 0,
    past = 0;
  wheel.arm(
    wheel.add({
      onTimer: () => {
        far++;
      },
    }),
    200 * 3_600_000,
  );
  wheel.arm(
    wheel.add({
      onTimer: () => {
        past++;
      },
    }),
    -1000,
  );
  wheel.advance(20);
  t.equal(past, 1);
  for (let hour = 1; hour < 200; hour++) wheel.advance(hour * 3_600_000);
  t.equal(far, 0);
  wheel.advance(200 * 3_600_000 + 20);
  t.equal(far, 1);
  t.end();
});

t.test('the wait never passes a deadline and never spins', (t) => {
  let now = 1000;
  const wheel = new TimerWheel(now);
  const dice = new SimNetwork(9);
  let firedAt = 0;
  const id = wheel.add({
    onTimer: (nowMs) => {
      firedAt = nowMs;
    },
  });
  for (let n = 0; n < 200; n++) {
    const deadline = now + dice.integer(1, 2000);
    wheel.arm(id, deadline);
    firedAt = 0;
    let waits = 0;
    while (firedAt === 0 && waits++ < 100) {
      const wait = wheel.waitMs(now, 500);
      if (wait > 500 || wait < 0) t.fail(`waits ${wait} ms`);
      now += Math.max(wait, 0.1);
      wheel.advance(now);
    }
    if (firedAt - deadline > LATE_MS_MAX || firedAt < deadline)
      t.fail(`deadline ${deadline}, fired ${firedAt} after ${waits} waits`);
  }
  t.pass('two hundred deadlines');
  t.end();
});
