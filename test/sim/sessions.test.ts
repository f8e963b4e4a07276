// Seeded simulations of connections that are proxied as bytes. A seed that fails is named; `npm run sim -- --sessions
// --seed S` replays it and prints its plan.
import t from 'tap';
import { sessionProfiles, simulateSessions } from './sessions.js';

const SEEDS_PER_PROFILE = 25;

sessionProfiles.forEach((profile, index) => {
  void t.test(profile, (t) => {
    let sessions = 0,
      whole = 0;
    for (let n = 0; n < SEEDS_PER_PROFILE; n++) {
      const seed = index + n * sessionProfiles.length;
      const result = simulateSessions(seed);
      sessions += result.sessions;
      whole += result.whole;
      if (result.faults.length > 0) t.fail(`seed ${seed}: ${result.faults.slice(0, 5).join('; ').slice(0, 1000)}`);
    }
    // One that has shown a fault before.
    if (index === 1816 % sessionProfiles.length) t.same(simulateSessions(1816).faults, []);
    t.ok(sessions > 0 && whole > 0, `${whole} of ${sessions} sessions were whole`);
    t.end();
  });
});
