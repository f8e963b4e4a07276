// `npm run bench`: runs every bench file under bench/ in a process of its own (so that one file's types do not spoil
// another's compiled code), prints a table and keeps the results as JSON in bench/results/.
//   npm run bench -- [text that file or bench name contains ...] [--runs 7] [--ms 100] [--quick]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fixed, markdownTable } from '../perf/report.js';
import type { AnyBench } from './bench.js';
import { measureBench, type BenchResult, type BenchSettings } from './measure.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const OWN_FILES = new Set(['run.js', 'bench.js', 'measure.js']);

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  runs: { type: 'string', default: '7' }, ms: { type: 'string', default: '100' },
  quick: { type: 'boolean', default: false }, file: { type: 'string' },
} });
const settings: BenchSettings = values.quick ? { runs: 3, runMs: 20, warmMs: 100 }
  : { runs: Number(values.runs), runMs: Number(values.ms), warmMs: 500 };

/** The bench files, compiled. */
function benchFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'results' ? [] : benchFiles(path);
    if (!entry.name.endsWith('.js') || (folder === here && OWN_FILES.has(entry.name))) return [];
    // others are programs by themselves
    return /^export const benches\b/m.test(readFileSync(path, 'utf8')) ? [path] : [];
  });
}

const title = (file: string): string => relative(here, file).replace(/\.js$/, '');
const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((part) => name.includes(part));

/** In a child: the benches of one file, one line of JSON each. */
async function runFile(file: string): Promise<void> {
  const { benches } = await import(pathToFileURL(file).href) as { benches?: AnyBench[] };
  for (const bench of benches ?? []) {
    if (!wanted(`${title(file)} ${bench.name}`)) continue;
    process.stdout.write(`${JSON.stringify(await measureBench(bench, settings))}\n`);
  }
}

function row(file: string, result: BenchResult): string[] {
  const rate = result.bytes > 0 ? fixed(result.bytes / result.nanoseconds * 1000, 0) : '';
  const collections = result.collections / result.operations * 1e6;
  return [`${title(file)}: ${result.name}`, fixed(result.nanoseconds, 1),
    `${fixed(result.low, 1)}-${fixed(result.high, 1)}`,
    fixed(result.bytesAllocated, 1), fixed(collections, collections < 0.05 ? 0 : 1), rate];
}

function runAll(): number {
  const rows: string[][] = [], kept: (BenchResult & { file: string })[] = [];
  let failed = 0;
  for (const file of benchFiles(here).sort()) {
    const child = spawnSync(process.execPath,
      ['--expose-gc', fileURLToPath(import.meta.url), '--file', file, ...process.argv.slice(2)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 24 });
    for (const line of child.stdout.split('\n')) {
      if (!line.startsWith('{')) continue;
      const result = JSON.parse(line) as BenchResult;
      kept.push({ ...result, file: title(file) });
      rows.push(row(file, result));
      process.stderr.write(`${title(file)}: ${result.name}: ${fixed(result.nanoseconds, 1)} ns\n`);
    }
    if (child.status !== 0) {
      failed += 1;
      process.stderr.write(`${title(file)} failed\n`);
    }
  }
  if (rows.length === 0) process.stderr.write('no bench matches\n');
  else process.stdout.write(`${markdownTable(['bench', 'ns/op', 'range', 'bytes/op', 'GCs per 1e6', 'MB/s'], rows)}\n`);
  const folder = join(root, 'bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`), JSON.stringify(kept, null, 1));
  return failed;
}

if (values.file !== undefined) await runFile(values.file);
else process.exitCode = runAll() > 0 ? 1 : 0;
