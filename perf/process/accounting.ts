// CPU time and memory of a process tree, from /proc. Threads and child processes are included: a proxy pays for its
// main thread and its master process too.
//
// Total CPU time comes from schedstat (nanoseconds that the scheduler charged). The split into user and system time
// comes from stat, whose ticks are 10 ms wide: over a round of 3 s at full load that is 0.3 %, over a shorter or idler
// round it is coarse.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface CpuTime { userSeconds: number; systemSeconds: number; totalSeconds: number }
export interface Memory { rssKiB: number; pssKiB: number; threads: number; fds: number }

/** Clock ticks per second of the stat files: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The process and all its living descendants. A process that ends while we look is left out. */
export function processTree(pid: number): number[] {
  const pids = [pid];
  for (let index = 0; index < pids.length; index++) {
    for (const task of list(`/proc/${pids[index]}/task`)) {
      const children = read(`/proc/${pids[index]}/task/${task}/children`);
      for (const child of children.split(' ')) if (child !== '') pids.push(Number(child));
    }
  }
  return pids;
}

/**
 * CPU time that the tree has used since it started. Threads that ended are in the stat file's sums, not in schedstat's.
 */
export function cpuTime(pid: number): CpuTime {
  let userTicks = 0, systemTicks = 0, nanoseconds = 0;
  for (const member of processTree(pid)) {
    const stat = read(`/proc/${member}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 13) continue;
    userTicks += Number(fields[11]);
    systemTicks += Number(fields[12]);
    for (const task of list(`/proc/${member}/task`)) {
      nanoseconds += Number(read(`/proc/${member}/task/${task}/schedstat`).split(' ')[0] || 0);
    }
  }
  const ticked = (userTicks + systemTicks) / TICKS_PER_SECOND;
  // A kernel without schedstat reports 0, and threads that ended are missing from it: then ticks are the better total.
  const totalSeconds = nanoseconds / 1e9 > ticked - 0.05 ? nanoseconds / 1e9 : ticked;
  return { userSeconds: userTicks / TICKS_PER_SECOND, systemSeconds: systemTicks / TICKS_PER_SECOND, totalSeconds };
}

/** What was used between two readings; the precise total is split by the ticks of user and system time. */
export function cpuBetween(before: CpuTime, after: CpuTime): CpuTime {
  const user = after.userSeconds - before.userSeconds;
  const system = after.systemSeconds - before.systemSeconds;
  const total = Math.max(0, after.totalSeconds - before.totalSeconds);
  const share = user + system > 0 ? user / (user + system) : 0;
  return { userSeconds: total * share, systemSeconds: total * (1 - share), totalSeconds: total };
}

/** Resident memory of the tree. RSS counts a page once for each process that maps it, PSS divides it among them. */
export function memory(pid: number): Memory {
  const sum: Memory = { rssKiB: 0, pssKiB: 0, threads: 0, fds: 0 };
  for (const member of processTree(pid)) {
    const rollup = read(`/proc/${member}/smaps_rollup`);
    sum.rssKiB += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    sum.pssKiB += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    sum.threads += list(`/proc/${member}/task`).length;
    sum.fds += list(`/proc/${member}/fd`).length;
  }
  return sum;
}

/** Open descriptors of the tree by kind: `socket`, `anon_inode:[eventpoll]`, or the file's path. */
export function descriptorKinds(pid: number): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const member of processTree(pid)) {
    for (const fd of list(`/proc/${member}/fd`)) {
      let target = 'closed meanwhile';
      try { target = readlinkSync(`/proc/${member}/fd/${fd}`).replace(/:\[\d+\]$/, ''); } catch { /* as it says */ }
      kinds.set(target, (kinds.get(target) ?? 0) + 1);
    }
  }
  return kinds;
}

function read(path: string): string {
  try { return readFileSync(path, 'latin1').trim(); } catch { return ''; }
}

function list(path: string): string[] {
  try { return readdirSync(path); } catch { return []; }
}
