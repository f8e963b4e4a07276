// `npm run balance`: where requests go under load. One proxy with four workers, five upstreams in a process of their
// own that count what they get; for each balancer the distribution beside the expected one, then the tail of peak EWMA
// beside round robin's with one slow upstream in five. Ends with 1 when a part is off by more than two per cent.
//   npm run balance -- [text that a case's name contains] [--workers 4] [--io auto]
import { parseArgs } from 'node:util';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { bootstrap, type ClusterSpec } from '../test/support/bootstrap.js';
import { all, cases, proxies, typed, type Case } from './balance/cases.js';
import { newHistogram, type EngineResult } from './load/engine.js';
import { loadInThread, type SmallLoad } from './load/thread.js';
import { ForkedUpstreams } from './process/forked-upstreams.js';
import { withWeft } from './process/measured-weft.js';
import { markdownTable } from './report.js';

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
const startUpstreams = (slow: number): Promise<ForkedUpstreams> =>
  ForkedUpstreams.start('balance/upstreams.js', [UPSTREAMS, slow, SLOW_MS].map(String));

const load = (options: Omit<SmallLoad, 'connections'>, connections = CONNECTIONS): Promise<EngineResult> =>
  loadInThread({ connections, ...options });

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
async function distribution(one: Case, port: number, path: string, upstreams: ForkedUpstreams): Promise<Measured> {
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
  const upstreams = await startUpstreams(-1), slow = await startUpstreams(SLOW);
  const chosen = cases.filter(({ name }) => positionals.every((text) => name.includes(text)));
  const clusters = [...chosen.map((one, index) => clusterOf(`case-${index}`, one, upstreams.ports)),
    ...tails.map((one, index) => clusterOf(`tail-${index}`, { ...one, endpoints: all }, slow.ports))];
  const hash_policy = [{ header: { header_name: ':authority' } }];
  const routes = clusters.map(({ name: cluster }, index) => ({ match: { prefix: `/${cluster}/` },
    route: { cluster, hash_policy, metadata_match: chosen[index]?.asks } }));
  clusters.push(clusterOf('proxies', { cluster: {}, endpoints: proxies }, upstreams.ports));
  let good = true;
  try {
    await withWeft('balance', values, (adminPort, port) => ({
      ...bootstrap(adminPort, [{ name: 'main', port, routes }], clusters),
      cluster_manager: { local_cluster_name: 'proxies' }, node: { id: 'n', cluster: 'c', locality: { zone: 'here' } },
    }), async (port) => {
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
    });
  } finally {
    upstreams.end();
    slow.end();
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(`${good ? 'as expected' : 'NOT as expected'}, after ${seconds} s`);
  process.exitCode = good ? 0 : 1;
}

/** Latencies with one slow upstream in five, in rounds that take turns: what disturbs one disturbs all. */
async function tail(port: number, upstreams: ForkedUpstreams): Promise<boolean> {
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
