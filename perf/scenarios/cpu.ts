// CPU time per request: every entrant is started, warmed up, and then measured in interleaved rounds; the whole is
// repeated with fresh processes, because two starts of one program differ by several per cent (address layout, what the
// JIT saw first).
import { rmSync } from 'node:fs';
import { rotation } from '../arithmetic.js';
import { accessLogFile } from '../bootstrap.js';
import { closedLoad } from '../load/closed.js';
import { coreBusySeconds } from '../machine.js';
import { cpuBetween, cpuTime, memory } from '../process/accounting.js';
import type { Session, Started } from '../session.js';
import type { CpuScenario, Variant } from './cpu-scenario.js';

export interface CpuSample {
  entrant: string; start: number; round: number;
  requests: number; errors: number; seconds: number; bytes: number;
  userMicros: number; systemMicros: number; totalMicros: number;      // per request
  p50Micros: number; p99Micros: number;                               // closed loop: of no use for comparing latency
  rssKiB: number;
  foreignShare: number;      // part of the proxy's core that went to processes that are not ours: a disturbed round
}

interface Entrant { name: string; started: Started; variant: Variant }

/**
 * Runs all starts and rounds of one scenario. A peer that does not start, or fails under load, is reported and left
 * out.
 */
export async function runCpuScenario(session: Session, scenario: CpuScenario,
  say: (text: string) => void): Promise<CpuSample[]> {
  const { options } = session;
  const samples: CpuSample[] = [];
  session.placeBackend(scenario.crowded);
  for (let start = 0; start < options.starts; start++) {
    const entrants = await startAll(session, scenario, say);
    for (const entrant of entrants) {
      if (options.warmSeconds > 0) await load(session, entrant, options.warmSeconds);
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const index of rotation(entrants.length, start * options.rounds + round)) {
        const sample = await measure(session, scenario, entrants[index], start, round);
        if (sample.errors > 0) say(`  ${sample.entrant}: ${sample.errors} errors in round ${start}/${round}`);
        samples.push(sample);
      }
      say(`  start ${start + 1}/${options.starts} round ${round + 1}/${options.rounds}: ` +
        samples.slice(-entrants.length)
        .map((sample) => `${sample.entrant} ${sample.totalMicros.toFixed(1)}`).join('  '));
    }
    for (const entrant of entrants) {
      await entrant.started.running.stop();
      rmSync(accessLogFile(session.work, entrant.started.running.name), { force: true });
    }
  }
  session.placeBackend(false);
  return samples;
}

async function startAll(session: Session, scenario: CpuScenario, say: (text: string) => void): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const peer of session.peers) {
    for (const variant of scenario.variants) {
      try {
        const started = await session.start(peer, variant.shape);
        entrants.push({ name: `${peer.name}${variant.suffix}`, started, variant });
      } catch (error) {
        say(`  ${peer.name}${variant.suffix} left out: ${(error as Error).message}`);
      }
    }
  }
  return entrants;
}

const load = (session: Session, entrant: Entrant, seconds: number): ReturnType<typeof closedLoad> =>
  closedLoad(session.root, entrant.started.ports.listener, entrant.variant.traffic, seconds, session.options.loadCore);

async function measure(session: Session, scenario: CpuScenario, entrant: Entrant, start: number,
  round: number): Promise<CpuSample> {
  const core = session.options.proxyCore;
  const { pid } = entrant.started.running;
  const ours = (): number => cpuTime(pid).totalSeconds +
    (scenario.crowded ? cpuTime(session.backend.pid).totalSeconds : 0);
  const busyBefore = coreBusySeconds(core), oursBefore = ours(), before = cpuTime(pid);
  const result = await load(session, entrant, session.options.seconds);
  const used = cpuBetween(before, cpuTime(pid));
  const foreign = coreBusySeconds(core) - busyBefore - (ours() - oursBefore);
  const perRequest = 1e6 / Math.max(1, result.requests);
  return {
    entrant: entrant.name, start, round, requests: result.requests, errors: result.errors, seconds: result.seconds,
    bytes: result.bytes, userMicros: used.userSeconds * perRequest, systemMicros: used.systemSeconds * perRequest,
    totalMicros: used.totalSeconds * perRequest, p50Micros: result.p50Micros, p99Micros: result.p99Micros,
    rssKiB: memory(pid).rssKiB, foreignShare: Math.max(0, foreign) / result.seconds,
  };
}
