// Builds everything into dist/: wire types and record accessors (generated sources), codecs (AssemblyScript to WASM),
// TypeScript, and the few files that a process loads (bundle.mjs). Each step runs only when its inputs changed since it
// last succeeded; nothing changed costs a few milliseconds. Usage: node scripts/build.mjs [--quiet] [--only=runtime]
// runtime: no debug and scalar codecs, no tests
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'dist/.build.json');
const bin = (name, file) => join(root, 'node_modules', name, file);

const asc = (target, file) => ({ name: `codecs (${target})`, inputs: ['assembly', 'asconfig.json'],
  outputs: [`dist/wasm/${file}`],
  command: [bin('assemblyscript', 'bin/asc.js'), '--config', 'asconfig.json', '--target', target] });

/** Stages run one after the other, the steps of a stage side by side. */
const stages = [
  [
    { name: 'wire types', inputs: ['scripts/generate-wire.mjs', 'scripts/fields.mjs', 'src/xds/wire/fields.txt'],
      outputs: ['dist/generated/wire.json', 'src/xds/wire/generated/messages.ts'],
        command: ['scripts/generate-wire.mjs'] },
    { name: 'HPACK tables', inputs: ['scripts/hpack.mjs'], outputs: ['assembly/generated/hpack.ts'],
      command: ['scripts/hpack.mjs'] },
    { name: 'layouts', inputs: ['scripts/layouts.mjs'],
      outputs: ['assembly/generated/layouts.ts', 'src/core/generated/layouts.ts'], command: ['scripts/layouts.mjs'] },
  ],
  [
    asc('release', 'codecs.wasm'),
    { name: 'admin page', inputs: ['scripts/page.mjs', 'src/admin/page'],
      outputs: ['dist/src/admin/page/index.html'], command: ['scripts/page.mjs'] },
    { name: 'TypeScript', inputs: ['src', 'test', 'bench', 'perf', 'tsconfig.json'], outputs: ['dist/src/main.js'],
      command: [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json'] },
  ],
  [{ name: 'bundle', inputs: ['scripts/bundle.mjs', 'dist/src'], outputs: ['dist/bundle/main.js'],
    command: ['scripts/bundle.mjs'] },
  { ...asc('scalar', 'codecs-scalar.wasm'), extra: true }, { ...asc('debug', 'codecs-debug.wasm'), extra: true }],
];

/** Path, size and time of every input file: equal texts mean that nothing was touched. */
function signature(inputs) {
  const parts = [];
  const visit = (path) => {
    const info = statSync(join(root, path), { throwIfNoEntry: false });
    if (info === undefined) return;
    if (!info.isDirectory()) parts.push(`${path} ${info.size} ${info.mtimeMs}`);
    else for (const name of readdirSync(join(root, path)).sort()) if (name !== 'results') visit(`${path}/${name}`);
  };
  for (const input of inputs) visit(input);
  return parts.join('\n');
}

function run(step) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, step.command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { output += data; });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${step.name} failed (exit code ${code})\n${output}`));
    });
  });
}

/** Runs what is stale. Throws with the tool's output when a step fails; steps that succeeded stay built. */
export async function build({ quiet = false, runtimeOnly = false } = {}) {
  const built = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};
  const failures = [];
  let ran = 0;
  for (const stage of stages) {
    await Promise.all(stage.map(async (step) => {
      if (step.extra && runtimeOnly) return;
      const before = hash(signature(step.inputs));
      if (built[step.name] === before && step.outputs.every((path) => existsSync(join(root, path)))) return;
      const start = performance.now();
      for (const output of step.outputs) mkdirSync(dirname(join(root, output)), { recursive: true });
      try {
        await run(step);
        built[step.name] = before;
        ran++;
        if (!quiet) console.log(`built ${step.name} in ${Math.round(performance.now() - start)} ms`);
      } catch (error) {
        failures.push(error);
      }
    }));
    if (failures.length > 0) break;
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, JSON.stringify(built));
  if (failures.length > 0) throw new Error(failures.map((error) => error.message).join('\n'));
  return ran;
}

function hash(text) {
  let value = 2166136261;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  return `${text.length}:${value >>> 0}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await build({ quiet: process.argv.includes('--quiet'), runtimeOnly: process.argv.includes('--only=runtime') });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
