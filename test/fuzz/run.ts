// npm run fuzz -- --seconds N [--seed S] [--target NAME]: runs the fuzzers of test/fuzz in turn, keeps what
// they find in test/fuzz/findings, replays what is kept in test/fuzz/corpus, and prints executions and findings.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../support/root.js';
import { targets, type Target } from './http1.js';
import { http2Targets } from './http2.js';
import { rpcJsonTargets } from './rpc-json.js';
import { rpcTargets } from './rpc.js';
import { Random } from './random.js';

export interface FuzzReport {
  executions: Record<string, number>;
  findings: { target: string; seed: number; fault: string; input: Buffer }[];
}
const corpus = join(repositoryRoot, 'test/fuzz/corpus');

/** Fuzzes for so many milliseconds; each input comes from a seed of its own, so that one number replays it. */
export function fuzz(list: readonly Target[], forMs: number, seed: number, findingsMax = 20): FuzzReport {
  const report: FuzzReport = { executions: {}, findings: [] };
  for (const target of list) replay(target, report);
  const until = performance.now() + forMs;
  for (let round = 0; performance.now() < until && report.findings.length < findingsMax; round++) {
    for (const target of list) for (let i = 0; i < 200; i++) one(target, (seed + round * 200 + i) >>> 0, report);
  }
  return report;
}

function one(target: Target, seed: number, report: FuzzReport): void {
  const random = new Random(seed);
  const input = target.mutate(random);
  report.executions[target.name] = (report.executions[target.name] ?? 0) + 1;
  try {
    target.check(input, random);
  } catch (error) {
    report.findings.push({ target: target.name, seed, fault: (error as Error).message, input });
  }
}

/** Inputs that once were findings: test/fuzz/corpus/<target>-*. */
function replay(target: Target, report: FuzzReport): void {
  if (!existsSync(corpus)) return;
  for (const name of readdirSync(corpus).filter((entry) => entry.startsWith(`${target.name}-`))) {
    const input = readFileSync(join(corpus, name));
    try {
      for (let seed = 0; seed < 64; seed++) target.check(input, new Random(seed));
    } catch (error) {
      report.findings.push({ target: target.name, seed: -1, fault: `${name}: ${(error as Error).message}`, input });
    }
  }
}

function main(): void {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, target: { type: 'string' } },
  });
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
  const all = [...targets(), ...http2Targets(), ...rpcTargets(), ...rpcJsonTargets()];
  const list = all.filter((target) => values.target === undefined || target.name === values.target);
  process.stdout.write(`seed ${seed}, ${values.seconds} s\n`);
  const report = fuzz(list, Number(values.seconds) * 1000, seed);
  for (const [name, count] of Object.entries(report.executions))
    process.stdout.write(`${name.padEnd(10)} ${count} executions\n`);
  process.stdout.write(`${report.findings.length} findings\n`);
  for (const finding of report.findings) {
    const folder = join(repositoryRoot, 'test/fuzz/findings');
    mkdirSync(folder, { recursive: true });
    const file = join(
      folder,
      `${finding.target}-${createHash('sha256').update(finding.input).digest('hex').slice(0, 12)}`,
    );
    writeFileSync(file, finding.input);
    process.stdout.write(`\n${finding.target}, seed ${finding.seed}, kept as ${file}\n${finding.fault}\n`);
  }
  process.exitCode = report.findings.length === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith('fuzz/run.js')) main();
