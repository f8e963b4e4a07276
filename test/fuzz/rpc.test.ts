// A short run of the fuzzers of RPC protocols, and of what makes JSON of them; the long form is npm run fuzz.
import t from 'tap';
import { rpcJsonTargets } from './rpc-json.js';
import { rpcTargets } from './rpc.js';
import { fuzz } from './run.js';

t.test('two seconds without a finding', async (t) => {
  const report = fuzz([...rpcTargets(), ...rpcJsonTargets()], 2000, Date.now() >>> 0, 5);
  for (const finding of report.findings)
    t.fail(`${finding.target}, seed ${finding.seed}`, { fault: finding.fault, input: finding.input.toString('hex') });
  for (const [name, count] of Object.entries(report.executions)) t.ok(count > 500, `${name}: ${count} executions`);
});
