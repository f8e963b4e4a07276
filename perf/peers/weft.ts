// Weft itself, once for each I/O driver, with one worker, on the bootstrap that Envoy gets.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeBootstrap } from '../bootstrap.js';
import { launch, type Running } from '../process/launch.js';
import type { Instance, Peer } from './peer.js';

/** `main` is the compiled entry: that of this checkout, or of another one to compare with. */
export function weftPeer(name: string, io: 'epoll' | 'uring', main: string): Peer {
  return {
    name, version: existsSync(main) ? `node ${process.version}, ${main}` : null,
    missing: `${main} does not exist: npm run build`, readyPath: '/ready',
    start: (instance: Instance): Running => {
      const file = writeBootstrap(instance.root, instance.folder, instance.name, instance.shape, instance.ports);
      const command = [process.execPath, ...nodeFlags(), main, '-c', file, '--concurrency', '1', '--io', io, '-l',
        'warn'];
      return launch(instance.name, command, join(instance.folder, `${instance.name}.log`), instance.core);
    },
  };
}

/** Flags for V8 that an experiment wants, from WEFT_NODE_FLAGS. */
function nodeFlags(): string[] {
  return (process.env.WEFT_NODE_FLAGS ?? '').split(' ').filter((flag) => flag !== '');
}
