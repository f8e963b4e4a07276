// `npm run perf`: one command that starts the backend, the peers and Weft, measures the chosen scenarios and writes
// perf/results/<time>/report.md and results.json. Method and how to read the tables: perf/README.md.
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from './machine.js';
import { readOptions, USAGE, type Options } from './options.js';
import { cpuTable } from './report.js';
import { runCollections } from './scenarios/collections.js';
import { runCpuScenario } from './scenarios/cpu.js';
import { runIdle, runLargeMemory, runStart } from './scenarios/memory.js';
import { runLatency } from './scenarios/latency.js';
import { cpuScenarios, expandScenarios, protocolScenario } from './scenarios/scenario.js';
import { Session } from './session.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const say = (text: string): void => { process.stdout.write(`${text}\n`); };

interface Outcome { scenario: string; title: string; table: string; samples: unknown }

async function runScenario(session: Session, name: string): Promise<Outcome> {
  const cpu = cpuScenarios.find((entry) => entry.name === name);
  if (cpu !== undefined) {
    say(`${name}: ${cpu.title}`);
    const samples = await runCpuScenario(session, cpu, say);
    return { scenario: name, title: cpu.title, table: cpuTable(cpu, samples), samples };
  }
  say(name);
  if (name === 'start') return { scenario: name, ...await runStart(session, say) };
  if (name.startsWith('idle')) return { scenario: name, ...await runIdle(session, name, say) };
  if (name === 'large-memory') return { scenario: name, ...await runLargeMemory(session, say) };
  if (name.startsWith('collections')) {
    const scenario = protocolScenario(name === 'collections' ? 'collections-small-calm' : name);
    return { scenario: name, ...await runCollections(session, scenario, say) };
  }
  return { scenario: name, ...await runLatency(session, name === 'latency' ? null : protocolScenario(name), say) };
}

function header(session: Session): string {
  const { options } = session;
  return [
    '# Weft beside its peers', '', describeMachine(), '',
    `${options.starts} process starts x ${options.rounds} rounds x ${options.seconds} s, ` +
      `warm-up ${options.warmSeconds} s; ` +
      `proxy on core ${options.proxyCore ?? 'any'}, load generator on core ${options.loadCore ?? 'any'}.`,
    ...(options.note === '' ? [] : ['', options.note]), '',
    ...session.peers.map((peer) => `- ${peer.name}: ${peer.version}`),
    ...session.skipped.map((reason) => `- left out: ${reason}`), '',
    'Ratios are medians of total CPU time per request, paired round by round, with their lowest and highest round.', '',
  ].join('\n');
}

async function main(options: Options): Promise<void> {
  const scenarios = expandScenarios(options.scenarios);
  const session = new Session(root, options);
  let report = header(session);
  say(report);
  await session.begin();
  const outcomes: Outcome[] = [];
  for (const name of scenarios) {
    const outcome = await runScenario(session, name);
    outcomes.push(outcome);
    const section = `## ${outcome.scenario}\n\n${outcome.title}\n\n${outcome.table}\n`;
    say(`\n${section}`);
    report += `\n${section}`;
    // Written after every scenario: an interrupted run keeps what it has.
    writeFileSync(join(session.folder, 'report.md'), report);
    writeFileSync(join(session.folder, 'results.json'), JSON.stringify({ options, machine: describeMachine(),
      peers: session.peers.map(({ name, version }) => ({ name, version })), outcomes }, null, 1));
  }
  await session.end();
  say(`report: ${join(session.folder, 'report.md')}`);
}

let options: Options;
try {
  options = readOptions(process.argv.slice(2));
  expandScenarios(options.scenarios);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
  process.exit(2);
}
try {
  await main(options);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
process.exit(0);
