// Recorded outcomes of Envoy, and how an outcome of Weft is held against one.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/root.js';
import type { Scenario } from './scenario.js';

const folder = join(repositoryRoot, 'test/differential/recorded');

export type Recording = Record<string, string[]>;

export function readRecording(area: string): Recording {
  const file = join(folder, `${area}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Recording : {};
}

export function writeRecording(area: string, outcomes: ReadonlyMap<string, readonly string[]>): void {
  mkdirSync(folder, { recursive: true });
  const text = [...outcomes].map(([name, lines]) =>
    `  ${JSON.stringify(name)}: [\n${lines.map((line) => `    ${JSON.stringify(line)}`).join(',\n')}\n  ]`).join(',\n');
  writeFileSync(join(folder, `${area}.json`), `{\n${text}\n}\n`);
}

export interface Comparison {
  /** '-' Weft's, '+' Envoy's; nothing of it is explained. */
  open: string[];
  /** Headings of docs/envoy-differences.md that explain the rest. */
  headings: string[];
}

/** Holds lines against each other, order included; what a scenario says may differ is taken out of both first. */
export function compare(scenario: Scenario, weft: readonly string[], envoy: readonly string[]): Comparison {
  if (weft.join('\n') === envoy.join('\n')) return { open: [], headings: [] };
  const headings = new Set<string>();
  const kept = (lines: readonly string[]): string[] => lines.filter((line) => {
    const found = scenario.differs?.find((entry) => entry.line.test(line));
    if (found !== undefined) headings.add(found.heading);
    return found === undefined;
  });
  const ours = kept(weft), theirs = kept(envoy);
  if (ours.join('\n') === theirs.join('\n')) return { open: [], headings: [...headings] };
  const only = (lines: string[], other: string[], sign: string): string[] =>
    lines.filter((line) => !other.includes(line)).map((line) => `${sign} ${line}`);
  const open = [...only(ours, theirs, '-'), ...only(theirs, ours, '+')];
  return { open: open.length > 0 ? open : ['the same lines in another order or number'], headings: [...headings] };
}
