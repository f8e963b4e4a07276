// `npm run fairness [-- --io epoll|uring] [--peer envoy]`: a thousand requests at a time, as streams of one connection,
// as connections of one stream, and half of each beside each other, by h2load. Neither half may be served less than
// half as often as the other, and within a group the longest waits stay in proportion; ends with 1 otherwise.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBackend } from './backend/backend.js';
import { run } from './load/traffic.js';
import { envoyPeer } from './peers/envoy.js';
import { findProgram, launch, listens, portMustBeFree } from './process/launch.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const { values: flags } = parseArgs({ options: {
  io: { type: 'string', default: 'epoll' }, peer: { type: 'string', default: 'weft' },
  users: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '10' },
  path: { type: 'string', default: '/64k' }, 'port-base': { type: 'string', default: '21700' },
} });

const base = Number(flags['port-base']);
const behind = base + 2;
const folder = join(root, 'perf/results', `fairness-${new Date().toISOString().replace(/[:.]/g, '-')}`);
/** Between groups, and of p99 to p50 in one: a request has its head, its body and its window in different turns. */
const UNFAIR = { between: 2, within: 4 };

const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const bootstrap = (): object => ({
  admin: { address: address(base + 1) },
  static_resources: {
    listeners: [{ name: 'main', address: address(base), filter_chains: [{ filters: [{
      name: 'envoy.filters.network.http_connection_manager', typed_config: {
        '@type': `${TYPE}network.http_connection_manager.v3.HttpConnectionManager`,
        stat_prefix: 'main', codec_type: 'HTTP2', http2_protocol_options: { max_concurrent_streams: 2000 },
        route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' },
          route: { cluster: 'a' } }] }] },
        http_filters: [{ name: 'router', typed_config: {
          '@type': `${TYPE}http.router.v3.Router` } }] } }] }] }],
    clusters: [{ name: 'a', type: 'STATIC', circuit_breakers: { thresholds: [{ max_connections: 5000,
      max_requests: 5000, max_pending_requests: 5000 }] }, load_assignment: { cluster_name: 'a', endpoints: [{
      lb_endpoints: [{ endpoint: { address: address(behind) } }] }] } }],
  },
});

/** `streams` of each connection are busy all the time. */
interface Group { name: string; connections: number; streams: number }

/** Times of requests in µs, sorted; a failed one is -1. */
async function load({ name, connections, streams }: Group): Promise<number[]> {
  const log = join(folder, `${name.replaceAll(' ', '-')}-${Date.now()}.tsv`);
  await run([findProgram('h2load')!, '-c', String(connections), '-m', String(streams), '-t', '1', '-D', flags.seconds,
    // Windows that do not matter: one of the connection would else be what is measured.
    '--warm-up-time', '3', '-w', '20', '-W', '28', `--log-file=${log}`,
    `http://127.0.0.1:${base}${flags.path}`]);
  const lines = readFileSync(log, 'latin1').trim().split('\n').map((line) => line.split('\t'));
  // Status 0: the time was up before the answer.
  return lines.filter(([, status]) => status !== '0')
    .map(([, status, micros]) => status === '200' ? Number(micros) : -1).sort((a, b) => a - b);
}

/** Loads by all groups at once. Is it fair? */
async function measure(groups: readonly Group[]): Promise<boolean> {
  const all = await Promise.all(groups.map(load));
  const rates: number[] = [];
  let fair = true;
  for (const [index, { name, connections, streams }] of groups.entries()) {
    const times = all[index]!;
    const failed = times.filter((time) => time < 0).length, good = times.slice(failed);
    const at = (share: number): number => good[Math.min(good.length - 1, Math.floor(good.length * share))] ?? NaN;
    const rate = good.length / connections / streams / Number(flags.seconds);
    const ratio = failed > 0 ? Infinity : at(0.99) / at(0.5);
    say(`  ${name}: ${rate.toFixed(2)} requests a second for each of ${connections * streams}; milliseconds p50 `
      + `${(at(0.5) / 1000).toFixed(0)}, p99 ${(at(0.99) / 1000).toFixed(0)}, longest ${(at(1) / 1000).toFixed(0)}; `
      + `p99 / p50 ${ratio.toFixed(2)}; ${failed} failed`);
    fair &&= ratio <= UNFAIR.within;
    rates.push(rate);
  }
  if (groups.length === 1) return fair;
  const between = Math.max(...rates) / Math.min(...rates);
  say(`  between them: ${between.toFixed(2)}`);
  return fair && between <= UNFAIR.between;
}

for (const port of [base, base + 1, behind]) await portMustBeFree(port);
mkdirSync(folder, { recursive: true });
const file = join(folder, 'bootstrap.json');
writeFileSync(file, JSON.stringify(bootstrap(), null, 1));
const backend = await startBackend(root, folder, behind, null);
const command = flags.peer === 'weft'
  ? [process.execPath, join(root, 'dist/bundle/main.js'), '-c', file, '--concurrency', '1', '--io', flags.io, '-l',
    'warn']
  : [envoyPeer('envoy', join(root, 'perf/results/cache'), true).program!, '-c', file, '--concurrency', '1',
    '--base-id', '20998', '--disable-hot-restart', '-l', 'warn'];
const proxy = launch('proxy', command, join(folder, 'proxy.log'), null);
while (!await listens(base)) await sleep(10);

say(`${flags.peer}${flags.peer === 'weft' ? `, ${flags.io}` : ''}: ${flags.path}, ${flags.seconds} s each`);
const users = Number(flags.users);
const fair = [
  await measure([{ name: 'streams of one connection', connections: 1, streams: users }]),
  await measure([{ name: 'connections of one stream', connections: users, streams: 1 }]),
  await measure([{ name: 'beside each other: streams of one', connections: 1, streams: users / 2 },
    { name: 'beside each other: connections', connections: users / 2, streams: 1 }]),
];
for (const one of [proxy, backend]) await one.stop();
const good = fair.every(Boolean);
say(good ? 'ok' : 'NOT OK');
process.exit(good ? 0 : 1);
