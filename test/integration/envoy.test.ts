// Weft and Envoy 1.40 on the same bootstrap, with the same requests: status, headers, body, forwarded request and
// access-log line agree, or the difference is explained in docs/envoy-differences.md. A sample of the corpus; all of
// it is npm run conformance.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { compareCase, describeGood, goodCases, startPair, stopPair } from '../conformance/compare.js';
import { differences } from '../conformance/differences.js';
import { explained } from '../conformance/explained.js';
import { requestCases } from '../protocols/http1/corpus/index.js';
import { envoyProgram, weftKinds } from '../support/proxy.js';
import { repositoryRoot } from '../support/root.js';

const skip = envoyProgram() === null ? 'Envoy is not installed (ENVOY_BIN or PATH)' : false;

t.test('Envoy and Weft', { skip }, async (t) => {
  const document = readFileSync(join(repositoryRoot, 'docs/envoy-differences.md'), 'utf8');
  const pair = await startPair(weftKinds[0], 8);
  try {
    await t.test('good requests', async (t) => {
      const queue = [...goodCases];
      await Promise.all(
        pair.lanes.map(async (lane) => {
          for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
            const [weft, envoy] = await Promise.all([
              describeGood(pair.weft, lane, entry),
              describeGood(pair.envoy, lane, entry),
            ]);
            for (const { line, heading } of explained(entry.name, weft, envoy))
              if (heading === null || !document.includes(`## ${heading}`)) t.fail(`${entry.name}: ${line}`);
          }
        }),
      );
      t.pass(`${goodCases.length} exchanges`);
    });
    await t.test('a sample of the corpus', async (t) => {
      const start = Math.floor(Math.random() * 10);
      const sample = requestCases.filter(
        (entry, index) => index % 10 === start && !differences.some((difference) => difference.applies(entry)),
      );
      const queue = [...sample];
      await Promise.all(
        pair.lanes.map(async (lane) => {
          for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
            const said = await compareCase(pair, lane, entry);
            if (said.weft !== said.envoy) t.fail(`${entry.source}: ${entry.name}`, said);
          }
        }),
      );
      t.pass(`${sample.length} conversations`);
    });
    await t.test('every heading is in the document', async (t) => {
      for (const { heading } of differences) t.ok(document.includes(`## ${heading}`), heading);
    });
  } finally {
    await stopPair(pair);
  }
});
