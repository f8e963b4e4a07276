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

/** Tests both drivers; a scenario that needs a process of its own has nothing to do with drivers and runs on one. */
export function holdAgainstEnvoy(areas: Readonly<Record<string, readonly Scenario[]>>): void {
  // A minute on a busy machine; the runner has its own limit for a file.
  t.setTimeout(110_000);
  for (const [area, scenarios] of Object.entries(areas)) {
    if (wanted !== undefined && wanted !== area) continue;
    t.test(area, { timeout: 100_000 }, async (t) => {
      const recording = readRecording(area);
      t.same(scenarios.filter(({ name }) => recording[name] === undefined).map(({ name }) => name), [],
        'every scenario is recorded');
      for (const kind of weftKinds) {
        const chosen = scenarios.filter(({ alone }) => alone === undefined || kind === weftKinds[0]);
        const outcomes = await runScenarios(kind, chosen);
        for (const scenario of chosen) {
          const { open, headings } = compare(scenario, outcomes.get(scenario.name) ?? [],
            recording[scenario.name] ?? []);
          t.same(open, [], `${kind}: ${scenario.name}`);
          for (const heading of headings) t.ok(document.includes(`## ${heading}`), `the document explains: ${heading}`);
        }
      }
    });
  }
}
