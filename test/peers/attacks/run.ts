// npm run attacks [-- --peer envoy] [--seconds 2] [--only part of a name]: misuse of HTTP/2 and of TLS handshakes, each
// for some seconds on several connections, again and again, while eight other connections (HTTP/1.1 and HTTP/2, plain
// and TLS) ask. A line for each: what was sent, how connections ended, which statistic moved, resident memory before,
// at its peak and after, and how the others were served before and meanwhile. Both drivers, then Envoy where there is
// one.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrap, routeTo } from '../../support/bootstrap.js';
import { issue, root } from '../../support/certificates.js';
import { freePort } from '../../support/ports.js';
import { envoyProgram, Proxy, weftKinds, type ProxyKind } from '../../support/proxy.js';
import { downstreamTls } from '../tls.js';
import { residentMiB, type Figures, type Watch } from './aside.js';
import type { Attack } from './attack.js';
import { http2Attacks } from './http2.js';
import { tlsAttacks } from './tls.js';

const { values: flags } = parseArgs({ options: { peer: { type: 'string' }, only: { type: 'string', default: '' },
  seconds: { type: 'string', default: '2' } } });
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const ATTACK_MS = 1000 * Number(flags.seconds), CALM_MS = 1000, AT_ONCE = 4;
/** What is held for attackers, on top, at the peak and when they are gone. */
const PEAK_MIB = 64, LEFT_MIB = 32;
/** Of the others' answers, on a machine whose two cores the attacker and the clients share with the proxy. */
const P99_MS = 250;

