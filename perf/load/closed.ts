// Closed-loop load: as many requests as the connections carry. wrk where it is installed, else the generator of
// perf/load.ts.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findProgram, pinned } from '../process/launch.js';
import { http2Load } from './h2load.js';

export interface Traffic {
  method: 'GET' | 'POST';
  path: string;
  bodyBytes: number;
  connections: number;
  hosts: string[];              // used in turn; at least one
  close: boolean;               // one request per connection
  headers?: string[];           // further ones, as lines; sent by wrk alone
  protocol?: 'h1' | 'h1-tls' | 'h2';   // default h1; TLS by wrk, HTTP/2 by h2load
  streams?: number;             // of each HTTP/2 connection at a time; default 32
}

export interface LoadResult {
  requests: number; seconds: number; bytes: number; errors: number; p50Micros: number; p99Micros: number;
}

/** What a client sends besides Host: with it seven headers, of the sizes seen in a mesh. */
export const CLIENT_HEADERS: readonly [string, string][] = [
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) weft-perf/1'],
  ['Accept', 'application/json, text/plain, */*'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Accept-Language', 'en-US,en;q=0.9'],
  ['Cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'],
  ['Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
];

/** Runs the load against 127.0.0.1:port for `seconds` and returns what came back. */
export async function closedLoad(root: string, port: number, traffic: Traffic, seconds: number,
  core: number | null): Promise<LoadResult> {
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

/** Output of a command; rejects when it fails. */
export function run(command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '', errors = '';
    child.stdout.on('data', (chunk: Buffer) => { output += chunk; });
    child.stderr.on('data', (chunk: Buffer) => { errors += chunk; });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command.slice(0, 6).join(' ')} ... ended with ${code}: ${errors.slice(-2000)}`));
    });
  });
}
