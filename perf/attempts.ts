// `npm run attempts`: what becomes of requests that are sent more than once, under load. Hedging beside none with one
// slow endpoint in five; how many requests a mirror gets of those that it should, and what a slow mirror costs the
// client; how many retries a budget lets through beside none. Ends with 1 when a figure is not as it should be.
//   npm run attempts -- [--workers 2] [--io auto]
import { parseArgs } from 'node:util';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { bootstrap, type ClusterSpec } from '../test/support/bootstrap.js';
import type { EngineResult } from './load/engine.js';
import { loadInThread } from './load/thread.js';
import { ForkedUpstreams } from './process/forked-upstreams.js';
import { withWeft } from './process/measured-weft.js';
import { markdownTable } from './report.js';

const TOLERANCE = 0.02;
const SLOW_MS = 300, PER_TRY_MS = 30, FAIL_MS = 20;
const TAIL_RATE = 300, TAIL_SECONDS = 5;
const BUDGET_PERCENT = 20;
/** Four quick upstreams and a slow one; two that mirrors go to, and a slow one; one that always fails. */
const kinds = ['200/0', '200/0', '200/0', '200/0', `200/${SLOW_MS}`, '200/0', '200/0', `200/${SLOW_MS}`,
  `503/${FAIL_MS}`];
const FIVE = [0, 1, 2, 3, 4], HALF = 5, ALL = 6, SLOW_MIRROR = 7, FAILING = 8;

const { values } = parseArgs({ options: { workers: { type: 'string', default: '2' },
  io: { type: 'string', default: 'auto' } } });

/** As fast as can be where `rate` is 0. */
const load = (port: number, path: string, rate: number, seconds: number, connections: number): Promise<EngineResult> =>
  loadInThread({ port, path, hosts: ['a.example'], connections, rate, seconds, warmSeconds: rate > 0 ? 0.5 : 0 });

const many = { max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000, max_retries: 10_000 };
const cluster = (name: string, ports: number[], thresholds: object = many): ClusterSpec =>
  ({ name, ports, fields: { circuit_breakers: { thresholds: [{ ...many, ...thresholds }] } } });

function configuration(ports: readonly number[]): { routes: object[]; clusters: ClusterSpec[] } {
  const back_off = { retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } };
  const tail = { retry_on: '5xx', num_retries: 2, per_try_timeout: `${PER_TRY_MS / 1000}s`, ...back_off,
    host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: { '@type':
        'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' } }] };
  const retries = { retry_on: '5xx', num_retries: 5, ...back_off };
  const half = { default_value: { numerator: 50 } };
  const route = (prefix: string, action: object): object => ({ match: { prefix }, route: action });
  return {
    routes: [
      route('/plain', { cluster: 'five' }),
      route('/hedged', { cluster: 'five', retry_policy: tail, hedge_policy: { hedge_on_per_try_timeout: true } }),
      route('/mirrored', { cluster: 'quick', request_mirror_policies: [{ cluster: 'half', runtime_fraction: half },
        { cluster: 'all' }] }),
      route('/quick', { cluster: 'quick' }),
      route('/slow-mirror', { cluster: 'quick', request_mirror_policies: [{ cluster: 'slow-mirror' }] }),
      route('/unlimited', { cluster: 'failing', retry_policy: retries }),
      route('/budget', { cluster: 'budget', retry_policy: retries }),
    ],
    clusters: [cluster('five', FIVE.map((index) => ports[index])), cluster('quick', [ports[0]]),
      cluster('half', [ports[HALF]]), cluster('all', [ports[ALL]]), cluster('slow-mirror', [ports[SLOW_MIRROR]]),
      cluster('failing', [ports[FAILING]]), cluster('budget', [ports[FAILING]], { retry_budget: {
        budget_percent: { value: BUDGET_PERCENT }, min_retry_concurrency: 0 } })],
  };
}

const percentile = (result: EngineResult, at: number): number =>
  decodeFromCompressedBase64(result.latency).getValueAtPercentile(at) / 1000;
const failed = (result: EngineResult): number => result.status + result.read + result.write + result.unfinished;
const tailRow = (name: string, result: EngineResult): string[] => [name, String(result.requests),
  ...[50, 90, 99, 99.9].map((at) => percentile(result, at).toFixed(2)), String(failed(result))];
