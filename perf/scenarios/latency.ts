// Latency at fixed rates, open loop: what a client waits when the proxy is not saturated. The direct path (no proxy) is
// measured with the same generator and shows what of the tail belongs to the machine, the backend and the generator.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { rotation } from '../arithmetic.js';
import { run } from '../load/closed.js';
import { newHistogram, type EngineResult } from '../load/engine.js';
import { latencyPicture, type Curve } from '../picture.js';
import { pinned } from '../process/launch.js';
import { fixed, markdownTable } from '../report.js';
import type { Session, Started } from '../session.js';
import type { Measured } from './memory.js';

const CONNECTIONS = 32;
/** Percentiles of the curves: dense, and denser towards the tail. */
const STEPS = 40;
const WARM_SECONDS = 1;

interface Target { name: string; port: number; started: Started | null }
interface Collected {
  rate: number; name: string; latency: Histogram; lateness: Histogram; unfinished: number; errors: number;
}

/** Every rate, every start: all targets in turn, a part of the time each; the parts of one target are added up. */
export async function runLatency(session: Session, say: (text: string) => void): Promise<Measured> {
  const { options } = session;
  const collected: Collected[] = [];
  for (let start = 0; start < options.starts; start++) {
    const targets = await startTargets(session, say);
    for (const rate of options.rates) {
      for (let round = 0; round < options.rounds; round++) {
        for (const index of rotation(targets.length, round)) await measure(session, collected, targets[index], rate);
      }
      say(`  start ${start + 1}/${options.starts}, ${rate} requests a second: done`);
    }
    for (const target of targets) await target.started?.running.stop();
  }
  keep(session, collected);
  return { title: `Latency at fixed rates, open loop, ${CONNECTIONS} connections, microseconds. ` +
    '"direct" has no proxy; "late p99" is how late the generator itself sent. Curves: latency.svg.',
  table: table(collected),
    samples: collected.map(({ rate, name, latency, unfinished, errors }) =>
      ({ rate, name, unfinished, errors, summary: latency.summary })) };
}

async function startTargets(session: Session, say: (text: string) => void): Promise<Target[]> {
  const targets: Target[] = [{ name: 'direct', port: session.backendPort, started: null }];
  for (const peer of session.peers) {
    try {
      const started = await session.start(peer, { name: 'small', hosts: 0, accessLog: false });
      targets.push({ name: peer.name, port: started.ports.listener, started });
    } catch (error) {
      say(`  ${peer.name} left out: ${(error as Error).message}`);
    }
  }
  for (const target of targets) {
    if (session.options.warmSeconds > 0) await generate(session, target.port, 4000, session.options.warmSeconds);
  }
  return targets;
}

async function generate(session: Session, port: number, rate: number, seconds: number): Promise<EngineResult> {
  const command = [process.execPath, join(session.root, 'dist/perf/load.js'),
    JSON.stringify({ port, rate, seconds: seconds + WARM_SECONDS, warmSeconds: WARM_SECONDS,
      connections: CONNECTIONS })];
  return JSON.parse(await run(pinned(session.options.loadCore, command))) as EngineResult;
}

async function measure(session: Session, collected: Collected[], target: Target, rate: number): Promise<void> {
  const { starts, rounds, latencySeconds } = session.options;
  const result = await generate(session, target.port, rate, Math.max(1, latencySeconds / (starts * rounds)));
  let entry = collected.find((other) => other.rate === rate && other.name === target.name);
  if (entry === undefined) {
    entry = { rate, name: target.name, latency: newHistogram(), lateness: newHistogram(), unfinished: 0, errors: 0 };
    collected.push(entry);
  }
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
function keep(session: Session, collected: readonly Collected[]): void {
  for (const { rate, name, latency } of collected) {
    writeFileSync(join(session.folder, `latency-${rate}-${name.replace('#', '-')}.hgrm`),
      latency.outputPercentileDistribution(5, 1));
  }
  const panels = session.options.rates.map((rate) => ({ title: `${rate} requests a second`,
    curves: collected.filter((entry) => entry.rate === rate).map(({ name, latency }): Curve =>
      ({ name, points: points(latency) })) }));
  writeFileSync(join(session.folder, 'latency.svg'), latencyPicture(panels));
}

function points(latency: Histogram): Curve['points'] {
  // As far right as there are samples: 10,000 samples end at p99.99.
  const last = Math.min(4, Math.log10(Math.max(10, latency.totalCount)));
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const percentile = 100 * (1 - 10 ** (-last * step / STEPS));
    return { percentile, micros: latency.getValueAtPercentile(percentile) };
  });
}
