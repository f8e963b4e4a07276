// `npm run rotations`: certificates and roots of both sides are replaced every second for minutes, under load by
// HTTP/1.1 and HTTP/2 over mutual TLS, on kept and on fresh connections, to endpoints over mutual TLS. No request may
// fail.
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { memory } from './process/accounting.js';
import { launch, listens, portMustBeFree } from './process/launch.js';
import { checkMemory, parseStatistics, type MemorySample } from './soak/checks.js';
import { SoakClient } from './soak/client.js';
import { SoakConfiguration, type SoakState } from './soak/configuration.js';
import { Ledger } from './soak/ledger.js';
import { Random } from './soak/random.js';
import { SecureClient } from './soak/secure-client.js';
import { makeAuthority } from './soak/tls.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const { values: flags } = parseArgs({ options: {
  minutes: { type: 'string', default: '5' }, io: { type: 'string', default: 'epoll' },
  concurrency: { type: 'string', default: '2' }, every: { type: 'string', default: '1000' },
  'port-base': { type: 'string', default: '21500' },
} });

const base = Number(flags['port-base']);
const ports = { main: base, turning: base + 1, garbage: base + 2, extra: base + 3, admin: base + 4, secure: base + 5 };
const steady = [base + 10, base + 11], secure = [base + 12, base + 13];
const folder = join(root, 'perf/results', `rotations-${new Date().toISOString().replace(/[:.]/g, '-')}`);
mkdirSync(folder, { recursive: true });
const authority = makeAuthority(folder);
const configuration = new SoakConfiguration(folder, ports, { steady, abrupt: steady, announced: steady, secure },
  authority);
const state: SoakState = { version: 1, extraClusters: 0, extraListener: false, turningName: 'turn',
  routeTimeoutSeconds: 15, connectTimeoutMs: 1000, weights: steady.map(() => 1), announced: steady };

const PAUSE_MS = 10;
const ledger = new Ledger(), random = new Random(1);
const clients = [
  ...[0, 1].map((index) => new SecureClient(ports.secure, authority.roots, authority.identities[index]!, ledger, random,
    6, PAUSE_MS)),
  ...[true, true, false, false].map((keepAlive, index) => new SoakClient('secure', ports.secure, ledger, random,
    PAUSE_MS, authority, keepAlive, index !== 3)),
];

async function rotate(pid: number): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  const startMs = performance.now(), endMs = startMs + Number(flags.minutes) * 60_000;
  while (performance.now() < endMs) {
    state.version++;
    configuration.writeSecrets(state);
    const { rssKiB, fds, threads } = memory(pid);
    samples.push({ seconds: (performance.now() - startMs) / 1000, rssKiB, fds, threads });
    if (samples.length % 30 === 0)
      say(`${samples.length} rotations: ${ledger.answered} answered, ${ledger.failed} failed`);
    await sleep(Number(flags.every));
  }
  return samples;
}

for (const port of [...Object.values(ports), ...steady, ...secure]) await portMustBeFree(port);
const upstream = join(root, 'dist/perf/soak/upstream.js');
const running = [launch('plain', [process.execPath, upstream, ...steady.map(String)], join(folder, 'plain.log'), null),
  launch('secure', [process.execPath, upstream, '--secure', folder, ...secure.map(String)], join(folder, 'secure.log'),
    null)];
for (const port of [...steady, ...secure]) while (!await listens(port)) await sleep(10);
const proxy = launch('weft', [process.execPath, join(root, 'dist/bundle/main.js'), '-c', configuration.writeAll(state),
  '--io', flags.io, '--concurrency', flags.concurrency, '-l', 'warn'], join(folder, 'proxy.log'), null);
while (!await listens(ports.secure)) await sleep(10);
const load = clients.map((client) => client.run());
const samples = await rotate(proxy.pid);
for (const client of clients) client.stopped = true;
await Promise.all(load);
await sleep(1000);
const statistics = parseStatistics(await (await fetch(`http://127.0.0.1:${ports.admin}/stats`)).text());
for (const one of [proxy, ...running]) await one.stop();

const of = (scope: string, name: string): number => statistics.get(`${scope}.ssl.${name}`) ?? 0;
const failures = ['connection_error', 'fail_verify_error', 'fail_verify_san', 'fail_verify_no_cert'];
const taken = statistics.get('sds.own.update_success') ?? 0;
const flat = checkMemory(samples);
say(`\n${flags.io}, ${flags.concurrency} workers: ${samples.length} rotations, ${taken} taken; `
  + `${ledger.answered} answered, ${ledger.failed} failed, ${ledger.retried} sent again on a new connection`);
for (const [side, scope] of [['clients', `listener.127.0.0.1_${ports.secure}`], ['endpoints', 'cluster.secure']]) {
  say(`${side}: ${of(scope!, 'handshake')} handshakes, ${of(scope!, 'session_reused')} of them resumed; `
    + failures.map((name) => `${name} ${of(scope!, name)}`).join(', '));
}
say(`RSS: ${flat.found}`);
for (const failure of ledger.failures) say(`  FAILED ${failure}`);
const good = ledger.failed === 0 && taken >= samples.length * 0.9 && (flat.passed || samples.length < 120);
say(good ? 'ok' : 'NOT OK');
process.exit(good ? 0 : 1);
