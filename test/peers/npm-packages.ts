// Packages of npm that test us and are no dependencies of ours: installed into a cache folder, once.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { repositoryRoot } from '../support/root.js';

/** What `require` finds of the packages, each named with its version; throws one line where they cannot be had. */
export function npmPackages(packages: readonly string[]): (name: string) => unknown {
  const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12);
  const folder = join(repositoryRoot, 'perf/results/cache/npm', key), done = join(folder, 'installed');
  if (!existsSync(done)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    process.stderr.write(`installing ${packages.join(', ')}\n`);
    const installed = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages],
      { cwd: folder, encoding: 'utf8', timeout: 300_000 });
    if (installed.status !== 0) {
      const reason = (installed.error?.message ?? installed.stderr).trim().split('\n').at(-1);
      throw new Error(`${packages.join(', ')} cannot be installed (${reason})`);
    }
    writeFileSync(done, '');
  }
  return createRequire(join(folder, 'package.json'));
}
