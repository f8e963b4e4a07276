// One Weft for a measurement that reports by itself: a listener and an admin server on free ports, gone afterwards.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/ports.js';
import { launch, untilReady } from './launch.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export interface WeftFlags { workers: string; io: string }

/** `configuration` gets the admin server's port and the listener's; `measure` the listener's. */
export async function withWeft(name: string, { workers, io }: WeftFlags,
  configuration: (adminPort: number, port: number) => object, measure: (port: number) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `weft-${name}-`));
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(configuration(adminPort, port)));
  const proxy = launch('weft', [process.execPath, join(root, 'dist/bundle/main.js'), '-c', file, '--concurrency',
    workers,
    '--io', io, '-l', 'warning'], join(folder, 'weft.log'), null);
  try {
    await untilReady(proxy, adminPort, '/ready', 'localhost', 20_000);
    await measure(port);
  } finally {
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
