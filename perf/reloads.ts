// `npm run reloads`: a proxy under load while its configuration files change a hundred times and its process is
// replaced ten times. Prints what the clients saw; ends with 1 when a request failed or a change was not taken.
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getStatus, launch, portMustBeFree, untilReady, type Running } from './process/launch.js';
import { Client, Tally } from './reloads/client.js';
import { SoakConfiguration, STEADY_CLUSTERS, type SoakState } from './soak/configuration.js';
import { makeAuthority } from './soak/tls.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const { values: flags } = parseArgs({ options: {
  reloads: { type: 'string', default: '100' }, restarts: { type: 'string', default: '10' },
  io: { type: 'string', default: 'epoll' }, concurrency: { type: 'string', default: '2' },
  kept: { type: 'string', default: '16' }, fresh: { type: 'string', default: '4' },
  pause: { type: 'string', default: '15' }, gap: { type: 'string', default: '100' },
  'port-base': { type: 'string', default: '21000' },
} });

const APPLIED_MS = 5000;
const base = Number(flags['port-base']);
const ports = { main: base, turning: base + 1, garbage: base + 2, extra: base + 3, admin: base + 4, secure: base + 5 };
const steady = [base + 10, base + 11, base + 12], announced = [base + 13, base + 14];
const folder = join(root, 'perf/results', `reloads-${new Date().toISOString().replace(/[:.]/g, '-')}`);
mkdirSync(folder, { recursive: true });
const configuration = new SoakConfiguration(folder, ports, { steady, abrupt: steady, announced, secure: [] },
  makeAuthority(folder));
const state: SoakState = { version: 1, extraClusters: 0, extraListener: false, turningName: 'turn-0',
  routeTimeoutSeconds: 15, connectTimeoutMs: 1000, weights: steady.map(() => 1), announced };

/** Empty while the admin address changes hands. */
async function statistics(filter: string): Promise<Map<string, number>> {
  const url = `http://127.0.0.1:${ports.admin}/stats?filter=${filter}`;
  const text = await fetch(url, { headers: { connection: 'close' } })
    .then((response) => response.text()).catch(() => '');
  const lines = text.split('\n');
  return new Map(lines.map((line) => line.split(': ')).map(([name, value]) => [name, Number(value)]));
}

/** The kinds of changes in turn: which file is written, and the counter that tells that it was taken. */
const changes: readonly { kind: string; counter: string; write(turn: number): void }[] = [
  { kind: 'endpoints', counter: 'cluster.steady-0.update_success', write: (turn) => {
    state.weights = steady.map((_, index) => 1 + (turn * (index + 3)) % 50);
    state.announced = turn % 8 === 0 ? announced.slice(0, 1) : announced;
    configuration.writeEndpoints(state);
  } },
  { kind: 'routes', counter: 'http.main.rds.soak.update_success', write: (turn) => {
    state.routeTimeoutSeconds = 15 + turn % 30;
    configuration.writeRoutes(state);
  } },
  { kind: 'clusters', counter: 'cluster_manager.cds.update_success', write: (turn) => {
    state.extraClusters = (turn * 7) % 40;
    state.connectTimeoutMs = 1000 + turn;
    configuration.writeClusters(state);
  } },
  { kind: 'listeners', counter: 'listener_manager.lds.update_success', write: (turn) => {
    state.turningName = `turn-${turn}`;
    state.extraListener = turn % 8 < 4;
    configuration.writeListeners(state);
  } },
];

/** Writes one change and waits until the proxy counts it. */
async function reload(turn: number, missed: string[]): Promise<void> {
  const { kind, counter, write } = changes[turn % changes.length]!;
  const filter = counter.slice(counter.lastIndexOf('.', counter.lastIndexOf('.') - 1) + 1);
  const before = (await statistics(filter)).get(counter) ?? 0;
  state.version++;
  write(turn);
  const endMs = performance.now() + APPLIED_MS;
  while (((await statistics(filter)).get(counter) ?? 0) <= before) {
    if (performance.now() > endMs) {
      missed.push(`change ${turn} of the ${kind} was not taken in ${APPLIED_MS / 1000} s`);
      return;
    }
    await sleep(10);
  }
}

