// `npm run flamegraph`: loads Weft and draws where its worker's CPU time goes. Two pictures:
//   weft-v8-worker-0.svg, weft-v8-main.svg   V8's own profiles, through the admin server (POST /cpuprofiler)
//   weft-perf.svg   Linux perf with --perf-basic-prof: the kernel and native code too, where perf is permitted
// `npm run flamegraph -- FILE.cpuprofile` only draws that file (what node --cpu-prof writes serves as well).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { flameGraph } from './flame/svg.js';
import { isCpuProfile, selfWeights, treeOfPerfScript, treeOfProfile, type CpuProfile,
  type Frame } from './flame/stacks.js';
import { closedLoad } from './load/closed.js';
import { run } from './load/traffic.js';
import { readOptions } from './options.js';
import { findProgram } from './process/launch.js';
import { fixed } from './report.js';
import { cpuScenarios } from './scenarios/scenario.js';
import { Session, type Started } from './session.js';

const USAGE = `npm run flamegraph -- [FILE.cpuprofile] [--io epoll|uring] [--scenario small-calm|mesh-calm|...]
  [--seconds 5] [--no-perf] [--port-base 20000]`;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const say = (text: string): void => { process.stdout.write(`${text}\n`); };

/** Writes the picture and prints the heaviest functions. */
function draw(tree: Frame, title: string, unit: string, file: string): void {
  writeFileSync(file, flameGraph(tree, title, unit));
  say(`${file}\n  heaviest by themselves:`);
  for (const { name, weight } of selfWeights(tree).slice(0,
    15)) say(`  ${fixed(100 * weight / tree.weight, 1).padStart(5)} %  ${name}`);
}

async function post(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`,
    { method: 'POST', signal: AbortSignal.timeout(30_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${text.slice(0, 200)}`);
  return text;
}

/** The profiles that the admin server's answer names, one file on each line. They are read and removed. */
function profilesIn(answer: string): { name: string; profile: CpuProfile }[] {
  const files = (answer.match(/\S+\.cpuprofile$/gm) ?? []).filter((file) => existsSync(file));
  return files.map((file) => {
    const profile = JSON.parse(readFileSync(file, 'utf8')) as unknown;
    if (!isCpuProfile(profile)) throw new Error(`${file} is no .cpuprofile`);
    rmSync(file);
    return { name: /(worker-\d+|main)\.cpuprofile$/.exec(file)?.[1] ?? basename(file, '.cpuprofile'), profile };
  });
}

async function v8Picture(session: Session, started: Started, seconds: number, title: string): Promise<void> {
  try {
    await post(started.ports.admin, '/cpuprofiler?enable=y');
    await sleep(seconds * 1000);
    const profiles = profilesIn(await post(started.ports.admin, '/cpuprofiler?enable=n'));
    if (profiles.length === 0) throw new Error('no profile is named in the answer of /cpuprofiler');
    for (const { name, profile } of profiles) {
      const file = join(session.folder, `weft-v8-${name}`);
      writeFileSync(`${file}.cpuprofile`, JSON.stringify(profile));
      draw(treeOfProfile(profile), `${title}: V8 profile, ${name}`, 'µs', `${file}.svg`);
    }
  } catch (error) {
    say(`no V8 profile: ${(error as Error).message}`);
  }
}

async function perfPicture(session: Session, started: Started, seconds: number, title: string): Promise<void> {
  const perf = findProgram('perf');
  if (perf === null) return say('no Linux perf here');
  const data = join(session.folder, 'perf.data');
  // cpu-clock: hardware counters are seldom there in a virtual machine.
  const recorded = run([perf, 'record', '-q', '-e', 'cpu-clock', '-F', '1999', '-g', '-p',
    String(started.running.pid), '-o', data,
    '--', 'sleep', String(seconds)]);
  try { await recorded; } catch (error) { return say(`perf record does not work here: ${(error as Error).message}`); }
  const script = spawnSync(perf, ['script', '-i', data], { encoding: 'utf8', maxBuffer: 1 << 30 });
  const tree = treeOfPerfScript(script.stdout);
  if (tree.weight === 0) return say(`perf took no samples: ${script.stderr.slice(0, 300)}`);
  draw(tree, `${title}: Linux perf, all threads`, 'samples', join(session.folder, 'weft-perf.svg'));
}

async function loaded(io: string, scenarioName: string, seconds: number, withPerf: boolean,
  portBase: string): Promise<void> {
  const scenario = cpuScenarios.find((entry) => entry.name === scenarioName);
  if (scenario === undefined) throw new Error(`unknown scenario ${scenarioName}`);
  process.env.WEFT_NODE_FLAGS =
    `--perf-basic-prof --interpreted-frames-native-stack ${process.env.WEFT_NODE_FLAGS ?? ''}`;
  const session = new Session(root, readOptions(['--peers', `weft-${io}`, '--port-base', portBase]));
  if (session.peers.length === 0) throw new Error(session.skipped.join('; '));
  await session.begin();
  session.placeBackend(scenario.crowded);
  const started = await session.start(session.peers[0], scenario.variants[0].shape);
  const { traffic } = scenario.variants[0];
  const load = (time: number): ReturnType<typeof closedLoad> =>
    closedLoad(root, started.ports.listener, traffic, time, session.options.loadCore);
  await load(3);
  const title = `Weft on ${io}, ${scenario.title}`;
  const whole = load(seconds + 2);
  await v8Picture(session, started, seconds, title);
  await whole;
  if (withPerf) {
    const again = load(seconds + 2);
    await perfPicture(session, started, seconds, title);
    await again;
  }
  await started.running.stop();
  await session.end();
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  io: { type: 'string', default: 'epoll' }, scenario: { type: 'string', default: 'small-calm' },
  seconds: { type: 'string', default: '5' }, 'no-perf': { type: 'boolean', default: false },
  'port-base': { type: 'string', default: '20000' }, help: { type: 'boolean', default: false },
} });
if (values.help) {
  say(USAGE);
} else if (positionals.length > 0) {
  for (const file of positionals) {
    const profile = JSON.parse(readFileSync(file, 'utf8')) as unknown;
    if (!isCpuProfile(profile)) throw new Error(`${file} is no .cpuprofile`);
    draw(treeOfProfile(profile), file, 'µs', file.replace(/(\.cpuprofile)?$/, '.svg'));
  }
} else {
  await loaded(values.io, values.scenario, Number(values.seconds), !values['no-perf'], values['port-base']);
  process.exit(0);
}
