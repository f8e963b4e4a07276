// Resumed handshakes by openssl s_time: one connection after the other, each goes on with the session of the last.
import { findProgram, pinned } from '../process/launch.js';
import { run } from './traffic.js';
import type { LoadResult } from './traffic.js';

/** Requests are handshakes, of this version; a connection that could not resume is an error. */
export async function resumedLoad(port: number, version: '1.2' | '1.3', seconds: number, core: number | null):
  Promise<LoadResult> {
  const program = findProgram('openssl');
  if (program === null) throw new Error('openssl is not installed');
  const output = await run(pinned(core, [program, 's_time', '-connect', `127.0.0.1:${port}`, '-reuse', '-www', '/',
    version === '1.2' ? '-tls1_2' : '-tls1_3', '-time', String(Math.max(1, Math.round(seconds)))]));
  // Two letters of progress for each connection: 'r' resumed, 't' a new one of TLS 1.2, 'T' of TLS 1.3, '*' another.
  const [, progress = ''] = /starting\n([rtT*]*)/.exec(output) ?? [];
  const counted = /\n(\d+) connections in (\d+) real seconds/.exec(output);
  if (counted === null) throw new Error(`s_time said no result:\n${output.slice(-2000)}`);
  const requests = Number(counted[1]);
  return { requests, seconds: Number(counted[2]), bytes: 0, p50Micros: 0, p99Micros: 0,
    errors: requests === 0 ? 1 : progress.replaceAll('r', '').length };
}
