// Free loopback ports for test processes that run side by side. A port is claimed by a file that names the process,
// since the proxy that will bind it starts much later than the port was found free (and SO_REUSEPORT would let two
// proxies share it in silence).
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = Number(process.env.WEFT_TEST_PORT ?? 22000);
/** From here on the kernel hands out ports to clients, which could have one before the listener does. */
const EPHEMERAL = 32768;
const COUNT = Math.min(5000, EPHEMERAL - FIRST);
if (!(FIRST >= 1024 && COUNT >= 500))
  throw new Error(`WEFT_TEST_PORT is the first of 500 to 5000 ports from 1024 to ${EPHEMERAL - 1}, not ${FIRST}`);
const claims = join(tmpdir(), 'weft-test-ports');
const mine: string[] = [];
process.on('exit', () => {
  for (const file of mine) rmSync(file, { force: true });
});
let next = (process.pid * 37) % COUNT;

/** A port that nobody listens on and no other test process has claimed. */
export async function freePort(): Promise<number> {
  mkdirSync(claims, { recursive: true });
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (claim(join(claims, String(port))) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT - 1}`);
}

function claim(file: string): boolean {
  try {
    const fd = openSync(file, 'wx');
    writeSync(fd, String(process.pid));
    closeSync(fd);
    mine.push(file);
    return true;
  } catch {
    // Left behind by a process that was killed: the next one to come by may have it.
    try {
      process.kill(Number(readFileSync(file, 'utf8')), 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(file, { force: true });
    }
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