const program = join(fileURLToPath(new URL('.', import.meta.url)), 'aside.js');
async function aside(...words: string[]): Promise<ChildProcess> {
  const child = fork(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  return child;
}
async function figuresOf(child: ChildProcess): Promise<Figures> {
  child.send('phase');
  const [figures] = await once(child, 'message') as [Figures];
  return figures;
}

const identity = issue({ name: 'localhost', issuer: root(), sans: ['DNS:localhost'] });
const many = { max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 };
interface Place { proxy: Proxy; others: ChildProcess; upstream: ChildProcess; ports: Watch }

async function start(kind: ProxyKind): Promise<Place> {
  const [adminPort, behind, plain, tls] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const upstream = await aside('serve', String(behind));
  const manager = { stream_idle_timeout: '1s' };
  const proxy = await Proxy.start(kind, adminPort, () => {
    const whole = bootstrap(adminPort, [
      { name: 'plain', port: plain, routes: [routeTo('a')], manager },
      { name: 'tls', port: tls, routes: [routeTo('a')], manager,
        transportSocket: downstreamTls(identity, { alpn_protocols: ['h2', 'http/1.1'] }) },
    ], [{ name: 'a', ports: [behind], fields: { circuit_breakers: { thresholds: [many] } } }]) as {
      static_resources: { listeners: { filter_chains: Record<string, unknown>[] }[] } };
    whole.static_resources.listeners[1]!.filter_chains[0]!.transport_socket_connect_timeout = '1s';
    return whole;
  });
  const ports = { plain, tls, pid: proxy.child.pid! };
  return { proxy, upstream, ports, others: await aside('watch', JSON.stringify(ports)) };
}

interface Result {
  attack: Attack; sent: number; connections: number; ends: Map<string, number>; counted: string;
  before: Figures; during: Figures; beforeMiB: number; afterMiB: number; wrong: string[];
}

/** The statistics of this name that have moved, together. */
function moved(counter: RegExp, before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string {
  const found = [...after].filter(([name, value]) => counter.test(name) && value > (before.get(name) ?? 0));
  const short = new Map(found.map(([name, value]) => [
    name.replace(/^listener\.[\d.]+_\d+\./, '').replace(/^http\.[^.]*\./, ''),
    value - (before.get(name) ?? 0)]));
  return [...short].map(([name, value]) => `${name} +${value}`).join(', ');
}

async function attackOnce({ proxy, others, ports }: Place, attack: Attack): Promise<Result> {
  await figuresOf(others);
  await sleep(CALM_MS);
  const before = await figuresOf(others), beforeMiB = residentMiB(ports.pid), stats = await proxy.stats();
  await figuresOf(others);                               // statistics are asked for in neither phase
  const ends = new Map<string, number>();
  let sent = 0, connections = 0;
  const until = performance.now() + ATTACK_MS;
  const target = { ...ports, until, sent: (count: number) => { sent += count; },
    ended: (how: string) => { ends.set(how, (ends.get(how) ?? 0) + 1); } };
  await Promise.all(Array.from({ length: attack.atOnce ?? AT_ONCE }, async () => {
    while (performance.now() < until) {
      connections++;
      await attack.run(target).catch((error: unknown) => target.ended(String(error)));
    }
  }));
  const during = await figuresOf(others);
  await sleep(CALM_MS);
  const result = { attack, sent, connections, ends, before, during, beforeMiB, afterMiB: residentMiB(ports.pid),
    counted: attack.counter === null ? '' : moved(attack.counter, stats, await proxy.stats()), wrong: [] as string[] };
  result.wrong = judged(result);
  return result;
}

function judged({ attack, ends, counted, during, beforeMiB, afterMiB }: Result): string[] {
  // Who goes on writing when all is over gets RST, and may lose the GOAWAY by that.
  const ways = [...ends.keys()], strange = ways.filter((how) => !attack.ends.test(how) && how !== 'closed');
  return [...strange.map((how) => `ended '${how}' ${ends.get(how)} times`),
    ...ways.some((how) => attack.ends.test(how)) ? [] : ['no connection ended as it must'],
    ...attack.counter !== null && counted === '' ? ['nothing counted'] : [],
    ...during.failed > 0 ? [`${during.failed} of the others failed`] : [],
    ...during.answered === 0 ? ['nobody else was served'] : [],
    ...during.p99 > P99_MS ? [`the others' p99 is over ${P99_MS} ms`] : [],
    ...during.peakMiB - beforeMiB > (attack.growthMiB ?? PEAK_MIB) ? ['memory grew too much'] : [],
    ...afterMiB - beforeMiB > (attack.growthMiB ?? LEFT_MIB) ? ['memory was kept'] : []];
}

const round = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
function print(result: Result, isJudged: boolean): void {
  const { attack, sent, connections, ends, counted, before, during, beforeMiB, afterMiB } = result;
  const wrong = isJudged ? result.wrong : [];
  const most = [...ends].sort((a, b) => b[1] - a[1]).slice(0, 2).map(([how, count]) =>
    ends.size === 1 ? how : `${how} ${count}x`).join('; ');
  say(`  ${wrong.length === 0 ? ' ' : '!'} ${attack.name.padEnd(46)}${`${sent} ${attack.unit}`.padStart(18)} on ${
    String(connections).padEnd(5)}  ${most.padEnd(34)}  ${counted.padEnd(48)}  ${
    [beforeMiB, during.peakMiB, afterMiB].map((mib) => mib.toFixed(0)).join(' / ').padEnd(15)}  ${
    `${during.answered} / ${during.failed}`.padEnd(10)}  ${round(before.p50)} / ${round(before.p99)} → ${
    round(during.p50)} / ${round(during.p99)} (${round(during.slowest)})`);
  for (const why of wrong) say(`      ${why}`);
}

async function all(kind: ProxyKind): Promise<number> {
  const place = await start(kind);
  let wrong = 0, made = 0, growth = 0, slowest = 0;
  say(`\n${kind}\n    ${'attack'.padEnd(46)}${'sent'.padStart(18)} on connections, ended by, counted, RSS MiB before / `
    + 'peak / after, others answered / failed, their p50 / p99 ms before → during (slowest)');
  try {
    for (const attack of [...http2Attacks, ...tlsAttacks].filter(({ name }) => name.includes(flags.only))) {
      let result = await attackOnce(place, attack);
      // Others may have been busy on this machine: what is slow must be slow again.
      if (kind !== 'envoy' && result.wrong.some((why) => why.includes('p99'))) result = await attackOnce(place, attack);
      print(result, kind !== 'envoy');
      if (result.wrong.length > 0) wrong++;
      made++;
      growth = Math.max(growth, result.during.peakMiB - result.beforeMiB);
      slowest = Math.max(slowest, result.during.p99);
      if (place.proxy.exited !== null) throw new Error(`${kind} has ended: ${place.proxy.output.slice(-500)}`);
    }
    say(`  ${made} attacks; memory grew by ${growth.toFixed(0)} MiB at most; the others' highest p99 `
      + `${round(slowest)} ms; ${kind === 'envoy' ? 'not judged' : `${wrong} not as they must be`}`);
    if (place.proxy.output.includes('exception')) { say(place.proxy.output); wrong++; }
  } finally {
    for (const child of [place.others, place.upstream]) child.kill();
    await place.proxy.stop();
  }
  return wrong;
}

let wrong = 0;
for (const kind of flags.peer === undefined ? weftKinds : [flags.peer as ProxyKind]) wrong += await all(kind);
if (flags.peer === undefined && envoyProgram() !== null) await all('envoy');   // beside it, not judged
say(wrong === 0 ? 'OK' : `NOT OK: ${wrong}`);
process.exit(wrong === 0 ? 0 : 1);
