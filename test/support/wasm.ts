// The three builds of the codecs that every codec test runs on: release (SIMD), its scalar twin, and debug (bounds
// and asserts kept). A build that is missing or older than its sources is made here, so that one test file can be run
// by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repositoryRoot } from './root.js';

export const codecBuilds = ['release', 'scalar', 'debug'] as const;
export type CodecBuild = (typeof codecBuilds)[number];

const files: Record<CodecBuild, string> = {
  release: 'dist/wasm/codecs.wasm',
  scalar: 'dist/wasm/codecs-scalar.wasm',
  debug: 'dist/wasm/codecs-debug.wasm',
};

/** The compiled module of one build. */
export function codecModule(build: CodecBuild): WebAssembly.Module {
  const file = join(repositoryRoot, files[build]);
  if (!existsSync(file) || statSync(file).mtimeMs < newestSourceMs()) compile(build, file);
  return new WebAssembly.Module(readFileSync(file));
}

function newestSourceMs(): number {
  const folder = join(repositoryRoot, 'assembly');
  const sources = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts'));
  return Math.max(...sources.map((name) => statSync(join(folder, name)).mtimeMs));
}

/** Compiles beside the target and renames, so that test files running in parallel never read half a module. */
function compile(build: CodecBuild, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}`;
  const compiler = join(repositoryRoot, 'node_modules/assemblyscript/bin/asc.js');
  const result = spawnSync(
    process.execPath,
    [compiler, '--config', 'asconfig.json', '--target', build, '--outFile', partial],
    { cwd: repositoryRoot, encoding: 'utf8' },
  );
  if (result.status !== 0) throw new Error(`asc --target ${build} failed:\n${result.stderr}${result.stdout}`);
  renameSync(partial, file);
}
