// `npm run balance`: where requests go under load. One proxy with four workers, five upstreams in a process of their
// own that count what they get; for each balancer the distribution beside the expected one, then the tail of peak EWMA
// beside round robin's with one slow upstream in five. Ends with 1 when a part is off by more than two per cent.
//   npm run balance -- [text that a case's name contains] [--workers 4] [--io auto]
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { freePort } from '../test/support/ports.js';
import { bootstrap, type ClusterSpec } from '../test/support/bootstrap.js';
import { all, cases, proxies, typed, type Case } from './balance/cases.js';
import { newHistogram, type EngineResult, type LoadOptions } from './load/engine.js';
import { launch, untilReady } from './process/launch.js';
import { markdownTable } from './report.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const UPSTREAMS = 5, SLOW = 4, SLOW_MS = 500;
const TOLERANCE = 0.02;
const TIMES_MAX = 3;
const WARM_SECONDS = 0.2;
const CONNECTIONS = 32;
const TAIL_RATE = 600, TAIL_SECONDS = 1.6, TAIL_ROUNDS = 2, TAIL_CONNECTIONS = 128;

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  workers: { type: 'string', default: '4' }, io: { type: 'string', default: 'auto' },
} });

/** The upstreams' process. */
class Upstreams {
  private constructor(private readonly child: ChildProcess, readonly ports: number[]) {}

  static async start(slow: number): Promise<Upstreams> {
    const child = fork(join(here, 'balance/upstreams.js'), [String(UPSTREAMS), String(slow), String(SLOW_MS)]);
    const [{ ports }] = await once(child, 'message') as [{ ports: number[] }];
    return new Upstreams(child, ports);
  }
  async counts(): Promise<number[]> {
    const reply = once(this.child, 'message') as Promise<[{ counts: number[] }]>;
    this.child.send('counts');
    return (await reply)[0].counts;
  }
  end(): void { this.child.disconnect(); }
}

type Load = Omit<LoadOptions, 'method' | 'bodyBytes' | 'connections' | 'close'>;
async function load(options: Load, connections = CONNECTIONS): Promise<EngineResult> {
  const thread = new Worker(join(here, 'balance/load-thread.js'), { workerData: { method: 'GET', bodyBytes: 0,
    connections, close: false, ...options } });
  const [result] = await once(thread, 'message') as [EngineResult];
  await thread.terminate();
  return result;
}

/** Numbers of upstreams become their ports. */
function withPorts(value: unknown, ports: readonly number[]): unknown {
  if (Array.isArray(value)) return value.map((entry) => withPorts(entry, ports));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key,
    key === 'port_value' ? ports[entry as number] : withPorts(entry, ports)]));
}

const clusterOf = (name: string, { cluster, endpoints, policy }: Pick<Case, 'cluster' | 'endpoints' | 'policy'>,
  ports: readonly number[]): ClusterSpec => ({ name, ports: [], fields: { ...cluster,
  circuit_breakers: { thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }] },
  load_assignment: { cluster_name: name, endpoints: withPorts(endpoints, ports), policy: policy ?? {} } } });

const tails = [
  { name: 'round robin', cluster: {} },
  { name: 'least request', cluster: { lb_policy: 'LEAST_REQUEST' } },
  { name: 'peak EWMA', cluster: typed('peak_ewma.v3alpha.PeakEwma') as Case['cluster'] },
];

interface Measured { row: string[]; good: boolean }

/** Loads the cluster; a part that is off is measured on, for chance evens out and a wrong balancer does not. */
async function distribution(one: Case, port: number, path: string, upstreams: Upstreams): Promise<Measured> {
  const hosts = Array.from({ length: one.hosts }, (_, index) => `host-${index * 7919}`);
  await load({ port, path, hosts: ['a'], rate: 0, seconds: one.warmSeconds ?? WARM_SECONDS, warmSeconds: 0 });
  const before = await upstreams.counts();
  let failed = 0;
  for (let time = 1; ; time++) {
    const result = await load({ port, path, hosts, rate: 0, seconds: one.seconds, warmSeconds: 0 });
    failed += result.status + result.read + result.write + result.unfinished;
    const counts = (await upstreams.counts()).map((count, index) => count - before[index]);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const wanted = counts.map((_, index) => one.expected[index] ?? 0);
    const off = Math.max(...counts.map((count, index) => wanted[index] === 0 ? (count === 0 ? 0 : 1)
      : Math.abs(count / total / wanted[index] - 1)));
    if (off > TOLERANCE && time < TIMES_MAX) continue;
    const per = (shares: readonly number[]): string => shares.map((share) => (share * 100).toFixed(2)).join('  ');
    return { good: off <= TOLERANCE && failed === 0, row: [one.name, String(total), per(wanted),
      per(counts.map((count) => count / total)), `${(off * 100).toFixed(2)} %`, String(failed)] };
  }
}

