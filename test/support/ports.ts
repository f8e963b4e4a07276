// Free loopback ports for test processes that run side by side: each starts looking at a place of its own.
import { createServer } from 'node:net';

const FIRST = Number(process.env.WEFT_TEST_PORT ?? 22000);
const COUNT = 500;
let next = (process.pid * 37) % COUNT;

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
