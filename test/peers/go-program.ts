// Programs of the Go world that test us: built by `go install` into a cache folder, or named by an environment
// variable.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { repositoryRoot } from '../support/root.js';

/** Path of the program of a package at a version; throws one line where there is none and it cannot be built. */
export function goProgram(packagePath: string, version: string, variable: string): string {
  const named = process.env[variable];
  if (named !== undefined && named !== '') return named;
  const folder = join(repositoryRoot, 'perf/results/cache/go', `${packagePath.replaceAll('/', '_')}@${version}`);
  const program = join(folder, basename(packagePath));
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  process.stderr.write(`building ${packagePath}@${version}\n`);
  const built = spawnSync('go', ['install', `${packagePath}@${version}`], { env: { ...process.env, GOBIN: folder,
    GOFLAGS: '-mod=mod' }, encoding: 'utf8', timeout: 600_000 });
  if (built.status === 0 && existsSync(program)) return program;
  const reason = (built.error?.message ?? built.stderr).trim().split('\n').at(-1);
  throw new Error(`${packagePath} cannot be built (${reason}): name the program by ${variable}`);
}