async function main(): Promise<void> {
  const startMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'weft-balance-'));
  const upstreams = await Upstreams.start(-1), slow = await Upstreams.start(SLOW);
  const [port, adminPort] = [await freePort(), await freePort()];
  const chosen = cases.filter(({ name }) => positionals.every((text) => name.includes(text)));
  const clusters = [...chosen.map((one, index) => clusterOf(`case-${index}`, one, upstreams.ports)),
    ...tails.map((one, index) => clusterOf(`tail-${index}`, { ...one, endpoints: all }, slow.ports))];
  const hash_policy = [{ header: { header_name: ':authority' } }];
  const routes = clusters.map(({ name: cluster }, index) => ({ match: { prefix: `/${cluster}/` },
    route: { cluster, hash_policy, metadata_match: chosen[index]?.asks } }));
  clusters.push(clusterOf('proxies', { cluster: {}, endpoints: proxies }, upstreams.ports));
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify({ ...bootstrap(adminPort, [{ name: 'main', port, routes }], clusters),
    cluster_manager: { local_cluster_name: 'proxies' }, node: { id: 'n', cluster: 'c', locality: { zone: 'here' } } }));
  const proxy = launch('weft', [process.execPath, join(root, 'dist/src/main.js'), '-c', file, '--concurrency',
    values.workers, '--io', values.io, '-l', 'warning'], join(folder, 'weft.log'), null);
  let good = true;
  try {
    await untilReady(proxy, adminPort, '/ready', 'localhost', 20_000);
    const rows: string[][] = [];
    for (const [index, one] of chosen.entries()) {
      const measured = await distribution(one, port, `/case-${index}/`, upstreams);
      if (!measured.good) good = false;
      rows.push([...measured.row, measured.good ? 'yes' : 'NO']);
    }
    console.log(`${values.workers} workers, ${CONNECTIONS} connections; parts in per cent, by upstream\n`);
    console.log(markdownTable(['balancer', 'requests', 'expected', 'measured', 'most off', 'failed',
      `within ${TOLERANCE * 100} %`], rows));
    if (positionals.length === 0 && !await tail(port, slow)) good = false;
  } finally {
    await proxy.stop();
    upstreams.end();
    slow.end();
    rmSync(folder, { recursive: true, force: true });
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(`${good ? 'as expected' : 'NOT as expected'}, after ${seconds} s`);
  process.exitCode = good ? 0 : 1;
}

/** Latencies with one slow upstream in five, in rounds that take turns: what disturbs one disturbs all. */
async function tail(port: number, upstreams: Upstreams): Promise<boolean> {
  const histograms = tails.map(() => newHistogram());
  const failed = tails.map(() => 0);
  const toSlow = tails.map(() => 0), sent = tails.map(() => 0);
  for (let round = 0; round < TAIL_ROUNDS; round++) {
    for (const index of tails.keys()) {
      const before = await upstreams.counts();
      const result = await load({ port, path: `/tail-${index}/`, hosts: ['a'], rate: TAIL_RATE, seconds: TAIL_SECONDS,
        warmSeconds: 0.5 }, TAIL_CONNECTIONS);
      histograms[index].add(decodeFromCompressedBase64(result.latency));
      const counts = (await upstreams.counts()).map((count, upstream) => count - before[upstream]);
      toSlow[index] += counts[SLOW];
      sent[index] += counts.reduce((sum, count) => sum + count, 0);
      failed[index] += result.status + result.read + result.unfinished;
    }
  }
  const rows = tails.map(({ name }, index) => [name, String(histograms[index].totalCount), ...[50, 80, 90, 99, 99.9]
    .map((part) => (histograms[index].getValueAtPercentile(part) / 1000).toFixed(2)),
  `${(100 * toSlow[index] / sent[index]).toFixed(2)} %`, String(failed[index])]);
  console.log(`\n${TAIL_RATE} requests a second, one upstream of five answers after ${SLOW_MS} ms; ms\n`);
  const heads = ['balancer', 'requests', 'p50', 'p80', 'p90', 'p99', 'p99.9', 'to the slow one', 'failed'];
  console.log(markdownTable(heads, rows));
  const [roundRobin, , peakEwma] = histograms.map((histogram) => histogram.getValueAtPercentile(99));
  return peakEwma < roundRobin && failed.every((count) => count === 0);
}

await main();
