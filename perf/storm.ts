// npm run storm [-- --seconds 5]: eight established TLS connections that ask fifty times a second each, calm and while
// four `openssl s_time` make one full handshake after the other. The proxy has one worker on a core of its own; clients
// and storm share the other one, the storm at the lowest priority, so that it is the proxy that is measured. Latency of
// the established ones, and handshakes a second; both drivers, then Envoy where there is one.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrap, routeTo } from '../test/support/bootstrap.js';
import { issue, root } from '../test/support/certificates.js';
import { freePort } from '../test/support/ports.js';
import { envoyProgram, Proxy, weftKinds, type ProxyKind } from '../test/support/proxy.js';
import { downstreamTls } from '../test/peers/tls.js';

const CONNECTIONS = 8, PAUSE_MS = 20, STORMS = 4;
const self = fileURLToPath(import.meta.url);

interface Figures { answered: number; failed: number; p50: number; p99: number; slowest: number }

/** The process that asks. */
async function ask(port: number, milliseconds: number): Promise<void> {
  const times: number[] = [];
  let failed = 0;
  const end = performance.now() + milliseconds;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    for (let first = true; performance.now() < end; first = false) {
      const began = performance.now();
      const status = await new Promise<number>((resolve) => {
        get({ host: '127.0.0.1', port, agent, timeout: 5000 }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        }).on('error', () => resolve(0)).on('timeout', () => resolve(0));
      });
      if (status !== 200) failed++;
      else if (!first) times.push(performance.now() - began);          // the first one had a handshake
      await sleep(PAUSE_MS * (0.5 + Math.random()));
    }
    agent.destroy();
  }));
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  const figures: Figures = { answered: times.length, failed, p50: at(0.5), p99: at(0.99), slowest: at(1) };
  process.send!(figures, () => process.exit());
}

async function asked(port: number, milliseconds: number): Promise<Figures> {
  const child = fork(self, ['ask', String(port), String(milliseconds)]);
  spawn('taskset', ['-pc', '1', String(child.pid)], { stdio: 'ignore' });
  const [figures] = await once(child, 'message') as [Figures];
  return figures;
}

/** Handshakes that were made. */
async function storm(port: number, seconds: number): Promise<number> {
  const made = await Promise.all(Array.from({ length: STORMS }, async () => {
    const child = spawn('nice', ['-n', '19', 'taskset', '-c', '1', 'openssl', 's_time', '-connect', `127.0.0.1:${port}`,
      '-new', '-time', String(seconds)], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (data) => { text += String(data); });
    await once(child, 'close');
    return Number(/(\d+) connections in \d+ real seconds/.exec(text)?.[1] ?? 0);
  }));
  return made.reduce((sum, one) => sum + one, 0);
}

async function measure(kind: ProxyKind, seconds: number): Promise<string> {
  const authority = root();
  const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
  const [adminPort, port] = [await freePort(), await freePort()];
  const answer = { ...routeTo('none'), route: undefined, direct_response: { status: 200,
    body: { inline_string: 'ok' } } };
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'in', port, routes: [answer],
    transportSocket: downstreamTls(server, {}) }], []), [],
  { inside: (command) => ['taskset', '-c', '0', ...command] });
  try {
    await asked(port, 1000);
    const calm = await asked(port, seconds * 1000);
    const [stormy, handshakes] = await Promise.all([asked(port, seconds * 1000), storm(port, seconds)]);
    const shown = ({ answered, failed, p50, p99, slowest }: Figures): string =>
      `${answered} answered, ${failed} failed, p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, `
      + `slowest ${slowest.toFixed(1)}`;
    return `${kind.padEnd(10)}  calm   ${shown(calm)} ms\n${' '.repeat(10)}  storm  ${shown(stormy)} ms, beside ${
      Math.round(handshakes / seconds)} handshakes/s`;
  } finally { await proxy.stop(); }
}

if (process.argv[2] === 'ask') await ask(Number(process.argv[3]), Number(process.argv[4]));
else {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } });
  const kinds: ProxyKind[] = [...weftKinds, ...envoyProgram() === null ? [] : ['envoy' as const]];
  for (const kind of kinds) process.stdout.write(`${await measure(kind, Number(values.seconds))}\n`);
}
