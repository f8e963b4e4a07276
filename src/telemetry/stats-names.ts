// Which statistics are wanted (stats_config.stats_matcher), by their whole names.
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import type { StatsMatcher } from '../config/stats.js';
import type { StringMatcher } from '../config/types.js';
import { scopeCounters, scopeHistograms } from './schema.js';
import type { ScopeKind } from './schema.js';

const load = createRequire(import.meta.url);

export const compileExpression = (pattern: string): RE2JS =>
  (load('re2js') as { RE2JS: { compile(pattern: string): RE2JS } }).RE2JS.compile(pattern);

export class StatsNames {
  private readonly tests: readonly ((name: string) => boolean)[];
  /** Every name is admitted. */
  readonly all: boolean;

  constructor(private readonly matcher: StatsMatcher) {
    this.tests = matcher.patterns.map(testOf);
    this.all = matcher.kind === 'exclude' && this.tests.length === 0;
  }

  admits(name: string): boolean {
    return this.all || this.tests.some((test) => test(name)) === (this.matcher.kind === 'include');
  }

  /** Is anything of a scope with this prefix wanted? */
  admitsAny(kind: ScopeKind, prefix: string): boolean {
    if (this.all) return true;
    return scopeCounters[kind].some((name) => this.admits(prefix + name))
      || scopeHistograms[kind].some((name) => this.admits(prefix + name));
  }
}

function testOf(matcher: StringMatcher): (name: string) => boolean {
  if (matcher.kind === 'regex') {
    const expression = compileExpression(matcher.value);
    return (name) => expression.matches(name);
  }
  const { kind, ignoreCase } = matcher;
  const wanted = ignoreCase ? matcher.value.toLowerCase() : matcher.value;
  return (name) => {
    const text = ignoreCase ? name.toLowerCase() : name;
    switch (kind) {
      case 'exact': return text === wanted;
      case 'prefix': return text.startsWith(wanted);
      case 'suffix': return text.endsWith(wanted);
      case 'contains': return text.includes(wanted);
    }
  };
}
