// `npm run ejections`: how soon an endpoint that fails gets no more requests, under load, with several workers. By
// outlier detection (five 503 in a row) and by active checks (every 100 ms), and how soon one that is well again gets
// some. Ends with 1 when it takes longer than it should.
//   npm run ejections -- [--workers 4] [--io auto] [--rate 2000] [--rounds 5]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bootstrap } from '../test/support/bootstrap.js';
import type { Failing, Seen } from './ejections/upstreams.js';
import { loadInThread } from './load/thread.js';
import { ForkedUpstreams } from './process/forked-upstreams.js';
import { withWeft } from './process/measured-weft.js';
import { markdownTable } from './report.js';

const ENDPOINTS = 5, RUN = 5, CHECK_MS = 100, CONNECTIONS = 64;
/** How long a failure is watched, and an ejection lasts at most: base time, then the next sweep. */
const WATCH_MS = 600, EJECTION_MS = 500, SWEEP_MS = 100;
/** What a busy machine may add. */
const SLACK_MS = 100;

const { values } = parseArgs({ options: { workers: { type: 'string', default: '4' },
  io: { type: 'string', default: 'auto' }, rate: { type: 'string', default: '2000' },
  rounds: { type: 'string', default: '5' } } });
const rate = Number(values.rate), rounds = Number(values.rounds);

function configuration(ports: readonly number[]): { routes: object[]; clusters: Parameters<typeof bootstrap>[2] } {
  const circuit_breakers = { thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000,
    max_requests: 10_000 }] };
  const detection = { consecutive_5xx: RUN, interval: `${SWEEP_MS / 1000}s`, max_ejection_percent: 100,
    base_ejection_time: `${EJECTION_MS / 1000}s`, max_ejection_time: `${EJECTION_MS / 1000}s`,
    success_rate_minimum_hosts: 100 };
  const checks = [{ timeout: '1s', interval: `${CHECK_MS / 1000}s`, no_traffic_interval: `${CHECK_MS / 1000}s`,
    unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: '/health' } }];
  const route = (cluster: string): object => ({ match: { prefix: `/${cluster}` }, route: { cluster } });
  return { routes: [route('ejected'), route('checked')], clusters: [
    { name: 'ejected', ports: [...ports], fields: { circuit_breakers, outlier_detection: detection } },
    { name: 'checked', ports: [...ports], fields: { circuit_breakers, health_checks: checks } }] };
}

async function watched(upstreams: ForkedUpstreams, failing: Failing, ms: number): Promise<Seen> {
  upstreams.tell(failing);
  await sleep(ms);
  return upstreams.ask<Seen>('seen');
}

interface Measured { how: string; requests: number; failed: number; answers: number[]; lastMs: number[];
  backMs: number[] }

async function measure(how: 'requests' | 'checks', port: number, upstreams: ForkedUpstreams): Promise<Measured> {
  const roundMs = 2 * (WATCH_MS + EJECTION_MS);
  const running = loadInThread({ port, path: how === 'requests' ? '/ejected' : '/checked', hosts: ['a.example'],
    connections: CONNECTIONS, rate, seconds: 1 + rounds * roundMs / 1000, warmSeconds: 0 });
  const measured: Measured = { how, requests: 0, failed: 0, answers: [], lastMs: [], backMs: [] };
  await sleep(1000);
  for (let round = 0; round < rounds; round++) {
    const index = round % ENDPOINTS;
    // shorter than the ejection, so that what comes later is not mistaken for its end
    const down = await watched(upstreams, { index, how }, how === 'requests' ? EJECTION_MS - SWEEP_MS : WATCH_MS);
    const up = await watched(upstreams, { index, how: 'nothing' }, WATCH_MS + EJECTION_MS);
    measured.answers.push(down.answers);
    measured.lastMs.push(down.lastMs);
    measured.backMs.push(up.firstMs);
  }
  const result = await running;
  return { ...measured, requests: result.requests, failed: result.status + result.read + result.write };
}

const spread = (numbers: readonly number[]): string => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const text = (value: number): string => String(Math.round(value));
  return `${text(sorted[sorted.length >> 1])} (${text(sorted[0])} to ${text(sorted.at(-1)!)})`;
};

async function main(): Promise<void> {
  const upstreams = await ForkedUpstreams.start('ejections/upstreams.js', [String(ENDPOINTS)]);
  const { routes, clusters } = configuration(upstreams.ports);
  try {
    await withWeft('ejections', values, (adminPort, port) =>
      bootstrap(adminPort, [{ name: 'main', port, routes }], clusters), (port) => report(port, upstreams));
  } finally {
    upstreams.end();
  }
}

async function report(port: number, upstreams: ForkedUpstreams): Promise<void> {
  const all = [await measure('requests', port, upstreams), await measure('checks', port, upstreams)];
  console.log(`${rate} requests a second, ${values.workers} workers, one endpoint of ${ENDPOINTS} fails; `
    + 'median (least to most) of the rounds\n');
  console.log(markdownTable(['fails by', 'requests', 'failed', 'to it meanwhile', 'last one after ms',
    'first one again after ms'], all.map(({ how, requests, failed, answers, lastMs, backMs }) => [
    how === 'requests' ? `${RUN} times 503 in a row` : `a check every ${CHECK_MS} ms`, String(requests),
    String(failed), spread(answers), spread(lastMs), spread(backMs)])));
  const [byRequests, byChecks] = all;
  const soon = Math.max(...byRequests.lastMs) <= SLACK_MS + RUN * 1000 * ENDPOINTS / rate
    && Math.max(...byChecks.lastMs) <= CHECK_MS + SLACK_MS
    && Math.min(...byRequests.backMs, ...byChecks.backMs) >= 0 && byChecks.failed === 0;
  console.log(`\n${soon ? 'as expected' : 'NOT as expected'}`);
  process.exitCode = soon ? 0 : 1;
}

await main();
