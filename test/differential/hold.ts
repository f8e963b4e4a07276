// Every scenario of some areas on Weft, held against what Envoy 1.40 did when it was recorded (npm run differential --
// --record). What differs is explained in docs/envoy-differences.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { weftKinds } from '../support/proxy.js';
import { repositoryRoot } from '../support/root.js';
import { runScenarios } from './group.js';
import { compare, readRecording } from './recording.js';
import type { Scenario } from './scenario.js';

const document = readFileSync(join(repositoryRoot, 'docs/envoy-differences.md'), 'utf8');
const wanted = process.env.WEFT_DIFFERENTIAL_AREA;

/**
 * Tests both drivers; a scenario that needs a process of its own, or says so, has nothing to do with drivers and runs
 * on one.
 */
export function holdAgainstEnvoy(all: Readonly<Record<string, readonly Scenario[]>>): void {
  const areas = Object.entries(all).filter(([area]) => wanted === undefined || wanted === area);
  // Of the runner, which is generous: a busy machine is no failure.
  const timeout = Number(process.env.TAP_TIMEOUT ?? 120) * 1000;
  t.setTimeout(timeout);
  for (const kind of weftKinds) {
    t.test(kind, { timeout }, async (t) => {
      const chosen = areas.map(([, scenarios]) => scenarios.filter(({ alone, oneDriver }) =>
        (alone === undefined && oneDriver !== true) || kind === weftKinds[0]));
      const outcomes = await runScenarios(kind, chosen);
      for (const [index, [area]] of areas.entries()) {
        const recording = readRecording(area);
        for (const scenario of chosen[index]) {
          const recorded = recording[scenario.name];
          if (recorded === undefined) { t.fail(`${area}: ${scenario.name} is not recorded`); continue; }
          let { open, headings } = compare(scenario, outcomes.get(scenario) ?? [], recorded);
          if (open.length > 0) {
            // What a busy machine made late is asked once more, with nothing beside it: what is wrong stays so.
            t.comment(`${area}: ${scenario.name} is run again`);
            const again = await runScenarios(kind, [[scenario]]);
            ({ open, headings } = compare(scenario, again.get(scenario) ?? [], recorded));
          }
          t.same(open, [], `${area}: ${scenario.name}`);
          for (const heading of headings) t.ok(document.includes(`## ${heading}`), `the document explains: ${heading}`);
        }
      }
    });
  }
}
