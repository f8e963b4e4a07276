// type.matcher.v3.StringMatcher over a string, for values that are one already.
import type { RE2JS } from 're2js';
import type { HeaderMatcher, StringMatcher } from '../../config/types.js';
import { compileExpression } from './expression.js';

export class StringCondition {
  private readonly expression: RE2JS | null;
  private readonly wanted: string;
  private readonly ignoreCase: boolean;

  constructor(private readonly matcher: StringMatcher) {
    this.expression = matcher.kind === 'regex' ? compileExpression(matcher.value) : null;
    this.ignoreCase = matcher.kind !== 'regex' && matcher.ignoreCase;
    this.wanted = this.ignoreCase ? matcher.value.toLowerCase() : matcher.value;
  }

  holds(value: string): boolean {
    const text = this.ignoreCase ? value.toLowerCase() : value;
    switch (this.matcher.kind) {
      case 'exact': return text === this.wanted;
      case 'prefix': return text.startsWith(this.wanted);
      case 'suffix': return text.endsWith(this.wanted);
      case 'contains': return text.includes(this.wanted);
      case 'regex': return this.expression!.matches(text);
    }
  }
}

const conditions = new WeakMap<StringMatcher, StringCondition>();
/** For matchers that are met in configuration as it was read: compiled at their first use, forgotten with it. */
export function stringHolds(matcher: StringMatcher, value: string): boolean {
  let condition = conditions.get(matcher);
  if (condition === undefined) conditions.set(matcher, condition = new StringCondition(matcher));
  return condition.holds(value);
}

/** As HeaderCondition, over a value that is a string; null: the header is missing. */
export function headerHolds({ match, invert, treatMissingAsEmpty }: HeaderMatcher, value: string | null): boolean {
  if (match.kind === 'present') return ((value !== null) === match.present) !== invert;
  if (value === null && !treatMissingAsEmpty) return false;
  const text = value ?? '';
  if (match.kind === 'range') {
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    return (number >= match.start && number < match.end) !== invert;
  }
  return stringHolds(match, text) !== invert;
}
