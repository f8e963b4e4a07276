// npm run sim -- --seeds N [--from M]     runs N seeded simulations; --seed S replays one and prints its plan.
// With --sessions: connections that are proxied as bytes, in place of requests. Exit code 1 when one fails.
import { parseArgs } from 'node:util';
import { simulateSessions } from './sessions.js';
import { simulate } from './simulate.js';

const sessionsOf = (seed: number) => {
  const { sessions, whole, ...result } = simulateSessions(seed);
  return { ...result, requests: sessions, served: whole };
};

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    sessions: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let failed = 0,
  requests = 0,
  served = 0;
const start = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const result = values.sessions ? sessionsOf(seed) : simulate(seed);
  requests += result.requests;
  served += result.served;
  if (values.seed !== undefined) console.log(JSON.stringify(result.plan, null, 1));
  if (result.faults.length === 0) continue;
  failed++;
  console.log(`seed ${seed} (${result.plan.profile})\n  ${result.faults.slice(0, 12).join('\n  ')}`);
  if (failed >= 20) break;
}
console.log(
  `${count} seeds, ${requests} requests, ${served} served, ${failed} seeds failed, ` +
    `${((performance.now() - start) / 1000).toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
