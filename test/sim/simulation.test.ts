// Seeded simulations of a whole worker: every request gets exactly one outcome, nothing is mixed up, nothing
// leaks. A seed that fails is named; `npm run sim -- --seed S` replays it and prints its plan, `npm run sim --
// --seeds N` runs more of them.
import t from 'tap';
import { profiles } from './plan.js';
import { simulate } from './simulate.js';

const SEEDS_PER_PROFILE = 25;

profiles.forEach((profile, index) => {
  void t.test(profile, (t) => {
    let requests = 0,
      served = 0;
    for (let n = 0; n < SEEDS_PER_PROFILE; n++) {
      const seed = index + n * profiles.length;
      const result = simulate(seed);
      requests += result.requests;
      served += result.served;
      if (result.faults.length > 0) t.fail(`seed ${seed}: ${result.faults.slice(0, 5).join('; ').slice(0, 1000)}`);
    }
    t.ok(requests > 0 && served > 0, `${served} of ${requests} requests were served`);
    t.end();
  });
});
