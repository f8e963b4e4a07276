// What a reader must know of the machine to judge the figures, and how busy somebody else kept it meanwhile.
import { cpus, loadavg, release, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';

/** One line for the report. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const load = loadavg().map((value) => value.toFixed(2)).join(' ');
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${model}, Linux ${release()}, ${memoryGiB} GiB, node ${process.version}, ` +
    `load average at the start ${load}`;
}

/** Seconds since boot that a core was busy, steal time (another guest of the host had it) included. NaN for no core. */
export function coreBusySeconds(core: number | null): number {
  if (core === null) return NaN;
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'));
  if (line === null) return NaN;
  const [user, nice, system, , , irq, softirq, steal] = line[1].split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) / 100;
}
