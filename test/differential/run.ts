// npm run differential [-- --record] [--area NAME] [--io epoll|uring] [--name PART]: the scenarios on Envoy and on
// Weft, live. Prints each difference, or how the recording differs from the Envoy that is installed; --record writes it
// anew.
import { envoyProgram, type ProxyKind } from '../support/proxy.js';
import { areas } from './areas.js';
import { runScenarios } from './group.js';
import { compare, readRecording, writeRecording } from './recording.js';

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};

if (envoyProgram() === null) {
  process.stdout.write('Envoy is not installed: set ENVOY_BIN, or put envoy on PATH\n');
  process.exit(1);
}
const kind = `weft-${option('io') ?? 'epoll'}` as ProxyKind;
let count = 0, open = 0, explained = 0, stale = 0;
for (const [area, all] of Object.entries(areas)) {
  if (option('area') !== undefined && option('area') !== area) continue;
  const scenarios = all.filter(({ name }) => name.includes(option('name') ?? ''));
  if (scenarios.length === 0) continue;
  const envoy = await runScenarios('envoy', [scenarios]);
  const recording = readRecording(area);
  if (process.argv.includes('--record')) {
    const merged = new Map(all.map((scenario) =>
      [scenario.name, envoy.get(scenario) ?? recording[scenario.name] ?? []]));
    writeRecording(area, merged);
  }
  const weft = await runScenarios(kind, [scenarios]);
  for (const scenario of scenarios) {
    const found = compare(scenario, weft.get(scenario)!, envoy.get(scenario)!);
    count++;
    if (found.open.length > 0) open++; else if (found.headings.length > 0) explained++;
    if (found.open.length > 0) process.stdout.write(`${area}: ${scenario.name}\n  ${found.open.join('\n  ')}\n`);
    const recorded = readRecording(area)[scenario.name] ?? [];
    if (recorded.join('\n') !== envoy.get(scenario)!.join('\n')) {
      stale++;
      process.stdout.write(`${area}: ${scenario.name}: the recording is not what this Envoy did\n`);
      if (process.argv.includes('--verbose'))
        process.stdout.write(`  ${compare(scenario, recorded, envoy.get(scenario)!).open.join('\n  ')}\n`);
    }
  }
}
process.stdout.write(`${count} scenarios: ${count - open - explained} the same, ${explained} with explained `
  + `differences, ${open} not explained; ${stale} recordings stale\n`);
process.exit(open + stale > 0 ? 1 : 0);
