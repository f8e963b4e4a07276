// The RPC scenarios' frames, load generator and backend: what is measured is what clients send, and what goes wrong is
// counted.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import type { RpcLoad, RpcLoadResult } from '../../perf/rpc/load.js';
import { rpcFrames, type RpcName } from '../../perf/rpc/frames.js';
import { rpcAnswers } from '../../perf/rpc/processes.js';
import { BoltReader, type BoltFrame } from '../support/bolt.js';
import { freePort } from '../support/ports.js';

const program = (file: string): string => fileURLToPath(new URL(`../../perf/${file}`, import.meta.url));
const CONNECTIONS = 3, IN_FLIGHT = 16;
/** The number of a connection's first call. */
const FIRST = IN_FLIGHT;
const names: RpcName[] = ['bolt', 'dubbo'];

async function load(port: number, protocol: RpcName): Promise<RpcLoadResult> {
  const options: RpcLoad = { port, protocol, connections: CONNECTIONS, inFlight: IN_FLIGHT, seconds: 0.2,
    graceMs: 200 };
  const { stdout } = await promisify(execFile)(process.execPath, [program('rpc/load.js'), JSON.stringify(options)]);
  return JSON.parse(stdout) as RpcLoadResult;
}

t.test('a Bolt call and its answer have 1 KiB of content each', async (t) => {
  const read: BoltFrame[] = [];
  const reader = new BoltReader((frame) => { read.push(frame); });
  const { request, response } = rpcFrames.bolt;
  reader.push(Buffer.concat([request, response]));
  t.match(read, [
    { type: 1, command: 1, id: 1, className: 'com.alipay.sofa.rpc.core.request.SofaRequest' },
    { type: 0, command: 2, id: 1, status: 0, className: 'com.alipay.sofa.rpc.core.response.SofaResponse' }]);
  t.match(Object.fromEntries(read[0]!.headers), { service: 'com.alipay.test.TestService:1.0',
    sofa_head_method_name: 'echo' });
  t.same(read.map(({ content }) => content.length), [1024, 1024]);
});

t.test('the backend answers each call of the load generator', async (t) => {
  // It takes the port behind it as well, which nobody else asks for while this one is taken.
  const port = await freePort();
  const backend = spawn(process.execPath, [program('backend/rpc.js'), String(port)], { stdio: 'inherit' });
  t.teardown(() => { backend.kill(); });
  while (!await rpcAnswers(port, 'bolt')) await sleep(20);
  for (const [index, name] of names.entries()) {
    const { requests, errors, bytes } = await load(port + index, name);
    t.ok(requests > CONNECTIONS * IN_FLIGHT, `${name}: ${requests} requests`);
    t.equal(bytes, requests * rpcFrames[name].response.length);
    t.equal(errors, 0);
  }
});

for (const name of names) {
  t.test(`${name}: failures, strange numbers and calls that nobody answers are errors`, async (t) => {
    const { response, idAt } = rpcFrames[name];
    const server = createServer((socket) => {
      let answers = 0;
      socket.on('error', () => undefined).on('data', () => {
        const answer = Buffer.from(response);
        answer.writeUInt32BE(answers++ === 0 ? FIRST : 0xffff, idAt);
        answer[name === 'bolt' ? 11 : 3] = 7;                     // a status that is no success
        socket.write(answer);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => { server.close(); });
    const { requests, errors } = await load((server.address() as AddressInfo).port, name);
    t.equal(requests, CONNECTIONS);
    t.ok(errors >= CONNECTIONS * (1 + 1 + IN_FLIGHT), `${errors} errors`);
  });
}
