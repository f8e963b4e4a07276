// How many CPUs this process may use: the affinity mask, lowered by the cgroup v2 quota of its cgroup and all above it.
// Decides the default of --concurrency. Kubernetes CPU limits arrive as quotas; cpusets and taskset as affinity.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import * as libc from './libc.js';

const MASK_BYTES = 1024;           // 8192 CPUs, more than any kernel is built for
const CGROUP_ROOT = '/sys/fs/cgroup';

/** At least 1; a quota of 1.5 CPUs gives 2 workers. */
export function cpuLimit(): number {
  return limitOf(affinityCount(), cgroupQuota(readText));
}

/** CPUs of the affinity mask under a quota (Infinity = none). */
export function limitOf(affinity: number, quota: number): number {
  return Math.max(1, Math.min(affinity, Math.ceil(quota)));
}

function affinityCount(): number {
  const mask = new Uint8Array(MASK_BYTES);
  if (libc.schedGetaffinity(0, MASK_BYTES, libc.addressOf(mask)) < 0) return cpus().length;
  let count = 0;
  for (const byte of mask) for (let bits = byte; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/** Smallest cpu.max, in CPUs, from this process's cgroup up to the root; Infinity if nothing limits. */
export function cgroupQuota(read: (path: string) => string | null): number {
  const path = /^0::(.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1];
  if (path === undefined) return Infinity;
  let smallest = Infinity;
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    smallest = Math.min(smallest, parseCpuMax(read(`${CGROUP_ROOT}${at === '/' ? '' : at}/cpu.max`) ?? ''));
    if (at === '' || at === '/') return smallest;
  }
}

/** 'max 100000' or '150000 100000': quota and period in microseconds. */
export function parseCpuMax(text: string): number {
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  return match === null || Number(match[2]) === 0 ? Infinity : Number(match[1]) / Number(match[2]);
}

function readText(path: string): string | null {
  try { return readFileSync(path, 'utf8'); } catch { return null; }
}
