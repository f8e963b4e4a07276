// Turns samples into the tables that people read: one row per entrant, and beside it the ratios to the peers.
import { median, pairedRatios, spread, type RoundValue } from './arithmetic.js';
import type { CpuSample } from './scenarios/cpu.js';
import type { CpuScenario } from './scenarios/cpu-scenario.js';

/** A Markdown table whose columns are padded, so that it reads as well in a terminal. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width, column) =>
    column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export const fixed = (value: number, digits: number): string => Number.isFinite(value) ? value.toFixed(digits) : '-';

const totals = (samples: readonly CpuSample[]): RoundValue[] =>
  samples.map((sample) => ({ start: sample.start, round: sample.round, value: sample.totalMicros }));

/** Names that an entrant is compared with: the first nginx, HAProxy, Envoy and MOSN, or its own baseline variant. */
function baselines(scenario: CpuScenario, names: readonly string[]): string[] {
  if (scenario.baselineSuffix !== null) return [scenario.baselineSuffix];
  return ['nginx', 'haproxy', 'envoy', 'mosn', 'base-epoll', 'base-uring'].filter((name) => names.includes(name));
}

/** The table of a CPU scenario. */
export function cpuTable(scenario: CpuScenario, samples: readonly CpuSample[]): string {
  const names = [...new Set(samples.map((sample) => sample.entrant))];
  const compared = baselines(scenario, names);
  const of = (name: string): CpuSample[] => samples.filter((sample) => sample.entrant === name);
  const rows = names.map((name) => {
    const own = of(name);
    const middle = (pick: (sample: CpuSample) => number): number => median(own.map(pick));
    const total = spread(own.map((sample) => sample.totalMicros));
    const ratios = compared.map((other) => {
      const baseline = scenario.baselineSuffix === null ? other : name.replace(/@.*$/, '') + other;
      if (baseline === name) return '1';
      const paired = spread(pairedRatios(totals(own), totals(of(baseline))));
      return paired.samples === 0 ? '-'
        : `${fixed(paired.median, 3)} (${fixed(paired.low, 2)}-${fixed(paired.high, 2)})`;
    });
    const errors = own.reduce((sum, sample) => sum + sample.errors, 0);
    return [name, fixed(middle((sample) => sample.userMicros), 1), fixed(middle((sample) => sample.systemMicros), 1),
      fixed(total.median, 1), `${fixed(total.low, 1)}-${fixed(total.high, 1)}`,
      fixed(middle((sample) => sample.requests / sample.seconds), 0),
        fixed(middle((sample) => sample.rssKiB) / 1024, 1),
      ...ratios, String(errors), `${fixed(middle((sample) => sample.foreignShare) * 100, 0)} %`];
  });
  return markdownTable(['peer', 'user µs', 'sys µs', 'total µs', 'range', 'req/s', 'RSS MiB',
    ...compared.map((name) => `total / ${name}`), 'errors', 'foreign'], rows);
}