function start(bootstrap: string, epoch: number): Running {
  return launch(`epoch ${epoch}`, [process.execPath, join(root, 'dist/bundle/main.js'), '-c', bootstrap, '--io',
    flags.io,
    '--concurrency', flags.concurrency, '--base-id', String(base), '--restart-epoch', String(epoch),
    '--drain-time-s', '2', '--parent-shutdown-time-s', '10', '-l', 'info'], join(folder, `epoch-${epoch}.log`), null);
}

/** The next process: resolves when it answers the admin server, which it does when it serves. */
async function restart(bootstrap: string, epoch: number): Promise<Running> {
  const next = start(bootstrap, epoch);
  const endMs = performance.now() + 20_000;
  while ((await statistics('hot_restart_epoch')).get('server.hot_restart_epoch') !== epoch) {
    if (performance.now() > endMs) throw new Error(`epoch ${epoch} does not serve`);
    await sleep(20);
  }
  return next;
}

async function exercise(bootstrap: string, processes: Running[]): Promise<string[]> {
  const reloads = Number(flags.reloads), restarts = Number(flags.restarts);
  const missed: string[] = [];
  let epoch = 0;
  for (let turn = 1; turn <= reloads; turn++) {
    await reload(turn, missed);
    await sleep(Number(flags.gap));
    while (epoch < restarts && turn * restarts >= (epoch + 1) * reloads) {
      epoch++;
      processes.push(await restart(bootstrap, epoch));
    }
  }
  await sleep(3000);              // the last process but one drains
  return missed;
}

const at = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);

for (const port of [...Object.values(ports), ...steady, ...announced]) await portMustBeFree(port);
const upstream = launch('upstream', [process.execPath, join(root, 'dist/perf/soak/upstream.js'),
  ...[...steady, ...announced].map(String)], join(folder, 'upstream.log'), null);
while (await getStatus(steady[0]!, '/bytes/1/x') !== 200) await sleep(10);
const bootstrap = configuration.writeAll(state);
const processes = [start(bootstrap, 0)];
for (const port of [ports.main, ports.turning])
  await untilReady(processes[0]!, port, '/bytes/1/x', 'steady-0.local', 15_000);

const startMs = performance.now();
const tally = new Tally();
const hosts = [...STEADY_CLUSTERS, 'announced'].map((name) => `${name}.local`);
const clients = Array.from({ length: Number(flags.kept) + Number(flags.fresh) }, (_, index) =>
  new Client(index % 4 === 3 ? ports.turning : ports.main, index < Number(flags.kept), hosts[index % hosts.length]!,
    Number(flags.pause), tally, startMs));
const load = clients.map((client) => client.run());
const missed = await exercise(bootstrap, processes).catch((error: Error) => [error.message]);
for (const client of clients) client.stopped = true;
await Promise.all(load);
const seconds = (performance.now() - startMs) / 1000;
for (const running of [...processes, upstream]) await running.stop();

const sorted = Float64Array.from(tally.milliseconds).sort();
say(`${flags.io}, ${flags.concurrency} workers: ${flags.reloads} reloads and ${flags.restarts} restarts in `
  + `${seconds.toFixed(1)} s; ${tally.answered} requests answered on ${tally.connections} connections, of which `
  + `${tally.left} were asked to leave; ${tally.failures.length} failed`);
say(`milliseconds: p50 ${at([...sorted], 0.5)}, p99 ${at([...sorted], 0.99)}, p99.9 ${at([...sorted], 0.999)}, `
  + `longest ${at([...sorted], 1)}`);
for (const line of [...missed, ...tally.failures.slice(0, 40)]) say(`  NOT OK ${line}`);
process.exit(missed.length + tally.failures.length === 0 ? 0 : 1);
