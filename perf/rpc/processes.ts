// The backend and the first call of the RPC scenarios, as the process that measures sees them.
import { connect } from 'node:net';
import { join } from 'node:path';
import { RPC_BACKEND } from '../bootstrap.js';
import { launch, portMustBeFree, untilAnswers, type Running } from '../process/launch.js';
import { rpcFrames, type RpcName } from './frames.js';

const ANSWER_MS_MAX = 1000, START_MS_MAX = 5000;

/** Starts the backend of both protocols beside the one at `backendPort`, pinned to `core`. */
export async function startRpcBackend(root: string, folder: string, backendPort: number,
  core: number | null): Promise<Running> {
  const port = backendPort + RPC_BACKEND.bolt;
  await portMustBeFree(port);
  const running = launch('rpc-backend', [process.execPath, join(root, 'dist/perf/backend/rpc.js'), String(port)],
    join(folder, 'rpc-backend.log'), core);
  await untilAnswers(running, port, START_MS_MAX, () => rpcAnswers(port, 'bolt'));
  return running;
}

/** Does one call on a connection of its own get its answer? */
export function rpcAnswers(port: number, protocol: RpcName): Promise<boolean> {
  const { request, response, isSuccess } = rpcFrames[protocol];
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write(request); });
    let bytes = Buffer.alloc(0);
    const done = (answers: boolean): void => { socket.destroy(); resolve(answers); };
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= response.length) done(isSuccess(bytes, 0));
    });
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
    socket.setTimeout(ANSWER_MS_MAX, () => done(false));
  });
}
