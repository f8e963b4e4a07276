// How many workers by default: what the container may use, not what the machine has. The smallest of the cgroup's quota
// (rounded up, as a worker that gets half a CPU still needs its thread), the affinity mask and the hardware threads.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';

type Read = (path: string) => string;
const readText: Read = (path) => readFileSync(path, 'utf8');

/** CPUs that the process may use, at least 1. */
export function cpuLimit(read: Read = readText): number {
  const quota = cgroupQuota(read);
  return Math.max(1, Math.min(availableParallelism(), quota === null ? Infinity : Math.ceil(quota)));
}

export function hardwareThreads(): number { return Math.max(1, cpus().length); }

/** CPUs that cgroup v2 (every level up to the root) or v1 allows, or null when there is no limit. */
export function cgroupQuota(read: Read): number | null {
  const groups = tryRead(read, '/proc/self/cgroup') ?? '';
  let least: number | null = null;
  const path = /^0::(.*)$/m.exec(groups)?.[1] ?? '/';
  for (let at = path; ; at = dirname(at)) {
    const [quota, period] = (tryRead(read, join('/sys/fs/cgroup', at, 'cpu.max')) ?? '').trim().split(' ');
    least = smaller(least, Number(quota) / Number(period));
    if (at === '/' || at === '.') break;
  }
  const v1 = Number(tryRead(read, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? '')
    / Number(tryRead(read, '/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? '');
  return smaller(least, v1);
}

function smaller(known: number | null, found: number): number | null {
  if (!Number.isFinite(found) || found <= 0) return known;
  return known === null ? found : Math.min(known, found);
}

function tryRead(read: Read, path: string): string | null {
  try { return read(path); } catch { return null; }
}
