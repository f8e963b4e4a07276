// Closed-loop load of RPC calls, by perf/rpc/load.ts in a process of its own.
import { join } from 'node:path';
import { pinned } from '../process/launch.js';
import type { RpcLoad, RpcLoadResult } from '../rpc/load.js';
import type { RpcName } from '../rpc/frames.js';
import { run, type LoadResult, type Traffic } from './traffic.js';

const GRACE_MS = 2000;

/** As closedLoad; `connections` of `streams` calls each at a time. */
export async function rpcLoad(root: string, port: number, protocol: RpcName, traffic: Traffic, seconds: number,
  core: number | null): Promise<LoadResult> {
  const { connections, streams = 1 } = traffic;
  const options: RpcLoad = { port, protocol, connections, inFlight: streams, seconds, graceMs: GRACE_MS };
  const output = await run(pinned(core, [process.execPath, join(root, 'dist/perf/rpc/load.js'),
    JSON.stringify(options)]));
  const { requests, errors, bytes, micros } = JSON.parse(output) as RpcLoadResult;
  return { requests, errors, bytes, seconds: micros / 1e6, p50Micros: 0, p99Micros: 0 };
}
