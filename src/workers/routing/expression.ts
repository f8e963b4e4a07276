// Regular expressions as workers use them: RE2's linear-time engine, loaded with the first expression. No input can
// make one slow; the longest text is a request's path or one header.
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import type { Substitution } from '../../config/types.js';

const load = createRequire(import.meta.url);
let engineModule: { RE2JS: { compile(pattern: string): RE2JS } } | null = null;

export function compileExpression(pattern: string): RE2JS {
  engineModule ??= load('re2js') as NonNullable<typeof engineModule>;
  return engineModule.RE2JS.compile(pattern);
}

/** Replaces every match in a text, as Envoy's RegexMatchAndSubstitute. */
export class Replacement {
  private readonly expression: RE2JS;
  /** Texts, and numbers of groups, of which each match becomes. */
  private readonly parts: (string | number)[] = [];
  private lastEnd = -1;

  constructor(from: Substitution) {
    this.expression = compileExpression(from.pattern);
    for (const [whole, escaped, group] of from.substitution.matchAll(/\\(.)|\$(\d)|[^\\$]+/gs))
      this.parts.push(group !== undefined ? Number(group) : escaped ?? whole);
  }

  apply(text: string): string {
    this.lastEnd = -1;
    return this.expression.matcher(text).replaceAll(this.replaced);
  }

  /** RE2 replaces no empty match that begins where the last one ended. */
  private readonly replaced = (...found: (string | number | undefined)[]): string => {
    const match = found[0] as string, at = found[found.length - 2] as number;
    if (match === '' && at === this.lastEnd) return '';
    this.lastEnd = at + match.length;
    let text = '';
    for (const part of this.parts) text += typeof part === 'number' ? found[part] ?? '' : part;
    return text;
  };
}
