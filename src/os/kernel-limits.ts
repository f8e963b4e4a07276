// Limits of the kernel that a proxy meets on a bad day, looked at once at the start: each that is too small for what
// was asked becomes one line of advice. Nothing is changed.
import { readFileSync } from 'node:fs';
import { fileLimit } from './file-limit.js';

export interface Wanted {
  /** Longest backlog that a listener asks for. */
  backlog: number;
  workers: number;
  memoryMiB: number;
}

const DESCRIPTORS_MIN = 65_536;
const EPHEMERAL_PORTS_MIN = 20_000;

/** One line for each limit, with what raises it. Files that cannot be read (no /proc) are passed over. */
export function kernelAdvice(wanted: Wanted, read: (path: string) => string | null = readText,
  descriptors: number = fileLimit().soft): string[] {
  const advice: string[] = [];
  if (descriptors < DESCRIPTORS_MIN) {
    advice.push(`${descriptors} file descriptors allow about ${Math.floor(descriptors / 2)} proxied connections: ` +
      `raise the hard limit (ulimit -Hn, LimitNOFILE=) to ${DESCRIPTORS_MIN} or more`);
  }
  const somaxconn = Number(read('/proc/sys/net/core/somaxconn'));
  if (somaxconn > 0 && somaxconn < wanted.backlog)
    advice.push(`net.core.somaxconn is ${somaxconn}: the kernel cuts tcp_backlog_size ${wanted.backlog} to that`);
  const [first, last] = (read('/proc/sys/net/ipv4/ip_local_port_range') ?? '').trim().split(/\s+/).map(Number);
  if (last !== undefined && last - first! + 1 < EPHEMERAL_PORTS_MIN) {
    advice.push(`net.ipv4.ip_local_port_range has ${last - first! + 1} ports: so many connections to one endpoint, ` +
      'those in TIME_WAIT included');
  }
  const room = memoryLimitMiB(read);
  if (room !== null && room < wanted.memoryMiB / 2 + 64) {
    advice.push(`the memory limit of ${room} MiB is small for --memory-mib ${wanted.memoryMiB}: touched pages count, ` +
      'and under load the process may be killed');
  }
  return advice;
}

/** The cgroup's limit; null where there is none. */
function memoryLimitMiB(read: (path: string) => string | null): number | null {
  const text = read('/sys/fs/cgroup/memory.max') ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const bytes = Number(text?.trim());
  return Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 52 ? Math.floor(bytes / 1024 / 1024) : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