const tailHeads = ['', 'requests', 'p50', 'p90', 'p99', 'p99.9', 'failed'];

async function hedging(port: number): Promise<boolean> {
  const plain = await load(port, '/plain', TAIL_RATE, TAIL_SECONDS, 128);
  const hedged = await load(port, '/hedged', TAIL_RATE, TAIL_SECONDS, 128);
  console.log(`\n${TAIL_RATE} requests a second, one endpoint of five answers after ${SLOW_MS} ms; a second `
    + `attempt after ${PER_TRY_MS} ms; ms\n`);
  console.log(markdownTable(tailHeads, [tailRow('one attempt', plain), tailRow('hedged', hedged)]));
  // A fifth of the requests meets the slow endpoint. What a busy machine adds is in both tails.
  return percentile(hedged, 90) < percentile(plain, 90) / 2 && percentile(hedged, 99) < percentile(plain, 99)
    && failed(plain) === 0 && failed(hedged) === 0;
}

async function mirroring(port: number, upstreams: ForkedUpstreams): Promise<boolean> {
  const before = await upstreams.counts();
  const result = await load(port, '/mirrored', 0, 6, 32);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = await upstreams.counts();
  const rows = ([['half of them', HALF, 0.5], ['all', ALL, 1]] as const).map(([name, index, share]) => {
    const got = after[index] - before[index];
    const wanted = result.requests * share;
    return { row: [name, String(result.requests), String(Math.round(wanted)), String(got),
      `${((got / wanted - 1) * 100).toFixed(2)} %`, String(failed(result))],
    good: Math.abs(got / wanted - 1) <= TOLERANCE };
  });
  console.log('\nMirrored requests\n');
  console.log(markdownTable(['mirror', 'requests', 'expected', 'mirrored', 'off', 'failed'],
    rows.map(({ row }) => row)));
  const quick = await load(port, '/quick', TAIL_RATE, 3, 128);
  const beside = await load(port, '/slow-mirror', TAIL_RATE, 3, 128);
  console.log(`\nThe client beside a mirror that answers after ${SLOW_MS} ms; ms\n`);
  console.log(markdownTable(tailHeads, [tailRow('no mirror', quick), tailRow('slow mirror', beside)]));
  return rows.every(({ good }) => good) && failed(result) === 0 && percentile(beside, 99) < SLOW_MS / 2;
}

async function budget(port: number, upstreams: ForkedUpstreams): Promise<boolean> {
  const rows: string[][] = [];
  const shares: number[] = [];
  for (const [name, path] of [['none (max_retries 10,000)', '/unlimited'], [`${BUDGET_PERCENT} %`, '/budget']]) {
    const before = (await upstreams.counts())[FAILING];
    const { requests } = await load(port, path, 0, 3, 64);
    const attempts = (await upstreams.counts())[FAILING] - before;
    const share = (attempts - requests) / attempts;
    shares.push(share);
    rows.push([name, String(requests), String(attempts), String(attempts - requests), `${(share * 100).toFixed(2)} %`]);
  }
  console.log('\nAn upstream that always fails, five retries, 64 requests at once; retries among all attempts\n');
  console.log(markdownTable(['budget', 'requests', 'attempts', 'retries', 'part'], rows));
  const most = BUDGET_PERCENT / 100;
  return shares[0] > 0.8 && shares[1] <= most * (1 + TOLERANCE) && shares[1] > most * 0.75;
}

async function main(): Promise<void> {
  const startMs = performance.now();
  const upstreams = await ForkedUpstreams.start('attempts/upstreams.js', kinds);
  const { routes, clusters } = configuration(upstreams.ports);
  const results: boolean[] = [];
  try {
    await withWeft('attempts', values, (adminPort, port) =>
      bootstrap(adminPort, [{ name: 'main', port, routes }], clusters), async (port) => {
      results.push(await hedging(port), await mirroring(port, upstreams), await budget(port, upstreams));
    });
  } finally {
    upstreams.end();
  }
  const good = results.every((result) => result);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(`\n${good ? 'as expected' : `NOT as expected (hedging, mirroring, budget: ${results.join(', ')})`}, `
    + `after ${seconds} s`);
  process.exitCode = good ? 0 : 1;
}

await main();
