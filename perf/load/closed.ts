// Closed-loop load: as many requests as the connections carry. wrk where it is installed, else the generator of
// perf/load.ts; for RPC that of perf/rpc/load.ts.
import { join } from 'node:path';
import { findProgram, pinned } from '../process/launch.js';
import { http2Load } from './h2load.js';
import { rpcLoad } from './rpc.js';
import { resumedLoad } from './resumed.js';
import { CLIENT_HEADERS, run } from './traffic.js';
import type { LoadResult, Traffic } from './traffic.js';

/** Runs the load against 127.0.0.1:port for `seconds` and returns what came back. */
export async function closedLoad(root: string, port: number, traffic: Traffic, seconds: number,
  core: number | null): Promise<LoadResult> {
  if (traffic.resumes !== undefined) return resumedLoad(port, traffic.resumes, seconds, core);
  if (traffic.rpc !== undefined) return rpcLoad(root, port, traffic.rpc, traffic, seconds, core);
  if (traffic.protocol === 'h2') return http2Load(port, traffic, seconds, core);
  const wrk = findProgram('wrk');
  const command = wrk === null
    ? [process.execPath, join(root, 'dist/perf/load.js'), JSON.stringify({ ...traffic, port, seconds, rate: 0 })]
    : wrkCommand(wrk, root, port, traffic, seconds);
  const output = await run(pinned(core, command));
  const last = output.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`the load generator said no result:\n${output.slice(-2000)}`);
  const result = JSON.parse(last) as Record<string, number>;
  const errors = result.connect + result.read + result.write + result.status + result.timeout;
  return { requests: result.requests, seconds: result.micros / 1e6, bytes: result.bytes, errors, p50Micros: result.p50,
    p99Micros: result.p99 };
}

function wrkCommand(wrk: string, root: string, port: number, traffic: Traffic, seconds: number): string[] {
  const headers = CLIENT_HEADERS.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  for (const line of traffic.headers ?? []) headers.push('-H', line);
  if (traffic.close) headers.push('-H', 'Connection: close');
  return [wrk, '-t', '1', '-c', String(traffic.connections), '-d', `${Math.max(1, Math.round(seconds))}s`,
    '--timeout', '10s',
    ...headers, '-s', join(root, 'perf/load/wrk.lua'),
    `${traffic.protocol === 'h1-tls' ? 'https' : 'http'}://127.0.0.1:${port}`,
    '--', traffic.method, traffic.path, String(traffic.bodyBytes), ...traffic.hosts];
}
