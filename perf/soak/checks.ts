// What a soak must end with. Each check says what it found, whether or not that is well.
import { median } from '../arithmetic.js';
import type { Ledger } from './ledger.js';

export interface Check { name: string; passed: boolean; found: string }
export interface MemorySample { seconds: number; rssKiB: number; fds: number; threads: number }
export type Statistics = Map<string, number>;

/** `name: value` lines of /stats; histograms are left out. */
export function parseStatistics(text: string): Statistics {
  const statistics: Statistics = new Map();
  for (const line of text.split('\n')) {
    const match = /^(\S+): (\d+)$/.exec(line.trim());
    if (match !== null) statistics.set(match[1], Number(match[2]));
  }
  return statistics;
}

/** Flat: the last third's median is no more than 3 % and 2 MiB above the middle third's. The first third is warm-up. */
export function checkMemory(samples: readonly MemorySample[]): Check {
  const third = Math.floor(samples.length / 3);
  const of = (part: readonly MemorySample[]): number => median(part.map((sample) => sample.rssKiB)) / 1024;
  const first = of(samples.slice(0, third)), middle = of(samples.slice(third, 2 * third)),
    last = of(samples.slice(2 * third));
  return { name: 'RSS is flat after warm-up', passed: last <= middle * 1.03 + 2,
    found: `${first.toFixed(1)}, ${middle.toFixed(1)}, ${last.toFixed(1)} MiB in the thirds of the run` };
}

/** Descriptors by kind, at the end no more than at the start. */
export function checkDescriptors(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Check {
  const sum = (kinds: ReadonlyMap<string, number>): number =>
    [...kinds.values()].reduce((all, count) => all + count, 0);
  const more = [...after].filter(([kind, count]) => count > (before.get(kind) ?? 0))
    .map(([kind, count]) => `${kind} ${before.get(kind) ?? 0} to ${count}`);
  return { name: 'no file descriptor left', passed: sum(after) <= sum(before),
    found: `${sum(before)} before, ${sum(after)} after${more.length > 0 ? `: ${more.join(', ')}` : ''}` };
}

/**
 * A counter against what the clients saw. Attempts without a whole answer may or may not be in it: that widens the
 * range.
 */
function between(name: string, value: number | undefined, low: number, high: number): Check {
  const passed = value !== undefined && value >= low && value <= high;
  return { name, passed, found: `${value ?? 'missing'}, expected ${low === high ? low : `${low} to ${high}`}` };
}

/** The proxy's counters since `before` against the ledger's. */
export function checkStatistics(ledger: Ledger, before: Statistics, after: Statistics): Check[] {
  const grown = (name: string): number | undefined => {
    const value = after.get(name);
    return value === undefined ? undefined : value - (before.get(name) ?? 0);
  };
  const checks: Check[] = [];
  for (const listener of ['main', 'turning', 'secure']) {
    const sent = ledger.sent.get(listener) ?? 0, broken = ledger.broken.get(listener) ?? 0;
    checks.push(between(`http.${listener}.downstream_rq_total`, grown(`http.${listener}.downstream_rq_total`),
      sent - broken, sent));
    for (const status of ['2xx', '4xx', '5xx']) {
      const seen = ledger.received.get(`${listener} ${status}`) ?? 0;
      const name = `http.${listener}.downstream_rq_${status}`;
      checks.push(between(name, grown(name), seen, seen + broken));
    }
    const opened = ledger.connections.get(listener) ?? 0;
    checks.push(between(`http.${listener}.downstream_cx_total`, grown(`http.${listener}.downstream_cx_total`), opened,
      opened));
    checks.push(between(`http.${listener}.downstream_cx_active`, after.get(`http.${listener}.downstream_cx_active`),
      0, 0));
  }
  return checks;
}

/** An undisturbed run of exactly `requests` requests on `connections` connections, spread over the steady clusters. */
export function checkExact(requests: number, connections: number, clusters: readonly string[], before: Statistics,
  after: Statistics): Check[] {
  const grown = (name: string): number => (after.get(name) ?? NaN) - (before.get(name) ?? 0);
  const sum = (name: string): number =>
    clusters.reduce((total, cluster) => total + grown(`cluster.${cluster}.${name}`), 0);
  const expected: [string, number, number][] = [
    ['downstream_rq_total', grown('http.main.downstream_rq_total'), requests],
    ['downstream_rq_completed', grown('http.main.downstream_rq_completed'), requests],
    ['downstream_rq_2xx', grown('http.main.downstream_rq_2xx'), requests],
    ['downstream_cx_total', grown('http.main.downstream_cx_total'), connections],
    ['upstream_rq_total', sum('upstream_rq_total'), requests],
    ['upstream_rq_completed', sum('upstream_rq_completed'), requests],
    ['upstream_rq_2xx', sum('upstream_rq_2xx'), requests],
    ['upstream_rq_200', sum('upstream_rq_200'), requests],
  ];
  return expected.map(([name, value, wanted]) =>
    between(`exactly: ${name}`, Number.isNaN(value) ? undefined : value, wanted, wanted));
}
