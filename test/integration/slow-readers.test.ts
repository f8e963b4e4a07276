// Many clients that ask for long bodies and do not read them: what waits for them may fill the buffers of a worker, but
// others are served all the while, and the slow ones get all of it when they read at last.
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { forEachProxy } from '../support/fixture.js';

const BODY_BYTES = 300_000;
const body = Buffer.alloc(BODY_BYTES, 'slow');
/** Bodies come in pieces, as from a server that makes them while it sends. */
const PIECE_BYTES = 1500;
const backend = createServer((request, response) => {
  if (request.url !== '/long') { response.end('short'); return; }
  response.setHeader('content-length', BODY_BYTES);
  const send = async () => {
    for (let at = 0; at < BODY_BYTES; at += PIECE_BYTES) {
      if (!response.write(body.subarray(at, at + PIECE_BYTES))) await once(response, 'drain');
      else if (at % 15_000 === 0) await new Promise(setImmediate);
    }
    response.end();
  };
  send().catch(() => undefined);
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');
t.teardown(() => { backend.close(); backend.closeAllConnections(); });

void forEachProxy(t, {
  upstreams: [],
  more: () => [{ name: 'a', ports: [(backend.address() as AddressInfo).port], fields: {
    circuit_breakers: { thresholds: [{ max_connections: 5000, max_requests: 5000, max_pending_requests: 5000 }] } } }],
  // So little that what may wait for each of them would not find room for all.
  options: ['--concurrency', '1', '--memory-mib', '128'],
  listeners: [{ name: 'main', routes: [routeTo('a')] }],
}, async (t, { port, proxy }) => {
  const others = async (rounds: number): Promise<number[]> => {
    const statuses: number[] = [];
    for (let i = 0; i < rounds; i++) {
      statuses.push(await short(port.main!));
      await sleep(5);
    }
    return statuses.filter((status) => status !== 200);
  };

  await t.test('streams of HTTP/2', async (t) => {
    const slow: { session: ClientHttp2Session; streams: ClientHttp2Stream[] }[] = [];
    for (let i = 0; i < 8; i++) {
      const session = connect(`http://127.0.0.1:${port.main}`, { settings: { initialWindowSize: 1 << 14 } });
      session.on('error', () => undefined);
      const streams = Array.from({ length: 50 }, () => session.request({ ':path': '/long' }));
      for (const stream of streams) stream.on('error', () => undefined).pause();
      slow.push({ session, streams });
    }
    t.same(await others(100), [], 'while the slow ones wait');
    const read = await Promise.all(slow.flatMap(({ streams }) => streams.map(bytesOf)));
    t.same(read.filter((bytes) => bytes !== BODY_BYTES), [], 'each gets all of it');
    for (const { session } of slow) session.destroy();
  });

  await t.test('connections of HTTP/1.1', async (t) => {
    const slow: IncomingMessage[] = [];
    for (let i = 0; i < 200; i++) {
      const asked = get({ host: '127.0.0.1', port: port.main, path: '/long', agent: false });
      asked.on('response', (response) => { response.pause(); slow.push(response); });
    }
    t.same(await others(100), [], 'while the slow ones wait');
    t.equal(slow.length, 200);
    const read = await Promise.all(slow.map(bytesOf));
    t.same(read.filter((bytes) => bytes !== BODY_BYTES), [], 'each gets all of it');
  });

  t.equal((await proxy.stats()).get('http.main.weft_allocation_failed') ?? 0, 0);
});

async function short(port: number): Promise<number> {
  const asked = get({ host: '127.0.0.1', port, path: '/', agent: false });
  const [response] = await once(asked, 'response') as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode!;
}

/** All that comes, from now on; -1: it was cut. */
function bytesOf(stream: ClientHttp2Stream | IncomingMessage): Promise<number> {
  return new Promise((resolve) => {
    let bytes = 0;
    stream.on('data', (data: Buffer) => { bytes += data.length; });
    stream.on('end', () => resolve(bytes));
    stream.on('error', () => resolve(-1));
    stream.on('close', () => resolve(-1));
    stream.resume();
  });
}
