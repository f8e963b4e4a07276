// Load by h2load (nghttp2): HTTP/2 by prior knowledge; for fixed rates also HTTP/1.1, in plain bytes or over TLS.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Histogram } from 'hdr-histogram-js';
import { findProgram, pinned } from '../process/launch.js';
import { newHistogram } from './engine.js';
import { CLIENT_HEADERS, run } from './traffic.js';
import type { LoadResult, Traffic } from './traffic.js';

function command(port: number, traffic: Traffic, seconds: number, folder: string): string[] {
  const program = findProgram('h2load');
  if (program === null) throw new Error('h2load is not installed (package nghttp2-client)');
  const lines = CLIENT_HEADERS.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  if (traffic.grpc === true) lines.push('content-type: application/grpc', 'te: trailers');
  const body = join(folder, 'body');
  if (traffic.method === 'POST') writeFileSync(body, bodyOf(traffic));
  return [program, '-c', String(traffic.connections), '-t', '1', '-D', String(Math.max(1, Math.round(seconds))),
    ...(traffic.protocol === 'h2' ? [] : ['--h1']), ...lines.flatMap((line) => ['-H', line]),
    ...(traffic.method === 'POST' ? ['-d', body] : []),
    `${traffic.protocol === 'h1-tls' ? 'https' : 'http'}://127.0.0.1:${port}${traffic.path}`];
}

function bodyOf({ bodyBytes, grpc }: Traffic): Buffer {
  const body = Buffer.alloc(bodyBytes, 'x');
  if (grpc === true) {
    body.writeUInt8(0, 0);
    body.writeUInt32BE(bodyBytes - 5, 1);
  }
  return body;
}

const inFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-h2load-'));
  try { return await work(folder); } finally { rmSync(folder, { recursive: true }); }
};

function countsOf(output: string): { succeeded: number; failed: number } {
  const counted = /requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored/
    .exec(output);
  if (counted === null) throw new Error(`h2load said no result:\n${output.slice(-2000)}`);
  return { succeeded: Number(counted[1]), failed: Number(counted[2]) + Number(counted[3]) };
}

/** As closedLoad; `traffic.connections` connections of `traffic.streams` requests each at a time. */
export function http2Load(port: number, traffic: Traffic, seconds: number, core: number | null):
  Promise<LoadResult> {
  return inFolder(async (folder) => {
    const output = await run(pinned(core, [...command(port, traffic, seconds, folder),
      '-m', String(traffic.streams ?? 32)]));
    const { succeeded, failed } = countsOf(output);
    const bytes = /traffic: .*\((\d+)\) total/.exec(output);
    const time = /time for request:\s+\S+\s+\S+\s+(\S+)/.exec(output);
    return { requests: succeeded, seconds: Math.max(1, Math.round(seconds)), bytes: Number(bytes?.[1] ?? 0),
      errors: failed, p50Micros: microsOf(time?.[1] ?? '0us'), p99Micros: 0 };
  });
}

/** h2load's mean, for want of quantiles: '1.23ms'. */
function microsOf(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(number ?? 0) * (unit === 's' ? 1e6 : unit === 'ms' ? 1000 : 1);
}

/**
 * Requests at a fixed rate, whatever the proxy does: HTTP/2 has room for a hundred of them at a time in each
 * connection. HTTP/1.1 has room for one; a request that has to wait for it is not timed from when it was due, so that
 * those which would have been are added (HdrHistogram's correction by the expected interval).
 */
export function fixedRate(port: number, traffic: Traffic, rate: number, seconds: number, warmSeconds: number,
  core: number | null): Promise<{ latency: Histogram; failed: number }> {
  return inFolder(async (folder) => {
    const log = join(folder, 'log'), each = rate / traffic.connections;
    const output = await run(pinned(core, [...command(port, traffic, seconds + warmSeconds, folder),
      ...(traffic.protocol === 'h2' ? ['-m', '100'] : []), '--rps', String(each), '--log-file', log]));
    const latency = newHistogram();
    const samples = readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split('\t').map(Number));
    const from = Math.min(...samples.map(([start]) => start)) + warmSeconds * 1e6;
    for (const [start, status, micros] of samples) {
      if (start < from || status !== 200) continue;
      if (traffic.protocol === 'h2') latency.recordValue(micros);
      else latency.recordValueWithExpectedInterval(micros, Math.round(1e6 / each));
    }
    return { latency, failed: countsOf(output).failed };
  });
}
