// A short run of the fuzzers, so that a broken decoder or a broken fuzzer is noticed without anyone asking; the long
// form is npm run fuzz.
import t from 'tap';
import { targets } from './http1.js';
import { fuzz } from './run.js';

t.test('two seconds without a finding', async (t) => {
  const report = fuzz(targets(), 2000, Date.now() >>> 0, 5);
  for (const finding of report.findings)
    t.fail(`${finding.target}, seed ${finding.seed}`, {
      fault: finding.fault,
      input: finding.input.toString('latin1'),
    });
  for (const [name, count] of Object.entries(report.executions)) t.ok(count > 1000, `${name}: ${count} executions`);
});
