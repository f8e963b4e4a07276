// Load by h2load (nghttp2): HTTP/2 by prior knowledge, or over TLS.
import { findProgram, pinned } from '../process/launch.js';
import { CLIENT_HEADERS, run } from './closed.js';
import type { LoadResult, Traffic } from './closed.js';

/** As closedLoad; `traffic.connections` connections of `traffic.streams` requests each at a time. */
export async function http2Load(port: number, traffic: Traffic, seconds: number, core: number | null):
  Promise<LoadResult> {
  const program = findProgram('h2load');
  if (program === null) throw new Error('h2load is not installed (package nghttp2-client)');
  const headers = CLIENT_HEADERS.flatMap(([name, value]) => ['-H', `${name.toLowerCase()}: ${value}`]);
  const whole = Math.max(1, Math.round(seconds));
  const output = await run(pinned(core, [program, '-c', String(traffic.connections),
    '-m', String(traffic.streams ?? 32), '-t', '1', '-D', String(whole), ...headers,
    `http://127.0.0.1:${port}${traffic.path}`]));
  const counted = /requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored/
    .exec(output);
  const bytes = /traffic: .*\((\d+)\) total/.exec(output);
  if (counted === null) throw new Error(`h2load said no result:\n${output.slice(-2000)}`);
  const time = /time for request:\s+\S+\s+\S+\s+(\S+)/.exec(output);
  return { requests: Number(counted[4]), seconds: whole, bytes: Number(bytes?.[1] ?? 0),
    errors: Number(counted[5]) + Number(counted[6]), p50Micros: microsOf(time?.[1] ?? '0us'), p99Micros: 0 };
}

/** h2load's mean, for want of quantiles: '1.23ms'. */
function microsOf(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(number ?? 0) * (unit === 's' ? 1e6 : unit === 'ms' ? 1000 : 1);
}
