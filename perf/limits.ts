// `npm run limits`: how many requests a local rate limit admits under load. One proxy with four workers, more requests
// offered than the limits allow; admitted requests are counted by the clients, over ten seconds. Ends with 1 when a
// limit is off by more than one per cent.
//   npm run limits -- [--workers 4] [--io auto] [--seconds 10]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { bootstrap } from '../test/support/bootstrap.js';
import { freePort } from '../test/support/ports.js';
import type { EngineResult, LoadOptions } from './load/engine.js';
import { launch, untilReady } from './process/launch.js';
import { markdownTable } from './report.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.';
const TOLERANCE = 0.01;
const CONNECTIONS = 32;
const OFFERED = 4000;

const { values } = parseArgs({ options: { workers: { type: 'string', default: '4' },
  io: { type: 'string', default: 'auto' }, seconds: { type: 'string', default: '10' } } });
const seconds = Number(values.seconds);

const all = { default_value: { numerator: 100 } };
/** A burst of a second, so that a machine that stalls for less loses nothing; it counts as allowed. */
const bucket = (perSecond: number): object =>
  ({ max_tokens: perSecond, tokens_per_fill: perSecond / 20, fill_interval: '0.05s' });
const limit = (name: string, more: object): object => ({ '@type': `${TYPE}local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: name, filter_enabled: all, filter_enforced: all, ...more });
const generic = { entries: [{ key: 'generic_key', value: 'g' }], token_bucket: bucket(500) };

interface Case { name: string; path: string; perSecond: number }
const cases: Case[] = [
  { name: 'one bucket for the listener', path: '/', perSecond: 1000 },
  { name: 'a bucket of the route', path: '/route', perSecond: 2000 },
  { name: 'a bucket of a descriptor', path: '/descriptor', perSecond: 500 },
];

function configuration(adminPort: number, port: number): object {
  const answer = { direct_response: { status: 200 } };
  const override = (name: string, more: object): object => ({ typed_per_filter_config: { limit: limit(name, more) } });
  const routes = [
    { match: { prefix: '/route' }, ...answer, ...override('route', { token_bucket: bucket(2000) }) },
    { match: { prefix: '/descriptor' }, route: { cluster: 'self', prefix_rewrite: '/self',
      rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'g' } }] }] },
      ...override('descriptor', { token_bucket: bucket(100_000), descriptors: [generic] }) },
    { match: { prefix: '/self' }, ...answer, typed_per_filter_config: { limit: {
      '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true } } },
    { match: { prefix: '/' }, ...answer },
  ];
  return bootstrap(adminPort, [{ name: 'main', port, routes, manager: { http_filters: [
    { name: 'limit', typed_config: limit('listener', { token_bucket: bucket(1000) }) },
    { name: 'router', typed_config: { '@type': `${TYPE}router.v3.Router` } }] } },
  ], [{ name: 'self', ports: [port] }]);
}

async function load(options: Pick<LoadOptions, 'port' | 'path' | 'seconds'>): Promise<EngineResult> {
  const thread = new Worker(join(here, 'balance/load-thread.js'), { workerData: { method: 'GET', bodyBytes: 0,
    connections: CONNECTIONS, close: false, hosts: ['limits'], rate: OFFERED, warmSeconds: 0, ...options } });
  const [result] = await once(thread, 'message') as [EngineResult];
  await thread.terminate();
  return result;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-limits-'));
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(configuration(adminPort, port)));
  const proxy = launch('weft', [process.execPath, join(root, 'dist/src/main.js'), '-c', file, '--concurrency',
    values.workers, '--io', values.io, '-l', 'warning'], join(folder, 'weft.log'), null);
  let good = true;
  try {
    await untilReady(proxy, adminPort, '/ready', 'localhost', 20_000);
    const rows: string[][] = [];
    for (const { name, path, perSecond } of cases) {
      const result = await load({ port, path, seconds });
      const admitted = result.requests - result.status;
      const wanted = perSecond * result.micros / 1e6 + perSecond;
      const off = admitted / wanted - 1;
      const failed = result.read + result.write + result.connect + result.unfinished;
      if (Math.abs(off) > TOLERANCE || failed > 0) good = false;
      rows.push([name, String(result.requests), wanted.toFixed(0), String(admitted), `${(off * 100).toFixed(2)} %`,
        String(failed)]);
    }
    console.log(`${values.workers} workers, ${CONNECTIONS} connections, ${OFFERED} requests a second offered, `
      + `${seconds} s\n`);
    console.log(markdownTable(['limit', 'requests', 'allowed', 'admitted', 'off', 'failed'], rows));
  } finally {
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(good ? 'as expected' : 'NOT as expected');
  process.exitCode = good ? 0 : 1;
}

await main();
