// What a load generator is asked for and what it says, and how one is run.
import { spawn } from 'node:child_process';
import type { RpcName } from '../rpc/frames.js';

export interface Traffic {
  method: 'GET' | 'POST';
  path: string;
  bodyBytes: number;
  connections: number;
  hosts: string[];              // used in turn; at least one
  close: boolean;               // one request per connection
  headers?: string[];           // further ones, as lines
  protocol?: 'h1' | 'h1-tls' | 'h2';   // default h1; TLS by wrk, HTTP/2 by h2load
  rpc?: RpcName;                // calls of an RPC protocol (perf/rpc); of the rest, `connections` and `streams` hold
  streams?: number;             // of each HTTP/2 or RPC connection at a time; default 32
  /** The body is one message of gRPC, of so many bytes with its prefix. HTTP/2 alone. */
  grpc?: boolean;
  /** A handshake for each request, which goes on with the session of the one before; by openssl s_time. */
  resumes?: '1.2' | '1.3';
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
