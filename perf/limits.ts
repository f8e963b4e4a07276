// `npm run limits`: how many requests a local rate limit admits under load. One proxy with four workers, more requests
// offered than the limits allow; admitted requests are counted by the clients, over ten seconds. Ends with 1 when a
// limit is off by more than one per cent.
//   npm run limits -- [--workers 4] [--io auto] [--seconds 10]
import { parseArgs } from 'node:util';
import { bootstrap } from '../test/support/bootstrap.js';
import { loadInThread } from './load/thread.js';
import { withWeft } from './process/measured-weft.js';
import { markdownTable } from './report.js';

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

async function main(): Promise<void> {
  let good = true;
  await withWeft('limits', values, configuration, async (port) => {
    const rows: string[][] = [];
    for (const { name, path, perSecond } of cases) {
      const result = await loadInThread({ port, path, seconds, connections: CONNECTIONS, hosts: ['limits'],
        rate: OFFERED, warmSeconds: 0 });
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
  });
  console.log(good ? 'as expected' : 'NOT as expected');
  process.exitCode = good ? 0 : 1;
}

await main();
