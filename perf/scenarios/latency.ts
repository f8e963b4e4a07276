// Latency at fixed rates, open loop: what a client waits when the proxy is not saturated. The direct path (no proxy) is
// measured with the same generator and shows what of the tail belongs to the machine, the backend and the generator.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { rotation } from '../arithmetic.js';
import { HTTP2_BACKEND, type Shape } from '../bootstrap.js';
import { closedLoad } from '../load/closed.js';
import { fixedRate } from '../load/h2load.js';
import { run } from '../load/traffic.js';
import { newHistogram, type EngineResult } from '../load/engine.js';
import { latencyPicture, type Curve } from '../picture.js';
import { pinned } from '../process/launch.js';
import { fixed, markdownTable } from '../report.js';
import type { Session, Started } from '../session.js';
import type { CpuScenario } from './cpu-scenario.js';
import type { Measured } from './memory.js';

const PLAIN: Shape = { name: 'small', hosts: 0, accessLog: false };
const CONNECTIONS = 32;
/** Percentiles of the curves: dense, and denser towards the tail. */
const STEPS = 40;
const WARM_SECONDS = 1;

interface Target { name: string; port: number; started: Started | null }
interface Collected {
  rate: number; name: string; latency: Histogram; lateness: Histogram; unfinished: number; errors: number;
}

/**
 * Every rate, every start: all targets in turn, a part of the time each; the parts of one target are added up. Without
 * a scenario: HTTP/1.1 in plain bytes, by our own generator; else its protocols, by h2load.
 */
export async function runLatency(session: Session, scenario: CpuScenario | null, say: (text: string) => void):
  Promise<Measured> {
  const { options } = session;
  const collected: Collected[] = [];
  for (let start = 0; start < options.starts; start++) {
    const targets = await startTargets(session, scenario, say);
    for (const rate of options.rates) {
      for (let round = 0; round < options.rounds; round++) {
        for (const index of rotation(targets.length, round)) {
          await measure(session, scenario, collected, targets[index], rate);
        }
      }
      say(`  start ${start + 1}/${options.starts}, ${rate} requests a second: done`);
    }
    for (const target of targets) await target.started?.running.stop();
  }
  keep(session, scenario === null ? 'latency' : `latency-${scenario.name}`, collected);
  const load = scenario === null ? `${CONNECTIONS} connections` : scenario.title;
  return { title: `Latency at fixed rates, open loop, ${load}, microseconds. ` +
    '"direct" has no proxy; "late p99" is how late the generator itself sent. Curves: latency.svg.',
  table: table(collected),
    samples: collected.map(({ rate, name, latency, unfinished, errors }) =>
      ({ rate, name, unfinished, errors, summary: latency.summary })) };
}

async function startTargets(session: Session, scenario: CpuScenario | null,
  say: (text: string) => void): Promise<Target[]> {
  const { shape, traffic } = scenario?.variants[0] ?? { shape: PLAIN, traffic: null };
  const direct = traffic?.protocol === 'h2' ? session.backendPort + HTTP2_BACKEND
    : traffic?.protocol === 'h1-tls' ? -1 : session.backendPort;
  const targets: Target[] = direct < 0 ? [] : [{ name: 'direct', port: direct, started: null }];
  for (const peer of session.peers) {
    try {
      const started = await session.start(peer, shape);
      targets.push({ name: peer.name, port: started.ports.listener, started });
    } catch (error) {
      say(`  ${peer.name} left out: ${(error as Error).message}`);
    }
  }
  for (const target of targets) {
    if (session.options.warmSeconds === 0) continue;
    if (traffic === null) await generate(session, target.port, 4000, session.options.warmSeconds);
    else await closedLoad(session.root, target.port, traffic, session.options.warmSeconds, session.options.loadCore);
  }
  return targets;
}

async function generate(session: Session, port: number, rate: number, seconds: number): Promise<EngineResult> {
  const command = [process.execPath, join(session.root, 'dist/perf/load.js'),
    JSON.stringify({ port, rate, seconds: seconds + WARM_SECONDS, warmSeconds: WARM_SECONDS,
      connections: CONNECTIONS })];
  return JSON.parse(await run(pinned(session.options.loadCore, command))) as EngineResult;
}

async function measure(session: Session, scenario: CpuScenario | null, collected: Collected[], target: Target,
  rate: number): Promise<void> {
  const { starts, rounds, latencySeconds, loadCore } = session.options;
  const seconds = Math.max(1, latencySeconds / (starts * rounds));
  let entry = collected.find((other) => other.rate === rate && other.name === target.name);
  if (entry === undefined) {
    entry = { rate, name: target.name, latency: newHistogram(), lateness: newHistogram(), unfinished: 0, errors: 0 };
    collected.push(entry);
  }
  if (scenario !== null) {
    const { traffic } = scenario.variants[0];
    const { latency, failed } = await fixedRate(target.port, traffic, rate, seconds, WARM_SECONDS, loadCore);
    entry.latency.add(latency);
    entry.errors += failed;
    return;
  }
  const result = await generate(session, target.port, rate, seconds);
  entry.latency.add(decodeFromCompressedBase64(result.latency));
  entry.lateness.add(decodeFromCompressedBase64(result.lateness));
  entry.unfinished += result.unfinished;
  entry.errors += result.connect + result.read + result.write + result.status;
}

function table(collected: readonly Collected[]): string {
  const rows = collected.map(({ rate, name, latency, lateness, unfinished, errors }) => {
    const at = (percentile: number): string => String(latency.getValueAtPercentile(percentile));
    // p99.9 needs some tens of samples beyond it to mean anything.
    const rare = latency.totalCount >= 20_000 ? at(99.9) : '-';
    return [`${rate}/s ${name}`, at(50), at(90), at(99), rare, String(latency.maxValue), fixed(latency.mean, 0),
      String(latency.totalCount), String(lateness.getValueAtPercentile(99)), String(unfinished + errors)];
  });
  return markdownTable(['rate, peer', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean', 'samples', 'late p99', 'failed'],
    rows);
}

/** Histogram files (percentile distribution, readable by HdrHistogram's plotter) and the picture. */
function keep(session: Session, name: string, collected: readonly Collected[]): void {
  for (const { rate, name: peer, latency } of collected) {
    writeFileSync(join(session.folder, `${name}-${rate}-${peer.replace('#', '-')}.hgrm`),
      latency.outputPercentileDistribution(5, 1));
  }
  const panels = session.options.rates.map((rate) => ({ title: `${rate} requests a second`,
    curves: collected.filter((entry) => entry.rate === rate).map(({ name, latency }): Curve =>
      ({ name, points: points(latency) })) }));
  writeFileSync(join(session.folder, `${name}.svg`), latencyPicture(panels));
}

function points(latency: Histogram): Curve['points'] {
  // As far right as there are samples: 10,000 samples end at p99.99.
  const last = Math.min(4, Math.log10(Math.max(10, latency.totalCount)));
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const percentile = 100 * (1 - 10 ** (-last * step / STEPS));
    return { percentile, micros: latency.getValueAtPercentile(percentile) };
  });
}
